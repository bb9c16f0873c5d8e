//! Figures for papers: SVG and PDF beside the PNG.

use std::path::Path;

use clap::ValueEnum;
use racm::render::{Figure, png as encoded};

use crate::say::by_option;
use crate::{Failure, whole};

/// Which files, and how they are set.
#[derive(Clone, clap::Args)]
#[command(next_help_heading = "Figures for papers")]
pub struct FigureArgs {
    /// Also write the panel as SVG or PDF, with text as text
    #[arg(long, value_enum, value_delimiter = ',', value_name = "svg|pdf")]
    pub figure: Vec<Format>,
    /// Its width on paper, in mm, cm, in or pt, as in 84mm [default: as wide as it takes, 170mm at most]
    #[arg(long, value_name = "WIDTH", value_parser = millimetres, requires = "figure")]
    pub figure_width: Option<f64>,
    /// The font of its text, by name, as in "Times New Roman". PDF has Helvetica, Times or Courier, whichever the name is
    /// like, and shows letters as ? that Western Europe does not use [default: Helvetica]
    #[arg(long, value_name = "NAME", requires = "figure")]
    pub font: Option<String>,
    /// The size of its text, as in 8pt [default: 8pt]
    #[arg(long, value_name = "SIZE", value_parser = points, requires = "figure")]
    pub font_size: Option<f64>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Format {
    Svg,
    Pdf,
}

/// A length with its unit, in millimetres.
fn millimetres(text: &str) -> Result<f64, String> {
    let units = [("mm", 1.0), ("cm", 10.0), ("in", 25.4), ("pt", 25.4 / 72.0)];
    let found = units.iter().find_map(|(unit, millimetres)| {
        let number: f64 = text.strip_suffix(unit)?.trim().parse().ok()?;
        Some(number * millimetres)
    });
    found.ok_or_else(|| "expected a number and its unit, mm, cm, in or pt, as in 84mm".to_owned())
}

/// A size of letters, in points.
fn points(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("pt").unwrap_or(text).trim().parse();
    number.map_err(|_| "expected a number of points, as in 8pt".to_owned())
}

impl FigureArgs {
    /// Writes `NAME.png`, and the other files that are asked for; removes those that an earlier run left. Their names are
    /// returned.
    pub fn write(
        &self,
        out: &Path,
        name: &'static [&'static str; 3],
        figure: &Figure<'_>,
    ) -> Result<Vec<&'static str>, Failure> {
        let [png, svg, pdf] = *name;
        let picture = figure.draw()?;
        whole::write(&out.join(png), &encoded(&picture)?)?;
        let figure = self.set(figure.clone());
        let mut written = vec![png];
        for (format, name) in [(Format::Svg, svg), (Format::Pdf, pdf)] {
            if !self.figure.contains(&format) {
                // That of an earlier run would be another map's.
                whole::remove(&out.join(name))?;
                continue;
            }
            let bytes = match format {
                Format::Svg => figure.svg().map_err(by_option)?.into_bytes(),
                Format::Pdf => figure.pdf().map_err(by_option)?,
            };
            whole::write(&out.join(name), &bytes)?;
            written.push(name);
        }
        Ok(written)
    }

    /// Refuses settings with which no figure can be written, before there is one.
    pub fn check(&self) -> Result<(), Failure> {
        let nothing = racm::ndarray::Array1::<f32>::zeros(1);
        let one = racm::render::BarChart::new(&nothing, &["-"]).width(100);
        match self.figure.is_empty() {
            true => Ok(()),
            false => {
                let checked = self.set(one.into()).svg().map(drop);
                // How narrow the figure itself can be is known when there is a map: it has more than one bar.
                let wider = |e| by_option(e).to_string().replace("at least", "more than");
                checked.map_err(|e| wider(e).into())
            }
        }
    }

    fn set<'a>(&self, mut figure: Figure<'a>) -> Figure<'a> {
        if let Some(width) = self.figure_width {
            figure = figure.width_mm(width);
        }
        if let Some(font) = &self.font {
            figure = figure.font(font);
        }
        if let Some(size) = self.font_size {
            figure = figure.font_size(size);
        }
        figure
    }
}
