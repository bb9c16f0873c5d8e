//! The choice of the prior: a climb of the restricted likelihood.

use super::basis::Bump;
use super::design::{Design, Scores};
use super::fit::{Fit, Moments};
use crate::plan::Plan;

/// Masks on which the prior's shape is chosen.
pub(super) const SELECT: usize = 640;

/// Lengths to choose from, in cells.
pub(super) const LENGTHS: [f64; 6] = [0.25, 0.5, 0.8, 1.2, 2.0, 3.5];

/// Factor between ratios of signal to noise that are tried.
const STEP: f64 = 2.0;

/// Steps of the ratio that are tried at most: from 2^-16 to 2^16.
const STEPS: i32 = 16;

/// Designs that are tried at most.
const TRIALS: usize = 24;

/// A prior: an index into the lengths, the bumps of both axes, the step of the ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Prior {
    pub length: usize,
    pub bumps: [Option<Bump>; 2],
    pub step: i32,
}

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

impl<'a> Candidate<'a> {
    pub fn new(
        plan: &'a Plan,
        seed: u64,
        blocks: &[Scores<'_>],
        target: usize,
        prior: Prior,
    ) -> Self {
        let design = Design::new(plan, seed, LENGTHS[prior.length], prior.bumps);
        let scores = blocks.iter().flat_map(|(_, scores)| scores.column(target));
        let scores: Vec<f64> = scores.map(|&f| f64::from(f)).collect();
        let moments = Moments::new(design.rows(blocks), &scores);
        let start = prior.step;
        let mut step = start;
        let mut fit = None;
        if !moments.constant() && moments.scale() > 0.0 {
            let at = |step: i32| moments.fit(STEP.powi(step) / moments.scale());
            fit = at(start);
            for direction in [1, -1] {
                // Downwards only if not already upwards.
                while (step + direction).abs() <= STEPS && (direction == 1 || step <= start) {
                    let next = at(step + direction);
                    if evidence(&next) <= evidence(&fit) {
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
}

/// The climb, for one target of some blocks.
pub(super) struct Search<'a, 'b> {
    pub plan: &'a Plan,
    pub seed: u64,
    pub blocks: &'b [Scores<'b>],
    pub target: usize,
}

impl<'a> Search<'a, '_> {
    pub fn best(&self) -> Candidate<'a> {
        let start = Prior {
            length: 2,
            bumps: [None, None],
            step: 0,
        };
        let mut best = self.candidate(start);
        if best.fit.is_none() {
            return best;
        }
        let mut trials = 0;
        self.climb_length(&mut best, &mut trials);
        let object = self.object(&best);
        if self.attempt(&mut best, &mut trials, object) {
            self.climb_bumps(&mut best, &mut trials);
            self.climb_length(&mut best, &mut trials);
        }
        best
    }

    fn candidate(&self, prior: Prior) -> Candidate<'a> {
        Candidate::new(self.plan, self.seed, self.blocks, self.target, prior)
    }

    /// Takes the prior if its likelihood is larger.
    fn attempt(&self, best: &mut Candidate<'a>, trials: &mut usize, prior: Prior) -> bool {
        if *trials == TRIALS {
            return false;
        }
        *trials += 1;
        let candidate = self.candidate(prior);
        let better = evidence(&candidate.fit) > evidence(&best.fit);
        if better {
            *best = candidate;
        }
        better
    }

    fn climb_length(&self, best: &mut Candidate<'a>, trials: &mut usize) {
        for longer in [true, false] {
            loop {
                let length = best.prior.length;
                let length = if longer {
                    length + 1
                } else {
                    length.wrapping_sub(1)
                };
                if length >= LENGTHS.len()
                    || !self.attempt(
                        best,
                        trials,
                        Prior {
                            length,
                            ..best.prior
                        },
                    )
                {
                    break;
                }
            }
        }
    }

    fn climb_bumps(&self, best: &mut Candidate<'a>, trials: &mut usize) {
        const CENTRE: f64 = 0.1;
        const WIDTH: f64 = 1.4;
        loop {
            let before = best.prior;
            for axis in [0, 1] {
                for (shift, factor) in [
                    (CENTRE, 1.0),
                    (-CENTRE, 1.0),
                    (0.0, WIDTH),
                    (0.0, 1.0 / WIDTH),
                ] {
                    let mut prior = best.prior;
                    if let Some(bump) = &mut prior.bumps[axis] {
                        bump.centre = (bump.centre + shift).clamp(0.0, 1.0);
                        bump.width = (bump.width * factor).clamp(0.05, 2.0);
                    }
                    self.attempt(best, trials, prior);
                }
            }
            if best.prior == before || *trials == TRIALS {
                return;
            }
        }
    }

    /// Bumps about the centre of gravity of the squared map.
    fn object(&self, best: &Candidate<'a>) -> Prior {
        const WIDTH: f64 = 0.25;
        let [_, height, width] = self.plan.shape();
        let (mut sum, mut row, mut column) = (0.0, 0.0, 0.0);
        if let Some(fit) = &best.fit {
            let map = best.design.map(&best.moments.coefficients(fit));
            for (i, v) in map.iter().enumerate() {
                sum += v * v;
                row += v * v * ((i / width % height) as f64 + 0.5) / height as f64;
                column += v * v * ((i % width) as f64 + 0.5) / width as f64;
            }
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
