//! What is known before a map is written.

use std::path::Path;

use racm::ColourSpace;
use racm::ndarray::Array3;
use serde_json::{Map, Value};

use crate::args::MapArgs;

/// What came before the run, and where its results go.
pub struct Origin<'a> {
    pub out: &'a Path,
    pub names: &'a [String],
    /// RGB, or one channel.
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
    /// The file of the segments.
    pub labels: Option<String>,
}

/// What each plane carries, with its standard error; `None` where planes have no own effects.
pub type Carried = Option<Vec<(f64, Option<f64>)>>;
