//! From cells to pixels: the enlargement U of the mask grid, one axis at a time.

use std::ops::Range;

use ndarray::{Array2, ArrayRef2, ArrayView2};

use crate::text::named;

/// How a grid of cells becomes a mask of pixels.
///
/// Both are row-stochastic (a pixel's weights over cells are at least 0 and sum to 1) and use
/// half-pixel centres with clamped edges: torch's `bilinear` (`align_corners=False`) and
/// `nearest-exact`, OpenCV's `INTER_LINEAR` and `INTER_NEAREST_EXACT`.
///
/// ```
/// use racm::{Enlargement, MaskSpec, Placement, Plan, Rise};
///
/// let spec = MaskSpec::new(Rise).grid(2, 2).placement(Placement::Fixed);
/// let soft = Plan::new([1, 8, 8], &spec)?;
/// let hard = Plan::new([1, 8, 8], &spec.enlargement(Enlargement::Nearest))?;
/// let is_whole = |v: &f32| *v == 0.0 || *v == 1.0;
/// assert!(hard.mask(0, 1).plane(0).iter().all(is_whole));
/// assert_eq!(soft.mask(0, 1).states(), hard.mask(0, 1).states()); // only the edges differ
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Enlargement {
    /// Soft masks: a pixel mixes the up to four nearest cells.
    #[default]
    Bilinear,
    /// Hard masks: a pixel shows the cell it lies in.
    Nearest,
}

/// Where the cells lie on the image.
///
/// ```
/// use racm::{MaskSpec, Placement, Plan, Racm};
///
/// // One row and one column of cells more, of which a part is outside of the image.
/// let spec = MaskSpec::new(Racm).grid(8, 8);
/// assert_eq!(Plan::new([3, 96, 96], &spec)?.cells(), [9, 9]);
/// let fixed = spec.placement(Placement::Fixed);
/// assert_eq!(Plan::new([3, 96, 96], &fixed)?.cells(), [8, 8]);
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Placement {
    /// One row and one column of cells more than the grid says, of ceil(H / rows) by
    /// ceil(W / columns) pixels each, cropped at a random offset below one cell (RISE). The masks
    /// of a block share the offset.
    #[default]
    Shifted,
    /// The cells are stretched over the image, the same for every mask.
    Fixed,
}

named!(
    Enlargement,
    "enlargement",
    Bilinear = "bilinear",
    Nearest = "nearest"
);
named!(Placement, "placement", Shifted = "shifted", Fixed = "fixed");

/// One axis of the grid: `cells` cells over `pixels` pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GridAxis {
    pub pixels: usize,
    pub cells: usize,
    pub enlargement: Enlargement,
    pub placement: Placement,
}

/// Consecutive pixels between the same two cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub pixels: Range<usize>,
    pub low: usize,
    pub high: usize,
}

/// U along one axis: pixel p of a run takes `1 - t[p]` of cell `low` and `t[p]` of cell `high`.
#[derive(Clone, Debug)]
pub(crate) struct Taps {
    pub runs: Vec<Run>,
    pub t: Vec<f32>,
}

impl GridAxis {
    /// Cells that are drawn.
    pub fn drawn(&self) -> usize {
        match self.placement {
            Placement::Fixed => self.cells,
            Placement::Shifted => self.cells + 1,
        }
    }

    /// Number of equally likely offsets, in pixels.
    pub fn offsets(&self) -> usize {
        match self.placement {
            Placement::Fixed => 1,
            Placement::Shifted => self.pixels.div_ceil(self.cells),
        }
    }

    /// The pitch of the cells.
    pub fn pixels_per_cell(&self) -> f64 {
        match self.placement {
            Placement::Fixed => self.pixels as f64 / self.cells as f64,
            Placement::Shifted => self.offsets() as f64,
        }
    }

    pub fn taps(&self, offset: usize) -> Taps {
        let last = self.drawn() - 1;
        // A pixel's centre in cells is a fraction of integers, so that a hard pixel whose centre lies
        // on a border falls into the upper cell on every platform.
        let (times, over) = match self.placement {
            Placement::Fixed => (self.cells, 2 * self.pixels),
            Placement::Shifted => (1, 2 * self.offsets()),
        };
        let mut runs: Vec<Run> = Vec::with_capacity(self.drawn() + 1);
        let mut t = Vec::with_capacity(self.pixels);
        for p in 0..self.pixels {
            let centre = (2 * (p + offset) + 1) * times;
            let (low, weight) = match self.enlargement {
                Enlargement::Nearest => ((centre / over).min(last), 0.0),
                Enlargement::Bilinear => {
                    let x = (centre as f64 / over as f64 - 0.5).clamp(0.0, last as f64);
                    (x as usize, x.fract() as f32)
                }
            };
            // An edge pixel or a hard one hangs on one cell only.
            let high = if weight > 0.0 {
                (low + 1).min(last)
            } else {
                low
            };
            t.push(weight);
            match runs.last_mut() {
                Some(run) if run.low == low && run.high == high => run.pixels.end = p + 1,
                _ => runs.push(Run {
                    pixels: p..p + 1,
                    low,
                    high,
                }),
            }
        }
        Taps { runs, t }
    }
}

impl Taps {
    /// For each of `cells` cells the smallest range of pixels that holds every pixel with a weight
    /// on it.
    pub fn supports(&self, cells: usize) -> Vec<Range<usize>> {
        let mut supports = vec![0..0; cells];
        for run in &self.runs {
            for cell in [run.low, run.high] {
                let s: &mut Range<usize> = &mut supports[cell];
                *s = if s.start == s.end {
                    run.pixels.clone()
                } else {
                    s.start.min(run.pixels.start)..s.end.max(run.pixels.end)
                };
            }
        }
        supports
    }
}

/// The arithmetic of a mask (f32) and of a map (f64).
pub(crate) trait Real:
    Copy
    + Default
    + From<f32>
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
{
}
impl Real for f32 {}
impl Real for f64 {}

/// Where the outermost cells lie on an image that they are enlarged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Corners {
    /// Half a cell inside: half-pixel centres, clamped edges (torch's `align_corners=False`).
    Inside,
    /// On the outermost pixels (torch's `align_corners=True`).
    Aligned,
}

/// Values `[rows, columns]` enlarged to `[H, W]`, bilinear.
pub(crate) fn enlarge_bilinear(
    cells: ArrayView2<'_, f64>,
    [height, width]: [usize; 2],
    corners: Corners,
) -> Array2<f64> {
    let (rows, columns) = cells.dim();
    let taps = [(height, rows), (width, columns)].map(|(pixels, cells)| match corners {
        Corners::Aligned => aligned(pixels, cells),
        Corners::Inside => GridAxis {
            pixels,
            cells,
            enlargement: Enlargement::Bilinear,
            placement: Placement::Fixed,
        }
        .taps(0),
    });
    let cells: Vec<f64> = cells.iter().copied().collect();
    enlarge(&cells, rows, &taps)
}

/// Taps whose first and last pixel are the first and the last cell.
fn aligned(pixels: usize, cells: usize) -> Taps {
    let run = |p: usize| {
        let (at, over) = (p * (cells - 1), (pixels - 1).max(1));
        let low = at / over;
        let run = Run {
            pixels: p..p + 1,
            low,
            high: (low + 1).min(cells - 1),
        };
        (run, (at % over) as f32 / over as f32)
    };
    let (runs, t) = (0..pixels).map(run).unzip();
    Taps { runs, t }
}

/// `U cells`, the cells `[drawn rows, drawn columns]` enlarged to `[H, W]`.
pub(crate) fn enlarge<T: Real>(
    cells: &[T],
    drawn: usize,
    [rows, columns]: &[Taps; 2],
) -> Array2<T> {
    let width = columns.t.len();
    let mut wide = vec![T::default(); drawn * width];
    widen(cells, drawn, columns, &mut wide);
    let mut out = Array2::default((rows.t.len(), width));
    for run in &rows.runs {
        for y in run.pixels.clone() {
            for x in 0..width {
                let low = wide[run.low * width + x];
                let high = wide[run.high * width + x];
                out[[y, x]] = low + T::from(rows.t[y]) * (high - low);
            }
        }
    }
    out
}

/// The transpose of [`enlarge`]: what each of the drawn cells `[rows, columns]` counts for the sum of weights `[H, W]` times
/// what the cells are enlarged to.
pub(crate) fn gather(
    weights: &ArrayRef2<f64>,
    drawn: [usize; 2],
    [rows, columns]: &[Taps; 2],
) -> Vec<f64> {
    let width = columns.t.len();
    let mut wide = vec![0.0; drawn[0] * width];
    for run in &rows.runs {
        for y in run.pixels.clone() {
            let t = f64::from(rows.t[y]);
            for (x, weight) in weights.row(y).iter().enumerate() {
                wide[run.low * width + x] += (1.0 - t) * weight;
                wide[run.high * width + x] += t * weight;
            }
        }
    }
    let mut cells = vec![0.0; drawn[0] * drawn[1]];
    for (cells, wide) in cells
        .chunks_exact_mut(drawn[1])
        .zip(wide.chunks_exact(width))
    {
        for run in &columns.runs {
            for x in run.pixels.clone() {
                let t = f64::from(columns.t[x]);
                cells[run.low] += (1.0 - t) * wide[x];
                cells[run.high] += t * wide[x];
            }
        }
    }
    cells
}

/// Enlarges a grid along its columns: `cells` is `[rows, taps' cells]`, `out` is `[rows, W]`.
pub(crate) fn widen<T: Real>(cells: &[T], rows: usize, columns: &Taps, out: &mut [T]) {
    let width = columns.t.len();
    let per_row = cells.len() / rows;
    for (row, out) in cells.chunks_exact(per_row).zip(out.chunks_exact_mut(width)) {
        for run in &columns.runs {
            let (low, slope) = (row[run.low], row[run.high] - row[run.low]);
            let out = &mut out[run.pixels.clone()];
            for (o, &t) in out.iter_mut().zip(&columns.t[run.pixels.clone()]) {
                *o = low + T::from(t) * slope;
            }
        }
    }
}
