//! `--report`: what the page holds, and what it costs. `tests/browser.rs` looks at it.

use super::*;

/// The data of a page.
fn data(folder: &Path) -> Value {
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    let (_, rest) = page
        .split_once("<script type=\"application/json\" id=\"data\">")
        .unwrap();
    let (data, _) = rest.split_once("</script>").unwrap();
    serde_json::from_str(data).unwrap()
}

fn ends(curve: &Value) -> [f64; 2] {
    let scores = curve["y"].as_array().unwrap();
    let at = |i: usize| scores[i].as_f64().unwrap();
    [at(0), at(scores.len() - 1)]
}

#[test]
fn curves_are_measured_once() {
    let out = folder("report_curves");
    let asked = |options: &str| {
        let command = format!("explain --model demo --masks 64 --report {options}");
        succeeds(&command, &[("--out", &out)]).contains("took 202 model calls")
    };
    assert!(asked(""));
    let page = data(&out);
    let curves = &page["targets"][0]["curves"];
    let score = page["report"]["targets"][0]["score"].as_f64().unwrap();
    let [nothing, all] = ends(&curves["insertion"]);
    assert_eq!(ends(&curves["deletion"]), [all, nothing]);
    assert!((all - score).abs() < 1e-6 && nothing < all, "{curves}");
    let area = |name: &str| curves[name]["area"].as_f64().unwrap();
    assert!(area("insertion") > area("deletion"), "{curves}");
    assert!(!asked(""));
    assert_eq!(data(&out)["targets"], page["targets"]);
    // Of another map, of other scores, and of what is no file of curves.
    assert!(asked("--effect own"));
    assert!(asked("--effect own --link logit"));
    for damaged in ["", "{\"of\": 1}", "{\"of\": \"0\", \"curves\": []}"] {
        fs::write(out.join("curves.json"), damaged).unwrap();
        assert!(asked("--effect own --link logit"), "{damaged}");
    }
    // What is not asked for does not stay behind.
    succeeds("explain --model demo --masks 64", &[("--out", &out)]);
    assert!(!out.join("report.html").exists() && !out.join("curves.json").exists());
}

#[test]
fn curves_are_of_what_the_map_is_of() {
    let out = folder("report_sum");
    succeeds(
        "explain --model demo --masks 64 --report --target 0-2*1 --link log",
        &[("--out", &out)],
    );
    let page = data(&out);
    let terms = page["report"]["targets"][0]["sum"].as_array().unwrap();
    let of = |t: &Value, name: &str| t[name].as_f64().unwrap();
    let term = |t: &Value| of(t, "weight") * of(t, "score").max(1e-6).ln();
    let expected: f64 = terms.iter().map(term).sum();
    let [_, all] = ends(&page["targets"][0]["curves"]["insertion"]);
    assert!(
        (all - expected).abs() < 1e-4 * expected.abs(),
        "{all}, {expected}"
    );

    // Regressions hide segments behind their means, and so do their curves.
    succeeds(
        "explain --model demo --masks 64 --report --method lime --restart",
        &[("--out", &out)],
    );
    assert!(data(&out)["targets"][0]["curves"].is_object());
}

#[test]
fn a_merged_run_has_a_page_without_curves() {
    let out = folder("report_merged");
    for part in ["1/2", "2/2"] {
        let command = format!("explain --model demo --masks 320 --shard {part}");
        succeeds(&command, &[("--out", &out)]);
    }
    let parts = [1, 2].map(|k| {
        out.join(format!("ledger-{k}-of-2.racm"))
            .display()
            .to_string()
    });
    let merged = out.join("merged");
    fs::create_dir(&merged).unwrap();
    fs::write(merged.join("curves.json"), "of another map").unwrap();
    let said = succeeds(
        &format!(
            "merge {} {} --report --estimator centred",
            parts[0], parts[1]
        ),
        &[("--out", &merged)],
    );
    assert!(said.contains("report.html"), "{said}");
    assert!(!merged.join("curves.json").exists());
    let page = data(&merged);
    assert_eq!(page["targets"][0]["curves"], Value::Null);
    let why = page["without_curves"].as_str().unwrap();
    assert!(why.contains("racm merge has no model"), "{why}");
    assert_eq!(page["targets"][0]["parts"]["count"], 10);
    let command = page["command"].as_str().unwrap();
    assert!(command.starts_with("racm merge "), "{command}");
}

#[test]
fn a_page_of_a_large_map_has_a_part_of_it() {
    let out = folder("report_large");
    let (model, image) = (out.join("means.onnx"), out.join("image.npy"));
    fs::write(&model, proto::means(3, None)).unwrap();
    npy::write(
        &image,
        &Array3::from_shape_fn((3, 900, 1001), |(c, y, x)| (c * y + x) as f32),
    );
    succeeds(
        "explain --masks 32 --batch 8 --report",
        &[("--out", &out), ("--model", &model), ("--image", &image)],
    );
    let page = data(&out);
    assert_eq!(page["step"], serde_json::json!([2, 2]));
    assert_eq!(page["shown"], serde_json::json!([450, 500]));
    let codes = page["targets"][0]["map"]["codes"].as_str().unwrap();
    // Two bytes a number, and four letters for three bytes.
    assert_eq!(codes.len(), (3 * 450 * 500 * 2_usize).div_ceil(3) * 4);
    let larger = fs::metadata(out.join("report.html")).unwrap().len();
    assert!(larger < 12_000_000, "{larger} bytes");
}

#[test]
fn a_class_activation_map_has_no_page() {
    let out = folder("report_cam");
    let (model, picture) = (out.join("toy.onnx"), out.join("toy.png"));
    fs::write(&model, proto::toy(&proto::Fed::open(racm::Layout::Nchw))).unwrap();
    write_png(&picture, &to_rgb(&demo::image(), Bands::Auto).unwrap()).unwrap();
    fails(
        "explain --method grad-cam --report",
        &[("--out", &out), ("--model", &model), ("--image", &picture)],
        "--report is about random masks",
    );
    // Nor does that of another map stay.
    let [model, picture, out] = skipping("report_cam_after");
    fs::create_dir(&out).unwrap();
    for file in ["report.html", "curves.json"] {
        fs::write(out.join(file), "of another map").unwrap();
    }
    succeeds(
        "explain --method grad-cam --layer early",
        &[("--out", &out), ("--model", &model), ("--image", &picture)],
    );
    assert!(!out.join("report.html").exists() && !out.join("curves.json").exists());
}

#[test]
fn a_page_says_why_there_are_no_curves() {
    let out = folder("report_without_curves");
    let (model, picture) = (out.join("log.onnx"), out.join("sign.png"));
    let nodes = [
        proto::node("GlobalAveragePool", "image", "pooled", &[]),
        proto::node("Flatten", "pooled", "means", &proto::int("axis", 1)),
        // Of an image that shows nothing it is infinite.
        proto::node("Log", "means", "score", &[]),
    ];
    let image = proto::value("image", proto::FLOAT, &[None, Some(3), Some(96), Some(96)]);
    let score = proto::value("score", proto::FLOAT, &[None, Some(3)]);
    fs::write(&model, proto::model(&nodes, image, &[score])).unwrap();
    write_png(&picture, &to_rgb(&demo::image(), Bands::Auto).unwrap()).unwrap();
    let said = succeeds(
        "explain --masks 64 --method rise --report",
        &[("--out", &out), ("--model", &model), ("--image", &picture)],
    );
    assert!(
        said.contains("warning: the report has no Insertion"),
        "{said}"
    );
    let page = data(&out);
    let why = page["without_curves"].as_str().unwrap();
    assert!(why.starts_with("They could not be measured: "), "{why}");
    assert!(!out.join("curves.json").exists());
}
