//! What a mask does to an image: the three methods, and the trait behind them.

mod built_in;
mod channels;
mod grouped;
mod mc_rise;
mod racm;
mod rise;

use std::fmt::Debug;
use std::sync::Arc;

pub use built_in::Family;
pub use channels::Channels;
pub use grouped::GroupedRacm;
pub use mc_rise::McRise;
pub use racm::Racm;
pub use rise::Rise;

use crate::error::Result;

/// The largest number of planes of a map: one bit each.
pub const MAX_PLANES: usize = 64;

/// What a cell shows in one channel.
///
/// ```
/// use racm::{MaskFamily, McRise, Racm, Shown};
///
/// // State 1 of RaCM passes the first channel alone.
/// assert_eq!(Racm.shows(1, 0), Shown::Image);
/// assert_eq!(Racm.shows(1, 2), Shown::Baseline);
/// // State 1 of MC-RISE paints in red.
/// assert_eq!(McRise::rgb().shows(1, 0), Shown::Value(1.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Shown {
    /// The image.
    Image,
    /// The baseline.
    Baseline,
    /// A constant, in the image's units.
    Value(f32),
}

/// A family of masks: which states a cell can take, and what each of them shows.
///
/// Every cell of the mask grid is *unselected* (state 0) with probability 1 - `P_pix`, and
/// otherwise in one of S equally likely states 1, ..., S. The incidence says which planes of the
/// map a state feeds; a plane j is fed with probability `P_j = P_pix * share(j)`, where `share`
/// is the fraction of the states 1, ..., S that feed it.
///
/// [`Racm`], [`GroupedRacm`], [`Rise`] and [`McRise`] are families, and so are boxes and shared
/// pointers of families; implement the trait for one of your own (the example `custom_family` does).
///
/// # Requirements
/// All methods are pure: the same arguments give the same answer, on any thread. State 0 feeds no
/// plane; every plane is fed by at least one state.
///
/// # References
/// The seven states of RGB: Hachiya and Nisawa, *Randomized Channel-pass Mask for Channel-wise
/// Explanation of Black-box Models*, section 3.
pub trait MaskFamily: Debug + Send + Sync {
    /// A short name that tells families, and parameters of a family, apart: `"racm"`.
    fn name(&self) -> String;

    /// S, the number of states of a selected cell, for an image of that many channels.
    fn states(&self, channels: usize) -> u64;

    /// J, the number of planes of the map (1 to 64).
    fn planes(&self, channels: usize) -> usize;

    /// The planes that a state feeds: bit j is set if it feeds plane j.
    fn incidence(&self, state: u64) -> u64;

    /// What a cell in this state shows in this channel.
    fn shows(&self, state: u64, channel: usize) -> Shown;

    /// The name of a plane, for pictures and reports.
    fn plane_name(&self, plane: usize, channels: usize) -> String;

    /// The fraction of the states 1, ..., S that feed a plane: `P_j / P_pix`. The default counts
    /// them, which takes S steps.
    fn share(&self, plane: usize, channels: usize) -> f64 {
        let states = self.states(channels);
        let fed = (1..=states)
            .filter(|&s| self.incidence(s) >> plane & 1 == 1)
            .count();
        fed as f64 / states as f64
    }

    /// The fraction of the states 1, ..., S that feed both of two planes: `P[m_a m_b] / P_pix`. The
    /// surrogate estimators and [own effects](crate::Effect::Own) read it. The default counts them,
    /// which takes S steps.
    fn joint_share(&self, a: usize, b: usize, channels: usize) -> f64 {
        let states = self.states(channels);
        let both = |&s: &u64| (self.incidence(s) >> a) & (self.incidence(s) >> b) & 1 == 1;
        (1..=states).filter(both).count() as f64 / states as f64
    }

    /// How planes become channels (Eq. 12): the weight of plane j in channel c, or `None` where
    /// the planes say nothing about single channels. The default is `None`.
    fn channel_weight(&self, _plane: usize, _channel: usize) -> Option<f64> {
        None
    }

    /// The family as a value that can be saved, if it is one of this crate's. The default is `None`.
    fn built_in(&self) -> Option<Family> {
        None
    }

    /// Checks that the family can explain images of that many channels (at least 1). The default
    /// accepts any number.
    ///
    /// # Errors
    /// [`Error::Channels`](crate::Error::Channels), or
    /// [`Error::Parameter`](crate::Error::Parameter) for parameters that do not fit the image.
    fn check(&self, _channels: usize) -> Result<()> {
        Ok(())
    }
}

macro_rules! deref_family {
    ($($pointer:ty),*) => {$(
        impl<F: MaskFamily + ?Sized> MaskFamily for $pointer {
            fn name(&self) -> String {
                (**self).name()
            }
            fn states(&self, channels: usize) -> u64 {
                (**self).states(channels)
            }
            fn planes(&self, channels: usize) -> usize {
                (**self).planes(channels)
            }
            fn incidence(&self, state: u64) -> u64 {
                (**self).incidence(state)
            }
            fn shows(&self, state: u64, channel: usize) -> Shown {
                (**self).shows(state, channel)
            }
            fn plane_name(&self, plane: usize, channels: usize) -> String {
                (**self).plane_name(plane, channels)
            }
            fn share(&self, plane: usize, channels: usize) -> f64 {
                (**self).share(plane, channels)
            }
            fn joint_share(&self, a: usize, b: usize, channels: usize) -> f64 {
                (**self).joint_share(a, b, channels)
            }
            fn channel_weight(&self, plane: usize, channel: usize) -> Option<f64> {
                (**self).channel_weight(plane, channel)
            }
            fn built_in(&self) -> Option<Family> {
                (**self).built_in()
            }
            fn check(&self, channels: usize) -> Result<()> {
                (**self).check(channels)
            }
        }
    )*};
}
deref_family!(Arc<F>, Box<F>);

/// Names of the channels of an image: those of RGB for three, numbers otherwise.
pub(crate) fn channel_name(channel: usize, channels: usize) -> String {
    match (channels, channel) {
        (1, _) => "intensity".to_owned(),
        (3, 0) => "red".to_owned(),
        (3, 1) => "green".to_owned(),
        (3, 2) => "blue".to_owned(),
        _ => format!("channel {channel}"),
    }
}
