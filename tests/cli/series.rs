//! `racm explain` of series (one row or one column of pixels) and tables (one pixel).

use super::*;

/// An image of this size, with a step in red.
fn image(out: &Path, height: usize, width: usize) -> PathBuf {
    let image = Array3::from_shape_fn((3, height, width), |(c, y, x)| match c {
        0 if 3 * (y + x) >= height + width => 0.9,
        _ => 0.1 + 0.1 * c as f32,
    });
    let path = out.join(format!("{height}x{width}.png"));
    write_png(&path, &to_rgb(&image, Bands::Auto).unwrap()).unwrap();
    path
}

fn size(folder: &Path) -> (usize, usize) {
    let (_, height, width) = read_image(folder.join("panel.png")).unwrap().dim();
    (height, width)
}

#[test]
fn grid_and_picture_are_chosen_by_the_shape() {
    let out = folder("series_shapes");
    let command = "explain --model demo --masks 300 --target 0";
    for (height, width, grid) in [
        (60, 40, [8, 8]),
        (1, 300, [1, 20]),
        (300, 1, [20, 1]),
        (1, 12, [1, 12]),
        (1, 1, [1, 1]),
    ] {
        // The folder is the same, so that what an earlier run left is seen.
        let picture = image(&out, height, width);
        let more = [("--image", &*picture), ("--out", &*out)];
        let said = succeeds(&format!("{command} --restart"), &more);
        let is_image = height > 1 && width > 1;
        assert_eq!(said.contains("overlay.png"), is_image, "{said}");
        assert_eq!(out.join("overlay.png").exists(), is_image);
        assert_eq!(
            json(&out.join("report.json"))["grid"],
            serde_json::json!(grid)
        );
        let map: Array3<f32> = npy::read(out.join("map.npy"));
        assert_eq!(map.dim(), (3, height, width));
        let (high, wide) = size(&out);
        match (height, width) {
            // Three bars.
            (1, 1) => assert!(wide < 700 && high < 250, "{high} x {wide}"),
            // A line and an area each for three channels.
            _ if !is_image => assert!(wide > 840 && high > 6 * 58, "{high} x {wide}"),
            _ => {}
        }
    }
    // The channels of a series are not rows.
    let rows = out.join("rows.npy");
    npy::write(&rows, &Array2::<f32>::ones((3, 300)));
    fails(
        command,
        &[("--image", &rows), ("--out", &out)],
        "a series of so many channels is [C, 1, T]",
    );
    // What was chosen is what can be asked for.
    let picture = image(&out, 1, 300);
    let more = [("--image", &*picture), ("--out", &*out)];
    succeeds(&format!("{command} --restart"), &more);
    let said = succeeds(&format!("{command} --grid 1x20"), &more);
    assert!(said.contains("300 masks are in"), "{said}");
    let refused = "the ledger belongs to another grid: it has 1 20, expected 1 30";
    fails(&format!("{command} --grid 1x30"), &more, refused);
}

#[test]
fn planes_that_are_no_channels_stand_below_all_lines() {
    let out = folder("series_planes");
    let picture = image(&out, 1, 90);
    let more = [("--image", &*picture), ("--out", &*out)];
    let height = |options: &str| {
        let command = format!("explain --model demo --masks 300 --target 0 --restart {options}");
        succeeds(&command, &more);
        size(&out).0
    };
    // Three lines and one area; three of both; three lines and seven areas.
    let (one, three, seven) = (
        height("--method rise"),
        height(""),
        height("--method mc-rise"),
    );
    assert_eq!(seven, one + 6 * (22 + 58 + 14));
    assert!(one < three && three < seven, "{one} {three} {seven}");
    assert_eq!(height("--space lab"), three);
    // Cells of a series are segments of it, too.
    let said = succeeds(
        "explain --model demo --method kernel-shap --calls 300 --target 0 --restart",
        &more,
    );
    assert!(said.contains("300 masks"), "{said}");
    let report = json(&out.join("report.json"));
    assert_eq!(report["segments"]["count"], 20);
}

#[test]
fn a_grid_that_does_not_fit_is_refused() {
    let out = folder("series_refused");
    for (height, width, grid, expected) in [
        (
            1,
            90,
            "8",
            "grid rows is 8, expected 1: the image is 1 x 90 pixels",
        ),
        (
            1,
            90,
            "1x91",
            "grid columns is 91, expected 1 to 90, at most one cell a pixel",
        ),
        (
            90,
            1,
            "1x2",
            "grid columns is 2, expected 1: the image is 90 x 1 pixels",
        ),
        (
            1,
            1,
            "2x1",
            "grid rows is 2, expected 1: the image is 1 x 1 pixels",
        ),
    ] {
        let picture = image(&out, height, width);
        let more = [("--image", &*picture), ("--out", &*out)];
        fails(
            &format!("explain --model demo --grid {grid}"),
            &more,
            expected,
        );
    }
}

/// Where a segment is a pixel, its mean is itself: lime and kernel-shap show 0 there.
#[test]
fn regressions_on_pixels_have_another_baseline() {
    let out = folder("series_regression");
    let picture = image(&out, 1, 6);
    let more = [("--image", &*picture), ("--out", &*out)];
    for method in ["lime", "kernel-shap"] {
        let explain =
            format!("explain --model demo --target 0 --masks 300 --restart --method {method}");
        let said = succeeds(&explain, &more);
        assert!(!said.contains("warning"), "{said}");
        assert_eq!(json(&out.join("report.json"))["baseline"], "0");
        let map: Array3<f32> = npy::read(out.join("map.npy"));
        assert!(map.iter().any(|v| *v != 0.0));
        let said = succeeds(&format!("{explain} --baseline segment-means"), &more);
        assert!(
            said.contains("warning: the baseline, segment-means, shows everywhere"),
            "{said}"
        );
        // Two pixels a segment have a mean.
        succeeds(&format!("{explain} --grid 1x3"), &more);
        assert_eq!(json(&out.join("report.json"))["baseline"], "segment-means");
    }
    let table = image(&out, 1, 1);
    let more = [("--image", &*table), ("--out", &*out)];
    let said = succeeds(
        "explain --model demo --restart --masks 300 --method kernel-shap",
        &more,
    );
    assert!(
        said.contains("one segment with all its 3 channels"),
        "{said}"
    );
    // A map of one element correlates with nothing.
    assert!(said.contains("certainty not known"), "{said}");
}

#[test]
fn what_is_no_picture_has_numbers_for_channels_and_gaps_where_there_is_no_value() {
    let root = folder("series_numbers");
    let demo = "explain --model demo --masks 300 --target 0";
    let names = serde_json::json!(["channel 0", "channel 1", "channel 2"]);
    let series = Array3::from_shape_fn((3, 1, 60), |(c, _, t)| match (c, t) {
        (1, 20..30) => -9999.0,
        _ => 0.1 + (t as f32) / 100.0,
    });
    let path = root.join("series.npy");
    npy::write(&path, &series);
    let (whole, parts) = (root.join("whole"), root.join("parts"));
    let options = "--missing=-9999 --sort";
    let to = |out| [("--image", &*path), ("--out", out)];
    let said = succeeds(&format!("{demo} {options}"), &to(&whole));
    assert_eq!(json(&whole.join("report.json"))["planes"], names);
    assert!(
        said.contains(" at sample ") && !said.contains("row"),
        "{said}"
    );
    // The same picture of shards.
    for part in 1..=2 {
        let shard = format!("{demo} --missing=-9999 --shard {part}/2");
        succeeds(&shard, &to(&parts));
    }
    let ledgers = [1, 2].map(|k| parts.join(format!("ledger-{k}-of-2.racm")));
    let ledgers = ledgers.map(|path| path.display().to_string()).join(" ");
    succeeds(&format!("merge {ledgers} {options}"), &to(&parts));
    let panel = |out: &Path| fs::read(out.join("panel.png")).unwrap();
    assert!(panel(&parts) == panel(&whole));
    // What stands for no value is not drawn: another number for it makes the same picture.
    let other = root.join("other");
    let again = series.mapv(|v| if v < 0.0 { 77.0 } else { v });
    npy::write(&path, &again);
    succeeds(&format!("{demo} --missing 77 --sort"), &to(&other));
    assert!(panel(&other) == panel(&whole));

    // A table's only pixel needs no place, and its own effects are what it carries.
    npy::write(&path, &series.slice(ndarray::s![.., .., ..1]).to_owned());
    let table = root.join("table");
    let said = succeeds(demo, &to(&table));
    assert!(said.contains("  value ") && !said.contains("row"), "{said}");
    let said = succeeds(&format!("{demo} --effect own"), &to(&table));
    assert!(
        said.contains("  carries ") && !said.contains("value"),
        "{said}"
    );
}
