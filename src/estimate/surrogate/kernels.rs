//! The kernels of some masks, by shapes.

use std::sync::{Arc, Mutex, PoisonError};

use ndarray::{Array1, Array2, Axis};

use super::basis::{Bump, LENGTHS};
use super::design::{Design, Scores};
use super::features::Features;
use super::few::OfKernels;
use super::field::Field;
use super::likelihood::Likelihood;
use super::prior::{Belief, GROUPS, Ratios, Shape};
use crate::estimate::linalg::{gram, mirror};
use crate::masks::plan::Plan;

/// Fields with bumps, and kernels of such, that are kept: what a climb goes back to.
const PLACES: usize = 2;
const KERNELS: usize = 16;

/// The covariance of the masks' scores by one group of features, over its mean diagonal.
#[derive(Clone)]
struct Kernel {
    matrix: Arc<Array2<f64>>,
    /// The mean diagonal, for coefficients of unit variance.
    scale: f64,
}

/// A field's place, and the rows of the masks for all of its pairs of terms, `[masks, features x pairs]`, centred.
struct Place<'a> {
    bumps: [Option<Bump>; 2],
    field: Arc<Field<'a>>,
    rows: Array2<f64>,
}

/// A group, an index into the lengths and the bumps.
type Key = (usize, usize, [Option<Bump>; 2]);

/// Values by what they are made of, found again by all who ask for them.
struct Known<K, V> {
    values: Mutex<Vec<(K, V)>>,
    /// The newest that are kept, beside those without bumps, which all targets begin with: each target brings bumps of its own.
    newest: usize,
    without_bumps: fn(&K) -> bool,
}

impl<K: PartialEq, V: Clone> Known<K, V> {
    fn new(newest: usize, without_bumps: fn(&K) -> bool) -> Self {
        Known {
            values: Mutex::default(),
            newest,
            without_bumps,
        }
    }

    fn get(&self, key: K, make: impl FnOnce() -> V) -> V {
        let lock = || self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().iter().find(|(k, _)| *k == key).map(|k| k.1.clone());
        if let Some(value) = known {
            return value;
        }
        // Made without the lock: two threads may make the same value.
        let value = make();
        let mut values = lock();
        values.push((key, value.clone()));
        let of_bumps = values.iter().enumerate();
        let mut of_bumps = of_bumps.filter(|(_, (key, _))| !(self.without_bumps)(key));
        let oldest = of_bumps.next().map(|(i, _)| i);
        let newer = of_bumps.count();
        if let Some(oldest) = oldest.filter(|_| newer >= self.newest) {
            values.remove(oldest);
        }
        value
    }
}

/// The kernels of the masks of some blocks, which know no score: all targets share them.
pub(super) struct Kernels<'a, 'b> {
    pub plan: &'a Plan,
    pub seed: u64,
    pub belief: Belief,
    pub states: Arc<Features>,
    blocks: &'b [Scores<'b>],
    places: Known<[Option<Bump>; 2], Arc<Place<'a>>>,
    kernels: Known<Key, Option<Kernel>>,
}

impl<'a, 'b> Kernels<'a, 'b> {
    pub fn new(
        plan: &'a Plan,
        seed: u64,
        belief: Belief,
        states: Arc<Features>,
        blocks: &'b [Scores<'b>],
    ) -> Self {
        Kernels {
            plan,
            seed,
            belief,
            states,
            blocks,
            places: Known::new(PLACES, |bumps| *bumps == [None; 2]),
            kernels: Known::new(KERNELS, |key| key.2 == [None; 2]),
        }
    }

    fn place(&self, bumps: [Option<Bump>; 2]) -> Arc<Place<'a>> {
        self.places.get(bumps, || {
            let field = Arc::new(Field::new(self.plan, bumps));
            let all = vec![1.0; field.pairs()];
            let design = Design::new(
                self.plan,
                self.seed,
                &self.states,
                &field,
                |_| &all,
                [1.0; GROUPS],
            );
            let mut rows = design.rows(self.blocks);
            let mean = rows.sum_axis(Axis(0)) / rows.dim().0.max(1) as f64;
            rows -= &mean;
            Arc::new(Place { bumps, field, rows })
        })
    }

    fn kernel(&self, group: usize, length: usize, place: &Place<'a>) -> Option<Kernel> {
        self.kernels.get((group, length, place.bumps), || {
            let pairs = place.field.pairs();
            let scales = place.field.scales(LENGTHS[length]);
            let features = (0..self.states.count()).filter(|&f| self.states.group(f) == group);
            let columns: Vec<(usize, f64)> = features
                .flat_map(|f| {
                    scales
                        .iter()
                        .enumerate()
                        .map(move |(pair, &s)| (f * pairs + pair, s))
                })
                .filter(|&(_, s)| s > 0.0)
                .collect();
            let masks = place.rows.dim().0;
            let mut rows = Array2::zeros((masks, columns.len()));
            for (mut to, from) in rows.outer_iter_mut().zip(place.rows.outer_iter()) {
                to.iter_mut()
                    .zip(&columns)
                    .for_each(|(to, &(c, s))| *to = s * from[c]);
            }
            let mut matrix = gram(rows.view());
            let scale = matrix.diag().sum() / masks as f64;
            if !(scale > 0.0 && scale.is_finite()) {
                return None;
            }
            matrix /= scale;
            mirror(&mut matrix);
            Some(Kernel {
                matrix: Arc::new(matrix),
                scale,
            })
        })
    }

    /// The likelihood of centred values of the masks.
    pub fn likelihood<'v>(&self, shape: Shape, values: &'v Array1<f64>) -> OfMasks<'a, 'v> {
        let place = self.place(shape.bumps);
        let kernels = std::array::from_fn(|group| self.kernel(group, shape.length(group), &place));
        let scale = |kernel: &Option<Kernel>| kernel.as_ref().map_or(1.0, |kernel| kernel.scale);
        OfMasks {
            shape,
            field: place.field.clone(),
            scales: kernels.each_ref().map(scale),
            own: OfKernels {
                kernels: kernels.map(|kernel| Some(kernel?.matrix)),
                values: values.view(),
            },
        }
    }

    /// The design of a prior.
    pub fn design(&self, of: &OfMasks<'a, '_>, ratios: &Ratios) -> Design<'a> {
        let variances = std::array::from_fn(|group| match of.own.has(group) {
            true => ratios[group].exp() / of.scales[group],
            false => 0.0,
        });
        let scales = of
            .shape
            .lengths
            .map(|length| of.field.scales(LENGTHS[length]));
        let scales = |group: usize| &scales[group % 2];
        Design::new(
            self.plan,
            self.seed,
            &self.states,
            &of.field,
            scales,
            variances,
        )
    }

    /// The field of a prior, as a map, from the weights of the masks.
    pub fn map(&self, of: &OfMasks<'a, '_>, ratios: &Ratios, weights: &Array1<f64>) -> Vec<f64> {
        let design = self.design(of, ratios);
        let place = self.place(of.shape.bumps);
        let all = place.rows.t().dot(weights);
        let pairs = place.field.pairs();
        let coefficients = design
            .columns()
            .map(|(f, pair, s)| s * all[f * pairs + pair]);
        design.map(&coefficients.collect())
    }
}

/// The restricted likelihood of the values of some masks under one shape.
pub(super) struct OfMasks<'a, 'v> {
    pub shape: Shape,
    field: Arc<Field<'a>>,
    /// The mean diagonals of the kernels, for coefficients of unit variance.
    scales: [f64; GROUPS],
    pub own: OfKernels<'v>,
}

#[cfg(test)]
mod tests {
    use super::super::fit::centred;
    use super::*;
    use crate::masks::family::Racm;
    use crate::masks::spec::MaskSpec;

    /// The gradient is that of the value, by all four groups.
    #[test]
    fn slopes_are_those_of_the_likelihood() {
        let plan = Plan::new([3, 12, 12], &MaskSpec::new(Racm).grid(3, 3)).unwrap();
        let scores = Array2::from_shape_fn((40, 1), |(i, _)| ((3 * i * i) as f32).sin());
        let blocks = [(0, scores.view())];
        let states = Arc::new(Features::new(&plan));
        let kernels = Kernels::new(&plan, 0, Belief::default(), states, &blocks);
        let values: Vec<f64> = scores.iter().map(|&f| f64::from(f)).collect();
        let (_, values) = centred(&values);
        let likelihood = kernels.likelihood(kernels.belief.prior.shape, &values).own;
        let at = |ratios: Ratios| likelihood.at(&ratios).unwrap();
        let ratios = [-0.5, -1.0, -1.5, 0.3];
        let groups = [0, 1, 2, 3];
        assert!(groups.iter().all(|&group| likelihood.has(group)));
        let (gradient, information) = likelihood.slopes(&at(ratios), &groups);
        for i in groups {
            let moved = |by: f64| {
                let mut ratios = ratios;
                ratios[i] += by;
                OfKernels::value(&at(ratios))
            };
            let numeric = (moved(1e-4) - moved(-1e-4)) / 2e-4;
            assert!(
                (numeric - gradient[i]).abs() < 1e-6,
                "{i}: {numeric} {gradient}"
            );
            assert!(information[[i, i]] > 0.0);
        }
    }

    #[test]
    fn what_is_known_stays_bounded_and_what_all_begin_with_stays() {
        let known = Known::new(3, |key: &usize| *key < 2);
        for round in 0..2 {
            for key in 0..10 {
                assert_eq!(known.get(key, || 7 * key), 7 * key);
                assert!(known.values.lock().unwrap().len() <= 5, "{round} {key}");
            }
        }
        let kept: Vec<usize> = known.values.lock().unwrap().iter().map(|v| v.0).collect();
        assert_eq!(kept, [0, 1, 7, 8, 9]);
        assert_eq!(known.get(8, || unreachable!()), 56);
    }
}
