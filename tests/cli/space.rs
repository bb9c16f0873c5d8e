//! `racm explain --space`: maps in other colour spaces.

use super::*;

const HSV: &str = "explain --model demo --masks 64";

fn planes(folder: &Path) -> Value {
    json(&folder.join("report.json"))["planes"].clone()
}

#[test]
fn planes_and_the_space_are_named_everywhere() {
    for (space, named, names) in [
        ("hsv", "hsv:0.31", ["hue", "saturation", "value"]),
        ("hsv:0.1", "hsv:0.1", ["hue", "saturation", "value"]),
        ("lab", "lab", ["lightness", "green-red", "blue-yellow"]),
        (
            "ycbcr",
            "ycbcr",
            ["luma", "blue difference", "red difference"],
        ),
    ] {
        let out = folder(&format!("space_{}", space.replace(':', "_")));
        let said = succeeds(&format!("{HSV} --space {space}"), &[("--out", &out)]);
        assert!(names.iter().all(|name| said.contains(name)), "{said}");
        assert_eq!(said.contains("show the hue 0.31"), space == "hsv", "{said}");
        let report = json(&out.join("report.json"));
        assert_eq!(report["space"], named);
        assert_eq!(planes(&out), serde_json::json!(names));
        assert_eq!(
            npy::read::<f32, ndarray::Ix3>(out.join("map.npy")).dim(),
            (3, 96, 96)
        );
        // Twice as high as without the planes' pictures.
        let plain = folder(&format!("space_plain_{}", space.replace(':', "_")));
        succeeds(HSV, &[("--out", &plain)]);
        assert_eq!(json(&plain.join("report.json"))["space"], Value::Null);
        let height = |folder: &Path| read_image(folder.join("panel.png")).unwrap().dim().1;
        assert!(height(&out) > height(&plain) + 192);
    }
}

#[test]
fn a_ledger_goes_on_in_its_own_space_only() {
    let out = folder("space_ledger");
    succeeds(&format!("{HSV} --space hsv"), &[("--out", &out)]);
    let said = succeeds(&format!("{HSV} --space hsv:0.31"), &[("--out", &out)]);
    assert!(said.contains("64 masks are in"), "{said}");
    assert_eq!(json(&out.join("report.json"))["masks_from_ledger"], 64);
    for other in ["", "--space hsv:0.72", "--space lab", "--space ycbcr"] {
        let expected = "the ledger belongs to another";
        fails(&format!("{HSV} {other}"), &[("--out", &out)], expected);
    }
}

#[test]
fn shards_of_a_space_merge_into_the_map_of_one_run() {
    let (whole, parts) = (folder("space_whole"), folder("space_parts"));
    succeeds(&format!("{HSV} --space lab"), &[("--out", &whole)]);
    for part in 1..=2 {
        let arguments = format!("{HSV} --space lab --shard {part}/2");
        succeeds(&arguments, &[("--out", &parts)]);
    }
    let ledgers = [1, 2].map(|k| parts.join(format!("ledger-{k}-of-2.racm")));
    let ledgers = ledgers.map(|path| path.display().to_string()).join(" ");
    succeeds(&format!("merge {ledgers}"), &[("--out", &parts)]);
    let read = |folder: &Path, file: &str| fs::read(folder.join(file)).unwrap();
    for file in ["map.npy", "panel.png"] {
        assert!(read(&parts, file) == read(&whole, file), "{file}");
    }
    assert_eq!(json(&parts.join("report.json"))["space"], "lab");
    assert_eq!(planes(&parts), planes(&whole));
}

#[test]
fn what_says_nothing_in_another_space_is_refused() {
    let out = folder("space_refused");
    let hsv = folder("space_refused_hsv");
    succeeds(&format!("{HSV} --space hsv"), &[("--out", &hsv)]);
    let spec = hsv.join("report.json");
    let to = [("--out", &*out)];
    fails(
        &format!("{HSV} --space hsv --method mc-rise"),
        &to,
        "mc-rise paints in red",
    );
    let cam = "explain --model demo --method grad-cam --space lab";
    fails(cam, &to, "--space is about random masks");
    for (space, expected) in [
        ("", "--space is not given"),
        ("--space lab", "--space is lab"),
    ] {
        let arguments = format!("explain --model demo {space}");
        fails(
            &arguments,
            &[("--out", &*out), ("--spec", &*spec)],
            expected,
        );
    }
    for method in ["rise", "lime"] {
        succeeds(
            &format!("{HSV} --space hsv --method {method} --restart"),
            &to,
        );
    }
    for wrong in [
        "rgb", "HSV", "hsv:", "hsv:1", "hsv:-0.1", "hsv:NaN", "lab:1",
    ] {
        let output = racm(&format!("{HSV} --space {wrong}"), &to);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{wrong}: {error}");
        assert!(error.contains("expected "), "{wrong}: {error}");
    }
}
