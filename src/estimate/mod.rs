//! From plan, seed and ledger to maps and standard errors: arithmetic without a model.

mod averaged;
mod blocks;
mod contrasts;
pub(crate) mod effect;
mod linalg;
pub(crate) mod link;
mod regression;
mod sums;
pub(crate) mod surrogate;

use std::ops::Range;

use ndarray::{Array2, Array3, Array4, ArrayRef4, Axis, Slice};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::estimate::averaged::Averaged;
use crate::estimate::effect::Effect;
use crate::estimate::surrogate::{CrossFit, MIN_MASKS, Masks, Surrogate, SurrogatePrior};
use crate::ledger::Ledger;
use crate::masks::plan::Plan;
use crate::text::named;
use blocks::{Fit, MIN_BLOCKS};
use regression::{Kernel, Regression};
use sums::Sums;

/// Targets whose sums are made together: their states are drawn once.
const GROUP: usize = 8;

/// Maps and, where they were wanted or came with the maps, their standard errors, `[targets, J, H, W]`.
pub(crate) type Estimates = (Array4<f32>, Option<Array4<f32>>);

/// What is wanted of an estimator, and with what knowledge of the model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'p> {
    pub effect: Effect,
    pub prior: &'p SurrogatePrior,
}

impl Default for Wanted<'_> {
    fn default() -> Self {
        Wanted {
            effect: Effect::Plane,
            prior: &SurrogatePrior::NONE,
        }
    }
}

/// How scores become a map.
///
/// With `M_nj` the mask of plane j and `M_n0` the bias mask of mask n, `f_n` its score, N the
/// number of masks, `P_j` and `P_0` the probabilities of the two masks and
/// `w_nj(p) = M_nj(p) / P_j - M_n0(p) / P_0`, all but `PassOnly`, `Lime` and `KernelShap` estimate
///
/// `I(p, j) = E[M_j(p) f] / P_j - E[M_0(p) f] / P_0`,
///
/// for hard masks the difference between the expected scores when pixel p feeds plane j and when
/// it is unselected (Eq. 9). In units of the score.
///
/// Which to take:
/// - `Averaged`, the default: at any number of masks as good as the best of the others, or better.
/// - `Centred`: exactly unbiased, in no time for any number of targets, and linear in the scores, so that
///   [parts](crate::Explanation::part) and shards of a run can be read as small samples of it.
/// - The others: to compare with what others have published.
///
/// ```
/// use racm::{Estimator, Explainer, demo};
///
/// let explainer = Explainer::builder().masks(500).build()?;
/// let averaged = explainer.explain(&demo::Classifier, &demo::image(), 0)?;
/// assert_eq!(averaged.estimator(), Estimator::Averaged);
/// // All others are made of the same scores.
/// for estimator in [Estimator::Centred, Estimator::HorvitzThompson, Estimator::Surrogate] {
///     assert_eq!(averaged.with_estimator(estimator)?.estimator(), estimator);
/// }
/// assert_eq!("surrogate".parse::<Estimator>()?, Estimator::Surrogate);
/// # Ok::<(), racm::Error>(())
/// ```
///
/// # References
/// Hachiya and Nisawa, *Randomized Channel-pass Mask for Channel-wise Explanation of Black-box
/// Models*, Eq. 5, 9, 10 and 16 (their Eq. 10 prints the reciprocal of the weight; Eq. 9 is right).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Estimator {
    /// The average of `Surrogate` and `Centred`, at every pixel weighted by their precision there. With s and c their errors, `Centred`
    /// counts `s^2 / (3 c^2 - s^2)`, which is right if the two maps share two thirds of `s^2`. With few masks it is nearly the surrogate;
    /// with more, what is too fine or too little additive for the surrogate comes in, and at once where the maps differ by more than
    /// three standard errors. Below 8 blocks it is the surrogate alone; below 16 masks, too few for one, it is `Centred` in every
    /// respect. Its squared error is the surrogate's, its Insertion and Deletion on signs the better one's within their standard
    /// errors, from 100 to 3000 masks. Standard errors count what both share. The default.
    #[default]
    Averaged,
    /// `1/N sum_n w_nj(p) f_n`: the paper's. Unbiased, and very noisy where scores are high.
    HorvitzThompson,
    /// `1/(N-1) sum_n w_nj(p) (f_n - mean f)`, the sample covariance of weight and score: unbiased
    /// as well, and unmoved by a constant added to the score.
    Centred,
    /// `sum M f / sum M - sum M_0 f / sum M_0`, the difference of two weighted means (Hajek). Its
    /// bias falls as 1/N.
    SelfNormalised,
    /// `1/N sum_n M_nj(p) f_n / P_j`: classic RISE, without the bias term.
    PassOnly,
    /// The map of a smooth additive model of the score: [`Surrogate`]. Biased, with the lowest
    /// error where masks are few. Its standard errors are posterior standard deviations; 16 masks are
    /// the least.
    Surrogate,
    /// `Surrogate` plus the `HorvitzThompson` map of what it leaves, cross-fitted: every score is
    /// compared with the prediction of a model that was fitted to other blocks (five folds; fewer
    /// where there are fewer blocks, and at least two). Unbiased like `Centred`, with more than a quarter
    /// less squared error on signs at 1000 masks. Standard errors are those of the residual part.
    SurrogateCorrected,
    /// The coefficients of a ridge regression of the score on what is shown (penalty 1, an intercept without one),
    /// each mask weighted by `exp(-d^2 / (2 * 0.25^2))`, with d 1 less the cosine of the angle between what it shows
    /// and all: LIME for images (Ribeiro, Singh, Guestrin, *"Why Should I Trust You?"*, KDD 2016), by cell and channel.
    /// The unmasked image is one more sample. Not what the others estimate: a local linear model's slopes.
    ///
    /// For cells that stand still and have hard edges, [`Segments`](crate::Segments) best, and masks that hide.
    Lime,
    /// The same with KernelSHAP's weights, `(S - 1) / (C(S, k) k (S - k))` for k of S cells shown over the probability
    /// of such a mask, and no penalty (Lundberg and Lee, NIPS 2017). One plane (RISE) only.
    ///
    /// Shapley values for a few cells, up to about 10. The whole image counts as a constraint, but that of which nothing
    /// is shown only where a mask happened to be so: with more cells the intercept is free, the values do not add up to
    /// the score of the whole less that of nothing, and few of the random masks show nearly all or nearly nothing, which
    /// weigh most.
    KernelShap,
}

named!(
    Estimator,
    "estimator",
    Averaged = "averaged",
    Centred = "centred",
    HorvitzThompson = "horvitz-thompson",
    SelfNormalised = "self-normalised",
    PassOnly = "pass-only",
    Surrogate = "surrogate",
    SurrogateCorrected = "surrogate-corrected",
    Lime = "lime",
    KernelShap = "kernel-shap",
);

impl Estimator {
    /// The maps of all targets of a ledger, `[targets, J, H, W]`, in units of the score. 0 outside
    /// the plan's region, where nothing is evaluated.
    ///
    /// # Errors
    /// [`Error::Ledger`] if the ledger is of another plan, [`Error::TooFewMasks`],
    /// [`Error::NeverSeen`] (`SelfNormalised` only).
    pub fn maps(self, plan: &Plan, ledger: &Ledger) -> Result<Array4<f32>> {
        self.maps_of(Wanted::default(), plan, ledger)
    }

    /// [`Estimator::maps`], of an effect.
    pub(crate) fn maps_of(
        self,
        wanted: Wanted<'_>,
        plan: &Plan,
        ledger: &Ledger,
    ) -> Result<Array4<f32>> {
        Ok(self.estimates(wanted, plan, ledger, false)?.0)
    }

    /// The maps of an effect and, if they are wanted, their standard errors (`None` below 8 blocks), of
    /// one fit.
    pub(crate) fn estimates(
        self,
        wanted: Wanted<'_>,
        plan: &Plan,
        ledger: &Ledger,
        errors: bool,
    ) -> Result<Estimates> {
        let mixing = self.mixing(wanted.effect, plan)?;
        let mixing = mixing.as_ref();
        if let Some(kernel) = self.kernel() {
            let fit = Regression::new(plan, ledger, kernel)?;
            let errors = if errors { fit.standard_errors() } else { None };
            return Ok((fit.maps(), errors));
        }
        match self {
            Estimator::Surrogate => Masks::of(wanted.prior, plan, ledger, |masks| {
                each_target(plan, ledger, |target| {
                    let fit = Surrogate::of_masks(masks, target)?.mixed(mixing);
                    Ok((fit.map(), errors.then(|| fit.standard_deviation())))
                })
            }),
            Estimator::Averaged if ledger.masks() >= MIN_MASKS => {
                Masks::of(wanted.prior, plan, ledger, |masks| {
                    each_target(plan, ledger, |target| {
                        let average = Averaged::new(masks, ledger, target, mixing)?;
                        Ok((average.map, Some(average.error)))
                    })
                })
            }
            Estimator::SurrogateCorrected => {
                ledger.expect_plan(plan)?;
                let cross = CrossFit::new(wanted.prior, plan, ledger, mixing)?;
                let plain = Estimator::HorvitzThompson;
                let (mut maps, errors) = plain.estimates(wanted, plan, &cross.residuals, errors)?;
                for (mut map, surrogate) in maps.outer_iter_mut().zip(&cross.maps) {
                    map += surrogate;
                }
                Ok((maps, errors))
            }
            _ => self.by_groups(
                plan,
                ledger,
                mixing,
                errors && ledger.blocks() >= MIN_BLOCKS,
            ),
        }
    }

    /// The standard errors of all maps of a ledger, `[targets, J, H, W]`: the spread between blocks,
    /// which are independent. `None` below 8 blocks. Of [`Estimator::Surrogate`], and so of [`Estimator::Averaged`], there
    /// are the posterior standard deviations from 16 masks on; of the regressions `None` where masks are no more than cells
    /// times planes.
    ///
    /// # Errors
    /// Those of [`Estimator::maps`].
    pub fn standard_errors(self, plan: &Plan, ledger: &Ledger) -> Result<Option<Array4<f32>>> {
        self.standard_errors_of(Wanted::default(), plan, ledger)
    }

    /// [`Estimator::standard_errors`], of an effect.
    pub(crate) fn standard_errors_of(
        self,
        wanted: Wanted<'_>,
        plan: &Plan,
        ledger: &Ledger,
    ) -> Result<Option<Array4<f32>>> {
        let from_blocks = match self {
            Estimator::Surrogate => false,
            Estimator::Averaged => ledger.masks() < MIN_MASKS,
            _ => self.kernel().is_none(),
        };
        if from_blocks && ledger.blocks() < MIN_BLOCKS {
            self.mixing(wanted.effect, plan)?;
            ledger.expect_plan(plan)?;
            return Ok(None);
        }
        Ok(self.estimates(wanted, plan, ledger, true)?.1)
    }

    /// Whether maps are made with a [`Surrogate`], so that what other images taught matters to them ([`SurrogatePrior`]),
    /// from [`Surrogate::LEAST_MASKS`] on.
    ///
    /// ```
    /// use racm::Estimator;
    ///
    /// assert!(Estimator::default().fits_surrogate());
    /// assert!(!Estimator::Centred.fits_surrogate());
    /// ```
    pub fn fits_surrogate(self) -> bool {
        let those = [
            Estimator::Averaged,
            Estimator::Surrogate,
            Estimator::SurrogateCorrected,
        ];
        those.contains(&self)
    }

    /// Whether maps are sums over blocks of masks, or quotients of such sums: then every block is a small sample of its own, and
    /// [parts](crate::Explanation::part) of a run say how far the whole is known. Not so for what is fitted to all masks at once.
    pub fn is_sum_over_blocks(self) -> bool {
        matches!(
            self,
            Estimator::Centred
                | Estimator::HorvitzThompson
                | Estimator::SelfNormalised
                | Estimator::PassOnly
        )
    }

    /// The estimates that are sums over blocks.
    fn by_groups(
        self,
        plan: &Plan,
        ledger: &Ledger,
        mixing: Option<&Array2<f64>>,
        errors: bool,
    ) -> Result<Estimates> {
        let (mut maps, mut all) = (zeros(plan, ledger), errors.then(|| zeros(plan, ledger)));
        let fill = |part: &mut ArrayRef4<f32>, values: &[f64]| {
            let values = part.iter_mut().zip(values);
            values.for_each(|(o, &v)| *o = v as f32);
        };
        let targets = ledger.targets().len();
        for first in (0..targets).step_by(GROUP) {
            let group = first..targets.min(first + GROUP);
            let fit = self.fit(plan, ledger, group.clone(), mixing.cloned())?;
            let part = Slice::from(group);
            fill(&mut maps.slice_axis_mut(Axis(0), part), &fit.map);
            if let Some(all) = &mut all {
                fill(
                    &mut all.slice_axis_mut(Axis(0), part),
                    &fit.standard_error(),
                );
            }
        }
        Ok((maps, all))
    }

    /// That the masks of a plan are of a kind that the estimator can make a map of these effects of.
    pub(crate) fn check(self, effect: Effect, plan: &Plan) -> Result<()> {
        if let Some(kernel) = self.kernel() {
            regression::check(plan, kernel)?;
        }
        self.mixing(effect, plan).map(|_| ())
    }

    /// What makes the effects of the planes of its maps: [`Effect::mixing`].
    fn mixing(self, effect: Effect, plan: &Plan) -> Result<Option<Array2<f64>>> {
        match (self, effect) {
            // Slopes of a regression on all planes at once.
            (Estimator::Lime | Estimator::KernelShap, _) => Ok(None),
            (Estimator::PassOnly, Effect::Own) => Err(Error::parameter(
                "estimator",
                "pass-only, for own effects",
                "one that compares with what is unselected, such as centred",
            )),
            _ => effect.mixing(plan),
        }
    }

    /// How samples are weighted by the estimators that are regressions on the states of fixed cells.
    fn kernel(self) -> Option<Kernel> {
        match self {
            Estimator::Lime => Some(Kernel::Cosine),
            Estimator::KernelShap => Some(Kernel::Shapley),
            _ => None,
        }
    }

    /// The estimate for a few targets, of the estimators that are sums over blocks.
    fn fit<'a>(
        self,
        plan: &'a Plan,
        ledger: &'a Ledger,
        targets: Range<usize>,
        mixing: Option<Array2<f64>>,
    ) -> Result<Fit<'a>> {
        let sums = self.sums(plan, ledger)?;
        Fit::new(plan, ledger, targets, sums, mixing)
    }

    /// The sums of an estimator that is one of sums over blocks, if there are masks enough.
    fn sums(self, plan: &Plan, ledger: &Ledger) -> Result<Sums> {
        ledger.expect_plan(plan)?;
        let (sums, needed) = match self {
            Estimator::HorvitzThompson => (Sums::Difference { centred: false }, 1),
            Estimator::PassOnly => (Sums::Pass, 1),
            Estimator::SelfNormalised => (Sums::Ratio, 1),
            // `Centred`, and `Averaged` of too few masks for a surrogate; the others have ways of their own.
            _ => (Sums::Difference { centred: true }, 2),
        };
        let given = ledger.masks();
        if given < needed {
            return Err(Error::TooFewMasks {
                estimator: self.name(),
                given,
                needed,
            });
        }
        Ok(sums)
    }
}

/// What estimates are written into, `[targets, J, H, W]`.
fn zeros(plan: &Plan, ledger: &Ledger) -> Array4<f32> {
    let [_, height, width] = plan.shape();
    Array4::zeros((ledger.targets().len(), plan.planes(), height, width))
}

/// The estimates of all targets, from those of each.
fn each_target(
    plan: &Plan,
    ledger: &Ledger,
    of: impl Fn(usize) -> Result<(Array3<f32>, Option<Array3<f32>>)> + Sync,
) -> Result<Estimates> {
    let (mut maps, mut all) = (zeros(plan, ledger), None);
    let targets = (0..ledger.targets().len()).collect::<Vec<_>>();
    // A group at a time, so that not more estimates lie about than threads make.
    for group in targets.chunks(rayon::current_num_threads()) {
        let estimates: Vec<_> = group.par_iter().map(|&target| of(target)).collect();
        for (&target, estimate) in group.iter().zip(estimates) {
            let (map, errors) = estimate?;
            maps.index_axis_mut(Axis(0), target).assign(&map);
            if let Some(errors) = errors {
                let all = all.get_or_insert_with(|| zeros(plan, ledger));
                all.index_axis_mut(Axis(0), target).assign(&errors);
            }
        }
    }
    Ok((maps, all))
}
