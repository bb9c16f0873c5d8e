//! Why an evaluation does not go on in a folder.

use std::fmt;
use std::path::PathBuf;

/// The first parameter that is another.
#[derive(Debug)]
pub struct Difference {
    pub name: String,
    pub stored: String,
    pub asked: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference {
            name,
            stored,
            asked,
        } = self;
        write!(f, "{name} was {stored}, now it is {asked}")
    }
}

/// Why a folder with results cannot be continued.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("{}: holds results of other parameters: {difference}; take another --out", .folder.display())]
    Parameters {
        folder: PathBuf,
        difference: Difference,
    },
    #[error(
        "{}: an evaluation with other parameters is at work there: {difference}; take another --out",
        .folder.display()
    )]
    AtWork {
        folder: PathBuf,
        difference: Difference,
    },
    #[error(
        "{}: an evaluation with other parameters has begun there: {difference}; take another --out, or, if no process is at \
         work there any more, remove {}",
        .folder.display(), .mark.display()
    )]
    Begun {
        folder: PathBuf,
        difference: Difference,
        mark: PathBuf,
    },
    #[error(
        "{}: was made of another image, box or refinement map, or with other parameters; remove it or take another --out",
        .record.display()
    )]
    Input { record: PathBuf },
    #[error(
        "{}: was made without --learn-prior, and does not say what the image taught; remove it to measure this image again, \
         or take another --out",
        .record.display()
    )]
    Untaught { record: PathBuf },
    #[error("{}: cannot be read ({reason}); remove it to measure this image again", .path.display())]
    Damaged { path: PathBuf, reason: String },
}
