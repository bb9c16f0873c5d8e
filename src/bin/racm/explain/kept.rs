//! Where the scores of a run are kept, and what may share them.

use std::fs::{self, File};
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use racm::{Error, Ledger};

use crate::say::line;
use crate::shard::Shard;
use crate::{Failure, read, whole};

/// What is expected of the file of a ledger.
pub const LEDGER: &str = "a ledger";

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
pub enum Part {
    Shard(Shard),
    Blocks(Range<u64>),
}

impl Part {
    /// The blocks, of so many.
    pub fn blocks(&self, count: u64) -> Range<u64> {
        match self {
            Part::Shard(shard) => shard.blocks(count),
            Part::Blocks(blocks) => blocks.start.min(count)..blocks.end.min(count),
        }
    }
}

/// `A..B`.
pub fn blocks(text: &str) -> Result<Range<u64>, String> {
    let blocks = text.split_once("..").and_then(|(a, b)| {
        let (a, b) = (a.parse().ok()?, b.parse().ok()?);
        (a < b).then_some(a..b)
    });
    blocks.ok_or_else(|| "expected A..B, whole numbers with A less than B".to_owned())
}

impl Kept {
    /// Makes the folder, sees what an earlier run left in the ledger (the one at `path`, or the default), and says so.
    pub fn open(
        out: &Path,
        path: Option<&Path>,
        part: Option<&Part>,
        restart: bool,
    ) -> Result<Self, Failure> {
        whole::folder(out)?;
        // Shards write nothing but their ledger, and may share a folder.
        let lock = if part.is_none() { lock(out)? } else { None };
        let name = match part {
            None => "ledger.racm".to_owned(),
            Some(Part::Shard(Shard { part, parts })) => format!("ledger-{part}-of-{parts}.racm"),
            Some(Part::Blocks(blocks)) => format!("ledger-{}-to-{}.racm", blocks.start, blocks.end),
        };
        let path = path.map_or_else(|| out.join(name), Path::to_owned);
        if restart {
            remove(&path)?;
        }
        let fresh = !path.exists();
        // What cannot be read is the run's to refuse, or to begin.
        let ledger = read::open(&path, LEDGER)
            .ok()
            .and_then(|(file, _)| Ledger::recover_from(file).ok());
        if let Some((ledger, torn)) = &ledger {
            line(masks_in(ledger, &path))?;
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
        let of_others = matches!(
            cause,
            Error::Ledger { .. } | Error::LedgerConflict { .. } | Error::LedgerFormat { .. }
        );
        if self.fresh && scored.is_none() && !of_others {
            // A ledger without a mask would only stand in the way of the next command. That it stays is no harm.
            let _ = remove_empty(&self.path);
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
            // The same command would find all its masks here, and fail again.
            (Error::TooFewMasks { .. }, Some(ledger))
                if ledger
                    .wanted_masks()
                    .is_some_and(|wanted| ledger.masks() >= wanted) =>
            {
                format!("{cause}\n{}", masks_in(ledger, &self.path)).into()
            }
            (_, Some(ledger)) => self.with_masks(cause.into(), ledger),
        }
    }

    /// A failure that left the scores so far.
    pub fn with_masks(&self, cause: Failure, ledger: &Ledger) -> Failure {
        format!("{cause}\n{}", self.left(ledger)).into()
    }

    /// A line about a first record that was cut short: nothing in the file could be read before the run.
    pub fn say_replaced(&self, torn: u64) -> Result<(), Failure> {
        match self.ledger {
            None if torn > 0 => line(format_args!(
                "{} was begun anew: {torn} bytes in it were of a first record that was cut short",
                self.path.display()
            )),
            _ => Ok(()),
        }
    }

    /// What a run left that did not come to its end.
    pub fn left(&self, ledger: &Ledger) -> String {
        masks_in(ledger, &self.path) + ": the same command goes on from them"
    }
}

/// How much a ledger holds.
fn masks_in(ledger: &Ledger, path: &Path) -> String {
    let verb = match ledger.masks() {
        1 => "mask is",
        _ => "masks are",
    };
    format!("{} {verb} in {}", ledger.masks(), path.display())
}

/// What is left of a run that was killed.
pub fn say_torn(bytes: u64) -> String {
    format!(
        "  {bytes} bytes of it are of no whole record, as a run leaves them that is killed while it writes: they are left out"
    )
}

/// Removes a ledger in which no score is.
fn remove_empty(path: &Path) -> Result<(), Failure> {
    let (file, _) = read::open(path, LEDGER)?;
    match Ledger::recover_from(file)? {
        (ledger, _) if ledger.masks() == 0 => remove(path),
        _ => Ok(()),
    }
}

/// Removes a ledger, and nothing else.
fn remove(path: &Path) -> Result<(), Failure> {
    if !path.exists() {
        return Ok(());
    }
    let fault = |e: std::io::Error| format!("{}: {e}", path.display());
    let mut start = Vec::new();
    let (file, _) = read::open(path, LEDGER)?;
    file.take(7).read_to_end(&mut start).map_err(fault)?;
    // Also one whose first record was cut short.
    if !b"RACMLED".starts_with(&start[..]) {
        return Err(format!(
            "{}: is no ledger, so --restart leaves it alone",
            path.display()
        )
        .into());
    }
    Ok(fs::remove_file(path).map_err(fault)?)
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
