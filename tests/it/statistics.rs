//! Random runs against the enumerated truth. Every seed is fixed, so a test fails always or never; the rates say how
//! often a right implementation would have been given a bad seed.

use ndarray::Array3;
use racm::{Enlargement, Estimator, Explanation, Placement};
use rayon::prelude::*;

use crate::reference::{Scene, weight};
use crate::worlds::{Kind, Nonlinear, kinds, scene, score};

const ESTIMATORS: [Estimator; 4] = [
    Estimator::HorvitzThompson,
    Estimator::Centred,
    Estimator::SelfNormalised,
    Estimator::PassOnly,
];

/// The exact difference and its first term.
fn truth(scene: &Scene) -> (Vec<f64>, Vec<f64>) {
    let size = scene.table.planes() * scene.pixels();
    let (mut difference, mut pass) = (vec![0.0; size], vec![0.0; size]);
    let p_j = scene.pass();
    scene.enumerate(|p, _, _, picture| {
        let f = score(&picture.masked, 0);
        let w = weight(scene, picture);
        let masks = picture.planes.iter().flatten();
        for (i, (w, m)) in w.iter().zip(masks).enumerate() {
            difference[i] += p * w * f;
            pass[i] += p * m * f / p_j[i / scene.pixels()];
        }
    });
    (difference, pass)
}

fn named(name: &str, channels: usize) -> Kind {
    let found = |k: &Kind| k.name == name && k.channels == channels;
    kinds().into_iter().find(found).unwrap()
}

fn cases() -> Vec<(Kind, Scene)> {
    use Enlargement::{Bilinear, Nearest};
    use Placement::{Fixed, Shifted};
    let cases = [
        ("rise 3", 3, [3, 4], [2, 2], Bilinear, Shifted, 0.5),
        ("racm", 2, [4, 5], [2, 3], Nearest, Fixed, 0.5),
        ("racm", 3, [1, 5], [1, 2], Bilinear, Shifted, 0.2),
        ("mc-rise 7", 3, [3, 5], [1, 3], Bilinear, Fixed, 0.9),
        ("mixed", 3, [5, 1], [2, 1], Nearest, Shifted, 0.5),
    ];
    cases
        .map(|(name, channels, size, grid, enlargement, placement, p)| {
            let kind = named(name, channels);
            let scene = scene(&kind, size, grid, enlargement, placement, p);
            (kind, scene)
        })
        .to_vec()
}

/// 40,000 masks: |estimate - truth| stays below 5.5 standard errors at each of about 700 elements. False alarm:
/// 3.8e-8 an element, below 3e-5 in all. The errors are small beside the map, so that a wrong weight shows.
#[test]
fn every_estimator_lies_within_its_errors_of_the_truth() {
    cases().par_iter().for_each(|(kind, scene)| {
        let (difference, pass) = truth(scene);
        let run = scene.explainer(kind, 16, 40_000, 2024);
        let explanation = run
            .explain(&Nonlinear { classes: 1 }, &scene.image32(), 0)
            .unwrap();
        let range = |map: &[f64]| {
            let fold = |pick: fn(f64, f64) -> f64| map.iter().copied().reduce(pick).unwrap();
            fold(f64::max) - fold(f64::min).min(0.0)
        };
        for estimator in ESTIMATORS {
            let truth = match estimator {
                Estimator::PassOnly => &pass,
                _ => &difference,
            };
            let explanation = explanation.with_estimator(estimator).unwrap();
            let errors = explanation.standard_error().unwrap().unwrap();
            let (mut squares, scale) = (0.0, range(truth));
            for ((v, e), truth) in explanation.map().iter().zip(&errors).zip(truth) {
                let z = (f64::from(*v) - truth) / f64::from(*e);
                assert!(z.abs() < 5.5, "{} {estimator:?}: z = {z}", kind.name);
                assert!(f64::from(*e) < 0.1 * scale);
                squares += z * z;
            }
            // Errors are not merely large: z has about unit variance (elements are correlated).
            let mean_square = squares / truth.len() as f64;
            assert!(
                (0.02..6.0).contains(&mean_square),
                "{} {mean_square}",
                kind.name
            );
        }
    });
}

/// 1500 repetitions of 320 masks in 40 blocks, 4 distinct pixels and 2 planes: 12,000 pixel-repetitions and 1500
/// contrasts for each estimator. The intervals are normal (1.96): with 39 degrees of freedom they hold 94.3 %. The
/// coverage of one element has a standard deviation of 0.6 %, so that a bound at 92 or 98 % is 3.8 of them away:
/// below 1e-4 for an element, and the mean over the correlated elements lies further still.
#[test]
fn ninety_five_per_cent_intervals_cover_the_truth_as_often() {
    let kind = named("racm", 2);
    let hard = Enlargement::Nearest;
    let scene = scene(&kind, [2, 2], [2, 2], hard, Placement::Fixed, 0.5);
    coverage(&kind, &scene, 8, 320);
}

/// The same where the masks of a block are *not* independent: they share an offset.
#[test]
fn intervals_also_cover_where_blocks_share_an_offset() {
    let kind = named("rise 1", 1);
    let soft = Enlargement::Bilinear;
    let scene = scene(&kind, [3, 3], [1, 2], soft, Placement::Shifted, 0.5);
    coverage(&kind, &scene, 8, 320);
}

/// The standard error of a contrast by how far eight parts of the run lie apart; Student's factor for it is 2.365.
fn error_by_parts(explanation: &Explanation, weights: &Array3<f64>) -> f64 {
    let shares = (0..8).map(|k| {
        let part = explanation.part(k, 8).unwrap();
        let (value, _) = part.contrast(0, weights).unwrap();
        (part.masks() as f64 / explanation.masks() as f64, value)
    });
    let shares: Vec<(f64, f64)> = shares.collect();
    let mean: f64 = shares.iter().map(|(share, value)| share * value).sum();
    let squares = shares
        .iter()
        .map(|(share, value)| (share * (value - mean)).powi(2));
    (8.0 / 7.0 * squares.sum::<f64>()).sqrt()
}

fn coverage(kind: &Kind, scene: &Scene, block: usize, masks: u64) {
    const REPETITIONS: u64 = 1500;
    let (difference, pass) = truth(scene);
    let size = difference.len();
    let weights: Vec<f64> = (0..size)
        .map(|i| if i % 2 == 0 { 1.0 } else { -0.5 })
        .collect();
    let dim = (scene.table.planes(), scene.shape[1], scene.shape[2]);
    let array = Array3::from_shape_vec(dim, weights.clone()).unwrap();
    let once = |seed: u64| {
        let run = scene.explainer(kind, block, masks, seed);
        let explanation = run
            .explain(&Nonlinear { classes: 1 }, &scene.image32(), 0)
            .unwrap();
        ESTIMATORS.map(|estimator| {
            let truth = match estimator {
                Estimator::PassOnly => &pass,
                _ => &difference,
            };
            let explanation = explanation.with_estimator(estimator).unwrap();
            let errors = explanation.standard_error().unwrap().unwrap();
            let map = explanation.map();
            let pixels = map.iter().zip(&errors).zip(truth);
            let inside =
                pixels.filter(|((v, e), t)| (f64::from(**v) - **t).abs() < 1.96 * f64::from(**e));
            let (value, error) = explanation.contrast(0, &array).unwrap();
            let t: f64 = truth.iter().zip(&weights).map(|(t, w)| t * w).sum();
            let contrast = (value - t).abs() < 1.96 * error.unwrap();
            let by_parts = (value - t).abs() < 2.365 * error_by_parts(&explanation, &array);
            let [contrast, by_parts] = [contrast, by_parts].map(|hit| f64::from(u8::from(hit)));
            [inside.count() as f64, contrast, by_parts]
        })
    };
    let hits: Vec<_> = (0..REPETITIONS).into_par_iter().map(once).collect();
    for (i, estimator) in ESTIMATORS.into_iter().enumerate() {
        let all = [("pixels", size as f64), ("contrast", 1.0), ("parts", 1.0)];
        for (which, (what, each)) in all.into_iter().enumerate() {
            let covered: f64 = hits.iter().map(|h| h[i][which]).sum();
            let rate = covered / (each * REPETITIONS as f64);
            assert!(
                (0.92..0.98).contains(&rate),
                "{} {estimator:?} {what}: {rate}",
                kind.name
            );
        }
    }
}

/// A constant model has a map of exactly 0.0 and errors of exactly 0.0 with the centred and the self-normalised
/// estimator; with Horvitz-Thompson it is noise around 0, of the size of the constant.
#[test]
fn a_constant_model_has_no_map() {
    for kind in kinds() {
        for constant in [0.0, 1.0, 0.1, -0.7, 1e6, 3.3e-20, 1e30] {
            for placement in crate::worlds::PLACEMENTS {
                let mut scene = scene(&kind, [6, 7], [2, 3], Enlargement::Bilinear, placement, 0.3);
                for region in [Vec::new(), crate::worlds::ragged([6, 7])] {
                    scene.region = region;
                    let model = racm::FnModel::new(|batch: ndarray::ArrayView4<'_, f32>| {
                        ndarray::Array2::from_elem((batch.dim().0, 1), constant)
                    });
                    let run = scene.explainer(&kind, 7, 515, 3);
                    let centred = run.explain(&model, &scene.image32(), 0).unwrap();
                    assert!(
                        centred.map().iter().all(|&v| v == 0.0),
                        "{} {constant}",
                        kind.name
                    );
                    let errors = centred.standard_error().unwrap().unwrap();
                    assert!(errors.iter().all(|&v| v == 0.0));
                    let plain = centred.with_estimator(Estimator::HorvitzThompson).unwrap();
                    let noisy = plain.map().iter().any(|&v| v != 0.0);
                    assert_eq!(noisy, constant != 0.0);
                    if let Ok(ratio) = centred.with_estimator(Estimator::SelfNormalised) {
                        assert!(ratio.map().iter().all(|&v| v == 0.0));
                    }
                }
            }
        }
    }
}
