//! The ratios of the largest restricted likelihood, by Newton's method.

use ndarray::{Array1, Array2};

use super::prior::{GROUPS, Ratios};
use crate::estimate::linalg::Cholesky;

/// A likelihood as a function of the logarithms of the groups' ratios.
pub(super) trait Likelihood {
    /// What is known where it was computed.
    type Point;

    /// Whether there is such a group.
    fn has(&self, group: usize) -> bool;

    /// `None` if it cannot be computed (an overflow).
    fn at(&self, ratios: &Ratios) -> Option<Self::Point>;

    /// Its logarithm.
    fn value(point: &Self::Point) -> f64;

    /// Of the logarithm, by some groups: the gradient, and the *average information* (the mean of
    /// minus the second derivative and what is expected of it), which needs no more traces.
    fn slopes(&self, point: &Self::Point, groups: &[usize]) -> (Array1<f64>, Array2<f64>);
}

/// The longest step of a logarithm.
const LONGEST: f64 = 2.0;

/// What a step must promise, and what it must gain for another one.
const GAIN: f64 = 0.05;

/// Factors of a step that are tried until one gains.
const SHORTER: [f64; 4] = [1.0, 0.4, 0.16, 0.064];

/// Logarithms beyond which nothing changes any more.
pub(super) const BOUND: f64 = 12.0;

/// A climb from `start`, of some steps at most, of the likelihood times a `belief` in each ratio (with its first and second
/// derivative); none where the likelihood is below `least` to begin with.
///
/// Gilmour, Thompson and Cullis, *Average information REML*, Biometrics 51, 1995.
pub(super) fn climb<L: Likelihood>(
    likelihood: &L,
    start: Ratios,
    belief: impl Fn(usize, f64) -> [f64; 3],
    steps: usize,
    least: f64,
) -> Option<(Ratios, L::Point, f64)> {
    let groups: Vec<usize> = (0..GROUPS).filter(|&g| likelihood.has(g)).collect();
    let at = |ratios: Ratios| {
        let point = likelihood.at(&ratios)?;
        let believed = groups.iter().map(|&g| belief(g, ratios[g])[0]);
        let value = L::value(&point) + believed.sum::<f64>();
        value.is_finite().then_some((ratios, point, value))
    };
    let mut best = at(start)?;
    for _ in 0..steps {
        let (ratios, point, value) = &best;
        if *value < least {
            break;
        }
        let (mut gradient, mut information) = likelihood.slopes(point, &groups);
        for (i, &g) in groups.iter().enumerate() {
            let [_, first, second] = belief(g, ratios[g]);
            gradient[i] += first;
            // Far from the top the information can be next to nothing.
            let own = &mut information[[i, i]];
            *own = (*own - second).max(0.05) * 1.02;
        }
        let Some(factor) = Cholesky::new(information) else {
            break;
        };
        let mut step = factor.solve(&gradient);
        let longest = step.iter().fold(0.0, |a: f64, s| a.max(s.abs()));
        step *= (LONGEST / longest).min(1.0);
        if 0.5 * gradient.dot(&step) < GAIN {
            break;
        }
        let next = SHORTER.iter().find_map(|shorter| {
            let mut next = *ratios;
            for (&g, step) in groups.iter().zip(&step) {
                next[g] = (next[g] + shorter * step).clamp(-BOUND, BOUND);
            }
            at(next).filter(|next| next.2 > *value)
        });
        let Some(next) = next else {
            break;
        };
        let enough = next.2 <= *value + GAIN;
        best = next;
        if enough {
            break;
        }
    }
    Some(best)
}
