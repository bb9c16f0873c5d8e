//! RGB models in other colour spaces: conversions, hues that go the short way, models and runs.

use ndarray::{Array2, Array3, ArrayView4, Axis, array, s};
use proptest::prelude::*;
use racm::{
    Baseline, BlackBoxModel, ColourSpace, Error, Estimator, Explainer, FnModel, InColourSpace,
    Racm, Region, demo,
};

use crate::errors::says;
use crate::worlds::noise;

const SPACES: [ColourSpace; 4] = [
    ColourSpace::Hsv { hue: 0.0 },
    ColourSpace::Hsv { hue: 0.37 },
    ColourSpace::Lab,
    ColourSpace::Ycbcr,
];

/// One colour as an image.
fn pixel(values: [f32; 3]) -> Array3<f32> {
    Array3::from_shape_vec((3, 1, 1), values.to_vec()).unwrap()
}

fn values(image: &Array3<f32>) -> [f32; 3] {
    [0, 1, 2].map(|c| image[[c, 0, 0]])
}

fn near(a: [f32; 3], b: [f32; 3], by: f32) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= by)
}

#[test]
fn known_colours() {
    let hsv = ColourSpace::Hsv { hue: 0.0 };
    let shifted = ColourSpace::Hsv { hue: 0.9 };
    // Lab by CIE's formulas with sRGB's primaries, as tables have it; YCbCr by BT.601.
    for (space, rgb, expected) in [
        (hsv, [1.0, 0.0, 0.0], [0.0, 1.0, 1.0]),
        (hsv, [0.0, 1.0, 0.0], [1.0 / 3.0, 1.0, 1.0]),
        (hsv, [0.0, 0.0, 0.5], [-1.0 / 3.0, 1.0, 0.5]),
        (hsv, [0.0, 1.0, 1.0], [-0.5, 1.0, 1.0]),
        (hsv, [0.8, 0.6, 0.6], [0.0, 0.25, 0.8]),
        (hsv, [0.3, 0.3, 0.3], [0.0, 0.0, 0.3]),
        (shifted, [1.0, 0.0, 0.0], [0.1, 1.0, 1.0]),
        (shifted, [0.0, 0.0, 1.0], [2.0 / 3.0 - 0.9, 1.0, 1.0]),
        // Without colour there is no hue to exclude.
        (shifted, [0.3, 0.3, 0.3], [0.0, 0.0, 0.3]),
        (shifted, [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
        (ColourSpace::Lab, [1.0, 1.0, 1.0], [1.0, 0.0, 0.0]),
        (ColourSpace::Lab, [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
        (ColourSpace::Lab, [1.0, 0.0, 0.0], [0.5324, 0.8009, 0.6720]),
        (ColourSpace::Lab, [0.0, 0.0, 1.0], [0.3230, 0.7919, -1.0786]),
        (ColourSpace::Ycbcr, [1.0, 1.0, 1.0], [1.0, 0.0, 0.0]),
        (ColourSpace::Ycbcr, [1.0, 0.0, 0.0], [0.299, -0.168736, 0.5]),
        (ColourSpace::Ycbcr, [0.0, 0.0, 1.0], [0.114, 0.5, -0.081312]),
    ] {
        let converted = values(&space.convert(&pixel(rgb)).unwrap());
        assert!(
            near(converted, expected, 2e-4),
            "{space} {rgb:?}: {converted:?}"
        );
    }
}

proptest! {
    #[test]
    fn round_trips(colour in prop::array::uniform3(0.0f32..=1.0), hue in 0.0f32..1.0) {
        let hsv = ColourSpace::Hsv { hue };
        for space in [hsv, ColourSpace::Lab, ColourSpace::Ycbcr] {
            let converted = space.convert(&pixel(colour)).unwrap();
            let [a, b, c] = values(&converted);
            let inside = match space {
                ColourSpace::Hsv { .. } => (-0.5..0.5).contains(&a) && b <= 1.0 && c <= 1.0 && b.min(c) >= 0.0,
                ColourSpace::Lab => (-1e-6..1.00001).contains(&a) && (-0.87..0.99).contains(&b) && (-1.08..0.95).contains(&c),
                _ => (0.0..1.00001).contains(&a) && b.abs().max(c.abs()) < 0.50001,
            };
            prop_assert!(inside, "{space}: {a} {b} {c}");
            let back = values(&space.to_rgb(&converted).unwrap());
            // Palette's matrices of Lab, there and back, differ from 1 in the sixth digit.
            let by = if space == ColourSpace::Lab { 2e-5 } else { 2e-6 };
            prop_assert!(near(back, colour, by), "{space}: {colour:?} {back:?}");
            prop_assert_eq!(space.to_string().parse::<ColourSpace>().unwrap(), space);
        }
    }

    /// Whatever is mixed is a colour.
    #[test]
    fn anything_becomes_rgb(colour in prop::array::uniform3(-1e6f32..1e6)) {
        for space in SPACES {
            let rgb = space.to_rgb(&pixel(colour));
            if matches!(space, ColourSpace::Hsv { .. }) && colour[0].abs() > 1.0 {
                prop_assert!(rgb.is_err());
                continue;
            }
            let rgb = values(&rgb.unwrap());
            prop_assert!(rgb.iter().all(|v| (0.0..=1.0).contains(v)), "{space} {colour:?}: {rgb:?}");
        }
    }

    /// A mask that fades the hue plane leads from any hue to the excluded one through no more than half of the circle,
    /// and never through the hue opposite to the excluded one.
    #[test]
    fn faded_hues_go_the_short_way(from in 0.0f32..1.0, excluded in 0.0f32..1.0, shown in 0.0f32..1.0) {
        let apart = |a: f32, b: f32| { let d = (a - b).rem_euclid(1.0); d.min(1.0 - d) };
        let space = ColourSpace::Hsv { hue: excluded };
        let red = ColourSpace::Hsv { hue: 0.0 };
        let rgb = red.to_rgb(&pixel([from, 1.0, 1.0])).unwrap();
        let mut image = space.convert(&rgb).unwrap();
        image[[0, 0, 0]] *= shown;
        let seen = red.convert(&space.to_rgb(&image).unwrap()).unwrap()[[0, 0, 0]];
        prop_assert!((apart(seen, excluded) - shown * apart(from, excluded)).abs() < 1e-5);
        prop_assert!((apart(seen, from) - (1.0 - shown) * apart(from, excluded)).abs() < 1e-5);
    }
}

/// The reds on both sides of 0 stay together, where the hue 0.95 faded to 0 as a number would be green on the way.
#[test]
fn two_reds_fade_alike() {
    let space = ColourSpace::Hsv { hue: 0.75 };
    let red = ColourSpace::Hsv { hue: 0.0 };
    for hue in [0.97, 0.03] {
        let rgb = red.to_rgb(&pixel([hue, 1.0, 1.0])).unwrap();
        let mut image = space.convert(&rgb).unwrap();
        image[[0, 0, 0]] /= 2.0;
        let [r, g, b] = values(&space.to_rgb(&image).unwrap());
        assert!(g < 1e-6 && r > 0.8 && b > 0.6, "{hue}: {r} {g} {b}");
    }
}

#[test]
fn the_hue_for_an_image_is_not_one_of_its_own() {
    let of = |rgb: &Array3<f32>| match ColourSpace::hsv_for(rgb).unwrap() {
        ColourSpace::Hsv { hue } => hue,
        other => panic!("{other}"),
    };
    let red = ColourSpace::Hsv { hue: 0.0 };
    for hue in [0.0, 0.2, 1.0 / 3.0, 0.5, 0.77, 0.99] {
        let one = red.to_rgb(&pixel([hue, 0.9, 0.8])).unwrap();
        let apart = (of(&one) - hue).rem_euclid(0.5);
        assert!((apart - 0.25).abs() < 0.006, "{hue}: {}", of(&one));
    }
    // Orange, a quarter of a turn from 0.35 and 0.85, and a little green, which is like the one.
    let (orange, green) = ([0.10, 0.9, 0.8], [0.40, 0.5, 0.2]);
    let both = ndarray::concatenate![Axis(2), pixel(orange), pixel(green)];
    let hue = of(&red.to_rgb(&both).unwrap());
    assert!((hue - 0.84).abs() < 0.015, "{hue}");
    assert_eq!(of(&Array3::from_elem((3, 4, 5), 0.4)), 0.0);
    assert_eq!(of(&Array3::zeros((3, 4, 5))), 0.0);
}

#[test]
fn large_and_reversed_images_are_converted_pixel_by_pixel() {
    let rgb = Array3::from_shape_fn((3, 70, 130), |(c, y, x)| {
        noise(7 + c as u64, y * 130 + x) as f32
    });
    for space in SPACES {
        let converted = space.convert(&rgb).unwrap();
        for (y, x) in [(0, 0), (31, 65), (31, 66), (63, 2), (69, 129)] {
            let one = rgb.slice(s![.., y..=y, x..=x]).to_owned();
            let expected = space.convert(&one).unwrap();
            assert_eq!(converted.slice(s![.., y..=y, x..=x]), expected);
        }
        let turned = rgb.slice(s![.., ..;-1, ..]);
        let expected = converted.slice(s![.., ..;-1, ..]);
        assert_eq!(space.convert(&turned).unwrap(), expected);
        assert_eq!(space.pictures(&rgb).unwrap().dim(), (3, 3, 70, 130));
    }
}

#[test]
fn pictures_show_a_plane_alone() {
    let rgb = array![[[0.5, 0.3]], [[0.25, 0.3]], [[0.25, 0.3]]].mapv(|v: f64| v as f32);
    let at = |space: ColourSpace, plane: usize, x: usize| {
        let pictures = space.pictures(&rgb).unwrap();
        [0, 1, 2].map(|c| pictures[[plane, c, 0, x]])
    };
    let hsv = ColourSpace::Hsv { hue: 0.6 };
    assert!(near(at(hsv, 0, 0), [1.0, 0.0, 0.0], 1e-5));
    assert!(near(at(hsv, 0, 1), [0.6; 3], 1e-5));
    assert!(near(at(hsv, 1, 0), [0.5; 3], 1e-5) && near(at(hsv, 1, 1), [0.0; 3], 1e-5));
    assert!(near(at(hsv, 2, 0), [0.5; 3], 1e-5) && near(at(hsv, 2, 1), [0.3; 3], 1e-5));
    for space in [ColourSpace::Lab, ColourSpace::Ycbcr] {
        let [r, g, b] = at(space, 0, 0);
        assert!((r - g).abs() < 1e-4 && (g - b).abs() < 1e-4);
        // A red without its lightness is still red, and a grey is none.
        let red = if space == ColourSpace::Lab { 1 } else { 2 };
        let [r, g, _] = at(space, red, 0);
        assert!(r > g + 0.1, "{space}");
        let [r, g, b] = at(space, red, 1);
        assert!((r - g).abs() < 1e-4 && (g - b).abs() < 1e-4);
    }
}

#[test]
fn what_is_no_rgb_image_is_refused() {
    let mut image = Array3::from_elem((3, 2, 2), 0.5f32);
    for space in SPACES {
        let refused = |image: &Array3<f32>, message: &str| {
            says(space.convert(image).unwrap_err(), message);
            says(space.pictures(image).unwrap_err(), message);
            says(ColourSpace::hsv_for(image).unwrap_err(), message);
        };
        for channels in [1, 2, 4] {
            refused(
                &Array3::zeros((channels, 2, 2)),
                &format!("the image has shape [{channels}, 2, 2], expected [3, 2, 2]"),
            );
        }
        let empty = "the image has shape [3, 0, 2] ([C, H, W]) and so no pixel; every axis must be at least 1";
        refused(&Array3::zeros((3, 0, 2)), empty);
        image[[1, 0, 1]] = -0.001;
        refused(
            &image,
            "image is -0.001 at [1, 0, 1], expected RGB values in [0, 1]",
        );
        image[[1, 0, 1]] = 255.0;
        refused(
            &image,
            "image is 255 at [1, 0, 1], expected RGB values in [0, 1]",
        );
        assert!(space.to_rgb(&image).is_ok());
        image[[1, 0, 1]] = f32::NAN;
        let nan = "the image holds NaN at [1, 0, 1]; every element must be finite";
        refused(&image, nan);
        says(space.to_rgb(&image).unwrap_err(), nan);
        image[[1, 0, 1]] = 0.5;
    }
    for hue in [-0.1, 1.0, f32::NAN, f32::INFINITY] {
        let space = ColourSpace::Hsv { hue };
        let message = format!("hue is {hue}, expected a number of turns in [0, 1)");
        says(space.convert(&image).unwrap_err(), &message);
        says(space.to_rgb(&image).unwrap_err(), &message);
        says(
            InColourSpace::new(demo::Classifier, space).unwrap_err(),
            &message,
        );
        says(
            format!("hsv:{hue}").parse::<ColourSpace>().unwrap_err(),
            &message,
        );
    }
    for text in [
        "", "hsv", "hsv:", "hsv:red", "HSV:0", "rgb", "lab:0", "ycbcr ",
    ] {
        let message = format!("colour space is {text:?}, expected hsv:HUE, lab or ycbcr");
        says(text.parse::<ColourSpace>().unwrap_err(), &message);
    }
}

#[test]
fn the_model_sees_rgb() {
    let rgb = demo::image();
    let score = |model: &dyn BlackBoxModel, image: &Array3<f32>| {
        model.predict(image.view().insert_axis(Axis(0))).unwrap()
    };
    let expected = score(&demo::Classifier, &rgb);
    for space in SPACES {
        let model = InColourSpace::new(demo::Classifier, space).unwrap();
        assert_eq!(model.space(), space);
        let scores = score(&model, &space.convert(&rgb).unwrap());
        let apart = (&scores - &expected).mapv(f32::abs);
        assert!(apart.iter().all(|d| *d < 1e-5), "{space}: {apart}");
        // Nothing shown but the baseline 0: black, in all of them.
        let black = score(&model, &Array3::zeros(rgb.raw_dim()));
        assert_eq!(
            black,
            score(&demo::Classifier, &Array3::zeros(rgb.raw_dim()))
        );
        let four = Array3::<f32>::zeros((4, 2, 2)).insert_axis(Axis(0));
        says(
            model.predict(four.view()).unwrap_err(),
            "the image has shape [4, 2, 2], expected [3, 2, 2]",
        );
    }
    // As a baseline in degrees would make it.
    let mut degrees = Array3::<f32>::zeros((3, 2, 2));
    degrees[[0, 1, 0]] = 300.0;
    let model = InColourSpace::new(demo::Classifier, ColourSpace::Hsv { hue: 0.5 }).unwrap();
    says(
        model
            .predict(degrees.view().insert_axis(Axis(0)))
            .unwrap_err(),
        "hue is 300 at [1, 0], expected turns from the excluded hue, -1 to 1",
    );
}

/// Scores are those of the batch that the model would have had, converted by hand, in any order of memory.
#[test]
fn batches_are_converted_image_by_image() {
    let sums = FnModel::new(|batch: ArrayView4<'_, f32>| {
        assert!(batch.as_slice().is_some());
        Array2::from_shape_fn((batch.dim().0, 3), |(n, c)| {
            batch.slice(s![n, c, .., ..]).sum()
        })
    });
    let images: Vec<Array3<f32>> = (0..5)
        .map(|k| Array3::from_shape_fn((3, 3, 4), |(c, y, x)| noise(k, c * 12 + y * 4 + x) as f32))
        .collect();
    for space in SPACES {
        let views: Vec<_> = images.iter().map(|i| i.view()).collect();
        let batch = ndarray::stack(Axis(0), &views).unwrap();
        let model = InColourSpace::new(&sums, space).unwrap();
        let scores = model.predict(batch.view()).unwrap();
        for (image, row) in images.iter().zip(scores.outer_iter()) {
            let rgb = space.to_rgb(image).unwrap();
            let expected: Vec<f32> = rgb.outer_iter().map(|plane| plane.sum()).collect();
            assert!(near(
                [row[0], row[1], row[2]],
                [expected[0], expected[1], expected[2]],
                1e-5
            ));
        }
        let backwards = batch.slice(s![..;-1, .., .., ..]);
        assert_eq!(
            model.predict(backwards).unwrap(),
            scores.slice(s![..;-1, ..])
        );
        let none = batch.slice(s![..0, .., .., ..]);
        assert_eq!(model.predict(none).unwrap().dim(), (0, 3));
    }
}

/// Through the explainer: the same of a run, region and image baseline included, and the names of the planes.
#[test]
fn maps_of_a_run_have_the_planes_of_the_space() {
    let rgb = demo::image();
    let space = ColourSpace::hsv_for(&rgb).unwrap();
    let value = FnModel::new(|batch: ArrayView4<'_, f32>| {
        let most = batch.fold_axis(Axis(1), 0.0f32, |a, b| a.max(*b));
        Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| {
            most.slice(s![n, 40..50, 40..50]).mean().unwrap_or_default()
        })
    });
    let model = InColourSpace::new(value, space).unwrap();
    let region = Array2::from_shape_fn((96, 96), |(y, x)| y > 20 && x > 20);
    let build = |p: f64| {
        Explainer::builder()
            .estimator(Estimator::Centred)
            .family(Racm::grouped(space.planes()).unwrap())
            .region(Region::from_pixels(region.clone()).unwrap())
            .baseline(Baseline::Image(
                space.convert(&Array3::from_elem((3, 96, 96), 0.1)).unwrap(),
            ))
            .p_pix(p)
            .masks(2000)
            .build()
            .unwrap()
    };
    let image = space.convert(&rgb).unwrap();
    let explanation = build(0.5).explain(&model, &image, 0).unwrap();
    assert_eq!(
        explanation.plan().plane_names(),
        ["hue", "saturation", "value"]
    );
    let own = explanation.own_effects().unwrap();
    let at = |plane| own.map()[[plane, 45, 45]];
    let error = own.standard_error().unwrap().unwrap();
    assert!(at(2) > 0.1, "{}", at(2));
    for plane in 0..2 {
        assert!(
            at(plane).abs() < 5.0 * error[[plane, 45, 45]],
            "{plane}: {}",
            at(plane)
        );
    }
    let error = build(0.5).explain(&model, &image.slice(s![..2, .., ..]).to_owned(), 0);
    assert!(matches!(
        Error::from(error.unwrap_err()),
        Error::Parameter { .. }
    ));
}
