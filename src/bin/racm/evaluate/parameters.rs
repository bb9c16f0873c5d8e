//! The parameters of the evaluation in a folder. Processes that share it must agree on them, also those that start at once.

use std::fs::{File, read_dir};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};

use super::refused::{Difference, Refused};
use crate::whole::{UNFINISHED, write};
use crate::{Failure, read};

const FILE: &str = "parameters.json";
const WHAT: &str = "the parameters of an evaluation (JSON)";

/// Writes the parameters, or finds that those that are there are the same. Others are replaced if nothing was measured with
/// them and nobody is about to. The file that is returned is locked for as long as it is open, which says that somebody is at
/// work; there is none where there are no locks.
// The program needs a newer compiler than the library.
#[allow(clippy::incompatible_msrv)]
pub fn settle(folder: &Path, images: &Path, text: &str) -> Result<Option<File>, Failure> {
    // Not the folder itself: who writes maps locks that.
    let lock = File::open(images).ok();
    let alone = lock.as_ref().map(|lock| lock.try_lock());
    let alone = !matches!(alone, Some(Err(std::fs::TryLockError::WouldBlock)));
    let path = folder.join(FILE);
    if !path.exists() {
        write_new(&path, text)?;
    } else if alone {
        let stored = read::text(&path, WHAT)?;
        match (difference(&path, &stored, text), held(images)?) {
            (Ok(None), _) => {}
            // Nothing was measured with the others.
            (_, Held::Nothing) => write(&path, text.as_bytes())?,
            (Err(damaged), _) => return Err(damaged),
            (Ok(Some(difference)), Held::Mark(mark)) => {
                let folder = folder.to_owned();
                return Err(Refused::Begun {
                    folder,
                    difference,
                    mark,
                }
                .into());
            }
            (Ok(Some(difference)), Held::Results) => {
                let folder = folder.to_owned();
                return Err(Refused::Parameters { folder, difference }.into());
            }
        }
    }
    // For a moment there is no lock, and others may replace what is there: what they left is what counts.
    let shared = |lock: &File| lock.unlock().and_then(|()| lock.lock_shared()).is_ok();
    let lock = lock.filter(shared);
    let stored = read::text(&path, WHAT)?;
    let Some(difference) = difference(&path, &stored, text)? else {
        return Ok(lock);
    };
    let folder = folder.to_owned();
    Err(match held(images)? {
        Held::Results => Refused::Parameters { folder, difference },
        _ => Refused::AtWork { folder, difference },
    }
    .into())
}

/// What there is of an evaluation.
enum Held {
    Nothing,
    Results,
    /// Of an image that somebody began to measure, and no results.
    Mark(PathBuf),
}

fn held(images: &Path) -> Result<Held, Failure> {
    let listed = read_dir(images).map_err(|e| format!("{}: {e}", images.display()))?;
    let mut held = Held::Nothing;
    for path in listed.flatten().map(|file| file.path()) {
        match path.extension() {
            Some(e) if e == "json" => return Ok(Held::Results),
            Some(e) if e == "begun" => held = Held::Mark(path),
            _ => {}
        }
    }
    Ok(held)
}

/// Writes the file whole, unless another process is faster.
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let part = tempfile::Builder::new()
        .suffix(UNFINISHED)
        .make_in(path.parent().unwrap_or(Path::new("")), |part| {
            File::create_new(part)
        });
    let made = part.and_then(|mut part| {
        part.write_all(text.as_bytes())?;
        Ok(part.into_temp_path().persist_noclobber(path)?)
    });
    match made {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        // Not every file system can put a file only where there is none.
        Err(_) => write(path, text.as_bytes()),
        Ok(()) => Ok(()),
    }
}

/// How the stored parameters differ from those that are asked for.
fn difference(path: &Path, stored: &str, asked: &str) -> Result<Option<Difference>, Failure> {
    if stored == asked {
        return Ok(None);
    }
    let object = |text: &str| serde_json::from_str::<Map<String, Json>>(text);
    let asked = object(asked)?;
    let stored = object(stored).map_err(|e| Refused::Damaged {
        path: path.to_owned(),
        reason: e.to_string(),
    })?;
    let differs = |name: &&String| stored.get(*name) != asked.get(*name);
    let name = stored.keys().chain(asked.keys()).find(differs);
    let name = name.cloned().unwrap_or_else(|| "the file".to_owned());
    let of = |map: &Map<String, Json>| map.get(&name).unwrap_or(&Json::Null).to_string();
    Ok(Some(Difference {
        stored: of(&stored),
        asked: of(&asked),
        name,
    }))
}
