//! Files that are read.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::error::{Error, Result};

/// Opens a regular file, and says how many bytes it has. A pipe may let its reader wait for ever, and a device may have
/// no end, so neither is opened.
pub(crate) fn open(path: &Path, what: impl Fn() -> String) -> Result<(File, u64)> {
    let opened = || {
        let found = std::fs::metadata(path)?;
        if found.is_file() {
            return Ok((File::open(path)?, found.len()));
        }
        let kind = match found.is_dir() {
            true => "it is a folder, expected a file",
            false => "it is a pipe or a device, expected a file",
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, kind))
    };
    opened().map_err(|source| Error::Io {
        what: what(),
        source,
    })
}
