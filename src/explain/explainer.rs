//! The explainer: its parameters, checked.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::estimate::Estimator;
use crate::estimate::effect::Effect;
use crate::estimate::link::Link;
use crate::estimate::surrogate::SurrogatePrior;
use crate::explain::budget::Budget;
use crate::images::baseline::Baseline;
use crate::masks::family::MaskFamily;
use crate::masks::grid::{Enlargement, Placement};
use crate::masks::plan::Plan;
use crate::masks::region::Region;
use crate::masks::segments::Segments;
use crate::masks::spec::MaskSpec;

/// Explains models with randomized masks.
///
/// Made by [`Explainer::builder`]; holds no image and no model, and serves any number of them.
///
/// ```
/// use ndarray::{Array2, Array3, ArrayView4, Axis};
/// use racm::{Explainer, FnModel, Target};
///
/// // A model that looks at the red channel of one corner only.
/// let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
///     Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| batch[[n, 0, 2, 2]])
/// });
/// let image = Array3::<f32>::ones((3, 16, 16));
/// let explainer = Explainer::builder().grid(4, 4).masks(500).build()?;
/// let explanation = explainer.explain(&model, &image, Target::Top)?;
/// let map = explanation.map(); // [3, 16, 16]: one plane a channel
/// // Red at that corner matters more than green there, and than red elsewhere.
/// assert!(map[[0, 2, 2]] > map[[1, 2, 2]] + 0.1 && map[[0, 2, 2]] > map[[0, 13, 13]] + 0.3);
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Explainer {
    pub(crate) spec: MaskSpec,
    pub(crate) seed: u64,
    pub(crate) estimator: Estimator,
    pub(crate) effect: Effect,
    pub(crate) prior: SurrogatePrior,
    pub(crate) baseline: Baseline,
    pub(crate) batch: Option<usize>,
    pub(crate) link: Link,
    pub(crate) budget: Budget,
}

impl Explainer {
    /// A builder with the defaults: RaCM, 8 x 8 cells (over a series 20; bilinear, shifted), `P_pix` 0.5, 5000 masks,
    /// seed 0, the averaged estimator, a black baseline.
    pub fn builder() -> ExplainerBuilder {
        ExplainerBuilder::default()
    }

    /// The plan for images of shape `[C, H, W]`.
    ///
    /// # Errors
    /// Those of [`Plan::new`], and [`Error::Parameter`] for an estimator that cannot make a map of such masks,
    /// [`Error::PlanesFedAlike`] for a family without [own effects](Effect::Own), where they are asked for.
    pub fn plan(&self, shape: [usize; 3]) -> Result<Plan> {
        let plan = Plan::new(shape, &self.spec)?;
        self.estimator.check(self.effect, &plan)?;
        Ok(plan)
    }

    /// The number of masks, N; with a [`Budget`], the most that are used.
    pub fn masks(&self) -> u64 {
        self.budget.calls
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The choices that fix the masks.
    pub fn spec(&self) -> &MaskSpec {
        &self.spec
    }

    /// A builder with these parameters, to change some of them.
    pub fn to_builder(&self) -> ExplainerBuilder {
        ExplainerBuilder(self.clone())
    }

    /// The estimator.
    pub fn estimator(&self) -> Estimator {
        self.estimator
    }

    /// What the planes of a map say.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// What other images of the model taught.
    pub fn surrogate_prior(&self) -> &SurrogatePrior {
        &self.prior
    }

    /// What stands in for excluded values.
    pub fn baseline(&self) -> &Baseline {
        &self.baseline
    }

    /// The scale on which scores are explained.
    pub fn link(&self) -> Link {
        self.link
    }

    /// What a run may cost, and what ends it early.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Images a model call, for images `[C, H, W]`: as asked, or 32 but no more than 5 MiB: the batch that the model reads
    /// and the one that is being made then stay in a cache.
    ///
    /// ```
    /// use racm::Explainer;
    ///
    /// let explainer = Explainer::builder().build()?;
    /// assert_eq!(explainer.batch_for([3, 96, 96]), 32);
    /// assert_eq!(explainer.batch_for([3, 224, 224]), 8);
    /// # Ok::<(), racm::Error>(())
    /// ```
    pub fn batch_for(&self, shape: [usize; 3]) -> usize {
        const AUTO_BYTES: usize = 5 << 20;
        let bytes = shape
            .iter()
            .fold(4, |product: usize, side| product.saturating_mul(*side));
        let fitting = || (AUTO_BYTES / bytes.max(1)).clamp(1, 32);
        self.batch.unwrap_or_else(fitting)
    }
}

/// Builds an [`Explainer`]; every setter says its default.
///
/// ```
/// use racm::{Baseline, Estimator, Explainer, Rise};
///
/// let explainer = Explainer::builder()
///     .family(Rise)
///     .grid(7, 7)
///     .masks(4000)
///     .seed(1)
///     .estimator(Estimator::Surrogate)
///     .baseline(Baseline::Blur { sigma: 5.0 })
///     .build()?;
/// assert_eq!(explainer.masks(), 4000);
/// assert!(Explainer::builder().p_pix(1.5).build().is_err());
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ExplainerBuilder(Explainer);

impl Default for ExplainerBuilder {
    fn default() -> Self {
        ExplainerBuilder(Explainer {
            spec: MaskSpec::default(),
            seed: 0,
            estimator: Estimator::default(),
            effect: Effect::default(),
            prior: SurrogatePrior::default(),
            baseline: Baseline::default(),
            batch: None,
            link: Link::default(),
            budget: Budget::exactly(5000),
        })
    }
}

impl ExplainerBuilder {
    /// The method: [`Racm`](crate::Racm) (default), [`Rise`](crate::Rise),
    /// [`McRise`](crate::McRise) or a family of your own.
    pub fn family(mut self, family: impl MaskFamily + 'static) -> Self {
        self.0.spec.family = Arc::new(family);
        self
    }

    /// All choices that fix the masks at once.
    pub fn spec(mut self, spec: MaskSpec) -> Self {
        self.0.spec = spec;
        self
    }

    /// N, the exact number of masks (and of model calls, but for the unmasked image and
    /// [`Repeats`](crate::Repeats)): 1 to 2^28;
    /// short for [`Budget::exactly`]. Default: 5000.
    pub fn masks(self, masks: u64) -> Self {
        self.budget(Budget::exactly(masks))
    }

    /// What a run may cost, and what ends it early. Default: exactly 5000 masks, so that all maps of
    /// an explainer have seen the same masks, and shards and curves of N compare; the budget that
    /// stops by itself is [`Budget::new`].
    pub fn budget(mut self, budget: Budget) -> Self {
        self.0.budget = budget;
        self
    }

    /// Rows and columns of cells over the image. Default: by its size, 8 x 8 over an image, 20 along a series, one over
    /// a table ([`MaskSpec::grid_for`]).
    pub fn grid(mut self, rows: usize, columns: usize) -> Self {
        self.0.spec.grid = Some([rows, columns]);
        self
    }

    /// `P_pix`, the probability that a cell is selected, strictly inside (0, 1). Default: 0.5.
    pub fn p_pix(mut self, p_pix: f64) -> Self {
        self.0.spec.p_pix = p_pix;
        self
    }

    /// The seed of the masks. Default: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.0.seed = seed;
        self
    }

    /// From cells to pixels. Default: bilinear.
    pub fn enlargement(mut self, enlargement: Enlargement) -> Self {
        self.0.spec.enlargement = enlargement;
        self
    }

    /// Where the cells lie. Default: shifted at random.
    pub fn placement(mut self, placement: Placement) -> Self {
        self.0.spec.placement = placement;
        self
    }

    /// Cells of any shape in the place of the grid, or `None` for the grid, the default.
    pub fn segments(mut self, segments: impl Into<Option<Segments>>) -> Self {
        self.0.spec.segments = segments.into();
        self
    }

    /// Masks a block (1 to 65536): they share an offset. 1 gives every mask its own, as RISE does,
    /// at the cost of a slower map. Default: 32.
    pub fn block_size(mut self, masks: usize) -> Self {
        self.0.spec.block_size = masks;
        self
    }

    /// Restricts masks to a region (Eq. 11), or `None` for the whole image, the default.
    pub fn region(mut self, region: impl Into<Option<Region>>) -> Self {
        self.0.spec.region = region.into();
        self
    }

    /// How scores become a map. Default: [`Estimator::Averaged`].
    pub fn estimator(mut self, estimator: Estimator) -> Self {
        self.0.estimator = estimator;
        self
    }

    /// What the planes of a map say. Default: [`Effect::Plane`]. Stopping rules and pilots look at the same.
    pub fn effect(mut self, effect: Effect) -> Self {
        self.0.effect = effect;
        self
    }

    /// What other images of the model taught, for the estimators that use a [`Surrogate`](crate::Surrogate). Default: nothing.
    pub fn surrogate_prior(mut self, prior: SurrogatePrior) -> Self {
        self.0.prior = prior;
        self
    }

    /// What stands in for excluded values. Default: 0 (black).
    pub fn baseline(mut self, baseline: Baseline) -> Self {
        self.0.baseline = baseline;
        self
    }

    /// Images a model call; it changes speed and memory, not the masks or the map. Default: 32, or
    /// as many as fit into 5 MiB, which suits caches and models on a CPU; a model on an
    /// accelerator may want more.
    pub fn batch(mut self, images: usize) -> Self {
        self.0.batch = Some(images);
        self
    }

    /// The scale on which scores are explained. Default: as they are.
    pub fn link(mut self, link: Link) -> Self {
        self.0.link = link;
        self
    }

    #[cfg(feature = "serde")]
    pub(super) fn as_explainer(&self) -> &Explainer {
        &self.0
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a value outside its range. What depends on the image is checked
    /// when there is one.
    pub fn build(self) -> Result<Explainer> {
        self.0.spec.check()?;
        self.0.link.check()?;
        self.0.budget.check()?;
        if self.0.batch == Some(0) {
            return Err(Error::parameter("batch", 0, "at least 1"));
        }
        Ok(self.0)
    }
}
