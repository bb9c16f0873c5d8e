//! The run loop: masks to the model, scores to the ledger.

use std::ops::{ControlFlow, Range};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ndarray::{Array2, ArrayRef3, ArrayView4};
use rayon::prelude::*;

use crate::apply::Masker;
use crate::error::{Error, Inputs, Result};
use crate::explainer::{Explainer, Target};
use crate::explanation::Explanation;
use crate::ledger::{Identity, Ledger};
use crate::model::{BlackBoxModel, predict_checked};
use crate::plan::Plan;

/// How far a run is; what a progress hook sees after every batch.
#[derive(Debug)]
pub struct Progress<'a> {
    masks: u64,
    total: u64,
    started: Instant,
    plan: &'a Plan,
    ledger: &'a Ledger,
}

impl Progress<'_> {
    /// Masks scored by this run so far.
    pub fn masks(&self) -> u64 {
        self.masks
    }

    /// Masks that this run is to score in all.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Time since the run began.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The plan of the masks.
    pub fn plan(&self) -> &Plan {
        self.plan
    }

    /// The scores so far: any estimate can be made of them.
    pub fn ledger(&self) -> &Ledger {
        self.ledger
    }
}

/// What a run cost, and whether it was stopped early.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunStats {
    /// Images that the model scored in this run, the unmasked one included.
    pub model_calls: u64,
    /// Batches in which it did so.
    pub batches: u64,
    /// Time inside the model, summed over threads.
    pub model_time: Duration,
    /// Time of the whole run, the map included.
    pub total_time: Duration,
    /// Whether the progress hook stopped it.
    pub stopped: bool,
}

type Hook<'a> = Box<dyn FnMut(&Progress<'_>) -> ControlFlow<()> + 'a>;

/// A run of an [`Explainer`], made by [`Explainer::run`].
///
/// ```
/// use std::ops::ControlFlow;
/// use ndarray::{Array2, Array3, ArrayView4};
/// use racm::{Explainer, FnModel, Target};
///
/// let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
///     Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| batch[[n, 0, 0, 0]])
/// });
/// let image = Array3::<f32>::ones((1, 12, 12));
/// let explainer = Explainer::builder().grid(3, 3).masks(2000).build()?;
///
/// // Stop after 200 masks, then go on from there: the same map as in one go.
/// let stopped = explainer
///     .run(&model, &image, 0)
///     .progress(|p| if p.masks() < 200 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
///     .explain()?;
/// assert!(stopped.run_stats().stopped && stopped.masks() < 2000);
/// let resumed = explainer.run(&model, &image, 0).ledger(stopped.into_ledger()).parallel().explain()?;
/// assert_eq!(resumed.map(), explainer.explain(&model, &image, Target::Top)?.map());
/// # Ok::<(), racm::Error>(())
/// ```
#[must_use = "a run does nothing until `explain` or `score`"]
pub struct Run<'a, M: ?Sized> {
    explainer: &'a Explainer,
    model: &'a M,
    image: &'a ArrayRef3<f32>,
    target: Target,
    ledger: Option<Ledger>,
    blocks: Option<Range<u64>>,
    hook: Option<Hook<'a>>,
    calls: fn(&mut Loop<'_, 'a, M>) -> Result<()>,
}

impl<'a, M: BlackBoxModel + ?Sized> Run<'a, M> {
    pub(crate) fn new(
        explainer: &'a Explainer,
        model: &'a M,
        image: &'a ArrayRef3<f32>,
        target: Target,
    ) -> Self {
        Run {
            explainer,
            model,
            image,
            target,
            ledger: None,
            blocks: None,
            hook: None,
            calls: |work| work.one_at_a_time(),
        }
    }

    /// Calls `hook` after every batch, on the calling thread; [`ControlFlow::Break`] ends the run
    /// and keeps what was computed.
    pub fn progress(mut self, hook: impl FnMut(&Progress<'_>) -> ControlFlow<()> + 'a) -> Self {
        self.hook = Some(Box::new(hook));
        self
    }

    /// Goes on from the scores of an earlier run: masks it holds are not scored again.
    pub fn ledger(mut self, ledger: Ledger) -> Self {
        self.ledger = Some(ledger);
        self
    }

    /// Scores the masks of these blocks only (of `block_size` masks each; the explainer's number
    /// of masks still is the end): one shard of a run whose ledgers are merged later.
    pub fn blocks(mut self, blocks: Range<u64>) -> Self {
        self.blocks = Some(blocks);
        self
    }

    /// Calls the model from all threads of the current rayon pool at once, a batch each. For
    /// models that use one thread a call. Memory: a batch for every thread.
    pub fn parallel(mut self) -> Self
    where
        M: Sync,
    {
        self.calls = |work| work.all_threads();
        self
    }

    /// Scores the masks and estimates the maps.
    ///
    /// # Errors
    /// Those of [`Explainer::explain`].
    pub fn explain(self) -> Result<Explanation> {
        let started = Instant::now();
        let estimator = self.explainer.estimator;
        let (plan, ledger, mut stats) = self.execute()?;
        let maps = match estimator.maps(&plan, &ledger) {
            Ok(maps) => maps,
            Err(source) => return Err(interrupted(source, ledger)),
        };
        stats.total_time = started.elapsed();
        Ok(Explanation::new(plan, ledger, estimator, maps, stats))
    }

    /// Scores the masks only.
    ///
    /// # Errors
    /// Those of [`Explainer::explain`], but for the estimator's.
    pub fn score(self) -> Result<Ledger> {
        self.execute().map(|(_, ledger, _)| ledger)
    }

    fn execute(self) -> Result<(Plan, Ledger, RunStats)> {
        let started = Instant::now();
        let (channels, height, width) = self.image.dim();
        let plan = self.explainer.plan([channels, height, width])?;
        let masker = Masker::new(&plan, self.image, &self.explainer.baseline)?;

        let batch = shaped(&plan, masker.image())?;
        let before = Instant::now();
        let scores = predict_checked(self.model, batch, None, Inputs::Unmasked)?;
        let model_time = before.elapsed();
        let classes = scores.dim().1;
        let scores: Vec<f32> = scores.iter().copied().collect();
        let targets = self.target.resolve(&scores)?;
        let identity = Identity {
            plan: plan.fingerprint(),
            seed: self.explainer.seed,
            input: masker.fingerprint(),
            block_size: plan.block_size(),
            targets: targets.iter().map(|&k| k as u64).collect(),
        };
        let unmasked: Vec<f32> = targets.iter().map(|&k| scores[k]).collect();
        let ledger = match self.ledger {
            Some(ledger) => {
                ledger.expect(&identity, &unmasked)?;
                ledger
            }
            None => Ledger::new(identity, unmasked),
        };

        let wanted = match self.blocks {
            Some(blocks) => {
                let mask = |block: u64| {
                    let mask = block.saturating_mul(plan.block_size());
                    mask.min(self.explainer.masks)
                };
                mask(blocks.start)..mask(blocks.end)
            }
            None => 0..self.explainer.masks,
        };
        let missing = ledger.missing(wanted);
        let pixels = masker.image().len();
        let size = self.explainer.batch(pixels);
        let mut work = Loop {
            model: self.model,
            masker: &masker,
            plan: &plan,
            seed: self.explainer.seed,
            classes,
            batches: batches(&missing, size as u64),
            targets,
            total: missing.iter().map(|r| r.end - r.start).sum(),
            ledger,
            hook: self.hook,
            started,
            masks: 0,
            stats: RunStats {
                model_calls: 1,
                batches: 1,
                model_time,
                ..RunStats::default()
            },
        };
        let outcome = (self.calls)(&mut work);
        // The batches that other threads had begun may have completed the run.
        work.stats.stopped &= work.masks < work.total;
        let (ledger, mut stats) = (work.ledger, work.stats);
        if let Err(source) = outcome {
            return Err(interrupted(source, ledger));
        }
        stats.total_time = started.elapsed();
        drop(masker);
        Ok((plan, ledger, stats))
    }
}

/// An error, with the scores so far if there are any.
fn interrupted(source: Error, ledger: Ledger) -> Error {
    if ledger.masks() == 0 {
        return source;
    }
    Error::Interrupted {
        source: Box::new(source),
        ledger: Box::new(ledger),
    }
}

/// Ranges of masks, cut into batches.
fn batches(missing: &[Range<u64>], size: u64) -> Vec<Range<u64>> {
    let cut = |range: &Range<u64>| {
        let end = range.end;
        (range.start..end)
            .step_by(size as usize)
            .map(move |start| start..end.min(start + size))
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

struct Loop<'r, 'a, M: ?Sized> {
    model: &'a M,
    masker: &'r Masker<'r>,
    plan: &'r Plan,
    seed: u64,
    classes: usize,
    targets: Vec<usize>,
    batches: Vec<Range<u64>>,
    total: u64,
    ledger: Ledger,
    hook: Option<Hook<'a>>,
    started: Instant,
    masks: u64,
    stats: RunStats,
}

impl<M: BlackBoxModel + ?Sized> Loop<'_, '_, M> {
    /// The model on the calling thread; meanwhile the pool makes the next batch.
    fn one_at_a_time(&mut self) -> Result<()> {
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
    fn all_threads(&mut self) -> Result<()>
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
        let Some(hook) = &mut self.hook else {
            return ControlFlow::Continue(());
        };
        let flow = hook(&Progress {
            masks: self.masks,
            total: self.total,
            started: self.started,
            plan: self.plan,
            ledger: &self.ledger,
        });
        self.stats.stopped = flow.is_break();
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
