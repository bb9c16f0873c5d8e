//! Whether a model repeats its answers: what was scored before is scored again now and then.

use crate::ledger::Ledger;

/// The masks of a run after which it first asks again; then each time that they have doubled.
const FIRST: u64 = 200;

/// It also does so at its end, if at least so many masks came since: shorter runs never ask again, but for shards.
const LAST: u64 = 100;

/// Differences below this share of the scores' standard deviation over the masks are tolerated: they
/// would be less than 1e-4 of the variance of what the map is made of.
const OF_DEVIATION: f64 = 1e-2;

/// So are differences below this share of the largest score: runtimes add in another order for
/// another batch size, and their coarsest numbers (half precision, TF32) have fractions of 10 bits.
const OF_LARGEST: f64 = 1e-3;

/// How well a model repeated its answers.
///
/// A run needs a model that is a function: one image, one score. To find one that is not (dropout
/// that was left on, a score that depends on the other images of the batch, a service that was
/// updated meanwhile), it scores the unmasked image, alone at first, a second time in a batch with the
/// last masked image before: after 200 masks, each time that they have doubled, and at the end if 100
/// or more came since (of a shard, any). That is 2 model calls each time, 12 in a run of 5000 masks. It changes neither
/// ledger nor map, and when it happens depends on the number of masks that this run scored, after the
/// batches then under way, and never on time.
///
/// Tolerated are differences up to 1 % of the standard deviation of the target's scores over the
/// masks, which the map would not show, or 0.1 % of its largest score, if that is more: so much can
/// runtimes differ by rounding between batches of different sizes, in half precision.
///
/// ```
/// use std::cell::Cell;
/// use racm::ndarray::{Array2, ArrayView4};
/// use racm::{BlackBoxModel, BoxError, Explainer, FnModel, Target, demo};
///
/// let calls = Cell::new(0);
/// let drifts = FnModel::new(|batch: ArrayView4<'_, f32>| -> Result<Array2<f32>, BoxError> {
///     calls.set(calls.get() + 1);
///     Ok(demo::Classifier.predict(batch)? + 0.01 * calls.get() as f32)
/// });
/// let explainer = Explainer::builder().masks(500).build()?;
/// let explanation = explainer.explain(&drifts, &demo::image(), Target::Top)?;
/// let repeats = explanation.run_stats().repeats;
/// assert!(!repeats.agree() && repeats.difference > 0.1);
/// let explanation = explainer.explain(&demo::Classifier, &demo::image(), Target::Top)?;
/// assert!(explanation.run_stats().repeats.agree());
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
#[non_exhaustive]
pub struct Repeats {
    /// Times that the model was asked again.
    pub count: u64,
    /// The largest difference of two scores for the same image and target; of several targets, that
    /// which is the largest beside its tolerance.
    pub difference: f64,
    /// The difference that is tolerated there.
    pub tolerance: f64,
}

impl Repeats {
    /// Whether all answers were the same but for rounding; also if there were none.
    pub fn agree(&self) -> bool {
        self.difference <= self.tolerance
    }

    /// Compares answers about a mask of the ledger and then about the unmasked image, one score a
    /// target each, with those of the ledger.
    pub(super) fn compare(&mut self, ledger: &Ledger, mask: u64, again: &[f32]) {
        self.count += 1;
        let Some((_, masked)) = ledger.scores().find(|&(index, _)| index == mask) else {
            return;
        };
        let tolerances = tolerances(ledger);
        let before = masked.iter().chain(ledger.unmasked_scores());
        for (i, (before, again)) in before.zip(again).enumerate() {
            let difference = (f64::from(*before) - f64::from(*again)).abs();
            let tolerance = tolerances[i % tolerances.len()];
            if share(difference, tolerance) >= share(self.difference, self.tolerance) {
                (self.difference, self.tolerance) = (difference, tolerance);
            }
        }
    }
}

/// A difference in tolerances, which may be 0.
fn share(difference: f64, tolerance: f64) -> f64 {
    match difference > 0.0 {
        true => difference / tolerance,
        false => 0.0,
    }
}

/// The largest difference between two scores of each target that says nothing.
fn tolerances(ledger: &Ledger) -> Vec<f64> {
    let count = ledger.masks() as f64;
    let unmasked = ledger.unmasked_scores();
    // About the unmasked score, so that nothing is lost where all are large and alike.
    let mut moments = vec![(0.0, 0.0, 0.0f64); unmasked.len()];
    for (_, scores) in ledger.scores() {
        for ((sum, squares, largest), (&score, &origin)) in
            moments.iter_mut().zip(scores.iter().zip(unmasked))
        {
            let (score, origin) = (f64::from(score), f64::from(origin));
            *sum += score - origin;
            *squares += (score - origin).powi(2);
            *largest = largest.max(score.abs()).max(origin.abs());
        }
    }
    let tolerances = moments.into_iter().map(|(sum, squares, largest)| {
        let variance = (squares - sum * sum / count).max(0.0) / count;
        (OF_DEVIATION * variance.sqrt()).max(OF_LARGEST * largest)
    });
    tolerances.collect()
}

/// When a run asks again.
pub(super) struct Again {
    next: u64,
    last: u64,
    /// Masks since the last time with which it does so at its end.
    at_end: u64,
}

impl Again {
    /// Of a whole run, or of one shard of many, each of which may be short.
    pub fn new(shard: bool) -> Self {
        Again {
            next: FIRST,
            last: 0,
            at_end: if shard { 1 } else { LAST },
        }
    }

    /// Whether a run that has scored so many masks asks again.
    pub fn is_due(&mut self, masks: u64) -> bool {
        let due = masks >= self.next;
        while self.next <= masks {
            self.next *= 2;
        }
        if due {
            self.last = masks;
        }
        due
    }

    /// Whether one that ends with so many does.
    pub fn is_due_at_end(&self, masks: u64) -> bool {
        masks - self.last >= self.at_end
    }
}
