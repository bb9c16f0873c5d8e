//! Masked images, and what they show where they do not show the image.

pub(crate) mod baseline;
mod field;
pub(crate) mod masker;
#[cfg(feature = "serde")]
mod saved;
