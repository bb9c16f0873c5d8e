//! `racm compare`: the maps of several methods in one figure.

mod args;
mod found;
mod picture;

use std::path::Path;

use indicatif::ProgressBar;
use racm::metrics::{InsertionDeletion, Steps};
use racm::ndarray::{Array3, Axis};
use racm::{BlackBoxModel, Family, MaskFamily, McRise, Region};
use serde_json::{Value, json};

pub use args::Args;

use crate::args::only_rgb;
use crate::evaluate::counted::Counted;
use crate::evaluate::maps::least_outside;
use crate::explain;
use crate::explain::channels::names_of;
use crate::explain::evaluated::with_nan;
use crate::model::Model;
use crate::read::csv_field;
use crate::say::{self, document, line, warn_of_names};
use crate::signals::Signals;
use crate::{Failure, whole};
use found::Found;
use picture::Compared;

pub fn run(args: &mut Args) -> Result<(), Failure> {
    args.check()?;
    args.model.complete(&mut args.mask.baseline)?;
    args.model.start_threads()?;
    let names = args.model.class_names()?;
    args.take_target(&names)?;
    let args = &*args;
    let model = args.model.load()?;
    let signals = Signals::watch()?;
    // All images are read before the first mask is scored.
    let folders = args.folders()?;
    let images = folders.iter().map(|(image, _)| read(args, &model, *image));
    let mut all: Vec<Compared> = images.collect::<Result<_, _>>()?;
    warn_of_names(&names, all.first().map(|compared| compared.outputs))?;
    whole::folder(&args.out)?;
    let earlier = earlier(&args.out.join(JSON));
    for index in 0..all.len() {
        let (image, folder) = &folders[index];
        for method in &args.methods {
            let of_image = all[index].name.as_ref().map(|name| format!("{name}: "));
            line(format_args!("{}{method}", of_image.unwrap_or_default()))?;
            let out = folder.join(method);
            let mut of_method = args.of_method(*image, method, out.clone())?;
            say::one_step(|| explain::run(&mut of_method))?;
            let before = before(earlier.as_ref(), *image, method);
            let mut found = Found::read(&out, method, before)?;
            if let Some(steps) = args.curves {
                found.curves = Some(curves(
                    args,
                    &model,
                    &signals,
                    &all[index].filled,
                    &found,
                    steps,
                )?);
            }
            all[index].maps.push(found);
            write_json(args, &folders, &all)?;
        }
    }
    write_csv(args, &folders, &all)?;
    let mut written = picture::write(args, &names, &all)?;
    written.extend([JSON, CSV]);
    line(format_args!(
        "wrote {} to {}",
        written.join(", "),
        args.out.display()
    ))?;
    document(&report(args, &folders, &all))
}

const JSON: &str = "compare.json";
const CSV: &str = "compare.csv";

/// An image without maps.
fn read(args: &Args, model: &Model, image: Option<&Path>) -> Result<Compared, Failure> {
    let input = model.image(image, &args.model, &args.reading)?;
    let channels = names_of(&args.model, &input);
    let (filled, known) = input.filled(args.mask.baseline.as_ref())?;
    if filled.dim().0 != 3 && args.methods.iter().any(|method| method == "mc-rise") {
        let other = "--methods racm,rise leaves it out";
        return Err(format!("{}; {other}", only_rgb(filled.dim().0)).into());
    }
    let scores = model.predict(filled.view().insert_axis(Axis(0)))?;
    let name = match (args.image.len(), image) {
        (2.., Some(path)) => path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned()),
        _ => None,
    };
    Ok(Compared {
        name,
        image: with_nan(filled.clone(), known.as_ref()),
        filled,
        channels,
        maps: Vec::new(),
        outputs: scores.dim().1,
    })
}

/// The areas under Insertion and Deletion, which ask the model 2 (steps + 1) times.
fn curves(
    args: &Args,
    model: &Model,
    signals: &Signals,
    image: &Array3<f32>,
    found: &Found,
    steps: usize,
) -> Result<[f64; 2], Failure> {
    let baseline = args.mask.baseline.clone().unwrap_or_default();
    let protocol = InsertionDeletion::pixel_channels()
        .steps(Steps::Parts(steps))
        .insertion_start(baseline.clone())
        .deletion_end(baseline);
    let mut map = match found.method.parse() {
        Ok(Family::McRise(colours)) => by_channel(&colours, &found.map, image.dim().0),
        _ => found.map.clone(),
    };
    if let Some(region) = &found.region {
        least_outside(&mut map, &Region::from_pixels(region.clone())?);
    }
    // A single plane stands for every channel.
    let map = match map.broadcast(image.dim()) {
        Some(map) => map,
        None => map.view(),
    };
    let counted = Counted::new(model, None, ProgressBar::hidden(), signals);
    let curves = protocol.curves(&counted, image.view(), map, found.class as usize);
    match curves {
        Ok(curves) => Ok([curves.insertion.auc, curves.deletion.auc]),
        Err(error) => {
            let left = "the maps so far are kept: the same command goes on from them".to_owned();
            Err(signals.stopped(left).map_or(error.into(), Failure::from))
        }
    }
}

/// MC-RISE's map by channel (Eq. 12).
fn by_channel(colours: &McRise, map: &Array3<f32>, channels: usize) -> Array3<f32> {
    let (planes, height, width) = map.dim();
    Array3::from_shape_fn((channels, height, width), |(channel, y, x)| {
        let term = |plane| {
            let weight = colours.channel_weight(plane, channel).unwrap_or(0.0);
            weight * f64::from(map[[plane, y, x]])
        };
        (0..planes).map(term).sum::<f64>() as f32
    })
}

/// What an earlier comparison wrote here, if it can be read.
fn earlier(path: &Path) -> Option<Value> {
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

/// What it says of a method.
fn before<'a>(earlier: Option<&'a Value>, image: Option<&Path>, method: &str) -> Option<&'a Value> {
    let image = json!(image.map(|path| path.display().to_string()));
    let images = earlier?["images"].as_array()?;
    let entry = images.iter().find(|entry| entry["image"] == image)?;
    let methods = entry["methods"].as_array()?;
    methods.iter().find(|entry| entry["method"] == method)
}

type Folders<'a> = [(Option<&'a Path>, std::path::PathBuf)];

fn write_json(args: &Args, folders: &Folders<'_>, all: &[Compared]) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(&report(args, folders, all))? + "\n";
    whole::write(&args.out.join(JSON), text.as_bytes())
}

fn report(args: &Args, folders: &Folders<'_>, all: &[Compared]) -> Value {
    let images = folders.iter().zip(all).map(|((image, _), compared)| {
        json!({
            "image": image.map(|path| path.display().to_string()),
            "methods": compared.maps.iter().map(Found::to_json).collect::<Vec<_>>(),
        })
    });
    json!({
        "racm_version": env!("CARGO_PKG_VERSION"),
        "model": args.model.model,
        "target": args.target,
        "curve_steps": args.curves,
        "images": images.collect::<Vec<_>>(),
    })
}

fn write_csv(args: &Args, folders: &Folders<'_>, all: &[Compared]) -> Result<(), Failure> {
    let mut text = format!("image,{}\n", Found::COLUMNS);
    for ((image, _), compared) in folders.iter().zip(all) {
        let image = image.map_or("demo".to_owned(), |path| path.display().to_string());
        let image = csv_field(&image);
        for found in &compared.maps {
            text += &format!("{image},{}\n", found.to_csv());
        }
    }
    whole::write(&args.out.join(CSV), text.as_bytes())
}
