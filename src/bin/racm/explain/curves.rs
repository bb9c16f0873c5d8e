//! Insertion and Deletion of an explanation's maps, for the page that shows it.

use std::path::Path;

use racm::metrics::{Curves, InsertionDeletion};
use racm::ndarray::{Array2, Array3, ArrayView4};
use racm::{Baseline, BlackBoxModel, BoxError, Explainer, Explanation, Link, Target};
use serde::{Deserialize, Serialize};

use super::baseline::excluded;
use super::pictures::ROWS;
use crate::evaluate::maps::channel_map;
use crate::fingerprint::{bytes, fingerprint};
use crate::say::line;
use crate::signals::Signals;
use crate::{Failure, read, whole};

/// The file that keeps them, so that a run given again asks the model nothing.
pub const FILE: &str = "curves.json";

/// Removes the file, which would be of another map.
pub fn remove(out: &Path) -> Result<(), Failure> {
    whole::remove(&out.join(FILE))
}

/// What is asked, and about what.
pub struct Asked<'a> {
    pub explainer: &'a Explainer,
    pub model: &'a dyn BlackBoxModel,
    /// The model's name.
    pub name: &'a str,
    /// As the masks see it.
    pub image: &'a Array3<f32>,
    pub signals: &'a Signals,
}

/// The curves of the first maps, with all that they depend on. Those of a run that was stopped are fewer than the maps.
#[derive(Serialize, Deserialize)]
struct Kept {
    of: String,
    /// Those of the whole way, from the baseline to the image and back.
    curves: Vec<Curves>,
}

impl Kept {
    /// Those in the file, if they are of the same. What cannot be read is made again.
    fn read(path: &Path, of: &str) -> Option<Self> {
        let text = read::text(path, "curves (JSON)").ok()?;
        let kept: Kept = serde_json::from_str(&text).ok()?;
        (kept.of == of).then_some(kept)
    }
}

/// A model whose one score is what a map is of.
struct Explained<'a> {
    asked: &'a Asked<'a>,
    terms: Vec<(f32, usize)>,
    link: Link,
}

impl BlackBoxModel for Explained<'_> {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        if self.asked.signals.caught() {
            return Err("a signal came".into());
        }
        let scores = self.asked.model.predict(batch)?;
        let sum = |n: usize| {
            let terms = self.terms.iter();
            terms
                .map(|&(weight, class)| weight * self.link.apply(scores[[n, class]]))
                .sum()
        };
        Ok(Array2::from_shape_fn((scores.dim().0, 1), |(n, _)| sum(n)))
    }
}

impl Asked<'_> {
    /// Those that are kept in the folder, and new ones of the other maps: about 202 images a map, from and to the baseline of
    /// the masks. Or why not all maps have some, in words: a map is no worse where its curves cannot be measured.
    pub fn curves(
        &self,
        out: &Path,
        explanation: &Explanation,
        run_stopped: bool,
    ) -> Result<Result<Vec<Curves>, String>, Failure> {
        let base = excluded(self.explainer, self.image)?;
        let of = self.of(explanation, &base);
        let path = out.join(FILE);
        let maps = terms(explanation).into_iter().take(ROWS);
        let count = maps.len();
        let mut kept = match Kept::read(&path, &of).filter(|kept| kept.curves.len() <= count) {
            Some(kept) => kept,
            None => {
                remove(out)?;
                Kept {
                    of,
                    curves: Vec::new(),
                }
            }
        };
        let known = kept.curves.len();
        for (index, terms) in maps.enumerate().skip(known) {
            if run_stopped {
                return Ok(Err(stopped(index, count)));
            }
            let model = Explained {
                asked: self,
                terms,
                link: explanation.link(),
            };
            match self.of_map(&model, explanation, index, &base) {
                Ok(found) => kept.curves.push(found),
                Err(_) if self.signals.caught() => return Ok(Err(stopped(index, count))),
                Err(error) => {
                    line(format_args!(
                        "warning: the report has no Insertion and Deletion: {error}"
                    ))?;
                    return Ok(Err(format!("They could not be measured: {error}.")));
                }
            }
            // A signal that comes now costs no more than the next map's.
            whole::write(&path, serde_json::to_string(&kept)?.as_bytes())?;
        }
        if known < count {
            let calls = |c: &Curves| c.insertion.scores.len() + c.deletion.scores.len();
            line(format_args!(
                "Insertion and Deletion for the report took {} model calls, and are kept in {FILE}",
                kept.curves[known..].iter().map(calls).sum::<usize>()
            ))?;
        }
        Ok(Ok(kept.curves))
    }

    /// As `racm evaluate` measures: channels of pixels one by one in 100 parts, by the map by channel.
    fn of_map(
        &self,
        model: &Explained<'_>,
        explanation: &Explanation,
        index: usize,
        base: &Array3<f32>,
    ) -> racm::Result<Curves> {
        let map = channel_map(explanation, index, false);
        let map = match map.broadcast(self.image.dim()) {
            Some(map) => map,
            None => map.view(),
        };
        InsertionDeletion::pixel_channels()
            .batch(self.explainer.batch_for(self.image.dim().into()))
            .insertion_start(Baseline::Image(base.clone()))
            .deletion_end(Baseline::Image(base.clone()))
            .curves(model, self.image.view(), map, 0)
    }

    /// Two explanations with the same of these have the same curves.
    fn of(&self, explanation: &Explanation, base: &Array3<f32>) -> String {
        let words = format!(
            "{}; {}; {}",
            self.name,
            explanation.target(),
            explanation.link()
        );
        let arrays = [bytes(explanation.maps()), bytes(self.image), bytes(base)];
        let arrays = arrays.iter().map(Vec::as_slice);
        fingerprint(arrays.chain([words.as_bytes()]))
    }
}

/// Why there are none after a signal.
fn stopped(known: usize, count: usize) -> String {
    match known {
        0 => "The run was stopped before the model was asked for them.".to_owned(),
        _ => format!(
            "The run was stopped when the model had been asked for those of {known} of {count} maps. They are kept in {FILE}: \
             the same command goes on from them."
        ),
    }
}

/// What each map is of: weights and classes.
fn terms(explanation: &Explanation) -> Vec<Vec<(f32, usize)>> {
    let classes = explanation.targets().into_iter();
    match explanation.target() {
        Target::Sum(terms) => {
            let weights = terms.iter().map(|(weight, _)| *weight as f32);
            vec![weights.zip(classes).collect()]
        }
        _ => classes.map(|class| vec![(1.0, class)]).collect(),
    }
}
