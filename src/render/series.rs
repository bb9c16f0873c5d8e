//! Series: the lines, and under each the importance.

use image::{Rgb, RgbImage};
use ndarray::{ArrayRef2, ArrayRef3, ArrayView2, ArrayView3, Axis as Dimension};

use super::drawing::{Anchor, Drawing, MARGIN, Marks, PAPER};
use super::legend::{LINE, TICK, hatched_swatch, swatch};
use super::marks::ground;
use super::plot::{
    Axis, ERRORS, Foot, NUMBERS, Sample, Width, check_names, colour, numbers_below, owned, ruled,
    sheet,
};
use super::rows::{Block, GAP, HEIGHT, Rows, SEAM, areas, beside_plot, runs, strip};
use super::text::{INK, Letters};
use super::{check_errors, check_finite, check_finite_or_nan, check_not_empty, check_shape};
use crate::error::{Error, Result};

/// The least width of a plot, in pixels.
const LEAST: usize = 200;
/// Half of a line's thickness.
const PEN: f64 = 0.8;
/// How much of what lies below it a band covers.
const BAND: f64 = 0.3;

/// A map of series, plane below plane: the channel as a line, and below it the importance as an area from 0, red where it
/// raises the score and blue where it lowers it, with a grey band of two standard errors to either side. All planes share
/// one scale.
///
/// A column of pixels shows all samples that fall into it: a line from the smallest to the largest, the importance by its
/// mean.
///
/// ```
/// use ndarray::Array3;
/// use racm::render::SeriesPlot;
///
/// # fn main() -> racm::Result<()> {
/// let series = Array3::from_shape_fn((2, 1, 300), |(c, _, t)| (t as f32 / (9.0 + c as f32)).sin());
/// let map = Array3::from_shape_fn((2, 1, 300), |(c, _, t)| if c == 0 && t > 200 { 0.3 } else { -0.02 });
/// let names = ["vibration", "temperature"];
/// let plot = SeriesPlot::new(&map, &names)
///     .series(&series, &names)
///     .axis(0.0, 0.01, "time (s)")
///     .caption("RaCM, class 1 (bearing fault)")
///     .draw()?;
/// assert!(plot.width() > 800);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SeriesPlot<'a> {
    map: ArrayView3<'a, f32>,
    names: Vec<String>,
    series: Option<(ArrayView3<'a, f32>, Vec<String>)>,
    notes: Vec<String>,
    errors: Option<ArrayView3<'a, f32>>,
    region: Option<ArrayView2<'a, bool>>,
    start: f64,
    step: f64,
    label: String,
    caption: String,
    pub(super) width: Width,
}

impl<'a> SeriesPlot<'a> {
    /// A plot of the map `[J, 1, T]` or `[J, T, 1]`, whose planes have these J names.
    pub fn new<S: AsRef<str>>(map: &'a ArrayRef3<f32>, names: &[S]) -> Self {
        Self {
            map: map.view(),
            names: owned(names),
            series: None,
            notes: Vec::new(),
            errors: None,
            region: None,
            start: 0.0,
            step: 1.0,
            label: "sample".to_owned(),
            caption: String::new(),
            width: Width::new(800, LEAST),
        }
    }

    /// The series that the map explains, `[C, 1, T]` or `[C, T, 1]`, and the names of its C channels. A channel that has a
    /// plane's name stands above that plane, the others come first. NaN is no value: a gap in the line.
    pub fn series<S: AsRef<str>>(mut self, series: &'a ArrayRef3<f32>, names: &[S]) -> Self {
        self.series = Some((series.view(), owned(names)));
        self
    }

    /// A text for each plane, behind its name: what it carries, for instance.
    pub fn notes<S: AsRef<str>>(mut self, texts: &[S]) -> Self {
        self.notes = owned(texts);
        self
    }

    /// The map's standard errors `[J, 1, T]` or `[J, T, 1]`.
    pub fn standard_error(mut self, errors: &'a ArrayRef3<f32>) -> Self {
        self.errors = Some(errors.view());
        self
    }

    /// The samples `[1, T]` or `[T, 1]` that were evaluated; the others are hatched.
    pub fn region(mut self, evaluated: &'a ArrayRef2<bool>) -> Self {
        self.region = Some(evaluated.view());
        self
    }

    /// What stands below: the first sample's number, the step from one to the next, and what they are, as in `(0.0, 0.01,
    /// "time (s)")` for 100 samples a second. Default: from 0 in steps of 1, `"sample"`. Numbers are written with at most
    /// eight digits.
    pub fn axis(mut self, start: f64, step: f64, label: impl Into<String>) -> Self {
        (self.start, self.step, self.label) = (start, step, label.into());
        self
    }

    /// A text below the plots, of at most three lines. Here and in names, characters that the built-in font lacks (it has
    /// Latin letters) become `?`.
    pub fn caption(mut self, caption: impl Into<String>) -> Self {
        self.caption = caption.into();
        self
    }

    /// The width of the plots, without the numbers beside them, in pixels (default: 800).
    pub fn width(mut self, pixels: usize) -> Self {
        self.width.pixels = pixels;
        self
    }

    /// Draws it.
    ///
    /// # Errors
    /// [`Error::Shape`] for an empty map or one of more rows *and* columns than one, another number of names or notes than
    /// planes or channels, or series, region or errors of another length; [`Error::NotFinite`]; [`Error::Parameter`] for a setting
    /// out of its range.
    pub fn draw(&self) -> Result<RgbImage> {
        Ok(self.lay_out(Letters::Bitmap)?.draw())
    }

    /// The width of all of it.
    pub(super) fn total_width(&self, letters: Letters) -> u64 {
        let beside = self.beside(letters, &self.lines());
        u64::from(2 * MARGIN + beside) + self.width.pixels as u64
    }

    pub(super) fn lay_out(&self, letters: Letters) -> Result<Drawing> {
        self.check()?;
        let (width, blocks) = (self.width.pixels as u32, self.blocks());
        let (lines, importance) = (self.lines(), self.importance());
        let beside = self.beside(letters, &lines);
        let heights = blocks.iter().map(Block::height).map(u64::from);
        let foot = Foot::new(letters, self.key(), &self.caption, beside + width);
        let height = heights.sum::<u64>() + u64::from(NUMBERS + LINE + foot.height());
        let total = (beside + width).into();
        let mut sheet = sheet("the plot's size", total, height)?;

        let ticks = self.ticks();
        let (left, mut y) = (MARGIN + beside, MARGIN);
        for block in &blocks {
            sheet.text(left, y, block.title(letters, width));
            let mut top = y + LINE;
            if let Some(channel) = block.channel {
                ruled(&mut sheet, [left, top], [width, HEIGHT], &ticks);
                self.draw_line(&mut sheet, [left, top], channel, &lines[channel]);
                beside_plot(&mut sheet, left, top, &lines[channel].labels(false));
                top += HEIGHT + SEAM;
            }
            if let Some(plane) = block.plane {
                ruled(&mut sheet, [left, top], [width, HEIGHT], &ticks);
                self.draw_importance(&mut sheet, [left, top], plane, &importance);
                beside_plot(&mut sheet, left, top, &importance.labels(true));
            }
            y += block.height();
        }
        let y = y - GAP;
        numbers_below(&mut sheet, left, y, &ticks);
        let label = letters.fitted(&self.label, width);
        sheet.anchored(left + width, y + NUMBERS, Anchor::End, label);
        foot.draw(&mut sheet, MARGIN, y + GAP + NUMBERS + LINE);
        Ok(sheet)
    }

    /// The rows of each channel's line.
    fn lines(&self) -> Vec<Rows> {
        let series = self.series.iter().flat_map(|(s, _)| s.outer_iter());
        series.map(|line| Rows::of_line(&line)).collect()
    }

    /// What the numbers at the left take.
    fn beside(&self, letters: Letters, lines: &[Rows]) -> u32 {
        let importance = self.importance();
        let blocks = self.blocks();
        let labels = blocks.iter().flat_map(|block| {
            let line = block.channel.map(|c| lines[c].labels(false));
            let below = block.plane.map(|_| importance.labels(true));
            line.into_iter().chain(below).flatten()
        });
        let widest = labels.map(|(_, label)| letters.width(&label)).max();
        widest.unwrap_or(0) + TICK + 4
    }

    fn check(&self) -> Result<()> {
        check_not_empty("the map", &self.map)?;
        let (planes, h, w) = self.map.dim();
        if h > 1 && w > 1 {
            return Err(Error::Shape {
                what: "the map of a series",
                given: self.map.shape().to_vec(),
                expected: vec![planes, 1, w],
            });
        }
        check_names("the list of plane names", &self.names, planes)?;
        check_finite("the map", &self.map)?;
        if let Some((series, names)) = &self.series {
            let channels = series.dim().0;
            check_shape("the series", series, &[channels.max(1), h, w])?;
            check_names("the list of channel names", names, channels)?;
            check_finite_or_nan("the series", series)?;
        }
        if !self.notes.is_empty() {
            check_names("the list of notes", &self.notes, planes)?;
        }
        if let Some(errors) = &self.errors {
            check_errors(errors, &[planes, h, w])?;
        }
        if let Some(region) = &self.region {
            check_shape("the region", region, &[h, w])?;
        }
        let end = self.start + self.step * (h * w) as f64;
        if !(self.step > 0.0 && self.start.is_finite() && end > self.start && end.is_finite()) {
            return Err(Error::parameter(
                "axis",
                format!("{} in steps of {}", self.start, self.step),
                "a finite start, and steps above 0 that lead away from it",
            ));
        }
        self.width.check()
    }

    /// T.
    fn samples(&self) -> usize {
        self.map.dim().1 * self.map.dim().2
    }

    /// The samples that a column of pixels shows.
    fn samples_in(&self, column: usize) -> std::ops::Range<usize> {
        let (samples, width) = (self.samples(), self.width.pixels);
        let from = column * samples / width;
        from..((column + 1) * samples / width).max(from + 1)
    }

    fn blocks(&self) -> Vec<Block<'_>> {
        let channels = self.series.as_ref().map_or(&[][..], |(_, names)| names);
        let mut free: Vec<usize> = (0..channels.len()).collect();
        let mut with_plane = Vec::new();
        for (plane, name) in self.names.iter().enumerate() {
            let named = free.iter().position(|&c| channels[c] == *name);
            with_plane.push(Block {
                name,
                note: self.notes.get(plane).map(String::as_str),
                channel: named.map(|i| free.remove(i)),
                plane: Some(plane),
            });
        }
        let alone = free.into_iter().map(|channel| Block {
            name: &channels[channel],
            note: None,
            channel: Some(channel),
            plane: None,
        });
        alone.chain(with_plane).collect()
    }

    /// From the lowest to the highest end of a band, with 0.
    fn importance(&self) -> Rows {
        let (mut low, mut high) = (0f64, 0f64);
        for (index, &value) in self.map.indexed_iter() {
            let (_, y, x) = index;
            if self.region.is_none_or(|r| r[[y, x]]) {
                let error = self.errors.map_or(0.0, |e| ERRORS * f64::from(e[index]));
                low = low.min(f64::from(value) - error);
                high = high.max(f64::from(value) + error);
            }
        }
        Rows { low, high }
    }

    /// The numbers below, and the columns in which they stand.
    fn ticks(&self) -> Vec<(u32, String)> {
        let half = self.step / 2.0;
        let end = self.start + self.step * self.samples() as f64 - half;
        // Samples are as wide as the step, and their numbers stand in the middle.
        let axis = Axis::new(self.start - half, end, self.width.pixels as u32);
        let ticks = axis.ticks(self.step).into_iter();
        ticks
            .map(|(tick, label)| (axis.pixel(tick), label))
            .collect()
    }

    fn draw_line(&self, sheet: &mut Drawing, at: [u32; 2], channel: usize, rows: &Rows) {
        let Some((series, _)) = &self.series else {
            return;
        };
        let series: Vec<f64> = series
            .index_axis(Dimension(0), channel)
            .iter()
            .map(|&v| v.into())
            .collect();
        let last = series.len() - 1;
        let samples_a_pixel = series.len() as f64 / self.width.pixels as f64;
        // On straight lines from the middle of one sample to that of the next.
        let value = |x: usize| {
            let at = (x as f64 * samples_a_pixel - 0.5).clamp(0.0, last as f64);
            let (before, after) = (series[at as usize], series[(at as usize + 1).min(last)]);
            before + (after - before) * at.fract()
        };
        let column = |x: usize| {
            let first = (x as f64 * samples_a_pixel - 0.5).ceil().max(0.0) as usize;
            let end = ((x + 1) as f64 * samples_a_pixel - 0.5).ceil().max(0.0) as usize;
            let inside = series[first.min(end)..end.min(last + 1)].iter().copied();
            let all = inside.chain([value(x), value(x + 1)]);
            let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
                (low.min(v), high.max(v))
            });
            (low <= high).then(|| strip(rows.row(high) - PEN, rows.row(low) + PEN))
        };
        let columns: Vec<_> = (0..self.width.pixels).map(column).collect();
        areas(sheet, at, &columns, |column| *column, |_| INK, 1.0);
    }

    fn draw_importance(&self, sheet: &mut Drawing, at: [u32; 2], plane: usize, rows: &Rows) {
        let of_plane = |all: &ArrayView3<f32>| -> Vec<f32> {
            all.index_axis(Dimension(0), plane)
                .iter()
                .copied()
                .collect()
        };
        let (map, errors) = (of_plane(&self.map), self.errors.as_ref().map(of_plane));
        let region: Option<Vec<bool>> = self.region.map(|r| r.iter().copied().collect());
        // Of each column: the value, and the length of the band to either side. The mean of the errors bounds the error of
        // the mean.
        let column = |column: usize| {
            let samples = self.samples_in(column);
            let kept = samples.filter(|&i| region.as_ref().is_none_or(|r| r[i]));
            let kept: Vec<usize> = kept.collect();
            let mean = |values: &[f32]| {
                kept.iter().map(|&i| f64::from(values[i])).sum::<f64>() / kept.len() as f64
            };
            let band = errors.as_ref().map(|errors| ERRORS * mean(errors));
            (!kept.is_empty()).then(|| (mean(&map), band))
        };
        let columns: Vec<_> = (0..self.width.pixels).map(column).collect();
        for gap in runs(&columns, |column| column.is_none().then_some(())) {
            let (x, width) = (at[0] + gap.start as u32, gap.len() as u32);
            let pixel = RgbImage::from_pixel(1, 1, Rgb(ground(None)));
            sheet.picture_alone([x, at[1]], [width, HEIGHT], pixel, Marks::hatched((1, 1)));
        }
        let zero = rows.row(0.0);
        let mut layer =
            |colour: &dyn Fn(f64) -> [u8; 3],
             opacity,
             strip: &dyn Fn(f64, Option<f64>) -> Option<[f64; 2]>| {
                let of =
                    |column: &Option<(f64, _)>| column.and_then(|(value, band)| strip(value, band));
                let colour =
                    |column: &Option<(f64, _)>| colour(column.map_or(0.0, |column| column.0));
                areas(sheet, at, &columns, of, colour, opacity);
            };
        layer(&colour, 1.0, &|value, _| {
            let row = rows.row(value);
            Some(strip(row.min(zero), row.max(zero)))
        });
        layer(&|_| INK, BAND, &|value, band| {
            band.map(|band| strip(rows.row(value + band), rows.row(value - band)))
        });
        layer(&|_| INK, 0.8, &|value, _| {
            let row = rows.row(value);
            Some(strip(row - PEN / 2.0, row + PEN / 2.0))
        });
        layer(&|_| INK, 0.5, &|_, _| Some(strip(zero - 0.5, zero + 0.5)));
    }

    fn key(&self) -> Vec<(Sample, &'static str)> {
        let of = |colour| -> Sample {
            Box::new(move |sheet, x, y| swatch(sheet, x, y, colour, Marks::default()))
        };
        let mut key = vec![
            (of(colour(1.0)), "raises the score"),
            (of(colour(-1.0)), "lowers it"),
        ];
        if self.errors.is_some() {
            let grey = super::blend(PAPER, INK, BAND as f32);
            key.push((of(grey), "two standard errors to either side"));
        }
        if self
            .region
            .is_some_and(|r| r.iter().any(|&evaluated| !evaluated))
        {
            key.push((Box::new(hatched_swatch), "not evaluated"));
        }
        key
    }
}
