//! Files that are written whole or not at all, so that nobody reads half of one.

use std::io::ErrorKind;
use std::path::Path;

use crate::Failure;

/// Lets `write` make the file under a name of its own beside `path`, and puts it there once it is whole.
pub fn put(path: &Path, write: impl FnOnce(&Path) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let written = write(&part).and_then(|()| {
        std::fs::rename(&part, path).map_err(|e| format!("{}: {e}", path.display()).into())
    });
    if written.is_err() {
        // What failed is said; that its half stays behind may be all the disk allows.
        let _ = std::fs::remove_file(&part);
    }
    written
}

/// Removes a file that an earlier run may have left.
pub fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(format!("{}: {error}", path.display()).into())
        }
        _ => Ok(()),
    }
}

/// A file of these bytes.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    put(path, |part| {
        std::fs::write(part, bytes).map_err(|e| format!("{}: {e}", path.display()).into())
    })
}
