//! Sparseness, and the maps that no explainer should lose to.

use ndarray::{Array3, ArrayView, Dimension};
use rand::Rng;

use super::{Outcome, Undefined, check_finite};
use crate::error::{Error, Result};
use crate::masks::seed::block_rng;

/// The Gini index of |map| (Hurley & Rickard 2009; for explanations, Chalasani et al. 2020): how
/// unequally a map shares out its importance among its n elements.
///
/// With |v|_(1) <= ... <= |v|_(n) the sorted magnitudes and S their sum,
///
/// G = 1 - 2 sum_k (|v|_(k) / S) (n - k + 1/2) / n,
///
/// from 0 (all alike) to 1 - 1/n (one element alone). It is unmoved by the map's scale, but not by
/// adding a constant. Of a plane: `gini(map.index_axis(Axis(0), 0))`. A map of zeros has no Gini
/// index ([`Undefined::ZeroMap`]).
///
/// ```
/// use racm::metrics::gini;
///
/// assert_eq!(gini(ndarray::arr1(&[0.0_f32, 0.0, -3.0, 0.0]).view())?, Ok(0.75));
/// assert_eq!(gini(ndarray::arr1(&[2.0_f32, 2.0, -2.0, 2.0]).view())?, Ok(0.0));
/// # Ok::<(), racm::Error>(())
/// ```
///
/// # Errors
/// [`Error::NotFinite`] for NaN or an infinity, [`Error::Parameter`] for a map without an element.
pub fn gini<A: Copy + Into<f64>, D: Dimension>(map: ArrayView<'_, A, D>) -> Result<Outcome<f64>> {
    check_finite("the map", &map)?;
    if map.is_empty() {
        return Err(Error::parameter("map", "empty", "at least one element"));
    }
    let mut magnitudes: Vec<f64> = map.iter().map(|&v| v.into().abs()).collect();
    magnitudes.sort_unstable_by(f64::total_cmp);
    let n = magnitudes.len() as f64;
    let largest = magnitudes[magnitudes.len() - 1];
    if largest == 0.0 {
        return Ok(Err(Undefined::ZeroMap));
    }
    // Written as sum_k |v|_(k) (2k - n - 1) / (n S), which is exactly 0 for equal magnitudes.
    let (mut weighted, mut sum) = (0.0, 0.0);
    for (k, magnitude) in magnitudes.iter().map(|v| v / largest).enumerate() {
        weighted += magnitude * (2.0 * k as f64 + 1.0 - n);
        sum += magnitude;
    }
    Ok(Ok(weighted / (n * sum)))
}

/// A map `[J, H, W]` that knows nothing: independent values, uniform on [0, 1), a function of the
/// shape and the seed. A metric's value on it is the level of chance; take several seeds.
///
/// ```
/// use racm::metrics::random_map;
///
/// let map = random_map([3, 8, 8], 1);
/// assert!(map.iter().all(|v| (0.0..1.0).contains(v)));
/// assert_eq!(map, random_map([3, 8, 8], 1));
/// assert_ne!(map, random_map([3, 8, 8], 2));
/// ```
pub fn random_map(shape: [usize; 3], seed: u64) -> Array3<f32> {
    // The one stream that no block of masks has, so that no map is made of an explainer's draws.
    let mut generator = block_rng(seed, u64::MAX);
    // The upper 24 bits: every multiple of 2^-24 in [0, 1) is an f32.
    Array3::from_shape_simple_fn(shape, || {
        (generator.next_u32() >> 8) as f32 / (1_u32 << 24) as f32
    })
}

/// A map `[J, H, W]` of ones: no element matters more than another.
///
/// For Insertion and Deletion all its elements are tied, so they are taken by index, row by row
/// from the top left: a sweep over the image, not a random order. It has no value-threshold curve
/// and no DCC ([`Undefined::FlatMap`]), a Gini index of 0, and the box's share of the image as its
/// pointing game and energy inside.
///
/// ```
/// use racm::metrics::{gini, uniform_map};
///
/// assert_eq!(gini(uniform_map([1, 8, 8]).view())?, Ok(0.0));
/// # Ok::<(), racm::Error>(())
/// ```
pub fn uniform_map(shape: [usize; 3]) -> Array3<f32> {
    Array3::ones(shape)
}
