//! Panels below each other.

use image::{Rgb, RgbImage, imageops};

use super::drawing::{MOST_PIXELS, PAPER};
use super::picture::LONGEST;
use crate::error::{Error, Result};

/// One panel below the other, left-aligned on white: for several targets, drawn with the same [`Scale`](super::Scale) if
/// they are to be compared.
///
/// # Errors
/// [`Error::Parameter`] when there is none, or when they are too large together.
pub fn stack(panels: &[RgbImage]) -> Result<RgbImage> {
    let width = panels.iter().map(RgbImage::width).max().unwrap_or(0);
    let height: u64 = panels.iter().map(|p| u64::from(p.height())).sum();
    let fits = height <= LONGEST as u64 && height * u64::from(width) <= MOST_PIXELS;
    if panels.is_empty() || !fits {
        return Err(Error::parameter(
            "panels",
            format!("{} of {height} rows", panels.len()),
            format!("at least one, of at most {MOST_PIXELS} pixels together"),
        ));
    }
    let mut all = RgbImage::from_pixel(width, height as u32, Rgb(PAPER));
    let mut y = 0;
    for panel in panels {
        imageops::replace(&mut all, panel, 0, y);
        y += i64::from(panel.height());
    }
    Ok(all)
}
