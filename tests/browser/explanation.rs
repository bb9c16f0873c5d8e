//! An explanation's page, compared with the files beside it and with the library.

use ndarray::{Array3, Array4, s};
use racm::{Estimator, Explanation, Ledger};

use super::*;

/// WebDriver's letters for keys.
const END: &str = "\u{E010}";
const HOME: &str = "\u{E011}";
const RIGHT: &str = "\u{E014}";

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
    // 16 blocks: each is a part of its own on the page, with an estimator that is a sum over them.
    let command = "explain --model demo --masks 512 --target 0,2 --estimator centred --report";
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
        &command.replace("centred", "horvitz-thompson"),
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
