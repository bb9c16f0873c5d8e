//! Scores on another scale.

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::ledger::Ledger;

/// A scale on which scores are explained.
///
/// The map then is in units of the link: a difference of log-probabilities, of log-odds. A
/// probability near 1 or 0 has little room to move and its log-odds have; a link can make a
/// saturated model's map less noisy, and it changes what is estimated: not the expected score, but
/// the expected link of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Link {
    /// The scores as they are. The default.
    #[default]
    Identity,
    /// `ln(max(score, floor))`, for scores that are positive.
    Log {
        /// The smallest score that is told apart, e.g. 1e-6. Greater than 0.
        floor: f32,
    },
    /// `ln(p / (1 - p))` with p = the score clipped to `[clip, 1 - clip]`, for probabilities.
    Logit {
        /// How close to 0 and 1 scores are told apart, e.g. 1e-6. In (0, 0.5).
        clip: f32,
    },
}

impl Link {
    /// The score on this scale.
    pub fn apply(self, score: f32) -> f32 {
        match self {
            Link::Identity => score,
            Link::Log { floor } => score.max(floor).ln(),
            Link::Logit { clip } => {
                let p = f64::from(score).clamp(f64::from(clip), 1.0 - f64::from(clip));
                (p / (1.0 - p)).ln() as f32
            }
        }
    }

    /// The ledger with every score on this scale.
    pub(crate) fn of(self, ledger: &Ledger) -> Cow<'_, Ledger> {
        match self {
            Link::Identity => Cow::Borrowed(ledger),
            _ => Cow::Owned(ledger.map_scores(&format!("{self:?}"), |score| self.apply(score))),
        }
    }

    pub(crate) fn check(self) -> Result<()> {
        let (name, value, expected) = match self {
            Link::Log { floor } if !(floor > 0.0 && floor.is_finite()) => {
                ("link's floor", floor, "a finite number greater than 0")
            }
            Link::Logit { clip } if !(clip > 0.0 && clip < 0.5) => {
                ("link's clip", clip, "a number in (0, 0.5)")
            }
            _ => return Ok(()),
        };
        Err(Error::parameter(name, value, expected))
    }
}
