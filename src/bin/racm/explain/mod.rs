//! `racm explain`.

mod args;
mod cam;
mod refined;
mod report;

use std::fs::File;
use std::io::{BufReader, BufWriter, IsTerminal};
use std::ops::ControlFlow;

use indicatif::{ProgressBar, ProgressStyle};
use racm::ndarray::Axis;
use racm::{Effect, Explanation, Ledger, Region};

pub use args::Args;
use args::Method;
use refined::refined_by;
use report::Origin;

use crate::say::line;
use crate::{Failure, whole};

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
    let (image, resized_from) = model.image(args.image.as_deref(), &args.model)?;
    report::say_resized(args, resized_from, &image)?;

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

    let origin = Origin {
        resized_from,
        pilot,
        refined_by,
    };
    let write = |explanation: &_, finished| {
        report::write(
            args,
            &explainer,
            &names,
            &image,
            &origin,
            explanation,
            finished,
        )
    };

    let bar = progress_bar(explainer.masks());
    let mut unwritten = None;
    let mut run = explainer
        .run(&model, &image, args.target.clone())
        .progress(|progress| {
            bar.set_length(progress.total());
            bar.set_position(progress.masks());
            bar.set_message(certainty(progress.certainty()));
            ControlFlow::Continue(())
        })
        .on_look(|look| {
            let first = look.run_stats().looks == 1;
            let written = write(look, false).and_then(|_| match first {
                true => bar.suspend(|| say_first(args, look)),
                false => Ok(()),
            });
            match written {
                Ok(()) => ControlFlow::Continue(()),
                Err(failure) => {
                    unwritten = Some(failure);
                    ControlFlow::Break(())
                }
            }
        });
    if let Some(path) = &args.resume {
        let file = File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
        run = run.ledger(Ledger::read_from(BufReader::new(file))?);
    }
    let explanation = match run.explain() {
        Ok(explanation) => explanation,
        Err(error) => {
            let (cause, ledger) = error.into_parts();
            return Err(match ledger {
                Some(ledger) => saved(args, cause.into(), &ledger),
                None => cause.into(),
            });
        }
    };
    bar.finish_and_clear();
    if let Some(failure) = unwritten {
        return Err(saved(args, failure, explanation.ledger()));
    }
    let written = write(&explanation, true)?;
    print_summary(&names, &explanation)?;
    line(format_args!(
        "{} masks, {}; wrote {} to {}",
        explanation.masks(),
        certainty(explanation.certainty()?),
        written.join(", "),
        args.out.display()
    ))
}

fn progress_bar(masks: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = "{bar:32} {pos} of at most {len} masks, {msg}, {per_sec}, {eta} left";
    let style =
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(masks).with_style(style)
}

fn certainty(certainty: Option<f64>) -> String {
    match certainty {
        Some(certainty) => format!("certainty {certainty:.2}"),
        None => "certainty not known".to_owned(),
    }
}

/// A line about the first picture, which is there long before the last.
fn say_first(args: &Args, look: &Explanation) -> Result<(), Failure> {
    line(format_args!(
        "first map after {} masks and {:.1} s in {}, refined there",
        look.masks(),
        look.run_stats().total_time.as_secs_f64(),
        args.out.display()
    ))
}

/// Saves the scores of a run that failed, and says so.
fn saved(args: &Args, cause: Failure, ledger: &Ledger) -> Failure {
    let path = args.out.join("ledger.racm");
    let written = whole::put(&path, |part| {
        let file = File::create(part).map_err(|e| format!("{}: {e}", part.display()))?;
        Ok(ledger.write_to(BufWriter::new(file))?)
    });
    let masks = ledger.masks();
    match written {
        Ok(()) => format!(
            "{cause}\n{masks} masks are saved: go on with --resume {}",
            path.display()
        ),
        Err(again) => format!("{cause}\n{masks} masks are lost: {again}"),
    }
    .into()
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
