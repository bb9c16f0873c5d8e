//! From masks to the rows of a regression.

use std::sync::Arc;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, Array3, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, Slice};

use super::features::Features;
use super::field::Field;
use super::prior::{GROUPS, Ratios};
use super::products::Rows;
use crate::masks::mask::Block;
use crate::masks::plan::Plan;

/// Masks, about, whose rows are made at a time.
const PART: usize = 1024;

/// Numbers of all rows that are kept and not made again.
const KEPT: usize = 1 << 22;

/// A block of a ledger: its index and its scores `[masks, targets]`.
pub(super) type Scores<'a> = (u64, ArrayView2<'a, f32>);

/// The features of masks under one prior: row n holds, for each feature g of a state and each pair
/// of terms that counts, `sum over cells of A[row, r] A[column, c] (F_g(state) - E F_g)`, times its prior
/// deviation. Their coefficients are independent and of equal variance.
#[derive(Clone)]
pub(super) struct Design<'a> {
    plan: &'a Plan,
    seed: u64,
    field: Arc<Field<'a>>,
    states: Arc<Features>,
    /// For each feature of a state, which pairs of terms it has, and the deviation of each.
    columns: Vec<Vec<(usize, f64)>>,
    /// `[J, features of a state]`.
    lifts: Array2<f64>,
    mixing: Option<Array2<f64>>,
}

impl<'a> Design<'a> {
    /// `scales` are the deviations of the pairs of terms of a group of features, which `variances` multiply.
    pub fn new<'s>(
        plan: &'a Plan,
        seed: u64,
        states: &Arc<Features>,
        field: &Arc<Field<'a>>,
        scales: impl Fn(usize) -> &'s Vec<f64>,
        variances: [f64; GROUPS],
    ) -> Self {
        let columns = (0..states.count()).map(|feature| {
            let group = states.group(feature);
            let deviation = variances[group].sqrt();
            let scales = scales(group).iter().map(|scale| scale * deviation);
            scales.enumerate().filter(|&(_, s)| s > 0.0).collect()
        });
        Design {
            plan,
            seed,
            columns: columns.collect(),
            lifts: states.lifts.clone(),
            mixing: None,
            states: states.clone(),
            field: field.clone(),
        }
    }

    /// The number of features.
    pub fn features(&self) -> usize {
        self.columns.iter().map(Vec::len).sum()
    }

    /// The rows of the masks of some blocks, in order.
    pub fn rows(&self, blocks: &[Scores<'_>]) -> Array2<f64> {
        let masks = blocks.iter().map(|(_, scores)| scores.dim().0).sum();
        let mut out = Array2::zeros((masks, self.features()));
        let mut row = 0;
        for (index, scores) in blocks {
            let block = Block::new(self.plan, self.seed, *index);
            let masks = scores.dim().0;
            let part = Slice::from(row..row + masks);
            self.fill(&block, &mut out.slice_axis_mut(Axis(0), part));
            row += masks;
        }
        out
    }

    fn fill(&self, block: &Block<'_>, out: &mut ArrayViewMut2<'_, f64>) {
        let [rows, columns] = self.plan.cells();
        let mut states = Vec::with_capacity(rows * columns);
        let mut value = Array1::zeros(self.states.count());
        let mut cells = Array3::<f64>::zeros((self.states.count(), rows, columns));
        let mut summed = Summed::new(&self.field, block, rows);
        for (position, mut out) in out.outer_iter_mut().enumerate() {
            block.draw(position, &mut states);
            for (cell, &state) in states.iter().enumerate() {
                // What is not sampled tells nothing.
                value.assign(&self.states.means);
                if block.samples(cell) {
                    self.states.of(self.plan, state, &mut value);
                }
                value -= &self.states.means;
                for (g, &v) in value.iter().enumerate() {
                    cells[[g, cell / columns, cell % columns]] = v;
                }
            }
            summed.begin(&cells);
            let mut start = 0;
            for (feature, columns) in self.columns.iter().enumerate() {
                if columns.is_empty() {
                    continue;
                }
                let part = Slice::from(start..start + columns.len());
                let cells = cells.index_axis(Axis(0), feature);
                summed.add(feature, cells, columns, out.slice_axis_mut(Axis(0), part));
                start += columns.len();
            }
        }
    }

    /// For each column the feature of a state, the pair of terms and the deviation.
    pub fn columns(&self) -> impl Iterator<Item = (usize, usize, f64)> {
        let of_feature = self.columns.iter().enumerate();
        of_feature.flat_map(|(f, columns)| columns.iter().map(move |&(pair, s)| (f, pair, s)))
    }

    /// The group of each column.
    pub fn groups(&self) -> Vec<usize> {
        let groups = self.columns().map(|(f, _, _)| self.states.group(f));
        groups.collect()
    }

    /// Multiplies the variances of the groups, whose logarithms are given.
    pub fn multiply(&mut self, ratios: &Ratios) {
        for (feature, columns) in self.columns.iter_mut().enumerate() {
            let factor = (0.5 * ratios[self.states.group(feature)]).exp();
            columns.iter_mut().for_each(|(_, s)| *s *= factor);
        }
    }

    /// The map `[J, H, W]` of coefficients, plane by plane.
    pub fn map(&self, weights: &Array1<f64>) -> Vec<f64> {
        let fields = self.lifts.dot(&self.field_of(weights));
        let planes = fields.outer_iter();
        planes.flat_map(|field| self.field.pixels(field)).collect()
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
            let field = self.field.transposed(weights);
            for ((f, pair, s), out) in self.columns().zip(&mut out) {
                *out += lift[f] * s * field[pair];
            }
        }
        out
    }

    /// For a plane, the pair of terms to which each column counts in its field, and how much.
    pub fn lift(&self, plane: usize) -> (usize, Vec<(usize, f64)>) {
        let lift = self.lifts.row(plane);
        let lifts = self.columns().map(|(f, pair, s)| (pair, lift[f] * s));
        (self.field.pairs(), lifts.collect())
    }

    /// Makes its map that which a matrix `[J, J]` makes of the planes.
    pub fn mix(&mut self, mixing: &Array2<f64>) {
        self.lifts = mixing.dot(&self.lifts);
        self.mixing = Some(mixing.clone());
    }

    pub fn plan(&self) -> &Plan {
        self.plan
    }

    pub fn states(&self) -> &Features {
        &self.states
    }

    pub fn field(&self) -> &Arc<Field<'a>> {
        &self.field
    }

    pub fn mixing(&self) -> Option<&Array2<f64>> {
        self.mixing.as_ref()
    }

    /// The coefficients of each feature's field, `[features of a state, pairs of terms]`.
    pub fn field_of(&self, weights: &Array1<f64>) -> Array2<f64> {
        let mut out = Array2::zeros((self.states.count(), self.field.pairs()));
        for ((feature, pair, scale), weight) in self.columns().zip(weights) {
            out[[feature, pair]] += scale * weight;
        }
        out
    }

    /// The variance of every pixel `[H, W]` of a plane, for the covariance of a field's coefficients.
    pub fn variance(&self, covariance: &Array2<f64>) -> Vec<f64> {
        self.field.variance(covariance)
    }
}

/// The rows of all masks, a part at a time.
pub(super) struct Parts<'p, 'a> {
    design: &'p Design<'a>,
    blocks: &'p [Scores<'p>],
    masks: usize,
    /// Where they are not too many.
    kept: Option<Vec<Array2<f64>>>,
}

impl<'p, 'a> Parts<'p, 'a> {
    pub fn new(design: &'p Design<'a>, blocks: &'p [Scores<'p>]) -> Self {
        let masks = blocks.iter().map(|(_, scores)| scores.dim().0).sum();
        let mut parts = Parts {
            design,
            blocks,
            masks,
            kept: None,
        };
        if masks * design.features() <= KEPT {
            let chunks = blocks.chunks(parts.blocks_a_part());
            parts.kept = Some(chunks.map(|blocks| design.rows(blocks)).collect());
        }
        parts
    }

    fn blocks_a_part(&self) -> usize {
        let size = self.blocks.first().map_or(1, |(_, scores)| scores.dim().0);
        PART.div_ceil(size.max(1))
    }

    /// The same of a design of the same columns with other deviations.
    pub fn of<'q>(mut self, design: &'q Design<'a>) -> Parts<'q, 'a>
    where
        'p: 'q,
    {
        let columns = design.columns().zip(self.design.columns());
        let factors: Array1<f64> = columns.map(|(new, old)| new.2 / old.2).collect();
        if factors.iter().any(|&f| f != 1.0) {
            let kept = self.kept.iter_mut().flatten();
            kept.for_each(|rows| *rows *= &factors);
        }
        Parts { design, ..self }
    }
}

impl Rows for Parts<'_, '_> {
    fn dim(&self) -> (usize, usize) {
        (self.masks, self.design.features())
    }

    fn groups(&self) -> Vec<usize> {
        self.design.groups()
    }

    fn each(&self, mut of: impl FnMut(Slice, &Array2<f64>)) {
        let mut first = 0;
        let mut of = |rows: &Array2<f64>| {
            let own = first..first + rows.dim().0;
            first = own.end;
            of(Slice::from(own), rows);
        };
        match &self.kept {
            Some(kept) => kept.iter().for_each(of),
            None => {
                let chunks = self.blocks.chunks(self.blocks_a_part());
                chunks.for_each(|blocks| of(&self.design.rows(blocks)));
            }
        }
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
    Segments {
        terms: &'b Array2<f64>,
        /// `[features, pairs]`, of one mask.
        sums: Array2<f64>,
    },
}

impl<'b> Summed<'b> {
    fn new(field: &'b Field<'_>, block: &Block<'_>, rows: usize) -> Self {
        match field {
            Field::Segments { own, .. } => Summed::Segments {
                terms: &own.cells,
                sums: Array2::zeros((0, 0)),
            },
            Field::Grid { axes, pairs: kept } => {
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

    /// A mask, by the values of its cells `[features, rows, columns]`: segments are many, and so gone through once for all features.
    fn begin(&mut self, cells: &Array3<f64>) {
        if let Summed::Segments { terms, sums } = self {
            // One row of segments.
            *sums = cells.index_axis(Axis(1), 0).dot(*terms);
        }
    }

    fn add(
        &mut self,
        feature: usize,
        cells: ArrayView2<'_, f64>,
        kept_columns: &[(usize, f64)],
        mut out: ArrayViewMut1<'_, f64>,
    ) {
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
                    .zip(kept_columns)
                    .for_each(|(o, &(pair, s))| *o = s * full[kept[pair]]);
            }
            Summed::Segments { sums, .. } => {
                out.iter_mut()
                    .zip(kept_columns)
                    .for_each(|(o, &(pair, s))| *o = s * sums[[feature, pair]]);
            }
        }
    }
}
