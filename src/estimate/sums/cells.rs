//! Sums of scores in the cells of a block.

use ndarray::ArrayView2;

use super::{Sums, Sweep};
use crate::masks::mask::Block;

/// States up to which scores are summed state by state first: one addition a cell, without a
/// branch, whatever the state feeds.
const SUMMED_BY_STATE: u64 = 15;

impl Sweep<'_> {
    /// `A[k, cell, j] = sum_n f_n m_nj(cell)` and `B[k, cell] = sum_n f_n q_n0(cell)`, in mask
    /// order (of each state, where states are few), combined into the fields `[targets, J, fields, cells]`.
    pub(super) fn cell_sums(&self, block: &Block<'_>, scores: &ArrayView2<'_, f32>) -> Vec<f64> {
        let (planes, k) = (self.plan.planes(), self.targets.len());
        let [rows, columns] = self.plan.cells();
        let cells = rows * columns;
        // Plane 0 is the bias; the last "target" counts masks, for the ratio.
        let lanes = k + usize::from(self.sums == Sums::Ratio);
        let by_state = self.plan.family().states(self.plan.shape()[0]) <= SUMMED_BY_STATE;
        let slots = if by_state {
            self.incidence.len()
        } else {
            planes + 1
        };
        let mut sums = vec![0.0; slots * cells * lanes];
        let mut add = |slot: usize, cell: usize, f: &[f64]| {
            let start = (slot * cells + cell) * lanes;
            let sums = &mut sums[start..start + lanes];
            sums.iter_mut().zip(f).for_each(|(s, f)| *s += f);
        };
        let mut states = Vec::with_capacity(cells);
        let mut f = vec![1.0; lanes];
        for (position, scores) in scores.rows().into_iter().enumerate() {
            for (t, target) in self.targets.clone().enumerate() {
                f[t] = f64::from(scores[target]) - self.centres[t];
            }
            block.draw(position, &mut states);
            for (cell, &state) in states.iter().enumerate() {
                match (by_state, &f[..]) {
                    (true, [f]) => add(state as usize, cell, &[*f]),
                    (true, f) => add(state as usize, cell, f),
                    (false, f) => self.slots(state).for_each(|slot| add(slot, cell, f)),
                }
            }
        }
        if by_state {
            sums = self.by_plane(&sums, cells * lanes);
        }
        let p_0 = self.plan.bias_probability();
        let mut fields = Vec::with_capacity(k * planes * self.sums.fields() * cells);
        for target in 0..k {
            for plane in 0..planes {
                let lane = |plane: usize, lane: usize| {
                    let sums = &sums[plane * cells * lanes..(plane + 1) * cells * lanes];
                    sums.iter().skip(lane).step_by(lanes).copied()
                };
                let (pass, bias) = (lane(plane + 1, target), lane(0, target));
                let p_j = self.plan.pass_probabilities()[plane];
                match self.sums {
                    Sums::Pass => fields.extend(pass.map(|a| a / p_j)),
                    Sums::Difference { .. } => {
                        fields.extend(pass.zip(bias).map(|(a, b)| a / p_j - b / p_0));
                    }
                    Sums::Ratio => {
                        fields.extend(pass);
                        fields.extend(lane(plane + 1, k));
                        fields.extend(bias);
                        fields.extend(lane(0, k));
                    }
                }
            }
        }
        match self.sums {
            Sums::Ratio => fields,
            _ => self.mixed(fields),
        }
    }

    /// Where the score of a cell in this state is added: to the bias, or to the planes it feeds.
    fn slots(&self, state: u64) -> impl Iterator<Item = usize> {
        let planes = match self.incidence.get(state as usize) {
            Some(&planes) => planes,
            None => self.plan.incidence(state),
        };
        // Plane j is slot j + 1; all 64 planes may be there.
        let mut slots = u128::from(planes) << 1 | u128::from(state == 0);
        std::iter::from_fn(move || {
            let slot = slots.trailing_zeros() as usize;
            slots &= slots.wrapping_sub(1);
            (slot < 128).then_some(slot)
        })
    }

    /// From sums of `size` numbers a state to sums of the bias and of the planes.
    fn by_plane(&self, states: &[f64], size: usize) -> Vec<f64> {
        let mut sums = vec![0.0; (self.plan.planes() + 1) * size];
        for (state, added) in states.chunks_exact(size).enumerate() {
            for slot in self.slots(state as u64) {
                let sums = &mut sums[slot * size..(slot + 1) * size];
                sums.iter_mut().zip(added).for_each(|(s, a)| *s += a);
            }
        }
        sums
    }
}
