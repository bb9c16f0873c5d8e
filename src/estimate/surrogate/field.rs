//! The field that is behind the cells' coefficients, on a plan.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use super::basis::{AxisBasis, Bump, LENGTHS, NEGLIGIBLE, SegmentBasis, seen};
use crate::masks::plan::Plan;
use crate::masks::segments::Segments;

/// From coefficients of a field to cells and to pixels; lengths come in as the terms' scales.
pub(super) enum Field<'a> {
    Grid {
        axes: [AxisBasis; 2],
        /// The pairs of terms.
        pairs: Vec<(usize, usize)>,
    },
    Segments {
        segments: &'a Segments,
        own: SegmentBasis,
    },
}

impl<'a> Field<'a> {
    pub fn new(plan: &'a Plan, bumps: [Option<Bump>; 2]) -> Self {
        if let Some(segments) = &plan.spec().segments {
            let own = SegmentBasis::new(segments, bumps);
            return Field::Segments { segments, own };
        }
        let axes = plan.axes();
        let axes = [0, 1].map(|i| AxisBasis::new(axes[i], bumps[i]));
        let [rows, columns] = [0, 1].map(|i| axes[i].scales(LENGTHS[0]).1);
        let pairs = seen(rows, columns);
        Field::Grid { axes, pairs }
    }

    pub fn pairs(&self) -> usize {
        match self {
            Field::Grid { pairs, .. } => pairs.len(),
            Field::Segments { own, .. } => own.pairs.len(),
        }
    }

    /// The deviation of every pair for a length; 0 where it is negligible.
    pub fn scales(&self, length: f64) -> Vec<f64> {
        match self {
            Field::Grid { axes, pairs } => {
                let [rows, columns] = [0, 1].map(|i| axes[i].scales(length));
                let scale = |&(r, c): &(usize, usize)| {
                    if rows.1[r] * columns.1[c] > NEGLIGIBLE {
                        rows.0[r] * columns.0[c]
                    } else {
                        0.0
                    }
                };
                pairs.iter().map(scale).collect()
            }
            Field::Segments { own, .. } => own.scales(length),
        }
    }

    /// The field of some coefficients at every pixel, row by row.
    pub fn pixels(&self, coefficients: ArrayView1<'_, f64>) -> Vec<f64> {
        match self {
            Field::Grid {
                axes: [rows, columns],
                pairs,
            } => {
                let mut terms = Array2::zeros((rows.terms(), columns.terms()));
                for (&pair, &v) in pairs.iter().zip(coefficients) {
                    terms[pair] += v;
                }
                let pixels = rows.pixels.dot(&terms).dot(&columns.pixels.t());
                pixels.into_iter().collect()
            }
            Field::Segments { segments, own } => {
                let values = own.cells.dot(&coefficients);
                let labels = segments.labels().iter();
                labels.map(|&label| values[label as usize]).collect()
            }
        }
    }

    /// The transpose of [`Field::pixels`].
    pub fn transposed(&self, weights: ArrayView2<'_, f64>) -> Array1<f64> {
        match self {
            Field::Grid {
                axes: [rows, columns],
                pairs,
            } => {
                let terms = rows.pixels.t().dot(&weights).dot(&columns.pixels);
                pairs.iter().map(|&pair| terms[pair]).collect()
            }
            Field::Segments { segments, own } => {
                let mut sums = Array1::zeros(segments.count());
                for (&label, &weight) in segments.labels().iter().zip(&weights) {
                    sums[label as usize] += weight;
                }
                own.cells.t().dot(&sums)
            }
        }
    }

    /// The variance of the field at every pixel, for a covariance of its coefficients.
    pub fn variance(&self, covariance: &Array2<f64>) -> Vec<f64> {
        match self {
            Field::Grid {
                axes: [rows, columns],
                pairs: kept,
            } => {
                // A pixel's variance is a form in the products of its rows' terms and of its columns'.
                let mut form = Array2::<f64>::zeros((unordered(rows), unordered(columns)));
                for (&(r, c), covariance) in kept.iter().zip(covariance.outer_iter()) {
                    for (&(s, d), v) in kept.iter().zip(covariance) {
                        form[[pair(r, s), pair(c, d)]] += v;
                    }
                }
                let form = products(rows).dot(&form).dot(&products(columns).t());
                form.into_iter().map(|v| v.max(0.0)).collect()
            }
            Field::Segments { segments, own } => {
                let wide = own.cells.dot(covariance);
                let pairs = wide.outer_iter().zip(own.cells.outer_iter());
                let values: Vec<f64> = pairs.map(|(a, b)| a.dot(&b).max(0.0)).collect();
                let labels = segments.labels().iter();
                labels.map(|&label| values[label as usize]).collect()
            }
        }
    }
}

/// The number of unordered pairs of an axis' terms, a term with itself included.
fn unordered(axis: &AxisBasis) -> usize {
    pair(0, axis.terms())
}

/// The index of an unordered pair of terms.
fn pair(a: usize, b: usize) -> usize {
    let (low, high) = (a.min(b), a.max(b));
    high * (high + 1) / 2 + low
}

/// The products of each pair of terms at every pixel, `[pixels, pairs]`.
fn products(axis: &AxisBasis) -> Array2<f64> {
    let mut out = Array2::zeros((axis.pixels.dim().0, unordered(axis)));
    for (mut out, terms) in out.outer_iter_mut().zip(axis.pixels.outer_iter()) {
        for (b, y) in terms.iter().enumerate() {
            for (a, x) in terms.iter().enumerate().take(b + 1) {
                out[pair(a, b)] = x * y;
            }
        }
    }
    out
}
