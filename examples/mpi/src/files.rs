//! Files that are written whole or not at all.

use std::fs;
use std::path::Path;

use npyz::WriterBuilder;
use racm::BoxError;
use racm::ndarray::ArrayRef3;

pub fn save(path: &Path, bytes: &[u8]) -> Result<(), BoxError> {
    let part = path.with_added_extension("part");
    let written = fs::write(&part, bytes).and_then(|()| fs::rename(&part, path));
    written.map_err(|e| format!("{}: {e}", path.display()).into())
}

pub fn make_folder(path: &Path) -> Result<(), BoxError> {
    let made = fs::create_dir_all(path);
    made.map_err(|e| format!("{}: {e}", path.display()).into())
}

/// A map `[planes, H, W]` as a NumPy file.
pub fn write_map(path: &Path, map: &ArrayRef3<f32>) -> Result<(), BoxError> {
    let mut bytes = Vec::new();
    let shape: Vec<u64> = map.shape().iter().map(|&n| n as u64).collect();
    let options = npyz::WriteOptions::new().default_dtype().shape(&shape);
    let mut writer = options.writer(&mut bytes).begin_nd()?;
    writer.extend(map.iter())?;
    writer.finish()?;
    save(path, &bytes)
}
