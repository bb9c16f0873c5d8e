//! `--channel-file`: what a file says of each channel.

use std::fs;
use std::path::Path;

use ndarray::s;
use serde_json::json;

use super::files::{EXPLAIN, assert_close, bands, folder_of_bands, means, room, scores};
use super::{fails, folder, json, npy, proto, succeeds};

#[test]
fn a_file_says_of_each_channel_what_the_model_wants() {
    let (root, model) = room("files_channels");
    let image = root.join("bands");
    folder_of_bands(&image, &bands());
    let channels = root.join("channels.csv");
    let text = "name,scale,mean,std,baseline\nB02,1,0,1,0\nB03,2,10,2,100\nB04,-1,0,4,200\nB08,0.5,1,1,300\n";
    fs::write(&channels, text).unwrap();
    let run = |channels: &Path, options: &str, name: &str| {
        let out = root.join(name);
        let more = [
            ("--model", &*model),
            ("--image", &*image),
            ("--channel-file", channels),
            ("--out", &*out),
        ];
        succeeds(&format!("{EXPLAIN} {options}"), &more);
        out
    };
    let out = run(&channels, "", "all");
    let m = means(&bands());
    let expected = [
        m[0],
        (2.0 * m[1] - 10.0) / 2.0,
        -m[2] / 4.0,
        0.5 * m[3] - 1.0,
    ];
    assert_close(&scores(&out), &expected, "channels.csv");
    let report = json(&out.join("report.json"));
    assert_eq!(report["baseline"], "0,100,200,300");
    assert_eq!(report["channels"], json!(["B02", "B03", "B04", "B08"]));
    // The same by options.
    let some = root.join("some.csv");
    fs::write(&some, "name\nblue\ngreen\nred\nnear infrared\n").unwrap();
    let options = "--scale 1,2,-1,0.5 --mean 0,10,0,1 --std 1,2,4,1 --baseline 0,100,200,300";
    let by_options = run(&some, options, "options");
    let map = |out: &Path| fs::read(out.join("map.npy")).unwrap();
    assert_eq!(map(&by_options), map(&out));
    let named = json(&by_options.join("report.json"))["channels"].clone();
    assert_eq!(named, json!(["blue", "green", "red", "near infrared"]));

    let out = root.join("never");
    for (text, options, expected) in [
        (
            "mean\n1\n2\n",
            "",
            "wrong.csv: mean is for 2 channels, expected for the 4",
        ),
        (
            "baseline\n1\n2\n",
            "",
            "wrong.csv: it has 2 channels, expected the 4 of the image",
        ),
        (
            "name\nB03\nB02\nB04\nB08\n",
            "",
            "channel 0 is \"B03\" here, and \"B02\" in the image",
        ),
        (
            "mean\n1\n2\n3\n4\n",
            "--mean 3",
            "wrong.csv: it has a column mean, expected none beside --mean",
        ),
        (
            "baseline\n1\n2\n3\n4\n",
            "--baseline 3",
            "it has a column baseline, expected none beside --baseline",
        ),
        (
            "mean\n1\n2\nx\n4\n",
            "",
            "wrong.csv: line 4, column mean: \"x\", expected a finite number",
        ),
    ] {
        let wrong = root.join("wrong.csv");
        fs::write(&wrong, text).unwrap();
        let more = [
            ("--model", &*model),
            ("--image", &*image),
            ("--channel-file", &*wrong),
            ("--out", &*out),
        ];
        fails(&format!("{EXPLAIN} {options}"), &more, expected);
    }
}

/// The file has the order of the image, `--mean` that of the model.
#[test]
fn the_file_about_channels_has_the_order_of_the_image() {
    let root = folder("files_bgr");
    let (model, image, channels) = (
        root.join("m.onnx"),
        root.join("rgb.npy"),
        root.join("c.csv"),
    );
    fs::write(&model, proto::means(3, None)).unwrap();
    let rgb = bands().slice(s![..3, .., ..]).to_owned();
    npy::write(&image, &rgb);
    fs::write(&channels, "mean,baseline\n1,7\n2,8\n3,9\n").unwrap();
    let out = root.join("out");
    let more = [
        ("--model", &*model),
        ("--image", &*image),
        ("--channel-file", &*channels),
        ("--out", &*out),
    ];
    succeeds(&format!("{EXPLAIN} --channel-order bgr"), &more);
    let m = means(&rgb);
    assert_close(&scores(&out), &[m[2] - 3.0, m[1] - 2.0, m[0] - 1.0], "bgr");
    assert_eq!(json(&out.join("report.json"))["baseline"], "7,8,9");
}
