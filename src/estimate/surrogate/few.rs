//! The likelihood of few masks, by kernels: their covariance, one matrix a group.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView1};

use super::likelihood::Likelihood;
use super::prior::{GROUPS, Ratios};
use crate::estimate::linalg::Cholesky;

/// Of each group the covariance of some masks' values, both triangles; `None` for a group that has no features.
pub(super) type GroupKernels = [Option<Arc<Array2<f64>>>; GROUPS];

/// The restricted likelihood of centred values, as a function of what the groups' kernels are multiplied by.
pub(super) struct OfKernels<'v> {
    pub kernels: GroupKernels,
    pub values: ArrayView1<'v, f64>,
}

pub(super) struct AtKernels {
    value: f64,
    ratios: Ratios,
    factor: Cholesky,
    /// The inverse covariance, over the noise's variance, times the values.
    pub weights: Array1<f64>,
    noise: f64,
}

impl Likelihood for OfKernels<'_> {
    type Point = AtKernels;

    fn has(&self, group: usize) -> bool {
        self.kernels[group].is_some()
    }

    fn at(&self, ratios: &Ratios) -> Option<AtKernels> {
        let squares = self.values.dot(&self.values);
        if squares <= 0.0 {
            return None;
        }
        let mut matrix = Array2::eye(self.values.len());
        for (kernel, ratio) in self.kernels.iter().zip(ratios) {
            if let Some(kernel) = kernel {
                matrix.scaled_add(ratio.exp(), &**kernel);
            }
        }
        let factor = Cholesky::new(matrix)?;
        let weights = factor.solve(&self.values);
        let degrees = self.values.len() as f64 - 1.0;
        let noise = self.values.dot(&weights).max(1e-12 * squares) / degrees;
        Some(AtKernels {
            value: -0.5 * (degrees * noise.ln() + factor.log_determinant()),
            ratios: *ratios,
            factor,
            weights,
            noise,
        })
    }

    fn value(point: &AtKernels) -> f64 {
        point.value
    }

    fn slopes(&self, point: &AtKernels, groups: &[usize]) -> (Array1<f64>, Array2<f64>) {
        let degrees = self.values.len() as f64 - 1.0;
        let inverse = point.factor.inverse();
        let mut traces = Vec::with_capacity(groups.len());
        let mut effects = Vec::with_capacity(groups.len());
        for &group in groups {
            let Some(kernel) = &self.kernels[group] else {
                continue;
            };
            let ratio = point.ratios[group].exp();
            let rows = inverse.outer_iter().zip(kernel.outer_iter());
            traces.push(ratio * rows.map(|(a, k)| a.dot(&k)).sum::<f64>());
            effects.push(kernel.dot(&point.weights) * ratio);
        }
        let explained = effects.iter().map(|effect| effect.dot(&point.weights));
        let explained: Vec<f64> = explained.collect();
        let solved: Vec<_> = effects.iter().map(|e| point.factor.solve(e)).collect();
        let gradient = explained.iter().zip(&traces);
        let gradient = gradient.map(|(e, t)| 0.5 * (e / point.noise - t)).collect();
        let information = Array2::from_shape_fn((effects.len(), effects.len()), |(i, j)| {
            let both = effects[i].dot(&solved[j]) / point.noise;
            0.5 * (both - explained[i] * explained[j] / (point.noise.powi(2) * degrees))
        });
        (gradient, information)
    }
}
