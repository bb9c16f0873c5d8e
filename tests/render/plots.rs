//! Plots of series and charts of tables.

use super::*;

use racm::render::{BarChart, SeriesPlot};

const MARGIN: u32 = 20;
/// Of a plot in a series, of a line of text, between line and importance, and below both.
const HEIGHT: u32 = 58;
const LINE: u32 = 22;
const SEAM: u32 = 5;
const GAP: u32 = 14;

fn red(p: &Rgb<u8>) -> bool {
    i32::from(p.0[0]) - i32::from(p.0[2]) > 40
}

fn blue(p: &Rgb<u8>) -> bool {
    i32::from(p.0[2]) - i32::from(p.0[0]) > 40
}

fn dark(p: &Rgb<u8>) -> bool {
    p.0.iter().all(|&v| v < 90)
}

/// The rows from `y` to `y + HEIGHT` of a column in which a colour is seen.
fn seen(plot: &RgbImage, x: u32, y: u32, colour: fn(&Rgb<u8>) -> bool) -> Vec<u32> {
    let rows = 0..HEIGHT;
    rows.filter(|dy| colour(plot.get_pixel(x, y + dy)))
        .collect()
}

/// The column of the pixels in which a plot's sample stands; its plots end at the right margin.
fn column(plot: &RgbImage, sample: usize, samples: usize) -> u32 {
    let middle = (2 * sample + 1) * 800 / (2 * samples);
    plot.width() - MARGIN - 800 + middle as u32
}

fn of(samples: usize, planes: usize, value: impl Fn(usize, usize) -> f32) -> Array3<f32> {
    Array3::from_shape_fn((planes, 1, samples), |(j, _, t)| value(j, t))
}

#[test]
fn importance_is_an_area_from_zero_with_its_band() {
    let map = of(40, 2, |j, t| match (j, t) {
        (0, 10) => 0.8,
        (1, 30) => -0.4,
        _ => 0.0,
    });
    let errors = of(40, 2, |j, t| if (j, t) == (0, 10) { 0.1 } else { 0.0 });
    let names = ["a", "b"];
    let plain = SeriesPlot::new(&map, &names).draw().unwrap();
    let plot = SeriesPlot::new(&map, &names)
        .standard_error(&errors)
        .draw()
        .unwrap();
    let tops = [MARGIN + LINE, MARGIN + 2 * LINE + HEIGHT + GAP];
    let strip = |plot: &RgbImage, sample, j: usize, colour| {
        seen(plot, column(plot, sample, 40), tops[j], colour).len() as i32
    };
    // From -0.4 to 0.8 on 50 pixels; with the band of two errors to 1.
    assert!((strip(&plain, 10, 0, red) - 33).abs() <= 2);
    assert!((strip(&plain, 30, 1, blue) - 17).abs() <= 2);
    for (sample, j) in [(10, 1), (30, 0), (9, 0), (11, 0)] {
        assert_eq!(
            strip(&plain, sample, j, red) + strip(&plain, sample, j, blue),
            0
        );
    }
    // On the band the area is darker, and beyond it the paper is grey.
    let grey = |p: &Rgb<u8>| p.0[0] == p.0[2] && (150..220).contains(&p.0[0]);
    assert!((strip(&plot, 10, 0, grey) - 7).abs() <= 2);
    // The line of 0 itself.
    assert!(strip(&plot, 12, 0, grey) <= 1);
    assert!((strip(&plot, 10, 0, red) - 28).abs() <= 2);
}

#[test]
fn a_line_goes_through_its_samples_however_many_there_are() {
    let map = of(5000, 1, |_, _| 0.0);
    // One sample of 5000 is a spike.
    let series = of(5000, 1, |_, t| if t == 3210 { 7.0 } else { -1.0 });
    let names = ["a"];
    let plot = SeriesPlot::new(&map, &names)
        .series(&series, &names)
        .draw()
        .unwrap();
    let top = MARGIN + LINE;
    let height = |sample| seen(&plot, column(&plot, sample, 5000), top, dark).len();
    assert!(height(3210) > 45 && height(3000) <= 3 && height(3190) <= 3);
    // Between two samples a line is straight.
    let map = of(2, 1, |_, _| 0.0);
    let series = of(2, 1, |_, t| t as f32);
    let plot = SeriesPlot::new(&map, &names)
        .series(&series, &names)
        .draw()
        .unwrap();
    let left = plot.width() - MARGIN - 800;
    for (x, row) in [
        (100, 54),
        (200, 54),
        (400, 29),
        (500, 16),
        (600, 4),
        (790, 4),
    ] {
        let rows = seen(&plot, left + x, top, dark);
        assert!(rows.iter().any(|r| r.abs_diff(row) <= 1), "{x}: {rows:?}");
    }
}

#[test]
fn channels_stand_above_the_planes_of_their_name() {
    let (map, series) = (
        of(50, 2, |j, t| (j + t) as f32),
        of(50, 3, |c, t| (c * t) as f32),
    );
    let plot = SeriesPlot::new(&map, &["x", "y"]);
    let height = |names: [&str; 3]| {
        plot.clone()
            .series(&series, &names)
            .draw()
            .unwrap()
            .height()
    };
    let alone = plot.draw().unwrap().height();
    let one = HEIGHT + SEAM;
    assert_eq!(height(["a", "b", "c"]), alone + 3 * (LINE + HEIGHT + GAP));
    assert_eq!(
        height(["a", "y", "c"]),
        alone + one + 2 * (LINE + HEIGHT + GAP)
    );
    assert_eq!(
        height(["y", "x", "c"]),
        alone + 2 * one + LINE + HEIGHT + GAP
    );
}

#[test]
fn series_of_any_size_can_be_drawn_lying_or_standing() {
    for (channels, samples) in [(1, 1), (1, 2), (3, 7), (2, 799), (2, 801), (12, 5000)] {
        let series = of(samples, channels, |c, t| {
            (t as f32 / 9.0).sin() * 10f32.powi(c as i32 * 6 - 30)
        });
        let map = of(samples, channels, |c, t| {
            (c as f32 - 1.0) * (t as f32).cos()
        });
        let errors = map.mapv(|v| v.abs() / 4.0);
        let long = "a name that is far longer than what there is room for ".repeat(9);
        let names: Vec<String> = (0..channels).map(|c| format!("{c} {long}")).collect();
        let lying = SeriesPlot::new(&map, &names)
            .series(&series, &names)
            .standard_error(&errors);
        let lying = lying.caption(&long).draw().unwrap();
        let stand = |a: &Array3<f32>| a.to_shape((channels, samples, 1)).unwrap().to_owned();
        let (map, series, errors) = (stand(&map), stand(&series), stand(&errors));
        let standing = SeriesPlot::new(&map, &names)
            .series(&series, &names)
            .standard_error(&errors);
        assert_eq!(lying, standing.caption(&long).draw().unwrap());
        // No name, number or caption reaches into the margins, but for half of the last number below.
        let (w, h) = lying.dimensions();
        let edge =
            |x: u32, y: u32| x < MARGIN - 2 || y < MARGIN - 2 || x >= w - 2 || y >= h - MARGIN + 2;
        for (x, y, pixel) in lying.enumerate_pixels() {
            assert!(!edge(x, y) || pixel.0 == [255; 3], "{x} {y} of {w} x {h}");
        }
    }
}

#[test]
fn samples_that_were_not_evaluated_are_hatched_and_count_nowhere() {
    let map = of(20, 1, |_, t| if t < 10 { 0.5 } else { 1e9 });
    let region = Array2::from_shape_fn((1, 20), |(_, t)| t < 10);
    let plot = SeriesPlot::new(&map, &["a"])
        .region(&region)
        .draw()
        .unwrap();
    let rows = |sample, colour| seen(&plot, column(&plot, sample, 20), MARGIN + LINE, colour).len();
    assert!(rows(5, red) > 45 && rows(5, is_hatch) <= 2);
    assert!(rows(15, is_hatch) > 50 && rows(15, red) == 0);
}

#[test]
fn a_line_has_a_gap_where_there_is_no_value() {
    let map = of(40, 1, |_, _| 0.0);
    let draw = |value: fn(usize) -> f32| {
        let series = of(40, 1, |_, t| value(t));
        let plot = SeriesPlot::new(&map, &["a"]).series(&series, &["a"]);
        plot.draw().unwrap()
    };
    let plot = draw(|t| match t {
        10..20 => f32::NAN,
        t => t as f32,
    });
    let rows = |sample| seen(&plot, column(&plot, sample, 40), MARGIN + LINE, dark).len();
    assert!(rows(5) > 0 && rows(25) > 0 && (11..19).all(|t| rows(t) == 0));
    // The axis is that of the values that there are.
    let all = draw(|t| t as f32);
    let same = |sample| column(&all, sample, 40) == column(&plot, sample, 40);
    assert!(same(5) && plot.dimensions() == all.dimensions());
    draw(|_| f32::NAN);
}

#[test]
fn notes_stand_behind_the_names_of_planes() {
    let map = of(40, 2, |_, _| 0.1);
    let names = ["a".repeat(300), "b".to_owned()];
    let plain = SeriesPlot::new(&map, &names).draw().unwrap();
    let noted = SeriesPlot::new(&map, &names)
        .notes(&["carries +0.12", ""])
        .draw()
        .unwrap();
    assert_eq!(plain.dimensions(), noted.dimensions());
    let title = |plot: &RgbImage| {
        let size = (plot.width(), LINE);
        image::imageops::crop_imm(plot, 0, MARGIN, size.0, size.1).to_image()
    };
    assert!(title(&plain) != title(&noted));
}

/// The lengths of the red and blue bars, from the top down.
fn bars(chart: &RgbImage, count: u32) -> Vec<(u32, u32)> {
    let row = |i: u32| {
        // Above the whisker and the diamond.
        let y = MARGIN + i * LINE + 5;
        let all = |colour: fn(&Rgb<u8>) -> bool| {
            (0..chart.width())
                .filter(|&x| colour(chart.get_pixel(x, y)))
                .count() as u32
        };
        (all(red), all(blue))
    };
    (0..count).map(row).collect()
}

#[test]
fn bars_are_as_long_as_their_values() {
    let values: Array3<f32> = ndarray::arr1(&[0.1, -0.4, 0.2, 0.0])
        .into_shape_with_order((4, 1, 1))
        .unwrap();
    let names = ["a", "b", "c", "d"];
    let chart = BarChart::new(&values, &names);
    let given = bars(&chart.draw().unwrap(), 4);
    let close = |(a, b): (u32, u32), (c, d): (u32, u32)| a.abs_diff(c) <= 2 && b.abs_diff(d) <= 2;
    // 0.6 are 480 pixels less 16 for what stands at the ends.
    for (given, expected) in given.iter().zip([(77, 0), (0, 309), (155, 0), (0, 0)]) {
        assert!(close(*given, expected), "{given:?} is not {expected:?}");
    }
    let sorted = bars(&chart.sorted(true).draw().unwrap(), 4);
    assert_eq!(sorted, [given[2], given[0], given[3], given[1]]);
    // The same values in another shape make the same chart.
    let pixels = values.to_shape((1, 1, 4)).unwrap();
    assert_eq!(
        BarChart::new(&pixels, &names).draw().unwrap(),
        BarChart::new(&values, &names).draw().unwrap()
    );
}

#[test]
fn whiskers_and_values_to_compare_with_stand_on_their_bars() {
    let (values, errors) = (ndarray::arr1(&[1.0f32, 0.5]), ndarray::arr1(&[0.0f32, 0.1]));
    let others = ndarray::arr1(&[0.25f32, 0.75]);
    let names = ["a", "b"];
    let plain = BarChart::new(&values, &names).draw().unwrap();
    let left = (0..plain.width())
        .find(|&x| red(plain.get_pixel(x, MARGIN + 5)))
        .unwrap();
    // 1 is 464 pixels; whiskers cover 0.3 to 0.7.
    let whiskers = BarChart::new(&values, &names)
        .standard_error(&errors)
        .draw()
        .unwrap();
    let middle = MARGIN + LINE + LINE / 2;
    let dark_at = |chart: &RgbImage, x: f32, y| dark(chart.get_pixel(left + (464.0 * x) as u32, y));
    for (x, expected) in [
        (0.2, false),
        (0.35, true),
        (0.5, true),
        (0.65, true),
        (0.8, false),
    ] {
        assert_eq!(dark_at(&whiskers, x, middle), expected, "{x}");
        assert!(!dark_at(&plain, x, middle));
    }
    let compared = BarChart::new(&values, &names)
        .beside(&others, "others")
        .draw()
        .unwrap();
    let differs = |x: f32, y: u32| {
        let x = left + (464.0 * x) as u32;
        (x - 5..=x + 5).any(|x| compared.get_pixel(x, y) != plain.get_pixel(x, y))
    };
    assert!(differs(0.25, middle - LINE) && differs(0.75, middle));
    assert!(!differs(0.75, middle - LINE) && !differs(0.25, middle));
}

#[test]
fn charts_of_any_size_can_be_drawn() {
    for count in [1usize, 64, 500] {
        let values = irregular((count, 1, 1)) - 0.5;
        let long = "a name that is far longer than what there is room for";
        let names: Vec<String> = (0..count).map(|i| format!("{i} {long}")).collect();
        let chart = BarChart::new(&values, &names)
            .standard_error(&values.mapv(f32::abs))
            .draw()
            .unwrap();
        assert!(chart.height() > count as u32 * LINE);
    }
    for value in [0.0, 1e-30, -1e-38, 3e38, f32::MAX] {
        let values = Array3::from_elem((2, 1, 1), value);
        BarChart::new(&values, &["a", "b"]).draw().unwrap();
        let values = Array3::from_elem((2, 1, 3), value);
        SeriesPlot::new(&values, &["a", "b"])
            .series(&values, &["a", "b"])
            .draw()
            .unwrap();
    }
}

#[test]
fn wrong_series_and_tables_are_typed_errors() {
    let map = irregular((2, 1, 5));
    let names = ["a", "b"];
    let plot = || SeriesPlot::new(&map, &names);
    let text = |result: Result<RgbImage>| result.unwrap_err().to_string();
    let (square, longer, negative) = (irregular((2, 4, 5)), irregular((2, 1, 6)), &map - 0.5);
    let mut holed = map.clone();
    holed[[1, 0, 3]] = f32::NAN;
    let endless = holed.mapv(|v| if v.is_nan() { f32::INFINITY } else { v });
    let none = Array3::<f32>::zeros((0, 1, 5));
    let table = map.index_axis(Axis(0), 0);
    let table = table.into_dimensionality::<ndarray::Ix2>().unwrap();
    let five = ["a", "b", "c", "d", "e"];
    let chart = || BarChart::new(&table, &five);
    let many = Array3::<f32>::zeros((3000, 1, 1));
    let step = |start, step| text(plot().axis(start, step, "s").draw());
    let axis = "expected a finite start, and steps above 0 that lead away from it";
    for (given, expected) in [
        (
            text(SeriesPlot::new(&square, &names).draw()),
            "the map of a series has shape [2, 4, 5], expected [2, 1, 5]".to_owned(),
        ),
        (
            text(SeriesPlot::new(&none, &[""; 0]).draw()),
            "the map has shape [0, 1, 5], expected [1, 1, 5]".to_owned(),
        ),
        (
            text(SeriesPlot::new(&map, &["a"]).draw()),
            "the list of plane names has shape [1], expected [2]".to_owned(),
        ),
        (
            text(SeriesPlot::new(&holed, &names).draw()),
            "the map holds NaN at [1, 0, 3]; every element must be finite".to_owned(),
        ),
        (
            text(plot().series(&longer, &names).draw()),
            "the series has shape [2, 1, 6], expected [2, 1, 5]".to_owned(),
        ),
        (
            text(plot().series(&none, &[""; 0]).draw()),
            "the series has shape [0, 1, 5], expected [1, 1, 5]".to_owned(),
        ),
        (
            text(plot().series(&map, &five).draw()),
            "the list of channel names has shape [5], expected [2]".to_owned(),
        ),
        (
            text(plot().series(&endless, &names).draw()),
            "the series holds inf at [1, 0, 3]; every element must be finite".to_owned(),
        ),
        (
            text(plot().notes(&["one"]).draw()),
            "the list of notes has shape [1], expected [2]".to_owned(),
        ),
        (
            text(plot().standard_error(&longer).draw()),
            "the standard error has shape [2, 1, 6], expected [2, 1, 5]".to_owned(),
        ),
        (
            text(plot().standard_error(&negative).draw()),
            "standard_error is -0.5, expected 0 or more".to_owned(),
        ),
        (
            text(plot().region(&Array2::from_elem((5, 1), true)).draw()),
            "the region has shape [5, 1], expected [1, 5]".to_owned(),
        ),
        (
            text(plot().width(199).draw()),
            "width is 199, expected 200 to 8192 pixels".to_owned(),
        ),
        (step(0.0, 0.0), format!("axis is 0 in steps of 0, {axis}")),
        (
            step(1e300, 1.0),
            format!("axis is {} in steps of 1, {axis}", 1e300),
        ),
        (
            step(0.0, f64::NAN),
            format!("axis is 0 in steps of NaN, {axis}"),
        ),
        (
            step(0.0, f64::INFINITY),
            format!("axis is 0 in steps of inf, {axis}"),
        ),
        (
            text(BarChart::new(&none, &[""; 0]).draw()),
            "the list of values has shape [0, 1, 5], expected [1, 1, 5]".to_owned(),
        ),
        (
            text(BarChart::new(&holed, &[""; 10]).draw()),
            "the list of values holds NaN at [1, 0, 3]; every element must be finite".to_owned(),
        ),
        (
            text(BarChart::new(&map, &names).draw()),
            "the list of names has shape [2], expected [10]".to_owned(),
        ),
        (
            text(chart().standard_error(&map).draw()),
            "the standard error has shape [2, 1, 5], expected [1, 5]".to_owned(),
        ),
        (
            text(chart().beside(&map, "x").draw()),
            "the list of values to compare with has shape [2, 1, 5], expected [1, 5]".to_owned(),
        ),
        (
            text(chart().width(99).draw()),
            "width is 99, expected 100 to 8192 pixels".to_owned(),
        ),
    ] {
        assert_eq!(given, expected);
    }
    let error = text(BarChart::new(&many, &["x"; 3000]).draw());
    assert!(
        error.starts_with("the chart's size is ") && error.contains("65535"),
        "{error}"
    );
    let many = Array3::<f32>::zeros((1000, 1, 2));
    let error = text(SeriesPlot::new(&many, &["x"; 1000]).draw());
    assert!(
        error.starts_with("the plot's size is ") && error.contains("65535"),
        "{error}"
    );
}
