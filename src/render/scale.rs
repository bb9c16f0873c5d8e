//! The shared scale of all planes of a map.

use std::sync::OnceLock;

use colorgrad::{CatmullRomGradient, Color, Gradient, GradientBuilder, preset};
use ndarray::{ArrayRef2, ArrayRef3};

use super::{check_finite, check_not_empty, check_shape};
use crate::error::{Error, Result};

/// Odd, so that 0 has an entry of its own.
const COLOURS: usize = 513;

/// From values to colours, the same for all planes of a map.
///
/// A scale that contains 0 is *anchored*: 0 is near-white, positive values are red, negative values are blue, and the
/// strength is the distance from 0 over the largest distance. A scale that does not contain 0 goes from violet to
/// yellow (viridis), so that nobody takes its lower end for 0. Both can be told apart by colour-blind readers.
///
/// ```
/// use racm::ndarray::arr3;
/// use racm::render::Scale;
///
/// let scale = Scale::of(&arr3(&[[[-1.0, 0.0, 3.0]]]))?;
/// assert_eq!((scale.low(), scale.high()), (-3.0, 3.0)); // as far to either side of 0
/// assert!(scale.is_anchored()); // near-white means 0
/// let [red, _, blue] = scale.colour(3.0);
/// assert!(red > blue);
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    low: f32,
    high: f32,
    clipped: bool,
}

impl Scale {
    /// The scale of a map: [`Scale::fit`] to all its values.
    ///
    /// # Errors
    /// [`Error::Shape`] for a map without a value, [`Error::NotFinite`].
    pub fn of(map: &ArrayRef3<f32>) -> Result<Self> {
        Self::fit(map, None, 100.0)
    }

    /// The scale of the values of a map `[J, H, W]` inside a region `[H, W]`.
    ///
    /// - Values of both signs: symmetrical, from -a to a, where a is the given percentile of |value| (100: the
    ///   largest). Lower percentiles, such as 99.5, keep a few extreme pixels from bleaching the rest; values beyond
    ///   take the colour of the end, and the bar's ends become arrows.
    /// - One sign: from 0 to a.
    /// - One sign and far from 0, so that 0 would take more than half of the bar: from the (100 - percentile)th to the
    ///   percentile.
    /// - All 0, or no pixel in the region: everything is neutral.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`], and [`Error::Parameter`] for a percentile outside (50, 100].
    pub fn fit(
        map: &ArrayRef3<f32>,
        region: Option<&ArrayRef2<bool>>,
        percentile: f64,
    ) -> Result<Self> {
        check_not_empty("the map", map)?;
        check_finite("the map", map)?;
        if !(percentile > 50.0 && percentile <= 100.0) {
            return Err(Error::parameter(
                "percentile",
                percentile,
                "a number in (50, 100]",
            ));
        }
        let (_, h, w) = map.dim();
        if let Some(region) = region {
            check_shape("the region", region, &[h, w])?;
        }
        let inside = map
            .indexed_iter()
            .filter(|&((_, y, x), _)| region.is_none_or(|r| r[[y, x]]));
        let mut values: Vec<f32> = inside.map(|(_, &v)| v).collect();
        let min = values.iter().fold(f32::INFINITY, |a, &b| a.min(b));
        let max = values.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        if values.is_empty() || (min == 0.0 && max == 0.0) {
            return Self::new(0.0, 0.0);
        }
        let (nearest, farthest) = (min.abs().min(max.abs()), min.abs().max(max.abs()));
        let signs = min < 0.0 && max > 0.0;
        let (mut low, mut high) = if !signs && nearest > farthest / 2.0 && min < max {
            let low = rank(&mut values, 100.0 - percentile);
            (low, rank(&mut values, percentile))
        } else {
            values.iter_mut().for_each(|v| *v = v.abs());
            let limit = rank(&mut values, percentile);
            // Most of a sparse map is 0, and so may the percentile be.
            let limit = if limit > 0.0 { limit } else { farthest };
            (
                if min < 0.0 { -limit } else { 0.0 },
                if max > 0.0 { limit } else { 0.0 },
            )
        };
        if low == high {
            (low, high) = (min, max);
        }
        let mut scale = Self::new(low, high)?;
        scale.clipped = min < low || max > high;
        Ok(scale)
    }

    /// A scale with these ends, for instance to compare several maps.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless both are finite and `low < high` (or both are 0: everything is neutral).
    pub fn new(low: f32, high: f32) -> Result<Self> {
        let ordered = low < high || (low == 0.0 && high == 0.0);
        if !(ordered && low.is_finite() && high.is_finite()) {
            return Err(Error::parameter(
                "scale",
                format!("{low} to {high}"),
                "two finite numbers, the smaller one first",
            ));
        }
        let clipped = false;
        Ok(Self { low, high, clipped })
    }

    /// The value at the lower end.
    pub fn low(&self) -> f32 {
        self.low
    }

    /// The value at the upper end.
    pub fn high(&self) -> f32 {
        self.high
    }

    /// Whether the scale contains 0, so that near-white means 0.
    pub fn is_anchored(&self) -> bool {
        self.low <= 0.0 && self.high >= 0.0
    }

    /// Whether values of the map that the scale was fitted to lie beyond its ends.
    pub fn is_clipped(&self) -> bool {
        self.clipped
    }

    /// How strong a value is: 0 at 0 (at the lower end of a scale without 0), 1 at the ends and beyond.
    pub fn strength(&self, value: f32) -> f32 {
        self.position(value).abs() as f32
    }

    /// The colour of a value; beyond the ends, that of the nearer end. NaN is drawn as weak as can be.
    pub fn colour(&self, value: f32) -> [u8; 3] {
        let position = self.position(value);
        let last = (COLOURS - 1) as f64;
        if self.is_anchored() {
            diverging()[((position + 1.0) / 2.0 * last).round() as usize]
        } else {
            offset()[(position * last).round() as usize]
        }
    }

    /// In [-1, 1] when anchored, else in [0, 1].
    fn position(&self, value: f32) -> f64 {
        let value = f64::from(value.clamp(self.low, self.high));
        let (low, high) = (f64::from(self.low), f64::from(self.high));
        let position = if self.is_anchored() {
            value / high.max(-low)
        } else {
            (value - low) / (high - low)
        };
        // 0 / 0 on a flat map, and NaN given.
        if position.is_nan() { 0.0 } else { position }
    }
}

/// The value at a percentile, by nearest rank.
fn rank(values: &mut [f32], percentile: f64) -> f32 {
    let n = values.len();
    let rank = (percentile / 100.0 * n as f64).ceil() as usize;
    *values
        .select_nth_unstable_by(rank.clamp(1, n) - 1, f32::total_cmp)
        .1
}

/// ColorBrewer's RdBu, as in `colorgrad::preset::rd_bu`, whose curve passes beside its stops: its centre is pinkish, and
/// 0 must be a true grey.
const RED_BLUE: [[u8; 3]; 11] = [
    [0x67, 0x00, 0x1f],
    [0xb2, 0x18, 0x2b],
    [0xd6, 0x60, 0x4d],
    [0xf4, 0xa5, 0x82],
    [0xfd, 0xdb, 0xc7],
    [0xf7, 0xf7, 0xf7],
    [0xd1, 0xe5, 0xf0],
    [0x92, 0xc5, 0xde],
    [0x43, 0x93, 0xc3],
    [0x21, 0x66, 0xac],
    [0x05, 0x30, 0x61],
];

/// From blue to red, so that red is positive.
fn diverging() -> &'static [[u8; 3]; COLOURS] {
    static TABLE: OnceLock<[[u8; 3]; COLOURS]> = OnceLock::new();
    TABLE.get_or_init(|| {
        let stops = RED_BLUE.map(|[r, g, b]| Color::from_rgba8(r, g, b, 255));
        let through = GradientBuilder::new()
            .colors(&stops)
            .build::<CatmullRomGradient>();
        through.map_or_else(|_| table(&preset::rd_bu(), true), |g| table(&g, true))
    })
}

fn offset() -> &'static [[u8; 3]; COLOURS] {
    static TABLE: OnceLock<[[u8; 3]; COLOURS]> = OnceLock::new();
    TABLE.get_or_init(|| table(&preset::viridis(), false))
}

fn table(gradient: &dyn Gradient, reversed: bool) -> [[u8; 3]; COLOURS] {
    std::array::from_fn(|i| {
        let t = i as f32 / (COLOURS - 1) as f32;
        let [r, g, b, _] = gradient.at(if reversed { 1.0 - t } else { t }).to_rgba8();
        [r, g, b]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The greys of the *not evaluated* marker must not occur on any scale.
    #[test]
    fn no_scale_has_the_hatch_greys() {
        for marker in super::super::marks::HATCH {
            for colour in diverging().iter().chain(offset()) {
                let distance = colour.iter().zip(marker).map(|(&a, b)| a.abs_diff(b)).max();
                assert!(distance > Some(20), "{colour:?} is like {marker:?}");
            }
        }
    }
}
