//! Everything that fixes the masks, checked once.

use std::sync::Arc;

use ndarray::ArrayRef3;

use crate::error::{Error, Result};
use crate::masks::family::{MAX_PLANES, MaskFamily, Racm};
use crate::masks::grid::{Enlargement, GridAxis, Placement, Taps};
use crate::masks::region::{Region, RegionIndex};
use crate::masks::seed::MAX_BLOCK_SIZE;
use crate::masks::segments::Segments;

/// The choices that fix the masks of an image of any size; see [`Plan`].
///
/// ```
/// use racm::{MaskSpec, Placement, Rise};
///
/// let spec = MaskSpec::new(Rise).grid(7, 7).placement(Placement::Fixed);
/// assert_eq!((spec.grid, spec.p_pix), (Some([7, 7]), 0.5));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use]
pub struct MaskSpec {
    /// The method. Default: [`Racm`].
    pub family: Arc<dyn MaskFamily>,
    /// Rows and columns of cells over the image: at least 1, at most one a pixel. Default: none, by the
    /// image's size ([`MaskSpec::grid_for`]). The spec of a [`Plan`] has the one that was chosen.
    pub grid: Option<[usize; 2]>,
    /// From cells to pixels. Default: bilinear.
    pub enlargement: Enlargement,
    /// Where the cells lie. Default: shifted.
    pub placement: Placement,
    /// `P_pix`, the probability that a cell is selected: strictly inside (0, 1). Default: 0.5.
    pub p_pix: f64,
    /// Cells of any shape in the place of the grid, which then says nothing; masks are hard and not shifted.
    /// Default: none, the grid.
    pub segments: Option<Segments>,
    /// The pixels to which masks are restricted. Default: none, the whole image.
    pub region: Option<Region>,
    /// Masks a block (1 to 65536). The masks of a block share their offset, and standard errors
    /// come from the spread between blocks. Default: 32.
    pub block_size: usize,
}

impl MaskSpec {
    /// The defaults, with a family.
    pub fn new(family: impl MaskFamily + 'static) -> Self {
        MaskSpec {
            family: Arc::new(family),
            grid: None,
            enlargement: Enlargement::default(),
            placement: Placement::default(),
            p_pix: 0.5,
            segments: None,
            region: None,
            block_size: 32,
        }
    }

    /// Sets [`MaskSpec::family`].
    pub fn family(mut self, family: impl MaskFamily + 'static) -> Self {
        self.family = Arc::new(family);
        self
    }

    /// Sets [`MaskSpec::grid`]: rows and columns of cells.
    pub fn grid(mut self, rows: usize, columns: usize) -> Self {
        self.grid = Some([rows, columns]);
        self
    }

    /// Rows and columns of cells over an image of `height` x `width` pixels. If none were set: 8 x 8 over
    /// an image, 20 along a series (an image of one row or one column), one over a table (an image of one
    /// pixel); and one a pixel where there are fewer pixels than that.
    ///
    /// ```
    /// use racm::MaskSpec;
    ///
    /// let spec = MaskSpec::default();
    /// assert_eq!(spec.grid_for([224, 224]), [8, 8]);
    /// assert_eq!(spec.grid_for([1, 5000]), [1, 20]);
    /// assert_eq!(spec.grid(1, 50).grid_for([1, 5000]), [1, 50]);
    /// ```
    #[must_use]
    pub fn grid_for(&self, [height, width]: [usize; 2]) -> [usize; 2] {
        let most = if height == 1 || width == 1 { 20 } else { 8 };
        self.grid.unwrap_or([height.min(most), width.min(most)])
    }

    /// Sets [`MaskSpec::enlargement`].
    pub fn enlargement(mut self, enlargement: Enlargement) -> Self {
        self.enlargement = enlargement;
        self
    }

    /// Sets [`MaskSpec::placement`].
    pub fn placement(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// Sets [`MaskSpec::p_pix`].
    pub fn p_pix(mut self, p_pix: f64) -> Self {
        self.p_pix = p_pix;
        self
    }

    /// Sets [`MaskSpec::segments`]: segments, or `None` for the grid.
    pub fn segments(mut self, segments: impl Into<Option<Segments>>) -> Self {
        self.segments = segments.into();
        self
    }

    /// Sets [`MaskSpec::region`]: a region, or `None` for the whole image.
    pub fn region(mut self, region: impl Into<Option<Region>>) -> Self {
        self.region = region.into();
        self
    }

    /// Sets [`MaskSpec::block_size`].
    pub fn block_size(mut self, masks: usize) -> Self {
        self.block_size = masks;
        self
    }

    /// Checks what can be checked without an image.
    pub(crate) fn check(&self) -> Result<()> {
        if !(self.p_pix > 0.0 && self.p_pix < 1.0) {
            return Err(Error::parameter(
                "p_pix",
                self.p_pix,
                "a probability strictly between 0 and 1",
            ));
        }
        if let Some([rows, columns]) = self.grid.filter(|grid| grid.contains(&0)) {
            return Err(Error::parameter(
                "grid",
                format!("{rows} x {columns} cells"),
                "at least one row and one column",
            ));
        }
        if !(1..=MAX_BLOCK_SIZE).contains(&self.block_size) {
            return Err(Error::parameter(
                "block_size",
                self.block_size,
                format!("1 to {MAX_BLOCK_SIZE}"),
            ));
        }
        Ok(())
    }
}

impl Default for MaskSpec {
    fn default() -> Self {
        MaskSpec::new(Racm)
    }
}

/// Everything that fixes the masks of one image's shape. With a seed it determines every mask.
///
/// ```
/// use racm::{MaskSpec, Plan};
///
/// let plan = Plan::new([3, 32, 48], &MaskSpec::default())?;
/// let mask = plan.mask(7, 0); // the first mask of seed 7
/// assert_eq!(mask.plane(0).dim(), (32, 48));
/// // P_j of RaCM with three channels: P_pix 4/7 (Eq. 15).
/// assert!((plan.pass_probabilities()[0] - 0.5 * 4.0 / 7.0).abs() < 1e-15);
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Plan {
    spec: MaskSpec,
    shape: [usize; 3],
    rows: GridAxis,
    columns: GridAxis,
    pass: Vec<f64>,
    region: Option<RegionIndex>,
}

impl Plan {
    /// Checks a spec against the shape `[C, H, W]` of an image.
    ///
    /// # Errors
    /// [`Error::EmptyImage`], [`Error::Channels`], [`Error::Parameter`] for a value outside its
    /// range, [`Error::Shape`] for a region of another image.
    pub fn new(shape: [usize; 3], spec: &MaskSpec) -> Result<Self> {
        let [channels, height, width] = shape;
        if shape.contains(&0) {
            return Err(Error::EmptyImage { shape });
        }
        spec.check()?;
        spec.family.check(channels)?;
        let grid = spec.grid_for([height, width]);
        for (name, cells, pixels) in [
            ("grid rows", grid[0], height),
            ("grid columns", grid[1], width),
        ] {
            if spec.segments.is_none() && !(1..=pixels).contains(&cells) {
                return Err(Error::parameter(
                    name,
                    cells,
                    match pixels {
                        1 => format!("1: the image is {height} x {width} pixels"),
                        _ => format!("1 to {pixels}, at most one cell a pixel"),
                    },
                ));
            }
        }
        let planes = spec.family.planes(channels);
        if !(1..=MAX_PLANES).contains(&planes) || spec.family.states(channels) == 0 {
            return Err(Error::parameter(
                "family",
                format!(
                    "{} with {planes} planes and {} states",
                    spec.family.name(),
                    spec.family.states(channels)
                ),
                format!("1 to {MAX_PLANES} planes and at least one state"),
            ));
        }
        if spec.family.incidence(0) != 0 {
            return Err(Error::parameter(
                "family",
                format!(
                    "{} with an unselected state 0 that feeds planes",
                    spec.family.name()
                ),
                "a state 0 that feeds none",
            ));
        }
        let mut pass = Vec::with_capacity(planes);
        for plane in 0..planes {
            let share = spec.family.share(plane, channels);
            if !(share > 0.0 && share <= 1.0) {
                return Err(Error::parameter(
                    "family",
                    format!("{} with share {share} of plane {plane}", spec.family.name()),
                    "a share in (0, 1] for every plane",
                ));
            }
            pass.push(spec.p_pix * share);
        }
        let other_size = |region: &&Region| region.pixels().dim() != (height, width);
        if let Some(region) = spec.region.as_ref().filter(other_size) {
            return Err(Error::Shape {
                what: "the region",
                given: region.pixels().shape().to_vec(),
                expected: vec![height, width],
            });
        }
        let other_size = |segments: &&Segments| segments.labels().dim() != (height, width);
        if let Some(segments) = spec.segments.as_ref().filter(other_size) {
            return Err(Error::Shape {
                what: "the label map of the segments",
                given: segments.labels().shape().to_vec(),
                expected: vec![height, width],
            });
        }
        let axis = |pixels, cells| match spec.segments {
            None => GridAxis {
                pixels,
                cells,
                enlargement: spec.enlargement,
                placement: spec.placement,
            },
            // One cell, the whole image: what lies where is the segments' affair.
            Some(_) => GridAxis {
                pixels,
                cells: 1,
                enlargement: Enlargement::Nearest,
                placement: Placement::Fixed,
            },
        };
        Ok(Plan {
            shape,
            rows: axis(height, grid[0]),
            columns: axis(width, grid[1]),
            pass,
            region: spec.region.as_ref().map(RegionIndex::new),
            spec: MaskSpec {
                grid: Some(grid),
                ..spec.clone()
            },
        })
    }

    /// The image's shape `[C, H, W]`.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The choices the plan was made of.
    pub fn spec(&self) -> &MaskSpec {
        &self.spec
    }

    /// Rows and columns of cells over the image, as they were set or chosen by its size.
    pub fn grid(&self) -> [usize; 2] {
        self.spec.grid_for([self.shape[1], self.shape[2]])
    }

    /// The mask family.
    pub fn family(&self) -> &dyn MaskFamily {
        &*self.spec.family
    }

    /// J, the number of planes of a map.
    pub fn planes(&self) -> usize {
        self.pass.len()
    }

    /// The names of the planes.
    pub fn plane_names(&self) -> Vec<String> {
        (0..self.planes())
            .map(|j| self.family().plane_name(j, self.shape[0]))
            .collect()
    }

    /// `P_j` for each plane j, the probability that a cell feeds it (Eq. 15 for RaCM).
    pub fn pass_probabilities(&self) -> &[f64] {
        &self.pass
    }

    /// `P_0 = 1 - P_pix`, the probability that a cell is unselected.
    pub fn bias_probability(&self) -> f64 {
        1.0 - self.spec.p_pix
    }

    /// Rows and columns of the cells that are drawn: one more than the grid's when shifted, one row of segments
    /// where there are [segments](MaskSpec::segments).
    pub fn cells(&self) -> [usize; 2] {
        match &self.spec.segments {
            Some(segments) => [1, segments.count()],
            None => [self.rows.drawn(), self.columns.drawn()],
        }
    }

    /// The number of equally likely offsets along each axis.
    pub fn offsets(&self) -> [usize; 2] {
        [self.rows.offsets(), self.columns.offsets()]
    }

    /// A number that tells plans apart: ledgers carry it, so that scores are never read with the
    /// masks of another plan.
    pub fn fingerprint(&self) -> u64 {
        let s = &self.spec;
        let text = format!(
            "{} {:?} {:?} {:?} {:?} {:016x} {}",
            s.family.name(),
            self.shape,
            self.grid(),
            s.enlargement,
            s.placement,
            s.p_pix.to_bits(),
            s.block_size
        );
        let region = s.region.iter().flat_map(|r| r.pixels().iter());
        let region = region.map(|&inside| u8::from(inside));
        let labels = s.segments.iter().flat_map(|segments| segments.labels());
        let labels = labels.flat_map(|label| label.to_le_bytes());
        fingerprint(text.bytes().chain(region).chain(labels))
    }

    /// That weights are of a map's shape.
    pub(crate) fn expect_weights(&self, weights: &ArrayRef3<f64>) -> Result<()> {
        let [_, height, width] = self.shape;
        if weights.dim() == (self.planes(), height, width) {
            return Ok(());
        }
        Err(Error::Shape {
            what: "the weights",
            given: weights.shape().to_vec(),
            expected: vec![self.planes(), height, width],
        })
    }

    /// The planes that a state feeds, as bits.
    pub(crate) fn incidence(&self, state: u64) -> u64 {
        self.family().incidence(state) & (u64::MAX >> (MAX_PLANES - self.planes()))
    }

    pub(crate) fn block_size(&self) -> u64 {
        self.spec.block_size as u64
    }

    pub(crate) fn axes(&self) -> [&GridAxis; 2] {
        [&self.rows, &self.columns]
    }

    pub(crate) fn taps(&self, offset: [usize; 2]) -> [Taps; 2] {
        [self.rows.taps(offset[0]), self.columns.taps(offset[1])]
    }

    pub(crate) fn region_index(&self) -> Option<&RegionIndex> {
        self.region.as_ref()
    }

    /// The cells that are sampled at all with these taps: `None` for all of them.
    pub(crate) fn active_cells(&self, taps: &[Taps; 2]) -> Option<Vec<bool>> {
        let region = self.region.as_ref()?;
        if let Some(segments) = &self.spec.segments {
            let mut active = vec![false; segments.count()];
            let pixels = self.spec.region.iter().flat_map(|region| region.pixels());
            for (&label, _) in segments
                .labels()
                .iter()
                .zip(pixels)
                .filter(|(_, inside)| **inside)
            {
                active[label as usize] = true;
            }
            return Some(active);
        }
        let [rows, columns] = [
            taps[0].supports(self.rows.drawn()),
            taps[1].supports(self.columns.drawn()),
        ];
        let active = |(r, c)| region.touches(r, c);
        Some(
            rows.iter()
                .flat_map(|r| columns.iter().map(move |c| (r, c)))
                .map(active)
                .collect(),
        )
    }
}

/// FNV-1a, 64 bits: stable across versions and platforms, which std's hashers are not.
pub(crate) fn fingerprint(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
