//! The run of one image: its masks are scored, and what they show is written.

use std::cell::RefCell;
use std::ops::ControlFlow;

use racm::ndarray::Array3;
use racm::{BlackBoxModel, Explainer, Explanation, Repeats, Run, Target};
use serde_json::Value;

use super::bar::Bar;
use super::curves::Asked;
use super::kept::Kept;
use super::origin::Origin;
use super::report::{Stage, Written};
use super::summary::{print_summary, say_written};
use super::{page, preview, report, summary};
use crate::Failure;
use crate::say::{differing, document, line, warn_of_names, warning};
use crate::signals::{Signals, Stopped};

/// What came of one image.
pub struct Done {
    /// The report, and where the files are.
    pub report: Value,
    /// The first map in a few words, and how far it is known.
    pub brief: String,
}

/// What is to be scored, and where the scores are kept.
pub struct Job<'a> {
    pub explainer: &'a Explainer,
    pub model: &'a dyn BlackBoxModel,
    pub image: &'a Array3<f32>,
    pub target: &'a Target,
    /// The model's.
    pub name: String,
    /// The options with which the image was read, and those of the prior.
    pub reading: String,
    pub kept: Kept,
    pub signals: &'a Signals,
}

impl Job<'_> {
    pub fn run(&self) -> Run<'_, dyn BlackBoxModel + '_> {
        let run = self
            .explainer
            .run(self.model, self.image, self.target.clone());
        run.model_name(&self.name).ledger_file(&self.kept.path)
    }

    /// Scores masks, and writes their map now and then and at the end.
    pub fn explain(&self, origin: &Origin<'_>) -> Result<Done, Failure> {
        let Job {
            explainer,
            kept,
            signals,
            ..
        } = self;
        let bar = RefCell::new(Bar::new(explainer.masks(), explainer.budget()));
        let (mut unwritten, mut shown) = (None, false);
        let run = self
            .run()
            .progress(|progress| {
                bar.borrow_mut().show(progress);
                go_on(signals)
            })
            .on_look(|look| {
                if ends_soon(look, explainer) {
                    return go_on(signals);
                }
                let first = !std::mem::replace(&mut shown, true);
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
        kept.say_replaced(explanation.run_stats().torn_bytes)?;
        let stopped = explanation.run_stats().stopped;
        let stopped = stopped.filter(|reason| *reason == racm::StopReason::Hook);
        let stopped = stopped.and_then(|_| signals.stopped(kept.left(explanation.ledger())));
        let stage = match &stopped {
            Some(stopped) => Stage::StoppedBy(stopped.name),
            None => Stage::Finished,
        };
        // A full disk, for instance.
        let all_kept = |failure| kept.with_masks(failure, explanation.ledger());
        let written = report::write(origin, explainer, &explanation, &stage);
        let mut written = written.map_err(all_kept)?;
        let stopped = self.page(origin, &explanation, &mut written, stopped);
        let stopped = stopped.map_err(all_kept)?;
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
            signals: self.signals,
        };
        page::of_run(origin, explanation, written, &asked, stopped.is_some())?;
        let left = || self.kept.left(explanation.ledger());
        Ok(stopped.or_else(|| self.signals.stopped(left())))
    }
}

/// A line about a model that did not repeat its answers.
pub fn warn(repeats: &Repeats) -> Result<(), Failure> {
    match repeats.agree() {
        true => Ok(()),
        false => warning(differing(repeats)),
    }
}

pub fn go_on(signals: &Signals) -> ControlFlow<()> {
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

/// Whether the map itself comes before anybody has looked at one on the way.
fn ends_soon(look: &Explanation, explainer: &Explainer) -> bool {
    const SECONDS: f64 = 1.0;
    let times = explainer.masks() as f64 / look.masks() as f64 - 1.0;
    look.run_stats().total_time.as_secs_f64() * times < SECONDS
}
