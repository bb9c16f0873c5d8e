//! A smooth additive surrogate of the score, whose map is known exactly.

mod basis;
mod bent;
mod cross_fit;
mod curved;
mod design;
mod features;
mod few;
mod field;
mod fit;
mod kernels;
mod learned;
mod likelihood;
mod many;
mod masks;
mod prior;
mod products;
mod regression;
mod scale;
mod search;

use std::sync::OnceLock;

use ndarray::{Array1, Array2, Array3, ArrayRef3};

use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::masks::plan::Plan;
use basis::LENGTHS;
use bent::Bent;
pub(crate) use cross_fit::CrossFit;
use design::{Parts, Scores};
use fit::{Moments, centred};
use learned::Found;
pub use learned::SurrogatePrior;
pub(crate) use masks::Masks;
use prior::Belief;
use regression::{Regression, all_at, indifferent};
use scale::{Curve, End, Scale};

/// Masks below which there is no surrogate.
pub(crate) const MIN_MASKS: u64 = 16;

/// Where the climb for the variances of what the scale leaves begins, beside those of the scale.
const LEFT: f64 = -3.0;

/// A smooth additive model of the score, fitted to a ledger: the score of a mask, on a scale of its
/// own, is
///
/// `mu + sum over cells of sum_g beta_g F_g(state) + noise`,
///
/// where the features F of a cell's state are which planes it feeds, and which pairs of planes at
/// once. `beta = Uᵀ g`, g a Gaussian process over the image for each feature (Matérn 3/2 along each axis),
/// and the noise, of equal variance, stands for everything that is not additive. What is common to
/// the planes and what tells them apart have a length each, and with the pairs four variances. The variance of g is the
/// same all over the image, or larger about one place, as an object's is. Its place and width and the lengths are those of
/// the largest restricted likelihood that a short climb meets on the first 300 masks; the variances are those of all masks, or of the first
/// 512 where masks are fewer than features.
/// mu has a flat prior.
///
/// The scale is the score itself or, where that is likelier, a logarithm of its distance from the
/// lowest score (or the highest): of a class that needs most of its object to be seen, most scores
/// are near 0, and it is the ratios of small scores that tell. Cells are independent, so that the map of the
/// exponential of an additive model is known exactly as well: where two cells are needed at once, both count. What this leaves of the
/// scores (each predicted without itself) is fitted once more, as it is; this second field counts as
/// much as it is likelier than none. So effects that are not additive on the scale are found with
/// many masks.
///
/// [`Surrogate::map`] is what the estimators estimate, `E[M_j f] / P_j - E[M_0 f] / P_0` (Eq. 9),
/// of the posterior mean, computed exactly and not from masks. It is biased (towards a smooth, small
/// map) and has the lower error where masks are few. [`Surrogate::standard_deviation`] is the
/// posterior's: it is right as far as the model is, and no standard error (nominal 95 % intervals held
/// 92 to 96 % of the truth, medians over 13 signs at 100 to 3000 masks). For an unbiased map and a
/// standard error see [`Estimator::SurrogateCorrected`](crate::Estimator::SurrogateCorrected).
///
/// ```
/// use racm::{Explainer, Surrogate, demo};
///
/// let explainer = Explainer::builder().masks(300).build()?;
/// let explanation = explainer.explain(&demo::Classifier, &demo::image(), 0)?;
/// // The same scores, made a map in another way.
/// let surrogate = Surrogate::fit(explanation.plan(), explanation.ledger(), 0)?;
/// let (map, deviation) = (surrogate.map(), surrogate.standard_deviation());
/// println!("red {:+.3} +- {:.3}", map[[0, 27, 37]], deviation[[0, 27, 37]]);
/// # Ok::<(), racm::Error>(())
/// ```
///
/// # References
/// Rasmussen and Williams, *Gaussian Processes for Machine Learning*, 2006, chapters 2, 4 and 5; Solin
/// and Särkkä, *Hilbert space methods for reduced-rank Gaussian process regression*, Statistics and
/// Computing 30, 2020; Box and Cox, *An Analysis of Transformations*, Journal of the Royal
/// Statistical Society B 26, 1964 (the scale and its likelihood); Gilmour, Thompson and Cullis, *Average information REML*,
/// Biometrics 51, 1995.
pub struct Surrogate<'a> {
    plan: &'a Plan,
    /// The mean score.
    mean: f64,
    /// Of the scores on their scale.
    scaled: Regression<'a>,
    length: f64,
    /// `None` where there is nothing to find out.
    found: Option<Found>,
    bent: Option<Bent<'a>>,
    /// The map of `scaled`, once it was asked for.
    scaled_map: OnceLock<Vec<f64>>,
}

impl std::fmt::Debug for Surrogate<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surrogate")
            .field("length", &self.length())
            .field("noise", &self.noise())
            .finish_non_exhaustive()
    }
}

impl<'a> Surrogate<'a> {
    /// The fewest masks that one is fitted to.
    pub const LEAST_MASKS: u64 = MIN_MASKS;

    /// Fits the scores of one target (an index into the ledger's targets).
    ///
    /// # Errors
    /// [`Error::Ledger`] if the ledger is of another plan, [`Error::Target`],
    /// [`Error::TooFewMasks`] below [`Surrogate::LEAST_MASKS`].
    pub fn fit(plan: &'a Plan, ledger: &Ledger, target: usize) -> Result<Self> {
        Self::fit_with(&SurrogatePrior::default(), plan, ledger, target)
    }

    /// The same with what other images of the model taught.
    ///
    /// # Errors
    /// Those of [`Surrogate::fit`].
    pub fn fit_with(
        prior: &SurrogatePrior,
        plan: &'a Plan,
        ledger: &Ledger,
        target: usize,
    ) -> Result<Self> {
        Masks::of(prior, plan, ledger, |masks| {
            let classes = ledger.targets().len();
            if target >= classes {
                return Err(Error::Target { target, classes });
            }
            Self::of_masks(masks, target)
        })
    }

    /// The same with what other targets of the masks found out about them.
    pub(crate) fn of_masks(masks: &Masks<'a, '_>, target: usize) -> Result<Self> {
        let Masks {
            blocks,
            few,
            kernels,
        } = masks;
        let scores = blocks.iter().flat_map(|(_, scores)| scores.column(target));
        let scores: Vec<f64> = scores.map(|&f| f64::from(f)).collect();
        if (scores.len() as u64) < MIN_MASKS {
            return Err(Error::TooFewMasks {
                estimator: "surrogate",
                given: scores.len() as u64,
                needed: MIN_MASKS,
            });
        }
        let share = *few as f64 / scores.len() as f64;
        let scales = [
            Some(Scale::straight(&scores)),
            Scale::logarithmic(&scores, End::Low),
            Scale::logarithmic(&scores, End::High),
        ];
        let scales = scales.into_iter().enumerate().filter_map(|(index, scale)| {
            let scale = scale?;
            let (_, centred) = centred(&scale.values[..*few]);
            Some((index, scale, centred))
        });
        let scales: Vec<(usize, Scale, Array1<f64>)> = scales.collect();
        let Belief {
            prior,
            scales: believed,
            ..
        } = &kernels.belief;
        let starts = scales.iter().filter_map(|of| {
            let (index, scale, values) = of;
            let start = search::start(kernels, values)?;
            let likelihood = start.likelihood + share * scale.log_slope + believed[*index];
            Some((likelihood, of, start))
        });
        // The first of the likeliest.
        let best = starts.reduce(|best, next| if next.0 > best.0 { next } else { best });
        let ((index, scale, values), start) = match best {
            Some((_, of, start)) => (of, Some(start)),
            // Equal scores, which are straight.
            None => (&scales[0], None),
        };
        let found = start.map(|start| search::best(kernels, values, start));
        let (of, mut ratios, found) = match found {
            Some(best) => (best.of, best.ratios, true),
            None => (kernels.likelihood(prior.shape, values), prior.ratios, false),
        };
        let design = kernels.design(&of, &ratios);
        let parts = Parts::new(&design, blocks);
        let moments = Moments::new(&parts, &scale.values);
        let belief = |g: usize, more: f64| kernels.belief.of(g, ratios[g] + more);
        let (scaled, more) = Regression::tuned(design.clone(), moments, all_at(0.0), belief);
        ratios
            .iter_mut()
            .zip(more)
            .for_each(|(ratio, more)| *ratio += more);
        let parts = parts.of(&scaled.design);
        let bent = scale.curve.and_then(|curve| {
            let predictions = scaled.leave_one_out(&parts, &scale.values)?;
            let left = |residuals: &[f64]| {
                let moments = scaled.moments.of_other(&parts, residuals);
                Regression::tuned(scaled.design.clone(), moments, all_at(LEFT), indifferent).0
            };
            Some(Bent::new(curve, &predictions, &scores, left))
        });
        Ok(Surrogate {
            plan: kernels.plan,
            mean: scale::mean(&scores),
            length: LENGTHS[of.shape.lengths[0]],
            found: found.then_some(Found {
                shape: of.shape,
                ratios,
                scale: *index,
            }),
            scaled,
            bent,
            scaled_map: OnceLock::new(),
        })
    }

    /// The same fit with the planes of its map mixed by a matrix `[J, J]`.
    pub(crate) fn mixed(mut self, mixing: Option<&Array2<f64>>) -> Self {
        if let Some(mixing) = mixing {
            self.scaled.design.mix(mixing);
            let bent = self.bent.iter_mut();
            bent.for_each(|bent| bent.left.design.mix(mixing));
        }
        self
    }

    fn scaled_map(&self) -> &[f64] {
        let map = || self.scaled.map(self.curve());
        self.scaled_map.get_or_init(map)
    }

    fn curve(&self) -> Option<Curve> {
        self.bent.as_ref().map(|bent| bent.curve)
    }

    /// The map `[J, H, W]`, in units of the score; 0 outside the plan's region.
    pub fn map(&self) -> Array3<f32> {
        let mut map = self.scaled_map().to_vec();
        if let Some(bent) = &self.bent {
            bent.add_map(&mut map);
        }
        self.shaped(map)
    }

    /// The posterior standard deviation of the map, `[J, H, W]`; 0 outside the plan's region.
    pub fn standard_deviation(&self) -> Array3<f32> {
        let mut out = self.scaled.variance(self.curve());
        if let Some(bent) = &self.bent {
            bent.add_variance(self.scaled_map(), &mut out);
        }
        out.iter_mut().for_each(|v| *v = v.sqrt());
        self.shaped(out)
    }

    /// `sum of weights * map` for weights `[J, H, W]`, and its posterior standard deviation. Weights
    /// outside the plan's region do not count.
    ///
    /// # Errors
    /// [`Error::Shape`] for weights of another shape.
    pub fn contrast(&self, weights: &ArrayRef3<f64>) -> Result<(f64, f64)> {
        self.plan.expect_weights(weights)?;
        let region = self.plan.spec().region.as_ref().map(|r| r.pixels());
        let inside = |y, x| region.is_none_or(|pixels| pixels[[y, x]]);
        let weights: Vec<f64> = weights
            .indexed_iter()
            .map(|((_, y, x), &w)| if inside(y, x) { w } else { 0.0 })
            .collect();
        let sum = |map: &[f64]| weights.iter().zip(map).map(|(w, m)| w * m).sum::<f64>();
        let mut value = sum(self.scaled_map());
        let mut variance = self.scaled.variance_of(&weights, self.curve());
        if let Some(bent) = &self.bent {
            let left = sum(&bent.left.map(None));
            let own = bent.left.variance_of(&weights, None);
            variance += bent.more_variance(value, left, own);
            value += bent.weight * left;
        }
        Ok((value, variance.sqrt()))
    }

    /// The length of the kernel of what is common to the planes, in cells: one of 0.25, 0.5, 0.8,
    /// 1.2, 2 and 3.5.
    pub fn length(&self) -> f64 {
        self.length
    }

    /// The standard deviation of what is not additive on the scale, in units of the score.
    pub fn noise(&self) -> f64 {
        let slope = self.curve().map_or(1.0, |curve| curve.slope());
        let fit = self.scaled.fit.as_ref();
        fit.map_or(0.0, |fit| slope * fit.noise.sqrt())
    }

    /// The expected scores of the masks of some blocks.
    fn predict(&self, blocks: &[Scores<'_>]) -> Array1<f64> {
        let effects = self.scaled.effects(blocks);
        let Some(bent) = &self.bent else {
            return effects + self.mean;
        };
        let left = bent.left.effects(blocks) * bent.weight;
        effects.mapv(|effect| bent.score(effect)) + left + self.mean
    }

    fn shaped(&self, values: Vec<f64>) -> Array3<f32> {
        let [_, height, width] = self.plan.shape();
        let region = self.plan.spec().region.as_ref().map(|r| r.pixels());
        let mut out = Array3::zeros((self.plan.planes(), height, width));
        for (((_, y, x), out), v) in out.indexed_iter_mut().zip(values) {
            if region.is_none_or(|pixels| pixels[[y, x]]) {
                *out = v as f32;
            }
        }
        out
    }
}

impl SurrogatePrior {
    /// Learns from one more image; nothing, where all of its scores were equal.
    pub fn learn(&mut self, surrogate: &Surrogate<'_>) {
        if let Some(found) = surrogate.found {
            self.take_in(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayView4, Axis};

    use super::*;
    use crate::{Explainer, FnModel, Target};

    /// Scores of masks: `shape` of a little of the first channel and much normal noise of a hash.
    fn noisy(shape: impl Fn(f64) -> f64) -> (Plan, Ledger) {
        let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
            let score = |(n, _)| {
                let pixels = batch.index_axis(Axis(0), n);
                let sum: f32 = pixels.index_axis(Axis(0), 0).sum();
                let bytes = pixels.iter().flat_map(|v| v.to_bits().to_le_bytes());
                let hash = crate::masks::plan::fingerprint(bytes);
                // Irwin and Hall: four uniform numbers.
                let parts = (0..4).map(|i| (hash >> (16 * i) & 0xffff) as f64 / 65_536.0 - 0.5);
                shape(parts.sum::<f64>() * 3f64.sqrt() + f64::from(sum) / 64.0) as f32
            };
            Array2::from_shape_fn((batch.dim().0, 1), score)
        });
        let explainer = Explainer::builder().grid(4, 4).masks(200).build().unwrap();
        let image = Array3::<f32>::ones((2, 16, 16));
        let ledger = explainer.run(&model, &image, Target::Top).score();
        (explainer.plan([2, 16, 16]).unwrap(), ledger.unwrap())
    }

    #[test]
    fn the_scale_is_the_likelier_one_and_what_it_leaves_counts_as_it_is_likely() {
        for (shape, bent) in [
            ((|x| x) as fn(f64) -> f64, false),
            (|x| 100.0 + 9.0 * x, false),
            (f64::exp, true),
            (|x| (2.0 * x).exp(), true),
            (|x| -x.exp(), true),
        ] {
            let (plan, ledger) = noisy(shape);
            let fit = Surrogate::fit(&plan, &ledger, 0).unwrap();
            assert_eq!(fit.bent.is_some(), bent, "{}", shape(1.0));
            let Some(bent) = &fit.bent else {
                continue;
            };
            let odds = bent.left.odds().exp();
            assert!((bent.weight / (1.0 - bent.weight) / odds - 1.0).abs() < 1e-9);
            assert!((0.01..0.99).contains(&bent.weight), "{}", bent.weight);
            // The level's error is in every deviation.
            assert!(bent.uncertainty > 0.0);
            let scaled = fit.scaled_map();
            for (deviation, scaled) in fit.standard_deviation().iter().zip(scaled) {
                let least = bent.uncertainty.sqrt() * scaled.abs();
                assert!(f64::from(*deviation) > least, "{deviation} {least}");
            }
        }
    }

    /// Masks that are fewer than the features go by their kernel: the coefficients are those by the features.
    #[test]
    fn kernels_and_features_have_the_same_coefficients() {
        let (plan, ledger) = noisy(|x| x);
        let ledger = ledger.prefix(64);
        let fit = Surrogate::fit(&plan, &ledger, 0).unwrap();
        assert!(fit.scaled.moments.of_kernels().is_some());
        // Again by hand, in the other way.
        let rows = fit.scaled.design.rows(&ledger.iter().collect::<Vec<_>>());
        let scores: Vec<f64> = ledger
            .scores()
            .flat_map(|(_, s)| s.iter().map(|&f| f64::from(f)).collect::<Vec<_>>())
            .collect();
        let centred_rows = &rows - &(rows.sum_axis(Axis(0)) / rows.nrows() as f64);
        let (_, y) = centred(&scores);
        let mut matrix = centred_rows.t().dot(&centred_rows);
        matrix.diag_mut().mapv_inplace(|v| v + 1.0);
        let factor = crate::estimate::linalg::Cholesky::new(matrix).unwrap();
        let expected = factor.solve(&centred_rows.t().dot(&y));
        let found = &fit.scaled.coefficients;
        assert!((&expected - found).iter().all(|d| d.abs() < 1e-9));
    }
}
