//! The likelihood of many masks, by the features.

use ndarray::{Array1, Array2};

use super::fit::{Fit, Moments};
use super::likelihood::Likelihood;
use super::prior::{GROUPS, Ratios};
use super::products::{Gram, factors};
use crate::estimate::linalg::mirror;

/// The likelihood of many masks, as a function of what the groups' variances are multiplied by.
pub(super) struct OfFeatures<'m> {
    moments: &'m Moments,
    /// Of each column.
    groups: &'m [usize],
    /// Xᵀ X, both triangles.
    matrix: Array2<f64>,
}

impl<'m> OfFeatures<'m> {
    /// `None` where the masks are fewer than the features.
    pub fn new(moments: &'m Moments, groups: &'m [usize]) -> Option<Self> {
        let Gram::Features(matrix) = &moments.products.gram else {
            return None;
        };
        let mut matrix = matrix.clone();
        mirror(&mut matrix);
        Some(OfFeatures {
            moments,
            groups,
            matrix,
        })
    }
}

pub(super) struct AtFeatures {
    fit: Fit,
    factors: Array1<f64>,
}

impl Likelihood for OfFeatures<'_> {
    type Point = AtFeatures;

    fn has(&self, group: usize) -> bool {
        self.groups.contains(&group)
    }

    fn at(&self, ratios: &Ratios) -> Option<AtFeatures> {
        let fit = self.moments.scaled(self.groups, ratios).fit()?;
        let factors = factors(self.groups, ratios);
        Some(AtFeatures { fit, factors })
    }

    fn value(point: &AtFeatures) -> f64 {
        point.fit.evidence
    }

    fn slopes(&self, point: &AtFeatures, groups: &[usize]) -> (Array1<f64>, Array2<f64>) {
        let AtFeatures { fit, factors } = point;
        let degrees = self.moments.products.masks - 1.0;
        let inverse = fit.factor.inverse_diagonal();
        let mut traces = [0.0; GROUPS];
        for (&group, inverse) in self.groups.iter().zip(&inverse) {
            traces[group] += 1.0 - inverse;
        }
        let own = |group| {
            let own = self.groups.iter().zip(&fit.solved);
            own.map(|(&g, &v)| if g == group { v } else { 0.0 })
                .collect::<Array1<f64>>()
        };
        let own: Vec<Array1<f64>> = groups.iter().map(|&group| own(group)).collect();
        let seen: Vec<Array1<f64>> = own
            .iter()
            .map(|own| self.matrix.dot(&(own * factors)) * factors)
            .collect();
        let solved: Vec<Array1<f64>> = seen.iter().map(|s| fit.factor.solve(s)).collect();
        let squares: Vec<f64> = own.iter().map(|own| own.dot(own)).collect();
        let gradient = groups.iter().zip(&squares);
        let gradient = gradient.map(|(&g, s)| 0.5 * (s / fit.noise - traces[g]));
        let information = Array2::from_shape_fn((own.len(), own.len()), |(i, j)| {
            let both = (own[i].dot(&seen[j]) - seen[i].dot(&solved[j])) / fit.noise;
            0.5 * (both - squares[i] * squares[j] / (fit.noise.powi(2) * degrees))
        });
        (gradient.collect(), information)
    }
}

#[cfg(test)]
mod tests {
    use super::super::likelihood::climb;
    use super::*;

    fn value(i: usize, j: usize) -> f64 {
        ((3 * i + 5 * j * j + i * j) as f64).sin()
    }

    /// The gradient is that of the value; and where it is 0 the likelihood is the largest.
    #[test]
    fn slopes_are_those_of_the_likelihood() {
        let (masks, features) = (40, 12);
        let rows = Array2::from_shape_fn((masks, features), |(i, j)| value(i, j));
        let scores: Vec<f64> = (0..masks)
            .map(|i| rows[[i, 0]] - 0.4 * rows[[i, 7]] + 0.5 * value(i, 20))
            .collect();
        let moments = Moments::new(&rows, &scores);
        let groups: Vec<usize> = (0..features).map(|j| [0, 3][j % 2]).collect();
        let likelihood = OfFeatures::new(&moments, &groups).unwrap();
        let at = |ratios: [f64; 2]| {
            let point = likelihood.at(&[ratios[0], 0.0, 0.0, ratios[1]]).unwrap();
            let (gradient, information) = likelihood.slopes(&point, &[0, 3]);
            (point.fit.evidence, gradient, information)
        };
        let ratios = [-0.5, -1.5];
        let (_, gradient, information) = at(ratios);
        for i in 0..2 {
            let step = 1e-4;
            let moved = |by: f64| {
                let mut ratios = ratios;
                ratios[i] += by;
                at(ratios)
            };
            let numeric = (moved(step).0 - moved(-step).0) / (2.0 * step);
            assert!((numeric - gradient[i]).abs() < 1e-6, "{numeric} {gradient}");
            assert!(information[[i, i]] > 0.0);
        }
        let flat = |_: usize, _: f64| [0.0; 3];
        let (best, ..) = climb(&likelihood, [0.0; GROUPS], flat, 30, f64::NEG_INFINITY).unwrap();
        let (top, ..) = at([best[0], best[3]]);
        for other in [[0.3, 0.0], [-0.3, 0.0], [0.0, 0.3], [0.0, -0.3]] {
            assert!(at([best[0] + other[0], best[3] + other[1]]).0 < top + 0.05);
        }
    }
}
