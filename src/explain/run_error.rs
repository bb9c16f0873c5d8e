//! What a run returns when it fails: nothing computed is lost.

use std::fmt;

use crate::error::Error;
use crate::ledger::Ledger;

/// A run that ended with an error: its cause, and the scores so far.
///
/// `?` turns it into the cause where [`Error`] is expected; whoever wants the scores takes them with
/// [`RunError::into_parts`], and goes on from them ([`Run::ledger`](crate::Run::ledger)) or makes a
/// map of them ([`Explanation::from_ledger`](crate::Explanation::from_ledger)).
///
/// ```
/// use std::cell::Cell;
/// use racm::ndarray::{Array2, Array3, ArrayView4};
/// use racm::{BoxError, Error, Explainer, FnModel};
///
/// // A model that fails once.
/// let calls = Cell::new(0);
/// let model = FnModel::new(|batch: ArrayView4<'_, f32>| -> Result<Array2<f32>, BoxError> {
///     calls.set(calls.get() + 1);
///     if calls.get() == 4 {
///         return Err("out of memory".into());
///     }
///     Ok(Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| batch[[n, 0, 1, 1]]))
/// });
/// let image = Array3::<f32>::ones((1, 8, 8));
/// let explainer = Explainer::builder().grid(2, 2).masks(200).batch(32).build()?;
///
/// let (cause, scores) = explainer.explain(&model, &image, 0).unwrap_err().into_parts();
/// assert!(matches!(cause, Error::Model { .. }));
/// let scores = scores.expect("64 masks were scored before");
/// assert_eq!(scores.masks(), 64);
/// let explanation = explainer.run(&model, &image, 0).ledger(scores).explain()?; // racm::Error
/// assert_eq!(explanation.masks(), 200);
/// # Ok::<(), Error>(())
/// ```
pub struct RunError(Box<(Error, Option<Ledger>)>);

impl RunError {
    /// An error, with the scores so far if there are any.
    pub(crate) fn new(cause: Error, ledger: Ledger) -> Self {
        let ledger = (ledger.masks() > 0).then_some(ledger);
        RunError(Box::new((cause, ledger)))
    }

    /// What ended the run.
    pub fn cause(&self) -> &Error {
        &self.0.0
    }

    /// The scores so far; `None` if the run failed before any mask was scored.
    pub fn ledger(&self) -> Option<&Ledger> {
        self.0.1.as_ref()
    }

    /// [`RunError::cause`] and [`RunError::ledger`], owned.
    pub fn into_parts(self) -> (Error, Option<Ledger>) {
        *self.0
    }
}

impl fmt::Debug for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunError")
            .field("cause", self.cause())
            .field("masks", &self.ledger().map_or(0, Ledger::masks))
            .finish()
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ledger() {
            Some(ledger) => write!(
                f,
                "stopped after {} masks: {}",
                ledger.masks(),
                self.cause()
            ),
            None => self.cause().fmt(f),
        }
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.cause())
    }
}

impl From<Error> for RunError {
    fn from(cause: Error) -> Self {
        RunError(Box::new((cause, None)))
    }
}

impl From<RunError> for Error {
    fn from(error: RunError) -> Self {
        error.into_parts().0
    }
}
