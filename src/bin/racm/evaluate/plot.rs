//! The mean curves as a picture.

use std::path::Path;

use plotters::prelude::*;
use racm::metrics::Summary;

use super::store::{Case, Record};
use super::table::label;
use crate::Failure;
use crate::whole::write;

/// Points of a mean curve; images of different sizes have curves of different steps.
const POINTS: usize = 101;

/// Colours that stay apart on white (Okabe and Ito), used again with a thinner line.
const COLOURS: [(u8, u8, u8); 7] = [
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (86, 180, 233),
    (0, 0, 0),
];

/// The curves of a protocol.
pub struct Protocol {
    pub name: &'static str,
    pub file: &'static str,
    /// What the axes are.
    pub x: &'static str,
    pub y: &'static str,
    pub panels: Vec<Panel>,
}

/// The mean curves of a metric, one a case.
pub struct Panel {
    pub title: String,
    pub lines: Vec<Line>,
}

/// Points of a mean curve: x, the mean over the images, and its standard error.
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64, Option<f64>)>,
}

/// Those that there are curves of.
pub fn protocols(cases: &[Case], records: &[Record]) -> Vec<Protocol> {
    let known = [
        (
            "rank",
            "rank order",
            "curves-rank.svg",
            "fraction of the image",
            "score",
        ),
        (
            "threshold",
            "value threshold",
            "curves-threshold.svg",
            "thresholds passed, from the highest",
            "score, rescaled",
        ),
    ];
    let protocols = known.into_iter().map(|(protocol, name, file, x, y)| {
        let metrics = ["insertion", "deletion"].iter();
        let panels = metrics
            .map(|metric| panel(&format!("{metric}_{protocol}"), cases, records))
            .filter(|panel| !panel.lines.is_empty())
            .collect();
        Protocol {
            name,
            file,
            x,
            y,
            panels,
        }
    });
    protocols.filter(|p| !p.panels.is_empty()).collect()
}

/// Writes a picture for each protocol.
pub fn write_all(folder: &Path, protocols: &[Protocol]) -> Result<Vec<&'static str>, Failure> {
    for Protocol {
        file, x, y, panels, ..
    } in protocols
    {
        let svg = draw(panels, x, y).map_err(|e| format!("{file}: {e}"))?;
        write(&folder.join(file), svg.as_bytes())?;
    }
    Ok(protocols.iter().map(|protocol| protocol.file).collect())
}

fn panel(curve: &str, cases: &[Case], records: &[Record]) -> Panel {
    let mut lines = Vec::new();
    for (row, case) in cases.iter().enumerate() {
        let curves: Vec<&Vec<[f64; 2]>> = records
            .iter()
            .filter_map(|r| r.scores[row].curves.get(curve))
            .collect();
        if curves.is_empty() {
            continue;
        }
        let points = (0..POINTS).map(|i| {
            let x = i as f64 / (POINTS - 1) as f64;
            let values = curves.iter().map(|curve| Ok(at(curve, x)));
            let summary = Summary::of(values);
            (x, summary.mean.unwrap_or_default(), summary.standard_error)
        });
        lines.push(Line {
            name: label(case),
            points: points.collect(),
        });
    }
    let metric = curve.split('_').next().unwrap_or(curve);
    let better = if metric == "insertion" { "high" } else { "low" };
    let title = format!("{} ({better} is better)", capitalized(metric));
    Panel { title, lines }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// The curve's value at x, on the straight line between its points.
fn at(curve: &[[f64; 2]], x: f64) -> f64 {
    let next = curve.partition_point(|p| p[0] < x).min(curve.len() - 1);
    let ([x0, y0], [x1, y1]) = (curve[next.saturating_sub(1)], curve[next]);
    if x1 > x0 {
        y0 + (y1 - y0) * ((x - x0) / (x1 - x0)).clamp(0.0, 1.0)
    } else {
        y1
    }
}

fn draw(panels: &[Panel], x: &str, y: &str) -> Result<String, Box<dyn std::error::Error>> {
    let longest = panels.iter().map(|p| p.lines.len()).max().unwrap_or(0);
    let height = 380 + 18 * longest as u32;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (480 * panels.len() as u32, height))
            .into_drawing_area();
        root.fill(&WHITE)?;
        for (panel, area) in panels.iter().zip(root.split_evenly((1, panels.len()))) {
            draw_panel(panel, &area, x, y, height)?;
        }
        root.present()?;
    }
    Ok(svg)
}

fn draw_panel(
    panel: &Panel,
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    x: &str,
    y: &str,
    height: u32,
) -> Result<(), Box<dyn std::error::Error>> {
    let values = || panel.lines.iter().flat_map(|line| line.points.iter());
    let high = values().fold(0.0, |high: f64, p| high.max(p.1));
    let low = values().fold(0.0, |low: f64, p| low.min(p.1));
    let top = if high > low { high } else { low + 1.0 };
    let (plot, legend) = area.split_vertically(height - 18 * panel.lines.len() as u32 - 10);
    let mut chart = ChartBuilder::on(&plot)
        .caption(&panel.title, ("sans-serif", 20))
        .margin(8)
        .x_label_area_size(42)
        .y_label_area_size(54)
        .build_cartesian_2d(0.0..1.0, low..top)?;
    chart
        .configure_mesh()
        .max_light_lines(0)
        .x_desc(x)
        .y_desc(y)
        .label_style(("sans-serif", 15))
        .draw()?;
    for (i, Line { name, points }) in panel.lines.iter().enumerate() {
        let (r, g, b) = COLOURS[i % COLOURS.len()];
        let width = if i < COLOURS.len() { 2 } else { 1 };
        let style = RGBColor(r, g, b).stroke_width(width);
        let points = points.iter().map(|&(x, y, _)| (x, y));
        chart.draw_series(LineSeries::new(points, style))?;
        let line = 18 * i as i32 + 8;
        legend.draw(&PathElement::new([(56, line), (80, line)], style))?;
        legend.draw(&Text::new(name.clone(), (86, line - 6), ("sans-serif", 15)))?;
    }
    Ok(())
}
