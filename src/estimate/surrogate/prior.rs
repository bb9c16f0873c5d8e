//! What is believed of the field before any score: its lengths, its place, its variances.

use super::basis::Bump;

/// Groups of features that have a variance of their own: see [`Features::group`](super::features::Features::group).
pub(super) const GROUPS: usize = 4;

/// For each group the logarithm of how much of a score's variance it makes, over the noise's.
pub(super) type Ratios = [f64; GROUPS];

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

/// What is believed of a field, and how firmly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Belief {
    pub prior: Prior,
    /// The deviations of the ratios, between images.
    pub spreads: Ratios,
    /// The logarithms of what is believed of the scales: straight, logarithmic from the lowest score, from the highest.
    pub scales: [f64; 3],
}

impl Default for Belief {
    /// Before any image of a model was seen.
    fn default() -> Self {
        Belief {
            prior: Prior {
                shape: Shape {
                    lengths: [1, 3],
                    bumps: [None, None],
                },
                ratios: [-1.5, -0.8, -1.5, -2.2],
            },
            spreads: [1.5; GROUPS],
            scales: [0.0; 3],
        }
    }
}

impl Belief {
    /// The logarithm of the density of a group's ratio, up to a constant, and its first and second derivative.
    pub fn of(&self, group: usize, ratio: f64) -> [f64; 3] {
        let spread = self.spreads[group];
        let u = (ratio - self.prior.ratios[group]) / spread;
        [-0.5 * u * u, -u / spread, -1.0 / (spread * spread)]
    }
}
