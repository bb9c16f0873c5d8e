//! Answers of several threads on their way into the file.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::error::Result;
use crate::ledger::file::LedgerFile;

/// What is appended as it comes; the masks of a block in their order.
pub(super) struct Arrivals<'f> {
    block_size: u64,
    /// The masks that may come next, besides the first ones of blocks.
    free: BTreeSet<u64>,
    /// First mask -> end and scores of what waits for the masks before it.
    waiting: BTreeMap<u64, (u64, Vec<f32>)>,
    file: Option<&'f mut LedgerFile>,
    outcome: Result<()>,
}

impl<'f> Arrivals<'f> {
    pub fn new(block_size: u64, free: BTreeSet<u64>, file: Option<&'f mut LedgerFile>) -> Self {
        Arrivals {
            block_size,
            free,
            waiting: BTreeMap::new(),
            file,
            outcome: Ok(()),
        }
    }

    /// Appends the scores of a batch, or those of its blocks that need not wait for others, and what waited for them.
    pub fn take(&mut self, batch: &Range<u64>, scores: &[f32]) {
        let Some(file) = &mut self.file else {
            return;
        };
        let targets = scores.len() / (batch.end - batch.start) as usize;
        let (mut start, mut rest) = (batch.start, scores);
        while start < batch.end && self.outcome.is_ok() {
            let end = batch
                .end
                .min((start / self.block_size + 1) * self.block_size);
            let (scores, more) = rest.split_at((end - start) as usize * targets);
            self.waiting.insert(start, (end, scores.to_vec()));
            let mut next = start;
            while next % self.block_size == 0 || self.free.contains(&next) {
                let Some((end, scores)) = self.waiting.remove(&next) else {
                    break;
                };
                self.outcome = file.append(next, &scores);
                if self.outcome.is_err() {
                    return;
                }
                self.free.insert(end);
                next = end;
            }
            (start, rest) = (end, more);
        }
    }

    /// How writing went.
    pub fn end(self) -> Result<()> {
        self.outcome
    }
}
