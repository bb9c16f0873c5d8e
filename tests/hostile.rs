//! Damaged, wrong and hostile files and arguments, given to the program. Each must end with a message that names the
//! file, in little memory and without a panic, and leave nothing half-written behind.
//!
//! `cargo test --all-features --test hostile -- --nocapture` prints every message.

#![cfg(unix)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rayon::prelude::*;

#[path = "hostile/arguments.rs"]
mod arguments;
#[path = "hostile/arrays.rs"]
mod arrays;
#[path = "hostile/bytes.rs"]
mod bytes;
#[path = "hostile/files.rs"]
mod files;
#[path = "hostile/images.rs"]
mod images;
#[path = "hostile/ledgers.rs"]
mod ledgers;
#[path = "hostile/lists.rs"]
mod lists;
#[path = "hostile/models.rs"]
mod models;
#[path = "onnx/proto.rs"]
#[allow(dead_code)]
mod proto;
#[path = "hostile/saved.rs"]
mod saved;

/// KiB of address space, half of it for the threads of two runtimes.
const MEMORY: u64 = 3 << 20;
/// Long enough for a machine that does much else; a program that waits for ever is ended.
const WATCHDOG: Duration = Duration::from_secs(60);

/// What the program is given, and what it should say.
pub struct Case {
    name: String,
    arguments: Vec<String>,
    expected: Expected,
    /// A folder for the results that is not empty.
    out: Option<PathBuf>,
}

enum Expected {
    /// Status 1 and these words in the message.
    Refused(Vec<String>),
    /// Status 2: the arguments cannot be parsed, and the message has this word.
    Usage(String),
    /// It works.
    Fine,
    /// Refused with these words, or it works: what is damaged may not matter.
    Either(Vec<String>),
}

/// What came of it.
struct Outcome {
    status: Option<i32>,
    message: String,
}

/// A folder for files, and for results below it.
pub struct Room(PathBuf);

impl Room {
    fn new(name: &str) -> Room {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("hostile")
            .join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Room(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file; gives its path.
    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        self.path(name)
    }

    /// A file in whose place something is that is none, or that cannot be read.
    fn odd(&self, extension: &str) -> Vec<(String, &'static str)> {
        let path = |name: &str| self.path(&format!("{name}{extension}"));
        fs::create_dir_all(path("folder")).unwrap();
        let _ = Command::new("mkfifo").arg(path("pipe")).status();
        let _ = std::os::unix::fs::symlink("/dev/zero", path("zero"));
        let _ = std::os::unix::fs::symlink(path("round"), path("round"));
        let mut odd = vec![
            (path("absent"), "No such file"),
            (path("folder"), "folder"),
            (path("pipe"), "a pipe or a device"),
            (path("zero"), "a pipe or a device"),
            (path("round"), "symbolic link"),
        ];
        self.file(&format!("locked{extension}"), "secret");
        let locked = path("locked");
        let mut rights = fs::metadata(&locked).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0);
        fs::set_permissions(&locked, rights).unwrap();
        match File::open(&locked) {
            Ok(_) => println!("skipped: files without permission, for this user may read all"),
            Err(_) => odd.push((locked, "Permission denied")),
        }
        odd
    }
}

impl Case {
    fn new(name: impl Into<String>, arguments: &str, expected: Expected) -> Case {
        Case {
            name: name.into(),
            arguments: arguments.split_whitespace().map(str::to_owned).collect(),
            expected,
            out: None,
        }
    }

    fn usage(arguments: &str, word: &str) -> Case {
        Case::new(arguments, arguments, Expected::Usage(word.to_owned()))
    }

    fn refused(name: impl Into<String>, arguments: &str, words: &[&str]) -> Case {
        let words = words.iter().map(|&w| w.to_owned()).collect();
        Case::new(name, arguments, Expected::Refused(words))
    }

    fn either(name: impl Into<String>, arguments: &str, words: &[&str]) -> Case {
        let words = words.iter().map(|&w| w.to_owned()).collect();
        Case::new(name, arguments, Expected::Either(words))
    }

    fn fine(name: impl Into<String>, arguments: &str) -> Case {
        Case::new(name, arguments, Expected::Fine)
    }

    /// One more argument, which may hold spaces.
    fn with(mut self, argument: impl Into<String>) -> Case {
        self.arguments.push(argument.into());
        self
    }

    /// Runs it with these results of before.
    fn onto(mut self, out: PathBuf) -> Case {
        self.out = Some(out);
        self
    }

    /// Runs it into a folder; what it says goes through a file.
    fn run(&self, out: &Path, errors: &Path) -> Outcome {
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(format!(
                "ulimit -v {MEMORY} 2>/dev/null; exec \"$0\" \"$@\""
            ))
            .arg(env!("CARGO_BIN_EXE_racm"))
            .args(&self.arguments)
            .args((self.arguments[0] != "layers").then_some("--out"))
            .args((self.arguments[0] != "layers").then_some(out))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(errors).unwrap())
            .env("RUST_BACKTRACE", "0")
            .spawn()
            .unwrap();
        let started = Instant::now();
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status.code(),
                None if started.elapsed() > WATCHDOG => {
                    child.kill().unwrap();
                    child.wait().unwrap();
                    break None;
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        let message = String::from_utf8_lossy(&fs::read(errors).unwrap()).into_owned();
        Outcome { status, message }
    }

    /// What is wrong with the outcome.
    fn judge(&self, outcome: &Outcome, out: &Path) -> Result<(), String> {
        let Outcome { status, message } = outcome;
        if message.contains("panicked at") {
            return Err("a panic".to_owned());
        }
        if message.chars().any(|c| c.is_control() && c != '\n') || message.len() > 4000 {
            return Err("a message for no terminal".to_owned());
        }
        let says = |words: &[String]| words.iter().find(|w| !message.contains(*w)).cloned();
        let missing = match (&self.expected, status) {
            (Expected::Fine | Expected::Either(_), Some(0)) => return Ok(()),
            (Expected::Refused(words) | Expected::Either(words), Some(1)) => says(words),
            (Expected::Usage(word), Some(2)) => says(std::slice::from_ref(word)),
            _ => return Err("another status".to_owned()),
        };
        if let Some(word) = missing {
            return Err(format!("no word of {word:?}"));
        }
        match left_behind(out).filter(|_| self.out.is_none()) {
            Some(file) => Err(format!("{file} is left behind")),
            None => Ok(()),
        }
    }
}

/// A file that a refused run left: the parameters of an evaluation are the only ones allowed.
fn left_behind(folder: &Path) -> Option<String> {
    fs::read_dir(folder).ok()?.find_map(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => left_behind(&path),
            false => (!path.ends_with("parameters.json")).then(|| path.display().to_string()),
        }
    })
}

/// Runs all cases, prints what they said, and fails if one of them said it wrongly.
fn check(room: &Room, cases: Vec<Case>) {
    let cases: Vec<(usize, Case)> = cases.into_iter().enumerate().collect();
    let judged: Vec<_> = cases
        .par_iter()
        .map(|(number, case)| {
            let own = room.0.join(format!("out{number}"));
            let out = case.out.clone().unwrap_or(own);
            let errors = room.0.join(format!("said{number}"));
            let outcome = case.run(&out, &errors);
            let verdict = case.judge(&outcome, &out);
            (case, outcome, verdict)
        })
        .collect();
    let mut wrong = Vec::new();
    for (case, outcome, verdict) in &judged {
        let status = outcome
            .status
            .map_or("killed".to_owned(), |s| s.to_string());
        let said = outcome.message.replace(&room.path(""), "");
        let said = said.lines().next().unwrap_or("(nothing)");
        println!("{:<46} {status:>6}  {said}", case.name);
        if let Err(reason) = verdict {
            let line = format!(
                "{}: {reason}; status {status}, {}",
                case.name, outcome.message
            );
            wrong.push(line);
        }
    }
    println!("{} inputs", judged.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn images_are_refused_or_read() {
    let room = Room::new("images");
    check(&room, images::cases(&room));
}

#[test]
fn images_of_numbers_are_refused_or_read() {
    let room = Room::new("files");
    check(&room, files::cases(&room));
}

#[test]
fn arrays_are_refused_or_read() {
    let room = Room::new("arrays");
    check(&room, arrays::cases(&room));
}

#[test]
fn lists_and_labels_are_refused_or_read() {
    let room = Room::new("lists");
    check(&room, lists::cases(&room));
}

#[test]
fn models_are_refused_or_run() {
    let room = Room::new("models");
    check(&room, models::cases(&room));
}

#[test]
fn saved_explainers_and_results_are_refused_or_read() {
    let room = Room::new("saved");
    check(&room, saved::cases(&room));
}

#[test]
fn ledgers_are_refused_or_read() {
    let room = Room::new("ledgers");
    check(&room, ledgers::cases(&room));
}

#[test]
fn arguments_are_refused_or_obeyed() {
    let room = Room::new("arguments");
    check(&room, arguments::cases(&room));
}
