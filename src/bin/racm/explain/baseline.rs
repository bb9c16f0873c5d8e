//! What masks show of an image where it is excluded, and whether that is anything else.

use racm::ndarray::Array3;
use racm::{Baseline, Explainer, Family, Region};

use crate::Failure;
use crate::say::warning;

/// What every excluded pixel shows.
pub fn excluded(explainer: &Explainer, image: &Array3<f32>) -> racm::Result<Array3<f32>> {
    match (explainer.baseline(), &explainer.spec().segments) {
        (Baseline::SegmentMeans, Some(segments)) => segments.means(image),
        (baseline, _) => baseline.image(image),
    }
}

/// A line about masks that change nothing: what they exclude looks as it did.
pub fn warn_of_baseline(explainer: &Explainer, image: &Array3<f32>) -> Result<(), Failure> {
    let spec = explainer.spec();
    if let Some(Family::McRise(_)) = spec.family.built_in() {
        // It paints in its own colours.
        return Ok(());
    }
    let shown = excluded(explainer, image)?;
    let region = spec.region.as_ref().map(Region::pixels);
    let inside = |y, x| region.is_none_or(|pixels| pixels[[y, x]]);
    let mut pixels = image.indexed_iter();
    match pixels.any(|((c, y, x), v)| inside(y, x) && shown[[c, y, x]] != *v) {
        true => Ok(()),
        false => warning(format_args!(
            "the baseline, {}, shows everywhere what the image shows anyway, so that no mask changes anything; \
             --baseline takes another",
            explainer.baseline()
        )),
    }
}
