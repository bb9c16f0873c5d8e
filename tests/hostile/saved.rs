//! Saved explainers (`--spec`), and folders with results of before.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bytes::{cuts, png};
use crate::{Case, Room};

pub fn cases(room: &Room) -> Vec<Case> {
    let image = room.file("ramp.png", png(16, 8, 2));
    let explain = format!("explain --model demo --image {image}");
    let spec = format!("{explain} --spec");
    let mut cases = Vec::new();
    for (path, word) in room.odd(".json") {
        let name = path.rsplit('/').next().unwrap().to_owned();
        cases.push(Case::refused(&name, &spec, &[&name, word]).with(path));
    }
    // What a run writes is what it reads.
    let first = room.0.join("first");
    let outcome = Case::fine("first", &format!("{explain} --masks 16 --grid 4"))
        .run(&first, &room.0.join("said"));
    assert_eq!(outcome.status, Some(0), "{}", outcome.message);
    let report = first.join("report.json");
    cases.push(Case::fine("report.json", &spec).with(report.to_str().unwrap()));
    let text = fs::read_to_string(&report).unwrap();
    for at in cuts(text.len() - 2, 20) {
        let name = format!("cut{at}.json");
        let path = room.file(&name, &text[..at]);
        cases.push(Case::refused(&name, &spec, &[&name, "not a saved explainer"]).with(path));
    }
    for (number, text) in wrong(&text).into_iter().enumerate() {
        let name = format!("wrong{number}.json");
        let path = room.file(&name, &text);
        let start: String = text.chars().take(36).collect();
        cases.push(Case::refused(format!("spec {start:?}"), &spec, &[&name]).with(path));
    }
    cases.extend(results(room, &image));
    cases
}

/// Values of one field of the saved explainer, or other texts.
fn wrong(report: &str) -> Vec<String> {
    let mut all: Vec<String> = [
        "",
        "null",
        "[]",
        "5",
        "\"racm\"",
        "NaN",
        "{",
        "{}}",
        "{\"explainer\": null}",
        "{\"explainer\": {}, \"explainer\": 5}",
        "{\"unheard\": 1}",
        "\0",
    ]
    .map(str::to_owned)
    .to_vec();
    all.push("[".repeat(1_000_000));
    all.push("{\"a\":".repeat(1_000_000));
    all.push(format!("\"{}\"", "a".repeat(10_000_000)));
    let saved: serde_json::Value = serde_json::from_str(report).unwrap();
    let explainer = &saved["explainer"];
    // Every field with values of other kinds, and numbers beyond its range.
    let odd = [
        "{\"a\": {\"b\": []}}",
        "[[[]]]",
        "\"x\"",
        "-1",
        "1e400",
        "99999999999999999999999999",
    ];
    let mut paths = Vec::new();
    fields(explainer, &mut Vec::new(), &mut paths);
    assert!(paths.len() > 8, "{paths:?}");
    for path in paths {
        for value in odd {
            let mut changed = explainer.clone();
            let field = path.iter().fold(&mut changed, |at, name| &mut at[name]);
            *field = serde_json::Value::String("CHANGED".to_owned());
            all.push(changed.to_string().replace("\"CHANGED\"", value));
        }
    }
    all
}

/// The names that lead to every field.
fn fields(value: &serde_json::Value, at: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    for (name, inner) in value.as_object().into_iter().flatten() {
        at.push(name.clone());
        found.push(at.clone());
        fields(inner, at, found);
        at.pop();
    }
}

/// Folders of an evaluation in which something was changed.
fn results(room: &Room, image: &str) -> Vec<Case> {
    let list = room.file("list.csv", "file\nramp.png\n");
    let evaluate = format!(
        "evaluate --model demo --methods rise --masks 8 --grid 4 --metrics insertion,gini --steps 4 --images {list}"
    );
    let first = room.0.join("results");
    let outcome = Case::fine("first", &evaluate).run(&first, &room.0.join("said"));
    assert_eq!(outcome.status, Some(0), "{image}: {}", outcome.message);
    let record = fs::read_to_string(first.join("images/ramp.png.json")).unwrap();
    let parameters = fs::read_to_string(first.join("parameters.json")).unwrap();
    let copy = |number: usize| -> PathBuf {
        let folder = room.0.join(format!("results{number}"));
        fs::create_dir_all(folder.join("images")).unwrap();
        fs::write(folder.join("images/ramp.png.json"), &record).unwrap();
        fs::write(folder.join("parameters.json"), &parameters).unwrap();
        folder
    };
    let mut cases = vec![Case::fine("the same results again", &evaluate).onto(copy(0))];
    let without = |text: &str, from: &str, to: &str| {
        let start = text.find(from).unwrap();
        let end = start + text[start..].find(to).unwrap();
        text[..start].to_owned() + &text[end..]
    };
    let scores = "\"scores\":[";
    let end = record.find("\"costs\"").unwrap() - 2;
    let emptied = |from: usize, to: usize| format!("{}{}", &record[..from], &record[to..]);
    let changed: Vec<(&str, String)> = vec![
        ("no record", String::new()),
        ("half a record", record[..record.len() / 2].to_owned()),
        ("a record of nothing", "{}".to_owned()),
        ("deep nesting", "[".repeat(1_000_000)),
        (
            "no scores",
            emptied(record.find(scores).unwrap() + scores.len(), end),
        ),
        ("no curve", record.replace("[[0.0,", "[],\"x\":[[0.0,")),
        ("no class", without(&record, "\"class\"", "\"score\"")),
        ("another map", record.replacen("\"rise\"", "\"racm\"", 1)),
    ];
    for (number, (name, text)) in changed.into_iter().enumerate() {
        assert_ne!(text, record, "{name}");
        let folder = copy(number + 1);
        fs::write(folder.join("images/ramp.png.json"), text).unwrap();
        let words = ["ramp.png.json", "remove it to measure"];
        cases.push(Case::refused(name, &evaluate, &words).onto(folder));
    }
    for (number, text) in ["", "[]", "{", "\0"].into_iter().enumerate() {
        let folder = copy(number + 20);
        fs::write(folder.join("parameters.json"), text).unwrap();
        let name = format!("parameters {text:?}");
        cases.push(Case::refused(name, &evaluate, &["parameters.json"]).onto(folder));
    }
    cases.extend(places(room, &evaluate, image));
    cases
}

/// Results where none can be.
fn places(room: &Room, evaluate: &str, image: &str) -> Vec<Case> {
    let explain = format!("explain --model demo --masks 16 --grid 4 --image {image}");
    let taken = room.0.join("taken");
    fs::write(&taken, "a file").unwrap();
    let below: &Path = &taken.join("below");
    let blocked = |name: &str| {
        let folder = room.0.join(format!("blocked_{name}"));
        fs::create_dir_all(folder.join(name)).unwrap();
        folder
    };
    let mut cases = Vec::new();
    for (what, arguments) in [("explain", &*explain), ("evaluate", evaluate)] {
        let name = |place: &str| format!("{what} {place}");
        cases.push(Case::refused(name("onto a file"), arguments, &["taken"]).onto(taken.clone()));
        cases.push(Case::refused(name("below a file"), arguments, &["taken"]).onto(below.into()));
        let nowhere = PathBuf::from("/proc/nowhere");
        cases.push(Case::refused(name("into /proc"), arguments, &["/proc/nowhere"]).onto(nowhere));
    }
    for file in ["map.npy", "standard_error.npy", "panel.png", "report.json"] {
        let name = format!("a folder {file}");
        cases.push(Case::refused(name, &explain, &[file]).onto(blocked(file)));
    }
    for file in [
        "table.md",
        "images.csv",
        "curves-rank.svg",
        "parameters.json",
    ] {
        let name = format!("a folder {file}");
        cases.push(Case::refused(name, evaluate, &[file]).onto(blocked(file)));
    }
    cases
}
