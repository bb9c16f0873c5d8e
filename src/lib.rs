//! Explains black-box models with randomized masks: RISE, MC-RISE and RaCM.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(feature = "onnx", feature = "ort"))]
mod adapter;
mod error;
mod ledger;
mod model;
#[cfg(feature = "onnx")]
mod onnx;
#[cfg(feature = "ort")]
mod ort;
#[cfg(any(feature = "onnx", feature = "ort"))]
mod preprocess;

#[cfg(any(feature = "onnx", feature = "ort"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "onnx", feature = "ort"))))]
pub use self::adapter::OnnxOptions;
#[cfg(feature = "onnx")]
#[cfg_attr(docsrs, doc(cfg(feature = "onnx")))]
pub use self::onnx::OnnxModel;
#[cfg(feature = "ort")]
#[cfg_attr(docsrs, doc(cfg(feature = "ort")))]
pub use self::ort::OrtModel;
#[cfg(any(feature = "onnx", feature = "ort"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "onnx", feature = "ort"))))]
pub use self::preprocess::{Layout, Preprocess};

pub use error::{BoxError, Error, Inputs, Result};
pub use ledger::Ledger;
pub use model::{BlackBoxModel, FnModel, IntoScores};
pub use ndarray;
