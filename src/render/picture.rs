//! From `[C, H, W]` arrays to something that can be looked at: choice of channels, resizing, reducing.

use image::{Rgb, RgbImage};
use ndarray::{Array2, Array3, ArrayRef2, ArrayRef3, ArrayView2, Axis};

use super::{check_finite, check_finite_or_nan};
use crate::error::{Error, Result};

/// The longest side that a picture may have.
pub(super) const LONGEST: usize = 65_535;

/// Which channels of an image are shown, and as what.
///
/// A channel whose values all lie in `[0, 1]` is shown as it is; any other (physical units, 0 to 255) is stretched
/// from its smallest to its largest value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bands {
    /// Three channels as red, green and blue, one channel as grey, any other number as [`Bands::Mean`].
    #[default]
    Auto,
    /// These three channels as red, green and blue.
    Rgb([usize; 3]),
    /// This channel as grey.
    Grey(usize),
    /// The mean of all channels as grey, each stretched from its smallest to its largest value first (they may have
    /// different units), and the mean again.
    Mean,
}

/// The image as a picture of the same size.
///
/// ```
/// use racm::ndarray::Array3;
/// use racm::render::{Bands, to_rgb};
///
/// let fields = Array3::from_shape_fn((5, 20, 30), |(c, y, x)| (c * y + x) as f32);
/// let picture = to_rgb(&fields, Bands::Rgb([4, 2, 0]))?; // three of five as red, green and blue
/// assert_eq!(picture.dimensions(), (30, 20));
/// # Ok::<(), racm::Error>(())
/// ```
///
/// # Errors
/// [`Error::EmptyImage`], [`Error::NotFinite`], and [`Error::Parameter`] for a band that the image does not have.
pub fn to_rgb(image: &ArrayRef3<f32>, bands: Bands) -> Result<RgbImage> {
    check_image(image)?;
    Ok(picture(&shown(image, bands)?))
}

/// The picture of an array `[3, H, W]` in `[0, 1]`.
pub(super) fn picture(rgb: &ArrayRef3<f32>) -> RgbImage {
    let (_, h, w) = rgb.dim();
    RgbImage::from_fn(w as u32, h as u32, |x, y| {
        Rgb([0, 1, 2].map(|c| (rgb[[c, y as usize, x as usize]] * 255.0).round() as u8))
    })
}

/// What is shown of `image`: `[3, H, W]` in `[0, 1]`. NaN is no value, and mid-grey.
pub(super) fn shown(image: &ArrayRef3<f32>, bands: Bands) -> Result<Array3<f32>> {
    let (channels, h, w) = image.dim();
    check_not_empty(image)?;
    check_finite_or_nan("the image", image)?;
    if h > LONGEST || w > LONGEST {
        return Err(Error::parameter(
            "the image's size",
            format!("{h} x {w}"),
            format!("sides of at most {LONGEST} pixels"),
        ));
    }
    let band = |c: usize| {
        if c < channels {
            return Ok(unit(image.index_axis(Axis(0), c)));
        }
        Err(Error::parameter(
            "bands",
            c,
            format!("channels 0 to {}", channels - 1),
        ))
    };
    let planes = match (bands, channels) {
        (Bands::Auto, 3) => [band(0)?, band(1)?, band(2)?],
        (Bands::Auto, 1) => grey(band(0)?),
        (Bands::Rgb([r, g, b]), _) => [band(r)?, band(g)?, band(b)?],
        (Bands::Grey(c), _) => grey(band(c)?),
        (Bands::Auto | Bands::Mean, _) => {
            let mut mean = Array2::zeros((h, w));
            for plane in image.outer_iter() {
                mean += &stretched(plane);
            }
            grey(stretched(mean.view()))
        }
    };
    let mut rgb = Array3::zeros((3, h, w));
    for (mut to, from) in rgb.outer_iter_mut().zip(&planes) {
        to.assign(from);
    }
    Ok(rgb)
}

fn check_image(image: &ArrayRef3<f32>) -> Result<()> {
    check_not_empty(image)?;
    check_finite("the image", image)
}

fn check_not_empty(image: &ArrayRef3<f32>) -> Result<()> {
    let (c, h, w) = image.dim();
    match image.is_empty() {
        true => Err(Error::EmptyImage { shape: [c, h, w] }),
        false => Ok(()),
    }
}

/// The pixels with a value in every channel.
pub(super) fn known(image: &ArrayRef3<f32>) -> Array2<bool> {
    image.map_axis(Axis(0), |pixel| !pixel.iter().any(|v| v.is_nan()))
}

fn grey(plane: Array2<f32>) -> [Array2<f32>; 3] {
    [plane.clone(), plane.clone(), plane]
}

/// As it is when it lies in `[0, 1]`, else stretched.
fn unit(plane: ArrayView2<f32>) -> Array2<f32> {
    if plane.iter().all(|v| (0.0..=1.0).contains(v) || v.is_nan()) {
        plane.mapv(|v| if v.is_nan() { 0.5 } else { v })
    } else {
        stretched(plane)
    }
}

/// From the smallest to the largest value; a constant becomes mid-grey.
fn stretched(plane: ArrayView2<f32>) -> Array2<f32> {
    let low = plane.iter().fold(f32::INFINITY, |a, &b| a.min(b));
    let high = plane.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
    let (low, range) = (f64::from(low), f64::from(high) - f64::from(low));
    if range > 0.0 {
        plane.mapv(|v| match v.is_nan() {
            true => 0.5,
            false => (((f64::from(v) - low) / range) as f32).clamp(0.0, 1.0),
        })
    } else {
        plane.mapv(|_| 0.5)
    }
}

/// The image in another size, channel by channel, with a triangle filter: bilinear where it grows, and a weighted mean
/// over all pixels that fall together where it shrinks (Pillow's `BILINEAR`).
///
/// Written here because the `image` crate's own clamps floats to `[0, 1]`, and channels may have any unit.
///
/// ```
/// use racm::render::resize;
///
/// let small = resize(&racm::demo::image(), 32, 48)?; // rows, columns
/// assert_eq!(small.dim(), (3, 32, 48));
/// # Ok::<(), racm::Error>(())
/// ```
///
/// # Errors
/// [`Error::EmptyImage`], [`Error::NotFinite`], and [`Error::Parameter`] for a size of 0 or above 65,535.
pub fn resize(image: &ArrayRef3<f32>, height: usize, width: usize) -> Result<Array3<f32>> {
    check_image(image)?;
    for (name, side) in [("height", height), ("width", width)] {
        if !(1..=LONGEST).contains(&side) {
            return Err(Error::parameter(name, side, format!("1 to {LONGEST}")));
        }
    }
    let mut resized = Array3::zeros((image.dim().0, height, width));
    for (mut to, from) in resized.outer_iter_mut().zip(image.outer_iter()) {
        to.assign(&resize_plane(&from, height, width));
    }
    Ok(resized)
}

pub(super) fn resize_plane(plane: &ArrayRef2<f32>, height: usize, width: usize) -> Array2<f32> {
    let (h, w) = plane.dim();
    let columns = weights(w, width);
    let mut wide = Array2::<f64>::zeros((h, width));
    for y in 0..h {
        for (x, (start, taps)) in columns.iter().enumerate() {
            let terms = taps.iter().enumerate();
            wide[[y, x]] = terms
                .map(|(i, t)| t * f64::from(plane[[y, start + i]]))
                .sum();
        }
    }
    let rows = weights(h, height);
    Array2::from_shape_fn((height, width), |(y, x)| {
        let (start, taps) = &rows[y];
        let terms = taps.iter().enumerate();
        terms.map(|(i, t)| t * wide[[start + i, x]]).sum::<f64>() as f32
    })
}

/// For every output sample, the first input sample and the weights, which sum to 1.
fn weights(input: usize, output: usize) -> Vec<(usize, Vec<f64>)> {
    let ratio = input as f64 / output as f64;
    let support = ratio.max(1.0);
    (0..output)
        .map(|o| {
            let centre = (o as f64 + 0.5) * ratio - 0.5;
            let first = (centre - support).ceil().max(0.0) as usize;
            let last = ((centre + support).floor() as usize).min(input - 1);
            let taps = (first..=last).map(|i| (1.0 - (i as f64 - centre).abs() / support).max(0.0));
            let taps: Vec<f64> = taps.collect();
            let sum: f64 = taps.iter().sum();
            (first, taps.iter().map(|t| t / sum).collect())
        })
        .collect()
}

/// Means over blocks of `by` x `by` pixels, smaller at the right and lower edge; only pixels that are `kept` count, and
/// a block without one is 0.
pub(super) fn reduce(
    plane: &ArrayRef2<f32>,
    by: usize,
    kept: impl Fn((usize, usize)) -> bool,
) -> Array2<f32> {
    let (h, w) = plane.dim();
    Array2::from_shape_fn((h.div_ceil(by), w.div_ceil(by)), |(y, x)| {
        let (mut sum, mut n) = (0.0, 0u32);
        for i in y * by..h.min((y + 1) * by) {
            for j in x * by..w.min((x + 1) * by) {
                if kept((i, j)) {
                    sum += f64::from(plane[[i, j]]);
                    n += 1;
                }
            }
        }
        if n == 0 {
            0.0
        } else {
            (sum / f64::from(n)) as f32
        }
    })
}

/// [`reduce`] of every plane.
pub(super) fn reduced(
    planes: &ArrayRef3<f32>,
    by: usize,
    kept: impl Fn((usize, usize)) -> bool + Copy,
) -> Array3<f32> {
    let (n, h, w) = planes.dim();
    let mut small = Array3::zeros((n, h.div_ceil(by), w.div_ceil(by)));
    for (mut to, from) in small.outer_iter_mut().zip(planes.outer_iter()) {
        to.assign(&reduce(&from, by, kept));
    }
    small
}

/// [`reduced`] of an image: blocks of which less than half has a value are NaN.
pub(super) fn reduced_known(image: &ArrayRef3<f32>, by: usize) -> Array3<f32> {
    let known = known(image);
    let mut small = reduced(image, by, |at| known[at]);
    let share = reduce(&known.mapv(f32::from), by, |_| true);
    for mut plane in small.outer_iter_mut() {
        plane.zip_mut_with(&share, |v, &share| {
            if share < 0.5 {
                *v = f32::NAN;
            }
        });
    }
    small
}
