//! Gradients of the head by finite differences.

use ndarray::{Array1, Array3, Axis};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Cam, Subject};
use crate::error::Result;
use crate::white_box::model::{Calls, WhiteBoxModel};

/// Keeps a denominator of Grad-CAM++ from being 0.
const GUARD: f64 = 1e-6;

/// Random changes that leave the channels' means alone.
const PROBES: usize = 8;

impl Cam {
    /// `1/(h w) sum_ij dS/dA_kij` for each channel k (Grad-CAM, Eq. 1).
    pub(super) fn mean_gradient<M: WhiteBoxModel + ?Sized>(
        &self,
        calls: &mut Calls<'_, M>,
        subject: &Subject<'_>,
    ) -> Result<Array1<f64>> {
        if let Some(gradient) = calls.gradient(subject.features, subject.class)? {
            let pixels = subject.pixels() as f64;
            let mean = |plane: ndarray::ArrayView2<'_, f32>| {
                plane.iter().map(|&g| f64::from(g)).sum::<f64>() / pixels
            };
            return Ok(gradient.outer_iter().map(mean).collect());
        }
        let pixels = subject.pixels();
        let raise = |k: usize, by: f32, copy: &mut [f32]| {
            copy[k * pixels..(k + 1) * pixels]
                .iter_mut()
                .for_each(|v| *v += by);
        };
        let slopes = self.slopes(calls, subject, subject.channels(), raise)?;
        Ok(slopes.into_iter().map(|s| s / pixels as f64).collect())
    }

    /// `sum_ij alpha_kij ReLU(g_kij)` (Grad-CAM++, Eq. 5 and 19).
    pub(super) fn plus_plus<M: WhiteBoxModel + ?Sized>(
        &self,
        calls: &mut Calls<'_, M>,
        subject: &Subject<'_>,
    ) -> Result<Array1<f64>> {
        let gradient = self.gradient(calls, subject)?;
        let planes = gradient.outer_iter().zip(subject.features.outer_iter());
        let weight = |(gradient, activations): (
            ndarray::ArrayView2<'_, f64>,
            ndarray::ArrayView2<'_, f32>,
        )| {
            let sum: f64 = activations.iter().map(|&a| f64::from(a)).sum();
            let term = |&g: &f64| {
                let square = g * g;
                g.max(0.0) * square / (2.0 * square + square * g * sum + GUARD)
            };
            gradient.iter().map(term).sum()
        };
        Ok(planes.map(weight).collect())
    }

    /// dS/dA, `[K, h, w]`.
    fn gradient<M: WhiteBoxModel + ?Sized>(
        &self,
        calls: &mut Calls<'_, M>,
        subject: &Subject<'_>,
    ) -> Result<Array3<f64>> {
        if let Some(gradient) = calls.gradient(subject.features, subject.class)? {
            return Ok(gradient.mapv(f64::from));
        }
        let mut gradient = Array3::zeros(subject.features.dim());
        if self.sees_means_only(calls, subject)? {
            let means = self.mean_gradient(calls, subject)?;
            for (mut plane, mean) in gradient.axis_iter_mut(Axis(0)).zip(means) {
                plane.fill(mean);
            }
            return Ok(gradient);
        }
        let raise = |i: usize, by: f32, copy: &mut [f32]| copy[i] += by;
        let slopes = self.slopes(calls, subject, gradient.len(), raise)?;
        gradient.iter_mut().zip(slopes).for_each(|(g, s)| *g = s);
        Ok(gradient)
    }

    /// Whether changes with a mean of 0 in every channel leave the score alone.
    fn sees_means_only<M: WhiteBoxModel + ?Sized>(
        &self,
        calls: &mut Calls<'_, M>,
        subject: &Subject<'_>,
    ) -> Result<bool> {
        let pixels = subject.pixels();
        if pixels == 1 {
            return Ok(true);
        }
        let raise = |probe: usize, by: f32, copy: &mut [f32]| {
            let mut rng = ChaCha8Rng::seed_from_u64(probe as u64);
            for plane in copy.chunks_exact_mut(pixels) {
                let signs: Vec<f32> = plane
                    .iter()
                    .map(|_| 2.0 * rng.random::<f32>() - 1.0)
                    .collect();
                let mean = signs.iter().sum::<f32>() / pixels as f32;
                plane
                    .iter_mut()
                    .zip(signs)
                    .for_each(|(v, s)| *v += by * (s - mean));
            }
        };
        // A change of all channels at once is compared with what rounding does to the score.
        let slopes = self.slopes(calls, subject, PROBES, raise)?;
        let rounding =
            16.0 * f64::from(f32::EPSILON) * subject.score.abs().max(1e-6) / self.length(subject);
        Ok(slopes.iter().all(|s| s.abs() <= rounding))
    }

    /// The central difference of the score for each of `count` changes: `change(i, t, copy)` adds t times change i.
    fn slopes<M: WhiteBoxModel + ?Sized>(
        &self,
        calls: &mut Calls<'_, M>,
        subject: &Subject<'_>,
        count: usize,
        change: impl Fn(usize, f32, &mut [f32]),
    ) -> Result<Vec<f64>> {
        let t = self.length(subject) as f32;
        let alter = |i: usize, copy: &mut [f32]| {
            let by = if i % 2 == 0 { t } else { -t };
            change(i / 2, by, copy);
        };
        let scores = calls.altered(subject.features, subject.class, 2 * count, alter)?;
        let pairs = scores.chunks_exact(2);
        Ok(pairs
            .map(|pair| (pair[0] - pair[1]) / (2.0 * f64::from(t)))
            .collect())
    }

    /// The step in units of the activations.
    fn length(&self, subject: &Subject<'_>) -> f64 {
        let largest = subject.features.iter().fold(0.0f32, |m, a| m.max(a.abs()));
        // A layer that is as good as silent has no unit of its own.
        let scale = if largest > 1e-30 {
            f64::from(largest)
        } else {
            1.0
        };
        self.step * scale
    }
}
