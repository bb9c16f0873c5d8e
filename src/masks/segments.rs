//! Cells of any shape: a segmentation of the image.

use std::ops::Range;

use ndarray::{Array2, Array3, ArrayRef2, ArrayRef3};

use crate::error::{Error, Result};
use crate::masks::region::check_runs;

/// A segmentation of an image: every pixel belongs to one segment, and a mask shows or hides whole segments.
///
/// It takes the place of the grid: superpixels, the parts of an anatomical atlas, fields on a map. Segments need not be
/// connected or of equal size. Masks are hard, and the same segments are drawn for every mask.
///
/// ```
/// use racm::{Explainer, Rise, Segments, Target, demo};
/// use racm::ndarray::Array2;
///
/// // Three bands; any labels will do.
/// let labels = Array2::from_shape_fn((96, 96), |(y, _)| [7, 2, 9][y / 32]);
/// let segments = Segments::from_labels(&labels)?;
/// assert_eq!(segments.count(), 3);
/// let explainer = Explainer::builder().family(Rise).segments(segments).masks(500).build()?;
/// let explanation = explainer.explain(&demo::Classifier, &demo::image(), Target::Top)?;
/// let map = explanation.map();
/// assert_eq!(map[[0, 0, 0]], map[[0, 31, 95]]); // one value a segment
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segments {
    /// `[H, W]`, each below `count`.
    labels: Array2<u32>,
    count: usize,
    /// Neighbours in reading order that belong to one segment, and which.
    runs: Vec<(Range<usize>, u32)>,
}

impl Segments {
    /// The segments of a label map `[H, W]`: pixels with one label are one segment, numbered from 0 in the order of
    /// their labels.
    ///
    /// # Errors
    /// [`Error::EmptyRegion`] for a map without a pixel.
    pub fn from_labels(labels: &ArrayRef2<i64>) -> Result<Self> {
        let (height, width) = labels.dim();
        if labels.is_empty() {
            return Err(Error::EmptyRegion { height, width });
        }
        let mut names: Vec<i64> = labels.iter().copied().collect();
        names.sort_unstable();
        names.dedup();
        let number = |name: &i64| names.partition_point(|other| other < name) as u32;
        let labels = Array2::from_shape_fn((height, width), |at| number(&labels[at]));
        let mut runs: Vec<(Range<usize>, u32)> = Vec::new();
        for (pixel, &label) in labels.iter().enumerate() {
            match runs.last_mut() {
                Some((run, last)) if *last == label => run.end = pixel + 1,
                _ => runs.push((pixel..pixel + 1, label)),
            }
        }
        Ok(Segments {
            labels,
            count: names.len(),
            runs,
        })
    }

    /// A grid of `rows` x `columns` rectangles over an image of `height` x `width` pixels.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless there are 1 to `height` rows and 1 to `width` columns.
    pub fn grid([height, width]: [usize; 2], rows: usize, columns: usize) -> Result<Self> {
        for (name, cells, pixels) in [("rows", rows, height), ("columns", columns, width)] {
            if !(1..=pixels).contains(&cells) {
                return Err(Error::parameter(
                    name,
                    cells,
                    format!("1 to {pixels}, at most one a pixel"),
                ));
            }
        }
        // The cell that a pixel's centre lies in, as for a grid of hard cells that stand still.
        let of = |p: usize, cells: usize, pixels: usize| (2 * p + 1) * cells / (2 * pixels);
        let cell = |(y, x)| (of(y, rows, height) * columns + of(x, columns, width)) as i64;
        Self::from_labels(&Array2::from_shape_fn((height, width), cell))
    }

    /// The number of the segment of every pixel, `[H, W]`.
    pub fn labels(&self) -> &Array2<u32> {
        &self.labels
    }

    /// How many segments there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The image `[C, H, W]` with every segment in its mean, channel by channel: LIME's baseline.
    ///
    /// # Errors
    /// [`Error::Shape`] for an image of another size.
    pub fn means(&self, image: &ArrayRef3<f32>) -> Result<Array3<f32>> {
        let (channels, height, width) = image.dim();
        if self.labels.dim() != (height, width) {
            return Err(Error::Shape {
                what: "the image",
                given: vec![channels, height, width],
                expected: vec![channels, self.labels.dim().0, self.labels.dim().1],
            });
        }
        let mut means = Array3::zeros(image.dim());
        for (plane, mut out) in image.outer_iter().zip(means.outer_iter_mut()) {
            let mut sums = vec![(0.0, 0.0); self.count];
            for (&v, &label) in plane.iter().zip(&self.labels) {
                let (sum, pixels) = &mut sums[label as usize];
                *sum += f64::from(v);
                *pixels += 1.0;
            }
            for (o, &label) in out.iter_mut().zip(&self.labels) {
                let (sum, pixels) = sums[label as usize];
                *o = (sum / pixels) as f32;
            }
        }
        Ok(means)
    }

    /// The segments of such runs of labels, row by row, or why there are none.
    pub(crate) fn from_runs(shape: [usize; 2], runs: &[(i64, usize)]) -> Result<Self, String> {
        check_runs("segments'", shape, runs.iter().map(|(_, n)| *n))?;
        let labels = runs
            .iter()
            .flat_map(|&(label, n)| std::iter::repeat_n(label, n));
        Array2::from_shape_vec(shape, labels.collect())
            .map_err(|e| e.to_string())
            .and_then(|labels| Segments::from_labels(&labels).map_err(|e| e.to_string()))
    }

    pub(crate) fn runs(&self) -> &[(Range<usize>, u32)] {
        &self.runs
    }
}
