//! A run asks a model again now and then: models that are no functions are found out, functions never, and the map is the
//! same.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use ndarray::{Array2, Array3, ArrayView4, Axis, s};
use racm::{
    BlackBoxModel, BoxError, Error, Estimator, Explainer, Explanation, FnModel, Inputs, Repeats,
    Run,
};

use crate::determinism::pools;
use crate::worlds::{Nonlinear, assert_same, noise, partial};

fn image() -> Array3<f32> {
    Array3::from_shape_fn((1, 8, 8), |(_, y, x)| (1 + y + 2 * x) as f32 / 24.0)
}

fn explainer(masks: u64, batch: usize) -> Explainer {
    let builder = Explainer::builder()
        .estimator(Estimator::Centred)
        .masks(masks)
        .batch(batch)
        .block_size(8);
    builder.build().unwrap()
}

/// The sum of each image: an honest model of one class.
fn sums(batch: &ArrayView4<'_, f32>) -> Array2<f32> {
    let sums = batch.outer_iter().map(|image| image.sum());
    Array2::from_shape_vec((batch.dim().0, 1), sums.collect()).unwrap()
}

/// The same run on one thread and on all.
fn both(
    explainer: &Explainer,
    model: &(impl BlackBoxModel + Sync),
    blocks: Range<u64>,
) -> [Explanation; 2] {
    let image = image();
    pools()[1].install(|| {
        let run = || explainer.run(model, &image, 0).blocks(blocks.clone());
        [
            run().explain().unwrap(),
            run().parallel().explain().unwrap(),
        ]
    })
}

/// All blocks.
const ALL: Range<u64> = 0..u64::MAX;

#[track_caller]
fn is_found(model: &(impl BlackBoxModel + Sync)) {
    for masks in [100, 199, 1000] {
        for batch in [2, 7, 32, 500] {
            for explanation in both(&explainer(masks, batch), model, ALL) {
                let repeats = explanation.run_stats().repeats;
                let Repeats {
                    difference,
                    tolerance,
                    ..
                } = repeats;
                let case = format!("{masks} masks in batches of {batch}: {repeats:?}");
                assert!(!repeats.agree() && difference > tolerance, "{case}");
            }
        }
    }
}

#[track_caller]
fn is_honest(model: &(impl BlackBoxModel + Sync), masks: u64) {
    for batch in [1, 2, 7, 32, 500] {
        for explanation in both(&explainer(masks, batch), model, ALL) {
            let repeats = explanation.run_stats().repeats;
            assert!(repeats.agree() && repeats.count > 0, "{repeats:?}");
        }
    }
}

/// After 200, 400, 800, .. masks, and at the end if 100 came since; two images each time.
#[test]
fn a_run_asks_again_at_fixed_masks() {
    for (masks, count) in [
        (99, 0),
        (100, 1),
        (200, 1),
        (299, 1),
        (300, 2),
        (499, 2),
        (500, 3),
        (1000, 4),
        (5000, 6),
    ] {
        for batch in [1, 2, 32, 10_000] {
            let (images, batches) = (AtomicU64::new(0), AtomicU64::new(0));
            let counted = FnModel::new(|asked: ArrayView4<'_, f32>| {
                assert!(asked.dim().0 <= batch);
                images.fetch_add(asked.dim().0 as u64, Ordering::SeqCst);
                batches.fetch_add(1, Ordering::SeqCst);
                sums(&asked)
            });
            let [mut images_told, mut batches_told] = [0, 0];
            let runs = both(&explainer(masks, batch), &counted, ALL);
            for (parallel, explanation) in [false, true].into_iter().zip(&runs) {
                let stats = explanation.run_stats();
                let repeats = stats.repeats;
                // After larger batches, or several at a time, less often.
                let fewer = repeats.count < count && (parallel || batch > 2);
                assert!(
                    repeats.count == count || fewer,
                    "{masks} masks: {repeats:?}"
                );
                assert_eq!(repeats.count > 0, masks >= 100);
                assert_eq!(stats.model_calls, masks + 1 + 2 * repeats.count);
                assert_eq!(repeats.difference, 0.0);
                assert!(repeats.agree());
                images_told += stats.model_calls;
                batches_told += stats.batches;
            }
            assert_eq!(images_told, images.into_inner());
            assert_eq!(batches_told, batches.into_inner());
        }
    }
    let asked = RefCell::new(Vec::new());
    let listed = FnModel::new(|batch: ArrayView4<'_, f32>| {
        asked.borrow_mut().push(batch.to_owned());
        sums(&batch)
    });
    let explanation = explainer(500, 20).explain(&listed, &image(), 0).unwrap();
    assert_eq!(explanation.run_stats().repeats.count, 3);
    // The masked image is the last before, and the image follows it.
    let asked = asked.into_inner();
    for (at, pair) in asked.iter().enumerate().filter(|(_, b)| b.dim().0 == 2) {
        assert!([11, 22, 28].contains(&at));
        let before = &asked[at - 1];
        assert_eq!(
            pair.index_axis(Axis(0), 0),
            before.index_axis(Axis(0), before.dim().0 - 1)
        );
        assert_eq!(pair.index_axis(Axis(0), 1), image());
    }
}

#[test]
fn models_that_change_their_answers_are_found() {
    // Dropout: another share of the pixels is left out in each call.
    let call = AtomicU64::new(0);
    is_found(&FnModel::new(|batch: ArrayView4<'_, f32>| {
        let call = call.fetch_add(1, Ordering::SeqCst);
        let dropped = |i: usize| noise(call, i) < 0.1;
        let of = |(n, image): (usize, ndarray::ArrayView3<'_, f32>)| -> f32 {
            let pixels = image.iter().enumerate();
            let kept = pixels.filter(|(i, _)| !dropped(64 * n + i));
            kept.map(|(_, v)| v).sum::<f32>() / 0.9
        };
        let sums: Vec<f32> = batch.outer_iter().enumerate().map(of).collect();
        Array2::from_shape_vec((sums.len(), 1), sums).unwrap()
    }));
    // The same where the class of the whole image is beyond doubt.
    let call = AtomicU64::new(0);
    is_found(&FnModel::new(|batch: ArrayView4<'_, f32>| {
        let call = call.fetch_add(1, Ordering::SeqCst);
        let mut scores = sums(&batch) / image().sum();
        for (i, score) in scores.indexed_iter_mut().filter(|(_, s)| **s < 1.0) {
            *score += 0.05 * noise(call, i.0) as f32;
        }
        scores
    }));
    // Other weights, some time in the middle.
    let images = AtomicUsize::new(0);
    is_found(&FnModel::new(|batch: ArrayView4<'_, f32>| {
        let before = images.fetch_add(batch.dim().0, Ordering::SeqCst);
        let scores = sums(&batch);
        match batch.dim().0 == 1 && batch.sum() == image().sum() {
            // The unmasked image is asked about alone at the beginning of each run.
            true => {
                images.store(1, Ordering::SeqCst);
                scores
            }
            false if before > 60 => scores * 1.1,
            false => scores,
        }
    }));
}

#[test]
fn scores_that_depend_on_the_batch_are_found() {
    // Normalised by the batch's statistics, as a network in training does.
    is_found(&FnModel::new(|batch: ArrayView4<'_, f32>| {
        let scores = sums(&batch);
        let mean = scores.mean().unwrap_or_default();
        scores - mean
    }));
    is_found(&FnModel::new(|batch: ArrayView4<'_, f32>| {
        sums(&batch) + 0.1 * batch.dim().0 as f32
    }));
    // By the place in the batch: a buffer that is not cleared.
    is_found(&FnModel::new(|batch: ArrayView4<'_, f32>| {
        let mut scores = sums(&batch);
        let mut before = 0.0;
        for score in &mut scores {
            *score += 0.1 * before;
            before = *score;
        }
        scores
    }));
}

#[test]
fn functions_are_never_found() {
    is_honest(&Nonlinear { classes: 2 }, 1000);
    // Rounding that depends on the batch, of scores that vary, and that do not.
    for (scale, rounding) in [(1.0, 1e-6), (1e-20, 1e-6), (1e20, 1e-6), (1.0, 5e-4)] {
        for varies in [0.0, 1.0] {
            is_honest(
                &FnModel::new(|batch: ArrayView4<'_, f32>| {
                    let images = batch.dim().0;
                    let scores = scale * (3.0 + varies * sums(&batch) / 64.0);
                    let error = |n: usize| rounding * (2.0 * noise(images as u64, n) as f32 - 1.0);
                    scores * Array2::from_shape_fn((images, 1), |(n, _)| 1.0 + error(n))
                }),
                1000,
            );
        }
    }
    is_honest(
        &FnModel::new(|batch: ArrayView4<'_, f32>| Array2::zeros((batch.dim().0, 1))),
        200,
    );
}

/// Of several targets, the one beyond its own tolerance is told, though it is the smaller in numbers.
#[test]
fn every_target_has_its_own_tolerance() {
    let image = image();
    for (small, agree) in [(0.0, true), (1e-6, false)] {
        let call = Cell::new(0);
        let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
            call.set(call.get() + 1);
            let mut scores = Array2::zeros((batch.dim().0, 3));
            // Large scores with a little rounding; scores of 0, but for the first time that it is asked again; a third class, which
            // is not asked for, and makes nothing up.
            let large = &sums(&batch) * 1e4 + batch.dim().0 as f32;
            scores.slice_mut(s![.., 0..1]).assign(&large);
            if call.get() == 12 {
                scores.slice_mut(s![.., 1]).fill(small);
            }
            scores.slice_mut(s![.., 2]).fill(call.get() as f32);
            scores
        });
        let explanation = explainer(500, 20).explain(&model, &image, [1, 0]).unwrap();
        let repeats = explanation.run_stats().repeats;
        assert_eq!((repeats.count, repeats.agree()), (3, agree), "{repeats:?}");
        if !agree {
            assert_eq!(
                (repeats.difference, repeats.tolerance),
                (f64::from(1e-6f32), 0.0)
            );
        } else {
            assert!(repeats.difference > 10.0);
        }
    }
}

/// Stopped, resumed and sharded runs ask for themselves, and the map is that of a run that never asks.
#[test]
fn asking_again_does_not_show_in_the_map() {
    let (image, honest) = (image(), Nonlinear { classes: 1 });
    let explainer = explainer(720, 16);
    let whole = explainer.explain(&honest, &image, 0).unwrap();
    assert_eq!(whole.run_stats().repeats.count, 3);
    // Shards of 72 masks ask at their end, as short as they are.
    let mut merged: Option<racm::Ledger> = None;
    for shard in 0..10 {
        let run = explainer
            .run(&honest, &image, 0)
            .blocks(9 * shard..9 * shard + 9);
        let explanation = run.explain().unwrap();
        let repeats = explanation.run_stats().repeats;
        assert_eq!((repeats.count, repeats.difference), (1, 0.0));
        let ledger = explanation.into_ledger();
        match &mut merged {
            Some(merged) => merged.merge(&ledger).unwrap(),
            None => merged = Some(ledger),
        }
    }
    let merged = merged.unwrap();
    assert_eq!(&merged, whole.ledger());
    let again = explainer.run(&honest, &image, 0).ledger(merged.clone());
    let again = again.explain().unwrap();
    assert_same(&whole, &again);
    assert_eq!(again.run_stats().repeats.count, 0);

    // A model that has become random, of all but the unmasked image.
    let call = AtomicU64::new(0);
    let random = FnModel::new(
        |batch: ArrayView4<'_, f32>| -> Result<Array2<f32>, BoxError> {
            let call = call.fetch_add(1, Ordering::SeqCst);
            let mut scores = honest.predict(batch)?;
            for (n, one) in batch
                .outer_iter()
                .enumerate()
                .filter(|(_, one)| one != image)
            {
                scores[[n, 0]] += one.len() as f32 * noise(call, n) as f32 / 64.0;
            }
            Ok(scores)
        },
    );
    let resumed = |run: Run<'_, _>| run.ledger(merged.prefix(400)).explain().unwrap();
    let stats = *resumed(explainer.run(&random, &image, 0)).run_stats();
    assert!(
        stats.repeats.count == 2 && !stats.repeats.agree(),
        "{stats:?}"
    );
    for shard in both(&explainer, &random, 20..40) {
        let repeats = shard.run_stats().repeats;
        assert!(shard.masks() == 160 && repeats.count == 1 && !repeats.agree());
    }
    // A look sees it while the run goes on.
    let seen = RefCell::new(Vec::new());
    let explainer = explainer.to_builder().block_size(240).build().unwrap();
    let run = explainer.run(&random, &image, 0).on_look(|look| {
        let repeats = look.run_stats().repeats;
        seen.borrow_mut().push((repeats.count > 0, repeats.agree()));
        std::ops::ControlFlow::Continue(())
    });
    run.explain().unwrap();
    assert_eq!(seen.into_inner()[0], (true, false));
}

/// A question that fails the second time is a failure like any other, and costs no score.
#[test]
fn failures_when_asked_again_keep_the_scores() {
    let (image, honest) = (image(), Nonlinear { classes: 1 });
    let explainer = explainer(220, 32);
    let whole = explainer.explain(&honest, &image, 0).unwrap();
    let fails = |how: fn(Array2<f32>) -> Result<Array2<f32>, BoxError>| {
        let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
            let scores = honest.predict(batch)?;
            match batch.dim().0 {
                2 => how(scores),
                _ => Ok(scores),
            }
        });
        let error = explainer.explain(&model, &image, 0).unwrap_err();
        let (cause, ledger) = partial(error);
        assert_eq!(ledger.masks(), 220);
        let resumed = explainer.run(&model, &image, 0).ledger(ledger).explain();
        assert_same(&whole, &resumed.unwrap());
        cause
    };
    let gone = fails(|_| Err("gone".into()));
    assert_eq!(
        gone.to_string(),
        "the model failed on mask 219 and the unmasked image once more: gone"
    );
    let second = fails(|mut scores| {
        scores[[1, 0]] = f32::NAN;
        Ok(scores)
    });
    assert!(matches!(
        second,
        Error::ScoreNotFinite {
            inputs: Inputs::Unmasked,
            ..
        }
    ));
    let first = fails(|mut scores| {
        scores[[0, 0]] = f32::NAN;
        Ok(scores)
    });
    let Error::ScoreNotFinite { inputs, .. } = first else {
        panic!("{first}");
    };
    assert_eq!(inputs, Inputs::Masks(219..220));
}
