//! Figures for papers: SVG and PDF.

use super::*;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use racm::render::{BarChart, Figure, SeriesPlot};

/// Of SVG and PDF.
const EM: f64 = 14.0;
const HOSTILE: &str = "a <b> & \"c\" 'd' ]]> &amp; \u{1}\u{8}\u{202e}\u{ffff}\u{e9}\u{141}\u{65e5}";

/// The elements of an SVG file that have this name: their attributes, and what stands between their tags. Everything that
/// is not as XML has it panics.
fn elements(svg: &str, name: &str) -> Vec<(BTreeMap<String, String>, String)> {
    let mut found = Vec::new();
    let mut rest = svg;
    while let Some(start) = rest.find('<') {
        let text = &rest[..start];
        assert!(!text.contains('>'), "{text:?}");
        let end = rest.find('>').unwrap();
        let tag = &rest[start + 1..end];
        assert!(!tag.contains('<'), "{tag}");
        rest = &rest[end + 1..];
        if tag.split_whitespace().next() != Some(name) {
            continue;
        }
        let mut attributes = BTreeMap::new();
        let mut inner = tag[name.len()..].trim_end_matches('/').trim();
        while !inner.is_empty() {
            let (key, after) = inner.split_once("=\"").unwrap();
            let (value, after) = after.split_once('"').unwrap();
            attributes.insert(key.to_owned(), unescaped(value));
            inner = after.trim_start();
        }
        let content = rest.split('<').next().unwrap();
        found.push((attributes, unescaped(content)));
    }
    found
}

fn unescaped(text: &str) -> String {
    let known = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
    ];
    for part in text.split('&').skip(1) {
        let known = ["lt;", "gt;", "quot;", "apos;", "amp;"];
        assert!(known.iter().any(|k| part.starts_with(k)), "{text:?}");
    }
    let plain = known
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    plain.replace("&amp;", "&")
}

fn texts(svg: &str) -> Vec<String> {
    let all = elements(svg, "text").into_iter();
    all.map(|(_, text)| text).collect()
}

fn numbers(attributes: &BTreeMap<String, String>, names: [&str; 4]) -> [f64; 4] {
    names.map(|name| attributes[name].trim_end_matches("mm").parse().unwrap())
}

/// Of all its tiles and bars: left, top, width and height.
fn rectangles(svg: &str) -> Vec<[f64; 4]> {
    let all = elements(svg, "image").into_iter();
    all.map(|(image, _)| numbers(&image, ["x", "y", "width", "height"]))
        .collect()
}

/// Left, top, width and height of the page, in the units of what stands on it.
fn window(svg: &str) -> [f64; 4] {
    let (page, _) = elements(svg, "svg").remove(0);
    let mut numbers = page["viewBox"].split(' ').map(|n| n.parse().unwrap());
    [(); 4].map(|()| numbers.next().unwrap())
}

/// What a tool prints about a file, or `None` with a reason where it is not installed.
fn said(tool: &str, arguments: &[&str], content: &[u8], extension: &str) -> Option<Vec<u8>> {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let file = Temporary::new(&format!("{tool}-{call}.{extension}"));
    std::fs::write(&file.0, content).unwrap();
    let arguments = arguments.iter().map(|argument| match *argument {
        "FILE" => file.0.display().to_string(),
        other => other.to_owned(),
    });
    let Ok(output) = Command::new(tool).args(arguments).output() else {
        println!("skipped: {tool} is not installed");
        return None;
    };
    assert!(output.status.success(), "{tool}: {:?}", output);
    Some(output.stdout)
}

fn panel<'a>(map: &'a Array3<f32>, image: &'a Array3<f32>) -> Panel<'a> {
    Panel::new(map, &["red", "<&\">", "blue"])
        .image(image)
        .caption(HOSTILE)
}

#[test]
fn text_is_text_whatever_it_holds() {
    let (map, image) = (irregular((3, 12, 16)) - 0.5, irregular((3, 12, 16)));
    let figure = Figure::from(panel(&map, &image));
    let svg = figure.svg().unwrap();
    let texts = texts(&svg);
    let shown = "a <b> & \"c\" 'd' ]]> &amp; \u{e9}\u{141}\u{65e5}";
    for expected in ["image", "red", "<&\">", "blue", shown] {
        assert!(
            texts.iter().any(|text| text == expected),
            "{expected}: {texts:?}"
        );
    }
    assert!(
        !svg.contains(|c: char| c.is_control() && c != '\n' || c == '\u{202e}' || c == '\u{ffff}')
    );
    assert_eq!(svg, figure.svg().unwrap());
    if let Some(png) = said("rsvg-convert", &["FILE"], svg.as_bytes(), "svg") {
        assert!(png.starts_with(b"\x89PNG"));
    }
    let pdf = figure.pdf().unwrap();
    assert_eq!(pdf, figure.pdf().unwrap());
    if let Some(text) = said("pdftotext", &["-layout", "FILE", "-"], &pdf, "pdf") {
        let text = String::from_utf8(text).unwrap();
        // Letters that the standard fonts lack.
        let shown = shown.replace(['\u{141}', '\u{65e5}'], "?");
        for expected in ["image", "red", "<&\">", "blue", &shown] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }
}

#[test]
fn tiles_have_the_pixels_of_the_png_and_stand_in_their_places() {
    let (map, image) = (irregular((3, 12, 16)) - 0.5, irregular((3, 12, 16)));
    let scale = Scale::of(&map).unwrap();
    let svg = Figure::from(panel(&map, &image)).svg().unwrap();
    let tiles = elements(&svg, "image").into_iter().map(|(tile, _)| {
        let (_, png) = tile["xlink:href"].split_once("base64,").unwrap();
        let png = STANDARD.decode(png).unwrap();
        image::load_from_memory(&png).unwrap().into_rgb8()
    });
    let tiles: Vec<RgbImage> = tiles.collect();
    assert_eq!(tiles.len(), 5, "the image, three planes, and the bar");
    let in_blocks = |tile: &RgbImage, native: &RgbImage| {
        let (width, height) = tile.dimensions();
        assert!(width % native.width() == 0 && height % native.height() == 0);
        *tile == imageops::resize(native, width, height, FilterType::Nearest)
    };
    assert!(in_blocks(&tiles[0], &to_rgb(&image, Bands::Auto).unwrap()));
    for (tile, plane) in tiles[1..].iter().zip(map.outer_iter()) {
        assert!(in_blocks(tile, &heat_map(&plane, scale).unwrap()));
    }
    let [left, top, width, _] = window(&svg);
    let zoom = 4.0;
    let size = (width * zoom).round().to_string();
    let arguments = ["-w", &size, "FILE"];
    let Some(png) = said("rsvg-convert", &arguments, svg.as_bytes(), "svg") else {
        return;
    };
    let drawn = image::load_from_memory(&png).unwrap().into_rgb8();
    for (tile, [x, y, w, h]) in tiles.iter().zip(rectangles(&svg)).take(4) {
        let native = imageops::resize(tile, 16, 12, FilterType::Nearest);
        for (column, row, pixel) in native.enumerate_pixels() {
            let middle = |at: u32, of: u32, from: f64, length: f64| {
                from + (f64::from(at) + 0.5) * length / f64::from(of)
            };
            let x = (middle(column, 16, x, w) - left) * zoom;
            let y = (middle(row, 12, y, h) - top) * zoom;
            let seen = drawn.get_pixel(x as u32, y as u32);
            let differs = seen.0.iter().zip(pixel.0).any(|(a, b)| a.abs_diff(b) > 2);
            assert!(!differs, "{column}, {row}: {seen:?}, expected {pixel:?}");
        }
    }
}

#[test]
fn width_and_font_size_are_those_on_paper() {
    let map = irregular((4, 30, 30)) - 0.5;
    let names = ["one", "two", "three", "four"];
    let panel = Panel::new(&map, &names).caption("a caption");
    let mut fewest_columns = usize::MAX;
    for (width, font_size) in [(170.0, 8.0), (84.0, 8.0), (60.0, 6.0), (170.0, 12.0)] {
        let figure = Figure::from(panel.clone());
        let figure = figure.width_mm(width).font_size(font_size);
        let svg = figure.svg().unwrap();
        let (page, _) = elements(&svg, "svg").remove(0);
        let height: f64 = page["height"].trim_end_matches("mm").parse().unwrap();
        assert_eq!(page["width"], format!("{width:.3}mm"));
        assert_eq!(page["font-size"], EM.to_string());
        let [_, _, w, h] = window(&svg);
        let points = EM * width / w / 25.4 * 72.0;
        assert!((points - font_size).abs() < 0.01, "{points}, {font_size}");
        assert!((height / width - h / w).abs() < 1e-3);
        // The tiles use the width.
        let tiles = rectangles(&svg);
        let right = tiles.iter().map(|t| t[0] + t[2]).fold(0.0, f64::max);
        assert!(right > 0.8 * w, "{right} of {w}");
        let tops: Vec<f64> = tiles[..4].iter().map(|t| t[1]).collect();
        fewest_columns = fewest_columns.min(tops.iter().filter(|&&top| top == tops[0]).count());
        let pdf = figure.pdf().unwrap();
        if let Some(info) = said("pdfinfo", &["FILE"], &pdf, "pdf") {
            let info = String::from_utf8(info).unwrap();
            let size = info.split("Page size:").nth(1).unwrap().split("pts");
            let size = size.into_iter().next().unwrap().trim();
            let (given, _) = size.split_once(" x ").unwrap();
            let given: f64 = given.parse().unwrap();
            assert!((given - width / 25.4 * 72.0).abs() < 0.1, "{size}");
        }
    }
    assert!(fewest_columns < 4, "narrow figures have more rows");
}

#[test]
fn fonts_are_named_and_change_what_fits() {
    let map = irregular((3, 12, 16)) - 0.5;
    let long = "many words of one caption that goes on, ".repeat(9);
    let panel = Panel::new(&map, &["a", "b", "c"]).caption(long);
    let mut lines = Vec::new();
    for (font, standard) in [
        ("Helvetica", "Helvetica"),
        ("Times New Roman", "Times-Roman"),
        ("DejaVu Sans Mono", "Courier"),
        ("Open Sans", "Helvetica"),
        ("Noto Serif", "Times-Roman"),
    ] {
        let figure = Figure::from(panel.clone()).width_mm(120.0).font(font);
        let svg = figure.svg().unwrap();
        let (page, _) = elements(&svg, "svg").remove(0);
        assert!(
            page["font-family"].starts_with(&format!("'{font}', ")),
            "{page:?}"
        );
        lines.push(
            texts(&svg)
                .into_iter()
                .find(|text| text.starts_with("many"))
                .unwrap(),
        );
        let pdf = figure.pdf().unwrap();
        let named = format!("/BaseFont /{standard}");
        assert!(
            pdf.windows(named.len())
                .any(|part| part == named.as_bytes()),
            "{font}"
        );
    }
    let [sans, serif, mono] = [0, 1, 2].map(|i| lines[i].len());
    assert!(serif > sans && sans > mono, "{lines:?}");
}

#[test]
fn many_planes_and_long_names_stay_on_the_page() {
    let map = irregular((40, 8, 8)) - 0.5;
    let names: Vec<String> = (0..40)
        .map(|i| format!("wind_at_level_{i}_hPa_of_the_model"))
        .collect();
    let image = irregular((40, 8, 8));
    let panel = Panel::new(&map, &names)
        .image(&image)
        .caption("long ".repeat(400));
    for width in [84.0, 170.0, 300.0] {
        let svg = Figure::from(panel.clone()).width_mm(width).svg().unwrap();
        let [left, top, w, h] = window(&svg);
        let tiles = rectangles(&svg);
        assert_eq!(tiles.len(), 42);
        for (i, [x, y, tw, th]) in tiles.iter().enumerate() {
            assert!(*x >= left && x + tw <= left + w && *y >= top && y + th <= top + h);
            for [x2, y2, tw2, th2] in &tiles[..i] {
                let apart = x2 + tw2 <= *x || x + tw <= *x2 || y2 + th2 <= *y || y + th <= *y2;
                assert!(apart, "tiles overlap");
            }
        }
        // Names are cut so that they differ, and are no wider than what they stand above (Helvetica is half as wide as high).
        let named: Vec<_> = elements(&svg, "text")
            .into_iter()
            .filter(|(_, t)| t.starts_with("wind"))
            .collect();
        assert_eq!(named.len(), 40);
        let next = |x: f64, y: f64| {
            let others = named
                .iter()
                .map(|(t, _)| [t["x"].parse().unwrap(), t["y"].parse().unwrap()]);
            others
                .filter(|[x2, y2]: &[f64; 2]| *y2 == y && *x2 > x)
                .map(|[x2, _]| x2)
                .fold(left + w, f64::min)
        };
        for (text, name) in &named {
            let [x, y]: [f64; 2] = ["x", "y"].map(|side| text[side].parse().unwrap());
            assert!(
                name.chars().count() as f64 * 0.4 * EM < next(x, y) - x,
                "{name}"
            );
        }
    }
}

#[test]
fn marks_are_lines_and_dots() {
    let map = Array3::from_elem((1, 20, 20), 1.0);
    let errors = Array3::from_shape_fn((1, 20, 20), |(_, y, _)| if y < 10 { 0.1 } else { 0.9 });
    let region = Array2::from_shape_fn((20, 20), |(_, x)| x >= 10);
    let panel = Panel::new(&map, &["a"])
        .region(&region)
        .standard_error(&errors);
    let svg = Figure::from(panel).svg().unwrap();
    let [_, _, width, height] = rectangles(&svg)[0];
    let paths = elements(&svg, "path");
    let lines = |path: &BTreeMap<String, String>| -> Vec<[f64; 4]> {
        let parts = path["d"].split('M').skip(1);
        parts
            .map(|part| {
                let mut numbers = part.split([' ', 'L']).map(|n| n.parse().unwrap());
                [(); 4].map(|()| numbers.next().unwrap())
            })
            .collect()
    };
    // The tile comes before the key.
    let [hatch, dots] = [0, 1].map(|i| lines(&paths[i].0));
    assert_eq!(paths[1].0["stroke-linecap"], "round");
    for [x1, y1, x2, y2] in &hatch {
        assert!(*x1 >= 0.0 && *x2 <= width / 2.0 + 0.01, "{x1} to {x2}");
        assert!((x1 + y1 - x2 - y2).abs() < 0.03, "a diagonal");
        assert!(*y1 <= height && *y2 >= 0.0);
    }
    // Eight pixels apart from one to the next along a row: half of the tile has height times width / 2 / 8 pixels of them.
    let length: f64 = hatch.iter().map(|[x1, _, x2, _]| x2 - x1).sum();
    let expected = width / 2.0 * height / 8.0;
    assert!(
        (length / expected - 1.0).abs() < 0.1,
        "{length}, {expected}"
    );
    assert!(dots.iter().all(|[x1, y1, x2, y2]| x1 == x2 && y1 == y2));
    assert!(
        dots.iter()
            .all(|[x, y, ..]| *x >= width / 2.0 && *y >= height / 2.0)
    );
    let expected = (width / 2.0 * height / 2.0 / 64.0) as usize;
    assert!(
        dots.len().abs_diff(expected) <= expected / 5,
        "{}, {expected}",
        dots.len()
    );
}

#[test]
fn lines_bars_and_areas_are_shapes() {
    let map = Array3::from_shape_fn((1, 1, 100), |(_, _, t)| if t < 50 { 1.0 } else { -0.5 });
    let mut series = map.clone();
    series.slice_mut(s![.., .., 20..30]).fill(f32::NAN);
    let plot = SeriesPlot::new(&map, &["a"])
        .series(&series, &["a"])
        .caption("lines");
    let values = Array1::from(vec![0.5, -0.25]);
    let chart = BarChart::new(&values, &["age", "<income>"]).caption("bars");
    let figure = Figure::new().with(plot).with(chart).width_mm(120.0);
    let svg = figure.svg().unwrap();
    let texts = texts(&svg);
    for expected in ["lines", "bars", "age", "<income>", "+0.500", "-0.250"] {
        assert!(
            texts.iter().any(|text| text == expected),
            "{expected}: {texts:?}"
        );
    }
    let polygons = elements(&svg, "polygon");
    let of = |value: f32| {
        let [r, g, b] = Scale::new(-1.0, 1.0).unwrap().colour(value);
        let colour = format!("#{r:02x}{g:02x}{b:02x}");
        polygons.iter().filter(|(p, _)| p["fill"] == colour).count()
    };
    // The line has a gap, and the importance is red, then blue.
    assert_eq!((of(0.6), of(-0.6)), (1, 1));
    let full_lines = polygons
        .iter()
        .filter(|(p, _)| p["fill"] == "#222222" && !p.contains_key("fill-opacity"));
    assert_eq!(full_lines.count(), 2);
    let bars: Vec<_> = elements(&svg, "rect")
        .into_iter()
        .filter(|(r, _)| r["height"] == "14" && r["fill"] != "#ffffff")
        .collect();
    let widths: Vec<f64> = bars
        .iter()
        .filter(|(r, _)| r["width"] != "30")
        .map(|(r, _)| r["width"].parse().unwrap())
        .collect();
    assert_eq!(widths.len(), 2, "{bars:?}");
    assert!((widths[0] / widths[1] - 2.0).abs() < 0.05, "{widths:?}");
    let pdf = figure.pdf().unwrap();
    if let Some(text) = said("pdftotext", &["FILE", "-"], &pdf, "pdf") {
        assert!(String::from_utf8(text).unwrap().contains("<income>"));
    }
}

#[test]
fn parts_of_a_narrow_figure_have_tiles_of_one_size_and_no_more_rows_than_it_takes() {
    let (four, two) = (irregular((4, 30, 30)) - 0.5, irregular((2, 30, 30)) - 0.5);
    let first = Panel::new(&four, &["a", "b", "c", "d"]);
    let second = Panel::new(&two, &["e", "f"]);
    let figure = Figure::new().with(first).with(second).width_mm(84.0);
    let tiles = rectangles(&figure.svg().unwrap());
    // The bar comes behind each panel's tiles.
    let tiles: Vec<[f64; 4]> = tiles[..4].iter().chain(&tiles[5..7]).copied().collect();
    assert!(tiles.iter().all(|t| t[2..] == tiles[0][2..]), "{tiles:?}");
    let tops: Vec<f64> = tiles.iter().map(|t| t[1]).collect();
    assert!(tops[0] == tops[1] && tops[2] == tops[3] && tops[4] == tops[5]);
    assert!(tops[0] < tops[2] && tops[2] < tops[4], "{tops:?}");
}

#[test]
fn a_figure_draws_what_its_parts_draw() {
    let (map, image) = (irregular((3, 12, 16)) - 0.5, irregular((3, 12, 16)));
    let [one, two] = [panel(&map, &image), Panel::new(&image, &["a", "b", "c"])];
    let drawn = Figure::new()
        .with(one.clone())
        .with(two.clone())
        .draw()
        .unwrap();
    let parts = [one.draw().unwrap(), two.draw().unwrap()];
    assert_eq!(drawn, stack(&parts).unwrap());
}

/// A caption wraps by the width, and so has its say in how narrow a figure can be.
#[test]
fn the_least_width_that_is_named_is_enough() {
    let (map, image) = (Array3::ones((3, 8, 8)), Array3::ones((3, 8, 8)));
    let long = panel(&map, &image)
        .caption("of a class with a long name, and a score that is said with it");
    let narrow = Figure::from(long);
    let error = narrow.clone().width_mm(21.0).svg().unwrap_err().to_string();
    let (_, least) = error.split_once("at least ").expect(&error);
    let least: f64 = least.split_once(' ').unwrap().0.parse().unwrap();
    assert!(narrow.clone().width_mm(least).svg().is_ok(), "{error}");
    assert!(narrow.width_mm(least - 1.0).svg().is_err(), "{error}");
}

#[test]
fn wrong_settings_are_typed_errors() {
    let map = irregular((3, 12, 16)) - 0.5;
    let figure = || Figure::from(Panel::new(&map, &["a", "b", "c"]));
    let too_narrow = "at least 36 with letters of 8 points";
    for (figure, expected) in [
        (
            Figure::new(),
            "the parts of a figure is 0, expected at least one",
        ),
        (
            figure().width_mm(19.9),
            "width_mm is 19.9, expected 20 to 2000",
        ),
        (figure().width_mm(f64::NAN), "width_mm is NaN"),
        (figure().width_mm(f64::INFINITY), "width_mm is inf"),
        (figure().width_mm(20.0), too_narrow),
        (
            figure().font_size(0.0),
            "font_size is 0, expected 2 to 72 points",
        ),
        (figure().font_size(f64::NAN), "font_size is NaN"),
        (
            figure().font(""),
            "font is \"\", expected the name of a font",
        ),
        (figure().font("a\"><script>"), "letters, digits, spaces"),
        (figure().font("x".repeat(61)), "1 to 60 letters"),
    ] {
        let svg = figure.svg().unwrap_err();
        assert!(matches!(svg, Error::Parameter { .. }), "{svg:?}");
        assert!(svg.to_string().contains(expected), "{svg}");
        assert_eq!(figure.pdf().unwrap_err().to_string(), svg.to_string());
    }
    let holed = Array3::from_elem((3, 2, 2), f32::NAN);
    let holed = Figure::from(Panel::new(&holed, &["a", "b", "c"]));
    assert!(matches!(holed.svg(), Err(Error::NotFinite { .. })));
}
