//! The scale on which scores are fitted.

/// What is added to distances before their logarithm, in medians of them: with less of it the lowest
/// scores of all weigh most, with more of it the scale is straighter.
const OFFSET: f64 = 0.3;

/// Scores as a regression sees them.
pub(super) struct Scale {
    /// In units of the score, and with its mean.
    pub values: Vec<f64>,
    /// Sum of the logarithms of the scale's slope: what makes likelihoods comparable.
    pub log_slope: f64,
    /// From values to scores; `None` on a straight scale.
    pub curve: Option<Curve>,
}

/// A score that is `a constant + level * e / E e`, where `e = exp(curvature * value)`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Curve {
    pub curvature: f64,
    pub level: f64,
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
            curve: None,
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
        let slope = slope(&values, scores);
        if !(slope > 0.0 && slope.is_finite()) {
            return None;
        }
        values.iter_mut().for_each(|v| *v = score + slope * *v);
        let slopes = distances.iter().map(|d| (slope / (d + offset)).ln());
        let curve = Curve {
            curvature: sign / slope,
            level: sign * (mean(&distances) + offset),
        };
        Some(Scale {
            log_slope: slopes.sum(),
            values,
            curve: Some(curve),
        })
    }
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The slope of the regression of y on x.
fn slope(x: &[f64], y: &[f64]) -> f64 {
    let (x_mean, y_mean) = (mean(x), mean(y));
    let pairs = || x.iter().zip(y).map(|(x, y)| (x - x_mean, y - y_mean));
    let squares: f64 = pairs().map(|(x, _)| x * x).sum();
    pairs().map(|(x, y)| x * y).sum::<f64>() / squares
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
}
