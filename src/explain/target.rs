//! Which scores to explain.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::text::{joined, numbers, saved_as_text};

/// The classes to explain; several cost no more model calls than one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// The class with the highest score on the unmasked image (the first of equals). The default.
    #[default]
    Top,
    /// These classes, in this order.
    Classes(Vec<usize>),
    /// Every class of the model.
    All,
}

impl From<usize> for Target {
    fn from(class: usize) -> Self {
        Target::Classes(vec![class])
    }
}

impl From<Vec<usize>> for Target {
    fn from(classes: Vec<usize>) -> Self {
        Target::Classes(classes)
    }
}

impl From<&[usize]> for Target {
    fn from(classes: &[usize]) -> Self {
        Target::Classes(classes.to_vec())
    }
}

impl<const N: usize> From<[usize; N]> for Target {
    fn from(classes: [usize; N]) -> Self {
        Target::Classes(classes.to_vec())
    }
}

impl Target {
    /// The classes, for the scores of the unmasked image.
    pub(crate) fn resolve(&self, scores: &[f32]) -> Result<Vec<usize>> {
        self.among(scores.len(), highest(scores))
    }

    /// The classes, of so many, of which `top` has the highest score on the unmasked image.
    pub(crate) fn among(&self, count: usize, top: usize) -> Result<Vec<usize>> {
        let classes = match self {
            Target::Top => vec![top],
            Target::Classes(classes) => classes.clone(),
            Target::All => (0..count).collect(),
        };
        if classes.is_empty() {
            return Err(Error::NoTarget);
        }
        match classes.iter().find(|&&k| k >= count) {
            Some(&target) => Err(Error::Target {
                target,
                classes: count,
            }),
            None => Ok(classes),
        }
    }
}

/// The class with the highest score, the first of equals.
pub(crate) fn highest(scores: &[f32]) -> usize {
    let higher = |top, k| if scores[k] > scores[top] { k } else { top };
    (1..scores.len()).fold(0, higher)
}

impl Target {
    /// The only class that is asked for.
    pub(crate) fn resolve_one(&self, scores: &[f32], expected: &str) -> Result<usize> {
        match self.resolve(scores)?[..] {
            [class] => Ok(class),
            ref classes => {
                let given = format!("a list of {}", classes.len());
                Err(Error::parameter("target", given, expected))
            }
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Top => write!(f, "top"),
            Target::All => write!(f, "all"),
            Target::Classes(classes) => write!(f, "{}", joined(classes)),
        }
    }
}

/// `top`, `all`, or classes: `3` or `3,5`.
impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "top" => Ok(Target::Top),
            "all" => Ok(Target::All),
            _ => numbers("target", text, "top, all, or classes K[,K...] from 0 on")
                .map(Target::Classes),
        }
    }
}

saved_as_text!(Target);
