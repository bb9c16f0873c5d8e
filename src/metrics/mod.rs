//! How good a map is: Insertion, Deletion, Average DCC, localization and sparseness.
//!
//! Everything here takes a [`BlackBoxModel`] and arrays, so a map from anywhere can be scored: of
//! this crate, of a white-box method, or one that ignores the model ([`random_map`],
//! [`uniform_map`]), without which no number can be judged.
//!
//! | metric | entry point | range | better | model is asked about |
//! |---|---|---|---|---|
//! | Insertion, Deletion (rank order) | [`InsertionDeletion`] | that of the score | high, low | n + 1 images a curve for n steps |
//! | Insertion, Deletion (value threshold) | [`ValueThreshold`] | 0 to 1 | high, low | 29 images a curve |
//! | Average DCC | [`dcc`], [`average_dcc`] | 0 to 1 | high | 2 images, and one more explanation |
//! | pointing game | [`pointing_game`] | 0 to 1 | high | nothing |
//! | energy inside a box | [`energy_inside`] | 0 to 1 | high | nothing |
//! | Gini index | [`gini`] | 0 to 1 | high is sparse | nothing |
//!
//! The two Insertion/Deletion protocols measure different things and their numbers do not belong
//! in one table: the first sees only the order of a map's elements, the second also their values.
//!
//! Shapes are those of the crate: an image is `[C, H, W]`, a map `[J, H, W]` with J = 1 or J = C
//! planes, `f32` or `f64`. Sums are in `f64`.
//!
//! # Undefined is a value
//! A metric can have no value on an image: a flat map has no Average DCC. That is an [`Outcome`]
//! with the reason, never NaN and never an [`Error`]; a table counts such images ([`Summary`]).
//! Wrong input (NaN, shapes that do not fit, a class that does not exist) is an [`Error`].

mod blur;
mod curve;
mod dcc;
mod insertion_deletion;
mod judge;
mod localization;
mod outcome;
mod ranking;
mod states;
mod threshold;

pub use blur::RiseBlur;
pub use curve::Curve;
pub use dcc::{Averaging, Dcc, average_dcc, dcc, dcc_of_maps, explained_image};
pub use insertion_deletion::{Curves, InsertionDeletion, Start, Steps};
pub use judge::{gini, random_map, uniform_map};
pub use localization::{BoundingBox, Localization, energy_inside, pointing_game};
pub use outcome::{Outcome, Summary, Undefined};
pub use ranking::{Elements, Order, Ranking};
pub use threshold::{ThresholdCurve, ThresholdCurves, ValueThreshold};

use ndarray::{ArrayView, ArrayView3, Dimension, IntoDimension};

use crate::error::{Error, Result};
#[cfg(doc)]
use crate::models::model::BlackBoxModel;

/// Refuses NaN and infinities.
fn check_finite<A: Copy + Into<f64>, D: Dimension>(
    what: &'static str,
    array: &ArrayView<'_, A, D>,
) -> Result<()> {
    let bad = array.indexed_iter().find(|&(_, &v)| {
        let v: f64 = v.into();
        !v.is_finite()
    });
    match bad {
        Some((index, &value)) => Err(Error::NotFinite {
            what,
            index: index.into_dimension().slice().to_vec(),
            value: value.into(),
        }),
        None => Ok(()),
    }
}

/// The shape of an image that has pixels, all of them finite.
fn check_image(image: &ArrayView3<'_, f32>) -> Result<[usize; 3]> {
    let (c, h, w) = image.dim();
    if image.is_empty() {
        return Err(Error::EmptyImage { shape: [c, h, w] });
    }
    check_finite("the image", image)?;
    Ok([c, h, w])
}

/// The shape of a map that has elements, all of them finite.
fn check_map<A: Copy + Into<f64>>(map: &ArrayView3<'_, A>) -> Result<[usize; 3]> {
    let (j, h, w) = map.dim();
    if map.is_empty() {
        return Err(Error::parameter(
            "map",
            format!("an array of shape [{j}, {h}, {w}]"),
            "at least one plane, row and column",
        ));
    }
    check_finite("the map", map)?;
    Ok([j, h, w])
}

/// Checks that a map `[J, H, W]` lies over an image `[C, H, W]`, with J = 1 or J = C.
fn check_over(map: [usize; 3], image: [usize; 3]) -> Result<()> {
    let planes_fit = map[0] == 1 || map[0] == image[0];
    if planes_fit && map[1..] == image[1..] {
        return Ok(());
    }
    let planes = if planes_fit { map[0] } else { image[0] };
    Err(Error::Shape {
        what: "the map",
        given: map.to_vec(),
        expected: vec![planes, image[1], image[2]],
    })
}

/// A map scaled to `[0, 1]` over all its elements, in logical order; its value where it is flat.
fn min_max<A: Copy + Into<f64>>(map: &ArrayView3<'_, A>) -> Result<Vec<f64>, f64> {
    let mut values: Vec<f64> = map.iter().map(|&v| v.into()).collect();
    let (low, high) = values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| {
            (l.min(v), h.max(v))
        });
    if low == high {
        return Err(low);
    }
    // The range of two huge values may not be finite; that of their halves is.
    let scale = if (high - low).is_finite() { 1.0 } else { 0.5 };
    let range = scale * high - scale * low;
    for v in &mut values {
        *v = ((scale * *v - scale * low) / range).clamp(0.0, 1.0);
    }
    Ok(values)
}
