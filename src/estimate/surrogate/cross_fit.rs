//! Surrogates of other scores than those whose residuals are asked for.

use std::sync::Arc;

use ndarray::{Array2, Array3};
use rayon::prelude::*;

use super::features::Features;
use super::{MIN_MASKS, Masks, Surrogate, SurrogatePrior};
use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::masks::plan::Plan;

/// Folds of blocks.
const FOLDS: usize = 5;

/// The cross-fitted surrogate: its maps, and what it leaves of the scores.
pub(crate) struct CrossFit {
    /// For each target the mean of the folds' maps, weighted by their masks, `[J, H, W]`.
    pub maps: Vec<Array3<f32>>,
    /// Scores minus the predictions of a surrogate that has not seen their block.
    pub residuals: Ledger,
}

impl CrossFit {
    /// Block i belongs to fold i mod 5 (or fewer folds, where there are fewer blocks). All that a
    /// fold's surrogate knows, its length and ratio included, comes from the other folds, so that
    /// given it the residuals of the fold are of independent masks. The planes of the maps are mixed by a matrix `[J, J]`.
    pub fn new(
        prior: &SurrogatePrior,
        plan: &Plan,
        ledger: &Ledger,
        mixing: Option<&Array2<f64>>,
    ) -> Result<Self> {
        let blocks: Vec<_> = ledger.iter().collect();
        let folds = blocks.len().min(FOLDS);
        let needed = plan.spec().block_size as u64 + MIN_MASKS;
        let few = |given| Error::TooFewMasks {
            estimator: "surrogate-corrected",
            given,
            needed,
        };
        let masks = ledger.masks();
        if folds < 2 {
            return Err(few(masks));
        }
        let targets = ledger.targets().len();
        let states = Arc::new(Features::new(plan));
        let [_, height, width] = plan.shape();
        let mut maps = vec![Array3::<f64>::zeros((plan.planes(), height, width)); targets];
        let mut residuals: Vec<Array2<f64>> =
            blocks.iter().map(|(_, s)| s.mapv(f64::from)).collect();
        let outcomes: Result<Vec<_>> = (0..folds)
            .into_par_iter()
            .map(|fold| {
                let part = |inside: bool| {
                    let blocks = blocks.iter().enumerate();
                    let blocks = blocks.filter(move |(i, _)| (i % folds == fold) == inside);
                    blocks.map(|(_, block)| *block).collect::<Vec<_>>()
                };
                let (others, own) = (part(false), part(true));
                let count: usize = own.iter().map(|(_, scores)| scores.dim().0).sum();
                if masks - (count as u64) < MIN_MASKS {
                    return Err(few(masks));
                }
                let seen = Masks::new(plan, ledger.seed(), prior, &others, &states);
                let surrogate = |target| {
                    let surrogate = Surrogate::of_masks(&seen, target)?.mixed(mixing);
                    Ok((surrogate.map().mapv(f64::from), surrogate.predict(&own)))
                };
                let surrogates: Result<Vec<_>> = (0..targets).map(surrogate).collect();
                Ok((count as f64 / masks as f64, surrogates?))
            })
            .collect();
        for (fold, (share, surrogates)) in outcomes?.into_iter().enumerate() {
            for (target, (map, predicted)) in surrogates.into_iter().enumerate() {
                maps[target].scaled_add(share, &map);
                let own = residuals.iter_mut().skip(fold).step_by(folds);
                let own = own.flat_map(|r| r.column_mut(target).into_iter());
                own.zip(predicted).for_each(|(r, f)| *r -= f);
            }
        }
        let mut left = ledger.clone_head();
        for ((block, _), residuals) in blocks.iter().zip(&residuals) {
            let first = block * plan.spec().block_size as u64;
            left.record(first, residuals.iter().map(|&r| r as f32));
        }
        Ok(CrossFit {
            maps: maps.into_iter().map(|map| map.mapv(|v| v as f32)).collect(),
            residuals: left,
        })
    }
}
