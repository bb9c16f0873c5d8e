//! Explainers as they are saved (feature `serde`).

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::estimate::Estimator;
use crate::estimate::effect::Effect;
use crate::estimate::link::Link;
use crate::explain::explainer::{Explainer, ExplainerBuilder};
use crate::explain::stop::StopRule;
use crate::images::baseline::Baseline;
use crate::masks::plan::MaskSpec;

#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SavedExplainer {
    spec: MaskSpec,
    masks: u64,
    seed: u64,
    estimator: Estimator,
    effect: Effect,
    baseline: Baseline,
    batch: Option<usize>,
    link: Link,
    stop_when: Vec<StopRule>,
}

impl From<&Explainer> for SavedExplainer {
    fn from(explainer: &Explainer) -> Self {
        let Explainer {
            spec,
            masks,
            seed,
            estimator,
            effect,
            baseline,
            batch,
            link,
            rules,
        } = explainer.clone();
        SavedExplainer {
            spec,
            masks,
            seed,
            estimator,
            effect,
            baseline,
            batch,
            link,
            stop_when: rules,
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
            .masks(saved.masks)
            .seed(saved.seed)
            .estimator(saved.estimator)
            .effect(saved.effect)
            .baseline(saved.baseline)
            .link(saved.link);
        if let Some(batch) = saved.batch {
            builder = builder.batch(batch);
        }
        for rule in saved.stop_when {
            builder = builder.stop_when(rule);
        }
        builder.build().map_err(D::Error::custom)
    }
}
