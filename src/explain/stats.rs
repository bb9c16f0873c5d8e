//! What a run cost.

use std::time::Duration;

use crate::explain::budget::StopReason;
use crate::explain::repeats::Repeats;
use crate::ledger::Ledger;

/// What a run cost, and whether it was stopped early.
///
/// ```
/// use racm::{Explainer, Target, demo};
///
/// let explainer = Explainer::builder().masks(300).build()?;
/// let explanation = explainer.explain(&demo::Classifier, &demo::image(), Target::Top)?;
/// let stats = explanation.run_stats();
/// assert_eq!(stats.model_calls, 301 + 2 * stats.repeats.count);
/// assert!(stats.model_time <= stats.total_time && stats.stopped.is_none());
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
#[non_exhaustive]
pub struct RunStats {
    /// Masks whose scores the run's ledger or its file held before, so that the model was not asked.
    pub known_masks: u64,
    /// Bytes of the [ledger's file](crate::Run::ledger_file) that were of no whole record when the run began: what is
    /// left where an earlier run was killed while it wrote. They are left out, and their masks are scored again.
    pub torn_bytes: u64,
    /// Images that the model scored in this run: those of its masks, the unmasked one, and
    /// two for each of the [repeats](RunStats::repeats).
    pub model_calls: u64,
    /// Batches in which it did so.
    pub batches: u64,
    /// Time inside the model, summed over threads.
    pub model_time: Duration,
    /// Whether the model, asked again, said the same.
    pub repeats: Repeats,
    /// Looks at the map while the run went on: see [`Budget`](crate::Budget).
    pub looks: u64,
    /// Time that they took, that inside their hook included.
    pub look_time: Duration,
    /// Time of the whole run, the map included.
    pub total_time: Duration,
    /// What stopped it before its last mask, if anything did.
    pub stopped: Option<StopReason>,
}

impl RunStats {
    /// Of no run: all scores were there.
    pub(super) fn of_ledger(ledger: &Ledger) -> Self {
        RunStats {
            known_masks: ledger.masks(),
            ..RunStats::default()
        }
    }
}
