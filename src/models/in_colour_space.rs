//! An RGB model that takes its images in another colour space.

use ndarray::{Array2, Array4, ArrayView4, Axis};

use crate::error::{BoxError, Error, Result};
use crate::models::colour_space::ColourSpace;
use crate::models::model::BlackBoxModel;

/// Makes a model of images in another [`ColourSpace`] of an RGB model: every batch is converted to RGB in [0, 1] before
/// the model sees it.
///
/// The image to explain is given in the space, so masks and baselines lie there, and the map says how much the score depends
/// on the hue, say, of each pixel.
///
/// ```
/// use racm::{ColourSpace, Explainer, InColourSpace, Racm, Target, demo};
///
/// let rgb = demo::image();
/// let space = ColourSpace::hsv_for(&rgb)?;
/// let model = InColourSpace::new(demo::Classifier, space)?;
/// let explainer = Explainer::builder().family(Racm::grouped(space.planes())?).masks(1000).build()?;
/// let explanation = explainer.explain(&model, &space.convert(&rgb)?, Target::Top)?;
///
/// assert_eq!(explanation.plan().plane_names(), ["hue", "saturation", "value"]);
/// // The sign is a stop sign because it is red, and red is a hue.
/// let own = explanation.own_effects()?;
/// assert!(own.map()[[0, 35, 35]] > 0.0);
/// # Ok::<(), racm::Error>(())
/// ```
///
/// A score that goes by the value alone, the largest of R, G and B, has no [own effect](crate::Explanation::own_effects) of hue
/// and saturation, to rounding: masks of these two do not touch it. (In the map itself every plane has a part of what passes
/// along with it.)
#[derive(Clone, Copy, Debug)]
pub struct InColourSpace<M> {
    model: M,
    space: ColourSpace,
}

impl<M> InColourSpace<M> {
    /// The model, RGB in [0, 1], and the space of the images that it is to take.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a hue that is none.
    pub fn new(model: M, space: ColourSpace) -> Result<Self> {
        space.check()?;
        Ok(InColourSpace { model, space })
    }

    /// The space of the images that it takes.
    pub fn space(&self) -> ColourSpace {
        self.space
    }
}

impl<M: BlackBoxModel> BlackBoxModel for InColourSpace<M> {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        let (n, channels, height, width) = batch.dim();
        if channels != 3 {
            return Err(Box::new(Error::Shape {
                what: "the image",
                given: vec![channels, height, width],
                expected: vec![3, height, width],
            }));
        }
        self.space
            .check_hues(batch.index_axis(Axis(1), 0).outer_iter())?;
        let batch = batch.as_standard_layout();
        let mut rgb = Array4::zeros((n, channels, height, width));
        if let (Some(values), Some(out)) = (batch.as_slice(), rgb.as_slice_mut()) {
            if !out.is_empty() {
                self.space.batch_to_rgb(values, height * width, out);
            }
        }
        self.model.predict(rgb.view())
    }
}
