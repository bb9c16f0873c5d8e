//! Explainers as they are saved (feature `serde`).

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::estimate::Estimator;
use crate::estimate::effect::Effect;
use crate::estimate::link::Link;
use crate::estimate::surrogate::SurrogatePrior;
use crate::explain::budget::Budget;
use crate::explain::explainer::{Explainer, ExplainerBuilder};
use crate::images::baseline::Baseline;
use crate::masks::spec::MaskSpec;

#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SavedExplainer {
    spec: MaskSpec,
    budget: Budget,
    seed: u64,
    estimator: Estimator,
    effect: Effect,
    #[serde(skip_serializing_if = "of_no_image")]
    surrogate_prior: SurrogatePrior,
    baseline: Baseline,
    batch: Option<usize>,
    link: Link,
}

fn of_no_image(prior: &SurrogatePrior) -> bool {
    *prior == SurrogatePrior::default()
}

impl From<&Explainer> for SavedExplainer {
    fn from(explainer: &Explainer) -> Self {
        let Explainer {
            spec,
            budget,
            seed,
            estimator,
            effect,
            prior,
            baseline,
            batch,
            link,
        } = explainer.clone();
        SavedExplainer {
            spec,
            budget,
            seed,
            estimator,
            effect,
            surrogate_prior: prior,
            baseline,
            batch,
            link,
        }
    }
}

impl Default for SavedExplainer {
    fn default() -> Self {
        ExplainerBuilder::default().as_explainer().into()
    }
}

impl Serialize for Explainer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        SavedExplainer::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Explainer {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let saved = SavedExplainer::deserialize(from)?;
        let mut builder = Explainer::builder()
            .spec(saved.spec)
            .budget(saved.budget)
            .seed(saved.seed)
            .estimator(saved.estimator)
            .effect(saved.effect)
            .surrogate_prior(saved.surrogate_prior)
            .baseline(saved.baseline)
            .link(saved.link);
        if let Some(batch) = saved.batch {
            builder = builder.batch(batch);
        }
        builder.build().map_err(D::Error::custom)
    }
}
