//! `racm merge`: the map of scores from several places, without a model call.

use std::fmt::Display;
use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Parser;
use racm::{Baseline, Budget, Explainer, Family, Ledger, Plan, demo};
use serde_json::{Map, Value, json};

use crate::args::{MapArgs, of_regressions, whole_number};
use crate::explain::channels::numbered;
use crate::explain::evaluated::with_nan;
use crate::explain::kept::{LEDGER, lock, say_torn};
use crate::explain::origin::Origin;
use crate::explain::page;
use crate::explain::part::span;
use crate::explain::report::{self, Stage};
use crate::explain::space::space_of;
use crate::explain::summary::{print_summary, say_written};
use crate::fingerprint::model_name;
use crate::image::{self, ImageArgs, Input, Stored, Taken};
use crate::model::class_names;
use crate::say::{SayArgs, document, line, warn_of_names, warning};
use crate::target::TargetArg;
use crate::{Failure, read, whole};

/// Why there are no curves.
const NO_MODEL: &str = "They ask the model about more images, and racm merge has no model.";

/// What stands below the help.
pub const NOTES: &str = "\
What ledgers know is not asked for: masks, seed, classes and scores. They do not know what changes no score: estimator (lime and
kernel-shap are estimators: --estimator lime), --prior, --effect and --link. The last line of `racm explain --shard` has the
command for the map of its run.

The model is not asked. Files are written whole or not at all, and the same command makes all of them again.
Exit status: 0 done; 1 failed, or masks are missing; 2 the command line cannot be read.";

/// The arguments of `racm merge`. What ledgers know (masks, seed, classes, unmasked scores) is not asked for.
#[derive(Parser)]
pub struct Args {
    /// The ledgers of one run, of `racm explain --shard` or --blocks; they may overlap
    #[arg(required = true, value_name = "LEDGER")]
    pub ledgers: Vec<PathBuf>,
    /// The image that was explained, for the pictures; not for the demo, which draws its own
    #[arg(long, value_name = "FILE|DIR", help_heading = "Image")]
    pub image: Option<PathBuf>,
    #[command(flatten)]
    pub reading: ImageArgs,
    /// The model file, to be sure that the scores are its own; it is not run
    #[arg(long, value_name = "M.onnx", help_heading = "Model")]
    pub model: Option<String>,
    /// The folder for the results, and for the ledger of all scores, ledger.racm
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: PathBuf,
    /// Make the map also where masks are missing, of those that are there
    #[arg(long, help_heading = "Map")]
    pub partial: bool,
    /// The map of the first N masks [default: all that the run was to have]
    #[arg(long, value_name = "N", value_parser = whole_number, help_heading = "Map")]
    pub masks: Option<u64>,
    /// Of the classes that were scored, those to explain: top, K[,K...], or a difference A-B or another sum, by number or
    /// by name, as in `racm explain` [default: all]
    #[arg(long, allow_hyphen_values = true, help_heading = "Map")]
    pub target: Option<TargetArg>,
    #[command(flatten)]
    pub map: MapArgs,
    /// A text file with one class name a line
    #[arg(long, value_name = "FILE", help_heading = "Model")]
    pub labels: Option<PathBuf>,
    #[command(flatten)]
    pub say: SayArgs,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let mut ledger = union(&args.ledgers)?;
    let model = ledger.model_name();
    check_model(args, model.as_deref())?;
    let is_demo = model.as_deref().is_some_and(|name| file_in(name) == "demo");
    let names = class_names(args.labels.as_deref(), is_demo)?;
    let space = model.as_deref().and_then(space_of);
    let of_ledger = |e| format!("{}: {e}", args.ledgers[0].display());
    let plan = ledger.plan().map_err(of_ledger)?;
    let [channels, height, width] = plan.shape();
    let taken = Taken {
        by: "the run".to_owned(),
        shape: [Some(channels), Some(height), Some(width)],
        hint: String::new(),
    };
    let (path, stored) = match (&args.image, is_demo) {
        (Some(path), _) => (&**path, image::read(path, &args.reading, &taken)?),
        (None, true) => (Path::new("demo"), Stored::picture(demo::image())),
        (None, false) => return Err("--image is missing: pictures show it".into()),
    };
    let input = Input::new(path, stored, &args.reading, &taken)?;
    let names_of_channels = match space {
        Some(_) => input.names.clone(),
        None => input.names.clone().or_else(|| names_in(&plan)),
    };
    let (numbered, resized_from) = (numbered(&input), input.resized_from);
    let baseline = ledger.baseline_name().map(|name| name.parse::<Baseline>());
    let baseline = baseline.and_then(Result::ok);
    let (image, known) = input.filled(baseline.as_ref())?;
    let expected = match space {
        Some(space) => ledger.expect_image(&space.convert(&image)?),
        None => ledger.expect_image(&image),
    };
    expected.map_err(of_ledger)?;

    let out = args.out.join("ledger.racm");
    // Nobody may be adding to the ledger there.
    let _lock = if args.out.is_dir() {
        lock(&args.out)?
    } else {
        None
    };
    if let Some(all) = with_earlier(&out, &ledger)? {
        ledger = all;
    }
    let wanted = args.masks.or(ledger.wanted_masks());
    let wanted =
        wanted.unwrap_or_else(|| ledger.scores().map(|(mask, _)| mask + 1).max().unwrap_or(0));
    let missing = ledger.missing(0..wanted);
    let spans: Vec<String> = missing.iter().map(span).collect();
    if !missing.is_empty() {
        let masks: u64 = missing.iter().map(|range| range.end - range.start).sum();
        let (noun, verb) = match masks {
            1 => ("mask", "is"),
            _ => ("masks", "are"),
        };
        let text = format!("{noun} {} of {wanted} {verb} missing", spans.join(", "));
        if !args.partial {
            return Err(format!(
                "{text}: score them, or make the map of the others with --partial"
            )
            .into());
        }
        line(text)?;
    }

    let mut builder = Explainer::builder()
        .spec(plan.spec().clone())
        .seed(ledger.seed())
        .budget(Budget::exactly(wanted));
    builder = args.map.apply(builder);
    if let Some(prior) = args.map.prior.read()? {
        builder = builder.surrogate_prior(prior);
    }
    if let Some(baseline) = baseline {
        builder = builder.baseline(baseline);
    }
    let explainer = builder.build()?;
    args.map.check(&explainer)?;
    if args.map.estimator.is_none() && of_regressions(plan.spec()) {
        warning(format_args!(
            "the masks are such as lime and kernel-shap draw, and ledgers know no estimator: this map is by {}. For theirs give \
             --estimator lime or --estimator kernel-shap",
            explainer.estimator().name()
        ))?;
    }
    let mut explanation = explainer.explain_ledger(plan.shape(), ledger.prefix(wanted))?;
    if let Some(target) = &args.target {
        explanation = explanation.with_target(target.of(&names)?)?;
    }
    whole::folder(&args.out)?;
    let fault = |e: &dyn Display| format!("{}: {e}", out.display());
    whole::put(&out, |part| {
        let file = File::create(part).map_err(|e| fault(&e))?;
        ledger.write_to(&file).map_err(|e| fault(&e))?;
        Ok(file.sync_all().map_err(|e| fault(&e))?)
    })?;
    let about = json!({
        "model": args.model.clone().or(model),
        "image": args.image.as_ref().map(|path| path.display().to_string()),
        "array": args.reading.array,
        "channels": names_of_channels,
        "missing": args.reading.missing_names(),
        "convert": args.reading.convert,
        "resized_from": resized_from,
        "ledger": out.display().to_string(),
        "merged": args.ledgers.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
        "missing_masks": spans,
    });
    let origin = Origin {
        out: &args.out,
        names: &names,
        image: &with_nan(image, known.as_ref()),
        space,
        map: &args.map,
        channels: names_of_channels.as_deref().or(numbered.as_deref()),
        about: match about {
            Value::Object(entries) => entries,
            _ => Map::new(),
        },
        region: Map::new(),
        preview: false,
        labels: None,
    };
    let stage = match missing.is_empty() {
        true => Stage::Finished,
        false => Stage::Unfinished,
    };
    let mut written = report::write(&origin, &explainer, &explanation, &stage)?;
    // Curves there are of another map.
    page::remove(&args.out)?;
    if args.map.report {
        page::write(&origin, &explanation, &mut written, Err(NO_MODEL))?;
    }
    print_summary(&origin, &explanation, &written)?;
    warn_of_names(&names, explanation.ledger().model_outputs())?;
    say_written(&origin, &explanation, &written.files)?;
    document(&written.told(origin.out))
}

/// The names of an image's channels, as far as planes of one channel each have them.
fn names_in(plan: &Plan) -> Option<Vec<String>> {
    let Some(Family::GroupedRacm(family)) = plan.spec().family.built_in() else {
        return None;
    };
    let mut groups = family.groups().iter().enumerate();
    let alone = groups.all(|(channel, group)| group[..] == [channel]);
    alone.then(|| family.names().to_vec())
}

/// All scores of the files; planes are called as in the first.
fn union(paths: &[PathBuf]) -> Result<Ledger, Failure> {
    let mut union: Option<Ledger> = None;
    for path in paths {
        let ledger = stored(path)?;
        match &mut union {
            None => union = Some(ledger),
            Some(union) => {
                let (first, path) = (paths[0].display(), path.display());
                union
                    .merge(&ledger)
                    .map_err(|e| format!("{path}: {e}, as in {first}"))?;
                if let (Ok(kept), Ok(other)) = (union.plan(), ledger.plan()) {
                    let [kept, other] = [kept, other].map(|plan| plan.plane_names().join(", "));
                    if kept != other {
                        warning(format_args!(
                            "the planes are {other} in {path} and {kept} in {first}, which names them here"
                        ))?;
                    }
                }
            }
        }
    }
    union.ok_or_else(|| "no ledger is given".into())
}

/// The scores of a file.
fn stored(path: &Path) -> Result<Ledger, Failure> {
    let (file, _) = read::open(path, LEDGER)?;
    let (ledger, torn) =
        Ledger::recover_from(file).map_err(|e| format!("{}: {e}", path.display()))?;
    if torn > 0 {
        line(format_args!("{}:\n{}", path.display(), say_torn(torn)))?;
    }
    Ok(ledger)
}

/// The scores with those that are in the folder already; another run's is not written over.
fn with_earlier(path: &Path, ledger: &Ledger) -> Result<Option<Ledger>, Failure> {
    if !path.exists() {
        return Ok(None);
    }
    let mut all = ledger.clone();
    let merged = all.merge(&stored(path)?);
    merged.map_err(|e| format!("{}: {e}; take another --out", path.display()))?;
    Ok(Some(all))
}

/// The file in a model's name, without what stands behind the semicolon.
fn file_in(name: &str) -> &str {
    name.split(';').next().unwrap_or(name)
}

/// That the model is the one whose name the ledgers hold, as far as its file goes.
fn check_model(args: &Args, kept: Option<&str>) -> Result<(), Failure> {
    let (Some(model), Some(kept)) = (&args.model, kept) else {
        return Ok(());
    };
    let (given, kept) = (model_name(model)?, file_in(kept));
    if given == kept {
        return Ok(());
    }
    Err(format!("the ledgers belong to another model: it is {kept}, --model is {given}").into())
}
