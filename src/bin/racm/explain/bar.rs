//! How far a run is, for people who wait.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use racm::{Budget, Progress, StopRule};

use crate::say::quiet;

/// A progress bar with the map's certainty, and the time that is left.
pub struct Bar {
    bar: ProgressBar,
    /// At which the run ends.
    certainty: Option<f64>,
    seconds: Option<f64>,
    /// The certainty of the last look, and the masks then.
    looked: Option<(f64, u64)>,
}

impl Bar {
    /// Of a run of at most so many masks.
    pub fn new(masks: u64, budget: &Budget) -> Self {
        let certainty = budget.until.iter().find_map(|rule| match rule {
            StopRule::Certainty(certainty) => Some(*certainty),
            _ => None,
        });
        let bar = match quiet() || !std::io::stderr().is_terminal() {
            true => ProgressBar::hidden(),
            false => {
                let style = "{bar:32} {pos} of at most {len} masks, {msg}";
                let style = ProgressStyle::with_template(style);
                ProgressBar::new(masks)
                    .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
            }
        };
        Bar {
            bar,
            certainty,
            seconds: budget.seconds,
            looked: None,
        }
    }

    /// Shows how far the run is.
    pub fn show(&mut self, progress: &Progress<'_>) {
        self.bar.set_length(progress.total());
        self.bar.set_position(progress.masks());
        let all = progress.ledger().masks();
        let certainty = progress.certainty();
        if let Some(now) = certainty.filter(|now| self.looked.is_none_or(|(old, _)| old != *now)) {
            self.looked = Some((now, all));
        }
        let elapsed = progress.elapsed();
        let to_come = self.to_come(all, progress.total() - progress.masks());
        let left = time(to_come, progress.masks(), elapsed);
        let limit = self.seconds.and_then(|seconds| {
            Duration::try_from_secs_f64(seconds)
                .ok()
                .map(|limit| limit.saturating_sub(elapsed))
        });
        let left = match (left, limit) {
            (Some(left), Some(limit)) => Some(left.min(limit)),
            (left, limit) => left.or(limit),
        };
        let left = match left {
            Some(left) => format!("about {} left", HumanDuration(left)),
            None => "time left not known".to_owned(),
        };
        self.bar.set_message(format!("{}, {left}", said(certainty)));
    }

    /// How many more masks there will be: `most`, or fewer where the certainty that ends the run is near.
    fn to_come(&self, known: u64, most: u64) -> u64 {
        match (self.looked, self.certainty) {
            (Some((now, masks)), Some(wanted)) => match masks_for(now, masks, wanted) {
                Some(needed) => {
                    let (end, total) = (end(masks, needed, known), known + most);
                    // Nobody looks when less than a fifth is to come.
                    match end < total - total / 5 {
                        true => end - known,
                        false => most,
                    }
                }
                None => most,
            },
            _ => most,
        }
    }

    /// Prints beside the bar.
    pub fn beside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// The masks for a certainty, by that of fewer: it is a correlation, whose square is n / (n + k) after n masks, for the
/// variance of the noise falls with 1 / n.
fn masks_for(certainty: f64, masks: u64, wanted: f64) -> Option<u64> {
    let noise = |certainty: f64| 1.0 / (certainty * certainty) - 1.0;
    let needed = masks as f64 * noise(certainty) / noise(wanted);
    (needed.is_finite() && needed >= 0.0).then_some(needed.ceil() as u64)
}

/// The look that ends a run: each comes after half more masks than the one before.
fn end(looked: u64, needed: u64, known: u64) -> u64 {
    let looks = std::iter::successors(Some(looked), |masks| masks.checked_add(masks.div_ceil(2)));
    let mut after = looks.skip_while(|masks| *masks < needed || *masks <= known);
    after.next().unwrap_or(u64::MAX)
}

/// The time for so many masks more, at the speed so far.
fn time(to_come: u64, masks: u64, elapsed: Duration) -> Option<Duration> {
    let seconds = elapsed.as_secs_f64() * to_come as f64 / masks as f64;
    Duration::try_from_secs_f64(seconds).ok()
}

/// A certainty for people.
pub fn said(certainty: Option<f64>) -> String {
    match certainty {
        Some(certainty) => format!("certainty {certainty:.2}"),
        None => "certainty not known".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_masks_for_a_certainty_follow_from_those_of_less() {
        // k = 300: n / (n + 300) is 0.25 at 100 and 0.81 at 1278.9.
        assert_eq!(masks_for(0.5, 100, 0.9), Some(1279));
        assert_eq!(masks_for(0.9, 1279, 0.9), Some(1279));
        assert_eq!(masks_for(0.5, 100, 1.0), None);
        assert_eq!(masks_for(0.0, 100, 0.9), None);
    }

    #[test]
    fn a_run_that_ends_by_certainty_is_not_waited_for_longer() {
        let budget = Budget::new();
        let mut bar = Bar::new(5000, &budget);
        assert_eq!(bar.to_come(100, 4900), 4900);
        bar.looked = Some((0.5, 100));
        // Looks: 100, 150, 225, 338, 507, 761, 1142, 1713.
        assert_eq!(bar.to_come(150, 4850), 1713 - 150);
        assert_eq!(bar.to_come(1712, 3288), 1);
        assert_eq!(bar.to_come(1000, 500), 500);
        // No look at 1713 of 2000.
        assert_eq!(bar.to_come(150, 1850), 1850);
        // By number alone.
        let mut bar = Bar::new(5000, &Budget::exactly(5000));
        bar.looked = Some((0.5, 100));
        assert_eq!(bar.to_come(100, 4900), 4900);
        assert_eq!(
            time(300, 100, Duration::from_secs(2)),
            Some(Duration::from_secs(6))
        );
        assert_eq!(time(300, 0, Duration::ZERO), None);
    }
}
