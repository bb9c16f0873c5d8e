//! What is believed of the field before any score: its length, its place, its variances.

use super::basis::Bump;

/// Lengths to choose from, in cells.
pub(super) const LENGTHS: [f64; 6] = [0.25, 0.5, 0.8, 1.2, 2.0, 3.5];

/// Factor between ratios of signal to noise, and between weights of the common features, that are
/// tried.
pub(super) const STEP: f64 = 2.0;

/// A prior: an index into the lengths, the bumps of both axes, the steps of the common features'
/// weight and of the ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Prior {
    pub length: usize,
    pub bumps: [Option<Bump>; 2],
    pub common: i32,
    pub step: i32,
}

impl Prior {
    pub const START: Prior = Prior {
        length: 2,
        bumps: [None, None],
        common: 0,
        step: -1,
    };

    pub fn length_in_cells(&self) -> f64 {
        LENGTHS[self.length]
    }

    pub fn common_weight(&self) -> f64 {
        STEP.powi(self.common)
    }
}
