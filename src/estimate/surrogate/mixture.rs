//! The average of a few regressions.

use ndarray::{Array1, Array2, Axis};
use rayon::prelude::*;

use super::design::Scores;
use super::search::Candidate;

/// Regressions of the same values under several priors, each with a weight. What the weights leave
/// of 1 is the weight of no effect at all.
pub(super) struct Mixture<'a> {
    /// Never empty; the likeliest first.
    members: Vec<Member<'a>>,
    /// From the values to the scores.
    pub factor: f64,
}

struct Member<'a> {
    weight: f64,
    candidate: Candidate<'a>,
    /// Of the candidate, for the values.
    coefficients: Array1<f64>,
}

impl<'a> Member<'a> {
    fn new(candidate: Candidate<'a>, weight: f64) -> Self {
        Member {
            weight,
            coefficients: candidate.coefficients(),
            candidate,
        }
    }
}

impl<'a> Mixture<'a> {
    /// Candidates in order of their likelihoods, weighted by them; at least one.
    pub fn new(candidates: Vec<Candidate<'a>>) -> Self {
        let weights = weights(candidates.iter().map(Candidate::evidence).collect());
        let members = candidates.into_iter().zip(weights);
        Mixture {
            members: members.map(|(c, weight)| Member::new(c, weight)).collect(),
            factor: 1.0,
        }
    }

    /// One candidate, against no effect at all.
    pub fn or_nothing(candidate: Candidate<'a>) -> Self {
        let weights = weights(vec![candidate.evidence(), candidate.moments.nothing()]);
        Mixture {
            members: vec![Member::new(candidate, weights[0])],
            factor: 1.0,
        }
    }

    /// Mixes the planes of its map: [`Design::mix`](super::design::Design::mix).
    pub fn mix(&mut self, mixing: &Array2<f64>) {
        let members = self.members.iter_mut();
        members.for_each(|member| member.candidate.design.mix(mixing));
    }

    /// The likeliest of the candidates.
    pub fn first(&self) -> &Candidate<'a> {
        &self.members[0].candidate
    }

    /// Predictions of the values under the likeliest prior, each without the value itself; `blocks`
    /// and `values` are those of the regression. `None` where there was nothing to fit.
    pub fn leave_one_out(&self, blocks: &[Scores<'_>], values: &[f64]) -> Option<Vec<f64>> {
        let Member {
            candidate,
            coefficients,
            ..
        } = &self.members[0];
        let fit = candidate.fit.as_ref()?;
        let mut out = Vec::with_capacity(values.len());
        for rows in candidate.design.parts(blocks) {
            let own = out.len()..out.len() + rows.dim().0;
            let moments = &candidate.moments;
            out.extend(moments.leave_one_out(fit, coefficients, &rows, own.start, &values[own]));
        }
        Some(out)
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
        let variances = self.members.par_iter().map(|member| {
            let Candidate {
                design,
                moments,
                fit,
                ..
            } = &member.candidate;
            let fit = fit.as_ref()?;
            let variance = |plane| {
                let covariance = moments.field_covariance(fit, design.lift(plane));
                design.variance(&covariance)
            };
            Some((0..design.planes()).flat_map(variance).collect::<Vec<_>>())
        });
        let variances: Vec<_> = variances.collect();
        for (member, variances) in self.members.iter().zip(variances) {
            let Some(variances) = variances else {
                continue;
            };
            let map = member.candidate.design.map(&member.coefficients);
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

/// The shares of likelihoods, given as logarithms; equal where nothing could be fitted.
fn weights(mut logarithms: Vec<f64>) -> Vec<f64> {
    let top = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for value in &mut logarithms {
        *value = match top.is_finite() {
            // Not a number: a likelihood that could not be computed.
            true => (*value - top).exp().max(0.0),
            false => 1.0,
        };
    }
    let total: f64 = logarithms.iter().sum();
    logarithms.iter().map(|weight| weight / total).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, ArrayView4};

    use super::*;
    use crate::{Explainer, FnModel, Ledger, Plan, Surrogate, Target};

    #[test]
    fn weights_are_shares_of_likelihoods() {
        let ln = |values: &[f64]| values.iter().map(|v| v.ln() - 4321.0).collect();
        let shares = weights(ln(&[6.0, 3.0, 1.0, 0.0]));
        for (share, expected) in shares.iter().zip([0.6, 0.3, 0.1, 0.0]) {
            assert!((share - expected).abs() < 1e-10, "{shares:?}");
        }
        assert_eq!(weights(vec![f64::NEG_INFINITY; 2]), [0.5, 0.5]);
        assert_eq!(weights(vec![-7.0, f64::INFINITY]), [0.5, 0.5]);
        assert_eq!(weights(vec![f64::NEG_INFINITY, -7.0]), [0.0, 1.0]);
        assert_eq!(weights(vec![-7.0, f64::NAN]), [1.0, 0.0]);
    }

    /// Scores of masks: `shape` of a little of the first channel and much normal noise of a hash.
    fn noisy(shape: impl Fn(f64) -> f64) -> (Plan, Ledger) {
        let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
            let score = |(n, _)| {
                let pixels = batch.index_axis(Axis(0), n);
                let sum: f32 = pixels.index_axis(Axis(0), 0).sum();
                let bytes = pixels.iter().flat_map(|v| v.to_bits().to_le_bytes());
                let hash = crate::masks::plan::fingerprint(bytes);
                // Irwin and Hall: four uniform numbers.
                let parts = (0..4).map(|i| (hash >> (16 * i) & 0xffff) as f64 / 65_536.0 - 0.5);
                shape(parts.sum::<f64>() * 3f64.sqrt() + f64::from(sum) / 64.0) as f32
            };
            Array2::from_shape_fn((batch.dim().0, 1), score)
        });
        let explainer = Explainer::builder().grid(4, 4).masks(200).build().unwrap();
        let image = Array3::<f32>::ones((2, 16, 16));
        let ledger = explainer.run(&model, &image, Target::Top).score();
        (explainer.plan([2, 16, 16]).unwrap(), ledger.unwrap())
    }

    #[test]
    fn the_scale_is_the_likelier_one_and_what_it_leaves_counts_as_it_is_likely() {
        for (shape, bent) in [
            ((|x| x) as fn(f64) -> f64, false),
            (|x| 100.0 + 9.0 * x, false),
            (f64::exp, true),
            (|x| (2.0 * x).exp(), true),
            (|x| -x.exp(), true),
        ] {
            let (plan, ledger) = noisy(shape);
            let fit = Surrogate::fit(&plan, &ledger, 0).unwrap();
            assert_eq!(fit.left.is_some(), bent, "{}", shape(1.0));
            let Some(left) = &fit.left else {
                assert_eq!(fit.uncertainty, 0.0);
                continue;
            };
            let Member {
                candidate, weight, ..
            } = &left.members[0];
            let odds = (candidate.evidence() - candidate.moments.nothing()).exp();
            assert!((weight / (1.0 - weight) / odds - 1.0).abs() < 1e-9);
            assert!((0.01..0.99).contains(weight), "{weight}");
            // The factor's error is in every deviation.
            let mut scaled = fit.empty();
            fit.scaled.add_map(&mut scaled);
            assert!(fit.uncertainty > 0.0);
            for (deviation, scaled) in fit.standard_deviation().iter().zip(&scaled) {
                let least = fit.uncertainty.sqrt() * scaled.abs();
                assert!(f64::from(*deviation) > least, "{deviation} {least}");
            }
        }
    }
}
