//! The average of the surrogate's map and the centred one, each as certain as it is.

use ndarray::{Array2, Array3, ArrayRef3};

use crate::error::Result;
use crate::estimate::blocks::{Fit, MIN_BLOCKS};
use crate::estimate::sums::Sums;
use crate::estimate::surrogate::{Masks, Surrogate};
use crate::ledger::Ledger;

/// Of the surrogate's squared error, how much is in the centred map's as well. Of the shares tried on signs and photos (0, 2/3, and
/// 1, which is the surrogate alone) this one has the surrogate's squared error, and Insertion between those of the others.
const SHARED: f64 = 2.0 / 3.0;

/// Of a pixel's difference between the maps, what is beyond so many standard errors of the centred one is something that the surrogate
/// misses: a detail too fine for its field. With 3, maps of signs and photos stay as they are.
const DOUBT: f64 = 3.0;

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
    /// What the average still misses of what the surrogate does.
    missed: Array3<f32>,
}

impl<'a> Averaged<'a> {
    /// With s and c the surrogate's and the centred map's errors and `k s^2` their covariance, the centred map counts
    /// `l = (1 - k) s^2 / (s^2 + c^2 - 2 k s^2)`, where c is pooled over a plane, for each by itself is noise where blocks are few.
    /// The variance is `(1 - l)^2 s^2 + l^2 c^2 + 2 l (1 - l) k s^2`, with the pixel's own c. Where the maps differ by more than
    /// `d = 3 max(c, own c)`, the square of the difference less `d^2` is in the surrogate's error as well, and not shared.
    pub fn new(
        masks: &Masks<'a, '_>,
        ledger: &'a Ledger,
        target: usize,
        mixing: Option<&Array2<f64>>,
    ) -> Result<Self> {
        let plan = masks.plan();
        let surrogate = Surrogate::of_masks(masks, target)?.mixed(mixing);
        let (mut map, mut error) = (surrogate.map(), surrogate.standard_deviation());
        let mut weight = Array3::zeros(map.dim());
        let mut missed = Array3::zeros(map.dim());
        let sums = Sums::Difference { centred: true };
        let centred = (ledger.blocks() >= MIN_BLOCKS)
            .then(|| Fit::new(plan, ledger, target..target + 1, sums, mixing.cloned()))
            .transpose()?;
        if let Some(fit) = &centred {
            let errors = fit.standard_error();
            let pooled = pooled(&errors, map.dim().0);
            let centred = fit.map.iter().zip(&errors).zip(&pooled);
            let averaged = map.iter_mut().zip(&mut error);
            let averaged = averaged.zip(weight.iter_mut().zip(&mut missed));
            for (((map, error), (weight, missed)), ((&centred, &c), &pooled)) in
                averaged.zip(centred)
            {
                let s = f64::from(*error).powi(2);
                // Where neither has an error there is nothing to weigh: outside the region.
                if s == 0.0 {
                    continue;
                }
                let difference = centred - f64::from(*map);
                let likely = DOUBT * DOUBT * pooled.max(c * c);
                let beyond = (difference * difference - likely).max(0.0);
                let own = (1.0 - SHARED) * s + beyond;
                let l = own / (own + pooled - SHARED * s).max(own);
                *weight = l as f32;
                *missed = ((1.0 - l) * beyond.sqrt()) as f32;
                *map += (l * difference) as f32;
                let both = 2.0 * l * (1.0 - l) * SHARED * s;
                let variance = (1.0 - l).powi(2) * (s + beyond) + (l * c).powi(2) + both;
                *error = variance.sqrt() as f32;
            }
        }
        Ok(Averaged {
            surrogate,
            centred,
            map,
            error,
            weight,
            missed,
        })
    }

    /// The sum of weights w times the map, and its error: with l as above, s the surrogate's error of such a sum and c the
    /// centred map's, the variance is
    /// `s^2((1 - l) w) + c^2(l w) + k (s^2(w) - s^2((1 - l) w) - s^2(l w))`, and the square of what is missed, as if all of it had
    /// one sign.
    pub fn contrast(&self, weights: &ArrayRef3<f64>) -> Result<(f64, f64)> {
        let value = self.map.iter().zip(weights);
        let value = value.map(|(&m, w)| f64::from(m) * w).sum();
        let (_, error) = self.surrogate.contrast(weights)?;
        let Some(centred) = &self.centred else {
            return Ok((value, error));
        };
        let shared = self.weight.mapv(f64::from) * weights.view();
        let (_, part) = self.surrogate.contrast(&shared)?;
        let (_, rest) = self.surrogate.contrast(&(&weights.view() - &shared))?;
        let shared: Vec<f64> = shared.into_iter().collect();
        let [error, part, rest] = [error, part, rest].map(|e| e.powi(2));
        let own = centred.contrast_error(&shared).powi(2);
        let missed = self.missed.iter().zip(weights);
        let missed: f64 = missed.map(|(&m, w)| f64::from(m) * w.abs()).sum();
        let variance = rest + own + SHARED * (error - rest - part) + missed * missed;
        Ok((value, variance.max(0.0).sqrt()))
    }
}

/// The mean square of each plane's errors, at every pixel with an error.
fn pooled(errors: &[f64], planes: usize) -> Vec<f64> {
    let size = (errors.len() / planes.max(1)).max(1);
    let of_plane = errors.chunks(size).flat_map(|plane| {
        let count = plane.iter().filter(|&&e| e > 0.0).count();
        let mean = plane.iter().map(|e| e * e).sum::<f64>() / count.max(1) as f64;
        plane.iter().map(move |&e| if e > 0.0 { mean } else { 0.0 })
    });
    of_plane.collect()
}
