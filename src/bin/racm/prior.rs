//! `--prior`: what the surrogates of other images taught.

use std::path::{Path, PathBuf};

use racm::{Estimator, Explainer, Surrogate, SurrogatePrior};
use serde_json::{Value, json};

use crate::{Failure, read};

const EXPECTED: &str = "what racm evaluate --learn-prior writes (JSON)";

/// The longest file, in bytes: sums have less than a thousand, of however many images.
const LONGEST: u64 = 1_000_000;

#[derive(Clone, clap::Args)]
pub struct PriorArgs {
    /// What surrogates of other images of the same model taught, as `racm evaluate --learn-prior` writes it: few masks say
    /// more with it (for the estimators averaged, surrogate and surrogate-corrected). Several files add up
    #[arg(
        long = "prior",
        value_delimiter = ',',
        value_name = "FILE.json[,FILE.json...]"
    )]
    pub files: Vec<PathBuf>,
}

impl PriorArgs {
    /// What the files hold together, if some are given.
    pub fn read(&self) -> Result<Option<SurrogatePrior>, Failure> {
        let mut files = self.files.iter();
        let Some(first) = files.next() else {
            return Ok(None);
        };
        let mut all = of_file(first)?;
        for path in files {
            all.add(&of_file(path)?);
        }
        // What a report keeps of it must be readable, too.
        let kept = serde_json::from_value(serde_json::to_value(&all)?);
        let kept = kept.map_err(|e| format!("--prior: of the files together, {e}"));
        Ok(Some(kept?))
    }

    /// Refuses files that none of these estimators uses.
    pub fn check(&self, estimators: impl IntoIterator<Item = Estimator>) -> Result<(), Failure> {
        let estimators: Vec<Estimator> = estimators.into_iter().collect();
        if self.files.is_empty() || estimators.iter().any(|e| e.fits_surrogate()) {
            return Ok(());
        }
        let names: Vec<_> = estimators.iter().map(|e| e.name()).collect();
        let given = match names.is_empty() {
            true => "no estimator".to_owned(),
            false => names.join(", "),
        };
        Err(format!(
            "--prior is about surrogates, and there is none for {given}, expected one of the estimators averaged, surrogate, \
             surrogate-corrected"
        )
        .into())
    }

    /// What reports say of an explainer's prior, if its maps are made with one.
    pub fn about(&self, explainer: &Explainer) -> Option<Value> {
        let files = self.files.iter().map(|path| path.display().to_string());
        let images = explainer.surrogate_prior().images();
        self.matters(explainer)
            .then(|| json!({"files": files.collect::<Vec<_>>(), "images": images}))
    }

    /// The options that make `racm merge` use the same prior.
    pub fn options(&self, explainer: &Explainer) -> String {
        if self.files.is_empty() && self.matters(explainer) {
            return " --prior FILE (with the surrogate_prior of --spec)".to_owned();
        }
        let option = |path: &PathBuf| format!(" --prior {}", path.display());
        self.files.iter().map(option).collect()
    }

    /// Whether an explainer, which may come from `--spec`, has a prior that its estimator uses of so many masks.
    fn matters(&self, explainer: &Explainer) -> bool {
        let given = !self.files.is_empty() || explainer.surrogate_prior().images() > 0;
        let fitted =
            explainer.estimator().fits_surrogate() && explainer.masks() >= Surrogate::LEAST_MASKS;
        given && fitted
    }
}

fn of_file(path: &Path) -> Result<SurrogatePrior, Failure> {
    let text = read::text_of_at_most(path, EXPECTED, LONGEST)?;
    serde_json::from_str(&text)
        .map_err(|e| format!("{}: {e}, expected {EXPECTED}", path.display()).into())
}
