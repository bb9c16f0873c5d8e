//! The maps that are measured.

use std::borrow::Cow;

use racm::metrics::random_map;
use racm::ndarray::{Array3, ArrayView3, Axis};
use racm::{Explanation, Region};

use crate::explain::evaluated::fill_outside;

/// One of the maps by channel (Eq. 12 for MC-RISE), or its one plane.
pub fn channel_map(explanation: &Explanation, index: usize, negated: bool) -> Array3<f32> {
    let mut map = match explanation.channel_maps() {
        Some(maps) => maps.index_axis_move(Axis(0), index),
        None => explanation
            .maps()
            .index_axis_move(Axis(0), index)
            .to_owned(),
    };
    if negated {
        map.mapv_inplace(|v| -v);
    }
    if let Some(region) = explanation.region() {
        least_outside(&mut map, region);
    }
    map
}

/// What was not evaluated counts as least important, which is where Eq. 10 puts it.
pub fn least_outside(map: &mut Array3<f32>, region: &Region) {
    let pixels = region.pixels();
    let inside = map.outer_iter().flat_map(|plane| {
        let values = plane.into_iter().zip(pixels);
        values
            .filter(|(_, inside)| **inside)
            .map(|(&value, _)| value)
    });
    let lowest = inside.fold(f32::INFINITY, f32::min);
    fill_outside(map, region, lowest);
}

/// A map for what looks for the highest values: pixels without a value are below all others, and hold nothing.
pub fn below_where_missing<'a>(
    map: &'a Array3<f32>,
    known: Option<&Region>,
) -> Cow<'a, Array3<f32>> {
    let Some(known) = known else {
        return Cow::Borrowed(map);
    };
    let mut map = map.clone();
    fill_outside(&mut map, known, f32::MIN);
    Cow::Owned(map)
}

/// The elements of a map where the image has a value, `[J, 1, n]`.
pub fn with_a_value<'a>(map: &'a Array3<f32>, known: Option<&Region>) -> Cow<'a, Array3<f32>> {
    let Some(known) = known else {
        return Cow::Borrowed(map);
    };
    let pixels = known.pixels().indexed_iter();
    let pixels: Vec<_> = pixels.filter(|(_, has)| **has).map(|(at, _)| at).collect();
    let (planes, ..) = map.dim();
    let of = |(j, _, i): (usize, usize, usize)| {
        let (y, x) = pixels[i];
        map[[j, y, x]]
    };
    Cow::Owned(Array3::from_shape_fn((planes, 1, pixels.len()), of))
}

/// A random map that is drawn anew for every image, so that it is no more alike on an image and on
/// its explained image than chance has it.
pub fn random_of(image: &ArrayView3<'_, f32>, seed: u64) -> Array3<f32> {
    let mut hash = seed ^ 0xcbf2_9ce4_8422_2325;
    for v in image {
        hash = (hash ^ u64::from(v.to_bits())).wrapping_mul(0x0100_0000_01b3);
        hash ^= hash >> 29;
    }
    random_map(image.dim().into(), hash)
}

#[cfg(test)]
mod tests {
    use racm::ndarray::{arr2, arr3};

    use super::*;

    #[test]
    fn nothing_inside_comes_behind_what_was_not_evaluated() {
        let mut map = arr3(&[[[0.3, -9.0], [0.1, 9.0]], [[-0.2, 0.0], [0.4, 0.0]]]);
        let region = Region::from_pixels(arr2(&[[true, false], [true, false]])).unwrap();
        least_outside(&mut map, &region);
        assert_eq!(
            map,
            arr3(&[[[0.3, -0.2], [0.1, -0.2]], [[-0.2, -0.2], [0.4, -0.2]]])
        );
    }
}
