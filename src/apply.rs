//! Masked images: the hot loop. Its limit is the memory it writes.

use ndarray::ArrayRef3;
use rayon::prelude::*;

use crate::baseline::{Baseline, Resolved, check_finite};
use crate::error::{Error, Result};
use crate::family::Shown;
use crate::grid::{Run, Taps, widen};
use crate::mask::Block;
use crate::plan::{Plan, fingerprint};

/// What stands behind one channel.
#[derive(Debug)]
enum Base {
    Constant(f32),
    Image(Vec<f32>),
}

/// Applies the masks of a plan to one image.
///
/// ```
/// use racm::{Baseline, Masker, MaskSpec, Plan, demo};
///
/// let image = demo::image();
/// let plan = Plan::new([3, 96, 96], &MaskSpec::default())?;
/// let masker = Masker::new(&plan, &image, &Baseline::default())?;
/// let mut batch = vec![0.0; 8 * image.len()];
/// masker.fill(0, 100, &mut batch)?; // masks 100 to 107 of seed 0
/// assert_eq!(batch[..image.len()], plan.mask(0, 100).apply(&image, &Baseline::default())?.as_slice().unwrap()[..]);
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Debug)]
pub struct Masker<'p> {
    plan: &'p Plan,
    image: Vec<f32>,
    base: Vec<Base>,
}

/// One field over the cells (a weight or a value), enlarged along the columns, with the slope
/// towards the next row of cells.
#[derive(Clone, Default)]
struct Field {
    cells: Vec<f32>,
    wide: Vec<f32>,
    slope: Vec<f32>,
}

impl Field {
    fn widen(&mut self, rows: usize, columns: &Taps) {
        let width = columns.t.len();
        self.wide.resize(rows * width, 0.0);
        self.slope.resize(width, 0.0);
        widen(&self.cells, rows, columns, &mut self.wide);
    }

    fn row(&self, row: usize) -> &[f32] {
        let width = self.slope.len();
        &self.wide[row * width..][..width]
    }

    fn slope_of(&mut self, run: &Run) {
        let width = self.slope.len();
        let low = &self.wide[run.low * width..][..width];
        let high = &self.wide[run.high * width..][..width];
        for ((s, l), h) in self.slope.iter_mut().zip(low).zip(high) {
            *s = h - l;
        }
    }
}

/// Buffers of one thread: the weight of the image, the value of painted cells, the weight of the
/// baseline.
#[derive(Clone, Default)]
struct Scratch {
    states: Vec<u64>,
    image: Field,
    value: Field,
    base: Field,
}

impl<'p> Masker<'p> {
    /// Makes an image ready: `[C, H, W]`, of the plan's shape, finite.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`], and those of [`Baseline::image`].
    pub fn new(plan: &'p Plan, image: &ArrayRef3<f32>, baseline: &Baseline) -> Result<Self> {
        if image.shape() != plan.shape() {
            return Err(Error::Shape {
                what: "the image",
                given: image.shape().to_vec(),
                expected: plan.shape().to_vec(),
            });
        }
        check_finite("the image", image)?;
        let pixels = plan.shape()[1] * plan.shape()[2];
        let base = match baseline.resolve(image)? {
            Resolved::Constants(values) => values.into_iter().map(Base::Constant).collect(),
            Resolved::Image(base) => base
                .as_slice()
                .unwrap_or_default()
                .chunks_exact(pixels)
                .map(|channel| Base::Image(channel.to_vec()))
                .collect(),
        };
        Ok(Masker {
            plan,
            image: image.iter().copied().collect(),
            base,
        })
    }

    /// Writes the images of the masks from `first` on, `[n, C, H, W]`: as many as `batch` holds, on
    /// all threads of the current rayon pool.
    ///
    /// # Errors
    /// [`Error::Shape`] if the length of `batch` is not a multiple of C x H x W.
    pub fn fill(&self, seed: u64, first: u64, batch: &mut [f32]) -> Result<()> {
        if !batch.len().is_multiple_of(self.image.len()) {
            return Err(Error::Shape {
                what: "the batch",
                given: vec![batch.len()],
                expected: vec![batch.len() / self.image.len() + 1, self.image.len()],
            });
        }
        self.fill_on(seed, first, batch, true);
        Ok(())
    }

    /// The image, C-contiguous `[C, H, W]`.
    pub(crate) fn image(&self) -> &[f32] {
        &self.image
    }

    /// A number that tells images and baselines apart.
    pub(crate) fn fingerprint(&self) -> u64 {
        let base = self.base.iter().flat_map(|base| match base {
            Base::Constant(value) => std::slice::from_ref(value),
            Base::Image(values) => values,
        });
        fingerprint(
            self.image
                .iter()
                .chain(base)
                .flat_map(|v| v.to_bits().to_le_bytes()),
        )
    }

    /// [`Masker::fill`] on this thread or on all of the pool, for a whole number of images.
    pub(crate) fn fill_on(&self, seed: u64, first: u64, out: &mut [f32], all_threads: bool) {
        let size = self.plan.block_size();
        let pixels = self.image.len();
        let end = first + (out.len() / pixels) as u64;
        let blocks: Vec<Block<'_>> = (first / size..end.div_ceil(size))
            .map(|b| Block::new(self.plan, seed, b))
            .collect();
        let one = |scratch: &mut Scratch, (i, out): (usize, &mut [f32])| {
            let mask = first + i as u64;
            let block = &blocks[(mask / size - first / size) as usize];
            let mut states = std::mem::take(&mut scratch.states);
            block.draw((mask % size) as usize, &mut states);
            self.apply_with(&states, &block.taps, scratch, out);
            scratch.states = states;
        };
        if all_threads {
            out.par_chunks_exact_mut(pixels)
                .enumerate()
                .for_each_init(Scratch::default, one);
        } else {
            let mut scratch = Scratch::default();
            out.chunks_exact_mut(pixels)
                .enumerate()
                .for_each(|image| one(&mut scratch, image));
        }
    }

    /// Writes the image under one mask, `[C, H, W]`.
    pub(crate) fn apply(&self, states: &[u64], taps: &[Taps; 2], out: &mut [f32]) {
        self.apply_with(states, taps, &mut Scratch::default(), out);
    }

    fn apply_with(&self, states: &[u64], taps: &[Taps; 2], s: &mut Scratch, out: &mut [f32]) {
        let pixels = self.plan.shape()[1] * self.plan.shape()[2];
        for (channel, ((out, image), base)) in out
            .chunks_exact_mut(pixels)
            .zip(self.image.chunks_exact(pixels))
            .zip(&self.base)
            .enumerate()
        {
            self.apply_channel(channel, states, taps, s, image, base, out);
        }
    }

    /// x = W I + V + W_b b, where W, V and W_b are the enlarged weight of the image, value of the
    /// painted cells and weight of the baseline.
    #[allow(clippy::too_many_arguments)]
    fn apply_channel(
        &self,
        channel: usize,
        states: &[u64],
        [rows, columns]: &[Taps; 2],
        s: &mut Scratch,
        image: &[f32],
        base: &Base,
        out: &mut [f32],
    ) {
        let (family, width) = (self.plan.family(), columns.t.len());
        let mut painted = false;
        for field in [&mut s.image, &mut s.value, &mut s.base] {
            field.cells.clear();
        }
        for &state in states {
            let (image, value, base) = match (family.shows(state, channel), base) {
                (Shown::Image, _) => (1.0, 0.0, 0.0),
                (Shown::Baseline, Base::Constant(b)) => (0.0, *b, 0.0),
                (Shown::Baseline, Base::Image(_)) => (0.0, 0.0, 1.0),
                (Shown::Value(v), _) => {
                    painted = true;
                    (0.0, v, 0.0)
                }
            };
            s.image.cells.push(image);
            s.value.cells.push(value);
            s.base.cells.push(base);
        }
        let cell_rows = self.plan.cells()[0];
        s.image.widen(cell_rows, columns);
        if painted {
            s.value.widen(cell_rows, columns);
            s.base.widen(cell_rows, columns);
        }
        let constant = match base {
            Base::Constant(b) => vec![*b; width],
            Base::Image(_) => Vec::new(),
        };
        for run in &rows.runs {
            let soft = run.low != run.high;
            if soft {
                s.image.slope_of(run);
                if painted {
                    s.value.slope_of(run);
                    s.base.slope_of(run);
                }
            }
            for y in run.pixels.clone() {
                let row = y * width..(y + 1) * width;
                let base_row = match base {
                    Base::Constant(_) => &constant[..],
                    Base::Image(base) => &base[row.clone()],
                };
                let (image, out) = (&image[row.clone()], &mut out[row]);
                let t = rows.t[y];
                let w = Line::of(&s.image, run, t);
                match (painted, base) {
                    (false, Base::Constant(0.0)) => w.scale(soft, image, out),
                    (false, _) => w.mix(soft, image, base_row, out),
                    (true, _) => {
                        let v = Line::of(&s.value, run, t);
                        v.paint(soft, w, image, out);
                        if let Base::Image(_) = base {
                            Line::of(&s.base, run, t).add(base_row, out);
                        }
                    }
                }
            }
        }
        self.restore_outside(channel, image, base, width, out);
    }

    /// Outside the region every pixel is unselected.
    fn restore_outside(
        &self,
        channel: usize,
        image: &[f32],
        base: &Base,
        width: usize,
        out: &mut [f32],
    ) {
        let Some(region) = self.plan.region_index() else {
            return;
        };
        let shown = self.plan.family().shows(0, channel);
        for (y, runs) in region.outside.iter().enumerate() {
            for run in runs {
                let run = y * width + run.start..y * width + run.end;
                let out = &mut out[run.clone()];
                match (shown, base) {
                    (Shown::Image, _) => out.copy_from_slice(&image[run]),
                    (Shown::Baseline, Base::Image(base)) => out.copy_from_slice(&base[run]),
                    (Shown::Baseline, Base::Constant(value)) => out.fill(*value),
                    (Shown::Value(value), _) => out.fill(value),
                }
            }
        }
    }
}

/// One pixel row of a field: `low + t slope`.
#[derive(Clone, Copy)]
struct Line<'a> {
    low: &'a [f32],
    slope: &'a [f32],
    t: f32,
}

impl<'a> Line<'a> {
    fn of(field: &'a Field, run: &Run, t: f32) -> Self {
        Line {
            low: field.row(run.low),
            slope: &field.slope,
            t,
        }
    }

    /// out = w I
    fn scale(self, soft: bool, image: &[f32], out: &mut [f32]) {
        let cells = out.iter_mut().zip(image).zip(self.low);
        if soft {
            for (((o, i), w), s) in cells.zip(self.slope) {
                *o = (w + self.t * s) * i;
            }
        } else {
            for ((o, i), w) in cells {
                *o = w * i;
            }
        }
    }

    /// out = w I + (1 - w) b
    fn mix(self, soft: bool, image: &[f32], base: &[f32], out: &mut [f32]) {
        let cells = out.iter_mut().zip(image).zip(base).zip(self.low);
        if soft {
            for ((((o, i), b), w), s) in cells.zip(self.slope) {
                let w = w + self.t * s;
                *o = w * i + (1.0 - w) * b;
            }
        } else {
            for (((o, i), b), w) in cells {
                *o = w * i + (1.0 - w) * b;
            }
        }
    }

    /// out = w I + v
    fn paint(self, soft: bool, w: Line<'_>, image: &[f32], out: &mut [f32]) {
        let cells = out.iter_mut().zip(image).zip(w.low).zip(self.low);
        if soft {
            for (((((o, i), w0), v0), ws), vs) in cells.zip(w.slope).zip(self.slope) {
                *o = (w0 + w.t * ws) * i + (v0 + self.t * vs);
            }
        } else {
            for (((o, i), w), v) in cells {
                *o = w * i + v;
            }
        }
    }

    /// out += w b; the baseline behind painted cells is rare, so one loop serves hard and soft.
    fn add(self, base: &[f32], out: &mut [f32]) {
        for (((o, b), w), s) in out.iter_mut().zip(base).zip(self.low).zip(self.slope) {
            *o += (w + self.t * s) * b;
        }
    }
}
