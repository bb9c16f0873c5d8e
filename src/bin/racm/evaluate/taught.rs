//! `--prior` and `--learn-prior`: what the surrogates of other images taught, and what those of these teach.

use std::path::{Path, PathBuf};

use racm::{Ledger, Surrogate, SurrogatePrior};
use serde_json::{Value as Json, json};

use super::methods::{Kind, MethodArg};
use super::store::Record;
use crate::args::value_name;
use crate::fingerprint::fingerprint;
use crate::prior::PriorArgs;
use crate::say::{count_of, line};
use crate::{Failure, whole};

#[derive(clap::Args)]
pub struct TaughtArgs {
    #[command(flatten)]
    pub prior: PriorArgs,
    /// Write what the surrogates of all images taught, by the scores of the largest number of masks, for --prior and other
    /// images of the model; of one of --methods racm, rise, mc-rise and mc-rise-negated. With --shard it is of the shard's
    /// images
    #[arg(long, value_name = "FILE.json")]
    pub learn_prior: Option<PathBuf>,
}

impl TaughtArgs {
    /// Refuses what no surrogate is fitted for.
    pub fn check(
        &self,
        methods: &[MethodArg],
        kinds: &[Kind],
        masks: &[u64],
    ) -> Result<(), Failure> {
        self.prior.check(kinds.iter().map(|kind| kind.estimator))?;
        let one = match methods {
            [method] => method.cam().is_none() && kinds.iter().all(|kind| !kind.segments),
            _ => false,
        };
        if !self.learns() {
            return Ok(());
        }
        let (most, needed) = (masks.iter().max(), Surrogate::LEAST_MASKS);
        if let Some(most) = most.filter(|most| **most < needed) {
            return Err(format!(
                "--learn-prior is of surrogates, which need {needed} masks: --masks has at most {most}"
            )
            .into());
        }
        if one {
            return Ok(());
        }
        let given: Vec<String> = methods.iter().copied().map(value_name).collect();
        Err(format!(
            "--learn-prior is of one method's masks: --methods has {}, expected racm, rise, mc-rise or mc-rise-negated",
            given.join(", ")
        )
        .into())
    }

    pub fn learns(&self) -> bool {
        self.learn_prior.is_some()
    }

    /// Refuses a place where no file can be written, before the model is asked.
    pub fn prepare(&self) -> Result<(), Failure> {
        let Some(path) = &self.learn_prior else {
            return Ok(());
        };
        // The file is put in the place of what is there: of a device that would be the device itself, and of a link the
        // link, not what it names.
        let kind = match std::fs::symlink_metadata(path).map(|found| found.file_type()) {
            Ok(kind) if kind.is_dir() => Some("a folder"),
            Ok(kind) if kind.is_symlink() => Some("a symbolic link"),
            Ok(kind) if !kind.is_file() => Some("a pipe or a device"),
            _ => None,
        };
        if let Some(kind) = kind {
            let path = path.display();
            return Err(format!("{path}: it is {kind}, expected a file for --learn-prior").into());
        }
        match path.parent().filter(|folder| *folder != Path::new("")) {
            Some(folder) => whole::folder(folder),
            None => Ok(()),
        }
    }

    /// Writes what all images taught, in the order of the list, if that is asked for.
    pub fn write<'a>(&self, records: impl Iterator<Item = &'a Record>) -> Result<(), Failure> {
        let Some(path) = &self.learn_prior else {
            return Ok(());
        };
        let mut prior = SurrogatePrior::default();
        for taught in records.filter_map(|record| record.taught.as_ref()) {
            prior.add(taught);
        }
        let text = serde_json::to_string(&prior)? + "\n";
        whole::write(path, text.as_bytes())?;
        let images = usize::try_from(prior.images()).unwrap_or(usize::MAX);
        line(format_args!(
            "{} taught what is in {}",
            count_of(images, "image"),
            path.display()
        ))
    }
}

/// What one image teaches by the scores of its class, the only one of the ledger.
pub fn of_image(ledger: &Ledger) -> racm::Result<SurrogatePrior> {
    let mut prior = SurrogatePrior::default();
    prior.learn(&Surrogate::fit(&ledger.plan()?, ledger, 0)?);
    Ok(prior)
}

/// What the results depend on: not the names of the files.
pub fn setting(prior: &SurrogatePrior) -> Result<Json, Failure> {
    let text = serde_json::to_string(prior)?;
    Ok(json!({"images": prior.images(), "fingerprint": fingerprint([text.as_bytes()])}))
}
