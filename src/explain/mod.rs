//! From a model and an image to an explanation: orchestration without arithmetic.

pub(crate) mod explainer;
pub(crate) mod explanation;
pub(crate) mod pilot;
pub(crate) mod run;
pub(crate) mod stop;
