//! A smooth additive surrogate of the score, whose map is known exactly.

mod basis;
mod design;
mod features;
mod fit;
mod mixture;
mod prior;
mod scale;
mod search;

use std::sync::Arc;

use ndarray::{Array1, Array2, Array3, ArrayRef3};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::masks::plan::Plan;
use design::Scores;
use features::Features;
use mixture::Mixture;
use scale::{End, Scale, Worth};
use search::{SELECT, Search};

/// Masks below which there is no surrogate.
pub(crate) const MIN_MASKS: u64 = 16;

/// Of the likelihood of the best prior, what one that is kept must have.
const LEAST: f64 = 0.1;

/// Folds of blocks in the cross-fit.
const FOLDS: usize = 5;

/// A smooth additive model of the score, fitted to a ledger: the score of a mask, on a scale of its
/// own, is
///
/// `mu + sum over cells of sum_g beta_g F_g(state) + noise`,
///
/// where the features F of a cell's state are which planes it feeds, and which pairs of planes at
/// once. `beta = Uᵀ g`, g a Gaussian process over the image for each feature (Matérn 3/2 along each axis),
/// and the noise, of equal variance, stands for everything that is not additive. What is common to
/// the planes has a variance of its own. The variance of g is the same all over the image, or larger
/// about one place, as an object's is. Its place and width, the length, the variances and the noise
/// are those of the largest restricted likelihoods that a climb meets on the first 384 masks; the
/// four best, or fewer, are averaged, weighted by them. mu has a flat prior.
///
/// The scale is the score itself or, where that is likelier, a logarithm of its distance from the
/// lowest score (or the highest): of a class that needs most of its object to be seen, most scores
/// are near 0, and it is the ratios of small scores that tell. It is brought to the score's units by
/// the regression of the scores on their leave-one-out predictions, and what these leave of the
/// scores is fitted once more, as they are, under the likeliest prior; this second field counts as
/// much as it is likelier than none. So effects that are not additive on the scale are found with
/// many masks.
///
/// [`Surrogate::map`] is what the estimators estimate, `E[M_j f] / P_j - E[M_0 f] / P_0` (Eq. 9),
/// of the posterior mean, computed exactly and not from masks. It is biased (towards a smooth, small
/// map) and has the lower error where masks are few. [`Surrogate::standard_deviation`] is the
/// posterior's: it is right as far as the model is, and no standard error (nominal 95 % intervals held
/// 93 to 95 % of the truth, medians over 13 signs at 100 to 3000 masks). For an unbiased map and a
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
/// Statistical Society B 26, 1964 (the scale and its likelihood); Hoeting et al., *Bayesian Model
/// Averaging*, Statistical Science 14, 1999.
pub struct Surrogate<'a> {
    plan: &'a Plan,
    /// The mean score.
    mean: f64,
    /// Of the scores on their scale.
    scaled: Mixture<'a>,
    /// Of what the above leaves of the scores themselves.
    left: Option<Mixture<'a>>,
    /// The squared relative standard error of the factor that brings the scale to the score.
    uncertainty: f64,
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
    /// Fits the scores of one target (an index into the ledger's targets).
    ///
    /// # Errors
    /// [`Error::Ledger`] if the ledger is of another plan, [`Error::Target`],
    /// [`Error::TooFewMasks`] below 16 masks.
    pub fn fit(plan: &'a Plan, ledger: &Ledger, target: usize) -> Result<Self> {
        ledger.expect_plan(plan)?;
        let classes = ledger.targets().len();
        if target >= classes {
            return Err(Error::Target { target, classes });
        }
        let blocks: Vec<_> = ledger.iter().collect();
        let states = Arc::new(Features::new(plan));
        Self::of_blocks(plan, ledger.seed(), &blocks, target, &states)
    }

    fn of_blocks(
        plan: &'a Plan,
        seed: u64,
        blocks: &[Scores<'_>],
        target: usize,
        states: &Arc<Features>,
    ) -> Result<Self> {
        let scores = blocks.iter().flat_map(|(_, scores)| scores.column(target));
        let scores: Vec<f64> = scores.map(|&f| f64::from(f)).collect();
        if (scores.len() as u64) < MIN_MASKS {
            return Err(Error::TooFewMasks {
                estimator: "surrogate",
                given: scores.len() as u64,
                needed: MIN_MASKS,
            });
        }
        let (mut few, mut count) = (0, 0);
        while count < SELECT && few < blocks.len() {
            count += blocks[few].1.dim().0;
            few += 1;
        }
        let (few, seen) = (&blocks[..few], &scores[..count]);
        let share = count as f64 / scores.len() as f64;
        let mut scale = Scale::straight(&scores);
        let mut start = Search::new(plan, seed, states, few, seen).start();
        let mut likelihood = start.evidence();
        for end in [End::Low, End::High] {
            let Some(other) = Scale::logarithmic(&scores, end) else {
                continue;
            };
            let own = Search::new(plan, seed, states, few, &other.values[..count]).start();
            let its = own.evidence() + share * other.log_slope;
            if its > likelihood {
                (scale, start, likelihood) = (other, own, its);
            }
        }
        let mut best = Search::new(plan, seed, states, few, &scale.values[..count]).best(start);
        // What would weigh next to nothing is not worth a regression on all masks, the more so the more
        // they are.
        let least = best[0].evidence() + LEAST.ln() * share.sqrt();
        best.retain(|c| c.evidence() >= least);
        if few.len() < blocks.len() {
            best = Search::new(plan, seed, states, blocks, &scale.values).again(&best);
        }
        let mut scaled = Mixture::new(best);
        let (mut left, mut uncertainty) = (None, 0.0);
        let bent = scale
            .bent
            .then(|| scaled.leave_one_out(blocks, &scale.values));
        if let Some(predictions) = bent.flatten() {
            let (worth, residuals) = Worth::new(&predictions, &scores);
            let search = Search::new(plan, seed, states, blocks, &residuals);
            left = Some(Mixture::or_nothing(search.of_other(scaled.first())));
            (scaled.factor, uncertainty) = (worth.factor, worth.uncertainty);
        }
        Ok(Surrogate {
            plan,
            mean: scale::mean(&scores),
            scaled,
            left,
            uncertainty,
        })
    }

    /// The same fit with the planes of its map mixed by a matrix `[J, J]`.
    pub(crate) fn mixed(mut self, mixing: Option<&Array2<f64>>) -> Self {
        if let Some(mixing) = mixing {
            self.scaled.mix(mixing);
            self.left.iter_mut().for_each(|left| left.mix(mixing));
        }
        self
    }

    fn mixtures(&self) -> impl Iterator<Item = &Mixture<'a>> {
        [&self.scaled].into_iter().chain(&self.left)
    }

    /// The map `[J, H, W]`, in units of the score; 0 outside the plan's region.
    pub fn map(&self) -> Array3<f32> {
        let mut out = self.empty();
        self.mixtures()
            .for_each(|mixture| mixture.add_map(&mut out));
        self.shaped(out)
    }

    /// The posterior standard deviation of the map, `[J, H, W]`; 0 outside the plan's region.
    pub fn standard_deviation(&self) -> Array3<f32> {
        let mut out = self.empty();
        self.scaled.add_variance(self.uncertainty, &mut out);
        if let Some(left) = &self.left {
            left.add_variance(0.0, &mut out);
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
        let (scaled, mut variance) = self.scaled.functional(&weights);
        variance += self.uncertainty * scaled * scaled;
        let left = self.left.as_ref();
        let (left, more) = left.map_or((0.0, 0.0), |left| left.functional(&weights));
        Ok((scaled + left, (variance + more).sqrt()))
    }

    /// The length of the field's kernel under the likeliest prior, in cells: one of 0.25, 0.5, 0.8,
    /// 1.2, 2 and 3.5.
    pub fn length(&self) -> f64 {
        self.scaled.first().prior.length_in_cells()
    }

    /// The standard deviation of what is not additive on the scale under the likeliest prior, in
    /// units of the score.
    pub fn noise(&self) -> f64 {
        let fit = self.scaled.first().fit.as_ref();
        fit.map_or(0.0, |fit| self.scaled.factor * fit.noise.sqrt())
    }

    /// The expected scores of the masks of some blocks.
    fn predict(&self, blocks: &[Scores<'_>]) -> Array1<f64> {
        let masks: usize = blocks.iter().map(|(_, scores)| scores.dim().0).sum();
        let mut out = Array1::from_elem(masks, self.mean);
        self.mixtures()
            .for_each(|mixture| mixture.add_effects(blocks, &mut out));
        out
    }

    fn empty(&self) -> Vec<f64> {
        let [_, height, width] = self.plan.shape();
        vec![0.0; self.plan.planes() * height * width]
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

/// The cross-fitted surrogate: its maps, and what it leaves of the scores.
pub(crate) struct CrossFit {
    /// For each target the mean of the folds' maps, weighted by their masks, `[J, H, W]`.
    pub maps: Vec<Array3<f32>>,
    /// Scores minus the predictions of a surrogate that has not seen their block.
    pub residuals: Ledger,
}

impl CrossFit {
    /// Block i belongs to fold i mod 5 (or fewer folds, where there are fewer blocks). All that a
    /// fold's surrogate knows, its length and ratio included, comes from the other folds, so that
    /// given it the residuals of the fold are of independent masks. The planes of the maps are mixed by a matrix `[J, J]`.
    pub fn new(plan: &Plan, ledger: &Ledger, mixing: Option<&Array2<f64>>) -> Result<Self> {
        let blocks: Vec<_> = ledger.iter().collect();
        let folds = blocks.len().min(FOLDS);
        let needed = plan.spec().block_size as u64 + MIN_MASKS;
        let few = |given| Error::TooFewMasks {
            estimator: "surrogate-corrected",
            given,
            needed,
        };
        let masks = ledger.masks();
        if folds < 2 {
            return Err(few(masks));
        }
        let targets = ledger.targets().len();
        let states = Arc::new(Features::new(plan));
        let [_, height, width] = plan.shape();
        let mut maps = vec![Array3::<f64>::zeros((plan.planes(), height, width)); targets];
        let mut residuals: Vec<Array2<f64>> =
            blocks.iter().map(|(_, s)| s.mapv(f64::from)).collect();
        let outcomes: Result<Vec<_>> = (0..folds)
            .into_par_iter()
            .map(|fold| {
                let part = |inside: bool| {
                    let blocks = blocks.iter().enumerate();
                    let blocks = blocks.filter(move |(i, _)| (i % folds == fold) == inside);
                    blocks.map(|(_, block)| *block).collect::<Vec<_>>()
                };
                let (others, own) = (part(false), part(true));
                let count: usize = own.iter().map(|(_, scores)| scores.dim().0).sum();
                if masks - (count as u64) < MIN_MASKS {
                    return Err(few(masks));
                }
                let surrogate = |target| {
                    let seed = ledger.seed();
                    let surrogate = Surrogate::of_blocks(plan, seed, &others, target, &states)?;
                    let surrogate = surrogate.mixed(mixing);
                    Ok((surrogate.map().mapv(f64::from), surrogate.predict(&own)))
                };
                let surrogates: Result<Vec<_>> = (0..targets).map(surrogate).collect();
                Ok((count as f64 / masks as f64, surrogates?))
            })
            .collect();
        for (fold, (share, surrogates)) in outcomes?.into_iter().enumerate() {
            for (target, (map, predicted)) in surrogates.into_iter().enumerate() {
                maps[target].scaled_add(share, &map);
                let own = residuals.iter_mut().skip(fold).step_by(folds);
                let own = own.flat_map(|r| r.column_mut(target).into_iter());
                own.zip(predicted).for_each(|(r, f)| *r -= f);
            }
        }
        let mut left = ledger.clone_head();
        for ((block, _), residuals) in blocks.iter().zip(&residuals) {
            let first = block * plan.spec().block_size as u64;
            left.record(first, residuals.iter().map(|&r| r as f32));
        }
        Ok(CrossFit {
            maps: maps.into_iter().map(|map| map.mapv(|v| v as f32)).collect(),
            residuals: left,
        })
    }
}
