//! The regression of values under a prior, and its map.

use ndarray::{Array1, Axis};

use super::design::{Design, Parts, Scores};
use super::fit::{Fit, Moments};
use super::likelihood::climb;
use super::many::OfFeatures;
use super::prior::{GROUPS, Ratios};
use super::products::Rows;
use super::scale::Curve;

/// Steps of Newton's method on all masks.
const STEPS: usize = 2;

pub(super) struct Regression<'a> {
    pub design: Design<'a>,
    pub moments: Moments,
    pub fit: Option<Fit>,
    pub coefficients: Array1<f64>,
}

impl<'a> Regression<'a> {
    pub fn new(design: Design<'a>, moments: Moments) -> Self {
        let fit = moments.fit();
        let coefficients = match &fit {
            Some(fit) => moments.coefficients(fit),
            None => Array1::zeros(design.features()),
        };
        Regression {
            design,
            moments,
            fit,
            coefficients,
        }
    }

    /// The regression with the groups' variances multiplied as is likeliest, from `start` on, under a belief in the
    /// logarithms; with the logarithms.
    pub fn tuned(
        mut design: Design<'a>,
        moments: Moments,
        start: Ratios,
        belief: impl Fn(usize, f64) -> [f64; 3],
    ) -> (Self, Ratios) {
        let groups = design.groups();
        let none = f64::NEG_INFINITY;
        let best = match (moments.of_kernels(), OfFeatures::new(&moments, &groups)) {
            (Some(few), _) => climb(&few, start, belief, STEPS, none).map(|best| best.0),
            (_, Some(many)) => climb(&many, start, belief, STEPS, none).map(|best| best.0),
            _ => None,
        };
        let Some(ratios) = best else {
            return (Regression::new(design, moments), start);
        };
        design.multiply(&ratios);
        let moments = moments.scaled(&groups, &ratios);
        (Regression::new(design, moments), ratios)
    }

    /// The logarithm of the odds of the regression against no effect at all.
    pub fn odds(&self) -> f64 {
        let fit = self.fit.as_ref();
        fit.map_or(f64::NEG_INFINITY, |fit| {
            fit.evidence - self.moments.nothing()
        })
    }

    /// Predictions of the values of all masks, each without the value itself. `None` where there was nothing
    /// to fit.
    pub fn leave_one_out(&self, parts: &Parts<'_, '_>, values: &[f64]) -> Option<Vec<f64>> {
        let fit = self.fit.as_ref()?;
        let mut predicted = Vec::with_capacity(values.len());
        parts.each(|_, rows| predicted.extend(self.moments.effects(&self.coefficients, rows)));
        Some(self.moments.leave_one_out(fit, predicted, values))
    }

    /// The map `[J, H, W]`.
    pub fn map(&self, curve: Option<Curve>) -> Vec<f64> {
        let curved = curve.and_then(|curve| self.design.curved_map(&self.coefficients, curve));
        curved.unwrap_or_else(|| {
            let mut map = self.design.map(&self.coefficients);
            let slope = curve.map_or(1.0, |curve| curve.slope());
            map.iter_mut().for_each(|v| *v *= slope);
            map
        })
    }

    /// The variance of every value of the map; under a curve that of its tangent.
    pub fn variance(&self, curve: Option<Curve>) -> Vec<f64> {
        let Some(fit) = &self.fit else {
            let [_, height, width] = self.design.plan().shape();
            return vec![0.0; self.design.plan().planes() * height * width];
        };
        let square = curve.map_or(1.0, |curve| curve.slope().powi(2));
        let plane = |plane| {
            let covariance = self.moments.field_covariance(fit, self.design.lift(plane));
            self.design.variance(&(covariance * square))
        };
        (0..self.design.plan().planes()).flat_map(plane).collect()
    }

    /// The variance of a functional `[J, H, W]` of the map.
    pub fn variance_of(&self, weights: &[f64], curve: Option<Curve>) -> f64 {
        let Some(fit) = &self.fit else {
            return 0.0;
        };
        let column = self.design.functional(weights).insert_axis(Axis(1));
        let square = curve.map_or(1.0, |curve| curve.slope().powi(2));
        square * self.moments.covariance(fit, column)[[0, 0]].max(0.0)
    }

    /// What the masks of some blocks add to the mean value.
    pub fn effects(&self, blocks: &[Scores<'_>]) -> Array1<f64> {
        let rows = self.design.rows(blocks);
        self.moments.effects(&self.coefficients, &rows)
    }
}

/// No belief in any ratio.
pub(super) fn indifferent(_: usize, _: f64) -> [f64; 3] {
    [0.0; 3]
}

/// The same ratio for all groups.
pub(super) fn all_at(ratio: f64) -> Ratios {
    [ratio; GROUPS]
}
