//! What is known before a map is written.

use std::path::Path;

use racm::ColourSpace;
use racm::ndarray::Array3;
use serde_json::{Map, Value};

use crate::args::MapArgs;
use crate::numbers::measured;

/// What came before the run, and where its results go.
pub struct Origin<'a> {
    pub out: &'a Path,
    pub names: &'a [String],
    /// RGB, or any channels, with NaN where there is no value.
    pub image: &'a Array3<f32>,
    /// The names of its channels, where they are known.
    pub channels: Option<&'a [String]>,
    /// Where the masks are in another space.
    pub space: Option<ColourSpace>,
    /// How the map was made, and how it is shown.
    pub map: &'a MapArgs,
    /// Entries of the report: what is known of model and image.
    pub about: Map<String, Value>,
    /// The same of the region.
    pub region: Map<String, Value>,
    /// Whether the map is shown in the terminal.
    pub preview: bool,
    /// The file of the segments.
    pub labels: Option<String>,
}

/// What each plane carries, with its standard error; `None` where planes have no own effects.
pub type Carried = Option<Vec<(f64, Option<f64>)>>;

/// The same of one plane, for people.
pub fn carries((value, error): (f64, Option<f64>)) -> String {
    format!("carries {}", measured(value, error))
}

/// The planes as pictures and summary list them: sorted, the highest first, as a panel has them.
pub fn order(planes: usize, carried: &Carried, sort: bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..planes).collect();
    if let (Some(carried), true) = (carried, sort) {
        order.sort_by(|&a, &b| carried[b].0.total_cmp(&carried[a].0));
    }
    order
}
