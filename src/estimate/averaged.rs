//! The average of the surrogate's map and the centred one, each as certain as it is.

use ndarray::{Array2, Array3, Array4, ArrayRef3, Axis, Zip};

use crate::error::Result;
use crate::estimate::surrogate::Surrogate;
use crate::ledger::Ledger;
use crate::masks::plan::Plan;

/// The average of the maps of an effect.
pub(super) struct Averaged<'a> {
    plan: &'a Plan,
    ledger: &'a Ledger,
    mixing: Option<Array2<f64>>,
    /// The centred maps and their standard errors, `[targets, J, H, W]`; `None` below 8 blocks,
    /// where the surrogate stands alone.
    centred: Option<(Array4<f32>, Array4<f32>)>,
}

/// Of one target, `[J, H, W]`.
pub(super) struct Average {
    pub map: Array3<f32>,
    pub error: Array3<f32>,
    /// The weight of the centred map in the average.
    weight: Array3<f32>,
}

impl<'a> Averaged<'a> {
    pub fn new(
        plan: &'a Plan,
        ledger: &'a Ledger,
        mixing: Option<Array2<f64>>,
        centred: Option<(Array4<f32>, Array4<f32>)>,
    ) -> Self {
        Averaged {
            plan,
            ledger,
            mixing,
            centred,
        }
    }

    /// One array of every target's average.
    pub fn of_all(&self, result: impl Fn(Average) -> Array3<f32>) -> Result<Array4<f32>> {
        let [_, height, width] = self.plan.shape();
        let targets = self.ledger.targets().len();
        let mut out = Array4::zeros((targets, self.plan.planes(), height, width));
        for (target, mut out) in out.outer_iter_mut().enumerate() {
            out.assign(&result(self.average(target, &self.surrogate(target)?)));
        }
        Ok(out)
    }

    fn surrogate(&self, target: usize) -> Result<Surrogate<'a>> {
        let fit = Surrogate::fit(self.plan, self.ledger, target)?;
        Ok(fit.mixed(self.mixing.as_ref()))
    }

    /// With s and c the surrogate's and the centred map's errors, `l = s^2 / (s^2 + c^2)`: the map is
    /// `(1 - l) surrogate + l centred`. Its variance is `s^2 (1 - l^2) + l^2 c^2`: what the data says
    /// is in both, so that their errors' covariance is `s^2`, as it is for any posterior mean.
    fn average(&self, target: usize, surrogate: &Surrogate<'_>) -> Average {
        let mut average = Average {
            map: surrogate.map(),
            error: surrogate.standard_deviation(),
            weight: Array3::zeros((0, 0, 0)),
        };
        average.weight = Array3::zeros(average.map.dim());
        let Some((maps, errors)) = &self.centred else {
            return average;
        };
        Zip::from(&mut average.map)
            .and(&mut average.error)
            .and(&mut average.weight)
            .and(maps.index_axis(Axis(0), target))
            .and(errors.index_axis(Axis(0), target))
            .for_each(|map, error, weight, &centred, &c| {
                let (s, c) = (error.powi(2), c.powi(2));
                // Where neither has an error there is nothing to weigh: outside the region.
                *weight = if s + c > 0.0 { s / (s + c) } else { 0.0 };
                *map += *weight * (centred - *map);
                let l = weight.powi(2);
                *error = (s * (1.0 - l) + l * c).sqrt();
            });
        average
    }

    /// The sum of weights times a target's average, and its error: the variance is `s^2(w) - s^2(l w) + c^2(l w)`, with l
    /// as above. `centred` gives the error of a functional of the centred map.
    pub fn contrast(
        &self,
        target: usize,
        weights: &ArrayRef3<f64>,
        centred: impl Fn(&ArrayRef3<f64>) -> Result<Option<f64>>,
    ) -> Result<(f64, f64)> {
        let surrogate = self.surrogate(target)?;
        let average = self.average(target, &surrogate);
        let value = average.map.iter().zip(weights);
        let value = value.map(|(&m, w)| f64::from(m) * w).sum();
        let (_, whole) = surrogate.contrast(weights)?;
        let shared = average.weight.mapv(f64::from) * weights.view();
        let (_, part) = surrogate.contrast(&shared)?;
        let error = centred(&shared)?.unwrap_or(part);
        let variance = whole.powi(2) - part.powi(2) + error.powi(2);
        Ok((value, variance.max(0.0).sqrt()))
    }
}
