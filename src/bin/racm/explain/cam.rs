//! `racm explain --method grad-cam` and the other class activation maps.

use std::time::Instant;

use racm::ndarray::{Array2, Array3, Array4, Axis};
use racm::render::{Figure, Panel, Scale, Tile};
use racm::{CamMap, CamMethod, Region, Target};
use serde_json::json;

use super::about::about;
use super::args::Args;
use super::channels::names_of;
use super::evaluated::with_nan;
use super::job::Done;
use super::loaded::Loaded;
use super::page;
use super::pictures::{ROWS, write_pictures};
use super::plot::Plot;
use super::report::{say_input, told};
use super::subject::{class, with_score};
use crate::numbers::{measured, short};
use crate::say::{document, line, warn_of_names};
use crate::{Failure, npy, whole};

pub fn explain(args: &Args, loaded: &Loaded, method: CamMethod) -> Result<Done, Failure> {
    let Loaded { names, model, .. } = loaded;
    let white_box = loaded.white_box.as_ref();
    let white_box = white_box.ok_or("the model was not cut at a layer")?;
    let input = model.image(args.image.as_deref(), &args.model, &args.reading)?;
    say_input(args.image.as_deref(), &input)?;
    let about = about(args, &input);
    let channels = names_of(&args.model, &input);
    let (image, known) = input.filled(args.mask.baseline.as_ref())?;
    let region = known.as_ref().map(Region::pixels);
    let (top, outputs) = white_box.check(model, &image)?;
    let name = |found: &CamMap| class(names, found.class, Some(outputs));
    let targets = match &args.target {
        Target::Classes(classes) => classes.iter().map(|&class| class.into()).collect(),
        // As everywhere: by the scores of the model, not by those that the map explains.
        Target::Top => vec![top.into()],
        other => return Err(format!("{method} explains top or K[,K...], not {other}").into()),
    };
    warn_of_names(names, Some(outputs))?;
    whole::folder(&args.out)?;
    let started = Instant::now();
    let found: Vec<CamMap> = targets
        .into_iter()
        .map(|target| white_box.explain(method, &image, target))
        .collect::<Result<_, _>>()?;
    let seconds = started.elapsed().as_secs_f64();
    for map in &found {
        say(&name(map), method, map)?;
    }
    write_arrays(args, &found, known.as_ref())?;
    let shown = with_nan(image.clone(), known.as_ref());
    let drawn = pictures(
        args,
        method,
        name,
        &shown,
        channels.as_deref(),
        region,
        &found,
    )?;
    let mut files = vec!["map.npy"];
    files.extend(drawn);
    files.push("report.json");
    let mut report = json!({
        "racm_version": env!("CARGO_PKG_VERSION"),
        "image_shape": image.dim(),
        "method": method,
        "layer": white_box.layer.name,
        "layer_shape": white_box.layer.shape,
        "output": args.layer.refine_output.as_ref().or(args.model.output.as_ref()),
        "planes": [method],
        "targets": found.iter().map(|map| json!({
            "class": map.class,
            "name": names.get(map.class),
            "score": map.score,
            "mean_importance": { method.name(): map.map.mean() },
            "flat": map.is_flat(),
            "weights": map.weights.to_vec(),
        })).collect::<Vec<_>>(),
        "model_calls": found.iter().map(|map| map.image_calls).sum::<u64>(),
        "head_calls": found.iter().map(|map| map.head_calls).sum::<u64>(),
        "seconds": seconds,
    });
    if let Some(entries) = report.as_object_mut() {
        entries.extend(about);
    }
    let text = serde_json::to_string_pretty(&report)? + "\n";
    whole::write(&args.out.join("report.json"), text.as_bytes())?;
    line(format_args!(
        "wrote {} to {}",
        files.join(", "),
        args.out.display()
    ))?;
    let report = told(report, &args.out, &files);
    document(&report)?;
    let first = &found[0];
    Ok(Done {
        brief: with_score(&name(first), None, &short(first.score.into(), 4)),
        report,
    })
}

fn say(name: &str, method: CamMethod, found: &CamMap) -> Result<(), Failure> {
    line(with_score(name, None, &short(found.score.into(), 4)))?;
    if found.is_flat() {
        let value = found.map.first().copied().unwrap_or_default();
        return line(format_args!(
            "  {method:<12} {value} everywhere: the map says nothing"
        ));
    }
    let highest = found.map.iter().fold(f32::MIN, |m, &v| m.max(v));
    let [mean, highest] = [found.map.mean().unwrap_or_default(), highest].map(f64::from);
    line(format_args!(
        "  {method:<12} mean {}  highest {}",
        measured(mean, None),
        measured(highest, None)
    ))
}

/// `[1, H, W]` for one class, `[classes, 1, H, W]` for several.
fn write_arrays(args: &Args, found: &[CamMap], known: Option<&Region>) -> Result<(), Failure> {
    let (height, width) = found[0].map.dim();
    let mut maps = Array4::zeros((found.len(), 1, height, width));
    for (mut map, found) in maps.outer_iter_mut().zip(found) {
        let found = found.map.clone().insert_axis(Axis(0));
        map.assign(&with_nan(found, known));
    }
    let path = args.out.join("map.npy");
    match found.len() {
        1 => npy::write(&path, &maps.index_axis_move(Axis(0), 0))?,
        _ => npy::write(&path, &maps)?,
    }
    // Those of an earlier run would be another map's.
    page::remove(&args.out)?;
    whole::remove(&args.out.join("standard_error.npy"))
}

fn pictures(
    args: &Args,
    method: CamMethod,
    name: impl Fn(&CamMap) -> String,
    image: &Array3<f32>,
    channels: Option<&[String]>,
    region: Option<&Array2<bool>>,
    found: &[CamMap],
) -> Result<Vec<&'static str>, Failure> {
    let found = &found[..found.len().min(ROWS)];
    let maps = found.iter().map(|found| {
        let score = with_score(&name(found), None, &short(found.score.into(), 3));
        let caption = format!("{method}, {score}");
        (found.map.view().insert_axis(Axis(0)), caption)
    });
    let maps: Vec<_> = maps.collect();
    let planes = [method.name().to_owned()];
    let region = region.map(|pixels| &**pixels);
    let plots = maps.iter().map(|(map, caption)| {
        let plot = Plot {
            image,
            channels,
            space: None,
            map,
            planes: &planes,
            errors: None,
            region,
            caption: caption.clone(),
            order: &[0],
            carried: None,
        };
        plot.ordered()
    });
    let plots = plots.collect::<Result<Vec<_>, _>>()?;
    let (mut figure, mut overlays) = (Figure::new(), Vec::new());
    for ((found, (map, caption)), plot) in found.iter().zip(&maps).zip(&plots) {
        if let Some(plot) = plot {
            figure = figure.with(plot.part());
            continue;
        }
        let mut panel = Panel::new(map, &planes).image(image).caption(caption);
        let mut tile = Tile::new(&found.map, Scale::of(map)?).over(image);
        if let Some(region) = region {
            panel = panel.region(region);
            tile = tile.region(region);
        }
        let longer = found.map.dim().0.max(found.map.dim().1);
        figure = figure.with(panel);
        overlays.push(tile.enlarge((384 / longer).max(1)).draw()?);
    }
    write_pictures(&args.out, &args.map.figure, &figure, &overlays)
}
