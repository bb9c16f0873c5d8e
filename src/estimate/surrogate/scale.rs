//! The scale on which scores are fitted.

/// Factors of [`Worth`] that are believed.
const FACTORS: std::ops::RangeInclusive<f64> = 0.5..=2.0;

/// What is added to distances before their logarithm, in medians of them: with less of it the lowest
/// scores of all weigh most, with more of it the scale is straighter.
const OFFSET: f64 = 0.3;

/// Scores as a regression sees them.
pub(super) struct Scale {
    /// In units of the score, and with its mean.
    pub values: Vec<f64>,
    /// Sum of the logarithms of the scale's slope: what makes likelihoods comparable.
    pub log_slope: f64,
    /// Whether the scale is not a straight one.
    pub bent: bool,
}

/// The end of the scores that a logarithmic scale draws apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum End {
    Low,
    High,
}

impl Scale {
    /// The scores as they are.
    pub fn straight(scores: &[f64]) -> Self {
        Scale {
            values: scores.to_vec(),
            log_slope: 0.0,
            bent: false,
        }
    }

    /// `ln(d + 0.3 median of d)` of the distances d from the lowest score (or from the highest, with its
    /// sign turned), times the slope of the score on it. `None` if half of the scores or more are
    /// there.
    pub fn logarithmic(scores: &[f64], end: End) -> Option<Self> {
        let sign = match end {
            End::Low => 1.0,
            End::High => -1.0,
        };
        let first = scores
            .iter()
            .map(|f| sign * f)
            .fold(f64::INFINITY, f64::min);
        let distances: Vec<f64> = scores.iter().map(|f| sign * f - first).collect();
        let mut sorted = distances.clone();
        sorted.sort_by(f64::total_cmp);
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        let offset = OFFSET * median;
        let logarithms = distances.iter().map(|d| sign * (d + offset).ln());
        let mut values: Vec<f64> = logarithms.collect();
        let (centre, score) = (mean(&values), mean(scores));
        values.iter_mut().for_each(|v| *v -= centre);
        let slope = Line::new(&values, scores).slope;
        if !(slope > 0.0 && slope.is_finite()) {
            return None;
        }
        values.iter_mut().for_each(|v| *v = score + slope * *v);
        let slopes = distances.iter().map(|d| (slope / (d + offset)).ln());
        Some(Scale {
            log_slope: slopes.sum(),
            values,
            bent: true,
        })
    }
}

/// What a prediction of the values is worth of the scores.
pub(super) struct Worth {
    pub factor: f64,
    /// Its squared relative standard error.
    pub uncertainty: f64,
}

impl Worth {
    /// From predictions of the values, each made without the one that it predicts; and what they
    /// leave of the scores. What a regression explains of the values need not raise the score as
    /// all of the values do.
    pub fn new(predictions: &[f64], scores: &[f64]) -> (Self, Vec<f64>) {
        let line = Line::new(predictions, scores);
        let slope = if line.slope.is_nan() { 1.0 } else { line.slope };
        let factor = slope.clamp(*FACTORS.start(), *FACTORS.end());
        let (centre, score) = (mean(predictions), mean(scores));
        let left = predictions.iter().zip(scores);
        let left = left.map(|(p, f)| f - score - factor * (p - centre));
        // Of predictions that are all the same it is not a number, and 1 is taken.
        let uncertainty = (line.variance / factor.powi(2)).min(1.0);
        (
            Worth {
                factor,
                uncertainty,
            },
            left.collect(),
        )
    }
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The regression of y on x.
struct Line {
    slope: f64,
    /// Of the slope, whatever the variances of what the line leaves.
    variance: f64,
}

impl Line {
    fn new(x: &[f64], y: &[f64]) -> Self {
        let (x_mean, y_mean) = (mean(x), mean(y));
        let pairs = || x.iter().zip(y).map(|(x, y)| (x - x_mean, y - y_mean));
        let squares: f64 = pairs().map(|(x, _)| x * x).sum();
        let slope = pairs().map(|(x, y)| x * y).sum::<f64>() / squares;
        let left = pairs().map(|(x, y)| (x * (y - slope * x)).powi(2));
        Line {
            slope,
            variance: left.sum::<f64>() / squares.powi(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCORES: [f64; 6] = [0.0, 5.0, 0.0, 100.0, 1.0, 2.0];

    #[test]
    fn logarithms_keep_order_and_mean() {
        for end in [End::Low, End::High] {
            let scores = SCORES.map(|f| if end == End::Low { f } else { -f });
            let scale = Scale::logarithmic(&scores, end).unwrap();
            for (a, x) in scores.iter().zip(&scale.values) {
                for (b, y) in scores.iter().zip(&scale.values) {
                    assert_eq!(a.total_cmp(b), x.total_cmp(y));
                }
            }
            assert!((mean(&scale.values) - mean(&scores)).abs() < 1e-9);
            // A shift and a factor of the scores shift and stretch the values.
            let other = scores.map(|f| 3.0 * f - 7.0);
            let other = Scale::logarithmic(&other, end).unwrap();
            for (x, y) in scale.values.iter().zip(&other.values) {
                assert!((3.0 * x - 7.0 - y).abs() < 1e-9);
            }
            assert!((other.log_slope - scale.log_slope).abs() < 1e-9);
            assert!(Scale::logarithmic(&[1.0; 20], end).is_none());
        }
        // Half of the scores are at the low end, none but one at the high end.
        assert!(Scale::logarithmic(&[0.0, 0.0, 0.0, 1.0, 2.0], End::Low).is_none());
        assert!(Scale::logarithmic(&[0.0, 0.0, 0.0, 1.0, 2.0], End::High).is_some());
    }

    #[test]
    fn the_slope_of_a_scale_is_its_derivative() {
        let scores = [0.0, 0.5, 1.0, 3.0, 9.0];
        let scale = Scale::logarithmic(&scores, End::Low).unwrap();
        let factor = (scale.values[4] - scale.values[0]) / (9.3f64 / 0.3).ln();
        let expected: f64 = scores.iter().map(|d| (factor / (d + 0.3)).ln()).sum();
        assert!((scale.log_slope - expected).abs() < 1e-9);
    }

    #[test]
    fn predictions_that_are_too_small_are_worth_more() {
        let predictions = SCORES.map(|f| 0.6 * f + 1.0);
        let (worth, left) = Worth::new(&predictions, &SCORES);
        assert!((worth.factor - 1.0 / 0.6).abs() < 1e-12 && worth.uncertainty < 1e-20);
        assert!(left.iter().all(|l| l.abs() < 1e-12));
        // Predictions that say nothing leave the scores.
        let (worth, left) = Worth::new(&[3.0; 6], &SCORES);
        assert_eq!((worth.factor, worth.uncertainty), (1.0, 1.0));
        assert_eq!(left, SCORES.map(|f| f - 18.0));
    }
}
