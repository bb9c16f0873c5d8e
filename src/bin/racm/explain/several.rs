//! `--images`: several images in one go, each into a folder of its own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::args::Args;
use super::images::ImagesArgs;
use super::kept::lock;
use super::loaded::Loaded;
use super::one::explain;
use super::shards;
use crate::evaluate::list;
use crate::read::{csv_field, quoted, text};
use crate::say::{self, count_of, line};
use crate::signals::Stopped;
use crate::{Failure, whole};

/// The table of all images.
const SUMMARY: &str = "summary.csv";

/// One image, and the folder in --out for its results.
#[derive(Clone, Debug, PartialEq)]
struct Item {
    path: PathBuf,
    folder: String,
}

/// Explains them one after the other. One that fails does not keep the others from being explained.
pub fn run(args: &mut Args) -> Result<(), Failure> {
    let items = in_folders(listed(&args.images)?)?;
    let loaded = Loaded::new(args)?;
    let (out, reading) = (args.out.clone(), args.reading.clone());
    whole::folder(&out)?;
    let _lock = lock(&out)?;
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for (number, item) in items.iter().enumerate() {
        let shown = item.path.display().to_string();
        args.image = Some(item.path.clone());
        args.out = out.join(&item.folder);
        args.reading = reading.of(&item.path);
        let done = say::of_image(&shown, || {
            shards::warn(&args.ledger, &args.out)?;
            explain(args, &loaded)
        });
        let left = |done: usize| {
            format!(
                "{done} of {} are done: the same command goes on from there",
                count_of(items.len(), "image")
            )
        };
        match done {
            Ok(done) => {
                if let Some(done) = done {
                    let folder = args.out.display();
                    line(format_args!("{shown}: {}; {folder}", done.brief))?;
                    rows.extend(rows_of(item, &done.report));
                }
            }
            Err(failure) => {
                if let Some(stopped) = loaded.watched().and_then(|s| s.stopped(left(number))) {
                    let Ok(mut own) = failure.downcast::<Stopped>() else {
                        return Err(stopped.into());
                    };
                    own.left += &format!("\n{}", stopped.left);
                    return Err(own);
                }
                say::failed(&shown, &failure)?;
                rows.push(Row::failed(item, &failure));
                failed.push(shown);
            }
        }
        whole::write(&out.join(SUMMARY), table(&rows).as_bytes())?;
        let done = number + 1;
        let stopped = loaded.watched().and_then(|s| s.stopped(left(done)));
        if let Some(stopped) = stopped.filter(|_| done < items.len()) {
            return Err(stopped.into());
        }
    }
    line(format_args!("wrote {}", out.join(SUMMARY).display()))?;
    match failed.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "{} of {} failed: {}",
            failed.len(),
            count_of(items.len(), "image"),
            failed.join(", ")
        )
        .into()),
    }
}

/// The files, those of folders and lists in their places.
fn listed(args: &ImagesArgs) -> Result<Vec<PathBuf>, Failure> {
    let mut paths = Vec::new();
    for given in &args.images {
        let extension = given.extension().unwrap_or_default();
        match given.is_dir() || extension.eq_ignore_ascii_case("csv") {
            true => {
                let items = list::read(given, args.anywhere)?;
                paths.extend(items.into_iter().map(|item| item.path));
            }
            false if extension.eq_ignore_ascii_case("txt") => {
                paths.extend(lines(given, args.anywhere)?);
            }
            false => paths.push(given.clone()),
        }
    }
    match paths.iter().find(|path| !path.exists()) {
        Some(path) => Err(format!(
            "{}: there is no such file, expected an image",
            path.display()
        )
        .into()),
        None => Ok(paths),
    }
}

/// The files of a list with a file a line, which lie in its folder or below.
fn lines(file: &Path, anywhere: bool) -> Result<Vec<PathBuf>, Failure> {
    let text = text(file, "a text file with an image a line")?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut paths = Vec::new();
    for (number, name) in text.lines().map(str::trim).enumerate() {
        if name.is_empty() {
            continue;
        }
        let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if !anywhere && !Path::new(name).components().all(inside) {
            return Err(format!(
                "{}: line {} names {}, expected a file in the list's folder or below (--anywhere allows others)",
                file.display(),
                number + 1,
                quoted(name)
            )
            .into());
        }
        let path = folder.join(name);
        if !anywhere && path.exists() && !list::is_below(&path, list::folder_of(file)) {
            return Err(format!(
                "{}: line {} names {}, a link out of the list's folder (--anywhere allows others)",
                file.display(),
                number + 1,
                quoted(name)
            )
            .into());
        }
        paths.push(path);
    }
    match paths.is_empty() {
        true => Err(format!("{}: it names no image", file.display()).into()),
        false => Ok(paths),
    }
}

/// Each image with a folder of its own: called like it, without the ending unless another image has the same name but
/// for that.
fn in_folders(paths: Vec<PathBuf>) -> Result<Vec<Item>, Failure> {
    let name = |part: Option<&std::ffi::OsStr>| {
        let name = part.unwrap_or_default().to_string_lossy();
        name.into_owned()
    };
    let mut stems: BTreeMap<String, usize> = BTreeMap::new();
    for path in &paths {
        *stems
            .entry(name(path.file_stem()).to_lowercase())
            .or_default() += 1;
    }
    let mut taken: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut items = Vec::new();
    for path in paths {
        let stem = name(path.file_stem());
        let alone = stems.get(&stem.to_lowercase()) == Some(&1);
        let folder = if alone { stem } else { name(path.file_name()) };
        if folder.is_empty() || folder.eq_ignore_ascii_case(SUMMARY) {
            let path = path.display();
            return Err(format!("{path}: it cannot have a folder for its results in --out, expected the name of an image").into());
        }
        // There are file systems to which capitals make no difference.
        if let Some(other) = taken.insert(folder.to_lowercase(), path.clone()) {
            return Err(format!(
                "{} and {} would have the same folder for their results, {folder}: give them in two commands, with \
                 another --out each",
                other.display(),
                path.display()
            )
            .into());
        }
        items.push(Item { path, folder });
    }
    Ok(items)
}

/// A line of the table: a map, or an image without one.
struct Row {
    start: [String; COLUMNS.len()],
    /// What each plane carries, with its standard error.
    carried: Vec<(String, [String; 2])>,
    error: String,
}

const COLUMNS: [&str; 8] = [
    "image",
    "folder",
    "class",
    "name",
    "score",
    "masks",
    "certainty",
    "resized from",
];

impl Row {
    fn failed(item: &Item, failure: &Failure) -> Self {
        let mut start = COLUMNS.map(|_| String::new());
        start[0] = item.path.display().to_string();
        start[1].clone_from(&item.folder);
        Row {
            start,
            carried: Vec::new(),
            error: failure.to_string().replace('\n', "; "),
        }
    }
}

/// The maps of an image.
fn rows_of(item: &Item, report: &Value) -> Vec<Row> {
    let targets = report["targets"].as_array();
    let of_target = |target: &Value| {
        let planes = report["planes"].as_array().into_iter().flatten();
        let entry = |plane: &Value| {
            let carried = target["carried"].get(plane.as_str()?)?;
            let numbers = ["value", "standard_error"].map(|entry| cell(&carried[entry]));
            Some((cell(plane), numbers))
        };
        Row {
            start: [
                item.path.display().to_string(),
                item.folder.clone(),
                cell(&target["class"]),
                cell(&target["name"]),
                cell(&target["score"]),
                cell(&report["masks"]),
                cell(&report["certainty"]),
                size(&report["resized_from"]),
            ],
            carried: planes.filter_map(entry).collect(),
            error: String::new(),
        }
    };
    targets.into_iter().flatten().map(of_target).collect()
}

/// Rows and columns.
fn size(value: &Value) -> String {
    match value.as_array().map(Vec::as_slice) {
        Some([height, width]) => format!("{height} x {width}"),
        _ => String::new(),
    }
}

/// A value of a report; nothing where there is none.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The rows, with two columns for each plane that any image has.
fn table(rows: &[Row]) -> String {
    let mut planes: Vec<&String> = Vec::new();
    for (plane, _) in rows.iter().flat_map(|row| &row.carried) {
        if !planes.contains(&plane) {
            planes.push(plane);
        }
    }
    let mut header = COLUMNS.map(str::to_owned).to_vec();
    for plane in &planes {
        header.push(format!("{plane} carries"));
        header.push(format!("{plane} standard error"));
    }
    header.push("error".to_owned());
    let mut text = String::new();
    let mut push = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| csv_field(cell)).collect();
        let _ = writeln!(text, "{}", cells.join(","));
    };
    push(&header);
    for row in rows {
        let mut cells = row.start.to_vec();
        for plane in &planes {
            let found = row.carried.iter().find(|(name, _)| name == *plane);
            cells.extend(found.map_or_else(Default::default, |(_, cells)| cells.clone()));
        }
        cells.push(row.error.clone());
        push(&cells);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(paths: &[&str]) -> Result<Vec<String>, String> {
        let paths = paths.iter().map(PathBuf::from).collect();
        let items = in_folders(paths).map_err(|e| e.to_string())?;
        Ok(items.into_iter().map(|item| item.folder).collect())
    }

    #[test]
    fn each_image_has_a_folder_of_its_own() {
        assert_eq!(folders(&["x/a.png", "b.jpg"]).unwrap(), ["a", "b"]);
        assert_eq!(
            folders(&["a.png", "a.jpg", "A.tif", "b"]).unwrap(),
            ["a.png", "a.jpg", "A.tif", "b"]
        );
        for (clash, expected) in [
            (
                &["x/a.png", "y/A.png"][..],
                "x/a.png and y/A.png would have the same folder",
            ),
            (&["a.png", "a.png"], "a.png and a.png"),
            (&["summary.csv.png"], "it cannot have a folder"),
            (&[".."], "it cannot have a folder"),
        ] {
            let error = folders(clash).unwrap_err();
            assert!(error.contains(expected), "{clash:?}: {error}");
        }
    }
}
