//! `--preset`, and what is said of a model that seems to be fed otherwise than it was trained.

use super::*;
use crate::data::data;

const PIXELS: u64 = 3 * 4 * 7;

/// A classifier that is sure of an image of bytes, and of no other: the softmax of all pixels.
fn of_bytes(name: &str, softmax: bool) -> [PathBuf; 3] {
    let folder = folder(name);
    let (model, image) = (folder.join("bytes.onnx"), folder.join("image.png"));
    let flat = proto::node("Flatten", "image", "pixels", &proto::int("axis", 1));
    let nodes = match softmax {
        true => vec![flat, proto::node("Softmax", "pixels", "scores", &[])],
        false => vec![flat, proto::node("Identity", "pixels", "scores", &[])],
    };
    let sides = [None, Some(3), Some(4), Some(7)];
    let input = proto::value("image", proto::FLOAT, &sides);
    let scores = proto::value("scores", proto::FLOAT, &[None, Some(PIXELS)]);
    fs::write(&model, proto::model(&nodes, input, &[scores])).unwrap();
    let pixel = |(c, y, x): (usize, usize, usize)| if (c, y, x) == (1, 2, 3) { 1.0 } else { 0.5 };
    let pixels = Array3::from_shape_fn((3, 4, 7), pixel);
    write_png(&image, &to_rgb(&pixels, Bands::default()).unwrap()).unwrap();
    [model, image, folder.join("out")]
}

const EXPLAIN: &str = "explain --masks 32 --grid 2";

#[test]
fn a_preset_is_the_options_that_it_stands_for() {
    let [model, image, out] = skipping("preset");
    let files = [("--model", &*model), ("--image", &*image), ("--out", &*out)];
    for (preset, options) in [
        (
            "imagenet",
            "--mean 0.485,0.456,0.406 --std 0.229,0.224,0.225",
        ),
        (
            "clip",
            "--mean 0.48145466,0.4578275,0.40821073 --std 0.26862954,0.26130258,0.27577711",
        ),
        ("yolo-cls", ""),
        ("0-1", ""),
        ("-1-1", "--mean 0.5 --std 0.5"),
        ("0-255", "--scale 255"),
        ("keras-tf --layout nchw", "--mean 0.5 --std 0.5"),
        (
            "keras-caffe --layout nchw",
            "--channel-order bgr --scale 255 --mean 103.939,116.779,123.68",
        ),
        (
            "keras-caffe --layout nchw --channel-order rgb --mean 0",
            "--scale 255 --mean 0",
        ),
        ("imagenet --std 1", "--mean 0.485,0.456,0.406 --std 1"),
        // The numbers go with their channels.
        (
            "imagenet --channel-order bgr",
            "--channel-order bgr --mean 0.406,0.456,0.485 --std 0.225,0.224,0.229",
        ),
        (
            "keras-caffe --layout nchw --channel-order rgb",
            "--scale 255 --mean 123.68,116.779,103.939",
        ),
    ] {
        succeeds(&format!("{EXPLAIN} --restart --preset {preset}"), &files);
        let map = fs::read(out.join("map.npy")).unwrap();
        succeeds(&format!("{EXPLAIN} {options}"), &files);
        let report = json(&out.join("report.json"));
        assert_eq!(report["model_calls"], 0, "{preset}");
        assert_eq!(fs::read(out.join("map.npy")).unwrap(), map, "{preset}");
    }
    // An evaluation goes on, too.
    let images = out.with_file_name("list.csv");
    fs::write(&images, "file\nimage.png\n").unwrap();
    let out_too = out.with_file_name("evaluated");
    let files_too = [
        ("--model", &*model),
        ("--images", &*images),
        ("--out", &*out_too),
    ];
    let evaluate = "evaluate --methods racm --masks 20 --grid 2 --metrics gini";
    succeeds(&format!("{evaluate} --preset -1-1"), &files_too);
    let record = fs::read(out_too.join("images/image.png.json")).unwrap();
    succeeds(&format!("{evaluate} --mean 0.5 --std 0.5"), &files_too);
    // Seconds are in it: nothing was measured again.
    assert_eq!(
        fs::read(out_too.join("images/image.png.json")).unwrap(),
        record
    );
    // Another preset is another model.
    fails(
        &format!("{EXPLAIN} --preset imagenet"),
        &files,
        "belongs to another model",
    );
    fails(
        &format!("{EXPLAIN} --restart --preset keras-tf"),
        &files,
        "try --layout nchw",
    );
}

#[test]
fn a_model_that_is_fed_otherwise_is_warned_of() {
    let [model, image, out] = of_bytes("fed", true);
    let files = [("--model", &*model), ("--image", &*image), ("--out", &*out)];
    let said = succeeds(EXPLAIN, &files);
    let warning = "warning: the highest score of the unmasked image is only 0.0";
    assert!(said.contains(warning), "{said}");
    assert!(
        said.contains("--preset 0-255 makes it 1.0, of class 45"),
        "{said}"
    );
    assert!(said.contains(" (keras-caffe nearly so: "), "{said}");
    // What was tried is not the run's.
    let report = json(&out.join("report.json"));
    assert_eq!(report["model_calls"], 32 + 1);
    // A run that is done asks no more, and one that goes on asks about the image first.
    let said = succeeds(EXPLAIN, &files);
    assert!(!said.contains("warning"), "{said}");
    // What its report asks begins with another image.
    let said = succeeds(&format!("{EXPLAIN} --report --batch 1"), &files);
    assert!(said.contains("took") && !said.contains("warning"), "{said}");
    let said = succeeds("explain --masks 64 --grid 2 --batch 1", &files);
    assert_eq!(said.matches(warning).count(), 1, "{said}");
    assert_eq!(json(&out.join("report.json"))["masks_from_ledger"], 32);
    let said = succeeds(&format!("{EXPLAIN} --restart --preset 0-255"), &files);
    assert!(!said.contains("warning"), "{said}");
    let said = succeeds(
        &format!("{EXPLAIN} --restart --mean 0.5 --preset clip"),
        &files,
    );
    assert!(
        said.contains("--preset 0-255 in its place makes it 1.0"),
        "{said}"
    );
    let said = succeeds(&format!("{EXPLAIN} --restart --mean 0.5"), &files);
    assert!(
        said.contains("--preset 0-255 in place of --mean makes"),
        "{said}"
    );
    // In another space the model sees RGB, too.
    let said = succeeds(&format!("{EXPLAIN} --restart --space hsv"), &files);
    assert!(said.contains("--preset 0-255 makes it 1.0"), "{said}");
}

/// Numbers are scores of classes if there is a name for each.
#[test]
fn scores_that_are_no_probabilities_are_none_of_classes_without_names() {
    let [model, image, out] = of_bytes("fed_logits", false);
    let files = [("--model", &*model), ("--image", &*image), ("--out", &*out)];
    let said = succeeds(&format!("{EXPLAIN} --mean 1"), &files);
    assert!(!said.contains("warning"), "{said}");
    let labels = out.join("labels.txt");
    let names: Vec<String> = (0..PIXELS).map(|k| format!("pixel {k}")).collect();
    fs::write(&labels, names.join("\n")).unwrap();
    let named = [&files[..], &[("--labels", &*labels)]].concat();
    let said = succeeds(&format!("{EXPLAIN} --restart --mean 1"), &named);
    assert!(
        said.contains("makes it 1.0, of class 45 (pixel 45)"),
        "{said}"
    );
    // A regression of a few numbers, and what is no picture.
    let said = succeeds(
        EXPLAIN,
        &[
            ("--model", &*skipping("fed_regression")[0]),
            ("--image", &*image),
            ("--out", &*out.join("regression")),
        ],
    );
    assert!(!said.contains("warning"), "{said}");
    let [model, _, out] = of_bytes("fed_numbers", true);
    let numbers = out.with_extension("npy");
    npy::write(&numbers, &Array3::from_elem((3, 4, 7), 0.25_f32));
    let files = [
        ("--model", &*model),
        ("--image", &*numbers),
        ("--out", &*out),
    ];
    let said = succeeds(&format!("{EXPLAIN} --baseline 1"), &files);
    assert!(!said.contains("warning"), "{said}");
}

/// Of an image that is far too bright for it, a network may be sure whatever it shows.
#[test]
fn a_preset_that_makes_a_model_sure_of_anything_is_not_named() {
    let [model, image, out] = of_bytes("fed_anything", true);
    let two = |node: Vec<u8>, first: &[u8]| [proto::bytes(1, first), node].concat();
    let mean = [proto::ints("axes", &[2, 3]), proto::int("keepdims", 0)].concat();
    let nodes = [
        proto::node("ReduceMean", "image", "means", &mean),
        two(proto::node("Sub", "means", "zeros", &[]), b"means"),
        two(
            proto::node("Concat", "zeros", "six", &proto::int("axis", 1)),
            b"means",
        ),
        proto::node("Softmax", "six", "scores", &[]),
    ];
    let input = proto::value("image", proto::FLOAT, &[None, Some(3), Some(4), Some(7)]);
    let scores = proto::value("scores", proto::FLOAT, &[None, Some(6)]);
    fs::write(&model, proto::model(&nodes, input, &[scores])).unwrap();
    let pixels = Array3::from_shape_fn((3, 4, 7), |(c, y, _)| {
        0.3 + 0.1 * ((c + y) % 4) as f32 + 0.1 * c as f32
    });
    write_png(&image, &to_rgb(&pixels, Bands::default()).unwrap()).unwrap();
    let files = [("--model", &*model), ("--image", &*image), ("--out", &*out)];
    let said = succeeds(EXPLAIN, &files);
    assert!(
        said.contains("class 2, score 0.2") && !said.contains("warning"),
        "{said}"
    );
    let said = succeeds(&format!("{EXPLAIN} --restart --preset 0-255"), &files);
    assert!(said.contains("class 2, score 1.000"), "{said}");
}

#[test]
fn a_mean_of_another_range_is_warned_of() {
    let [model, image, out] = skipping("fed_range");
    let bytes = out.with_extension("npy");
    let values = Array3::from_shape_fn((3, 4, 7), |(c, y, x)| (60 * c + 9 * y + x) as f32);
    npy::write(&bytes, &values);
    for (image, options, expected) in [
        (
            &bytes,
            "--preset imagenet",
            "--scale 0.003921569 takes bytes there",
        ),
        (&image, "--preset imagenet --scale 255", "leave --scale out"),
        (
            &image,
            "--preset keras-caffe --layout nchw --scale 1",
            "--scale 255 takes it there",
        ),
    ] {
        let files = [
            ("--model", &*model),
            ("--image", &**image),
            ("--out", &*out),
        ];
        let said = succeeds(&format!("{EXPLAIN} --restart {options}"), &files);
        assert!(
            said.contains("warning: the mean, ") && said.contains(expected),
            "{said}"
        );
    }
    for (image, options) in [
        (&bytes, "--preset imagenet --scale 0.003921569"),
        (&image, "--preset imagenet"),
        (&image, "--preset keras-caffe --layout nchw"),
        (&bytes, "--mean 100 --std 50"),
        (&bytes, ""),
    ] {
        let files = [
            ("--model", &*model),
            ("--image", &**image),
            ("--out", &*out),
        ];
        let said = succeeds(&format!("{EXPLAIN} --restart {options}"), &files);
        assert!(!said.contains("warning"), "{options}: {said}");
    }
}

/// A real classifier of images in [0, 1], which is fed by the preset of another.
#[test]
fn a_real_model_says_how_it_wants_its_picture() {
    let Some(data) = data(&["mobilenet_v2.onnx", "photos.csv"]) else {
        return;
    };
    let (model, out) = (data.join("mobilenet_v2.onnx"), folder("fed_photo"));
    let list = fs::read_to_string(data.join("photos.csv")).unwrap();
    for photo in list
        .lines()
        .skip(1)
        .filter_map(|l| l.split(',').next())
        .take(5)
    {
        let photo = data.join("photos").join(photo);
        let files = [("--model", &*model), ("--image", &*photo), ("--out", &*out)];
        let explain = |preset: &str| {
            let arguments = format!("explain --masks 2 --restart --preset {preset}");
            let said = succeeds(&arguments, &files);
            let report = json(&out.join("report.json"));
            (said, report["targets"][0]["score"].as_f64().unwrap())
        };
        let (said, right) = explain("0-1");
        assert!(right < 0.5 || !said.contains("warning"), "{said}");
        let (said, wrong) = explain("imagenet");
        if wrong < 0.5 && right >= 1.5 * wrong && right >= wrong + 0.2 {
            let better = said.split(" in its place makes it ").nth(1).unwrap();
            let better = better.split(',').next().unwrap();
            assert!(better.parse::<f64>().unwrap() >= right - 0.01, "{said}");
        }
    }
}
