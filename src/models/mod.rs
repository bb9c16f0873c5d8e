//! The model to explain: the trait, the adapters that make models of ONNX files, and those around models that fail.

#[cfg(any(feature = "onnx", feature = "ort"))]
pub(crate) mod adapter;
pub mod demo;
#[cfg(any(feature = "onnx", feature = "ort"))]
pub(crate) mod device;
#[cfg(any(feature = "onnx", feature = "ort"))]
pub(crate) mod graph;
pub(crate) mod model;
#[cfg(feature = "onnx")]
pub(crate) mod onnx;
#[cfg(feature = "ort")]
pub(crate) mod ort;
#[cfg(any(feature = "onnx", feature = "ort"))]
pub(crate) mod preprocess;
#[cfg(any(feature = "onnx", feature = "ort"))]
mod survey;
pub(crate) mod time_limit;
pub(crate) mod tolerant;
