//! Regions: how they are chosen, and what a map is outside them. (That a map is right inside is in `expectation`,
//! `forged` and `agreement`.)

use ndarray::{Array2, arr2};
use proptest::prelude::*;
use racm::{Estimator, Explainer, Region};

use crate::worlds::{Nonlinear, kinds, ragged, scene};

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn top_fractions_keep_the_highest(values in prop::collection::vec(-4..4i8, 1..60), fraction in 0.02..1.0f64) {
        let n = values.len();
        let map = Array2::from_shape_vec((1, n), values.iter().map(|&v| f32::from(v)).collect()).unwrap();
        let keep = (fraction * n as f64).round() as usize;
        match Region::top_fraction(&map, fraction) {
            Err(_) => prop_assert_eq!(keep, 0),
            Ok(region) => {
                prop_assert_eq!(region.count(), keep);
                for i in 0..n {
                    for j in 0..n {
                        let (a, b) = (region.pixels()[[0, i]], region.pixels()[[0, j]]);
                        if a && !b {
                            prop_assert!(values[i] > values[j] || values[i] == values[j] && i < j);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn top_fractions_inside_a_region_count_its_pixels_alone() {
    let map = arr2(&[[f32::NAN, 9.0, 4.0], [f32::INFINITY, 5.0, 3.0]]);
    let known = Region::from_pixels(arr2(&[[false, true, true], [false, true, true]])).unwrap();
    let top = known.top_fraction_inside(&map, 0.5).unwrap();
    assert_eq!(
        top.pixels(),
        arr2(&[[false, true, false], [false, true, false]])
    );
    let whole = Region::from_pixels(map.mapv(|_| true)).unwrap();
    let error = whole.top_fraction_inside(&map, 0.5).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the saliency map holds NaN at [0, 0]; every element must be finite"
    );
    let other = known
        .top_fraction_inside(&arr2(&[[1.0_f32]]), 0.5)
        .unwrap_err();
    assert_eq!(
        other.to_string(),
        "the saliency map has shape [1, 1], expected [2, 3]"
    );
}

#[test]
fn percentiles_and_thresholds_by_hand() {
    let map = arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 5.0f32]]);
    let count = |p| Region::above_percentile(&map, p).map_or(0, |r| r.count());
    // NumPy: percentile 50 is 3.5, 60 is 4, 70 is 4.5, 80 is 5.
    assert_eq!(
        [0.0, 50.0, 59.9, 60.0, 70.0, 79.9, 80.0].map(count),
        [5, 3, 3, 2, 2, 2, 0]
    );
    assert_eq!(Region::above(&map, 4.0).unwrap().count(), 2);
    assert_eq!(Region::above(&map, f32::NEG_INFINITY).unwrap().count(), 6);
    assert_eq!(Region::top_fraction(&map, 1.0).unwrap().count(), 6);
    let infinite = arr2(&[[f32::INFINITY, 0.0, f32::NEG_INFINITY]]);
    let top = Region::top_fraction(&infinite, 0.4).unwrap();
    assert_eq!(top.pixels(), arr2(&[[true, false, false]]));
    let [a, b] = [arr2(&[[true, true, false]]), arr2(&[[false, true, true]])]
        .map(|p| Region::from_pixels(p).unwrap());
    assert_eq!(a.union(&b).unwrap().count(), 3);
    assert_eq!(
        a.intersection(&b).unwrap().pixels(),
        arr2(&[[false, true, false]])
    );
}

/// Outside: mask 0, bias mask 1, image as under an unselected cell, map and errors 0; inside something is there.
#[test]
fn outside_nothing_is_masked_or_evaluated() {
    for kind in kinds() {
        for placement in crate::worlds::PLACEMENTS {
            let mut scene = scene(
                &kind,
                [7, 9],
                [2, 3],
                crate::worlds::ENLARGEMENTS[1],
                placement,
                0.5,
            );
            scene.region = ragged([7, 9]);
            let explainer = scene.explainer(&kind, 16, 400, 1);
            let all = explainer
                .explain(&Nonlinear { classes: 1 }, &scene.image32(), 0)
                .unwrap();
            assert_eq!(
                all.region().unwrap().count(),
                scene.region.iter().filter(|&&r| r).count()
            );
            let mask = all.plan().mask(1, 0);
            let mut estimators = vec![
                Estimator::HorvitzThompson,
                Estimator::Centred,
                Estimator::PassOnly,
            ];
            if all.with_estimator(Estimator::SelfNormalised).is_ok() {
                estimators.push(Estimator::SelfNormalised);
            }
            for estimator in estimators {
                let explanation = all.with_estimator(estimator).unwrap();
                let errors = explanation.standard_error().unwrap().unwrap();
                let map = explanation.map();
                for ((j, y, x), v) in map.indexed_iter() {
                    let inside = scene.region[y * 9 + x];
                    assert_eq!(*v != 0.0, inside, "{} {estimator:?}", kind.name);
                    assert_eq!(errors[[j, y, x]] != 0.0, inside);
                    if !inside {
                        assert_eq!((mask.plane(j)[[y, x]], mask.bias()[[y, x]]), (0.0, 1.0));
                    }
                }
            }
        }
    }
}

/// The whole image as a region changes nothing: the same masks and the same map.
#[test]
fn the_whole_image_is_no_restriction() {
    let image = ndarray::Array3::from_shape_fn((3, 10, 13), |(c, y, x)| (c + y * x) as f32 / 99.0);
    let all = Region::from_pixels(Array2::from_elem((10, 13), true)).unwrap();
    let builder = || {
        Explainer::builder()
            .grid(5, 4)
            .masks(200)
            .placement(racm::Placement::Fixed)
    };
    let model = Nonlinear { classes: 1 };
    let plain = builder()
        .build()
        .unwrap()
        .explain(&model, &image, 0)
        .unwrap();
    let within = builder()
        .region(all)
        .build()
        .unwrap()
        .explain(&model, &image, 0)
        .unwrap();
    assert_eq!(plain.map(), within.map());
    assert_eq!(
        plain.plan().mask(3, 7).states(),
        within.plan().mask(3, 7).states()
    );
}

#[test]
fn a_saliency_method_restricts_the_masks_in_one_call() -> Result<(), racm::Error> {
    use ndarray::{Array2, ArrayView3};
    use racm::{BoxError, Error, Explainer, Region, Target, demo};

    let image = demo::image();
    let left = |image: ArrayView3<'_, f32>, class: usize| -> Result<Array2<f32>, BoxError> {
        assert_eq!(class, 0);
        let (_, height, width) = image.dim();
        Ok(Array2::from_shape_fn((height, width), |(_, x)| -(x as f32)))
    };
    let builder = Explainer::builder().masks(64);
    let explainer = builder.clone().build()?;
    let refined = explainer.refine(&demo::Classifier, &image, Target::Top, &left, 0.25)?;
    let region = Region::top_fraction(&left(image.view(), 0).unwrap(), 0.25)?;
    let by_hand = builder.region(region).build()?;
    let by_hand = by_hand.explain(&demo::Classifier, &image, 0)?;
    assert_eq!(refined.map(), by_hand.map());
    assert_eq!(refined.run_stats().model_calls, 64 + 2);

    let fails = |_: ArrayView3<'_, f32>, _: usize| -> Result<Array2<f32>, BoxError> {
        Err("no gradient".into())
    };
    let error = explainer
        .refine(&demo::Classifier, &image, 2, &fails, 0.25)
        .unwrap_err();
    assert!(matches!(error.cause(), Error::Saliency { target: 2, .. }));
    let small = |_: ArrayView3<'_, f32>, _: usize| Ok(Array2::zeros((2, 3)));
    let error = explainer
        .refine(&demo::Classifier, &image, 2, &small, 0.25)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the saliency map has shape [2, 3], expected [96, 96]"
    );
    let error = explainer
        .refine(&demo::Classifier, &image, [0, 1], &left, 0.25)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "target is a list of 2, expected one class to refine for"
    );
    Ok(())
}
