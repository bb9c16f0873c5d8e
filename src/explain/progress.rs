//! What a run tells while it works.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::ledger::Ledger;
use crate::masks::plan::Plan;

/// How far a run is; what a progress hook sees after every batch.
///
/// ```
/// use std::ops::ControlFlow;
/// use racm::{Explainer, Target, demo};
///
/// let explainer = Explainer::builder().masks(300).build()?;
/// let mut seen = 0;
/// explainer
///     .run(&demo::Classifier, &demo::image(), Target::Top)
///     .progress(|progress| {
///         seen = progress.masks();
///         println!("{} of at most {} masks in {:?}", seen, progress.total(), progress.elapsed());
///         ControlFlow::Continue(()) // Break ends the run, and keeps its scores
///     })
///     .explain()?;
/// assert_eq!(seen, 300);
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Debug)]
pub struct Progress<'a> {
    pub(super) masks: u64,
    pub(super) total: u64,
    pub(super) certainty: Option<f64>,
    pub(super) started: Instant,
    pub(super) plan: &'a Plan,
    pub(super) ledger: &'a Ledger,
}

impl Progress<'_> {
    /// Masks scored by this run so far.
    pub fn masks(&self) -> u64 {
        self.masks
    }

    /// The most masks that this run is to score in all.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The map's [certainty](crate::Explanation::certainty) at the last look: in [0, 1], for the least
    /// certain target. `None` before the first, while no look could tell, and in a run that has
    /// neither rules nor a hook for looks.
    pub fn certainty(&self) -> Option<f64> {
        self.certainty
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

pub(crate) type Hook<'a> = Box<dyn FnMut(&Progress<'_>) -> ControlFlow<()> + 'a>;
