//! A model that is asked again when it fails, and in smaller batches when one is too large for it.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use ndarray::{Array2, ArrayView4, Axis, concatenate};

use crate::error::{BoxError, Error};
use crate::models::model::BlackBoxModel;

type Which = Box<dyn Fn(&BoxError) -> bool + Send + Sync>;
type RetryHook = Box<dyn Fn(&Retry<'_>) + Send + Sync>;

/// Tolerates failures of a model that work the next time, or in smaller batches: a service that is
/// down for a minute, a GPU whose memory is short.
///
/// As it is made, it tolerates nothing; every setter adds something. A model whose scores do not
/// depend on the batch gives the same map, to the bit, as if it had never failed. An error that is
/// not tolerated, or comes once too often, ends the run as usual, with its scores kept
/// ([`RunError`](crate::RunError)). Answers of a wrong shape or with NaN are not asked for again,
/// and panics are not caught here: they are no failures that pass. [`RunStats`](crate::RunStats)
/// counts what a run asks of the `Tolerant`; [`Tolerant::tolerated`] says what was tolerated.
///
/// ```
/// use std::cell::Cell;
/// use std::time::Duration;
/// use racm::ndarray::{Array2, ArrayView4};
/// use racm::{BlackBoxModel, BoxError, Explainer, FnModel, Target, Tolerant, demo};
///
/// // A service that takes at most 10 images, and is busy every third time.
/// let requests = Cell::new(0);
/// let service = FnModel::new(|batch: ArrayView4<'_, f32>| -> Result<Array2<f32>, BoxError> {
///     requests.set(requests.get() + 1);
///     match batch.dim().0 {
///         11.. => Err("413 Payload Too Large".into()),
///         _ if requests.get() % 3 == 0 => Err("503 Service Unavailable".into()),
///         _ => demo::Classifier.predict(batch),
///     }
/// });
/// let model = Tolerant::new(service)
///     .retries(5)
///     .wait(Duration::from_micros(10), 2, Duration::from_millis(1))
///     .retry_if(|error| error.to_string().starts_with("503"))
///     .halve_if(|error| error.to_string().starts_with("413"));
/// let explainer = Explainer::builder().masks(300).batch(32).build()?;
/// let explanation = explainer.explain(&model, &demo::image(), Target::Top)?;
/// let undisturbed = explainer.explain(&demo::Classifier, &demo::image(), Target::Top)?;
/// assert_eq!(explanation.map(), undisturbed.map());
/// assert_eq!(model.tolerated().batch, Some(8)); // 32, 16, 8
/// # Ok::<(), racm::Error>(())
/// ```
///
/// Around a [`TimeLimit`](crate::TimeLimit), which makes an error of an answer that does not come,
/// it asks again after that, too.
pub struct Tolerant<M> {
    model: M,
    retries: u32,
    first: Duration,
    factor: u32,
    most: Duration,
    retry_if: Option<Which>,
    halve_if: Option<Which>,
    on_retry: Option<RetryHook>,
    /// The most images that the model is asked about at once.
    batch: AtomicUsize,
    retried: AtomicU64,
    halved: AtomicU64,
}

impl<M> Tolerant<M> {
    /// Tolerates nothing yet.
    pub fn new(model: M) -> Self {
        Tolerant {
            model,
            retries: 0,
            first: Duration::from_secs(1),
            factor: 2,
            most: Duration::from_secs(60),
            retry_if: None,
            halve_if: None,
            on_retry: None,
            batch: AtomicUsize::new(usize::MAX),
            retried: AtomicU64::new(0),
            halved: AtomicU64::new(0),
        }
    }

    /// Asks again up to so many times about a batch on which the model failed. Default: 0.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// How long to wait before asking again: `first`, then `factor` times longer each time, but no
    /// longer than `most`. Default: 1 s, 2, 60 s. The thread that called the model sleeps so long; a
    /// budget of seconds is not looked at meanwhile.
    #[must_use]
    pub fn wait(mut self, first: Duration, factor: u32, most: Duration) -> Self {
        (self.first, self.factor, self.most) = (first, factor, most);
        self
    }

    /// Asks again after these errors only. Default: after every error.
    #[must_use]
    pub fn retry_if(mut self, which: impl Fn(&BoxError) -> bool + Send + Sync + 'static) -> Self {
        self.retry_if = Some(Box::new(which));
        self
    }

    /// After these errors, asks about the halves of the batch, and of them, down to single images;
    /// later batches are cut to the size that worked. This is no retry: it waits for nothing and
    /// does not count against their number. Default: never.
    #[must_use]
    pub fn halve_if(mut self, which: impl Fn(&BoxError) -> bool + Send + Sync + 'static) -> Self {
        self.halve_if = Some(Box::new(which));
        self
    }

    /// Calls `hook` before every wait, on the thread that will wait: to tell somebody, for instance.
    #[must_use]
    pub fn on_retry(mut self, hook: impl Fn(&Retry<'_>) + Send + Sync + 'static) -> Self {
        self.on_retry = Some(Box::new(hook));
        self
    }

    /// What was tolerated so far.
    pub fn tolerated(&self) -> Tolerated {
        let batch = self.batch.load(Ordering::Relaxed);
        Tolerated {
            retries: self.retried.load(Ordering::Relaxed),
            halvings: self.halved.load(Ordering::Relaxed),
            batch: (batch < usize::MAX).then_some(batch),
        }
    }

    /// The model.
    pub fn into_inner(self) -> M {
        self.model
    }

    /// The wait before the retry of this number, from 1 on.
    fn wait_before(&self, retry: u32) -> Duration {
        let times = self.factor.saturating_pow(retry - 1);
        self.first.saturating_mul(times).min(self.most)
    }
}

impl<M: BlackBoxModel> Tolerant<M> {
    /// Asks until there is an answer, or an error that is not tolerated.
    fn ask(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, Refusal> {
        let images = batch.len_of(Axis(0));
        let mut retry = 0;
        loop {
            let error = match self.model.predict(batch.view()) {
                Ok(scores) => return Ok(scores),
                Err(error) => error,
            };
            if images > 1 && self.halve_if.as_ref().is_some_and(|which| which(&error)) {
                return Err(Refusal::TooLarge);
            }
            let passes = self.retry_if.as_ref().is_none_or(|which| which(&error));
            if retry == self.retries || !passes {
                return Err(Refusal::Failed(error));
            }
            retry += 1;
            let wait = self.wait_before(retry);
            self.retried.fetch_add(1, Ordering::Relaxed);
            if let Some(hook) = &self.on_retry {
                let (error, of) = (&error, self.retries);
                hook(&Retry {
                    error,
                    number: retry,
                    of,
                    wait,
                });
            }
            thread::sleep(wait);
        }
    }

    /// No more images at once than half of these.
    fn halve(&self, images: usize) {
        let half = images.div_ceil(2);
        // Another thread may have found it out at the same time.
        if self.batch.fetch_min(half, Ordering::Relaxed) > half {
            self.halved.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Why there is no answer.
enum Refusal {
    TooLarge,
    Failed(BoxError),
}

impl<M: BlackBoxModel> BlackBoxModel for Tolerant<M> {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        let mut pieces: Vec<Array2<f32>> = Vec::new();
        let mut rest = batch;
        loop {
            let images = rest.len_of(Axis(0));
            let size = images.min(self.batch.load(Ordering::Relaxed));
            let (piece, after) = rest.split_at(Axis(0), size);
            match self.ask(piece) {
                // The answer to a whole batch is passed on as it is; the run checks it.
                Ok(scores) if pieces.is_empty() && size == images => return Ok(scores),
                Ok(scores) => {
                    let classes = pieces.first().map_or(scores.ncols(), Array2::ncols);
                    if scores.dim() != (size, classes) {
                        return Err(Box::new(Error::Shape {
                            what: "the array of scores of a part of the batch",
                            given: scores.shape().to_vec(),
                            expected: vec![size, classes],
                        }));
                    }
                    pieces.push(scores);
                }
                Err(Refusal::TooLarge) => {
                    self.halve(size);
                    continue;
                }
                Err(Refusal::Failed(error)) => return Err(error),
            }
            if size == images {
                let pieces: Vec<_> = pieces.iter().map(|scores| scores.view()).collect();
                return Ok(concatenate(Axis(0), &pieces)?);
            }
            rest = after;
        }
    }
}

impl<M: fmt::Debug> fmt::Debug for Tolerant<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tolerant")
            .field("model", &self.model)
            .field("retries", &self.retries)
            .field("tolerated", &self.tolerated())
            .finish_non_exhaustive()
    }
}

/// What a [`Tolerant`] model tolerated.
///
/// ```
/// use racm::{Explainer, Tolerant, demo};
///
/// let model = Tolerant::new(demo::Classifier).retries(3);
/// Explainer::builder().masks(64).build()?.explain(&model, &demo::image(), 0)?;
/// assert_eq!(model.tolerated().retries, 0); // this one never fails
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tolerated {
    /// Times that the model was asked again.
    pub retries: u64,
    /// Times that the size of a batch was halved.
    pub halvings: u64,
    /// The most images that the model is now asked about at once, if batches were too large.
    pub batch: Option<usize>,
}

/// A failure that is tolerated: what [`Tolerant::on_retry`] tells.
///
/// ```
/// use racm::{Tolerant, demo};
///
/// let model = Tolerant::new(demo::Classifier)
///     .retries(3)
///     .on_retry(|retry| eprintln!("{retry:?}"));
/// assert_eq!(model.tolerated().retries, 0);
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Retry<'a> {
    /// What the model said.
    pub error: &'a BoxError,
    /// Which retry of this batch comes next, from 1 on.
    pub number: u32,
    /// The most that there will be.
    pub of: u32,
    /// The wait before it.
    pub wait: Duration,
}
