//! Pictures of maps: PNG in and out, heat maps, overlays, the panel that papers print, plots of series, bar charts, and
//! figures as SVG and PDF.
//!
//! Everything here works on plain arrays: an image is `[C, H, W]`, a map is `[J, H, W]`, so maps from elsewhere can be
//! drawn as well. Pictures are [`RgbImage`]s of the `image` crate.
//!
//! ```
//! use ndarray::{Array2, Array3};
//! use racm::render::{Panel, write_png};
//!
//! # fn main() -> racm::Result<()> {
//! let image = Array3::from_shape_fn((3, 32, 32), |(c, y, _)| if c == 0 { 0.8 } else { y as f32 / 32.0 });
//! let map = Array3::from_shape_fn((3, 32, 32), |(c, y, x)| (x as f32 - 16.0) * (y as f32) / (c as f32 + 1.0));
//! let evaluated = Array2::from_shape_fn((32, 32), |(y, _)| y > 4);
//! let panel = Panel::new(&map, &["red", "green", "blue"])
//!     .image(&image)
//!     .region(&evaluated)
//!     .caption("RaCM, class 14 (stop), score 0.98, N = 5000")
//!     .draw()?;
//! let path = std::env::temp_dir().join("racm_doc_panel.png");
//! write_png(&path, &panel)?;
//! # std::fs::remove_file(path).ok();
//! # Ok(())
//! # }
//! ```
//!
//! A series is drawn by [`SeriesPlot`], a table by [`BarChart`]. A [`Figure`] writes any of them as SVG and PDF for papers.
//!
//! # Reading the colours
//! - All planes of a map share one [`Scale`]. Near-white is exactly 0, red is positive, blue is negative, and equal
//!   distances from 0 are equally strong. A map that lies far from 0 as a whole (classic RISE) is drawn in other
//!   colours, from violet to yellow, so that its smallest value is not taken for 0.
//! - Grey with a diagonal hatch is *not evaluated*: pixels outside the region of a refined map. No scale has greys
//!   that dark.
//! - The bar below a tile is what its plane [carries](Panel::carried) as a whole, from the line of 0, with a whisker of two
//!   standard errors to either side.
//! - Dotted (or faded) is *not distinguishable from 0*: the value is less than two standard errors from it.

mod bars;
mod carried;
mod compose;
mod drawing;
mod face;
mod figure;
mod file;
mod layout;
mod legend;
mod marks;
mod panel;
mod paper;
mod pdf;
mod picture;
mod plot;
mod rows;
mod scale;
mod series;
mod stack;
mod svg;
mod text;
mod tile;
mod widths;

pub use bars::BarChart;
pub use figure::{Figure, FigurePart};
pub use file::{png, read_grey_or_rgb, read_image, write_png};
pub use image::RgbImage;
pub use panel::Panel;
pub use picture::{Bands, resize, to_rgb};
pub use scale::Scale;
pub use series::SeriesPlot;
pub use stack::stack;
pub use tile::{Doubt, Tile, heat_map, overlay};

use ndarray::{ArrayRef, Dimension};

use crate::error::{Error, Result};

/// The shape of `array` must be `expected`.
fn check_shape<A, D: Dimension>(
    what: &'static str,
    array: &ArrayRef<A, D>,
    expected: &[usize],
) -> Result<()> {
    if array.shape() == expected {
        return Ok(());
    }
    Err(Error::Shape {
        what,
        given: array.shape().to_vec(),
        expected: expected.to_vec(),
    })
}

/// Every axis of `array` must be at least 1 long.
fn check_not_empty<A, D: Dimension>(what: &'static str, array: &ArrayRef<A, D>) -> Result<()> {
    if !array.is_empty() {
        return Ok(());
    }
    Err(Error::Shape {
        what,
        given: array.shape().to_vec(),
        expected: array.shape().iter().map(|&n| n.max(1)).collect(),
    })
}

/// Every element of `array` must be finite.
fn check_finite<D: Dimension>(what: &'static str, array: &ArrayRef<f32, D>) -> Result<()> {
    let Some(position) = array.iter().position(|v| !v.is_finite()) else {
        return Ok(());
    };
    let mut rest = position;
    let mut index = vec![0; array.ndim()];
    for (i, &n) in index.iter_mut().zip(array.shape()).rev() {
        *i = rest % n;
        rest /= n;
    }
    let value = array.iter().nth(position).copied().unwrap_or(f32::NAN);
    Err(Error::NotFinite {
        what,
        index,
        value: value.into(),
    })
}

/// Every element of `array` must be finite, or NaN for a value that there is not.
fn check_finite_or_nan<D: Dimension>(what: &'static str, array: &ArrayRef<f32, D>) -> Result<()> {
    check_finite(what, &array.mapv(|v| if v.is_nan() { 0.0 } else { v }))
}

/// Standard errors must have the map's shape and be finite and not negative.
fn check_errors<D: Dimension>(errors: &ArrayRef<f32, D>, expected: &[usize]) -> Result<()> {
    check_shape("the standard error", errors, expected)?;
    check_finite("the standard error", errors)?;
    match errors.iter().find(|&&e| e < 0.0) {
        Some(e) => Err(Error::parameter("standard_error", e, "0 or more")),
        None => Ok(()),
    }
}

/// `a` at `t = 0`, `b` at `t = 1`.
fn blend(a: [u8; 3], b: [u8; 3], t: f32) -> [u8; 3] {
    let mix = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * t).round() as u8;
    [mix(a[0], b[0]), mix(a[1], b[1]), mix(a[2], b[2])]
}
