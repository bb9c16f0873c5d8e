//! Masked images: the hot loop. Its limit is the memory it writes.

use std::iter::repeat;
use std::ops::Range;

use ndarray::{Array3, ArrayRef3};
use rayon::prelude::*;

use super::field::{Band, Field};
use crate::error::{Error, Result};
use crate::images::baseline::{Baseline, Resolved, check_finite};
use crate::masks::family::{MaskFamily, Shown};
use crate::masks::grid::{Enlargement, Taps};
use crate::masks::mask::{Block, Mask};
use crate::masks::plan::{Plan, fingerprint};

/// What stands behind one channel.
#[derive(Debug)]
enum Base {
    /// The value, and a pixel row of it.
    Constant(f32, Vec<f32>),
    Image(Vec<f32>),
}

/// What a state shows in a channel, as weights: image, painted value, baseline.
#[derive(Clone, Copy, Debug)]
struct Look {
    image: f32,
    value: f32,
    base: f32,
    painted: bool,
}

impl From<Shown> for Look {
    fn from(shown: Shown) -> Self {
        let (image, value, base) = match shown {
            Shown::Image => (1.0, 0.0, 0.0),
            Shown::Baseline => (0.0, 0.0, 1.0),
            Shown::Value(value) => (0.0, value, 0.0),
        };
        Look {
            image,
            value,
            base,
            painted: matches!(shown, Shown::Value(_)),
        }
    }
}

/// What every state shows in every channel, looked up where the states are few.
#[derive(Debug)]
struct Looks {
    channels: usize,
    /// `[states + 1, channels]`, or empty.
    table: Vec<Look>,
    /// Whether any state may paint.
    paint: bool,
}

impl Looks {
    fn new(family: &dyn MaskFamily, channels: usize) -> Self {
        const FEW: u64 = 1024;
        let states = family.states(channels);
        if states > FEW {
            return Looks {
                channels,
                table: Vec::new(),
                paint: true,
            };
        }
        let looks = |state| (0..channels).map(move |c| family.shows(state, c).into());
        let table: Vec<Look> = (0..=states).flat_map(looks).collect();
        Looks {
            channels,
            paint: table.iter().any(|look| look.painted),
            table,
        }
    }

    fn of(&self, family: &dyn MaskFamily, state: u64, channel: usize) -> Look {
        if self.table.is_empty() {
            return family.shows(state, channel).into();
        }
        self.table[state as usize * self.channels + channel]
    }
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
    looks: Looks,
}

/// Buffers of one thread: the weight of the image, the value of painted cells, the weight of the
/// baseline.
#[derive(Clone, Default)]
struct Scratch {
    states: Vec<u64>,
    /// The mask that `states` are of.
    drawn: Option<u64>,
    image: Field,
    value: Field,
    base: Field,
    strips: Vec<(Range<usize>, Shown)>,
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
        let means = match (baseline, &plan.spec().segments) {
            (Baseline::SegmentMeans, Some(segments)) => {
                Some(Baseline::Image(segments.means(image)?))
            }
            _ => None,
        };
        let base = match means.as_ref().unwrap_or(baseline).resolve(image)? {
            Resolved::Constants(values) => values
                .into_iter()
                .map(|value| Base::Constant(value, vec![value; plan.shape()[2]]))
                .collect(),
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
            looks: Looks::new(plan.family(), plan.shape()[0]),
        })
    }

    /// Writes the images of the masks from `first` on, `[n, C, H, W]`: as many as `batch` holds, on
    /// all threads of the current rayon pool.
    ///
    /// # Errors
    /// [`Error::Shape`] if the length of `batch` is not a multiple of C x H x W.
    pub fn fill(&self, seed: u64, first: u64, batch: &mut [f32]) -> Result<()> {
        if batch.len() % self.image.len() != 0 {
            return Err(Error::Shape {
                what: "the batch",
                given: vec![batch.len()],
                expected: vec![batch.len() / self.image.len() + 1, self.image.len()],
            });
        }
        self.fill_on(seed, first, batch, true);
        Ok(())
    }

    pub(crate) fn plan(&self) -> &Plan {
        self.plan
    }

    /// The image, C-contiguous `[C, H, W]`.
    pub(crate) fn image(&self) -> &[f32] {
        &self.image
    }

    /// A number that tells images apart.
    pub(crate) fn image_fingerprint(&self) -> u64 {
        let values = self.image.iter();
        fingerprint(values.flat_map(|v| v.to_bits().to_le_bytes()))
    }

    /// A number that tells images and baselines apart.
    pub(crate) fn fingerprint(&self) -> u64 {
        let base = self.base.iter().flat_map(|base| match base {
            Base::Constant(value, _) => std::slice::from_ref(value),
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
        // A channel at a time, so that threads can share a large image.
        let channels = self.plan.shape()[0] as u64;
        let one = |scratch: &mut Scratch, (i, out): (usize, &mut [f32])| {
            let (mask, channel) = (first + i as u64 / channels, i as u64 % channels);
            let block = &blocks[(mask / size - first / size) as usize];
            let mut states = std::mem::take(&mut scratch.states);
            if scratch.drawn != Some(mask) {
                block.draw((mask % size) as usize, &mut states);
                scratch.drawn = Some(mask);
            }
            self.apply_channel(channel as usize, &states, &block.taps, scratch, out);
            scratch.states = states;
        };
        let pixels = pixels / channels as usize;
        if all_threads {
            out.par_chunks_exact_mut(pixels)
                .enumerate()
                .for_each_init(Scratch::default, one);
        } else {
            let mut scratch = Scratch::default();
            out.chunks_exact_mut(pixels)
                .enumerate()
                .for_each(|channel| one(&mut scratch, channel));
        }
    }

    /// Writes the image under one mask, `[C, H, W]`.
    pub(crate) fn apply(&self, states: &[u64], taps: &[Taps; 2], out: &mut [f32]) {
        let mut scratch = Scratch::default();
        let channels = out.chunks_exact_mut(taps[0].t.len() * taps[1].t.len());
        for (channel, out) in channels.enumerate() {
            self.apply_channel(channel, states, taps, &mut scratch, out);
        }
    }

    fn apply_channel(
        &self,
        channel: usize,
        states: &[u64],
        taps: &[Taps; 2],
        s: &mut Scratch,
        out: &mut [f32],
    ) {
        let image = &self.image[channel * out.len()..(channel + 1) * out.len()];
        let base = &self.base[channel];
        match self.plan.spec().enlargement {
            _ if self.plan.spec().segments.is_some() => {
                self.apply_segments(channel, states, image, base, out);
            }
            Enlargement::Bilinear => self.apply_soft(channel, states, taps, s, image, base, out),
            Enlargement::Nearest => self.apply_hard(channel, states, taps, s, image, base, out),
        }
        self.restore_outside(channel, image, base, taps[1].t.len(), out);
    }

    /// Every pixel shows its segment.
    fn apply_segments(
        &self,
        channel: usize,
        states: &[u64],
        image: &[f32],
        base: &Base,
        out: &mut [f32],
    ) {
        let family = self.plan.family();
        let runs = self
            .plan
            .spec()
            .segments
            .iter()
            .flat_map(|segments| segments.runs());
        for (pixels, segment) in runs {
            let shown = family.shows(states[*segment as usize], channel);
            show(shown, pixels.clone(), image, base, out);
        }
    }

    /// Every pixel shows one cell: the rows of a run are the same strips of image, baseline or
    /// paint.
    #[allow(clippy::too_many_arguments)]
    fn apply_hard(
        &self,
        channel: usize,
        states: &[u64],
        [rows, columns]: &[Taps; 2],
        s: &mut Scratch,
        image: &[f32],
        base: &Base,
        out: &mut [f32],
    ) {
        let width = columns.t.len();
        let family = self.plan.family();
        for run in &rows.runs {
            let states = &states[run.low * self.plan.cells()[1]..];
            s.strips.clear();
            for run in &columns.runs {
                let shown = family.shows(states[run.low], channel);
                match s.strips.last_mut() {
                    Some((strip, last)) if *last == shown => strip.end = run.pixels.end,
                    _ => s.strips.push((run.pixels.clone(), shown)),
                }
            }
            for y in run.pixels.clone() {
                for (strip, shown) in &s.strips {
                    let strip = y * width + strip.start..y * width + strip.end;
                    show(*shown, strip, image, base, out);
                }
            }
        }
    }

    /// x = W I + V + W_b b, where W, V and W_b are the enlarged weight of the image, value of the
    /// painted cells and weight of the baseline.
    #[allow(clippy::too_many_arguments)]
    fn apply_soft(
        &self,
        channel: usize,
        states: &[u64],
        [rows, columns]: &[Taps; 2],
        s: &mut Scratch,
        image: &[f32],
        base: &Base,
        out: &mut [f32],
    ) {
        let width = columns.t.len();
        let cell_rows = self.plan.cells()[0];
        let looks = |&state: &u64| self.looks.of(self.plan.family(), state, channel);
        let painted = self.looks.paint && states.iter().any(|state| looks(state).painted);
        s.image
            .set(states.iter().map(|s| looks(s).image), cell_rows, columns);
        if painted {
            let behind = match base {
                Base::Constant(b, _) => *b,
                Base::Image(_) => 0.0,
            };
            let value = |look: Look| look.value + look.base * behind;
            s.value
                .set(states.iter().map(|s| value(looks(s))), cell_rows, columns);
        }
        let add = painted && matches!(base, Base::Image(_));
        if add {
            s.base
                .set(states.iter().map(|s| looks(s).base), cell_rows, columns);
        }
        for run in &rows.runs {
            for field in [&mut s.image, &mut s.value, &mut s.base] {
                field.slope_of(run);
            }
            let rows_of = run.pixels.start * width..run.pixels.end * width;
            let (image, out) = (&image[rows_of.clone()], &mut out[rows_of.clone()]);
            let w = Band::of(&s.image, run, &rows.t);
            match (painted, base) {
                (false, Base::Constant(0.0, _)) => w.scale(image, out),
                (false, Base::Constant(_, row)) => w.mix(image, repeat(&row[..]), out),
                (false, Base::Image(base)) => w.mix(image, base[rows_of].chunks_exact(width), out),
                (true, _) => Band::of(&s.value, run, &rows.t).paint(w, image, out),
            }
            if let (true, Base::Image(base)) = (add, base) {
                let rows_of = run.pixels.start * width..run.pixels.end * width;
                Band::of(&s.base, run, &rows.t).add(&base[rows_of], out);
            }
        }
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
                show(shown, run, image, base, out);
            }
        }
    }
}

impl Mask<'_> {
    /// The masked image `[C, H, W]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for an image of another shape than the plan's, [`Error::NotFinite`], and
    /// those of [`Baseline::image`].
    pub fn apply(&self, image: &ArrayRef3<f32>, baseline: &Baseline) -> Result<Array3<f32>> {
        let masker = Masker::new(self.plan(), image, baseline)?;
        let mut out = vec![0.0; self.plan().shape().iter().product()];
        masker.apply(self.states(), &self.plan().taps(self.offset()), &mut out);
        let [_, height, width] = self.plan().shape();
        let at = |(c, y, x)| out[(c * height + y) * width + x];
        Ok(Array3::from_shape_fn(image.dim(), at))
    }
}

/// Pixels of a channel that show one thing only.
fn show(shown: Shown, pixels: Range<usize>, image: &[f32], base: &Base, out: &mut [f32]) {
    let out = &mut out[pixels.clone()];
    match (shown, base) {
        (Shown::Image, _) => out.copy_from_slice(&image[pixels]),
        (Shown::Baseline, Base::Image(base)) => out.copy_from_slice(&base[pixels]),
        (Shown::Baseline, Base::Constant(value, _)) => out.fill(*value),
        (Shown::Value(value), _) => out.fill(value),
    }
}
