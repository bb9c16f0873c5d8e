//! Explains black-box models with randomized masks: RISE, MC-RISE and RaCM.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod apply;
mod baseline;
mod error;
mod estimate;
mod explainer;
mod explanation;
mod family;
mod grid;
mod ledger;
mod mask;
mod model;
mod plan;
mod region;
mod run;
mod seed;
mod surrogate;

pub use baseline::Baseline;
pub use error::{BoxError, Error, Inputs, Result};
pub use estimate::Estimator;
pub use explainer::{Explainer, ExplainerBuilder, Target};
pub use explanation::Explanation;
pub use family::{MAX_PLANES, MaskFamily, McRise, Racm, Rise, Shown};
pub use grid::{Enlargement, Placement};
pub use ledger::Ledger;
pub use mask::Mask;
pub use model::{BlackBoxModel, FnModel, IntoScores};
pub use ndarray;
pub use plan::{MaskSpec, Plan};
pub use region::Region;
pub use run::{Progress, Run, RunStats};
pub use surrogate::Surrogate;
