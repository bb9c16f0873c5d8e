//! Tables: a bar for each feature.

use image::RgbImage;
use ndarray::{ArrayRef, ArrayViewD, Dimension};

use super::drawing::{Drawing, MARGIN, Marks, PAPER};
use super::legend::{LINE, SWATCH, swatch};
use super::plot::{
    Axis, ERRORS, Foot, NUMBERS, Sample, Width, check_names, colour, numbers_below, owned, ruled,
    sheet,
};
use super::text::{INK, Letters};
use super::{check_errors, check_finite, check_not_empty, check_shape, text};
use crate::error::Result;

/// The least width of a plot, in pixels.
const LEAST: usize = 100;
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
    pub(super) width: Width,
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
            width: Width::new(480, LEAST),
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
        self.width.pixels = pixels;
        self
    }

    /// Draws it.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for no value, another number of names than values, or errors or other values of
    /// another shape; [`Error::NotFinite`](crate::Error::NotFinite); [`Error::Parameter`](crate::Error::Parameter) for a
    /// negative error, a width out of its range, or more bars than a picture holds.
    pub fn draw(&self) -> Result<RgbImage> {
        Ok(self.lay_out(Letters::Bitmap)?.draw())
    }

    /// The width of all of it.
    pub(super) fn total_width(&self, letters: Letters) -> u64 {
        let bars = self.bars();
        let [names, after] = beside(letters, &bars, &numbers(&bars));
        u64::from(2 * MARGIN + names + after + 2 * GAP) + self.width.pixels as u64
    }

    pub(super) fn lay_out(&self, letters: Letters) -> Result<Drawing> {
        self.check()?;
        let (bars, width) = (self.bars(), self.width.pixels as u32);
        let [low, high] = range(&bars);
        // What stands at an end needs some room.
        let beyond = (high - low) * f64::from(2 * HALF) / f64::from(width);
        let axis = Axis::new(low - beyond, high + beyond, width);

        let numbers = numbers(&bars);
        let [names, after] = beside(letters, &bars, &numbers);
        let total = names + GAP + width + GAP + after;
        let foot = Foot::new(letters, self.key(&bars), &self.caption, total);
        let plot_height = bars.len() as u64 * u64::from(LINE);
        let height = plot_height + u64::from(NUMBERS + GAP + foot.height());
        let mut sheet = sheet("the chart's size", total.into(), height)?;

        let ticks = axis.ticks(0.0).into_iter();
        let ticks: Vec<(u32, String)> = ticks
            .map(|(tick, label)| (axis.pixel(tick), label))
            .collect();
        let left = MARGIN + names + GAP;
        let size = [width, plot_height as u32];
        ruled(&mut sheet, [left, MARGIN], size, &ticks);
        for (i, (bar, number)) in bars.iter().zip(numbers).enumerate() {
            let y = MARGIN + i as u32 * LINE;
            bar.draw(&mut sheet, [left, y], &axis, self.errors.is_some());
            let middle = y + (LINE - text::LINE) / 2;
            sheet.text(MARGIN, middle, letters.fitted(bar.name, names));
            sheet.text(left + width + GAP, middle, number);
        }
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
        self.width.check()
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

    fn key(&self, bars: &[Bar<'_>]) -> Vec<(Sample, &str)> {
        let of = |colour| -> Sample {
            Box::new(move |sheet, x, y| swatch(sheet, x, y, colour, Marks::default()))
        };
        let mut key = Vec::new();
        if bars.iter().any(|bar| bar.value > 0.0) {
            key.push((of(colour(1.0)), "raises the score"));
        }
        if bars.iter().any(|bar| bar.value < 0.0) {
            key.push((of(colour(-1.0)), "lowers the score"));
        }
        if self.errors.is_some() {
            let sample: Sample = Box::new(|sheet, x, y| {
                swatch(sheet, x, y, PAPER, Marks::default());
                whisker(sheet, [x + HALF, x + SWATCH - HALF], y + text::LINE / 2);
            });
            key.push((sample, "two standard errors to either side"));
        }
        if let Some((_, what)) = &self.beside {
            let sample: Sample = Box::new(|sheet, x, y| {
                swatch(sheet, x, y, PAPER, Marks::default());
                diamond(sheet, x + SWATCH / 2, y + text::LINE / 2);
            });
            key.push((sample, what));
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
    /// Draws it into its line of a plot, which begins at `at`.
    fn draw(&self, sheet: &mut Drawing, at: [u32; 2], axis: &Axis, whiskers: bool) {
        let [left, line] = at;
        let pixel = |value| left + axis.pixel(value);
        let (zero, end, top) = (pixel(0.0), pixel(self.value), line + (LINE - BAR) / 2);
        let length = zero.abs_diff(end) + 1;
        sheet.fill([zero.min(end), top], [length, BAR], colour(self.value));
        // The line of 0 goes through from one bar to the next.
        sheet.cover([zero, line], [1, LINE], INK, 0.8);
        let middle = top + BAR / 2;
        if whiskers {
            let ends = [self.value - self.error, self.value + self.error];
            whisker(sheet, ends.map(pixel), middle);
        }
        if let Some(other) = self.other {
            diamond(sheet, pixel(other), middle);
        }
    }
}

/// From the lowest to the highest of all that is drawn, with 0.
fn range(bars: &[Bar<'_>]) -> [f64; 2] {
    let ends = bars.iter().flat_map(|bar| {
        let whisker = [bar.value - bar.error, bar.value + bar.error];
        whisker.into_iter().chain(bar.other)
    });
    ends.fold([0.0; 2], |[low, high], end| [low.min(end), high.max(end)])
}

/// The values as they stand behind the bars.
fn numbers(bars: &[Bar<'_>]) -> Vec<String> {
    let [low, high] = range(bars);
    let largest = high.max(-low);
    bars.iter().map(|bar| written(bar.value, largest)).collect()
}

/// What the names and the numbers take.
fn beside(letters: Letters, bars: &[Bar<'_>], numbers: &[String]) -> [u32; 2] {
    let widest = |texts: &mut dyn Iterator<Item = u32>| texts.max().unwrap_or(0);
    let name = |bar: &Bar<'_>| letters.width(&letters.clean(bar.name));
    let names = widest(&mut bars.iter().map(name)).min(LONGEST_NAME);
    [names, widest(&mut numbers.iter().map(|n| letters.width(n)))]
}

/// With as many decimals as the largest value needs for three digits, so that they can be compared.
fn written(value: f64, largest: f64) -> String {
    let size = largest.log10().floor();
    match (-3.0..5.0).contains(&size) {
        true => format!("{value:+.*}", (2.0 - size).max(0.0) as usize),
        false => text::number(value, largest, true),
    }
}

fn whisker(sheet: &mut Drawing, [from, to]: [u32; 2], y: u32) {
    sheet.fill([from, y], [to - from + 1, 1], INK);
    for x in [from, to] {
        sheet.fill([x, y - HALF], [1, 2 * HALF + 1], INK);
    }
}

/// White with a dark edge, so that it is seen on paper and on bars.
fn diamond(sheet: &mut Drawing, x: u32, y: u32) {
    for (half, colour) in [(HALF, INK), (HALF - 2, PAPER)] {
        let column = |dx: u32| {
            let inset = f64::from(dx.abs_diff(half));
            [inset, f64::from(2 * half + 1) - inset]
        };
        let columns = (0..=2 * half).map(column).collect();
        sheet.area([x - half, y - half], columns, colour, 1.0);
    }
}
