//! `--p-pix auto`: the `P_pix` that a pilot finds best.

use std::path::PathBuf;

use racm::ndarray::Array3;
use racm::{BlackBoxModel, Budget, Error, Explainer, Explanation, Pilot, Target};

use super::job::go_on;
use super::kept::Kept;
use crate::fingerprint::{bytes, fingerprint};
use crate::say::line;
use crate::signals::Signals;
use crate::{Failure, whole};

/// The values of P_pix that `auto` tries.
const CANDIDATES: [f64; 7] = [0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9];

/// What a pilot is asked about, and where its scores are kept: a file for each `P_pix`.
pub struct Asked<'a> {
    pub model: &'a dyn BlackBoxModel,
    pub image: &'a Array3<f32>,
    pub target: &'a Target,
    /// The model's.
    pub name: &'a str,
    /// [`name_of`] all this.
    pub of: String,
    pub folder: PathBuf,
    pub restart: bool,
    pub signals: &'a Signals,
}

impl Asked<'_> {
    /// The explainer with the `P_pix` that the pilot finds best, or found when the ledger was begun.
    pub fn with_best_p_pix(
        &self,
        explainer: Explainer,
        kept: &Kept,
    ) -> Result<(Explainer, Option<Pilot>), Failure> {
        let plan = kept.ledger.as_ref().and_then(|ledger| ledger.plan().ok());
        let begun_with = plan.map(|plan| plan.spec().p_pix);
        if let Some(p_pix) = begun_with {
            if !CANDIDATES.contains(&p_pix) {
                return Err(format!(
                    "{}: it is of P_pix {p_pix}, which --p-pix auto does not try; take --p-pix {p_pix}, another --out, or \
                     begin anew with --restart",
                    kept.path.display()
                )
                .into());
            }
            line(format_args!("P_pix {p_pix}, as in the ledger"))?;
            // What it found is still told, if it costs nothing.
            let kept = CANDIDATES.iter().all(|p_pix| self.file(*p_pix).exists());
            let tried = kept.then(|| self.pilot(&explainer)).transpose()?;
            return Ok((explainer.to_builder().p_pix(p_pix).build()?, tried));
        }
        if self.restart {
            CANDIDATES
                .iter()
                .try_for_each(|p_pix| whole::remove(&self.file(*p_pix)))?;
        }
        whole::folder(&self.folder)?;
        let tried = self.pilot(&explainer)?;
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

    fn pilot(&self, explainer: &Explainer) -> Result<Pilot, Failure> {
        let (channels, height, width) = self.image.dim();
        let mut explanations = Vec::new();
        for p_pix in CANDIDATES {
            let explainer = explainer.pilot_explainer([channels, height, width], p_pix);
            let run = explainer.run(self.model, self.image, self.target.clone());
            let run = run.model_name(self.name).ledger_file(self.file(p_pix));
            let explained = run.progress(|_| go_on(self.signals)).explain();
            explanations.push(explained.map_err(Error::from)?);
            let masks: u64 = explanations.iter().map(Explanation::masks).sum();
            let left = format!(
                "{masks} masks of the pilot are in {}: the same command goes on from them",
                self.folder.display()
            );
            if let Some(stopped) = self.signals.stopped(left) {
                return Err(stopped.into());
            }
        }
        Ok(Pilot::of(&explanations, &[explainer.link()])?)
    }

    fn file(&self, p_pix: f64) -> PathBuf {
        self.folder.join(format!("{}-{p_pix}.racm", self.of))
    }
}

/// A name for what a pilot's scores depend on, so that those of other options are left alone.
pub fn name_of(
    explainer: &Explainer,
    image: &Array3<f32>,
    target: &Target,
    model: &str,
) -> Result<String, Failure> {
    let explainer = explainer.to_builder().budget(Budget::exactly(1)).build()?;
    let explainer = serde_json::to_string(&explainer)?;
    let (image, target) = (bytes(image), target.to_string());
    let parts = [
        explainer.as_bytes(),
        &image,
        model.as_bytes(),
        target.as_bytes(),
    ];
    Ok(fingerprint(parts))
}
