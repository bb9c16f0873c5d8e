//! From masks to the rows of a regression.

use std::sync::Arc;

use ndarray::linalg::{general_mat_mul, general_mat_vec_mul};
use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, ArrayViewMut1, Axis};

use super::basis::{AxisBasis, NEGLIGIBLE, of_segments};
use super::features::Features;
use super::prior::Prior;
use crate::masks::mask::Block;
use crate::masks::plan::Plan;
use crate::masks::segments::Segments;

/// Masks, about, whose rows are made at a time.
const PART: usize = 1024;

/// A block of a ledger: its index and its scores `[masks, targets]`.
pub(super) type Scores<'a> = (u64, ArrayView2<'a, f32>);

/// The features of masks under one prior: row n holds, for each feature g of a state and each pair
/// of terms, `sum over cells of A[row, r] A[column, c] (F_g(state) - E F_g)`, times the prior's
/// deviation of g. Their coefficients are independent and of equal variance.
#[derive(Clone)]
pub(super) struct Design<'a> {
    plan: &'a Plan,
    seed: u64,
    basis: Arc<Basis<'a>>,
    /// Coefficients of a field: one for each pair of terms that is kept, for each feature of a state.
    kept: usize,
    states: Arc<Features>,
    deviations: Array1<f64>,
    /// `[J, features of a state]`: [`Features::lifts`] times the deviations.
    lifts: Array2<f64>,
}

/// From coefficients of a field to cells and to pixels.
enum Basis<'a> {
    Grid {
        axes: [AxisBasis; 2],
        /// The pairs of terms that are kept.
        kept: Vec<(usize, usize)>,
    },
    Segments {
        segments: &'a Segments,
        /// `[segments, kept]`.
        cells: Array2<f64>,
    },
}

impl<'a> Basis<'a> {
    fn new(plan: &'a Plan, prior: &Prior) -> Self {
        let length = prior.length_in_cells();
        if let Some(segments) = &plan.spec().segments {
            let cells = of_segments(segments, length, prior.bumps);
            return Basis::Segments { segments, cells };
        }
        let axes = plan.axes();
        let axes = [0, 1].map(|i| AxisBasis::new(axes[i], length, prior.bumps[i]));
        let [rows, columns] = &axes;
        let pairs =
            (0..rows.share.len()).flat_map(|r| (0..columns.share.len()).map(move |c| (r, c)));
        let kept = pairs
            .filter(|&(r, c)| rows.share[r] * columns.share[c] > NEGLIGIBLE)
            .collect();
        Basis::Grid { axes, kept }
    }

    fn count(&self) -> usize {
        match self {
            Basis::Grid { kept, .. } => kept.len(),
            Basis::Segments { cells, .. } => cells.dim().1,
        }
    }

    /// The field of some coefficients at every pixel, row by row.
    fn pixels(&self, coefficients: &Array1<f64>) -> Vec<f64> {
        match self {
            Basis::Grid {
                axes: [rows, columns],
                kept,
            } => {
                let mut terms = Array2::zeros((rows.share.len(), columns.share.len()));
                for (&pair, &v) in kept.iter().zip(coefficients) {
                    terms[pair] += v;
                }
                let pixels = rows.pixels.dot(&terms).dot(&columns.pixels.t());
                pixels.into_iter().collect()
            }
            Basis::Segments { segments, cells } => {
                let values = cells.dot(coefficients);
                let labels = segments.labels().iter();
                labels.map(|&label| values[label as usize]).collect()
            }
        }
    }

    /// The transpose of [`Basis::pixels`].
    fn transposed(&self, weights: ArrayView2<'_, f64>) -> Array1<f64> {
        match self {
            Basis::Grid {
                axes: [rows, columns],
                kept,
            } => {
                let terms = rows.pixels.t().dot(&weights).dot(&columns.pixels);
                kept.iter().map(|&pair| terms[pair]).collect()
            }
            Basis::Segments { segments, cells } => {
                let mut sums = Array1::zeros(segments.count());
                for (&label, &weight) in segments.labels().iter().zip(&weights) {
                    sums[label as usize] += weight;
                }
                cells.t().dot(&sums)
            }
        }
    }

    /// The variance of the field at every pixel, for a covariance of its coefficients.
    fn variance(&self, covariance: &Array2<f64>) -> Vec<f64> {
        match self {
            Basis::Grid {
                axes: [rows, columns],
                kept,
            } => {
                // A pixel's variance is a form in the products of its rows' terms and of its columns'.
                let mut form = Array2::<f64>::zeros((pairs(rows), pairs(columns)));
                for (&(r, c), covariance) in kept.iter().zip(covariance.outer_iter()) {
                    for (&(s, d), v) in kept.iter().zip(covariance) {
                        form[[pair(r, s), pair(c, d)]] += v;
                    }
                }
                let form = products(rows).dot(&form).dot(&products(columns).t());
                form.into_iter().map(|v| v.max(0.0)).collect()
            }
            Basis::Segments { segments, cells } => {
                let wide = cells.dot(covariance);
                let pairs = wide.outer_iter().zip(cells.outer_iter());
                let values: Vec<f64> = pairs.map(|(a, b)| a.dot(&b).max(0.0)).collect();
                let labels = segments.labels().iter();
                labels.map(|&label| values[label as usize]).collect()
            }
        }
    }
}

/// The number of unordered pairs of an axis' terms, a term with itself included.
fn pairs(axis: &AxisBasis) -> usize {
    pair(0, axis.share.len())
}

/// The index of an unordered pair of terms.
fn pair(a: usize, b: usize) -> usize {
    let (low, high) = (a.min(b), a.max(b));
    high * (high + 1) / 2 + low
}

/// The products of each pair of terms at every pixel, `[pixels, pairs]`.
fn products(axis: &AxisBasis) -> Array2<f64> {
    let mut out = Array2::zeros((axis.pixels.dim().0, pairs(axis)));
    for (mut out, terms) in out.outer_iter_mut().zip(axis.pixels.outer_iter()) {
        for (b, y) in terms.iter().enumerate() {
            for (a, x) in terms.iter().enumerate().take(b + 1) {
                out[pair(a, b)] = x * y;
            }
        }
    }
    out
}

impl<'a> Design<'a> {
    pub fn new(plan: &'a Plan, seed: u64, states: Arc<Features>, prior: &Prior) -> Self {
        let basis = Basis::new(plan, prior);
        let deviations = states.deviations(prior.common_weight());
        Design {
            plan,
            seed,
            kept: basis.count(),
            lifts: &states.lifts * &deviations,
            deviations,
            states,
            basis: Arc::new(basis),
        }
    }

    /// The number of features.
    pub fn features(&self) -> usize {
        self.kept * self.states.count()
    }

    /// [`Design::rows`], a part of the masks at a time.
    pub fn parts(&self, blocks: &[Scores<'_>]) -> impl Iterator<Item = Array2<f64>> {
        let size = blocks.first().map_or(1, |(_, scores)| scores.dim().0);
        let parts = blocks.chunks(PART.div_ceil(size.max(1)));
        parts.map(|blocks| self.rows(blocks))
    }

    /// The rows of the masks of some blocks, in order.
    pub fn rows(&self, blocks: &[Scores<'_>]) -> Array2<f64> {
        let masks = blocks.iter().map(|(_, scores)| scores.dim().0).sum();
        let mut out = Array2::zeros((masks, self.features()));
        let mut row = 0;
        for (index, scores) in blocks {
            let block = Block::new(self.plan, self.seed, *index);
            let masks = scores.dim().0;
            let part = ndarray::Slice::from(row..row + masks);
            self.fill(&block, &mut out.slice_axis_mut(Axis(0), part));
            row += masks;
        }
        out
    }

    fn fill(&self, block: &Block<'_>, out: &mut ndarray::ArrayViewMut2<'_, f64>) {
        let [rows, columns] = self.plan.cells();
        let mut states = Vec::with_capacity(rows * columns);
        let mut value = Array1::zeros(self.states.count());
        let mut cells = Array3::<f64>::zeros((self.states.count(), rows, columns));
        let mut summed = Summed::new(&self.basis, block, rows);
        for (position, mut out) in out.outer_iter_mut().enumerate() {
            block.draw(position, &mut states);
            for (cell, &state) in states.iter().enumerate() {
                // What is not sampled tells nothing.
                value.assign(&self.states.means);
                if block.samples(cell) {
                    self.states.of(self.plan, state, &mut value);
                }
                value -= &self.states.means;
                value *= &self.deviations;
                for (g, &v) in value.iter().enumerate() {
                    cells[[g, cell / columns, cell % columns]] = v;
                }
            }
            for (g, cells) in cells.outer_iter().enumerate() {
                let part = ndarray::Slice::from(g * self.kept..(g + 1) * self.kept);
                summed.add(cells, out.slice_axis_mut(Axis(0), part));
            }
        }
    }

    /// The map `[J, H, W]` of coefficients, plane by plane.
    pub fn map(&self, weights: &Array1<f64>) -> Vec<f64> {
        let mut out = Vec::with_capacity(self.plan.shape()[1] * self.plan.shape()[2]);
        for lift in self.lifts.outer_iter() {
            let mut field = Array1::zeros(self.kept);
            let of_features = weights.as_slice().unwrap_or_default().chunks(self.kept);
            for (weights, lift) in of_features.zip(lift) {
                field
                    .iter_mut()
                    .zip(weights)
                    .for_each(|(f, w)| *f += lift * w);
            }
            out.extend(self.basis.pixels(&field));
        }
        out
    }

    /// The transpose of [`Design::map`]: the functional of the coefficients that is a functional
    /// `[J, H, W]` of the map.
    pub fn functional(&self, weights: &[f64]) -> Array1<f64> {
        let [_, height, width] = self.plan.shape();
        let mut out = Array1::zeros(self.features());
        for (lift, weights) in self.lifts.outer_iter().zip(weights.chunks(height * width)) {
            let Ok(weights) = ArrayView2::from_shape((height, width), weights) else {
                continue;
            };
            let field = self.basis.transposed(weights);
            for (g, lift) in lift.iter().enumerate() {
                for (i, f) in field.iter().enumerate() {
                    out[g * self.kept + i] += lift * f;
                }
            }
        }
        out
    }

    /// For a plane, what each feature of a state counts in its field.
    pub fn lift(&self, plane: usize) -> ArrayView1<'_, f64> {
        self.lifts.row(plane)
    }

    /// Makes its map that which a matrix `[J, J]` makes of the planes.
    pub fn mix(&mut self, mixing: &Array2<f64>) {
        self.lifts = mixing.dot(&self.lifts);
    }

    pub fn planes(&self) -> usize {
        self.plan.planes()
    }

    /// The variance of every pixel `[H, W]` of a plane, for the covariance of a field's coefficients.
    pub fn variance(&self, covariance: &Array2<f64>) -> Vec<f64> {
        self.basis.variance(covariance)
    }
}

/// Sums over the cells of a block's masks, by the coefficients of a field.
enum Summed<'b> {
    Grid {
        terms: [&'b Array2<f64>; 2],
        kept: &'b [(usize, usize)],
        half: Array2<f64>,
        full: Array2<f64>,
    },
    Segments(&'b Array2<f64>),
}

impl<'b> Summed<'b> {
    fn new(basis: &'b Basis<'_>, block: &Block<'_>, rows: usize) -> Self {
        match basis {
            Basis::Segments { cells, .. } => Summed::Segments(cells),
            Basis::Grid { axes, kept } => {
                let terms = [0, 1].map(|axis| {
                    let cells = &axes[axis].cells;
                    &cells[block.offset[axis].min(cells.len() - 1)]
                });
                let widths = terms.map(|terms| terms.dim().1);
                Summed::Grid {
                    terms,
                    kept,
                    half: Array2::zeros((rows, widths[1])),
                    full: Array2::zeros((widths[0], widths[1])),
                }
            }
        }
    }

    fn add(&mut self, cells: ArrayView2<'_, f64>, mut out: ArrayViewMut1<'_, f64>) {
        match self {
            Summed::Grid {
                terms: [rows, columns],
                kept,
                half,
                full,
            } => {
                general_mat_mul(1.0, &cells, *columns, 0.0, half);
                general_mat_mul(1.0, &rows.t(), half, 0.0, full);
                out.iter_mut()
                    .zip(kept.iter())
                    .for_each(|(o, &pair)| *o = full[pair]);
            }
            // One row of segments.
            Summed::Segments(terms) => {
                general_mat_vec_mul(1.0, &terms.t(), &cells.row(0), 0.0, &mut out);
            }
        }
    }
}
