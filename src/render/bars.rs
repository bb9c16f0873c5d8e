//! Tables: a bar for each feature.

use image::RgbImage;
use ndarray::{ArrayRef, ArrayViewD, Dimension};

use super::layout::{MARGIN, PAPER};
use super::legend::{LINE, framed};
use super::plot::{
    Axis, ERRORS, Foot, NUMBERS, check_names, colour, cover, numbers_below, owned, ruled, sample,
    sheet,
};
use super::text::INK;
use super::{check_errors, check_finite, check_not_empty, check_shape, text};
use crate::error::{Error, Result};

/// The height of a bar in its line.
const BAR: u32 = 14;
/// The longest name that is not cut.
const LONGEST_NAME: u32 = 240;
const GAP: u32 = 10;
/// Half of a whisker's end, and of a marker.
const HALF: u32 = 4;

/// A bar for each value, red where it is positive and blue where it is negative, with whiskers of two standard errors to
/// either side: for tables, whose features are the planes of a map `[J, 1, 1]` or the pixels of one `[1, 1, F]`.
///
/// ```
/// use ndarray::Array3;
/// use racm::render::BarChart;
///
/// # fn main() -> racm::Result<()> {
/// let map = Array3::from_shape_vec((3, 1, 1), vec![0.31, -0.12, 0.02]).unwrap();
/// let errors = Array3::from_elem((3, 1, 1), 0.02);
/// let chart = BarChart::new(&map, &["age", "income", "height"])
///     .standard_error(&errors)
///     .sorted(true)
///     .caption("own effects, class 1 (repays the loan)")
///     .draw()?;
/// assert!(chart.height() > 100);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct BarChart<'a> {
    values: ArrayViewD<'a, f32>,
    names: Vec<String>,
    errors: Option<ArrayViewD<'a, f32>>,
    beside: Option<(ArrayViewD<'a, f32>, String)>,
    sorted: bool,
    caption: String,
    width: usize,
}

impl<'a> BarChart<'a> {
    /// A chart of values of any shape, in reading order, which have these names.
    pub fn new<D: Dimension, S: AsRef<str>>(values: &'a ArrayRef<f32, D>, names: &[S]) -> Self {
        Self {
            values: values.view().into_dyn(),
            names: owned(names),
            errors: None,
            beside: None,
            sorted: false,
            caption: String::new(),
            width: 480,
        }
    }

    /// The values' standard errors, of the same shape.
    pub fn standard_error<D: Dimension>(mut self, errors: &'a ArrayRef<f32, D>) -> Self {
        self.errors = Some(errors.view().into_dyn());
        self
    }

    /// Other values of the same shape to compare with, each a diamond on its bar, and what they are.
    pub fn beside<D: Dimension>(
        mut self,
        others: &'a ArrayRef<f32, D>,
        what: impl Into<String>,
    ) -> Self {
        self.beside = Some((others.view().into_dyn(), what.into()));
        self
    }

    /// Puts the highest values first, those below 0 last (default: in the order given).
    pub fn sorted(mut self, sorted: bool) -> Self {
        self.sorted = sorted;
        self
    }

    /// A text below the bars, of at most three lines. Here and in names, characters that the built-in font lacks (it has
    /// Latin letters) become `?`.
    pub fn caption(mut self, caption: impl Into<String>) -> Self {
        self.caption = caption.into();
        self
    }

    /// The width of the bars' plot, without names and numbers, in pixels (default: 480).
    pub fn width(mut self, pixels: usize) -> Self {
        self.width = pixels;
        self
    }

    /// Draws it.
    ///
    /// # Errors
    /// [`Error::Shape`] for no value, another number of names than values, or errors or other values of another shape;
    /// [`Error::NotFinite`]; [`Error::Parameter`] for a negative error, a width out of its range, or more bars than a picture
    /// holds.
    pub fn draw(&self) -> Result<RgbImage> {
        self.check()?;
        let (bars, width) = (self.bars(), self.width as u32);
        let ends = bars.iter().flat_map(|bar| {
            let whisker = [bar.value - bar.error, bar.value + bar.error];
            whisker.into_iter().chain(bar.other)
        });
        let (low, high) = ends.fold((0f64, 0f64), |(low, high), end| {
            (low.min(end), high.max(end))
        });
        // What stands at an end needs some room.
        let beyond = (high - low) * f64::from(2 * HALF) / f64::from(width);
        let axis = Axis::new(low - beyond, high + beyond, width);

        let largest = high.max(-low);
        let numbers: Vec<String> = bars.iter().map(|bar| written(bar.value, largest)).collect();
        let widest = |texts: &mut dyn Iterator<Item = u32>| texts.max().unwrap_or(0);
        let names = widest(&mut bars.iter().map(|bar| text::width(&text::clean(bar.name))));
        let (names, after) = (
            names.min(LONGEST_NAME),
            widest(&mut numbers.iter().map(|n| text::width(n))),
        );
        let total = names + GAP + width + GAP + after;
        let foot = Foot::new(self.key(&bars), &self.caption, total);
        let plot_height = bars.len() as u64 * u64::from(LINE);
        let height = plot_height + u64::from(NUMBERS + GAP + foot.height());
        let mut sheet = sheet("the chart's size", total.into(), height)?;

        let ticks = axis.ticks(0.0).into_iter();
        let ticks: Vec<(u32, String)> = ticks
            .map(|(tick, label)| (axis.pixel(tick), label))
            .collect();
        let mut plot = ruled(width, plot_height as u32, ticks.iter().map(|tick| tick.0));
        let left = MARGIN + names + GAP;
        for (i, (bar, number)) in bars.iter().zip(&numbers).enumerate() {
            let y = i as u32 * LINE;
            bar.draw(
                &mut plot,
                &axis,
                y + (LINE - BAR) / 2,
                self.errors.is_some(),
            );
            let middle = MARGIN + y + (LINE - text::LINE) / 2;
            text::draw(
                &mut sheet,
                MARGIN,
                middle,
                &text::fitted(bar.name, names),
                INK,
            );
            text::draw(&mut sheet, left + width + GAP, middle, number, INK);
        }
        framed(&mut sheet, left, MARGIN, &plot);
        let below = MARGIN + plot_height as u32;
        numbers_below(&mut sheet, left, below, &ticks);
        foot.draw(&mut sheet, MARGIN, below + NUMBERS + GAP);
        Ok(sheet)
    }

    fn check(&self) -> Result<()> {
        check_not_empty("the list of values", &self.values)?;
        check_finite("the list of values", &self.values)?;
        check_names("the list of names", &self.names, self.values.len())?;
        if let Some(errors) = &self.errors {
            check_errors(errors, self.values.shape())?;
        }
        if let Some((others, _)) = &self.beside {
            check_shape(
                "the list of values to compare with",
                others,
                self.values.shape(),
            )?;
            check_finite("the list of values to compare with", others)?;
        }
        if !(100..=8192).contains(&self.width) {
            return Err(Error::parameter("width", self.width, "100 to 8192 pixels"));
        }
        Ok(())
    }

    fn bars(&self) -> Vec<Bar<'_>> {
        let list = |all: &ArrayViewD<f32>| -> Vec<f64> { all.iter().map(|&v| v.into()).collect() };
        let errors = self.errors.as_ref().map(list);
        let others = self.beside.as_ref().map(|(others, _)| list(others));
        let bars = list(&self.values).into_iter().zip(&self.names).enumerate();
        let mut bars: Vec<Bar<'_>> = bars
            .map(|(i, (value, name))| Bar {
                name,
                value,
                error: errors.as_ref().map_or(0.0, |e| ERRORS * e[i]),
                other: others.as_ref().map(|others| others[i]),
            })
            .collect();
        if self.sorted {
            bars.sort_by(|a, b| b.value.total_cmp(&a.value));
        }
        bars
    }

    fn key(&self, bars: &[Bar<'_>]) -> Vec<(RgbImage, &str)> {
        let mut key = Vec::new();
        if bars.iter().any(|bar| bar.value > 0.0) {
            key.push((sample(|_, _| colour(1.0)), "raises the score"));
        }
        if bars.iter().any(|bar| bar.value < 0.0) {
            key.push((sample(|_, _| colour(-1.0)), "lowers the score"));
        }
        if self.errors.is_some() {
            let mut picture = sample(|_, _| PAPER);
            let (width, height) = picture.dimensions();
            whisker(&mut picture, [HALF, width - HALF], height / 2);
            key.push((picture, "two standard errors to either side"));
        }
        if let Some((_, what)) = &self.beside {
            let mut picture = sample(|_, _| PAPER);
            let (width, height) = picture.dimensions();
            diamond(&mut picture, width / 2, height / 2);
            key.push((picture, what));
        }
        key
    }
}

struct Bar<'a> {
    name: &'a str,
    value: f64,
    /// Half of the whiskers' length.
    error: f64,
    other: Option<f64>,
}

impl Bar<'_> {
    fn draw(&self, plot: &mut RgbImage, axis: &Axis, top: u32, whiskers: bool) {
        let (zero, end) = (axis.pixel(0.0), axis.pixel(self.value));
        for x in zero.min(end)..=zero.max(end) {
            for y in top..top + BAR {
                cover(plot, x, y, colour(self.value), 1.0);
            }
        }
        // The line of 0 goes through from one bar to the next.
        let line = top - (LINE - BAR) / 2;
        (line..line + LINE).for_each(|y| cover(plot, zero, y, INK, 0.8));
        let middle = top + BAR / 2;
        if whiskers {
            let ends = [self.value - self.error, self.value + self.error];
            whisker(plot, ends.map(|end| axis.pixel(end)), middle);
        }
        if let Some(other) = self.other {
            diamond(plot, axis.pixel(other), middle);
        }
    }
}

/// With as many decimals as the largest value needs for three digits, so that they can be compared.
fn written(value: f64, largest: f64) -> String {
    let size = largest.log10().floor();
    match (-3.0..5.0).contains(&size) {
        true => format!("{value:+.*}", (2.0 - size).max(0.0) as usize),
        false => text::number(value, largest, true),
    }
}

fn whisker(plot: &mut RgbImage, [from, to]: [u32; 2], y: u32) {
    (from..=to).for_each(|x| cover(plot, x, y, INK, 1.0));
    for x in [from, to] {
        (y - HALF..=y + HALF).for_each(|y| cover(plot, x, y, INK, 1.0));
    }
}

/// White with a dark edge, so that it is seen on paper and on bars.
fn diamond(plot: &mut RgbImage, x: u32, y: u32) {
    for (dy, dx) in (0..=2 * HALF).flat_map(|dy| (0..=2 * HALF).map(move |dx| (dy, dx))) {
        let from_middle = dx.abs_diff(HALF) + dy.abs_diff(HALF);
        let colour = if from_middle + 1 < HALF { PAPER } else { INK };
        let at = ((x + dx).checked_sub(HALF), (y + dy).checked_sub(HALF));
        if let (true, (Some(x), Some(y))) = (from_middle <= HALF, at) {
            cover(plot, x, y, colour, 1.0);
        }
    }
}
