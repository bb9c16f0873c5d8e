//! Pages of images, series and tables, of any number of planes.

use ndarray::Array3;

use super::*;

/// A model whose scores are the means of channels.
fn means(out: &Path, channels: u64) -> PathBuf {
    let model = out.join(format!("means{channels}.onnx"));
    fs::write(&model, proto::means(channels, None)).unwrap();
    model
}

fn array(out: &Path, name: &str, shape: [usize; 3], hole: bool) -> PathBuf {
    let image = Array3::from_shape_fn(shape, |(c, y, x)| match hole && (y / 8, x / 8) == (1, 1) {
        true => f32::NAN,
        false => (100 * c) as f32 + ((y * (c + 1)) as f32 / 9.0).sin() + (x as f32 / 5.0).cos(),
    });
    let path = out.join(name);
    npy::write(&path, &image);
    path
}

#[test]
fn every_kind_of_map_has_its_page() {
    let out = folder("kinds");
    let [three, thirteen, forty] = [3, 13, 40].map(|channels| means(&out, channels));
    let images = [
        array(&out, "photo.npy", [3, 224, 224], false),
        array(&out, "bands.npy", [13, 40, 60], false),
        array(&out, "hole.npy", [13, 40, 60], true),
        array(&out, "many.npy", [40, 32, 32], false),
        array(&out, "long.npy", [3, 1, 500], true),
        array(&out, "high.npy", [3, 200, 1], false),
        array(&out, "row.npy", [13, 1, 1], false),
        array(&out, "thin.npy", [3, 2, 300], false),
        array(&out, "large.npy", [3, 1200, 900], false),
    ];
    let [photo, bands, hole, many, long, high, row, thin, large] = &images;
    let demo = Path::new("demo");
    // A name, options, model, image.
    let kinds: [(&str, &str, &Path, Option<&Path>); 16] = [
        ("photo", "--masks 256", &three, Some(photo)),
        ("bands", "--masks 300", &thirteen, Some(bands)),
        ("hole", "--masks 300 --missing nan", &thirteen, Some(hole)),
        ("many", "--masks 300 --sort", &forty, Some(many)),
        ("long", "--masks 300 --missing nan", &three, Some(long)),
        ("high", "--masks 300 --method rise", &three, Some(high)),
        ("row", "--masks 600 --effect own", &thirteen, Some(row)),
        ("thin", "--masks 100 --grid 2x8", &three, Some(thin)),
        (
            "large",
            "--masks 32 --batch 4 --method rise",
            &three,
            Some(large),
        ),
        (
            "rise",
            "--masks 300 --method rise --estimator pass-only",
            demo,
            None,
        ),
        (
            "paint",
            "--masks 300 --method mc-rise --target all",
            demo,
            None,
        ),
        ("hsv", "--masks 300 --space hsv --effect own", demo, None),
        (
            "surrogate",
            "--masks 300 --estimator surrogate --target top-next",
            demo,
            None,
        ),
        (
            "ratio",
            "--masks 300 --estimator self-normalised --link log",
            demo,
            None,
        ),
        ("lime", "--masks 300 --method lime", demo, None),
        ("few", "--masks 20", demo, None),
    ];
    for (name, options, model, image) in &kinds {
        let out = out.join(name);
        let mut more = vec![("--model", *model), ("--out", &*out)];
        more.extend(image.map(|image| ("--image", image)));
        succeeds(&format!("explain --report {options}"), &more);
    }
    let size = fs::metadata(out.join("photo/report.html")).unwrap().len();
    assert!(size < 1_500_000, "{size} bytes");
    for part in ["1/2", "2/2"] {
        let to = [("--out", &*out)];
        succeeds(
            &format!("explain --model demo --masks 300 --shard {part}"),
            &to,
        );
    }
    let merged = out.join("merged");
    let parts = [1, 2].map(|part| out.join(format!("ledger-{part}-of-2.racm")));
    let parts = parts.map(|part| part.display().to_string());
    succeeds(
        &format!("merge --report {}", parts.join(" ")),
        &[("--out", &merged)],
    );

    let Some(browser) = Browser::start("kinds") else {
        return;
    };
    for name in kinds.iter().map(|kind| kind.0).chain(["merged"]) {
        for (width, scheme) in [(1280, "light"), (400, "dark")] {
            browser.resize(width, 1000);
            browser.prefer(scheme);
            browser.open(&out.join(name).join("report.html"));
            let wide = browser.run("return document.documentElement.scrollWidth");
            assert!(wide.as_u64() <= Some(width.into()), "{name}: {wide}");
            // Whatever there is to press.
            browser.run(
                "document.querySelectorAll('main button').forEach((button) => button.offsetParent && button.click())",
            );
            browser.run(
                "document.querySelectorAll('input').forEach((input) => {
                     input.value = input.max;
                     input.dispatchEvent(new Event('input'));
                     input.dispatchEvent(new Event('change'));
                 })",
            );
            browser.open(&out.join(name).join("report.html"));
            browser.photograph(&format!("report-{name}-{width}"));
        }
        let what = browser.run(
            "return [document.querySelectorAll('.stage canvas').length, document.querySelectorAll('#stage path').length,
                     document.querySelectorAll('#planes tr').length, document.querySelectorAll('#curves svg').length]",
        );
        let what: Vec<u64> = what
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_u64().unwrap())
            .collect();
        let report = json(&out.join(name).join("report.json"));
        let planes = report["planes"].as_array().unwrap().len() as u64;
        let is_image = !["long", "high", "row"].contains(&name);
        assert_eq!(what[0], u64::from(is_image), "{name}");
        assert!(what[1] >= 1, "{name}");
        assert_eq!(what[2], if name == "row" { 0 } else { planes }, "{name}");
        assert_eq!(what[3], if name == "merged" { 0 } else { 2 }, "{name}");
    }
}
