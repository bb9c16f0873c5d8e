//! External data: values of a tensor that lie in a file beside the model.

use std::fs::File;
use std::path::{Component, Path, PathBuf};

use rten_onnx::onnx::{DataType, TensorProto};

use crate::file;

/// Where the values of a tensor lie: in a file beside the model.
pub(crate) struct Located {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    pub(crate) start: u64,
    pub(crate) length: u64,
}

impl Located {
    /// Finds the file and refuses a part that it does not have.
    pub(crate) fn new(tensor: &TensorProto, folder: &Path) -> Result<Self, String> {
        let name = tensor.name.as_deref().unwrap_or_default();
        Self::find(tensor, folder).map_err(|reason| format!("external data of `{name}`: {reason}"))
    }

    fn find(tensor: &TensorProto, folder: &Path) -> Result<Self, String> {
        let entry = |key: &str| {
            let mut entries = tensor.external_data.iter();
            let found = entries.find(|e| e.key.as_deref() == Some(key));
            found.map(|e| e.value.as_deref().unwrap_or_default())
        };
        let number = |key: &str| match entry(key) {
            None => Ok(None),
            Some(text) => match text.parse::<u64>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(format!("its {key} is {text:?}, expected a number of bytes")),
            },
        };
        let location = entry("location").ok_or("names no file")?;
        let relative = Path::new(location);
        let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if location.is_empty() || !relative.components().all(inside) {
            return Err(format!("{location:?} is not a file beside the model"));
        }
        let path = folder.join(relative);
        let (file, whole) =
            file::open(&path, || path.display().to_string()).map_err(|e| e.to_string())?;
        let start = number("offset")?.unwrap_or(0);
        let length = match (number("length")?, bytes_of(tensor)) {
            (Some(length), Some(needed)) if length != needed => {
                return Err(format!(
                    "its length is {length} bytes, expected {needed} for the shape {:?}",
                    tensor.dims
                ));
            }
            (Some(length), _) | (None, Some(length)) => length,
            (None, None) => whole.saturating_sub(start),
        };
        match start.checked_add(length) {
            Some(end) if end <= whole => Ok(Located {
                path,
                file,
                start,
                length,
            }),
            _ => Err(format!(
                "{} has only {whole} bytes, expected {length} from byte {start} on",
                path.display()
            )),
        }
    }
}

/// What the elements of a tensor take, where their type has a size.
fn bytes_of(tensor: &TensorProto) -> Option<u64> {
    let bits: u64 = match tensor.data_type? {
        DataType::UINT4 | DataType::INT4 | DataType::FLOAT4E2M1 => 4,
        DataType::UINT8 | DataType::INT8 | DataType::BOOL => 8,
        DataType(17..=20 | 24) => 8,
        DataType::UINT16 | DataType::INT16 | DataType::FLOAT16 | DataType::BFLOAT16 => 16,
        DataType::FLOAT | DataType::INT32 | DataType::UINT32 => 32,
        DataType::DOUBLE | DataType::INT64 | DataType::UINT64 | DataType::COMPLEX64 => 64,
        DataType::COMPLEX128 => 128,
        _ => return None,
    };
    let mut sizes = tensor.dims.iter().map(|&d| u64::try_from(d).ok());
    let all = sizes.try_fold(bits, |n: u64, d| n.checked_mul(d?))?;
    Some(all.div_ceil(8))
}
