//! The page on which a drawing is printed.

use super::drawing::{Anchor, Drawing, MARGIN};
use super::face::Face;
use super::text::EM;

/// A point of printers, in millimetres.
pub(super) const POINT: f64 = 25.4 / 72.0;
/// What is left of a drawing's margin: papers have margins of their own.
const EDGE: u32 = 4;

pub(super) struct Paper {
    pub font: String,
    pub face: Face,
    /// Points in a pixel of the drawing.
    pub scale: f64,
    /// Width and height.
    pub size_mm: [f64; 2],
    /// The part of the drawing that is shown: left, top, width and height.
    pub window: [f64; 4],
}

/// The pixels of a drawing that has this width on paper.
pub(super) fn pixels(width_mm: f64, font_size: f64) -> f64 {
    width_mm / POINT * f64::from(EM) / font_size + f64::from(2 * (MARGIN - EDGE))
}

/// The width on paper of so many pixels of a drawing.
fn millimetres(pixels: f64, font_size: f64) -> f64 {
    (pixels - f64::from(2 * (MARGIN - EDGE))) * font_size / f64::from(EM) * POINT
}

impl Paper {
    /// For a drawing; its own width where none is given.
    pub fn new(drawing: &Drawing, font: &str, font_size: f64, width_mm: Option<f64>) -> Self {
        let [w, h] = [drawing.width, drawing.height].map(f64::from);
        let width = width_mm.unwrap_or_else(|| millimetres(w, font_size));
        let scale = font_size / f64::from(EM);
        let cut = f64::from(MARGIN - EDGE);
        let window = [cut, cut, width / POINT / scale, h - 2.0 * cut];
        Paper {
            font: font.to_owned(),
            face: Face::of(font),
            scale,
            size_mm: [width, window[3] * scale * POINT],
            window,
        }
    }

    /// Where a text stands, so that no end of it is off the paper.
    pub fn place(&self, [x, y]: [u32; 2], anchor: Anchor, text: &str) -> [f64; 2] {
        let (x, y) = (f64::from(x), f64::from(y));
        if anchor != Anchor::Middle {
            return [x, y];
        }
        let half = self.face.width(text) * f64::from(EM) / 2.0;
        let [left, _, width, _] = self.window;
        [x.min(left + width - half).max(left + half), y]
    }
}
