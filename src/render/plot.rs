//! What plots share: axes with their numbers, the sheet, the key.

use image::{Rgb, RgbImage};

use super::layout::{MARGIN, MOST_PIXELS, PAPER};
use super::legend::{APART, FRAME, LINE, SWATCH, TICK, framed};
use super::panel::CAPTION_LINES;
use super::picture::LONGEST;
use super::text::INK;
use super::{Scale, blend, text};
use crate::error::{Error, Result};

/// Lines through a plot at the axis' numbers.
const GRID: [u8; 3] = [228; 3];
/// Pixels from one number below to the next: more than the longest takes.
const TICKS_APART: u32 = 120;
/// Standard errors to either side of a value that plots show.
pub(super) const ERRORS: f64 = 2.0;

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
pub(super) fn numbers_below(sheet: &mut RgbImage, x: u32, y: u32, ticks: &[(u32, String)]) {
    for (at, number) in ticks {
        for dy in 1..=TICK {
            sheet.put_pixel(x + at, y + dy, Rgb(FRAME));
        }
        let width = text::width(number);
        let most = sheet.width() - width;
        let left = (x + at).saturating_sub(width / 2).min(most);
        text::draw(sheet, left, y + TICK + 2, number, INK);
    }
}

/// The height of what [`numbers_below`] draws.
pub(super) const NUMBERS: u32 = TICK + 2 + LINE;

/// An empty plot with lines at the axis' numbers.
pub(super) fn ruled(width: u32, height: u32, at: impl Iterator<Item = u32>) -> RgbImage {
    let mut plot = RgbImage::from_pixel(width, height, Rgb(PAPER));
    for x in at {
        (0..height).for_each(|y| plot.put_pixel(x, y, Rgb(GRID)));
    }
    plot
}

/// Lays `colour` over a pixel where it covers a fraction of it.
pub(super) fn cover(plot: &mut RgbImage, x: u32, y: u32, colour: [u8; 3], fraction: f64) {
    if let Some(pixel) = plot.get_pixel_mut_checked(x, y) {
        *pixel = Rgb(blend(pixel.0, colour, fraction.clamp(0.0, 1.0) as f32));
    }
}

/// The colours of what raises and what lowers the score: those of maps, neither their weakest nor their darkest.
pub(super) fn colour(value: f64) -> [u8; 3] {
    match Scale::new(-1.0, 1.0) {
        Ok(scale) => scale.colour(if value < 0.0 { -0.6 } else { 0.6 }),
        Err(_) => INK,
    }
}

/// What stands below a plot: the key, and the caption.
pub(super) struct Foot {
    /// A sample, what it means, and where it stands.
    key: Vec<(RgbImage, String, [u32; 2])>,
    caption: Vec<String>,
}

impl Foot {
    /// Samples of `SWATCH` by [`text::LINE`] - 2 pixels with their meaning, side by side where `room` pixels allow it.
    pub(super) fn new(samples: Vec<(RgbImage, &str)>, caption: &str, room: u32) -> Self {
        let mut key = Vec::new();
        let (mut x, mut line) = (0, 0);
        for (sample, meaning) in samples {
            let meaning = text::fitted(meaning, room - SWATCH - 10);
            let width = SWATCH + 10 + text::width(&meaning);
            if x > 0 && x + width > room {
                (x, line) = (0, line + 1);
            }
            key.push((sample, meaning, [x, line]));
            x += width + APART;
        }
        let caption = text::wrapped(caption, room, CAPTION_LINES);
        Self { key, caption }
    }

    fn key_lines(&self) -> u32 {
        self.key.last().map_or(0, |(_, _, [_, line])| line + 1)
    }

    pub(super) fn height(&self) -> u32 {
        (self.key_lines() + self.caption.len() as u32) * LINE
    }

    /// Draws it with its upper left corner at (`x`, `y`).
    pub(super) fn draw(&self, sheet: &mut RgbImage, x: u32, y: u32) {
        for (sample, meaning, [right, line]) in &self.key {
            let (x, y) = (x + right, y + line * LINE);
            framed(sheet, x, y + 1, sample);
            text::draw(sheet, x + SWATCH + 10, y, meaning, INK);
        }
        for (line, words) in (self.key_lines()..).zip(&self.caption) {
            text::draw(sheet, x, y + line * LINE, words, INK);
        }
    }
}

/// A sample for the key.
pub(super) fn sample(pixel: impl Fn(u32, u32) -> [u8; 3]) -> RgbImage {
    RgbImage::from_fn(SWATCH, text::LINE - 2, |x, y| Rgb(pixel(x, y)))
}

/// White paper of this size and a margin around it.
///
/// # Errors
/// [`Error::Parameter`] if it is too large.
pub(super) fn sheet(what: &'static str, width: u64, height: u64) -> Result<RgbImage> {
    let (width, height) = (
        width + 2 * u64::from(MARGIN),
        height + 2 * u64::from(MARGIN),
    );
    if width.max(height) > LONGEST as u64 || width * height > MOST_PIXELS {
        return Err(Error::parameter(
            what,
            format!("{width} x {height} pixels"),
            format!("sides of at most {LONGEST} and at most {MOST_PIXELS} pixels"),
        ));
    }
    Ok(RgbImage::from_pixel(
        width as u32,
        height as u32,
        Rgb(PAPER),
    ))
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
