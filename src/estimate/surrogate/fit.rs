//! Ridge regression with independent standard coefficients, and its marginal likelihood.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView1, Axis, Slice};

use crate::estimate::linalg::{Cholesky, add_gram, gram};

/// What all regressions on the same rows share: products of the centred rows, in the smaller of the
/// two dimensions.
pub(super) struct Products {
    /// X Xᵀ if X is kept, else Xᵀ X; only the lower triangle is right.
    matrix: Array2<f64>,
    /// X, where the masks are fewer than the features.
    rows: Option<Array2<f64>>,
    row_mean: Array1<f64>,
    masks: f64,
}

impl Products {
    /// The products of the rows `[masks, features]`, which come part by part and are not kept where
    /// masks are many; and for the centred scores y what a regression needs of them: y itself, or Xᵀ y.
    pub fn new(
        [masks, features]: [usize; 2],
        parts: impl Iterator<Item = Array2<f64>>,
        centred: &Array1<f64>,
    ) -> (Self, Array1<f64>) {
        let n = masks as f64;
        if masks < features {
            let mut rows = Array2::zeros((masks, features));
            for (own, part) in numbered(parts) {
                rows.slice_axis_mut(Axis(0), own).assign(&part);
            }
            let row_mean = rows.sum_axis(Axis(0)) / n;
            rows -= &row_mean;
            let products = Products {
                matrix: gram(rows.view()),
                rows: Some(rows),
                row_mean,
                masks: n,
            };
            return (products, centred.clone());
        }
        let mut matrix = Array2::zeros((features, features));
        let mut sums = Array1::zeros(features);
        let mut side = Array1::zeros(features);
        for (own, part) in numbered(parts) {
            add_gram(part.t(), &mut matrix);
            sums += &part.sum_axis(Axis(0));
            side += &part.t().dot(&centred.slice_axis(Axis(0), own));
        }
        let row_mean = sums / n;
        for (i, mut row) in matrix.outer_iter_mut().enumerate() {
            row.scaled_add(-n * row_mean[i], &row_mean);
        }
        let products = Products {
            matrix,
            rows: None,
            row_mean,
            masks: n,
        };
        (products, side)
    }

    /// What a regression needs of other centred scores.
    pub fn side(
        &self,
        parts: impl Iterator<Item = Array2<f64>>,
        centred: &Array1<f64>,
    ) -> Array1<f64> {
        if self.rows.is_some() {
            return centred.clone();
        }
        let mut side = Array1::zeros(self.row_mean.len());
        for (own, part) in numbered(parts) {
            side += &part.t().dot(&centred.slice_axis(Axis(0), own));
        }
        side
    }
}

/// What a regression of centred scores on centred rows needs.
pub(super) struct Moments {
    products: Arc<Products>,
    /// y where X is kept, else Xᵀ y.
    side: Array1<f64>,
    /// The sum of squares of the centred scores.
    squares: f64,
    /// The mean score.
    mean: f64,
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
    /// The moments of the scores of the masks whose rows come part by part.
    pub fn new(
        shape: [usize; 2],
        parts: impl Iterator<Item = Array2<f64>>,
        scores: &[f64],
    ) -> Self {
        let (mean, centred) = centred(scores);
        let (products, side) = Products::new(shape, parts, &centred);
        Moments {
            products: Arc::new(products),
            side,
            squares: centred.dot(&centred),
            mean,
        }
    }

    /// The moments of other scores of the same masks.
    pub fn of_other(&self, parts: impl Iterator<Item = Array2<f64>>, scores: &[f64]) -> Self {
        let (mean, centred) = centred(scores);
        Moments {
            products: self.products.clone(),
            side: self.products.side(parts, &centred),
            squares: centred.dot(&centred),
            mean,
        }
    }

    /// The mean variance of a score under the prior, over the coefficients' variance.
    pub fn scale(&self) -> f64 {
        self.products.matrix.diag().sum() / self.products.masks
    }

    /// Whether all scores are the same.
    pub fn constant(&self) -> bool {
        self.squares <= 0.0
    }

    /// The regression for a ratio; `None` if it cannot be computed (an overflow).
    pub fn fit(&self, ratio: f64) -> Option<Fit> {
        let mut matrix = &self.products.matrix * ratio;
        matrix.diag_mut().mapv_inplace(|v| v + 1.0);
        let factor = Cholesky::new(matrix)?;
        let explained = self.side.dot(&factor.solve(&self.side));
        let left = match self.products.rows {
            None => self.squares - ratio * explained,
            Some(_) => explained,
        };
        let degrees = self.products.masks - 1.0;
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
        let solved = fit.factor.solve(&self.side) * fit.ratio;
        match &self.products.rows {
            None => solved,
            Some(x) => x.t().dot(&solved),
        }
    }

    /// Vᵀ C V for the posterior covariance C of the coefficients and columns V.
    pub fn covariance(&self, fit: &Fit, v: Array2<f64>) -> Array2<f64> {
        match &self.products.rows {
            None => {
                let half = fit.factor.half_solve(v);
                half.t().dot(&half) * (fit.noise * fit.ratio)
            }
            Some(x) => fit.left(x.dot(&v), v.t().dot(&v)),
        }
    }

    /// The same of `sum of lift_g w_g`, for coefficients that are one vector `w_g` after the other.
    pub fn field_covariance(&self, fit: &Fit, lift: ArrayView1<'_, f64>) -> Array2<f64> {
        let features = self.products.row_mean.len();
        let kept = features / lift.len();
        match &self.products.rows {
            None => {
                let mut v = Array2::zeros((features, kept));
                for (mut part, &weight) in v.axis_chunks_iter_mut(Axis(0), kept).zip(lift) {
                    part.diag_mut().fill(weight);
                }
                self.covariance(fit, v)
            }
            // Without the zeros of V.
            Some(x) => {
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
        let Products {
            row_mean, masks, ..
        } = &*self.products;
        let diagonal = match &self.products.rows {
            None => {
                let centred = rows - row_mean;
                let half = fit.factor.half_solve(centred.t().to_owned());
                1.0 - squares(half) * fit.ratio
            }
            Some(x) => {
                let unit = |(i, j)| if i == first + j { 1.0 } else { 0.0 };
                let shape = (x.dim().0, rows.dim().0);
                squares(fit.factor.half_solve(Array2::from_shape_fn(shape, unit)))
            }
        };
        let predicted = self.effects(coefficients, rows) + self.mean;
        let parts = scores.iter().zip(&predicted).zip(&diagonal);
        parts
            .map(|((y, own), d)| y - (y - own) / (d - 1.0 / masks))
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

/// Parts of rows, with where in the whole they are.
fn numbered(
    parts: impl Iterator<Item = Array2<f64>>,
) -> impl Iterator<Item = (Slice, Array2<f64>)> {
    parts.scan(0, |first, part| {
        let own = *first..*first + part.dim().0;
        *first = own.end;
        Some((Slice::from(own), part))
    })
}

/// The mean of scores, and what each is above it.
fn centred(scores: &[f64]) -> (f64, Array1<f64>) {
    let mean = scores.iter().sum::<f64>() / scores.len() as f64;
    (mean, scores.iter().map(|f| f - mean).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The moments of rows that come in two parts.
    fn of_rows(rows: &Array2<f64>, scores: &[f64]) -> Moments {
        let (masks, features) = rows.dim();
        let half = masks / 2;
        let parts =
            [0..half, half..masks].map(|part| rows.slice_axis(Axis(0), part.into()).to_owned());
        Moments::new([masks, features], parts.into_iter(), scores)
    }

    /// More masks than features and fewer: the covariance of a field is that of the columns that make it.
    #[test]
    fn a_field_is_a_sum_of_features() {
        let lift = ndarray::arr1(&[0.5, -2.0, 1.5]);
        for (masks, kept) in [(20, 2), (5, 4)] {
            let value = |i: usize, j: usize| ((3 * i + 5 * j * j + i * j) as f64).sin();
            let rows = Array2::from_shape_fn((masks, 3 * kept), |(i, j)| value(i, j));
            let scores: Vec<f64> = (0..masks).map(|i| value(i, 7)).collect();
            let moments = of_rows(&rows, &scores);
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
            let moments = of_rows(&rows, &scores);
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
                let moments = of_rows(&rows.select(Axis(0), &others), &left);
                let fit = moments.fit(0.7).unwrap();
                let own = rows.select(Axis(0), &[i]);
                let effects = moments.effects(&moments.coefficients(&fit), &own);
                let expected = effects[0] + left.iter().sum::<f64>() / left.len() as f64;
                assert!((found - expected).abs() < 1e-10, "{masks} {i}");
            }
        }
    }
}
