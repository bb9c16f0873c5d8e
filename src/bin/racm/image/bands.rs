//! A folder with a file for each channel.

use std::cmp::Ordering;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use racm::ndarray::Array3;

use super::wrong::Wrong;
use super::{Stored, file};
use crate::Failure;
use crate::read::{MOST_NUMBERS, quoted};

/// How the names of images end, behind a point.
const ENDINGS: [&str; 7] = ["npy", "npz", "tif", "tiff", "png", "jpg", "jpeg"];

/// Whether a file of this name is one that is read as an image.
pub fn is_image(name: &str) -> bool {
    let name = name.to_lowercase();
    let before = |ending: &&str| name.strip_suffix(ending);
    let ending = |ending| before(ending).is_some_and(|stem| stem.ends_with('.'));
    ENDINGS.iter().any(ending)
}

/// The channels are the folder's images, in the [natural order](in_natural_order) of their names, and are called like
/// these without their endings.
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
        } = file(&path, None, &|_| Ok(()))?;
        let (channels, rows, columns) = band.dim();
        let expected = *size.get_or_insert((rows, columns));
        if channels != 1 {
            return Err(wrong(format!(
                "has {channels} channels, expected one: as an image, a folder has a file a channel; --images takes each \
                 file as an image"
            ))
            .into());
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
        let shown = name.to_string_lossy();
        if shown.starts_with('.') || !is_image(&shown) {
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
    files.sort_unstable_by(|a, b| in_natural_order(a, b));
    Ok(files)
}

/// `band2` before `band10`: runs of digits are compared as numbers, all else by bytes, and so are names that are equal
/// otherwise (`band02`, `band2`).
fn in_natural_order(a: &OsStr, b: &OsStr) -> Ordering {
    let [a, b] = [a, b].map(OsStr::as_encoded_bytes);
    parts(a).cmp(parts(b)).then_with(|| a.cmp(b))
}

/// A run of digits, or a byte that is none.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    /// How many digits without leading zeros, and these: no number is too large.
    Number(usize, &'a [u8]),
    Byte(u8),
}

fn parts(name: &[u8]) -> impl Iterator<Item = Part<'_>> {
    let same = |a: &u8, b: &u8| a.is_ascii_digit() && b.is_ascii_digit();
    name.chunk_by(same).map(|part| match part {
        [byte] if !byte.is_ascii_digit() => Part::Byte(*byte),
        digits => {
            let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
            Part::Number(digits.len() - zeros, &digits[zeros..])
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_in_their_order() {
        let ordered = [
            "2.npy",
            "B1.tif",
            "B02.tif",
            "B2.tif",
            "B2a.tif",
            "B8.tif",
            "B8A.tif",
            "B10-2.tif",
            "B10-11.tif",
            "B99999999999999999999998.tif",
            "B99999999999999999999999.tif",
            "BB.tif",
            "b.tif",
        ];
        let mut names = ordered.map(OsString::from);
        names.reverse();
        names.sort_by(|a, b| in_natural_order(a, b));
        assert_eq!(names, ordered);
    }
}
