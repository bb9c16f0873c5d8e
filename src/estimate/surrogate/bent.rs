//! From a scale that is not straight to the scores.

use super::regression::Regression;
use super::scale::{Curve, mean};

/// The scores as an exponential of the values, and what that leaves of them.
pub(super) struct Bent<'a> {
    pub curve: Curve,
    /// The mean of the masks' exponentials.
    mean: f64,
    /// The squared relative standard error of the level.
    pub uncertainty: f64,
    /// Of what the exponential leaves of the scores.
    pub left: Regression<'a>,
    /// Of the second field against none.
    pub weight: f64,
}

impl<'a> Bent<'a> {
    /// From predictions of the values, each made without the one that it predicts.
    pub fn new(
        curve: Curve,
        predictions: &[f64],
        scores: &[f64],
        left: impl FnOnce(&[f64]) -> Regression<'a>,
    ) -> Self {
        let centre = mean(scores);
        let exponentials = predictions.iter().map(|p| curve.exponential(p - centre));
        let exponentials: Vec<f64> = exponentials.collect();
        let mean = mean(&exponentials);
        let residual = |(f, e): (&f64, &f64)| f - centre - curve.level * (e / mean - 1.0);
        let residuals: Vec<f64> = scores.iter().zip(&exponentials).map(residual).collect();
        let left = left(&residuals);
        let squares = scores.iter().map(|f| (f - centre).powi(2)).sum::<f64>();
        Bent {
            curve,
            mean,
            uncertainty: squares / (scores.len() as f64 * curve.level).powi(2),
            weight: 1.0 / (1.0 + (-left.odds()).exp()),
            left,
        }
    }

    /// What an effect on the values is above the mean score, without the second field.
    pub fn score(&self, effect: f64) -> f64 {
        self.curve.level * (self.curve.exponential(effect) / self.mean - 1.0)
    }

    /// Adds the second field.
    pub fn add_map(&self, out: &mut [f64]) {
        let left = self.left.map(None);
        let values = out.iter_mut().zip(left);
        values.for_each(|(out, left)| *out += self.weight * left);
    }

    /// What the level and the second field, with the value `left` and its variance, add to the variance of a value.
    pub fn more_variance(&self, value: f64, left: f64, variance: f64) -> f64 {
        let second = variance + (1.0 - self.weight) * left * left;
        self.uncertainty * value * value + self.weight * second
    }

    /// The same for every value of a map.
    pub fn add_variance(&self, map: &[f64], out: &mut [f64]) {
        let second = self
            .left
            .map(None)
            .into_iter()
            .zip(self.left.variance(None));
        for ((out, value), (left, variance)) in out.iter_mut().zip(map).zip(second) {
            *out += self.more_variance(*value, left, variance);
        }
    }
}
