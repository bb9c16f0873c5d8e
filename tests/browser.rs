//! The reports of `racm`, in a browser: Debian's chromium and chromedriver, or what PATH has of that name. Without them these
//! tests skip.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use racm::demo;
use racm::render::{Bands, to_rgb, write_png};
use serde_json::Value;

#[path = "browser/driver.rs"]
mod driver;
#[path = "browser/evaluation.rs"]
mod evaluation;
#[path = "browser/explanation.rs"]
mod explanation;
#[path = "browser/kinds.rs"]
mod kinds;
mod npy;
#[path = "onnx/proto.rs"]
#[allow(dead_code)]
mod proto;

use driver::Browser;

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("browser_of_{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn succeeds(arguments: &str, more: &[(&str, &Path)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_racm"));
    command.args(arguments.split_whitespace());
    for (option, path) in more {
        command.arg(option).arg(path);
    }
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn names_stay_text() {
    let out = folder("names");
    let bad = "</script><img src=x onerror=document.body.dataset.bad=1><!--<script>";
    // A slash parts a folder and a file.
    fs::create_dir(out.join("<")).unwrap();
    let image = out.join("</script><img src=x onerror=document.body.dataset.bad=1>.png");
    write_png(&image, &to_rgb(&demo::image(), Bands::Auto).unwrap()).unwrap();
    let labels = out.join("labels.txt");
    fs::write(&labels, [bad; 12].join("\n")).unwrap();
    let quantity = "--report --channels <b>red</b>,<i>,'\"& --quantity <u>";
    succeeds(
        &format!("explain --model demo --masks 64 {quantity}"),
        &[("--out", &out), ("--image", &image), ("--labels", &labels)],
    );
    let list = out.join("list.csv");
    let listed = "</script><img src=x onerror=document.body.dataset.bad=1>.png";
    fs::write(&list, format!("file\n{listed}\n")).unwrap();
    let evaluated = out.join("evaluated");
    succeeds(
        "evaluate --model demo --masks 64 --metrics insertion,gini --methods rise --report",
        &[
            ("--out", &evaluated),
            ("--images", &list),
            ("--labels", &labels),
        ],
    );
    let Some(browser) = Browser::start("names") else {
        return;
    };
    for folder in [&out, &evaluated] {
        browser.open(&folder.join("report.html"));
        let found = browser.run(
            "return [document.body.dataset.bad ?? 'good', document.querySelectorAll('img, b, i, u').length,
                     document.scripts.length]",
        );
        assert_eq!(found, serde_json::json!(["good", 0, 2]));
    }
    let shown = browser.run("return document.querySelector('#by-image-table tbody').textContent");
    let shown = shown.as_str().unwrap();
    assert!(shown.contains(bad) && shown.contains(listed), "{shown}");
    browser.open(&out.join("report.html"));
    let title = browser.run("return byId('title').textContent");
    assert!(title.as_str().unwrap().contains(bad), "{title}");
    browser.photograph("report-names");
}
