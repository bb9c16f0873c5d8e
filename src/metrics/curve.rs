//! Curves of scores and the area under them.

use crate::error::{Error, Result};

/// Scores along the way from one image to another, and the area under them.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Curve {
    /// The fraction of elements changed in each state: from 0 to 1, ascending.
    pub fractions: Vec<f64>,
    /// The explained class's score of each state.
    pub scores: Vec<f64>,
    /// The area under the curve: sum of (x_(i+1) - x_i) (s_i + s_(i+1)) / 2, which lies between
    /// the lowest and the highest score.
    pub auc: f64,
}

impl Curve {
    pub(super) fn new(fractions: Vec<f64>, scores: Vec<f64>) -> Self {
        let auc = fractions
            .windows(2)
            .zip(scores.windows(2))
            .map(|(x, s)| (x[1] - x[0]) * (s[0] + s[1]) / 2.0)
            .sum();
        Curve {
            fractions,
            scores,
            auc,
        }
    }

    /// The mean curve of several images, point by point; its area is the mean of theirs.
    ///
    /// ```
    /// # use racm::metrics::Curve;
    /// let one = Curve { fractions: vec![0.0, 1.0], scores: vec![0.0, 1.0], auc: 0.5 };
    /// let other = Curve { fractions: vec![0.0, 1.0], scores: vec![0.0, 0.5], auc: 0.25 };
    /// let mean = Curve::mean(&[one, other])?;
    /// assert_eq!(mean.scores, [0.0, 0.75]);
    /// assert_eq!(mean.auc, 0.375);
    /// # Ok::<(), racm::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] if there is no curve, or if they have other fractions than the first
    /// (images of other sizes, or another number of steps).
    pub fn mean(curves: &[Curve]) -> Result<Curve> {
        let Some(first) = curves.first() else {
            return Err(Error::parameter("curves", "empty", "at least one curve"));
        };
        let mut scores = vec![0.0; first.fractions.len()];
        for (i, curve) in curves.iter().enumerate() {
            let fits = curve.fractions == first.fractions && curve.scores.len() == scores.len();
            if !fits {
                return Err(Error::parameter(
                    "curves",
                    format!("a list whose curve {i} has other fractions than curve 0"),
                    "curves with the same fractions",
                ));
            }
            for (mean, s) in scores.iter_mut().zip(&curve.scores) {
                *mean += s / curves.len() as f64;
            }
        }
        Ok(Curve::new(first.fractions.clone(), scores))
    }
}
