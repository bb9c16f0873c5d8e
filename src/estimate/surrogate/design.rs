//! From masks to the rows of a regression.

use std::sync::Arc;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, Array3, ArrayView2, Axis};

use super::basis::{AxisBasis, NEGLIGIBLE};
use super::features::Features;
use super::prior::Prior;
use crate::masks::mask::Block;
use crate::masks::plan::Plan;

/// A block of a ledger: its index and its scores `[masks, targets]`.
pub(super) type Scores<'a> = (u64, ArrayView2<'a, f32>);

/// The features of masks under one prior: row n holds, for each feature g of a state and each pair
/// of terms, `sum over cells of A[row, r] A[column, c] (F_g(state) - E F_g)`, times the prior's
/// deviation of g. Their coefficients are independent and of equal variance.
pub(super) struct Design<'a> {
    plan: &'a Plan,
    seed: u64,
    basis: [AxisBasis; 2],
    /// Pairs of terms that are kept, for each feature of a state.
    kept: Vec<(usize, usize)>,
    states: Arc<Features>,
    deviations: Array1<f64>,
    /// `[J, features of a state]`: [`Features::lifts`] times the deviations.
    lifts: Array2<f64>,
}

impl<'a> Design<'a> {
    pub fn new(plan: &'a Plan, seed: u64, states: Arc<Features>, prior: &Prior) -> Self {
        let axes = plan.axes();
        let basis =
            [0, 1].map(|i| AxisBasis::new(axes[i], prior.length_in_cells(), prior.bumps[i]));
        let [rows, columns] = &basis;
        let pairs =
            (0..rows.share.len()).flat_map(|r| (0..columns.share.len()).map(move |c| (r, c)));
        let kept = pairs
            .filter(|&(r, c)| rows.share[r] * columns.share[c] > NEGLIGIBLE)
            .collect();
        let deviations = states.deviations(prior.common_weight());
        Design {
            plan,
            seed,
            kept,
            lifts: &states.lifts * &deviations,
            deviations,
            states,
            basis,
        }
    }

    /// The number of features.
    pub fn features(&self) -> usize {
        self.kept.len() * self.states.count()
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
        let [row_terms, column_terms] = [0, 1].map(|axis| {
            let cells = &self.basis[axis].cells;
            &cells[block.offset[axis].min(cells.len() - 1)]
        });
        let kept = self.kept.len();
        let mut states = Vec::with_capacity(rows * columns);
        let mut value = Array1::zeros(self.states.count());
        let mut cells = Array3::<f64>::zeros((self.states.count(), rows, columns));
        let mut half = Array2::<f64>::zeros((rows, column_terms.dim().1));
        let mut full = Array2::<f64>::zeros((row_terms.dim().1, column_terms.dim().1));
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
                general_mat_mul(1.0, &cells, column_terms, 0.0, &mut half);
                general_mat_mul(1.0, &row_terms.t(), &half, 0.0, &mut full);
                for (i, &pair) in self.kept.iter().enumerate() {
                    out[g * kept + i] = full[pair];
                }
            }
        }
    }

    /// The map `[J, H, W]` of coefficients: `T_rows W T_columnsᵀ`, plane by plane.
    pub fn map(&self, weights: &Array1<f64>) -> Vec<f64> {
        let [rows, columns] = &self.basis;
        let mut out = Vec::with_capacity(self.plan.shape()[1] * self.plan.shape()[2]);
        for lift in self.lifts.outer_iter() {
            let mut terms = Array2::zeros((rows.share.len(), columns.share.len()));
            for (weights, lift) in weights
                .as_slice()
                .unwrap_or_default()
                .chunks(self.kept.len())
                .zip(lift)
            {
                for (w, &pair) in weights.iter().zip(&self.kept) {
                    terms[pair] += lift * w;
                }
            }
            out.extend(rows.pixels.dot(&terms).dot(&columns.pixels.t()));
        }
        out
    }

    /// The transpose of [`Design::map`]: the functional of the coefficients that is a functional
    /// `[J, H, W]` of the map.
    pub fn functional(&self, weights: &[f64]) -> Array1<f64> {
        let [_, height, width] = self.plan.shape();
        let [rows, columns] = &self.basis;
        let kept = self.kept.len();
        let mut out = Array1::zeros(self.features());
        for (lift, weights) in self.lifts.outer_iter().zip(weights.chunks(height * width)) {
            let Ok(weights) = ArrayView2::from_shape((height, width), weights) else {
                continue;
            };
            let terms = rows.pixels.t().dot(&weights).dot(&columns.pixels);
            for (g, lift) in lift.iter().enumerate() {
                for (i, &pair) in self.kept.iter().enumerate() {
                    out[g * kept + i] += lift * terms[pair];
                }
            }
        }
        out
    }

    /// For a plane, the matrix `[features, kept]` that lifts kept pairs of terms to features.
    pub fn lift(&self, plane: usize) -> Array2<f64> {
        let kept = self.kept.len();
        Array2::from_shape_fn((self.features(), kept), |(f, i)| {
            if f % kept == i {
                self.lifts[[plane, f / kept]]
            } else {
                0.0
            }
        })
    }

    pub fn planes(&self) -> usize {
        self.plan.planes()
    }

    /// The variance of every pixel `[H, W]` of a plane, for the covariance of kept pairs of terms.
    pub fn variance(&self, covariance: &Array2<f64>) -> Vec<f64> {
        let [_, height, width] = self.plan.shape();
        let [rows, columns] = &self.basis;
        let terms = columns.share.len();
        let mut out = Vec::with_capacity(height * width);
        for y in rows.pixels.outer_iter() {
            let mut narrow = Array2::<f64>::zeros((terms, terms));
            for (&(r, c), covariance) in self.kept.iter().zip(covariance.outer_iter()) {
                let mut narrow = narrow.row_mut(c);
                for (&(s, d), v) in self.kept.iter().zip(covariance) {
                    narrow[d] += y[r] * y[s] * v;
                }
            }
            let wide = columns.pixels.dot(&narrow);
            for (a, b) in wide.outer_iter().zip(columns.pixels.outer_iter()) {
                out.push(a.dot(&b).max(0.0));
            }
        }
        out
    }
}
