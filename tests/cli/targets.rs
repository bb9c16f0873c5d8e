//! `--target A-B`, and what the scores are called.

use super::*;

/// Names of a test's own: those of the demo are its own matter.
fn labels(folder: &Path, names: [&str; 3]) -> PathBuf {
    let path = folder.join("labels.txt");
    fs::write(&path, names.join("\n")).unwrap();
    path
}

fn read(folder: &Path, file: &str) -> Vec<u8> {
    fs::read(folder.join(file)).unwrap()
}

#[test]
fn why_one_class_rather_than_another() {
    let out = folder("rather");
    let names = labels(&out, ["alpha", "beta", "gamma"]);
    let to = [("--labels", &*names), ("--out", &*out)];
    let said = succeeds("explain --model demo --masks 300 --target 0-2", &to);
    let report = json(&out.join("report.json"));
    assert_eq!(report["target"], "0-2");
    let [target] = &report["targets"].as_array().unwrap()[..] else {
        panic!("{report}");
    };
    assert_eq!(target["name"], "alpha rather than gamma");
    let of = |i: usize, entry: &str| target["sum"][i][entry].as_f64().unwrap();
    assert_eq!((of(0, "class"), of(1, "class")), (0.0, 2.0));
    assert_eq!((of(0, "weight"), of(1, "weight")), (1.0, -1.0));
    let (a, b) = (of(0, "score"), of(1, "score"));
    assert_eq!(target["score"].as_f64(), Some(a - b));
    let line = said
        .lines()
        .find(|l| l.starts_with("alpha rather than gamma, score "));
    let scores = line.unwrap().rsplit("score ").next().unwrap().split(" - ");
    let scores: Vec<f64> = scores.map(|s| s.parse().unwrap()).collect();
    let near = |said: f64, score: f64| (said - score).abs() <= 1e-3 * score;
    assert!(near(scores[0], a) && near(scores[1], b), "{said}");
    let map: Array3<f32> = npy::read(out.join("map.npy"));
    assert_eq!(map.dim(), (3, 96, 96));
    // The scores are those of both classes: any question about them goes on from there.
    for (target, expected) in [
        ("0,2", "class 2 (gamma), score "),
        ("0.5*0-2*2", "0.5 x alpha - 2 x gamma, score 0.5 x "),
    ] {
        let said = succeeds(
            &format!("explain --model demo --masks 300 --target {target}"),
            &to,
        );
        assert!(said.contains(expected), "{said}");
        let report = json(&out.join("report.json"));
        assert_eq!(report["model_calls"], 0, "{target}");
    }
    // Where names do not tell classes apart, numbers do.
    let out = folder("rather_alike");
    let names = labels(&out, ["alpha", "beta", "alpha"]);
    let to = [("--labels", &*names), ("--out", &*out)];
    let said = succeeds("explain --model demo --masks 20 --target 0-2", &to);
    let expected = "class 0 (alpha) rather than class 2 (alpha), score ";
    assert!(said.contains(expected), "{said}");
}

/// The rule of the budget is about the difference, and a run by rank that is done is not begun again.
#[test]
fn why_the_top_class_rather_than_the_next() {
    let out = folder("rather_next");
    let arguments = "explain --model demo --target top-next --calls 4000 --until 0.8";
    let said = succeeds(arguments, &[("--out", &out)]);
    let report = json(&out.join("report.json"));
    assert!(report["certainty"].as_f64() >= Some(0.8), "{said}");
    assert_eq!(report["stopped_by"], "Certainty");
    let map = read(&out, "map.npy");
    let sum = &report["targets"][0]["sum"];
    assert!(sum[0]["score"].as_f64() >= sum[1]["score"].as_f64());
    succeeds(arguments, &[("--out", &out)]);
    assert_eq!(json(&out.join("report.json"))["model_calls"], 0);
    assert_eq!(read(&out, "map.npy"), map);
}

#[test]
fn shards_of_a_difference_merge_into_its_map() {
    let (parts, whole, merged) = (
        folder("rather_parts"),
        folder("rather_whole"),
        folder("rather_merged"),
    );
    let options = "explain --model demo --masks 320 --link log --estimator surrogate";
    succeeds(&format!("{options} --target 1-0"), &[("--out", &whole)]);
    for (target, printed) in [
        (
            "1-0",
            "--target 1-0 --estimator surrogate --link log:1e-6 makes",
        ),
        ("1-2*0", "--target '1-2*0' --estimator"),
    ] {
        for k in 1..=2 {
            let said = succeeds(
                &format!("{options} --target {target} --shard {k}/2"),
                &[("--out", &parts)],
            );
            assert!(said.contains(printed), "{said}");
        }
    }
    let ledgers = [1, 2].map(|k| parts.join(format!("ledger-{k}-of-2.racm")));
    let merge = format!(
        "merge {} {} --link log --estimator surrogate",
        ledgers[0].display(),
        ledgers[1].display()
    );
    succeeds(&format!("{merge} --target 1-0"), &[("--out", &merged)]);
    for file in ["map.npy", "standard_error.npy"] {
        assert_eq!(read(&merged, file), read(&whole, file), "{file}");
    }
    // Without a target: a map each.
    succeeds(&merge, &[("--out", &merged)]);
    let maps: ndarray::Array4<f32> = npy::read(merged.join("map.npy"));
    assert_eq!(maps.dim(), (2, 3, 96, 96));
    for (target, expected) in [
        (
            "1-2",
            "target is 1-2, expected classes whose scores are in the ledger: 1,0",
        ),
        ("1000", "class 1000 was asked for"),
    ] {
        fails(
            &format!("{merge} --target {target}"),
            &[("--out", &merged)],
            expected,
        );
    }
}

#[test]
fn differences_that_cannot_be_are_refused() {
    let out = folder("rather_refused");
    for (target, expected) in [
        ("0-1000", "class 1000 was asked for, the model has "),
        ("1e308*0+1e308*1", "which is inf for an image of the run"),
    ] {
        fails(
            &format!("explain --model demo --masks 20 --target {target}"),
            &[("--out", &out)],
            expected,
        );
    }
    for (target, expected) in [
        ("0-0", "target is 0-0, expected different classes"),
        ("0-", "or a difference A-B"),
    ] {
        let output = racm(
            &format!("explain --model demo --target {target}"),
            &[("--out", &out)],
        );
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

/// `score` [n, 1], the mean of each image, by way of `early`.
fn of_one_output() -> Vec<u8> {
    let mean = [proto::ints("axes", &[1]), proto::int("keepdims", 1)].concat();
    let nodes = [
        proto::node("Relu", "image", "early", &[]),
        proto::node("GlobalAveragePool", "early", "pooled", &[]),
        proto::node("Flatten", "pooled", "means", &proto::int("axis", 1)),
        proto::node("ReduceMean", "means", "score", &mean),
    ];
    let image = [None, Some(3), Some(4), Some(7)];
    let score = proto::value("score", proto::FLOAT, &[None, Some(1)]);
    proto::model(
        &nodes,
        proto::value("image", proto::FLOAT, &image),
        &[score],
    )
}

/// A model of one output has no classes to be numbered, and its score may have a unit.
#[test]
fn one_output_and_its_unit() {
    let [model, image, out] = skipping("one_output");
    fs::write(&model, of_one_output()).unwrap();
    let files = [("--model", &*model), ("--image", &*image), ("--out", &*out)];
    let said = succeeds("explain --masks 64 --grid 2", &files);
    assert!(said.starts_with("score 0."), "{said}");
    let plain = read(&out, "panel.png");
    let rain = [&files[..], &[("--quantity", Path::new("rain, mm/h"))]].concat();
    let said = succeeds("explain --masks 64 --grid 2", &rain);
    assert!(said.contains("\nrain, mm/h: 0."), "{said}");
    assert_eq!(json(&out.join("report.json"))["quantity"], "rain, mm/h");
    assert_ne!(read(&out, "panel.png"), plain);
    let log = read(&out, "panel.png");
    succeeds("explain --masks 64 --grid 2 --link log", &rain);
    assert_ne!(read(&out, "panel.png"), log);
    let said = succeeds("explain --method grad-cam --layer early", &files);
    assert!(said.starts_with("score 0."), "{said}");
    for wrong in ["", "  ", "a\u{7}b", &"long".repeat(20)] {
        let bad = [&files[..], &[("--quantity", Path::new(wrong))]].concat();
        let output = racm("explain --masks 64", &bad);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {error}");
        assert!(error.contains("expected 1 to 60 characters"), "{error}");
    }
}
