//! What a run cost.

use std::time::Duration;

use crate::explain::budget::StopReason;
use crate::explain::repeats::Repeats;

/// What a run cost, and whether it was stopped early.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
#[non_exhaustive]
pub struct RunStats {
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
