//! The average of a few regressions.

use ndarray::{Array1, Axis};

use super::design::Scores;
use super::prior::Candidate;

/// Regressions of the same values under several priors, each with a weight. What the weights leave
/// of 1 is the weight of no effect at all.
pub(super) struct Mixture<'a> {
    members: Vec<Member<'a>>,
    /// From the values to the scores.
    factor: f64,
}

struct Member<'a> {
    weight: f64,
    candidate: Candidate<'a>,
    /// Of the candidate, for the values.
    coefficients: Array1<f64>,
}

impl<'a> Mixture<'a> {
    /// Candidates in order of their likelihoods, weighted by them.
    pub fn new(candidates: Vec<Candidate<'a>>, factor: f64) -> Self {
        let weights = weights(candidates.iter().map(Candidate::evidence).collect());
        let members = candidates.into_iter().zip(weights);
        let members = members.map(|(candidate, weight)| Member {
            weight,
            coefficients: candidate.coefficients(),
            candidate,
        });
        Mixture {
            members: members.collect(),
            factor,
        }
    }

    /// One candidate, against no effect at all.
    pub fn or_nothing(candidate: Candidate<'a>) -> Self {
        let nothing = candidate.moments.nothing();
        let likelier = (candidate.evidence() - nothing).exp();
        let mut out = Mixture::new(vec![candidate], 1.0);
        for member in &mut out.members {
            member.weight = if likelier.is_nan() {
                0.0
            } else {
                1.0 / (1.0 + 1.0 / likelier)
            };
        }
        out
    }

    /// The likeliest of the candidates.
    pub fn first(&self) -> Option<&Candidate<'a>> {
        self.members.first().map(|member| &member.candidate)
    }

    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// Adds the map `[J, H, W]`, in units of the score.
    pub fn add_map(&self, out: &mut [f64]) {
        for member in &self.members {
            let map = member.candidate.design.map(&member.coefficients);
            let weight = self.factor * member.weight;
            out.iter_mut().zip(map).for_each(|(o, v)| *o += weight * v);
        }
    }

    /// Adds the variance of every value of the map, and `share` of its square.
    pub fn add_variance(&self, share: f64, out: &mut [f64]) {
        let mut mean = vec![0.0; out.len()];
        self.add_map(&mut mean);
        let nothing = 1.0 - self.members.iter().map(|m| m.weight).sum::<f64>();
        for (o, mean) in out.iter_mut().zip(&mean) {
            *o += (share + nothing) * mean * mean;
        }
        for member in &self.members {
            let Candidate {
                design,
                moments,
                fit: Some(fit),
                ..
            } = &member.candidate
            else {
                continue;
            };
            let map = design.map(&member.coefficients);
            let variances = (0..design.planes()).flat_map(|plane| {
                let covariance = moments.covariance(fit, design.lift(plane));
                design.variance(&covariance)
            });
            let square = self.factor * self.factor;
            for (((o, v), m), mean) in out.iter_mut().zip(variances).zip(map).zip(&mean) {
                *o += member.weight * (square * v + (self.factor * m - mean).powi(2));
            }
        }
    }

    /// A functional `[J, H, W]` of the map, and its variance.
    pub fn functional(&self, weights: &[f64]) -> (f64, f64) {
        let (mut mean, mut square) = (0.0, 0.0);
        for member in &self.members {
            let candidate = &member.candidate;
            let functional = candidate.design.functional(weights);
            let value = self.factor * functional.dot(&member.coefficients);
            let variance = candidate.fit.as_ref().map_or(0.0, |fit| {
                let column = functional.insert_axis(Axis(1));
                candidate.moments.covariance(fit, column)[[0, 0]].max(0.0)
            });
            mean += member.weight * value;
            square += member.weight * (self.factor.powi(2) * variance + value * value);
        }
        (mean, (square - mean * mean).max(0.0))
    }

    /// Adds what the masks of some blocks are expected to score above the mean.
    pub fn add_effects(&self, blocks: &[Scores<'_>], out: &mut Array1<f64>) {
        for member in &self.members {
            let candidate = &member.candidate;
            let rows = candidate.design.rows(blocks);
            let effects = candidate.moments.effects(&member.coefficients, &rows);
            out.scaled_add(self.factor * member.weight, &effects);
        }
    }
}

/// The shares of likelihoods, given as logarithms with the largest first; equal where nothing could
/// be fitted.
fn weights(mut logarithms: Vec<f64>) -> Vec<f64> {
    let top = logarithms.first().copied().unwrap_or_default();
    for value in &mut logarithms {
        *value = match top.is_finite() {
            true => (*value - top).exp(),
            false => 1.0,
        };
    }
    let total: f64 = logarithms.iter().sum();
    logarithms.iter().map(|weight| weight / total).collect()
}

#[cfg(test)]
mod tests {
    use super::weights;

    #[test]
    fn weights_are_shares_of_likelihoods() {
        let ln = |values: &[f64]| values.iter().map(|v| v.ln() - 4321.0).collect();
        let shares = weights(ln(&[6.0, 3.0, 1.0, 0.0]));
        for (share, expected) in shares.iter().zip([0.6, 0.3, 0.1, 0.0]) {
            assert!((share - expected).abs() < 1e-10, "{shares:?}");
        }
        assert_eq!(weights(vec![f64::NEG_INFINITY; 2]), [0.5, 0.5]);
    }
}
