//! Scores by block.

/// The scores of a run.
#[derive(Clone, Debug)]
pub struct Ledger {}

impl Ledger {
    /// Masks scored.
    pub fn masks(&self) -> u64 {
        0
    }
}
