//! What can go wrong, with the numbers that say why.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// The error of a user's model: any error, boxed.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Which inputs a model was scoring when something went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inputs {
    /// The image itself, without a mask.
    Unmasked,
    /// The masked images with these indices (0 is the first mask of the seed).
    Masks(Range<u64>),
    /// The masked image with this index and the unmasked one, both for a second time: see
    /// [`Repeats`](crate::Repeats).
    Repeat(u64),
    /// The states of a metric's curve with these indices.
    States(Range<usize>),
    /// The altered activations with these indices that a head was scoring.
    Activations(Range<usize>),
}

impl Inputs {
    /// The input that stands in row `row` of the batch.
    pub(crate) fn row(&self, row: usize) -> Inputs {
        match self {
            Inputs::Unmasked => Inputs::Unmasked,
            Inputs::Masks(r) => {
                let n = r.start + row as u64;
                Inputs::Masks(n..n + 1)
            }
            Inputs::Repeat(mask) if row == 0 => Inputs::Masks(*mask..mask + 1),
            Inputs::Repeat(_) => Inputs::Unmasked,
            Inputs::States(r) => Inputs::States(r.start + row..r.start + row + 1),
            Inputs::Activations(r) => Inputs::Activations(r.start + row..r.start + row + 1),
        }
    }
}

impl fmt::Display for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Inputs::Unmasked => write!(f, "the unmasked image"),
            Inputs::Masks(r) if r.end == r.start + 1 => write!(f, "mask {}", r.start),
            Inputs::Masks(r) => write!(f, "masks {}..{}", r.start, r.end),
            Inputs::Repeat(mask) => write!(f, "mask {mask} and the unmasked image once more"),
            Inputs::States(r) if r.end == r.start + 1 => write!(f, "curve state {}", r.start),
            Inputs::States(r) => write!(f, "curve states {}..{}", r.start, r.end),
            Inputs::Activations(r) if r.end == r.start + 1 => {
                write!(f, "altered activations {}", r.start)
            }
            Inputs::Activations(r) => write!(f, "altered activations {}..{}", r.start, r.end),
        }
    }
}

/// Every error of this crate. Each variant says what was given, what was expected, and where.
///
/// ```
/// use racm::{Error, Explainer};
///
/// match Explainer::builder().p_pix(1.0).build() {
///     Err(Error::Parameter { name, given, .. }) => assert_eq!((name, &*given), ("p_pix", "1")),
///     other => panic!("expected another error than {other:?}"),
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter outside its range.
    #[error("{name} is {given}, expected {expected}")]
    Parameter {
        /// The parameter's name, as in the builder.
        name: &'static str,
        /// The value given.
        given: String,
        /// The values allowed.
        expected: String,
    },
    /// An array of another shape than expected.
    #[error("{what} has shape {given:?}, expected {expected:?}")]
    Shape {
        /// The array.
        what: &'static str,
        /// Its shape.
        given: Vec<usize>,
        /// The shape expected.
        expected: Vec<usize>,
    },
    /// An image with no channel, no row or no column.
    #[error(
        "the image has shape {shape:?} ([C, H, W]) and so no pixel; every axis must be at least 1"
    )]
    EmptyImage {
        /// Its shape, `[C, H, W]`.
        shape: [usize; 3],
    },
    /// NaN or an infinity in an array given to the crate.
    #[error("{what} holds {value} at {index:?}; every element must be finite")]
    NotFinite {
        /// The array.
        what: &'static str,
        /// Where the element is.
        index: Vec<usize>,
        /// The element.
        value: f64,
    },
    /// More channels than the mask family can tell apart.
    #[error(
        "{family} takes 1 to {limit} channels, the image has {given}; channels can pass in groups (Racm::grouped)"
    )]
    Channels {
        /// The family's name.
        family: String,
        /// The image's channels.
        given: usize,
        /// The largest number of channels.
        limit: usize,
    },
    /// The model itself failed.
    #[error("the model failed on {inputs}: {source}")]
    Model {
        /// The inputs that were being scored.
        inputs: Inputs,
        /// The model's own error.
        source: BoxError,
    },
    /// The model panicked. What it printed is on the standard error stream.
    #[error("the model panicked on {inputs}: {message}")]
    ModelPanic {
        /// The inputs that were being scored.
        inputs: Inputs,
        /// The panic's message.
        message: String,
    },
    /// A [`TimeLimit`](crate::TimeLimit) waited for the model in vain.
    #[error(
        "no answer within {waited:?}; the call was abandoned, and runs until the model returns"
    )]
    TimeLimit {
        /// How long was waited.
        waited: Duration,
    },
    /// A [`TimeLimit`](crate::TimeLimit) with too many calls that it abandoned and that still run.
    #[error("{calls} abandoned calls of the model are still running, so no further one is begun")]
    Abandoned {
        /// Their number.
        calls: usize,
    },
    /// The model answered with an array of another shape than `[n, K]`.
    #[error("the model answered {inputs} with scores of shape {given:?}, expected [{rows}, {classes}]", classes = .classes.map_or_else(|| "K >= 1".to_owned(), |k| k.to_string()))]
    ScoreShape {
        /// The inputs that were being scored.
        inputs: Inputs,
        /// The shape of the answer.
        given: [usize; 2],
        /// The number of images asked about.
        rows: usize,
        /// The number of classes of earlier answers, if there were any.
        classes: Option<usize>,
    },
    /// The model answered with NaN or an infinity.
    #[error(
        "the model answered {inputs} with {value} for class {class}; every score must be finite"
    )]
    ScoreNotFinite {
        /// The one input with that score.
        inputs: Inputs,
        /// The class.
        class: usize,
        /// The score.
        value: f32,
    },
    /// A class that the model does not have.
    #[error(
        "class {target} was asked for, the model has {classes} {}",
        if *.classes == 1 { "class (0)".to_owned() } else { format!("classes (0..{classes})") }
    )]
    Target {
        /// The class asked for.
        target: usize,
        /// The number of classes of the model.
        classes: usize,
    },
    /// No class was asked for.
    #[error("no target class was asked for; name at least one")]
    NoTarget,
    /// A region without a pixel.
    #[error("the region holds none of the {height} x {width} pixels; nothing would be masked")]
    EmptyRegion {
        /// Rows of the region's image.
        height: usize,
        /// Columns of the region's image.
        width: usize,
    },
    /// Too few masks for the estimator.
    #[error("{estimator} needs at least {needed} masks, the ledger holds {given}")]
    TooFewMasks {
        /// The estimator's name.
        estimator: &'static str,
        /// Masks in the ledger.
        given: u64,
        /// Masks needed.
        needed: u64,
    },
    /// The saliency method that was to restrict the masks failed.
    #[error("the saliency method failed for class {target}: {source}")]
    Saliency {
        /// The class.
        target: usize,
        /// The method's own error.
        source: BoxError,
    },
    /// A pixel whose estimate is undefined: no mask ever selected (or unselected) it.
    #[error(
        "plane {plane} at pixel ({row}, {column}) was never seen {state} in {masks} masks, so its self-normalised mean is undefined; use more masks or another estimator"
    )]
    NeverSeen {
        /// The map plane.
        plane: usize,
        /// The pixel's row.
        row: usize,
        /// The pixel's column.
        column: usize,
        /// `"selected"` or `"unselected"`.
        state: &'static str,
        /// The number of masks.
        masks: u64,
    },
    /// Planes of a mask family whose own effects no score tells apart.
    #[error(
        "{family} has no own effects: whether plane `{plane}` is fed follows, in every state, from {others}, so no score tells their effects apart",
        others = .others.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
    )]
    PlanesFedAlike {
        /// The family's name.
        family: String,
        /// A plane that is a linear combination of others.
        plane: String,
        /// The others.
        others: Vec<String>,
    },
    /// Two ledgers, or a ledger and a run, that do not belong together.
    #[error("the ledger belongs to another {what}: it has {given}, expected {expected}")]
    Ledger {
        /// What differs: the plan, the seed, the input or the targets.
        what: &'static str,
        /// What the ledger has.
        given: String,
        /// What was expected.
        expected: String,
    },
    /// Two ledgers, or a ledger and a run, with different scores for the same input: they are of
    /// two models, or the model is not a function.
    #[error(
        "the ledgers hold different scores for {inputs} ({first} and {second}); the model must answer the same input alike"
    )]
    LedgerConflict {
        /// The mask, or the unmasked image.
        inputs: Inputs,
        /// The score in the one ledger.
        first: f32,
        /// The score in the other ledger.
        second: f32,
    },
    /// A file or a stream with a ledger that cannot be read.
    #[error("not a ledger: {reason}")]
    LedgerFormat {
        /// What is wrong with it.
        reason: String,
    },
    /// Reading or writing failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being read or written.
        what: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// A model cannot run on the device that was asked for.
    #[error(
        "the device {device} cannot be used with ONNX Runtime from {library}: {reason}; {needed}"
    )]
    Device {
        /// The device.
        device: String,
        /// The library that was loaded.
        library: String,
        /// What is missing.
        reason: String,
        /// What would have to be there.
        needed: &'static str,
    },
    /// Something that one of the optional features reports: a file of a wrong format, a model that cannot be loaded.
    #[error("{what}: {reason}")]
    Adapter {
        /// What was being done, with the file's name.
        what: String,
        /// Why it could not be done.
        reason: String,
    },
}

impl Error {
    pub(crate) fn parameter(
        name: &'static str,
        given: impl fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        Error::Parameter {
            name,
            given: given.to_string(),
            expected: expected.into(),
        }
    }
}
