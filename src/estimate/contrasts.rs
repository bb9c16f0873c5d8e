//! Linear functionals of maps, with their standard errors.

use ndarray::{Array3, ArrayRef2, ArrayRef3, Axis};

use super::averaged::Averaged;
use super::blocks::{MIN_BLOCKS, plane_sums};
use super::effect::mixed;
use super::regression::Regression;
use super::surrogate::{CrossFit, MIN_MASKS, Masks, Surrogate};
use super::{Estimator, Wanted};
use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::masks::plan::Plan;

impl Estimator {
    /// A linear functional of one target's map, `sum of weights * map`, and its standard error
    /// (`None` where [`Estimator::standard_errors`] are): a region's mean, the difference between two channels, ...
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
        self.contrast_of(Wanted::default(), plan, ledger, target, weights)
    }

    /// [`Estimator::contrast`], of an effect.
    pub(crate) fn contrast_of(
        self,
        wanted: Wanted<'_>,
        plan: &Plan,
        ledger: &Ledger,
        target: usize,
        weights: &ArrayRef3<f64>,
    ) -> Result<(f64, Option<f64>)> {
        let mixing = self.mixing(wanted.effect, plan)?;
        plan.expect_weights(weights)?;
        expect_target(ledger, target)?;
        if self == Estimator::Averaged && ledger.masks() >= MIN_MASKS {
            let average = Masks::of(wanted.prior, plan, ledger, |masks| {
                Averaged::new(masks, ledger, target, mixing.as_ref())
            })?;
            let (value, error) = average.contrast(weights)?;
            return Ok((value, Some(error)));
        }
        // Of K map: that of the map, by the weights K^T w.
        let mut weights = weights.to_owned();
        if let Some(mixing) = mixing {
            let flat: Vec<f64> = weights.iter().copied().collect();
            let back = mixed(&mixing.t().to_owned(), &flat);
            weights.iter_mut().zip(back).for_each(|(w, v)| *w = v);
        }
        if let Some(kernel) = self.kernel() {
            return Ok(Regression::new(plan, ledger, kernel)?.contrast(target, &weights));
        }
        match self {
            Estimator::Surrogate => {
                let (value, error) =
                    Surrogate::fit_with(wanted.prior, plan, ledger, target)?.contrast(&weights)?;
                Ok((value, Some(error)))
            }
            Estimator::SurrogateCorrected => {
                ledger.expect_plan(plan)?;
                let cross = CrossFit::new(wanted.prior, plan, ledger, None)?;
                let own = cross.maps[target].iter().zip(&weights);
                let own: f64 = own.map(|(&m, w)| f64::from(m) * w).sum();
                let plain = Estimator::HorvitzThompson;
                let (left, error) = plain.contrast(plan, &cross.residuals, target, &weights)?;
                Ok((own + left, error))
            }
            _ => {
                let fit = self.fit(plan, ledger, target..target + 1, None)?;
                let weights: Vec<f64> = weights.into_iter().collect();
                let value = weights.iter().zip(&fit.map).map(|(w, m)| w * m).sum();
                let error = (ledger.blocks() >= MIN_BLOCKS).then(|| fit.contrast_error(&weights));
                Ok((value, error))
            }
        }
    }

    /// For each plane the sum of weights `[H, W]` times its map, of an effect, with its standard error, if there
    /// is one: [`Estimator::contrast`] for all planes at once.
    pub(crate) fn plane_contrasts(
        self,
        wanted: Wanted<'_>,
        plan: &Plan,
        ledger: &Ledger,
        target: usize,
        weights: &ArrayRef2<f64>,
    ) -> Result<Vec<(f64, Option<f64>)>> {
        let mixing = self.mixing(wanted.effect, plan)?;
        let mixing = mixing.as_ref();
        expect_target(ledger, target)?;
        let planes = 0..plan.planes();
        let alone = planes.map(|plane| {
            let (height, width) = weights.dim();
            let mut all = Array3::zeros((plan.planes(), height, width));
            all.index_axis_mut(Axis(0), plane).assign(weights);
            all
        });
        if let Some(kernel) = self.kernel() {
            let fit = Regression::new(plan, ledger, kernel)?;
            return Ok(alone
                .map(|weights| fit.contrast(target, &weights))
                .collect());
        }
        let known = |(value, error)| (value, Some(error));
        match self {
            Estimator::Surrogate => {
                let fit = Surrogate::fit_with(wanted.prior, plan, ledger, target)?.mixed(mixing);
                alone
                    .map(|weights| fit.contrast(&weights).map(known))
                    .collect()
            }
            Estimator::Averaged if ledger.masks() >= MIN_MASKS => {
                let average = Masks::of(wanted.prior, plan, ledger, |masks| {
                    Averaged::new(masks, ledger, target, mixing)
                })?;
                alone
                    .map(|weights| average.contrast(&weights).map(known))
                    .collect()
            }
            Estimator::SurrogateCorrected => {
                ledger.expect_plan(plan)?;
                let cross = CrossFit::new(wanted.prior, plan, ledger, mixing)?;
                let plain = Estimator::HorvitzThompson;
                let left =
                    plain.plane_contrasts(wanted, plan, &cross.residuals, target, weights)?;
                let own = cross.maps[target]
                    .outer_iter()
                    .map(|plane| sum(plane.iter().map(|&m| m.into()), weights));
                Ok(own
                    .zip(left)
                    .map(|(own, (left, error))| (own + left, error))
                    .collect())
            }
            _ => {
                let sums = self.sums(plan, ledger)?;
                plane_sums(plan, ledger, target, sums, mixing, weights)
            }
        }
    }
}

fn sum(values: impl Iterator<Item = f64>, weights: &ArrayRef2<f64>) -> f64 {
    values.zip(weights).map(|(v, w)| v * w).sum()
}

fn expect_target(ledger: &Ledger, target: usize) -> Result<()> {
    let classes = ledger.targets().len();
    match target < classes {
        true => Ok(()),
        false => Err(Error::Target { target, classes }),
    }
}
