//! The reports of `racm`, in a browser: Debian's chromium and chromedriver, or what PATH has of that name. Without them these
//! tests skip.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ndarray::{Array3, Array4, s};
use racm::demo;
use racm::render::{Bands, to_rgb, write_png};
use racm::{Estimator, Explanation, Ledger};
use serde_json::Value;

#[path = "browser/driver.rs"]
mod driver;
mod npy;
#[path = "onnx/proto.rs"]
#[allow(dead_code)]
mod proto;

use driver::Browser;

/// WebDriver's letters for keys.
const END: &str = "\u{E010}";
const HOME: &str = "\u{E011}";
const RIGHT: &str = "\u{E014}";

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("browser_of_{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn succeeds(arguments: &str, more: &[(&str, &Path)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_racm"));
    command.args(arguments.split_whitespace());
    for (option, path) in more {
        command.arg(option).arg(path);
    }
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn assert_near(given: f64, expected: f64, within: f64, what: &str) {
    let apart = (given - expected).abs();
    assert!(apart <= within, "{what}: {given}, not {expected}");
}

/// Where the middle of a pixel of the picture is in the window.
fn place(browser: &Browser, [row, column]: [usize; 2], [rows, columns]: [usize; 2]) -> [f64; 2] {
    let script = "const r = document.querySelector('.stage canvas').getBoundingClientRect();
                  return [r.left, r.top, r.width, r.height]";
    let rect = browser.run(script);
    let rect = |i: usize| rect[i].as_f64().unwrap();
    [
        rect(0) + (column as f64 + 0.5) / columns as f64 * rect(2),
        rect(1) + (row as f64 + 0.5) / rows as f64 * rect(3),
    ]
}

/// The colours of the picture.
fn colours(browser: &Browser) -> Vec<u64> {
    let script = "const c = document.querySelector('.stage canvas');
                  return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]";
    let data = browser.run(script);
    let data = data.as_array().unwrap().iter();
    data.map(|v| v.as_u64().unwrap()).collect()
}

/// Draws two boxes into the demo's picture, and compares means, differences and their errors with the library's; errors are
/// known to such a part of themselves.
fn boxes(browser: &Browser, out: &Path, estimator: Estimator, within: f64) {
    let [a, b] = [[20, 20, 44, 50], [60, 64, 80, 90]];
    for [top, left, bottom, right] in [a, b] {
        let corners = [[top, left], [bottom, right]];
        browser.mouse(&corners.map(|pixel| place(browser, pixel, [96, 96])));
    }
    let file = fs::File::open(out.join("ledger.racm")).unwrap();
    let ledger = Ledger::read_from(file).unwrap();
    let plan = ledger.plan().unwrap();
    let explanation = Explanation::from_ledger(plan, ledger, estimator).unwrap();
    let contrasts = [
        (2, [(a, 1.0), (b, 0.0)]),
        (3, [(a, 0.0), (b, 1.0)]),
        (4, [(a, 1.0), (b, -1.0)]),
    ];
    for (plane, (column, terms)) in (0..3).flat_map(|p| contrasts.map(|contrast| (p, contrast))) {
        let mut weights = Array3::<f64>::zeros((3, 96, 96));
        for ([top, left, bottom, right], weight) in terms {
            let area = ((bottom - top + 1) * (right - left + 1)) as f64;
            let mut inside = weights.slice_mut(s![plane, top..=bottom, left..=right]);
            inside += weight / area;
        }
        let (value, error) = explanation.contrast(0, &weights).unwrap();
        let cell = format!(
            "#contrasts tr:nth-child({}) :nth-child({column})",
            plane + 1
        );
        assert_near(browser.number(&cell, "value"), value, 1e-5, &cell);
        let error = error.unwrap();
        assert_near(browser.number(&cell, "error"), error, within * error, &cell);
    }
}

#[test]
fn an_explanation_answers_to_mouse_and_keys() {
    let out = folder("explanation");
    // 16 blocks: each is a part of its own on the page.
    let command = "explain --model demo --masks 512 --target 0,2 --report";
    let said = succeeds(command, &[("--out", &out)]);
    assert!(said.contains("took 404 model calls"), "{said}");
    assert!(said.contains("report.html"), "{said}");
    let page = out.join("report.html");
    let text = fs::read_to_string(&page).unwrap();
    assert!(text.len() < 900_000, "{} bytes", text.len());
    let addresses = text.matches("://").count();
    assert_eq!(
        addresses,
        text.matches("http://www.w3.org/2000/svg").count()
    );

    // Given again, the command asks the model nothing, and without the option the page is gone.
    let again = succeeds(command, &[("--out", &out)]);
    assert!(!again.contains("took"), "{again}");
    assert_eq!(json(&out.join("report.json"))["model_calls"], 0);

    let map: Array4<f32> = npy::read(out.join("map.npy"));
    let errors: Array4<f32> = npy::read(out.join("standard_error.npy"));
    let Some(browser) = Browser::start("explanation") else {
        return;
    };
    browser.resize(1280, 1000);
    browser.prefer("light");
    browser.open(&page);
    let step = |values: ndarray::ArrayView3<'_, f32>| {
        let [low, high] = [f32::min, f32::max].map(|f| values.iter().copied().reduce(f).unwrap());
        f64::from(high - low) / 131_068.0 + 1e-9
    };

    // The pointer.
    for [row, column] in [[37, 30], [0, 95], [95, 0]] {
        browser.mouse(&[place(&browser, [row, column], [96, 96])]);
        assert_eq!(browser.number("#at", "row"), row as f64);
        assert_eq!(browser.number("#at", "column"), column as f64);
        for plane in 0..3 {
            let cell = format!("td[data-plane=\"{plane}\"]");
            for (name, all) in [("value", &map), ("error", &errors)] {
                let of_target = all.slice(s![0, .., .., ..]);
                let expected = f64::from(of_target[[plane, row, column]]);
                let within = step(of_target);
                assert_near(browser.number(&cell, name), expected, within, name);
            }
        }
    }
    browser.keys(".stage", RIGHT);
    assert_eq!(browser.number("#at", "column"), 1.0);

    // Sliders and buttons.
    let first = colours(&browser);
    browser.keys("input[data-plane=\"0\"]", HOME);
    let nothing = colours(&browser);
    assert!(first != nothing);
    browser.keys("input[data-plane=\"1\"]", END);
    let green = colours(&browser);
    assert!(green != nothing && green != first);
    browser.click("#none");
    assert!(colours(&browser) == nothing);
    browser.click("button[aria-label=\"Only red\"]");
    assert!(colours(&browser) == first);
    // Whatever is not near 0 is seen, whether it speaks for the class or against it.
    let red = map.slice(s![0, 0, .., ..]);
    let highest = red.iter().fold(0.0_f32, |highest, v| highest.max(v.abs()));
    let strong = |v: f32| v.abs() > 0.1 * highest;
    assert!(red.iter().any(|&v| v < 0.0 && strong(v)));
    for (i, _) in red.iter().enumerate().filter(|(_, v)| strong(**v)) {
        let seen = &first[4 * i..4 * i + 3];
        assert!(*seen != nothing[4 * i..4 * i + 3], "pixel {i}");
    }

    // What may be 0 is hidden, and nothing else.
    let ten_steps = format!("{HOME}{}", RIGHT.repeat(10));
    for (keys, threshold) in [(END, 4.0_f32), (&ten_steps, 1.0)] {
        browser.keys("#threshold", keys);
        let shown = browser.run("return byId('threshold-value').textContent");
        assert_eq!(shown, format!("{threshold:.1}"));
        let sure = colours(&browser);
        for ((row, column), value) in map.slice(s![0, 0, .., ..]).indexed_iter() {
            let ratio = value.abs() / errors[[0, 0, row, column]];
            let pixel = 4 * (96 * row + column);
            let same = |other: &[u64]| sure[pixel..pixel + 3] == other[pixel..pixel + 3];
            match ratio {
                // As far as 16 bits tell.
                _ if (ratio - threshold).abs() < 0.01 => {}
                _ if ratio < threshold => assert!(same(&nothing), "{row}, {column}: {ratio}"),
                _ => assert!(same(&first), "{row}, {column}: {ratio}"),
            }
        }
    }
    browser.keys("#threshold", HOME);

    // Blocks are centred by themselves in parts.
    boxes(&browser, &out, Estimator::Centred, 0.1);
    browser.photograph("report-light");

    // Curves, and the other map.
    let curves = json(&out.join("curves.json"));
    let area = |target: usize, curve: &str| curves["curves"][target][curve]["auc"].as_f64();
    assert_eq!(
        Some(browser.number("#curves div:nth-child(1) [data-area]", "area")),
        area(0, "insertion")
    );
    browser.keys("#target", "class 2");
    let title = browser.run("return byId('title').textContent");
    assert!(title.as_str().unwrap().starts_with("class 2 ("), "{title}");
    let of_target = map.slice(s![1, .., .., ..]);
    browser.mouse(&[place(&browser, [50, 40], [96, 96])]);
    let shown = browser.number("td[data-plane=\"2\"]", "value");
    assert_near(
        shown,
        of_target[[2, 50, 40]].into(),
        step(of_target),
        "class 2",
    );
    assert_eq!(
        Some(browser.number("#curves div:nth-child(2) [data-area]", "area")),
        area(1, "deletion")
    );

    // Dark and light, by the button and by the system.
    let ground = || browser.run("return getComputedStyle(document.body).backgroundColor");
    let light = ground();
    browser.click("#theme");
    let dark = ground();
    assert!(dark != light);
    browser.photograph("report-dark");
    browser.prefer("dark");
    browser.open(&page);
    assert_eq!(ground(), dark);
    browser.click("#theme");
    assert_eq!(ground(), light);

    succeeds(
        &format!("{command} --estimator horvitz-thompson"),
        &[("--out", &out)],
    );
    browser.open(&page);
    boxes(&browser, &out, Estimator::HorvitzThompson, 0.01);
    succeeds(command, &[("--out", &out)]);
    browser.open(&page);

    let shown = browser.run("return byId('command').textContent");
    let expected = format!("racm {command} --out {}", out.display());
    assert_eq!(shown, expected.as_str());
    browser.expect_well();
    succeeds(command.trim_end_matches("--report"), &[("--out", &out)]);
    assert!(!page.exists());
}

#[test]
fn names_stay_text() {
    let out = folder("names");
    let bad = "</script><img src=x onerror=document.body.dataset.bad=1><!--<script>";
    // A slash parts a folder and a file.
    fs::create_dir(out.join("<")).unwrap();
    let image = out.join("</script><img src=x onerror=document.body.dataset.bad=1>.png");
    write_png(&image, &to_rgb(&demo::image(), Bands::Auto).unwrap()).unwrap();
    let labels = out.join("labels.txt");
    fs::write(&labels, [bad; 12].join("\n")).unwrap();
    let quantity = "--report --channels <b>red</b>,<i>,'\"& --quantity <u>";
    succeeds(
        &format!("explain --model demo --masks 64 {quantity}"),
        &[("--out", &out), ("--image", &image), ("--labels", &labels)],
    );
    let list = out.join("list.csv");
    let listed = "</script><img src=x onerror=document.body.dataset.bad=1>.png";
    fs::write(&list, format!("file\n{listed}\n")).unwrap();
    let evaluated = out.join("evaluated");
    succeeds(
        "evaluate --model demo --masks 64 --metrics insertion,gini --methods rise --report",
        &[
            ("--out", &evaluated),
            ("--images", &list),
            ("--labels", &labels),
        ],
    );
    let Some(browser) = Browser::start("names") else {
        return;
    };
    for folder in [&out, &evaluated] {
        browser.open(&folder.join("report.html"));
        let found = browser.run(
            "return [document.body.dataset.bad ?? 'good', document.querySelectorAll('img, b, i, u').length,
                     document.scripts.length]",
        );
        assert_eq!(found, serde_json::json!(["good", 0, 2]));
    }
    let shown = browser.run("return document.querySelector('#by-image-table tbody').textContent");
    let shown = shown.as_str().unwrap();
    assert!(shown.contains(bad) && shown.contains(listed), "{shown}");
    browser.open(&out.join("report.html"));
    let title = browser.run("return byId('title').textContent");
    assert!(title.as_str().unwrap().contains(bad), "{title}");
    browser.photograph("report-names");
}

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

#[test]
fn an_evaluation_sorts_its_tables() {
    let out = folder("evaluation");
    for (i, shift) in [0.0, 0.1, 0.2].into_iter().enumerate() {
        let image = demo::image().mapv(|v| (v + shift).min(1.0));
        let path = out.join(format!("sign{i}.png"));
        write_png(&path, &to_rgb(&image, Bands::Auto).unwrap()).unwrap();
    }
    let evaluated = out.join("evaluated");
    let command = "evaluate --model demo --masks 100,200 --methods racm,rise --metrics insertion,deletion,gini \
                   --protocol both --report";
    let to = [("--images", &*out), ("--out", &*evaluated)];
    let said = succeeds(command, &to);
    assert!(said.contains("report.html"), "{said}");
    let table = json(&evaluated.join("table.json"));
    let Some(browser) = Browser::start("evaluation") else {
        return;
    };
    browser.resize(1280, 1000);
    browser.prefer("dark");
    browser.open(&evaluated.join("report.html"));
    let rows = table["rows"].as_array().unwrap();
    let mean = |row: &Value| row["metrics"]["insertion_rank"]["mean"].as_f64().unwrap();
    let column = || -> Vec<f64> {
        let script = "return [...document.querySelectorAll('#sections section:first-child table:first-of-type tbody tr')]
                      
                      .map((row) => Number(row.children[1].dataset.value))";
        let values = browser.run(script);
        let values = values.as_array().unwrap().iter();
        values.map(|v| v.as_f64().unwrap()).collect()
    };
    let mut expected: Vec<f64> = rows.iter().map(mean).collect();
    assert_eq!(column()[..expected.len()], expected);
    browser.click("#sections section:first-child th:nth-child(2) button");
    expected.sort_by(|a, b| b.total_cmp(a));
    assert_eq!(column()[..expected.len()], expected);
    browser.click("#sections section:first-child th:nth-child(2) button");
    expected.reverse();
    assert_eq!(column()[..expected.len()], expected);
    let lines = browser.run("return document.querySelectorAll('#curves path.line').length");
    // Maps, by two metrics and two protocols; the uniform one has no thresholds.
    assert_eq!(lines.as_u64(), Some(4 * rows.len() as u64 - 2));
    browser.keys("#filter", "sign1.png");
    let left = browser.run("return document.querySelectorAll('#by-image-table tbody tr').length");
    assert_eq!(left.as_u64(), Some(rows.len() as u64));
    browser.photograph("evaluation-dark");
    browser.click("#theme");
    browser.run("scrollTo(0, document.querySelector('#curves').offsetTop - 20)");
    browser.photograph("evaluation-light");
    browser.resize(400, 1000);
    let wide = browser.run("return document.documentElement.scrollWidth");
    assert!(wide.as_u64() <= Some(400), "{wide}");
    browser.expect_well();
    succeeds(command.trim_end_matches("--report"), &to);
    assert!(!evaluated.join("report.html").exists());
}
