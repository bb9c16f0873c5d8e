//! How to use this crate and what its maps mean, from the beginning.
//!
//! 1. [Why random masks](masks), and what is computed.
//! 2. [How to read a map](reading): units, signs, error bars, and what a channel's importance means.
//! 3. [What to choose](choosing): method, estimator, budget, `P_pix`, grid, baseline, link.
//! 4. [Every kind of input](inputs): photos, other colours, fields, series, tables, and scores that are no probabilities.
//! 5. [What it costs](costs), and how runs are reproduced, interrupted and shared.
//! 6. [Many machines](clusters): job arrays, MPI, and models that fail for a while.
//! 7. [Is the map true?](judging) Metrics, and refinement by a class activation map.
//! 8. [Where the paper contradicts itself](paper), with proofs.
//! 9. [Other tools](comparison): what they do better, what they cost, and which to take when.
//!
//! The pictures are made by the example `guide_pictures`.
//!
//! # Examples to start from
//! Each is a file of `examples`, and runs with `cargo run --example NAME`; those marked with a folder are packages of their
//! own in the repository (`cargo run --manifest-path examples/NAME/Cargo.toml`).
//!
//! | you have | start from |
//! |---|---|
//! | nothing yet | `quickstart`: the embedded network, and a picture |
//! | a function, or a service of your own | `custom_model`: one method, and a failure in the middle |
//! | a service behind HTTP | `remote/`: requests in flight, time limits, retries |
//! | an ONNX file | `OnnxModel` or `OrtModel`, or the program |
//! | a network in candle, burn or tract | `candle/`, `burn/` (with gradients), `tract/` |
//! | a detector, an embedding, two models | `detector`, `similarity`, `two_models` |
//! | an RGB model, and a question about hue | `hsv` |
//! | fields or bands | `weather`: twelve fields, with groups |
//! | a series, a table | `sensor_series`, `table` (beside exact Shapley values) |
//! | many images | `data_set`: kept scores, failures, means with errors |
//! | a choice of methods to make | `compare_methods`, `known_truth` (where the answer is known), `convergence` (how many calls) |
//! | a mask of your own | `custom_family` |
//! | a metric of your own | `custom_metric` |
//! | many machines | [the chapter about them](clusters), `mpi/` |

/// Method, estimator, budget, `P_pix`, grid, baseline and link.
///
#[doc = include_str!("pictures/choosing.html")]
///
/// *The same map from more and more masks by `centred`, and from 300 by the default. The number is its certainty.*
///
#[doc = include_str!("choosing.md")]
pub mod choosing {}
/// Job arrays (Slurm, Kubernetes, GNU parallel), MPI, and models that fail for a while.
///
#[doc = include_str!("clusters.md")]
pub mod clusters {}
/// What other tools do better, what they cost, and which to take when.
///
#[doc = include_str!("comparison.md")]
pub mod comparison {}
/// Time, memory and model calls; how runs are reproduced, interrupted and shared.
///
#[doc = include_str!("costs.md")]
pub mod costs {}
/// Photos, other colours, fields, series and tables; and scores that are no probabilities.
///
#[doc = include_str!("pictures/inputs.html")]
///
/// *A series of two sensors, one of which gives an alarm, and a table of three features.*
///
#[doc = include_str!("inputs.md")]
pub mod inputs {}
/// Is the map true? Metrics, and refinement by a class activation map.
///
#[doc = include_str!("judging.md")]
pub mod judging {}
/// Why random masks, and what is computed.
///
#[doc = include_str!("pictures/masks.html")]
///
/// *A stop sign, and what a model sees of it: two masked copies each of RISE, RaCM and MC-RISE.*
///
#[doc = include_str!("masks.md")]
pub mod masks {}
/// Where the paper contradicts itself, with proofs.
///
#[doc = include_str!("paper.md")]
pub mod paper {}
/// How to read a map: units, signs, error bars, and what a channel's importance means.
///
#[doc = include_str!("pictures/reading.html")]
///
/// *One run, read in two ways: what a plane is worth with all that passes along, and by itself.*
///
#[doc = include_str!("reading.md")]
pub mod reading {}
