//! Estimates that are sums over blocks or quotients of them, and their spread between blocks.

use std::ops::Range;

use ndarray::{Array2, ArrayRef2};

use crate::error::{Error, Result};
use crate::estimate::effect::mixed;
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
            let scale = scale_of(sums, n);
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

    fn error_of(&self, squares: f64) -> f64 {
        error_of(squares, self.sweep.blocks(), self.masks)
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

    /// Of the sum of weights `[targets, J, H, W]` times the map.
    pub fn contrast_error(&self, weights: &[f64]) -> f64 {
        let residuals = self.by_plane(|pixel| &weights[pixel..]);
        let squares = residuals
            .iter()
            .map(|planes| planes.iter().sum::<f64>().powi(2));
        self.error_of(squares.sum())
    }

    /// For each block and plane the sum of weights times residuals; the weights of a pixel row begin where its first pixel
    /// is.
    fn by_plane<'w>(&self, weights: impl Fn(usize) -> &'w [f64] + Sync) -> Vec<Vec<f64>> {
        self.sweep.per_block(|pixel, masks, fields| {
            let (mut sum, weights) = (0.0, weights(pixel));
            self.residuals(pixel, masks, fields, |x, residual| {
                sum += weights[x] * residual
            });
            sum
        })
    }
}

/// sqrt(blocks / (blocks - 1) * sum over blocks of residual^2) / N
fn error_of(squares: f64, blocks: usize, masks: f64) -> f64 {
    let blocks = blocks as f64;
    (blocks / (blocks - 1.0) * squares).sqrt() / masks
}

/// What a linear estimate is multiplied by, for so many masks.
fn scale_of(sums: Sums, masks: f64) -> f64 {
    match sums {
        Sums::Difference { centred: true } => 1.0 / (masks - 1.0),
        _ => 1.0 / masks,
    }
}

/// For each plane of one target's map the sum of weights `[H, W]` (0 outside of the region) times it, with its standard
/// error; or for each plane that a matrix `[J, J]` makes of them.
pub(super) fn plane_sums(
    plan: &Plan,
    ledger: &Ledger,
    target: usize,
    sums: Sums,
    mixing: Option<&Array2<f64>>,
    weights: &ArrayRef2<f64>,
) -> Result<Vec<(f64, Option<f64>)>> {
    let targets = target..target + 1;
    let all = ledger.masks() as f64;
    let (mut values, mut residuals) = match sums {
        Sums::Ratio => {
            let fit = Fit::new(plan, ledger, targets, sums, None)?;
            let weights: Vec<f64> = weights.iter().copied().collect();
            let planes = fit.map.chunks_exact(weights.len());
            let values = planes.map(|plane| dot(plane, &weights)).collect();
            let row = |pixel| &weights[pixel % weights.len()..];
            (values, fit.by_plane(row))
        }
        // Sums over cells: what a pixel hangs on is gathered once a block, for all planes.
        _ => {
            let sweep = Sweep::new(plan, ledger, targets, sums, None);
            let (masks, mut blocks): (Vec<f64>, Vec<Vec<f64>>) = sweep
                .in_cells(|block, masks, sums| {
                    let weights = block.gather(weights);
                    let planes = sums.chunks_exact(weights.len());
                    (masks, planes.map(|plane| dot(plane, &weights)).collect())
                })
                .into_iter()
                .unzip();
            let scale = scale_of(sums, all);
            let total = |plane: usize| scale * blocks.iter().map(|sums| sums[plane]).sum::<f64>();
            let values: Vec<f64> = (0..plan.planes()).map(total).collect();
            for (sums, masks) in blocks.iter_mut().zip(masks) {
                let share = masks / (all * scale);
                let shares = sums.iter_mut().zip(&values);
                shares.for_each(|(sum, value)| *sum -= share * value);
            }
            (values, blocks)
        }
    };
    if let Some(mixing) = mixing {
        values = mixed(mixing, &values);
        residuals.iter_mut().for_each(|r| *r = mixed(mixing, r));
    }
    let count = residuals.len();
    let error = |plane: usize| {
        let squares = residuals.iter().map(|planes| planes[plane].powi(2)).sum();
        (count >= MIN_BLOCKS).then(|| error_of(squares, count, all))
    };
    let values = values.into_iter().enumerate();
    Ok(values.map(|(plane, value)| (value, error(plane))).collect())
}

fn dot(values: &[f64], weights: &[f64]) -> f64 {
    values.iter().zip(weights).map(|(v, w)| v * w).sum()
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
