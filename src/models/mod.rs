//! The model to explain: the trait, the adapters that make models of ONNX files, and those around models that fail or that
//! see RGB only.

#[cfg(any(feature = "onnx", feature = "ort"))]
pub(crate) mod adapter;
#[cfg(feature = "colour")]
pub(crate) mod colour_space;
pub mod demo;
#[cfg(any(feature = "onnx", feature = "ort"))]
pub(crate) mod device;
#[cfg(any(feature = "onnx", feature = "ort"))]
mod external;
#[cfg(any(feature = "onnx", feature = "ort"))]
pub(crate) mod graph;
#[cfg(feature = "colour")]
pub(crate) mod in_colour_space;
pub(crate) mod model;
#[cfg(feature = "onnx")]
pub(crate) mod onnx;
#[cfg(feature = "ort")]
pub(crate) mod ort;
#[cfg(any(feature = "onnx", feature = "ort"))]
pub(crate) mod preprocess;
#[cfg(any(feature = "onnx", feature = "ort"))]
pub(crate) mod preset;
#[cfg(any(feature = "onnx", feature = "ort"))]
mod survey;
pub(crate) mod time_limit;
pub(crate) mod tolerant;
