//! `--figure`: the panel as SVG and PDF.

use super::*;

fn has(folder: &Path, names: &[&str], expected: bool) {
    for name in names {
        assert_eq!(folder.join(name).exists(), expected, "{name}");
    }
}

fn svg(folder: &Path) -> String {
    fs::read_to_string(folder.join("panel.svg")).unwrap()
}

#[test]
fn a_panel_is_written_as_svg_and_pdf_where_asked_for() {
    let out = folder("figures");
    let run = "explain --model demo --masks 64";
    let drawn = [("--out", &*out), ("--font", Path::new("Times New Roman"))];
    let asked = "--figure svg,pdf --figure-width 3.5in --font-size 7pt";
    let said = succeeds(&format!("{run} {asked}"), &drawn);
    assert!(
        said.contains("panel.png, panel.svg, panel.pdf, overlay.png"),
        "{said}"
    );
    let first = svg(&out);
    assert!(first.contains("width=\"88.900mm\""), "{first:.300}");
    assert!(
        first.contains("font-family=\"'Times New Roman', "),
        "{first:.300}"
    );
    assert!(first.contains("racm, class 0 (stop sign), score "));
    assert!(
        fs::read(out.join("panel.pdf"))
            .unwrap()
            .starts_with(b"%PDF-")
    );
    // The same scores make the same files; without --figure they would be another map's.
    succeeds(&format!("{run} {asked}"), &drawn);
    assert_eq!(svg(&out), first);
    let said = succeeds(&format!("{run} --figure svg --sort"), &drawn[..1]);
    has(&out, &["panel.svg"], true);
    assert!(!said.contains("panel.pdf"), "{said}");
    has(&out, &["panel.pdf"], false);
    succeeds(run, &drawn[..1]);
    has(&out, &["panel.png"], true);
    has(&out, &["panel.svg", "panel.pdf"], false);
    let ledger = out.join("ledger.racm");
    let merged = out.join("merged");
    let more = [("--out", &*merged)];
    succeeds(
        &format!("merge {} --figure svg,pdf", ledger.display()),
        &more,
    );
    has(&merged, &["panel.svg", "panel.pdf"], true);
}

#[test]
fn series_tables_and_class_activation_maps_are_figures_too() {
    let out = folder("figure_shapes");
    for (height, width, shape) in [(1, 60, "<polygon"), (1, 1, "raises the score")] {
        let image = out.join("image.npy");
        npy::write(&image, &Array3::<f32>::from_elem((3, height, width), 0.5));
        let files = [("--image", &*image), ("--out", &*out)];
        succeeds(
            "explain --model demo --masks 64 --restart --figure svg,pdf",
            &files,
        );
        assert!(svg(&out).contains(shape), "{height} x {width}");
    }
    let [model, image, out] = skipping("figure_of_cam");
    let files = [("--model", &*model), ("--image", &*image), ("--out", &*out)];
    let said = succeeds("explain --method grad-cam --target 1 --figure svg", &files);
    assert!(said.contains("panel.svg"), "{said}");
    assert!(svg(&out).contains(">grad-cam</text>"));
}

#[test]
fn wrong_figures_are_refused_before_a_mask_is_scored() {
    let out = folder("figures_refused");
    let run = "explain --model demo --masks 268435456";
    for (options, expected) in [
        ("--figure png", "possible values: svg, pdf"),
        ("--font Times", "--figure"),
        ("--font-size 8", "--figure"),
        ("--figure svg --figure-width 84", "a number and its unit"),
        ("--figure svg --figure-width mm", "a number and its unit"),
        ("--figure svg --figure-width 84px", "a number and its unit"),
        ("--figure svg --font-size 8mm", "a number of points"),
        (
            "--figure svg --figure-width 1mm",
            "--figure-width, in mm, is 1, expected 20 to 2000",
        ),
        (
            "--figure svg --figure-width=-84mm",
            "--figure-width, in mm, is -84",
        ),
        (
            "--figure pdf --figure-width nanmm",
            "--figure-width, in mm, is NaN",
        ),
        (
            "--figure pdf --figure-width 1e300mm",
            "--figure-width, in mm, is",
        ),
        (
            "--figure pdf --font-size 0",
            "--font-size is 0, expected 2 to 72 points",
        ),
        ("--figure pdf --font-size inf", "--font-size is inf"),
        ("--figure svg --font <script>", "the name of a font"),
        ("--figure svg --font \"';", "the name of a font"),
        (
            "--figure svg --figure-width 20mm --font-size 72",
            "expected more than",
        ),
    ] {
        let output = racm(&format!("{run} {options}"), &[("--out", &out)]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && error.contains(expected),
            "{options}: {error}"
        );
        assert!(!error.contains("panicked"), "{options}: {error}");
    }
    has(&out, &["ledger.racm", "panel.png", "panel.svg"], false);
}
