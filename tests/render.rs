//! Pictures: files, scales, markers, panels.
#![cfg(feature = "render")]

use std::path::PathBuf;

use image::imageops::{self, FilterType};
use image::{DynamicImage, ImageBuffer, Luma, Rgb, Rgba};
use ndarray::{Array1, Array2, Array3, Axis, s};
use racm::render::{
    Bands, Doubt, Panel, RgbImage, Scale, Tile, heat_map, overlay, read_grey_or_rgb, read_image,
    resize, stack, to_rgb, write_png,
};
use racm::{Error, Result};

#[path = "render/figures.rs"]
mod figures;
#[path = "render/plots.rs"]
mod plots;

/// A file in a folder of its own, removed in the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("racm-render-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder.join(name))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        std::fs::remove_dir_all(self.0.parent().unwrap()).ok();
    }
}

/// Something irregular in [0, 1).
fn irregular(shape: (usize, usize, usize)) -> Array3<f32> {
    Array3::from_shape_fn(shape, |(c, y, x)| {
        ((c * 71 + y * 37 + x * 101) % 256) as f32 / 256.0
    })
}

const HATCH: std::ops::RangeInclusive<u8> = 128..=202;

fn is_hatch(p: &Rgb<u8>) -> bool {
    p.0[0] == p.0[1] && p.0[1] == p.0[2] && HATCH.contains(&p.0[0])
}

// Files.

#[test]
fn png_round_trip_keeps_every_value() {
    let file = Temporary::new("round.png");
    let image = Array3::from_shape_fn((3, 5, 7), |(c, y, x)| (c * 85 + y * 17 + x) as f32 / 255.0);
    write_png(&file.0, &to_rgb(&image, Bands::Auto).unwrap()).unwrap();
    let read = read_image(&file.0).unwrap();
    assert_eq!(read.dim(), (3, 5, 7));
    for (a, b) in image.iter().zip(&read) {
        assert!((a - b).abs() < 1e-6, "{a} became {b}");
    }
}

#[test]
fn sixteen_bits_grey_and_alpha_are_read() {
    let file = Temporary::new("kind.png");
    let rgb: ImageBuffer<Rgb<u16>, _> = ImageBuffer::from_pixel(2, 1, Rgb([1u16, 30_000, 65_535]));
    DynamicImage::from(rgb).save(&file.0).unwrap();
    let read = read_image(&file.0).unwrap();
    for (c, v) in [1.0f32, 30_000.0, 65_535.0].into_iter().enumerate() {
        assert!((read[[c, 0, 1]] * 65_535.0 - v).abs() < 0.01);
    }
    let grey: ImageBuffer<Luma<u8>, _> = ImageBuffer::from_pixel(1, 2, Luma([51u8]));
    grey.save(&file.0).unwrap();
    let read = read_image(&file.0).unwrap();
    assert_eq!(read.dim(), (3, 2, 1));
    assert!(read.iter().all(|v| (v - 0.2).abs() < 1e-6));
    let one = read_grey_or_rgb(&file.0).unwrap();
    assert_eq!(one.dim(), (1, 2, 1));
    assert!(one.iter().all(|v| (v - 0.2).abs() < 1e-6));
    let clear: ImageBuffer<Rgba<u8>, _> = ImageBuffer::from_pixel(1, 1, Rgba([255u8, 0, 0, 51]));
    clear.save(&file.0).unwrap();
    let read = read_image(&file.0).unwrap();
    for (v, expected) in read.iter().zip([1.0, 0.8, 0.8]) {
        assert!((v - expected).abs() < 1e-6);
    }
}

#[test]
fn jpeg_is_recognised_by_its_content() {
    let file = Temporary::new("really_jpeg.png");
    let picture = RgbImage::from_pixel(16, 8, Rgb([200, 40, 90]));
    picture
        .save_with_format(&file.0, image::ImageFormat::Jpeg)
        .unwrap();
    let read = read_image(&file.0).unwrap();
    assert_eq!(read.dim(), (3, 8, 16));
    assert_eq!(read_grey_or_rgb(&file.0).unwrap(), read);
    assert!((read[[0, 4, 4]] * 255.0 - 200.0).abs() < 4.0);
}

#[test]
fn file_errors_name_the_file() {
    let file = Temporary::new("broken.png");
    let missing = read_image(&file.0).unwrap_err();
    assert!(matches!(missing, Error::Io { .. }) && missing.to_string().contains("broken.png"));
    std::fs::write(&file.0, b"no picture at all").unwrap();
    let broken = read_image(&file.0).unwrap_err();
    assert!(matches!(broken, Error::Adapter { .. }) && broken.to_string().contains("broken.png"));
    let nowhere = file.0.join("below_a_file.png");
    let error = write_png(&nowhere, &RgbImage::new(1, 1)).unwrap_err();
    assert!(matches!(error, Error::Io { .. }) && error.to_string().contains("below_a_file.png"));
}

// Resizing.

#[test]
fn resize_agrees_with_the_image_crate() {
    let image = irregular((1, 13, 17));
    let pixels: Vec<f32> = image.iter().copied().collect();
    let buffer: ImageBuffer<Luma<f32>, _> = ImageBuffer::from_raw(17, 13, pixels).unwrap();
    for (h, w) in [(13, 17), (26, 34), (5, 40), (4, 3), (1, 1), (31, 2)] {
        let ours = resize(&image, h, w).unwrap();
        let theirs = imageops::resize(&buffer, w as u32, h as u32, FilterType::Triangle);
        for (a, b) in ours.iter().zip(theirs.as_raw()) {
            assert!((a - b).abs() < 1e-4, "{h} x {w}: {a} and {b}");
        }
    }
}

#[test]
fn resize_keeps_units_and_constants() {
    let constant = Array3::from_elem((2, 3, 5), -273.0);
    assert!(
        resize(&constant, 7, 2)
            .unwrap()
            .iter()
            .all(|v| (v + 273.0).abs() < 1e-4)
    );
    let image = irregular((3, 4, 6)) * 1000.0;
    let same = resize(&image, 4, 6).unwrap();
    assert!(image.iter().zip(&same).all(|(a, b)| (a - b).abs() < 1e-3));
    let none = resize(&image, 0, 6).unwrap_err();
    assert!(matches!(none, Error::Parameter { name: "height", .. }));
    let empty = resize(&Array3::zeros((3, 0, 6)), 2, 2).unwrap_err();
    assert!(matches!(empty, Error::EmptyImage { shape: [3, 0, 6] }));
}

// Which channels are shown.

#[test]
fn bands_choose_channels() {
    let mut image = Array3::zeros((5, 1, 2));
    image
        .slice_mut(s![1, 0, ..])
        .assign(&Array1::from(vec![1000.0, 1010.0]));
    image
        .slice_mut(s![4, 0, ..])
        .assign(&Array1::from(vec![0.2, 0.4]));
    let left_right = |bands| {
        let picture = to_rgb(&image, bands).unwrap();
        (picture.get_pixel(0, 0).0, picture.get_pixel(1, 0).0)
    };
    // Out of [0, 1]: stretched; inside: as it is.
    assert_eq!(
        left_right(Bands::Rgb([1, 4, 0])),
        ([0, 51, 0], [255, 102, 0])
    );
    assert_eq!(left_right(Bands::Grey(4)), ([51; 3], [102; 3]));
    assert_eq!(left_right(Bands::Mean), ([0; 3], [255; 3]));
    assert_eq!(left_right(Bands::Auto), left_right(Bands::Mean));
    let error = to_rgb(&image, Bands::Grey(5)).unwrap_err().to_string();
    assert_eq!(error, "bands is 5, expected channels 0 to 4");
    let one = image.slice(s![4..5, .., ..]);
    assert_eq!(
        to_rgb(&one, Bands::Auto).unwrap().get_pixel(0, 0).0,
        [51; 3]
    );
}

// The scale.

fn map(values: &[f32]) -> Array3<f32> {
    Array3::from_shape_vec((1, 1, values.len()), values.to_vec()).unwrap()
}

const NEUTRAL: [u8; 3] = [0xf7; 3];
const REDDEST: [u8; 3] = [0x67, 0x00, 0x1f];
const BLUEST: [u8; 3] = [0x05, 0x30, 0x61];

#[test]
fn both_signs_give_a_symmetrical_scale() {
    let scale = Scale::of(&map(&[-0.5, 0.0, 2.0])).unwrap();
    assert_eq!((scale.low(), scale.high()), (-2.0, 2.0));
    assert!(scale.is_anchored() && !scale.is_clipped());
    assert_eq!(scale.colour(0.0), NEUTRAL);
    assert_eq!(scale.colour(2.0), REDDEST);
    assert_eq!(scale.colour(-2.0), BLUEST);
    assert_eq!((scale.colour(1e30), scale.colour(-1e30)), (REDDEST, BLUEST));
    for i in 1..100 {
        let v = i as f32 / 50.0;
        assert_eq!(scale.strength(v), scale.strength(-v));
        assert!(scale.strength(v) > scale.strength(v - 0.02));
        let ([r, _, b], [nr, _, nb]) = (scale.colour(v), scale.colour(-v));
        assert!(
            r > b && nr < nb,
            "{v}: {:?} {:?}",
            scale.colour(v),
            scale.colour(-v)
        );
    }
}

#[test]
fn one_sign_starts_at_zero_unless_zero_is_far() {
    let positive = Scale::of(&map(&[0.1, 0.4])).unwrap();
    assert_eq!((positive.low(), positive.high()), (0.0, 0.4));
    assert_eq!(
        (positive.colour(0.0), positive.colour(0.4)),
        (NEUTRAL, REDDEST)
    );
    let negative = Scale::of(&map(&[-0.1, -0.4])).unwrap();
    assert_eq!((negative.low(), negative.high()), (-0.4, 0.0));
    assert_eq!(
        (negative.colour(0.0), negative.colour(-0.4)),
        (NEUTRAL, BLUEST)
    );
    let far = Scale::of(&map(&[0.8, 1.0])).unwrap();
    assert_eq!((far.low(), far.high()), (0.8, 1.0));
    assert!(!far.is_anchored());
    assert_eq!((far.strength(0.8), far.strength(1.0)), (0.0, 1.0));
    assert_ne!(far.colour(0.8), NEUTRAL);
    let constant = Scale::of(&map(&[0.3, 0.3])).unwrap();
    assert_eq!((constant.low(), constant.high()), (0.0, 0.3));
}

#[test]
fn flat_and_extreme_maps_have_a_scale() {
    let flat = Scale::of(&map(&[0.0, -0.0])).unwrap();
    assert_eq!(
        (flat.low(), flat.high(), flat.strength(1.0)),
        (0.0, 0.0, 0.0)
    );
    assert_eq!(flat.colour(1.0), NEUTRAL);
    let largest = Scale::of(&map(&[f32::MIN, f32::MAX])).unwrap();
    assert_eq!(
        (largest.colour(f32::MAX), largest.colour(f32::MIN)),
        (REDDEST, BLUEST)
    );
    let tiny = f32::from_bits(1);
    assert_eq!(Scale::of(&map(&[tiny])).unwrap().colour(tiny), REDDEST);
    assert_eq!(flat.colour(f32::NAN), NEUTRAL);
}

#[test]
fn a_percentile_clips_and_a_region_counts_alone() {
    let mut values = vec![1.0; 199];
    values.push(-50.0);
    let clipped = Scale::fit(&map(&values), None, 99.0).unwrap();
    assert_eq!(
        (clipped.low(), clipped.high(), clipped.is_clipped()),
        (-1.0, 1.0, true)
    );
    // More zeros than the percentile leaves: the largest value, not 0.
    let mut sparse = vec![0.0; 999];
    sparse.push(3.0);
    assert_eq!(Scale::fit(&map(&sparse), None, 99.0).unwrap().high(), 3.0);
    let region = Array2::from_shape_fn((1, 200), |(_, x)| x < 199);
    let inside = Scale::fit(&map(&values), Some(&region), 100.0).unwrap();
    assert_eq!(
        (inside.low(), inside.high(), inside.is_clipped()),
        (0.0, 1.0, false)
    );
    let nothing = Scale::fit(
        &map(&values),
        Some(&Array2::from_elem((1, 200), false)),
        100.0,
    );
    assert_eq!(nothing.unwrap().high(), 0.0);
    for percentile in [50.0, 100.1, f64::NAN] {
        let error = Scale::fit(&map(&values), None, percentile).unwrap_err();
        assert!(matches!(
            error,
            Error::Parameter {
                name: "percentile",
                ..
            }
        ));
    }
    for (low, high) in [
        (1.0, 1.0),
        (2.0, 1.0),
        (f32::NAN, 1.0),
        (0.0, f32::INFINITY),
    ] {
        assert!(matches!(
            Scale::new(low, high),
            Err(Error::Parameter { name: "scale", .. })
        ));
    }
}

// Tiles.

#[test]
fn a_heat_map_is_the_colours_of_the_scale() {
    let plane = irregular((1, 6, 9)).index_axis_move(Axis(0), 0) - 0.5;
    let scale = Scale::new(-0.5, 0.5).unwrap();
    let picture = heat_map(&plane, scale).unwrap();
    assert_eq!(picture.dimensions(), (9, 6));
    let large = Tile::new(&plane, scale).enlarge(3).draw().unwrap();
    for ((y, x), &v) in plane.indexed_iter() {
        assert_eq!(picture.get_pixel(x as u32, y as u32).0, scale.colour(v));
        assert_eq!(
            large.get_pixel(3 * x as u32 + 2, 3 * y as u32).0,
            scale.colour(v)
        );
    }
}

#[test]
fn an_overlay_shows_the_image_where_nothing_matters() {
    let image = Array3::from_shape_fn((3, 1, 4), |(_, _, x)| [0.1, 0.9, 0.1, 0.9][x]);
    let plane = Array2::from_shape_vec((1, 4), vec![0.0, 0.0, 1.0, 1.0]).unwrap();
    let picture = overlay(&image, &plane, Scale::new(-1.0, 1.0).unwrap()).unwrap();
    let [dark, light, red_dark, red_light] = [0, 1, 2, 3].map(|x| picture.get_pixel(x, 0).0);
    assert!(dark[0] == dark[1] && dark[1] == dark[2] && light[0] == light[2]);
    let contrast = |a: [u8; 3], b: [u8; 3]| a[0].abs_diff(b[0]);
    assert!(contrast(dark, light) > 100, "{dark:?} {light:?}");
    assert!(
        contrast(red_dark, red_light) < 40,
        "{red_dark:?} {red_light:?}"
    );
    assert!(red_light[0] > red_light[2] + 50);
}

#[test]
fn pixels_outside_the_region_are_hatched() {
    let plane = Array2::from_shape_fn((24, 30), |(_, x)| x as f32 - 15.0);
    let region = Array2::from_shape_fn((24, 30), |(y, _)| y >= 12);
    let image = irregular((3, 24, 30));
    let scale = Scale::new(-15.0, 15.0).unwrap();
    for factor in [1, 3] {
        let tile = Tile::new(&plane, scale).region(&region).enlarge(factor);
        for (over, tile) in [(false, tile.clone()), (true, tile.clone().over(&image))] {
            let picture = tile.draw().unwrap();
            let outside: Vec<_> = picture
                .enumerate_pixels()
                .filter(|p| p.1 < 12 * factor as u32)
                .collect();
            assert!(
                outside
                    .iter()
                    .all(|(.., p)| p.0[0] == p.0[1] && p.0[1] == p.0[2])
            );
            let lines = outside.iter().filter(|(.., p)| p.0[0] <= 132).count();
            let share = lines as f64 / outside.len() as f64;
            assert!((0.1..0.5).contains(&share), "{share}");
            if !over {
                assert!(outside.iter().all(|(.., p)| is_hatch(p)));
                assert!(
                    picture
                        .enumerate_pixels()
                        .all(|(_, y, p)| y < 12 * factor as u32 || !is_hatch(p))
                );
            }
        }
    }
}

#[test]
fn smooth_edges_of_a_region_do_not_mix_in_zeros() {
    let plane = Array2::from_shape_fn((4, 4), |(y, _)| if y < 2 { 1.0 } else { 0.0 });
    let region = Array2::from_shape_fn((4, 4), |(y, _)| y < 2);
    let scale = Scale::new(0.0, 1.0).unwrap();
    let picture = Tile::new(&plane, scale)
        .region(&region)
        .enlarge(8)
        .smooth(true)
        .draw()
        .unwrap();
    assert!(
        picture
            .enumerate_pixels()
            .all(|(_, y, p)| y >= 16 || p.0 == REDDEST)
    );
}

#[test]
fn values_within_two_standard_errors_are_marked() {
    let plane = Array2::from_elem((1, 2), 1.0);
    let errors = Array2::from_shape_vec((1, 2), vec![0.5, 0.51]).unwrap();
    let scale = Scale::new(-2.0, 2.0).unwrap();
    // A dot may reach a pixel beyond its value, so the values' edges are left out.
    let tile = Tile::new(&plane, scale).enlarge(32).standard_error(&errors);
    for doubt in [Doubt::Dots, Doubt::Fade] {
        let picture = tile.clone().doubt(doubt).draw().unwrap();
        let changed = |from: u32| {
            let marked = picture
                .enumerate_pixels()
                .filter(|(x, _, p)| (from + 2..from + 30).contains(x) && p.0 != scale.colour(1.0));
            marked.count() as f64 / (28.0 * 32.0)
        };
        assert_eq!(changed(0), 0.0, "{doubt:?}");
        let expected = if doubt == Doubt::Fade {
            1.0..=1.0
        } else {
            0.05..=0.3
        };
        assert!(
            expected.contains(&changed(32)),
            "{doubt:?}: {}",
            changed(32)
        );
    }
}

// Panels.

#[test]
fn a_panel_holds_the_image_and_a_tile_a_plane() {
    let image = irregular((3, 48, 40));
    let map = irregular((3, 48, 40)) - 0.4;
    let names = ["red", "green", "blue"];
    let panel = Panel::new(&map, &names).image(&image).draw().unwrap();
    let scale = Scale::of(&map).unwrap();
    // Longer side 48, so 4 pixels a value; tiles start at (20, 42) and are 160 + 16 pixels apart.
    for (y, x) in [(0, 0), (47, 39), (20, 11)] {
        let at = |tile: u32| {
            panel
                .get_pixel(20 + 176 * tile + 4 * x as u32 + 3, 42 + 4 * y as u32)
                .0
        };
        assert_eq!(at(0)[0], (image[[0, y, x]] * 255.0).round() as u8);
        for j in 0..3 {
            assert_eq!(at(1 + j as u32), scale.colour(map[[j, y, x]]));
        }
    }
    // The bar: the colours of both ends below each other.
    let bar = 20 + 4 * 176 + 9;
    assert_eq!(panel.get_pixel(bar, 42).0, REDDEST);
    assert_eq!(panel.get_pixel(bar, 42 + 191).0, BLUEST);
    let dark = |x0: u32, x1: u32, y0: u32, y1: u32| {
        (x0..x1).any(|x| (y0..y1).any(|y| panel.get_pixel(x, y).0[0] < 90))
    };
    assert!(dark(20, 60, 20, 36) && dark(196, 230, 20, 36), "names");
    assert!(
        dark(bar + 16, panel.width() - 20, 34, 52),
        "number of the upper end"
    );
}

#[test]
fn a_panel_shows_the_pictures_of_planes_above_them() {
    let map = Array3::from_elem((2, 48, 48), 1.0f32);
    let pictures =
        ndarray::Array4::from_shape_fn(
            (2, 3, 48, 48),
            |(j, c, _, _)| {
                if c == 2 * j { 1.0 } else { 0.0 }
            },
        );
    let names = ["a", "b"];
    let plain = Panel::new(&map, &names).draw().unwrap();
    let panel = Panel::new(&map, &names)
        .plane_pictures(&pictures)
        .draw()
        .unwrap();
    assert_eq!(panel.height(), plain.height() + 192 + 8);
    for (x, picture) in [(100, [255, 0, 0]), (308, [0, 0, 255])] {
        assert_eq!(panel.get_pixel(x, 100).0, picture);
        assert_eq!(panel.get_pixel(x, 300).0, plain.get_pixel(x, 100).0);
    }
    // Reduced like the map.
    let (map, large) = (
        Array3::from_elem((1, 700, 4), 1.0f32),
        ndarray::Array4::from_elem((1, 3, 700, 4), 0.5f32),
    );
    assert!(
        Panel::new(&map, &["a"])
            .plane_pictures(&large)
            .draw()
            .is_ok()
    );
    let wrong = Panel::new(&map, &["a"]).plane_pictures(&pictures).draw();
    assert!(matches!(
        wrong,
        Err(Error::Shape {
            what: "the pictures of the planes",
            ..
        })
    ));
}

#[test]
fn panels_of_any_size_can_be_drawn() {
    let cases = [
        (1, 1, 1),
        (64, 7, 9),
        (1, 1, 1000),
        (1, 1000, 1),
        (2, 900, 700),
        (7, 24, 24),
        (1, 576, 2),
    ];
    for (j, h, w) in cases {
        let map = irregular((j, h, w)) - 0.5;
        let names: Vec<String> = (0..j).map(|j| format!("plane {j}")).collect();
        let image = irregular((4, h, w));
        let errors = irregular((j, h, w));
        let region = Array2::from_shape_fn((h, w), |(y, x)| (x + y) % 3 == 0);
        let plain = Panel::new(&map, &names);
        let full = plain
            .clone()
            .image(&image)
            .overlay(true)
            .region(&region)
            .standard_error(&errors);
        let full = full
            .caption("word ".repeat(200))
            .quantity("Wichtigkeit \u{2192} \u{91cd}\u{8981}")
            .percentile(90.0);
        let carried: Vec<_> = (0..j).map(|j| (j as f64 - 2.5, Some(0.1))).collect();
        let full = full.carried(&carried).sorted(true);
        for panel in [
            plain,
            full.clone(),
            full.columns(1).smooth(true).tile_size(50),
        ] {
            let picture = panel
                .draw()
                .unwrap_or_else(|e| panic!("{j} x {h} x {w}: {e}"));
            let (pw, ph) = picture.dimensions();
            assert!(pw >= 100 && ph >= 100, "{pw} x {ph}");
            // Nothing reaches into the margin.
            for (x, y, p) in picture.enumerate_pixels() {
                let margin = x < 18 || y < 18 || x >= pw - 18 || y >= ph - 18;
                assert!(
                    !margin || p.0 == [255; 3],
                    "({x}, {y}) of {pw} x {ph} is {p:?}"
                );
            }
        }
    }
}

#[test]
fn a_large_map_is_reduced_by_means() {
    let map = Array3::from_shape_fn(
        (1, 1000, 1000),
        |(_, y, x)| if (x + y) % 2 == 0 { 1.0 } else { -1.0 },
    );
    let panel = Panel::new(&map, &["chequers"]).draw().unwrap();
    assert!(panel.width() < 600);
    assert_eq!(panel.get_pixel(100, 100).0, NEUTRAL);
}

#[test]
fn a_panel_hatches_what_was_not_evaluated() {
    let map = Array3::from_elem((2, 192, 192), 0.0);
    let region = Array2::from_elem((192, 192), false);
    let panel = Panel::new(&map, &["a", "b"])
        .region(&region)
        .draw()
        .unwrap();
    for x in [20, 20 + 208] {
        assert!((0..192).all(|i| (0..192).all(|j| is_hatch(panel.get_pixel(x + i, 42 + j)))));
    }
}

/// The pixels of a row in which the bars of what planes carry are filled.
fn filled(panel: &RgbImage, xs: std::ops::Range<u32>, y: u32) -> Vec<u32> {
    xs.filter(|&x| panel.get_pixel(x, y).0 == [158; 3])
        .collect()
}

#[test]
fn bars_say_what_planes_carry_with_two_errors_to_either_side() {
    let map = Array3::from_elem((3, 192, 192), 1.0f32);
    let names = ["a", "b", "c"];
    let plain = Panel::new(&map, &names).draw().unwrap();
    // The scale is from -2 to 6: 24 pixels for 1, and 0 in pixel 48 of 191.
    let carried = [(4.0, Some(1.0)), (-1.0, Some(0.5)), (2.0, None)];
    let panel = Panel::new(&map, &names).carried(&carried).draw().unwrap();
    // A bar, and a line of the key.
    assert_eq!(panel.height(), plain.height() + 20 + 16 + 16 - 8);
    let (tile, bar) = (42, 42 + 192 + 7);
    assert_eq!(panel.get_pixel(30, tile).0, plain.get_pixel(30, tile).0);
    let ends = |plane: u32, y: u32| {
        let xs = filled(&panel, 20 + 208 * plane..20 + 208 * plane + 192, y);
        [xs[0], xs[xs.len() - 1]].map(|x| x - 20 - 208 * plane)
    };
    // Beside the line of 0, which is drawn over them.
    for (plane, [first, last]) in [[49, 143], [24, 47], [49, 95]].into_iter().enumerate() {
        let [a, b] = ends(plane as u32, bar + 3);
        assert!(
            a.abs_diff(first) <= 1 && b.abs_diff(last) <= 1,
            "{plane}: {a} {b}"
        );
    }
    let dark = |plane: u32, y: u32| -> Vec<u32> {
        let left = 20 + 208 * plane;
        (0..192)
            .filter(|x| panel.get_pixel(left + x, y).0 == [34; 3])
            .collect()
    };
    // The whisker in the middle of the bar: from 2 to 6, and from -2 to 0.
    let [first, second] = [dark(0, bar + 6), dark(1, bar + 6)];
    assert!(first.contains(&48) && first.contains(&96) && first.ends_with(&[191]));
    assert!(!first.contains(&94) && second[0] == 0 && second.ends_with(&[48]));
    assert_eq!(dark(2, bar + 6), [48]);
}

#[test]
fn pixels_of_the_image_without_a_value_are_hatched_and_count_in_no_scale() {
    let map = Array3::zeros((1, 96, 96));
    let image = |hole: f32| {
        Array3::from_shape_fn((4, 96, 96), |(c, y, x)| match y < 48 {
            true => hole,
            false => (c + x) as f32,
        })
    };
    let draw = |image: &Array3<f32>| Panel::new(&map, &["a"]).image(image).draw().unwrap();
    let (known, holed, filled) = (image(7.0), image(f32::NAN), image(-9999.0));
    let [known, holed, filled] = [draw(&known), draw(&holed), draw(&filled)];
    let tile = |panel: &RgbImage, rows: [u32; 2]| -> Vec<Rgb<u8>> {
        let rows = rows[0]..rows[1];
        rows.flat_map(|y| (0..192).map(move |x| (x, y)))
            .map(|(x, y)| *panel.get_pixel(20 + x, 42 + y))
            .collect()
    };
    assert!(tile(&holed, [0, 96]).iter().all(is_hatch));
    assert!(tile(&holed, [96, 192]) == tile(&known, [96, 192]));
    assert!(tile(&filled, [96, 192]) != tile(&known, [96, 192]));
    // The same of a reduced image.
    let (map, large) = (
        Array3::zeros((1, 1200, 1200)),
        |c: usize, y: usize| match y {
            0..600 => f32::NAN,
            y => (c + y) as f32,
        },
    );
    let image = Array3::from_shape_fn((1, 1200, 1200), |(c, y, _)| large(c, y));
    let panel = Panel::new(&map, &["a"]).image(&image).draw().unwrap();
    assert!(is_hatch(panel.get_pixel(100, 42 + 50)) && is_hatch(panel.get_pixel(101, 42 + 190)));
    assert!(!is_hatch(panel.get_pixel(100, 42 + 220)));
}

#[test]
fn sorted_planes_stand_in_the_order_of_what_they_carry() {
    let map = Array3::from_shape_fn((4, 96, 96), |(j, ..)| j as f32);
    let names = ["a", "b", "c", "d"];
    let carried = [(0.5, None), (-2.0, None), (3.0, None), (0.5, None)];
    let panel = Panel::new(&map, &names).carried(&carried);
    let scale = Scale::of(&map).unwrap();
    let drawn = |panel: Panel<'_>| {
        let panel = panel.draw().unwrap();
        [0, 1, 2, 3].map(|tile| panel.get_pixel(20 + 208 * tile + 50, 42 + 50).0)
    };
    let colours = |planes: [usize; 4]| planes.map(|j| scale.colour(j as f32));
    assert_eq!(drawn(panel.clone()), colours([0, 1, 2, 3]));
    assert_eq!(drawn(panel.sorted(true)), colours([2, 0, 3, 1]));
}

/// Longer names have wider cells, up to a width, and no name reaches into the next one's place.
#[test]
fn names_do_not_run_into_each_other() {
    let map = Array3::zeros((13, 192, 48));
    let names: Vec<String> = (0..13)
        .map(|j| format!("wind_u+wind_v at {} hPa above the ground", 100 * j))
        .collect();
    let panel = |names: &[String]| {
        let panel = Panel::new(&map, names).columns(5);
        panel.carried(&[(1e-5, Some(1e-6)); 13]).draw().unwrap()
    };
    let short = panel(&vec!["a".to_owned(); 13]);
    let panel = panel(&names);
    assert_eq!(panel.width() - short.width(), 5 * (192 - 96));
    for row in 0..3 {
        // Beside the names, before each cell.
        let top = 20 + row * (22 + 192 + 20 + 16);
        for left in (1..5).map(|column| 20 + column * (192 + 16)) {
            for (x, y) in (left - 16..left).flat_map(|x| (top..top + 18).map(move |y| (x, y))) {
                assert_eq!(panel.get_pixel(x, y).0, [255; 3], "({x}, {y})");
            }
        }
    }
}

/// Many planes of any shape: wider than high, if not too flat.
#[test]
fn many_planes_are_laid_out_in_rows() {
    for (planes, size) in [
        (13, [96, 96]),
        (40, [96, 96]),
        (40, [24, 200]),
        (40, [200, 24]),
    ] {
        let map = Array3::zeros((planes, size[0], size[1]));
        let names: Vec<String> = (0..planes).map(|j| format!("{} nm", 400 + j)).collect();
        let carried = vec![(0.1, Some(0.01)); planes];
        let panel = Panel::new(&map, &names).carried(&carried).draw().unwrap();
        let (width, height) = panel.dimensions();
        let shape = f64::from(width) / f64::from(height);
        assert!(
            (1.0..2.2).contains(&shape),
            "{planes} of {size:?}: {width} x {height}"
        );
    }
}

#[test]
fn a_stack_is_as_wide_as_its_widest() {
    let parts = [RgbImage::new(30, 10), RgbImage::new(20, 5)];
    let all = stack(&parts).unwrap();
    assert_eq!(all.dimensions(), (30, 15));
    assert_eq!(
        (all.get_pixel(19, 14).0, all.get_pixel(20, 14).0),
        ([0; 3], [255; 3])
    );
    assert!(matches!(
        stack(&[]),
        Err(Error::Parameter { name: "panels", .. })
    ));
}

#[test]
fn wrong_input_is_a_typed_error() {
    let map = irregular((2, 4, 5));
    let names = ["a", "b"];
    let text = |result: Result<RgbImage>| result.unwrap_err().to_string();
    let panel = || Panel::new(&map, &names);
    let mut holed = map.clone();
    holed[[1, 2, 3]] = f32::NAN;
    let endless = holed.mapv(|v| if v.is_nan() { f32::NEG_INFINITY } else { v });
    let wide = Array3::zeros((3, 4, 6));
    let none = Array3::zeros((0, 4, 5));
    let cases = [
        (
            text(Panel::new(&map, &["a"]).draw()),
            "the list of plane names has shape [1], expected [2]",
        ),
        (
            text(Panel::new(&holed, &names).draw()),
            "the map holds NaN at [1, 2, 3]; every element must be finite",
        ),
        (
            text(Panel::new(&none, &[""; 0]).draw()),
            "the map has shape [0, 4, 5], expected [1, 4, 5]",
        ),
        (
            text(panel().image(&wide).draw()),
            "the image has shape [3, 4, 6], expected [3, 4, 5]",
        ),
        (
            text(panel().image(&none).draw()),
            "the image has shape [0, 4, 5] ([C, H, W]) and so no pixel; every axis must be at least 1",
        ),
        (
            text(panel().image(&endless).draw()),
            "the image holds -inf at [1, 2, 3]; every element must be finite",
        ),
        (
            text(panel().region(&Array2::from_elem((5, 4), true)).draw()),
            "the region has shape [5, 4], expected [4, 5]",
        ),
        (
            text(panel().standard_error(&wide).draw()),
            "the standard error has shape [3, 4, 6], expected [2, 4, 5]",
        ),
        (
            text(panel().standard_error(&(&map - 0.5)).draw()),
            "standard_error is -0.5, expected 0 or more",
        ),
        (
            text(panel().overlay(true).draw()),
            "overlay is true, expected false when there is no image",
        ),
        (
            text(panel().sorted(true).draw()),
            "sorted is true, expected false when it is not known what the planes carry",
        ),
        (
            text(panel().carried(&[(0.0, None)]).draw()),
            "the list of what the planes carry has shape [1], expected [2]",
        ),
        (
            text(panel().carried(&[(0.0, None), (f64::NAN, None)]).draw()),
            "the list of what the planes carry holds NaN at [1]; every element must be finite",
        ),
        (
            text(panel().carried(&[(0.0, Some(-1.0)), (0.0, None)]).draw()),
            "carried is an error of -1, expected errors of 0 or more",
        ),
        (
            text(panel().columns(0).draw()),
            "columns is 0, expected at least 1",
        ),
        (
            text(panel().tile_size(15).draw()),
            "tile_size is 15, expected 16 to 4096 pixels",
        ),
        (
            text(heat_map(
                &Array2::zeros((0, 3)),
                Scale::new(0.0, 1.0).unwrap(),
            )),
            "the plane has shape [0, 3], expected [1, 3]",
        ),
        (
            text(
                Tile::new(&Array2::zeros((2, 3)), Scale::new(0.0, 1.0).unwrap())
                    .enlarge(0)
                    .draw(),
            ),
            "enlarge is 0, expected at least 1, and sides of at most 65535 pixels",
        ),
    ];
    for (given, expected) in &cases {
        assert_eq!(given, expected);
    }
    let many = Array3::zeros((1000, 1, 1));
    let error = text(Panel::new(&many, &["x"; 1000]).tile_size(4096).draw());
    assert!(error.starts_with("the panel's size is"), "{error}");
}
