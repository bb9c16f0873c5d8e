//! The choice of priors: a climb of the restricted likelihood that keeps the best it met.

use std::sync::Arc;

use ndarray::Array1;
use rayon::prelude::*;

use super::basis::Bump;
use super::design::{Design, Scores};
use super::features::Features;
use super::fit::{Fit, Moments};
use super::prior::{LENGTHS, Prior, STEP};
use crate::masks::plan::Plan;

/// Masks on which the priors' shapes are chosen.
pub(super) const SELECT: usize = 384;

/// Steps of the ratio that are tried at most: from 2^-16 to 2^16.
const STEPS: i32 = 16;

/// Of the logarithm of the likelihood, what another step of the ratio must gain: towards no effect
/// at all there is no end of smaller gains.
const GAIN: f64 = 0.02;

/// Steps of the common features' weight.
const COMMON_STEPS: i32 = 6;

/// Designs that are tried at most; more steps fit the scores' noise.
const TRIALS: usize = 14;

/// Priors that are kept: averaging over those of similar likelihood has the lower error.
const KEEP: usize = 4;

/// Of the logarithm of the likelihood, how far behind the best a prior is not worth a better ratio.
const FAR: f64 = 3.0;

/// A prior, with the best ratio for it.
pub(super) struct Candidate<'a> {
    pub prior: Prior,
    pub design: Design<'a>,
    pub moments: Moments,
    pub fit: Option<Fit>,
}

fn evidence(fit: &Option<Fit>) -> f64 {
    fit.as_ref().map_or(f64::NEG_INFINITY, |fit| fit.evidence)
}

impl Candidate<'_> {
    /// The posterior mean of the coefficients.
    pub fn coefficients(&self) -> Array1<f64> {
        match &self.fit {
            Some(fit) => self.moments.coefficients(fit),
            None => Array1::zeros(self.design.features()),
        }
    }

    pub fn evidence(&self) -> f64 {
        evidence(&self.fit)
    }
}

/// The climb, for the scores of the masks of some blocks.
#[derive(Clone, Copy)]
pub(super) struct Search<'a, 'b> {
    plan: &'a Plan,
    seed: u64,
    states: &'b Arc<Features>,
    blocks: &'b [Scores<'b>],
    values: &'b [f64],
}

impl<'a, 'b> Search<'a, 'b> {
    /// `values` are those of the masks of `blocks`, in order.
    pub fn new(
        plan: &'a Plan,
        seed: u64,
        states: &'b Arc<Features>,
        blocks: &'b [Scores<'b>],
        values: &'b [f64],
    ) -> Self {
        Search {
            plan,
            seed,
            states,
            blocks,
            values,
        }
    }

    /// The regression under the first prior of the climb.
    pub fn start(&self) -> Candidate<'a> {
        self.candidate(Prior::START, f64::NEG_INFINITY)
    }

    /// The priors of the largest likelihoods that a climb from `start` meets, the largest first; one
    /// where there is nothing to fit.
    pub fn best(&self, start: Candidate<'a>) -> Vec<Candidate<'a>> {
        if start.fit.is_none() {
            return vec![start];
        }
        let mut climb = Climb {
            search: self,
            best: vec![start],
            trials: 0,
        };
        climb.lengths();
        climb.common();
        let object = climb.object();
        if climb.attempt(object) {
            climb.bumps();
            climb.lengths();
            climb.common();
        }
        climb.best
    }

    /// The regressions under the priors of candidates of fewer masks, the likeliest first. The best
    /// ratio is looked for under the first of the priors, and the others follow.
    pub fn again(&self, candidates: &[Candidate<'_>]) -> Vec<Candidate<'a>> {
        let first = self.candidate(candidates[0].prior, f64::NEG_INFINITY);
        let moved = first.prior.step - candidates[0].prior.step;
        let others = candidates[1..].par_iter().map(|Candidate { prior, .. }| {
            let step = (prior.step + moved).clamp(-STEPS, STEPS);
            self.candidate(Prior { step, ..*prior }, f64::INFINITY)
        });
        let mut all = vec![first];
        all.par_extend(others);
        all.sort_by(|a, b| b.evidence().total_cmp(&a.evidence()));
        all
    }

    /// The regression of other values under a candidate's prior.
    pub fn of_other(&self, candidate: &Candidate<'a>) -> Candidate<'a> {
        let (prior, design) = (candidate.prior, candidate.design.clone());
        let parts = design.parts(self.blocks);
        let moments = candidate.moments.of_other(parts, self.values);
        with_ratio(prior, design, moments, f64::NEG_INFINITY)
    }

    /// The regression under a prior, whose ratio is where the climb for a better one begins. There is
    /// no such climb where the likelihood is below `least` to begin with.
    fn candidate(&self, prior: Prior, least: f64) -> Candidate<'a> {
        let design = Design::new(self.plan, self.seed, self.states.clone(), &prior);
        let shape = [self.values.len(), design.features()];
        let moments = Moments::new(shape, design.parts(self.blocks), self.values);
        with_ratio(prior, design, moments, least)
    }
}

fn with_ratio<'a>(prior: Prior, design: Design<'a>, moments: Moments, least: f64) -> Candidate<'a> {
    let start = prior.step;
    let mut step = start;
    let mut fit = None;
    if !moments.constant() && moments.scale() > 0.0 {
        let at = |step: i32| moments.fit(STEP.powi(step) / moments.scale());
        fit = at(start);
        let directions: &[i32] = if evidence(&fit) < least {
            &[]
        } else {
            &[1, -1]
        };
        for &direction in directions {
            // Downwards only if not already upwards.
            while (step + direction).abs() <= STEPS && (direction == 1 || step <= start) {
                let next = at(step + direction);
                if evidence(&next) <= evidence(&fit) + GAIN {
                    break;
                }
                (step, fit) = (step + direction, next);
            }
        }
    }
    Candidate {
        prior: Prior { step, ..prior },
        design,
        moments,
        fit,
    }
}

struct Climb<'s, 'a, 'b> {
    search: &'s Search<'a, 'b>,
    /// In order of their likelihoods; never empty.
    best: Vec<Candidate<'a>>,
    trials: usize,
}

impl Climb<'_, '_, '_> {
    fn prior(&self) -> Prior {
        self.best[0].prior
    }

    /// Tries a prior; whether it is the best so far.
    fn attempt(&mut self, prior: Prior) -> bool {
        let known = |c: &Candidate<'_>| Prior { step: 0, ..c.prior } == Prior { step: 0, ..prior };
        if self.trials == TRIALS || self.best.iter().any(known) {
            return false;
        }
        self.trials += 1;
        let candidate = self.search.candidate(prior, self.best[0].evidence() - FAR);
        let rank = self
            .best
            .partition_point(|c| c.evidence() >= candidate.evidence());
        self.best.insert(rank, candidate);
        self.best.truncate(KEEP);
        rank == 0
    }

    fn lengths(&mut self) {
        let longer = |p: Prior| (p.length + 1 < LENGTHS.len()).then_some(p.length + 1);
        let shorter = |p: Prior| p.length.checked_sub(1);
        for next in [longer as fn(Prior) -> Option<usize>, shorter] {
            while let Some(length) = next(self.prior()) {
                let prior = self.prior();
                if !self.attempt(Prior { length, ..prior }) {
                    break;
                }
            }
        }
    }

    fn common(&mut self) {
        if !self.search.states.contrasts() {
            return;
        }
        for step in [1, -1] {
            loop {
                let prior = self.prior();
                let common = prior.common + step;
                if common.abs() > COMMON_STEPS || !self.attempt(Prior { common, ..prior }) {
                    break;
                }
            }
        }
    }

    fn bumps(&mut self) {
        const CENTRE: f64 = 0.1;
        const WIDTH: f64 = 1.4;
        loop {
            let before = self.prior();
            for axis in [0, 1] {
                for (shift, factor) in [
                    (CENTRE, 1.0),
                    (-CENTRE, 1.0),
                    (0.0, WIDTH),
                    (0.0, 1.0 / WIDTH),
                ] {
                    let mut prior = self.prior();
                    if let Some(bump) = &mut prior.bumps[axis] {
                        bump.centre = (bump.centre + shift).clamp(0.0, 1.0);
                        bump.width = (bump.width * factor).clamp(0.05, 2.0);
                    }
                    self.attempt(prior);
                }
            }
            if self.prior() == before || self.trials == TRIALS {
                return;
            }
        }
    }

    /// Bumps about the centre of gravity of the squared map.
    fn object(&self) -> Prior {
        const WIDTH: f64 = 0.25;
        let [_, height, width] = self.search.plan.shape();
        let best = &self.best[0];
        let (mut sum, mut row, mut column) = (0.0, 0.0, 0.0);
        for (i, v) in best.design.map(&best.coefficients()).iter().enumerate() {
            sum += v * v;
            row += v * v * ((i / width % height) as f64 + 0.5) / height as f64;
            column += v * v * ((i % width) as f64 + 0.5) / width as f64;
        }
        let bump = |moment: f64| {
            (sum > 0.0).then(|| Bump {
                centre: moment / sum,
                width: WIDTH,
            })
        };
        Prior {
            bumps: [bump(row), bump(column)],
            ..best.prior
        }
    }
}
