//! Of what run scores are.

use crate::explain::explainer::Explainer;
use crate::images::masker::Masker;
use crate::ledger::identity::{BASELINE, CLASSES, Facts, IMAGE, Identity, MODEL, TOP};
use crate::masks::facts::escaped;

/// The identity of a run, for a model of so many classes, of which `top` has the highest score on the unmasked image.
pub(super) fn identity(
    masker: &Masker<'_>,
    explainer: &Explainer,
    model_name: Option<&str>,
    [classes, top]: [usize; 2],
    targets: &[usize],
) -> Identity {
    let plan = masker.plan();
    let mut facts = Facts::from(plan);
    if let Some(name) = model_name {
        facts.set(MODEL, escaped(name));
    }
    facts.set(CLASSES, classes.to_string());
    facts.set(TOP, top.to_string());
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
