//! Values that may be undefined, and their summary over images.

use std::fmt;

/// A metric's value on one image, or the reason why it has none.
pub type Outcome<T> = std::result::Result<T, Undefined>;

/// Why a metric has no value on an image. A value, not an error: the input was fine.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Undefined {
    /// Every element of the map is the same, so it cannot be scaled to `[0, 1]`.
    FlatMap {
        /// The value of every element.
        value: f64,
    },
    /// Every element of the explained image's map is the same, so there is no correlation with it.
    FlatMapOfExplained {
        /// The value of every element.
        value: f64,
    },
    /// The image's score is zero or negative, so there is no relative drop from it.
    ScoreNotPositive {
        /// The score.
        score: f64,
    },
    /// Both ends of the curve have the same score, so it cannot be rescaled by them.
    EqualEnds {
        /// The score of both ends.
        score: f64,
    },
    /// No element of the map is positive, so there is no energy to share out.
    NoEnergy,
    /// Every element of the map is zero, so it is neither sparse nor dense.
    ZeroMap,
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Undefined::FlatMap { value } => write!(f, "every element of the map is {value}"),
            Undefined::FlatMapOfExplained { value } => {
                write!(f, "every element of the explained image's map is {value}")
            }
            Undefined::ScoreNotPositive { score } => {
                write!(f, "the image's score is {score}, which is not positive")
            }
            Undefined::EqualEnds { score } => {
                write!(f, "the curve starts and ends with the same score, {score}")
            }
            Undefined::NoEnergy => write!(f, "no element of the map is positive"),
            Undefined::ZeroMap => write!(f, "every element of the map is 0"),
        }
    }
}

impl std::error::Error for Undefined {}

/// The mean of a metric over images, its standard error, and how many images had no value.
///
/// ```
/// use racm::metrics::{Summary, Undefined};
///
/// let summary = Summary::of([Ok(0.2), Err(Undefined::NoEnergy), Ok(0.4)]);
/// assert!((summary.mean.unwrap() - 0.3).abs() < 1e-12);
/// assert!((summary.standard_error.unwrap() - 0.1).abs() < 1e-12);
/// assert_eq!((summary.defined, summary.undefined), (2, 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Summary {
    /// The mean over the images with a value; absent if there are none.
    pub mean: Option<f64>,
    /// The standard error of the mean; absent below two values.
    pub standard_error: Option<f64>,
    /// Images with a value.
    pub defined: usize,
    /// Images without.
    pub undefined: usize,
}

impl Summary {
    /// Summarizes the values of one metric over images.
    pub fn of(outcomes: impl IntoIterator<Item = Outcome<f64>>) -> Self {
        let mut undefined = 0;
        let values: Vec<[f64; 1]> = outcomes
            .into_iter()
            .filter_map(|o| o.map_err(|_| undefined += 1).ok())
            .map(|v| [v])
            .collect();
        Summary::jackknife(&values, undefined, |[mean]| mean)
    }

    /// A function of means with its jackknife standard error: for the mean itself, the usual one.
    pub(super) fn jackknife<const K: usize>(
        rows: &[[f64; K]],
        undefined: usize,
        of_means: impl Fn([f64; K]) -> f64,
    ) -> Self {
        let n = rows.len();
        let mut total = [0.0; K];
        for row in rows {
            for (t, v) in total.iter_mut().zip(row) {
                *t += v;
            }
        }
        let standard_error = (n >= 2).then(|| {
            let left_out: Vec<f64> = rows
                .iter()
                .map(|row| {
                    of_means(std::array::from_fn(|k| {
                        (total[k] - row[k]) / (n - 1) as f64
                    }))
                })
                .collect();
            let centre = left_out.iter().sum::<f64>() / n as f64;
            let squares: f64 = left_out.iter().map(|v| (v - centre).powi(2)).sum();
            (squares * (n - 1) as f64 / n as f64).sqrt()
        });
        Summary {
            mean: (n > 0).then(|| of_means(total.map(|t| t / n as f64))),
            standard_error,
            defined: n,
            undefined,
        }
    }
}
