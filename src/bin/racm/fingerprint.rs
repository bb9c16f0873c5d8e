//! A short name for bytes.

use std::io::Read;
use std::path::Path;

use racm::OnnxModel;

use crate::{Failure, read};

/// What is expected of a model's file.
pub const MODEL: &str = "an ONNX file or `demo`";

/// The bytes of numbers.
pub fn bytes<'a>(values: impl IntoIterator<Item = &'a f32>) -> Vec<u8> {
    values.into_iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// FNV-1a, 64 bits, over parts and their lengths.
pub fn fingerprint<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for &byte in (part.len() as u64).to_le_bytes().iter().chain(part) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

/// `demo`, or length and fingerprint (FNV-1a) of a model's file and of those that hold weights of it.
pub fn model_name(model: &str) -> Result<String, Failure> {
    if model == "demo" {
        return Ok("demo".to_owned());
    }
    let path = Path::new(model);
    let (mut hash, mut length) = (0xcbf2_9ce4_8422_2325_u64, 0);
    let mut part = vec![0; 1 << 16];
    let mut add = |path: &Path| -> Result<(), Failure> {
        let fault = |e: std::io::Error| format!("{}: {e}", path.display());
        let (mut file, _) = read::open(path, MODEL)?;
        loop {
            let read = file.read(&mut part).map_err(fault)?;
            if read == 0 {
                return Ok(());
            }
            length += read;
            for &byte in &part[..read] {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    };
    add(path)?;
    let weights = OnnxModel::external_files(path)?;
    for file in &weights {
        add(file)?;
    }
    let files = match weights.len() {
        0 => "file".to_owned(),
        more => format!("{} files", more + 1),
    };
    Ok(format!("{files} of {length} bytes, {hash:016x}"))
}
