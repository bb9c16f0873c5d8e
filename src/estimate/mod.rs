//! From plan, seed and ledger to maps and standard errors: arithmetic without a model.

mod linalg;
pub(crate) mod link;
mod regression;
mod sums;
pub(crate) mod surrogate;

use ndarray::{Array3, Array4, ArrayRef3, Axis};

use crate::error::{Error, Result};
use crate::estimate::surrogate::{CrossFit, Surrogate};
use crate::ledger::Ledger;
use crate::masks::plan::Plan;
use crate::text::named;
use regression::{Kernel, Regression};
use sums::{Sums, Sweep};

/// Blocks below which there is no standard error.
pub(crate) const MIN_BLOCKS: usize = 8;

/// Targets whose sums are made together: their states are drawn once.
const GROUP: usize = 8;

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
/// # References
/// Hachiya and Nisawa, *Randomized Channel-pass Mask for Channel-wise Explanation of Black-box
/// Models*, Eq. 5, 9, 10 and 16 (their Eq. 10 prints the reciprocal of the weight; Eq. 9 is right).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Estimator {
    /// `1/N sum_n w_nj(p) f_n`: the paper's. Unbiased, and very noisy where scores are high.
    HorvitzThompson,
    /// `1/(N-1) sum_n w_nj(p) (f_n - mean f)`, the sample covariance of weight and score: unbiased
    /// as well, and unmoved by a constant added to the score. The default.
    #[default]
    Centred,
    /// `sum M f / sum M - sum M_0 f / sum M_0`, the difference of two weighted means (Hajek). Its
    /// bias falls as 1/N.
    SelfNormalised,
    /// `1/N sum_n M_nj(p) f_n / P_j`: classic RISE, without the bias term.
    PassOnly,
    /// The map of a smooth additive model of the score: [`Surrogate`]. Biased, with the lowest
    /// error where masks are few. Its standard errors are posterior standard deviations, given at
    /// any number of masks.
    Surrogate,
    /// `Surrogate` plus the `HorvitzThompson` map of what it leaves, cross-fitted: every score is
    /// compared with the prediction of a model that was fitted to other blocks (five folds; fewer
    /// where there are fewer blocks, and at least two). Unbiased like `Centred`, with about a quarter
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
        match self {
            Estimator::Surrogate => {
                return surrogates(plan, ledger, |fit| fit.map());
            }
            Estimator::SurrogateCorrected => {
                ledger.expect_plan(plan)?;
                let cross = CrossFit::new(plan, ledger)?;
                let mut maps = Estimator::HorvitzThompson.maps(plan, &cross.residuals)?;
                for (mut map, surrogate) in maps.outer_iter_mut().zip(&cross.maps) {
                    map += surrogate;
                }
                return Ok(maps);
            }
            _ => {}
        }
        if let Some(kernel) = self.kernel() {
            return Ok(Regression::new(plan, ledger, kernel)?.maps());
        }
        self.over_targets(plan, ledger, |fit| Ok(fit.map))
    }

    /// The standard errors of all maps of a ledger, `[targets, J, H, W]`: the spread between blocks,
    /// which are independent. `None` below 8 blocks. For [`Estimator::Surrogate`] the posterior
    /// standard deviations.
    ///
    /// # Errors
    /// Those of [`Estimator::maps`].
    pub fn standard_errors(self, plan: &Plan, ledger: &Ledger) -> Result<Option<Array4<f32>>> {
        if let Estimator::Surrogate = self {
            return surrogates(plan, ledger, |fit| fit.standard_deviation()).map(Some);
        }
        if let Some(kernel) = self.kernel() {
            return Ok(Some(
                Regression::new(plan, ledger, kernel)?.standard_errors(),
            ));
        }
        if ledger.blocks() < MIN_BLOCKS {
            ledger.expect_plan(plan)?;
            return Ok(None);
        }
        if let Estimator::SurrogateCorrected = self {
            let residuals = CrossFit::new(plan, ledger)?.residuals;
            return Estimator::HorvitzThompson.standard_errors(plan, &residuals);
        }
        self.over_targets(plan, ledger, |fit| Ok(fit.standard_error()))
            .map(Some)
    }

    /// A linear functional of one target's map, `sum of weights * map`, and its standard error
    /// (`None` below 8 blocks): a region's mean, the difference between two channels, ...
    /// `weights` is `[J, H, W]`; `target` is an index into the ledger's targets.
    ///
    /// # Errors
    /// Those of [`Estimator::maps`], [`Error::Shape`] for weights of another shape,
    /// [`Error::Target`] if the ledger has no such target.
    pub fn contrast(
        self,
        plan: &Plan,
        ledger: &Ledger,
        target: usize,
        weights: &ArrayRef3<f64>,
    ) -> Result<(f64, Option<f64>)> {
        plan.expect_weights(weights)?;
        if target >= ledger.targets().len() {
            return Err(Error::Target {
                target,
                classes: ledger.targets().len(),
            });
        }
        match self {
            Estimator::Surrogate => {
                let (value, deviation) = Surrogate::fit(plan, ledger, target)?.contrast(weights)?;
                return Ok((value, Some(deviation)));
            }
            Estimator::SurrogateCorrected => {
                ledger.expect_plan(plan)?;
                let cross = CrossFit::new(plan, ledger)?;
                let own = cross.maps[target].iter().zip(weights);
                let own: f64 = own.map(|(&m, w)| f64::from(m) * w).sum();
                let (left, error) =
                    Estimator::HorvitzThompson.contrast(plan, &cross.residuals, target, weights)?;
                return Ok((own + left, error));
            }
            _ => {}
        }
        if let Some(kernel) = self.kernel() {
            let (value, error) = Regression::new(plan, ledger, kernel)?.contrast(target, weights);
            return Ok((value, Some(error)));
        }
        let fit = Fit::new(self, plan, ledger, target..target + 1)?;
        let weights: Vec<f64> = weights.iter().copied().collect();
        let value = weights.iter().zip(&fit.map).map(|(w, m)| w * m).sum();
        let error = (ledger.blocks() >= MIN_BLOCKS).then(|| fit.contrast_error(&weights));
        Ok((value, error))
    }

    fn over_targets(
        self,
        plan: &Plan,
        ledger: &Ledger,
        result: impl Fn(Fit<'_>) -> Result<Vec<f64>>,
    ) -> Result<Array4<f32>> {
        let [_, height, width] = plan.shape();
        let targets = ledger.targets().len();
        let mut maps = Array4::zeros((targets, plan.planes(), height, width));
        for (group, mut out) in maps.axis_chunks_iter_mut(Axis(0), GROUP).enumerate() {
            let first = group * GROUP;
            let fit = Fit::new(self, plan, ledger, first..first + out.dim().0)?;
            let values = result(fit)?;
            out.iter_mut().zip(values).for_each(|(o, v)| *o = v as f32);
        }
        Ok(maps)
    }

    /// That the masks of a plan are of a kind that the estimator can make a map of.
    pub(crate) fn check(self, plan: &Plan) -> Result<()> {
        match self.kernel() {
            Some(kernel) => regression::check(plan, kernel),
            None => Ok(()),
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

    fn minimum(self) -> u64 {
        match self {
            Estimator::Centred => 2,
            _ => 1,
        }
    }
}

fn surrogates(
    plan: &Plan,
    ledger: &Ledger,
    result: impl Fn(Surrogate<'_>) -> Array3<f32>,
) -> Result<Array4<f32>> {
    let [_, height, width] = plan.shape();
    let targets = ledger.targets().len();
    let mut maps = Array4::zeros((targets, plan.planes(), height, width));
    for (target, mut out) in maps.outer_iter_mut().enumerate() {
        out.assign(&result(Surrogate::fit(plan, ledger, target)?));
    }
    Ok(maps)
}

/// The estimate for a few targets, with what its standard errors need.
struct Fit<'a> {
    sweep: Sweep<'a>,
    kind: Kind,
    masks: f64,
    /// `[targets, J, H, W]`.
    map: Vec<f64>,
}

enum Kind {
    /// The map is `scale * sum over blocks of U L`.
    Linear { scale: f64 },
    /// The map is `mean - bias_mean`, each the quotient of two sums over blocks.
    Ratio(Box<Ratio>),
}

/// Per pixel, `[targets, J, H, W]`.
struct Ratio {
    mean: Vec<f64>,
    weight: Vec<f64>,
    bias_mean: Vec<f64>,
    bias_weight: Vec<f64>,
}

impl<'a> Fit<'a> {
    fn new(
        estimator: Estimator,
        plan: &'a Plan,
        ledger: &'a Ledger,
        targets: std::ops::Range<usize>,
    ) -> Result<Self> {
        ledger.expect_plan(plan)?;
        let masks = ledger.masks();
        if masks < estimator.minimum() {
            return Err(Error::TooFewMasks {
                estimator: estimator.name(),
                given: masks,
                needed: estimator.minimum(),
            });
        }
        let n = masks as f64;
        let sums = match estimator {
            Estimator::HorvitzThompson => Sums::Difference { centred: false },
            Estimator::Centred => Sums::Difference { centred: true },
            Estimator::PassOnly => Sums::Pass,
            Estimator::SelfNormalised => Sums::Ratio,
            // The others have ways of their own.
            _ => Sums::Difference { centred: true },
        };
        let sweep = Sweep::new(plan, ledger, targets, sums);
        let (kind, map) = if let Estimator::SelfNormalised = estimator {
            let (ratio, map) = Ratio::new(&sweep, masks)?;
            (Kind::Ratio(Box::new(ratio)), map)
        } else {
            let scale = match estimator {
                Estimator::Centred => 1.0 / (n - 1.0),
                _ => 1.0 / n,
            };
            let mut map = sweep.fold(|_, _, fields, out| {
                out.iter_mut().zip(&fields[0]).for_each(|(o, v)| *o += v);
            });
            map.iter_mut().for_each(|v| *v *= scale);
            (Kind::Linear { scale }, map)
        };
        Ok(Fit {
            sweep,
            kind,
            masks: n,
            map,
        })
    }

    /// What a block of `masks` masks adds beyond its share, along one pixel row: the residuals whose
    /// spread between blocks is the standard error, each with its column.
    fn residuals(
        &self,
        pixel: usize,
        masks: f64,
        fields: &[Vec<f64>],
        mut each: impl FnMut(usize, f64),
    ) {
        let row = pixel..pixel + fields[0].len();
        match &self.kind {
            Kind::Linear { scale } => {
                // The mean of a block's masks in units of `fields`.
                let share = masks / (self.masks * scale);
                let values = fields[0].iter().zip(&self.map[row]).enumerate();
                values.for_each(|(x, (v, m))| each(x, v - share * m));
            }
            Kind::Ratio(ratio) => {
                for (x, p) in row.enumerate() {
                    let pass = (fields[0][x] - ratio.mean[p] * fields[1][x]) / ratio.weight[p];
                    let bias =
                        (fields[2][x] - ratio.bias_mean[p] * fields[3][x]) / ratio.bias_weight[p];
                    each(x, self.masks * (pass - bias));
                }
            }
        }
    }

    /// sqrt(blocks / (blocks - 1) * sum over blocks of residual^2) / N
    fn error_of(&self, squares: f64) -> f64 {
        let blocks = self.sweep.blocks() as f64;
        (blocks / (blocks - 1.0) * squares).sqrt() / self.masks
    }

    fn standard_error(&self) -> Vec<f64> {
        let mut squares = self.sweep.fold(|pixel, masks, fields, out| {
            self.residuals(pixel, masks, fields, |x, residual| {
                out[x] += residual * residual;
            });
        });
        squares.iter_mut().for_each(|v| *v = self.error_of(*v));
        self.sweep.clear_outside(&mut squares);
        squares
    }

    fn contrast_error(&self, weights: &[f64]) -> f64 {
        let residuals = self.sweep.per_block(|pixel, masks, fields| {
            let mut sum = 0.0;
            self.residuals(pixel, masks, fields, |x, residual| {
                sum += weights[pixel + x] * residual;
            });
            sum
        });
        self.error_of(residuals.iter().map(|r| r * r).sum())
    }
}

impl Ratio {
    fn new(sweep: &Sweep<'_>, masks: u64) -> Result<(Self, Vec<f64>)> {
        let mut totals = sweep.totals().into_iter();
        let mut total = || totals.next().unwrap_or_default();
        let (scores, mut weight, bias_scores, mut bias_weight) =
            (total(), total(), total(), total());
        for (state, weights) in [("selected", &weight), ("unselected", &bias_weight)] {
            if let Some(p) = sweep.inside().find(|&p| weights[p] <= 0.0) {
                let (plane, row, column) = sweep.locate(p);
                return Err(Error::NeverSeen {
                    plane,
                    row,
                    column,
                    state,
                    masks,
                });
            }
        }
        // Outside the region both sums are 0; any weight makes their quotient 0 as well.
        for weights in [&mut weight, &mut bias_weight] {
            weights
                .iter_mut()
                .filter(|w| **w == 0.0)
                .for_each(|w| *w = 1.0);
        }
        let quotient = |mut sum: Vec<f64>, weight: &[f64]| {
            sum.iter_mut().zip(weight).for_each(|(s, w)| *s /= w);
            sum
        };
        let ratio = Ratio {
            mean: quotient(scores, &weight),
            bias_mean: quotient(bias_scores, &bias_weight),
            weight,
            bias_weight,
        };
        let means = ratio.mean.iter().zip(&ratio.bias_mean);
        let map = means.map(|(a, b)| a - b).collect();
        Ok((ratio, map))
    }
}
