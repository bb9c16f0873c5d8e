//! A folder with a file for each channel.

use std::ffi::OsString;
use std::path::Path;

use racm::ndarray::Array3;

use super::wrong::Wrong;
use super::{Stored, file};
use crate::Failure;
use crate::read::{MOST_NUMBERS, quoted};

/// How the names of bands end.
const ENDINGS: [&str; 7] = ["npy", "npz", "tif", "tiff", "png", "jpg", "jpeg"];

/// The channels are the folder's images, in the order of their names, and are called like these without their endings.
/// Other files are left out.
pub fn read(folder: &Path) -> Result<Stored, Failure> {
    let files = listed(folder)?;
    let (mut values, mut names, mut size) = (Vec::new(), Vec::new(), None);
    let mut pictures = None;
    for name in &files {
        let path = folder.join(name);
        let shown = quoted(&name.to_string_lossy());
        let wrong = |reason: String| Wrong::Band {
            folder: folder.to_owned(),
            file: shown.clone(),
            reason,
        };
        // The message of another file's reader names the file.
        let Stored {
            values: band,
            is_picture,
            ..
        } = file(&path, None)?;
        let (channels, rows, columns) = band.dim();
        let expected = *size.get_or_insert((rows, columns));
        if channels != 1 {
            return Err(wrong(format!("has {channels} channels, expected one")).into());
        }
        let first = *pictures.get_or_insert(is_picture);
        if is_picture != first {
            let kind = |is_picture| match is_picture {
                true => "is a picture (PNG or JPEG, read as 0 to 1)",
                false => "holds numbers as they are stored",
            };
            return Err(wrong(format!(
                "{}, and {} {}; expected files of one kind",
                kind(is_picture),
                quoted(&files[0].to_string_lossy()),
                kind(first),
            ))
            .into());
        }
        if (rows, columns) != expected {
            return Err(wrong(format!(
                "has {rows} rows and {columns} columns, expected {} and {}, as {} has",
                expected.0,
                expected.1,
                quoted(&files[0].to_string_lossy()),
            ))
            .into());
        }
        if values.len() + band.len() > MOST_NUMBERS {
            return Err(wrong(format!(
                "is one too many, expected at most {MOST_NUMBERS} numbers in all"
            ))
            .into());
        }
        values.extend(band);
        let stem = Path::new(name).file_stem().unwrap_or_default();
        names.push(stem.to_string_lossy().into_owned());
    }
    let (rows, columns) = size.ok_or_else(|| {
        Wrong::unreadable(
            folder,
            format!(
                "the folder holds no image, expected a file a channel (.{})",
                ENDINGS.join(", .")
            ),
        )
    })?;
    let values = Array3::from_shape_vec((names.len(), rows, columns), values)?;
    Ok(Stored {
        values,
        names: Some(names),
        is_picture: false,
    })
}

/// The names of the images in a folder, in order.
pub fn listed(folder: &Path) -> Result<Vec<OsString>, Failure> {
    let fault = |e: std::io::Error| Wrong::unreadable(folder, e.to_string());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        let name = entry.map_err(fault)?.file_name();
        let ending = Path::new(&name).extension().unwrap_or_default();
        let ending = ending.to_string_lossy().to_lowercase();
        let shown = name.to_string_lossy();
        if shown.starts_with('.') || !ENDINGS.contains(&&*ending) {
            continue;
        }
        if shown.chars().any(char::is_control) {
            return Err(Wrong::Band {
                folder: folder.to_owned(),
                file: quoted(&shown),
                reason: "has a name with control characters, expected one without".to_owned(),
            }
            .into());
        }
        files.push(name);
    }
    files.sort_unstable();
    Ok(files)
}
