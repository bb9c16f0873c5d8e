//! How the scores of a ledger become maps.

use std::borrow::Cow;

use ndarray::{Array4, ArrayRef2, ArrayRef3};

use crate::error::Result;
use crate::estimate::effect::Effect;
use crate::estimate::link::Link;
use crate::estimate::surrogate::SurrogatePrior;
use crate::estimate::{Estimates, Estimator, Wanted};
use crate::explain::explainer::Explainer;
use crate::explain::target::Target;
use crate::ledger::Ledger;
use crate::masks::plan::Plan;

/// All choices that change no score: what the maps are of, on which scale, by which estimator, and of which effect.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// Its classes by number.
    pub target: Target,
    pub link: Link,
    pub estimator: Estimator,
    pub effect: Effect,
    pub prior: SurrogatePrior,
}

impl Explainer {
    /// How it reads ledgers, for a target with its classes by number.
    pub(crate) fn reading(&self, target: Target) -> Reading {
        Reading {
            target,
            link: self.link,
            estimator: self.estimator,
            effect: self.effect,
            prior: self.prior.clone(),
        }
    }
}

impl Reading {
    fn wanted(&self, effect: Effect) -> Wanted<'_> {
        Wanted {
            effect,
            prior: &self.prior,
        }
    }

    /// The scores that are estimated from, one a map.
    fn scores<'l>(&self, ledger: &'l Ledger) -> Result<Cow<'l, Ledger>> {
        self.target.of(self.link.of(ledger))
    }

    /// The maps and, if they are wanted, their standard errors, of one fit.
    pub fn estimates(&self, plan: &Plan, ledger: &Ledger, errors: bool) -> Result<Estimates> {
        let scores = self.scores(ledger)?;
        self.estimator
            .estimates(self.wanted(self.effect), plan, &scores, errors)
    }

    /// The standard errors of all maps.
    pub fn standard_errors(&self, plan: &Plan, ledger: &Ledger) -> Result<Option<Array4<f32>>> {
        let scores = self.scores(ledger)?;
        self.estimator
            .standard_errors_of(self.wanted(self.effect), plan, &scores)
    }

    /// A linear functional of one map, and its standard error.
    pub fn contrast(
        &self,
        plan: &Plan,
        ledger: &Ledger,
        map: usize,
        weights: &ArrayRef3<f64>,
    ) -> Result<(f64, Option<f64>)> {
        let scores = self.scores(ledger)?;
        self.estimator
            .contrast_of(self.wanted(self.effect), plan, &scores, map, weights)
    }

    /// The same weights `[H, W]` for the own effects of every plane of one map.
    pub fn own_by_plane(
        &self,
        plan: &Plan,
        ledger: &Ledger,
        map: usize,
        weights: &ArrayRef2<f64>,
    ) -> Result<Vec<(f64, Option<f64>)>> {
        let scores = self.scores(ledger)?;
        self.estimator
            .plane_contrasts(self.wanted(Effect::Own), plan, &scores, map, weights)
    }
}
