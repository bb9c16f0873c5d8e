//! Why an image is refused.

use std::path::{Path, PathBuf};

/// An image that is not what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    #[error("{}: {reason}", .path.display())]
    Unreadable { path: PathBuf, reason: String },
    /// A file of a folder with a file a channel.
    #[error("{}: the file {file} {reason}", .folder.display())]
    Band {
        folder: PathBuf,
        file: String,
        reason: String,
    },
    #[error(
        "{}: {channel} holds {value} at row {row}, column {column}{more}, expected finite numbers; --missing nan (or inf, -inf) \
         masks such pixels out of image and map",
        .path.display()
    )]
    NoValue {
        path: PathBuf,
        channel: String,
        value: f32,
        row: usize,
        column: usize,
        /// How many more there are.
        more: String,
    },
    #[error(
        "{}: no pixel has a value in every channel, expected one that --missing leaves",
        .path.display()
    )]
    NothingLeft { path: PathBuf },
    #[error("{}: it has {given}, expected {expected}, which {taken_by} takes{hint}", .path.display())]
    Channels {
        path: PathBuf,
        given: String,
        expected: usize,
        taken_by: String,
        hint: String,
    },
    #[error(
        "{}: it has {} rows and {} columns, expected {} and {}, which {taken_by} takes (only PNG and JPEG files are resized)",
        .path.display(), .given[0], .given[1], .expected[0], .expected[1]
    )]
    Size {
        path: PathBuf,
        given: [usize; 2],
        expected: [usize; 2],
        taken_by: String,
    },
}

impl Wrong {
    pub fn unreadable(path: &Path, reason: impl Into<String>) -> Self {
        Wrong::Unreadable {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}
