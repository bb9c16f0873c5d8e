//! The loop itself: batches to the model, scores to the ledger.

use std::ops::{ControlFlow, Range};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ndarray::{Array2, ArrayView4};
use rayon::prelude::*;

use crate::error::{Error, Inputs, Result};
use crate::explain::arrivals::Arrivals;
use crate::explain::budget::StopReason;
use crate::explain::explainer::Explainer;
use crate::explain::look::Looks;
use crate::explain::progress::{Hook, Progress};
use crate::explain::repeats::Again;
use crate::explain::stats::RunStats;
use crate::images::masker::Masker;
use crate::ledger::Ledger;
use crate::ledger::file::LedgerFile;
use crate::ledger::identity::{CLASSES, Ranking, TOP};
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

fn shaped<'b>(plan: &Plan, batch: &'b [f32]) -> Result<ArrayView4<'b, f32>> {
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
    /// Images a batch.
    pub size: usize,
    pub batches: Vec<Range<u64>>,
    pub total: u64,
    pub ledger: Ledger,
    pub file: Option<LedgerFile>,
    /// The class with the highest score on the unmasked image, while it is not known whether the model still says so.
    pub unconfirmed: Option<usize>,
    pub hook: Option<Hook<'a>>,
    pub looks: Looks<'r, 'a>,
    pub limit: Option<Duration>,
    /// The map is of the masks before this one.
    pub end: u64,
    pub started: Instant,
    pub masks: u64,
    pub again: Again,
    /// The mask that was scored last.
    pub last: Option<u64>,
    pub stats: RunStats,
}

impl<'a, M: BlackBoxModel + ?Sized> Scoring<'_, 'a, M> {
    /// Scores the missing masks, and looks at the map at the checkpoints.
    pub fn segments(
        &mut self,
        missing: &[Range<u64>],
        checkpoints: &[u64],
        calls: Calls<'a, M>,
        explainer: &Explainer,
    ) -> Result<()> {
        let mut start = 0;
        for end in checkpoints.iter().copied().map(Some).chain([None]) {
            let (looks, end) = (end.is_some(), end.unwrap_or(u64::MAX));
            let within = |r: &Range<u64>| r.start.max(start)..r.end.min(end);
            let segment: Vec<_> = missing
                .iter()
                .map(within)
                .filter(|r| r.start < r.end)
                .collect();
            if !segment.is_empty() {
                self.confirm_model()?;
            }
            self.batches = batches(&segment, self.size as u64);
            calls(self)?;
            if self.stats.stopped.is_some() {
                break;
            }
            if looks {
                self.look(end, !segment.is_empty(), explainer);
                if self.stats.stopped.is_some() {
                    self.end = end;
                    break;
                }
            }
            start = end;
        }
        match self.again.is_due_at_end(self.masks) {
            true => self.ask_again(),
            false => Ok(()),
        }
    }

    /// Scores the last mask and the unmasked image once more, in one batch.
    fn ask_again(&mut self) -> Result<()> {
        let (Some(mask), image) = (self.last, self.masker.image()) else {
            return Ok(());
        };
        let mut images = vec![0.0; 2 * image.len()];
        let (masked, unmasked) = images.split_at_mut(image.len());
        self.masker.fill_on(self.seed, mask, masked, true);
        unmasked.copy_from_slice(image);
        let questions = match self.size {
            1 => vec![
                (&*masked, Inputs::Masks(mask..mask + 1)),
                (&*unmasked, Inputs::Unmasked),
            ],
            _ => vec![(&*images, Inputs::Repeat(mask))],
        };
        let mut answers = Vec::new();
        for (images, inputs) in questions {
            let (scores, time) = predict(self.model, self.plan, images, self.classes, inputs);
            self.account(images.len() / image.len(), time);
            answers.extend(of_targets(&scores?, &self.targets));
        }
        self.stats.repeats.compare(&self.ledger, mask, &answers);
        Ok(())
    }

    /// Looks at the map of the masks before `end`, also where an earlier run went on from there: what stopped one run
    /// stops every other.
    fn look(&mut self, end: u64, scored: bool, explainer: &Explainer) {
        let passed = self.ledger.holds_beyond(end);
        let ledger = match passed {
            true => &self.ledger.prefix(end),
            false => &self.ledger,
        };
        let (plan, new, began) = (self.plan, scored || !passed, self.started);
        self.looks
            .look(explainer, plan, ledger, new, &mut self.stats, began);
    }

    /// Before the first batch: that the model still answers the unmasked image as the ledger says.
    fn confirm_model(&mut self) -> Result<()> {
        let Some(top) = self.unconfirmed.take() else {
            return Ok(());
        };
        let (scores, time) = unmasked_scores(self.model, self.plan, self.masker)?;
        self.stats.model_calls += 1;
        self.stats.batches += 1;
        self.stats.model_time += time;
        let now = |what, given: usize, expected: usize| match given == expected {
            true => Ok(()),
            false => Err(Error::Ledger {
                what,
                given: given.to_string(),
                expected: expected.to_string(),
            }),
        };
        now(CLASSES, self.classes, scores.len())?;
        now(TOP, top, Ranking::of(&scores).top)?;
        let targets: Vec<f32> = self.targets.iter().map(|&k| scores[k]).collect();
        self.ledger.expect_unmasked(&targets)
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
                let inputs = Inputs::Masks(batch.clone());
                predict(self.model, self.plan, &front, self.classes, inputs)
            });
            self.account((batch.end - batch.start) as usize, time);
            self.record(batch, &scores?)?;
            if self.report().is_break() {
                break;
            }
            if self.again.is_due(self.masks) {
                self.ask_again()?;
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
        let targets = self.targets.clone();
        let pixels = masker.image().len();
        let call = |batch: &Range<u64>| {
            let mut buffer = buffers
                .lock()
                .map_or_else(|_| Vec::new(), |mut all| all.pop().unwrap_or_default());
            buffer.resize((batch.end - batch.start) as usize * pixels, 0.0);
            masker.fill_on(seed, batch.start, &mut buffer, false);
            let inputs = Inputs::Masks(batch.clone());
            let answer = predict(model, plan, &buffer, classes, inputs);
            if let Ok(mut all) = buffers.lock() {
                all.push(buffer);
            }
            answer
        };
        let batches = std::mem::take(&mut self.batches);
        for wave in batches.chunks(BATCHES * rayon::current_num_threads()) {
            let free = wave.iter().filter(|batch| self.follows(batch));
            let free = free.map(|batch| batch.start).collect();
            let arrivals = Mutex::new(Arrivals::new(plan.block_size(), free, self.file.as_mut()));
            // What a thread has is kept at once, whatever the others do.
            let call = |batch: &Range<u64>| {
                let (scores, time) = call(batch);
                let kept = scores.map(|scores| of_targets(&scores, &targets));
                if let (Ok(scores), Ok(mut arrivals)) = (&kept, arrivals.lock()) {
                    arrivals.take(batch, scores);
                }
                (kept, time)
            };
            let answers: Vec<_> = wave.par_iter().map(call).collect();
            let appended = arrivals.into_inner().map_or(Ok(()), Arrivals::end);
            let mut outcome = Ok(());
            let mut flow = ControlFlow::Continue(());
            for (batch, (scores, time)) in wave.iter().zip(answers) {
                self.account((batch.end - batch.start) as usize, time);
                match scores {
                    // After a failure, later batches count only if their block has no gap.
                    Ok(scores) if self.follows(batch) => {
                        self.remember(batch, &scores);
                        if flow.is_continue() {
                            flow = self.report();
                        }
                    }
                    Ok(_) => {}
                    Err(error) if outcome.is_ok() => outcome = Err(error),
                    Err(_) => {}
                }
            }
            outcome.and(appended).and(self.keep_file())?;
            if flow.is_break() {
                break;
            }
            if self.again.is_due(self.masks) {
                self.ask_again()?;
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

    fn account(&mut self, images: usize, time: Duration) {
        self.stats.model_calls += images as u64;
        self.stats.batches += 1;
        self.stats.model_time += time;
    }

    fn record(&mut self, batch: &Range<u64>, scores: &Array2<f32>) -> Result<()> {
        let scores = of_targets(scores, &self.targets);
        self.remember(batch, &scores);
        if let Some(file) = &mut self.file {
            file.append(batch.start, &scores)?;
        }
        self.keep_file()
    }

    fn remember(&mut self, batch: &Range<u64>, scores: &[f32]) {
        self.ledger.record(batch.start, scores.iter().copied());
        self.masks += batch.end - batch.start;
        self.last = Some(batch.end - 1);
    }

    fn keep_file(&mut self) -> Result<()> {
        match &mut self.file {
            Some(file) => file.keep(&self.ledger),
            None => Ok(()),
        }
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

/// The scores of the targets, row by row.
fn of_targets(scores: &Array2<f32>, targets: &[usize]) -> Vec<f32> {
    let rows = scores.rows().into_iter();
    rows.flat_map(|row| targets.iter().map(move |&k| row[k]))
        .collect()
}

/// What the model says of the image itself, and how long it took.
pub(super) fn unmasked_scores<M: BlackBoxModel + ?Sized>(
    model: &M,
    plan: &Plan,
    masker: &Masker<'_>,
) -> Result<(Vec<f32>, Duration)> {
    let started = Instant::now();
    let batch = shaped(plan, masker.image())?;
    let scores = predict_checked(model, batch, None, Inputs::Unmasked)?;
    Ok((scores.iter().copied().collect(), started.elapsed()))
}

fn predict<M: BlackBoxModel + ?Sized>(
    model: &M,
    plan: &Plan,
    batch: &[f32],
    classes: usize,
    inputs: Inputs,
) -> (Result<Array2<f32>>, Duration) {
    let started = Instant::now();
    let scores =
        shaped(plan, batch).and_then(|batch| predict_checked(model, batch, Some(classes), inputs));
    (scores, started.elapsed())
}
