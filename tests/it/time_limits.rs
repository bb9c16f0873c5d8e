//! Calls that take too long are given up on, and what they say later is not heard. How long anything takes is not looked
//! at: calls hang until a gate opens.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use ndarray::{Array2, Array3, ArrayView4, Axis};
use racm::{BlackBoxModel, BoxError, Error, Estimator, Explainer, FnModel, TimeLimit, Tolerant};

use crate::worlds::{Nonlinear, assert_same};

/// Hangs at some calls until it is let go, and then answers nonsense.
struct Hangs {
    at: fn(usize) -> bool,
    calls: AtomicUsize,
    gate: Gate,
}

#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn pass(&self) {
        let mut open = self.0.lock().unwrap();
        while !*open {
            open = self.1.wait(open).unwrap();
        }
    }
}

impl Hangs {
    fn new(at: fn(usize) -> bool) -> Arc<Self> {
        Arc::new(Hangs {
            at,
            calls: AtomicUsize::new(0),
            gate: Gate::default(),
        })
    }
}

impl BlackBoxModel for Hangs {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        if (self.at)(self.calls.fetch_add(1, Ordering::SeqCst)) {
            self.gate.pass();
            return Ok(Array2::from_elem((batch.dim().0, 2), 1e6));
        }
        Nonlinear { classes: 2 }.predict(batch)
    }
}

fn image() -> Array3<f32> {
    Array3::from_shape_fn((1, 8, 8), |(_, y, x)| (1 + y + 2 * x) as f32 / 24.0)
}

fn explainer() -> Explainer {
    let builder = Explainer::builder()
        .estimator(Estimator::Centred)
        .masks(96)
        .batch(8)
        .block_size(8);
    builder.build().unwrap()
}

/// The error of one call about the image.
fn error_of<M: BlackBoxModel>(model: &M) -> BoxError {
    let batch = image().insert_axis(Axis(0));
    model.predict(batch.view()).unwrap_err()
}

#[test]
fn calls_that_hang_do_not_show_in_the_map() {
    let whole = explainer()
        .explain(&Nonlinear { classes: 2 }, &image(), [1, 0])
        .unwrap();
    for parallel in [false, true] {
        let hangs = Hangs::new(|call| [0, 4, 5, 9].contains(&call));
        let limited = TimeLimit::new(Arc::clone(&hangs), Duration::from_millis(100));
        let model = Tolerant::new(limited)
            .retries(10)
            .wait(Duration::ZERO, 1, Duration::ZERO);
        let (explainer, image) = (explainer(), image());
        let open = Arc::clone(&hangs);
        let run = explainer.run(&model, &image, [1, 0]).progress(|progress| {
            // In the middle, the calls that hang answer after all: nobody hears it.
            if progress.masks() >= 48 {
                open.gate.open();
            }
            std::ops::ControlFlow::Continue(())
        });
        let run = if parallel { run.parallel() } else { run };
        assert_same(&whole, &run.explain().unwrap());
        // A slow machine may miss the limit once more.
        assert!(model.tolerated().retries >= 3);
    }
}

#[test]
fn a_call_over_the_limit_is_an_error_that_says_so() {
    let hangs = Hangs::new(|_| true);
    let model = TimeLimit::new(Arc::clone(&hangs), Duration::from_millis(3));
    let error = error_of(&model);
    assert_eq!(
        error.to_string(),
        "no answer within 3ms; the call was abandoned, and runs until the model returns"
    );
    let waited = Duration::from_millis(3);
    assert!(matches!(error.downcast_ref(), Some(Error::TimeLimit { waited: w }) if *w == waited));
    let run = explainer().explain(&model, &image(), 0).unwrap_err();
    assert_eq!(
        run.to_string(),
        format!("the model failed on the unmasked image: {error}")
    );
    hangs.gate.open();
}

/// Only so many threads are left behind, and they come back.
#[test]
fn abandoned_calls_are_bounded() {
    let hangs = Hangs::new(|_| true);
    let model = TimeLimit::new(Arc::clone(&hangs), Duration::from_millis(1));
    let most = TimeLimit::<Hangs>::MAX_ABANDONED;
    for abandoned in 1..=most {
        let error = error_of(&model);
        assert!(matches!(
            error.downcast_ref(),
            Some(Error::TimeLimit { .. })
        ));
        assert_eq!(model.abandoned(), abandoned);
    }
    for _ in 0..3 {
        let error = error_of(&model);
        let calls = match error.downcast_ref() {
            Some(Error::Abandoned { calls }) => *calls,
            _ => panic!("{error}"),
        };
        assert_eq!(calls, most);
        assert_eq!(
            error.to_string(),
            "16 abandoned calls of the model are still running, so no further one is begun"
        );
    }
    // A refused call does not reach the model. (One that was begun may not have reached it yet.)
    assert!(hangs.calls.load(Ordering::SeqCst) <= most);
    hangs.gate.open();
    while model.abandoned() > 0 {
        std::thread::yield_now();
    }
    assert_eq!(hangs.calls.load(Ordering::SeqCst), most);
    // It is asked again.
    let _ = model.predict(image().insert_axis(Axis(0)).view());
    while hangs.calls.load(Ordering::SeqCst) == most {
        std::thread::yield_now();
    }
}

/// What happens on the other thread is as if it happened here: errors, panics, shapes.
#[test]
fn answers_errors_and_panics_come_through() {
    let limit = Duration::from_secs(3600);
    let whole = explainer()
        .explain(&Nonlinear { classes: 2 }, &image(), 0)
        .unwrap();
    let explain = |model: &dyn BlackBoxModel| explainer().explain(model, &image(), 0);
    let plain = TimeLimit::new(Nonlinear { classes: 2 }, limit);
    assert_same(&whole, &explain(&plain).unwrap());
    let forever = TimeLimit::new(Nonlinear { classes: 2 }, Duration::MAX);
    assert_same(&whole, &explain(&forever).unwrap());

    let panics = FnModel::new(|_: ArrayView4<'_, f32>| -> Array2<f32> {
        std::panic::resume_unwind(Box::new("broken weights"))
    });
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let counted = FnModel::new(move |batch: ArrayView4<'_, f32>| {
        counted.fetch_add(1, Ordering::SeqCst);
        panics.predict(batch)
    });
    let model = Tolerant::new(TimeLimit::new(counted, limit)).retries(5);
    let cause = explain(&model).unwrap_err().into_parts().0;
    assert!(
        matches!(&cause, Error::ModelPanic { message, .. } if message == "broken weights"),
        "{cause}"
    );
    assert_eq!(calls.load(Ordering::SeqCst), 1);

    let fails = FnModel::new(|_: ArrayView4<'_, f32>| Err::<Array2<f32>, _>("503"));
    let cause = explain(&TimeLimit::new(fails, limit)).unwrap_err();
    assert_eq!(
        cause.to_string(),
        "the model failed on the unmasked image: 503"
    );
}
