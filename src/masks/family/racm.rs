use super::{Family, MAX_PLANES, MaskFamily, Shown, channel_name};
use crate::error::{Error, Result};

/// RaCM, the randomized channel-pass mask: a selected cell passes a random non-empty subset of the
/// channels, the others and the unselected cells show the baseline. One plane a channel.
///
/// A state is the subset's bits: with three channels 1 is red alone, 3 is red and green, 7 is all.
/// The pass probability is `P_j = P_pix 2^(C-1) / (2^C - 1)` for every channel (Eq. 15). With one
/// channel it is [`Rise`](crate::Rise). 1 to 64 channels of any meaning: RGB, HSV, spectral bands,
/// physical fields; more of them, or channels that belong together, in groups: [`Racm::grouped`].
///
/// ```
/// use racm::{MaskSpec, Plan, Racm};
///
/// let plan = Plan::new([3, 96, 96], &MaskSpec::new(Racm).p_pix(0.5))?;
/// assert_eq!(plan.plane_names(), ["red", "green", "blue"]);
/// assert!((plan.pass_probabilities()[0] - 0.5 * 4.0 / 7.0).abs() < 1e-12);
/// # Ok::<(), racm::Error>(())
/// ```
///
/// # References
/// Hachiya and Nisawa, *Randomized Channel-pass Mask for Channel-wise Explanation of Black-box
/// Models*, section 3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Racm;

impl MaskFamily for Racm {
    fn built_in(&self) -> Option<Family> {
        Some(Family::Racm)
    }

    fn name(&self) -> String {
        "racm".to_owned()
    }

    fn states(&self, channels: usize) -> u64 {
        states_of(channels)
    }

    fn planes(&self, channels: usize) -> usize {
        channels
    }

    fn incidence(&self, state: u64) -> u64 {
        state
    }

    fn shows(&self, state: u64, channel: usize) -> Shown {
        if state >> channel & 1 == 1 {
            Shown::Image
        } else {
            Shown::Baseline
        }
    }

    fn plane_name(&self, plane: usize, channels: usize) -> String {
        channel_name(plane, channels)
    }

    fn share(&self, _plane: usize, channels: usize) -> f64 {
        share_of(channels)
    }

    fn joint_share(&self, a: usize, b: usize, channels: usize) -> f64 {
        joint_share_of(a, b, channels)
    }

    fn channel_weight(&self, plane: usize, channel: usize) -> Option<f64> {
        Some(f64::from(u8::from(plane == channel)))
    }

    fn check(&self, channels: usize) -> Result<()> {
        if (1..=MAX_PLANES).contains(&channels) {
            return Ok(());
        }
        Err(Error::Channels {
            family: self.name(),
            given: channels,
            limit: MAX_PLANES,
        })
    }
}

/// The non-empty subsets of n things.
pub(super) fn states_of(n: usize) -> u64 {
    u64::MAX >> (64 - n.clamp(1, 64))
}

/// How many of the subsets hold one thing: `2^(n-1) / (2^n - 1)`, in a form that does not overflow.
pub(super) fn share_of(n: usize) -> f64 {
    1.0 / (2.0 - 2f64.powi(1 - n as i32))
}

/// Half of the subsets that hold one thing hold another: `2^(n-2) / (2^n - 1)`.
pub(super) fn joint_share_of(a: usize, b: usize, n: usize) -> f64 {
    let share = share_of(n);
    if a == b { share } else { share / 2.0 }
}
