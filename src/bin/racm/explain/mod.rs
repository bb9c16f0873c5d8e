//! `racm explain`.

mod args;
mod cam;
mod refined;
mod report;

use std::fs::File;
use std::io::{BufReader, BufWriter, IsTerminal};
use std::ops::ControlFlow;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use racm::ndarray::Axis;
use racm::{Effect, Explanation, Ledger, Region};

pub use args::Args;
use args::Method;
use refined::refined_by;
use report::Origin;

use crate::Failure;
use crate::say::line;

/// The values of P_pix that `auto` tries.
const CANDIDATES: [f64; 7] = [0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9];

pub fn run(args: &Args) -> Result<(), Failure> {
    args.check()?;
    if let Some(Method::Cam(method)) = args.method {
        return cam::run(args, method);
    }
    args.model.start_threads()?;
    let names = args.model.class_names()?;
    let model = args.model.load()?;
    let (image, resized_from) = model.image(args.image.as_deref(), args.model.layout)?;

    let mut builder = args.builder(&image)?;
    let refined_by = refined_by(args, &model, &image)?;
    if let Some(refined_by) = &refined_by {
        builder = builder.region(Region::top_fraction(refined_by.map(), args.keep)?);
    }
    let mut explainer = builder.build()?;
    let mut pilot = None;
    if args.mask.pilot() {
        let (candidates, link) = (CANDIDATES, [explainer.link()]);
        let tried = explainer.pilot(&model, &image, args.target.clone(), &candidates, &link)?;
        if let Some(best) = tried.best() {
            line(format_args!(
                "pilot of {} model calls: P_pix {}",
                tried.model_calls, best.p_pix
            ))?;
            explainer = explainer.to_builder().p_pix(best.p_pix).build()?;
        }
        pilot = Some(tried);
    }
    std::fs::create_dir_all(&args.out).map_err(|e| format!("{}: {e}", args.out.display()))?;

    let bar = progress_bar(explainer.masks());
    let mut run = explainer
        .run(&model, &image, args.target.clone())
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

    let origin = Origin {
        resized_from,
        pilot,
        refined_by,
    };
    let written = report::write(args, &explainer, &names, &image, &origin, &explanation)?;
    print_summary(&names, &explanation)?;
    line(format_args!(
        "wrote {} to {}",
        written.join(", "),
        args.out.display()
    ))
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

/// A few lines for the terminal: the class, and what mattered.
fn print_summary(names: &[String], explanation: &Explanation) -> Result<(), Failure> {
    let planes = explanation.plan().plane_names();
    for (index, target) in explanation.targets().into_iter().enumerate().take(5) {
        let effect = match explanation.effect() {
            Effect::Own => ", own effects",
            _ => "",
        };
        line(format_args!(
            "{}, score {:.4}{effect}",
            report::class(names, target),
            explanation.unmasked_scores()[index]
        ))?;
        for (name, plane) in planes
            .iter()
            .zip(explanation.maps().index_axis(Axis(0), index).outer_iter())
        {
            let highest = report::inside(explanation, &plane).fold(f32::MIN, f32::max);
            let mean = report::mean_inside(explanation, &plane);
            line(format_args!(
                "  {name:<12} mean {mean:+.4}  highest {highest:+.4}"
            ))?;
        }
    }
    Ok(())
}
