//! Runs: what to score, from where, and when to stop.

use std::ops::{ControlFlow, Range};
use std::time::Instant;

use ndarray::ArrayRef3;

use super::scoring::{Calls, Scoring, shaped};
use crate::error::{self, Inputs};
use crate::explain::budget::checkpoints;
use crate::explain::explainer::Explainer;
use crate::explain::explanation::Explanation;
use crate::explain::look::{LookHook, Looks};
use crate::explain::progress::{Hook, Progress};
use crate::explain::repeats::Again;
use crate::explain::run_error::RunError;
use crate::explain::stats::RunStats;
use crate::explain::target::Target;
use crate::images::masker::Masker;
use crate::ledger::{Identity, Ledger};
use crate::masks::plan::Plan;
use crate::models::model::{BlackBoxModel, predict_checked};

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
/// assert!(stopped.run_stats().stopped.is_some() && stopped.masks() < 2000);
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
    look_hook: Option<LookHook<'a>>,
    calls: Calls<'a, M>,
}

impl Explainer {
    /// Explains what `model` says of `image` (`[C, H, W]`, finite): N + 1 model calls, and from
    /// 100 masks on some more that check the model ([`Repeats`](crate::Repeats)).
    ///
    /// [`Explainer::run`] adds progress, stopping, shards, resuming and parallel model calls.
    ///
    /// # Errors
    /// A [`RunError`] with the scores so far and one of these causes: those of [`Plan::new`];
    /// [`Error::NotFinite`] for the image; a baseline that does not fit; [`Error::Model`],
    /// [`Error::ModelPanic`], [`Error::ScoreShape`] and [`Error::ScoreNotFinite`] for what the model
    /// answers; [`Error::Target`]; those of [`Estimator::maps`].
    ///
    /// [`Error::NotFinite`]: crate::Error::NotFinite
    /// [`Error::Model`]: crate::Error::Model
    /// [`Error::ModelPanic`]: crate::Error::ModelPanic
    /// [`Error::ScoreShape`]: crate::Error::ScoreShape
    /// [`Error::ScoreNotFinite`]: crate::Error::ScoreNotFinite
    /// [`Error::Target`]: crate::Error::Target
    /// [`Estimator::maps`]: crate::Estimator::maps
    pub fn explain<M: BlackBoxModel + ?Sized>(
        &self,
        model: &M,
        image: &ArrayRef3<f32>,
        target: impl Into<Target>,
    ) -> Result<Explanation, RunError> {
        self.run(model, image, target).explain()
    }

    /// Explains the scores of a ledger of such masks, of images of shape `[C, H, W]`: no model call.
    ///
    /// # Errors
    /// Those of [`Explainer::plan`] and [`Estimator::maps`](crate::Estimator::maps).
    pub fn explain_ledger(&self, shape: [usize; 3], ledger: Ledger) -> error::Result<Explanation> {
        let plan = self.plan(shape)?;
        let scores = self.link.of(&ledger);
        let Explainer {
            estimator,
            effect,
            link,
            ..
        } = *self;
        let estimates = estimator.estimates(effect, &plan, &scores, false)?;
        Ok(Explanation::new(
            plan, ledger, estimator, effect, link, estimates,
        ))
    }

    /// A run to be configured further: see [`Run`].
    pub fn run<'a, M: BlackBoxModel + ?Sized>(
        &'a self,
        model: &'a M,
        image: &'a ArrayRef3<f32>,
        target: impl Into<Target>,
    ) -> Run<'a, M> {
        Run::new(self, model, image, target.into())
    }
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
            look_hook: None,
            calls: |work| work.one_at_a_time(),
        }
    }

    /// Calls `hook` after every batch, on the calling thread; [`ControlFlow::Break`] ends the run
    /// and keeps what was computed.
    pub fn progress(mut self, hook: impl FnMut(&Progress<'_>) -> ControlFlow<()> + 'a) -> Self {
        self.hook = Some(Box::new(hook));
        self
    }

    /// Shows `hook` the map while the run goes on, at the looks that [`Budget`](crate::Budget)
    /// describes, on the calling thread, which scores nothing meanwhile; [`ControlFlow::Break`] ends
    /// the run. Apart from that, the hook changes neither scores nor map. The first look comes in any
    /// case; a later one is left out where the last took more than a tenth of the time since. The
    /// finished map is not shown: it is what [`Run::explain`] gives.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use racm::{Budget, Explainer, Target, demo};
    ///
    /// let explainer = Explainer::builder().budget(Budget::new().calls(1000)).build()?;
    /// let mut first = None;
    /// let explanation = explainer
    ///     .run(&demo::Classifier, &demo::image(), Target::Top)
    ///     .on_look(|look| {
    ///         first.get_or_insert_with(|| look.map().to_owned());
    ///         println!("{} masks, {:?} certain", look.masks(), look.certainty());
    ///         ControlFlow::Continue(())
    ///     })
    ///     .explain()?;
    /// assert!(first.is_some_and(|map| map.dim() == explanation.map().dim()));
    /// # Ok::<(), racm::Error>(())
    /// ```
    pub fn on_look(mut self, hook: impl FnMut(&Explanation) -> ControlFlow<()> + 'a) -> Self {
        self.look_hook = Some(Box::new(hook));
        self
    }

    /// Goes on from the scores of an earlier run: masks it holds are not scored again, and all of
    /// them count, also those beyond the explainer's number of masks.
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
    pub fn explain(self) -> Result<Explanation, RunError> {
        let started = Instant::now();
        let Explainer {
            estimator,
            effect,
            link,
            ..
        } = *self.explainer;
        let (plan, ledger, mut stats) = self.execute()?;
        let estimates = match estimator.estimates(effect, &plan, &link.of(&ledger), false) {
            Ok(estimates) => estimates,
            Err(cause) => return Err(RunError::new(cause, ledger)),
        };
        stats.total_time = started.elapsed();
        let explanation = Explanation::new(plan, ledger, estimator, effect, link, estimates);
        Ok(explanation.with_stats(stats))
    }

    /// Scores the masks only.
    ///
    /// # Errors
    /// Those of [`Explainer::explain`], but for the estimator's.
    pub fn score(self) -> Result<Ledger, RunError> {
        self.score_with_stats().map(|(ledger, _)| ledger)
    }

    /// Scores the masks only, and says what that cost and whether the model repeated its answers.
    ///
    /// # Errors
    /// Those of [`Run::score`].
    pub fn score_with_stats(self) -> Result<(Ledger, RunStats), RunError> {
        self.execute().map(|(_, ledger, stats)| (ledger, stats))
    }

    fn execute(self) -> Result<(Plan, Ledger, RunStats), RunError> {
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

        let budget = &self.explainer.budget;
        let wanted = match self.blocks {
            Some(blocks) => {
                let mask = |block: u64| {
                    let mask = block.saturating_mul(plan.block_size());
                    mask.min(budget.calls)
                };
                mask(blocks.start)..mask(blocks.end)
            }
            None => 0..budget.calls,
        };
        let missing = ledger.missing(wanted.clone());
        let looks = Looks::new(self.look_hook);
        let checkpoints: Vec<u64> = match looks.wanted(self.explainer) {
            true => checkpoints(plan.block_size(), wanted.end).collect(),
            false => Vec::new(),
        };
        let pixels = masker.image().len();
        let mut work = Scoring {
            model: self.model,
            masker: &masker,
            plan: &plan,
            seed: self.explainer.seed,
            classes,
            size: self.explainer.batch(pixels),
            batches: Vec::new(),
            targets,
            total: missing.iter().map(|r| r.end - r.start).sum(),
            ledger,
            hook: self.hook,
            looks,
            limit: budget.limit(),
            started,
            masks: 0,
            again: Again::new(),
            last: None,
            stats: RunStats {
                model_calls: 1,
                batches: 1,
                model_time,
                ..RunStats::default()
            },
        };
        let outcome = work.segments(&missing, &checkpoints, self.calls, self.explainer);
        // The batches that other threads had begun may have completed the run.
        if work.masks >= work.total {
            work.stats.stopped = None;
        }
        let (ledger, mut stats) = (work.ledger, work.stats);
        if let Err(cause) = outcome {
            return Err(RunError::new(cause, ledger));
        }
        stats.total_time = started.elapsed();
        drop(masker);
        Ok((plan, ledger, stats))
    }
}
