//! Arrays in `.npy` files.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use half::f16;
use npyz::{NpyFile, Order, WriterBuilder};
use racm::ndarray::{Array2, ArrayRef, Dimension, ShapeBuilder};

use crate::{Failure, whole};

/// Reads a saliency map `[H, W]` (or `[1, H, W]`) of this size: floats of 2, 4 or 8 bytes, integers
/// or truth values, in any byte and memory order.
pub fn read_map(path: &Path, height: usize, width: usize) -> Result<Array2<f32>, Failure> {
    read("saliency map", path, height, width)
}

fn read(what: &str, path: &Path, height: usize, width: usize) -> Result<Array2<f32>, Failure> {
    let fault = |reason: String| Failure::from(format!("{}: {reason}", path.display()));
    let file = File::open(path).map_err(|e| fault(e.to_string()))?;
    let file = NpyFile::new(BufReader::new(file))
        .map_err(|e| fault(format!("not a whole .npy file: {e}")))?;
    // Before anything is read, so that no header makes us reserve what it claims.
    let (h, w) = (height as u64, width as u64);
    if ![&[h, w][..], &[1, h, w]].contains(&file.shape()) {
        let given = file.shape();
        return Err(fault(format!(
            "the {what} has shape {given:?}, expected [{h}, {w}] (or [1, {h}, {w}])"
        )));
    }
    let rows_first = file.order() == Order::C;
    let dtype = file.dtype().descr();
    let values = read_values(file).map_err(|e| fault(format!("it is cut short: {e}")))?;
    let Some(values) = values else {
        return Err(fault(format!(
            "its elements are of type {dtype}, expected floats, integers or truth values"
        )));
    };
    let shape = (height, width).set_f(!rows_first);
    Array2::from_shape_vec(shape, values).map_err(|e| fault(e.to_string()))
}

/// Reads a label map `[H, W]` of this size: whole numbers of any type.
pub fn read_labels(path: &Path, height: usize, width: usize) -> Result<Array2<i64>, Failure> {
    let values = read("label map", path, height, width)?;
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

/// The elements in the order of the file; `None` if they are no numbers.
fn read_values(file: NpyFile<BufReader<File>>) -> std::io::Result<Option<Vec<f32>>> {
    /// Tries one type after the other.
    macro_rules! read_as {
        ($file:ident, $($type:ty => $number:expr),+) => {
            $(let $file = match $file.try_data::<$type>() {
                Ok(data) => {
                    let values = data.map(|value| value.map($number));
                    return values.collect::<Result<_, _>>().map(Some);
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
