//! What plots share: axes with their numbers, the sheet, the key.

use super::Scale;
use super::drawing::{Anchor, Drawing, FRAME, MARGIN};
use super::legend::{APART, LINE, SWATCH, TICK};
use super::panel::CAPTION_LINES;
use super::text::{self, INK, Letters};
use crate::error::{Error, Result};

/// Lines through a plot at the axis' numbers.
const GRID: [u8; 3] = [228; 3];
/// Pixels from one number below to the next: more than the longest takes.
const TICKS_APART: u32 = 120;
/// Standard errors to either side of a value that plots show.
pub(super) const ERRORS: f64 = 2.0;

/// The width of a plot, without what stands beside it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Width {
    pub pixels: usize,
    least: usize,
}

impl Width {
    const MOST: usize = 8192;

    pub fn new(pixels: usize, least: usize) -> Self {
        Width { pixels, least }
    }

    pub fn zoomed(self, zoom: f64) -> Self {
        let pixels = (self.pixels as f64 * zoom).round() as usize;
        Width { pixels, ..self }
    }

    pub fn can_be_drawn(self) -> bool {
        (self.least..=Self::MOST).contains(&self.pixels)
    }

    pub fn check(self) -> Result<()> {
        match self.can_be_drawn() {
            true => Ok(()),
            false => Err(Error::parameter(
                "width",
                self.pixels,
                format!("{} to {} pixels", self.least, Self::MOST),
            )),
        }
    }
}

/// From numbers to pixels along one side of a plot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    pixels: u32,
}

impl Axis {
    /// From `low` to `high`; a single number stands in the middle.
    pub(super) fn new(low: f64, high: f64, pixels: u32) -> Self {
        let beside = if low < high {
            0.0
        } else {
            low.abs().max(1.0) / 2.0
        };
        let (low, high) = (low - beside, high + beside);
        Self { low, high, pixels }
    }

    pub(super) fn range(&self) -> f64 {
        self.high - self.low
    }

    /// Where a number stands: 0 is the edge of the first pixel, `pixels` that of the last one.
    pub(super) fn at(&self, number: f64) -> f64 {
        (number - self.low) / self.range() * f64::from(self.pixels)
    }

    /// The pixel in which a number stands.
    pub(super) fn pixel(&self, number: f64) -> u32 {
        (self.at(number).max(0.0) as u32).min(self.pixels - 1)
    }

    /// Round numbers, at least `step` and far enough from each other to be read, and how they are written.
    pub(super) fn ticks(&self, step: f64) -> Vec<(f64, String)> {
        let readable = self.range() * f64::from(TICKS_APART) / f64::from(self.pixels);
        let least = readable.max(step);
        let power = 10f64.powi(least.log10().floor() as i32);
        let steps = [1.0, 2.0, 5.0].into_iter().map(|digit| digit * power);
        let step = steps
            .filter(|&step| step >= least)
            .fold(10.0 * power, f64::min);
        let first = (self.low / step).ceil();
        let ticks = (0..=self.pixels / TICKS_APART).map(|i| (first + f64::from(i)) * step);
        let inside = ticks.filter(|&tick| tick <= self.high);
        inside
            .map(|tick| (tick, text::number(tick, step, false)))
            .collect()
    }
}

/// Draws an axis' ticks below a plot whose lower left corner is at (`x`, `y`), each number in the middle below its tick.
pub(super) fn numbers_below(sheet: &mut Drawing, x: u32, y: u32, ticks: &[(u32, String)]) {
    for (at, number) in ticks {
        sheet.fill([x + at, y + 1], [1, TICK], FRAME);
        sheet.anchored(x + at, y + TICK + 2, Anchor::Middle, number.clone());
    }
}

/// The height of what [`numbers_below`] draws.
pub(super) const NUMBERS: u32 = TICK + 2 + LINE;

/// A framed empty plot with lines at the axis' numbers.
pub(super) fn ruled(sheet: &mut Drawing, at: [u32; 2], size: [u32; 2], ticks: &[(u32, String)]) {
    sheet.frame(at, size);
    for (tick, _) in ticks {
        sheet.fill([at[0] + tick, at[1]], [1, size[1]], GRID);
    }
}

/// The colours of what raises and what lowers the score: those of maps, neither their weakest nor their darkest.
pub(super) fn colour(value: f64) -> [u8; 3] {
    match Scale::new(-1.0, 1.0) {
        Ok(scale) => scale.colour(if value < 0.0 { -0.6 } else { 0.6 }),
        Err(_) => INK,
    }
}

/// Draws a sample into a line of the key that begins at this place.
pub(super) type Sample = Box<dyn Fn(&mut Drawing, u32, u32)>;

/// What stands below a plot: the key, and the caption.
pub(super) struct Foot {
    /// A sample, what it means, and where it stands.
    key: Vec<(Sample, String, [u32; 2])>,
    caption: Vec<String>,
}

impl Foot {
    /// Samples with their meaning, side by side where `room` pixels allow it.
    pub(super) fn new(
        letters: Letters,
        samples: Vec<(Sample, &str)>,
        caption: &str,
        room: u32,
    ) -> Self {
        let mut key = Vec::new();
        let (mut x, mut line) = (0, 0);
        for (sample, meaning) in samples {
            let meaning = letters.fitted(meaning, room - SWATCH - 10);
            let width = SWATCH + 10 + letters.width(&meaning);
            if x > 0 && x + width > room {
                (x, line) = (0, line + 1);
            }
            key.push((sample, meaning, [x, line]));
            x += width + APART;
        }
        let caption = letters.wrapped(caption, room, CAPTION_LINES);
        Self { key, caption }
    }

    fn key_lines(&self) -> u32 {
        self.key.last().map_or(0, |(_, _, [_, line])| line + 1)
    }

    pub(super) fn height(&self) -> u32 {
        (self.key_lines() + self.caption.len() as u32) * LINE
    }

    /// Draws it with its upper left corner at (`x`, `y`).
    pub(super) fn draw(&self, sheet: &mut Drawing, x: u32, y: u32) {
        for (sample, meaning, [right, line]) in &self.key {
            let (x, y) = (x + right, y + line * LINE);
            sample(sheet, x, y);
            sheet.text(x + SWATCH + 10, y, meaning.as_str());
        }
        for (line, words) in (self.key_lines()..).zip(&self.caption) {
            sheet.text(x, y + line * LINE, words.as_str());
        }
    }
}

/// White paper with room for this size and a margin around it.
///
/// # Errors
/// [`Error::Parameter`] if it is too large.
pub(super) fn sheet(what: &'static str, width: u64, height: u64) -> Result<Drawing> {
    let size = [width, height].map(|side| side + 2 * u64::from(MARGIN));
    Drawing::new(size, what, "")
}

pub(super) fn owned<S: AsRef<str>>(names: &[S]) -> Vec<String> {
    names.iter().map(|name| name.as_ref().to_owned()).collect()
}

pub(super) fn check_names(what: &'static str, names: &[String], expected: usize) -> Result<()> {
    if names.len() == expected {
        return Ok(());
    }
    Err(Error::Shape {
        what,
        given: vec![names.len()],
        expected: vec![expected],
    })
}
