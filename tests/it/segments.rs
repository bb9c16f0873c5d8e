//! Masks of segments, and the regressions on them: against grids, against arithmetic done another way, and against
//! Shapley values by enumeration.

use ndarray::{Array2, Array3, Array4, s};
use racm::{
    Baseline, Enlargement, Error, Estimator, Explainer, Explanation, FnModel, Ledger, MaskFamily,
    MaskSpec, Masker, McRise, Placement, Plan, Racm, Region, Rise, Segments,
};

use crate::reference::solve;

fn image(channels: usize, height: usize, width: usize) -> Array3<f32> {
    Array3::from_shape_fn((channels, height, width), |(c, y, x)| {
        ((c * 37 + y * 11 + x * 5) % 23) as f32 / 23.0
    })
}

/// Labels of no order, in parts that are not connected.
fn labels(height: usize, width: usize, count: usize) -> Array2<i64> {
    Array2::from_shape_fn((height, width), |(y, x)| {
        let block = (y / 2) * 7 + (x / 3) * 3;
        100 - 9 * (block % count) as i64
    })
}

fn families() -> [Box<dyn MaskFamily>; 3] {
    [Box::new(Racm), Box::new(Rise), Box::new(McRise::rgb())]
}

#[test]
fn a_segmentation_into_rectangles_is_a_grid() {
    let (height, width) = (11, 17);
    let image = image(3, height, width);
    for family in families() {
        let spec = MaskSpec::new(family).p_pix(0.3);
        let region = Region::top_fraction(&image.index_axis(ndarray::Axis(0), 1), 0.4).unwrap();
        for region in [None, Some(region)] {
            let spec = spec.clone().region(region);
            let grid = spec
                .clone()
                .grid(3, 4)
                .enlargement(Enlargement::Nearest)
                .placement(Placement::Fixed);
            let same = spec.segments(Segments::grid([height, width], 3, 4).unwrap());
            let (grid, same) = [grid, same]
                .map(|s| Plan::new([3, height, width], &s).unwrap())
                .into();
            assert_ne!(grid.fingerprint(), same.fingerprint());
            let mut scores = Array2::zeros((300, 2));
            for n in 0..300 {
                let (a, b) = (grid.mask(5, n), same.mask(5, n));
                for plane in 0..grid.planes() {
                    assert_eq!(a.plane(plane), b.plane(plane));
                }
                assert_eq!(a.bias(), b.bias());
                let blur = Baseline::Blur { sigma: 1.5 };
                let seen = a.apply(&image, &blur).unwrap();
                assert_eq!(seen, b.apply(&image, &blur).unwrap());
                scores[[n as usize, 0]] = seen.sum();
                scores[[n as usize, 1]] = seen.slice(s![.., ..4, 5..]).sum().sin();
            }
            let [a, b] =
                [&grid, &same].map(|plan| Ledger::from_scores(plan, 5, 0, &scores).unwrap());
            for estimator in Estimator::ALL {
                // A grid's surrogate may have fewer terms than cells, and so other bits.
                if matches!(
                    estimator,
                    Estimator::Surrogate | Estimator::SurrogateCorrected | Estimator::Averaged
                ) {
                    continue;
                }
                let (Ok(maps), Ok(others)) = (estimator.maps(&grid, &a), estimator.maps(&same, &b))
                else {
                    continue;
                };
                let worst = (&maps - &others).iter().fold(0.0f32, |m, v| m.max(v.abs()));
                assert!(worst == 0.0, "{estimator}: {worst}");
                let errors = [
                    estimator.standard_errors(&grid, &a),
                    estimator.standard_errors(&same, &b),
                ];
                let [Ok(Some(a)), Ok(Some(b))] = errors else {
                    panic!("{estimator}: no standard error");
                };
                assert_eq!(a, b, "{estimator}");
            }
        }
    }
}

#[test]
fn segments_of_any_shape_show_what_their_cells_say() {
    let (height, width) = (9, 13);
    let labels = labels(height, width, 5);
    let segments = Segments::from_labels(&labels).unwrap();
    assert_eq!(segments.count(), 5);
    // Numbered in the order of the labels.
    assert_eq!(segments.labels()[[0, 0]], 4);
    let image = image(3, height, width);
    let base = segments.means(&image).unwrap();
    for ((c, y, x), &mean) in base.indexed_iter() {
        let own: Vec<f32> = labels
            .indexed_iter()
            .filter(|(_, label)| **label == labels[[y, x]])
            .map(|((y, x), _)| image[[c, y, x]])
            .collect();
        assert!((mean - own.iter().sum::<f32>() / own.len() as f32).abs() < 1e-6);
    }
    for family in families() {
        let plan = Plan::new(
            image.dim().into(),
            &MaskSpec::new(family).segments(segments.clone()),
        )
        .unwrap();
        assert_eq!((plan.cells(), plan.offsets()), ([1, 5], [1, 1]));
        let masker = Masker::new(&plan, &image, &Baseline::SegmentMeans).unwrap();
        let mut batch = vec![0.0; 40 * image.len()];
        masker.fill(3, 7, &mut batch).unwrap();
        for (n, seen) in batch.chunks(image.len()).enumerate() {
            let mask = plan.mask(3, 7 + n as u64);
            for ((c, y, x), _) in image.indexed_iter() {
                let state = mask.states()[segments.labels()[[y, x]] as usize];
                let expected = match plan.family().shows(state, c) {
                    racm::Shown::Image => image[[c, y, x]],
                    racm::Shown::Value(value) => value,
                    _ => base[[c, y, x]],
                };
                assert_eq!(seen[(c * height + y) * width + x], expected);
            }
        }
    }
}

#[test]
fn lime_is_the_ridge_regression_with_an_intercept_of_its_own() {
    let (height, width) = (8, 12);
    let segments = Segments::from_labels(&labels(height, width, 6)).unwrap();
    for family in [Box::new(Rise) as Box<dyn MaskFamily>, Box::new(Racm)] {
        let plan = Plan::new(
            [3, height, width],
            &MaskSpec::new(family).segments(segments.clone()),
        )
        .unwrap();
        let image = image(3, height, width);
        let score = |seen: &Array3<f32>| {
            (3.0 * seen.slice(s![0, .., ..5]).mean().unwrap() * seen[[1, 3, 3]]).tanh()
        };
        let mut scores = Array2::zeros((150, 1));
        let planes = plan.planes();
        let features = 6 * planes;
        let mut rows = Vec::new();
        for n in 0..150 {
            let mask = plan.mask(1, n as u64);
            scores[[n, 0]] = score(&mask.apply(&image, &Baseline::default()).unwrap());
            let bit = |f: usize| {
                (plan.family().incidence(mask.states()[f / planes]) >> (f % planes) & 1) as f64
            };
            rows.push((
                (0..features).map(bit).collect::<Vec<_>>(),
                f64::from(scores[[n, 0]]),
            ));
        }
        let ledger = Ledger::from_scores(&plan, 1, 0, &scores).unwrap();
        for whole in [None, Some(score(&image))] {
            let (mut ledger, mut rows) = (ledger.clone(), rows.clone());
            if let Some(whole) = whole {
                ledger = ledger.with_unmasked_scores(&[whole]).unwrap();
                rows.push((vec![1.0; features], f64::from(whole)));
            }
            // Unknowns: the intercept, then the slopes.
            let mut a = vec![vec![0.0; features + 1]; features + 1];
            let mut b = vec![0.0; features + 1];
            for (x, y) in &rows {
                let ones = x.iter().sum::<f64>();
                let cosine = ones / (ones.sqrt() * (features as f64).sqrt()).max(1e-300);
                let weight = (-(1.0 - cosine).powi(2) / 0.0625).exp().sqrt();
                let x: Vec<f64> = [1.0].into_iter().chain(x.iter().copied()).collect();
                for i in 0..=features {
                    b[i] += weight * x[i] * y;
                    for j in 0..=features {
                        a[i][j] += weight * x[i] * x[j];
                    }
                }
            }
            (1..=features).for_each(|i| a[i][i] += 1.0);
            let slopes = &solve(a, b)[1..];
            let maps = Estimator::Lime.maps(&plan, &ledger).unwrap();
            for ((_, j, y, x), &v) in maps.indexed_iter() {
                let expected = slopes[segments.labels()[[y, x]] as usize * planes + j];
                assert!((f64::from(v) - expected).abs() < 1e-6, "{v} {expected}");
            }
            // A contrast is what it says of the map.
            let weights = Array3::from_shape_fn((planes, height, width), |(j, y, x)| {
                (j + y) as f64 - x as f64
            });
            let (value, error) = Estimator::Lime
                .contrast(&plan, &ledger, 0, &weights)
                .unwrap();
            let map = maps.index_axis(ndarray::Axis(0), 0);
            let sum: f64 = map
                .iter()
                .zip(&weights)
                .map(|(&m, w)| f64::from(m) * w)
                .sum();
            assert!((value - sum).abs() < 1e-4 * sum.abs().max(1.0) && error.unwrap() > 0.0);
        }
    }
}

/// A fit through all scores leaves nothing to tell how far it is off.
#[test]
fn regressions_on_too_few_masks_have_no_standard_errors() {
    let segments = Segments::grid([4, 6], 4, 6).unwrap();
    let spec = MaskSpec::new(Rise).segments(segments).block_size(1);
    let plan = Plan::new([1, 4, 6], &spec).unwrap();
    let weights = Array3::ones((1, 4, 6));
    for estimator in [Estimator::Lime, Estimator::KernelShap] {
        for (masks, known) in [(10, false), (25, false), (26, true)] {
            let scores = Array2::from_shape_fn((masks, 1), |(n, _)| (n * n % 7) as f32);
            let ledger = Ledger::from_scores(&plan, 2, 0, &scores).unwrap();
            let errors = estimator.standard_errors(&plan, &ledger).unwrap();
            let (_, error) = estimator.contrast(&plan, &ledger, 0, &weights).unwrap();
            assert_eq!(
                (errors.is_some(), error.is_some()),
                (known, known),
                "{masks}"
            );
        }
    }
}

/// A game on 4 players that is not additive.
fn game(shown: &[bool]) -> f32 {
    let v = |i: usize| f32::from(u8::from(shown[i]));
    0.5 + v(0) + 2.0 * v(1) * v(2) - 1.5 * v(2) * v(3) * v(0) + 0.5 * v(3)
}

#[test]
fn kernel_shap_estimates_shapley_values() {
    let (height, width) = (4, 6);
    let segments = Segments::grid([height, width], 2, 2).unwrap();
    for p_pix in [0.5, 0.35] {
        let spec = MaskSpec::new(Rise).segments(segments.clone()).p_pix(p_pix);
        let plan = Plan::new([1, height, width], &spec).unwrap();
        const N: usize = 40_000;
        let scores = Array2::from_shape_fn((N, 1), |(n, _)| {
            let states = plan.mask(2, n as u64).states().to_vec();
            game(&states.iter().map(|&s| s != 0).collect::<Vec<_>>())
        });
        let ledger = Ledger::from_scores(&plan, 2, 0, &scores).unwrap();
        let ledger = ledger.with_unmasked_scores(&[game(&[true; 4])]).unwrap();
        let maps = Estimator::KernelShap.maps(&plan, &ledger).unwrap();
        let errors = Estimator::KernelShap
            .standard_errors(&plan, &ledger)
            .unwrap()
            .unwrap();
        let mut sum = 0.0;
        for player in 0..4 {
            // The mean over orders of what the player adds.
            let mut shapley = 0.0;
            for others in (0u32..16).filter(|set| set >> player & 1 == 0) {
                let size = others.count_ones() as usize;
                let orders = [6.0, 2.0, 2.0, 6.0][size] / 24.0;
                let shown = |extra: u32| {
                    (0..4)
                        .map(|i| (others | extra) >> i & 1 == 1)
                        .collect::<Vec<_>>()
                };
                shapley += orders * (game(&shown(1 << player)) - game(&shown(0)));
            }
            let at = [0, 0, 2 * (player / 2), 3 * (player % 2)];
            let (value, error) = (maps[at], errors[at]);
            // Five standard errors, and the rounding of f32.
            assert!(
                (value - shapley).abs() < 5.0 * error + 1e-4,
                "{player}: {value} {shapley} +- {error}"
            );
            assert!(
                (value - shapley).abs() < 0.03,
                "{player}: {value} {shapley}"
            );
            sum += value;
        }
        // Efficiency: what all add is the whole less nothing.
        assert!(
            (sum - (game(&[true; 4]) - game(&[false; 4]))).abs() < 1e-3,
            "{sum}"
        );
    }
}

#[test]
fn surrogates_know_segments() {
    let (height, width) = (16, 24);
    let labels = Array2::from_shape_fn((height, width), |(y, x)| {
        ((y / 3) * 40 + (x + y / 4) / 4) as i64
    });
    let segments = Segments::from_labels(&labels).unwrap();
    let spec = MaskSpec::new(Racm).segments(segments.clone());
    let plan = Plan::new([3, height, width], &spec).unwrap();
    // An additive score whose weights are smooth: the exact map is known.
    let weight = |c: usize, y: usize, x: usize| {
        (1.0 - 0.4 * c as f32) * (0.2 * y as f32).sin() * (0.15 * x as f32).cos()
    };
    let ones = Array3::ones((3, height, width));
    let scores = Array2::from_shape_fn((150, 1), |(n, _)| {
        let seen = plan
            .mask(4, n as u64)
            .apply(&ones, &Baseline::default())
            .unwrap();
        seen.indexed_iter()
            .map(|((c, y, x), v)| v * weight(c, y, x))
            .sum::<f32>()
    });
    let ledger = Ledger::from_scores(&plan, 4, 0, &scores).unwrap();
    // E[f | the cell passes c] - E[f | it is hidden]: the channel's own weight, and 4/7 of what goes along in 2 of 4.
    let own = |c: usize, s: u32| -> f32 {
        let inside = segments
            .labels()
            .indexed_iter()
            .filter(|(_, label)| **label == s);
        inside.map(|((y, x), _)| weight(c, y, x)).sum()
    };
    let exact = Array3::from_shape_fn((3, height, width), |(c, y, x)| {
        let s = segments.labels()[[y, x]];
        (0..3)
            .map(|d| if d == c { own(d, s) } else { 0.5 * own(d, s) })
            .sum::<f32>()
    });
    let squares =
        |map: &Array3<f32>| (map - &exact).mapv(|v| v * v).sum() / exact.mapv(|v| v * v).sum();
    let map = |estimator: Estimator| -> Array3<f32> {
        estimator
            .maps(&plan, &ledger)
            .unwrap()
            .index_axis_move(ndarray::Axis(0), 0)
    };
    let (surrogate, corrected) = (
        map(Estimator::Surrogate),
        map(Estimator::SurrogateCorrected),
    );
    let errors = [&surrogate, &corrected, &map(Estimator::Centred)].map(squares);
    println!("relative squared error: surrogate, corrected, centred {errors:?}");
    assert!(
        errors[0] < 0.02 && errors[1] < 0.2 * errors[2],
        "{errors:?}"
    );
    // One value a segment, and a contrast is what it says of the map.
    assert_eq!(surrogate[[1, 0, 0]], surrogate[[1, 2, 3]]);
    let fit = racm::Surrogate::fit(&plan, &ledger, 0).unwrap();
    let weights = Array3::from_shape_fn((3, height, width), |(c, y, x)| {
        (c + y) as f64 - 0.5 * x as f64
    });
    let (value, deviation) = fit.contrast(&weights).unwrap();
    let sum: f64 = surrogate
        .iter()
        .zip(&weights)
        .map(|(&m, w)| f64::from(m) * w)
        .sum();
    assert!(
        (value - sum).abs() < 1e-4 * sum.abs().max(1.0),
        "{value} {sum}"
    );
    assert!(deviation > 0.0);
    // A single element as a contrast has the element's deviation.
    let mut one = Array3::zeros((3, height, width));
    one[[2, 7, 9]] = 1.0;
    let (_, alone) = fit.contrast(&one).unwrap();
    let there = f64::from(fit.standard_deviation()[[2, 7, 9]]);
    assert!((alone - there).abs() < 1e-3 * there, "{alone} {there}");
}

#[test]
fn standard_errors_of_lime_are_the_spread_between_seeds() {
    let (height, width) = (6, 6);
    let segments = Segments::grid([height, width], 3, 3).unwrap();
    let explain = |seed: u64| -> Explanation {
        let model = FnModel::new(|batch: ndarray::ArrayView4<'_, f32>| {
            Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| {
                batch[[n, 0, 0, 0]] * (1.0 + 3.0 * batch[[n, 0, 3, 3]])
                    + batch[[n, 0, 5, 5]].powi(2)
            })
        });
        let explainer = Explainer::builder()
            .family(Rise)
            .segments(segments.clone())
            .masks(200)
            .seed(seed);
        let explainer = explainer.estimator(Estimator::Lime).build().unwrap();
        explainer
            .explain(&model, &image(1, height, width).mapv(|v| v + 0.5), 0)
            .unwrap()
    };
    let runs: Vec<Explanation> = (0..200).map(explain).collect();
    for at in [[0, 0, 0], [0, 3, 3], [0, 5, 5], [0, 0, 5]] {
        let values: Vec<f64> = runs.iter().map(|run| f64::from(run.map()[at])).collect();
        let mean = values.iter().sum::<f64>() / 200.0;
        let spread = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 199.0).sqrt();
        let said = runs
            .iter()
            .map(|run| f64::from(run.standard_error().unwrap().unwrap()[at]));
        let said = said.sum::<f64>() / 200.0;
        // The spread of 200 is known to 5 %: four times that, one false alarm in 4000 runs of these four.
        assert!((said / spread - 1.0).abs() < 0.2, "{at:?}: {said} {spread}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let segments = Segments::grid([6, 6], 3, 3).unwrap();
    let spec = MaskSpec::new(Racm).segments(segments.clone());
    assert!(matches!(
        Plan::new([3, 6, 7], &spec),
        Err(Error::Shape {
            what: "the label map of the segments",
            ..
        })
    ));
    assert!(matches!(
        Segments::grid([6, 6], 7, 3),
        Err(Error::Parameter { name: "rows", .. })
    ));
    assert!(matches!(
        Segments::grid([6, 6], 3, 0),
        Err(Error::Parameter {
            name: "columns",
            ..
        })
    ));
    assert!(matches!(
        Segments::from_labels(&Array2::zeros((0, 4))),
        Err(Error::EmptyRegion { .. })
    ));
    assert!(matches!(
        segments.means(&Array3::zeros((3, 5, 6))),
        Err(Error::Shape { .. })
    ));

    let maps = |estimator: Estimator, spec: &MaskSpec| -> racm::Result<Array4<f32>> {
        let plan = Plan::new([3, 6, 6], spec).unwrap();
        let scores = Array2::from_shape_fn((64, 1), |(n, _)| (n % 7) as f32);
        estimator.maps(&plan, &Ledger::from_scores(&plan, 0, 0, &scores).unwrap())
    };
    let refused = |estimator, spec: &MaskSpec, said: &str| {
        let error = maps(estimator, spec).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    };
    refused(Estimator::KernelShap, &spec, "one plane");
    refused(
        Estimator::Lime,
        &MaskSpec::new(Rise).grid(3, 3),
        "cells that move",
    );
    let soft = MaskSpec::new(Rise).grid(3, 3).placement(Placement::Fixed);
    refused(Estimator::Lime, &soft, "soft edges");
    let painted = MaskSpec::new(McRise::rgb()).segments(segments);
    refused(Estimator::Lime, &painted, "paint over");
    // Before a model is asked.
    let explainer = Explainer::builder()
        .family(Rise)
        .estimator(Estimator::Lime)
        .build()
        .unwrap();
    assert!(matches!(
        explainer.plan([3, 24, 24]),
        Err(Error::Parameter {
            name: "estimator",
            ..
        })
    ));
    let fine = MaskSpec::new(Rise).segments(Segments::grid([70, 70], 70, 70).unwrap());
    let plan = Plan::new([1, 70, 70], &fine).unwrap();
    let ledger = Ledger::from_scores(&plan, 0, 0, &Array2::zeros((4, 1))).unwrap();
    let error = Estimator::Lime
        .maps(&plan, &ledger)
        .unwrap_err()
        .to_string();
    assert!(error.contains("4900 cells times planes"), "{error}");
    assert!(maps(Estimator::Lime, &soft.enlargement(Enlargement::Nearest)).is_ok());
}
