//! The rows of a series' plots: from values to pixels, and the numbers at the left.

use image::RgbImage;
use ndarray::ArrayView2;

use super::legend::{FRAME, LINE, TICK, framed};
use super::plot::{Axis, cover};
use super::text;
use super::text::INK;

/// The height of a line's plot, and of the importance's below it: room for three numbers.
pub(super) const HEIGHT: u32 = 58;
/// Between a line and the importance below it.
pub(super) const SEAM: u32 = 5;
/// Below both.
pub(super) const GAP: u32 = 14;
/// From a line to its plot's edge.
const INSET: u32 = 4;

/// From values to the rows of a plot.
pub(super) struct Rows {
    pub low: f64,
    pub high: f64,
}

impl Rows {
    /// From the smallest to the largest value; NaN is none.
    pub(super) fn of_line(line: &ArrayView2<'_, f32>) -> Self {
        let low = line.iter().fold(f32::INFINITY, |a, &b| a.min(b));
        let high = line.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        let (low, high) = match low <= high {
            true => (low.into(), high.into()),
            false => (0.0, 0.0),
        };
        Self { low, high }
    }

    /// How far below the plot's upper edge a value stands.
    pub(super) fn row(&self, value: f64) -> f64 {
        let inside = HEIGHT - 2 * INSET;
        let axis = Axis::new(self.low, self.high, inside);
        f64::from(HEIGHT - INSET) - axis.at(value)
    }

    /// The numbers at both ends, and 0 where there is room between them, with their rows.
    pub(super) fn labels(&self, signed: bool) -> Vec<(f64, String)> {
        let range = self.high - self.low;
        let mut at = vec![self.high];
        if range > 0.0 {
            at.push(self.low);
        }
        let far = |end: &f64| (self.row(0.0) - self.row(*end)).abs() > f64::from(text::LINE);
        if self.low < 0.0 && self.high > 0.0 && at.iter().all(far) {
            at.push(0.0);
        }
        let range = if range > 0.0 { range } else { self.high };
        let label = |value| (self.row(value), text::number(value, range, signed));
        at.into_iter().map(label).collect()
    }
}

/// What stands under one name.
pub(super) struct Block<'a> {
    pub name: &'a str,
    pub note: Option<&'a str>,
    pub channel: Option<usize>,
    pub plane: Option<usize>,
}

impl Block<'_> {
    /// The note stays whole where there is room for the name, too.
    pub(super) fn title(&self, width: u32) -> String {
        let Some(note) = self.note else {
            return text::fitted(self.name, width);
        };
        let note = format!(", {note}");
        let room = width.saturating_sub(text::width(&text::clean(&note)));
        text::fitted(
            &(text::fitted(self.name, room.max(width / 2)) + &note),
            width,
        )
    }

    pub(super) fn height(&self) -> u32 {
        let plots = u32::from(self.channel.is_some()) + u32::from(self.plane.is_some());
        LINE + plots * (HEIGHT + SEAM) - SEAM + GAP
    }
}

/// A plot with its upper left corner at (`x`, `y`), and its numbers at the left of it.
pub(super) fn beside_plot(
    sheet: &mut RgbImage,
    x: u32,
    y: u32,
    plot: &RgbImage,
    labels: &[(f64, String)],
) {
    framed(sheet, x, y, plot);
    for (row, label) in labels {
        for dx in 2..=TICK {
            cover(sheet, x - dx, y + *row as u32, FRAME, 1.0);
        }
        let line = (row - f64::from(text::LINE / 2)).clamp(0.0, f64::from(HEIGHT - text::LINE));
        let left = x - TICK - 4 - text::width(label);
        text::draw(sheet, left, y + line as u32, label, INK);
    }
}

/// Lays a colour over a column of pixels, from `top` to `bottom`.
pub(super) fn strip(
    plot: &mut RgbImage,
    x: u32,
    top: f64,
    bottom: f64,
    colour: [u8; 3],
    strength: f64,
) {
    let rows = top.max(0.0) as u32..(bottom.ceil().max(0.0) as u32).min(HEIGHT);
    for y in rows {
        let (from, to) = (f64::from(y).max(top), f64::from(y + 1).min(bottom));
        cover(plot, x, y, colour, strength * (to - from));
    }
}
