//! Signals that end a run: what is there is written first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use signal_hook::consts;
use signal_hook::flag;

use crate::Failure;

const WATCHED: &[(i32, &str)] = &[
    (consts::SIGINT, "SIGINT"),
    (consts::SIGTERM, "SIGTERM"),
    #[cfg(unix)]
    (consts::SIGHUP, "SIGHUP"),
];

/// How long after the first signal another one counts as none: `timeout` sends two, to the program and then to its group.
const TWICE: Duration = Duration::from_secs(1);
/// How often is looked for the first one.
const LOOK: Duration = Duration::from_millis(50);

/// Watches for the signals that ask a program to end.
pub struct Signals {
    caught: Arc<AtomicUsize>,
}

/// A signal that ended a run, and what there is to say about it.
#[derive(Debug, thiserror::Error)]
#[error("stopped by {name}\n{left}")]
pub struct Stopped {
    pub name: &'static str,
    /// What is there.
    pub left: String,
    number: i32,
}

impl Signals {
    /// From now on a first signal is noted, and one that comes a second later or more ends the program at once.
    pub fn watch() -> Result<Self, Failure> {
        let (stop, caught) = (Arc::new(AtomicBool::new(false)), Arc::default());
        stop_later(Arc::clone(&stop), Arc::clone(&caught))?;
        for &(number, _) in WATCHED.iter().filter(|(number, _)| !is_ignored(*number)) {
            flag::register_conditional_shutdown(number, 128 + number, Arc::clone(&stop))?;
            flag::register_usize(number, Arc::clone(&caught), number as usize)?;
        }
        Ok(Signals { caught })
    }

    /// Whether there was one.
    pub fn caught(&self) -> bool {
        self.caught.load(Ordering::SeqCst) != 0
    }

    /// The failure of a run that the signal ended.
    pub fn stopped(&self, left: String) -> Option<Stopped> {
        let caught = self.caught.load(Ordering::SeqCst);
        let found = WATCHED
            .iter()
            .find(|(number, _)| *number as usize == caught);
        found.map(|&(number, name)| Stopped { name, left, number })
    }
}

impl Stopped {
    /// The exit status, by the custom of shells.
    pub fn status(&self) -> u8 {
        128 + self.number as u8
    }
}

/// Lets signals stop the program from a second after the first one on. A handler can do no more than set a flag, so a thread
/// looks for it, as long as the program runs.
fn stop_later(stop: Arc<AtomicBool>, caught: Arc<AtomicUsize>) -> Result<(), Failure> {
    let watch = move || {
        while caught.load(Ordering::SeqCst) == 0 {
            thread::sleep(LOOK);
        }
        thread::sleep(TWICE);
        stop.store(true, Ordering::SeqCst);
    };
    let watcher = thread::Builder::new().name("signals".to_owned());
    watcher.spawn(watch)?;
    Ok(())
}

/// Whether whoever started the program wants the signal ignored, as `nohup` does. Only Linux says so in a file.
fn is_ignored(number: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (number - 1) & 1 == 1)
}
