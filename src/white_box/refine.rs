//! The hook for white-box maps: restrict the masks to what another method found (Eq. 11).

use ndarray::{Array2, ArrayRef3, ArrayView3, Axis};

use crate::error::{BoxError, Error, Inputs, Result};
use crate::explain::explainer::Explainer;
use crate::explain::explanation::Explanation;
use crate::explain::run_error::RunError;
use crate::explain::target::Target;
use crate::masks::region::Region;
use crate::models::model::{BlackBoxModel, predict_checked};

/// Anything that turns an image and a class into a saliency map `[H, W]`: Grad-CAM, a gradient, a
/// segmentation, an eye tracker. Closures are saliency methods.
///
/// ```
/// use ndarray::{Array2, ArrayView3};
/// use racm::{BoxError, Explainer, demo};
///
/// // "Where it is bright": any closure from image and class to [H, W] will do.
/// let bright = |image: ArrayView3<'_, f32>, _class: usize| -> Result<Array2<f32>, BoxError> {
///     Ok(image.mean_axis(ndarray::Axis(0)).ok_or("no channel")?)
/// };
/// let image = demo::image();
/// let explainer = Explainer::builder().masks(200).build()?;
/// let refined = explainer.refine(&demo::Classifier, &image, 0, &bright, 0.3)?;
/// # let _ = refined;
/// # Ok::<(), racm::Error>(())
/// ```
pub trait SaliencyMethod {
    /// The map of `image` (`[C, H, W]`) for class `target`: `[H, W]`, higher is more salient, no
    /// NaN.
    ///
    /// # Errors
    /// Whatever the method reports; the explanation ends with [`Error::Saliency`].
    fn saliency(&self, image: ArrayView3<'_, f32>, target: usize) -> Result<Array2<f32>, BoxError>;
}

impl<F> SaliencyMethod for F
where
    F: Fn(ArrayView3<'_, f32>, usize) -> Result<Array2<f32>, BoxError>,
{
    fn saliency(&self, image: ArrayView3<'_, f32>, target: usize) -> Result<Array2<f32>, BoxError> {
        self(image, target)
    }
}

impl Explainer {
    /// Explains one class with masks restricted to the `fraction` of the pixels that a saliency
    /// method ranks highest ([`Region::top_fraction`]; the paper's "theta = 30 %" is 0.3): a
    /// [`Cam`](crate::Cam) with its model, or any other. N + 2 model calls, and those of the method.
    ///
    /// ```
    /// use racm::ndarray::{Array2, ArrayView3};
    /// use racm::{BoxError, Explainer, Target, demo};
    ///
    /// // A white-box map: here simply how near a pixel is to the middle.
    /// let centre = |image: ArrayView3<'_, f32>, _class: usize| -> Result<Array2<f32>, BoxError> {
    ///     let (_, h, w) = image.dim();
    ///     let off = |p: usize, n: usize| (p as f32 + 0.5 - n as f32 / 2.0).powi(2);
    ///     Ok(Array2::from_shape_fn((h, w), |(y, x)| -off(y, h) - off(x, w)))
    /// };
    /// let explainer = Explainer::builder().masks(500).build()?;
    /// let refined = explainer.refine(&demo::Classifier, &demo::image(), Target::Top, &centre, 0.3)?;
    /// assert_eq!(refined.region().map(|r| r.count()), Some(2765)); // of 96 x 96; the rest: not evaluated
    /// # Ok::<(), racm::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Explainer::explain`] and [`Region::top_fraction`]; [`Error::Saliency`] if the
    /// method fails, [`Error::Shape`] if its map is of another size; [`Error::Parameter`] if
    /// several classes are asked for.
    pub fn refine<M: BlackBoxModel + ?Sized>(
        &self,
        model: &M,
        image: &ArrayRef3<f32>,
        target: impl Into<Target>,
        method: &(impl SaliencyMethod + ?Sized),
        fraction: f64,
    ) -> Result<Explanation, RunError> {
        let (channels, height, width) = image.dim();
        self.plan([channels, height, width])?;
        let batch = image.to_owned().insert_axis(Axis(0));
        let batch = batch.as_standard_layout();
        let scores = predict_checked(model, batch.view(), None, Inputs::Unmasked)?;
        let scores: Vec<f32> = scores.iter().copied().collect();
        let class = target
            .into()
            .resolve_one(&scores, "one class to refine for")?;
        let map = match method.saliency(image.view(), class) {
            Ok(map) => map,
            Err(source) => {
                let target = class;
                return Err(Error::Saliency { target, source }.into());
            }
        };
        if map.dim() != (height, width) {
            return Err(Error::Shape {
                what: "the saliency map",
                given: map.shape().to_vec(),
                expected: vec![height, width],
            }
            .into());
        }
        let mut refined = self.clone();
        refined.spec.region = Some(Region::top_fraction(&map, fraction)?);
        let explanation = refined.explain(model, image, class)?;
        let mut stats = *explanation.run_stats();
        stats.model_calls += 1;
        stats.batches += 1;
        Ok(explanation.with_stats(stats))
    }
}
