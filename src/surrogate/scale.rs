//! The scale on which scores are fitted.

/// Scores as a regression sees them.
pub(super) struct Scale {
    /// In units of the score, and with its mean.
    pub values: Vec<f64>,
    /// Sum of the logarithms of the scale's slope: what makes likelihoods comparable.
    pub log_slope: f64,
    /// The squared relative standard error of the factor that brings the values to the score's
    /// units.
    pub uncertainty: f64,
}

impl Scale {
    /// The scores as they are.
    pub fn straight(scores: &[f64]) -> Self {
        Scale {
            values: scores.to_vec(),
            log_slope: 0.0,
            uncertainty: 0.0,
        }
    }

    /// Logistic scores `z = ln(r / (1 - r))` of the ranks r, times the slope of the score on z. What
    /// raises z by d raises the expected score by about slope d, whatever the distribution of the
    /// scores: most are low and a few high where a class needs much of its object to be seen, and
    /// the low ones then tell as much as the high ones. `None` if the scores are all the same.
    pub fn ranked(scores: &[f64]) -> Option<Self> {
        let n = scores.len();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        let mut z = vec![0.0; n];
        let mut start = 0;
        while start < n {
            let value = scores[order[start]];
            let same = order[start..].iter().take_while(|&&i| scores[i] == value);
            let end = start + same.count().max(1);
            // The middle of equals, in (0, 1).
            let rank = (start + end) as f64 / (2 * n) as f64;
            order[start..end]
                .iter()
                .for_each(|&i| z[i] = (rank / (1.0 - rank)).ln());
            start = end;
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / n as f64;
        let (centre, score) = (mean(&z), mean(scores));
        z.iter_mut().for_each(|z| *z -= centre);
        let squares: f64 = z.iter().map(|z| z * z).sum();
        let products: f64 = z.iter().zip(scores).map(|(z, f)| z * (f - score)).sum();
        let slope = products / squares;
        if !(slope > 0.0 && slope.is_finite()) {
            return None;
        }
        let spread = z.iter().zip(scores).map(|(z, f)| {
            let left = f - score - slope * z;
            (left * z).powi(2)
        });
        let uncertainty = spread.sum::<f64>() / products.powi(2);

        // Slopes between neighbours some ranks apart (Vasicek's spacings); ties have none.
        let apart = (n as f64).sqrt() as usize / 2 + 1;
        let log_slope = (0..n).filter_map(|i| {
            let (low, high) = (
                order[i.saturating_sub(apart)],
                order[(i + apart).min(n - 1)],
            );
            let ratio = slope * (z[high] - z[low]) / (scores[high] - scores[low]);
            (ratio > 0.0 && ratio.is_finite()).then(|| ratio.ln())
        });
        Some(Scale {
            log_slope: log_slope.sum(),
            values: z.iter().map(|z| score + slope * z).collect(),
            uncertainty,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_keep_order_mean_and_ties() {
        let scores = [0.0, 5.0, 0.0, 100.0, 1.0, 2.0];
        let scale = Scale::ranked(&scores).unwrap();
        assert_eq!(scale.values[0], scale.values[2]);
        for (a, x) in scores.iter().zip(&scale.values) {
            for (b, y) in scores.iter().zip(&scale.values) {
                assert_eq!(a.total_cmp(b), x.total_cmp(y));
            }
        }
        assert!((scale.values.iter().sum::<f64>() - 108.0).abs() < 1e-9);
        assert!(scale.uncertainty > 0.0 && scale.log_slope.is_finite());
        // A shift and a factor of the scores shift and stretch the values.
        let other = scores.map(|f| 3.0 * f - 7.0);
        let other = Scale::ranked(&other).unwrap();
        for (x, y) in scale.values.iter().zip(&other.values) {
            assert!((3.0 * x - 7.0 - y).abs() < 1e-9);
        }
        assert!(Scale::ranked(&[1.0; 20]).is_none());
    }
}
