//! The result of a run.

use std::sync::OnceLock;

use ndarray::{Array2, Array3, Array4, ArrayRef3, ArrayView3, ArrayView4, Axis};

use crate::error::Result;
use crate::estimate::effect::Effect;
use crate::estimate::link::Link;
use crate::estimate::surrogate::SurrogatePrior;
use crate::estimate::{Estimates, Estimator};
use crate::explain::reading::Reading;
use crate::explain::stats::RunStats;
use crate::explain::target::Target;
use crate::ledger::Ledger;
use crate::masks::plan::Plan;
use crate::masks::region::Region;

/// Maps of one or several classes, or of a sum of scores, with all that they were made of.
///
/// A map is `[J, H, W]`, in units of the score: one plane a channel for RaCM, one a colour for
/// MC-RISE, one for RISE. It is a pure function of plan, seed and ledger, bit for bit, whatever the
/// batch size, the number of threads or the way the run was cut into pieces.
///
/// ```
/// use racm::{Estimator, Explainer, demo};
///
/// let image = demo::image();
/// let explanation = Explainer::builder().masks(500).build()?.explain(&demo::Classifier, &image, 0)?;
/// let map = explanation.map(); // [3, 96, 96]
/// let error = explanation.standard_error()?.expect("500 masks are enough");
/// println!("red at the centre: {} +- {}", map[[0, 48, 48]], error[[0, 48, 48]]);
/// println!("certain: {:?}", explanation.certainty()?);
/// // From the same scores, without a model call:
/// let smooth = explanation.with_estimator(Estimator::Surrogate)?;
/// let by_themselves = explanation.own_effects()?;
/// assert_eq!(smooth.map().dim(), by_themselves.map().dim());
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Explanation {
    plan: Plan,
    ledger: Ledger,
    pub(super) reading: Reading,
    /// The scores of the unmasked image, one a class of the target.
    unmasked: Vec<f32>,
    maps: Array4<f32>,
    /// Made when they are first asked for.
    errors: OnceLock<Option<Array4<f32>>>,
    stats: RunStats,
}

impl Explanation {
    /// The explanation of a ledger that was read or merged: no model call.
    ///
    /// # Errors
    /// Those of [`Estimator::maps`].
    pub fn from_ledger(plan: Plan, ledger: Ledger, estimator: Estimator) -> Result<Self> {
        let reading = Reading {
            target: ledger.targets().into(),
            link: Link::default(),
            estimator,
            effect: Effect::default(),
            prior: SurrogatePrior::default(),
        };
        Self::of_ledger(plan, ledger, reading)
    }

    /// Of a ledger that is there.
    pub(super) fn of_ledger(plan: Plan, ledger: Ledger, reading: Reading) -> Result<Self> {
        let estimates = reading.estimates(&plan, &ledger, false)?;
        let stats = RunStats::of_ledger(&ledger);
        Ok(Self::new(plan, ledger, reading, estimates).with_stats(stats))
    }

    pub(super) fn new(
        plan: Plan,
        ledger: Ledger,
        reading: Reading,
        (maps, errors): Estimates,
    ) -> Self {
        Explanation {
            unmasked: unmasked(&ledger, &reading.target),
            plan,
            ledger,
            reading,
            maps,
            errors: kept(errors),
            stats: RunStats::default(),
        }
    }

    pub(crate) fn with_stats(mut self, stats: RunStats) -> Self {
        self.stats = stats;
        self
    }

    /// The same scores through another estimator: no model call.
    ///
    /// # Errors
    /// Those of [`Estimator::maps`].
    pub fn with_estimator(&self, estimator: Estimator) -> Result<Self> {
        self.read(Reading {
            estimator,
            ..self.reading.clone()
        })
    }

    /// The same scores with what other images of the model taught, for the surrogate and the estimators that use it: no model
    /// call.
    ///
    /// # Errors
    /// Those of [`Estimator::maps`].
    pub fn with_surrogate_prior(&self, prior: SurrogatePrior) -> Result<Self> {
        self.read(Reading {
            prior,
            ..self.reading.clone()
        })
    }

    /// The same scores for another target, of classes that the ledger holds: no model call.
    ///
    /// ```
    /// use racm::{Estimator, Explainer, Target, demo};
    ///
    /// let explainer = Explainer::builder().masks(300).estimator(Estimator::Centred).build()?;
    /// let both = explainer.explain(&demo::Classifier, &demo::image(), [0, 2])?;
    /// let why = both.with_target(Target::difference(0, 2))?; // why class 0 rather than class 2
    /// let pixel = [0, 48, 48];
    /// // This estimator is linear in the scores. The default weighs those of the difference by themselves.
    /// let difference = both.maps()[[0, 0, 48, 48]] - both.maps()[[1, 0, 48, 48]];
    /// assert!((why.map()[pixel] - difference).abs() < 1e-5);
    /// // An error bar of the difference itself, which the two maps' do not give.
    /// assert!(why.standard_error()?.is_some());
    /// # Ok::<(), racm::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Target`](crate::Error::Target) for a class that the model does not have, [`Error::NoTarget`](crate::Error::NoTarget);
    /// [`Error::Parameter`](crate::Error::Parameter) for a class that is not in the ledger, or twice in a sum, or for a
    /// weight that is 0, not finite or too large; those of [`Estimator::maps`].
    pub fn with_target(&self, target: impl Into<Target>) -> Result<Self> {
        self.read(Reading {
            target: target.into().resolve_in(&self.ledger)?,
            ..self.reading.clone()
        })
    }

    /// The same scores on another scale: no model call.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter) for a floor or clip outside its range, and
    /// those of [`Estimator::maps`].
    pub fn with_link(&self, link: Link) -> Result<Self> {
        link.check()?;
        self.read(Reading {
            link,
            ..self.reading.clone()
        })
    }

    /// The same scores, with maps, standard errors and contrasts of another effect: no model call.
    ///
    /// # Errors
    /// Those of [`Explanation::own_effects`].
    pub fn with_effect(&self, effect: Effect) -> Result<Self> {
        self.read(Reading {
            effect,
            ..self.reading.clone()
        })
    }

    /// What each plane does by itself, [`Effect::Own`], as an explanation: [`map`](Explanation::map) and
    /// [`maps`](Explanation::maps), their standard errors and [contrasts](Explanation::contrast) are then of own effects.
    /// [`Effect`] says what they are, and when to read which. No model call.
    ///
    /// ```
    /// use racm::ndarray::{Array2, Array3, ArrayView4, s};
    /// use racm::{Enlargement, Explainer, FnModel, Placement};
    ///
    /// // A model that adds up the red and the green of one cell, and knows no blue.
    /// let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
    ///     Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| {
    ///         batch.slice(s![n, 0..2, 4..8, 4..8]).sum()
    ///     })
    /// });
    /// let explainer = Explainer::builder()
    ///     .grid(4, 4)
    ///     .enlargement(Enlargement::Nearest)
    ///     .placement(Placement::Fixed)
    ///     .masks(4000)
    ///     .build()?;
    /// let explanation = explainer.explain(&model, &Array3::ones((3, 16, 16)), 0)?;
    /// let blue = explanation.map()[[2, 6, 6]];
    /// assert!((blue - 16.0).abs() < 2.0); // half of red and green, 16 pixels each
    ///
    /// let own = explanation.own_effects()?;
    /// let [red, blue] = [0, 2].map(|c| own.map()[[c, 6, 6]]);
    /// let error = own.standard_error()?.expect("4000 masks are enough")[[2, 6, 6]];
    /// assert!((red - 16.0).abs() < 2.0 && blue.abs() < 4.0 * error);
    /// # Ok::<(), racm::Error>(())
    /// ```
    ///
    /// With [`Estimator::Lime`] and [`Estimator::KernelShap`] nothing changes: slopes of a regression on all planes at once
    /// are own effects.
    ///
    /// # Errors
    /// [`Error::PlanesFedAlike`](crate::Error::PlanesFedAlike) for a family of which two planes are always fed together, or
    /// one whenever others are; [`Error::Parameter`](crate::Error::Parameter) for [`Estimator::PassOnly`], which compares
    /// with nothing; those of [`Estimator::maps`].
    pub fn own_effects(&self) -> Result<Self> {
        self.with_effect(Effect::Own)
    }

    /// The same scores, read in another way.
    fn read(&self, reading: Reading) -> Result<Self> {
        let estimates = reading.estimates(&self.plan, &self.ledger, false)?;
        let (plan, ledger) = (self.plan.clone(), self.ledger.clone());
        Ok(Self::new(plan, ledger, reading, estimates).with_stats(self.stats))
    }

    /// The map of the first class, or of the sum, `[J, H, W]`.
    pub fn map(&self) -> ArrayView3<'_, f32> {
        self.maps.index_axis(Axis(0), 0)
    }

    /// All maps, `[targets, J, H, W]`: one a class of [`Target::Classes`], in their order; one of a
    /// [`Target::Sum`].
    pub fn maps(&self) -> ArrayView4<'_, f32> {
        self.maps.view()
    }

    /// The standard error of every element of [`Explanation::map`]; of the default estimator `None` below 16 masks, of
    /// those that take it from the spread between blocks, such as `Centred`, below 8 blocks. Computed when first asked for, in
    /// about the time of two maps.
    ///
    /// # Errors
    /// Those of [`Estimator::standard_errors`].
    pub fn standard_error(&self) -> Result<Option<Array3<f32>>> {
        let all = self.errors()?.as_ref();
        Ok(all.map(|all| all.index_axis(Axis(0), 0).to_owned()))
    }

    /// The standard errors of all maps, `[targets, J, H, W]`; `None` where [`Explanation::standard_error`] is.
    ///
    /// # Errors
    /// Those of [`Estimator::standard_errors`].
    pub fn standard_errors(&self) -> Result<Option<Array4<f32>>> {
        self.errors().cloned()
    }

    fn errors(&self) -> Result<&Option<Array4<f32>>> {
        if let Some(errors) = self.errors.get() {
            return Ok(errors);
        }
        let errors = self.reading.standard_errors(&self.plan, &self.ledger)?;
        Ok(self.errors.get_or_init(|| errors))
    }

    /// How far the map is known: its estimated correlation with the map of endless masks, in [0, 1].
    ///
    /// `sqrt(1 - mean(e^2) / var(m))`, with `m` the map's elements inside the region, `var` their
    /// variance about their mean and `e` their standard errors: the share of the variance that is not
    /// noise, as the correction for attenuation has it. 0 where that is negative, or the map is the
    /// same everywhere; the least of several targets; `None` where there are no standard errors, or
    /// only one element, which correlates with nothing. It knows nothing of an estimator's bias, or of
    /// what the masks themselves cannot show.
    ///
    /// # Errors
    /// Those of [`Estimator::standard_errors`].
    ///
    /// # References
    /// C. Spearman, *The Proof and Measurement of Association between Two Things*, 1904.
    pub fn certainty(&self) -> Result<Option<f64>> {
        let Some(errors) = self.errors()? else {
            return Ok(None);
        };
        let mut least = 1.0_f64;
        for (map, errors) in self.maps.outer_iter().zip(errors.outer_iter()) {
            let (map, errors) = (evaluated(&self.plan, map), evaluated(&self.plan, errors));
            if map.len() == 1 {
                return Ok(None);
            }
            least = least.min(signal_share(&map, &errors));
        }
        Ok(Some(least.sqrt()))
    }

    /// `sum of weights * map` for one target (an index into [`Explanation::maps`]) and its
    /// standard error: see [`Estimator::contrast`]. With the default estimator every call fits the scores anew; where there
    /// are many, `Centred` takes no time.
    ///
    /// # Errors
    /// Those of [`Estimator::contrast`].
    pub fn contrast(&self, target: usize, weights: &ArrayRef3<f64>) -> Result<(f64, Option<f64>)> {
        self.reading
            .contrast(&self.plan, &self.ledger, target, weights)
    }

    /// What each plane carries of one target (an index into [`Explanation::targets`]): the mean of its own effect over the
    /// evaluated pixels, with its standard error, where the map has one. In the map's units: what a cell is worth on
    /// average that shows this plane.
    ///
    /// With A the map, K the matrix that makes [own effects](Effect::Own) of it and R the evaluated pixels,
    ///
    /// `carried_j = 1/|R| sum over p in R of sum_k K_jk A_k(p)`,
    ///
    /// for RaCM `2 (a_j - sum of a / (C + 1))` with the planes' means a, whatever [effect](Explanation::effect) the map
    /// shows. It is linear in the map, so that noise averages out of it, as it does not out of a mean of absolute values. The
    /// sign is the direction: a plane that lowers the score carries less than nothing. What a plane adds in one place and
    /// takes away in another cancels: [contrast](Explanation::contrast) tells the places apart.
    ///
    /// ```
    /// use racm::{Explainer, demo};
    ///
    /// let explainer = Explainer::builder().masks(1000).build()?;
    /// let explanation = explainer.explain(&demo::Classifier, &demo::image(), 0)?;
    /// let carried = explanation.carried(0)?;
    /// let (red, error) = carried[0]; // a stop sign
    /// assert!(red > 3.0 * error.expect("1000 masks are enough"));
    /// assert!(red > carried[1].0 && red > carried[2].0);
    /// # Ok::<(), racm::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Explanation::own_effects`] and of [`Estimator::contrast`].
    pub fn carried(&self, target: usize) -> Result<Vec<(f64, Option<f64>)>> {
        let [_, height, width] = self.plan.shape();
        let mut weights = Array2::from_elem((height, width), 1.0 / (height * width) as f64);
        if let Some(region) = self.region() {
            let share = 1.0 / region.count() as f64;
            weights = region
                .pixels()
                .mapv(|inside| if inside { share } else { 0.0 });
        }
        self.reading
            .own_by_plane(&self.plan, &self.ledger, target, &weights)
    }

    /// The maps by channel, `[targets, C, H, W]`: RaCM's own, and for MC-RISE those of Eq. 12,
    /// `I(p, c) = sum_i c_i(c) I(p, i) / sum_i c_i(c)`. `None` where the planes say nothing about
    /// single channels (RISE).
    pub fn channel_maps(&self) -> Option<Array4<f32>> {
        let [channels, height, width] = self.plan.shape();
        let family = self.plan.family();
        let mut out = Array4::zeros((self.maps.dim().0, channels, height, width));
        for (maps, mut out) in self.maps.outer_iter().zip(out.outer_iter_mut()) {
            for (channel, mut out) in out.outer_iter_mut().enumerate() {
                let mut sum = Array2::<f64>::zeros((height, width));
                for (plane, map) in maps.outer_iter().enumerate() {
                    let weight = family.channel_weight(plane, channel)?;
                    sum.zip_mut_with(&map, |s, &v| *s += weight * f64::from(v));
                }
                out.assign(&sum.mapv(|v| v as f32));
            }
        }
        Some(out)
    }

    /// What is explained, with its classes by number: [`Target::Classes`], with a map each, or [`Target::Sum`], with one.
    pub fn target(&self) -> &Target {
        &self.reading.target
    }

    /// The classes explained, in the order of the maps; those of a [`Target::Sum`] in the order of its terms.
    pub fn targets(&self) -> Vec<usize> {
        self.reading.target.classes()
    }

    /// The scores of the unmasked image, one for each of [`targets`](Explanation::targets), as the model gave them.
    pub fn unmasked_scores(&self) -> &[f32] {
        &self.unmasked
    }

    /// N, the number of masks in the maps.
    pub fn masks(&self) -> u64 {
        self.ledger.masks()
    }

    /// The seed of the masks.
    pub fn seed(&self) -> u64 {
        self.ledger.seed()
    }

    /// The plan: family, grid, probabilities, shape.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The estimator of the maps.
    pub fn estimator(&self) -> Estimator {
        self.reading.estimator
    }

    /// What the planes of the maps say.
    pub fn effect(&self) -> Effect {
        self.reading.effect
    }

    /// The scale of the maps.
    pub fn link(&self) -> Link {
        self.reading.link
    }

    /// The region outside which nothing was evaluated, if there is one.
    pub fn region(&self) -> Option<&Region> {
        self.plan.spec().region.as_ref()
    }

    /// The scores behind the maps.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The scores behind the maps, to go on from.
    pub fn into_ledger(self) -> Ledger {
        self.ledger
    }

    /// What the run cost.
    pub fn run_stats(&self) -> &RunStats {
        &self.stats
    }
}

/// The scores of the unmasked image that the ledger holds, for the classes of a target.
fn unmasked(ledger: &Ledger, target: &Target) -> Vec<f32> {
    let (kept, scores) = (ledger.targets(), ledger.unmasked_scores());
    let score = |class| Some(scores[kept.iter().position(|&k| k == class)?]);
    target.classes().into_iter().filter_map(score).collect()
}

/// Standard errors that are there need not be made.
fn kept(errors: Option<Array4<f32>>) -> OnceLock<Option<Array4<f32>>> {
    errors.map_or_else(OnceLock::new, |errors| OnceLock::from(Some(errors)))
}

/// The elements of a map inside the plan's region.
pub(super) fn evaluated(plan: &Plan, map: ArrayView3<'_, f32>) -> Vec<f32> {
    let region = plan.spec().region.as_ref();
    map.indexed_iter()
        .filter(|&((_, y, x), _)| region.is_none_or(|r| r.pixels()[[y, x]]))
        .map(|(_, &value)| value)
        .collect()
}

/// The share of a map's variance that is no noise, in [0, 1].
fn signal_share(map: &[f32], errors: &[f32]) -> f64 {
    let count = map.len() as f64;
    let mean = map.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let variance = map
        .iter()
        .map(|&v| (f64::from(v) - mean).powi(2))
        .sum::<f64>();
    let noise = errors.iter().map(|&e| f64::from(e).powi(2)).sum::<f64>();
    // Not a number, too, is no signal.
    (1.0 - noise / variance).max(0.0)
}
