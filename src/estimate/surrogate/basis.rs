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

use ndarray::{Array2, Axis, Slice};

use crate::estimate::linalg::{Cholesky, gram};
use crate::masks::grid::{Enlargement, GridAxis, Placement, Taps};
use crate::masks::segments::Segments;

/// Cells of margin on either side, so that the field is free at the image's edges.
const MARGIN: f64 = 1.0;

/// Terms of the expansion with less than this share of the largest term's variance are left out.
pub(super) const NEGLIGIBLE: f64 = 1e-3;

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

/// One axis of the field.
pub(super) struct AxisBasis {
    /// For each offset A, `[cells, terms]`.
    pub cells: Vec<Array2<f64>>,
    /// T, `[pixels, terms]`.
    pub pixels: Array2<f64>,
    /// What the cells see of each term's variance, relative to the first.
    pub share: Vec<f64>,
}

/// The terms of one axis at every pixel, `[pixels, terms]`, and what the cells see of each term's variance.
fn field(axis: &GridAxis, length: f64, bump: Option<Bump>) -> (Array2<f64>, Vec<f64>) {
    let pitch = axis.pixels_per_cell();
    let extent = axis.pixels as f64 / pitch + 2.0 * MARGIN;
    // What a cell's extent leaves of a wave: sinc for a box, its square for a tent.
    let seen = |w: f64| {
        let sinc = if w == 0.0 {
            1.0
        } else {
            (w / 2.0).sin() / (w / 2.0)
        };
        match axis.enlargement {
            Enlargement::Nearest => sinc * sinc,
            Enlargement::Bilinear => sinc.powi(4),
        }
    };
    let spectrum = |k: usize| {
        let w = PI * k as f64 / extent;
        // (1 + (w l)² / 2ν)^(-ν - 1/2) at ν = 3/2.
        let density = (1.0 + (w * length).powi(2) / 3.0).powi(-2);
        (w, density, density * seen(w.min(2.0 * PI)))
    };
    let terms = (0..)
        .map(spectrum)
        .take_while(|&(w, _, seen)| w < 2.0 * PI && seen > NEGLIGIBLE);
    let terms: Vec<(f64, f64, f64)> = terms
        .enumerate()
        .map(|(k, (w, density, seen))| {
            let norm = if k == 0 { 1.0 } else { 2.0 };
            (w, (norm * density / extent).sqrt(), seen)
        })
        .collect();
    let field = Array2::from_shape_fn((axis.pixels, terms.len()), |(p, k)| {
        let (w, amplitude, _) = terms[k];
        let position = p as f64 + 0.5;
        let envelope = bump.map_or(1.0, |b| b.at(position / axis.pixels as f64));
        envelope * amplitude * (w * (position / pitch + MARGIN)).cos()
    });
    (field, terms.iter().map(|&(_, _, seen)| seen).collect())
}

impl AxisBasis {
    /// The basis for a length in cells, and for the bump, if there is one.
    pub fn new(axis: &GridAxis, length: f64, bump: Option<Bump>) -> Self {
        let pitch = axis.pixels_per_cell();
        let (field, share) = field(axis, length, bump);
        let taps: Vec<Taps> = (0..axis.offsets()).map(|o| axis.taps(o)).collect();
        let mut basis = AxisBasis {
            cells: taps
                .iter()
                .map(|t| down(t, axis.drawn(), &field) / pitch)
                .collect(),
            pixels: Array2::zeros((0, 0)),
            share,
        };
        // The mean prior variance of a cell is 1.
        let squares: f64 = basis.cells.iter().flatten().map(|a| a * a).sum();
        let cells = (axis.drawn() * axis.offsets()) as f64;
        let scale = (cells / squares).sqrt();
        basis.cells.iter_mut().for_each(|a| *a *= scale);
        if let [only] = &mut basis.cells[..] {
            // One offset: as many terms as cells are enough, and exact.
            if only.dim().0 < only.dim().1 {
                let mut covariance = gram(only.view());
                covariance.diag_mut().mapv_inplace(|v| v + 1e-10);
                if let Some(factor) = Cholesky::new(covariance) {
                    *only = factor.lower();
                    basis.share = vec![1.0; only.dim().0];
                }
            }
        }
        let offsets = taps.len() as f64;
        basis.pixels = Array2::zeros((axis.pixels, basis.share.len()));
        for (taps, cells) in taps.iter().zip(&basis.cells) {
            up(taps, cells, 1.0 / offsets, &mut basis.pixels);
        }
        basis
    }
}

/// The field under segments: A, `[segments, kept pairs of terms]`. A segment has the importance of the pixels it
/// covers, and lengths are in segments of the mean size.
pub(super) fn of_segments(
    segments: &Segments,
    length: f64,
    bumps: [Option<Bump>; 2],
) -> Array2<f64> {
    let (height, width) = segments.labels().dim();
    // A grid of as many cells, as near to squares as it gets.
    let side = ((height * width) as f64 / segments.count() as f64).sqrt();
    let axis = |pixels: usize| GridAxis {
        pixels,
        cells: ((pixels as f64 / side).round() as usize).clamp(1, pixels),
        enlargement: Enlargement::Nearest,
        placement: Placement::Fixed,
    };
    let (rows, row_share) = field(&axis(height), length, bumps[0]);
    let (columns, column_share) = field(&axis(width), length, bumps[1]);
    let pairs = (0..row_share.len()).flat_map(|r| (0..column_share.len()).map(move |c| (r, c)));
    let kept: Vec<(usize, usize)> = pairs
        .filter(|&(r, c)| row_share[r] * column_share[c] > NEGLIGIBLE)
        .collect();
    let mut cells = Array2::zeros((segments.count(), kept.len()));
    for ((y, x), &label) in segments.labels().indexed_iter() {
        let mut cell = cells.row_mut(label as usize);
        for (cell, &(r, c)) in cell.iter_mut().zip(&kept) {
            *cell += rows[[y, r]] * columns[[x, c]];
        }
    }
    // The mean prior variance of a segment is 1.
    let squares: f64 = cells.iter().map(|a| a * a).sum();
    cells *= (segments.count() as f64 / squares).sqrt();
    cells
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
fn up(taps: &Taps, field: &Array2<f64>, scale: f64, out: &mut Array2<f64>) {
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
    use super::*;

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
            let (field, _) = field(&axis, length, None);
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
