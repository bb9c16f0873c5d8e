//! The page that shows an evaluation: `report.html`.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::plot::Protocol;
use super::store::{Record, Value};
use super::table::{Row, SECTIONS, Table, label, title};
use crate::html::{EVALUATION, command};
use crate::{Failure, whole};

pub const FILE: &str = "report.html";

/// Rows of the table by image, at most: more are for a program to read, from `images.csv`.
const ROWS: usize = 5000;

/// Writes the page.
pub fn write(
    folder: &Path,
    table: &Table,
    protocols: &[Protocol],
    parameters: &Json,
    records: &[Record],
    names: &[String],
) -> Result<(), Failure> {
    let sections = SECTIONS.iter().filter_map(|(name, columns)| {
        let columns: Vec<&str> = columns
            .iter()
            .copied()
            .filter(|c| table.columns.contains(c))
            .collect();
        (!columns.is_empty()).then(|| section(table, name, &columns))
    });
    let cases = table.rows.len();
    let by_image = (records.len() * cases <= ROWS).then(|| by_image(table, records, names));
    let data = json!({
        "command": command(),
        "version": env!("CARGO_PKG_VERSION"),
        "images": table.images,
        "sections": sections.collect::<Vec<_>>(),
        "protocols": protocols.iter().map(curves).collect::<Vec<_>>(),
        "columns": table.columns.iter().map(|c| c.replace('_', " ")).collect::<Vec<_>>(),
        "by_image": by_image,
        "reasons": table.reasons(records).iter().map(reason).collect::<Vec<_>>(),
        "parameters": parameters,
    });
    let page = EVALUATION.with(&data)?;
    whole::write(&folder.join(FILE), page.as_bytes())
}

fn section(table: &Table, name: &str, columns: &[&str]) -> Json {
    let rows = |rows: &[Row]| -> Vec<Json> {
        let cell = |row: &Row, column: &&str| row.cells.get(*column).map(|cell| cell.json());
        let row = |row: &Row| {
            let cells = columns.iter().map(|column| cell(row, column));
            json!({"name": label(&row.case), "cells": cells.collect::<Vec<_>>()})
        };
        rows.iter().map(row).collect()
    };
    json!({
        "name": name,
        "columns": columns.iter().map(|c| title(c)).collect::<Vec<_>>(),
        "rows": rows(&table.rows),
        "differences": rows(&table.differences),
    })
}

fn curves(protocol: &Protocol) -> Json {
    let panels = protocol.panels.iter().map(|panel| {
        let lines = panel.lines.iter();
        let lines = lines.map(|line| json!({"name": line.name, "points": line.points}));
        json!({"title": panel.title, "lines": lines.collect::<Vec<_>>()})
    });
    json!({"name": protocol.name, "x": protocol.x, "y": protocol.y, "panels": panels.collect::<Vec<_>>()})
}

/// For each image and case the value of every column, or why there is none.
fn by_image(table: &Table, records: &[Record], names: &[String]) -> Vec<Json> {
    let rows = records.iter().flat_map(|record| {
        let class = names.get(record.class).cloned();
        let class = class.unwrap_or_else(|| record.class.to_string());
        record
            .cases
            .iter()
            .zip(&record.scores)
            .map(move |(case, scores)| {
                let value = |column: &&str| match scores.values.get(*column) {
                    Some(Value::Defined(value)) => json!(value),
                    Some(
                        Value::Undefined { undefined: reason } | Value::Missing { missing: reason },
                    ) => json!(reason),
                    None => Json::Null,
                };
                let values: Vec<Json> = table.columns.iter().map(value).collect();
                json!([record.file, class, record.score, label(case), values])
            })
    });
    rows.collect()
}

/// Why values are undefined or missing, for people.
fn reason(entry: &Json) -> Json {
    let mut entry = entry.clone();
    let case = serde_json::from_value(entry["case"].take());
    entry["case"] = json!(case.map(|case| label(&case)).unwrap_or_default());
    entry
}
