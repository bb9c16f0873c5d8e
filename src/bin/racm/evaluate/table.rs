//! From the images' records to a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use racm::Estimator;
use racm::metrics::{Summary, Undefined};
use serde_json::{Value as Json, json};

use super::store::{Case, Cost, Record, Value};
use crate::Failure;
use crate::read::csv_field;
use crate::say::count_of;
use crate::whole::write;

/// Columns that belong together, the two protocols apart: they measure different things.
pub const SECTIONS: [(&str, &[&str]); 4] = [
    (
        "Insertion and Deletion, rank order",
        &["insertion_rank", "deletion_rank"],
    ),
    (
        "Insertion and Deletion, value threshold",
        &["insertion_threshold", "deletion_threshold"],
    ),
    (
        "Average DCC",
        &["dcc", "dcc_coherency", "dcc_complexity", "dcc_drop"],
    ),
    (
        "Localization and sparseness",
        &["pointing", "energy", "gini"],
    ),
];

/// What a column is called, and which way is better.
pub fn title(column: &str) -> &'static str {
    match column {
        "insertion_rank" | "insertion_threshold" => "Insertion (higher is better)",
        "deletion_rank" | "deletion_threshold" => "Deletion (lower is better)",
        "dcc" => "DCC (higher is better)",
        "dcc_coherency" => "coherency (higher is better)",
        "dcc_complexity" => "complexity (lower is better)",
        "dcc_drop" => "drop (lower is better)",
        "pointing" => "pointing game (higher is better)",
        "energy" => "energy inside the box (higher is better)",
        _ => "Gini index",
    }
}

/// One number of the table.
pub struct Cell {
    summary: Summary,
    missing: usize,
}

impl Cell {
    fn is_empty(&self) -> bool {
        self.summary.defined + self.summary.undefined + self.missing == 0
    }

    fn of<'a>(values: impl Iterator<Item = Option<&'a Value>>) -> Self {
        let mut missing = 0;
        let outcomes = values.flatten().filter_map(|value| match value {
            Value::Defined(value) => Some(Ok(*value)),
            // The summary only counts them; the reasons have a table of their own.
            Value::Undefined { .. } => Some(Err(Undefined::ZeroMap)),
            Value::Missing { .. } => {
                missing += 1;
                None
            }
        });
        let summary = Summary::of(outcomes);
        Cell { summary, missing }
    }

    fn markdown(&self) -> String {
        let summary = &self.summary;
        let mut text = match (summary.mean, summary.standard_error) {
            (Some(mean), Some(error)) => format!("{mean:.4} ± {error:.4}"),
            (Some(mean), None) => format!("{mean:.4}"),
            (None, _) if self.is_empty() => return "not measured".to_owned(),
            (None, _) => "none".to_owned(),
        };
        for (count, what) in [(summary.undefined, "undefined"), (self.missing, "missing")] {
            if count > 0 {
                let _ = write!(text, " ({count} {what})");
            }
        }
        text
    }

    pub fn json(&self) -> Json {
        json!({
            "mean": self.summary.mean,
            "standard_error": self.summary.standard_error,
            "defined": self.summary.defined,
            "undefined": self.summary.undefined,
            "missing": self.missing,
        })
    }
}

/// Cells by row and column.
pub struct Row {
    pub case: Case,
    pub cells: BTreeMap<String, Cell>,
}

pub struct Table {
    pub columns: Vec<&'static str>,
    pub images: usize,
    pub rows: Vec<Row>,
    /// Each row less the first, image by image: what the images share drops out.
    pub differences: Vec<Row>,
}

impl Table {
    pub fn new(columns: Vec<&'static str>, cases: &[Case], records: &[Record]) -> Self {
        let value = |record: &'_ Record, row: usize, name: &str| {
            record.scores[row].values.get(name).cloned()
        };
        let row = |index: usize| {
            // Also what has no column of its own, such as the pointing game by plane.
            let names = records.iter().flat_map(|r| r.scores[index].values.keys());
            let mut cells = BTreeMap::new();
            for name in names {
                let values = || records.iter().map(|r| r.scores[index].values.get(name));
                cells
                    .entry(name.clone())
                    .or_insert_with(|| Cell::of(values()));
            }
            let case = cases[index].clone();
            Row { case, cells }
        };
        let difference = |index: usize| {
            let cells = columns.iter().map(|&name| {
                let pairs: Vec<Value> = records
                    .iter()
                    .filter_map(|r| match (value(r, index, name)?, value(r, 0, name)?) {
                        (Value::Defined(a), Value::Defined(b)) => Some(Value::Defined(a - b)),
                        _ => None,
                    })
                    .collect();
                (name.to_owned(), Cell::of(pairs.iter().map(Some)))
            });
            Row {
                case: cases[index].clone(),
                cells: cells.collect(),
            }
        };
        Table {
            images: records.len(),
            rows: (0..cases.len()).map(row).collect(),
            differences: (1..cases.len()).map(difference).collect(),
            columns,
        }
    }

    /// A few tables: one a section.
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "Means over {} ± standard errors.\n",
            count_of(self.images, "image")
        );
        for (name, columns) in SECTIONS {
            let columns: Vec<&str> = columns
                .iter()
                .copied()
                .filter(|c| self.columns.contains(c))
                .collect();
            if columns.is_empty() {
                continue;
            }
            let _ = write!(text, "\n## {name}\n\n");
            grid(&mut text, &self.rows, &columns);
            let first = label(&self.rows[0].case);
            let _ = write!(
                text,
                "\nDifferences to {first}, over the images where both have a value:\n\n"
            );
            grid(&mut text, &self.differences, &columns);
        }
        text
    }

    fn csv(&self) -> String {
        let mut text = String::from(
            "map,masks,estimator,effect,keep,metric,mean,standard_error,defined,undefined,missing\n",
        );
        for row in &self.rows {
            for (name, cell) in &row.cells {
                let number = |v: Option<f64>| v.map_or(String::new(), |v| v.to_string());
                let _ = writeln!(
                    text,
                    "{},{name},{},{},{},{},{}",
                    fields(&row.case),
                    number(cell.summary.mean),
                    number(cell.summary.standard_error),
                    cell.summary.defined,
                    cell.summary.undefined,
                    cell.missing,
                );
            }
        }
        text
    }

    /// All tables, and what they are of.
    pub fn json(&self, parameters: &Json, records: &[Record]) -> Json {
        let rows = |rows: &[Row]| -> Vec<Json> {
            let cells = |row: &Row| -> serde_json::Map<String, Json> {
                let cells = row.cells.iter();
                cells.map(|(name, c)| (name.clone(), c.json())).collect()
            };
            rows.iter()
                .map(|row| json!({"case": row.case, "metrics": cells(row)}))
                .collect()
        };
        json!({
            "parameters": parameters,
            "images": self.images,
            "rows": rows(&self.rows),
            "differences_to_the_first_row": rows(&self.differences),
            "without_a_value": self.reasons(records),
            "images_with_differing_answers": records.iter().filter(|r| r.differing.is_some()).count(),
        })
    }

    /// Why values are undefined or missing, and on which images.
    pub fn reasons(&self, records: &[Record]) -> Vec<Json> {
        let mut reasons: BTreeMap<(usize, &str, &str), Vec<&str>> = BTreeMap::new();
        for record in records {
            for (row, scores) in record.scores.iter().enumerate() {
                for (name, value) in &scores.values {
                    let reason = match value {
                        Value::Defined(_) => continue,
                        Value::Undefined { undefined } => undefined,
                        Value::Missing { missing } => missing,
                    };
                    let files = reasons.entry((row, name, reason)).or_default();
                    files.push(&record.file);
                }
            }
        }
        let entry = |((row, metric, reason), files): (_, Vec<&str>)| {
            let row: usize = row;
            let (metric, reason): (&str, &str) = (metric, reason);
            json!({
                "case": self.rows[row].case, "metric": metric, "reason": reason,
                "images": files.len(), "first": files[0],
            })
        };
        let entries = reasons.into_iter();
        entries
            .map(|((a, b, c), files)| entry(((a, b, c), files)))
            .collect()
    }

    /// Writes everything but the curves; returns the names of the files.
    pub fn write(
        &self,
        folder: &Path,
        parameters: &Json,
        records: &[Record],
        names: &[String],
    ) -> Result<Vec<&'static str>, Failure> {
        let json = serde_json::to_string_pretty(&self.json(parameters, records))? + "\n";
        let files = [
            ("table.md", self.markdown()),
            ("table.csv", self.csv()),
            ("table.json", json),
            ("images.csv", by_image(records, names)),
            ("cost.csv", cost(records)),
        ];
        for (name, text) in &files {
            write(&folder.join(name), text.as_bytes())?;
        }
        Ok(files.map(|(name, _)| name).to_vec())
    }
}

fn grid(text: &mut String, rows: &[Row], columns: &[&str]) {
    let titles: Vec<&str> = columns.iter().map(|c| title(c)).collect();
    let _ = writeln!(text, "| map | {} |", titles.join(" | "));
    let _ = writeln!(text, "|---|{}", "---|".repeat(columns.len()));
    for row in rows {
        let cell = |name: &&str| match row.cells.get(*name) {
            Some(cell) => cell.markdown(),
            None => "not measured".to_owned(),
        };
        let cells: Vec<String> = columns.iter().map(cell).collect();
        let _ = writeln!(text, "| {} | {} |", label(&row.case), cells.join(" | "));
    }
}

/// A case for people: `racm, N = 1000`.
pub fn label(case: &Case) -> String {
    let mut label = case.map.clone();
    if let Some(masks) = case.masks {
        let _ = write!(label, ", N = {masks}");
    }
    if let Some(estimator) = case
        .estimator
        .as_ref()
        .filter(|e| *e != Estimator::default().name() && **e != case.map)
    {
        let _ = write!(label, ", {estimator}");
    }
    if case.effect.as_deref() == Some("own") {
        label += ", own effects";
    }
    if let Some(keep) = case.keep {
        let _ = write!(label, ", refined to {} %", (keep * 1e4).round() / 1e2);
    }
    label
}

fn fields(case: &Case) -> String {
    let masks = case.masks.map_or(String::new(), |n| n.to_string());
    let keep = case.keep.map_or(String::new(), |k| k.to_string());
    let estimator = case.estimator.as_deref().unwrap_or_default();
    let effect = case.effect.as_deref().unwrap_or_default();
    format!("{},{masks},{estimator},{effect},{keep}", case.map)
}

/// Every value, one a line.
fn by_image(records: &[Record], names: &[String]) -> String {
    let mut text =
        String::from("file,class,name,score,map,masks,estimator,effect,keep,metric,value,reason\n");
    for record in records {
        let class_name = names.get(record.class).map_or("", String::as_str);
        for (case, scores) in record.cases.iter().zip(&record.scores) {
            for (metric, value) in &scores.values {
                let (value, reason) = match value {
                    Value::Defined(value) => (value.to_string(), ""),
                    Value::Undefined { undefined } => (String::new(), undefined.as_str()),
                    Value::Missing { missing } => (String::new(), missing.as_str()),
                };
                let _ = writeln!(
                    text,
                    "{},{},{},{},{},{metric},{value},{}",
                    csv_field(&record.file),
                    record.class,
                    csv_field(class_name),
                    record.score,
                    fields(case),
                    csv_field(reason),
                );
            }
        }
    }
    text
}

/// What each stage cost, over all images. Seconds are those of whichever run did it.
fn cost(records: &[Record]) -> String {
    let mut stages: BTreeMap<&str, Cost> = BTreeMap::new();
    for (stage, &cost) in records.iter().flat_map(|r| &r.costs) {
        stages.entry(stage).or_default().add(cost);
    }
    let mut text = String::from(
        "stage,times,model_calls,model_calls_each,seconds,seconds_in_model,seconds_outside_model\n",
    );
    for (stage, cost) in stages {
        let _ = writeln!(
            text,
            "{stage},{},{},{},{:.3},{:.3},{:.3}",
            cost.times,
            cost.model_calls,
            cost.model_calls as f64 / cost.times as f64,
            cost.seconds,
            cost.seconds_in_model,
            (cost.seconds - cost.seconds_in_model).max(0.0),
        );
    }
    text
}
