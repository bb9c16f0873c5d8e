use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::{GroupedRacm, MaskFamily, McRise, Racm, Rise};
use crate::error::{Error, Result};
use crate::text::unreadable;

/// A family of this crate as a value: one that has a name on command lines, and that can be saved.
///
/// ```
/// use racm::{Explainer, Family, MaskFamily};
///
/// let family: Family = "mc-rise".parse()?;
/// let explainer = Explainer::builder().family(family.shared()).build()?;
/// assert_eq!(explainer.spec().family.built_in(), Some(family));
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Family {
    /// [`struct@Racm`]: `racm`.
    Racm,
    /// [`GroupedRacm`].
    GroupedRacm(GroupedRacm),
    /// [`struct@Rise`]: `rise`.
    Rise,
    /// [`struct@McRise`]: `mc-rise` is [`McRise::rgb`].
    McRise(McRise),
}

impl Family {
    /// The family, for [`ExplainerBuilder::family`](crate::ExplainerBuilder::family) and
    /// [`MaskSpec::family`](crate::MaskSpec::family).
    pub fn shared(&self) -> Arc<dyn MaskFamily> {
        match self {
            Family::Racm => Arc::new(Racm),
            Family::GroupedRacm(family) => Arc::new(family.clone()),
            Family::Rise => Arc::new(Rise),
            Family::McRise(family) => Arc::new(family.clone()),
        }
    }
}

/// The family's [name](MaskFamily::name); that of groups or of colours of one's own cannot be read
/// back.
impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.shared().name())
    }
}

/// `racm`, `rise` or `mc-rise`.
impl FromStr for Family {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "racm" => Ok(Family::Racm),
            "rise" => Ok(Family::Rise),
            "mc-rise" => Ok(Family::McRise(McRise::rgb())),
            _ => Err(unreadable("family", text, "racm, rise or mc-rise")),
        }
    }
}
