//! Drawing a mask: cell states and their offset.

use ndarray::{Array2, ArrayRef2, Axis};
use rand::RngExt;

use crate::masks::grid::{Taps, enlarge, gather};
use crate::masks::plan::Plan;
use crate::masks::seed::{block_rng, mask_rng};
use crate::masks::state::StateLaw;

/// One mask: the states of its cells, and where they lie on the image.
///
/// ```
/// use racm::{MaskSpec, Plan, Racm};
///
/// let plan = Plan::new([3, 32, 48], &MaskSpec::new(Racm).grid(4, 6))?;
/// let mask = plan.mask(7, 0); // the first mask of seed 7
/// assert!(mask.states().iter().all(|&state| state < 8)); // 0, or a subset of three channels
/// assert_eq!(mask.plane(0).dim(), (32, 48)); // how much of red passes, pixel by pixel
/// // Unselected here means that no channel passes.
/// assert!(mask.bias().iter().zip(&mask.plane(0)).all(|(none, red)| none + red <= 1.0 + 1e-6));
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Mask<'p> {
    plan: &'p Plan,
    offset: [usize; 2],
    states: Vec<u64>,
}

/// What the masks of a block share, and how they are drawn.
pub(crate) struct Block<'p> {
    plan: &'p Plan,
    seed: u64,
    index: u64,
    pub offset: [usize; 2],
    pub taps: [Taps; 2],
    active: Option<Vec<bool>>,
    law: StateLaw,
}

impl<'p> Block<'p> {
    pub fn new(plan: &'p Plan, seed: u64, index: u64) -> Self {
        let mut rng = block_rng(seed, index);
        let offset = plan
            .offsets()
            .map(|n| rng.random_range(0..n as u64) as usize);
        let taps = plan.taps(offset);
        Block {
            plan,
            seed,
            index,
            offset,
            active: plan.active_cells(&taps),
            taps,
            law: StateLaw::new(plan.spec().p_pix, plan.family().states(plan.shape()[0])),
        }
    }

    /// Whether a cell is drawn at all, or stays unselected (outside the region).
    pub fn samples(&self, cell: usize) -> bool {
        self.active.as_ref().is_none_or(|active| active[cell])
    }

    /// What each cell counts for the sum of weights `[H, W]` times what the cells are enlarged to.
    pub fn gather(&self, weights: &ArrayRef2<f64>) -> Vec<f64> {
        let Some(segments) = &self.plan.spec().segments else {
            return gather(weights, self.plan.cells(), &self.taps);
        };
        let mut cells = vec![0.0; segments.count()];
        for (&label, weight) in segments.labels().iter().zip(weights) {
            cells[label as usize] += weight;
        }
        cells
    }

    /// Draws the states of the mask at `position` of the block, row by row: one uniform number a
    /// cell, then the state that it stands for.
    pub fn draw(&self, position: usize, states: &mut Vec<u64>) {
        let [rows, columns] = self.plan.cells();
        let mut rng = mask_rng(self.seed, self.index, position);
        states.resize(rows * columns, 0);
        rng.fill(&mut states[..]);
        for state in &mut *states {
            *state = self.law.state(*state);
        }
        if let Some(active) = &self.active {
            for (state, &active) in states.iter_mut().zip(active) {
                *state *= u64::from(active);
            }
        }
        if let Some(many) = self.law.many() {
            for state in states.iter_mut().filter(|state| **state != 0) {
                *state = rng.random_range(1..=many);
            }
        }
    }
}

impl Plan {
    /// Mask `index` of a seed. Masks `block_size * b ..` form block b and share an offset.
    pub fn mask(&self, seed: u64, index: u64) -> Mask<'_> {
        let size = self.block_size();
        let block = Block::new(self, seed, index / size);
        let mut states = Vec::new();
        block.draw((index % size) as usize, &mut states);
        Mask {
            plan: self,
            offset: block.offset,
            states,
        }
    }
}

impl<'p> Mask<'p> {
    /// The plan of the mask.
    pub fn plan(&self) -> &'p Plan {
        self.plan
    }

    /// The states of the cells, row by row: [`Plan::cells`] says how many.
    pub fn states(&self) -> &[u64] {
        &self.states
    }

    /// Row and column of the image's first pixel inside the enlarged grid.
    pub fn offset(&self) -> [usize; 2] {
        self.offset
    }

    /// `M_j = U m_j`, the mask of a plane, in [0, 1]: `[H, W]` (Eq. 6). 0 outside the region, and
    /// for a plane that does not exist.
    pub fn plane(&self, plane: usize) -> Array2<f32> {
        let bit = 1u64.checked_shl(plane as u32).unwrap_or(0);
        self.enlarge(0.0, |s| self.plan.incidence(s) & bit != 0)
    }

    /// `M_0 = U q_0`, the bias mask: the enlarged complement of the selected cells, in [0, 1]:
    /// `[H, W]`. 1 outside the region.
    pub fn bias(&self) -> Array2<f32> {
        self.enlarge(1.0, |s| s == 0)
    }

    fn enlarge(&self, outside: f32, rule: impl Fn(u64) -> bool) -> Array2<f32> {
        let states = self.states.iter();
        let cells: Vec<f32> = states.map(|&s| f32::from(u8::from(rule(s)))).collect();
        let mut mask = match &self.plan.spec().segments {
            Some(segments) => segments.labels().mapv(|label| cells[label as usize]),
            None => {
                let taps = self.plan.taps(self.offset);
                enlarge(&cells, self.plan.cells()[0], &taps)
            }
        };
        if let Some(region) = self.plan.region_index() {
            for (mut row, runs) in mask.axis_iter_mut(Axis(0)).zip(&region.outside) {
                for x in runs.iter().cloned().flatten() {
                    row[x] = outside;
                }
            }
        }
        mask
    }
}
