//! From a model and an image to an explanation: orchestration without arithmetic.

mod arrivals;
pub(crate) mod budget;
mod execute;
pub(crate) mod explainer;
pub(crate) mod explanation;
mod identity;
mod look;
mod part;
pub(crate) mod pilot;
pub(crate) mod progress;
mod reading;
pub(crate) mod repeats;
pub(crate) mod run;
pub(crate) mod run_error;
#[cfg(feature = "serde")]
mod saved;
mod scoring;
pub(crate) mod stats;
pub(crate) mod target;
