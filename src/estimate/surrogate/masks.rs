//! The masks that surrogates are fitted to.

use std::sync::Arc;

use super::design::Scores;
use super::features::Features;
use super::kernels::Kernels;
use super::learned::SurrogatePrior;
use super::search::SELECT;
use crate::error::Result;
use crate::ledger::Ledger;
use crate::masks::plan::Plan;

/// The masks of some blocks, and what all of their targets share.
pub(crate) struct Masks<'a, 'b> {
    pub(super) blocks: &'b [Scores<'b>],
    /// The first masks, on which shapes are chosen.
    pub(super) few: usize,
    pub(super) kernels: Kernels<'a, 'b>,
}

impl<'a> Masks<'a, '_> {
    /// What is made of the masks of a ledger of the plan.
    pub fn of<T>(
        prior: &SurrogatePrior,
        plan: &'a Plan,
        ledger: &Ledger,
        make: impl FnOnce(&Masks<'a, '_>) -> Result<T>,
    ) -> Result<T> {
        ledger.expect_plan(plan)?;
        let blocks: Vec<_> = ledger.iter().collect();
        let states = Arc::new(Features::new(plan));
        make(&Masks::new(plan, ledger.seed(), prior, &blocks, &states))
    }
}

impl<'a, 'b> Masks<'a, 'b> {
    pub fn plan(&self) -> &'a Plan {
        self.kernels.plan
    }

    pub(super) fn new(
        plan: &'a Plan,
        seed: u64,
        prior: &SurrogatePrior,
        blocks: &'b [Scores<'b>],
        states: &Arc<Features>,
    ) -> Self {
        let (mut few, mut count) = (0, 0);
        while few < SELECT && count < blocks.len() {
            few += blocks[count].1.dim().0;
            count += 1;
        }
        Masks {
            blocks,
            few,
            kernels: Kernels::new(plan, seed, prior.belief(), states.clone(), &blocks[..count]),
        }
    }
}
