//! LIME and KernelSHAP: a weighted linear regression of the score on the states of fixed cells.

use ndarray::{Array1, Array2, Array4, ArrayRef3, Axis};

use crate::error::{Error, Result};
use crate::estimate::linalg::Cholesky;
use crate::ledger::Ledger;
use crate::masks::family::Shown;
use crate::masks::grid::Enlargement;
use crate::masks::mask::Block;
use crate::masks::plan::Plan;

/// The width of LIME's kernel, and the weight of its penalty.
const WIDTH: f64 = 0.25;
const PENALTY: f64 = 1.0;

/// The weight of a sample that KernelSHAP gives an infinite one; the largest other weight is 1.
const INFINITE: f64 = 1e6;

/// Cells times planes, at most: their matrix is squared in memory and cubed in time.
const MOST_FEATURES: usize = 4096;

/// How samples are weighted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kernel {
    /// By the cosine distance to the whole image.
    Cosine,
    /// As coalitions in Shapley values.
    Shapley,
}

/// The fit of all targets of a ledger.
pub(super) struct Regression<'a> {
    plan: &'a Plan,
    /// `[samples, features]`: whether a cell feeds a plane, cell by cell, less the weighted means.
    rows: Array2<f64>,
    weights: Array1<f64>,
    /// `[features, targets]`.
    coefficients: Array2<f64>,
    /// `[samples, targets]`.
    residuals: Array2<f64>,
    factor: Cholesky,
}

impl<'a> Regression<'a> {
    pub fn new(plan: &'a Plan, ledger: &Ledger, kernel: Kernel) -> Result<Self> {
        ledger.expect_plan(plan)?;
        check(plan, kernel)?;
        let (mut rows, mut scores, active) = samples(plan, ledger);
        let weights = weights(plan, kernel, &rows, active);
        let total = weights.sum();
        for column in [&mut rows, &mut scores] {
            let means = weights.dot(column) / total;
            *column -= &means;
        }
        let weighted = &rows * &weights.view().insert_axis(Axis(1));
        let mut gram = weighted.t().dot(&rows);
        let penalty = match kernel {
            Kernel::Cosine => PENALTY,
            // Just enough for cells that no sample tells apart.
            Kernel::Shapley => 1e-10,
        };
        gram.diag_mut().mapv_inplace(|v| v + penalty);
        let right = weighted.t().dot(&scores);
        let unsolved =
            || Error::parameter("estimator", "a regression without a solution", "more masks");
        let factor = Cholesky::new(gram).ok_or_else(unsolved)?;
        let mut coefficients = Array2::zeros(right.dim());
        for (right, mut solution) in right
            .axis_iter(Axis(1))
            .zip(coefficients.axis_iter_mut(Axis(1)))
        {
            solution.assign(&factor.solve(&right.to_owned()));
        }
        Ok(Regression {
            plan,
            residuals: scores - rows.dot(&coefficients),
            rows,
            weights,
            coefficients,
            factor,
        })
    }

    /// The coefficients as maps `[targets, J, H, W]`.
    pub fn maps(&self) -> Array4<f32> {
        let columns: Vec<Array1<f64>> = self
            .coefficients
            .axis_iter(Axis(1))
            .map(|c| c.to_owned())
            .collect();
        self.painted(&columns)
    }

    /// The standard errors of [`Regression::maps`], right whatever the variance of the scores is (the sandwich of
    /// Huber and White); `None` where they cannot be known.
    pub fn standard_errors(&self) -> Option<Array4<f32>> {
        if !self.leaves_residuals() {
            return None;
        }
        let targets = 0..self.residuals.dim().1;
        let errors = targets.map(|t| self.covariance(t).diag().mapv(|v| v.max(0.0).sqrt()));
        Some(self.painted(&errors.collect::<Vec<_>>()))
    }

    /// Whether there are more samples than unknowns, the intercept included: otherwise the fit goes through all scores, and
    /// what it leaves says nothing of how far it is off.
    fn leaves_residuals(&self) -> bool {
        let (samples, features) = self.rows.dim();
        samples > features + 1
    }

    /// `sum of weights * map` of a target, and its standard error, if it can be known.
    pub fn contrast(&self, target: usize, weights: &ArrayRef3<f64>) -> (f64, Option<f64>) {
        let planes = self.plan.planes();
        let mut sums = Array1::<f64>::zeros(self.coefficients.dim().0);
        for ((plane, y, x), weight) in weights.indexed_iter() {
            if self.evaluated(y, x) {
                sums[self.cell(y, x) * planes + plane] += weight;
            }
        }
        let value = sums.dot(&self.coefficients.column(target));
        let error = self.leaves_residuals().then(|| {
            let variance = sums.dot(&self.covariance(target).dot(&sums));
            variance.max(0.0).sqrt()
        });
        (value, error)
    }

    /// `G^-1 (sum w^2 r^2 x xT) G^-1`, times n / (n - features) of n samples.
    fn covariance(&self, target: usize) -> Array2<f64> {
        let (samples, features) = self.rows.dim();
        let scale = &self.weights * &self.residuals.column(target);
        let scaled = &self.rows * &scale.insert_axis(Axis(1));
        // G^-1 = L^-T L^-1, so the rows of the square root are G^-1 x.
        let half = self.factor.half_solve(scaled.t().to_owned());
        let inverse = self.factor.half_solve(Array2::eye(features));
        let root = inverse.t().dot(&half);
        root.dot(&root.t()) * (samples as f64 / (samples - features) as f64)
    }

    /// Values of the features, as maps.
    fn painted(&self, values: &[Array1<f64>]) -> Array4<f32> {
        let [_, height, width] = self.plan.shape();
        let planes = self.plan.planes();
        Array4::from_shape_fn(
            (values.len(), planes, height, width),
            |(t, j, y, x)| match self.evaluated(y, x) {
                true => values[t][self.cell(y, x) * planes + j] as f32,
                false => 0.0,
            },
        )
    }

    fn evaluated(&self, y: usize, x: usize) -> bool {
        let region = &self.plan.spec().region;
        region.as_ref().is_none_or(|region| region.pixels()[[y, x]])
    }

    /// The cell that a pixel lies in.
    fn cell(&self, y: usize, x: usize) -> usize {
        let [_, height, width] = self.plan.shape();
        match &self.plan.spec().segments {
            Some(segments) => segments.labels()[[y, x]] as usize,
            None => {
                let [rows, columns] = self.plan.cells();
                // A pixel's centre, in fractions of integers as the masks have it.
                let of = |p: usize, cells: usize, pixels: usize| (2 * p + 1) * cells / (2 * pixels);
                of(y, rows, height) * columns + of(x, columns, width)
            }
        }
    }
}

/// That the masks are what the regression is about.
pub(super) fn check(plan: &Plan, kernel: Kernel) -> Result<()> {
    let spec = plan.spec();
    let still = plan.offsets() == [1, 1];
    let hard = spec.segments.is_some() || spec.enlargement == Enlargement::Nearest;
    let channels = 0..plan.shape()[0];
    let hides = channels
        .into_iter()
        .all(|c| plan.family().shows(0, c) == Shown::Baseline);
    let name = match kernel {
        Kernel::Cosine => "lime",
        Kernel::Shapley => "kernel-shap",
    };
    let refuse = |given: &str, expected: &str| {
        Err(Error::parameter(
            "estimator",
            format!("{name}, for {given}"),
            expected,
        ))
    };
    if !(still && hard) {
        return refuse(
            "cells that move or have soft edges",
            "segments, or a grid with placement fixed and enlargement nearest",
        );
    }
    let features = plan.cells().iter().product::<usize>() * plan.planes();
    if features > MOST_FEATURES {
        return refuse(
            &format!("{features} cells times planes"),
            &format!("at most {MOST_FEATURES}"),
        );
    }
    if !hides {
        return refuse(
            "masks that paint over the image",
            "masks that hide what is not selected: rise, racm",
        );
    }
    if kernel == Kernel::Shapley && plan.planes() != 1 {
        return refuse("masks by channel", "one plane: rise (lime takes any)");
    }
    Ok(())
}

/// Features `[samples, features]`, scores `[samples, targets]`, and how many features are drawn. The unmasked image is
/// a sample, too, where its score is known.
fn samples(plan: &Plan, ledger: &Ledger) -> (Array2<f64>, Array2<f64>, usize) {
    let planes = plan.planes();
    let features = plan.cells().iter().product::<usize>() * planes;
    let known = ledger.unmasked_scores().iter().all(|s| s.is_finite());
    let n = ledger.masks() as usize + usize::from(known);
    let mut rows = Array2::zeros((n, features));
    let mut scores = Array2::zeros((n, ledger.targets().len()));
    let mut filled = rows.outer_iter_mut().zip(scores.outer_iter_mut());
    let mut states = Vec::new();
    for (index, answers) in ledger.iter() {
        let block = Block::new(plan, ledger.seed(), index);
        for (position, answer) in answers.outer_iter().enumerate() {
            let Some((mut row, mut score)) = filled.next() else {
                break;
            };
            block.draw(position, &mut states);
            for (cell, &state) in states.iter().enumerate() {
                let fed = plan.incidence(state);
                for plane in 0..planes {
                    row[cell * planes + plane] = (fed >> plane & 1) as f64;
                }
            }
            score.assign(&answer.mapv(f64::from));
        }
    }
    let block = Block::new(plan, ledger.seed(), 0);
    let drawn: Vec<bool> = (0..features).map(|f| block.samples(f / planes)).collect();
    if let Some((mut row, mut score)) = filled.next() {
        row.iter_mut()
            .zip(&drawn)
            .for_each(|(v, &drawn)| *v = f64::from(u8::from(drawn)));
        let whole = ledger.unmasked_scores().iter();
        score
            .iter_mut()
            .zip(whole)
            .for_each(|(s, &f)| *s = f64::from(f));
    }
    (rows, scores, drawn.into_iter().filter(|&d| d).count())
}

/// The weight of every sample.
fn weights(plan: &Plan, kernel: Kernel, rows: &Array2<f64>, features: usize) -> Array1<f64> {
    let shown = rows.sum_axis(Axis(1));
    let count = features as f64;
    if kernel == Kernel::Cosine {
        // sqrt(exp(-d^2 / width^2)), d = 1 - the cosine of the angle to the vector of ones.
        return shown.mapv(|k| {
            let distance = 1.0 - (k / count).sqrt();
            (-0.5 * (distance / WIDTH).powi(2)).exp()
        });
    }
    let p = plan.spec().p_pix;
    let choose = |k: usize| {
        (1..=k)
            .map(|i| ((features - k + i) as f64 / i as f64).ln())
            .sum::<f64>()
    };
    // (S - 1) / (C(S, k) k (S - k)) over the probability of the sample, as logarithms.
    let logarithms: Vec<Option<f64>> = (0..=features)
        .map(|k| {
            let (shown, hidden) = (k as f64, count - k as f64);
            let drawn = shown * p.ln() + hidden * (1.0 - p).ln();
            let inner = shown > 0.0 && hidden > 0.0;
            inner.then(|| (count - 1.0).ln() - choose(k) - shown.ln() - hidden.ln() - drawn)
        })
        .collect();
    let of = |k: f64| logarithms[k.round() as usize];
    let top = shown
        .iter()
        .filter_map(|&k| of(k))
        .fold(f64::NEG_INFINITY, f64::max);
    let finite = shown.mapv(|k| of(k).map_or(0.0, |l| (l - top).exp()));
    let mut weights = finite;
    let ends = weights.iter_mut().zip(&shown);
    ends.filter(|(_, k)| of(**k).is_none())
        .for_each(|(w, _)| *w = INFINITE);
    weights
}
