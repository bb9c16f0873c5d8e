//! Average DCC: drop, coherency and complexity in one number.

use ndarray::{Array3, ArrayView3, Axis};

use super::states::Job;
use super::{
    Outcome, Summary, Undefined, check_finite, check_image, check_map, check_over, min_max,
};
use crate::error::{Error, Result};
use crate::images::baseline::Baseline;
use crate::models::model::BlackBoxModel;
use crate::text::named;

/// The three terms of Average DCC on one image, each defined or not.
///
/// ```
/// use racm::metrics::{Dcc, Undefined};
///
/// let terms = Dcc { coherency: Ok(0.9), complexity: Ok(0.1), drop: Ok(0.1) };
/// assert!((terms.value()? - 0.9).abs() < 1e-12);
/// let unknown = Dcc { drop: Err(Undefined::ScoreNotPositive { score: 0.0 }), ..terms };
/// assert!(unknown.value().is_err());
/// # Ok::<(), racm::metrics::Undefined>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Dcc {
    /// (r + 1) / 2, r the Pearson correlation of the image's map and the explained image's map.
    /// From 0 to 1; higher is better.
    pub coherency: Outcome<f64>,
    /// The mean of the scaled map over all its elements (its L1 norm over their number).
    /// From 0 to 1; lower is better.
    pub complexity: Outcome<f64>,
    /// max(0, y - o) / y, with y the score on the image and o the score on the explained image.
    /// From 0 to 1, where a negative o counts as a full drop; lower is better.
    pub drop: Outcome<f64>,
}

impl Dcc {
    /// The DCC: the harmonic mean of the coherency, 1 - complexity and 1 - drop, which is 0 when
    /// one of them is; undefined when one of them is.
    ///
    /// DCC = 3 / (1 / coherency + 1 / (1 - complexity) + 1 / (1 - drop))
    ///
    /// # Errors
    /// The reason of the first term without a value.
    pub fn value(&self) -> Outcome<f64> {
        self.terms().map(harmonic_mean)
    }

    /// Coherency, 1 - complexity, 1 - drop: for all three, higher is better.
    fn terms(&self) -> Outcome<[f64; 3]> {
        Ok([self.coherency?, 1.0 - self.complexity?, 1.0 - self.drop?])
    }
}

/// In which order Average DCC is averaged over images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Averaging {
    /// The mean over the images of each image's DCC.
    #[default]
    MeanOfHarmonic,
    /// The DCC of the mean terms. It is never smaller than the other (the harmonic mean is
    /// concave), so the two do not belong in one table.
    HarmonicOfMeans,
}

named!(
    Averaging,
    "averaging",
    MeanOfHarmonic = "mean-of-harmonic",
    HarmonicOfMeans = "harmonic-of-means",
);

/// Average DCC of several images, with a jackknife standard error and the number of images
/// without a DCC.
///
/// ```
/// use racm::metrics::{Averaging, Dcc, average_dcc};
///
/// let good = Dcc { coherency: Ok(1.0), complexity: Ok(0.0), drop: Ok(0.0) };
/// let bad = Dcc { drop: Ok(1.0), ..good };
/// let average = |averaging| average_dcc(&[good, bad], averaging).mean.unwrap();
/// assert_eq!(average(Averaging::MeanOfHarmonic), 0.5);
/// assert_eq!(average(Averaging::HarmonicOfMeans), 0.75);
/// ```
pub fn average_dcc(images: &[Dcc], averaging: Averaging) -> Summary {
    let terms: Vec<[f64; 3]> = images.iter().filter_map(|d| d.terms().ok()).collect();
    let undefined = images.len() - terms.len();
    match averaging {
        Averaging::MeanOfHarmonic => {
            let values: Vec<[f64; 1]> = terms.iter().map(|&t| [harmonic_mean(t)]).collect();
            Summary::jackknife(&values, undefined, |[mean]| mean)
        }
        Averaging::HarmonicOfMeans => Summary::jackknife(&terms, undefined, harmonic_mean),
    }
}

/// The DCC of one image (Poppi et al. 2021, "Revisiting the Evaluation of Class Activation Mapping
/// for Explainability").
///
/// The map `[1, H, W]` or `[C, H, W]` is scaled to `[0, 1]` over all its elements, the
/// [`explained_image`] e = b + map (I - b) is made of it, and `explain` is called with e for
/// another map, which must come from the same explainer with the same seed for the same class.
/// The terms are those of [`Dcc`]. The model is called once, with the image and e.
///
/// C planes cost no more complexity than one: the complexity is a mean over all elements. (The
/// authors' code divides by H x W only, which is the same for their maps of one plane.) An
/// explainer that ignores the image, such as [`random_map`](super::random_map) with a fixed seed,
/// has a coherency of 1; one with a fresh seed for e, about 1/2.
///
/// ```
/// use ndarray::{Array2, Array3, ArrayView3, ArrayView4, Axis};
/// use racm::metrics::dcc;
/// use racm::{Baseline, FnModel};
///
/// let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
///     Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| batch.index_axis(Axis(0), n).sum())
/// });
/// // An explainer: the brightness itself.
/// let explain = |image: ArrayView3<'_, f32>| Ok(image.to_owned());
/// let image = Array3::from_shape_fn((1, 2, 2), |(_, y, x)| (y + x) as f32);
/// let map = explain(image.view())?;
/// let terms = dcc(&model, image.view(), map.view(), 0, &Baseline::default(), explain)?;
/// assert_eq!(terms.complexity, Ok(0.5));
/// assert_eq!(terms.drop, Ok(0.25)); // 4 on the image, 3 on e = [[0, 0.5], [0.5, 2]]
/// assert!(terms.value()? > 0.6);
/// # Ok::<(), racm::BoxError>(())
/// ```
///
/// # Errors
/// [`Error::EmptyImage`]; [`Error::NotFinite`] for the image, a map or the baseline;
/// [`Error::Shape`] if the map does not lie over the image, or the map of e has another shape than
/// the map; those of [`Baseline::image`]; [`Error::Target`]; the errors of the model, where state 0 is the image and state 1 is
/// e; and what `explain` reports. A term without a value is not an error. With a flat map neither
/// the model nor `explain` is called.
pub fn dcc(
    model: &(impl BlackBoxModel + ?Sized),
    image: ArrayView3<'_, f32>,
    map: ArrayView3<'_, f32>,
    class: usize,
    baseline: &Baseline,
    mut explain: impl FnMut(ArrayView3<'_, f32>) -> Result<Array3<f32>>,
) -> Result<Dcc> {
    let explained = match explained_image(image, map, baseline)? {
        Ok(explained) => explained,
        Err(flat) => return Ok(all_undefined(flat)),
    };
    let shape = check_image(&image)?;
    let job = Job {
        model,
        class,
        batch: 2,
        shape,
    };
    let scores = job.score(2, |state, row| {
        let from = if state == 0 { image } else { explained.view() };
        row.iter_mut().zip(from).for_each(|(to, &v)| *to = v);
    })?;
    let map_of_explained = explain(explained.view())?;
    dcc_of_maps(map, map_of_explained.view(), scores[0], scores[1])
}

/// The DCC of one image whose maps and scores are known: the image's and the explained image's.
///
/// ```
/// use ndarray::arr3;
/// use racm::metrics::dcc_of_maps;
///
/// let map = arr3(&[[[0.0_f32, 1.0], [2.0, 4.0]]]);
/// let terms = dcc_of_maps(map.view(), map.view(), 0.8, 0.6)?;
/// assert_eq!(terms.coherency, Ok(1.0));
/// assert!((terms.drop? - 0.25).abs() < 1e-12); // (0.8 - 0.6) / 0.8
/// # Ok::<(), racm::BoxError>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] if the maps differ in shape, [`Error::NotFinite`] for a map,
/// [`Error::Parameter`] for a map without an element or a score that is not finite.
pub fn dcc_of_maps<A: Copy + Into<f64>>(
    map: ArrayView3<'_, A>,
    map_of_explained: ArrayView3<'_, A>,
    score: f64,
    score_of_explained: f64,
) -> Result<Dcc> {
    check_map(&map)?;
    if map.shape() != map_of_explained.shape() {
        return Err(Error::Shape {
            what: "the explained image's map",
            given: map_of_explained.shape().to_vec(),
            expected: map.shape().to_vec(),
        });
    }
    check_finite("the explained image's map", &map_of_explained)?;
    for (name, s) in [("score", score), ("score_of_explained", score_of_explained)] {
        if !s.is_finite() {
            return Err(Error::parameter(name, s, "a finite number"));
        }
    }
    let scaled = match min_max(&map) {
        Ok(scaled) => scaled,
        Err(value) => return Ok(all_undefined(Undefined::FlatMap { value })),
    };
    Ok(Dcc {
        coherency: match min_max(&map_of_explained) {
            Ok(other) => Ok((pearson(&scaled, &other) + 1.0) / 2.0),
            Err(value) => Err(Undefined::FlatMapOfExplained { value }),
        },
        complexity: Ok(scaled.iter().sum::<f64>() / scaled.len() as f64),
        drop: if score > 0.0 {
            Ok(((score - score_of_explained) / score).clamp(0.0, 1.0))
        } else {
            Err(Undefined::ScoreNotPositive { score })
        },
    })
}

/// The explained image e = b + map (I - b), with the map scaled to `[0, 1]` over all its elements:
/// channel by channel for a map of C planes, all channels alike for a map of one.
///
/// The outcome is undefined for a flat map.
///
/// ```
/// use ndarray::{Array3, arr3};
/// use racm::Baseline;
/// use racm::metrics::explained_image;
///
/// let image = Array3::from_elem((3, 1, 2), 0.5_f32);
/// let map = arr3(&[[[-1.0_f32, 3.0]]]); // scaled: 0 and 1
/// let explained = explained_image(image.view(), map.view(), &Baseline::default())??;
/// assert_eq!(explained, arr3(&[[[0.0, 0.5]], [[0.0, 0.5]], [[0.0, 0.5]]]));
/// # Ok::<(), racm::BoxError>(())
/// ```
///
/// # Errors
/// [`Error::EmptyImage`]; [`Error::NotFinite`] for the image, the map or the baseline;
/// [`Error::Shape`] if the map or the baseline does not lie over the image.
pub fn explained_image<A: Copy + Into<f64>>(
    image: ArrayView3<'_, f32>,
    map: ArrayView3<'_, A>,
    baseline: &Baseline,
) -> Result<Outcome<Array3<f32>>> {
    check_over(check_map(&map)?, check_image(&image)?)?;
    let mut explained = baseline.image(&image)?;
    let scaled = match min_max(&map) {
        Ok(scaled) => scaled,
        Err(value) => return Ok(Err(Undefined::FlatMap { value })),
    };
    let planes = scaled.chunks(image.len_of(Axis(1)) * image.len_of(Axis(2)));
    for ((mut e, i), weights) in explained
        .outer_iter_mut()
        .zip(image.outer_iter())
        .zip(planes.cycle())
    {
        for ((e, &i), weight) in e.iter_mut().zip(i).zip(weights) {
            let b = f64::from(*e);
            *e = (b + weight * (f64::from(i) - b)) as f32;
        }
    }
    Ok(Ok(explained))
}

fn all_undefined(reason: Undefined) -> Dcc {
    Dcc {
        coherency: Err(reason),
        complexity: Err(reason),
        drop: Err(reason),
    }
}

/// 3 / (1/a + 1/b + 1/c), 0 when one of them is.
fn harmonic_mean(terms: [f64; 3]) -> f64 {
    if terms.iter().any(|&t| t <= 0.0) {
        return 0.0;
    }
    3.0 / terms.iter().map(|t| 1.0 / t).sum::<f64>()
}

/// Pearson's correlation of two lists of the same length, neither of which is constant.
fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (x - mean_a, y - mean_b);
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    (ab / (aa.sqrt() * bb.sqrt())).clamp(-1.0, 1.0)
}
