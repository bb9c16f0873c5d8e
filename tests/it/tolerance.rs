//! Models that fail for a while: asked again, in smaller batches, or given up on, they make the map of a model that never
//! failed.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ndarray::{Array2, Array3, ArrayView4};
use proptest::prelude::*;
use racm::{
    BlackBoxModel, BoxError, Error, Estimator, Explainer, Explanation, FnModel, RunError, Tolerant,
};

use crate::determinism::{jobs, pools};
use crate::worlds::{Nonlinear, assert_same, partial};

/// Fails up to `most` times on each new batch, how often depends on the batch, and refuses more than `room` images.
struct Flaky {
    most: u64,
    room: usize,
    /// Failures left, by batch.
    left: Mutex<HashMap<u64, u64>>,
    failures: AtomicU64,
    refusals: AtomicU64,
    largest: AtomicUsize,
}

impl Flaky {
    fn new(most: u64, room: usize) -> Self {
        Flaky {
            most,
            room,
            left: Mutex::default(),
            failures: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            largest: AtomicUsize::new(0),
        }
    }
}

impl BlackBoxModel for Flaky {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        let pixels = batch.as_slice().expect("every batch is C-contiguous");
        let images = batch.dim().0;
        if images > self.room {
            self.refusals.fetch_add(1, Ordering::SeqCst);
            return Err("out of memory".into());
        }
        let mut hasher = DefaultHasher::new();
        let bits = pixels.iter().map(|v| v.to_bits());
        bits.for_each(|bits| bits.hash(&mut hasher));
        let hash = hasher.finish();
        let mut all = self.left.lock().unwrap();
        let left = all.entry(hash).or_insert(hash % (self.most + 1));
        if *left > 0 {
            *left -= 1;
            self.failures.fetch_add(1, Ordering::SeqCst);
            return Err("busy".into());
        }
        self.largest.fetch_max(images, Ordering::SeqCst);
        Nonlinear { classes: 2 }.predict(batch)
    }
}

fn says(text: &'static str) -> impl Fn(&BoxError) -> bool + Send + Sync {
    move |error| error.to_string() == text
}

/// Without waiting.
fn tolerant<M>(model: M, retries: u32) -> Tolerant<M> {
    let model = Tolerant::new(model).retries(retries);
    model.wait(Duration::ZERO, 2, Duration::ZERO)
}

fn explained(
    explainer: &Explainer,
    model: &(impl BlackBoxModel + Sync),
    image: &Array3<f32>,
    parallel: bool,
) -> Result<Explanation, RunError> {
    let run = explainer.run(model, image, [1, 0]);
    match parallel {
        true => run.parallel().explain(),
        false => run.explain(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn failures_do_not_show_in_the_map(job in jobs(), batch in 1..40usize, most in 0..4u64, room in 1..40usize, pool in 0..4usize, parallel in any::<bool>()) {
        let whole = job.whole();
        let (explainer, image) = (job.explainer(batch), job.scene.image32());
        let model = tolerant(Flaky::new(most, room), most as u32).retry_if(says("busy")).halve_if(says("out of memory"));
        let explanation = pools()[pool].install(|| explained(&explainer, &model, &image, parallel)).unwrap();
        assert_same(&whole, &explanation);
        prop_assert_eq!(whole.ledger(), explanation.ledger());
        // The run asked as if nothing had happened.
        let stats = explanation.run_stats();
        let batches = 1 + job.masks.div_ceil(batch as u64);
        prop_assert_eq!((stats.model_calls, stats.batches), (1 + job.masks, batches));
        let (tolerated, model) = (model.tolerated(), model.into_inner());
        prop_assert_eq!(tolerated.retries, model.failures.load(Ordering::SeqCst));
        let (mut size, mut halvings) = ((job.masks as usize).min(batch), 0);
        while size > room {
            (size, halvings) = (size.div_ceil(2), halvings + 1);
        }
        let (refusals, largest) = (model.refusals.into_inner(), model.largest.into_inner());
        if parallel {
            // A last batch that is smaller may be halved at the same time as one before, so that
            // sizes are other than one after the other; none is larger than there is room for.
            prop_assert!(refusals >= tolerated.halvings, "{refusals} refusals");
            prop_assert_eq!((tolerated.halvings > 0, tolerated.batch.is_some()), (halvings > 0, halvings > 0));
            prop_assert!(tolerated.batch.is_none_or(|batch| batch <= room) && largest <= room);
        } else {
            // What worked is remembered: nothing is refused twice.
            prop_assert_eq!((tolerated.halvings, refusals), (halvings, halvings));
            prop_assert_eq!(tolerated.batch, (halvings > 0).then_some(size));
            prop_assert_eq!(largest, size);
        }
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

/// Fails from a call on (the unmasked image is call 0), counting how often.
struct Dies<F> {
    at: usize,
    how: F,
    calls: AtomicUsize,
}

impl<F> Dies<F> {
    fn new(at: usize, how: F) -> Self {
        let calls = AtomicUsize::new(0);
        Dies { at, how, calls }
    }
}

impl<F> BlackBoxModel for Dies<F>
where
    F: Fn(usize, usize) -> Result<Array2<f32>, BoxError>,
{
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        match call.checked_sub(self.at) {
            Some(failure) => (self.how)(failure, batch.dim().0),
            None => Nonlinear { classes: 2 }.predict(batch),
        }
    }
}

fn down(failure: usize, _: usize) -> Result<Array2<f32>, BoxError> {
    Err(format!("down for the {failure}th time").into())
}

#[test]
fn after_the_last_retry_the_last_error_ends_the_run_and_the_scores_are_kept() {
    let whole = explainer()
        .explain(&Nonlinear { classes: 2 }, &image(), [1, 0])
        .unwrap();
    for parallel in [false, true] {
        let model = tolerant(Dies::new(5, down), 3);
        let pool = &pools()[0];
        let error = pool.install(|| explained(&explainer(), &model, &image(), parallel));
        let (cause, ledger) = partial(error.unwrap_err());
        assert_eq!(
            cause.to_string(),
            "the model failed on masks 32..40: down for the 3th time"
        );
        assert_eq!(ledger.masks(), 32);
        // In parallel the batches of the wave that had begun are asked about as well.
        let asked = model.tolerated().retries;
        assert!(asked == 3 || parallel && asked % 3 == 0, "{asked}");
        let (explainer, image) = (explainer(), image());
        let run = explainer.run(&Nonlinear { classes: 2 }, &image, [1, 0]);
        assert_same(&whole, &run.ledger(ledger).explain().unwrap());
    }
}

/// As it is made, a `Tolerant` tolerates nothing; and some failures never.
#[test]
fn what_is_not_tolerated_is_not_asked_for_again() {
    let once = |model: &dyn BlackBoxModel| explainer().explain(model, &image(), 0).unwrap_err();
    let plain = Tolerant::new(Dies::new(2, down));
    let error = once(&plain).to_string();
    assert!(error.ends_with("down for the 0th time"), "{error}");
    let others = tolerant(Dies::new(2, down), 9).retry_if(says("busy"));
    let error = once(&others).to_string();
    assert!(error.ends_with("down for the 0th time"), "{error}");

    let not_a_number = |_: usize, n: usize| Ok(Array2::from_elem((n, 2), f32::NAN));
    let other_shape = |_: usize, n: usize| Ok(Array2::zeros((n + 1, 2)));
    let panics = |_: usize, _: usize| std::panic::resume_unwind(Box::new("broken"));
    let (nan, shape, panic) = (
        tolerant(Dies::new(2, not_a_number), 9),
        tolerant(Dies::new(2, other_shape), 9),
        tolerant(Dies::new(2, panics), 9),
    );
    let cause = once(&nan).into_parts().0;
    assert!(matches!(cause, Error::ScoreNotFinite { .. }), "{cause}");
    let cause = once(&shape).into_parts().0;
    assert!(matches!(cause, Error::ScoreShape { .. }), "{cause}");
    let cause = once(&panic).into_parts().0;
    assert!(matches!(cause, Error::ModelPanic { .. }), "{cause}");
    let asked = [plain.into_inner().calls, others.into_inner().calls];
    assert_eq!(asked.map(AtomicUsize::into_inner), [3, 3]);
    let asked = [
        nan.into_inner().calls,
        shape.into_inner().calls,
        panic.into_inner().calls,
    ];
    assert_eq!(asked.map(AtomicUsize::into_inner), [3, 3, 3]);
}

#[test]
fn single_images_that_are_too_large_end_the_run() {
    let too_large = |_: usize, _: usize| Err("out of memory".into());
    let model = tolerant(Dies::new(3, too_large), 2).halve_if(says("out of memory"));
    let error = explainer().explain(&model, &image(), 0).unwrap_err();
    let (cause, ledger) = partial(error);
    assert_eq!(
        cause.to_string(),
        "the model failed on masks 16..24: out of memory"
    );
    assert_eq!(ledger.masks(), 16);
    // 8, 4, 2, and the first image thrice.
    assert_eq!(model.tolerated().halvings, 3);
    assert_eq!(model.tolerated().retries, 2);
    assert_eq!(model.into_inner().calls.into_inner(), 3 + 3 + 3);
}

/// Rows must not slip from one part of a batch into another.
#[test]
fn parts_of_other_shapes_are_refused() {
    let answers = |shape: fn(usize, usize) -> (usize, usize)| {
        let calls = AtomicUsize::new(0);
        let model = FnModel::new(
            move |batch: ArrayView4<'_, f32>| -> Result<Array2<f32>, BoxError> {
                let images = batch.dim().0;
                match images {
                    3.. => Err("out of memory".into()),
                    1 => Ok(Array2::zeros((1, 2))),
                    _ => Ok(Array2::zeros(shape(
                        calls.fetch_add(1, Ordering::SeqCst),
                        images,
                    ))),
                }
            },
        );
        let model = tolerant(model, 0).halve_if(says("out of memory"));
        let error = explainer().explain(&model, &image(), 0).unwrap_err();
        error.to_string()
    };
    let part =
        "the model failed on masks 0..8: the array of scores of a part of the batch has shape";
    let rows = answers(|call, images| (images + 1 - 2 * (call % 2), 2));
    assert_eq!(rows, format!("{part} [3, 2], expected [2, 2]"));
    let classes = answers(|call, images| (images, 2 + call % 2));
    assert_eq!(classes, format!("{part} [2, 3], expected [2, 2]"));
    // As many classes in every part, but not as many as before: the run's own check.
    let other = answers(|_, images| (images, 3));
    assert_eq!(
        other,
        "the model answered masks 0..8 with scores of shape [8, 3], expected [8, 2]"
    );
}

#[test]
fn waits_grow_to_the_longest_and_are_told_before() {
    let told = |first, factor, most| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let model = Tolerant::new(Dies::new(0, down))
            .retries(5)
            .wait(first, factor, most)
            .on_retry(move |retry| {
                let said = format!("{}/{}: {}", retry.number, retry.of, retry.error);
                sink.lock().unwrap().push((said, retry.wait));
            });
        explainer().explain(&model, &image(), 0).unwrap_err();
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        assert_eq!(seen[0].0, "1/5: down for the 0th time");
        assert_eq!(seen[4].0, "5/5: down for the 4th time");
        let waits = seen.into_iter().map(|(_, wait)| wait.as_nanos());
        waits.collect::<Vec<_>>()
    };
    let ns = Duration::from_nanos;
    assert_eq!(told(ns(10), 2, ns(50)), [10, 20, 40, 50, 50]);
    assert_eq!(told(ns(10), 3, Duration::MAX), [10, 30, 90, 270, 810]);
    assert_eq!(told(ns(10), 1, ns(50)), [10; 5]);
    assert_eq!(told(ns(10), 0, ns(50)), [10, 0, 0, 0, 0]);
    assert_eq!(told(ns(70), u32::MAX, ns(50)), [50; 5]);
}

/// Adapters around adapters, boxes and references.
#[test]
fn tolerant_models_are_models() {
    let whole = explainer()
        .explain(&Nonlinear { classes: 2 }, &image(), [1, 0])
        .unwrap();
    // Each of them alone would give up.
    let inner = tolerant(Flaky::new(4, 3), 2).halve_if(says("out of memory"));
    let boxed: Box<dyn BlackBoxModel + Send + Sync> = Box::new(inner);
    let outer = tolerant(boxed, 3);
    for parallel in [false, true] {
        let explanation = explained(&explainer(), &&outer, &image(), parallel).unwrap();
        assert_same(&whole, &explanation);
    }
    assert_eq!(outer.tolerated().batch, None);
    assert!(outer.tolerated().retries > 0);
}
