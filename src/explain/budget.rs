//! How much a run may cost, and when it has shown enough.

use std::time::Duration;

use crate::error::{Error, Result};

/// What a run may cost: at most so many model calls, at most so many seconds, and rules that end it
/// before, once its map is good enough.
///
/// A run looks at its map at fixed numbers of masks: the first 100, rounded up to whole blocks, and
/// then half more each time, while more than a fifth of all is to come. Rules are tried at these looks, so that where a run ends depends on
/// its scores alone, and not on batches, threads or time: with calls and rules, the map is a pure
/// function of explainer, model and image. With [`Budget::seconds`] it is not, for the run ends after
/// whichever batch the time is over; its scores still are the first of the seed, and
/// [`Run::ledger`](crate::Run::ledger) goes on from them.
///
/// A look costs an estimate and its standard errors, which a model that answers in microseconds may
/// not be worth: [`RunStats::look_time`](crate::RunStats) tells.
///
/// ```
/// use racm::{Budget, Explainer, StopReason, StopRule, Target, demo};
///
/// let explainer = Explainer::builder()
///     .budget(Budget::new().calls(20_000).until(StopRule::Certainty(0.8)))
///     .build()?;
/// let explanation = explainer.explain(&demo::Classifier, &demo::image(), Target::Top)?;
/// assert_eq!(explanation.run_stats().stopped, Some(StopReason::Certainty));
/// assert!(explanation.certainty()? >= Some(0.8) && explanation.masks() < 20_000);
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
#[must_use]
pub struct Budget {
    /// The most masks, 1 to 2^28, and so the most model calls but for the unmasked image and
    /// [`Repeats`](crate::Repeats).
    pub calls: u64,
    /// The most seconds since the run began, looks included; the map itself comes after them.
    pub seconds: Option<f64>,
    /// The first of these that holds ends the run.
    pub until: Vec<StopRule>,
}

/// More masks than anyone scores; they keep their batches listable.
const MAX_CALLS: u64 = 1 << 28;

/// Masks before the first look.
const FIRST_LOOK: u64 = 100;

impl Default for Budget {
    /// At most 5000 calls, and no more once the map's [certainty](StopRule::Certainty) is 0.9.
    fn default() -> Self {
        Budget {
            calls: 5000,
            seconds: None,
            until: vec![StopRule::Certainty(0.9)],
        }
    }
}

impl Budget {
    /// The default: at most 5000 calls, and no more once the map's [certainty](StopRule::Certainty)
    /// is 0.9.
    pub fn new() -> Self {
        Budget::default()
    }

    /// Exactly so many masks, whatever the map looks like.
    pub fn exactly(masks: u64) -> Self {
        Budget {
            calls: masks,
            seconds: None,
            until: Vec::new(),
        }
    }

    /// At most so many masks.
    pub fn calls(mut self, calls: u64) -> Self {
        self.calls = calls;
        self
    }

    /// At most so many seconds, from 0 on: the one part of a budget that makes a run depend on the
    /// machine. One batch is scored in any case.
    pub fn seconds(mut self, seconds: f64) -> Self {
        self.seconds = Some(seconds);
        self
    }

    /// Until this rule holds, in the place of those before.
    pub fn until(mut self, rule: StopRule) -> Self {
        self.until = vec![rule];
        self
    }

    /// Or until this one does.
    pub fn or_until(mut self, rule: StopRule) -> Self {
        self.until.push(rule);
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        self.until.iter().try_for_each(|rule| rule.check())?;
        if let Some(seconds) = self.seconds {
            Duration::try_from_secs_f64(seconds)
                .map_err(|_| Error::parameter("seconds", seconds, "a number from 0 to 1.8e19"))?;
        }
        if !(1..=MAX_CALLS).contains(&self.calls) {
            let expected = format!("1 to {MAX_CALLS}");
            return Err(Error::parameter("masks", self.calls, expected));
        }
        Ok(())
    }

    /// The time limit of a budget that was checked.
    pub(crate) fn limit(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.seconds?).ok()
    }
}

/// A rule that ends a run once its map is good enough.
///
/// A run that stops because its map *looks* good has, by that choice, a map that is a little worse
/// than it looks.
///
/// ```
/// use racm::{Budget, StopRule};
///
/// // Whichever holds first: the map is 0.95 certain, 10,000 masks are scored, or a minute is over.
/// let budget = Budget::new().calls(10_000).seconds(60.0).until(StopRule::Certainty(0.95));
/// assert_eq!(budget.calls, 10_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum StopRule {
    /// Once the map's [certainty](crate::Explanation::certainty), its estimated correlation with the
    /// map of endless masks, is at least this, for every target. In (0, 1]. It never holds for a map of
    /// one element, which has none.
    Certainty(f64),
    /// Once the `top` fraction of the map's elements, as the first half of the masks rank them,
    /// holds at least the fraction `agreement` of those that all masks rank there; for every
    /// target. Both in (0, 1].
    RankStability {
        /// The fraction of the elements that are compared.
        top: f64,
        /// The fraction of them that must agree.
        agreement: f64,
    },
}

impl StopRule {
    fn check(self) -> Result<()> {
        let fraction = |name, value: f64| {
            if value > 0.0 && value <= 1.0 {
                return Ok(());
            }
            Err(Error::parameter(name, value, "a number in (0, 1]"))
        };
        match self {
            StopRule::Certainty(least) => fraction("certainty", least),
            StopRule::RankStability { top, agreement } => {
                fraction("top fraction", top).and_then(|()| fraction("agreement", agreement))
            }
        }
    }
}

/// What ended a run early.
///
/// ```
/// use racm::{Budget, Explainer, StopReason, demo};
///
/// let explainer = Explainer::builder().budget(Budget::new()).build()?;
/// let explanation = explainer.explain(&demo::Classifier, &demo::image(), 0)?;
/// assert_eq!(explanation.run_stats().stopped, Some(StopReason::Certainty));
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum StopReason {
    /// The hook of [`Run::progress`](crate::Run::progress) or [`Run::on_look`](crate::Run::on_look).
    Hook,
    /// [`StopRule::Certainty`].
    Certainty,
    /// [`StopRule::RankStability`].
    RankStability,
    /// [`Budget::seconds`].
    Time,
}

/// The numbers of masks, below `total`, at which a run looks at its map.
pub(crate) fn checkpoints(block_size: u64, total: u64) -> impl Iterator<Item = u64> {
    let grow = |&blocks: &u64| Some(blocks + blocks.div_ceil(2));
    std::iter::successors(Some(FIRST_LOOK.div_ceil(block_size)), grow)
        .map(move |blocks| blocks.saturating_mul(block_size))
        // Later, the map itself comes soon enough.
        .take_while(move |&masks| masks < total - total / 5)
}
