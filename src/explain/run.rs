//! Runs: what to score, from where, and when to stop.

use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::time::Instant;

use ndarray::ArrayRef3;

use super::scoring::Calls;
use crate::error;
use crate::estimate::Estimates;
use crate::explain::explainer::Explainer;
use crate::explain::explanation::Explanation;
use crate::explain::look::LookHook;
use crate::explain::progress::{Hook, Progress};
use crate::explain::reading::Reading;
use crate::explain::run_error::RunError;
use crate::explain::stats::RunStats;
use crate::explain::target::Target;
use crate::ledger::Ledger;
use crate::masks::plan::Plan;
use crate::models::model::BlackBoxModel;

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
    pub(super) explainer: &'a Explainer,
    pub(super) model: &'a M,
    pub(super) image: &'a ArrayRef3<f32>,
    pub(super) target: Target,
    pub(super) ledger: Option<Ledger>,
    pub(super) ledger_file: Option<PathBuf>,
    pub(super) model_name: Option<String>,
    pub(super) blocks: Option<Range<u64>>,
    pub(super) hook: Option<Hook<'a>>,
    pub(super) look_hook: Option<LookHook<'a>>,
    pub(super) calls: Calls<'a, M>,
}

/// What a run leaves.
pub(super) struct Executed {
    pub plan: Plan,
    pub ledger: Ledger,
    pub reading: Reading,
    pub stats: RunStats,
    /// The map is of the masks before this one.
    pub end: u64,
    /// The masks of the last look, and what was made of them.
    pub seen: Option<(u64, Estimates)>,
}

impl Explainer {
    /// Explains what `model` says of `image` (`[C, H, W]`, finite): N + 1 model calls, and from
    /// 100 masks on some more that check the model ([`Repeats`](crate::Repeats)).
    ///
    /// [`Explainer::run`] adds progress, stopping, shards, resuming and parallel model calls.
    ///
    /// # Errors
    /// A [`RunError`] with the scores so far and one of these causes: those of [`Plan::new`](crate::Plan::new);
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
        let reading = self.reading(ledger.targets().into());
        Explanation::of_ledger(plan, ledger, reading)
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
            ledger_file: None,
            model_name: None,
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

    /// Goes on from the scores of an earlier run: masks it holds are not scored again. The map is that of a run in one
    /// go: of the explainer's number of masks, or as many as its rules ask for, also if the ledger holds more.
    pub fn ledger(mut self, ledger: Ledger) -> Self {
        self.ledger = Some(ledger);
        self
    }

    /// Keeps the ledger in a file while the run goes on, and goes on from what is in it: a run that was killed is gone
    /// on with by the same run again, and its map is that of a run in one go, bit for bit.
    ///
    /// The file is created if there is none, and written again if somebody removes it meanwhile. Each batch is appended to it
    /// as soon as it is scored, whatever other threads wait for, so that a killed process loses no more than the batches
    /// that were at the model, and of blocks that have a gap; the disk is told to keep it about every half second, which is
    /// what a power cut costs. More masks, other budgets and other estimators go on from the same
    /// file. A record that was cut short is left out, and its masks are scored again ([`RunStats::torn_bytes`]).
    /// [`Ledger::write_to`] describes the format; [`Ledger::recover_from`] reads the file.
    ///
    /// Several processes may run on one file at once: they score the same masks twice, and harm nothing, unless the
    /// file is on a network file system that does not append as a whole. Shards ([`Run::blocks`]) have a file each.
    ///
    /// ```
    /// use racm::{Explainer, Target, demo};
    ///
    /// let file = std::env::temp_dir().join(format!("racm-{}.led", std::process::id()));
    /// let image = demo::image();
    /// let explainer = Explainer::builder().masks(200).build()?;
    /// let run = || explainer.run(&demo::Classifier, &image, Target::Top).model_name("demo").ledger_file(&file);
    /// let first = run().explain()?;
    /// let stats = first.run_stats();
    /// assert_eq!(stats.model_calls, 201 + 2 * stats.repeats.count);
    /// let again = run().explain()?; // all is there
    /// assert_eq!((again.run_stats().model_calls, again.run_stats().known_masks), (0, 200));
    /// assert_eq!(first.map(), again.map());
    /// # std::fs::remove_file(file).unwrap();
    /// # Ok::<(), racm::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the run is started: [`Error::Ledger`](crate::Error::Ledger) says where the file's run differs from this
    /// one, [`Error::LedgerFormat`](crate::Error::LedgerFormat) that the file holds no ledger or a damaged one,
    /// [`Error::LedgerConflict`](crate::Error::LedgerConflict) that its scores are of another model, and
    /// [`Error::Io`](crate::Error::Io) what the system says. No score is then added to the file, and none removed: also where
    /// the other run begins it at the same moment.
    pub fn ledger_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ledger_file = Some(path.into());
        self
    }

    /// Gives the model a name, which its ledger keeps: scores under one name do not mix with those under another, and a
    /// run of which all is known makes no model call, not even for the unmasked image. The name should change with
    /// everything that changes the scores: `"resnet50 v2, ImageNet mean and std"`, or a fingerprint of a file.
    pub fn model_name(mut self, name: impl Into<String>) -> Self {
        self.model_name = Some(name.into());
        self
    }

    /// Scores the masks of these blocks only (of `block_size` masks each; the explainer's number
    /// of masks still is the end): one shard of a run whose ledgers are merged later. No shard sees the
    /// map of the run, so that rules and [`Run::on_look`] say nothing.
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
    /// Those of [`Explainer::explain`] and [`Run::ledger_file`].
    pub fn explain(self) -> Result<Explanation, RunError> {
        let started = Instant::now();
        let shard = self.blocks.is_some();
        let Executed {
            plan,
            mut ledger,
            reading,
            mut stats,
            end,
            seen,
        } = self.execute()?;
        if !shard && ledger.holds_beyond(end) {
            ledger = ledger.prefix(end);
        }
        // Masks only come in: where they are as many as at the last look, they are the same.
        let seen = seen.filter(|(masks, _)| *masks == ledger.masks());
        let estimates = match seen {
            Some((_, estimates)) => Ok(estimates),
            None => reading.estimates(&plan, &ledger, false),
        };
        let estimates = match estimates {
            Ok(estimates) => estimates,
            Err(cause) => return Err(RunError::new(cause, ledger)),
        };
        stats.total_time = started.elapsed();
        Ok(Explanation::new(plan, ledger, reading, estimates).with_stats(stats))
    }

    /// Scores the masks only; gives all scores, those that were there before included.
    ///
    /// # Errors
    /// Those of [`Run::explain`], but for the estimator's.
    pub fn score(self) -> Result<Ledger, RunError> {
        self.score_with_stats().map(|(ledger, _)| ledger)
    }

    /// Scores the masks only, and says what that cost and whether the model repeated its answers.
    ///
    /// # Errors
    /// Those of [`Run::score`].
    pub fn score_with_stats(self) -> Result<(Ledger, RunStats), RunError> {
        self.execute().map(|done| (done.ledger, done.stats))
    }
}
