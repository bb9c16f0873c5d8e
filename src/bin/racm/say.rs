//! What the program prints.

use std::fmt::Display;
use std::io::{ErrorKind, Write, stderr, stdout};

use crate::Failure;

/// A line for the standard output. Nobody may be there to read it (`racm .. | head`): that is no
/// failure, and the results are in their files. A full disk is one.
pub fn line(text: impl Display) -> Result<(), Failure> {
    let mut out = stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("standard output: {error}").into())
        }
        _ => Ok(()),
    }
}

/// A line for the standard error stream. If it cannot be written, there is no place left to say so.
pub fn error_line(text: impl Display) {
    let _ = writeln!(stderr(), "{text}");
}
