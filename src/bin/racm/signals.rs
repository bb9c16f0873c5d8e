//! Signals that ask the program to end: it keeps what it has, and says how to go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

#[cfg(unix)]
use signal_hook::consts::SIGHUP;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::Failure;

const ALL: &[(i32, &str)] = &[
    (SIGINT, "SIGINT"),
    (SIGTERM, "SIGTERM"),
    #[cfg(unix)]
    (SIGHUP, "SIGHUP"),
];

/// From now on, the first signal is only noted. A second one ends the program at once: the model may hang.
pub struct Signals(Arc<AtomicUsize>);

impl Signals {
    pub fn new() -> Result<Self, Failure> {
        let (caught, again) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        for &(signal, _) in ALL {
            if is_ignored(signal) {
                continue;
            }
            flag::register_conditional_default(signal, again.clone())?;
            flag::register(signal, again.clone())?;
            flag::register_usize(signal, caught.clone(), signal as usize)?;
        }
        Ok(Signals(caught))
    }

    /// The number of the signal that came, if one did.
    pub fn caught(&self) -> Option<i32> {
        let signal = self.0.load(SeqCst) as i32;
        (signal != 0).then_some(signal)
    }
}

/// What `nohup` or a shell had ignored when the program began stays ignored.
fn is_ignored(signal: i32) -> bool {
    // Where there is no such file, nothing is known to be.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// The end of a run by a signal: exit status 128 + its number, as shells have it.
#[derive(Debug, thiserror::Error)]
#[error("ended by {}; {go_on}", name(*.signal))]
pub struct Ended {
    pub signal: i32,
    /// What is kept, and how to go on.
    pub go_on: String,
}

fn name(signal: i32) -> &'static str {
    let found = ALL.iter().find(|(number, _)| *number == signal);
    found.map_or("a signal", |(_, name)| name)
}
