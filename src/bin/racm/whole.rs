//! Files that are written whole or not at all, so that nobody reads half of one.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use crate::Failure;

/// Nobody else's files end so.
pub const UNFINISHED: &str = ".racm-part";
/// Nobody takes so long to write a file.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// Makes the folder for results, if it is not there.
pub fn folder(path: &Path) -> Result<(), Failure> {
    let made = std::fs::create_dir_all(path);
    made.map_err(|e| format!("{}: {e}, expected a folder for the results", path.display()).into())
}

/// Lets `write` make the file under a name of its own beside `path`, and puts it there once it is whole. Several processes
/// may do so at once: the last one's file stays.
pub fn put(path: &Path, write: impl FnOnce(&Path) -> Result<(), Failure>) -> Result<(), Failure> {
    let fault = |e: std::io::Error| Failure::from(format!("{}: {e}", path.display()));
    let part = tempfile::Builder::new()
        .suffix(UNFINISHED)
        .make_in(path.parent().unwrap_or(Path::new("")), |part| {
            File::create_new(part)
        })
        .map_err(fault)?;
    // Dropped, it removes the file: that half of one stays behind is all that a killed process leaves.
    let part = part.into_temp_path();
    write(&part).map_err(|failure| named(failure, &part, path))?;
    part.persist(path).map_err(|e| fault(e.error))
}

/// A failure with the name of the file that was to be made, in place of the one that nobody knows.
fn named(failure: Failure, part: &Path, path: &Path) -> Failure {
    let (said, part) = (failure.to_string(), part.display().to_string());
    match said.contains(&part) {
        true => said.replace(&part, &path.display().to_string()).into(),
        false => failure,
    }
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

/// Removes what processes that were killed while they wrote left in a folder.
pub fn tidy(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let old = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        let unfinished = entry.file_name().to_string_lossy().ends_with(UNFINISHED);
        if unfinished && old().is_some_and(|age| age > FORGOTTEN) {
            // Another process may have been faster.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_has_the_name_that_was_asked_for() {
        let path = std::env::temp_dir().join("racm_whole_picture.png");
        let full = |part: &Path| Err(format!("writing {}: no space left", part.display()).into());
        let said = put(&path, full).unwrap_err().to_string();
        assert_eq!(said, format!("writing {}: no space left", path.display()));
        assert!(!path.exists());
    }
}
