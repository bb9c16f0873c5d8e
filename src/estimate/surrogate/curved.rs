//! The map of a score that is an exponential of what is additive, exactly.

use ndarray::{Array1, Array2, Array3, ArrayView2, Axis};

use super::basis::{AxisBasis, up};
use super::design::Design;
use super::field::Field;
use super::scale::Curve;
use crate::masks::grid::{GridAxis, Taps};

/// Offsets of an axis that are gone through; where cells are larger than so many pixels, equally spaced ones.
const OFFSETS: usize = 32;

/// Exponents beyond which no score goes.
const BOUND: f64 = 20.0;

impl Curve {
    /// `exp(curvature * value)`.
    pub fn exponential(&self, value: f64) -> f64 {
        (self.curvature * value).clamp(-BOUND, BOUND).exp()
    }

    /// Of the score, where the exponential is at its mean.
    pub fn slope(&self) -> f64 {
        self.level * self.curvature
    }
}

impl Design<'_> {
    /// The map `[J, H, W]` of coefficients, of the score `level * e / E e` with `e = exp(curvature * value)`. Cells
    /// are independent, so that for what cell i adds to the value in state s, `v_i(s)`, the difference of Eq. 9
    /// at the cell is, at an offset o of the grid,
    ///
    /// `level E[e | o] / E e (E[e_i | i feeds plane j] - 1) / E e_i`, where `e_i = exp(curvature * v_i)`
    ///
    /// (1: in the unselected state it adds nothing), and a pixel's is the weighted mean of those of its cells, over all offsets, or where
    /// cells have more than 32 pixels over 16 to 32 equally spaced ones an axis.
    /// `None` where the states of a cell are too many to go through.
    pub fn curved_map(&self, weights: &Array1<f64>, curve: Curve) -> Option<Vec<f64>> {
        let cells = Cells::new(self, curve)?;
        let field = self.field_of(weights);
        let [_, height, width] = self.plan().shape();
        let mut out = match &**self.field() {
            Field::Segments { segments, own } => {
                let values = field.dot(&own.cells.t());
                let (differences, _) =
                    cells.differences(|f, cell| values[[f, cell]], segments.count());
                let labels = segments.labels();
                Array3::from_shape_fn((differences.dim().0, height, width), |(j, y, x)| {
                    differences[[j, labels[[y, x]] as usize]]
                })
            }
            Field::Grid { axes, pairs } => {
                let mut terms =
                    vec![Array2::zeros((axes[0].terms(), axes[1].terms())); field.dim().0];
                for (terms, field) in terms.iter_mut().zip(field.outer_iter()) {
                    pairs
                        .iter()
                        .zip(field)
                        .for_each(|(&pair, &v)| terms[pair] = v);
                }
                cells.on_grid(axes, self.plan().axes(), &terms, [height, width])
            }
        };
        if let Some(mixing) = self.mixing() {
            let planes = out.dim().0;
            let flat = out.into_shape_with_order((planes, height * width)).ok()?;
            let mixed = mixing.dot(&flat);
            out = mixed.into_shape_with_order((planes, height, width)).ok()?;
        }
        Some(out.into_iter().collect())
    }
}

/// Of so many offsets, those that stand for all.
fn offsets(count: usize) -> impl Iterator<Item = usize> {
    let step = count.div_ceil(OFFSETS).max(1);
    (step / 2..count).step_by(step)
}

/// What a cell's values make of its differences.
struct Cells<'a> {
    curve: Curve,
    p_pix: f64,
    /// `[states, features]`, from the unselected state on.
    states: &'a Array2<f64>,
    /// Of the features.
    means: &'a Array1<f64>,
    /// For each plane the states that feed it.
    feeding: Vec<Vec<usize>>,
}

impl<'a> Cells<'a> {
    fn new(design: &'a Design<'_>, curve: Curve) -> Option<Self> {
        let states = design.states().table()?;
        let plan = design.plan();
        let count = states.dim().0;
        let feeding = (0..plan.planes()).map(|j| {
            let feeds = |&s: &usize| plan.incidence(s as u64) >> j & 1 == 1;
            (1..count).filter(feeds).collect()
        });
        Some(Cells {
            curve,
            p_pix: plan.spec().p_pix,
            states,
            means: &design.states().means,
            feeding: feeding.collect(),
        })
    }

    /// The differences `[J, cells]` for the value of each feature in a cell, but for `E[e | o] / E e`; and the logarithm of
    /// `E[e | o]`.
    fn differences(&self, value: impl Fn(usize, usize) -> f64, cells: usize) -> (Array2<f64>, f64) {
        let (count, features) = self.states.dim();
        let mut out = Array2::zeros((self.feeding.len(), cells));
        let mut exponentials = vec![1.0; count];
        let mut own = vec![0.0; features];
        let mut logarithm = 0.0;
        for (cell, mut out) in out.axis_iter_mut(Axis(1)).enumerate() {
            own.iter_mut()
                .enumerate()
                .for_each(|(f, own)| *own = value(f, cell));
            let states = exponentials.iter_mut().zip(self.states.outer_iter());
            for (e, features) in states.skip(1) {
                let sum: f64 = features.iter().zip(&own).map(|(f, v)| f * v).sum();
                *e = self.curve.exponential(sum);
            }
            let selected = exponentials[1..].iter().sum::<f64>() / (count - 1) as f64;
            let mean = 1.0 - self.p_pix + self.p_pix * selected;
            // Values have the mean 0 at every offset.
            let centre: f64 = self.means.iter().zip(&own).map(|(f, v)| f * v).sum();
            logarithm += mean.ln() - self.curve.curvature * centre;
            for (out, feeding) in out.iter_mut().zip(&self.feeding) {
                let sum: f64 = feeding.iter().map(|&s| exponentials[s]).sum();
                let given = sum / feeding.len().max(1) as f64;
                *out = self.curve.level * (given - 1.0) / mean;
            }
        }
        (out, logarithm)
    }

    /// The map `[J, H, W]`: the differences of all offsets, enlarged, one axis after the other.
    fn on_grid(
        &self,
        [rows, columns]: &[AxisBasis; 2],
        [row_axis, column_axis]: [&GridAxis; 2],
        terms: &[Array2<f64>],
        [height, width]: [usize; 2],
    ) -> Array3<f64> {
        let taps = |axis: &GridAxis| -> Vec<Taps> {
            offsets(axis.offsets()).map(|o| axis.taps(o)).collect()
        };
        let (row_taps, column_taps) = (taps(row_axis), taps(column_axis));
        let half = |cells: &Array2<f64>| terms.iter().map(|terms| cells.dot(terms)).collect();
        let halves: Vec<Vec<Array2<f64>>> = offsets(rows.cells.len())
            .map(|offset| half(&rows.cells[offset]))
            .collect();
        let across = columns.cells.first().map_or(0, |cells| cells.dim().0);
        let down = rows.cells.first().map_or(0, |cells| cells.dim().0);
        // By column offsets, and for each by row offsets.
        let mut of_offsets = Vec::with_capacity(row_taps.len() * column_taps.len());
        for offset in offsets(columns.cells.len()) {
            let column_cells = &columns.cells[offset];
            for halves in &halves {
                let halves = halves.iter();
                let values: Vec<_> = halves.map(|half| half.dot(&column_cells.t())).collect();
                let value = |f: usize, cell: usize| values[f][[cell / across, cell % across]];
                of_offsets.push(self.differences(value, down * across));
            }
        }
        let top = of_offsets
            .iter()
            .fold(f64::NEG_INFINITY, |top, (_, l)| top.max(*l));
        let total: f64 = of_offsets.iter().map(|(_, l)| (l - top).exp()).sum();
        let planes = self.feeding.len();
        let mut out = Array3::zeros((planes, width, height));
        let of_columns = of_offsets.chunks(row_taps.len().max(1));
        for (taps, of_rows) in column_taps.iter().zip(of_columns) {
            let mut strips = vec![Array2::zeros((height, across)); planes];
            for (taps, (differences, logarithm)) in row_taps.iter().zip(of_rows) {
                let share = (logarithm - top).exp() / total;
                for (strip, differences) in strips.iter_mut().zip(differences.outer_iter()) {
                    let cells = differences.as_slice().unwrap_or_default();
                    if let Ok(cells) = ArrayView2::from_shape((down, across), cells) {
                        up(taps, cells, share, strip.view_mut());
                    }
                }
            }
            for (strip, out) in strips.iter().zip(out.outer_iter_mut()) {
                up(taps, strip.t(), 1.0, out);
            }
        }
        out.permuted_axes([0, 2, 1])
            .as_standard_layout()
            .into_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::features::Features;
    use super::super::prior::GROUPS;
    use super::*;
    use crate::masks::family::{McRise, Racm, Rise};
    use crate::masks::grid::Placement;
    use crate::masks::plan::Plan;
    use crate::masks::spec::MaskSpec;

    /// The weights of the cells in each pixel of an axis, `[pixels, cells]`, at an offset.
    fn enlargement(axis: &GridAxis, offset: usize) -> Array2<f64> {
        let mut out = Array2::zeros((axis.pixels, axis.drawn()));
        let unit = Array2::eye(axis.drawn());
        up(&axis.taps(offset), unit.view(), 1.0, out.view_mut());
        out
    }

    /// Against the expectations over all masks and offsets: E[M_j f] / E[M_j] - E[M_0 f] / E[M_0].
    fn against_all_masks(spec: MaskSpec, shape: [usize; 3]) {
        let plan = Plan::new(shape, &spec).unwrap();
        let states = Arc::new(Features::new(&plan));
        let field = Arc::new(Field::new(&plan, [None, None]));
        let scales = field.scales(0.8);
        let design = Design::new(&plan, 0, &states, &field, |_| &scales, [1.0; GROUPS]);
        let weights = Array1::from_shape_fn(design.features(), |i| 1.5 * (1.7 * i as f64).sin());
        let curve = Curve {
            curvature: -0.8,
            level: 2.5,
        };
        let found = design.curved_map(&weights, curve).unwrap();

        let [_, height, width] = shape;
        let Field::Grid { axes, pairs } = &*field else {
            unreachable!()
        };
        let of_features = design.field_of(&weights);
        let table = states.table().unwrap();
        let (count, planes) = (table.dim().0, plan.planes());
        // The last plane is the unselected one.
        let mut sums = Array3::<f64>::zeros((planes + 1, height, width));
        let mut shares = sums.clone();
        let (mut total, mut all) = (0.0, 0.0);
        let [row_axis, column_axis] = plan.axes();
        for (o, row_cells) in axes[0].cells.iter().enumerate() {
            for (p, column_cells) in axes[1].cells.iter().enumerate() {
                let (across, cells) = (column_axis.drawn(), row_axis.drawn() * column_axis.drawn());
                let (rows, columns) = (enlargement(row_axis, o), enlargement(column_axis, p));
                let value = |cell: usize, state: usize| {
                    let of_pairs = pairs.iter().enumerate().map(|(i, &(r, c))| {
                        let feature = of_features
                            .column(i)
                            .dot(&(&table.row(state) - &states.means));
                        feature * row_cells[[cell / across, r]] * column_cells[[cell % across, c]]
                    });
                    of_pairs.sum::<f64>()
                };
                let values = Array2::from_shape_fn((cells, count), |(c, s)| value(c, s));
                for mask in 0..count.pow(cells as u32) {
                    let state = |cell: usize| mask / count.pow(cell as u32) % count;
                    let probability = |cell: usize| match state(cell) {
                        0 => 1.0 - spec.p_pix,
                        _ => spec.p_pix / (count - 1) as f64,
                    };
                    let p: f64 = (0..cells).map(probability).product();
                    let sum: f64 = (0..cells).map(|cell| values[[cell, state(cell)]]).sum();
                    let e = p * curve.exponential(sum);
                    (total, all) = (total + e, all + p);
                    for ((j, y, x), out) in sums.indexed_iter_mut() {
                        let share = (0..cells).map(|cell| {
                            let feeds = match j == planes {
                                true => state(cell) == 0,
                                false => {
                                    plan.incidence(state(cell) as u64) >> j & 1 == 1
                                        && state(cell) > 0
                                }
                            };
                            let weight = rows[[y, cell / across]] * columns[[x, cell % across]];
                            f64::from(u8::from(feeds)) * weight
                        });
                        let share: f64 = share.sum();
                        *out += e * share;
                        shares[[j, y, x]] += p * share;
                    }
                }
            }
        }
        let mean = total / all;
        for (i, found) in found.iter().enumerate() {
            let (j, y, x) = (i / (height * width), i / width % height, i % width);
            let given = |j: usize| sums[[j, y, x]] / shares[[j, y, x]];
            let expected = curve.level * (given(j) - given(planes)) / mean;
            assert!(
                (found - expected).abs() < 1e-9,
                "{j} {y} {x}: {found} {expected}"
            );
        }
        // A straight line is what is left of a flat curve.
        let flat = Curve {
            curvature: 1e-7,
            level: 1e7,
        };
        let map = design.map(&weights);
        let curved = design.curved_map(&weights, flat).unwrap();
        assert!(map.iter().zip(curved).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn maps_of_exponentials_are_those_of_all_masks() {
        let spec = |cells: [usize; 2], p_pix| MaskSpec {
            grid: Some(cells),
            p_pix,
            ..MaskSpec::new(Racm)
        };
        against_all_masks(
            MaskSpec {
                placement: Placement::Fixed,
                ..spec([2, 2], 0.4)
            },
            [2, 6, 5],
        );
        against_all_masks(spec([1, 2], 0.7), [2, 3, 4]);
        against_all_masks(spec([1, 1], 0.3), [3, 2, 3]);
        against_all_masks(
            MaskSpec {
                grid: Some([1, 2]),
                ..MaskSpec::new(Rise)
            },
            [3, 4, 6],
        );
        against_all_masks(
            MaskSpec {
                grid: Some([1, 1]),
                p_pix: 0.6,
                ..MaskSpec::new(McRise::rgb())
            },
            [3, 3, 2],
        );
    }

    #[test]
    fn some_offsets_of_large_cells_stand_for_all() {
        for (count, expected) in [(1, 1), (32, 32), (33, 16), (512, 32)] {
            assert_eq!(offsets(count).count(), expected, "{count}");
        }
        let spec = MaskSpec {
            grid: Some([2, 1]),
            ..MaskSpec::new(Rise)
        };
        let plan = Plan::new([1, 180, 70], &spec).unwrap();
        let states = Arc::new(Features::new(&plan));
        let field = Arc::new(Field::new(&plan, [None, None]));
        let scales = field.scales(0.8);
        let design = Design::new(&plan, 0, &states, &field, |_| &scales, [1.0; GROUPS]);
        let weights = Array1::from_shape_fn(design.features(), |i| (1.7 * i as f64).sin());
        let flat = Curve {
            curvature: 1e-7,
            level: 1e7,
        };
        let map = design.map(&weights);
        let largest = map.iter().fold(0.0, |a: f64, v| a.max(v.abs()));
        let curved = design.curved_map(&weights, flat).unwrap();
        for (a, b) in map.iter().zip(curved) {
            assert!((a - b).abs() < 0.01 * largest, "{a} {b} {largest}");
        }
    }
}
