//! A model whose answers are not waited for without end.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ndarray::{Array2, ArrayView4};

use crate::error::{BoxError, Error};
use crate::models::model::BlackBoxModel;

/// Gives up on a call of a model that takes longer than a limit, with [`Error::TimeLimit`].
///
/// Nothing can end a call from outside. Each one runs on a thread of its own, with a copy of its
/// batch, and over the limit it is *abandoned*: nobody waits for it any more, but it goes on until
/// the model returns, or the program ends, and keeps the model and the batch in memory. While
/// [`TimeLimit::MAX_ABANDONED`] abandoned calls are still running, no further call is begun: that is
/// [`Error::Abandoned`].
///
/// A client that has a time-out of its own (of HTTP, for instance) really ends the call: use that where
/// there is one. The model is called from many threads, so it must be [`Sync`] and own what it uses.
///
/// ```
/// use std::time::Duration;
/// use racm::ndarray::{Array2, ArrayView4};
/// use racm::{BlackBoxModel, Error, FnModel, TimeLimit, demo};
///
/// let hangs = FnModel::new(|_: ArrayView4<'_, f32>| -> Array2<f32> {
///     loop {
///         std::thread::park();
///     }
/// });
/// let model = TimeLimit::new(hangs, Duration::from_millis(20));
/// let batch = demo::image().insert_axis(racm::ndarray::Axis(0));
/// let error = model.predict(batch.view()).unwrap_err();
/// assert!(matches!(error.downcast_ref(), Some(Error::TimeLimit { .. })));
/// assert_eq!(model.abandoned(), 1);
/// ```
///
/// Inside a [`Tolerant`](crate::Tolerant) each retry has the whole limit; around one, all of them
/// together have it.
#[derive(Debug)]
pub struct TimeLimit<M> {
    model: Arc<M>,
    limit: Duration,
    abandoned: Mutex<Vec<JoinHandle<()>>>,
}

impl<M> TimeLimit<M> {
    /// The number of abandoned calls that keeps further calls from being begun.
    pub const MAX_ABANDONED: usize = 16;

    /// The most time that a call of the model may take.
    pub fn new(model: M, limit: Duration) -> Self {
        TimeLimit {
            model: Arc::new(model),
            limit,
            abandoned: Mutex::default(),
        }
    }

    /// The abandoned calls that are still running.
    pub fn abandoned(&self) -> usize {
        self.running().len()
    }

    fn running(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        let mut calls = self
            .abandoned
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        calls.retain(|call| !call.is_finished());
        calls
    }
}

impl<M: BlackBoxModel + Send + Sync + 'static> BlackBoxModel for TimeLimit<M> {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        let abandoned = self.abandoned();
        if abandoned >= Self::MAX_ABANDONED {
            return Err(Box::new(Error::Abandoned { calls: abandoned }));
        }
        let (model, batch) = (Arc::clone(&self.model), batch.to_owned());
        let (answer, answers) = mpsc::channel();
        let call = thread::Builder::new().spawn(move || {
            // Nobody listens to an abandoned call.
            let _ = answer.send(model.predict(batch.view()));
        });
        let call = call.map_err(|source| Error::Io {
            what: "a thread for the model".to_owned(),
            source,
        })?;
        match answers.recv_timeout(self.limit) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => {
                self.running().push(call);
                Err(Box::new(Error::TimeLimit { waited: self.limit }))
            }
            // The thread ended without an answer: the model panicked, and goes on to do so here.
            Err(RecvTimeoutError::Disconnected) => match call.join() {
                Err(panic) => std::panic::resume_unwind(panic),
                Ok(()) => Err("the thread of the model ended without an answer".into()),
            },
        }
    }
}
