//! Fields over cells, enlarged to pixel rows, and the arithmetic of a row.

use crate::masks::grid::{Run, Taps, widen};

/// One field over the cells (a weight or a value), enlarged along the columns, with the slope
/// towards the next row of cells.
#[derive(Clone, Default)]
pub(super) struct Field {
    cells: Vec<f32>,
    wide: Vec<f32>,
    slope: Vec<f32>,
}

impl Field {
    pub fn set(&mut self, cells: impl Iterator<Item = f32>, rows: usize, columns: &Taps) {
        self.cells.clear();
        self.cells.extend(cells);
        let width = columns.t.len();
        self.wide.resize(rows * width, 0.0);
        self.slope.resize(width, 0.0);
        widen(&self.cells, rows, columns, &mut self.wide);
    }

    fn row(&self, row: usize) -> &[f32] {
        let width = self.slope.len();
        &self.wide[row * width..][..width]
    }

    pub fn slope_of(&mut self, run: &Run) {
        let width = self.slope.len();
        let low = &self.wide[run.low * width..][..width];
        let high = &self.wide[run.high * width..][..width];
        for ((s, l), h) in self.slope.iter_mut().zip(low).zip(high) {
            *s = h - l;
        }
    }
}

/// The pixel rows of a field between two rows of cells: `low + t slope`, with one t a row.
///
/// The loops go through memory in one direction, one row after the other: several rows at a time
/// take fewer instructions, and longer.
#[derive(Clone, Copy)]
pub(super) struct Band<'a> {
    low: &'a [f32],
    slope: &'a [f32],
    t: &'a [f32],
    soft: bool,
}

impl<'a> Band<'a> {
    pub fn of(field: &'a Field, run: &Run, t: &'a [f32]) -> Self {
        Band {
            low: field.row(run.low),
            slope: &field.slope,
            t: &t[run.pixels.clone()],
            soft: run.low != run.high,
        }
    }

    fn width(self) -> usize {
        self.low.len()
    }

    /// out = w I
    pub fn scale(self, image: &[f32], out: &mut [f32]) {
        let rows = out.chunks_exact_mut(self.width());
        for ((out, image), &t) in rows.zip(image.chunks_exact(self.width())).zip(self.t) {
            let pixels = out.iter_mut().zip(image).zip(self.low);
            if self.soft {
                for (((o, i), w), s) in pixels.zip(self.slope) {
                    *o = (w + t * s) * i;
                }
            } else {
                for ((o, i), w) in pixels {
                    *o = w * i;
                }
            }
        }
    }

    /// out = w I + (1 - w) b
    pub fn mix<'b>(self, image: &[f32], base: impl Iterator<Item = &'b [f32]>, out: &mut [f32]) {
        let rows = out.chunks_exact_mut(self.width());
        let rows = rows.zip(image.chunks_exact(self.width())).zip(base);
        for (((out, image), base), &t) in rows.zip(self.t) {
            let pixels = out.iter_mut().zip(image).zip(base).zip(self.low);
            if self.soft {
                for ((((o, i), b), w), s) in pixels.zip(self.slope) {
                    let w = w + t * s;
                    *o = w * i + (1.0 - w) * b;
                }
            } else {
                for (((o, i), b), w) in pixels {
                    *o = w * i + (1.0 - w) * b;
                }
            }
        }
    }

    /// out = w I + v
    pub fn paint(self, w: Band<'_>, image: &[f32], out: &mut [f32]) {
        let rows = out.chunks_exact_mut(self.width());
        for ((out, image), &t) in rows.zip(image.chunks_exact(self.width())).zip(self.t) {
            let pixels = out.iter_mut().zip(image).zip(w.low).zip(self.low);
            if self.soft {
                for (((((o, i), w), v), ws), vs) in pixels.zip(w.slope).zip(self.slope) {
                    *o = (w + t * ws) * i + (v + t * vs);
                }
            } else {
                for (((o, i), w), v) in pixels {
                    *o = w * i + v;
                }
            }
        }
    }

    /// out += w b; the baseline behind painted cells is rare, so one loop serves hard and soft.
    pub fn add(self, base: &[f32], out: &mut [f32]) {
        let rows = out.chunks_exact_mut(self.width());
        for ((out, base), &t) in rows.zip(base.chunks_exact(self.width())).zip(self.t) {
            for (((o, b), w), s) in out.iter_mut().zip(base).zip(self.low).zip(self.slope) {
                *o += (w + t * s) * b;
            }
        }
    }
}
