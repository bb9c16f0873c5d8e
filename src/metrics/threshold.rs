//! Insertion and Deletion by value threshold.

use ndarray::ArrayView3;

use super::states::Job;
use super::{Outcome, Undefined, check_image, check_map, check_over, min_max};
use crate::error::Result;
use crate::models::model::BlackBoxModel;

/// Thresholds of a curve: i = 0..=28, so that the highest, 1.01, is above every value.
const THRESHOLDS: usize = 29;

/// What every element of Deletion's last state is.
const LAST_DELETION: f32 = 0.1;

/// A curve over thresholds, rescaled by its own ends.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ThresholdCurve {
    /// The threshold of each state, from high to low.
    pub thresholds: Vec<f64>,
    /// The explained class's score of each state.
    pub scores: Vec<f64>,
    /// The scores rescaled by the first and the last, and clipped to `[0, 1]`.
    pub rescaled: Vec<f64>,
    /// The area under `rescaled`, with equal steps between the states; from 0 to 1.
    pub auc: f64,
}

/// The two curves of one map, each defined or not.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ThresholdCurves {
    /// Elements kept from the highest value down. A higher area is better.
    pub insertion: Outcome<ThresholdCurve>,
    /// Elements removed from the highest value down. A lower area is better.
    pub deletion: Outcome<ThresholdCurve>,
}

/// Insertion and Deletion by value threshold: the protocol that, to the best of our knowledge,
/// made the tables of Hachiya & Nisawa, "Randomized Channel-pass Mask".
///
/// The map is scaled to `[0, 1]` over all its elements. For the thresholds t = round(0.036 i, 2),
/// i = 28, 27, ..., 0 (1.01 down to 0), Insertion keeps the elements with a value >= t and Deletion
/// those with a value <= t; the others are black (0). The last Deletion state is the constant
/// image 0.1. A map of one plane counts for every channel. With s the scores,
///
/// Insertion: r_i = (s_i - s_first) / (s_last - s_first),
/// Deletion: r_i = (s_i - s_last) / (s_first - s_last),
///
/// clipped to `[0, 1]`; AUC = mean of (r_i + r_(i+1)) / 2. Both ends equal: undefined.
///
/// It depends on the map's values and not only on their order: a map with few high values spends
/// most of its thresholds on an almost black image. Never mix it with [`InsertionDeletion`] in one
/// table. The model is asked about 29 images a curve. Nothing is sorted.
///
/// ```
/// use ndarray::{Array2, Array3, ArrayView4, Axis};
/// use racm::FnModel;
/// use racm::metrics::ValueThreshold;
///
/// let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
///     Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| batch.index_axis(Axis(0), n).sum() / 16.0)
/// });
/// let image = Array3::<f32>::ones((1, 4, 4));
/// let map = Array3::from_shape_fn((1, 4, 4), |(_, y, x)| (4 * y + x) as f32);
/// let curves = ValueThreshold::new().curves(&model, image.view(), map.view(), 0)?;
/// let insertion = curves.insertion.expect("black and the image score differently");
/// assert_eq!((insertion.thresholds[0], insertion.scores[0]), (1.01, 0.0));
/// assert!((insertion.auc - 0.4955).abs() < 1e-4);
/// # Ok::<(), racm::Error>(())
/// ```
///
/// [`InsertionDeletion`]: super::InsertionDeletion
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct ValueThreshold {
    batch: usize,
}

impl Default for ValueThreshold {
    fn default() -> Self {
        Self::new()
    }
}

impl ValueThreshold {
    /// The protocol, with all 29 images of a curve in one batch.
    pub fn new() -> Self {
        ValueThreshold { batch: THRESHOLDS }
    }

    /// The most images handed to the model at once.
    pub fn batch(mut self, batch: usize) -> Self {
        self.batch = batch;
        self
    }

    /// Both curves of a map `[1, H, W]` or `[C, H, W]` of the class `class`.
    ///
    /// A flat map ([`Undefined::FlatMap`]) and a curve with equal ends ([`Undefined::EqualEnds`])
    /// are outcomes, not errors. The model is not asked about a flat map.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter) for a batch of 0,
    /// [`Error::Shape`](crate::Error::Shape) if the map does not lie over the image,
    /// [`Error::EmptyImage`](crate::Error::EmptyImage),
    /// [`Error::NotFinite`](crate::Error::NotFinite) for the image or the map,
    /// [`Error::Target`](crate::Error::Target), and the errors of the model, which name the states.
    pub fn curves<A: Copy + Into<f64>>(
        &self,
        model: &(impl BlackBoxModel + ?Sized),
        image: ArrayView3<'_, f32>,
        map: ArrayView3<'_, A>,
        class: usize,
    ) -> Result<ThresholdCurves> {
        let shape = check_image(&image)?;
        check_over(check_map(&map)?, shape)?;
        let image: Vec<f32> = image.iter().copied().collect();
        let scaled = match min_max(&map) {
            Ok(scaled) => scaled,
            Err(value) => {
                let flat = Undefined::FlatMap { value };
                return Ok(ThresholdCurves {
                    insertion: Err(flat),
                    deletion: Err(flat),
                });
            }
        };
        let thresholds: Vec<f64> = (0..THRESHOLDS).rev().map(threshold).collect();
        let job = Job {
            model,
            class,
            batch: self.batch,
            shape,
        };
        let insertion = job.score(THRESHOLDS, |i, row| {
            let t = thresholds[i];
            keep(row, &image, &scaled, |value| value >= t);
        })?;
        let deletion = job.score(THRESHOLDS, |i, row| {
            let t = thresholds[i];
            if i + 1 == THRESHOLDS {
                row.fill(LAST_DELETION);
            } else {
                keep(row, &image, &scaled, |value| value <= t);
            }
        })?;
        let ends = |s: &[f64]| (s[0], s[THRESHOLDS - 1]);
        let (black, whole) = ends(&insertion);
        let (first, last) = ends(&deletion);
        Ok(ThresholdCurves {
            insertion: rescale(&thresholds, insertion, black, whole),
            deletion: rescale(&thresholds, deletion, last, first),
        })
    }
}

/// round(0.036 i, 2), in whole hundredths.
fn threshold(i: usize) -> f64 {
    ((36 * i + 5) / 10) as f64 / 100.0
}

/// The image where its scaled map is kept, black elsewhere. A map of one plane is read again for
/// every channel.
fn keep(row: &mut [f32], image: &[f32], scaled: &[f64], kept: impl Fn(f64) -> bool) {
    let n = scaled.len();
    for (to, from) in row.chunks_mut(n).zip(image.chunks(n)) {
        for ((to, &from), &value) in to.iter_mut().zip(from).zip(scaled) {
            *to = if kept(value) { from } else { 0.0 };
        }
    }
}

/// The curve with `zero` moved to 0 and `one` to 1.
fn rescale(thresholds: &[f64], scores: Vec<f64>, zero: f64, one: f64) -> Outcome<ThresholdCurve> {
    if zero == one {
        return Err(Undefined::EqualEnds { score: zero });
    }
    let rescaled: Vec<f64> = scores
        .iter()
        .map(|s| ((s - zero) / (one - zero)).clamp(0.0, 1.0))
        .collect();
    let pairs = rescaled.windows(2).map(|r| (r[0] + r[1]) / 2.0);
    let auc = pairs.sum::<f64>() / (rescaled.len() - 1) as f64;
    Ok(ThresholdCurve {
        thresholds: thresholds.to_vec(),
        scores,
        rescaled,
        auc,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn thresholds_are_pythons() {
        // [round(0.036 * i, 2) for i in range(29)]
        let python = [
            0.0, 0.04, 0.07, 0.11, 0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.36, 0.4, 0.43, 0.47, 0.5,
            0.54, 0.58, 0.61, 0.65, 0.68, 0.72, 0.76, 0.79, 0.83, 0.86, 0.9, 0.94, 0.97, 1.01,
        ];
        let ours: Vec<f64> = (0..super::THRESHOLDS).map(super::threshold).collect();
        assert_eq!(ours, python);
    }
}
