//! `--spec`: the explainer of a file, and the space that its planes are of.

use std::path::{Path, PathBuf};

use racm::{ColourSpace, Explainer, Family};
use serde_json::Value;

use crate::{Failure, read};

/// A saved explainer.
pub struct Saved {
    pub path: PathBuf,
    pub explainer: Explainer,
    /// What its planes are of, where it is not the image as it is.
    pub space: Option<ColourSpace>,
    /// Whether a report says so, and not only the names of the planes, which leave the excluded hue open.
    pub of_report: bool,
}

impl Saved {
    /// The explainer in a file: the whole of it, whose space only the names of its planes can tell, or what a report keeps as
    /// `explainer`.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = read::text(path, "a saved explainer or a report (JSON)")?;
        let no_spec = |e: serde_json::Error| -> Failure {
            format!("{}: not a saved explainer: {e}", path.display()).into()
        };
        let mut saved: Value = serde_json::from_str(&text).map_err(no_spec)?;
        let mut reported = None;
        if let Some(inner) = saved.get_mut("explainer") {
            let inner = inner.take();
            reported = saved.get_mut("space").map(Value::take);
            saved = inner;
        }
        if !saved.is_object() {
            let expected = "expected an object, {..}";
            return Err(format!("{}: not a saved explainer: {expected}", path.display()).into());
        }
        let explainer: Explainer = serde_json::from_value(saved).map_err(no_spec)?;
        let of_report = reported.is_some();
        let space = match reported {
            Some(space) => serde_json::from_value(space).map_err(no_spec)?,
            None => named_planes(&explainer),
        };
        Ok(Saved {
            path: path.to_owned(),
            explainer,
            space,
            of_report,
        })
    }
}

/// The space whose planes an explainer has, by their names.
fn named_planes(explainer: &Explainer) -> Option<ColourSpace> {
    let Some(Family::GroupedRacm(family)) = explainer.spec().family.built_in() else {
        return None;
    };
    let all = [
        ColourSpace::Hsv { hue: 0.0 },
        ColourSpace::Lab,
        ColourSpace::Ycbcr,
    ];
    all.into_iter()
        .find(|space| space.planes().map(|plane| plane.0)[..] == *family.names())
}
