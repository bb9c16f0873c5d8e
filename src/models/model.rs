//! The model to explain, seen from outside.

use std::rc::Rc;
use std::sync::Arc;

use ndarray::{Array2, ArrayView4};

use crate::caught::caught;
use crate::error::{BoxError, Error, Inputs, Result};

/// A model that is seen from outside only: images in, scores out.
///
/// The trait is object safe and implemented for references, boxes and shared pointers to models;
/// [`FnModel`] makes a model of a closure. A plain run calls the model from the calling thread
/// only, so the model need not be [`Sync`].
///
/// ```
/// use ndarray::{Array2, ArrayView4, Axis};
/// use racm::{BlackBoxModel, BoxError};
///
/// /// Scores one class: the mean of the first channel.
/// struct Redness;
///
/// impl BlackBoxModel for Redness {
///     fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
///         let red = batch.index_axis(Axis(1), 0);
///         let mean = |image: ndarray::ArrayView2<'_, f32>| image.sum() / image.len() as f32;
///         Ok(Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| mean(red.index_axis(Axis(0), n))))
///     }
/// }
/// ```
pub trait BlackBoxModel {
    /// Scores a batch of images.
    ///
    /// `batch` has shape `[n, C, H, W]`, is C-contiguous (`batch.as_slice()` is always `Some`) and
    /// lies in the space of the explained image: what a model wants beyond that (a mean and a
    /// standard deviation, another layout) it does itself. The answer has shape `[n, K]`: one
    /// finite score for each image and class, on whatever scale the model speaks (probability,
    /// logit, match score). The library checks its shape and its values. The same image must have the
    /// same score each time, whatever else is in the batch, but for rounding: see
    /// [`Repeats`](crate::Repeats).
    ///
    /// # Errors
    /// Whatever the model reports. The run ends with [`Error::Model`], which names the masks that
    /// were being scored; a [`Tolerant`](crate::Tolerant) asks again before.
    ///
    /// # Panics
    /// A panic is caught here and ends the run with [`Error::ModelPanic`]: like any other failure it
    /// costs none of the scores that were there before, on this thread or on others. A model that
    /// panicked is not called again by the run, but for calls that other threads had begun or were
    /// about to. (Programs compiled with `panic = "abort"` end at once; so do stack overflows.)
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError>;
}

macro_rules! deref_model {
    ($($pointer:ty),*) => {$(
        impl<M: BlackBoxModel + ?Sized> BlackBoxModel for $pointer {
            fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
                (**self).predict(batch)
            }
        }
    )*};
}
deref_model!(&M, Box<M>, Rc<M>, Arc<M>);

/// What a closure may return as scores: `Array2<f32>`, or a `Result` of it with any error.
///
/// ```
/// use ndarray::{Array2, ArrayView4};
/// use racm::FnModel;
///
/// // A closure that cannot fail, and one that can.
/// let plain = FnModel::new(|batch: ArrayView4<'_, f32>| Array2::<f32>::zeros((batch.dim().0, 2)));
/// let fallible = FnModel::new(|batch: ArrayView4<'_, f32>| {
///     match batch.dim().1 {
///         3 => Ok(Array2::<f32>::zeros((batch.dim().0, 2))),
///         other => Err(format!("{other} channels, and the service takes 3")),
///     }
/// });
/// # let (_, _) = (plain, fallible);
/// ```
pub trait IntoScores {
    /// The scores `[n, K]`, or the error.
    ///
    /// # Errors
    /// The closure's own error, boxed.
    fn into_scores(self) -> Result<Array2<f32>, BoxError>;
}

impl IntoScores for Array2<f32> {
    fn into_scores(self) -> Result<Array2<f32>, BoxError> {
        Ok(self)
    }
}

impl<E: Into<BoxError>> IntoScores for Result<Array2<f32>, E> {
    fn into_scores(self) -> Result<Array2<f32>, BoxError> {
        self.map_err(Into::into)
    }
}

/// A model made of a closure from a batch `[n, C, H, W]` to scores `[n, K]`.
///
/// ```
/// use ndarray::{Array2, ArrayView4};
/// use racm::{BlackBoxModel, FnModel};
///
/// let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
///     Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| batch[[n, 0, 0, 0]])
/// });
/// let scores = model.predict(ndarray::Array4::ones((2, 3, 4, 4)).view())?;
/// assert_eq!(scores, ndarray::arr2(&[[1.0], [1.0]]));
/// # Ok::<(), racm::BoxError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FnModel<F>(F);

impl<F, S> FnModel<F>
where
    F: Fn(ArrayView4<'_, f32>) -> S,
    S: IntoScores,
{
    /// Makes a model of `scores`, which returns `Array2<f32>` or a `Result` of it.
    pub fn new(scores: F) -> Self {
        FnModel(scores)
    }
}

impl<F, S> BlackBoxModel for FnModel<F>
where
    F: Fn(ArrayView4<'_, f32>) -> S,
    S: IntoScores,
{
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        (self.0)(batch).into_scores()
    }
}

/// Calls the model and checks its answer: `[n, K]` with K as before, every score finite.
pub(crate) fn predict_checked(
    model: &(impl BlackBoxModel + ?Sized),
    batch: ArrayView4<'_, f32>,
    classes: Option<usize>,
    inputs: Inputs,
) -> Result<Array2<f32>> {
    let rows = batch.dim().0;
    let scores = match caught(|| model.predict(batch)) {
        Ok(Ok(scores)) => scores,
        Ok(Err(source)) => return Err(Error::Model { inputs, source }),
        Err(message) => return Err(Error::ModelPanic { inputs, message }),
    };
    let (n, k) = scores.dim();
    if n != rows || k == 0 || classes.is_some_and(|expected| expected != k) {
        return Err(Error::ScoreShape {
            inputs,
            given: [n, k],
            rows,
            classes,
        });
    }
    match scores.indexed_iter().find(|(_, s)| !s.is_finite()) {
        Some(((row, class), &value)) => Err(Error::ScoreNotFinite {
            inputs: inputs.row(row),
            class,
            value,
        }),
        None => Ok(scores),
    }
}
