//! Insertion and Deletion by rank order.

use ndarray::{Array3, ArrayView3};

use super::states::Job;
use super::{Curve, Elements, Order, Ranking, RiseBlur, check_image};
use crate::error::{Error, Result};
use crate::images::baseline::Baseline;
use crate::models::model::BlackBoxModel;

/// How many elements change from one state of a curve to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Steps {
    /// This many equal parts, of ceil(elements / parts) elements, the last one shorter where it
    /// does not divide. Where a part would have no element left there are fewer.
    Parts(usize),
    /// This many elements a step, the last step shorter where it does not divide.
    Elements(usize),
}

impl Steps {
    /// Elements a step.
    fn of(self, elements: usize) -> Result<usize> {
        match self {
            Steps::Parts(0) | Steps::Elements(0) => Err(Error::parameter("steps", 0, "at least 1")),
            Steps::Parts(parts) => Ok(elements.div_ceil(parts)),
            Steps::Elements(step) => Ok(step.min(elements)),
        }
    }
}

/// What Insertion starts from, or Deletion ends with.
///
/// No colour means "absent": black is itself something a model can recognise (a sign classifier
/// may give a class a quarter of its score on black), and a blur keeps what is large. Report which
/// one was used.
///
/// ```
/// use racm::Baseline;
/// use racm::metrics::InsertionDeletion;
///
/// // From a blurred copy, and to the mean colour of ImageNet.
/// let judge = InsertionDeletion::pixels()
///     .insertion_start(Baseline::Blur { sigma: 8.0 })
///     .deletion_end(Baseline::PerChannel(vec![0.485, 0.456, 0.406]));
/// # let _ = judge;
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Start {
    /// A constant, an image, or a Gaussian blur of the explained image.
    Baseline(Baseline),
    /// The explained image behind RISE's blur.
    RiseBlur(RiseBlur),
}

impl From<Baseline> for Start {
    fn from(baseline: Baseline) -> Self {
        Start::Baseline(baseline)
    }
}

impl From<RiseBlur> for Start {
    fn from(blur: RiseBlur) -> Self {
        Start::RiseBlur(blur)
    }
}

impl Start {
    fn of(&self, image: ArrayView3<'_, f32>) -> Result<Array3<f32>> {
        check_image(&image)?;
        match self {
            Start::Baseline(baseline) => baseline.image(&image),
            Start::RiseBlur(blur) => blur.apply(image),
        }
    }
}

/// The two curves of one map.
///
/// ```
/// use racm::metrics::InsertionDeletion;
/// use racm::{Explainer, demo};
///
/// let image = demo::image();
/// let explanation = Explainer::builder().masks(1000).build()?.explain(&demo::Classifier, &image, 0)?;
/// let protocol = InsertionDeletion::pixel_channels();
/// let curves = protocol.curves(&demo::Classifier, image.view(), explanation.map(), 0)?;
/// assert!(curves.insertion.auc > 0.8 && curves.deletion.auc < 0.2);
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Curves {
    /// Elements shown, from the baseline to the image. A higher area is better.
    pub insertion: Curve,
    /// Elements removed, from the image to the baseline. A lower area is better.
    pub deletion: Curve,
}

/// Insertion and Deletion in rank order (Petsiuk et al. 2018, "RISE").
///
/// The elements of the image are taken in the map's order, most important first unless
/// [`order`](Self::order) says otherwise, in equal [`steps`](Self::steps). Insertion starts from a
/// [`Start`] and shows them; Deletion starts from the image and replaces them by one.
/// Every state is scored, both ends included: for n elements in steps of m,
///
/// x_i = min(i m, n) / n,  s_i = score of the state in which the first min(i m, n) elements changed,
/// AUC = sum_i (x_(i+1) - x_i) (s_i + s_(i+1)) / 2.
///
/// A good map has a high Insertion area and a low Deletion area. The range is that of the model's
/// score. Only the order of the map's values counts. Compare with the areas of
/// [`random_map`](super::random_map) on the same images.
///
/// The map is sorted once for both curves, and a state is made of the one before it, in the batch
/// that the model sees. The model is asked about n / m + 1 images (rounded up) a curve, in batches.
///
/// ```
/// use ndarray::{Array2, Array3, ArrayView4, Axis};
/// use racm::FnModel;
/// use racm::metrics::{InsertionDeletion, Steps};
///
/// // A model that looks at the left half of the image only, and a map that says so.
/// let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
///     let left = batch.split_at(Axis(3), 2).0;
///     Array2::from_shape_fn((left.dim().0, 1), |(n, _)| left.index_axis(Axis(0), n).sum() / 24.0)
/// });
/// let image = Array3::<f32>::ones((3, 4, 4));
/// let map = Array3::from_shape_fn((1, 4, 4), |(_, _, x)| if x < 2 { 1.0_f32 } else { 0.0 });
///
/// let curves = InsertionDeletion::pixels()
///     .steps(Steps::Elements(4))
///     .curves(&model, image.view(), map.view(), 0)?;
/// assert_eq!(curves.insertion.fractions, [0.0, 0.25, 0.5, 0.75, 1.0]);
/// assert_eq!(curves.insertion.scores, [0.0, 0.5, 1.0, 1.0, 1.0]);
/// assert_eq!(curves.insertion.auc, 0.75);
/// assert_eq!(curves.deletion.auc, 0.25);
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct InsertionDeletion {
    elements: Elements,
    order: Order,
    steps: Steps,
    batch: usize,
    insertion_start: Start,
    deletion_end: Start,
}

impl InsertionDeletion {
    /// Pixel by pixel, most important first, in 100 parts, from and to zero, 32 images a batch.
    pub fn pixels() -> Self {
        InsertionDeletion {
            elements: Elements::Pixels,
            order: Order::Morf,
            steps: Steps::Parts(100),
            batch: 32,
            insertion_start: Baseline::default().into(),
            deletion_end: Baseline::default().into(),
        }
    }

    /// Channel of a pixel by channel of a pixel, else as [`pixels`](Self::pixels): the protocol of
    /// RaCM's table (Hachiya & Nisawa). The map must have one plane a channel.
    pub fn pixel_channels() -> Self {
        InsertionDeletion {
            elements: Elements::PixelChannels,
            ..Self::pixels()
        }
    }

    /// The protocol of RISE's evaluation code: pixels, `pixels_per_step` a step (224 or 224 * 8 on
    /// images of 224 x 224), Insertion from a copy blurred by [`RiseBlur`] (11, 5), Deletion
    /// to zero.
    ///
    /// RISE's zero is zero *after* normalisation, the mean colour of ImageNet: for a model that
    /// normalises by itself, set that colour with [`deletion_end`](Self::deletion_end).
    ///
    /// # Errors
    /// [`Error::Parameter`] for 0 pixels a step.
    pub fn rise(pixels_per_step: usize) -> Result<Self> {
        let steps = Steps::Elements(pixels_per_step);
        steps.of(1)?;
        Ok(Self::pixels()
            .steps(steps)
            .insertion_start(RiseBlur::new(11, 5.0)?))
    }

    /// Which end of the ranking comes first.
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// How many elements change at a time.
    pub fn steps(mut self, steps: Steps) -> Self {
        self.steps = steps;
        self
    }

    /// The most images handed to the model at once.
    pub fn batch(mut self, batch: usize) -> Self {
        self.batch = batch;
        self
    }

    /// What Insertion starts from.
    pub fn insertion_start(mut self, start: impl Into<Start>) -> Self {
        self.insertion_start = start.into();
        self
    }

    /// What Deletion ends with.
    pub fn deletion_end(mut self, end: impl Into<Start>) -> Self {
        self.deletion_end = end.into();
        self
    }

    /// Both curves of a map `[J, H, W]` of the class `class`, with one sort.
    ///
    /// # Errors
    /// As [`insertion`](Self::insertion) and [`Ranking::new`].
    pub fn curves<A: Copy + Into<f64>>(
        &self,
        model: &(impl BlackBoxModel + ?Sized),
        image: ArrayView3<'_, f32>,
        map: ArrayView3<'_, A>,
        class: usize,
    ) -> Result<Curves> {
        let ranking = Ranking::new(map, self.elements)?;
        Ok(Curves {
            insertion: self.insertion(model, image, &ranking, class)?,
            deletion: self.deletion(model, image, &ranking, class)?,
        })
    }

    /// The Insertion curve of a ranking.
    ///
    /// # Errors
    /// - [`Error::Parameter`] for 0 steps, a batch of 0, or a ranking of other elements;
    /// - [`Error::Shape`] if the ranking's map does not lie over the image (J = C planes for
    ///   [`Elements::PixelChannels`], any number for [`Elements::Pixels`]);
    /// - those of [`Baseline::image`];
    /// - [`Error::EmptyImage`], [`Error::NotFinite`] for the image or the baseline;
    /// - [`Error::Target`] if the model has no such class;
    /// - [`Error::Model`], [`Error::ScoreShape`], [`Error::ScoreNotFinite`], which name the states.
    pub fn insertion(
        &self,
        model: &(impl BlackBoxModel + ?Sized),
        image: ArrayView3<'_, f32>,
        ranking: &Ranking,
        class: usize,
    ) -> Result<Curve> {
        let start = self.insertion_start.of(image)?;
        self.walk(model, start.view(), image, ranking, class)
    }

    /// The Deletion curve of a ranking.
    ///
    /// # Errors
    /// As [`insertion`](Self::insertion).
    pub fn deletion(
        &self,
        model: &(impl BlackBoxModel + ?Sized),
        image: ArrayView3<'_, f32>,
        ranking: &Ranking,
        class: usize,
    ) -> Result<Curve> {
        let end: Array3<f32> = self.deletion_end.of(image)?;
        self.walk(model, image, end.view(), ranking, class)
    }

    /// The curve on the way from `start` to `end`.
    fn walk(
        &self,
        model: &(impl BlackBoxModel + ?Sized),
        start: ArrayView3<'_, f32>,
        end: ArrayView3<'_, f32>,
        ranking: &Ranking,
        class: usize,
    ) -> Result<Curve> {
        let shape = check_image(&start)?;
        self.check_ranking(ranking, shape)?;
        let order = ranking.indices(self.order);
        let step = self.steps.of(order.len())?;
        let parts = order.len().div_ceil(step);
        let pixels = shape[1] * shape[2];
        let (channels, stride) = match self.elements {
            Elements::Pixels => (shape[0], pixels),
            Elements::PixelChannels => (1, 0),
        };
        let start: Vec<f32> = start.iter().copied().collect();
        let end: Vec<f32> = end.iter().copied().collect();
        let job = Job {
            model,
            class,
            batch: self.batch,
            shape,
        };
        let changed = |state: usize| state.saturating_mul(step).min(order.len());
        let scores = job.score(parts + 1, |state, row| {
            if state == 0 {
                row.copy_from_slice(&start);
                return;
            }
            for &element in &order[changed(state - 1)..changed(state)] {
                for channel in 0..channels {
                    let i = element + channel * stride;
                    row[i] = end[i];
                }
            }
        })?;
        let fractions = (0..=parts)
            .map(|state| changed(state) as f64 / order.len() as f64)
            .collect();
        Ok(Curve::new(fractions, scores))
    }

    fn check_ranking(&self, ranking: &Ranking, image: [usize; 3]) -> Result<()> {
        if ranking.elements() != self.elements {
            return Err(Error::parameter(
                "ranking",
                format!("one of {:?}", ranking.elements()),
                format!("one of {:?}", self.elements),
            ));
        }
        let map = ranking.map_shape();
        let planes = match self.elements {
            Elements::Pixels => map[0],
            Elements::PixelChannels => image[0],
        };
        let expected = [planes, image[1], image[2]];
        if map == expected {
            return Ok(());
        }
        Err(Error::Shape {
            what: "the map",
            given: map.to_vec(),
            expected: expected.to_vec(),
        })
    }
}
