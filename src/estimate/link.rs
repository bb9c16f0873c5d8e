//! Scores on another scale.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::text::{saved_as_text, unreadable};

/// A scale on which scores are explained.
///
/// The map then is in units of the link: a difference of log-probabilities, of log-odds. A
/// probability near 1 or 0 has little room to move and its log-odds have; a link can make a
/// saturated model's map less noisy, and it changes what is estimated: not the expected score, but
/// the expected link of it.
///
/// ```
/// use racm::{Explainer, Link, demo};
///
/// // In log-odds: 0.99 to 0.999 is as much as 0.5 to 0.91.
/// let logit: Link = "logit:0.0001".parse()?;
/// let explainer = Explainer::builder().masks(500).link(logit).build()?;
/// let explanation = explainer.explain(&demo::Classifier, &demo::image(), 0)?;
/// assert_eq!(explanation.link(), logit);
/// # Ok::<(), racm::Error>(())
/// ```
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

/// The floor and the clip of a link that is given by its name alone.
const TINY: f32 = 1e-6;

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Link::Identity => write!(f, "identity"),
            Link::Log { floor } => write!(f, "log:{floor:e}"),
            Link::Logit { clip } => write!(f, "logit:{clip:e}"),
        }
    }
}

/// `identity`, `log`, `log:FLOOR`, `logit` or `logit:CLIP`; floor and clip are 1e-6 if not given.
impl FromStr for Link {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, number) = match text.split_once(':') {
            Some((name, number)) => (name, number.parse().ok()),
            None => (text, Some(TINY)),
        };
        let link = match (name, number) {
            ("identity", _) if text == name => Link::Identity,
            ("log", Some(floor)) => Link::Log { floor },
            ("logit", Some(clip)) => Link::Logit { clip },
            _ => {
                let expected = "identity, log, log:FLOOR, logit or logit:CLIP";
                return Err(unreadable("link", text, expected));
            }
        };
        link.check()?;
        Ok(link)
    }
}

saved_as_text!(Link);
