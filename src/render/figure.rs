//! Panels and plots as figures of papers.

use image::RgbImage;

use super::drawing::{Drawing, MOST_PIXELS};
use super::face::Face;
use super::paper::{Paper, pixels};
use super::picture::LONGEST;
use super::plot::Width;
use super::text::Letters;
use super::{BarChart, Panel, SeriesPlot, pdf, svg};
use crate::error::{Error, Result};

/// The width of what is printed on a page of A4, in millimetres.
const PAGE: f64 = 170.0;
/// The longest page that PDF knows, in millimetres.
const LONGEST_PAGE: f64 = 5080.0;
/// From one size of tiles to the next smaller one that is tried, and how often what lies between is halved.
const STEP: f64 = 0.9;
const HALVINGS: usize = 8;
/// The largest width, in millimetres.
const WIDEST: f64 = 2000.0;
/// Tiles and plots are enlarged and made smaller by this much at most.
const ZOOM: [f64; 2] = [0.0625, 8.0];
/// Tiles that would be made smaller than this stand in more rows instead.
const SMALL: f64 = 0.5;

/// One or more panels and plots below each other, as PNG, or as SVG and PDF with text as text, for papers.
///
/// On paper, letters have the [size](Figure::font_size) that is asked for, and tiles and plots take the room that they leave
/// of the [width](Figure::width_mm): all tiles of a figure are enlarged by the same factor. Tiles keep one pixel for each value
/// of the map (large maps are reduced as in a [`Panel`]); hatch, dots, lines, bars and areas are lines and areas. The same figure is
/// the same file, to the byte.
///
/// ```
/// use ndarray::Array3;
/// use racm::render::{Figure, Panel};
///
/// # fn main() -> racm::Result<()> {
/// let map = Array3::from_shape_fn((3, 32, 32), |(c, y, x)| (x as f32 - 16.0) * (y as f32) / (c as f32 + 1.0));
/// let panel = Panel::new(&map, &["red", "green", "blue"]).caption("class 14 (stop)");
/// let figure = Figure::from(panel).width_mm(84.0).font("Times New Roman").font_size(8.0);
/// let svg = figure.svg()?;
/// assert!(svg.contains("class 14 (stop)</text>") && svg.contains("width=\"84.000mm\""));
/// assert!(figure.pdf()?.starts_with(b"%PDF-"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Figure<'a> {
    parts: Vec<FigurePart<'a>>,
    width_mm: Option<f64>,
    font: String,
    font_size: f64,
}

/// What stands in a [`Figure`]. Everything that is one becomes one by `into()`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FigurePart<'a> {
    /// A map over its image.
    Panel(Panel<'a>),
    /// A series.
    Series(SeriesPlot<'a>),
    /// A table.
    Bars(BarChart<'a>),
}

impl<'a> From<Panel<'a>> for FigurePart<'a> {
    fn from(panel: Panel<'a>) -> Self {
        FigurePart::Panel(panel)
    }
}

impl<'a> From<SeriesPlot<'a>> for FigurePart<'a> {
    fn from(plot: SeriesPlot<'a>) -> Self {
        FigurePart::Series(plot)
    }
}

impl<'a> From<BarChart<'a>> for FigurePart<'a> {
    fn from(chart: BarChart<'a>) -> Self {
        FigurePart::Bars(chart)
    }
}

impl<'a, T: Into<FigurePart<'a>>> From<T> for Figure<'a> {
    fn from(part: T) -> Self {
        Figure::new().with(part)
    }
}

impl Default for Figure<'_> {
    fn default() -> Self {
        Figure {
            parts: Vec::new(),
            width_mm: None,
            font: "Helvetica".to_owned(),
            font_size: 8.0,
        }
    }
}

impl<'a> Figure<'a> {
    /// One without parts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a part below the others. If panels are to be compared, give them the same [`Scale`](super::Scale).
    pub fn with(mut self, part: impl Into<FigurePart<'a>>) -> Self {
        self.parts.push(part.into());
        self
    }

    /// The width on paper, 20 to 2000 millimetres (default: what tiles and plots take in the size that they have in PNG, and
    /// 170 at most). Panels of many tiles then stand in as many rows as it takes, unless their
    /// [columns](Panel::columns) are set.
    pub fn width_mm(mut self, width: f64) -> Self {
        self.width_mm = Some(width);
        self
    }

    /// The font in SVG and PDF, by its name (default: `Helvetica`).
    ///
    /// SVG names it, and the viewer shows it if it is there, or else one that looks alike. PDF has one of the three standard
    /// fonts, Helvetica, Times or Courier, whichever the name is like: they are in every viewer, and not embedded. They have
    /// the letters of Western Europe, and show a `?` for others.
    pub fn font(mut self, name: impl Into<String>) -> Self {
        self.font = name.into();
        self
    }

    /// The size of letters in SVG and PDF, 2 to 72 points (default: 8).
    pub fn font_size(mut self, points: f64) -> Self {
        self.font_size = points;
        self
    }

    /// Draws all parts into one picture, left-aligned on white. Width and font are not about it.
    ///
    /// # Errors
    /// Those of the parts; [`Error::Parameter`] when there is none, or when they are too large together.
    pub fn draw(&self) -> Result<RgbImage> {
        Ok(self.stacked(|part| part.lay_out(Letters::Bitmap))?.draw())
    }

    /// As SVG: tiles are embedded as PNG.
    ///
    /// # Errors
    /// Those of the parts; [`Error::Parameter`] when there is none, for a setting out of its range, and for a width that is too
    /// small for letters of that size.
    pub fn svg(&self) -> Result<String> {
        let (drawing, paper) = self.on_paper()?;
        svg::svg(&drawing, &paper)
    }

    /// As PDF of one page.
    ///
    /// # Errors
    /// As [`Figure::svg`].
    pub fn pdf(&self) -> Result<Vec<u8>> {
        let (drawing, paper) = self.on_paper()?;
        pdf::pdf(&drawing, &paper)
    }

    fn stacked(&self, lay_out: impl Fn(&FigurePart<'a>) -> Result<Drawing>) -> Result<Drawing> {
        let mut drawings = self.parts.iter().map(lay_out);
        let none = || Error::parameter("the parts of a figure", 0, "at least one");
        let mut all = drawings.next().ok_or_else(none)??;
        for drawing in drawings {
            all.append(drawing?);
        }
        let pixels = u64::from(all.width) * u64::from(all.height);
        if all.height > LONGEST as u32 || pixels > MOST_PIXELS {
            return Err(Error::parameter(
                "the figure's size",
                format!("{} x {} pixels", all.width, all.height),
                format!("sides of at most {LONGEST} and at most {MOST_PIXELS} pixels"),
            ));
        }
        Ok(all)
    }

    fn on_paper(&self) -> Result<(Drawing, Paper)> {
        self.check()?;
        let letters = Letters::Outline(Face::of(&self.font));
        let parts = self.parts.iter().map(FigurePart::with_scale);
        let fitted = self.fitted(letters, &parts.collect::<Result<Vec<_>>>()?)?;
        let figure = Figure {
            parts: fitted,
            ..self.clone()
        };
        let drawing = figure.stacked(|part| part.lay_out(letters))?;
        let paper = Paper::new(&drawing, &self.font, self.font_size, self.width_mm);
        let [width, height] = paper.size_mm;
        if height > LONGEST_PAGE {
            return Err(Error::parameter(
                "the figure's size",
                format!("{width:.0} x {height:.0} mm"),
                format!(
                    "at most {LONGEST_PAGE} mm, the longest page of PDF (choose a larger width)"
                ),
            ));
        }
        Ok((drawing, paper))
    }

    /// The parts with tiles and plots as large as the width allows, and more rows of tiles where these would be small.
    fn fitted(&self, letters: Letters, parts: &[FigurePart<'a>]) -> Result<Vec<FigurePart<'a>>> {
        let width = self.width_mm.unwrap_or(PAGE);
        if let Some(fitted) = self.fitted_to(width, letters, parts) {
            return Ok(fitted);
        }
        // The least whole number of millimetres: `narrow` is too narrow.
        let (mut narrow, mut wide) = (width.floor(), WIDEST);
        while wide - narrow > 1.0 {
            let middle = ((narrow + wide) / 2.0).floor();
            match self.fitted_to(middle, letters, parts) {
                Some(_) => wide = middle,
                None => narrow = middle,
            }
        }
        let size = self.font_size;
        Err(Error::parameter(
            "width_mm",
            width,
            format!("at least {wide} with letters of {size} points"),
        ))
    }

    /// The same in this width, if they can be made so small.
    fn fitted_to(
        &self,
        width: f64,
        letters: Letters,
        parts: &[FigurePart<'a>],
    ) -> Option<Vec<FigurePart<'a>>> {
        let room = pixels(width, self.font_size);
        let largest = self.width_mm.map_or(1.0, |_| ZOOM[1]);
        let most = parts.iter().map(FigurePart::cells).max().unwrap_or(1);
        let mut best: Option<(f64, Vec<FigurePart<'a>>)> = None;
        for rows in 1..=most {
            let rearranged: Vec<_> = match rows {
                1 => parts.to_vec(),
                _ => parts
                    .iter()
                    .map(|part| part.in_columns(most.div_ceil(rows)))
                    .collect(),
            };
            let fits = |zoom: f64| {
                let mut zoomed = rearranged.iter().map(|part| part.zoomed(zoom));
                zoomed.all(|part| part.fits(letters, room))
            };
            let Some(zoom) = largest_zoom(largest, fits) else {
                continue;
            };
            if best.as_ref().is_none_or(|(best, _)| zoom > *best) {
                best = Some((zoom, rearranged));
            }
            if zoom >= SMALL {
                break;
            }
        }
        let (zoom, parts) = best?;
        Some(parts.iter().map(|part| part.zoomed(zoom)).collect())
    }

    fn check(&self) -> Result<()> {
        if let Some(width) = self.width_mm.filter(|w| !(20.0..=WIDEST).contains(w)) {
            return Err(Error::parameter(
                "width_mm",
                width,
                format!("20 to {WIDEST}"),
            ));
        }
        if !(2.0..=72.0).contains(&self.font_size) {
            let expected = "2 to 72 points";
            return Err(Error::parameter("font_size", self.font_size, expected));
        }
        let strange = |c: char| !(c.is_alphanumeric() || " -_.+".contains(c));
        let letters = self.font.trim().chars().count();
        if !(1..=60).contains(&letters) || self.font.contains(strange) {
            return Err(Error::parameter(
                "font",
                format!("{:?}", self.font),
                "the name of a font: 1 to 60 letters, digits, spaces and any of -_.+",
            ));
        }
        Ok(())
    }
}

/// The largest zoom that fits, or nearly.
fn largest_zoom(largest: f64, fits: impl Fn(f64) -> bool) -> Option<f64> {
    let zooms = std::iter::successors(Some(largest), |zoom| Some(zoom * STEP));
    let mut zooms = zooms.take_while(|&zoom| zoom >= ZOOM[0]);
    let mut zoom = zooms.find(|&zoom| fits(zoom))?;
    let mut above = (zoom / STEP).min(largest);
    for _ in 0..HALVINGS {
        let middle = (zoom + above) / 2.0;
        match fits(middle) {
            true => zoom = middle,
            false => above = middle,
        }
    }
    Some(zoom)
}

impl FigurePart<'_> {
    fn lay_out(&self, letters: Letters) -> Result<Drawing> {
        match self {
            FigurePart::Panel(panel) => panel.lay_out(letters),
            FigurePart::Series(plot) => plot.lay_out(letters),
            FigurePart::Bars(chart) => chart.lay_out(letters),
        }
    }

    /// With a scale that is not fitted again whenever a size is tried.
    fn with_scale(&self) -> Result<Self> {
        match self {
            FigurePart::Panel(panel) => Ok(panel.with_scale()?.into()),
            other => Ok(other.clone()),
        }
    }

    fn zoomed(&self, zoom: f64) -> Self {
        match self {
            FigurePart::Panel(panel) => panel.zoomed(zoom).into(),
            plot => plot.with_plot_width(|width| width.zoomed(zoom)),
        }
    }

    /// The width of its plots.
    fn plot_width(&mut self) -> Option<&mut Width> {
        match self {
            FigurePart::Panel(_) => None,
            FigurePart::Series(plot) => Some(&mut plot.width),
            FigurePart::Bars(chart) => Some(&mut chart.width),
        }
    }

    fn with_plot_width(&self, change: impl Fn(Width) -> Width) -> Self {
        let mut changed = self.clone();
        if let Some(width) = changed.plot_width() {
            *width = change(*width);
        }
        changed
    }

    fn in_columns(&self, most: usize) -> Self {
        match self {
            FigurePart::Panel(panel) => panel.in_columns(most).into(),
            other => other.clone(),
        }
    }

    fn cells(&self) -> usize {
        match self {
            FigurePart::Panel(panel) => panel.cells(),
            _ => 1,
        }
    }

    fn total_width(&self, letters: Letters) -> u64 {
        match self {
            FigurePart::Panel(panel) => panel.total_width(letters),
            FigurePart::Series(plot) => plot.total_width(letters),
            FigurePart::Bars(chart) => chart.total_width(letters),
        }
    }

    /// Whether it can be drawn, and is no wider than `room` pixels.
    fn fits(&self, letters: Letters, room: f64) -> bool {
        let can = match self {
            FigurePart::Panel(_) => true,
            FigurePart::Series(plot) => plot.width.can_be_drawn(),
            FigurePart::Bars(chart) => chart.width.can_be_drawn(),
        };
        can && self.total_width(letters) as f64 <= room
    }
}
