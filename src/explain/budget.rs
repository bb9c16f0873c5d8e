//! When enough masks are enough.

use std::time::Duration;

use ndarray::ArrayView3;

use crate::error::{Error, Result};
use crate::estimate::Estimator;
use crate::ledger::Ledger;
use crate::masks::plan::Plan;

/// A rule that ends a run before its number of masks, which stays the hard maximum.
///
/// Rules other than [`StopRule::Time`] are tried at fixed numbers of masks (8 blocks, and then 25 %
/// more each time), so that where a run stops depends on its scores alone and not on batches or
/// threads. A run that stops because its error *looks* small has, by that choice, an error that is
/// a little larger than it looks.
///
/// ```
/// use racm::{Explainer, StopReason, StopRule, Target, demo};
///
/// let explainer = Explainer::builder()
///     .masks(20_000)
///     .stop_when(StopRule::StandardError(0.08))
///     .build()?;
/// let explanation = explainer.explain(&demo::Classifier, &demo::image(), Target::Top)?;
/// assert_eq!(explanation.run_stats().stopped, Some(StopReason::StandardError));
/// assert!(explanation.masks() < 20_000);
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum StopRule {
    /// Once the median standard error is at most this fraction of the map's range (largest minus
    /// smallest value), for every target. In (0, 1].
    StandardError(f64),
    /// Once the `top` fraction of the map's elements, as the first half of the masks rank them,
    /// holds at least the fraction `agreement` of those that all masks rank there; for every
    /// target. Both in (0, 1].
    RankStability {
        /// The fraction of the elements that are compared.
        top: f64,
        /// The fraction of them that must agree.
        agreement: f64,
    },
    /// Once this much time has passed: the one rule that makes a run depend on the machine.
    Time(Duration),
}

/// What ended a run early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum StopReason {
    /// The progress hook.
    Hook,
    /// [`StopRule::StandardError`].
    StandardError,
    /// [`StopRule::RankStability`].
    RankStability,
    /// [`StopRule::Time`].
    Time,
}

impl StopRule {
    pub(crate) fn check(self) -> Result<()> {
        let fraction = |name, value: f64| {
            if value > 0.0 && value <= 1.0 {
                return Ok(());
            }
            Err(Error::parameter(name, value, "a number in (0, 1]"))
        };
        match self {
            StopRule::StandardError(limit) => fraction("standard error limit", limit),
            StopRule::RankStability { top, agreement } => {
                fraction("top fraction", top).and_then(|()| fraction("agreement", agreement))
            }
            StopRule::Time(_) => Ok(()),
        }
    }

    pub(crate) fn time(self) -> Option<Duration> {
        match self {
            StopRule::Time(limit) => Some(limit),
            _ => None,
        }
    }

    /// Whether the rule holds for the scores so far.
    pub(crate) fn holds(
        self,
        estimator: Estimator,
        plan: &Plan,
        ledger: &Ledger,
    ) -> Result<Option<StopReason>> {
        match self {
            StopRule::StandardError(limit) => {
                let Some(errors) = estimator.standard_errors(plan, ledger)? else {
                    return Ok(None);
                };
                let maps = estimator.maps(plan, ledger)?;
                let small = maps
                    .outer_iter()
                    .zip(errors.outer_iter())
                    .all(|(map, error)| {
                        let (map, mut error) = (evaluated(plan, map), evaluated(plan, error));
                        let low = map.iter().copied().fold(f32::INFINITY, f32::min);
                        let high = map.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                        let middle = error.len() / 2;
                        let median = *error.select_nth_unstable_by(middle, f32::total_cmp).1;
                        f64::from(median) <= limit * f64::from(high - low)
                    });
                Ok(small.then_some(StopReason::StandardError))
            }
            StopRule::RankStability { top, agreement } => {
                let half = ledger.prefix(ledger.masks() / 2);
                let [maps, halves] = [ledger, &half].map(|l| estimator.maps(plan, l));
                let (maps, halves) = (maps?, halves?);
                let stable = maps
                    .outer_iter()
                    .zip(halves.outer_iter())
                    .all(|(map, half)| {
                        let (map, half) = (evaluated(plan, map), evaluated(plan, half));
                        let count = ((top * map.len() as f64).round() as usize).clamp(1, map.len());
                        let [all, first] = [map, half].map(|values| highest(&values, count));
                        let common = all.iter().zip(&first).filter(|&(&a, &b)| a && b).count();
                        common as f64 >= agreement * count as f64
                    });
                Ok(stable.then_some(StopReason::RankStability))
            }
            StopRule::Time(_) => Ok(None),
        }
    }
}

/// The elements of a map inside the plan's region.
fn evaluated(plan: &Plan, map: ArrayView3<'_, f32>) -> Vec<f32> {
    let region = plan.spec().region.as_ref();
    map.indexed_iter()
        .filter(|&((_, y, x), _)| region.is_none_or(|r| r.pixels()[[y, x]]))
        .map(|(_, &value)| value)
        .collect()
}

/// Which values are among the `count` highest, ties by index.
fn highest(values: &[f32], count: usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    let mut among = vec![false; values.len()];
    order[..count].iter().for_each(|&i| among[i] = true);
    among
}

/// The numbers of masks, below `total`, at which rules are tried.
pub(crate) fn checkpoints(block_size: u64, total: u64) -> impl Iterator<Item = u64> {
    let grow = move |&blocks: &u64| Some(blocks + (blocks / 4).max(1));
    std::iter::successors(Some(8), grow)
        .map(move |blocks| blocks.saturating_mul(block_size))
        .take_while(move |&masks| masks < total)
}
