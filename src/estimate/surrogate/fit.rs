//! Ridge regression with independent standard coefficients, and its marginal likelihood.

use ndarray::{Array1, Array2, ArrayView1, Axis};

use crate::estimate::linalg::{Cholesky, gram};

/// What a regression of centred scores on centred rows needs, in the smaller of the two dimensions.
pub(super) struct Moments {
    shape: Shape,
    /// The sum of squares of the centred scores.
    squares: f64,
    masks: f64,
    /// Mean row and mean score.
    row_mean: Array1<f64>,
    mean: f64,
}

enum Shape {
    /// Xᵀ X and Xᵀ y.
    Features(Array2<f64>, Array1<f64>),
    /// X, X Xᵀ and y.
    Masks(Array2<f64>, Array2<f64>, Array1<f64>),
}

/// A regression for one ratio of the coefficients' variance to the noise's.
pub(super) struct Fit {
    pub factor: Cholesky,
    /// Restricted log-likelihood, up to a constant.
    pub evidence: f64,
    /// The noise's variance.
    pub noise: f64,
    /// The ratio.
    pub ratio: f64,
}

impl Fit {
    /// What the masks leave of a prior covariance Vᵀ V, from X V.
    fn left(&self, lifted: Array2<f64>, prior: Array2<f64>) -> Array2<f64> {
        let half = self.factor.half_solve(lifted);
        (prior - half.t().dot(&half) * self.ratio) * (self.noise * self.ratio)
    }
}

impl Moments {
    pub fn new(mut rows: Array2<f64>, scores: &[f64]) -> Self {
        let (masks, features) = rows.dim();
        let n = masks as f64;
        let row_mean = rows.sum_axis(Axis(0)) / n;
        let mean = scores.iter().sum::<f64>() / n;
        let centred = Array1::from_iter(scores.iter().map(|f| f - mean));
        rows -= &row_mean;
        let squares = centred.dot(&centred);
        let shape = if features <= masks {
            Shape::Features(gram(rows.t()), rows.t().dot(&centred))
        } else {
            let kernel = gram(rows.view());
            Shape::Masks(rows, kernel, centred)
        };
        Moments {
            shape,
            squares,
            masks: n,
            row_mean,
            mean,
        }
    }

    /// The mean variance of a score under the prior, over the coefficients' variance.
    pub fn scale(&self) -> f64 {
        let (Shape::Features(m, _) | Shape::Masks(_, m, _)) = &self.shape;
        m.diag().sum() / self.masks
    }

    /// Whether all scores are the same.
    pub fn constant(&self) -> bool {
        self.squares <= 0.0
    }

    /// The regression for a ratio; `None` if it cannot be computed (an overflow).
    pub fn fit(&self, ratio: f64) -> Option<Fit> {
        let (Shape::Features(matrix, _) | Shape::Masks(_, matrix, _)) = &self.shape;
        let mut matrix = matrix * ratio;
        matrix.diag_mut().mapv_inplace(|v| v + 1.0);
        let factor = Cholesky::new(matrix)?;
        let left = match &self.shape {
            Shape::Features(_, b) => self.squares - ratio * b.dot(&factor.solve(b)),
            Shape::Masks(_, _, y) => y.dot(&factor.solve(y)),
        };
        let degrees = self.masks - 1.0;
        let noise = left.max(1e-12 * self.squares) / degrees;
        let evidence = -0.5 * (degrees * noise.ln() + factor.log_determinant());
        evidence.is_finite().then_some(Fit {
            factor,
            evidence,
            noise,
            ratio,
        })
    }

    /// The posterior mean of the coefficients.
    pub fn coefficients(&self, fit: &Fit) -> Array1<f64> {
        match &self.shape {
            Shape::Features(_, b) => fit.factor.solve(b) * fit.ratio,
            Shape::Masks(x, _, y) => x.t().dot(&fit.factor.solve(y)) * fit.ratio,
        }
    }

    /// Vᵀ C V for the posterior covariance C of the coefficients and columns V.
    pub fn covariance(&self, fit: &Fit, v: Array2<f64>) -> Array2<f64> {
        match &self.shape {
            Shape::Features(..) => {
                let half = fit.factor.half_solve(v);
                half.t().dot(&half) * (fit.noise * fit.ratio)
            }
            Shape::Masks(x, ..) => fit.left(x.dot(&v), v.t().dot(&v)),
        }
    }

    /// The same of `sum of lift_g w_g`, for coefficients that are one vector `w_g` after the other.
    pub fn field_covariance(&self, fit: &Fit, lift: ArrayView1<'_, f64>) -> Array2<f64> {
        match &self.shape {
            Shape::Features(matrix, _) => {
                let kept = matrix.dim().0 / lift.len();
                let mut v = Array2::zeros((matrix.dim().0, kept));
                for (mut part, &weight) in v.axis_chunks_iter_mut(Axis(0), kept).zip(lift) {
                    part.diag_mut().fill(weight);
                }
                self.covariance(fit, v)
            }
            // Without the zeros of V.
            Shape::Masks(x, ..) => {
                let kept = x.dim().1 / lift.len();
                let mut lifted = Array2::zeros((x.dim().0, kept));
                for (part, &weight) in x.axis_chunks_iter(Axis(1), kept).zip(lift) {
                    lifted.scaled_add(weight, &part);
                }
                fit.left(lifted, Array2::eye(kept) * lift.dot(&lift))
            }
        }
    }

    /// The predictions of the scores of `rows`, which are those from `first` on of the rows that were
    /// fitted (to `coefficients`), each as if its own had not been among them: with A = I + ratio X Xᵀ of the centred
    /// rows, score i less its prediction is `(A⁻¹ y)_i / ((A⁻¹)_ii - 1 / n)` (a flat prior of the
    /// mean takes the 1 / n).
    pub fn leave_one_out(
        &self,
        fit: &Fit,
        coefficients: &Array1<f64>,
        rows: &Array2<f64>,
        first: usize,
        scores: &[f64],
    ) -> Vec<f64> {
        let squares = |m: Array2<f64>| m.mapv_into(|v| v * v).sum_axis(Axis(0));
        let diagonal = match &self.shape {
            Shape::Features(..) => {
                let centred = rows - &self.row_mean;
                let half = fit.factor.half_solve(centred.t().to_owned());
                1.0 - squares(half) * fit.ratio
            }
            Shape::Masks(_, matrix, _) => {
                let unit = |(i, j)| if i == first + j { 1.0 } else { 0.0 };
                let shape = (matrix.dim().0, rows.dim().0);
                squares(fit.factor.half_solve(Array2::from_shape_fn(shape, unit)))
            }
        };
        let predicted = self.effects(coefficients, rows) + self.mean;
        let parts = scores.iter().zip(&predicted).zip(&diagonal);
        parts
            .map(|((y, own), d)| y - (y - own) / (d - 1.0 / self.masks))
            .collect()
    }

    /// What rows add to the mean score.
    pub fn effects(&self, coefficients: &Array1<f64>, rows: &Array2<f64>) -> Array1<f64> {
        rows.dot(coefficients) - self.row_mean.dot(coefficients)
    }

    /// The restricted log-likelihood of no effect at all, up to the constant of [`Fit::evidence`].
    pub fn nothing(&self) -> f64 {
        let degrees = self.masks - 1.0;
        -0.5 * degrees * (self.squares / degrees).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More masks than features and fewer: the covariance of a field is that of the columns that make it.
    #[test]
    fn a_field_is_a_sum_of_features() {
        let lift = ndarray::arr1(&[0.5, -2.0, 1.5]);
        for (masks, kept) in [(20, 2), (5, 4)] {
            let value = |i: usize, j: usize| ((3 * i + 5 * j * j + i * j) as f64).sin();
            let rows = Array2::from_shape_fn((masks, 3 * kept), |(i, j)| value(i, j));
            let scores: Vec<f64> = (0..masks).map(|i| value(i, 7)).collect();
            let moments = Moments::new(rows, &scores);
            let fit = moments.fit(0.7).unwrap();
            let columns = Array2::from_shape_fn((3 * kept, kept), |(f, i)| {
                if f % kept == i { lift[f / kept] } else { 0.0 }
            });
            let expected = moments.covariance(&fit, columns);
            let found = moments.field_covariance(&fit, lift.view());
            assert!(
                (&found - &expected).iter().all(|d| d.abs() < 1e-12),
                "{masks}"
            );
            assert!(found.diag().iter().all(|&v| v > 0.0));
        }
    }

    /// More masks than features and fewer: predictions are those of a fit without the mask.
    #[test]
    fn leaving_one_out_is_fitting_without_it() {
        for (masks, features) in [(12, 4), (6, 9)] {
            let value = |i: usize, j: usize| ((3 * i + 5 * j * j + i * j) as f64).sin();
            let rows = Array2::from_shape_fn((masks, features), |(i, j)| value(i, j) + 0.3);
            let scores: Vec<f64> = (0..masks).map(|i| value(i, 7)).collect();
            let moments = Moments::new(rows.clone(), &scores);
            let fit = moments.fit(0.7).unwrap();
            let coefficients = moments.coefficients(&fit);
            let mut found = Vec::new();
            for first in [0, 5] {
                let part = first..if first == 0 { 5 } else { masks };
                let own = rows.slice_axis(Axis(0), part.clone().into()).to_owned();
                found.extend(moments.leave_one_out(
                    &fit,
                    &coefficients,
                    &own,
                    first,
                    &scores[part],
                ));
            }
            for (i, found) in found.into_iter().enumerate() {
                let others: Vec<usize> = (0..masks).filter(|&k| k != i).collect();
                let left: Vec<f64> = others.iter().map(|&k| scores[k]).collect();
                let moments = Moments::new(rows.select(Axis(0), &others), &left);
                let fit = moments.fit(0.7).unwrap();
                let own = rows.select(Axis(0), &[i]);
                let effects = moments.effects(&moments.coefficients(&fit), &own);
                let expected = effects[0] + left.iter().sum::<f64>() / left.len() as f64;
                assert!((found - expected).abs() < 1e-10, "{masks} {i}");
            }
        }
    }
}
