//! How to use this crate and what its maps mean, from the beginning.
//!
//! 1. [Why random masks](masks), and what is computed.
//! 2. [How to read a map](reading): units, signs, error bars, and what a channel's importance means.
//! 3. [What to choose](choosing): method, estimator, budget, `P_pix`, grid, baseline, link.
//! 4. [Every kind of input](inputs): photos, other colours, fields, series, tables, and scores that are no probabilities.
//! 5. [What it costs](costs), and how runs are reproduced, interrupted and shared.
//! 6. [Is the map true?](judging) Metrics, and refinement by a class activation map.
//! 7. [Where the paper contradicts itself](paper), with proofs.
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
//! | an ONNX file | [`OnnxModel`](crate::OnnxModel), [`OrtModel`](crate::OrtModel), or the program |
//! | a network in candle, burn or tract | `candle/`, `burn/` (with gradients), `tract/` |
//! | a detector, an embedding, two models | `detector`, `similarity`, `two_models` |
//! | an RGB model, and a question about hue | `hsv` |
//! | fields or bands | `weather`: twelve fields, with groups |
//! | a series, a table | `sensor_series`, `table` (beside exact Shapley values) |
//! | many images | `data_set`: kept scores, failures, means with errors |
//! | a choice of methods to make | `compare_methods`, `known_truth` (where the answer is known), `convergence` (how many calls) |
//! | a mask of your own | `custom_family` |
//! | a metric of your own | `custom_metric` |
//! | many machines | `mpi/`, and [`Run::blocks`](crate::Run::blocks) |

#[doc = include_str!("choosing.md")]
pub mod choosing {}
#[doc = include_str!("costs.md")]
pub mod costs {}
#[doc = include_str!("inputs.md")]
pub mod inputs {}
#[doc = include_str!("judging.md")]
pub mod judging {}
#[doc = include_str!("masks.md")]
pub mod masks {}
#[doc = include_str!("paper.md")]
pub mod paper {}
#[doc = include_str!("reading.md")]
pub mod reading {}
