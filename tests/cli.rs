//! The program `racm`, from the outside: arguments in, files and messages out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ndarray::{Array2, Array3};
use racm::demo;
use racm::render::{Bands, read_image, to_rgb, write_png};
use serde_json::Value;

#[path = "hostile/bytes.rs"]
#[allow(dead_code)]
mod bytes;
#[path = "cli/channel_file.rs"]
mod channel_file;
#[path = "cli/channels.rs"]
mod channels;
#[path = "cli/compare.rs"]
mod compare;
mod data;
#[path = "cli/figures.rs"]
mod figures;
#[path = "cli/files.rs"]
mod files;
#[path = "cli/kept.rs"]
mod kept;
#[path = "cli/lists.rs"]
mod lists;
#[path = "cli/merged.rs"]
mod merged;
#[path = "cli/missing.rs"]
mod missing;
#[path = "cli/names.rs"]
mod names;
mod npy;
#[path = "cli/presets.rs"]
mod presets;
#[path = "cli/printed.rs"]
mod printed;
#[path = "cli/prior.rs"]
mod prior;
#[path = "onnx/proto.rs"]
#[allow(dead_code)]
mod proto;
#[path = "cli/report.rs"]
mod report;
#[path = "cli/series.rs"]
mod series;
#[path = "cli/several.rs"]
mod several;
#[path = "cli/shards.rs"]
mod shards;
#[path = "cli/signals.rs"]
mod signals;
#[path = "cli/sizes.rs"]
mod sizes;
#[path = "cli/space.rs"]
mod space;
#[path = "cli/targets.rs"]
mod targets;

/// A folder of its own for each test, below the build's.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn racm(arguments: &str, more: &[(&str, &Path)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_racm"));
    command.args(arguments.split_whitespace());
    for (option, path) in more {
        command.arg(option).arg(path);
    }
    command.output().unwrap()
}

fn succeeds(arguments: &str, more: &[(&str, &Path)]) -> String {
    let output = racm(arguments, more);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Exit code 1 and a message that holds `expected`; no panic, no backtrace.
fn fails(arguments: &str, more: &[(&str, &Path)], expected: &str) {
    let output = racm(arguments, more);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{arguments}: {error}");
    assert!(error.starts_with("racm: "), "{arguments}: {error}");
    assert!(error.contains(expected), "{arguments}: {error}");
    assert!(!error.contains("panicked"), "{arguments}: {error}");
}

/// The signals that end a run, with its exit status; not those that whoever started the tests wants ignored, as `nohup` does.
fn heeded() -> Vec<(&'static str, i32)> {
    let about = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = about.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let ignored = |status: i32| mask.unwrap_or(0) >> (status - 129) & 1 == 1;
    let mut all = vec![("INT", 130), ("TERM", 143), ("HUP", 129)];
    all.retain(|(name, status)| {
        let heeded = !ignored(*status);
        if !heeded {
            println!("SIG{name} is ignored here: left out");
        }
        heeded
    });
    all
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn explain_writes_maps_pictures_and_a_report() {
    let out = folder("explain");
    let said = succeeds(
        "explain --model demo --masks 300 --target 0,2",
        &[("--out", &out)],
    );
    assert!(said.contains("class 0 (stop sign)"), "{said}");
    let map: ndarray::Array4<f32> = npy::read(out.join("map.npy"));
    let errors: ndarray::Array4<f32> = npy::read(out.join("standard_error.npy"));
    assert_eq!(map.dim(), (2, 3, 96, 96));
    assert_eq!(errors.dim(), map.dim());
    for picture in ["panel.png", "overlay.png"] {
        assert!(read_image(out.join(picture)).unwrap().dim().1 >= 96);
    }
    let report = json(&out.join("report.json"));
    assert_eq!(report["method"], "racm");
    assert_eq!(report["masks"], 300);
    assert_eq!(report["model_calls"], 301 + 2);
    assert_eq!(report["repeats"]["count"], 1);
    assert_eq!(report["repeats"]["agree"], true);
    assert!(!said.contains("warning"), "{said}");
    assert_eq!(report["image_shape"], serde_json::json!([3, 96, 96]));
    assert_eq!(report["targets"][1]["name"], "yellow diamond");
    assert_eq!(report["region"], Value::Null);
}

#[test]
fn explain_marks_what_is_outside_the_region() {
    let out = folder("explain_region");
    let saliency =
        Array2::from_shape_fn((96, 96), |(y, x)| f64::from(u8::from(demo::on_sign(y, x))));
    let map = out.join("saliency.npy");
    npy::write(&map, &saliency);
    let refine = [("--out", &*out), ("--refine", &*map)];
    succeeds(
        "explain --model demo --masks 64 --method rise --keep 0.1",
        &refine,
    );
    let map: Array3<f32> = npy::read(out.join("map.npy"));
    let evaluated = map.iter().filter(|v| !v.is_nan()).count();
    assert_eq!((map.dim(), evaluated), ((1, 96, 96), 922));
    assert_eq!(json(&out.join("report.json"))["region"]["pixels"], 922);
}

#[test]
fn explain_refuses_what_it_cannot_do() {
    let out = folder("explain_refuses");
    let (nowhere, text, toy) = (
        out.join("nowhere.png"),
        out.join("a.png"),
        out.join("toy.onnx"),
    );
    let picture = out.join("toy.png");
    fs::write(&text, "not a picture").unwrap();
    fs::write(&toy, proto::toy(&proto::Fed::open(racm::Layout::Nchw))).unwrap();
    write_png(&picture, &to_rgb(&demo::image(), Bands::Auto).unwrap()).unwrap();
    let small = out.join("small.npy");
    npy::write(&small, &Array2::<f32>::ones((9, 9)));
    let never = out.join("never");
    let demo = "explain --model demo";
    for (arguments, more, expected) in [
        ("", ("--image", &nowhere), "nowhere.png"),
        ("", ("--image", &text), "a.png"),
        ("", ("--refine", &nowhere), "nowhere.png"),
        (
            "",
            ("--refine", &small),
            "the saliency map has shape [9, 9], expected [96, 96]",
        ),
        (
            "",
            ("--ledger", &text),
            "a.png: it does not begin with RACMLED3",
        ),
        ("--restart", ("--ledger", &text), "a.png: is no ledger"),
        ("", ("--labels", &nowhere), "nowhere.png"),
        ("--p-pix NaN", ("--image", &picture), "p_pix is NaN"),
        ("--p-pix 1", ("--image", &picture), "p_pix is 1"),
        ("--grid 0", ("--image", &picture), "grid"),
        ("--grid 8x97", ("--image", &picture), "grid"),
        ("--masks 0", ("--image", &picture), "masks is 0"),
        ("--batch 0", ("--image", &picture), "batch is 0"),
        ("--threads 0", ("--image", &picture), "--threads is 0"),
        (
            "--threads 5000",
            ("--image", &picture),
            "--threads is 5000, expected 1 to 256",
        ),
        ("--p-pix -0.5", ("--image", &picture), "p_pix is -0.5"),
        ("--calls 0", ("--image", &picture), "masks is 0"),
        (
            "--scale 255",
            ("--image", &picture),
            "--scale is about a model of your own",
        ),
        (
            "--layout nhwc",
            ("--image", &picture),
            "--layout is about a model of your own",
        ),
        ("--until -1", ("--image", &picture), "--until is -1"),
        ("--until 1.01", ("--image", &picture), "--until is 1.01"),
        (
            "--until-stable 0",
            ("--image", &picture),
            "--until-stable is 0",
        ),
        ("--seconds -1", ("--image", &picture), "seconds is -1"),
        ("--seconds NaN", ("--image", &picture), "seconds is NaN"),
        (
            "--target 99",
            ("--image", &picture),
            "class 99 was asked for",
        ),
        ("--baseline 0,0", ("--image", &picture), "baseline"),
    ] {
        let more = [("--out", &*never), (more.0, &**more.1)];
        fails(&format!("{demo} {arguments}"), &more, expected);
    }
    assert!(!never.join("map.npy").exists());
    let model = [
        ("--out", &*never),
        ("--model", &*toy),
        ("--image", &*picture),
    ];
    fails("explain --output logits", &model, "logits");
    fails("explain --input pixels", &model, "pixels");
    fails("explain --std 0", &model, "std");
    let model = [
        ("--out", &*never),
        ("--model", &*text),
        ("--image", &*picture),
    ];
    fails("explain", &model, "a.png");
    fails(
        "explain --model absent.onnx",
        &[("--out", &never)],
        "absent.onnx",
    );
}

#[test]
fn a_wrong_command_line_is_an_error_of_usage() {
    for arguments in [
        "explain",
        "evaluate --model demo",
        "explain --model demo --grid 8y8 --out x",
        "explain --model demo --masks 50 --calls 20 --out x",
        "explain --model demo --masks 50 --seconds 1 --out x",
        "explain --model demo --until certain --out x",
        "explain --model demo --shard 0/3 --out x",
        "explain --model demo --shard 4/3 --out x",
        "explain --model demo --shard 1/3 --blocks 0..4 --out x",
        "explain --model demo --shard 1/3 --until 0.9 --out x",
        "explain --model demo --shard 1/3 --report --out x",
        "explain --model demo --shard 1/3 --preview --out x",
        "explain --model demo --blocks 0..2 --figure pdf --out x",
        "explain --model demo --blocks 4..4 --out x",
        "merge --out x",
        "explain --model demo --device gpu --out x",
        "layers --model demo --device cuda:256",
    ] {
        assert_eq!(racm(arguments, &[]).status.code(), Some(2), "{arguments}");
    }
    assert!(succeeds("--help", &[]).contains("evaluate"));
}

/// Three images of three sizes, one of them with a box that is not inside it, and a map for one.
fn images(name: &str) -> (PathBuf, PathBuf) {
    let root = folder(name);
    fs::create_dir(root.join("list")).unwrap();
    fs::create_dir(root.join("maps")).unwrap();
    let sign = demo::image();
    for (name, light, side) in [("a", 1.0, 96), ("b", 0.8, 48), ("c", 0.6, 40)] {
        let image = racm::render::resize(&sign.mapv(|v| light * v), side, side).unwrap();
        let picture = to_rgb(&image, Bands::Auto).unwrap();
        write_png(root.join("list").join(format!("{name}.png")), &picture).unwrap();
    }
    let saliency = Array2::from_shape_fn((48, 48), |(y, x)| (y * x) as f32);
    npy::write(root.join("maps/b.npy"), &saliency);
    let list = "file,roi_x1,roi_y1,roi_x2,roi_y2\na.png,22,16,78,72\nb.png,11,8,39,49\nc.png,,,,\n";
    fs::write(root.join("list.csv"), list).unwrap();
    (root.join("list.csv"), root)
}

const EVALUATE: &str = "evaluate --model demo --methods racm,mc-rise,rise --masks 40,100 \
     --protocol both --steps 10 --metrics insertion,deletion,dcc,pointing,energy,gini \
     --dcc-masks 40";
const TABLES: [&str; 6] = [
    "table.md",
    "table.csv",
    "table.json",
    "images.csv",
    "curves-rank.svg",
    "curves-threshold.svg",
];

#[test]
fn evaluate_goes_on_where_it_stopped() {
    let (list, root) = images("evaluate");
    let maps = root.join("maps");
    let (whole, pieces) = (root.join("whole"), root.join("pieces"));
    let arguments = format!("{EVALUATE} --keep 0.5");
    let shared = [("--images", &*list), ("--refine", &*maps)];
    let to = |out| [shared[0], shared[1], ("--out", out)];
    succeeds(&arguments, &to(&whole));

    // Stopped after one image, and in the middle of writing another.
    succeeds(&format!("{arguments} --limit 1"), &to(&pieces));
    let record = |name: &str| pieces.join("images").join(name);
    let first = fs::read(record("a.png.json")).unwrap();
    fs::write(record("b.png.json.x.racm-part"), "{\"par").unwrap();
    succeeds(&format!("{arguments} --threads 1 --batch 7"), &to(&pieces));
    assert_eq!(
        fs::read(record("a.png.json")).unwrap(),
        first,
        "measured again"
    );
    // One that is gone is measured again, and nothing else is.
    fs::remove_file(record("b.png.json")).unwrap();
    succeeds(&arguments, &to(&pieces));
    for file in TABLES {
        let read = |folder: &Path| fs::read(folder.join(file)).unwrap();
        assert_eq!(read(&whole), read(&pieces), "{file}");
    }

    fails(
        &format!("{arguments} --seed 1"),
        &to(&pieces),
        "seed was 0, now it is 1",
    );
    let sign = to_rgb(&demo::image(), Bands::Auto).unwrap();
    write_png(root.join("list/c.png"), &sign).unwrap();
    fails(
        &arguments,
        &to(&pieces),
        "c.png.json: was made of another image",
    );
    fs::write(record("a.png.json"), "{").unwrap();
    fails(&arguments, &to(&pieces), "a.png.json: cannot be read");
}

#[test]
fn evaluate_counts_what_has_no_value() {
    let (list, root) = images("evaluate_counts");
    let (maps, out) = (root.join("maps"), root.join("out"));
    let more = [("--images", &*list), ("--refine", &*maps), ("--out", &*out)];
    let said = succeeds(&format!("{EVALUATE} --keep 0.5"), &more);
    assert!(
        said.contains("3 images") && said.contains("(2 missing)"),
        "{said}"
    );

    let table = json(&out.join("table.json"));
    let rows = table["rows"].as_array().unwrap();
    // Three methods, two numbers of masks, with and without a region; two maps that know nothing.
    assert_eq!(rows.len(), 14);
    let row = |map: &str, masks: Option<u64>, keep: Option<f64>| {
        let case = |r: &&Value| {
            r["case"]["map"] == map
                && r["case"]["masks"].as_u64() == masks
                && r["case"]["keep"].as_f64() == keep
        };
        &rows.iter().find(case).unwrap()["metrics"]
    };
    let counts =
        |cell: &Value| ["defined", "undefined", "missing"].map(|name| cell[name].as_u64().unwrap());
    let racm = row("racm", Some(100), None);
    assert_eq!(counts(&racm["insertion_rank"]), [3, 0, 0]);
    // b's box ends below its image, c has none.
    assert_eq!(counts(&racm["pointing"]), [1, 2, 0]);
    assert!(racm["dcc"].is_null(), "DCC was asked for at 40 masks only");
    assert_eq!(counts(&row("racm", Some(40), None)["dcc"]), [3, 0, 0]);
    let refined = row("racm", Some(40), Some(0.5));
    assert_eq!(counts(&refined["insertion_rank"]), [1, 0, 2]);
    assert_eq!(
        counts(&row("uniform", None, None)["insertion_threshold"]),
        [0, 3, 0]
    );
    assert_eq!(counts(&row("uniform", None, None)["gini"]), [3, 0, 0]);
    let text = fs::read_to_string(out.join("table.json")).unwrap();
    assert!(
        text.contains("y 8 to 49, is not inside the 48 x 48 image"),
        "{text}"
    );
    assert!(text.contains("no refinement map a.npy"));
    // What knows the red octagon beats what knows nothing.
    let mean = |row: &Value, name: &str| row[name]["mean"].as_f64().unwrap();
    let random = row("random", None, None);
    assert!(mean(racm, "insertion_rank") > mean(random, "insertion_rank") + 0.05);
    assert!(mean(racm, "deletion_rank") < mean(random, "deletion_rank") - 0.05);
    let cost = fs::read_to_string(out.join("cost.csv")).unwrap();
    // Nine runs of 100 masks and three more with a region, each with the unmasked image.
    assert!(cost.contains("score masks,12,1236,103,"), "{cost}");
}

#[test]
fn one_run_serves_fewer_masks() {
    let (_, root) = images("evaluate_prefix");
    let (folder, both, few) = (root.join("list"), root.join("both"), root.join("few"));
    let metrics = "evaluate --model demo --metrics insertion,gini --steps 10";
    let images = ("--images", &*folder);
    succeeds(
        &format!("{metrics} --masks 40,100 --methods racm"),
        &[images, ("--out", &both)],
    );
    succeeds(
        &format!("{metrics} --masks 40 --methods racm"),
        &[images, ("--out", &few)],
    );
    let first = |out: &Path| json(&out.join("table.json"))["rows"][0].clone();
    assert_eq!(first(&both), first(&few));
    let methods = "--masks 40 --methods mc-rise,mc-rise-negated";
    let out = root.join("signs");
    succeeds(&format!("{metrics} {methods}"), &[images, ("--out", &out)]);
    // Both signs of MC-RISE are made of one run.
    let cost = fs::read_to_string(out.join("cost.csv")).unwrap();
    assert!(cost.contains("score masks,3,123,41,"), "{cost}");
}

fn map_of(folder: &Path) -> Vec<f32> {
    let map: Array3<f32> = npy::read(folder.join("map.npy"));
    map.into_iter().collect()
}

#[test]
fn own_effects_are_written_and_compared() {
    let [plane, own] = ["effect_plane", "effect_own"].map(folder);
    let explain = "explain --model demo --masks 300 --estimator centred --effect";
    succeeds(&format!("{explain} plane"), &[("--out", &plane)]);
    let said = succeeds(&format!("{explain} own"), &[("--out", &own)]);
    assert!(said.contains(", own effects\n"), "{said}");
    let (map, own_map) = (map_of(&plane), map_of(&own));
    let pixels = map.len() / 3;
    for (i, &v) in own_map.iter().enumerate() {
        let sum: f32 = (0..3).map(|c| map[c * pixels + i % pixels]).sum();
        assert!((v - 2.0 * (map[i] - sum / 4.0)).abs() < 1e-4);
    }
    let errors = |folder: &Path| fs::read(folder.join("standard_error.npy")).unwrap();
    assert_ne!(errors(&plane), errors(&own));
    let effect = |folder: &Path| json(&folder.join("report.json"))["effect"].clone();
    assert_eq!([effect(&plane), effect(&own)], ["plane", "own"]);
    // A saved explainer keeps it.
    let again = folder("effect_again");
    let report = own.join("report.json");
    succeeds(
        "explain --model demo",
        &[("--spec", &report), ("--out", &again)],
    );
    assert_eq!(map_of(&again), own_map);

    let (_, root) = images("evaluate_effects");
    let (images, out) = (root.join("list"), root.join("out"));
    let arguments = "evaluate --model demo --metrics insertion,gini --steps 10 --masks 60 --methods racm,mc-rise";
    let to = [("--images", &*images), ("--out", &out)];
    let said = succeeds(&format!("{arguments} --effect plane,own"), &to);
    assert!(said.contains("| racm, N = 60, own effects |"), "{said}");
    let table = json(&out.join("table.json"));
    let cases: Vec<_> = table["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["case"])
        .collect();
    let effects: Vec<_> = cases
        .iter()
        .map(|case| (case["map"].as_str().unwrap(), case["effect"].as_str()))
        .collect();
    let expected = [
        ("racm", Some("plane")),
        ("racm", Some("own")),
        ("mc-rise", None),
        ("random", None),
        ("uniform", None),
    ];
    assert_eq!(effects, expected);
    let gini = |row: usize| &table["rows"][row]["metrics"]["gini"]["mean"];
    assert_ne!(gini(0), gini(1));
    // Both are made of one run.
    let cost = fs::read_to_string(out.join("cost.csv")).unwrap();
    assert!(cost.contains("score masks,6,366,61,"), "{cost}");
    let csv = fs::read_to_string(out.join("table.csv")).unwrap();
    assert!(
        csv.contains("\nracm,60,averaged,own,,insertion_rank,"),
        "{csv}"
    );

    for (options, expected) in [
        (
            "--effect own --estimator pass-only",
            "estimator is pass-only, for own effects",
        ),
        (
            "--effect own --method lime",
            "--effect says nothing beside lime",
        ),
        (
            "--effect own --method grad-cam --layer x",
            "--effect is about random masks",
        ),
    ] {
        fails(
            &format!("explain --model demo {options}"),
            &[("--out", &own)],
            expected,
        );
    }
    for (options, expected) in [
        (
            "--effect own --estimator centred,pass-only",
            "--effect own has no map by pass-only",
        ),
        (
            "--effect own --methods rise",
            "--effect own says nothing without racm",
        ),
    ] {
        fails(&format!("evaluate --model demo {options}"), &to, expected);
    }
}

#[test]
fn evaluate_refuses_what_it_cannot_do() {
    let (list, root) = images("evaluate_refuses");
    let out = root.join("out");
    let empty = folder("evaluate_empty");
    let broken = root.join("broken.csv");
    fs::write(&broken, "file\nabsent.png\n").unwrap();
    let twice = root.join("twice.csv");
    fs::write(&twice, "file\nlist/a.png\nlist/a.png\n").unwrap();
    for (arguments, images, expected) in [
        ("", &empty, "no image"),
        ("", &broken, "absent.png"),
        ("", &twice, "listed twice"),
        ("", &root.join("absent.csv"), "absent.csv"),
        ("--refine gradcam", &list, "no class activation map"),
        ("--refine tests --keep 1.5", &list, "--keep is 1.5"),
        ("--masks 0", &list, "masks is 0"),
        ("--masks 50 --dcc-masks 60", &list, "--dcc-masks has 60"),
        ("--steps 0", &list, "--steps is 0"),
        ("--p-pix NaN", &list, "p_pix is NaN"),
        ("--grid 500", &list, "a.png: "),
    ] {
        let arguments = format!("evaluate --model demo {arguments}");
        fails(
            &arguments,
            &[("--images", images), ("--out", &out)],
            expected,
        );
    }
    let maps = root.join("maps");
    npy::write(maps.join("a.npy"), &Array2::<f32>::ones((9, 9)));
    let more = [("--images", &*list), ("--refine", &*maps), ("--out", &*out)];
    fails("evaluate --model demo --keep 0", &more, "--keep is 0");
    let out = root.join("other");
    let more = [("--images", &*list), ("--refine", &*maps), ("--out", &*out)];
    fails(
        "evaluate --model demo --masks 50",
        &more,
        "a.npy: the saliency map has shape [9, 9]",
    );
}

/// Negative numbers reach their option, which says what it takes.
#[test]
fn negative_numbers_are_values() {
    for (command, option, value, expected) in [
        ("explain", "--masks", "-1", "expected a whole number"),
        ("explain", "--batch", "-1", "expected a whole number"),
        ("explain", "--seed", "-1", "expected a whole number"),
        ("explain", "--threads", "-1", "expected a whole number"),
        ("explain", "--grid", "-1", "expected G or GhxGw"),
        ("explain", "--target", "-1", "expected top, all, or classes"),
        (
            "explain",
            "--target",
            "2,-1",
            "expected top, all, or classes",
        ),
        ("evaluate", "--masks", "100,-1", "expected a whole number"),
        ("evaluate", "--dcc-masks", "-1", "expected a whole number"),
        ("evaluate", "--steps", "-1", "expected a whole number"),
        ("evaluate", "--limit", "-1", "expected a whole number"),
    ] {
        let paths = match command {
            "explain" => "",
            _ => "--images images",
        };
        let arguments = format!("{command} --model demo --out never {paths} {option} {value}");
        let output = racm(&arguments, &[]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments}: {error}");
        let wanted = error.contains(option) && error.contains(expected);
        assert!(
            wanted && !error.contains("unexpected argument"),
            "{arguments}: {error}"
        );
    }
    let out = folder("negative");
    succeeds(
        "explain --model demo --masks 20 --baseline -0.5,1,-2",
        &[("--out", &out)],
    );
}

/// A device on which nothing would run is an error, not a slow run on the CPU.
#[test]
fn a_device_is_used_or_refused() {
    let out = folder("device");
    let (model, picture) = (out.join("toy.onnx"), out.join("toy.png"));
    fs::write(&model, proto::toy(&proto::Fed::open(racm::Layout::Nchw))).unwrap();
    write_png(&picture, &to_rgb(&demo::image(), Bands::Auto).unwrap()).unwrap();
    let more = [
        ("--model", &*model),
        ("--image", &*picture),
        ("--out", &*out),
    ];
    succeeds("explain --masks 20 --device cpu", &more);
    assert_eq!(json(&out.join("report.json"))["device"], "cpu");
    let on_cpu = "--device is cuda:1, and the runtime rten runs on the CPU only; ";
    fails("explain --masks 20 --device cuda:1", &more, on_cpu);
    fails("layers --device cuda:1", &more[..1], on_cpu);
    let evaluated = [
        ("--model", &*model),
        ("--images", &*out),
        ("--out", &*picture),
    ];
    fails("evaluate --device cuda:1", &evaluated, on_cpu);
    fails(
        "explain --model demo --device cuda",
        &more[2..],
        "--device is cuda:0, and the demo runs on the CPU only",
    );
    if cfg!(feature = "ort") && std::env::var_os("ORT_DYLIB_PATH").is_some() {
        let expected = "the device cuda:255 cannot be used with ONNX Runtime from ";
        fails("explain --runtime ort --device cuda:255", &more, expected);
        let [model, picture, out] = skipping("device_cam");
        let more = [
            ("--model", &*model),
            ("--image", &*picture),
            ("--out", &*out),
        ];
        let by_cam = "explain --runtime ort --device cuda:255 --method grad-cam";
        fails(by_cam, &more, expected);
    }
}

#[test]
fn a_wrong_layout_is_named() {
    let out = folder("layout");
    let picture = out.join("toy.png");
    write_png(&picture, &to_rgb(&demo::image(), Bands::Auto).unwrap()).unwrap();
    for (layout, wrong) in [(racm::Layout::Nchw, "nhwc"), (racm::Layout::Nhwc, "nchw")] {
        let model = out.join(format!("{layout}.onnx"));
        fs::write(&model, proto::toy(&proto::Fed::fixed(layout, 1))).unwrap();
        let more = [
            ("--model", &*model),
            ("--image", &*picture),
            ("--out", &*out),
        ];
        let expected = format!("try --layout {layout}");
        fails(
            &format!("explain --masks 20 --layout {wrong}"),
            &more,
            &expected,
        );
        succeeds(
            &format!("explain --masks 20 --grid 2 --layout {layout} --restart"),
            &more,
        );
    }
}

/// Nobody reads on: no failure. A full disk: one, and no panic.
#[cfg(target_os = "linux")]
#[test]
fn standard_output_may_end() {
    let out = folder("stdout");
    let run = |to: std::process::Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_racm"));
        command.args(["explain", "--model", "demo", "--masks", "20", "--out"]);
        command
            .arg(&out)
            .stdout(to)
            .stderr(std::process::Stdio::piped());
        let output = command.spawn().unwrap().wait_with_output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let (code, error) = run(full.into());
    assert_eq!(code, Some(1), "{error}");
    assert!(error.starts_with("racm: standard output: "), "{error}");
    assert!(out.join("report.json").exists());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(run(writer.into()), (Some(0), String::new()));
}

/// Saliency maps of every type of number, and files that are none.
#[test]
fn maps_of_any_type_are_read() {
    let out = folder("npy");
    let ramp = Array2::from_shape_fn((96, 96), |(y, x)| (y * 96 + x) as f32);
    let write = |name: &str, descr: &str, order: &str, shape: &str, data: Vec<u8>| {
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
        let padded = format!("{header:<117}\n");
        let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        bytes.extend(padded.bytes());
        bytes.extend(data);
        let path = out.join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let bytes = |of: fn(f32) -> Vec<u8>| ramp.iter().flat_map(|&v| of(v)).collect::<Vec<u8>>();
    let turned: Vec<u8> = ramp.t().iter().flat_map(|v| v.to_le_bytes()).collect();
    let (c, flat) = ("False", "(96, 96)");
    // The highest 30 % of the ramp are its last rows, whatever the type.
    for path in [
        write("f4", "<f4", c, flat, bytes(|v| v.to_le_bytes().to_vec())),
        write(
            "f8",
            "<f8",
            c,
            flat,
            bytes(|v| f64::from(v).to_le_bytes().to_vec()),
        ),
        write(
            "big",
            ">f8",
            c,
            flat,
            bytes(|v| f64::from(v).to_be_bytes().to_vec()),
        ),
        write(
            "f2",
            "<f2",
            c,
            flat,
            bytes(|v| half::f16::from_f32(v / 8.0).to_le_bytes().to_vec()),
        ),
        write(
            "i8",
            "<i8",
            c,
            flat,
            bytes(|v| (v as i64 - 500).to_le_bytes().to_vec()),
        ),
        write(
            "u2",
            "<u2",
            c,
            flat,
            bytes(|v| (v as u16).to_le_bytes().to_vec()),
        ),
        write(
            "i4",
            "<i4",
            c,
            "(1, 96, 96)",
            bytes(|v| (v as i32).to_le_bytes().to_vec()),
        ),
        write(
            "bool",
            "|b1",
            c,
            flat,
            bytes(|v| vec![u8::from(v > 6450.0)]),
        ),
        write("turned", "<f4", "True", flat, turned),
    ] {
        let more = [("--refine", &*path), ("--out", &*out)];
        succeeds("explain --model demo --masks 20", &more);
        let region = &json(&out.join("report.json"))["region"];
        assert_eq!(region["pixels"], 2765);
        let map: Array3<f32> = npy::read(out.join("map.npy"));
        assert!(
            map[[0, 60, 48]].is_nan() && !map[[0, 80, 48]].is_nan(),
            "{path:?}"
        );
    }
    for (path, expected) in [
        (
            write("short", "<f4", c, flat, vec![0; 1000]),
            "short: it is cut short",
        ),
        (
            write("cube", "<f4", c, "(3, 96, 96)", Vec::new()),
            "cube: the saliency map has shape [3, 96, 96], expected [96, 96]",
        ),
        (
            write("vast", "<f4", c, "(9999999, 9999999)", Vec::new()),
            "vast: the saliency map has shape",
        ),
        (
            write("text", "<U4", c, flat, vec![0; 147_456]),
            "text: its elements are of type '<U4'",
        ),
        (
            write("header", "<f4", "Perhaps", flat, Vec::new()),
            "header: not an .npy file",
        ),
    ] {
        fails(
            "explain --model demo --masks 20",
            &[("--refine", &*path), ("--out", &*out)],
            expected,
        );
    }
    let none = out.join("none.npy");
    fs::write(&none, b"\x93NUMPY\x01").unwrap();
    fails(
        "explain --model demo --masks 20",
        &[("--refine", &*none), ("--out", &*out)],
        "none.npy: not an .npy file",
    );
}

/// The report keeps the explainer; `--spec` takes it from there, and what is given beside it counts.
#[test]
fn a_saved_explainer_is_used_again() {
    let (first, second, third) = (folder("spec_1"), folder("spec_2"), folder("spec_3"));
    let options = "--masks 120 --seed 7 --grid 5x6 --p-pix 0.4 --method rise --estimator self-normalised \
        --baseline 0.2,0.3,0.4 --placement fixed --enlargement nearest --link log:0.001";
    succeeds(
        &format!("explain --model demo {options}"),
        &[("--out", &first)],
    );
    let report = first.join("report.json");
    succeeds(
        "explain --model demo",
        &[("--spec", &report), ("--out", &second)],
    );
    let bits = |folder: &Path| fs::read(folder.join("map.npy")).unwrap();
    assert_eq!(bits(&first), bits(&second));
    assert_eq!(
        json(&report)["explainer"],
        json(&second.join("report.json"))["explainer"]
    );
    succeeds(
        "explain --model demo --seed 8",
        &[("--spec", &report), ("--out", &third)],
    );
    assert_ne!(bits(&first), bits(&third));
    let own = first.join("own.json");
    for (saved, expected) in [
        (
            "{\"budget\": {\"calls\": 0}}",
            "own.json: not a saved explainer: masks is 0",
        ),
        (
            "{\"explainer\": {\"mask\": 3}}",
            "own.json: not a saved explainer: unknown field `mask`",
        ),
        ("{\"spec\": ", "own.json: not a saved explainer: EOF"),
        ("[1, 2]", "own.json: not a saved explainer"),
    ] {
        fs::write(&own, saved).unwrap();
        fails(
            "explain --model demo",
            &[("--spec", &own), ("--out", &third)],
            expected,
        );
    }
    let absent = first.join("absent.json");
    fails(
        "explain --model demo",
        &[("--spec", &absent), ("--out", &third)],
        "absent.json: ",
    );
}

/// Without a count: until the map is certain. The first picture is there before, and is refined in place; whoever reads
/// meanwhile finds whole files.
#[test]
fn explain_refines_its_map_until_the_budget_ends() {
    let out = folder("budget");
    let said = succeeds(
        "explain --model demo --calls 3000 --until 0.95",
        &[("--out", &out)],
    );
    assert!(said.contains("first map after 128 masks"), "{said}");
    let report = json(&out.join("report.json"));
    let masks = report["masks"].as_u64().unwrap();
    assert!((192..3000).contains(&masks), "{masks}");
    assert!(report["certainty"].as_f64() >= Some(0.95));
    assert!(report["looks"].as_u64() >= Some(2));
    assert_eq!(report["stopped_by"], "Certainty");
    assert_eq!(report["finished"], true);
    let budget =
        serde_json::json!({"calls": 3000, "seconds": null, "until": [{"certainty": 0.95}]});
    assert_eq!(report["explainer"]["budget"], budget);
    assert!(
        said.contains(&format!("{masks} masks, certainty 0.")),
        "{said}"
    );

    // Its map is that of exactly so many masks.
    let exact = folder("budget_exact");
    let arguments = format!("explain --model demo --masks {masks}");
    succeeds(&arguments, &[("--out", &exact)]);
    let bytes = |folder: &Path| fs::read(folder.join("map.npy")).unwrap();
    assert_eq!(bytes(&out), bytes(&exact));
    let report = json(&exact.join("report.json"));
    assert_eq!(report["stopped_by"], Value::Null);
    assert_eq!(
        report["explainer"]["budget"]["until"],
        serde_json::json!([])
    );

    let timed = folder("budget_timed");
    let arguments = "explain --model demo --seconds 0 --batch 15";
    succeeds(arguments, &[("--out", &timed)]);
    let report = json(&timed.join("report.json"));
    assert_eq!(
        (&report["masks"], &report["stopped_by"]),
        (&15.into(), &"Time".into())
    );
    // Too few masks for errors.
    assert_eq!(report["certainty"], Value::Null);

    let watched = folder("budget_watched");
    let mut command = Command::new(env!("CARGO_BIN_EXE_racm"));
    command.args("explain --model demo --masks 20000 --out".split(' '));
    let mut child = command
        .arg(&watched)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while child.try_wait().unwrap().is_none() {
        if watched.join("report.json").exists() {
            let report = json(&watched.join("report.json"));
            let finished = report["masks"] == 20_000;
            assert_eq!(report["finished"], finished);
            read_image(watched.join("panel.png")).unwrap();
            let map: Array3<f32> = npy::read(watched.join("map.npy"));
            assert_eq!(map.dim(), (3, 96, 96));
        }
    }
    assert_eq!(json(&watched.join("report.json"))["finished"], true);
    let left = fs::read_dir(&watched).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        left.iter()
            .all(|name| !name.to_str().unwrap().ends_with("part"))
    );
}

/// What cannot be written at the first look ends the run there.
#[test]
fn explain_stops_where_it_cannot_write() {
    let out = folder("unwritable");
    fs::create_dir(out.join("panel.png")).unwrap();
    fails(
        "explain --model demo --masks 268435456",
        &[("--out", &out)],
        "128 masks are in ",
    );
}

/// A model file with a skip connection, an image for it, and a folder for results.
fn skipping(name: &str) -> [PathBuf; 3] {
    let folder = folder(name);
    let (model, image) = (folder.join("skip.onnx"), folder.join("image.png"));
    fs::write(&model, proto::skipping(None)).unwrap();
    let pixels = Array3::from_shape_fn((3, 4, 7), |(c, y, x)| {
        ((c * 31 + y * 7 + x * 3) % 17) as f32 / 16.0
    });
    write_png(&image, &to_rgb(&pixels, Bands::default()).unwrap()).unwrap();
    [model, image, folder.join("out")]
}

#[test]
fn class_activation_maps_are_written_like_every_map() {
    let [model, image, out] = skipping("cam");
    let files = [("--model", &*model), ("--image", &*image), ("--out", &*out)];
    for method in racm::CamMethod::ALL {
        let said = succeeds(&format!("explain --method {method} --target 1,2"), &files);
        assert!(
            said.contains("class 2") && said.contains(method.name()),
            "{said}"
        );
        let map: ndarray::Array4<f32> = npy::read(out.join("map.npy"));
        assert_eq!(map.dim(), (2, 1, 4, 7));
        let report = json(&out.join("report.json"));
        assert_eq!(report["method"], method.name());
        assert_eq!(report["layer"], "joined");
        assert_eq!(report["targets"][0]["class"], 1);
    }
    succeeds("explain --method cam --target 0", &files);
    let map: Array3<f32> = npy::read(out.join("map.npy"));
    assert_eq!(map.dim(), (1, 4, 7));
    for picture in ["panel.png", "overlay.png"] {
        assert!(read_image(out.join(picture)).unwrap().dim().1 >= 4);
    }
    let said = succeeds("layers", &files[..1]);
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].contains("`pooled`") && lines[1].contains("the default"),
        "{said}"
    );
    assert!(lines[2].contains("no cut: `early` gets past it"), "{said}");
}

#[test]
fn masks_are_refined_by_a_class_activation_map() {
    let [model, image, out] = skipping("refine_by_cam");
    let files = [("--model", &*model), ("--image", &*image), ("--out", &*out)];
    let run = "explain --masks 40 --grid 2 --target 1 --keep 0.5 --refine";
    let said = succeeds(
        &format!("{run} grad-cam --layer early --refine-output pooled"),
        &files,
    );
    assert!(said.contains("grad-cam at `early` [n, 3, 4, 7]"), "{said}");
    let by_name: Array3<f32> = npy::read(out.join("map.npy"));
    let region = &json(&out.join("report.json"))["region"];
    assert_eq!(
        (&region["map"], &region["pixels"]),
        (&"grad-cam".into(), &14.into())
    );
    // The same by hand, from the map's file.
    let cam = out.with_file_name("cam");
    let alone = [("--model", &*model), ("--image", &*image), ("--out", &*cam)];
    succeeds("explain --method grad-cam --layer early --target 1", &alone);
    let map = cam.join("map.npy");
    let more = [files[0], files[1], files[2], ("--refine", &*map)];
    let said = succeeds("explain --masks 40 --grid 2 --target 1 --keep 0.5", &more);
    // It is the same run, whose scores are there.
    assert!(said.starts_with("40 masks are in "), "{said}");
    let by_file: Array3<f32> = npy::read(out.join("map.npy"));
    let bits = |map: &Array3<f32>| map.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&by_name), bits(&by_file));

    // A black image has no activations at `early`: its map ranks nothing, which is counted and stops nothing.
    let list = image.parent().unwrap().to_owned();
    let black = to_rgb(&Array3::zeros((3, 4, 7)), Bands::Auto).unwrap();
    write_png(list.join("black.png"), &black).unwrap();
    let out = out.with_file_name("evaluated");
    let more = [("--model", &*model), ("--images", &*list), ("--out", &*out)];
    let table = succeeds(
        "evaluate --masks 16 --grid 2 --steps 4 --methods racm,grad-cam,score-cam --layer early --refine ablation-cam",
        &more,
    );
    for row in ["| grad-cam |", "| score-cam |"] {
        assert!(table.contains(row), "{table}");
    }
    let refined = table
        .lines()
        .find(|line| line.contains("refined to 30 %"))
        .unwrap();
    assert!(refined.contains("(1 undefined)"), "{table}");
    let text = fs::read_to_string(out.join("images.csv")).unwrap();
    assert!(text.contains("the map of ablation-cam is the same everywhere"));
}

/// A score that depends on the rest of the batch is no score of the image: the program says so, and goes on.
#[test]
fn a_model_that_does_not_repeat_its_answers_is_named() {
    let [model, image, out] = skipping("differing");
    fs::write(&model, proto::of_the_batch()).unwrap();
    let files = [("--model", &*model), ("--image", &*image), ("--out", &*out)];
    let warning = "asked again about the same image, the model gave scores ";
    let said = succeeds("explain --masks 100 --grid 2 --target 1", &files);
    assert!(said.contains(&format!("warning: {warning}")), "{said}");
    let report = json(&out.join("report.json"));
    let repeats = &report["repeats"];
    assert_eq!(
        (&repeats["count"], &repeats["agree"]),
        (&1.into(), &false.into())
    );
    assert!(repeats["difference"].as_f64() > repeats["tolerance"].as_f64());
    assert_eq!(report["model_calls"], 101 + 2);
    let parts = out.with_file_name("differing_parts");
    let files = [
        ("--model", &*model),
        ("--image", &*image),
        ("--out", &*parts),
    ];
    let said = succeeds(
        "explain --masks 200 --grid 2 --target 1 --shard 1/1",
        &files,
    );
    assert!(said.contains(&format!("warning: {warning}")), "{said}");

    let list = image.parent().unwrap().to_owned();
    let out = out.with_file_name("evaluated");
    let files = [("--model", &*model), ("--images", &*list), ("--out", &*out)];
    // Once measured, and once read.
    for _ in 0..2 {
        let arguments =
            "evaluate --masks 100 --grid 2 --steps 4 --methods racm,rise --metrics insertion";
        let said = succeeds(arguments, &files);
        let expected = format!("warning: on 1 of 1 image: {warning}");
        assert!(said.contains(&expected), "{said}");
        let table = json(&out.join("table.json"));
        assert_eq!(table["images_with_differing_answers"], 1);
    }
}

#[test]
fn class_activation_maps_refuse_what_they_cannot_do() {
    let [model, image, out] = skipping("bad_cam");
    let files = [("--model", &*model), ("--image", &*image), ("--out", &*out)];
    for (options, expected) in [
        ("--method grad-cam --layer late", "`early` from before it"),
        (
            "--method grad-cam --layer none",
            "last first, it has `pooled`",
        ),
        ("--method grad-cam --target all", "not all"),
        ("--method grad-cam --target 0-1", "not 0-1"),
        (
            "--method grad-cam --quantity rain",
            "--quantity is about random masks",
        ),
        (
            "--refine grad-cam --target 0-1",
            "--refine grad-cam is for one class, --target is 0-1",
        ),
        ("--method grad-cam --target 99", "class 99 was asked for"),
        (
            "--method grad-cam --masks 10",
            "--masks is about random masks",
        ),
        (
            "--method grad-cam --refine-output joined",
            "expected [1, K] scores",
        ),
        (
            "--refine grad-cam --target 0,1",
            "--refine grad-cam is for one class",
        ),
        ("--refine grad-kam", "no class activation map of that name"),
    ] {
        fails(&format!("explain {options}"), &files, expected);
    }
    fails(
        "explain --model demo --method cam",
        &files[2..],
        "the layers of the demo are not known",
    );
    fails(
        "layers --model demo",
        &[],
        "layers are known of ONNX files only",
    );
}

#[test]
fn regressions_and_masks_of_segments() {
    let out = folder("segments");
    let labels = out.join("labels.npy");
    npy::write(
        &labels,
        &Array2::from_shape_fn((96, 96), |(y, x)| (y / 32 * 10 + x / 48) as i32),
    );
    let files = [("--out", &*out), ("--segments", &*labels)];
    for (method, planes) in [("lime", 1), ("kernel-shap", 1), ("rise", 1), ("racm", 3)] {
        succeeds(
            &format!("explain --model demo --masks 300 --method {method} --restart"),
            &files,
        );
        let map: Array3<f32> = npy::read(out.join("map.npy"));
        assert_eq!(map.dim(), (planes, 96, 96));
        // One value a segment.
        assert_eq!(map[[0, 0, 0]], map[[0, 31, 47]]);
        assert_ne!(map[[0, 0, 0]], map[[0, 40, 47]]);
        assert!(out.join("standard_error.npy").is_file());
    }
    // Without a label map: the cells of the grid, 1000 masks, and the mean of a cell behind it.
    succeeds(
        "explain --model demo --method lime --grid 4x6 --restart",
        &files[..1],
    );
    let report = json(&out.join("report.json"));
    assert!(report["masks"].as_u64() <= Some(1000));
    assert_eq!(report["explainer"]["budget"]["calls"], 1000);
    for (key, expected) in [
        ("estimator", Value::from("lime")),
        ("baseline", Value::from("segment-means")),
    ] {
        assert_eq!(report[key], expected, "{key}");
    }
    let map: Array3<f32> = npy::read(out.join("map.npy"));
    assert_eq!(map[[0, 0, 0]], map[[0, 23, 15]]);

    // What was saved is used again: the same segments and masks, behind which another image shows its own means.
    let (report, again) = (out.join("report.json"), out.join("again"));
    assert!(fs::metadata(&report).unwrap().len() < 100_000);
    succeeds(
        "explain --model demo",
        &[("--spec", &*report), ("--out", &*again)],
    );
    let same: Array3<f32> = npy::read(again.join("map.npy"));
    assert_eq!(same, map);
    let other = out.join("other.png");
    write_png(
        &other,
        &to_rgb(&demo::image().mapv(|v| 0.9 - 0.5 * v), Bands::Auto).unwrap(),
    )
    .unwrap();
    let more = [("--image", &*other), ("--out", &*again)];
    let lime = "explain --model demo --method lime --grid 4x6";
    fails(
        lime,
        &more,
        "ledger.racm: the ledger belongs to another image: it has ",
    );
    succeeds(&format!("{lime} --restart"), &more);
    let own: Array3<f32> = npy::read(again.join("map.npy"));
    succeeds(
        "explain --model demo",
        &[("--spec", &*report), more[0], more[1]],
    );
    assert_eq!(npy::read::<f32, ndarray::Ix3>(again.join("map.npy")), own);

    let halves = out.join("halves.npy");
    npy::write(&halves, &Array2::from_elem((96, 96), 0.5f32));
    let bad = [("--out", &*out), ("--segments", &*halves)];
    fails(
        "explain --model demo --method lime",
        &bad,
        "0.5 at [0, 0] is no label",
    );
    for (options, expected) in [
        (
            "--method lime --estimator centred",
            "--estimator says nothing beside lime",
        ),
        (
            "--method lime --placement fixed",
            "--placement says nothing where masks are of segments",
        ),
        ("--method lime --grid 96", "9216 cells times planes"),
        ("--layer late", "--layer is about class activation maps"),
        ("--baseline segment-means", "for masks without segments"),
    ] {
        fails(
            &format!("explain --model demo {options}"),
            &files[..1],
            expected,
        );
    }
    fails(
        "explain --model demo --grid 5",
        &files,
        "--grid says nothing",
    );
    fails(
        "explain --model demo --estimator lime",
        &files[..1],
        "cells that move or have soft edges",
    );

    let (list, _) = images("regressions");
    let out = out.join("evaluated");
    let more = [("--images", &*list), ("--out", &*out)];
    // A folder in which nothing was measured is not held to what was asked for then.
    fails(
        "evaluate --model demo --masks 32 --methods lime --grid 200",
        &more,
        "at most one a pixel",
    );
    let table = succeeds(
        "evaluate --model demo --masks 32,64 --steps 4 --methods rise,lime,kernel-shap --limit 1",
        &more,
    );
    for row in [
        "| rise, N = 64 |",
        "| lime, N = 32 |",
        "| kernel-shap, N = 64 |",
    ] {
        assert!(table.contains(row), "{table}");
    }
}

/// The command given again goes on, or does nothing; other options go on or are refused.
#[test]
fn the_same_command_goes_on() {
    let out = folder("again");
    let explain = "explain --model demo --masks 400 --batch 7";
    succeeds(explain, &[("--out", &out)]);
    let files = ["map.npy", "standard_error.npy", "panel.png", "overlay.png"];
    let read = |out: &Path| files.map(|file| fs::read(out.join(file)).unwrap());
    let first = read(&out);
    let calls = || {
        let report = json(&out.join("report.json"));
        ["model_calls", "masks_from_ledger"].map(|name| report[name].as_u64().unwrap())
    };
    // With the unmasked image, and two images that are asked about again after 200 and 400 masks.
    assert_eq!(calls(), [405, 0]);
    let said = succeeds(explain, &[("--out", &out)]);
    assert!(said.starts_with("400 masks are in "), "{said}");
    assert_eq!(calls(), [0, 400]);
    assert!(read(&out) == first);

    // What was being written when the process was killed, and what nobody wrote.
    let ledger = out.join("ledger.racm");
    let whole = fs::read(&ledger).unwrap();
    fs::write(&ledger, &whole[..whole.len() - 9]).unwrap();
    let said = succeeds(explain, &[("--out", &out)]);
    // The last batch is of 7 masks: 28 bytes of scores and 32 around them.
    assert!(
        said.contains("\n  51 bytes of it are of no whole record"),
        "{said}"
    );
    assert_eq!(calls(), [8, 393]);
    assert!(read(&out) == first);
    let mut damaged = whole.clone();
    let at = damaged.len() - 100;
    damaged[at] ^= 1;
    fs::write(&ledger, &damaged).unwrap();
    fails(
        explain,
        &[("--out", &out)],
        "is damaged; take another --out or --ledger, or begin anew with --restart",
    );
    assert_eq!(fs::read(&ledger).unwrap(), damaged);
    succeeds(&format!("{explain} --restart"), &[("--out", &out)]);
    assert!(calls() == [405, 0] && read(&out) == first);

    // Another estimator, effect and link over the same scores; more masks, and fewer.
    for (more, expected) in [
        ("--estimator self-normalised", [0, 400]),
        ("--effect own", [0, 400]),
        ("--link log", [0, 400]),
        ("--target 0", [0, 400]),
    ] {
        succeeds(&format!("{explain} {more}"), &[("--out", &out)]);
        assert_eq!(calls(), expected, "{more}");
    }
    for (masks, expected) in [(600, [203, 400]), (300, [0, 600]), (400, [0, 600])] {
        succeeds(
            &format!("explain --model demo --masks {masks}"),
            &[("--out", &out)],
        );
        assert_eq!(calls(), expected);
        assert_eq!(json(&out.join("report.json"))["masks"], masks);
    }
    assert!(read(&out) == first);
    for (more, expected) in [
        ("--seed 5", "another seed: it has 0, expected 5"),
        ("--grid 6", "another grid: it has 8 8, expected 6 6"),
        ("--p-pix 0.3", "another P_pix: it has 0.5, expected 0.3"),
        ("--baseline 0.5", "another baseline: it has 0, expected 0.5"),
        (
            "--method rise",
            "another family: it has racm, expected rise",
        ),
        (
            "--target 1",
            "another set of targets: it has [0], expected [1]",
        ),
    ] {
        let expected = format!("ledger.racm: the ledger belongs to {expected}; take another --out");
        fails(&format!("{explain} {more}"), &[("--out", &out)], &expected);
    }
    assert!(read(&out) == first);
    // One ledger for two folders.
    let other = folder("again_elsewhere");
    succeeds(explain, &[("--out", &other), ("--ledger", &ledger)]);
    assert_eq!(read(&other), first);
    assert!(!other.join("ledger.racm").exists());

    // What a pilot found is found in the ledger.
    let piloted = folder("again_pilot");
    let explain = "explain --model demo --masks 64 --p-pix auto";
    let said = succeeds(explain, &[("--out", &piloted)]);
    assert!(said.starts_with("pilot of 1813 model calls"), "{said}");
    let p_pix = json(&piloted.join("report.json"))["p_pix"].clone();
    let said = succeeds(explain, &[("--out", &piloted)]);
    assert!(
        said.contains(&format!("P_pix {p_pix}, as in the ledger")),
        "{said}"
    );
    assert_eq!(json(&piloted.join("report.json"))["model_calls"], 0);
}

/// A model is known by its file's bytes and by how it is fed.
#[test]
fn scores_of_another_model_are_refused() {
    let out = folder("models");
    let (model, picture) = (out.join("toy.onnx"), out.join("toy.png"));
    let bytes = proto::toy(&proto::Fed::open(racm::Layout::Nchw));
    fs::write(&model, &bytes).unwrap();
    write_png(&picture, &to_rgb(&demo::image(), Bands::Auto).unwrap()).unwrap();
    let more = [
        ("--model", &*model),
        ("--image", &*picture),
        ("--out", &*out),
    ];
    let explain = "explain --masks 20";
    succeeds(explain, &more);
    // Elsewhere, and again.
    let moved = out.join("moved.onnx");
    fs::rename(&model, &moved).unwrap();
    let more = [("--model", &*moved), more[1], more[2]];
    succeeds(explain, &more);
    assert_eq!(json(&out.join("report.json"))["model_calls"], 0);
    fails(
        &format!("{explain} --scale 2"),
        &more,
        "another model: it has file of ",
    );
    // A field that no reader knows: the same network in another file.
    let padded = [&bytes[..], &[0xa2, 0x06, 0x01, 0x00]].concat();
    fs::write(&moved, padded).unwrap();
    fails(explain, &more, "another model: it has file of ");
    let ledger = out.join("ledger.racm");
    let merged = out.join("merged");
    let merge = |model: &Path| {
        racm(
            "merge",
            &[
                ("--model", model),
                more[1],
                ("--out", &merged),
                ("--", &ledger),
            ],
        )
    };
    let refused = merge(&moved);
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(
        error.contains("the ledgers belong to another model: it is file of "),
        "{error}"
    );
    fs::write(&moved, &bytes).unwrap();
    assert!(merge(&moved).status.success());
    let map = |out: &Path| fs::read(out.join("map.npy")).unwrap();
    assert_eq!(map(&merged), map(&out));
}

#[test]
fn shards_merge_into_one_map() {
    let (out, whole) = (folder("explain_shards"), folder("shards_whole"));
    let options = "--model demo --masks 1000 --seed 4 --method mc-rise --p-pix 0.3";
    succeeds(
        &format!("explain {options} --estimator self-normalised"),
        &[("--out", &whole)],
    );
    let mut files = Vec::new();
    for k in 1..=4 {
        let said = succeeds(
            &format!("explain {options} --batch {k} --shard {k}/4"),
            &[("--out", &out)],
        );
        assert!(said.contains("racm merge makes the map of all"), "{said}");
        files.push(out.join(format!("ledger-{k}-of-4.racm")));
    }
    // 32 blocks, 8 a shard; the last mask is 999.
    let said = succeeds(
        &format!("explain {options} --shard 4/4"),
        &[("--out", &out)],
    );
    assert!(
        said.starts_with("232 masks are in ") && said.contains("masks 768 to 999 of 1000 are in "),
        "{said}"
    );
    succeeds(
        &format!("explain {options} --blocks 6..10"),
        &[("--out", &out)],
    );
    // What merge has to be told, and a part in which no mask is.
    let none = folder("explain_shards_told");
    for (more, expected) in [
        (
            "--estimator surrogate --link logit:0.001 --shard 2/2",
            "; racm merge --estimator surrogate --link logit:1e-3 makes the map of all",
        ),
        (
            "--estimator surrogate --effect own --blocks 0..1",
            "; racm merge --estimator surrogate --effect own makes the map of all",
        ),
        ("--shard 1/64", "none of the 1000 masks is in this part"),
    ] {
        let said = succeeds(&format!("explain {options} {more}"), &[("--out", &none)]);
        assert!(said.contains(expected), "{said}");
    }
    files.push(out.join("ledger-6-to-10.racm"));
    let left: Vec<_> = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(left.len(), 5, "{left:?}");

    let merged = out.join("merged");
    let merge = |which: &[usize], more: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_racm"));
        command
            .arg("merge")
            .args(which.iter().map(|&i| &files[i]))
            .arg("--out")
            .arg(&merged);
        let output = command.args(more.split_whitespace()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (code, _, error) = merge(&[3, 1, 4], "");
    let expected = "racm: masks 0 to 191, 512 to 767 of 1000 are missing: score them, or make the map of the others with --partial\n";
    assert_eq!((code, &error[..]), (Some(1), expected));
    assert!(!merged.exists());
    let (code, said, _) = merge(&[3, 1, 4], "--partial");
    assert_eq!(code, Some(0));
    assert!(
        said.starts_with("masks 0 to 191, 512 to 767 of 1000 are missing\n"),
        "{said}"
    );
    let report = json(&merged.join("report.json"));
    assert_eq!(
        ["masks", "masks_from_ledger", "model_calls"].map(|name| report[name].as_u64()),
        [Some(552), Some(552), Some(0)]
    );
    assert_eq!(report["finished"], false);
    assert_eq!(
        report["missing_masks"],
        serde_json::json!(["0 to 191", "512 to 767"])
    );
    // The rest comes later; what is in the folder counts.
    let (code, _, error) = merge(&[2, 0], "--estimator self-normalised");
    assert_eq!(code, Some(0), "{error}");
    for file in ["map.npy", "standard_error.npy", "panel.png", "overlay.png"] {
        let read = |out: &Path| fs::read(out.join(file)).unwrap();
        assert_eq!(read(&merged), read(&whole), "{file}");
    }
    assert_eq!(json(&merged.join("report.json"))["finished"], true);
    // The merged ledger is one to go on from.
    succeeds(&format!("explain {options}"), &[("--out", &merged)]);
    let report = json(&merged.join("report.json"));
    assert_eq!(
        (&report["masks_from_ledger"], &report["model_calls"]),
        (&1000.into(), &0.into())
    );
    let (code, _, error) = merge(&[0], "--masks 200");
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(json(&merged.join("report.json"))["masks"], 200);

    // Ledgers of two runs, and files that are none.
    succeeds(
        "explain --model demo --masks 100 --seed 5 --method mc-rise --p-pix 0.3",
        &[("--out", &out)],
    );
    let other = out.join("ledger.racm");
    fails(
        "merge",
        &[("--out", &merged), ("--", &other)],
        "ledger.racm: the ledger belongs to another seed: it has 4, expected 5; take another --out",
    );
    let both = |second: &Path, expected: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_racm"));
        command
            .arg("merge")
            .arg(&files[0])
            .arg(second)
            .arg("--out")
            .arg(out.join("never"));
        let output = command.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.code() == Some(1) && error.contains(expected),
            "{error}"
        );
    };
    both(
        &other,
        "ledger.racm: the ledger belongs to another seed: it has 5, expected 4, as in ",
    );
    both(
        &whole.join("panel.png"),
        "panel.png: not a ledger: it does not begin with RACMLED3",
    );
    both(&out.join("nowhere"), "nowhere: ");
    let picture = out.join("other.png");
    let darker = demo::image().mapv(|v| 0.5 * v);
    write_png(&picture, &to_rgb(&darker, Bands::Auto).unwrap()).unwrap();
    let more = [("--out", &*out), ("--image", &*picture), ("--", &*files[0])];
    fails("merge --partial", &more, "another image: it has ");
    assert!(!out.join("never").exists());
}

/// A region and segments are in the ledger, and so in the map that is merged.
#[test]
fn shards_of_regions_and_segments_merge() {
    let out = folder("shards_region");
    let (saliency, labels) = (out.join("saliency.npy"), out.join("labels.npy"));
    npy::write(
        &saliency,
        &Array2::from_shape_fn((96, 96), |(y, x)| ((y * 13 + x * 7) % 50) as f32),
    );
    npy::write(
        &labels,
        &Array2::from_shape_fn((96, 96), |(y, x)| (y / 20 * 10 + x / 30) as i32),
    );
    for (name, option, file) in [
        ("region", "--refine", &saliency),
        ("segments", "--segments", &labels),
    ] {
        let folders = ["whole", "parts", "merged"].map(|part| out.join(name).join(part));
        let [whole, parts, merged] = &folders;
        let explain = "explain --model demo --masks 320";
        succeeds(explain, &[("--out", whole), (option, file)]);
        for k in [1, 2] {
            succeeds(
                &format!("{explain} --shard {k}/2"),
                &[("--out", parts), (option, file)],
            );
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_racm"));
        let shards = [1, 2].map(|k| parts.join(format!("ledger-{k}-of-2.racm")));
        command.arg("merge").args(shards).arg("--out").arg(merged);
        assert!(command.output().unwrap().status.success());
        let read = |out: &Path| fs::read(out.join("map.npy")).unwrap();
        assert_eq!(read(merged), read(whole), "{name}");
    }
}

#[test]
fn what_is_not_said_is_named() {
    let out = folder("all_classes");
    let said = succeeds(
        "explain --model demo --masks 16 --target all",
        &[("--out", &out)],
    );
    assert!(
        said.contains("and 7 more: report.json has them all"),
        "{said}"
    );
    // One mask makes no map, and the same command would not either.
    let output = racm(
        "explain --model demo --masks 1",
        &[("--out", &folder("one_mask"))],
    );
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("needs at least 2 masks") && !error.contains("goes on"),
        "{error}"
    );
}

/// A signal ends a run in order: its results so far are there, and the status says which signal it was.
#[cfg(target_os = "linux")]
#[test]
fn signals_end_a_run_in_order() {
    let start = |out: &Path, options: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_racm"));
        command.args("explain --model demo --masks 5000000 --batch 4 --out".split(' '));
        command.arg(out).args(options.split_whitespace());
        let pipe = std::process::Stdio::piped;
        command.stdout(pipe()).stderr(pipe()).spawn().unwrap()
    };
    let stop = |child: std::process::Child, signal: &str| {
        let process = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", signal, &process])
                .status()
                .unwrap()
                .success()
        );
        let output = child.wait_with_output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let wait_for = |path: &Path, child: &mut std::process::Child| {
        while fs::metadata(path).map_or(0, |about| about.len()) < 4000 {
            assert!(child.try_wait().unwrap().is_none());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    };
    for (signal, status) in heeded() {
        let out = folder(&format!("signal_{signal}"));
        let mut child = start(&out, "--report");
        wait_for(&out.join("ledger.racm"), &mut child);
        // Nobody else writes here meanwhile.
        fails(
            "explain --model demo --masks 40",
            &[("--out", &out)],
            "another racm is writing into ",
        );
        let (code, error) = stop(child, signal);
        assert_eq!(code, Some(status), "{error}");
        assert!(
            error.starts_with(&format!("racm: stopped by SIG{signal}\n")),
            "{error}"
        );
        assert!(
            error.contains(": the same command goes on from them"),
            "{error}"
        );
        let report = json(&out.join("report.json"));
        assert_eq!(report["stopped_by"], format!("SIG{signal}"));
        assert_eq!(report["finished"], false);
        let page = fs::read_to_string(out.join("report.html")).unwrap();
        assert!(page.contains("The run was stopped before the model was asked for them."));
        let masks = report["masks"].as_u64().unwrap();
        assert!(
            error.contains(&format!("\n{masks} masks are in ")),
            "{error}"
        );
        // It is the map of so many masks.
        let exact = out.join("exact");
        succeeds(
            &format!("explain --model demo --masks {masks}"),
            &[("--out", &exact)],
        );
        assert_eq!(map_of(&out), map_of(&exact));
    }
    let out = folder("signal_shard");
    let mut child = start(&out, "--shard 2/2");
    let ledger = out.join("ledger-2-of-2.racm");
    wait_for(&ledger, &mut child);
    let (code, error) = stop(child, "TERM");
    assert_eq!(code, Some(143), "{error}");
    let ledger = racm::Ledger::read_from(fs::File::open(ledger).unwrap()).unwrap();
    assert!(
        error.contains(&format!("\n{} masks are in ", ledger.masks())),
        "{error}"
    );
}
