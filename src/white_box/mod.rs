//! What looks inside a model, or uses the map of a method that does.

pub(crate) mod refine;
