//! A model that shows one of its layers.

use std::rc::Rc;
use std::sync::Arc;

use ndarray::{Array2, Array3, Array4, ArrayView3, ArrayView4};

use crate::error::{BoxError, Error, Inputs, Result};
use crate::models::model::{BlackBoxModel, predict_checked};

/// A model that is cut in two at one of its layers: images to activations, and activations to scores (the head).
///
/// It need not be differentiable: every method of [`Cam`](crate::Cam) works with these two functions. A framework with
/// automatic differentiation may give the exact gradient as well.
///
/// The trait is object safe and implemented for references, boxes and shared pointers.
///
/// ```
/// use racm::ndarray::{Array2, Array4, ArrayView4, Axis, Ix4};
/// use racm::{BoxError, Cam, CamMethod, WhiteBoxModel, demo};
///
/// /// Two features, red and not blue, and a head that averages their sum.
/// struct Tiny;
///
/// impl WhiteBoxModel for Tiny {
///     fn features(&self, images: ArrayView4<'_, f32>) -> Result<Array4<f32>, BoxError> {
///         let (n, _, h, w) = images.dim();
///         Ok(Array4::from_shape_fn((n, 2, h / 8, w / 8), |(i, k, y, x)| match k {
///             0 => images[[i, 0, 8 * y, 8 * x]],
///             _ => 1.0 - images[[i, 2, 8 * y, 8 * x]],
///         }))
///     }
///
///     fn scores_from_features(&self, features: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
///         let pixels = (features.dim().2 * features.dim().3) as f32;
///         let scores = features.outer_iter().map(|f| f.sum() / pixels).collect();
///         Ok(Array2::from_shape_vec((features.dim().0, 1), scores)?)
///     }
/// }
///
/// let found = Cam::new(CamMethod::GradCam).explain(&Tiny, &demo::image(), 0)?;
/// assert_eq!(found.map.dim(), (96, 96));
/// assert!((found.weights[0] - 1.0 / 144.0).abs() < 1e-6); // one over 12 x 12
/// # Ok::<(), racm::Error>(())
/// ```
pub trait WhiteBoxModel {
    /// The activations `[n, K, h, w]` of the layer for a batch of images `[n, C, H, W]`, C-contiguous and in image
    /// space as for [`BlackBoxModel::predict`].
    ///
    /// # Errors
    /// Whatever the model reports; it becomes [`Error::Model`].
    fn features(&self, images: ArrayView4<'_, f32>) -> Result<Array4<f32>, BoxError>;

    /// The scores `[n, classes]` for a batch of activations `[n, K, h, w]`, C-contiguous: what the model does after
    /// the layer.
    ///
    /// # Errors
    /// Whatever the model reports; it becomes [`Error::Model`].
    fn scores_from_features(&self, features: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError>;

    /// The gradient of the score of `class` by the activations, `[K, h, w]`, where the framework has it. `None`, the
    /// default, lets finite differences of the head take its place.
    ///
    /// # Errors
    /// Whatever the model reports; it becomes [`Error::Model`].
    fn gradient(
        &self,
        features: ArrayView3<'_, f32>,
        class: usize,
    ) -> Result<Option<Array3<f32>>, BoxError> {
        let _ = (features, class);
        Ok(None)
    }
}

macro_rules! deref_white_box {
    ($($pointer:ty),*) => {$(
        impl<M: WhiteBoxModel + ?Sized> WhiteBoxModel for $pointer {
            fn features(&self, images: ArrayView4<'_, f32>) -> Result<Array4<f32>, BoxError> {
                (**self).features(images)
            }

            fn scores_from_features(&self, features: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
                (**self).scores_from_features(features)
            }

            fn gradient(&self, features: ArrayView3<'_, f32>, class: usize) -> Result<Option<Array3<f32>>, BoxError> {
                (**self).gradient(features, class)
            }
        }
    )*};
}
deref_white_box!(&M, Box<M>, Rc<M>, Arc<M>);

/// What a method asks of a model: checked, in batches, and counted.
pub(super) struct Calls<'a, M: ?Sized> {
    model: &'a M,
    batch: Option<usize>,
    /// K, h, w.
    shape: Option<[usize; 3]>,
    pub classes: Option<usize>,
    pub images: u64,
    pub heads: u64,
}

/// Bytes of activations or images in a batch, unless told otherwise.
const BATCH_BYTES: usize = 8 << 20;

/// The head alone is a model of "images" with K channels.
struct Head<'a, M: ?Sized>(&'a M);

impl<M: WhiteBoxModel + ?Sized> BlackBoxModel for Head<'_, M> {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        self.0.scores_from_features(batch)
    }
}

impl<'a, M: WhiteBoxModel + ?Sized> Calls<'a, M> {
    pub fn new(model: &'a M, batch: Option<usize>) -> Result<Self> {
        if batch == Some(0) {
            return Err(Error::parameter("batch", 0, "at least 1"));
        }
        Ok(Calls {
            model,
            batch,
            shape: None,
            classes: None,
            images: 0,
            heads: 0,
        })
    }

    /// The activations of a batch of images, checked.
    pub fn features(&mut self, images: ArrayView4<'_, f32>, inputs: Inputs) -> Result<Array4<f32>> {
        let rows = images.dim().0;
        let features = self.model.features(images);
        let features = features.map_err(|source| Error::Model { inputs, source })?;
        let (n, k, h, w) = features.dim();
        let [kk, hh, ww] = self.shape.unwrap_or([k.max(1), h.max(1), w.max(1)]);
        if [n, k, h, w] != [rows, kk, hh, ww] {
            return Err(Error::Shape {
                what: "the activations",
                given: vec![n, k, h, w],
                expected: vec![rows, kk, hh, ww],
            });
        }
        if let Some((index, &value)) = features.indexed_iter().find(|(_, v)| !v.is_finite()) {
            return Err(Error::NotFinite {
                what: "the activations array",
                index: vec![index.0, index.1, index.2, index.3],
                value: f64::from(value),
            });
        }
        self.shape = Some([k, h, w]);
        self.images += rows as u64;
        Ok(features.as_standard_layout().into_owned())
    }

    /// The scores of a batch of activations, checked.
    pub fn head(&mut self, features: ArrayView4<'_, f32>, inputs: Inputs) -> Result<Array2<f32>> {
        let scores = predict_checked(&Head(self.model), features, self.classes, inputs)?;
        self.classes = Some(scores.dim().1);
        self.heads += scores.dim().0 as u64;
        Ok(scores)
    }

    /// The gradient, where the model has one.
    pub fn gradient(
        &mut self,
        features: ArrayView3<'_, f32>,
        class: usize,
    ) -> Result<Option<Array3<f32>>> {
        let gradient = self.model.gradient(features, class);
        let inputs = Inputs::Unmasked;
        let gradient = gradient.map_err(|source| Error::Model { inputs, source })?;
        match gradient {
            Some(gradient) if gradient.dim() != features.dim() => Err(Error::Shape {
                what: "the gradient",
                given: gradient.shape().to_vec(),
                expected: features.shape().to_vec(),
            }),
            Some(gradient) => {
                crate::images::baseline::check_finite("the gradient", &gradient)?;
                Ok(Some(gradient))
            }
            None => Ok(None),
        }
    }

    /// The scores of `class` for `count` altered copies of the activations: `alter` makes number i.
    pub fn altered(
        &mut self,
        features: ArrayView3<'_, f32>,
        class: usize,
        count: usize,
        alter: impl Fn(usize, &mut [f32]),
    ) -> Result<Vec<f64>> {
        self.copies(features, class, count, alter, |calls, batch, first| {
            let end = first + batch.dim().0;
            calls.head(batch, Inputs::Activations(first..end))
        })
    }

    /// The scores of `class` for `count` altered copies of the image: `alter` makes number i.
    pub fn altered_images(
        &mut self,
        image: ArrayView3<'_, f32>,
        class: usize,
        count: usize,
        alter: impl Fn(usize, &mut [f32]),
    ) -> Result<Vec<f64>> {
        self.copies(image, class, count, alter, |calls, batch, first| {
            let inputs = Inputs::Masks(first as u64..(first + batch.dim().0) as u64);
            let features = calls.features(batch, inputs.clone())?;
            calls.head(features.view(), inputs)
        })
    }

    /// Makes altered copies, batch by batch, and has them scored.
    fn copies(
        &mut self,
        original: ArrayView3<'_, f32>,
        class: usize,
        count: usize,
        alter: impl Fn(usize, &mut [f32]),
        score: impl Fn(&mut Self, ArrayView4<'_, f32>, usize) -> Result<Array2<f32>>,
    ) -> Result<Vec<f64>> {
        let [a, b, c] = original.dim().into();
        let original: Vec<f32> = original.iter().copied().collect();
        let mut scores = Vec::with_capacity(count);
        while scores.len() < count {
            let first = scores.len();
            let rows = self.rows(original.len()).min(count - first);
            let mut batch = original.repeat(rows);
            for (i, copy) in batch.chunks_exact_mut(original.len()).enumerate() {
                alter(first + i, copy);
            }
            let batch = ArrayView4::from_shape((rows, a, b, c), &batch);
            let batch = batch.map_err(|e| Error::parameter("batch", e, "whole inputs"))?;
            let answer = score(self, batch, first)?;
            scores.extend(answer.column(class).iter().map(|&s| f64::from(s)));
        }
        Ok(scores)
    }

    /// How many inputs of `elements` numbers go into a batch.
    fn rows(&self, elements: usize) -> usize {
        let fits = BATCH_BYTES / (4 * elements.max(1));
        self.batch.unwrap_or(fits.clamp(1, 256))
    }
}
