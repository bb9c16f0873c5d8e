//! `racm explain`.

mod about;
mod args;
mod baseline;
mod cam;
pub mod channels;
mod curves;
pub mod evaluated;
pub mod kept;
pub mod origin;
pub mod page;
mod parts;
mod pictures;
mod pilot;
mod plot;
mod refined;
pub mod report;
mod saved;
pub mod space;
mod subject;
pub mod summary;

use std::io::IsTerminal;
use std::ops::{ControlFlow, Range};

use indicatif::{ProgressBar, ProgressStyle};
use racm::ndarray::Array3;
use racm::{
    BlackBoxModel, ColourSpace, Effect, Estimator, Explainer, Explanation, InColourSpace, Link,
    Repeats, Run, Target,
};

use about::{about, about_pilot, about_region};
pub use args::Args;
use args::Method;
use baseline::warn_of_baseline;
use curves::Asked;
use evaluated::with_nan;
use kept::{Kept, Part};
use origin::Origin;
use pilot::with_best_p_pix;
use refined::refined_by;
use report::{Stage, Written};
use saved::Saved;
use space::{check_rgb, name_in, with_planes};
use summary::print_summary;

use crate::Failure;
use crate::image::{highest, in_both};
use crate::say::{differing, line, warn_of_names};
use crate::signals::{Signals, Stopped};

pub fn run(args: &mut Args) -> Result<(), Failure> {
    args.check()?;
    if let Some(Method::Cam(method)) = args.method {
        return cam::run(args, method);
    }
    let saved = args.spec.as_deref().map(Saved::read).transpose()?;
    args.take_space(saved.as_ref());
    args.model.read_channel_file(&mut args.mask.baseline)?;
    args.check_space()?;
    args.model.start_threads()?;
    let names = args.model.class_names()?;
    let model = args.model.load()?;
    let input = model.image(args.image.as_deref(), &args.model, &args.reading)?;
    report::say_input(args.image.as_deref(), &input)?;
    let mut about = about(args, &input);

    let [channels, height, width] = input.shape();
    args.check_channels([channels, height, width])?;
    let names_of_channels = channels::names_of(&args.model, &input);
    let is_picture = input.is_picture;
    let mut builder = args.builder(saved.as_ref(), [height, width])?;
    let asked = builder.clone().build()?;
    let (image, known) = input.filled(Some(asked.baseline()))?;
    let missing = known.as_ref().map_or(0, |r| height * width - r.count());
    let stored = channels::Known {
        path: args.image.as_deref(),
        count: channels,
        names: names_of_channels.as_deref(),
        is_picture,
    };
    check_rgb(&asked, args.space.is_some(), &stored)?;
    let space = match &args.space {
        Some(space) => Some(space.of(&image)?),
        None => None,
    };
    builder = with_planes(builder, space, saved.as_ref())?;
    builder = args.channels.apply(builder, &stored, space)?;
    let refined_by = refined_by(args, &model, &image, known.as_ref())?;
    let region = match &refined_by {
        Some(refined_by) => Some(highest(refined_by.map(), args.keep, known.as_ref())?),
        None => asked.spec().region.clone(),
    };
    let region = in_both(region, known.as_ref())
        .map_err(|_| "no pixel of the region has a value in every channel")?;
    let mut explainer = builder.region(region).build()?;
    args.map.check(&explainer)?;
    // What the model and the masks see.
    let model = in_space(&model, space)?;
    let masked = match space {
        Some(space) => space.convert(&image)?,
        None => image.clone(),
    };
    warn_of_baseline(&explainer, &masked)?;
    let (ledger, part) = (&args.ledger, args.ledger.part());
    let kept = Kept::open(
        &args.out,
        ledger.ledger.as_deref(),
        part.as_ref(),
        ledger.restart,
    )?;
    let mut pilot = None;
    if args.mask.pilot() {
        (explainer, pilot) = with_best_p_pix(args, explainer, &*model, &masked, &kept)?;
    }
    let job = Job {
        explainer: &explainer,
        model: &*model,
        image: &masked,
        target: &args.target,
        name: name_in(args.model.name()?, space),
        reading: args.reading.options(),
        batch: args.batch,
        kept,
        signals: Signals::watch()?,
    };
    if let Some(part) = part {
        return job.score(&part);
    }
    about.insert("pilot".to_owned(), about_pilot(pilot.as_ref()));
    about.insert(
        "ledger".to_owned(),
        job.kept.path.display().to_string().into(),
    );
    let origin = Origin {
        out: &args.out,
        names: &names,
        image: &with_nan(image.clone(), known.as_ref()),
        space,
        map: &args.map,
        channels: args.channels.names().or(names_of_channels.as_deref()),
        about,
        region: about_region(args, refined_by.as_ref(), missing),
        labels: args
            .segments
            .as_ref()
            .map(|path| path.display().to_string()),
    };
    job.explain(&origin)
}

/// The model, of images in this space.
fn in_space<'a>(
    model: &'a dyn BlackBoxModel,
    space: Option<ColourSpace>,
) -> Result<Box<dyn BlackBoxModel + 'a>, Failure> {
    Ok(match space {
        Some(space) => Box::new(InColourSpace::new(model, space)?),
        None => Box::new(model),
    })
}

/// What is to be scored, and where the scores are kept.
struct Job<'a> {
    explainer: &'a Explainer,
    model: &'a dyn BlackBoxModel,
    image: &'a Array3<f32>,
    target: &'a Target,
    /// The model's.
    name: String,
    /// The options with which the image was read.
    reading: String,
    /// Images a model call, where that was asked for.
    batch: Option<usize>,
    kept: Kept,
    signals: Signals,
}

impl Job<'_> {
    fn run(&self) -> Run<'_, dyn BlackBoxModel + '_> {
        let run = self
            .explainer
            .run(self.model, self.image, self.target.clone());
        run.model_name(&self.name).ledger_file(&self.kept.path)
    }

    /// Scores masks, and writes their map now and then and at the end.
    fn explain(&self, origin: &Origin<'_>) -> Result<(), Failure> {
        let Job {
            explainer,
            kept,
            signals,
            ..
        } = self;
        let bar = progress_bar(explainer.masks());
        let mut unwritten = None;
        let run = self
            .run()
            .progress(|progress| {
                bar.set_length(progress.total());
                bar.set_position(progress.masks());
                bar.set_message(certainty(progress.certainty()));
                go_on(signals)
            })
            .on_look(|look| {
                let first = look.run_stats().looks == 1;
                let written = report::write(origin, explainer, look, &Stage::Unfinished);
                let written = written.and_then(|_| match first {
                    true => bar.suspend(|| say_first(origin, look)),
                    false => Ok(()),
                });
                match written {
                    Ok(()) => go_on(signals),
                    Err(failure) => {
                        unwritten = Some(failure);
                        ControlFlow::Break(())
                    }
                }
            });
        let outcome = run.explain();
        bar.finish_and_clear();
        let explanation = match outcome {
            Ok(explanation) => explanation,
            Err(error) => {
                let (cause, ledger) = error.into_parts();
                let left = ledger.as_ref().map(|ledger| kept.left(ledger));
                // Too few masks for a map.
                let stopped = left.and_then(|left| signals.stopped(left));
                return Err(match stopped {
                    Some(stopped) => stopped.into(),
                    None => kept.failure(cause, ledger.as_ref()),
                });
            }
        };
        if let Some(failure) = unwritten {
            return Err(kept.with_masks(failure, explanation.ledger()));
        }
        let stopped = explanation.run_stats().stopped;
        let stopped = stopped.filter(|reason| *reason == racm::StopReason::Hook);
        let stopped = stopped.and_then(|_| signals.stopped(kept.left(explanation.ledger())));
        let stage = match &stopped {
            Some(stopped) => Stage::StoppedBy(stopped.name),
            None => Stage::Finished,
        };
        let mut written = report::write(origin, explainer, &explanation, &stage)?;
        let stopped = self.page(origin, &explanation, &mut written, stopped)?;
        print_summary(origin, &explanation, &written)?;
        warn(&explanation.run_stats().repeats)?;
        warn_of_names(origin.names, explanation.ledger().model_outputs())?;
        say_written(origin, &explanation, &written.files)?;
        stopped.map_or(Ok(()), |stopped| Err(stopped.into()))
    }

    /// Writes the page, if it is asked for; a signal may end its curves, too.
    fn page(
        &self,
        origin: &Origin<'_>,
        explanation: &Explanation,
        written: &mut Written,
        stopped: Option<Stopped>,
    ) -> Result<Option<Stopped>, Failure> {
        let asked = Asked {
            explainer: self.explainer,
            model: self.model,
            name: &self.name,
            image: self.image,
            batch: self.batch,
            signals: &self.signals,
        };
        page::of_run(origin, explanation, written, &asked, stopped.is_some())?;
        let left = || self.kept.left(explanation.ledger());
        Ok(stopped.or_else(|| self.signals.stopped(left())))
    }

    /// Scores a part of the masks, and makes no map.
    fn score(&self, part: &Part) -> Result<(), Failure> {
        let Job {
            explainer,
            kept,
            signals,
            ..
        } = self;
        let (masks, size) = (explainer.masks(), explainer.spec().block_size as u64);
        let Range { start, end } = part.blocks(masks.div_ceil(size));
        let bar = progress_bar((end - start) * size);
        let run = self.run().blocks(start..end).progress(|progress| {
            bar.set_length(progress.total());
            bar.set_position(progress.masks());
            go_on(signals)
        });
        let outcome = run.score_with_stats();
        bar.finish_and_clear();
        let (ledger, stats) = outcome.map_err(|error| {
            let (cause, ledger) = error.into_parts();
            kept.failure(cause, ledger.as_ref())
        })?;
        warn(&stats.repeats)?;
        let wanted = (start * size).min(masks)..(end * size).min(masks);
        if !ledger.missing(wanted.clone()).is_empty() {
            // By a signal, or by the time limit.
            let left = kept.left(&ledger);
            return match signals.stopped(left.clone()) {
                Some(stopped) => Err(stopped.into()),
                None => line(left),
            };
        }
        let (path, merge) = (
            kept.path.display(),
            merge(explainer, self.target) + &self.reading,
        );
        match wanted.is_empty() {
            true => line(format_args!(
                "none of the {masks} masks is in this part, so {path} holds none"
            )),
            false => line(format_args!(
                "masks {} of {masks} are in {path}; {merge} makes the map of all",
                span(&wanted)
            )),
        }
    }
}

/// The command that makes the map of an explainer's shards, with all that ledgers do not keep.
fn merge(explainer: &Explainer, target: &Target) -> String {
    let mut command = "racm merge".to_owned();
    if let Target::Sum(_) = target {
        let text = target.to_string();
        // A shell takes a star for files.
        command += &match text.contains('*') {
            true => format!(" --target '{text}'"),
            false => format!(" --target {text}"),
        };
    }
    let (estimator, effect, link) = (explainer.estimator(), explainer.effect(), explainer.link());
    if estimator != Estimator::default() {
        command += &format!(" --estimator {}", estimator.name());
    }
    if effect != Effect::default() {
        command += &format!(" --effect {}", effect.name());
    }
    if link != Link::default() {
        command += &format!(" --link {link}");
    }
    command
}

/// The first and the last of some masks.
pub fn span(masks: &Range<u64>) -> String {
    match masks.end - masks.start {
        1 => masks.start.to_string(),
        _ => format!("{} to {}", masks.start, masks.end - 1),
    }
}

/// A line about a model that did not repeat its answers.
fn warn(repeats: &Repeats) -> Result<(), Failure> {
    match repeats.agree() {
        true => Ok(()),
        false => line(format_args!("warning: {}", differing(repeats))),
    }
}

fn go_on(signals: &Signals) -> ControlFlow<()> {
    match signals.caught() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
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
fn say_first(origin: &Origin<'_>, look: &Explanation) -> Result<(), Failure> {
    line(format_args!(
        "first map after {} masks and {:.1} s in {}, refined there",
        look.masks(),
        look.run_stats().total_time.as_secs_f64(),
        origin.out.display()
    ))
}

/// The last line: how many masks, and which files.
pub fn say_written(
    origin: &Origin<'_>,
    explanation: &Explanation,
    files: &[&str],
) -> Result<(), Failure> {
    line(format_args!(
        "{} masks, {}; wrote {} to {}",
        explanation.masks(),
        certainty(explanation.certainty()?),
        files.join(", "),
        origin.out.display()
    ))
}
