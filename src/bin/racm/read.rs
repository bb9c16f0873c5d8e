//! Files that are read, and what is said of those that cannot be.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The longest text that is read: a report that holds the segments of a large image takes some 100 MB.
const LONGEST: u64 = 1 << 28;

/// The most numbers of an image that is read: as many as `racm::render::read_image` makes at most.
pub const MOST_NUMBERS: usize = 450_000_000;

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("{}: {source}, expected {expected}", .path.display())]
    Io {
        path: PathBuf,
        source: io::Error,
        expected: &'static str,
    },
    #[error("{}: it is {kind}, expected {expected}", .path.display())]
    Kind {
        path: PathBuf,
        kind: &'static str,
        expected: &'static str,
    },
    #[error("{}: it has {bytes} bytes, expected {expected} of at most {most}", .path.display())]
    TooLong {
        path: PathBuf,
        bytes: u64,
        most: u64,
        expected: &'static str,
    },
    #[error("{}: byte {at} is not part of a text in UTF-8, expected {expected}", .path.display())]
    NoText {
        path: PathBuf,
        at: usize,
        expected: &'static str,
    },
}

/// Opens a regular file, and says how many bytes it has. A pipe may let its reader wait for ever, and a device may have
/// no end, so neither is opened.
pub fn open(path: &Path, expected: &'static str) -> Result<(File, u64), Unreadable> {
    let fault = |source| Unreadable::Io {
        path: path.to_owned(),
        source,
        expected,
    };
    let found = std::fs::metadata(path).map_err(fault)?;
    if found.is_file() {
        return Ok((File::open(path).map_err(fault)?, found.len()));
    }
    Err(Unreadable::Kind {
        path: path.to_owned(),
        kind: match found.is_dir() {
            true => "a folder",
            false => "a pipe or a device",
        },
        expected,
    })
}

/// Reads a file of any length.
pub fn bytes(path: &Path, expected: &'static str) -> Result<Vec<u8>, Unreadable> {
    let mut read = Vec::new();
    let whole = open(path, expected)?.0.read_to_end(&mut read);
    whole.map_err(|source| Unreadable::Io {
        path: path.to_owned(),
        source,
        expected,
    })?;
    Ok(read)
}

/// Reads a text. What marks its bytes as UTF-8 is left out.
pub fn text(path: &Path, expected: &'static str) -> Result<String, Unreadable> {
    text_of_at_most(path, expected, LONGEST)
}

/// The same, of at most so many bytes: a longer one is not read.
pub fn text_of_at_most(
    path: &Path,
    expected: &'static str,
    most: u64,
) -> Result<String, Unreadable> {
    let path_buf = || path.to_owned();
    let (file, bytes) = open(path, expected)?;
    if bytes > most {
        return Err(Unreadable::TooLong {
            path: path_buf(),
            bytes,
            most,
            expected,
        });
    }
    let mut read = Vec::new();
    let whole = file.take(most).read_to_end(&mut read);
    whole.map_err(|source| Unreadable::Io {
        path: path_buf(),
        source,
        expected,
    })?;
    match String::from_utf8(read) {
        Ok(text) => Ok(match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        }),
        Err(error) => Err(Unreadable::NoText {
            path: path_buf(),
            at: error.utf8_error().valid_up_to(),
            expected,
        }),
    }
}

/// A piece of a file as a message shows it: its beginning, in quotes, and nothing that moves a terminal's cursor.
pub fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}.. ({} bytes)", &text[..end], text.len()),
    }
}

/// The shape of an image `[C, H, W]` that a file claims, if it holds something and not too much.
pub fn image_shape(claimed: [u64; 3]) -> Result<[usize; 3], String> {
    if claimed.contains(&0) {
        return Err(format!(
            "the image has shape {claimed:?}, expected at least one channel, row and column"
        ));
    }
    let shape = claimed.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    let numbers = shape
        .iter()
        .try_fold(1usize, |n, &side| n.checked_mul(side));
    match numbers {
        Some(numbers) if numbers <= MOST_NUMBERS => Ok(shape),
        _ => Err(format!(
            "the image has shape {claimed:?}, expected at most {MOST_NUMBERS} numbers"
        )),
    }
}

/// The fields of one line of a CSV file; a field in quotes may hold commas, and quotes as pairs. `None` if a quote does
/// not end.
pub fn fields(line: &str) -> Option<Vec<String>> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        let last = fields.len() - 1;
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                fields[last].push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => fields[last].push(letter),
        }
    }
    (!quoted).then_some(fields)
}

/// Text as a CSV field.
pub fn csv_field(text: &str) -> String {
    match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}
