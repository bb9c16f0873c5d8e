//! Explains black-box models with randomized masks: RISE, MC-RISE and RaCM.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(feature = "onnx", feature = "ort"))]
mod adapter;
mod apply;
mod baseline;
pub mod demo;
mod error;
mod estimate;
mod explainer;
mod explanation;
mod family;
mod grid;
mod ledger;
mod mask;
pub mod metrics;
mod model;
#[cfg(feature = "onnx")]
mod onnx;
#[cfg(feature = "ort")]
mod ort;
mod plan;
#[cfg(any(feature = "onnx", feature = "ort"))]
mod preprocess;
mod region;
#[cfg(feature = "render")]
#[cfg_attr(docsrs, doc(cfg(feature = "render")))]
pub mod render;
mod run;
mod seed;

#[cfg(feature = "ort")]
#[cfg_attr(docsrs, doc(cfg(feature = "ort")))]
pub use self::ort::OrtModel;
#[cfg(any(feature = "onnx", feature = "ort"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "onnx", feature = "ort"))))]
pub use adapter::OnnxOptions;
pub use apply::Masker;
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
#[cfg(feature = "onnx")]
#[cfg_attr(docsrs, doc(cfg(feature = "onnx")))]
pub use onnx::OnnxModel;
pub use plan::{MaskSpec, Plan};
#[cfg(any(feature = "onnx", feature = "ort"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "onnx", feature = "ort"))))]
pub use preprocess::{Layout, Preprocess};
pub use region::Region;
pub use run::{Progress, Run, RunStats};
