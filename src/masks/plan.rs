//! Everything that fixes the masks, checked once.

use ndarray::ArrayRef3;

use crate::error::{Error, Result};
use crate::masks::family::{MAX_PLANES, MaskFamily};
use crate::masks::grid::{Enlargement, GridAxis, Placement, Taps};
use crate::masks::region::{Region, RegionIndex};
use crate::masks::segments::Segments;
use crate::masks::spec::MaskSpec;

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
