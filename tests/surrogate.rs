//! The surrogate estimators: exact where the score is additive, unbiased where corrected, honest
//! about their uncertainty, and pure functions of plan, seed and ledger.

use ndarray::{Array1, Array2, Array3, ArrayView3, ArrayView4, Axis, s};
use racm::{
    Enlargement, Error, Estimator, Explainer, FnModel, Ledger, MaskSpec, McRise, Placement, Plan,
    Racm, Region, Rise, Surrogate, Target,
};

/// The estimators that are made of surrogates.
const OF_SURROGATES: [Estimator; 3] = [
    Estimator::Surrogate,
    Estimator::SurrogateCorrected,
    Estimator::Averaged,
];

fn spec(grid: [usize; 2]) -> MaskSpec {
    MaskSpec::default()
        .grid(grid[0], grid[1])
        .enlargement(Enlargement::Nearest)
        .placement(Placement::Fixed)
}

fn scores(
    spec: &MaskSpec,
    shape: [usize; 3],
    masks: u64,
    seed: u64,
    score: impl Fn(ArrayView3<'_, f32>) -> f32,
) -> (Plan, Ledger) {
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        let scores = Array1::from_iter(batch.outer_iter().map(&score));
        scores.insert_axis(Axis(1))
    });
    let explainer = Explainer::builder()
        .spec(spec.clone())
        .masks(masks)
        .seed(seed)
        .build()
        .unwrap();
    let image = Array3::<f32>::ones(shape);
    let ledger = explainer.run(&model, &image, Target::Top).score().unwrap();
    (explainer.plan(shape).unwrap(), ledger)
}

/// Weights of pixels without any pattern.
fn weight(c: usize, y: usize, x: usize) -> f32 {
    ((c * 31 + y * 17 + x * 7) as f32 * 0.7).sin() + 0.2
}

fn linear(image: ArrayView3<'_, f32>) -> f32 {
    image
        .indexed_iter()
        .map(|((c, y, x), v)| v * weight(c, y, x))
        .sum()
}

#[test]
fn additive_scores_are_recovered() {
    // One pixel a cell. A cell that passes channel j passes another with probability 1/2.
    let (plan, ledger) = scores(&spec([4, 6]), [3, 4, 6], 400, 1, linear);
    let surrogate = Surrogate::fit(&plan, &ledger, 0).unwrap();
    let (map, sd) = (surrogate.map(), surrogate.standard_deviation());
    for ((j, y, x), v) in map.indexed_iter() {
        let truth: f32 = (0..3)
            .map(|c| weight(c, y, x) * if c == j { 1.0 } else { 0.5 })
            .sum();
        assert!((v - truth).abs() < 0.01, "{v} {truth}");
        assert!(sd[[j, y, x]] < 0.01);
    }
    let corrected = Estimator::SurrogateCorrected.maps(&plan, &ledger).unwrap();
    assert!(
        (&corrected.index_axis(Axis(0), 0) - &map)
            .iter()
            .all(|e| e.abs() < 0.02)
    );
}

#[test]
fn pairs_of_channels_are_recovered() {
    // A cell counts if it passes red and green at once: of the cells that pass one of them half do,
    // of those that pass blue a quarter.
    let score = |image: ArrayView3<'_, f32>| {
        let pair = |(y, x): (usize, usize)| image[[0, y, x]] * image[[1, y, x]] * weight(0, y, x);
        (0..4)
            .flat_map(|y| (0..6).map(move |x| (y, x)))
            .map(pair)
            .sum()
    };
    let (plan, ledger) = scores(&spec([4, 6]), [3, 4, 6], 400, 1, score);
    let map = Surrogate::fit(&plan, &ledger, 0).unwrap().map();
    for ((j, y, x), v) in map.indexed_iter() {
        let truth = weight(0, y, x) * if j == 2 { 0.25 } else { 0.5 };
        assert!((v - truth).abs() < 0.01, "{v} {truth}");
    }
}

#[test]
fn states_too_many_to_go_through() {
    // 2^18 - 1 of them: pairs are left out, the rest is as exact.
    let (plan, ledger) = scores(&spec([2, 2]), [18, 2, 2], 400, 1, linear);
    let map = Surrogate::fit(&plan, &ledger, 0).unwrap().map();
    for ((j, y, x), v) in map.indexed_iter() {
        let half: f32 = (0..18).map(|c| weight(c, y, x)).sum::<f32>() / 2.0;
        let truth = half + weight(j, y, x) / 2.0;
        assert!((v - truth).abs() < 0.01, "{v} {truth}");
    }
}

/// A score of which a few masks hold nearly all.
fn rare(image: ArrayView3<'_, f32>) -> f32 {
    let about =
        |y: usize, x: usize| (-((y as f32 - 7.0).powi(2) + (x as f32 - 9.0).powi(2)) / 18.0).exp();
    let sum: f32 = image
        .indexed_iter()
        .map(|((c, y, x), v)| v * about(y, x) * (1.0 + c as f32))
        .sum();
    (sum / 15.0).exp()
}

/// Ratios tell more than differences.
#[test]
fn rare_high_scores_are_fitted_by_their_logarithms() {
    let (plan, ledger) = scores(&spec_of_rare(), [2, 18, 18], 40_000, 3, rare);
    let truth = Estimator::Centred.maps(&plan, &ledger).unwrap();
    let mean = truth.mean().unwrap();
    let spread = truth.mapv(|v| (v - mean).powi(2)).sum();
    let error = |estimator: Estimator| {
        let map = estimator.maps(&plan, &ledger.prefix(200)).unwrap();
        (&map - &truth).mapv(|v| v * v).sum() / spread
    };
    let (surrogate, centred) = (error(Estimator::Surrogate), error(Estimator::Centred));
    assert!(
        surrogate < 0.025 && surrogate < 0.1 * centred,
        "{surrogate} {centred}"
    );
}

/// Rare low scores as much as rare high ones.
#[test]
fn a_factor_and_a_constant_of_the_score_are_those_of_the_map() {
    let fit = |factor: f32, constant: f32| {
        let score = |image: ArrayView3<'_, f32>| factor * rare(image) + constant;
        let (plan, ledger) = scores(&spec_of_rare(), [2, 18, 18], 200, 3, score);
        let fit = Surrogate::fit(&plan, &ledger, 0).unwrap();
        (fit.map(), fit.standard_deviation())
    };
    let (map, deviation) = fit(1.0, 0.0);
    for (factor, constant) in [(-1.0, 0.0), (-4.0, 1.0), (2.0, -5.0)] {
        let (other, more) = fit(factor, constant);
        for ((a, b), (s, t)) in map.iter().zip(&other).zip(deviation.iter().zip(&more)) {
            // Scores are rounded to f32.
            assert!((factor * a - b).abs() < 0.02 * t, "{factor}: {a} {b}");
            assert!(
                (factor.abs() * s / t - 1.0).abs() < 0.02,
                "{factor}: {s} {t}"
            );
        }
    }
}

/// An element of the map is a contrast, under any scale and however many fields are added.
#[test]
fn elements_are_contrasts() {
    for (masks, factor) in [(100, 1.0), (100, -1.0), (400, 1.0)] {
        let score = |image: ArrayView3<'_, f32>| factor * rare(image);
        let (plan, ledger) = scores(&spec_of_rare(), [2, 18, 18], masks, 3, score);
        let fit = Surrogate::fit(&plan, &ledger, 0).unwrap();
        let (map, deviation) = (fit.map(), fit.standard_deviation());
        for element in [[0, 0, 0], [1, 7, 9], [0, 9, 4], [1, 17, 3]] {
            let mut weights = Array3::<f64>::zeros((2, 18, 18));
            weights[element] = 1.0;
            let (value, error) = fit.contrast(&weights).unwrap();
            let (m, d) = (f64::from(map[element]), f64::from(deviation[element]));
            assert!((value - m).abs() < 1e-4 * d, "{value} {m} {d}");
            assert!((error / d - 1.0).abs() < 1e-4, "{error} {d}");
        }
    }
}

fn spec_of_rare() -> MaskSpec {
    MaskSpec::default().grid(6, 6)
}

#[test]
fn soft_shifted_masks_share_one_field() {
    for (enlargement, placement) in [
        (Enlargement::Bilinear, Placement::Shifted),
        (Enlargement::Nearest, Placement::Shifted),
        (Enlargement::Bilinear, Placement::Fixed),
    ] {
        let spec = spec([4, 3]).enlargement(enlargement).placement(placement);
        // Smooth weights, not square, not divisible.
        let score = |image: ArrayView3<'_, f32>| {
            let smooth = |y: usize, x: usize| ((y as f32 - 9.0) / 5.0).sin() + 0.1 * x as f32;
            image
                .indexed_iter()
                .map(|((c, y, x), v)| v * smooth(y, x) * (c as f32 - 0.5))
                .sum::<f32>()
                / 100.0
        };
        let (plan, ledger) = scores(&spec, [2, 22, 17], 20_000, 3, score);
        let truth = Estimator::Centred.maps(&plan, &ledger).unwrap();
        let error = Estimator::Centred
            .standard_errors(&plan, &ledger)
            .unwrap()
            .unwrap();
        let few = ledger.prefix(500);
        let map = Estimator::Surrogate.maps(&plan, &few).unwrap();
        let mean = truth.mean().unwrap();
        let spread = truth.mapv(|v| (v - mean).powi(2)).mean().unwrap();
        let noise = error.mapv(|v| v * v).mean().unwrap();
        let left = (&map - &truth).mapv(|v| v * v).mean().unwrap();
        assert!(
            left < 1.5 * noise + 0.005 * spread,
            "{left} {noise} {spread}"
        );
    }
}

/// Every state of every cell, with its probability: the exact map of Eq. 9 on a 2 x 2 grid of one
/// pixel cells, two channels.
fn enumerated(score: impl Fn(ArrayView3<'_, f32>) -> f32) -> Array3<f64> {
    let probability = |s: usize| if s == 0 { 0.5 } else { 0.5 / 3.0 };
    let mut pass = Array3::<f64>::zeros((2, 2, 2));
    let mut bias = Array2::<f64>::zeros((2, 2));
    for code in 0..256usize {
        let state = |cell: usize| code >> (2 * cell) & 3;
        let p: f64 = (0..4).map(|cell| probability(state(cell))).product();
        let image =
            Array3::from_shape_fn((2, 2, 2), |(c, y, x)| (state(2 * y + x) >> c & 1) as f32);
        let f = p * f64::from(score(image.view()));
        for ((c, y, x), v) in image.indexed_iter() {
            pass[[c, y, x]] += f * f64::from(*v) / (0.5 * 2.0 / 3.0);
        }
        for ((y, x), b) in bias.indexed_iter_mut() {
            *b += if state(2 * y + x) == 0 { f / 0.5 } else { 0.0 };
        }
    }
    &pass - &bias.insert_axis(Axis(0))
}

/// Far from additive.
fn product(image: ArrayView3<'_, f32>) -> f32 {
    let red = image.slice(s![0, .., ..]).sum();
    1.0 + red * image[[1, 0, 0]] * (1.0 + image[[1, 1, 1]]) + (3.0 * image.sum()).cos()
}

/// 8 means of 400 independent maps against the exact values. Under unbiasedness each is standard
/// normal in its standard error, so that one of the 8 beyond 4.5 is a false alarm of probability
/// 5e-5. The seeds are fixed: it does not come and go.
#[test]
fn the_corrected_surrogate_is_unbiased() {
    let truth = enumerated(product);
    const RUNS: u64 = 400;
    let z = |estimator: Estimator| {
        let (mut sum, mut squares) = (
            Array3::<f64>::zeros((2, 2, 2)),
            Array3::<f64>::zeros((2, 2, 2)),
        );
        for seed in 0..RUNS {
            let spec = spec([2, 2]).block_size(6);
            // The last block is short, and the folds are of different sizes.
            let (plan, ledger) = scores(&spec, [2, 2, 2], 40, seed, product);
            let map = estimator
                .maps(&plan, &ledger)
                .unwrap()
                .index_axis_move(Axis(0), 0)
                .mapv(f64::from);
            sum += &map;
            squares += &(&map * &map);
        }
        let n = RUNS as f64;
        let mean = sum / n;
        let error = ((squares / n - &mean * &mean) / n).mapv(f64::sqrt);
        ((mean - &truth) / error)
            .iter()
            .fold(0.0, |a: f64, z| a.max(z.abs()))
    };
    assert!(z(Estimator::SurrogateCorrected) < 4.5);
    // The test can tell: without the correction there is a bias.
    assert!(z(Estimator::Surrogate) > 6.0);
}

#[test]
fn many_masks_give_the_exact_map() {
    let truth = enumerated(product);
    let (plan, ledger) = scores(&spec([2, 2]), [2, 2, 2], 30_000, 5, product);
    for estimator in OF_SURROGATES {
        let map = estimator
            .maps(&plan, &ledger)
            .unwrap()
            .index_axis_move(Axis(0), 0)
            .mapv(f64::from);
        let error = estimator.standard_errors(&plan, &ledger).unwrap().unwrap();
        let error = error.index_axis_move(Axis(0), 0).mapv(f64::from);
        for ((m, t), e) in map.iter().zip(&truth).zip(&error) {
            assert!((m - t).abs() < 4.5 * e && *e < 0.1, "{m} {t} {e}");
        }
    }
}

/// Coefficients from a smooth prior plus noise of a hash: the 95 % intervals of the posterior hold
/// 85 to 99 % of the true values, over 40 fields.
#[test]
fn posterior_deviations_cover() {
    let mut held = 0;
    let mut all = 0;
    for field in 0..40u64 {
        let angle = |k: u64| (field * 977 + k * 131) as f32;
        let wave = |y: usize, x: usize| {
            (1..6)
                .map(|k| {
                    (angle(k).sin() * y as f32 * 0.8
                        + angle(k + 7).cos() * x as f32 * 0.8
                        + angle(k))
                    .sin()
                })
                .sum::<f32>()
        };
        let score = |image: ArrayView3<'_, f32>| {
            let signal: f32 = image
                .indexed_iter()
                .map(|((_, y, x), v)| v * wave(y, x))
                .sum();
            let hash = image.iter().fold(field, |h, v| {
                (h ^ u64::from(v.to_bits()))
                    .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                    .rotate_left(29)
            });
            // Twelve uniform numbers: nearly normal.
            let noise: f32 = (0..12u32)
                .map(|k| {
                    (hash.rotate_left(5 * k).wrapping_mul(0xd134_2543_de82_ef95) >> 40) as f32
                        / (1u32 << 24) as f32
                        - 0.5
                })
                .sum();
            signal + 8.0 * noise
        };
        let spec = spec([7, 7]).family(Rise);
        let (plan, ledger) = scores(&spec, [1, 7, 7], 150, field, score);
        let surrogate = Surrogate::fit(&plan, &ledger, 0).unwrap();
        let (map, sd) = (surrogate.map(), surrogate.standard_deviation());
        for ((_, y, x), v) in map.indexed_iter() {
            held += usize::from((v - wave(y, x)).abs() < 1.96 * sd[[0, y, x]]);
            all += 1;
        }
    }
    let share = held as f64 / all as f64;
    assert!((0.85..0.99).contains(&share), "{share}");
}

#[test]
fn every_family_region_and_block_size() {
    let region =
        Region::from_pixels(Array2::from_shape_fn((12, 12), |(y, x)| y < 7 && x > 3)).unwrap();
    for family in 0..3 {
        for region in [None, Some(region.clone())] {
            {
                let block_size = if region.is_some() { 1 } else { 32 };
                let base = match family {
                    0 => MaskSpec::new(Rise),
                    1 => MaskSpec::new(McRise::rgb()),
                    _ => MaskSpec::new(Racm),
                };
                let spec = base
                    .grid(3, 3)
                    .block_size(block_size)
                    .region(region.clone());
                let score = |image: ArrayView3<'_, f32>| {
                    image.slice(s![0, 2..6, 5..9]).sum() / 16.0 - image[[1, 5, 5]]
                };
                let (plan, ledger) = scores(&spec, [3, 12, 12], 300, 2, score);
                let centred = Estimator::Centred.maps(&plan, &ledger).unwrap();
                for estimator in OF_SURROGATES {
                    let map = estimator.maps(&plan, &ledger).unwrap();
                    let error = estimator.standard_errors(&plan, &ledger).unwrap().unwrap();
                    assert!(map.iter().chain(&error).all(|v| v.is_finite()));
                    if let Some(region) = &region {
                        for ((_, _, y, x), v) in map.indexed_iter() {
                            assert!(region.pixels()[[y, x]] || *v == 0.0);
                        }
                    }
                    let dot = |a: &ndarray::Array4<f32>, b: &ndarray::Array4<f32>| (a * b).sum();
                    let cosine =
                        dot(&map, &centred) / (dot(&map, &map) * dot(&centred, &centred)).sqrt();
                    assert!(cosine > 0.7, "{family} {block_size} {estimator:?} {cosine}");
                    // A contrast of one pixel is that pixel.
                    let mut one = Array3::zeros((plan.planes(), 12, 12));
                    one[[0, 4, 6]] = 1.0;
                    let (value, deviation) = estimator.contrast(&plan, &ledger, 0, &one).unwrap();
                    assert!((value - f64::from(map[[0, 0, 4, 6]])).abs() < 1e-5);
                    assert!((deviation.unwrap() - f64::from(error[[0, 0, 4, 6]])).abs() < 1e-5);
                }
            }
        }
    }
}

/// The average by hand, of planes and of own effects: weights go by the errors (the centred map's pooled over a plane), of which
/// two thirds of the surrogate's are in both.
#[test]
fn averages_are_weighted_by_precision() {
    let explained = |estimator, masks| {
        let explainer = racm::Explainer::builder().grid(4, 4).estimator(estimator);
        let explainer = explainer.masks(masks).build().unwrap();
        let model = racm::FnModel::new(|batch: ndarray::ArrayView4<'_, f32>| {
            let score = |(n, _)| batch.slice(s![n, ..2, 2..6, 5..9]).sum().sin();
            ndarray::Array2::from_shape_fn((batch.dim().0, 1), score)
        });
        let image = Array3::<f32>::ones((3, 16, 16));
        explainer.explain(&model, &image, 0).unwrap()
    };
    for own in [false, true] {
        let of = |estimator, masks| {
            let explanation = explained(estimator, masks);
            if own {
                explanation.own_effects().unwrap()
            } else {
                explanation
            }
        };
        let error = |e: &racm::Explanation| e.standard_error().unwrap();
        let [a, s, c] = [
            Estimator::Averaged,
            Estimator::Surrogate,
            Estimator::Centred,
        ]
        .map(|estimator| of(estimator, 400));
        let [ea, es, ec] = [&a, &s, &c].map(|e| error(e).unwrap());
        let mut weights = Vec::new();
        let squares = ec.mapv(|e| e * e);
        let pooled: Vec<f32> = squares.outer_iter().map(|p| p.mean().unwrap()).collect();
        for (index, &value) in a.map().indexed_iter() {
            let (vs, vc) = (es[index].powi(2), ec[index].powi(2));
            let both = 2.0 / 3.0 * vs;
            let difference = c.map()[index] - s.map()[index];
            let beyond = (difference.powi(2) - 9.0 * vc.max(pooled[index.0])).max(0.0);
            let own = vs + beyond;
            let l = ((own - both) / (own + pooled[index.0] - 2.0 * both)).min(1.0);
            let expected = (1.0 - l) * s.map()[index] + l * c.map()[index];
            assert!((value - expected).abs() < 1e-5, "{value} {expected}");
            let covered = (1.0 - l).powi(2) * own + l * l * vc + 2.0 * l * (1.0 - l) * both;
            assert!((ea[index] - covered.sqrt()).abs() < 1e-5);
            weights.push(l);
        }
        // Both count.
        let mean = weights.iter().sum::<f32>() / weights.len() as f32;
        assert!((0.001..0.9).contains(&mean), "{mean}");
        // A contrast of one pixel is that pixel, also where the centred map counts most.
        let most = (0..weights.len()).max_by(|&i, &j| weights[i].total_cmp(&weights[j]));
        let most = most.unwrap();
        let mut one = Array3::zeros((3, 16, 16));
        *one.iter_mut().nth(most).unwrap() = 1.0;
        let (value, deviation) = a.contrast(0, &one).unwrap();
        let pixel = f64::from(a.map().into_iter().copied().collect::<Vec<f32>>()[most]);
        let expected = f64::from(ea.iter().copied().collect::<Vec<f32>>()[most]);
        assert!((value - pixel).abs() < 1e-5 * (1.0 + pixel.abs()));
        assert!((deviation.unwrap() / expected - 1.0).abs() < 1e-4);
        // A contrast is the sum of the map, and no more certain than its parts together.
        let all = Array3::from_elem((3, 16, 16), 1.0 / 768.0);
        let (value, deviation) = a.contrast(0, &all).unwrap();
        assert!((value - f64::from(a.map().mean().unwrap())).abs() < 1e-6);
        assert!(deviation.unwrap() > 0.0 && deviation.unwrap() < f64::from(ea.mean().unwrap()));
        // Below 8 blocks the surrogate stands alone.
        let [a, s] = [Estimator::Averaged, Estimator::Surrogate].map(|e| of(e, 224));
        assert_eq!((a.map(), error(&a)), (s.map(), error(&s)));
    }
}

/// Scores in another unit, of any size, have the same map in that unit.
#[test]
fn the_unit_of_scores_does_not_matter() {
    let explained = |factor: f32, estimator| {
        let explainer = racm::Explainer::builder().grid(4, 4).estimator(estimator);
        let explainer = explainer.masks(300).build().unwrap();
        let model = racm::FnModel::new(move |batch: ndarray::ArrayView4<'_, f32>| {
            let score = |(n, _)| factor * batch.slice(s![n, 0, 2..6, 5..9]).sum().exp() / 1e6;
            ndarray::Array2::from_shape_fn((batch.dim().0, 1), score)
        });
        let explanation = explainer.explain(&model, &Array3::<f32>::ones((2, 16, 16)), 0);
        let explanation = explanation.unwrap();
        let errors = explanation.standard_error().unwrap().unwrap();
        (explanation.map().to_owned(), errors)
    };
    for estimator in [Estimator::Surrogate, Estimator::Averaged] {
        let (map, errors) = explained(1.0, estimator);
        let largest = map.fold(0.0f32, |a, v| a.max(v.abs()));
        assert!(largest > 0.01);
        for factor in [1e28, 1e-15] {
            let (other, others) = explained(factor, estimator);
            for (value, other) in map.iter().chain(&errors).zip(other.iter().chain(&others)) {
                let difference = value - other / factor;
                assert!(
                    difference.abs() < 0.01 * largest,
                    "{factor}: {value} {other}"
                );
            }
        }
    }
}

#[test]
fn the_same_bits_on_any_number_of_threads() {
    let spec = MaskSpec::default().grid(5, 5);
    let (plan, ledger) = scores(&spec, [3, 20, 20], 300, 9, |image| linear(image).tanh());
    for estimator in OF_SURROGATES {
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                (
                    estimator.maps(&plan, &ledger).unwrap(),
                    estimator.standard_errors(&plan, &ledger).unwrap(),
                )
            })
        };
        assert_eq!(on(1), on(4));
    }
}

#[test]
fn a_constant_score_has_a_map_of_zero() {
    let (plan, ledger) = scores(&spec([3, 3]), [3, 9, 9], 64, 0, |_| 0.7);
    for estimator in OF_SURROGATES {
        let map = estimator.maps(&plan, &ledger).unwrap();
        assert!(map.iter().all(|v| v.abs() < 1e-6), "{estimator:?}");
    }
    let surrogate = Surrogate::fit(&plan, &ledger, 0).unwrap();
    assert_eq!(surrogate.noise(), 0.0);
    assert!(surrogate.standard_deviation().iter().all(|&v| v == 0.0));
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    let (plan, ledger) = scores(&spec([3, 3]), [3, 9, 9], 64, 0, linear);
    for masks in [0, 1, 15] {
        match Estimator::Surrogate.maps(&plan, &ledger.prefix(masks)) {
            Err(Error::TooFewMasks {
                given, needed: 16, ..
            }) => assert_eq!(given, masks),
            other => panic!("{other:?}"),
        }
    }
    assert!(Estimator::Surrogate.maps(&plan, &ledger.prefix(16)).is_ok());
    // One block of 32 cannot be cross-fitted, nor 15 masks beyond it.
    for masks in [32, 47] {
        let outcome = Estimator::SurrogateCorrected.maps(&plan, &ledger.prefix(masks));
        assert!(matches!(
            outcome,
            Err(Error::TooFewMasks { needed: 48, .. })
        ));
    }
    assert!(
        Estimator::SurrogateCorrected
            .maps(&plan, &ledger.prefix(48))
            .is_ok()
    );
    assert!(matches!(
        Surrogate::fit(&plan, &ledger, 1),
        Err(Error::Target { .. })
    ));
    let other = Plan::new([3, 9, 9], &spec([3, 4])).unwrap();
    assert!(matches!(
        Surrogate::fit(&other, &ledger, 0),
        Err(Error::Ledger { .. })
    ));
    let surrogate = Surrogate::fit(&plan, &ledger, 0).unwrap();
    assert!(matches!(
        surrogate.contrast(&Array3::zeros((3, 9, 8))),
        Err(Error::Shape { .. })
    ));
}

/// What a few images teach counts for all estimators that use a surrogate, in maps, errors and contrasts, and for no other.
#[test]
fn what_other_images_taught_counts() {
    let spec = spec([5, 4]);
    let of = |seed| {
        scores(&spec, [3, 5, 4], 100, seed, |image| {
            rare(image) + linear(image)
        })
    };
    let mut prior = racm::SurrogatePrior::default();
    for seed in 1..6 {
        let (plan, ledger) = of(seed);
        prior.learn(&Surrogate::fit(&plan, &ledger, 0).unwrap());
    }
    assert_eq!(prior.images(), 5);
    let (plan, ledger) = of(7);
    let map = Surrogate::fit_with(&prior, &plan, &ledger, 0)
        .unwrap()
        .map();
    assert_ne!(map, Surrogate::fit(&plan, &ledger, 0).unwrap().map());
    let none = racm::SurrogatePrior::default();
    let same = Surrogate::fit_with(&none, &plan, &ledger, 0).unwrap();
    assert_eq!(same.map(), Surrogate::fit(&plan, &ledger, 0).unwrap().map());
    let weights = Array3::<f64>::ones(map.dim());
    for &estimator in Estimator::ALL {
        if [Estimator::Lime, Estimator::KernelShap].contains(&estimator) {
            continue;
        }
        let plain =
            racm::Explanation::from_ledger(plan.clone(), ledger.clone(), estimator).unwrap();
        let told = plain.with_surrogate_prior(prior.clone()).unwrap();
        let uses = OF_SURROGATES.contains(&estimator);
        assert_eq!(told.map() != plain.map(), uses, "{estimator}");
        let (value, _) = told.contrast(0, &weights).unwrap();
        let sum: f64 = told.map().iter().map(|&v| f64::from(v)).sum();
        assert!(
            (value - sum).abs() < 1e-3 * (1.0 + sum.abs()),
            "{estimator}"
        );
        assert_eq!(told.estimator(), estimator);
    }
    assert_eq!(
        map,
        racm::Explanation::from_ledger(plan, ledger, Estimator::Surrogate)
            .unwrap()
            .with_surrogate_prior(prior)
            .unwrap()
            .map()
    );
}

/// A model of one pixel under hard cells is too fine for a smooth field: the average says so, and is right within its errors.
#[test]
fn what_is_too_fine_for_the_surrogate_is_found() {
    let image = Array3::<f32>::ones((3, 48, 48));
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| batch[[n, 1, 29, 33]])
    });
    let explainer = Explainer::builder().enlargement(Enlargement::Nearest);
    let explainer = explainer.masks(400).build().unwrap();
    let averaged = explainer.explain(&model, &image, 0).unwrap();
    let smooth = averaged.with_estimator(Estimator::Surrogate).unwrap();
    let error = averaged.standard_error().unwrap().unwrap();
    // Passing green there is worth 1, passing red comes with green half of the time.
    for (at, truth) in [([1, 29, 33], 1.0), ([0, 29, 33], 0.5), ([1, 3, 3], 0.0)] {
        let off = (averaged.map()[at] - truth).abs();
        assert!(off < 4.0 * error[at] + 0.01, "{at:?}: {off} {}", error[at]);
    }
    assert!(smooth.map()[[1, 29, 33]] < 0.8 && averaged.map()[[1, 29, 33]] > 0.9);
    // A contrast of that pixel is it, error included.
    let mut one = Array3::zeros((3, 48, 48));
    for at in [[1, 29, 33], [1, 29, 30], [2, 33, 33]] {
        one[at] = 1.0;
        let (value, deviation) = averaged.contrast(0, &one).unwrap();
        assert!((value - f64::from(averaged.map()[at])).abs() < 1e-5);
        assert!((deviation.unwrap() / f64::from(error[at]) - 1.0).abs() < 1e-3);
        one[at] = 0.0;
    }
}
