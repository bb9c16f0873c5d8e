//! The picture of the growth: `benches/growth.svg`.

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::growth::Curve;

type Failure = Box<dyn std::error::Error>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const SIZE: (u32, u32) = (320, 300);
const BLUE: RGBColor = RGBColor(31, 119, 180);
const GREY: RGBColor = RGBColor(160, 160, 160);

pub fn draw(curves: &[Curve], memory: &Curve) -> Result<(), Failure> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../growth.svg");
    let panels = curves.len() + 1;
    let root = SVGBackend::new(path, (3 * SIZE.0, 2 * SIZE.1)).into_drawing_area();
    root.fill(&WHITE)?;
    let areas = root.split_evenly((2, 3));
    for (curve, area) in curves.iter().zip(&areas) {
        // Time is to be linear in pixels, so the axis counts them.
        let pixels = |v: usize| if curve.what == "side" { v * v } else { v };
        let points = curve.points.iter().map(|&(v, s)| (pixels(v) as f64, s));
        let x = match curve.what {
            "N" => "masks (64 x 64 x 3)",
            "side" => "pixels (3 channels, 320 masks)",
            "C" => "channels (64 x 64, 1000 masks)",
            _ => "targets (32 x 32 x 3, 1000 masks)",
        };
        panel(area, x, "seconds", &points.collect::<Vec<_>>(), 1.0)?;
    }
    let points = memory.points.iter().map(|&(v, mib)| (v as f64, mib));
    let points: Vec<_> = points.filter(|p| p.1 > 0.0).collect();
    panel(
        &areas[panels - 1],
        "masks (224 x 224 x 3)",
        "MiB above the start",
        &points,
        0.0,
    )?;
    for (line, text) in [
        "grey: linear (constant for memory)",
        "through the last point",
    ]
    .iter()
    .enumerate()
    {
        let at = (40, 120 + 20 * line as i32);
        areas[panels].draw(&Text::new(*text, at, ("sans-serif", 15)))?;
    }
    root.present()?;
    Ok(())
}

/// One curve on two logarithmic axes, and the straight line of this slope through its last point.
fn panel(
    area: &Area<'_>,
    x: &str,
    y: &str,
    points: &[(f64, f64)],
    slope: f64,
) -> Result<(), Failure> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Ok(());
    };
    let guide = |x: f64| (x, last.1 * (x / last.0).powf(slope));
    let ends = [guide(first.0), *last];
    let ys = || points.iter().chain(&ends).map(|p| p.1);
    let (low, high) = (ys().fold(f64::MAX, f64::min), ys().fold(0.0, f64::max));
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .x_label_area_size(42)
        .y_label_area_size(62)
        .build_cartesian_2d(
            (first.0 / 1.3..last.0 * 1.3).log_scale(),
            (low / 2.0..high * 2.0).log_scale(),
        )?;
    chart
        .configure_mesh()
        .max_light_lines(0)
        .x_labels(5)
        .y_labels(5)
        .x_desc(x)
        .y_desc(y)
        .x_label_formatter(&|v| short(*v))
        .y_label_formatter(&|v| short(*v))
        .label_style(("sans-serif", 13))
        .draw()?;
    chart.draw_series(LineSeries::new(ends, GREY.stroke_width(2)))?;
    chart.draw_series(LineSeries::new(
        points.iter().copied(),
        BLUE.stroke_width(2),
    ))?;
    let dots = points.iter().map(|&p| Circle::new(p, 3, BLUE.filled()));
    chart.draw_series(dots)?;
    Ok(())
}

fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{}M", v / 1e6),
        v if v >= 1e3 => format!("{}k", v / 1e3),
        v => format!("{}", (v * 1e6).round() / 1e6),
    }
}
