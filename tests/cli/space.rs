//! `racm explain --space`: maps in other colour spaces.

use super::*;

const HSV: &str = "explain --model demo --masks 64";

/// The space that `--space hsv` finds for the demo's image.
fn found() -> String {
    racm::ColourSpace::hsv_for(&demo::image())
        .unwrap()
        .to_string()
}

fn planes(folder: &Path) -> Value {
    json(&folder.join("report.json"))["planes"].clone()
}

#[test]
fn planes_and_the_space_are_named_everywhere() {
    let found = found();
    for (space, named, names) in [
        ("hsv", &*found, ["hue", "saturation", "value"]),
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
        assert_eq!(
            said.contains("excluded pixels show the hue"),
            space == "hsv",
            "{said}"
        );
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
    let said = succeeds(&format!("{HSV} --space {}", found()), &[("--out", &out)]);
    assert!(said.contains("64 masks are in"), "{said}");
    assert_eq!(json(&out.join("report.json"))["masks_from_ledger"], 64);
    for other in ["", "--space hsv:0.999", "--space lab", "--space ycbcr"] {
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
    let from = [("--out", &*out), ("--spec", &*spec)];
    let expected = "planes hue, saturation, value are of hsv, and --space is lab";
    fails("explain --model demo --space lab", &from, expected);
    // The explainer alone, which says nothing of its space.
    let alone = out.join("alone.json");
    fs::write(&alone, json(&spec)["explainer"].to_string()).unwrap();
    let from = [("--out", &*out), ("--spec", &*alone)];
    for (space, expected) in [
        ("", "--space is not given"),
        ("--space lab", "--space is lab"),
    ] {
        fails(&format!("explain --model demo {space}"), &from, expected);
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

#[test]
fn planes_of_a_report_stay_in_its_space() {
    let (out, again) = (folder("space_spec"), folder("space_spec_again"));
    let report = out.join("report.json");
    let spec = [("--out", &*again), ("--spec", &*report)];
    // Names of a person's own say nothing of the space.
    for options in [
        "--space hsv --groups colour=hue+saturation",
        "--space ycbcr --groups 1+2",
    ] {
        succeeds(&format!("{HSV} --restart {options}"), &[("--out", &out)]);
        succeeds(&format!("{HSV} --restart"), &spec);
        let [first, second] = [&out, &again].map(|folder| json(&folder.join("report.json")));
        assert_eq!(first["space"], second["space"]);
        assert_eq!(first["planes"], second["planes"]);
        let [first, second] =
            [&out, &again].map(|folder| fs::read(folder.join("map.npy")).unwrap());
        assert!(first == second, "{options}");
        let expected = "and --space is lab; --method racm makes other planes";
        fails(&format!("{HSV} --restart --space lab"), &spec, expected);
    }
    let rgb = format!("{HSV} --restart --channels red,green,blue");
    succeeds(&rgb, &[("--out", &out)]);
    let hsv = format!("{HSV} --restart --space hsv:0.5");
    let expected =
        "planes red, green, blue are of the image as it is, and --space is hsv:0.5; --method racm";
    fails(&hsv, &spec, expected);
    succeeds(&format!("{hsv} --method racm"), &spec);
    assert_eq!(
        planes(&again),
        serde_json::json!(["hue", "saturation", "value"])
    );
}

#[test]
fn channels_that_are_not_red_green_and_blue_are_refused() {
    let root = folder("space_rgb");
    let (model, image, out) = (
        root.join("m.onnx"),
        root.join("image.npy"),
        root.join("out"),
    );
    let names = root.join("names.csv");
    let more = [("--model", &*model), ("--image", &*image), ("--out", &*out)];
    for channels in [1, 4] {
        fs::write(&model, proto::means(channels as u64, Some([8, 8]))).unwrap();
        npy::write(&image, &Array3::<f32>::ones((channels, 8, 8)));
        let expected = format!("image.npy: it has {channels} channel");
        fails("explain --masks 16 --space lab", &more, &expected);
    }
    fails(
        "explain --masks 16 --channel-order bgr",
        &more,
        "--channel-order bgr is for 3 channels, expected rgb for the 4 channels of the image",
    );
    fs::write(&model, proto::means(3, Some([8, 8]))).unwrap();
    npy::write(&image, &Array3::<f32>::ones((3, 8, 8)));
    let named = [more[0], more[1], more[2], ("--channel-file", &*names)];
    for (order, fits) in [
        ("Blue\nGreen\nRed", false),
        ("r\nb\ng", false),
        ("red\ngreen\nblue", true),
        ("a\nb\nc", true),
    ] {
        fs::write(&names, format!("name\n{order}\n")).unwrap();
        for options in ["--space lab", "--method mc-rise"] {
            let run = format!("explain --masks 16 --grid 2 --restart {options}");
            match fits {
                true => drop(succeeds(&run, &named)),
                false => fails(&run, &named, "expected red, green, blue in this order for "),
            }
        }
    }
}
