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
    match writeln!(out, "{}", escaped(&text.to_string())).and_then(|()| out.flush()) {
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

/// A line about a list of class names that is not of this model's classes.
pub fn warn_of_names(names: &[String], outputs: Option<usize>) -> Result<(), Failure> {
    match outputs {
        Some(outputs) if !names.is_empty() && names.len() != outputs => line(format_args!(
            "warning: --labels has {}, and the model {}",
            count_of(names.len(), "name"),
            match outputs {
                1 => "1 class".to_owned(),
                _ => format!("{outputs} classes"),
            }
        )),
        _ => Ok(()),
    }
}

/// A line for the standard error stream. If it cannot be written, there is no place left to say so.
pub fn error_line(text: impl Display) {
    let _ = writeln!(stderr(), "{}", plain(&text.to_string()));
}

/// What may be shown: files have a say in messages, and could fill a terminal.
fn plain(text: &str) -> Cow<'_, str> {
    const SHOWN: usize = 2000;
    match text.char_indices().nth(SHOWN) {
        None => escaped(text),
        Some((end, _)) => Cow::Owned(escaped(&text[..end]).into_owned() + ".."),
    }
}

/// The text without what moves a terminal's cursor: names of files and classes may hold that.
fn escaped(text: &str) -> Cow<'_, str> {
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !text.contains(control) {
        return Cow::Borrowed(text);
    }
    let escaped = text.chars().map(|c| match control(c) {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    });
    Cow::Owned(escaped.collect())
}

/// A number and what it counts: `1 image`, `2 images`; `one` without its s.
pub fn count_of(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

/// Text as a CSV field.
pub fn csv_field(text: &str) -> String {
    match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}
