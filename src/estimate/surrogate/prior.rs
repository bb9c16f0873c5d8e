//! What is believed of the field before any score: its lengths, its place, its variances.

use super::basis::Bump;

/// Groups of features that have a variance of their own: see [`Features::group`](super::features::Features::group).
pub(super) const GROUPS: usize = 4;

/// For each group the logarithm of how much of a score's variance it makes, over the noise's.
pub(super) type Ratios = [f64; GROUPS];

/// The deviation of [`Prior::START`]'s ratios, between images and models.
const SPREAD: f64 = 1.5;

/// The shape of the field, and the ratios.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Prior {
    pub shape: Shape,
    pub ratios: Ratios,
}

/// Indices into the lengths, of the common features' field and of the contrasts'; and the bumps of both axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shape {
    pub lengths: [usize; 2],
    pub bumps: [Option<Bump>; 2],
}

impl Shape {
    /// The index of a group's length.
    pub fn length(&self, group: usize) -> usize {
        self.lengths[group % 2]
    }
}

impl Prior {
    pub const START: Prior = Prior {
        shape: Shape {
            lengths: [1, 3],
            bumps: [None, None],
        },
        ratios: [-1.5, -0.8, -1.5, -2.2],
    };
}

/// The logarithm of the density of a group's ratio, up to a constant, and its first and second derivative.
pub(super) fn belief(group: usize, ratio: f64) -> [f64; 3] {
    let u = (ratio - Prior::START.ratios[group]) / SPREAD;
    [-0.5 * u * u, -u / SPREAD, -1.0 / (SPREAD * SPREAD)]
}
