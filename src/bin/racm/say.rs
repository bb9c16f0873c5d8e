//! What the program prints.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{ErrorKind, Write, stderr, stdout};

use racm::Repeats;

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

/// What is wrong with a model that did not repeat its answers.
pub fn differing(repeats: &Repeats) -> String {
    format!(
        "asked again about the same image, the model gave scores {:.2e} apart, where rounding explains \
         {:.2e}: they change from call to call (dropout?) or depend on the rest of the batch",
        repeats.difference, repeats.tolerance
    )
}

/// A line for the standard error stream. If it cannot be written, there is no place left to say so.
pub fn error_line(text: impl Display) {
    let _ = writeln!(stderr(), "{}", plain(&text.to_string()));
}

/// What may be shown: files have a say in messages, and could move a terminal's cursor or fill it.
fn plain(text: &str) -> Cow<'_, str> {
    const SHOWN: usize = 2000;
    let control = |c: char| c.is_control() && c != '\n';
    let cut = text.char_indices().nth(SHOWN);
    if cut.is_none() && !text.contains(control) {
        return Cow::Borrowed(text);
    }
    let (shown, end) = cut.map_or((text, ""), |(end, _)| (&text[..end], ".."));
    let escaped = shown.chars().map(|c| match control(c) {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    });
    Cow::Owned(escaped.collect::<String>() + end)
}
