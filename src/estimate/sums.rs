//! Low-resolution sums of scores over cells, and their enlargement to pixels.

mod cells;

use std::ops::Range;

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::estimate::effect::mixed;
use crate::ledger::Ledger;
use crate::masks::grid::{Taps, widen};
use crate::masks::mask::Block;
use crate::masks::plan::Plan;

/// Bytes of enlarged sums held at a time.
const CHUNK_BYTES: usize = 4 << 20;

/// States whose planes are looked up.
const FEW_STATES: u64 = 255;

/// Which sums a block contributes for each target and plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sums {
    /// One field: `sum m_j f / P_j - sum q_0 f / P_0`, of scores minus their mean if centred.
    Difference { centred: bool },
    /// One field: `sum m_j f / P_j`.
    Pass,
    /// Four fields: `sum m_j f`, `sum m_j`, `sum q_0 f`, `sum q_0`, of scores minus their mean.
    Ratio,
}

impl Sums {
    fn fields(self) -> usize {
        match self {
            Sums::Ratio => 4,
            _ => 1,
        }
    }
}

/// A pass over the blocks of a ledger, for some of its targets.
pub(super) struct Sweep<'a> {
    plan: &'a Plan,
    seed: u64,
    targets: Range<usize>,
    sums: Sums,
    /// What is made of the planes, `[J, J]`: of sums in the cells, of quotients (which are no sums) at the pixels.
    mixing: Option<Array2<f64>>,
    /// What is subtracted from each target's scores.
    centres: Vec<f64>,
    /// The planes that the first states feed, so that the family is not asked for every cell.
    incidence: Vec<u64>,
    blocks: Vec<(u64, ArrayView2<'a, f32>)>,
}

/// The sums of one block, enlarged along the columns: `[targets * J * fields, rows, W]`; those of segments as they
/// are.
struct Enlarged {
    masks: f64,
    rows: Taps,
    wide: Vec<f64>,
}

impl<'a> Sweep<'a> {
    pub fn new(
        plan: &'a Plan,
        ledger: &'a Ledger,
        targets: Range<usize>,
        sums: Sums,
        mixing: Option<Array2<f64>>,
    ) -> Self {
        let blocks: Vec<_> = ledger.iter().collect();
        let masks = ledger.masks() as f64;
        let mut centres = vec![0.0; targets.len()];
        if sums != Sums::Pass && sums != (Sums::Difference { centred: false }) {
            for (centre, k) in centres.iter_mut().zip(targets.clone()) {
                let scores = blocks.iter().flat_map(|(_, scores)| scores.column(k));
                *centre = scores.map(|&f| f64::from(f)).sum::<f64>() / masks;
            }
        }
        Sweep {
            plan,
            seed: ledger.seed(),
            targets,
            sums,
            mixing,
            centres,
            incidence: (0..=plan.family().states(plan.shape()[0]).min(FEW_STATES))
                .map(|state| plan.incidence(state))
                .collect(),
            blocks,
        }
    }

    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    pub fn width(&self) -> usize {
        self.plan.shape()[2]
    }

    fn maps(&self) -> usize {
        self.targets.len() * self.plan.planes()
    }

    /// The planes whose quotients are mixed into a pixel row's, by the row's first element: the first element of each of
    /// their rows, and its weight. Of sums only the row itself: they are mixed before.
    pub fn planes_behind(&self, element: usize) -> Vec<(usize, f64)> {
        let Some(mixing) = self.mixing.as_ref().filter(|_| self.sums == Sums::Ratio) else {
            return vec![(element, 1.0)];
        };
        let [_, height, width] = self.plan.shape();
        let (plane, ..) = self.locate(element);
        let first = element - plane * height * width;
        let weights = mixing.row(plane).into_iter().enumerate();
        weights
            .map(|(l, &weight)| (first + l * height * width, weight))
            .collect()
    }

    /// Values `[targets, J, ...]`, mixed.
    pub fn mixed(&self, values: Vec<f64>) -> Vec<f64> {
        match &self.mixing {
            Some(mixing) => {
                let targets = values.chunks_exact(values.len() / self.targets.len());
                targets.flat_map(|planes| mixed(mixing, planes)).collect()
            }
            None => values,
        }
    }

    /// Plane, row and column of an element of `[targets, J, H, W]`.
    pub fn locate(&self, element: usize) -> (usize, usize, usize) {
        let [_, height, width] = self.plan.shape();
        let plane = element / (height * width) % self.plan.planes();
        (plane, element / width % height, element % width)
    }

    /// The elements of `[targets, J, H, W]` inside the region.
    pub fn inside(&self) -> impl Iterator<Item = usize> {
        let [_, height, width] = self.plan.shape();
        let region = self.plan.spec().region.as_ref().map(|r| r.pixels());
        (0..self.maps() * height * width).filter(move |&p| {
            let (_, row, column) = self.locate(p);
            region.is_none_or(|pixels| pixels[[row, column]])
        })
    }

    /// Sets to 0 what is not evaluated.
    pub fn clear_outside(&self, map: &mut [f64]) {
        let Some(region) = self.plan.region_index() else {
            return;
        };
        let [_, height, width] = self.plan.shape();
        for (row, values) in map.chunks_exact_mut(width).enumerate() {
            for run in &region.outside[row % height] {
                values[run.clone()].fill(0.0);
            }
        }
    }

    /// Folds all blocks, in order, into an array `[targets, J, H, W]`, one pixel row at a time:
    /// `fold(first element of the row, masks of the block, the fields along the row, row)`; where planes are mixed at the
    /// pixels, the fields of each of [`Sweep::planes_behind`]. Rows are independent, so the result does not depend on the number of threads.
    pub fn fold(&self, fold: impl Fn(usize, f64, &[Vec<f64>], &mut [f64]) + Sync) -> Vec<f64> {
        let mut out = self.fold_wide(1, true, fold);
        self.clear_outside(&mut out);
        out
    }

    /// The sums of all fields over the blocks, each an array `[targets, J, H, W]`.
    pub fn totals(&self) -> Vec<Vec<f64>> {
        let (fields, width) = (self.sums.fields(), self.width());
        let wide = self.fold_wide(fields, false, |_, _, fields, out| {
            let added = fields.iter().flatten();
            out.iter_mut().zip(added).for_each(|(o, v)| *o += v);
        });
        let total = |field: usize| {
            let rows = wide.chunks_exact(fields * width);
            let mut total: Vec<f64> = rows
                .flat_map(|row| &row[field * width..(field + 1) * width])
                .copied()
                .collect();
            self.clear_outside(&mut total);
            total
        };
        (0..fields).map(total).collect()
    }

    /// [`Sweep::fold`] with `values` numbers a pixel, `[targets, J, H, values, W]`; with the fields of the planes behind
    /// each row, or with its own.
    fn fold_wide(
        &self,
        values: usize,
        behind: bool,
        fold: impl Fn(usize, f64, &[Vec<f64>], &mut [f64]) + Sync,
    ) -> Vec<f64> {
        let [_, height, width] = self.plan.shape();
        let mut out = vec![0.0; self.maps() * height * values * width];
        for chunk in self.blocks.chunks(self.chunk()) {
            let chunk: Vec<Enlarged> = chunk.par_iter().map(|b| self.enlarge(b)).collect();
            out.par_chunks_exact_mut(values * width)
                .enumerate()
                .for_each_init(Vec::new, |fields, (row, out)| {
                    let planes = match behind {
                        true => self.planes_behind(row * width),
                        false => vec![(row * width, 1.0)],
                    };
                    fields.resize(planes.len() * self.sums.fields(), vec![0.0; width]);
                    for block in &chunk {
                        let each = fields.chunks_exact_mut(self.sums.fields()).zip(&planes);
                        each.for_each(|(fields, (first, _))| {
                            self.row(block, first / width, fields)
                        });
                        fold(row * width, block.masks, fields, out);
                    }
                });
        }
        out
    }

    /// For each block and each of its maps `[targets, J]` the sum of a function of the pixel rows (inside the region).
    pub fn per_block(
        &self,
        value: impl Fn(usize, f64, &[Vec<f64>]) -> f64 + Sync,
    ) -> Vec<Vec<f64>> {
        let [_, height, width] = self.plan.shape();
        self.blocks
            .par_iter()
            .map(|block| {
                let block = self.enlarge(block);
                let mut fields = vec![vec![0.0; width]; self.sums.fields()];
                let mut add = |sum: f64, row: usize| {
                    self.row(&block, row, &mut fields);
                    let region = self.plan.region_index();
                    for run in region.map_or(&[][..], |region| &region.outside[row % height]) {
                        fields.iter_mut().for_each(|f| f[run.clone()].fill(0.0));
                    }
                    sum + value(row * width, block.masks, &fields)
                };
                let rows = |map: usize| map * height..(map + 1) * height;
                let maps = 0..self.maps();
                maps.map(|map| rows(map).fold(0.0, &mut add)).collect()
            })
            .collect()
    }

    /// For each block a function of its number of masks and of its sums in the cells, `[targets, J, fields, cells]`.
    pub fn in_cells<T: Send>(
        &self,
        value: impl Fn(&Block<'_>, f64, Vec<f64>) -> T + Sync,
    ) -> Vec<T> {
        let of_block = |(index, scores): &(u64, ArrayView2<'_, f32>)| {
            let block = Block::new(self.plan, self.seed, *index);
            let cells = self.cell_sums(&block, scores);
            value(&block, scores.dim().0 as f64, cells)
        };
        self.blocks.par_iter().map(of_block).collect()
    }

    fn chunk(&self) -> usize {
        let rows = self.maps() * self.sums.fields() * self.plan.cells()[0];
        let width = match &self.plan.spec().segments {
            Some(segments) => segments.count(),
            None => self.width(),
        };
        (CHUNK_BYTES / (8 * rows * width)).clamp(1, 64)
    }

    /// The fields of one map along a pixel row of `[targets, J, H]`.
    fn row(&self, block: &Enlarged, row: usize, fields: &mut [Vec<f64>]) {
        let height = self.plan.shape()[1];
        let (map, y) = (row / height, row % height);
        let (cell_rows, width) = (self.plan.cells()[0], self.width());
        if let Some(segments) = &self.plan.spec().segments {
            let labels = segments.labels().row(y);
            for (f, field) in fields.iter_mut().enumerate() {
                let cells = &block.wide[(map * self.sums.fields() + f) * segments.count()..];
                let pixels = field.iter_mut().zip(labels);
                pixels.for_each(|(o, &label)| *o = cells[label as usize]);
            }
            return;
        }
        let run = block.rows.runs.partition_point(|run| run.pixels.end <= y);
        let run = &block.rows.runs[run];
        let t = f64::from(block.rows.t[y]);
        for (f, field) in fields.iter_mut().enumerate() {
            let wide = &block.wide[(map * self.sums.fields() + f) * cell_rows * width..];
            let low = &wide[run.low * width..][..width];
            let high = &wide[run.high * width..][..width];
            for ((o, l), h) in field.iter_mut().zip(low).zip(high) {
                *o = l + t * (h - l);
            }
        }
    }

    fn enlarge(&self, (index, scores): &(u64, ArrayView2<'_, f32>)) -> Enlarged {
        let block = Block::new(self.plan, self.seed, *index);
        let cells = self.cell_sums(&block, scores);
        let cell_rows = self.plan.cells()[0];
        let rows = self.maps() * self.sums.fields() * cell_rows;
        let [row_taps, column_taps] = block.taps;
        let wide = match &self.plan.spec().segments {
            Some(_) => cells,
            None => {
                let mut wide = vec![0.0; rows * self.width()];
                widen(&cells, rows, &column_taps, &mut wide);
                wide
            }
        };
        Enlarged {
            masks: scores.dim().0 as f64,
            rows: row_taps,
            wide,
        }
    }
}
