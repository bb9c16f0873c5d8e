//! The order in which a map names the elements of an image.

use std::borrow::Cow;

use ndarray::{ArrayView3, Axis};

use super::check_map;
use crate::error::Result;
use crate::text::named;

/// What a map ranks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Elements {
    /// Pixels, with all their channels at once: H x W elements. A map of several planes is
    /// averaged over them. RISE's protocol.
    #[default]
    Pixels,
    /// Channels of pixels, each in its own place: C x H x W elements. The map must have C planes.
    /// RaCM's table.
    PixelChannels,
}

/// From which end the elements are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Order {
    /// Most relevant first (MoRF), the order of RISE's Insertion and Deletion.
    #[default]
    Morf,
    /// Least relevant first (LeRF). Without ties it is the reverse of [`Order::Morf`].
    Lerf,
}

named!(
    Elements,
    "elements",
    PixelChannels = "pixel-channels",
    Pixels = "pixels"
);
named!(Order, "order", Morf = "morf", Lerf = "lerf");

/// The elements of an image in the order of their importance, sorted once.
///
/// Elements with the same value are ordered by index (row by row; channel after channel), in
/// [`Order::Morf`] and in [`Order::Lerf`]. (RISE's code leaves ties to numpy's unstable sort.)
/// A map without any differences, such as [`uniform_map`](super::uniform_map), therefore names the
/// elements from the top left to the bottom right. Only the order of the values counts: a strictly
/// increasing function of the map gives the same ranking, as long as the map is not averaged.
///
/// ```
/// use ndarray::arr3;
/// use racm::metrics::{Elements, Order, Ranking};
///
/// let map = arr3(&[[[0.1_f32, 0.7], [0.7, 0.9]]]);
/// let ranking = Ranking::new(map.view(), Elements::Pixels)?;
/// assert_eq!(*ranking.indices(Order::Morf), [3, 1, 2, 0]);
/// assert_eq!(*ranking.indices(Order::Lerf), [0, 1, 2, 3]);
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranking {
    elements: Elements,
    /// The map's shape, `[J, H, W]`.
    shape: [usize; 3],
    morf: Vec<usize>,
    /// Whether `morf[i]` has the same value as `morf[i - 1]`: LeRF then needs no second sort.
    tied: Vec<bool>,
}

impl Ranking {
    /// Ranks the elements of the image under a map `[J, H, W]`.
    ///
    /// # Errors
    /// [`Error::NotFinite`](crate::Error::NotFinite) for NaN or an infinity in the map,
    /// [`Error::Parameter`](crate::Error::Parameter) for a map without an element.
    pub fn new<A: Copy + Into<f64>>(map: ArrayView3<'_, A>, elements: Elements) -> Result<Self> {
        let shape = check_map(&map)?;
        let mut values = match elements {
            Elements::PixelChannels => map.iter().map(|&v| v.into()).collect(),
            Elements::Pixels => plane_mean(&map),
        };
        // -0 and 0 are one value.
        values.iter_mut().for_each(|v| *v += 0.0);
        let mut morf: Vec<usize> = (0..values.len()).collect();
        morf.sort_unstable_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
        let mut tied = vec![false; morf.len()];
        for (tie, pair) in tied[1..].iter_mut().zip(morf.windows(2)) {
            *tie = values[pair[0]] == values[pair[1]];
        }
        Ok(Ranking {
            elements,
            shape,
            morf,
            tied,
        })
    }

    /// What is ranked.
    pub fn elements(&self) -> Elements {
        self.elements
    }

    /// The shape of the map, `[J, H, W]`.
    pub fn map_shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Indices of the elements in their order: row-major into `[H, W]` for
    /// [`Elements::Pixels`], into `[C, H, W]` for [`Elements::PixelChannels`].
    pub fn indices(&self, order: Order) -> Cow<'_, [usize]> {
        match order {
            Order::Morf => Cow::Borrowed(&self.morf),
            Order::Lerf => {
                let mut lerf = Vec::with_capacity(self.morf.len());
                let mut end = self.morf.len();
                while end > 0 {
                    let mut start = end - 1;
                    while self.tied[start] {
                        start -= 1;
                    }
                    lerf.extend_from_slice(&self.morf[start..end]);
                    end = start;
                }
                Cow::Owned(lerf)
            }
        }
    }
}

/// The mean over the planes of a map, pixel by pixel.
pub(super) fn plane_mean<A: Copy + Into<f64>>(map: &ArrayView3<'_, A>) -> Vec<f64> {
    let (planes, h, w) = map.dim();
    let mut mean = vec![0.0; h * w];
    for plane in map.axis_iter(Axis(0)) {
        for (m, &v) in mean.iter_mut().zip(plane) {
            *m += v.into() / planes as f64;
        }
    }
    mean
}
