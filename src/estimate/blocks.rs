//! Estimates that are sums over blocks or quotients of them, and their spread between blocks.

use std::ops::Range;

use ndarray::Array2;

use crate::error::{Error, Result};
use crate::estimate::sums::{Sums, Sweep};
use crate::ledger::Ledger;
use crate::masks::plan::Plan;

/// Blocks below which there is no standard error.
pub(super) const MIN_BLOCKS: usize = 8;

/// The estimate for a few targets, with what its standard errors need.
pub(super) struct Fit<'a> {
    sweep: Sweep<'a>,
    kind: Kind,
    masks: f64,
    /// `[targets, J, H, W]`.
    pub map: Vec<f64>,
}

enum Kind {
    /// The map is `scale * sum over blocks of U L`.
    Linear { scale: f64 },
    /// The map is `mean - bias_mean`, each the quotient of two sums over blocks.
    Ratio(Box<Ratio>),
}

/// Per pixel, `[targets, J, H, W]`, of the planes of Eq. 9.
struct Ratio {
    mean: Vec<f64>,
    weight: Vec<f64>,
    bias_mean: Vec<f64>,
    bias_weight: Vec<f64>,
}

impl<'a> Fit<'a> {
    pub fn new(
        plan: &'a Plan,
        ledger: &'a Ledger,
        targets: Range<usize>,
        sums: Sums,
        mixing: Option<Array2<f64>>,
    ) -> Result<Self> {
        let masks = ledger.masks();
        let n = masks as f64;
        let sweep = Sweep::new(plan, ledger, targets, sums, mixing);
        let (kind, map) = if let Sums::Ratio = sums {
            let (ratio, map) = Ratio::new(&sweep, masks)?;
            (Kind::Ratio(Box::new(ratio)), map)
        } else {
            let scale = match sums {
                Sums::Difference { centred: true } => 1.0 / (n - 1.0),
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
                let planes = self.sweep.planes_behind(pixel);
                for x in 0..row.len() {
                    let residual = |(fields, &(first, times)): (&[Vec<f64>], &(usize, f64))| {
                        let p = first + x;
                        let pass = (fields[0][x] - ratio.mean[p] * fields[1][x]) / ratio.weight[p];
                        let bias = (fields[2][x] - ratio.bias_mean[p] * fields[3][x])
                            / ratio.bias_weight[p];
                        times * (pass - bias)
                    };
                    let residuals = fields.chunks_exact(4).zip(&planes).map(residual);
                    each(x, self.masks * residuals.sum::<f64>());
                }
            }
        }
    }

    /// sqrt(blocks / (blocks - 1) * sum over blocks of residual^2) / N
    fn error_of(&self, squares: f64) -> f64 {
        let blocks = self.sweep.blocks() as f64;
        (blocks / (blocks - 1.0) * squares).sqrt() / self.masks
    }

    pub fn standard_error(&self) -> Vec<f64> {
        let mut squares = self.sweep.fold(|pixel, masks, fields, out| {
            self.residuals(pixel, masks, fields, |x, residual| {
                out[x] += residual * residual;
            });
        });
        squares.iter_mut().for_each(|v| *v = self.error_of(*v));
        self.sweep.clear_outside(&mut squares);
        squares
    }

    pub fn contrast_error(&self, weights: &[f64]) -> f64 {
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
        Ok((ratio, sweep.mixed(map)))
    }
}
