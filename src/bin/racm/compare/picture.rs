//! The figure: a row for each method.

use racm::ndarray::{Array3, ArrayView3};
use racm::render::{Figure, Panel, Scale};

use super::args::{Args, Colours};
use super::found::Found;
use crate::Failure;
use crate::explain::plot::Plot;
use crate::explain::subject::{class, with_score};
use crate::numbers::short;
use crate::say::count_of;

const FILES: [&str; 3] = ["compare.png", "compare.svg", "compare.pdf"];

/// An image with its maps.
pub struct Compared {
    /// Its name, where there are several.
    pub name: Option<String>,
    /// With NaN where there is no value.
    pub image: Array3<f32>,
    /// As the model sees it.
    pub filled: Array3<f32>,
    pub channels: Option<Vec<String>>,
    pub maps: Vec<Found>,
    /// The number of classes.
    pub outputs: usize,
}

/// Writes it, and returns the names of the files.
pub fn write(
    args: &Args,
    names: &[String],
    all: &[Compared],
) -> Result<Vec<&'static str>, Failure> {
    let shared = match args.colours {
        Colours::Each => None,
        Colours::Shared => Some(scale_of(all)?),
    };
    let rows = || {
        all.iter()
            .flat_map(|c| c.maps.iter().map(move |found| (c, found)))
    };
    let orders: Vec<Vec<usize>> = rows()
        .map(|(_, found)| (0..found.planes.len()).collect())
        .collect();
    let plots = rows().zip(&orders).map(|((compared, found), order)| {
        let plot = Plot {
            image: &compared.image,
            channels: compared.channels.as_deref(),
            space: None,
            map: &found.map,
            planes: &found.planes,
            errors: None,
            region: found.region.as_deref(),
            caption: caption(names, compared, found),
            order,
            carried: None,
        };
        plot.ordered()
    });
    let plots = plots.collect::<Result<Vec<_>, _>>()?;
    let mut figure = Figure::new();
    for ((compared, found), plot) in rows().zip(&plots) {
        if let Some(plot) = plot {
            figure = figure.with(plot.part());
            continue;
        }
        let mut panel = Panel::new(&found.map, &found.planes).image(&compared.image);
        panel = panel.caption(caption(names, compared, found));
        if let Some(region) = &found.region {
            panel = panel.region(region);
        }
        if let Some(scale) = shared {
            panel = panel.scale(scale);
        }
        figure = figure.with(panel);
    }
    args.figure.write(&args.out, &FILES, &figure)
}

/// One scale for all maps.
fn scale_of(all: &[Compared]) -> Result<Scale, Failure> {
    let maps = all.iter().flat_map(|compared| &compared.maps);
    let values: Vec<f32> = maps.flat_map(|found| found.map.iter().copied()).collect();
    let values = ArrayView3::from_shape((1, 1, values.len()), &values)?;
    Ok(Scale::of(&values)?)
}

fn caption(names: &[String], compared: &Compared, found: &Found) -> String {
    let class = class(names, found.class as usize, Some(compared.outputs));
    let mut caption = match &compared.name {
        Some(name) => format!("{name}, {}: ", found.method),
        None => format!("{}: ", found.method),
    };
    caption += &with_score(&class, None, &short(found.score, 3));
    if found.is_flat() {
        caption += "; the map is the same everywhere";
    }
    let calls = usize::try_from(found.model_calls).unwrap_or(usize::MAX);
    caption += &format!("; {}", count_of(calls, "model call"));
    if let Some(calls) = found.head_calls {
        caption += &format!(" and {calls} of its head");
    }
    match found.seconds {
        Some(seconds) if seconds < 0.01 => caption += ", less than 0.01 s",
        Some(seconds) => caption += &format!(", {} s", short(seconds, 2)),
        None => {}
    }
    if let Some(areas) = &found.curves {
        caption += &format!(
            "; Insertion {}, Deletion {}",
            short(areas.insertion, 3),
            short(areas.deletion, 3)
        );
    }
    if found.method == "mc-rise" {
        caption += "; + where painting over raises the score";
    }
    caption
}
