//! Arrays in `.npy` files.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Read};
use std::path::Path;

use half::f16;
use npyz::{DType, NpyFile, Order, WriterBuilder};
use racm::ndarray::{Array, Array2, Array3, ArrayRef, Dimension, IntoDimension, ShapeBuilder};

use crate::read::image_shape;
use crate::{Failure, panics, read, whole};

/// Reads a saliency map `[H, W]` (or `[1, H, W]`) of this size: floats of 2, 4 or 8 bytes, integers
/// or truth values, in any byte and memory order. Where the image is missing, the map need not have a value.
pub fn read_map(
    path: &Path,
    size: [usize; 2],
    missing: Option<&Array2<bool>>,
) -> Result<Array2<f32>, Failure> {
    read("saliency map", path, size, missing)
}

fn read(
    what: &str,
    path: &Path,
    size: [usize; 2],
    missing: Option<&Array2<bool>>,
) -> Result<Array2<f32>, Failure> {
    let (file, bytes) = read::open(path, "an array (.npy)")?;
    let array = panics::refused(|| parse(what, BufReader::new(file), bytes, size, missing));
    array.map_err(|reason| format!("{}: {reason}", path.display()).into())
}

/// The array of this size in a file of so many bytes.
pub fn parse(
    what: &str,
    file: impl BufRead,
    bytes: u64,
    [height, width]: [usize; 2],
    missing: Option<&Array2<bool>>,
) -> Result<Array2<f32>, String> {
    let (h, w) = (height as u64, width as u64);
    let check = |given: &[u64]| match [&[h, w][..], &[1, h, w]].contains(&given) {
        true => Ok([height, width]),
        false => Err(format!(
            "the {what} has shape {given:?}, expected [{h}, {w}] (or [1, {h}, {w}])"
        )),
    };
    let array = elements(file, bytes, check)?;
    let is_missing = |at: (usize, usize)| missing.is_some_and(|missing| missing[at]);
    let wrong = |&(at, v): &((usize, usize), &f32)| !v.is_finite() && !is_missing(at);
    match array.indexed_iter().find(wrong) {
        None => Ok(array),
        Some(((y, x), v)) => Err(format!(
            "the {what} holds {v} at [{y}, {x}], expected numbers that f32 can hold"
        )),
    }
}

/// The image in a file of so many bytes: `[C, H, W]`, one channel `[H, W]`, one series `[T]`, or a batch of one image
/// `[1, C, H, W]`. Elements as they are, NaN and infinities, too. Nothing is read of a shape that does not `fit`.
pub fn parse_image(
    file: impl BufRead,
    bytes: u64,
    fit: &dyn Fn([usize; 3]) -> Result<(), String>,
) -> Result<Array3<f32>, String> {
    elements(file, bytes, |given| {
        let shape = match *given {
            [t] => [1, 1, t],
            [h, w] => [1, h, w],
            [c, h, w] | [1, c, h, w] => [c, h, w],
            _ => {
                return Err(format!(
                    "the array has shape {given:?}, expected [C, H, W], [H, W], [T] or [1, C, H, W]"
                ));
            }
        };
        let shape = image_shape(shape)?;
        fit(shape)?;
        Ok(shape)
    })
}

/// The elements of an array of a file of so many bytes, in the shape that `check` makes of its own.
fn elements<const N: usize, D>(
    file: impl BufRead,
    bytes: u64,
    check: impl FnOnce(&[u64]) -> Result<[usize; N], String>,
) -> Result<Array<f32, D>, String>
where
    [usize; N]: IntoDimension<Dim = D>,
    D: Dimension,
{
    let file = open_array(file, bytes)?;
    // Before anything is read, so that no header makes us reserve what it claims.
    let shape = check(file.shape())?;
    let rows_first = file.order() == Order::C;
    let dtype = file.dtype();
    let cut_short = || "it is cut short: elements are missing".to_owned();
    let count: usize = shape.iter().product();
    let values = match &dtype {
        // The reader would take dates for integers.
        DType::Plain(plain) if plain.time_units().is_some() => Ok(None),
        DType::Plain(plain) => {
            let needed = plain.num_bytes().map(|n| n.saturating_mul(count));
            if needed.is_some_and(|needed| needed as u64 > bytes) {
                return Err(cut_short());
            }
            read_values(file, count)
        }
        _ => Ok(None),
    };
    let values = values.map_err(|e| match e.kind() {
        ErrorKind::UnexpectedEof => cut_short(),
        _ => format!("its elements cannot be read: {e}"),
    })?;
    let Some(values) = values else {
        return Err(format!(
            "its elements are of type {}, expected floats, integers or truth values",
            dtype.descr()
        ));
    };
    // An axis of length 1 more or less does not change the order of the elements.
    let shape = shape.into_dimension().set_f(!rows_first);
    let array = Array::from_shape_vec(shape, values).map_err(|e| e.to_string())?;
    Ok(match array.is_standard_layout() {
        true => array,
        false => array.as_standard_layout().into_owned(),
    })
}

/// Reads the header of a file of so many bytes. It may claim any length, nest without end and count beyond 64 bits, and
/// the reader takes all that as it comes.
fn open_array<R: BufRead>(mut file: R, bytes: u64) -> Result<NpyFile<impl Read>, String> {
    /// What NumPy takes, too.
    const LONGEST_HEADER: u64 = 10_000;
    /// Those of a dictionary with a shape, and some to spare.
    const BRACKETS: usize = 16;
    /// So deep are shapes of fields in a list; each one more doubles the time of the reader.
    const DEEPEST: usize = 4;
    let no_array = |reason: &str| format!("not an .npy file: {reason}");
    let start = file.fill_buf().map_err(|e| e.to_string())?;
    let header: u64 = match *start {
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _, low, high, ..] => {
            u16::from_le_bytes([low, high]).into()
        }
        [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _, a, b, c, d, ..] => {
            u32::from_le_bytes([a, b, c, d]).into()
        }
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => {
            return Err(no_array(
                "it ends in its header, or is of an unknown version",
            ));
        }
        _ => return Err(no_array("it does not begin as one")),
    };
    if header > LONGEST_HEADER || header > bytes {
        return Err(no_array(&format!(
            "its header has {header} bytes, expected at most {}",
            LONGEST_HEADER.min(bytes)
        )));
    }
    let mut text = Vec::new();
    let mut file = file.take(bytes);
    let read = file.by_ref().take(12 + header).read_to_end(&mut text);
    read.map_err(|e| e.to_string())?;
    let (mut brackets, mut depth, mut deepest) = (0, 0usize, 0);
    for byte in &text {
        match byte {
            b'(' | b'[' | b'{' => (brackets, depth) = (brackets + 1, depth + 1),
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    if brackets > BRACKETS || deepest > DEEPEST {
        return Err(no_array("its header describes no array of numbers"));
    }
    let numbers = String::from_utf8_lossy(&text);
    let numbers = numbers.split(|c: char| !c.is_ascii_digit());
    let sizes = numbers.filter_map(|n| n.parse::<u64>().ok());
    if sizes
        .filter(|&n| n > 0)
        .try_fold(1u64, u64::checked_mul)
        .is_none()
    {
        return Err(no_array(
            "its header counts more elements than there can be",
        ));
    }
    NpyFile::new(std::io::Cursor::new(text).chain(file)).map_err(|error| {
        // What follows shows the whole header.
        let error = error.to_string();
        let reason = error.lines().next().unwrap_or_default();
        no_array(&format!("its header cannot be read: {reason}"))
    })
}

/// Reads planes `[J, H, W]`, NaN among them.
pub fn read_stack(path: &Path) -> Result<Array3<f32>, Failure> {
    let (file, bytes) = read::open(path, "an array (.npy)")?;
    let file = BufReader::new(file);
    let array = panics::refused(|| parse_image(file, bytes, &|_| Ok(())));
    array.map_err(|reason| format!("{}: {reason}", path.display()).into())
}

/// Reads a label map `[H, W]` of this size: whole numbers of any type.
pub fn read_labels(path: &Path, height: usize, width: usize) -> Result<Array2<i64>, Failure> {
    let values = read("label map", path, [height, width], None)?;
    // f32 holds whole numbers up to here.
    let whole = |v: f32| v.fract() == 0.0 && v.abs() < 16_777_216.0;
    match values.indexed_iter().find(|(_, v)| !whole(**v)) {
        None => Ok(values.mapv(|v| v as i64)),
        Some(((y, x), v)) => Err(format!(
            "{}: {v} at [{y}, {x}] is no label, expected whole numbers below 2^24",
            path.display()
        )
        .into()),
    }
}

/// The elements in the order of the file, so many; `None` if they are no numbers.
fn read_values(file: NpyFile<impl Read>, count: usize) -> std::io::Result<Option<Vec<f32>>> {
    /// Tries one type after the other.
    macro_rules! read_as {
        ($file:ident, $($type:ty => $number:expr),+) => {
            $(let $file = match $file.try_data::<$type>() {
                Ok(data) => {
                    let mut values = Vec::new();
                    let room = values.try_reserve_exact(count);
                    room.map_err(|_| std::io::Error::from(ErrorKind::OutOfMemory))?;
                    for value in data {
                        values.push(value.map($number)?);
                    }
                    return Ok(Some(values));
                }
                Err(file) => file,
            };)+
            drop($file);
        };
    }
    read_as!(file,
        f32 => |v| v, f64 => |v| v as f32, f16 => f16::to_f32,
        i8 => f32::from, i16 => f32::from, i32 => |v| v as f32, i64 => |v| v as f32,
        u8 => f32::from, u16 => f32::from, u32 => |v| v as f32, u64 => |v| v as f32,
        bool => |v| f32::from(u8::from(v))
    );
    Ok(None)
}

/// Writes an array of f32 in C order, whole or not at all.
pub fn write<D: Dimension>(path: &Path, array: &ArrayRef<f32, D>) -> Result<(), Failure> {
    let shape: Vec<u64> = array.shape().iter().map(|&n| n as u64).collect();
    let write = |path: &Path| {
        let mut writer = npyz::WriteOptions::new()
            .default_dtype()
            .shape(&shape)
            .writer(BufWriter::new(File::create(path)?))
            .begin_nd()?;
        writer.extend(array.iter())?;
        writer.finish()
    };
    let fault = |e: std::io::Error| format!("{}: {e}", path.display()).into();
    whole::put(path, |part| write(part).map_err(fault))
}
