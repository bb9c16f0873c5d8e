//! `--target` with names of classes.

use super::*;

/// A list of names like ImageNet's, with one for each class of the demo.
fn labels(folder: &Path) -> PathBuf {
    let path = folder.join("labels.txt");
    let mut names = vec!["tench, Tinca tinca", "t-shirt", "crane", "crane"];
    names.resize(demo::CLASSES.len(), "speed limit");
    fs::write(&path, names.join("\n")).unwrap();
    path
}

#[test]
fn classes_are_asked_for_by_name() {
    let out = folder("names");
    let labels = labels(&out);
    for (target, number) in [
        ("Tinca tinca", "0"),
        ("TENCH", "0"),
        ("shirt", "1"),
        ("t-shirt,3", "1,3"),
        ("tench, Tinca tinca - t-shirt", "0-1"),
        ("0.5*tench + 0.5*t-shirt - 2", "0.5*0+0.5*1-2"),
    ] {
        let asked = [
            ("--labels", &*labels),
            ("--target", Path::new(target)),
            ("--out", &*out),
        ];
        succeeds("explain --model demo --masks 40 --restart", &asked);
        let report = json(&out.join("report.json"));
        let named: racm::Target = number.parse().unwrap();
        assert_eq!(report["target"], named.to_string(), "{target}");
        // The same by number goes on from the scores, and is the same map.
        let map = fs::read(out.join("map.npy")).unwrap();
        let options = format!("explain --model demo --masks 40 --target {number}");
        succeeds(&options, &[("--out", &out)]);
        assert_eq!(json(&out.join("report.json"))["model_calls"], 0, "{target}");
        assert_eq!(fs::read(out.join("map.npy")).unwrap(), map, "{target}");
    }
}

#[test]
fn names_are_those_of_the_demo_where_no_others_are_given() {
    let out = folder("names_demo");
    let name = demo::CLASSES[2];
    let asked = [("--target", Path::new(name)), ("--out", &*out)];
    succeeds("explain --model demo --masks 40 --shard 1/1", &asked);
    let merge = format!("merge {}", out.join("ledger-1-of-1.racm").display());
    let said = succeeds(&merge, &asked);
    assert!(said.starts_with(&format!("class 2 ({name})")), "{said}");
}

#[test]
fn names_that_no_class_has_are_refused_with_those_that_are_near() {
    let out = folder("names_refused");
    let labels = labels(&out);
    for (target, expected) in [
        ("tenhc", "the nearest are 0 (tench, Tinca tinca)"),
        ("crane", "\"crane\" may be any of 2 (crane), 3 (crane)"),
        (
            "speed",
            "6 (speed limit), 7 (speed limit), 8 (speed limit), 9 (speed limit), 10 (speed limit), 11 (speed limit);",
        ),
        ("tench-crane", "a sign stands between spaces"),
        ("tench - tench", "expected different classes"),
        ("tench - top - nothing", "no class is called \"nothing\""),
    ] {
        let asked = [
            ("--labels", &*labels),
            ("--target", Path::new(target)),
            ("--out", &*out),
        ];
        fails("explain --model demo --masks 40", &asked, expected);
    }
    assert!(!out.join("ledger.racm").exists());
    let [model, image, out] = skipping("names_unknown");
    let asked = [
        ("--model", &*model),
        ("--image", &*image),
        ("--target", Path::new("tench")),
        ("--out", &*out),
    ];
    let expected = "the names of the classes are not known; --labels FILE";
    fails("explain --masks 40", &asked, expected);
}
