//! What looks inside a model, or uses the map of a method that does.

pub(crate) mod cam;
pub(crate) mod model;
pub(crate) mod refine;
#[cfg(any(feature = "onnx", feature = "ort"))]
pub(crate) mod split;
