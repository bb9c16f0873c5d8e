//! Of what run scores are.

use crate::explain::explainer::Explainer;
use crate::images::masker::Masker;
use crate::ledger::identity::{
    BASELINE, CLASSES, Facts, IMAGE, Identity, MODEL, NEXT, Ranking, TOP,
};
use crate::masks::facts::escaped;

/// The identity of a run, for a model that ranks its classes so.
pub(super) fn identity(
    masker: &Masker<'_>,
    explainer: &Explainer,
    model_name: Option<&str>,
    ranking: Ranking,
    targets: &[usize],
) -> Identity {
    let plan = masker.plan();
    let mut facts = Facts::from(plan);
    if let Some(name) = model_name {
        facts.set(MODEL, escaped(name));
    }
    facts.set(CLASSES, ranking.count.to_string());
    facts.set(TOP, ranking.top.to_string());
    if let Some(next) = ranking.next {
        facts.set(NEXT, next.to_string());
    }
    facts.set(IMAGE, format!("{:016x}", masker.image_fingerprint()));
    facts.set(BASELINE, escaped(&explainer.baseline.to_string()));
    Identity {
        plan: plan.fingerprint(),
        seed: explainer.seed,
        input: masker.fingerprint(),
        block_size: plan.block_size(),
        targets: targets.iter().map(|&k| k as u64).collect(),
        facts,
    }
}
