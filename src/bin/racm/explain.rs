//! `racm explain`.

use std::fs::File;
use std::io::{BufReader, BufWriter, IsTerminal};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use racm::ndarray::{Array2, Array3, Axis};
use racm::{Error, Explanation, Ledger, Region, StopRule};

use crate::args::{EstimatorArg, LinkArg, MaskArgs, Method, TargetArg};
use crate::model::ModelArgs;
use crate::{Failure, report};

#[derive(Parser)]
pub struct Args {
    #[command(flatten)]
    pub model: ModelArgs,
    /// The image to explain (PNG or JPEG)
    #[arg(long, value_name = "I.png")]
    pub image: Option<PathBuf>,
    /// The folder for the results
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// The classes to explain: top, all, or K[,K...]
    #[arg(long, default_value = "top")]
    pub target: TargetArg,
    /// The mask family
    #[arg(long, value_enum, default_value_t = Method::Racm, help_heading = "Masks")]
    pub method: Method,
    #[command(flatten)]
    pub mask: MaskArgs,
    /// Number of masks; with a stopping rule, the most that are used
    #[arg(
        long,
        visible_alias = "max-masks",
        default_value_t = 5000,
        value_name = "N"
    )]
    pub masks: u64,
    /// Stop once the median standard error is below this fraction of the map's range
    #[arg(long, value_name = "FRACTION")]
    pub until: Option<f64>,
    /// Stop once the top 10 % of the map agree to this fraction with those of half the masks
    #[arg(long, value_name = "FRACTION")]
    pub until_stable: Option<f64>,
    /// Stop after this many seconds
    #[arg(long, value_name = "SECONDS")]
    pub max_seconds: Option<f64>,
    /// The scale on which scores are explained
    #[arg(long, value_enum, default_value_t = LinkArg::Identity)]
    pub link: LinkArg,
    /// How scores become a map
    #[arg(long, value_enum, default_value_t = EstimatorArg::Centred)]
    pub estimator: EstimatorArg,
    /// Images a model call [default: 32, or what fits into 5 MiB]
    #[arg(long, value_name = "B")]
    pub batch: Option<usize>,
    /// A saliency map [H, W] (.npy) that restricts the masks to its highest pixels
    #[arg(long, value_name = "MAP.npy")]
    pub refine: Option<PathBuf>,
    /// The fraction of the pixels that --refine keeps
    #[arg(
        long,
        default_value_t = 0.3,
        requires = "refine",
        value_name = "FRACTION"
    )]
    pub keep: f64,
    /// Mark in the panel what lies within two standard errors of 0
    #[arg(long)]
    pub certainty: bool,
    /// Go on from the ledger of an interrupted run
    #[arg(long, value_name = "DIR/ledger.racm")]
    pub resume: Option<PathBuf>,
}

/// The values of P_pix that `auto` tries.
const CANDIDATES: [f64; 7] = [0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9];

pub fn run(args: &Args) -> Result<(), Failure> {
    args.model.start_threads()?;
    let names = args.model.class_names()?;
    let model = args.model.load()?;
    let (image, resized_from) = model.image(args.image.as_deref())?;
    let (_, height, width) = image.dim();

    let mut builder = args
        .mask
        .builder(args.method)
        .masks(args.masks)
        .estimator(args.estimator.estimator());
    if let Some(batch) = args.batch {
        builder = builder.batch(batch);
    }
    if let Some(path) = &args.refine {
        let map = read_saliency(path, height, width)?;
        builder = builder.region(Region::top_fraction(&map, args.keep)?);
    }
    let limit = args
        .max_seconds
        .map(Duration::try_from_secs_f64)
        .transpose();
    let limit = limit.map_err(|e| format!("--max-seconds: {e}"))?;
    let rules = [
        args.until.map(StopRule::StandardError),
        args.until_stable.map(|agreement| StopRule::RankStability {
            top: 0.1,
            agreement,
        }),
        limit.map(StopRule::Time),
    ];
    for rule in rules.into_iter().flatten() {
        builder = builder.stop_when(rule);
    }
    builder = builder.link(args.link.link());
    let mut explainer = builder.clone().build()?;
    let mut pilot = None;
    if args.mask.p_pix.0.is_none() {
        let (candidates, link) = (CANDIDATES, [args.link.link()]);
        let tried = explainer.pilot(&model, &image, args.target.0.clone(), &candidates, &link)?;
        if let Some(best) = tried.best() {
            println!(
                "pilot of {} model calls: P_pix {}",
                tried.model_calls, best.p_pix
            );
            explainer = builder.p_pix(best.p_pix).build()?;
        }
        pilot = Some(tried);
    }
    std::fs::create_dir_all(&args.out).map_err(|e| format!("{}: {e}", args.out.display()))?;

    let bar = progress_bar(args.masks);
    let mut run = explainer
        .run(&model, &image, args.target.0.clone())
        .progress(|progress| {
            bar.set_length(progress.total());
            bar.set_position(progress.masks());
            ControlFlow::Continue(())
        });
    if let Some(path) = &args.resume {
        let file = File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
        run = run.ledger(Ledger::read_from(BufReader::new(file))?);
    }
    let explanation = match run.explain() {
        Ok(explanation) => explanation,
        Err(error) => {
            let (cause, ledger) = error.into_parts();
            let Some(ledger) = ledger else {
                return Err(cause.into());
            };
            let path = args.out.join("ledger.racm");
            write_ledger(&path, &ledger)?;
            return Err(format!(
                "{cause}\n{} masks are saved: go on with --resume {}",
                ledger.masks(),
                path.display()
            )
            .into());
        }
    };
    bar.finish_and_clear();

    let written = report::write(
        args,
        &names,
        &image,
        resized_from,
        pilot.as_ref(),
        &explanation,
    )?;
    print_summary(&names, &explanation);
    println!("wrote {} to {}", written.join(", "), args.out.display());
    Ok(())
}

fn progress_bar(masks: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = "{bar:32} {pos}/{len} masks, {per_sec} model calls, {eta} left";
    let style =
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(masks).with_style(style)
}

fn write_ledger(path: &Path, ledger: &Ledger) -> Result<(), Failure> {
    let file = File::create(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(ledger.write_to(BufWriter::new(file))?)
}

pub fn read_saliency(path: &Path, height: usize, width: usize) -> Result<Array2<f32>, Failure> {
    let of_file = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let map: Array2<f32> = match ndarray_npy::read_npy(path) {
        Ok(map) => map,
        Err(first) => match ndarray_npy::read_npy::<_, Array2<f64>>(path) {
            Ok(map) => map.mapv(|v| v as f32),
            Err(_) => return Err(of_file(&first).into()),
        },
    };
    if map.dim() != (height, width) {
        return Err(Error::Shape {
            what: "the saliency map",
            given: map.shape().to_vec(),
            expected: vec![height, width],
        }
        .into());
    }
    Ok(map)
}

/// A few lines for the terminal: the class, and what mattered.
fn print_summary(names: &[String], explanation: &Explanation) {
    let planes = explanation.plan().plane_names();
    for (index, target) in explanation.targets().into_iter().enumerate().take(5) {
        println!(
            "{}, score {:.4}",
            report::class(names, target),
            explanation.unmasked_scores()[index]
        );
        for (name, plane) in planes
            .iter()
            .zip(explanation.maps().index_axis(Axis(0), index).outer_iter())
        {
            let highest = report::inside(explanation, &plane).fold(f32::MIN, f32::max);
            let mean = report::mean_inside(explanation, &plane);
            println!("  {name:<12} mean {mean:+.4}  highest {highest:+.4}");
        }
    }
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
