//! How to use this crate and what its maps mean, from the beginning.
//!
//! 1. [Why random masks](masks), and what is computed.
//! 2. [How to read a map](reading): units, signs, error bars, and what a channel's importance means.
//! 3. [What to choose](choosing): method, estimator, budget, `P_pix`, grid, baseline, link.
//! 4. [Every kind of input](inputs): photos, other colours, fields, series, tables, and scores that are no probabilities.
//! 5. [What it costs](costs), and how runs are reproduced, interrupted and shared.
//! 6. [Is the map true?](judging) Metrics, and refinement by a class activation map.
//! 7. [Where the paper contradicts itself](paper), with proofs.
//! 8. [Other tools](comparison): what they do better, what they cost, and which to take when.

#[doc = include_str!("choosing.md")]
pub mod choosing {}
#[doc = include_str!("comparison.md")]
pub mod comparison {}
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
