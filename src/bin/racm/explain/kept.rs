//! Where the scores of a run are kept, and what may share them.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use racm::{Error, Ledger};

use crate::Failure;
use crate::say::line;

/// The scores of a run on disk.
pub struct Kept {
    pub path: PathBuf,
    /// What was there.
    pub ledger: Option<Ledger>,
    /// Whether there was no file.
    fresh: bool,
    _lock: Option<File>,
}

/// A part of a run's blocks.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// The k-th of n.
    Shard(u64, u64),
    Blocks(Range<u64>),
}

impl Part {
    /// The blocks, of so many.
    pub fn blocks(&self, count: u64) -> Range<u64> {
        match self {
            Part::Shard(k, n) => {
                let bound = |k: u64| (u128::from(count) * u128::from(k) / u128::from(*n)) as u64;
                bound(k - 1)..bound(*k)
            }
            Part::Blocks(blocks) => blocks.start.min(count)..blocks.end.min(count),
        }
    }
}

/// `K/N`.
pub fn shard(text: &str) -> Result<Part, String> {
    let expected = || "expected K/N, with K from 1 to N".to_owned();
    let (k, n) = pair(text, "/").ok_or_else(expected)?;
    let right = (1..=n).contains(&k);
    right.then_some(Part::Shard(k, n)).ok_or_else(expected)
}

/// `A..B`.
pub fn blocks(text: &str) -> Result<Part, String> {
    let expected = || "expected A..B, whole numbers with A less than B".to_owned();
    let (a, b) = pair(text, "..").ok_or_else(expected)?;
    (a < b).then_some(Part::Blocks(a..b)).ok_or_else(expected)
}

fn pair<T: FromStr>(text: &str, between: &str) -> Option<(T, T)> {
    let (a, b) = text.split_once(between)?;
    Some((a.parse().ok()?, b.parse().ok()?))
}

impl Kept {
    /// Makes the folder, sees what an earlier run left in the ledger (the one at `path`, or the default), and says so.
    pub fn open(
        out: &Path,
        path: Option<&Path>,
        part: Option<&Part>,
        restart: bool,
    ) -> Result<Self, Failure> {
        fs::create_dir_all(out).map_err(|e| format!("{}: {e}", out.display()))?;
        // Shards write nothing but their ledger, and may share a folder.
        let lock = if part.is_none() { lock(out)? } else { None };
        let name = match part {
            None => "ledger.racm".to_owned(),
            Some(Part::Shard(k, n)) => format!("ledger-{k}-of-{n}.racm"),
            Some(Part::Blocks(blocks)) => format!("ledger-{}-to-{}.racm", blocks.start, blocks.end),
        };
        let path = path.map_or_else(|| out.join(name), Path::to_owned);
        if restart {
            remove(&path)?;
        }
        let fresh = !path.exists();
        // What cannot be read is the run's to refuse, or to begin.
        let ledger = open(&path)
            .ok()
            .and_then(|file| Ledger::recover_from(file).ok());
        if let Some((ledger, torn)) = &ledger {
            let masks = ledger.masks();
            line(format_args!("{masks} masks are in {}", path.display()))?;
            if *torn > 0 {
                line(say_torn(*torn))?;
            }
        }
        Ok(Kept {
            path,
            ledger: ledger.map(|(ledger, _)| ledger),
            fresh,
            _lock: lock,
        })
    }

    /// The failure of a run on this ledger, with what can be done.
    pub fn failure(&self, cause: Error, scored: Option<&Ledger>) -> Failure {
        if self.fresh && scored.is_none() {
            // A ledger without a mask would only stand in the way of the next command. That it stays is no harm.
            let _ = remove(&self.path);
        }
        let path = self.path.display();
        let anew = "take another --out or --ledger, or begin anew with --restart";
        match (&cause, scored) {
            (Error::Ledger { .. } | Error::LedgerConflict { .. }, _) => {
                format!("{path}: {cause}; {anew}").into()
            }
            // Its path is in the message.
            (Error::LedgerFormat { .. }, _) => format!("{cause}; {anew}").into(),
            (Error::Io { .. }, _) | (_, None) => cause.into(),
            (_, Some(ledger)) => self.with_masks(cause.into(), ledger),
        }
    }

    /// A failure that left the scores so far.
    pub fn with_masks(&self, cause: Failure, ledger: &Ledger) -> Failure {
        format!("{cause}\n{}", self.left(ledger)).into()
    }

    /// What a run left that did not come to its end.
    pub fn left(&self, ledger: &Ledger) -> String {
        format!(
            "{} masks are in {}: the same command goes on from them",
            ledger.masks(),
            self.path.display()
        )
    }
}

/// What is left of a run that was killed.
pub fn say_torn(bytes: u64) -> String {
    format!(
        "  {bytes} bytes of it are of no whole record, as a run leaves them that is killed while it writes: they are left out"
    )
}

/// Opens a file, and no device that may have no end.
pub fn open(path: &Path) -> std::io::Result<File> {
    match path.metadata()?.is_file() {
        true => File::open(path),
        false => Err(std::io::Error::other("it is a folder or a device")),
    }
}

/// Removes a ledger, and nothing else.
fn remove(path: &Path) -> Result<(), Failure> {
    let mut start = Vec::new();
    let read = open(path).and_then(|file| file.take(7).read_to_end(&mut start));
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("{}: {error}", path.display()).into()),
        Ok(_) if start.is_empty() || start == b"RACMLED" => {}
        Ok(_) => {
            return Err(format!(
                "{}: is no ledger, so --restart leaves it alone",
                path.display()
            )
            .into());
        }
    }
    fs::remove_file(path).map_err(|e| format!("{}: {e}", path.display()).into())
}

/// Refuses a folder in which another process is writing maps, but for one that is just ending.
// The program needs a newer compiler than the library.
#[allow(clippy::incompatible_msrv)]
pub fn lock(folder: &Path) -> Result<Option<File>, Failure> {
    if !cfg!(unix) {
        return Ok(None);
    }
    let file = File::open(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for _ in 0..20 {
        match file.try_lock() {
            Err(fs::TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(100)),
            // Where there are no locks, there is none to be kept.
            _ => return Ok(Some(file)),
        }
    }
    Err(format!(
        "another racm is writing into {}: wait for its end, or take another --out",
        folder.display()
    )
    .into())
}
