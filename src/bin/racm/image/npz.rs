//! Arrays in `.npz` files: a zip archive with an `.npy` file for each.

use std::io::{self, BufReader, Read, Seek};

use racm::ndarray::Array3;
use zip::ZipArchive;

use crate::npy::parse_image;
use crate::read::quoted;

/// The image in a file of so many bytes: the array of this name, or the only one. Nothing is read of a shape that does
/// not `fit`.
pub fn parse(
    file: impl Read + Seek,
    bytes: u64,
    array: Option<&str>,
    fit: &dyn Fn([usize; 3]) -> Result<(), String>,
) -> Result<Array3<f32>, String> {
    /// More than deflate makes of a byte (1032).
    const DENSEST: u64 = 2048;
    let fault = |e: zip::result::ZipError| format!("not an .npz file: {e}");
    let mut archive = ZipArchive::new(file).map_err(fault)?;
    let names: Vec<&str> = archive.file_names().collect();
    let index = chosen(&names, array)?;
    let entry = archive.by_index(index).map_err(fault)?;
    let claimed = entry.size();
    if claimed / DENSEST > bytes {
        return Err(format!(
            "its array has {claimed} bytes, more than the file's {bytes} can hold: it is damaged"
        ));
    }
    let mut entry = BufReader::new(entry);
    let image = parse_image(&mut entry, claimed, fit)?;
    // The checksum is checked where the entry ends, which what is read of an array does not come to.
    let after = io::copy(&mut entry.take(claimed + 1), &mut io::sink());
    match after {
        Ok(after) if after > claimed => Err(format!(
            "its array has more than the {claimed} bytes that it claims: it is damaged"
        )),
        Ok(_) => Ok(image),
        Err(e) => Err(format!("its array is damaged: {e}")),
    }
}

/// The place of the array of this name, which stands without its ending.
fn chosen(names: &[&str], array: Option<&str>) -> Result<usize, String> {
    const SHOWN: usize = 10;
    let known: Vec<&str> = names
        .iter()
        .map(|name| name.strip_suffix(".npy").unwrap_or(name))
        .collect();
    let listed = || {
        let shown: Vec<String> = known.iter().take(SHOWN).map(|name| quoted(name)).collect();
        let more = if known.len() > SHOWN { ", .." } else { "" };
        format!("{}{more}", shown.join(", "))
    };
    match (array, &known[..]) {
        (_, []) => Err("it holds no array".to_owned()),
        (None, [_]) => Ok(0),
        (None, many) => Err(format!(
            "it holds {} arrays, expected one that --array names: {}",
            many.len(),
            listed()
        )),
        (Some(name), _) => known.iter().position(|n| *n == name).ok_or_else(|| {
            format!(
                "it holds no array {}, expected one of {}",
                quoted(name),
                listed()
            )
        }),
    }
}
