//! What the methods found: read back from what `racm explain` wrote.

use std::path::Path;

use racm::ndarray::{Array2, Array3, Axis};
use serde_json::{Value, json};

use super::args::cam;
use crate::{Failure, npy, read};

/// The map of one method, and what it cost.
pub struct Found {
    pub method: String,
    /// `[J, H, W]`, 0 where it was not evaluated.
    pub map: Array3<f32>,
    pub planes: Vec<String>,
    /// The pixels that were evaluated, where some were not.
    pub region: Option<Array2<bool>>,
    pub class: u64,
    pub score: f64,
    pub masks: Option<u64>,
    pub model_calls: u64,
    /// Calls of the part of the model behind the layer.
    pub head_calls: Option<u64>,
    /// `None` where an earlier run took some, and did not come to its end.
    pub seconds: Option<f64>,
    /// The areas under Insertion and Deletion.
    pub curves: Option<Areas>,
}

/// The areas under Insertion and Deletion of a map.
pub struct Areas {
    pub insertion: f64,
    pub deletion: f64,
    /// All that they depend on.
    pub of: String,
}

impl Areas {
    /// Those of an earlier comparison, if they are of the same.
    pub fn known(before: Option<&Value>, of: &str) -> Option<Self> {
        let before = before.filter(|before| before["curves_of"] == of)?;
        Some(Areas {
            insertion: before["insertion"].as_f64()?,
            deletion: before["deletion"].as_f64()?,
            of: of.to_owned(),
        })
    }
}

impl Found {
    /// Of a folder of `racm explain`; `before` is what an earlier comparison says of the same method.
    pub fn read(folder: &Path, method: &str, before: Option<&Value>) -> Result<Self, Failure> {
        let path = folder.join("report.json");
        let report: Value = serde_json::from_str(&read::text(&path, "a report (JSON)")?)
            .map_err(|e| format!("{}: {e}", path.display()))?;
        let lacks = |what: &str| format!("{}: it has no {what}", path.display());
        let number = |name: &str| report[name].as_u64();
        let planes = report["planes"].as_array().ok_or_else(|| lacks("planes"))?;
        let planes = planes
            .iter()
            .map(|name| name.as_str().unwrap_or_default().to_owned());
        let target = &report["targets"][0];
        let class = target["class"].as_u64().ok_or_else(|| lacks("class"))?;
        let score = target["score"].as_f64().ok_or_else(|| lacks("score"))?;
        let mut map = npy::read_stack(&folder.join("map.npy"))?;
        let known = map.map_axis(Axis(0), |pixel| pixel.iter().all(|v| !v.is_nan()));
        map.mapv_inplace(|v| if v.is_nan() { 0.0 } else { v });

        let calls = number("model_calls").ok_or_else(|| lacks("model_calls"))?;
        let calls = calls + report["pilot"]["model_calls"].as_u64().unwrap_or(0);
        let from_ledger = number("masks_from_ledger").unwrap_or(0);
        let seconds = match cam(method) {
            Some(_) => report["seconds"].as_f64(),
            None => ["seconds_in_model", "seconds_outside_model"]
                .iter()
                .map(|part| report[part].as_f64())
                .sum(),
        };
        // What more masks took is not what these took.
        let before =
            before.filter(|before| from_ledger > 0 && before["masks"].as_u64() <= number("masks"));
        let (model_calls, seconds) = match (before, from_ledger) {
            (None, 0) => (calls, seconds),
            (None, known) => (known.min(number("masks").unwrap_or(known)) + calls, None),
            (Some(before), _) => {
                let earlier = before["model_calls"].as_u64().unwrap_or(from_ledger);
                // A run that asks nothing adds no time worth telling.
                let more = seconds.filter(|_| calls > 0).unwrap_or(0.0);
                let seconds = before["seconds"].as_f64().map(|earlier| earlier + more);
                (earlier + calls, seconds)
            }
        };
        Ok(Found {
            method: method.to_owned(),
            map,
            planes: planes.collect(),
            region: known.iter().any(|known| !known).then_some(known),
            class,
            score,
            masks: number("masks"),
            model_calls,
            head_calls: number("head_calls"),
            seconds,
            curves: None,
        })
    }

    /// Whether the map ranks no pixel.
    pub fn is_flat(&self) -> bool {
        let first = self.map.first().copied().unwrap_or_default();
        self.map.iter().all(|&v| v == first)
    }

    pub fn to_json(&self) -> Value {
        json!({
            "method": self.method,
            "planes": self.planes,
            "class": self.class,
            "score": self.score,
            "masks": self.masks,
            "model_calls": self.model_calls,
            "head_calls": self.head_calls,
            "seconds": self.seconds,
            "insertion": self.curves.as_ref().map(|areas| areas.insertion),
            "deletion": self.curves.as_ref().map(|areas| areas.deletion),
            "curves_of": self.curves.as_ref().map(|areas| &areas.of),
        })
    }

    /// A line of the table, behind the image's name.
    pub fn to_csv(&self) -> String {
        let or_nothing = |value: Option<String>| value.unwrap_or_default();
        let areas = self.curves.as_ref();
        let areas = areas.map(|areas| [areas.insertion, areas.deletion]);
        let curve = |side: usize| or_nothing(areas.map(|areas| areas[side].to_string()));
        [
            self.method.clone(),
            self.class.to_string(),
            self.score.to_string(),
            or_nothing(self.masks.map(|n| n.to_string())),
            self.model_calls.to_string(),
            or_nothing(self.head_calls.map(|n| n.to_string())),
            or_nothing(self.seconds.map(|s| format!("{s:.3}"))),
            curve(0),
            curve(1),
        ]
        .join(",")
    }

    /// The names of what [`Found::to_csv`] gives.
    pub const COLUMNS: &str =
        "method,class,score,masks,model_calls,head_calls,seconds,insertion,deletion";
}
