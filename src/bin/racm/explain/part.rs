//! A part of a run's masks, whose map is made elsewhere.

use std::ops::Range;

use racm::{Effect, Estimator, Explainer, Link, Target};
use serde_json::json;

use super::bar::Bar;
use super::job::{Job, go_on, warn};
use super::kept::Part;
use crate::Failure;
use crate::args::of_regressions;
use crate::say::{document, line};

impl Job<'_> {
    /// Scores a part of the masks, and makes no map.
    pub fn score(&self, part: &Part) -> Result<(), Failure> {
        let Job {
            explainer,
            kept,
            signals,
            ..
        } = self;
        let (masks, size) = (explainer.masks(), explainer.spec().block_size as u64);
        let Range { start, end } = part.blocks(masks.div_ceil(size));
        // No rule ends a part before.
        let mut exactly = explainer.budget().clone();
        exactly.until.clear();
        let mut bar = Bar::new((end - start) * size, &exactly);
        let run = self.run().blocks(start..end).progress(|progress| {
            bar.show(progress);
            go_on(signals)
        });
        let outcome = run.score_with_stats();
        bar.end();
        let (ledger, stats) = outcome.map_err(|error| {
            let (cause, ledger) = error.into_parts();
            kept.failure(cause, ledger.as_ref())
        })?;
        warn(&stats.repeats)?;
        let wanted = (start * size).min(masks)..(end * size).min(masks);
        document(&json!({
            "ledger": kept.path.display().to_string(),
            "masks": ledger.masks(),
            "from": wanted.start,
            "to": wanted.end,
            "of": masks,
        }))?;
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
    // Where racm merge would warn of others, the default is said, too.
    if estimator != Estimator::default() || of_regressions(explainer.spec()) {
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
