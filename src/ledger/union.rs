//! What ledgers have in common, and all that they hold together.

use std::collections::btree_map::Entry;

use super::Ledger;
use super::identity::Identity;
use crate::error::{Error, Inputs, Result};

impl Ledger {
    /// Checks that a run belongs to this ledger: the same identity, and a model that answers the
    /// unmasked image as the ledger's did.
    pub(crate) fn expect(&self, identity: &Identity, unmasked: &[f32]) -> Result<()> {
        self.identity.expect(identity)?;
        self.expect_unmasked(unmasked)
    }

    /// That a model answers the unmasked image as the ledger's did.
    pub(crate) fn expect_unmasked(&self, scores: &[f32]) -> Result<()> {
        agree(&self.unmasked, scores, |_| Inputs::Unmasked)
    }

    /// Adds the scores of the masks from `first` on, of one block; what is there already has to be the same. Scores that
    /// do not follow on those of their block are left out.
    pub(super) fn add(&mut self, first: u64, scores: &[f32]) -> Result<()> {
        let (size, targets) = (self.identity.block_size, self.unmasked.len());
        let skipped = (first % size) as usize * targets;
        match self.blocks.entry(first / size) {
            Entry::Vacant(entry) if skipped == 0 => {
                entry.insert(scores.to_vec());
            }
            Entry::Occupied(mut entry) if skipped <= entry.get().len() => {
                let ours = &entry.get()[skipped..];
                agree(ours, scores, |i| {
                    let mask = first + (i / targets) as u64;
                    Inputs::Masks(mask..mask + 1)
                })?;
                let more = &scores[ours.len().min(scores.len())..];
                entry.get_mut().extend_from_slice(more);
            }
            _ => {}
        }
        Ok(())
    }

    /// The union of two ledgers: associative, commutative, idempotent.
    ///
    /// # Errors
    /// [`Error::Ledger`] if the ledgers are of different plans, seeds, images, baselines, models or
    /// targets; [`Error::LedgerConflict`] if they disagree about a mask or the unmasked image.
    /// `self` is then unchanged.
    pub fn merge(&mut self, other: &Ledger) -> Result<()> {
        other.identity.expect(&self.identity)?;
        agree(&self.unmasked, &other.unmasked, |_| Inputs::Unmasked)?;
        let targets = self.unmasked.len();
        for (block, theirs) in &other.blocks {
            let ours = self.blocks.get(block).map_or(&[][..], Vec::as_slice);
            agree(ours, theirs, |i| {
                let mask = block * self.identity.block_size + (i / targets) as u64;
                Inputs::Masks(mask..mask + 1)
            })?;
        }
        for (&block, theirs) in &other.blocks {
            let ours = self.blocks.entry(block).or_default();
            if theirs.len() > ours.len() {
                ours.clone_from(theirs);
            }
        }
        self.identity.facts.learn(&other.identity.facts);
        self.want(other.wanted);
        Ok(())
    }
}

/// Checks that two lists of scores are the same as far as both go.
fn agree(ours: &[f32], theirs: &[f32], inputs: impl Fn(usize) -> Inputs) -> Result<()> {
    let differs = |(a, b): (&f32, &f32)| a.to_bits() != b.to_bits();
    match ours.iter().zip(theirs).position(differs) {
        None => Ok(()),
        Some(i) => Err(Error::LedgerConflict {
            inputs: inputs(i),
            first: ours[i],
            second: theirs[i],
        }),
    }
}
