//! What each plane carries: the mean of its own effect, against the reference, the enumerated truth, and contrasts.

use ndarray::{Array2, Array3, ArrayView4};
use racm::{
    Enlargement, Error, Estimator, Explainer, Explanation, FnModel, Link, Placement, Racm, Region,
    Segments,
};
use rayon::prelude::*;

use crate::agreement;
use crate::errors::says;
use crate::reference::{Scene, estimate, standard_error, weight};
use crate::worlds::{Nonlinear, kinds, noise, ragged, scene, score};

/// The mean of each plane's own effect over the pixels that are evaluated.
fn carried(scene: &Scene, map: &[f64]) -> Vec<f64> {
    let pixels = scene.pixels();
    let inside: Vec<usize> = (0..pixels).filter(|&p| scene.inside(p)).collect();
    let own = scene.table.own(map);
    let planes = own.chunks(pixels);
    let mean = |plane: &[f64]| inside.iter().map(|&p| plane[p]).sum::<f64>() / inside.len() as f64;
    planes.map(mean).collect()
}

#[test]
fn values_and_errors_are_the_reference_s_mask_by_mask() {
    let (masks, block, seed) = (75, 8, 17);
    let compared: Vec<usize> = agreement::scenes()
        .par_iter()
        .map(|(kind, scene)| {
            let (explanation, pictures) = agreement::explained(kind, scene, block, masks, seed);
            let mut compared = 0;
            for estimator in [
                Estimator::HorvitzThompson,
                Estimator::Centred,
                Estimator::SelfNormalised,
            ] {
                let Ok(explanation) = explanation.with_estimator(estimator) else {
                    continue;
                };
                for (t, class) in [2, 0].into_iter().enumerate() {
                    compared += 1;
                    let f: Vec<f64> = pictures.iter().map(|p| score(&p.masked, class)).collect();
                    let plane = estimate(scene, estimator, &pictures, &f);
                    let influence: Vec<Vec<f64>> =
                        plane.influence.iter().map(|i| carried(scene, i)).collect();
                    let expected = carried(scene, &plane.map);
                    let given = explanation.carried(t).unwrap();
                    assert_eq!(given.len(), expected.len());
                    for (j, (value, error)) in given.into_iter().enumerate() {
                        let expected_error = standard_error(&influence, block, |mask| mask[j]);
                        let (off, error_off) =
                            (value - expected[j], error.unwrap() - expected_error);
                        let scale = 1e-5 * (1.0 + expected[j].abs());
                        assert!(off.abs() < scale, "{} {estimator}: {value}", kind.name);
                        assert!(
                            error_off.abs() < scale,
                            "{} {estimator}: {error:?}",
                            kind.name
                        );
                    }
                }
            }
            compared
        })
        .collect();
    assert!(compared.iter().sum::<usize>() > 4 * compared.len());
}

/// 40,000 masks: within 5.5 errors of what all masks give, in a region and without one; 1500 runs of 320 masks: 95 %
/// intervals hold the truth as often, as in `statistics`.
#[test]
fn errors_cover_the_enumerated_truth() {
    let kind = kinds()
        .into_iter()
        .find(|k| k.name == "racm" && k.channels == 2)
        .unwrap();
    let soft = Enlargement::Bilinear;
    let whole = scene(&kind, [2, 3], [1, 2], soft, Placement::Shifted, 0.5);
    let mut part = whole.clone();
    part.region = ragged([2, 3]);
    for scene in [whole, part] {
        let mut map = vec![0.0; scene.table.planes() * scene.pixels()];
        scene.enumerate(|p, _, _, picture| {
            let f = score(&picture.masked, 0);
            let w = weight(&scene, picture);
            map.iter_mut().zip(w).for_each(|(s, w)| *s += p * w * f);
        });
        let truth = carried(&scene, &map);
        let run = |masks, seed| {
            let explainer = scene.explainer(&kind, 8, masks, seed);
            let model = Nonlinear { classes: 1 };
            let explanation = explainer.explain(&model, &scene.image32(), 0).unwrap();
            let carried = explanation.carried(0).unwrap();
            let errors = carried.into_iter().zip(&truth);
            let z: Vec<f64> = errors.map(|((v, e), t)| (v - t) / e.unwrap()).collect();
            z
        };
        assert!(run(40_000, 2024).iter().all(|z| z.abs() < 5.5));
        let hits: Vec<Vec<f64>> = (0..1500)
            .into_par_iter()
            .map(|seed| run(320, seed))
            .collect();
        for plane in 0..truth.len() {
            let covered = hits.iter().filter(|z| z[plane].abs() < 1.96).count();
            let rate = covered as f64 / hits.len() as f64;
            assert!((0.92..0.98).contains(&rate), "plane {plane}: {rate}");
        }
    }
}

fn image() -> Array3<f32> {
    Array3::from_shape_fn((3, 9, 12), |(c, y, x)| {
        noise(5, (c * 9 + y) * 12 + x) as f32 + 0.2
    })
}

/// Whatever the estimator, the same as the contrast of own effects with the plane's weights.
#[test]
fn every_estimator_carries_what_its_contrasts_say() {
    let mut pixels = Array2::from_elem((9, 12), true);
    pixels.column_mut(3).fill(false);
    let region = Region::from_pixels(pixels.clone()).unwrap();
    let groups = Racm::grouped([("a", vec![0, 2]), ("b", vec![1])]).unwrap();
    let builder = Explainer::builder()
        .estimator(Estimator::Centred)
        .family(groups)
        .grid(3, 4)
        .masks(288)
        .seed(4);
    let cells = Segments::grid([9, 12], 3, 4).unwrap();
    let model = Nonlinear { classes: 2 };
    let explain = |builder: racm::ExplainerBuilder| -> Explanation {
        builder
            .build()
            .unwrap()
            .explain(&model, &image(), [1, 0])
            .unwrap()
    };
    let grid = explain(builder.clone().region(region));
    let segments = explain(builder.segments(cells).estimator(Estimator::Lime));
    let link = grid.with_link(Link::Log { floor: 0.1 }).unwrap();
    let estimators = [
        Estimator::Centred,
        Estimator::SelfNormalised,
        Estimator::Surrogate,
        Estimator::SurrogateCorrected,
        Estimator::Averaged,
    ];
    let of_grid = estimators.map(|estimator| grid.with_estimator(estimator).unwrap());
    for explanation in of_grid.into_iter().chain([segments, link]) {
        let own = explanation.own_effects().unwrap();
        let evaluated = |at: (usize, usize)| explanation.region().is_none() || pixels[at];
        let count = (0..9 * 12).filter(|i| evaluated((i / 12, i % 12))).count() as f64;
        for target in 0..2 {
            let carried = explanation.carried(target).unwrap();
            // It is of own effects already, whichever the map shows.
            assert_eq!(carried, own.carried(target).unwrap());
            for (plane, (value, error)) in carried.into_iter().enumerate() {
                let weights = Array3::from_shape_fn((2, 9, 12), |(j, y, x)| {
                    f64::from(u8::from(j == plane && evaluated((y, x)))) / count
                });
                let (expected, expected_error) = own.contrast(target, &weights).unwrap();
                let close = |a: f64, b: f64| (a - b).abs() < 1e-5 * (1.0 + b.abs());
                let name = explanation.estimator();
                assert!(close(value, expected), "{name}: {value} {expected}");
                let (error, expected) = (error.unwrap(), expected_error.unwrap());
                assert!(
                    close(error, expected) && error > 0.0,
                    "{name}: {error} {expected}"
                );
            }
        }
    }
}

/// Red counts nine in every cell, green takes away three, blue does nothing; with the names of channels.
#[test]
fn a_channel_carries_what_it_adds() {
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        let sum = |n: usize, c: usize| batch.slice(ndarray::s![n, c, .., ..]).sum();
        Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| sum(n, 0) - sum(n, 1) / 3.0)
    });
    let builder = Explainer::builder()
        .estimator(Estimator::Centred)
        .grid(3, 4)
        .enlargement(Enlargement::Nearest)
        .placement(Placement::Fixed)
        .masks(20_000);
    let explainer = builder.build().unwrap();
    let explanation = explainer
        .explain(&model, &Array3::ones((3, 9, 12)), 0)
        .unwrap();
    // Each of 12 cells has nine pixels, of which the mean is a cell's worth.
    for ((value, error), expected) in explanation
        .carried(0)
        .unwrap()
        .into_iter()
        .zip([9.0, -3.0, 0.0])
    {
        let error = error.unwrap();
        assert!(
            (value - expected).abs() < 4.0 * error && error < 0.2,
            "{value} {error}"
        );
    }
}

#[test]
fn what_is_not_known_is_said() {
    let builder = Explainer::builder().estimator(Estimator::Centred);
    let explainer = builder.grid(3, 4).masks(100).build().unwrap();
    let model = Nonlinear { classes: 1 };
    let explanation = explainer.explain(&model, &image(), 0).unwrap();
    // 100 masks are four blocks.
    assert!(
        explanation
            .carried(0)
            .unwrap()
            .iter()
            .all(|(_, error)| error.is_none())
    );
    let error = explanation.carried(1).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Target {
                target: 1,
                classes: 1
            }
        ),
        "{error}"
    );
    let passed = explanation.with_estimator(Estimator::PassOnly).unwrap();
    says(
        passed.carried(0).unwrap_err(),
        "estimator is pass-only, for own effects, expected one that compares with what is unselected, such as centred",
    );
}
