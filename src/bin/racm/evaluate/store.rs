//! What is known of each image, on disk: an evaluation goes on where it was stopped.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use racm::{Repeats, SurrogatePrior};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::list::{Item, file_name};
use super::parameters::settle;
use super::refused::Refused;
use crate::fingerprint::fingerprint;
use crate::whole::{self, tidy, write};
use crate::{Failure, read};

/// One row of the table: which maps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The method, or `random` or `uniform`.
    pub map: String,
    pub masks: Option<u64>,
    pub estimator: Option<String>,
    /// Of RaCM, whose effects differ.
    pub effect: Option<String>,
    /// The fraction of the pixels that the refinement keeps.
    pub keep: Option<f64>,
}

/// A metric's value on one image, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Defined(f64),
    Undefined { undefined: String },
    Missing { missing: String },
}

impl<E: fmt::Display> From<Result<f64, E>> for Value {
    fn from(outcome: Result<f64, E>) -> Self {
        match outcome {
            Ok(value) => Value::Defined(value),
            Err(reason) => Value::Undefined {
                undefined: reason.to_string(),
            },
        }
    }
}

/// One image under one case.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Scores {
    pub values: BTreeMap<String, Value>,
    /// Points from x = 0 to x = 1.
    pub curves: BTreeMap<String, Vec<[f64; 2]>>,
}

/// What a stage of the work cost.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Cost {
    /// How often it was done.
    pub times: u64,
    /// Images that the model scored.
    pub model_calls: u64,
    pub seconds: f64,
    pub seconds_in_model: f64,
}

impl Cost {
    pub fn add(&mut self, other: Cost) {
        self.times += other.times;
        self.model_calls += other.model_calls;
        self.seconds += other.seconds;
        self.seconds_in_model += other.seconds_in_model;
    }
}

/// All results of one image.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Fingerprints of the parameters, and of the image with its box and refinement map.
    pub parameters: String,
    pub input: String,
    pub file: String,
    pub shape: [usize; 3],
    pub class: usize,
    pub score: f32,
    pub cases: Vec<Case>,
    /// One a case.
    pub scores: Vec<Scores>,
    pub costs: BTreeMap<String, Cost>,
    /// Of a run whose model did not repeat its answers.
    pub differing: Option<Repeats>,
    /// What its surrogate taught, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taught: Option<SurrogatePrior>,
}

/// The folder of an evaluation.
pub struct Store {
    folder: PathBuf,
    parameters: String,
    cases: Vec<Case>,
    /// Whether records say what their images taught.
    taught: bool,
    /// Locked as long as this process is at work here.
    _at_work: Option<File>,
}

impl Store {
    /// Opens or makes the folder; refuses one with other parameters.
    pub fn open(
        folder: &Path,
        parameters: &Json,
        cases: &[Case],
        taught: bool,
    ) -> Result<Self, Failure> {
        let images = folder.join("images");
        whole::folder(&images)?;
        [folder, &images].into_iter().for_each(tidy);
        let text = serde_json::to_string_pretty(parameters)? + "\n";
        let lock = settle(folder, &images, &text)?;
        Ok(Store {
            folder: folder.to_owned(),
            parameters: fingerprint([text.as_bytes()]),
            cases: cases.to_vec(),
            taught,
            _at_work: lock,
        })
    }

    pub fn parameters(&self) -> &str {
        &self.parameters
    }

    fn path(&self, item: &Item) -> PathBuf {
        let name = file_name(&item.name) + ".json";
        self.folder.join("images").join(name)
    }

    /// Marks an image as begun, for other processes of the same evaluation; `None` if it already was. A mark is a hint:
    /// who made it may have been killed, or just be ready.
    pub fn begin(&self, item: &Item) -> Option<Begun> {
        let path = self.mark(item);
        match File::create_new(&path) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => None,
            // A mark that cannot be made helps nobody; why not is said when the results are written.
            _ => Some(Begun(path)),
        }
    }

    /// Marks an image as begun anew.
    pub fn begin_again(&self, item: &Item) -> Begun {
        let path = self.mark(item);
        let _ = File::create(&path).and_then(|mark| mark.set_modified(SystemTime::now()));
        Begun(path)
    }

    /// When an image was begun, the last time; nothing if it has no mark any more.
    pub fn begun(&self, item: &Item) -> Option<SystemTime> {
        self.mark(item).metadata().ok()?.modified().ok()
    }

    /// Removes the mark of an image that is ready, which a process leaves that is killed between the two.
    pub fn forget_mark(&self, item: &Item) {
        drop(Begun(self.mark(item)));
    }

    fn mark(&self, item: &Item) -> PathBuf {
        self.path(item).with_extension("begun")
    }

    /// The results of an image, if there are any.
    pub fn load(&self, item: &Item, input: &str) -> Result<Option<Record>, Failure> {
        let path = self.path(item);
        if !path.exists() {
            return Ok(None);
        }
        let damaged = |reason: String| Refused::Damaged {
            path: path.clone(),
            reason,
        };
        let text = read::text(&path, "results of an image (JSON)")?;
        let record: Record = serde_json::from_str(&text).map_err(|e| damaged(e.to_string()))?;
        if record.parameters != self.parameters || record.input != input {
            return Err(Refused::Input { record: path }.into());
        }
        let curves = || {
            record
                .scores
                .iter()
                .flat_map(|scores| scores.curves.values())
        };
        if record.cases != self.cases
            || record.scores.len() != self.cases.len()
            || curves().any(Vec::is_empty)
        {
            return Err(damaged("it does not hold the results of every map".to_owned()).into());
        }
        if self.taught && record.taught.is_none() {
            return Err(Refused::Untaught { record: path }.into());
        }
        Ok(Some(record))
    }

    pub fn save(&self, item: &Item, record: &Record) -> Result<(), Failure> {
        write(&self.path(item), serde_json::to_string(record)?.as_bytes())
    }
}

/// The mark of an image that is being measured, which goes when that ends, whether well or not.
pub struct Begun(PathBuf);

impl Drop for Begun {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
