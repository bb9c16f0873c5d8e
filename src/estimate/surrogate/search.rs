//! The choice of a prior: a short climb of the restricted likelihood.

use ndarray::Array1;

use super::basis::{Bump, LENGTHS};
use super::few::AtKernels;
use super::kernels::{Kernels, OfMasks};
use super::likelihood::climb;
use super::prior::{Prior, Ratios, Shape};

/// Masks on which shapes are chosen.
pub(super) const SELECT: usize = 300;

/// Shapes that are tried at most beside the first; more fit the scores' noise.
const TRIALS: usize = 3;

/// Of the logarithm of the likelihood, what another shape must gain.
const MARGIN: f64 = 1.0;

/// Of the logarithm of the likelihood, how far behind the best a shape is not worth better ratios.
const FAR: f64 = 5.0;

/// Steps of Newton's method for the first shape on the scale that is taken, beside the one that scales are compared after.
const FIRST_STEPS: usize = 2;

/// A shape with its best ratios.
pub(super) struct Met<'a, 'v> {
    pub of: OfMasks<'a, 'v>,
    pub ratios: Ratios,
    /// The logarithm of the likelihood, up to a constant.
    pub likelihood: f64,
    point: AtKernels,
}

/// The best ratios for a shape, of centred values; `None` where there is nothing to fit.
fn meet<'a, 'v>(
    kernels: &Kernels<'a, '_>,
    values: &'v Array1<f64>,
    prior: Prior,
    steps: usize,
    least: f64,
) -> Option<Met<'a, 'v>> {
    let of = kernels.likelihood(prior.shape, values);
    let (ratios, point, likelihood) = climb(
        &of.own,
        prior.ratios,
        |group, ratio| kernels.belief.of(group, ratio),
        steps,
        least,
    )?;
    Some(Met {
        of,
        ratios,
        likelihood,
        point,
    })
}

/// The first of the shapes, after a step.
pub(super) fn start<'a, 'v>(
    kernels: &Kernels<'a, '_>,
    values: &'v Array1<f64>,
) -> Option<Met<'a, 'v>> {
    meet(kernels, values, kernels.belief.prior, 1, f64::NEG_INFINITY)
}

/// The best of the shapes that a climb from `start` tries: with bumps about the object, with other lengths, with moved
/// bumps.
pub(super) fn best<'a, 'v>(
    kernels: &Kernels<'a, '_>,
    values: &'v Array1<f64>,
    start: Met<'a, 'v>,
) -> Met<'a, 'v> {
    let first = Prior {
        shape: start.of.shape,
        ratios: start.ratios,
    };
    let first = meet(kernels, values, first, FIRST_STEPS, f64::NEG_INFINITY);
    let mut search = Search {
        kernels,
        values,
        best: first.unwrap_or(start),
        tried: Vec::new(),
    };
    let mut found = search.attempt(search.object());
    search.lengths();
    if !found {
        found = search.attempt(search.object());
    }
    if found {
        search.bumps();
    }
    search.best
}

struct Search<'s, 'a, 'b, 'v> {
    kernels: &'s Kernels<'a, 'b>,
    values: &'v Array1<f64>,
    best: Met<'a, 'v>,
    tried: Vec<Shape>,
}

impl Search<'_, '_, '_, '_> {
    fn shape(&self) -> Shape {
        self.best.of.shape
    }

    /// Tries a shape; whether it is the best so far.
    fn attempt(&mut self, shape: Shape) -> bool {
        let known = shape == self.shape() || self.tried.contains(&shape);
        if known || self.tried.len() == TRIALS {
            return false;
        }
        self.tried.push(shape);
        let prior = Prior {
            shape,
            ratios: self.best.ratios,
        };
        let least = self.best.likelihood - FAR;
        let Some(met) = meet(self.kernels, self.values, prior, 1, least) else {
            return false;
        };
        let better = met.likelihood > self.best.likelihood + MARGIN;
        if better {
            self.best = met;
        }
        better
    }

    fn lengths(&mut self) {
        let contrasts = self.kernels.states.contrasts();
        for which in 0..1 + usize::from(contrasts) {
            for longer in [true, false] {
                loop {
                    let mut shape = self.shape();
                    let length = &mut shape.lengths[which];
                    let next = match longer {
                        true => Some(*length + 1).filter(|&next| next < LENGTHS.len()),
                        false => length.checked_sub(1),
                    };
                    let Some(next) = next else {
                        break;
                    };
                    *length = next;
                    if !self.attempt(shape) {
                        break;
                    }
                }
            }
        }
    }

    fn bumps(&mut self) {
        const CENTRE: f64 = 0.1;
        const WIDTH: f64 = 1.4;
        const MOVES: [(f64, f64); 4] = [
            (CENTRE, 1.0),
            (-CENTRE, 1.0),
            (0.0, WIDTH),
            (0.0, 1.0 / WIDTH),
        ];
        loop {
            let before = self.shape();
            for axis in [0, 1] {
                for (shift, factor) in MOVES {
                    let mut shape = self.shape();
                    if let Some(bump) = &mut shape.bumps[axis] {
                        bump.centre = (bump.centre + shift).clamp(0.0, 1.0);
                        bump.width = (bump.width * factor).clamp(0.05, 2.0);
                    }
                    self.attempt(shape);
                }
            }
            if self.shape() == before {
                return;
            }
        }
    }

    /// With bumps about the centre of gravity of the squared map.
    fn object(&self) -> Shape {
        const WIDTH: f64 = 0.25;
        let [_, height, width] = self.kernels.plan.shape();
        let Met {
            of, ratios, point, ..
        } = &self.best;
        let map = self.kernels.map(of, ratios, &point.weights);
        let (mut sum, mut row, mut column) = (0.0, 0.0, 0.0);
        for (i, v) in map.iter().enumerate() {
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
        Shape {
            bumps: [bump(row), bump(column)],
            ..self.shape()
        }
    }
}
