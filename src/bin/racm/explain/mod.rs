//! `racm explain`.

mod about;
mod args;
mod bar;
mod baseline;
mod cam;
pub mod channels;
mod curves;
pub mod evaluated;
mod first_look;
pub mod kept;
mod loaded;
pub mod origin;
pub mod page;
pub mod part;
mod parts;
mod pictures;
mod pilot;
pub mod plot;
mod preview;
mod refined;
pub mod report;
mod saved;
mod several;
pub mod space;
pub mod subject;
pub mod summary;

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;

use racm::ndarray::Array3;
use racm::{
    BlackBoxModel, ColourSpace, Explainer, Explanation, InColourSpace, Repeats, Run, Target,
};
use serde_json::Value;

use about::{about, about_pilot, about_region};
use args::Method;
pub use args::{Args, method_names};
use bar::Bar;
use baseline::warn_of_baseline;
use curves::Asked;
use evaluated::with_nan;
use first_look::FirstLook;
use kept::Kept;
use loaded::Loaded;
use origin::Origin;
use pilot::with_best_p_pix;
use refined::refined_by;
use report::{Stage, Written};
use space::{check_rgb, name_in, with_planes};
use summary::print_summary;

use crate::Failure;
use crate::image::{highest, in_both};
use crate::say::{differing, document, line, warn_of_names, warning};
use crate::signals::{Signals, Stopped};

/// What stands below the help.
pub const EXAMPLES: &str = "\
Examples:
  racm explain --model demo --out explained                          needs no file
  racm explain --model resnet.onnx --preset imagenet --labels imagenet.txt --image cat.jpg --out cat
  racm explain .. --target \"tabby - lynx\"                            why the one and not the other
  racm explain .. --images photos/ --out photos-explained            many images, and summary.csv
  racm explain .. --masks 2000 --estimator averaged --preview        exactly so many, shown here, too

The same command given again goes on where it was stopped. Exit status: 0 done; 1 failed, or one image of several did;
2 the command line cannot be read; 128 + N ended by signal N.";

pub fn run(args: &mut Args) -> Result<(), Failure> {
    args.check()?;
    preview::settle(&mut args.preview)?;
    match args.images.images.is_empty() {
        true => {
            let loaded = Loaded::new(args)?;
            explain(args, &loaded).map(drop)
        }
        false => several::run(args),
    }
}

/// What came of one image.
struct Done {
    /// The report, and where the files are.
    report: Value,
    /// The first map in a few words, and how far it is known.
    brief: String,
}

/// Explains the image of the arguments. A part of the masks makes no map.
fn explain(args: &Args, loaded: &Loaded) -> Result<Option<Done>, Failure> {
    if let Some(Method::Cam(method)) = args.method {
        return cam::explain(args, loaded, method).map(Some);
    }
    let Loaded {
        saved,
        names,
        model,
        ..
    } = loaded;
    let saved = saved.as_ref();
    let input = model.image(args.image.as_deref(), &args.model, &args.reading)?;
    report::say_input(args.image.as_deref(), &input)?;
    let mut about = about(args, &input);

    let [channels, height, width] = input.shape();
    args.check_channels([channels, height, width])?;
    let names_of_channels = channels::names_of(&args.model, &input);
    let is_picture = input.is_picture;
    let mut builder = args.builder(saved, [height, width])?;
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
    builder = with_planes(builder, space, saved)?;
    builder = args.channels.apply(builder, &stored, space)?;
    let refined_by = refined_by(args, loaded, &image, known.as_ref())?;
    let region = match &refined_by {
        Some(refined_by) => Some(highest(refined_by.map(), args.keep, known.as_ref())?),
        None => asked.spec().region.clone(),
    };
    let region = in_both(region, known.as_ref())
        .map_err(|_| "no pixel of the region has a value in every channel")?;
    let mut explainer = builder.region(region).build()?;
    args.map.check(&explainer)?;
    // What the model and the masks see.
    let first_look = FirstLook {
        model,
        args: &args.model,
        names,
        image: &image,
        is_picture,
        done: Cell::new(false),
    };
    let model = in_space(&first_look, space)?;
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
        signals: loaded.signals()?,
    };
    if let Some(part) = part {
        return job.score(&part).map(|()| None);
    }
    about.insert("pilot".to_owned(), about_pilot(pilot.as_ref()));
    about.insert(
        "ledger".to_owned(),
        job.kept.path.display().to_string().into(),
    );
    let origin = Origin {
        out: &args.out,
        names,
        image: &with_nan(image.clone(), known.as_ref()),
        space,
        map: &args.map,
        channels: args.channels.names().or(names_of_channels.as_deref()),
        about,
        region: about_region(args, refined_by.as_ref(), missing),
        preview: args.preview.is_some(),
        labels: args
            .segments
            .as_ref()
            .map(|path| path.display().to_string()),
    };
    job.explain(&origin).map(Some)
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
    signals: &'a Signals,
}

impl Job<'_> {
    fn run(&self) -> Run<'_, dyn BlackBoxModel + '_> {
        let run = self
            .explainer
            .run(self.model, self.image, self.target.clone());
        run.model_name(&self.name).ledger_file(&self.kept.path)
    }

    /// Scores masks, and writes their map now and then and at the end.
    fn explain(&self, origin: &Origin<'_>) -> Result<Done, Failure> {
        let Job {
            explainer,
            kept,
            signals,
            ..
        } = self;
        let bar = RefCell::new(Bar::new(explainer.masks(), explainer.budget()));
        let mut unwritten = None;
        let run = self
            .run()
            .progress(|progress| {
                bar.borrow_mut().show(progress);
                go_on(signals)
            })
            .on_look(|look| {
                let first = look.run_stats().looks == 1;
                let written = report::write(origin, explainer, look, &Stage::Unfinished);
                let written = written.and_then(|_| match first {
                    true => bar.borrow().beside(|| say_first(origin, look)),
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
        bar.borrow().end();
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
        if origin.preview {
            preview::show(origin, &explanation, &written.carried)?;
        }
        say_written(origin, &explanation, &written.files)?;
        let report = written.told(origin.out);
        document(&report)?;
        match stopped {
            Some(stopped) => Err(stopped.into()),
            None => Ok(Done {
                brief: summary::brief(origin, &explanation, &written)?,
                report,
            }),
        }
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
            signals: self.signals,
        };
        page::of_run(origin, explanation, written, &asked, stopped.is_some())?;
        let left = || self.kept.left(explanation.ledger());
        Ok(stopped.or_else(|| self.signals.stopped(left())))
    }
}

/// A line about a model that did not repeat its answers.
fn warn(repeats: &Repeats) -> Result<(), Failure> {
    match repeats.agree() {
        true => Ok(()),
        false => warning(differing(repeats)),
    }
}

fn go_on(signals: &Signals) -> ControlFlow<()> {
    match signals.caught() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
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
        bar::said(explanation.certainty()?),
        files.join(", "),
        origin.out.display()
    ))
}
