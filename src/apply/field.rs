//! Fields over cells, enlarged to pixel rows, and the arithmetic of a row.

use crate::grid::{Run, Taps, widen};

/// One field over the cells (a weight or a value), enlarged along the columns, with the slope
/// towards the next row of cells.
#[derive(Clone, Default)]
pub(super) struct Field {
    pub cells: Vec<f32>,
    wide: Vec<f32>,
    slope: Vec<f32>,
}

impl Field {
    pub fn widen(&mut self, rows: usize, columns: &Taps) {
        let width = columns.t.len();
        self.wide.resize(rows * width, 0.0);
        self.slope.resize(width, 0.0);
        widen(&self.cells, rows, columns, &mut self.wide);
    }

    pub fn row(&self, row: usize) -> &[f32] {
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

/// One pixel row of a field: `low + t slope`.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    low: &'a [f32],
    slope: &'a [f32],
    t: f32,
}

impl<'a> Line<'a> {
    pub fn of(field: &'a Field, run: &Run, t: f32) -> Self {
        Line {
            low: field.row(run.low),
            slope: &field.slope,
            t,
        }
    }

    /// out = w I
    pub fn scale(self, soft: bool, image: &[f32], out: &mut [f32]) {
        let cells = out.iter_mut().zip(image).zip(self.low);
        if soft {
            for (((o, i), w), s) in cells.zip(self.slope) {
                *o = (w + self.t * s) * i;
            }
        } else {
            for ((o, i), w) in cells {
                *o = w * i;
            }
        }
    }

    /// out = w I + (1 - w) b
    pub fn mix(self, soft: bool, image: &[f32], base: &[f32], out: &mut [f32]) {
        let cells = out.iter_mut().zip(image).zip(base).zip(self.low);
        if soft {
            for ((((o, i), b), w), s) in cells.zip(self.slope) {
                let w = w + self.t * s;
                *o = w * i + (1.0 - w) * b;
            }
        } else {
            for (((o, i), b), w) in cells {
                *o = w * i + (1.0 - w) * b;
            }
        }
    }

    /// out = w I + v
    pub fn paint(self, soft: bool, w: Line<'_>, image: &[f32], out: &mut [f32]) {
        let cells = out.iter_mut().zip(image).zip(w.low).zip(self.low);
        if soft {
            for (((((o, i), w0), v0), ws), vs) in cells.zip(w.slope).zip(self.slope) {
                *o = (w0 + w.t * ws) * i + (v0 + self.t * vs);
            }
        } else {
            for (((o, i), w), v) in cells {
                *o = w * i + v;
            }
        }
    }

    /// out += w b; the baseline behind painted cells is rare, so one loop serves hard and soft.
    pub fn add(self, base: &[f32], out: &mut [f32]) {
        for (((o, b), w), s) in out.iter_mut().zip(base).zip(self.low).zip(self.slope) {
            *o += (w + self.t * s) * b;
        }
    }
}
