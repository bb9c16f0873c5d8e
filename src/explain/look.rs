//! Looks at the map of a run that goes on.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::estimate::Estimates;
use crate::explain::budget::{StopReason, StopRule};
use crate::explain::explainer::Explainer;
use crate::explain::explanation::{Explanation, evaluated};
use crate::explain::reading::Reading;
use crate::explain::stats::RunStats;
use crate::ledger::Ledger;
use crate::masks::plan::Plan;

pub(crate) type LookHook<'a> = Box<dyn FnMut(&Explanation) -> ControlFlow<()> + 'a>;

/// A look that no rule asks for waits until the one before took at most this share of the time since.
const SHARE: f64 = 0.1;

/// Who looks, and what was seen.
pub(super) struct Looks<'r, 'a> {
    reading: &'r Reading,
    hook: Option<LookHook<'a>>,
    /// That of the last look.
    pub certainty: Option<f64>,
    /// The masks of the last look, and what was made of them.
    pub seen: Option<(u64, Estimates)>,
    /// When the last look for the hook ended, and what it took.
    last: Option<(Instant, Duration)>,
}

impl<'r, 'a> Looks<'r, 'a> {
    pub fn new(reading: &'r Reading, hook: Option<LookHook<'a>>) -> Self {
        Looks {
            reading,
            hook,
            certainty: None,
            seen: None,
            last: None,
        }
    }

    /// Whether anybody looks.
    pub fn wanted(&self, explainer: &Explainer) -> bool {
        self.hook.is_some() || !explainer.budget.until.is_empty()
    }

    /// Looks at the map of the scores so far: tries the rules and, where it is new and not too soon, shows it
    /// to the hook. What cannot be estimated from so few masks is left to the next look.
    #[allow(clippy::too_many_arguments)]
    pub fn look(
        &mut self,
        explainer: &Explainer,
        plan: &Plan,
        ledger: &Ledger,
        new: bool,
        stats: &mut RunStats,
        run_began: Instant,
    ) {
        let began = Instant::now();
        let soon = |(ended, took): (Instant, Duration)| ended.elapsed().mul_f64(SHARE) < took;
        let shown = new && self.hook.is_some() && !self.last.is_some_and(soon);
        let rules = &explainer.budget.until;
        if rules.is_empty() && !shown {
            return;
        }
        // The certainty needs the errors as well.
        let Ok(estimates) = self.reading.estimates(plan, ledger, true) else {
            return;
        };
        self.seen = Some((ledger.masks(), estimates.clone()));
        let (plan, ledger, reading) = (plan.clone(), ledger.clone(), self.reading.clone());
        let explanation = Explanation::new(plan, ledger, reading, estimates);
        self.certainty = explanation.certainty().ok().flatten();
        stats.looks += 1;
        stats.stopped = rules
            .iter()
            .find_map(|rule| self.holds(*rule, &explanation));
        if let (Some(hook), true, None) = (&mut self.hook, shown, stats.stopped) {
            stats.total_time = run_began.elapsed();
            if hook(&explanation.with_stats(*stats)).is_break() {
                stats.stopped = Some(StopReason::Hook);
            }
            self.last = Some((Instant::now(), began.elapsed()));
        }
        stats.look_time += began.elapsed();
    }

    fn holds(&self, rule: StopRule, explanation: &Explanation) -> Option<StopReason> {
        let (holds, reason) = match rule {
            StopRule::Certainty(least) => (
                self.certainty.is_some_and(|certainty| certainty >= least),
                StopReason::Certainty,
            ),
            StopRule::RankStability { top, agreement } => (
                self.is_stable(explanation, top, agreement),
                StopReason::RankStability,
            ),
        };
        holds.then_some(reason)
    }

    /// Whether the first half of the masks ranks highest what all of them do.
    fn is_stable(&self, explanation: &Explanation, top: f64, agreement: f64) -> bool {
        let (plan, ledger) = (explanation.plan(), explanation.ledger());
        let half = ledger.prefix(ledger.masks() / 2);
        let Ok((halves, _)) = self.reading.estimates(plan, &half, false) else {
            return false;
        };
        let maps = explanation.maps();
        let mut pairs = maps.outer_iter().zip(halves.outer_iter());
        pairs.all(|(map, half)| {
            let (map, half) = (evaluated(plan, map), evaluated(plan, half));
            let count = ((top * map.len() as f64).round() as usize).clamp(1, map.len());
            let [all, first] = [map, half].map(|values| highest(&values, count));
            let common = all.iter().zip(&first).filter(|&(&a, &b)| a && b).count();
            common as f64 >= agreement * count as f64
        })
    }
}

/// Which values are among the `count` highest, ties by index.
fn highest(values: &[f32], count: usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    let mut among = vec![false; values.len()];
    order[..count].iter().for_each(|&i| among[i] = true);
    among
}
