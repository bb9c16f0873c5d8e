//! The rows of a series' plots: from values to pixels, and the numbers at the left.

use std::ops::Range;

use ndarray::ArrayView2;

use super::drawing::{Anchor, Drawing, FRAME};
use super::legend::{LINE, TICK};
use super::plot::Axis;
use super::text::{self, Letters};

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
    pub(super) fn title(&self, letters: Letters, width: u32) -> String {
        let Some(note) = self.note else {
            return letters.fitted(self.name, width);
        };
        let note = format!(", {note}");
        let room = width.saturating_sub(letters.width(&letters.clean(&note)));
        let name = letters.fitted(self.name, room.max(width / 2));
        letters.fitted(&(name + &note), width)
    }

    pub(super) fn height(&self) -> u32 {
        let plots = u32::from(self.channel.is_some()) + u32::from(self.plane.is_some());
        LINE + plots * (HEIGHT + SEAM) - SEAM + GAP
    }
}

/// An empty plot with its upper left corner at (`x`, `y`), and its numbers at the left of it.
pub(super) fn beside_plot(sheet: &mut Drawing, x: u32, y: u32, labels: &[(f64, String)]) {
    for (row, label) in labels {
        sheet.fill([x - TICK, y + *row as u32], [TICK - 1, 1], FRAME);
        let line = (row - f64::from(text::LINE / 2)).clamp(0.0, f64::from(HEIGHT - text::LINE));
        let (right, line) = (x - TICK - 4, y + line as u32);
        sheet.anchored(right, line, Anchor::End, label.clone());
    }
}

/// Of a column of a plot, what lies between `top` and `bottom` and inside.
pub(super) fn strip(top: f64, bottom: f64) -> [f64; 2] {
    let inside = |row: f64| row.clamp(0.0, f64::from(HEIGHT));
    [inside(top), inside(bottom)]
}

/// The runs of neighbours that `kind` says the same of.
pub(super) fn runs<T, K: PartialEq>(
    columns: &[T],
    kind: impl Fn(&T) -> Option<K>,
) -> Vec<Range<usize>> {
    let mut start = 0;
    let same = columns.chunk_by(|a, b| kind(a) == kind(b)).map(|chunk| {
        let run = start..start + chunk.len();
        start = run.end;
        run
    });
    same.filter(|run| kind(&columns[run.start]).is_some())
        .collect()
}

/// Draws what `strip` makes of columns, an area for each run of one colour.
pub(super) fn areas<T>(
    sheet: &mut Drawing,
    [x, y]: [u32; 2],
    columns: &[T],
    strip: impl Fn(&T) -> Option<[f64; 2]>,
    colour: impl Fn(&T) -> [u8; 3],
    opacity: f64,
) {
    for run in runs(columns, |column| strip(column).map(|_| colour(column))) {
        let at = [x + run.start as u32, y];
        let colour = colour(&columns[run.start]);
        let strips = columns[run].iter().filter_map(&strip);
        sheet.area(at, strips.collect(), colour, opacity);
    }
}
