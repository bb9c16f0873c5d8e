//! The blur of RISE's evaluation code.

use ndarray::{Array2, Array3, ArrayView3, Axis, Zip};

use super::check_image;
use crate::error::{Error, Result};
use crate::images::baseline::gaussian_weights;

/// What lies beyond the end of a line.
#[derive(Clone, Copy)]
enum Edges {
    Zero,
    /// `d c b a | a b c d | d c b a`, for any distance from the line.
    Reflect,
}

/// The blur of RISE's evaluation code: every channel convolved with its `gkern(length, sigma)`,
/// with zeros beyond the image's edge.
///
/// `gkern` is a unit impulse in the middle of a `length` x `length` array, smoothed by
/// `scipy.ndimage.gaussian_filter`. That filter reflects at the edges of *that array*, so what a
/// Gaussian has outside is folded back inside: at (11, 5), which RISE uses, the weights run from
/// 0.0880 at the ends to 0.0940 in the middle, nearly a box, and sum to 1. For a Gaussian blur
/// proper, take [`Baseline::Blur`](crate::Baseline::Blur).
///
/// ```
/// use racm::metrics::RiseBlur;
///
/// let blur = RiseBlur::new(11, 5.0)?;
/// let blurred = blur.apply(ndarray::Array3::ones((3, 32, 32)).view())?;
/// assert!((blurred[[0, 16, 16]] - 1.0).abs() < 1e-6);
/// assert!(blurred[[0, 0, 0]] < 0.31); // zeros beyond the edge
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RiseBlur {
    weights: Vec<f64>,
}

impl RiseBlur {
    /// The blur with `gkern(length, sigma)`, sigma in pixels.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `length` is odd and below 10000, and 0 < `sigma` <= 10000.
    pub fn new(length: usize, sigma: f64) -> Result<Self> {
        if length % 2 == 0 || length >= 10_000 {
            let expected = "an odd number below 10000";
            return Err(Error::parameter("length", length, expected));
        }
        if !(sigma > 0.0 && sigma <= 1e4) {
            return Err(Error::parameter("sigma", sigma, "a number in (0, 10000]"));
        }
        let mut impulse = vec![0.0; length];
        impulse[length / 2] = 1.0;
        let mut weights = vec![0.0; length];
        correlate(
            &gaussian_weights(sigma),
            Edges::Reflect,
            &impulse,
            &mut weights,
        );
        Ok(RiseBlur { weights })
    }

    /// The weights along one axis; `gkern` is their outer product.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Blurs every channel of an image `[C, H, W]`, in `f64`.
    ///
    /// # Errors
    /// [`Error::EmptyImage`], or [`Error::NotFinite`] for NaN or an infinity in the image.
    pub fn apply(&self, image: ArrayView3<'_, f32>) -> Result<Array3<f32>> {
        let [_, h, w] = check_image(&image)?;
        let mut blurred = Array3::zeros(image.raw_dim());
        let mut plane = Array2::<f64>::zeros((h, w));
        for (channel, mut out) in image.outer_iter().zip(blurred.outer_iter_mut()) {
            plane.zip_mut_with(&channel, |p, &v| *p = f64::from(v));
            for axis in [Axis(0), Axis(1)] {
                let mut line = vec![0.0; plane.len_of(axis)];
                let mut filtered = line.clone();
                for mut lane in plane.lanes_mut(axis) {
                    line.iter_mut().zip(&lane).for_each(|(l, &v)| *l = v);
                    correlate(&self.weights, Edges::Zero, &line, &mut filtered);
                    lane.iter_mut().zip(&filtered).for_each(|(v, &f)| *v = f);
                }
            }
            Zip::from(&mut out)
                .and(&plane)
                .for_each(|o, &p| *o = p as f32);
        }
        Ok(blurred)
    }
}

/// `out[i] = sum_k weights[k] line[i + k - radius]`, for weights of odd length.
fn correlate(weights: &[f64], edges: Edges, line: &[f64], out: &mut [f64]) {
    let n = line.len();
    let radius = weights.len() / 2;
    for (i, o) in out.iter_mut().enumerate() {
        *o = if i >= radius && i + radius < n {
            let window = &line[i - radius..=i + radius];
            weights.iter().zip(window).map(|(a, b)| a * b).sum()
        } else {
            weights
                .iter()
                .enumerate()
                .map(|(k, a)| a * beyond(line, i as i64 + k as i64 - radius as i64, edges))
                .sum()
        };
    }
}

/// The element at `i`, which may lie outside.
fn beyond(line: &[f64], i: i64, edges: Edges) -> f64 {
    let n = line.len() as i64;
    match edges {
        Edges::Zero if i < 0 || i >= n => 0.0,
        Edges::Zero => line[i as usize],
        Edges::Reflect => {
            let m = i.rem_euclid(2 * n);
            line[if m < n { m } else { 2 * n - 1 - m } as usize]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by scipy 1.17: `gaussian_filter1d(impulse, 5)` and entries of `gkern(11, 5)`.
    #[test]
    fn gkern_is_scipys() {
        let half = [
            0.08795814577727815,
            0.08889611977709484,
            0.09047419654910865,
            0.09219111781938806,
            0.09348938844291409,
            0.09398206326843249,
        ];
        let blur = RiseBlur::new(11, 5.0).unwrap();
        for (i, &expected) in half.iter().enumerate() {
            assert!((blur.weights[i] - expected).abs() < 1e-16, "{i}");
            assert!((blur.weights[10 - i] - expected).abs() < 1e-16, "{i}");
        }
        let kernel = |i: usize, j: usize| blur.weights[i] * blur.weights[j];
        assert!((kernel(0, 0) - 0.007736635408576913).abs() < 1e-17);
        assert!((kernel(5, 5) - 0.008832628216191647).abs() < 1e-17);
        assert!((kernel(2, 7) - 0.00834091731367335).abs() < 1e-17);
    }
}
