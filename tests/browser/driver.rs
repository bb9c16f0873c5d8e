//! A browser without a window, driven as the W3C's WebDriver says: JSON over HTTP.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const SLOWEST: Duration = Duration::from_secs(60);

pub struct Browser {
    process: Child,
    port: u16,
    session: String,
    profile: PathBuf,
}

/// A program in one of the folders of PATH.
fn installed(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut places = names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    places.find(|place| place.is_file())
}

impl Browser {
    /// A browser of a test's own; without one, the reason to skip is printed.
    pub fn start(name: &str) -> Option<Self> {
        let (Some(driver), Some(browser)) = (
            installed(&["chromedriver"]),
            installed(&["chromium", "chromium-browser", "google-chrome"]),
        ) else {
            println!("skipped: no chromium with its chromedriver in PATH");
            return None;
        };
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let profile = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("browser_{name}"));
        let _ = fs::remove_dir_all(&profile);
        let process = Command::new(driver)
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut started = Browser {
            process,
            port,
            session: String::new(),
            profile,
        };
        started.wait("chromedriver", |_| {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        let data = format!("--user-data-dir={}", started.profile.display());
        let arguments = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run \
                         --disable-background-networking --disable-component-update --disable-sync";
        let arguments: Vec<&str> = arguments.split_whitespace().chain([&*data]).collect();
        let session = started.ask(
            "POST",
            "/session",
            &json!({"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": {"args": arguments, "binary": browser},
                "goog:loggingPrefs": {"browser": "ALL"},
            }}}),
        );
        started.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        Some(started)
    }

    /// The value that the driver answers.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.answer(method, path, body);
        let answer = answer.unwrap_or_else(|e| panic!("{method} {path}: {e}"));
        let value = &answer["value"];
        assert!(value.get("error").is_none(), "{method} {path}: {value}");
        value.clone()
    }

    fn answer(&self, method: &str, path: &str, body: &Value) -> std::io::Result<Value> {
        let body = match method {
            "POST" => body.to_string(),
            _ => String::new(),
        };
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(SLOWEST))?;
        write!(
            &stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let (mut answer, mut length) = (BufReader::new(stream), 0);
        loop {
            let mut line = String::new();
            answer.read_line(&mut line)?;
            let line = line.trim().to_lowercase();
            if let Some(bytes) = line.strip_prefix("content-length:") {
                length = bytes.trim().parse().unwrap_or(0);
            }
            if line.is_empty() {
                break;
            }
        }
        let mut bytes = vec![0; length];
        answer.read_exact(&mut bytes)?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("{}{path}", self.session), body)
    }

    fn wait(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !done(self) {
            assert!(started.elapsed() < SLOWEST, "{what} does not come");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Opens a page of racm's and waits until it is drawn; nothing may go wrong in it.
    pub fn open(&self, page: &Path) {
        let path = page.to_str().unwrap();
        // As browsers write addresses.
        let escape = |c: char| match c.is_ascii_alphanumeric() || "/-_.".contains(c) {
            true => c.to_string(),
            false => c
                .to_string()
                .bytes()
                .map(|byte| format!("%{byte:02X}"))
                .collect(),
        };
        let path: String = path.chars().map(escape).collect();
        self.post("/url", &json!({"url": format!("file://{path}")}));
        self.wait(&format!("the page {}", page.display()), |browser| {
            browser.run("return document.body.dataset.ready") == "yes"
                || !browser.wrong().is_empty()
        });
        self.expect_well();
    }

    /// What the console says is wrong, since it was asked last.
    fn wrong(&self) -> Vec<Value> {
        let log = self.post("/se/log", &json!({"type": "browser"}));
        let entries = log.as_array().unwrap().iter();
        let severe = entries.filter(|entry| entry["level"] == "SEVERE");
        severe.cloned().collect()
    }

    pub fn expect_well(&self) {
        let wrong = self.wrong();
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    /// What a script in the page returns.
    pub fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// A number that an element has as `data-...`.
    pub fn number(&self, selector: &str, name: &str) -> f64 {
        let script = format!("return document.querySelector(`{selector}`).dataset.{name}");
        let text = self.run(&script);
        let text = text
            .as_str()
            .unwrap_or_else(|| panic!("{selector} has no {name}"));
        text.parse().unwrap()
    }

    fn element(&self, selector: &str) -> String {
        let found = self.post(
            "/element",
            &json!({"using": "css selector", "value": selector}),
        );
        let id = found.as_object().unwrap().values().next().unwrap();
        format!("/element/{}", id.as_str().unwrap())
    }

    pub fn click(&self, selector: &str) {
        self.post(&format!("{}/click", self.element(selector)), &json!({}));
    }

    /// Types into an element. WebDriver has letters of its own for keys.
    pub fn keys(&self, selector: &str, keys: &str) {
        let path = format!("{}/value", self.element(selector));
        self.post(&path, &json!({"text": keys}));
    }

    /// Moves the mouse to the first of some places of the window, and draws through the others.
    pub fn mouse(&self, places: &[[f64; 2]]) {
        let to = |[x, y]: [f64; 2]| json!({"type": "pointerMove", "duration": 20, "x": x.round(), "y": y.round()});
        let mut actions = vec![to(places[0])];
        if places.len() > 1 {
            actions.push(json!({"type": "pointerDown", "button": 0}));
            actions.extend(places[1..].iter().map(|&place| to(place)));
            actions.push(json!({"type": "pointerUp", "button": 0}));
        }
        let pointer = json!({
            "type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions,
        });
        self.post("/actions", &json!({"actions": [pointer]}));
    }

    fn chrome(&self, command: &str, parameters: &Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        self.post("/goog/cdp/execute", &body)
    }

    /// The size of the window's inside.
    pub fn resize(&self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.chrome("Emulation.setDeviceMetricsOverride", &size);
    }

    /// `dark` or `light`, as a system asks for it.
    pub fn prefer(&self, scheme: &str) {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        self.chrome(
            "Emulation.setEmulatedMedia",
            &json!({"features": [feature]}),
        );
    }

    /// The window as it is, for people to look at: `target/pictures/NAME.png`.
    pub fn photograph(&self, name: &str) {
        let png = self.ask("GET", &format!("{}/screenshot", self.session), &Value::Null);
        let png = STANDARD.decode(png.as_str().unwrap()).unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("pictures");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{name}.png")), png).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            // It ends the browser, which a killed driver would leave behind.
            let _ = self.answer("DELETE", &self.session, &Value::Null);
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.profile);
    }
}
