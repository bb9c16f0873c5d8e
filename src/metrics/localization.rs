//! Does a map point into a box?

use ndarray::{ArrayView3, Axis};

use super::ranking::plane_mean;
use super::{Outcome, Undefined, check_map};
use crate::error::{Error, Result};

/// A box in an image, in pixels: x to the right, y down, from the top left corner.
///
/// Pixel (row, column) covers `[column, column + 1)` x `[row, row + 1)` and is inside the box if its
/// centre is. With whole numbers x1..x2 and y1..y2 are the columns and rows inside.
///
/// ```
/// use racm::metrics::BoundingBox;
///
/// let sign = BoundingBox::new(10.0, 20.0, 30.0, 40.0)?; // left, top, right, bottom
/// assert!(sign.contains(20, 10) && !sign.contains(20, 30)); // row, column
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundingBox {
    x1: f64,
    y1: f64,
    x2: f64,
    y2: f64,
}

impl BoundingBox {
    /// A box from its left, top, right and bottom edge.
    ///
    /// ```
    /// use racm::metrics::BoundingBox;
    ///
    /// assert!(BoundingBox::new(15.0, 18.0, 90.0, 93.0).is_ok());
    /// assert!(BoundingBox::new(90.0, 18.0, 15.0, 93.0).is_err());
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] unless 0 <= x1 < x2 and 0 <= y1 < y2, all finite.
    pub fn new(x1: f64, y1: f64, x2: f64, y2: f64) -> Result<Self> {
        let bbox = BoundingBox { x1, y1, x2, y2 };
        let ordered = x1 >= 0.0 && y1 >= 0.0 && x1 < x2 && y1 < y2;
        if ordered && x2.is_finite() && y2.is_finite() {
            return Ok(bbox);
        }
        Err(bbox.refused("0 <= x1 < x2 and 0 <= y1 < y2, all finite"))
    }

    /// Whether the box holds the pixel in this row and column.
    pub fn contains(&self, row: usize, column: usize) -> bool {
        let (x, y) = (column as f64 + 0.5, row as f64 + 0.5);
        self.x1 <= x && x < self.x2 && self.y1 <= y && y < self.y2
    }

    /// Checks that the box lies in an image of this size and holds a pixel of it.
    fn check(&self, height: usize, width: usize) -> Result<()> {
        if self.x2 > width as f64 || self.y2 > height as f64 {
            return Err(self.refused(format!("a box inside {width} x {height} pixels")));
        }
        let centre = |low: f64, high: f64| (low - 0.5).ceil() + 0.5 < high;
        if centre(self.x1, self.x2) && centre(self.y1, self.y2) {
            return Ok(());
        }
        Err(self.refused("a box that holds the centre of a pixel"))
    }

    fn refused(&self, expected: impl Into<String>) -> Error {
        let BoundingBox { x1, y1, x2, y2 } = self;
        Error::parameter(
            "bounding_box",
            format!("x {x1} to {x2}, y {y1} to {y2}"),
            expected,
        )
    }
}

/// A number for each plane of a map, and for its mean over the planes.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Localization {
    /// For each plane by itself.
    pub planes: Vec<Outcome<f64>>,
    /// For the mean over the planes; that of the plane itself if there is only one.
    pub joint: Outcome<f64>,
}

impl Localization {
    fn of<A: Copy + Into<f64>>(
        map: &ArrayView3<'_, A>,
        bbox: &BoundingBox,
        measure: impl Fn(&mut dyn Iterator<Item = (f64, bool)>) -> Outcome<f64>,
    ) -> Result<Self> {
        let [_, h, w] = check_map(map)?;
        bbox.check(h, w)?;
        let inside: Vec<bool> = (0..h * w).map(|i| bbox.contains(i / w, i % w)).collect();
        let inside = inside.iter().copied();
        Ok(Localization {
            planes: map
                .axis_iter(Axis(0))
                .map(|plane| measure(&mut plane.iter().map(|&v| v.into()).zip(inside.clone())))
                .collect(),
            joint: measure(&mut plane_mean(map).into_iter().zip(inside)),
        })
    }
}

/// The pointing game (Zhang et al. 2018, "Top-down Neural Attention by Excitation Backprop",
/// without their tolerance of 15 pixels): 1 if the highest pixel of the map is in the box, 0 if not.
///
/// Where several pixels share the highest value it is the fraction of them in the box: what
/// pointing at one of them at random gives. A uniform map therefore gets the box's share of the
/// image, which is the level of chance. Always defined.
///
/// ```
/// use ndarray::arr3;
/// use racm::metrics::{BoundingBox, energy_inside, pointing_game};
///
/// let map = arr3(&[[[0.1_f32, 0.5], [0.0, 0.2]], [[0.0, 0.0], [0.9, 0.3]]]);
/// let right = BoundingBox::new(1.0, 0.0, 2.0, 2.0)?;
/// let hits = pointing_game(map.view(), &right)?;
/// assert_eq!(hits.planes, [Ok(1.0), Ok(0.0)]);
/// assert_eq!(hits.joint, Ok(0.0));
/// let energy = energy_inside(map.view(), &right)?;
/// assert!((energy.joint.unwrap() - 0.5).abs() < 1e-7);
/// # Ok::<(), racm::Error>(())
/// ```
///
/// # Errors
/// [`Error::Parameter`] if the box is not inside the image, holds no pixel, or the map has no
/// element; [`Error::NotFinite`] for NaN or an infinity in the map.
pub fn pointing_game<A: Copy + Into<f64>>(
    map: ArrayView3<'_, A>,
    bounding_box: &BoundingBox,
) -> Result<Localization> {
    Localization::of(&map, bounding_box, |pixels| {
        let (mut highest, mut maxima, mut hits) = (f64::NEG_INFINITY, 0.0, 0.0);
        for (value, inside) in pixels {
            if value > highest {
                (highest, maxima, hits) = (value, 0.0, 0.0);
            }
            if value == highest {
                maxima += 1.0;
                hits += f64::from(u8::from(inside));
            }
        }
        Ok(hits / maxima)
    })
}

/// The energy inside the box (the energy-based pointing game of Wang et al. 2020, "Score-CAM"):
/// the sum of the map's positive part inside the box over its sum everywhere. From 0 to 1.
///
/// Only positive values count as energy: what speaks against the class belongs neither inside nor
/// outside. The joint value is that of the mean map's positive part. A uniform map gets the box's
/// share of the image. Undefined ([`Undefined::NoEnergy`]) without a positive value.
///
/// ```
/// use ndarray::arr3;
/// use racm::metrics::{BoundingBox, energy_inside};
///
/// let map = arr3(&[[[3.0_f32, 1.0], [-5.0, 0.0]]]);
/// let left = BoundingBox::new(0.0, 0.0, 1.0, 2.0)?;
/// assert_eq!(energy_inside(map.view(), &left)?.joint, Ok(0.75)); // 3 of 3 + 1
/// # Ok::<(), racm::Error>(())
/// ```
///
/// # Errors
/// As [`pointing_game`].
pub fn energy_inside<A: Copy + Into<f64>>(
    map: ArrayView3<'_, A>,
    bounding_box: &BoundingBox,
) -> Result<Localization> {
    Localization::of(&map, bounding_box, |pixels| {
        let pixels: Vec<(f64, bool)> = pixels.collect();
        let highest = pixels.iter().fold(0.0, |high: f64, p| high.max(p.0));
        let (mut energy_in, mut energy) = (0.0, 0.0);
        for (value, inside) in pixels {
            // Of the highest value, so that the sum is finite.
            let share = value.max(0.0) / highest;
            energy += share;
            if inside {
                energy_in += share;
            }
        }
        if energy > 0.0 {
            Ok(energy_in / energy)
        } else {
            Err(Undefined::NoEnergy)
        }
    })
}
