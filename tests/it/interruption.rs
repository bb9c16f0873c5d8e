//! Runs that end early, on purpose or not: nothing is lost, and going on gives the map of one run.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::{Array2, ArrayView4};
use proptest::prelude::*;
use racm::{BlackBoxModel, BoxError, Error, Estimator, Explainer, FnModel, Inputs, Ledger};

use crate::determinism::{jobs, pools};
use crate::worlds::{Nonlinear, assert_same, partial};

/// Fails at one call (the unmasked image is call 0), in one of four ways.
struct Fails {
    at: usize,
    how: usize,
    calls: AtomicUsize,
}

impl Fails {
    fn new(at: usize, how: usize) -> Self {
        let calls = AtomicUsize::new(0);
        Fails { at, how, calls }
    }
}

impl BlackBoxModel for Fails {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        let mut scores = Nonlinear { classes: 2 }.predict(batch)?;
        if self.calls.fetch_add(1, Ordering::SeqCst) == self.at {
            match self.how {
                0 => return Err("out of memory".into()),
                1 => scores[[batch.dim().0 - 1, 1]] = f32::NAN,
                2 => return Ok(Array2::zeros((batch.dim().0, 3))),
                // A panic, but for its message on the terminal.
                _ => std::panic::resume_unwind(Box::new("broken weights")),
            }
        }
        Ok(scores)
    }
}

/// To bytes and back.
fn carried(ledger: &Ledger) -> Ledger {
    let mut bytes = Vec::new();
    ledger.write_to(&mut bytes).unwrap();
    Ledger::read_from(&bytes[..]).unwrap()
}

fn is_failure(error: &Error, how: usize) -> bool {
    match (error, how) {
        (Error::Model { source, .. }, 0) => source.to_string() == "out of memory",
        (Error::ScoreNotFinite { class: 1, .. }, 1) => true,
        (
            Error::ScoreShape {
                given: [_, 3],
                classes: Some(2),
                ..
            },
            2,
        ) => true,
        (Error::ModelPanic { message, .. }, 3) => message == "broken weights",
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_failing_model_costs_no_score(job in jobs(), batch in 1..20usize, at in 1..30usize, how in 0..4usize, pool in 0..4usize, parallel in any::<bool>()) {
        let whole = job.whole();
        let batches = (job.masks as usize).div_ceil(batch);
        let at = 1 + at % batches;
        let (explainer, image) = (job.explainer(batch), job.scene.image32());
        let model = Fails::new(at, how);
        let outcome = pools()[pool].install(|| {
            let run = explainer.run(&model, &image, [1, 0]);
            if parallel { run.parallel().explain() } else { run.explain() }
        });
        let error = outcome.unwrap_err();
        let (error, ledger) = error.into_parts();
        prop_assert!(is_failure(&error, how), "{error}");
        if !parallel {
            let scored = ledger.as_ref().map_or(0, Ledger::masks);
            prop_assert_eq!(scored, ((at - 1) * batch) as u64);
            if let Error::Model { inputs, .. } = &error {
                let last = (scored + batch as u64).min(job.masks);
                prop_assert_eq!(inputs, &Inputs::Masks(scored..last));
            }
        }
        if let Some(ledger) = ledger {
            // What is there is right: each block's first masks, as in the whole run.
            let mut union = whole.ledger().clone();
            union.merge(&ledger).unwrap();
            prop_assert_eq!(&union, whole.ledger());
            let before = ledger.masks();
            let calls = AtomicUsize::new(0);
            let counted = FnModel::new(|batch: ArrayView4<'_, f32>| {
                calls.fetch_add(batch.dim().0, Ordering::SeqCst);
                Nonlinear { classes: 2 }.predict(batch)
            });
            let resumed = explainer.run(&counted, &image, [1, 0]).ledger(carried(&ledger)).explain().unwrap();
            assert_same(&whole, &resumed);
            // No mask twice; the unmasked image once more.
            let expected = 1 + job.masks - before;
            prop_assert_eq!(calls.load(Ordering::SeqCst) as u64, expected);
            prop_assert_eq!(resumed.run_stats().model_calls, expected);
        }
    }

    #[test]
    fn a_stopped_run_goes_on(job in jobs(), batch in 1..20usize, after in 0..90u64, parallel in any::<bool>()) {
        let whole = job.whole();
        let (explainer, image) = (job.explainer(batch), job.scene.image32());
        let model = Nonlinear { classes: 2 };
        let seen = Cell::new((0, 0));
        let run = explainer.run(&model, &image, [1, 0]).progress(|p| {
            assert!(p.masks() > seen.get().0 && p.masks() <= p.total());
            assert_eq!((p.ledger().masks(), p.total()), (p.masks(), job.masks));
            assert_eq!(p.plan().shape(), job.scene.shape);
            seen.set((p.masks(), seen.get().1 + 1));
            if p.masks() < after { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let ledger = if parallel { run.parallel().score() } else { run.score() }.unwrap();
        prop_assert!(ledger.masks() >= after.min(job.masks));
        if !parallel {
            let batches = after.div_ceil(batch as u64).max(1);
            prop_assert_eq!(ledger.masks(), (batches * batch as u64).min(job.masks));
        }
        let run = explainer.run(&model, &image, [1, 0]).ledger(carried(&ledger));
        let resumed = if parallel { run.explain() } else { run.parallel().explain() }.unwrap();
        assert_same(&whole, &resumed);
    }
}

/// `stopped` says whether masks are missing because of the hook: not if other threads had begun the rest.
#[test]
fn stopped_runs_say_so() {
    let image = ndarray::Array3::ones((1, 8, 8));
    let builder = Explainer::builder()
        .estimator(Estimator::Centred)
        .masks(100)
        .batch(10);
    let explainer = builder.build().unwrap();
    let model = Nonlinear { classes: 1 };
    for (stop_at, masks) in [(30, 30), (100, 100), (1000, 100)] {
        for pool in pools() {
            let run = || {
                explainer.run(&model, &image, 0).progress(move |p| {
                    if p.masks() < stop_at {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(())
                    }
                })
            };
            let (plain, parallel) = pool.install(|| {
                let plain = run().explain().unwrap();
                (plain, run().parallel().explain().unwrap())
            });
            assert_eq!(plain.masks(), masks);
            for result in [plain, parallel] {
                assert_eq!(result.run_stats().stopped.is_some(), result.masks() < 100);
            }
        }
    }
}

/// The first error in the order of the masks is the one reported, and the unmasked image's comes plain.
#[test]
fn an_error_before_the_first_mask_is_not_an_interruption() {
    let image = ndarray::Array3::ones((1, 4, 4));
    let explainer = Explainer::builder().grid(2, 2).masks(10).build().unwrap();
    let error = explainer.explain(&Fails::new(0, 0), &image, 0).unwrap_err();
    assert!(error.ledger().is_none());
    let unmasked = matches!(
        error.cause(),
        Error::Model {
            inputs: Inputs::Unmasked,
            ..
        }
    );
    assert!(unmasked, "{error}");
    assert_eq!(
        error.to_string(),
        "the model failed on the unmasked image: out of memory"
    );
    let error = explainer.explain(&Fails::new(1, 0), &image, 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model failed on masks 0..10: out of memory"
    );
}

/// A model that panics after 1000 masks (and three calls that asked again), plain and on all threads: the scores before
/// are there, and `?` makes the cause of the error.
#[test]
fn a_panic_costs_no_score() {
    let image = ndarray::Array3::ones((1, 8, 8));
    let explainer = Explainer::builder()
        .estimator(Estimator::Centred)
        .masks(5000)
        .batch(8)
        .block_size(8)
        .build()
        .unwrap();
    for parallel in [false, true] {
        let calls = AtomicUsize::new(0);
        let model = FnModel::new(|batch: ArrayView4<'_, f32>| -> Array2<f32> {
            if calls.fetch_add(1, Ordering::SeqCst) == 126 + 3 {
                panic!("lost the {}th batch", 125);
            }
            Nonlinear { classes: 1 }.predict(batch).unwrap()
        });
        let run = explainer.run(&model, &image, 0);
        let outcome = if parallel {
            run.parallel().explain()
        } else {
            run.explain()
        };
        let (cause, ledger) = partial(outcome.unwrap_err());
        // Other threads finish what they had begun.
        let scored = ledger.masks();
        assert!(
            scored >= 1000 - 8 && (parallel || scored == 1000),
            "{scored}"
        );
        match &cause {
            Error::ModelPanic { inputs, message } => {
                assert_eq!(message, "lost the 125th batch");
                assert!(parallel || *inputs == Inputs::Masks(1000..1008));
            }
            other => panic!("{other}"),
        }
        let whole = Nonlinear { classes: 1 };
        let resumed = explainer.run(&whole, &image, 0).ledger(ledger).explain();
        let undisturbed = explainer.explain(&whole, &image, 0).unwrap();
        assert_same(&resumed.unwrap(), &undisturbed);
    }
    fn only_the_cause(explainer: &Explainer) -> Result<(), Error> {
        let broken = FnModel::new(|_: ArrayView4<'_, f32>| -> Array2<f32> {
            std::panic::resume_unwind(Box::new(7))
        });
        explainer.explain(&broken, &ndarray::Array3::ones((1, 8, 8)), 0)?;
        Ok(())
    }
    assert_eq!(
        only_the_cause(&explainer).unwrap_err().to_string(),
        "the model panicked on the unmasked image: without a message"
    );
}
