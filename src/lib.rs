//! Explains black-box models with randomized masks: RISE, MC-RISE and RaCM.
//!
//! A model that answers only "scores for this input" hides which pixels, and which *channels* of
//! those pixels, made it decide. This crate shows it some thousand randomly masked copies of the
//! input and estimates, pixel by pixel and channel by channel, how much the score depends on them,
//! with standard errors.
//!
//! ```
//! use racm::ndarray::{Array2, ArrayView4};
//! use racm::{Explainer, FnModel, Target, demo};
//!
//! // Anything that scores a batch of images [n, C, H, W]: here the mean red of the middle.
//! let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
//!     Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| {
//!         (40..56).map(|i| batch[[n, 0, i, i]]).sum::<f32>() / 16.0
//!     })
//! });
//! let explainer = Explainer::builder().masks(1000).build()?;
//! let explanation = explainer.explain(&model, &demo::image(), Target::Top)?;
//! let map = explanation.map(); // [3, 96, 96]: importance of red, green and blue
//! assert!(map[[0, 48, 48]] > map[[1, 48, 48]]);
//! let error = explanation.standard_error()?; // the same shape; None below 16 masks
//! assert!(error.is_some());
//! # Ok::<(), racm::Error>(())
//! ```
//!
//! The [guide] teaches it from the beginning: how to read a map, what to choose, what it costs.
//!
//! # How it works
//! - A [`MaskFamily`] says what a cell of a small grid (or one of the [`Segments`] of the image) can do to the image: [`Rise`] shows or hides
//!   it, [`Racm`] passes a random subset of its channels, [`McRise`] paints it in a colour.
//! - A [`Plan`] (family, grid, `P_pix`, [`Enlargement`], [`Placement`], [`Region`]) and a seed fix
//!   every mask.
//! - A [`Run`] shows the masked images to the [`BlackBoxModel`] and keeps its scores, nothing else,
//!   in a [`Ledger`], in memory or on disk ([`Run::ledger_file`]), from which the same run given again goes on.
//! - [`Tolerant`] asks a model that fails again, and [`TimeLimit`] stops waiting for one that hangs. A model must be a
//!   function, one image, one score; a run finds out if it is not ([`Repeats`]).
//! - An [`Estimator`] makes the map of plan, seed and ledger. Another estimator, a standard error,
//!   a [contrast](Explanation::contrast) between regions or channels cost no model call, and neither
//!   do [own effects](Explanation::own_effects): of a channel by itself, without what passes along.
//! - A [`Target`] is a class, several, or a sum of scores: the difference of two says why the model prefers the one
//!   ([`Target::difference`]), or where two models disagree. Any other target of the same classes costs no model call
//!   ([`Explanation::with_target`]).
//! - A [`Budget`] is an exact number of masks, or ends the run once the map is certain enough;
//!   [`Run::on_look`] shows the map before.
//! - [`Cam`] makes class activation maps of a [`WhiteBoxModel`], which shows one of its layers; ONNX files are cut at a
//!   layer (`OnnxModel::split`). Such a map can restrict the masks ([`Explainer::refine`]).
//! - [`metrics`] judge maps, from here or elsewhere.
//!
//! # Shapes and units
//! | what | shape | type |
//! |---|---|---|
//! | image | `[C, H, W]`, in whatever units the model's user thinks in | f32 |
//! | batch | `[n, C, H, W]`, C-contiguous | f32 |
//! | scores | `[n, K]`, any finite numbers | f32 |
//! | map | `[J, H, W]`, in units of the score; J = C (RaCM), colours (MC-RISE), 1 (RISE) | f32 |
//!
//! # Series and tables
//! A **series** is an image of one row, `[C, 1, T]`: C sensors, T samples. Without a grid that is set it has 20 cells along T
//! ([`MaskSpec::grid_for`]); `grid(1, 50)` are shorter ones. Cells of one length see one scale: maps of several lengths can be
//! averaged, each by a seed of its own and with [`Estimator::Centred`], so that their errors are independent and the variance
//! of the mean of k maps is the sum of theirs over k squared (example `sensor_series`).
//!
//! A **table** of F features is an image without neighbours, and can be given in two ways (example `table`):
//! - `[1, 1, F]`, a *pixel* a feature, with [`Rise`] and a grid of `1 x F` (set it above 20): a coin is thrown for each
//!   feature, and the map is the mean of what the feature adds to the others that are shown. With `P_pix` 0.5 that is
//!   Banzhaf's value, and not Shapley's: both agree where features add up, and of h that n features are worth only together
//!   each gets `h / 2^(n-1)`, not `h / n`.
//! - `[F, 1, 1]`, a *channel* a feature, with [`Racm`] (up to 64 of them, or [groups](Racm::grouped)): there is one cell, so a
//!   mask shows nothing or a random set. The map compares a feature and half of the others with nothing, so all of its
//!   planes are alike; take [own effects](Effect::Own), which are Banzhaf's values and a number that all features share (0
//!   where they add up). They are the same for any `P_pix`, with the fewest calls near 0.9, where few masks show nothing:
//!   of the example's 20 features, 2.6 times fewer than with 0.5.
//!
//! `render::SeriesPlot` and `render::BarChart` draw them.
//!
//! # Determinism
//! The same plan, seed and scores give the same map to the bit, for any batch size, number of
//! threads, split into shards, interruption and order of merging. Masks of a run of 1000 are the
//! first 1000 of a run of 5000. A [`Budget`] with a time limit is the one thing that makes a run
//! depend on the machine. Masks only change for the same seed in a release whose changelog
//! says *value-breaking*.
//!
//! # Shards
//! Processes and machines score a part of the masks each ([`Run::blocks`]), with a file each; their ledgers
//! [merge](Ledger::merge), [`Ledger::missing`] says what is not there yet, and [`Explainer::explain_ledger`], or
//! [`Ledger::plan`] and [`Explanation::from_ledger`], make the map: that of one run, bit for bit, without a model call.
//!
//! ```
//! use racm::{Explainer, Explanation, Ledger, Target, demo};
//!
//! let (explainer, image) = (Explainer::builder().masks(1000).build()?, demo::image());
//! let blocks = 1000u64.div_ceil(32);
//! let mut files = Vec::new();
//! // Each on a machine of its own; the program does the same with `racm explain --shard 1/3`.
//! for k in 0..3 {
//!     let run = explainer.run(&demo::Classifier, &image, Target::Top);
//!     let shard = run.blocks(k * blocks / 3..(k + 1) * blocks / 3).score()?;
//!     let mut file = Vec::new();
//!     shard.write_to(&mut file)?;
//!     files.push(file);
//! }
//! // And then, anywhere: `racm merge`.
//! let mut all = Ledger::read_from(&files[0][..])?;
//! for file in &files[1..] {
//!     all.merge(&Ledger::read_from(&file[..])?)?;
//! }
//! assert!(all.missing(0..1000).is_empty());
//! let explanation = Explanation::from_ledger(all.plan()?, all, explainer.estimator())?;
//! assert_eq!(explanation.map(), explainer.explain(&demo::Classifier, &image, Target::Top)?.map());
//! # Ok::<(), racm::Error>(())
//! ```
//!
//! # Memory
//! Masks and masked images live inside a batch only (two batches are in memory at a time); a run
//! keeps 4 bytes a mask and target.
//!
//! # Features
//! | feature | brings |
//! |---|---|
//! | (none) | everything but the below; depends on ndarray, rand, rand_chacha, rayon, thiserror |
//! | `onnx` | `OnnxModel`: ONNX files through rten, pure Rust |
//! | `ort` | `OrtModel`: ONNX files through ONNX Runtime, loaded at run time |
//! | `render` | `render`: PNG in and out, heat maps, overlays, panels, plots of series, bar charts, figures as SVG and PDF |
//! | `colour` | `InColourSpace`: explains an RGB model in HSV, Lab or YCbCr |
//! | `serde` | `Serialize` and `Deserialize` for plans, specs, options and results |
//! | `cli` | the program `racm`, with `onnx`, `render`, `colour` and `serde` |
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod caught;
mod error;
mod estimate;
mod explain;
mod file;
#[cfg(any(doc, doctest))]
pub mod guide;
mod images;
mod ledger;
mod masks;
pub mod metrics;
mod models;
#[cfg(feature = "render")]
#[cfg_attr(docsrs, doc(cfg(feature = "render")))]
pub mod render;
mod text;
mod white_box;

pub use error::{BoxError, Error, Inputs, Result};
pub use estimate::Estimator;
pub use estimate::effect::Effect;
pub use estimate::link::Link;
pub use estimate::surrogate::{Surrogate, SurrogatePrior};
pub use explain::budget::{Budget, StopReason, StopRule};
pub use explain::explainer::{Explainer, ExplainerBuilder};
pub use explain::explanation::Explanation;
pub use explain::pilot::{Pilot, PilotCandidate};
pub use explain::progress::Progress;
pub use explain::repeats::Repeats;
pub use explain::run::Run;
pub use explain::run_error::RunError;
pub use explain::stats::RunStats;
pub use explain::target::{Class, Target};
pub use images::baseline::Baseline;
pub use images::masker::Masker;
pub use ledger::Ledger;
pub use masks::family::{
    Channels, Family, GroupedRacm, MAX_PLANES, MaskFamily, McRise, Racm, Rise, Shown,
};
pub use masks::grid::{Enlargement, Placement};
pub use masks::mask::Mask;
pub use masks::plan::Plan;
pub use masks::region::Region;
pub use masks::segments::Segments;
pub use masks::spec::MaskSpec;
#[cfg(any(feature = "onnx", feature = "ort"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "onnx", feature = "ort"))))]
pub use models::adapter::OnnxOptions;
#[cfg(feature = "colour")]
#[cfg_attr(docsrs, doc(cfg(feature = "colour")))]
pub use models::colour_space::ColourSpace;
pub use models::demo;
#[cfg(any(feature = "onnx", feature = "ort"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "onnx", feature = "ort"))))]
pub use models::device::Device;
#[cfg(feature = "colour")]
#[cfg_attr(docsrs, doc(cfg(feature = "colour")))]
pub use models::in_colour_space::InColourSpace;
pub use models::model::{BlackBoxModel, FnModel, IntoScores};
#[cfg(feature = "onnx")]
#[cfg_attr(docsrs, doc(cfg(feature = "onnx")))]
pub use models::onnx::OnnxModel;
#[cfg(feature = "ort")]
#[cfg_attr(docsrs, doc(cfg(feature = "ort")))]
pub use models::ort::OrtModel;
#[cfg(any(feature = "onnx", feature = "ort"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "onnx", feature = "ort"))))]
pub use models::preprocess::{Layout, Preprocess};
#[cfg(any(feature = "onnx", feature = "ort"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "onnx", feature = "ort"))))]
pub use models::preset::Preset;
pub use models::time_limit::TimeLimit;
pub use models::tolerant::{Retry, Tolerant, Tolerated};
pub use ndarray;
pub use white_box::cam::{Cam, CamMap, CamMethod, CamOf};
pub use white_box::model::WhiteBoxModel;
pub use white_box::refine::SaliencyMethod;
#[cfg(any(feature = "onnx", feature = "ort"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "onnx", feature = "ort"))))]
pub use white_box::split::{Layer, SplitModel};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
