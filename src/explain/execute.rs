//! How a run begins and ends: what is known already, what is to be scored, and what came of it.

use std::time::Instant;

use super::identity::identity;
use super::run::{Executed, Run};
use super::scoring::{Scoring, unmasked_scores};
use crate::explain::budget::checkpoints;
use crate::explain::look::Looks;
use crate::explain::repeats::Again;
use crate::explain::run_error::RunError;
use crate::explain::stats::RunStats;
use crate::images::masker::Masker;
use crate::ledger::Ledger;
use crate::ledger::file::{Earlier, LedgerFile};
use crate::ledger::identity::Ranking;
use crate::models::model::BlackBoxModel;

impl<M: BlackBoxModel + ?Sized> Run<'_, M> {
    /// The plan, all scores, what is made of them, what they cost, and where the masks of the map end.
    pub(super) fn execute(self) -> Result<Executed, RunError> {
        let started = Instant::now();
        let (channels, height, width) = self.image.dim();
        let plan = self.explainer.plan([channels, height, width])?;
        let masker = Masker::new(&plan, self.image, &self.explainer.baseline)?;
        let mut stats = RunStats::default();

        let file = self.ledger_file.as_deref().map(Earlier::read).transpose()?;
        stats.torn_bytes = file.as_ref().map_or(0, Earlier::torn);
        let mut known = self.ledger;
        if let Some(stored) = file.as_ref().and_then(Earlier::ledger) {
            match &mut known {
                Some(known) => known.merge(stored)?,
                None => known = Some(stored.clone()),
            }
        }
        // Of a model that goes by its name, the ledger knows what is needed to begin.
        let told = known.as_ref().and_then(|ledger| {
            let same = self.model_name.is_some() && ledger.model_name() == self.model_name;
            let ranking = ledger.identity().ranking().filter(|_| same)?;
            let enough = ranking.next.is_some() || !self.target.needs_next();
            enough.then(|| (ranking, ledger.unmasked_scores()))
        });
        let (ranking, target, unmasked) = match told {
            Some((ranking, scores)) => (ranking, self.target.resolve(ranking)?, scores.to_vec()),
            None => {
                let (scores, time) = unmasked_scores(self.model, &plan, &masker)?;
                (stats.model_calls, stats.batches, stats.model_time) = (1, 1, time);
                let ranking = Ranking::of(&scores);
                let target = self.target.resolve(ranking)?;
                let unmasked = target.classes().iter().map(|&k| scores[k]).collect();
                (ranking, target, unmasked)
            }
        };
        let targets = target.classes();
        let unconfirmed = (stats.model_calls == 0).then_some(ranking.top);
        let identity = identity(
            &masker,
            self.explainer,
            self.model_name.as_deref(),
            ranking,
            &targets,
        );
        let mut ledger = match known {
            Some(mut ledger) => {
                ledger.expect(&identity, &unmasked)?;
                ledger.learn(&identity);
                ledger
            }
            None => Ledger::new(identity, unmasked),
        };
        stats.known_masks = ledger.masks();

        let budget = &self.explainer.budget;
        let wanted = match &self.blocks {
            Some(blocks) => {
                let mask = |block: u64| {
                    let mask = block.saturating_mul(plan.block_size());
                    mask.min(budget.calls)
                };
                mask(blocks.start)..mask(blocks.end)
            }
            None => 0..budget.calls,
        };
        // A rule may end the run before.
        if self.blocks.is_some() || budget.until.is_empty() {
            ledger.want(budget.calls);
        }
        let missing = ledger.missing(wanted.clone());
        // A file in which all is there may be one that nobody may write to.
        let file = file.filter(|file| !missing.is_empty() || !file.is_whole(&ledger));
        let file = file.map(|file| file.open(&ledger)).transpose()?;
        let reading = self.explainer.reading(target);
        let looks = Looks::new(&reading, self.look_hook);
        let checkpoints: Vec<u64> = match self.blocks.is_none() && looks.wanted(self.explainer) {
            true => checkpoints(plan.block_size(), wanted.end).collect(),
            false => Vec::new(),
        };
        let mut work = Scoring {
            model: self.model,
            masker: &masker,
            plan: &plan,
            seed: self.explainer.seed,
            classes: ranking.count,
            size: self.explainer.batch_for(plan.shape()),
            batches: Vec::new(),
            targets,
            total: missing.iter().map(|r| r.end - r.start).sum(),
            ledger,
            file,
            unconfirmed,
            hook: self.hook,
            looks,
            limit: budget.limit(),
            end: wanted.end,
            started,
            masks: 0,
            again: Again::new(self.blocks.is_some()),
            last: None,
            stats,
        };
        let outcome = work.segments(&missing, &checkpoints, self.calls, self.explainer);
        let synced = work.file.as_mut().map_or(Ok(()), LedgerFile::sync);
        let by_rule = work.end < wanted.end;
        // The batches that other threads had begun may have completed the run.
        if work.masks >= work.total && !by_rule {
            work.stats.stopped = None;
        }
        let (ledger, mut stats, end) = (work.ledger, work.stats, work.end);
        let seen = work.looks.seen;
        if let Err(cause) = outcome.and(synced) {
            return Err(RunError::new(cause, ledger));
        }
        stats.total_time = started.elapsed();
        drop(masker);
        Ok(Executed {
            plan,
            ledger,
            reading,
            stats,
            end,
            seen,
        })
    }
}
