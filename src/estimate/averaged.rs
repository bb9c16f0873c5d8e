//! The average of the surrogate's map and the centred one, each as certain as it is.

use ndarray::{Array2, Array3, ArrayRef3};

use crate::error::Result;
use crate::estimate::blocks::{Fit, MIN_BLOCKS};
use crate::estimate::sums::Sums;
use crate::estimate::surrogate::Surrogate;
use crate::ledger::Ledger;
use crate::masks::plan::Plan;

/// The average for one target.
pub(super) struct Averaged<'a> {
    surrogate: Surrogate<'a>,
    /// `None` below 8 blocks, where the surrogate stands alone.
    centred: Option<Fit<'a>>,
    /// `[J, H, W]`, as the others.
    pub map: Array3<f32>,
    pub error: Array3<f32>,
    /// The weight of the centred map in the average.
    weight: Array3<f32>,
}

impl<'a> Averaged<'a> {
    /// With s and c the surrogate's and the centred map's errors, `l = s^2 / (s^2 + c^2)`: the map is
    /// `(1 - l) surrogate + l centred`. Its variance is `s^2 (1 - l^2) + l^2 c^2`: what the data says
    /// is in both, so that their errors' covariance is `s^2`, as it is for any posterior mean.
    pub fn new(
        plan: &'a Plan,
        ledger: &'a Ledger,
        target: usize,
        mixing: Option<&Array2<f64>>,
    ) -> Result<Self> {
        let surrogate = Surrogate::fit(plan, ledger, target)?.mixed(mixing);
        let (mut map, mut error) = (surrogate.map(), surrogate.standard_deviation());
        let mut weight = Array3::zeros(map.dim());
        let sums = Sums::Difference { centred: true };
        let centred = (ledger.blocks() >= MIN_BLOCKS)
            .then(|| Fit::new(plan, ledger, target..target + 1, sums, mixing.cloned()))
            .transpose()?;
        if let Some(fit) = &centred {
            let errors = fit.standard_error();
            let centred = fit.map.iter().zip(&errors);
            let averaged = map.iter_mut().zip(&mut error).zip(&mut weight);
            for (((map, error), weight), (&centred, &c)) in averaged.zip(centred) {
                let (s, c) = (error.powi(2), (c as f32).powi(2));
                // Where neither has an error there is nothing to weigh: outside the region.
                *weight = if s + c > 0.0 { s / (s + c) } else { 0.0 };
                *map += *weight * (centred as f32 - *map);
                let l = weight.powi(2);
                *error = (s * (1.0 - l) + l * c).sqrt();
            }
        }
        Ok(Averaged {
            surrogate,
            centred,
            map,
            error,
            weight,
        })
    }

    /// The sum of weights times the map, and its error: with l as above, the variance is
    /// `s^2(w) - s^2(l w) + c^2(l w)`.
    pub fn contrast(&self, weights: &ArrayRef3<f64>) -> Result<(f64, f64)> {
        let value = self.map.iter().zip(weights);
        let value = value.map(|(&m, w)| f64::from(m) * w).sum();
        let (_, error) = self.surrogate.contrast(weights)?;
        let Some(centred) = &self.centred else {
            return Ok((value, error));
        };
        let shared = self.weight.mapv(f64::from) * weights.view();
        let (_, part) = self.surrogate.contrast(&shared)?;
        let shared: Vec<f64> = shared.into_iter().collect();
        let variance = error.powi(2) - part.powi(2) + centred.contrast_error(&shared).powi(2);
        Ok((value, variance.max(0.0).sqrt()))
    }
}
