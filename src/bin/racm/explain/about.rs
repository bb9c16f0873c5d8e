//! What reports say of model and image.

use racm::Pilot;
use serde_json::{Map, Value, json};

use super::args::Args;
use super::refined::RefinedBy;
use crate::args::value_name;
use crate::image::Input;

/// The model, the image, and how the one sees the other.
pub fn about(args: &Args, input: &Input) -> Map<String, Value> {
    entries(json!({
        "model": args.model.model,
        "image": args.image.as_ref().map(|path| path.display().to_string()),
        "array": args.reading.array,
        "channels": args.model.channel_names(input),
        "missing": args.reading.missing_names(),
        "convert": args.reading.convert,
        "resized_from": input.resized_from,
        "preprocess": {
            "layout": args.model.layout().name(),
            "channel_order": value_name(args.model.channel_order()),
            "scale": args.model.scale,
            "mean": args.model.mean,
            "std": args.model.std,
        },
        "runtime": value_name(args.model.runtime),
        "device": args.model.device,
    }))
}

/// What a pilot cost and found.
pub fn about_pilot(pilot: Option<&Pilot>) -> Value {
    let Some(pilot) = pilot else {
        return Value::Null;
    };
    let tried = pilot.candidates.iter();
    let tried = tried.map(|c| json!({"p_pix": c.p_pix, "signal_to_noise": c.signal_to_noise}));
    json!({"model_calls": pilot.model_calls, "tried": tried.collect::<Vec<_>>()})
}

/// The region, by what made it.
pub fn about_region(
    args: &Args,
    refined_by: Option<&RefinedBy>,
    missing: usize,
) -> Map<String, Value> {
    let mut about = entries(json!({
        "map": args.refine.as_ref().map(ToString::to_string),
        "keep": args.refine.as_ref().map(|_| args.keep),
        "missing_pixels": missing,
    }));
    if let Some(RefinedBy::Cam(layer, found)) = refined_by {
        about.extend(entries(json!({
            "layer": layer.name,
            "refine_output": args.layer.refine_output,
            "image_calls": found.image_calls,
            "head_calls": found.head_calls,
        })));
    }
    about
}

fn entries(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(entries) => entries,
        _ => Map::new(),
    }
}
