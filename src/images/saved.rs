//! Baselines as they are saved (feature `serde`): their text, or an image with its numbers.

use ndarray::Array3;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::images::baseline::Baseline;

#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "expected a baseline: a text, or {\"shape\": [C, H, W], \"values\": [...]}"
)]
enum SavedBaseline {
    Text(String),
    Image { shape: [usize; 3], values: Vec<f32> },
}

impl Serialize for Baseline {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let saved = match self {
            Baseline::Image(image) => SavedBaseline::Image {
                shape: image.dim().into(),
                values: image.iter().copied().collect(),
            },
            _ => SavedBaseline::Text(self.to_string()),
        };
        saved.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Baseline {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match SavedBaseline::deserialize(from)? {
            SavedBaseline::Text(text) => text.parse().map_err(D::Error::custom),
            SavedBaseline::Image { shape, values } => Array3::from_shape_vec(shape, values)
                .map(Baseline::Image)
                .map_err(|e| D::Error::custom(format!("the baseline's values: {e}"))),
        }
    }
}
