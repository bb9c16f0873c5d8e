//! `racm compare`: the maps of several methods in one figure.

mod args;
mod found;
mod picture;

use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use racm::metrics::{InsertionDeletion, Steps};
use racm::ndarray::{Array3, Axis};
use racm::{BlackBoxModel, Explainer, Family, MaskFamily, McRise, Region, Target};
use serde_json::{Value, json};

pub use args::Args;
use args::Colours;

use crate::args::only_rgb;
use crate::evaluate::counted::Counted;
use crate::evaluate::maps::least_outside;
use crate::explain::channels::names_of;
use crate::explain::evaluated::with_nan;
use crate::explain::{self, Loaded, explain_one};
use crate::fingerprint::{bytes, fingerprint};
use crate::read::csv_field;
use crate::say::{self, document, line, warn_of_names};
use crate::{Failure, read, whole};
use found::{Areas, Found};
use picture::Compared;

pub fn run(args: &mut Args) -> Result<(), Failure> {
    args.check()?;
    args.model.complete(&mut args.mask.baseline)?;
    args.model.start_threads()?;
    let names = args.model.class_names()?;
    args.take_target(&names)?;
    let args = &*args;
    let folders = args.folders()?;
    let steps = steps(args, &folders)?;
    let white_box = match args.has_cam() {
        true => Some(args.model.split(&args.layer)?),
        false => None,
    };
    let loaded = Loaded::shared(names, args.model.load()?, white_box);
    // All images are read, and shown to the model, before the first mask is scored.
    let images = folders.iter().map(|(image, _)| read(args, &loaded, *image));
    let images: Vec<Compared> = images.collect::<Result<_, _>>()?;
    warn_of_names(
        &loaded.names,
        images.first().map(|compared| compared.outputs),
    )?;
    whole::folder(&args.out)?;
    let mut all = Comparison {
        args,
        earlier: earlier(&args.out.join(JSON)),
        images,
        folders,
    };
    let signals = loaded.signals()?;
    let left = || "the maps so far are kept: the same command goes on from them".to_owned();
    for Step {
        index,
        method,
        of_method,
    } in &steps
    {
        let index = *index;
        let of_image = all.images[index].name.as_ref();
        let of_image = of_image.map(|name| format!("{name}: "));
        line(format_args!("{}{method}", of_image.unwrap_or_default()))?;
        say::one_step(|| explain_one(of_method, &loaded))?;
        let before = all.before(index, method);
        let mut found = Found::read(&of_method.out, method, before)?;
        if let Some(steps) = args.curves {
            let curves = Asked {
                args,
                loaded: &loaded,
                steps,
            }
            .areas(&all.images[index].filled, &found, before);
            let failed = |failure| signals.stopped(left()).map_or(failure, Failure::from);
            found.curves = Some(curves.map_err(failed)?);
        }
        all.images[index].maps.push(found);
        all.write_json()?;
        if let Some(stopped) = signals.stopped(left()) {
            return Err(stopped.into());
        }
    }
    all.write_csv()?;
    let mut written = picture::write(args, &loaded.names, &all.images)?;
    written.extend([JSON, CSV]);
    line(format_args!(
        "wrote {} to {}",
        written.join(", "),
        args.out.display()
    ))?;
    document(&all.report())
}

/// A method's run on an image.
struct Step<'a> {
    /// The image's place.
    index: usize,
    method: &'a str,
    of_method: explain::Args,
}

/// All of them, each checked.
fn steps<'a>(args: &'a Args, folders: &Folders<'_>) -> Result<Vec<Step<'a>>, Failure> {
    let mut steps = Vec::new();
    for (index, (image, folder)) in folders.iter().enumerate() {
        for method in &args.methods {
            let of_method = args.of_method(*image, method, folder.join(method))?;
            steps.push(Step {
                index,
                method,
                of_method,
            });
        }
    }
    Ok(steps)
}

const JSON: &str = "compare.json";
const CSV: &str = "compare.csv";

/// An image without maps.
fn read(args: &Args, loaded: &Loaded, image: Option<&Path>) -> Result<Compared, Failure> {
    let model = &loaded.model;
    let input = model.image(image, &args.model, &args.reading)?;
    let channels = names_of(&args.model, &input);
    let (filled, known) = input.filled(args.mask.baseline.as_ref())?;
    if filled.dim().0 != 3 && args.methods.iter().any(|method| method == "mc-rise") {
        let other = "--methods racm,rise leaves it out";
        return Err(format!("{}; {other}", only_rgb(filled.dim().0)).into());
    }
    if args.colours == Colours::Shared && (filled.dim().1 == 1 || filled.dim().2 == 1) {
        return Err("--colours shared is about images, and this one is a series or a table: its maps are lines or bars".into());
    }
    let scores = model.predict(filled.view().insert_axis(Axis(0)))?;
    let outputs = scores.dim().1;
    if let Target::Classes(asked) = &args.target {
        if let Some(&target) = asked.iter().find(|&&class| class >= outputs) {
            let classes = outputs;
            return Err(racm::Error::Target { target, classes }.into());
        }
    }
    if let Some(white_box) = &loaded.white_box {
        white_box.check(model, &filled)?;
    }
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
        outputs,
    })
}

/// What is asked for curves.
struct Asked<'a> {
    args: &'a Args,
    loaded: &'a Loaded,
    steps: usize,
}

impl Asked<'_> {
    /// The areas under Insertion and Deletion, which ask the model 2 (steps + 1) times, unless an earlier comparison has
    /// measured them.
    fn areas(
        &self,
        image: &Array3<f32>,
        found: &Found,
        before: Option<&Value>,
    ) -> Result<Areas, Failure> {
        let Asked {
            args,
            loaded,
            steps,
        } = self;
        let baseline = args.mask.baseline.clone().unwrap_or_default();
        let mut map = match found.method.parse() {
            Ok(Family::McRise(colours)) => by_channel(&colours, &found.map, image.dim().0),
            _ => found.map.clone(),
        };
        if let Some(region) = &found.region {
            least_outside(&mut map, &Region::from_pixels(region.clone())?);
        }
        let words = format!(
            "{}; {baseline}; {steps}; {}",
            args.model.name()?,
            found.class
        );
        let of = fingerprint([&bytes(&map)[..], &bytes(image)[..], words.as_bytes()]);
        if let Some(areas) = Areas::known(before, &of) {
            return Ok(areas);
        }
        let batch = Explainer::builder().build()?.batch_for(image.dim().into());
        let protocol = InsertionDeletion::pixel_channels()
            .steps(Steps::Parts(*steps))
            .batch(args.batch.unwrap_or(batch))
            .insertion_start(baseline.clone())
            .deletion_end(baseline);
        // A single plane stands for every channel.
        let map = match map.broadcast(image.dim()) {
            Some(map) => map,
            None => map.view(),
        };
        let counted = Counted::new(
            &loaded.model,
            None,
            ProgressBar::hidden(),
            loaded.signals()?,
        );
        let curves = protocol.curves(&counted, image.view(), map, found.class as usize)?;
        Ok(Areas {
            insertion: curves.insertion.auc,
            deletion: curves.deletion.auc,
            of,
        })
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
    serde_json::from_str(&read::text(path, "an earlier comparison (JSON)").ok()?).ok()
}

type Folders<'a> = [(Option<&'a Path>, PathBuf)];

/// What was compared so far.
struct Comparison<'a> {
    args: &'a Args,
    /// What an earlier comparison wrote.
    earlier: Option<Value>,
    images: Vec<Compared>,
    folders: Vec<(Option<&'a Path>, PathBuf)>,
}

impl Comparison<'_> {
    /// What the earlier comparison says of a method.
    fn before(&self, index: usize, method: &str) -> Option<&Value> {
        let image = name_of(self.folders[index].0);
        let images = self.earlier.as_ref()?["images"].as_array()?;
        let entry = images.iter().find(|entry| entry["image"] == image)?;
        let methods = entry["methods"].as_array()?;
        methods.iter().find(|entry| entry["method"] == method)
    }

    /// What is known of each method; of those that are not done yet, what the earlier comparison says.
    fn report(&self) -> Value {
        let images = self.images.iter().enumerate().map(|(index, compared)| {
            let done = compared.maps.iter().map(Found::to_json);
            let to_come = self.args.methods.iter().skip(compared.maps.len());
            let earlier = to_come.filter_map(|method| self.before(index, method).cloned());
            json!({
                "image": name_of(self.folders[index].0),
                "methods": done.chain(earlier).collect::<Vec<_>>(),
            })
        });
        json!({
            "racm_version": env!("CARGO_PKG_VERSION"),
            "model": self.args.model.model,
            "target": self.args.target,
            "curve_steps": self.args.curves,
            "images": images.collect::<Vec<_>>(),
        })
    }

    fn write_json(&self) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(&self.report())? + "\n";
        whole::write(&self.args.out.join(JSON), text.as_bytes())
    }

    fn write_csv(&self) -> Result<(), Failure> {
        let mut text = format!("image,{}\n", Found::COLUMNS);
        for ((image, _), compared) in self.folders.iter().zip(&self.images) {
            let image = image.map_or("demo".to_owned(), |path| path.display().to_string());
            let image = csv_field(&image);
            for found in &compared.maps {
                text += &format!("{image},{}\n", found.to_csv());
            }
        }
        whole::write(&self.args.out.join(CSV), text.as_bytes())
    }
}

/// How reports call an image; the one that the demo draws has no name.
fn name_of(image: Option<&Path>) -> Value {
    json!(image.map(|path| path.display().to_string()))
}
