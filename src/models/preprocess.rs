//! From image space to what a network was trained on: channel order, scale, mean, standard deviation, layout.

use ndarray::{ArrayView4, CowArray, Ix4};

use crate::error::{Error, Result};
use crate::text::{joined, named};

/// The order of the axes that a network expects.
///
/// ```
/// use ndarray::Array4;
/// use racm::{Layout, Preprocess};
///
/// let nhwc = Preprocess::new().layout(Layout::Nhwc);
/// let batch = Array4::<f32>::zeros((2, 3, 10, 20));
/// assert_eq!(nhwc.apply(batch.view())?.dim(), (2, 10, 20, 3));
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// Batch, channel, row, column: the layout of PyTorch and of this crate.
    #[default]
    Nchw,
    /// Batch, row, column, channel: the layout of TensorFlow and Keras.
    Nhwc,
}

named!(Layout, "layout", Nchw = "nchw", Nhwc = "nhwc");

/// What an adapter does to a batch before the network sees it.
///
/// Masks and baselines live in image space, where black is black; a network may want something
/// else. For channel i of the network and the channel c(i) of the image that feeds it, the network
/// sees
///
/// ```text
/// (image[c(i)] * scale[i] - mean[i]) / std[i]
/// ```
///
/// in the [`Layout`] asked for. `scale`, `mean` and `std` stand in the *network's* channel order and
/// have one value a channel, or a single value for all channels. [`Preprocess::new`] changes nothing
/// and copies nothing; a [`Preset`](crate::Preset) is what a usual kind of network wants.
///
/// ```
/// use racm::{Layout, Preprocess};
///
/// // A Keras network of the Caffe school: rows first, channels last, BGR, 0 to 255 less a mean.
/// let caffe = Preprocess::new()
///     .layout(Layout::Nhwc)
///     .channels([2, 1, 0])?
///     .scale(255.0)?
///     .mean([103.939, 116.779, 123.68])?;
/// let red = ndarray::Array4::from_shape_fn((1, 3, 1, 1), |(_, c, _, _)| if c == 0 { 1.0 } else { 0.0 });
/// let seen = caffe.apply(red.view())?;
/// assert_eq!(seen.as_slice(), Some(&[-103.939, -116.779, 255.0 - 123.68][..]));
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Saved"))]
#[must_use]
pub struct Preprocess {
    pub(super) layout: Layout,
    pub(super) order: Vec<usize>,
    pub(super) scale: Vec<f32>,
    pub(super) mean: Vec<f32>,
    pub(super) std: Vec<f32>,
}

/// A preprocess that was read, before its checks.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Saved {
    layout: Layout,
    order: Vec<usize>,
    scale: Vec<f32>,
    mean: Vec<f32>,
    std: Vec<f32>,
}

#[cfg(feature = "serde")]
impl Default for Saved {
    fn default() -> Self {
        let Preprocess {
            layout,
            order,
            scale,
            mean,
            std,
        } = Preprocess::new();
        Saved {
            layout,
            order,
            scale,
            mean,
            std,
        }
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Saved> for Preprocess {
    type Error = Error;

    fn try_from(saved: Saved) -> Result<Self> {
        let mut checked = Preprocess::new().layout(saved.layout);
        if !saved.order.is_empty() {
            checked = checked.channels(saved.order)?;
        }
        if !saved.scale.is_empty() {
            checked = checked.scales(saved.scale)?;
        }
        if !saved.mean.is_empty() {
            checked = checked.mean(saved.mean)?;
        }
        if !saved.std.is_empty() {
            checked = checked.std(saved.std)?;
        }
        Ok(checked)
    }
}

impl Default for Preprocess {
    fn default() -> Self {
        Self::new()
    }
}

impl Preprocess {
    /// Changes nothing: the network sees the image as it is, in [`Layout::Nchw`].
    pub fn new() -> Self {
        Preprocess {
            layout: Layout::Nchw,
            order: Vec::new(),
            scale: Vec::new(),
            mean: Vec::new(),
            std: Vec::new(),
        }
    }

    /// The order of the axes that the network expects.
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// The order of the channels: channel i of the network is channel `order[i]` of the image.
    /// `[2, 1, 0]` makes BGR of RGB.
    ///
    /// # Errors
    /// [`Error::Parameter`] if `order` does not name each of 0..C once, or if C is not the number
    /// of values of the mean or of the standard deviation.
    pub fn channels(mut self, order: impl Into<Vec<usize>>) -> Result<Self> {
        self.order = order.into();
        let c = self.order.len();
        let mut sorted = self.order.clone();
        sorted.sort_unstable();
        if c == 0 || sorted.iter().enumerate().any(|(i, &s)| i != s) {
            let given = format!("{:?}", self.order);
            let expected = "each channel from 0 on once";
            return Err(Error::parameter("channels", given, expected));
        }
        self.agree("channels", c)
    }

    /// The factor that takes the image's values to the network's range, before mean and standard
    /// deviation: 255 for an image in \[0, 1\] and a network that was trained on bytes.
    ///
    /// # Errors
    /// [`Error::Parameter`] if it is 0, NaN or infinite.
    pub fn scale(self, scale: f32) -> Result<Self> {
        self.scales([scale])
    }

    /// The same with one factor a channel of the network, for channels in different units.
    ///
    /// # Errors
    /// [`Error::Parameter`] if a value is 0, NaN or infinite, or if there is no value or another
    /// number of values than the channel order, the mean or the standard deviation has.
    pub fn scales(mut self, scale: impl Into<Vec<f32>>) -> Result<Self> {
        self.scale = scale.into();
        if self.scale.is_empty() || !self.scale.iter().all(|&s| s.is_finite() && s != 0.0) {
            let given = joined(&self.scale);
            return Err(Error::parameter(
                "scale",
                given,
                "finite values other than 0",
            ));
        }
        let c = self.scale.len();
        self.agree("scale", c)
    }

    /// The mean that is subtracted after scaling: one value a channel of the network, or one for all.
    ///
    /// # Errors
    /// [`Error::Parameter`] if a value is NaN or infinite, or if there is no value or another
    /// number of values than the channel order or the standard deviation has.
    pub fn mean(mut self, mean: impl Into<Vec<f32>>) -> Result<Self> {
        self.mean = mean.into();
        if self.mean.is_empty() || !self.mean.iter().all(|m| m.is_finite()) {
            let given = format!("{:?}", self.mean);
            return Err(Error::parameter("mean", given, "finite values"));
        }
        let c = self.mean.len();
        self.agree("mean", c)
    }

    /// The standard deviation that is divided by last: one value a channel of the network, or one
    /// for all.
    ///
    /// # Errors
    /// [`Error::Parameter`] if a value is not finite or not above 0, or if there is no value or
    /// another number of values than the channel order or the mean has.
    pub fn std(mut self, std: impl Into<Vec<f32>>) -> Result<Self> {
        self.std = std.into();
        if self.std.is_empty() || !self.std.iter().all(|&s| s.is_finite() && s > 0.0) {
            let given = format!("{:?}", self.std);
            return Err(Error::parameter("std", given, "finite values above 0"));
        }
        let c = self.std.len();
        self.agree("std", c)
    }

    /// What the network sees of a batch `[n, C, H, W]`: `[n, C, H, W]` or `[n, H, W, C]`,
    /// C-contiguous. Nothing is copied where nothing changes.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the channel order, the mean or the standard deviation is for
    /// another number of channels than C.
    pub fn apply<'a>(&self, batch: ArrayView4<'a, f32>) -> Result<CowArray<'a, f32, Ix4>> {
        let (n, c, h, w) = batch.dim();
        self.check_channels(c)?;
        if self.is_identity() && batch.is_standard_layout() {
            return Ok(batch.into());
        }
        let pick = |values: &[f32], i: usize, otherwise| match values {
            [] => otherwise,
            [one] => *one,
            many => many[i],
        };
        let shape = match self.layout {
            Layout::Nchw => (n, c, h, w),
            Layout::Nhwc => (n, h, w, c),
        };
        let mut seen = ndarray::Array4::zeros(shape);
        for i in 0..c {
            let source = self.order.get(i).copied().unwrap_or(i);
            let (scale, mean) = (pick(&self.scale, i, 1.0), pick(&self.mean, i, 0.0));
            let std = pick(&self.std, i, 1.0);
            let axis = ndarray::Axis(if self.layout == Layout::Nchw { 1 } else { 3 });
            seen.index_axis_mut(axis, i).zip_mut_with(
                &batch.index_axis(ndarray::Axis(1), source),
                |y, &x| {
                    *y = (x * scale - mean) / std;
                },
            );
        }
        Ok(seen.into())
    }

    /// From the network's axes (without the batch) to `[C, H, W]`.
    pub(crate) fn image_axes<T: Copy>(&self, axes: [T; 3]) -> [T; 3] {
        match self.layout {
            Layout::Nchw => axes,
            Layout::Nhwc => [axes[2], axes[0], axes[1]],
        }
    }

    /// Refuses a number of channels that the settings are not made for.
    pub(crate) fn check_channels(&self, channels: usize) -> Result<()> {
        match self.stated().find(|&(_, len)| len != channels) {
            Some((name, len)) => Err(Error::parameter(
                name,
                format!("for {len} channels"),
                format!("for the {channels} channels of the image"),
            )),
            None => Ok(()),
        }
    }

    fn is_identity(&self) -> bool {
        self.layout == Layout::Nchw
            && self.order.iter().enumerate().all(|(i, &s)| i == s)
            && self.scale.iter().all(|&s| s == 1.0)
            && self.mean.iter().all(|&m| m == 0.0)
            && self.std.iter().all(|&s| s == 1.0)
    }

    /// The settings that fix the number of channels, with that number.
    fn stated(&self) -> impl Iterator<Item = (&'static str, usize)> + use<> {
        let order = Some(self.order.len()).filter(|&len| len > 0);
        let many = |values: &[f32]| Some(values.len()).filter(|&len| len > 1);
        let stated = [
            ("channels", order),
            ("scale", many(&self.scale)),
            ("mean", many(&self.mean)),
            ("std", many(&self.std)),
        ];
        stated
            .into_iter()
            .filter_map(|(name, len)| Some((name, len?)))
    }

    fn agree(self, name: &'static str, len: usize) -> Result<Self> {
        let fixes = name == "channels" || len > 1;
        match self.stated().find(|&(_, other)| fixes && other != len) {
            Some((other, expected)) => Err(Error::parameter(
                name,
                format!("for {len} channels"),
                format!("for {expected} channels, as {other} is"),
            )),
            None => Ok(self),
        }
    }
}
