//! `racm compare`.

use super::*;

fn entries(out: &Path) -> Vec<Value> {
    let report = json(&out.join("compare.json"));
    report["images"][0]["methods"].as_array().unwrap().clone()
}

#[test]
fn methods_are_compared_and_gone_on_with() {
    let out = folder("compare");
    let run = "compare --model demo --methods racm,mc-rise,rise,lime --masks 96 --curves 6 --figure svg,pdf";
    let said = succeeds(run, &[("--out", &out)]);
    assert!(said.ends_with(&format!(
        "wrote compare.png, compare.svg, compare.pdf, compare.json, compare.csv to {}\n",
        out.display()
    )));
    let first = entries(&out);
    let planes: Vec<usize> = first
        .iter()
        .map(|e| e["planes"].as_array().unwrap().len())
        .collect();
    assert_eq!(planes, [3, 7, 1, 1]);
    for entry in &first {
        assert_eq!(entry["class"], 0);
        assert_eq!(entry["masks"], 96);
        // The image itself, and asked again now and then.
        assert!(
            (97..100).contains(&entry["model_calls"].as_u64().unwrap()),
            "{entry}"
        );
        assert!(entry["seconds"].as_f64().unwrap() > 0.0);
        for curve in ["insertion", "deletion"] {
            assert!(
                (0.0..=1.0).contains(&entry[curve].as_f64().unwrap()),
                "{entry}"
            );
        }
    }
    let svg = fs::read_to_string(out.join("compare.svg")).unwrap();
    for method in ["racm", "mc-rise", "rise", "lime"] {
        assert!(
            svg.contains(&format!(">{method}: class 0 (stop sign), score ")),
            "{method}"
        );
    }
    // An image and its planes in each row, and a colour bar.
    assert_eq!(svg.matches("<image ").count(), 4 + (3 + 7 + 1 + 1) + 4);
    let csv = fs::read_to_string(out.join("compare.csv")).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 5);
    assert!(lines[1].starts_with("demo,racm,0,"), "{csv}");

    // The maps are those of `racm explain`.
    let alone = out.join("alone");
    succeeds(
        "explain --model demo --masks 96 --method mc-rise",
        &[("--out", &alone)],
    );
    let map = |folder: &Path| -> Array3<f32> { npy::read(folder.join("map.npy")) };
    assert_eq!(map(&alone), map(&out.join("mc-rise")));

    let pictures = [
        "compare.png",
        "compare.svg",
        "compare.pdf",
        "compare.csv",
        "compare.json",
    ];
    let before = pictures.map(|name| fs::read(out.join(name)).unwrap());
    let said = succeeds(run, &[("--out", &out)]);
    assert_eq!(said.matches("96 masks are in ").count(), 4, "{said}");
    for (name, before) in pictures.iter().zip(before) {
        assert_eq!(fs::read(out.join(name)).unwrap(), before, "{name}");
    }
    // What is known is not measured again, and stays where a method fails.
    let known = "\"insertion\": 0.125";
    let path = out.join("compare.json");
    let told = fs::read_to_string(&path).unwrap();
    let (head, tail) = told.split_once("\"insertion\": ").unwrap();
    let rest = tail.split_once(',').unwrap().1;
    fs::write(&path, format!("{head}{known},{rest}")).unwrap();
    succeeds(run, &[("--out", &out)]);
    assert!(fs::read_to_string(&path).unwrap().contains(known));
    succeeds(&run.replace("--curves 6", "--curves 7"), &[("--out", &out)]);
    assert!(!fs::read_to_string(&path).unwrap().contains(known));
    fs::rename(out.join("rise"), out.join("kept")).unwrap();
    fs::write(out.join("rise"), "no folder").unwrap();
    fails(run, &[("--out", &out)], "rise");
    assert_eq!(entries(&out).len(), 4);
    fs::remove_file(out.join("rise")).unwrap();
    fs::rename(out.join("kept"), out.join("rise")).unwrap();
    succeeds(run, &[("--out", &out)]);
    // More masks go on from those, and are counted with them.
    let more = run
        .replace("--masks 96", "--masks 160")
        .replace(" --figure svg,pdf", "");
    succeeds(&more, &[("--out", &out)]);
    for (entry, first) in entries(&out).iter().zip(&first) {
        let calls = |entry: &Value| entry["model_calls"].as_u64().unwrap();
        assert!((64..70).contains(&(calls(entry) - calls(first))), "{entry}");
        assert!(entry["seconds"].as_f64() > first["seconds"].as_f64());
    }
    assert!(!out.join("compare.svg").exists());
    // Fewer do not have the cost of more.
    succeeds(
        &more.replace("--masks 160", "--masks 64"),
        &[("--out", &out)],
    );
    for entry in entries(&out) {
        assert_eq!(entry["masks"], 64);
        assert!(entry["model_calls"].as_u64() < Some(96), "{entry}");
        assert_eq!(entry["seconds"], Value::Null);
    }
}

#[test]
fn insertion_and_deletion_are_those_of_evaluate() {
    let out = folder("compare_curves");
    let image = out.join("images").join("sign.png");
    fs::create_dir(image.parent().unwrap()).unwrap();
    write_png(&image, &to_rgb(&demo::image(), Bands::Auto).unwrap()).unwrap();
    let (compared, evaluated) = (out.join("compared"), out.join("evaluated"));
    succeeds(
        "compare --model demo --methods racm,mc-rise,rise --masks 64 --curves 5",
        &[("--image", &image), ("--out", &compared)],
    );
    succeeds(
        "evaluate --model demo --methods racm,mc-rise,rise --masks 64 --steps 5 --metrics insertion,deletion",
        &[("--images", image.parent().unwrap()), ("--out", &evaluated)],
    );
    let text = fs::read_to_string(evaluated.join("images.csv")).unwrap();
    for entry in entries(&compared) {
        for curve in ["insertion", "deletion"] {
            let method = entry["method"].as_str().unwrap();
            let row = text.lines().find(|line| {
                line.contains(&format!(",{method},64,"))
                    && line.contains(&format!(",{curve}_rank,"))
            });
            let value: f64 = row.unwrap().rsplit(',').nth(1).unwrap().parse().unwrap();
            assert_eq!(entry[curve].as_f64().unwrap(), value, "{method}, {curve}");
        }
    }
}

#[test]
fn class_activation_maps_and_several_images_are_rows_as_well() {
    let [model, image, out] = skipping("compare_cam");
    let other = image.with_file_name("<other> & one.png");
    fs::copy(&image, &other).unwrap();
    let files = [("--model", &*model), ("--image", &*image), ("--out", &*out)];
    let run = "compare --methods rise,grad-cam --masks 32 --grid 2 --layer early --target 1 --colours shared --figure svg";
    succeeds(run, &files);
    let cam = &entries(&out)[1];
    assert_eq!((&cam["masks"], &cam["class"]), (&Value::Null, &1.into()));
    assert!(cam["head_calls"].as_u64() > Some(1), "{cam}");
    let files = [files[0], files[1], ("--image", &*other), files[2]];
    succeeds(run, &files);
    let svg = fs::read_to_string(out.join("compare.svg")).unwrap();
    assert!(
        svg.contains(">&lt;other&gt; &amp; one.png, grad-cam: class 1"),
        "{svg}"
    );
    assert!(
        out.join("<other> & one")
            .join("rise")
            .join("map.npy")
            .exists()
    );
    assert_eq!(
        json(&out.join("compare.json"))["images"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    // One scale for all: every bar has the same numbers.
    let labels = svg
        .split('>')
        .filter_map(|part| part.strip_suffix("</text"));
    let numbers: Vec<&str> = labels
        .filter(|label| label.parse::<f64>().is_ok())
        .collect();
    assert!(numbers.len() >= 8, "{numbers:?}");
    for number in &numbers {
        assert_eq!(
            numbers.iter().filter(|other| *other == number).count(),
            4,
            "{number}"
        );
    }
}

#[test]
fn compare_refuses_what_it_cannot_do() {
    let out = folder("compare_refuses");
    let (grey, series) = (out.join("grey.npy"), out.join("series.npy"));
    npy::write(&series, &Array3::<f32>::ones((3, 1, 20)));
    npy::write(&grey, &Array3::<f32>::ones((1, 8, 8)));
    let [model, image, _] = skipping("compare_refused");
    let demo = "compare --model demo";
    let skipping = format!("compare --model {}", model.display());
    for (arguments, image, expected) in [
        (
            format!("{demo} --target 1,2"),
            None,
            "expected top or one class",
        ),
        (
            format!("{demo} --target all"),
            None,
            "expected top or one class",
        ),
        (
            format!("{demo} --target 1-2"),
            None,
            "expected top or one class",
        ),
        (format!("{demo} --target 99"), None, "99"),
        (
            format!("{demo} --methods racm,rise,racm"),
            None,
            "--methods has racm twice",
        ),
        (format!("{demo} --curves 0"), None, "--curves is 0"),
        (
            format!("{demo} --layer x"),
            None,
            "--layer is about class activation maps",
        ),
        (format!("{demo} --methods grad-cam"), None, "the demo"),
        (format!("{demo} --masks 0"), None, "masks"),
        (
            format!("{demo} --figure pdf --font ?"),
            None,
            "the name of a font",
        ),
        (format!("{demo} --image nowhere.png"), None, "nowhere.png"),
        (
            format!("{demo} --image a/x.png --image b/x.png"),
            None,
            "two images are called x",
        ),
        (
            format!("{demo} --image .. --image b/x.png"),
            None,
            "is called nothing",
        ),
        (skipping.clone(), Some(&grey), "grey.npy"),
        (
            format!("{skipping} --methods rise,grad-cam --layer none"),
            Some(&image),
            "none",
        ),
        (
            format!("{demo} --methods rise,lime --baseline segment-means --curves 3"),
            None,
            "--curves has no way from --baseline segment-means",
        ),
        (
            format!("{demo} --colours shared"),
            Some(&series),
            "this one is a series or a table",
        ),
    ] {
        let mut more = vec![("--out", &*out)];
        more.extend(image.map(|image| ("--image", &**image)));
        fails(&arguments, &more, expected);
    }
    assert!(!out.join("compare.png").exists());
    // All is refused before the first method.
    assert!(!out.join("racm").exists() && !out.join("rise").exists());
    let unknown = racm(
        &format!("{demo} --methods racm,nothing"),
        &[("--out", &out)],
    );
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("kernel-shap"));
}

#[test]
fn a_channel_file_is_of_every_method() {
    let [model, image, out] = skipping("compare-channel-file");
    let bands = out.with_file_name("bands.csv");
    fs::write(
        &bands,
        "name,mean,baseline\na,0.1,0.2\nb,0.2,0.3\nc,0.3,0.4\n",
    )
    .unwrap();
    let files = [
        ("--model", &*model),
        ("--image", &*image),
        ("--channel-file", &*bands),
        ("--out", &*out),
    ];
    succeeds("compare --methods racm,rise --masks 32 --grid 2", &files);
    for entry in entries(&out) {
        let report = json(
            &out.join(entry["method"].as_str().unwrap())
                .join("report.json"),
        );
        assert_eq!(report["baseline"], "0.2,0.3,0.4");
    }
}
