//! Which images are evaluated, and the boxes that come with them.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use racm::metrics::BoundingBox;

use crate::Failure;
use crate::image;
use crate::read::{fields, quoted, text};
use crate::say::{count_of, line};

/// One image of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// As the list has it, or the file's name in the folder.
    pub name: String,
    pub path: PathBuf,
    /// x1, y1, x2, y2 in pixels of the file.
    pub roi: Option<[f64; 4]>,
}

impl Item {
    /// The name without folders and extension: that of the image's refinement map.
    pub fn stem(&self) -> String {
        let stem = self.path.file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    }

    /// The box in an image of this size, or why there is none: a box that is not inside the file's
    /// image is wrong, and a part of it no better.
    pub fn bounding_box(
        &self,
        resized_from: Option<[usize; 2]>,
        [height, width]: [usize; 2],
    ) -> Result<BoundingBox, String> {
        let [x1, y1, x2, y2] = self.roi.ok_or("the list has no box for this image")?;
        let [from_height, from_width] = resized_from.unwrap_or([height, width]);
        if x2 > from_width as f64 || y2 > from_height as f64 {
            return Err(format!(
                "the box, x {x1} to {x2}, y {y1} to {y2}, is not inside the {from_width} x {from_height} image"
            ));
        }
        let (x, y) = (
            width as f64 / from_width as f64,
            height as f64 / from_height as f64,
        );
        BoundingBox::new(x1 * x, y1 * y, x2 * x, y2 * y).map_err(|e| e.to_string())
    }
}

/// The images of a list with a column `file`, or all of a folder in the order of their names. A list names files in
/// its folder and below, unless it may name those `anywhere`.
pub fn read(path: &Path, anywhere: bool) -> Result<Vec<Item>, Failure> {
    let at = |e: &dyn std::fmt::Display| -> Failure { format!("{}: {e}", path.display()).into() };
    let items = if path.is_dir() {
        let mut names = Vec::new();
        let mut folders = 0;
        for entry in std::fs::read_dir(path).map_err(|e| at(&e))? {
            let entry = entry.map_err(|e| at(&e))?;
            let name = entry.file_name();
            if entry.path().is_dir() {
                folders += usize::from(image::listed(&entry.path()).is_ok_and(|f| !f.is_empty()));
                continue;
            }
            let name = name.to_string_lossy().into_owned();
            if image::is_image(&name) {
                names.push(name);
            }
        }
        names.sort_unstable();
        if folders > 0 {
            let what = format!(
                "{} with images; one with a file a channel needs a CSV file that lists it",
                count_of(folders, "folder")
            );
            match names.is_empty() {
                true => return Err(at(&format!("it holds no image, only {what}"))),
                false => line(format_args!("{}: left out {what}", path.display()))?,
            }
        }
        let item = |name: String| Item {
            path: path.join(&name),
            name,
            roi: None,
        };
        names.into_iter().map(item).collect()
    } else {
        let text = text(path, "a CSV file with a column `file`, or a folder")?;
        let found = |item: &Item| found(item, path, anywhere);
        parse(&text, path, anywhere, found).map_err(|e| at(&e))?
    };
    if items.is_empty() {
        return Err(at(&"no image (PNG, JPEG, TIFF, .npy or .npz)"));
    }
    let mut seen = BTreeSet::new();
    for item in &items {
        // Of a folder it may have been removed since, or be a pipe.
        is_there(item).map_err(|e| at(&e))?;
        let name = file_name(&item.name);
        if name.len() > LONGEST_NAME {
            let name = quoted(&item.name);
            return Err(at(&format!(
                "{name} is too long for the name of a file with its results, expected at most {LONGEST_NAME} bytes"
            )));
        }
        if !seen.insert(name) {
            return Err(at(&format!("{} is listed twice", quoted(&item.name))));
        }
    }
    Ok(items)
}

fn is_there(item: &Item) -> Result<(), String> {
    match item.path.is_file() || item.path.is_dir() {
        true => Ok(()),
        false => Err(format!("there is no file {}", quoted(&item.name))),
    }
}

/// Refuses an image of a list that is not there, or to which a link leads out of the list's folder, unless images may
/// lie `anywhere`.
fn found(item: &Item, list: &Path, anywhere: bool) -> Result<(), String> {
    is_there(item)?;
    match anywhere || is_below(&item.path, folder_of(list)) {
        true => Ok(()),
        false => Err(format!(
            "{} is a link out of the list's folder, expected a file in it or below (--anywhere allows others)",
            quoted(&item.name)
        )),
    }
}

/// Whether a file is in a folder or below, where all links lead.
pub fn is_below(path: &Path, folder: &Path) -> bool {
    match (path.canonicalize(), folder.canonicalize()) {
        (Ok(path), Ok(folder)) => path.starts_with(folder),
        _ => false,
    }
}

/// The folder of a file, which may be the one where the program runs.
pub fn folder_of(file: &Path) -> &Path {
    let folder = file.parent().filter(|folder| *folder != Path::new(""));
    folder.unwrap_or(Path::new("."))
}

/// What file systems take, less what is added to a name.
const LONGEST_NAME: usize = 255 - ".begun".len();

/// The name as a name for a file of its own.
pub fn file_name(name: &str) -> String {
    name.replace(['/', '\\', ':'], "_")
}

/// The images of a list at `path`, of which each is `found` before the next line is read.
pub fn parse(
    text: &str,
    path: &Path,
    anywhere: bool,
    found: impl Fn(&Item) -> Result<(), String>,
) -> Result<Vec<Item>, String> {
    /// Bytes of a line: a hundred times what a name and a box take.
    const LONGEST_LINE: usize = 1 << 16;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut lines = text.lines().enumerate().map(|(i, line)| (i + 1, line));
    let short = |(number, line): (usize, &str)| match line.len() {
        bytes if bytes > LONGEST_LINE => Err(format!(
            "line {number} has {bytes} bytes, expected at most {LONGEST_LINE}"
        )),
        _ => Ok(()),
    };
    let (_, first) = lines
        .next()
        .ok_or("it is empty, expected a column `file`")?;
    short((1, first))?;
    let header = fields(first).ok_or("line 1 has quotes that do not end")?;
    let column = |name: &str| header.iter().position(|h| h.trim() == name);
    let file = column("file").ok_or_else(|| {
        let given = quoted(first);
        format!("the first line names no column `file`, it is {given}")
    })?;
    let corners = ["roi_x1", "roi_y1", "roi_x2", "roi_y2"].map(|name| (name, column(name)));
    let twice = |name: &&str| header.iter().filter(|h| h.trim() == *name).count() > 1;
    if let Some(name) = ["file"]
        .into_iter()
        .chain(corners.map(|(name, _)| name))
        .find(twice)
    {
        return Err(format!(
            "the first line names the column `{name}` more than once, expected it once"
        ));
    }
    if let (true, Some((name, _))) = (
        corners.iter().any(|(_, c)| c.is_some()),
        corners.iter().find(|(_, c)| c.is_none()),
    ) {
        return Err(format!("a box needs four columns; {name} is missing"));
    }
    let mut items = Vec::new();
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        short((number, line))?;
        let values =
            fields(line).ok_or_else(|| format!("line {number} has quotes that do not end"))?;
        let value = |c: usize| values.get(c).map_or("", |v| v.trim());
        let name = value(file);
        if name.is_empty() {
            return Err(format!("line {number} has no file"));
        }
        let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if !anywhere && !Path::new(name).components().all(inside) {
            return Err(format!(
                "line {number} names {}, expected a file in the list's folder or below (--anywhere allows others)",
                quoted(name)
            ));
        }
        // Beside the list, or in a folder of the list's name: signs.csv with signs/.
        let beside = folder.join(name);
        let path = match path.file_stem() {
            Some(stem) if !beside.exists() => folder.join(stem).join(name),
            _ => beside,
        };
        let mut roi = Vec::new();
        for (name, c) in corners {
            match c.map_or("", value) {
                "" => {}
                text => roi.push(text.parse::<f64>().map_err(|_| {
                    let given = quoted(text);
                    format!("line {number}, {name} is {given}, expected a number of pixels")
                })?),
            }
        }
        if !(roi.is_empty() || roi.len() == 4) {
            return Err(format!("line {number} has only {} of 4 corners", roi.len()));
        }
        let item = Item {
            name: name.to_owned(),
            path,
            roi: roi.try_into().ok(),
        };
        found(&item)?;
        items.push(item);
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(_: &Item) -> Result<(), String> {
        Ok(())
    }

    #[test]
    fn reads_boxes_quotes_and_the_folder_of_the_same_name() {
        let text = "label,file,roi_x1,roi_y1,roi_x2,roi_y2\n\
                    1,\"a, b.png\",1,2,3.5,4\n\n2,c.png,,,,\n";
        let items = parse(text, Path::new("data/list.csv"), false, all).unwrap();
        assert_eq!(items[0].name, "a, b.png");
        assert_eq!(items[0].path, Path::new("data/list/a, b.png"));
        assert_eq!(items[0].roi, Some([1.0, 2.0, 3.5, 4.0]));
        assert_eq!((items[1].roi, items[1].stem()), (None, "c".to_owned()));
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        let error = |text: &str| parse(text, Path::new("list.csv"), false, all).unwrap_err();
        assert!(error("name\na.png").contains("`file`"));
        assert!(error("file,roi_x1\na.png,1").contains("roi_y1 is missing"));
        let header = "file,roi_x1,roi_y1,roi_x2,roi_y2\n";
        assert!(
            error(&format!("{header}a.png,1,2,three,4")).contains("line 2, roi_x2 is \"three\"")
        );
        assert!(error(&format!("{header}a.png,1,2")).contains("only 2 of 4"));
        assert!(error("file\n\"a.png\n").contains("line 2 has quotes"));
        assert!(error("file,file\na.png,b.png").contains("`file` more than once"));
        let twice = header.replace("roi_y1", "roi_x1,roi_y1");
        assert!(error(&twice).contains("`roi_x1` more than once"));
        let none = |item: &Item| Err(item.name.clone());
        let list = format!("file\na.png\n{}\n", "b".repeat(100_000));
        let first = parse(&list, Path::new("list.csv"), false, none);
        assert_eq!(first, Err("a.png".to_owned()));
        assert!(error(&list).contains("line 3 has 100000 bytes, expected at most 65536"));
        for outside in ["../a.png", "b/../../a.png", "/a.png"] {
            let list = format!("file\n{outside}\n");
            assert!(error(&list).contains("in the list's folder or below"));
            assert!(parse(&list, Path::new("list.csv"), true, all).is_ok());
        }
    }
}
