//! The file of a run's ledger, while the run goes on.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Ledger;
use super::bytes::{self, Found};
use crate::error::{Error, Result};
use crate::file;

/// What a power cut may cost, besides what is being written. A process that ends in any way loses nothing that it wrote.
const UNSYNCED: Duration = Duration::from_millis(500);

/// A file to which scores are appended as they come.
///
/// Any number of processes may append to one file: each writes whole records at the end, with one call of the system
/// each, and none removes what another may be writing.
#[derive(Debug)]
pub(crate) struct LedgerFile {
    path: PathBuf,
    file: File,
    synced: Instant,
}

/// A file as it was found.
#[derive(Debug)]
pub(crate) struct Earlier {
    path: PathBuf,
    found: Found,
}

impl Earlier {
    /// Reads the file, if there is one.
    pub fn read(path: &Path) -> Result<Self> {
        let what = || format!("reading the ledger {}", path.display());
        let mut contents = Vec::new();
        match file::open(path, what) {
            Ok((mut file, _)) => {
                let read = file.read_to_end(&mut contents);
                read.map_err(|source| failed("reading", path, source))?;
            }
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let found = bytes::read(&contents).map_err(|error| match error {
            Error::LedgerFormat { reason } => Error::LedgerFormat {
                reason: format!("{}: {reason}", path.display()),
            },
            other => other,
        })?;
        Ok(Earlier {
            path: path.to_owned(),
            found,
        })
    }

    /// The scores in it.
    pub fn ledger(&self) -> Option<&Ledger> {
        self.found.ledger.as_ref()
    }

    /// Bytes in it that are of no whole record.
    pub fn torn(&self) -> u64 {
        self.found.torn
    }

    /// Opens the file for more scores of `ledger`, which holds those that are in it, and writes what it lacks.
    pub fn open(self, ledger: &Ledger) -> Result<LedgerFile> {
        let Earlier { path, found } = self;
        if found.old {
            rewrite(&path, ledger).map_err(|source| failed("writing", &path, source))?;
        }
        let file = OpenOptions::new().append(true).create(true).open(&path);
        let file = file.map_err(|source| failed("opening", &path, source))?;
        let mut open = LedgerFile {
            path,
            file,
            synced: Instant::now(),
        };
        if found.old {
            return Ok(open);
        }
        open.cut(&found)?;
        let header = ledger.header();
        // More is known, or more masks are wanted, than the file says.
        if found
            .ledger
            .as_ref()
            .is_none_or(|stored| stored.header() != header)
        {
            open.write(&header)?;
        }
        let stored = found.ledger.as_ref();
        for (first, scores) in ledger.blocks.iter().filter_map(|(&block, scores)| {
            let stored = stored.and_then(|stored| stored.blocks.get(&block));
            let known = stored.map_or(0, Vec::len);
            let first = block * ledger.identity.block_size + (known / ledger.unmasked.len()) as u64;
            (known < scores.len()).then(|| (first, &scores[known..]))
        }) {
            open.write(&ledger.score_records(first, scores))?;
        }
        open.sync()?;
        // The folder, too, has to know the file after a power cut; where folders cannot be opened, it does by itself.
        let folder = match open.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
        Ok(open)
    }
}

impl LedgerFile {
    /// Cuts off what is at the end and no beginning of a record: no process that writes leaves such, only a power cut
    /// or a damaged disk.
    fn cut(&mut self, found: &Found) -> Result<()> {
        if found.keep == found.length {
            return Ok(());
        }
        let length = self.file.metadata().map(|about| about.len());
        let length = length.map_err(|source| failed("reading", &self.path, source))?;
        // Longer than it was: another process found the same, and goes on.
        if length != found.length {
            return Ok(());
        }
        let cut = self.file.set_len(found.keep);
        cut.map_err(|source| failed("cutting", &self.path, source))
    }

    /// Appends the scores of the masks from `first` on.
    pub fn append(&mut self, ledger: &Ledger, first: u64, scores: &[f32]) -> Result<()> {
        self.write(&ledger.score_records(first, scores))?;
        if self.synced.elapsed() >= UNSYNCED {
            self.sync()?;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_all(bytes);
        written.map_err(|source| failed("writing", &self.path, source))
    }

    /// Waits until all is on the disk.
    pub fn sync(&mut self) -> Result<()> {
        let synced = self.file.sync_data();
        self.synced = Instant::now();
        synced.map_err(|source| failed("writing", &self.path, source))
    }
}

/// Puts the ledger in the place of one of an older format, whole or not at all.
fn rewrite(path: &Path, ledger: &Ledger) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    // Another process may be doing the same.
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let mut bytes = Vec::new();
    ledger.write_to(&mut bytes).map_err(std::io::Error::other)?;
    let mut file = File::create(&part)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    std::fs::rename(&part, path)
}

fn failed(what: &str, path: &Path, source: std::io::Error) -> Error {
    Error::Io {
        what: format!("{what} the ledger {}", path.display()),
        source,
    }
}
