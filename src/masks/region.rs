//! Where masks are drawn at all: the refinement by a white-box map (Eq. 11).

use std::ops::Range;

use ndarray::{Array2, ArrayRef2, Zip};

use crate::error::{Error, Result};

/// A set of pixels to which the masks are restricted: `M' = M` inside it, and outside it every
/// pixel is always unselected (Eq. 11).
///
/// Cells that do not touch the region are never sampled. Outside it a map is *not evaluated*: its
/// array holds 0 there, which is no statement about importance.
///
/// ```
/// use racm::Region;
///
/// let saliency = ndarray::arr2(&[[0.1, 0.9], [0.4, 0.2]]);
/// let region = Region::top_fraction(&saliency, 0.5)?;
/// assert_eq!(region.pixels(), ndarray::arr2(&[[false, true], [true, false]]));
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    pixels: Array2<bool>,
}

impl Region {
    /// The region of the pixels `[H, W]` that are `true`.
    ///
    /// # Errors
    /// [`Error::EmptyRegion`] if none is.
    pub fn from_pixels(pixels: Array2<bool>) -> Result<Self> {
        if !pixels.iter().any(|&inside| inside) {
            let (height, width) = pixels.dim();
            return Err(Error::EmptyRegion { height, width });
        }
        Ok(Region { pixels })
    }

    /// The `round(fraction * H * W)` pixels with the highest values of a map `[H, W]`; among
    /// equals those with the lower index (row by row). The paper's "theta = 30 %" is 0.3.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a fraction outside (0, 1], [`Error::NotFinite`] for a NaN in the
    /// map, [`Error::EmptyRegion`] if the fraction rounds to no pixel.
    pub fn top_fraction(map: &ArrayRef2<f32>, fraction: f64) -> Result<Self> {
        Self::from_pixels(map.mapv(|_| true))?.top_fraction_inside(map, fraction)
    }

    /// The same of this region's pixels alone, the `round(fraction * count)` highest of them: what the
    /// map holds elsewhere counts for nothing, and may be NaN.
    ///
    /// ```
    /// use racm::Region;
    ///
    /// let map = ndarray::arr2(&[[f32::NAN, 0.9], [0.4, 0.2]]);
    /// let known = Region::from_pixels(map.mapv(|v| !v.is_nan()))?;
    /// let region = known.top_fraction_inside(&map, 0.67)?;
    /// assert_eq!(region.pixels(), ndarray::arr2(&[[false, true], [true, false]]));
    /// # Ok::<(), racm::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Region::top_fraction`], and [`Error::Shape`] for a map of another size.
    pub fn top_fraction_inside(&self, map: &ArrayRef2<f32>, fraction: f64) -> Result<Self> {
        if !(fraction > 0.0 && fraction <= 1.0) {
            return Err(Error::parameter("fraction", fraction, "a number in (0, 1]"));
        }
        if map.dim() != self.pixels.dim() {
            return Err(Error::Shape {
                what: "the saliency map",
                given: map.shape().to_vec(),
                expected: self.pixels.shape().to_vec(),
            });
        }
        let all = map.indexed_iter().map(|(at, &value)| (at, value));
        let mut inside: Vec<_> = all.filter(|(at, _)| self.pixels[*at]).collect();
        check_values(inside.iter().copied())?;
        // A stable sort keeps equals in the order of their index.
        inside.sort_by(|a, b| b.1.total_cmp(&a.1));
        let keep = (fraction * inside.len() as f64).round() as usize;
        let mut pixels = Array2::from_elem(map.dim(), false);
        for (at, _) in &inside[..keep] {
            pixels[*at] = true;
        }
        Self::from_pixels(pixels)
    }

    /// The pixels whose value is strictly above the given percentile of the map's values (0 to
    /// 100, linear between order statistics, as NumPy's default).
    ///
    /// # Errors
    /// [`Error::Parameter`] for a percentile outside [0, 100], [`Error::NotFinite`],
    /// [`Error::EmptyRegion`].
    pub fn above_percentile(map: &ArrayRef2<f32>, percentile: f64) -> Result<Self> {
        if !(0.0..=100.0).contains(&percentile) {
            return Err(Error::parameter(
                "percentile",
                percentile,
                "a number in [0, 100]",
            ));
        }
        check_map(map)?;
        let mut sorted: Vec<f64> = map.iter().map(|&v| f64::from(v)).collect();
        sorted.sort_by(f64::total_cmp);
        let rank = percentile / 100.0 * (sorted.len() - 1) as f64;
        let below = sorted[rank as usize];
        let above = sorted[(rank as usize + 1).min(sorted.len() - 1)];
        Self::greater(map, below + rank.fract() * (above - below))
    }

    /// The pixels whose value is strictly greater than `value`.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for a NaN in the map or as the value, [`Error::EmptyRegion`].
    pub fn above(map: &ArrayRef2<f32>, value: f32) -> Result<Self> {
        check_map(map)?;
        if value.is_nan() {
            return Err(Error::parameter("value", value, "a number"));
        }
        Self::greater(map, f64::from(value))
    }

    fn greater(map: &ArrayRef2<f32>, value: f64) -> Result<Self> {
        Self::from_pixels(map.mapv(|v| f64::from(v) > value))
    }

    /// The pixels of either region.
    ///
    /// # Errors
    /// [`Error::Shape`] if the regions are of different images.
    pub fn union(&self, other: &Region) -> Result<Self> {
        self.combine(other, |a, b| a || b)
    }

    /// The pixels of both regions.
    ///
    /// # Errors
    /// [`Error::Shape`] if the regions are of different images, [`Error::EmptyRegion`] if they
    /// have no pixel in common.
    pub fn intersection(&self, other: &Region) -> Result<Self> {
        self.combine(other, |a, b| a && b)
    }

    fn combine(&self, other: &Region, rule: impl Fn(bool, bool) -> bool) -> Result<Self> {
        if self.pixels.dim() != other.pixels.dim() {
            return Err(Error::Shape {
                what: "the other region",
                given: other.pixels.shape().to_vec(),
                expected: self.pixels.shape().to_vec(),
            });
        }
        Self::from_pixels(
            Zip::from(&self.pixels)
                .and(&other.pixels)
                .map_collect(|&a, &b| rule(a, b)),
        )
    }

    /// The pixels `[H, W]`: `true` inside.
    pub fn pixels(&self) -> &Array2<bool> {
        &self.pixels
    }

    /// The number of pixels inside.
    pub fn count(&self) -> usize {
        self.pixels.iter().filter(|&&inside| inside).count()
    }

    /// Run lengths, row by row: pixels outside, pixels inside, pixels outside, ...
    pub(crate) fn runs(&self) -> Vec<usize> {
        let (mut runs, mut inside) = (vec![0], false);
        for &pixel in &self.pixels {
            if pixel != inside {
                runs.push(0);
                inside = pixel;
            }
            if let Some(run) = runs.last_mut() {
                *run += 1;
            }
        }
        runs
    }

    /// The region of such runs, or why there is none.
    pub(crate) fn from_runs(shape: [usize; 2], runs: &[usize]) -> Result<Self, String> {
        check_runs("region's", shape, runs.iter().copied())?;
        let runs = runs.iter().enumerate();
        let pixels = runs.flat_map(|(i, &run)| std::iter::repeat_n(i % 2 == 1, run));
        Array2::from_shape_vec(shape, pixels.collect())
            .map_err(|e| e.to_string())
            .and_then(|pixels| Region::from_pixels(pixels).map_err(|e| e.to_string()))
    }
}

/// The pixels that a saved region, segmentation or plan may claim to have.
pub(crate) const MOST_PIXELS: usize = 1 << 28;

/// That runs fill an image, before anything as large as they claim is made.
pub(crate) fn check_runs(
    whose: &str,
    [height, width]: [usize; 2],
    mut runs: impl Iterator<Item = usize>,
) -> Result<(), String> {
    let pixels = height.checked_mul(width).filter(|&n| n <= MOST_PIXELS);
    let sum = runs.try_fold(0usize, |sum, run| sum.checked_add(run));
    if pixels.is_some() && pixels == sum {
        return Ok(());
    }
    let sum = sum.map_or("too many".to_owned(), |sum| sum.to_string());
    Err(format!(
        "the {whose} runs have {sum} pixels, expected {height} x {width}, at most {MOST_PIXELS}"
    ))
}

fn check_map(map: &ArrayRef2<f32>) -> Result<()> {
    let (height, width) = map.dim();
    if height * width == 0 {
        return Err(Error::EmptyRegion { height, width });
    }
    check_values(map.indexed_iter().map(|(at, &value)| (at, value)))
}

fn check_values(mut values: impl Iterator<Item = ((usize, usize), f32)>) -> Result<()> {
    match values.find(|(_, v)| v.is_nan()) {
        None => Ok(()),
        Some(((y, x), value)) => Err(Error::NotFinite {
            what: "the saliency map",
            index: vec![y, x],
            value: f64::from(value),
        }),
    }
}

/// A region made ready for masks: counts by rectangle, and the runs of pixels outside it.
#[derive(Clone, Debug)]
pub(crate) struct RegionIndex {
    /// Pixels inside, above and left of each corner: `[H + 1, W + 1]`.
    counts: Array2<u32>,
    /// For each row the runs of pixels outside.
    pub outside: Vec<Vec<Range<usize>>>,
}

impl RegionIndex {
    pub fn new(region: &Region) -> Self {
        let (height, width) = region.pixels.dim();
        let mut counts = Array2::zeros((height + 1, width + 1));
        let mut outside: Vec<Vec<Range<usize>>> = vec![Vec::new(); height];
        for ((y, x), &inside) in region.pixels.indexed_iter() {
            counts[[y + 1, x + 1]] =
                counts[[y, x + 1]] + counts[[y + 1, x]] - counts[[y, x]] + u32::from(inside);
            if !inside {
                match outside[y].last_mut() {
                    Some(run) if run.end == x => run.end = x + 1,
                    _ => outside[y].push(x..x + 1),
                }
            }
        }
        RegionIndex { counts, outside }
    }

    /// Whether the rectangle holds a pixel of the region.
    pub fn touches(&self, rows: &Range<usize>, columns: &Range<usize>) -> bool {
        let at = |y: usize, x: usize| self.counts[[y, x]];
        at(rows.end, columns.end) + at(rows.start, columns.start)
            > at(rows.start, columns.end) + at(rows.end, columns.start)
    }
}
