//! `racm explain --channels` and `--groups`: planes by name.

use super::*;

const DEMO: &str = "explain --model demo --masks 64";

fn planes(folder: &Path) -> Value {
    json(&folder.join("report.json"))["planes"].clone()
}

#[test]
fn planes_are_named_everywhere_and_names_change_no_mask() {
    let (plain, out) = (folder("channels_plain"), folder("channels_named"));
    succeeds(DEMO, &[("--out", &plain)]);
    let said = succeeds(&format!("{DEMO} --channels r,leaf,sky"), &[("--out", &out)]);
    assert!(
        ["r", "leaf", "sky"].iter().all(|name| said.contains(name)),
        "{said}"
    );
    assert_eq!(planes(&out), serde_json::json!(["r", "leaf", "sky"]));
    let read = |folder: &Path, file: &str| fs::read(folder.join(file)).unwrap();
    assert!(read(&out, "map.npy") == read(&plain, "map.npy"));
    assert!(read(&out, "panel.png") != read(&plain, "panel.png"));
    // The scores are those of other names, and of none.
    let said = succeeds(&format!("{DEMO} --channels a,b,c"), &[("--out", &plain)]);
    assert!(said.contains("64 masks are in"), "{said}");
    assert_eq!(planes(&plain), serde_json::json!(["a", "b", "c"]));
    // A saved explainer keeps them.
    let (spec, again) = (out.join("report.json"), folder("channels_again"));
    succeeds(DEMO, &[("--out", &again), ("--spec", &spec)]);
    assert_eq!(planes(&again), planes(&out));
}

#[test]
fn groups_are_one_plane_also_of_another_space() {
    for (options, names) in [
        ("--channels r,rest=g+b", ["r", "rest"]),
        ("--groups red+blue", ["red+blue", "green"]),
        ("--channels r,g,b --groups x=0+2", ["x", "g"]),
        (
            "--space hsv --groups colour=hue+saturation",
            ["colour", "value"],
        ),
    ] {
        let out = folder("channels_groups");
        succeeds(&format!("{DEMO} {options}"), &[("--out", &out)]);
        assert_eq!(planes(&out), serde_json::json!(names));
        let map: Array3<f32> = npy::read(out.join("map.npy"));
        assert_eq!(map.dim(), (2, 96, 96));
    }
}

#[test]
fn shards_of_named_channels_merge_with_their_names() {
    for (at, options) in ["--channels r,g,b", "--groups x=red+blue"]
        .iter()
        .enumerate()
    {
        let whole = folder(&format!("channels_whole_{at}"));
        let parts = folder(&format!("channels_parts_{at}"));
        succeeds(&format!("{DEMO} {options}"), &[("--out", &whole)]);
        for part in 1..=2 {
            let arguments = format!("{DEMO} {options} --shard {part}/2");
            succeeds(&arguments, &[("--out", &parts)]);
        }
        let ledgers = [1, 2].map(|k| parts.join(format!("ledger-{k}-of-2.racm")));
        let ledgers = ledgers.map(|path| path.display().to_string()).join(" ");
        succeeds(&format!("merge {ledgers}"), &[("--out", &parts)]);
        assert_eq!(planes(&parts), planes(&whole));
        for file in ["map.npy", "panel.png"] {
            let [a, b] = [&parts, &whole].map(|folder| fs::read(folder.join(file)).unwrap());
            assert!(a == b, "{file}");
        }
    }
}

#[test]
fn names_that_fit_nothing_are_refused() {
    let out = folder("channels_refused");
    let picture = out.join("four.png");
    write_png(&picture, &to_rgb(&demo::image(), Bands::Auto).unwrap()).unwrap();
    let to = [("--out", &*out), ("--image", &*picture)];
    for (options, expected) in [
        (
            "--channels a,b",
            "four.png: channels is 2 names (a, b), expected 3",
        ),
        (
            "--channels a,b,c+d",
            "four.png: channels is 4 names (a, b, c, d), expected 3",
        ),
        (
            "--channels red+blue,green",
            "`blue` for channel 1, which is green in a picture",
        ),
        (
            "--channels a,b,c --groups a+w",
            "four.png: groups is `w`, expected a channel of a, b, c",
        ),
        ("--channels a,x=b,x=c", "four.png: groups is two groups `x`"),
        (
            "--channels a+b,c --groups b+c",
            "channel `b` in `a+b` and in `b+c`",
        ),
        (
            "--groups red+blue --method rise",
            "rise has one plane for all channels",
        ),
        (
            "--channels a,b,c --method mc-rise",
            "mc-rise has 7 planes that are no channels",
        ),
        (
            "--groups red+blue --method lime",
            "--groups is about the planes of racm",
        ),
        (
            "--groups red+blue --method grad-cam",
            "--groups is about random masks",
        ),
        (
            "--channels a,b,c --space lab",
            "--space lab has names of its own",
        ),
    ] {
        fails(&format!("{DEMO} {options}"), &to, expected);
    }
    for list in ["a,,c", "a,b,a", "a,x="] {
        let output = racm(&format!("{DEMO} --channels {list}"), &to);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(
            error.contains("channels is ") && error.contains("expected "),
            "{error}"
        );
    }
}

#[test]
fn what_each_plane_carries_is_said_drawn_and_sorted() {
    let (out, sorted) = (folder("channels_carried"), folder("channels_sorted"));
    let run = "explain --model demo --masks 1000 --channels sky,rose,leaf";
    let said = succeeds(run, &[("--out", &out)]);
    let names = |said: &str| -> Vec<String> {
        let rows = said.lines().filter(|line| line.contains("  carries "));
        rows.filter_map(|row| row.split_whitespace().next().map(str::to_owned))
            .collect()
    };
    assert_eq!(names(&said), ["sky", "rose", "leaf"]);
    let row = said
        .lines()
        .find(|line| line.trim_start().starts_with("sky"))
        .unwrap();
    for part in [" +- ", "highest +", " at row ", ", column "] {
        assert!(row.contains(part), "{said}");
    }
    let report = json(&out.join("report.json"));
    let carried = &report["targets"][0]["carried"];
    let of = |name: &str| carried[name]["value"].as_f64().unwrap();
    assert!(of("sky") > 3.0 * carried["sky"]["standard_error"].as_f64().unwrap());
    // The mean of the own effects that are written with `--effect own`.
    let own = folder("channels_carried_own");
    succeeds(&format!("{run} --effect own"), &[("--out", &own)]);
    let means = &json(&own.join("report.json"))["targets"][0]["mean_importance"];
    for name in ["sky", "rose", "leaf"] {
        assert!((of(name) - means[name].as_f64().unwrap()).abs() < 1e-6);
    }
    let said = succeeds(&format!("{run} --sort"), &[("--out", &sorted)]);
    let order = names(&said);
    assert!(
        order.windows(2).all(|pair| of(&pair[0]) >= of(&pair[1])),
        "{said}"
    );
    assert!(order[0] == "sky", "{said}");
    // No own effects: a map, but no bars, and nothing to sort by.
    let plain = format!("{run} --estimator pass-only");
    let said = succeeds(&plain, &[("--out", &out)]);
    assert!(
        said.contains("  mean +") && !said.contains("carries"),
        "{said}"
    );
    assert_eq!(
        json(&out.join("report.json"))["targets"][0]["carried"],
        Value::Null
    );
    fails(
        &format!("{plain} --sort"),
        &[("--out", &sorted)],
        "--sort goes by own effects",
    );
}

#[test]
fn shards_of_other_names_merge_with_a_warning() {
    let out = folder("channels_other_names");
    for (part, names) in [(1, "r,g,b"), (2, "b,g,r")] {
        let arguments = format!("{DEMO} --channels {names} --shard {part}/2");
        succeeds(&arguments, &[("--out", &out)]);
    }
    let ledgers = [1, 2].map(|k| out.join(format!("ledger-{k}-of-2.racm")));
    let ledgers = ledgers.map(|path| path.display().to_string()).join(" ");
    let said = succeeds(&format!("merge {ledgers}"), &[("--out", &out)]);
    assert!(
        said.contains("warning: the planes are b, g, r in ") && said.contains(" and r, g, b in "),
        "{said}"
    );
    let report = json(&out.join("report.json"));
    let names = serde_json::json!(["r", "g", "b"]);
    assert_eq!([&report["planes"], &report["channels"]], [&names, &names]);
    assert_eq!(report["missing"], serde_json::json!([]));
}

#[test]
fn too_many_channels_are_told_of_groups() {
    let root = folder("channels_many");
    let (model, image, out) = (
        root.join("m.onnx"),
        root.join("image.npy"),
        root.join("out"),
    );
    fs::write(&model, proto::means(70, Some([8, 8]))).unwrap();
    npy::write(&image, &Array3::<f32>::ones((70, 8, 8)));
    let more = [("--model", &*model), ("--image", &*image), ("--out", &*out)];
    let expected = "image.npy: racm takes 1 to 64 channels, the image has 70; --groups lets channels pass together";
    fails("explain --masks 16", &more, expected);
    succeeds("explain --masks 16 --groups all=0-69", &more);
}
