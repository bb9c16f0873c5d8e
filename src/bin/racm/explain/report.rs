//! What `racm explain` writes.

use std::path::Path;

use racm::ndarray::{Array3, Array4, ArrayView2, Axis};
use racm::render::{Panel, RgbImage, Scale, Tile, stack, write_png};
use racm::{ColourSpace, Effect, Explainer, Explanation};
use serde_json::{Map, Value, json};

use crate::numbers::short;
use crate::say::line;
use crate::{Failure, npy, whole};

/// More rows of a picture than this are not looked at.
pub const ROWS: usize = 8;

/// A class for people: its name if there is one.
pub fn class(names: &[String], class: usize) -> String {
    match names.get(class) {
        Some(name) => format!("class {class} ({name})"),
        None => format!("class {class}"),
    }
}

/// A line about an image that the model does not see in its own size.
pub fn say_resized(
    path: Option<&Path>,
    resized_from: Option<[usize; 2]>,
    image: &Array3<f32>,
) -> Result<(), Failure> {
    let (Some(path), Some([height, width])) = (path, resized_from) else {
        return Ok(());
    };
    let (_, to_height, to_width) = image.dim();
    line(format_args!(
        "{}: {height} x {width} pixels, resized to the {to_height} x {to_width} that the model takes",
        path.display()
    ))
}

/// The values of a plane that were evaluated, each with its row and column.
pub fn inside<'a>(
    explanation: &'a Explanation,
    plane: &'a ArrayView2<'_, f32>,
) -> impl Iterator<Item = ((usize, usize), f32)> + 'a {
    let region = explanation.region();
    let evaluated = move |pixel| region.is_none_or(|r| r.pixels()[pixel]);
    let values = plane.indexed_iter();
    values.filter_map(move |(pixel, &value)| evaluated(pixel).then_some((pixel, value)))
}

/// The mean of a plane over what was evaluated.
pub fn mean_inside(explanation: &Explanation, plane: &ArrayView2<'_, f32>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for (_, value) in inside(explanation, plane) {
        sum += f64::from(value);
        count += 1.0;
    }
    sum / count
}

/// What came before the run, and where its results go.
pub struct Origin<'a> {
    pub out: &'a Path,
    pub names: &'a [String],
    /// RGB, or one channel.
    pub image: &'a Array3<f32>,
    /// Where the masks are in another space.
    pub space: Option<ColourSpace>,
    /// Mark in the panel what lies within two standard errors of 0.
    pub certainty: bool,
    /// Show the planes that carry most first.
    pub sort: bool,
    /// Entries of the report: what is known of model and image.
    pub about: Map<String, Value>,
    /// The same of the region.
    pub region: Map<String, Value>,
    /// The file of the segments.
    pub labels: Option<String>,
}

/// Where the run is when results are written.
pub enum Stage<'a> {
    /// More masks are to come, of this run or of its shards.
    Unfinished,
    Finished,
    /// By something from outside.
    StoppedBy(&'a str),
}

/// What each plane carries, with its standard error; `None` where planes have no own effects.
pub type Carried = Option<Vec<(f64, Option<f64>)>>;

/// What was written.
pub struct Written {
    /// The names of the files.
    pub files: Vec<&'static str>,
    /// The standard errors of the maps.
    pub errors: Option<Array4<f32>>,
    /// For each target.
    pub carried: Vec<Carried>,
}

/// Writes everything into the folder, also while the run goes on.
pub fn write(
    origin: &Origin<'_>,
    explainer: &Explainer,
    explanation: &Explanation,
    stage: &Stage<'_>,
) -> Result<Written, Failure> {
    let errors = explanation.standard_errors()?;
    let carried = carried(explanation);
    let mut written = vec!["map.npy", "panel.png", "overlay.png", "report.json"];
    let (map_path, errors_path) = (
        origin.out.join("map.npy"),
        origin.out.join("standard_error.npy"),
    );
    write_npy(&map_path, explanation, explanation.maps().to_owned())?;
    match &errors {
        Some(errors) => {
            write_npy(&errors_path, explanation, errors.clone())?;
            written.insert(1, "standard_error.npy");
        }
        // That of an earlier run would be another map's.
        None => whole::remove(&errors_path)?,
    }
    pictures(origin, explanation, errors.as_ref(), &carried)?;
    let mut report = report(origin, explainer, explanation, errors.as_ref(), &carried);
    report["finished"] = json!(matches!(stage, Stage::Finished));
    if let Stage::StoppedBy(what) = stage {
        report["stopped_by"] = json!(what);
    }
    report["explainer"] = explainer_to_save(explainer)?;
    let path = origin.out.join("report.json");
    let text = serde_json::to_string_pretty(&report)? + "\n";
    whole::write(&path, text.as_bytes())?;
    Ok(Written {
        files: written,
        errors,
        carried,
    })
}

fn carried(explanation: &Explanation) -> Vec<Carried> {
    let targets = 0..explanation.targets().len();
    // Pass-only has a map, and no own effects.
    targets
        .map(|target| explanation.carried(target).ok())
        .collect()
}

/// What `--spec` reads. A region stays with the map that it was made of.
fn explainer_to_save(explainer: &Explainer) -> Result<Value, Failure> {
    let without = explainer.to_builder().region(None).build()?;
    Ok(serde_json::to_value(without)?)
}

/// `[planes, H, W]` for one target, `[targets, planes, H, W]` for several.
fn write_npy(path: &Path, explanation: &Explanation, maps: Array4<f32>) -> Result<(), Failure> {
    let mut maps = maps;
    for mut map in maps.outer_iter_mut() {
        let with_marks = marked(explanation, map.to_owned());
        map.assign(&with_marks);
    }
    match maps.len_of(Axis(0)) {
        1 => npy::write(path, &maps.index_axis_move(Axis(0), 0)),
        _ => npy::write(path, &maps),
    }
}

fn pictures(
    origin: &Origin<'_>,
    explanation: &Explanation,
    errors: Option<&Array4<f32>>,
    carried: &[Carried],
) -> Result<(), Failure> {
    let image = origin.image;
    let planes = explanation.plan().plane_names();
    let region = explanation.region().map(|r| r.pixels());
    // Of planes that are the space's: RISE has one for all of them.
    let space = origin
        .space
        .filter(|s| s.planes().map(|p| p.0)[..] == planes[..]);
    let of_planes = match space {
        Some(space) => Some(space.pictures(image)?),
        None => None,
    };
    let (mut panels, mut overlays) = (Vec::new(), Vec::new());
    for (index, target) in explanation.targets().into_iter().enumerate().take(ROWS) {
        let maps = explanation.maps();
        let map = maps.index_axis(Axis(0), index);
        let error = errors.map(|errors| errors.index_axis(Axis(0), index));
        let caption = caption(origin, target, index, explanation, error.as_deref());
        let mut panel = Panel::new(&map, &planes).image(image).caption(caption);
        if let Some(pictures) = &of_planes {
            panel = panel.plane_pictures(pictures);
        }
        if let Some(region) = region {
            panel = panel.region(region);
        }
        if let (true, Some(error)) = (origin.certainty, &error) {
            panel = panel.standard_error(error);
        }
        if let (Some(carried), true) = (&carried[index], planes.len() > 1) {
            panel = panel.carried(carried).sorted(origin.sort);
        }
        panels.push(panel.draw()?);
        // The overlay shows what all planes say together.
        let mean = map.mean_axis(Axis(0)).unwrap_or_default();
        let scale = Scale::of(&mean.view().insert_axis(Axis(0)))?;
        let mut tile = Tile::new(&mean, scale).over(image);
        if let Some(region) = region {
            tile = tile.region(region);
        }
        overlays.push(
            tile.enlarge((384 / mean.dim().0.max(mean.dim().1)).max(1))
                .draw()?,
        );
    }
    write_pictures(origin.out, &panels, &overlays)
}

/// One row a class.
pub fn write_pictures(
    out: &Path,
    panels: &[RgbImage],
    overlays: &[RgbImage],
) -> Result<(), Failure> {
    for (name, rows) in [("panel.png", panels), ("overlay.png", overlays)] {
        let picture = stack(rows)?;
        let write = |part: &Path| Ok(write_png(part, &picture)?);
        whole::put(&out.join(name), write)?;
    }
    Ok(())
}

fn caption(
    origin: &Origin<'_>,
    target: usize,
    index: usize,
    explanation: &Explanation,
    errors: Option<&racm::ndarray::ArrayRef3<f32>>,
) -> String {
    let family = explanation.plan().family().name();
    let score = explanation.unmasked_scores()[index];
    let space = origin
        .space
        .map_or(String::new(), |space| format!(" in {space}"));
    let mut caption = format!(
        "{family}{space}, {}, score {}, N = {}, {}",
        class(origin.names, target),
        short(score.into(), 3),
        explanation.masks(),
        explanation.estimator().name(),
    );
    if explanation.effect() == Effect::Own {
        caption += ", own effects";
    }
    if let Some(median) = errors.and_then(|errors| median(explanation, errors)) {
        caption += &format!(", median standard error {median:.2e}");
    }
    caption
}

/// The median over what was evaluated.
fn median(explanation: &Explanation, errors: &racm::ndarray::ArrayRef3<f32>) -> Option<f32> {
    let mut values: Vec<f32> = marked(explanation, errors.to_owned())
        .into_iter()
        .filter(|v| !v.is_nan())
        .collect();
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f32::total_cmp).1)
}

fn report(
    origin: &Origin<'_>,
    explainer: &Explainer,
    explanation: &Explanation,
    errors: Option<&Array4<f32>>,
    carried: &[Carried],
) -> Value {
    let names = origin.names;
    let plan = explanation.plan();
    let spec = plan.spec();
    let stats = explanation.run_stats();
    let in_model = stats.model_time.as_secs_f64();
    let planes = plan.plane_names();
    let maps = explanation.maps();
    let targets: Vec<Value> = explanation
        .targets()
        .into_iter()
        .enumerate()
        .map(|(index, target)| {
            let error = errors.map(|errors| errors.index_axis(Axis(0), index));
            let map = maps.index_axis(Axis(0), index);
            json!({
                "class": target,
                "name": names.get(target),
                "score": explanation.unmasked_scores()[index],
                "mean_importance": planes.iter().zip(map.outer_iter())
                    .map(|(name, plane)| (name.clone(), json!(mean_inside(explanation, &plane))))
                    .collect::<Map<_, _>>(),
                "carried": carried[index].as_ref().map(|carried| planes.iter().zip(carried)
                    .map(|(name, (value, error))| (name.clone(), json!({"value": value, "standard_error": error})))
                    .collect::<Map<_, _>>()),
                "median_standard_error": error.and_then(|e| median(explanation, &e)),
            })
        })
        .collect();
    let on_grid = spec.segments.is_none();
    let region = explanation.region().map(|region| {
        let mut about = origin.region.clone();
        about.insert("pixels".to_owned(), json!(region.count()));
        about.insert(
            "outside".to_owned(),
            json!("not evaluated: NaN in the arrays"),
        );
        about
    });
    let mut report = json!({
        "racm_version": env!("CARGO_PKG_VERSION"),
        "image_shape": plan.shape(),
        "space": origin.space,
        "method": plan.family().name(),
        "masks": explanation.masks(),
        "seed": explanation.seed(),
        "segments": spec.segments.as_ref().map(|segments| json!({
            "labels": origin.labels,
            "count": segments.count(),
        })),
        "grid": on_grid.then_some(spec.grid),
        "p_pix": spec.p_pix,
        "block_size": spec.block_size,
        "enlargement": on_grid.then_some(spec.enlargement),
        "placement": on_grid.then_some(spec.placement),
        "baseline": explainer.baseline().to_string(),
        "estimator": explanation.estimator().name(),
        "effect": explanation.effect(),
        "link": explanation.link().to_string(),
        "certainty": explanation.certainty().ok().flatten(),
        "stopped_by": stats.stopped.map(|reason| format!("{reason:?}")),
        "region": region,
        "planes": planes,
        "pass_probabilities": plan.pass_probabilities(),
        "bias_probability": plan.bias_probability(),
        "targets": targets,
        "masks_from_ledger": stats.known_masks,
        "model_calls": stats.model_calls,
        "batches": stats.batches,
        "repeats": {
            "count": stats.repeats.count,
            "difference": stats.repeats.difference,
            "tolerance": stats.repeats.tolerance,
            "agree": stats.repeats.agree(),
        },
        "looks": stats.looks,
        "seconds_in_looks": stats.look_time.as_secs_f64(),
        "seconds_in_model": in_model,
        "seconds_outside_model": (stats.total_time.as_secs_f64() - in_model).max(0.0),
    });
    if let Some(entries) = report.as_object_mut() {
        entries.extend(origin.about.clone());
    }
    report
}

/// What is not evaluated is NaN in files.
pub fn marked(explanation: &Explanation, mut map: Array3<f32>) -> Array3<f32> {
    if let Some(region) = explanation.region() {
        for mut plane in map.outer_iter_mut() {
            plane.zip_mut_with(region.pixels(), |v, &inside| {
                if !inside {
                    *v = f32::NAN;
                }
            });
        }
    }
    map
}
