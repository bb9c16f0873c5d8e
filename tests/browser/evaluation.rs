//! An evaluation's page.

use super::*;

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
