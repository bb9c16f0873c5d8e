//! Ridge regression with independent standard coefficients, and its marginal likelihood.

use std::sync::Arc;

use ndarray::{Array1, Array2, Axis, Slice};

use super::few::OfKernels;
use super::prior::Ratios;
use super::products::{Gram, Products, Rows, TUNED, factors};
use crate::estimate::linalg::Cholesky;

/// What a regression of centred scores on centred rows needs.
pub(super) struct Moments {
    pub products: Arc<Products>,
    /// y where X is kept, else Xᵀ y.
    side: Array1<f64>,
    /// The sum of squares of the centred scores.
    squares: f64,
    /// The mean score.
    mean: f64,
}

/// A regression with coefficients of the noise's variance.
pub(super) struct Fit {
    pub factor: Cholesky,
    /// The inverse of what `factor` is of, times the side.
    pub solved: Array1<f64>,
    /// Restricted log-likelihood, up to a constant.
    pub evidence: f64,
    /// The noise's variance.
    pub noise: f64,
}

impl Fit {
    /// What the masks leave of a prior covariance Vᵀ V, from X V.
    fn left(&self, lifted: Array2<f64>, prior: Array2<f64>) -> Array2<f64> {
        let half = self.factor.half_solve(lifted);
        (prior - half.t().dot(&half)) * self.noise
    }
}

impl Moments {
    pub fn new(parts: &impl Rows, scores: &[f64]) -> Self {
        let (mean, centred) = centred(scores);
        let (products, side) = Products::new(parts, &centred);
        Moments {
            products: Arc::new(products),
            side,
            squares: centred.dot(&centred),
            mean,
        }
    }

    /// The moments of other scores of the same masks.
    pub fn of_other(&self, parts: &impl Rows, scores: &[f64]) -> Self {
        let (mean, centred) = centred(scores);
        Moments {
            products: self.products.clone(),
            side: self.products.side(parts, &centred),
            squares: centred.dot(&centred),
            mean,
        }
    }

    /// The scores above their mean of the masks that have kernels, where they have.
    pub fn of_kernels(&self) -> Option<OfKernels<'_>> {
        let Gram::Masks(_, kernels) = &self.products.gram else {
            return None;
        };
        let few = Slice::from(..self.side.len().min(TUNED));
        Some(OfKernels {
            kernels: kernels.clone(),
            values: self.side.slice_axis(Axis(0), few),
        })
    }

    /// The moments of columns whose variances are multiplied, those of each group by its own factor.
    pub fn scaled(&self, groups: &[usize], ratios: &Ratios) -> Self {
        let side = match self.products.gram {
            Gram::Features(_) => &self.side * &factors(groups, ratios),
            Gram::Masks(..) => self.side.clone(),
        };
        Moments {
            products: Arc::new(self.products.scaled(groups, ratios)),
            side,
            squares: self.squares,
            mean: self.mean,
        }
    }

    /// The regression; `None` if there is nothing to fit, or it cannot be computed (an overflow).
    pub fn fit(&self) -> Option<Fit> {
        if self.squares <= 0.0 {
            return None;
        }
        let mut matrix = self.products.matrix();
        matrix.diag_mut().mapv_inplace(|v| v + 1.0);
        let factor = Cholesky::new(matrix)?;
        let solved = factor.solve(&self.side);
        let explained = self.side.dot(&solved);
        let left = match self.products.gram {
            Gram::Features(_) => self.squares - explained,
            Gram::Masks(..) => explained,
        };
        let degrees = self.products.masks - 1.0;
        let noise = left.max(1e-12 * self.squares) / degrees;
        let evidence = -0.5 * (degrees * noise.ln() + factor.log_determinant());
        evidence.is_finite().then_some(Fit {
            factor,
            solved,
            evidence,
            noise,
        })
    }

    /// The posterior mean of the coefficients.
    pub fn coefficients(&self, fit: &Fit) -> Array1<f64> {
        match &self.products.gram {
            Gram::Features(_) => fit.solved.clone(),
            Gram::Masks(x, _) => x.t().dot(&fit.solved),
        }
    }

    /// Vᵀ C V for the posterior covariance C of the coefficients and columns V.
    pub fn covariance(&self, fit: &Fit, v: Array2<f64>) -> Array2<f64> {
        match &self.products.gram {
            Gram::Features(_) => {
                let half = fit.factor.half_solve(v);
                half.t().dot(&half) * fit.noise
            }
            Gram::Masks(x, _) => fit.left(x.dot(&v), v.t().dot(&v)),
        }
    }

    /// The same of a field of `count` coefficients, to which each of these counts as `lift` says.
    pub fn field_covariance(
        &self,
        fit: &Fit,
        (count, lift): (usize, Vec<(usize, f64)>),
    ) -> Array2<f64> {
        match &self.products.gram {
            Gram::Features(_) => {
                let mut v = Array2::zeros((lift.len(), count));
                for (mut row, (pair, weight)) in v.outer_iter_mut().zip(lift) {
                    row[pair] = weight;
                }
                self.covariance(fit, v)
            }
            // Without the zeros of V.
            Gram::Masks(x, _) => {
                let mut lifted = Array2::zeros((count, x.dim().0));
                let mut prior = Array2::zeros((count, count));
                for (column, (pair, weight)) in x.axis_iter(Axis(1)).zip(lift) {
                    lifted.row_mut(pair).scaled_add(weight, &column);
                    prior[[pair, pair]] += weight * weight;
                }
                fit.left(lifted.reversed_axes(), prior)
            }
        }
    }

    /// Predictions of all scores, each as if its own had not been among them, from what the fit `predicted` above the mean:
    /// with A = I + X Xᵀ of the centred rows, score i less its prediction is
    /// `(A⁻¹ y)_i / ((A⁻¹)_ii - 1 / n)` (a flat prior of the mean takes the 1 / n). Where masks are more than features,
    /// the mean of the diagonal stands for each of it (generalised cross-validation).
    pub fn leave_one_out(&self, fit: &Fit, predicted: Vec<f64>, scores: &[f64]) -> Vec<f64> {
        let n = self.products.masks;
        let diagonal = match &self.products.gram {
            Gram::Features(_) => {
                let free: f64 = fit.factor.inverse_diagonal().iter().map(|v| 1.0 - v).sum();
                vec![1.0 - free / n; scores.len()]
            }
            Gram::Masks(..) => fit.factor.inverse_diagonal().to_vec(),
        };
        let parts = scores.iter().zip(predicted).zip(diagonal);
        parts
            .map(|((y, own), d)| y - (y - self.mean - own) / (d - 1.0 / n))
            .collect()
    }

    /// What rows add to the mean score.
    pub fn effects(&self, coefficients: &Array1<f64>, rows: &Array2<f64>) -> Array1<f64> {
        rows.dot(coefficients) - self.products.row_mean.dot(coefficients)
    }

    /// The restricted log-likelihood of no effect at all, up to the constant of [`Fit::evidence`].
    pub fn nothing(&self) -> f64 {
        let degrees = self.products.masks - 1.0;
        -0.5 * degrees * (self.squares / degrees).ln()
    }
}

/// The mean of scores, and what each is above it.
pub(super) fn centred(scores: &[f64]) -> (f64, Array1<f64>) {
    let mean = scores.iter().sum::<f64>() / scores.len() as f64;
    (mean, scores.iter().map(|f| f - mean).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Rows for Array2<f64> {
        fn dim(&self) -> (usize, usize) {
            (self.nrows(), self.ncols())
        }

        fn groups(&self) -> Vec<usize> {
            (0..self.ncols()).map(|j| 3 * j / self.ncols()).collect()
        }

        /// In two parts.
        fn each(&self, mut of: impl FnMut(Slice, &Array2<f64>)) {
            let half = self.nrows() / 2;
            for part in [0..half, half..self.nrows()] {
                let own = Slice::from(part);
                of(own, &self.slice_axis(Axis(0), own).to_owned());
            }
        }
    }

    /// More masks than features and fewer: the covariance of a field is that of the columns that make it.
    #[test]
    fn a_field_is_a_sum_of_features() {
        let lift = ndarray::arr1(&[0.5, -2.0, 1.5]);
        for (masks, kept) in [(20, 2), (5, 4)] {
            let rows = Array2::from_shape_fn((masks, 3 * kept), |(i, j)| value(i, j));
            let scores: Vec<f64> = (0..masks).map(|i| value(i, 7)).collect();
            let moments = Moments::new(&rows, &scores);
            let fit = moments.fit().unwrap();
            let columns = Array2::from_shape_fn((3 * kept, kept), |(f, i)| {
                if f % kept == i { lift[f / kept] } else { 0.0 }
            });
            let expected = moments.covariance(&fit, columns);
            let each = (0..3 * kept).map(|f| (f % kept, lift[f / kept])).collect();
            let found = moments.field_covariance(&fit, (kept, each));
            assert!(
                (&found - &expected).iter().all(|d| d.abs() < 1e-12),
                "{masks}"
            );
            assert!(found.diag().iter().all(|&v| v > 0.0));
        }
    }

    /// More masks than features, fewer, and more than have kernels.
    #[test]
    fn scaled_moments_are_those_of_scaled_columns() {
        for (masks, features) in [(20, 6), (5, 12), (TUNED + 8, TUNED + 12)] {
            let rows = Array2::from_shape_fn((masks, features), |(i, j)| value(i, j) + 0.3);
            let scores: Vec<f64> = (0..masks).map(|i| value(i, 7)).collect();
            let (groups, ratios) = (rows.groups(), [0.5, -1.0, 0.2, 0.0]);
            let found = Moments::new(&rows, &scores).scaled(&groups, &ratios);
            let expected = Moments::new(&(&rows * &factors(&groups, &ratios)), &scores);
            let (found, expected) = (found.fit().unwrap(), expected.fit().unwrap());
            assert!((found.evidence / expected.evidence - 1.0).abs() < 1e-9);
            let solved = found.solved.iter().zip(&expected.solved);
            assert!(solved.into_iter().all(|(a, b)| (a - b).abs() < 1e-9));
        }
    }

    fn value(i: usize, j: usize) -> f64 {
        ((3 * i + 5 * j * j + i * j) as f64).sin()
    }

    /// Fewer masks than features: predictions are those of a fit without the mask. More: their mean square is nearly.
    #[test]
    fn leaving_one_out_is_fitting_without_it() {
        for (masks, features) in [(6, 9), (60, 4)] {
            let rows = Array2::from_shape_fn((masks, features), |(i, j)| value(i, j) + 0.3);
            let scores: Vec<f64> = (0..masks).map(|i| value(i, 7)).collect();
            let moments = Moments::new(&rows, &scores);
            let fit = moments.fit().unwrap();
            let predicted = moments.effects(&moments.coefficients(&fit), &rows);
            let found = moments.leave_one_out(&fit, predicted.to_vec(), &scores);
            let expected = (0..masks).map(|i| {
                let others: Vec<usize> = (0..masks).filter(|&k| k != i).collect();
                let left: Vec<f64> = others.iter().map(|&k| scores[k]).collect();
                let moments = Moments::new(&rows.select(Axis(0), &others), &left);
                let fit = moments.fit().unwrap();
                let own = rows.select(Axis(0), &[i]);
                let effects = moments.effects(&moments.coefficients(&fit), &own);
                effects[0] + left.iter().sum::<f64>() / left.len() as f64
            });
            let expected: Vec<f64> = expected.collect();
            if masks < features {
                for (found, expected) in found.iter().zip(&expected) {
                    assert!((found - expected).abs() < 1e-10);
                }
            }
            let error = |predicted: &[f64]| {
                let left = predicted.iter().zip(&scores);
                left.map(|(p, y)| (p - y).powi(2)).sum::<f64>()
            };
            let ratio = error(&found) / error(&expected);
            assert!((ratio - 1.0).abs() < 0.02, "{masks}: {ratio}");
        }
    }
}
