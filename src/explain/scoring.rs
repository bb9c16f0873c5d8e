//! The loop itself: batches to the model, scores to the ledger.

use std::ops::{ControlFlow, Range};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ndarray::{Array2, ArrayView4};
use rayon::prelude::*;

use crate::error::{Error, Inputs, Result};
use crate::explain::budget::StopReason;
use crate::explain::explainer::Explainer;
use crate::explain::look::Looks;
use crate::explain::progress::{Hook, Progress};
use crate::explain::stats::RunStats;
use crate::images::masker::Masker;
use crate::ledger::Ledger;
use crate::masks::plan::Plan;
use crate::models::model::{BlackBoxModel, predict_checked};

/// How the model is called: [`Scoring::one_at_a_time`] or [`Scoring::all_threads`].
pub(super) type Calls<'a, M> = fn(&mut Scoring<'_, 'a, M>) -> Result<()>;

/// Ranges of masks, cut into batches.
fn batches(missing: &[Range<u64>], size: u64) -> Vec<Range<u64>> {
    let cut = |range: &Range<u64>| {
        let end = range.end;
        (range.start..end)
            .step_by(size as usize)
            .map(move |start| start..end.min(start.saturating_add(size)))
    };
    missing.iter().flat_map(cut).collect()
}

pub(super) fn shaped<'b>(plan: &Plan, batch: &'b [f32]) -> Result<ArrayView4<'b, f32>> {
    let [channels, height, width] = plan.shape();
    let images = batch.len() / (channels * height * width);
    ArrayView4::from_shape((images, channels, height, width), batch).map_err(|_| Error::Shape {
        what: "the batch",
        given: vec![batch.len()],
        expected: vec![images, channels, height, width],
    })
}

/// The state of a run.
pub(super) struct Scoring<'r, 'a, M: ?Sized> {
    pub model: &'a M,
    pub masker: &'r Masker<'r>,
    pub plan: &'r Plan,
    pub seed: u64,
    pub classes: usize,
    pub targets: Vec<usize>,
    pub batches: Vec<Range<u64>>,
    pub total: u64,
    pub ledger: Ledger,
    pub hook: Option<Hook<'a>>,
    pub looks: Looks<'a>,
    pub limit: Option<Duration>,
    pub started: Instant,
    pub masks: u64,
    pub stats: RunStats,
}

impl<'a, M: BlackBoxModel + ?Sized> Scoring<'_, 'a, M> {
    /// Scores the missing masks, and looks at the map at the checkpoints.
    pub fn segments(
        &mut self,
        missing: &[Range<u64>],
        checkpoints: &[u64],
        batch: u64,
        calls: Calls<'a, M>,
        explainer: &Explainer,
    ) -> Result<()> {
        let mut start = 0;
        for end in checkpoints.iter().copied().chain([u64::MAX]) {
            let within = |r: &Range<u64>| r.start.max(start)..r.end.min(end);
            let segment: Vec<_> = missing
                .iter()
                .map(within)
                .filter(|r| r.start < r.end)
                .collect();
            self.batches = batches(&segment, batch);
            calls(self)?;
            if self.stats.stopped.is_some() {
                break;
            }
            if self.ledger.masks() == end {
                let (plan, began) = (self.plan, self.started);
                self.looks
                    .look(explainer, plan, &self.ledger, &mut self.stats, began);
                if self.stats.stopped.is_some() {
                    break;
                }
            }
            start = end;
        }
        Ok(())
    }

    /// The model on the calling thread; meanwhile the pool makes the next batch.
    pub fn one_at_a_time(&mut self) -> Result<()> {
        let (masker, seed) = (self.masker, self.seed);
        let pixels = masker.image().len();
        let length = |batch: &Range<u64>| (batch.end - batch.start) as usize * pixels;
        let batches = std::mem::take(&mut self.batches);
        let Some(first) = batches.first() else {
            return Ok(());
        };
        let mut front = vec![0.0; length(first)];
        let mut back = Vec::new();
        masker.fill_on(seed, first.start, &mut front, true);
        for (i, batch) in batches.iter().enumerate() {
            let next = batches.get(i + 1);
            if let Some(next) = next {
                back.resize(length(next), 0.0);
            }
            let (scores, time) = rayon::in_place_scope(|scope| {
                if let Some(next) = next {
                    scope.spawn(|_| masker.fill_on(seed, next.start, &mut back, true));
                }
                predict(self.model, self.plan, &front, self.classes, batch)
            });
            self.account(batch, time);
            self.record(batch, &scores?);
            if self.report().is_break() {
                break;
            }
            std::mem::swap(&mut front, &mut back);
        }
        Ok(())
    }

    /// The model on all threads of the pool, a batch each.
    pub fn all_threads(&mut self) -> Result<()>
    where
        M: Sync,
    {
        // Several batches a thread between reports, so that a slow one does not hold up the rest.
        const BATCHES: usize = 4;
        let (model, masker, plan) = (self.model, self.masker, self.plan);
        let (seed, classes) = (self.seed, self.classes);
        let buffers: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());
        let pixels = masker.image().len();
        let call = |batch: &Range<u64>| {
            let mut buffer = buffers
                .lock()
                .map_or_else(|_| Vec::new(), |mut all| all.pop().unwrap_or_default());
            buffer.resize((batch.end - batch.start) as usize * pixels, 0.0);
            masker.fill_on(seed, batch.start, &mut buffer, false);
            let answer = predict(model, plan, &buffer, classes, batch);
            if let Ok(mut all) = buffers.lock() {
                all.push(buffer);
            }
            answer
        };
        let batches = std::mem::take(&mut self.batches);
        for wave in batches.chunks(BATCHES * rayon::current_num_threads()) {
            let answers: Vec<_> = wave.par_iter().map(call).collect();
            let mut outcome = Ok(());
            let mut flow = ControlFlow::Continue(());
            for (batch, (scores, time)) in wave.iter().zip(answers) {
                self.account(batch, time);
                match scores {
                    // After a failure, later batches count only if their block has no gap.
                    Ok(scores) if self.follows(batch) => {
                        self.record(batch, &scores);
                        if flow.is_continue() {
                            flow = self.report();
                        }
                    }
                    Ok(_) => {}
                    Err(error) if outcome.is_ok() => outcome = Err(error),
                    Err(_) => {}
                }
            }
            outcome?;
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Whether the batch begins where its block's scores end.
    fn follows(&self, batch: &Range<u64>) -> bool {
        let next = batch.start..batch.start + 1;
        let block = batch.start / self.plan.block_size() * self.plan.block_size();
        self.ledger.missing(block..next.end) == [next]
    }

    fn account(&mut self, batch: &Range<u64>, time: Duration) {
        self.stats.model_calls += batch.end - batch.start;
        self.stats.batches += 1;
        self.stats.model_time += time;
    }

    fn record(&mut self, batch: &Range<u64>, scores: &Array2<f32>) {
        let targets = &self.targets;
        let rows = scores.rows().into_iter();
        let scores = rows.flat_map(|row| targets.iter().map(move |&k| row[k]));
        self.ledger.record(batch.start, scores);
        self.masks += batch.end - batch.start;
    }

    fn report(&mut self) -> ControlFlow<()> {
        if self
            .limit
            .is_some_and(|limit| self.started.elapsed() >= limit)
        {
            self.stats.stopped = Some(StopReason::Time);
            return ControlFlow::Break(());
        }
        let Some(hook) = &mut self.hook else {
            return ControlFlow::Continue(());
        };
        let flow = hook(&Progress {
            masks: self.masks,
            total: self.total,
            certainty: self.looks.certainty,
            started: self.started,
            plan: self.plan,
            ledger: &self.ledger,
        });
        if flow.is_break() {
            self.stats.stopped = Some(StopReason::Hook);
        }
        flow
    }
}

fn predict<M: BlackBoxModel + ?Sized>(
    model: &M,
    plan: &Plan,
    batch: &[f32],
    classes: usize,
    masks: &Range<u64>,
) -> (Result<Array2<f32>>, Duration) {
    let started = Instant::now();
    let inputs = Inputs::Masks(masks.clone());
    let scores =
        shaped(plan, batch).and_then(|batch| predict_checked(model, batch, Some(classes), inputs));
    (scores, started.elapsed())
}
