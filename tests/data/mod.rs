//! Models and images outside of the repository.

use std::path::PathBuf;

/// The folder with the models and images, if all of `files` are there; otherwise the reason to skip is printed.
pub fn data(files: &[&str]) -> Option<PathBuf> {
    let folder = std::env::var_os("RACM_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    if files.iter().all(|file| folder.join(file).is_file()) {
        return Some(folder);
    }
    println!(
        "skipped: no {} under {} (RACM_DATA names another place)",
        files.join(" and "),
        folder.display()
    );
    None
}
