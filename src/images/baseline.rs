//! What stands in for excluded values.

use std::fmt;
use std::str::FromStr;

use ndarray::{Array3, ArrayRef3, ArrayView1, ArrayViewMut1, Axis};

use crate::error::{Error, Result};
use crate::text::{joined, numbers, unreadable};

/// What a masked image shows where it does not show the image.
///
/// Zero is not "absent" in a normalised, HSV or physical channel: choose what is.
///
/// ```
/// use ndarray::Array3;
/// use racm::Baseline;
///
/// let image = Array3::from_elem((3, 4, 5), 0.7_f32);
/// let grey = Baseline::Constant(0.5).image(&image)?;
/// assert_eq!((grey.dim(), grey[[0, 0, 0]]), ((3, 4, 5), 0.5));
/// assert_eq!("blur:8".parse::<Baseline>()?, Baseline::Blur { sigma: 8.0 });
/// assert!(Baseline::PerChannel(vec![0.0; 4]).image(&image).is_err()); // the image has 3 channels
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Baseline {
    /// The same value in every channel and pixel. The default is 0: black.
    Constant(f32),
    /// One value a channel.
    PerChannel(Vec<f32>),
    /// An image `[C, H, W]` of the explained image's shape.
    Image(Array3<f32>),
    /// The explained image behind a Gaussian blur of this standard deviation in pixels (reflected
    /// edges, cut off at four standard deviations).
    Blur {
        /// The standard deviation, in pixels.
        sigma: f64,
    },
    /// Every [segment](crate::Segments) of the masks in its mean, channel by channel: LIME's baseline. For masks of
    /// segments only.
    SegmentMeans,
}

impl Default for Baseline {
    fn default() -> Self {
        Baseline::Constant(0.0)
    }
}

/// `0`, `0.1,0.2,0.3` (one value a channel; `0.1,` for one channel), `blur:3` or `segment-means`; an image is
/// `image`, which cannot be read back.
impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Baseline::Constant(value) => write!(f, "{value}"),
            Baseline::PerChannel(values) if values.len() == 1 => write!(f, "{},", values[0]),
            Baseline::PerChannel(values) => write!(f, "{}", joined(values)),
            Baseline::Image(_) => write!(f, "image"),
            Baseline::Blur { sigma } => write!(f, "blur:{sigma}"),
            Baseline::SegmentMeans => write!(f, "segment-means"),
        }
    }
}

impl FromStr for Baseline {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let expected = "V, V,V,... (one a channel), blur:SIGMA or segment-means";
        if text == "segment-means" {
            return Ok(Baseline::SegmentMeans);
        }
        if let Some(sigma) = text.strip_prefix("blur:") {
            let sigma = sigma.parse();
            let sigma = sigma.map_err(|_| unreadable("baseline", text, expected))?;
            return Ok(Baseline::Blur { sigma });
        }
        let list = text.strip_suffix(',').unwrap_or(text);
        let values = numbers("baseline", list, expected);
        Ok(
            match values.map_err(|_| unreadable("baseline", text, expected))?[..] {
                [value] if list == text => Baseline::Constant(value),
                ref values => Baseline::PerChannel(values.to_vec()),
            },
        )
    }
}

/// A baseline for one image.
pub(crate) enum Resolved {
    Constants(Vec<f32>),
    Image(Array3<f32>),
}

impl Baseline {
    /// The baseline of `image` as an image `[C, H, W]`.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a number of values other than C or a blur that is not positive,
    /// [`Error::Shape`] for an image of another shape, [`Error::NotFinite`].
    pub fn image(&self, image: &ArrayRef3<f32>) -> Result<Array3<f32>> {
        Ok(match self.resolve(image)? {
            Resolved::Image(base) => base,
            Resolved::Constants(values) => {
                Array3::from_shape_fn(image.dim(), |(c, _, _)| values[c])
            }
        })
    }

    pub(crate) fn resolve(&self, image: &ArrayRef3<f32>) -> Result<Resolved> {
        let channels = image.dim().0;
        let constants = |values: Vec<f32>| match values.iter().position(|v| !v.is_finite()) {
            Some(c) => Err(Error::NotFinite {
                what: "the baseline",
                index: vec![c],
                value: f64::from(values[c]),
            }),
            None => Ok(Resolved::Constants(values)),
        };
        match self {
            Baseline::Constant(value) => constants(vec![*value; channels]),
            Baseline::PerChannel(values) if values.len() == channels => constants(values.clone()),
            Baseline::PerChannel(values) => Err(Error::parameter(
                "baseline",
                format!("a list of {} values", values.len()),
                format!("one value for each of the image's {channels} channels"),
            )),
            Baseline::Image(base) => {
                if base.shape() != image.shape() {
                    return Err(Error::Shape {
                        what: "the baseline",
                        given: base.shape().to_vec(),
                        expected: image.shape().to_vec(),
                    });
                }
                check_finite("the baseline", base)?;
                Ok(Resolved::Image(base.as_standard_layout().into_owned()))
            }
            &Baseline::Blur { sigma } => Ok(Resolved::Image(gaussian_blur(image, sigma)?)),
            Baseline::SegmentMeans => Err(Error::parameter(
                "baseline",
                "segment-means, for masks without segments",
                "masks of segments, or another baseline",
            )),
        }
    }
}

/// Every element finite, or the first that is not.
pub(crate) fn check_finite(what: &'static str, array: &ArrayRef3<f32>) -> Result<()> {
    match array.indexed_iter().find(|(_, v)| !v.is_finite()) {
        None => Ok(()),
        Some(((c, y, x), &value)) => Err(Error::NotFinite {
            what,
            index: vec![c, y, x],
            value: f64::from(value),
        }),
    }
}

/// The normalised weights of a Gaussian at the integers -r..=r, r four standard deviations.
pub(crate) fn gaussian_weights(sigma: f64) -> Vec<f64> {
    let radius = (4.0 * sigma + 0.5) as i64;
    let weights: Vec<f64> = (-radius..=radius)
        .map(|x| (-0.5 * (x as f64 / sigma).powi(2)).exp())
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / sum).collect()
}

/// Convolves a line with odd-length weights; beyond its ends the line is reflected
/// (`c b a | a b c | c b a`).
pub(crate) fn convolve_reflected(
    line: ArrayView1<'_, f32>,
    weights: &[f64],
    mut out: ArrayViewMut1<'_, f32>,
) {
    let n = line.len() as i64;
    let radius = (weights.len() / 2) as i64;
    let reflect = |i: i64| {
        let i = i.rem_euclid(2 * n);
        (if i < n { i } else { 2 * n - 1 - i }) as usize
    };
    for (p, o) in out.iter_mut().enumerate() {
        let sum: f64 = weights
            .iter()
            .enumerate()
            .map(|(k, w)| w * f64::from(line[reflect(p as i64 + k as i64 - radius)]))
            .sum();
        *o = sum as f32;
    }
}

fn gaussian_blur(image: &ArrayRef3<f32>, sigma: f64) -> Result<Array3<f32>> {
    if !(sigma > 0.0 && sigma <= 1e4) {
        return Err(Error::parameter("sigma", sigma, "a number in (0, 10000]"));
    }
    let weights = gaussian_weights(sigma);
    // In C order, which `Masker` relies on: a copy of a view keeps the view's order.
    let mut source = image.as_standard_layout().into_owned();
    let mut target = Array3::zeros(image.dim());
    for axis in [Axis(1), Axis(2)] {
        for (line, out) in source.lanes(axis).into_iter().zip(target.lanes_mut(axis)) {
            convolve_reflected(line, &weights, out);
        }
        std::mem::swap(&mut source, &mut target);
    }
    Ok(source)
}
