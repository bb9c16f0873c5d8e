//! Explains black-box models with randomized masks: RISE, MC-RISE and RaCM.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
mod ledger;
mod model;
#[cfg(feature = "render")]
#[cfg_attr(docsrs, doc(cfg(feature = "render")))]
pub mod render;

pub use error::{BoxError, Error, Inputs, Result};
pub use ledger::Ledger;
pub use model::{BlackBoxModel, FnModel, IntoScores};
pub use ndarray;
