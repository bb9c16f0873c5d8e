//! What `racm explain` writes.

use std::path::Path;

use racm::ndarray::{Array4, Axis};
use racm::{Explainer, Explanation};
use serde_json::{Map, Value, json};

use super::evaluated::{marked, mean_inside, median};
use super::origin::{Carried, Origin};
use super::pictures::pictures;
use super::subject::Subject;
use crate::image::Input;
use crate::say::line;
use crate::{Failure, npy, whole};

/// A line about an image that the model does not see in its own size, or whose numbers may be of any unit.
pub fn say_input(path: Option<&Path>, input: &Input) -> Result<(), Failure> {
    let Some(path) = path.map(Path::display) else {
        return Ok(());
    };
    let [channels, to_height, to_width] = input.shape();
    if let Some(resized) = input.resized() {
        line(format_args!("{path}: {resized}"))?;
    }
    if let Some(([low, high], missing)) = input.numbers() {
        let missing = match missing {
            0 => String::new(),
            1 => "; 1 pixel without a value is masked out".to_owned(),
            _ => format!("; {missing} pixels without a value are masked out"),
        };
        line(format_args!(
            "{path}: {channels} x {to_height} x {to_width} numbers from {low} to {high}{missing}"
        ))?;
    }
    Ok(())
}

/// Where the run is when results are written.
pub enum Stage<'a> {
    /// More masks are to come, of this run or of its shards.
    Unfinished,
    Finished,
    /// By something from outside.
    StoppedBy(&'a str),
}

/// What was written.
pub struct Written {
    /// The names of the files.
    pub files: Vec<&'static str>,
    /// The standard errors of the maps.
    pub errors: Option<Array4<f32>>,
    /// For each target.
    pub carried: Vec<Carried>,
    /// What `report.json` says.
    pub report: Value,
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
    let mut written = vec!["map.npy"];
    let (map_path, errors_path) = (
        origin.out.join("map.npy"),
        origin.out.join("standard_error.npy"),
    );
    write_npy(&map_path, explanation, explanation.maps().to_owned())?;
    match &errors {
        Some(errors) => {
            write_npy(&errors_path, explanation, errors.clone())?;
            written.push("standard_error.npy");
        }
        // That of an earlier run would be another map's.
        None => whole::remove(&errors_path)?,
    }
    written.extend(pictures(origin, explanation, errors.as_ref(), &carried)?);
    written.push("report.json");
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
        report,
    })
}

impl Written {
    /// What programs are told.
    pub fn told(&self, out: &Path) -> Value {
        told(self.report.clone(), out, &self.files)
    }
}

/// What programs are told of a report: all but the explainer, which may be long, and where the files are.
pub fn told(mut report: Value, out: &Path, files: &[&str]) -> Value {
    if let Some(entries) = report.as_object_mut() {
        entries.remove("explainer");
        let file = |name: &&str| out.join(name).display().to_string();
        entries.insert("out".to_owned(), json!(out.display().to_string()));
        let files: Vec<String> = files.iter().map(file).collect();
        entries.insert("files".to_owned(), json!(files));
    }
    report
}

fn carried(explanation: &Explanation) -> Vec<Carried> {
    let maps = 0..explanation.maps().dim().0;
    // Pass-only has a map, and no own effects.
    maps.map(|map| explanation.carried(map).ok()).collect()
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

/// What `report.json` says.
fn report(
    origin: &Origin<'_>,
    explainer: &Explainer,
    explanation: &Explanation,
    errors: Option<&Array4<f32>>,
    carried: &[Carried],
) -> Value {
    let plan = explanation.plan();
    let spec = plan.spec();
    let stats = explanation.run_stats();
    let in_model = stats.model_time.as_secs_f64();
    let planes = plan.plane_names();
    let maps = explanation.maps();
    let targets: Vec<Value> = Subject::all(origin.names, explanation)
        .iter()
        .enumerate()
        .map(|(index, subject)| {
            let error = errors.map(|errors| errors.index_axis(Axis(0), index));
            let map = maps.index_axis(Axis(0), index);
            let mut entry = subject.report();
            entry["mean_importance"] = planes
                .iter()
                .zip(map.outer_iter())
                .map(|(name, plane)| (name.clone(), json!(mean_inside(explanation, &plane))))
                .collect::<Map<_, _>>()
                .into();
            entry["carried"] = json!(carried[index].as_ref().map(|carried| {
                let entry = |(value, error)| json!({"value": value, "standard_error": error});
                let named = planes
                    .iter()
                    .cloned()
                    .zip(carried.iter().copied().map(entry));
                named.collect::<Map<_, _>>()
            }));
            entry["median_standard_error"] = json!(error.and_then(|e| median(explanation, &e)));
            entry
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
        "surrogate_prior": origin.map.prior.about(explainer),
        "link": explanation.link().to_string(),
        "quantity": origin.map.quantity,
        "target": explanation.target(),
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
