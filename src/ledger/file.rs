//! The file of a run's ledger, while the run goes on.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::Ledger;
use super::bytes::{self, Found, score_records};
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
    targets: usize,
    synced: Instant,
}

/// A file as it was found.
#[derive(Debug)]
pub(crate) struct Earlier {
    path: PathBuf,
    /// Whether there was one.
    exists: bool,
    found: Found,
}

impl Earlier {
    /// Reads the file, if there is one.
    pub fn read(path: &Path) -> Result<Self> {
        let what = || format!("reading the ledger {}", path.display());
        let contents = match file::open(path, what) {
            Ok((file, _)) => {
                let read = bytes::contents(file);
                Some(read.map_err(|source| failed("reading", path, source))?)
            }
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let found = bytes::read(contents.as_deref().unwrap_or_default());
        let found = found.map_err(|error| match error {
            Error::LedgerFormat { reason } => Error::LedgerFormat {
                reason: format!("{}: {reason}", path.display()),
            },
            other => other,
        })?;
        Ok(Earlier {
            path: path.to_owned(),
            exists: contents.is_some(),
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

    /// Whether it holds all that the ledger does, and nothing that is to be cut off.
    pub fn is_whole(&self, ledger: &Ledger) -> bool {
        let found = &self.found;
        let same = |stored: &Ledger| {
            stored.header() == ledger.header() && lacking(stored, ledger).next().is_none()
        };
        !found.old && found.keep == found.length && found.ledger.as_ref().is_some_and(same)
    }

    /// Opens the file for more scores of `ledger`, which agrees with what is in it, and writes what it lacks.
    pub fn open(self, ledger: &Ledger) -> Result<LedgerFile> {
        let path = match self.exists {
            // A link stays where it is.
            true => std::fs::canonicalize(&self.path).unwrap_or(self.path),
            false => self.path,
        };
        let file = match self.found.ledger {
            Some(_) => go_on(path, &self.found, ledger)?,
            None => match begin(&path, self.exists.then_some(self.found.length), ledger)? {
                Some(file) => LedgerFile::new(path, file, ledger),
                // Another process was faster.
                None => return of_another(&path, ledger)?.open(ledger),
            },
        };
        // The folder, too, has to know the file after a power cut; where folders cannot be opened, it does by itself.
        let folder = match file.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
        Ok(file)
    }
}

/// Reads what another process wrote, which has to be of the same run.
fn of_another(path: &Path, ledger: &Ledger) -> Result<Earlier> {
    let earlier = Earlier::read(path)?;
    let Some(stored) = earlier.ledger() else {
        let reason = format!("{}: another process writes there", path.display());
        return Err(Error::LedgerFormat { reason });
    };
    let mut both = ledger.clone_head();
    both.merge(stored)?;
    both.merge(ledger)?;
    Ok(earlier)
}

/// Makes the file with all of the ledger, whole or not at all; `None` if there is one. One of `torn` bytes holds no score
/// and is replaced.
fn begin(path: &Path, torn: Option<u64>, ledger: &Ledger) -> Result<Option<File>> {
    let part = part_of(path);
    let put = |file: File| {
        if let Some(torn) = torn {
            if std::fs::metadata(path)?.len() != torn {
                return Ok(None);
            }
            std::fs::remove_file(path)?;
        }
        let put = match std::fs::hard_link(&part, path) {
            Ok(()) => Ok(file),
            // Where there are no links.
            Err(error) if error.kind() != ErrorKind::AlreadyExists => write_new(path, ledger),
            Err(error) => Err(error),
        };
        match put {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
            put => put.map(Some),
        }
    };
    let made = write_new(&part, ledger).and_then(put);
    let _ = std::fs::remove_file(&part);
    made.map_err(|source| failed("writing", path, source))
}

/// A new file with all of the ledger.
fn write_new(path: &Path, ledger: &Ledger) -> std::io::Result<File> {
    let mut bytes = Vec::new();
    ledger.write_to(&mut bytes).map_err(std::io::Error::other)?;
    let mut file = OpenOptions::new()
        .append(true)
        .create_new(true)
        .open(path)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    Ok(file)
}

/// A name beside the file that nobody else uses.
fn part_of(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    name.push(format!(".{}-{count}.part", std::process::id()));
    path.with_file_name(name)
}

/// Opens a file that holds scores, and appends those that it lacks.
fn go_on(path: PathBuf, found: &Found, ledger: &Ledger) -> Result<LedgerFile> {
    if found.old {
        let part = part_of(&path);
        let file =
            write_new(&part, ledger).and_then(|file| std::fs::rename(&part, &path).map(|()| file));
        let file = file.map_err(|source| failed("writing", &path, source))?;
        return Ok(LedgerFile::new(path, file, ledger));
    }
    let file = OpenOptions::new().append(true).open(&path);
    let file = file.map_err(|source| failed("opening", &path, source))?;
    let mut open = LedgerFile::new(path, file, ledger);
    open.cut(found)?;
    let header = ledger.header();
    let stored = found.ledger.as_ref();
    // More is known, or more masks are wanted, than the file says.
    if stored.is_none_or(|stored| stored.header() != header) {
        open.write(&header)?;
    }
    for (first, scores) in stored
        .into_iter()
        .flat_map(|stored| lacking(stored, ledger))
    {
        open.write(&score_records(open.targets, first, scores))?;
    }
    open.sync()?;
    Ok(open)
}

/// The scores that a ledger has more than the stored one, with the first mask of each piece.
fn lacking<'l>(stored: &'l Ledger, ledger: &'l Ledger) -> impl Iterator<Item = (u64, &'l [f32])> {
    let targets = ledger.unmasked.len();
    ledger.blocks.iter().filter_map(move |(&block, scores)| {
        let known = stored.blocks.get(&block).map_or(0, Vec::len);
        let first = block * ledger.identity.block_size + (known / targets) as u64;
        (known < scores.len()).then(|| (first, &scores[known..]))
    })
}

impl LedgerFile {
    fn new(path: PathBuf, file: File, ledger: &Ledger) -> Self {
        LedgerFile {
            path,
            file,
            targets: ledger.unmasked.len(),
            synced: Instant::now(),
        }
    }

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
    pub fn append(&mut self, first: u64, scores: &[f32]) -> Result<()> {
        self.write(&score_records(self.targets, first, scores))?;
        if self.synced.elapsed() >= UNSYNCED {
            self.sync()?;
        }
        Ok(())
    }

    /// Writes the file again with all scores so far, if somebody removed it.
    pub fn keep(&mut self, ledger: &Ledger) -> Result<()> {
        if !is_removed(&self.file) {
            return Ok(());
        }
        *self = match begin(&self.path, None, ledger)? {
            Some(file) => LedgerFile::new(self.path.clone(), file, ledger),
            None => of_another(&self.path, ledger)?.open(ledger)?,
        };
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

/// Whether an open file has no name any more. Where systems do not say so, they keep files from being removed.
fn is_removed(file: &File) -> bool {
    #[cfg(unix)]
    return file
        .metadata()
        .is_ok_and(|about| std::os::unix::fs::MetadataExt::nlink(&about) == 0);
    #[cfg(not(unix))]
    return {
        let _ = file;
        false
    };
}

fn failed(what: &str, path: &Path, source: std::io::Error) -> Error {
    Error::Io {
        what: format!("{what} the ledger {}", path.display()),
        source,
    }
}
