//! `--p-pix auto`: the `P_pix` that a pilot finds best.

use racm::ndarray::Array3;
use racm::{BlackBoxModel, Explainer, Pilot};

use super::args::Args;
use super::kept::Kept;
use crate::Failure;
use crate::say::line;

/// The values of P_pix that `auto` tries.
const CANDIDATES: [f64; 7] = [0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9];

/// The explainer with the `P_pix` that a pilot finds best, or found when the ledger was begun.
pub fn with_best_p_pix(
    args: &Args,
    explainer: Explainer,
    model: &dyn BlackBoxModel,
    image: &Array3<f32>,
    kept: &Kept,
) -> Result<(Explainer, Option<Pilot>), Failure> {
    let plan = kept.ledger.as_ref().and_then(|ledger| ledger.plan().ok());
    let found = plan.map(|plan| plan.spec().p_pix);
    if let Some(p_pix) = found.filter(|p_pix| CANDIDATES.contains(p_pix)) {
        line(format_args!("P_pix {p_pix}, as in the ledger"))?;
        return Ok((explainer.to_builder().p_pix(p_pix).build()?, None));
    }
    let link = [explainer.link()];
    let tried = explainer.pilot(model, image, args.target.clone(), &CANDIDATES, &link)?;
    let mut builder = explainer.to_builder();
    if let Some(best) = tried.best() {
        line(format_args!(
            "pilot of {} model calls: P_pix {}",
            tried.model_calls, best.p_pix
        ))?;
        builder = builder.p_pix(best.p_pix);
    }
    Ok((builder.build()?, Some(tried)))
}
