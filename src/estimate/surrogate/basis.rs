//! The smooth field behind the cells' coefficients, one axis at a time.
//!
//! A pixel at position x (in cells) has the importance g(x), a Gaussian process with Matérn's kernel of
//! order 3/2 and length l along each axis, which leaves more to fine detail than a Gaussian one; and a
//! cell has that of the pixels it covers, `beta = Uᵀ g`. Cells of all offsets so share one field, and
//! neighbours are correlated by their overlap and by l. The process, times a bump where the scores ask
//! for one, is expanded in cosines over the image and a margin (Solin and Särkkä 2020), so that
//! `beta = A w` with w independent and standard normal, and the mean over offsets of `U beta`, which
//! is the map, is `T w`.

use std::f64::consts::PI;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Slice};

use crate::masks::grid::{Enlargement, GridAxis, Placement, Taps};
use crate::masks::segments::Segments;

/// Lengths to choose from, in cells.
pub(super) const LENGTHS: [f64; 6] = [0.25, 0.5, 0.8, 1.2, 2.0, 3.5];

/// Cells of margin on either side, so that the field is free at the image's edges.
const MARGIN: f64 = 1.0;

/// Terms of the expansion with less than this share of the largest term's variance are left out.
pub(super) const NEGLIGIBLE: f64 = 1e-3;

/// Pairs of terms at most: what a fit costs grows with their cube, and many fine cells need no finer field.
const PAIRS: usize = 512;

/// Where along an axis the field is large, in fractions of the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bump {
    pub centre: f64,
    pub width: f64,
}

impl Bump {
    /// The field's standard deviation at a position, relative to the largest; never below a tenth.
    fn at(self, position: f64) -> f64 {
        const FLOOR: f64 = 0.1;
        let u = (position - self.centre) / self.width;
        FLOOR + (1.0 - FLOOR) * (-0.5 * u * u).exp()
    }
}

/// One axis of the field: cosines times the bump, not yet scaled by a length.
pub(super) struct AxisBasis {
    /// For each offset A, `[cells, terms]`.
    pub cells: Vec<Array2<f64>>,
    /// T, `[pixels, terms]`.
    pub pixels: Array2<f64>,
    waves: Waves,
    /// For each term the sum of squares over the cells of all offsets.
    squares: Vec<f64>,
    count: f64,
}

/// The cosines of an axis.
struct Waves {
    waves: Vec<f64>,
    extent: f64,
    enlargement: Enlargement,
}

impl Waves {
    /// Those that the cells see with the shortest length.
    fn new(axis: &GridAxis) -> Self {
        let extent = axis.pixels as f64 / axis.pixels_per_cell() + 2.0 * MARGIN;
        let mut own = Waves {
            waves: Vec::new(),
            extent,
            enlargement: axis.enlargement,
        };
        own.waves = (0..)
            .map(|k| PI * k as f64 / extent)
            .take_while(|&w| w < 2.0 * PI && own.density(w, LENGTHS[0]) * own.seen(w) > NEGLIGIBLE)
            .collect();
        own
    }

    /// What a cell's extent leaves of a wave: sinc for a box, its square for a tent.
    fn seen(&self, w: f64) -> f64 {
        let sinc = if w == 0.0 {
            1.0
        } else {
            (w / 2.0).sin() / (w / 2.0)
        };
        match self.enlargement {
            Enlargement::Nearest => sinc * sinc,
            Enlargement::Bilinear => sinc.powi(4),
        }
    }

    /// (1 + (w l)² / 2ν)^(-ν - 1/2) at ν = 3/2.
    fn density(&self, w: f64, length: f64) -> f64 {
        (1.0 + (w * length).powi(2) / 3.0).powi(-2)
    }

    fn variances(&self, length: f64) -> Vec<f64> {
        let norm = |w: f64| if w == 0.0 { 1.0 } else { 2.0 };
        let waves = self.waves.iter();
        waves
            .map(|&w| norm(w) * self.density(w, length) / self.extent)
            .collect()
    }

    /// What the cells see of each term's variance, relative to the first.
    fn shares(&self, length: f64) -> Vec<f64> {
        let waves = self.waves.iter();
        waves
            .map(|&w| self.density(w, length) * self.seen(w))
            .collect()
    }

    /// The terms at every pixel, `[pixels, terms]`.
    fn field(&self, axis: &GridAxis, bump: Option<Bump>) -> Array2<f64> {
        let pitch = axis.pixels_per_cell();
        Array2::from_shape_fn((axis.pixels, self.waves.len()), |(p, k)| {
            let position = p as f64 + 0.5;
            let envelope = bump.map_or(1.0, |b| b.at(position / axis.pixels as f64));
            envelope * (self.waves[k] * (position / pitch + MARGIN)).cos()
        })
    }
}

impl AxisBasis {
    pub fn new(axis: &GridAxis, bump: Option<Bump>) -> Self {
        let pitch = axis.pixels_per_cell();
        let waves = Waves::new(axis);
        let field = waves.field(axis, bump);
        let taps: Vec<Taps> = (0..axis.offsets()).map(|o| axis.taps(o)).collect();
        let cells: Vec<_> = taps
            .iter()
            .map(|t| down(t, axis.drawn(), &field) / pitch)
            .collect();
        let offsets = taps.len() as f64;
        let mut pixels = Array2::zeros((axis.pixels, waves.waves.len()));
        for (taps, cells) in taps.iter().zip(&cells) {
            up(taps, cells.view(), 1.0 / offsets, pixels.view_mut());
        }
        let mut squares = vec![0.0; waves.waves.len()];
        for row in cells.iter().flat_map(|cells| cells.outer_iter()) {
            squares.iter_mut().zip(row).for_each(|(s, v)| *s += v * v);
        }
        AxisBasis {
            cells,
            pixels,
            waves,
            squares,
            count: (axis.drawn() * axis.offsets()) as f64,
        }
    }

    pub fn terms(&self) -> usize {
        self.squares.len()
    }

    /// The deviation of each term for a length, so that the mean prior variance of a cell is 1; and
    /// the cells' share of its variance.
    pub fn scales(&self, length: f64) -> (Vec<f64>, Vec<f64>) {
        let variances = self.waves.variances(length);
        let sum: f64 = variances
            .iter()
            .zip(&self.squares)
            .map(|(v, s)| v * s)
            .sum();
        let scale = self.count / sum;
        let scales = variances.iter().map(|v| (v * scale).sqrt()).collect();
        (scales, self.waves.shares(length))
    }
}

/// The field under segments. A segment has the importance of the pixels it
/// covers, and lengths are in segments of the mean size.
pub(super) struct SegmentBasis {
    /// `[segments, pairs]`.
    pub cells: Array2<f64>,
    pub pairs: Vec<(usize, usize)>,
    waves: [Waves; 2],
    squares: Vec<f64>,
}

impl SegmentBasis {
    pub fn new(segments: &Segments, bumps: [Option<Bump>; 2]) -> Self {
        let (height, width) = segments.labels().dim();
        // A grid of as many cells, as near to squares as it gets.
        let side = ((height * width) as f64 / segments.count() as f64).sqrt();
        let axis = |pixels: usize| GridAxis {
            pixels,
            cells: ((pixels as f64 / side).round() as usize).clamp(1, pixels),
            enlargement: Enlargement::Nearest,
            placement: Placement::Fixed,
        };
        let axes = [axis(height), axis(width)];
        let waves = [0, 1].map(|i| Waves::new(&axes[i]));
        let [rows, columns] = [0, 1].map(|i| waves[i].field(&axes[i], bumps[i]));
        let pairs = seen(waves[0].shares(LENGTHS[0]), waves[1].shares(LENGTHS[0]));
        let mut cells = Array2::zeros((segments.count(), pairs.len()));
        for ((y, x), &label) in segments.labels().indexed_iter() {
            let mut cell = cells.row_mut(label as usize);
            for (cell, &(r, c)) in cell.iter_mut().zip(&pairs) {
                *cell += rows[[y, r]] * columns[[x, c]];
            }
        }
        let squares = cells.map_axis(Axis(0), |c| c.dot(&c)).to_vec();
        SegmentBasis {
            cells,
            pairs,
            waves,
            squares,
        }
    }

    /// As [`AxisBasis::scales`], by pairs.
    pub fn scales(&self, length: f64) -> Vec<f64> {
        let [rows, columns] = [0, 1].map(|i| {
            (
                self.waves[i].variances(length),
                self.waves[i].shares(length),
            )
        });
        let variances = self.pairs.iter().map(|&(r, c)| {
            if rows.1[r] * columns.1[c] > NEGLIGIBLE {
                rows.0[r] * columns.0[c]
            } else {
                0.0
            }
        });
        let variances: Vec<f64> = variances.collect();
        let sum: f64 = variances
            .iter()
            .zip(&self.squares)
            .map(|(v, s)| v * s)
            .sum();
        let scale = self.cells.dim().0 as f64 / sum;
        variances.iter().map(|v| (v * scale).sqrt()).collect()
    }
}

/// Pairs of terms that are not negligible; of too many those that cells see most of.
pub(super) fn seen(rows: Vec<f64>, columns: Vec<f64>) -> Vec<(usize, usize)> {
    let share = |&(r, c): &(usize, usize)| rows[r] * columns[c];
    let pairs = (0..rows.len()).flat_map(|r| (0..columns.len()).map(move |c| (r, c)));
    let mut pairs: Vec<_> = pairs.filter(|pair| share(pair) > NEGLIGIBLE).collect();
    if pairs.len() > PAIRS {
        pairs.sort_by(|a, b| share(b).total_cmp(&share(a)));
        pairs.truncate(PAIRS);
        pairs.sort_unstable();
    }
    pairs
}

/// Uᵀ of a field, `[pixels, terms]` to `[cells, terms]`.
fn down(taps: &Taps, cells: usize, field: &Array2<f64>) -> Array2<f64> {
    let mut out = Array2::zeros((cells, field.dim().1));
    for run in &taps.runs {
        for p in run.pixels.clone() {
            let t = f64::from(taps.t[p]);
            out.row_mut(run.low).scaled_add(1.0 - t, &field.row(p));
            out.row_mut(run.high).scaled_add(t, &field.row(p));
        }
    }
    out
}

/// Adds `scale` times U of a field, `[cells, terms]` to `[pixels, terms]`.
pub(super) fn up(
    taps: &Taps,
    field: ArrayView2<'_, f64>,
    scale: f64,
    mut out: ArrayViewMut2<'_, f64>,
) {
    for run in &taps.runs {
        let mut out = out.slice_axis_mut(Axis(0), Slice::from(run.pixels.clone()));
        for (mut out, &t) in out.outer_iter_mut().zip(&taps.t[run.pixels.clone()]) {
            let t = f64::from(t);
            out.scaled_add(scale * (1.0 - t), &field.row(run.low));
            out.scaled_add(scale * t, &field.row(run.high));
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array1;

    use super::*;

    #[test]
    fn of_too_many_terms_those_stay_that_cells_see_most_of() {
        let shares = |terms: usize| (0..terms).map(|k| 0.99f64.powi(k as i32)).collect();
        let few = seen(shares(10), shares(9));
        assert_eq!(few.len(), 90);
        let many = seen(shares(60), shares(50));
        assert_eq!(many.len(), PAIRS);
        assert!(many.is_sorted());
        // Shares fall with the sum of both indices.
        let last = many.iter().map(|(r, c)| r + c).max().unwrap();
        let before = (0..60).flat_map(|r| (0..50).map(move |c| (r, c)));
        let mut before = before.filter(|(r, c)| r + c < last);
        assert!(before.all(|pair| many.binary_search(&pair).is_ok()));
    }

    /// Far from the edges the expansion has Matérn's kernel, `(1 + r) exp(-r)` with r = sqrt(3) distance / l, as far as
    /// the terms that are kept go.
    #[test]
    fn the_field_has_materns_kernel() {
        let axis = GridAxis {
            pixels: 160,
            cells: 16,
            enlargement: Enlargement::Bilinear,
            placement: Placement::Fixed,
        };
        for length in [1.2, 2.0] {
            let basis = AxisBasis::new(&axis, None);
            let field = basis.waves.field(&axis, None) * &Array1::from_vec(basis.scales(length).0);
            let covariance = |a: usize, b: usize| field.row(a).dot(&field.row(b));
            for distance in [5_usize, 10, 20, 40] {
                let (a, b) = (80 - distance / 2, 80 + distance.div_ceil(2));
                let r = 3f64.sqrt() * distance as f64 / 10.0 / length;
                let found = covariance(a, b) / (covariance(a, a) * covariance(b, b)).sqrt();
                let expected = (1.0 + r) * (-r).exp();
                assert!(
                    (found - expected).abs() < 0.03,
                    "{length} {distance}: {found} {expected}"
                );
            }
        }
    }
}
