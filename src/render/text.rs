//! Lines of text: how long they are, and how they are drawn (Noto Sans Mono, smoothed, in one size).

use image::{Rgb, RgbImage};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

use super::blend;
use super::face::Face;

pub(super) const INK: [u8; 3] = [34; 3];
const WEIGHT: FontWeight = FontWeight::Regular;
const SIZE: RasterHeight = RasterHeight::Size16;
/// The height of a line's characters with ascenders and descenders.
pub(super) const LINE: u32 = SIZE.val() as u32;
const ADVANCE: u32 = get_raster_width(WEIGHT, SIZE) as u32;
const ELLIPSIS: &str = "...";

/// With which letters a text is laid out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Letters {
    /// Those of [`draw`].
    Bitmap,
    /// Of a font of [`EM`] pixels, in SVG and PDF.
    Outline(Face),
}

/// The size of a font beside pictures that have lines of [`LINE`] pixels.
pub(super) const EM: u32 = 14;
/// From a line's upper edge to where its letters stand.
pub(super) const BASELINE: f64 = 12.0;

/// Draws `text` with its upper left corner at (`x`, `y`); what falls outside the picture is cut off.
pub(super) fn draw(picture: &mut RgbImage, x: u32, y: u32, text: &str, colour: [u8; 3]) {
    for (i, c) in text.chars().enumerate() {
        let Some(glyph) = get_raster(c, WEIGHT, SIZE) else {
            continue;
        };
        for (dy, row) in glyph.rows().enumerate() {
            for (dx, &ink) in row.iter().enumerate() {
                let at = (x + i as u32 * ADVANCE + dx as u32, y + dy as u32);
                if let Some(pixel) = picture.get_pixel_mut_checked(at.0, at.1) {
                    *pixel = Rgb(blend(pixel.0, colour, f32::from(ink) / 255.0));
                }
            }
        }
    }
}

impl Letters {
    pub(super) fn width(self, text: &str) -> u32 {
        match self {
            Letters::Bitmap => text.chars().count() as u32 * ADVANCE,
            Letters::Outline(face) => (face.width(text) * f64::from(EM)).ceil() as u32,
        }
    }

    /// `text` on one line: line breaks and tabs become spaces, and what shows nothing vanishes. Where letters are drawn
    /// here, typographic signs become their plain forms, and what remains without a glyph becomes `?`.
    pub(super) fn clean(self, text: &str) -> String {
        match self {
            Letters::Bitmap => plain(text),
            Letters::Outline(_) => visible(text),
        }
    }

    /// Cleaned and cut to `room` pixels, with `...` at the cut.
    pub(super) fn fitted(self, text: &str, room: u32) -> String {
        self.cut(self.clean(text), room)
    }

    fn cut(self, text: String, room: u32) -> String {
        if self.width(&text) <= room {
            return text;
        }
        let dots = self.head(ELLIPSIS, room);
        let head = self.head(&text, room - self.width(dots));
        format!("{}{dots}", head.trim_end())
    }

    /// Cut to `room` pixels in the middle: names of one list often differ at one of their ends only.
    pub(super) fn shortened(self, text: &str, room: u32) -> String {
        let dots = self.width(ELLIPSIS);
        if self.width(text) <= room || room < 2 * dots {
            return self.cut(text.to_owned(), room);
        }
        let tail = self.tail(text, (room - dots) / 2);
        let head = self.head(text, room - dots - self.width(tail));
        format!("{head}{ELLIPSIS}{tail}")
    }

    /// The beginning of a text that fits into `room` pixels.
    fn head(self, text: &str, room: u32) -> &str {
        let ends = text.char_indices().map(|(i, c)| i + c.len_utf8());
        let fits = ends.take_while(|&end| self.width(&text[..end]) <= room);
        &text[..fits.last().unwrap_or(0)]
    }

    /// The end of one.
    fn tail(self, text: &str, room: u32) -> &str {
        let starts = text.char_indices().rev().map(|(i, _)| i);
        let fits = starts.take_while(|&start| self.width(&text[start..]) <= room);
        &text[fits.last().unwrap_or(text.len())..]
    }

    /// Cleaned and broken at spaces into at most `most` lines of `room` pixels; the last line is cut.
    pub(super) fn wrapped(self, text: &str, room: u32, most: usize) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in self.clean(text).split_whitespace() {
            let full = lines.len() == most;
            match lines.last_mut() {
                Some(line) if full || self.width(&format!("{line} {word}")) <= room => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        lines.into_iter().map(|line| self.cut(line, room)).collect()
    }
}

fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' => {}
            '\u{2010}'..='\u{2015}' | '\u{2212}' => plain.push('-'),
            '\u{2018}' | '\u{2019}' => plain.push('\''),
            '\u{201c}' | '\u{201d}' => plain.push('"'),
            '\u{2026}' => plain.push_str(ELLIPSIS),
            '\u{2264}' => plain.push_str("<="),
            '\u{2265}' => plain.push_str(">="),
            c if c.is_whitespace() || c.is_control() => plain.push(' '),
            c if get_raster(c, WEIGHT, SIZE).is_some() => plain.push(c),
            _ => plain.push('?'),
        }
    }
    plain
}

/// Without what XML forbids, and without marks that turn the direction of what follows.
fn visible(text: &str) -> String {
    let kept = text.chars().filter(|c| {
        !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    });
    kept.map(|c| match c.is_whitespace() || c.is_control() {
        true => ' ',
        false => c,
    })
    .collect()
}

/// Three significant digits, or as many as it takes to tell values apart that lie `range` from each other.
pub(super) fn number(value: impl Into<f64>, range: impl Into<f64>, signed: bool) -> String {
    let (value, range) = (value.into(), range.into());
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = |v: f64| v.abs().log10().floor() as i32;
    let size = exponent(value);
    let digits = 2 + (size - exponent(range)).clamp(0, 5);
    let text = if (-3..5).contains(&size) {
        let text = format!("{:.*}", (digits - size).max(0) as usize, value.abs());
        trim(&text).to_owned()
    } else {
        let text = format!("{:.*e}", digits as usize, value.abs());
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        format!("{}e{power}", trim(digits))
    };
    match (value < 0.0, signed) {
        (true, _) => format!("-{text}"),
        (false, true) => format!("+{text}"),
        (false, false) => text,
    }
}

fn trim(digits: &str) -> &str {
    if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (0.0123456, "0.0123"),
            (-1.5, "-1.5"),
            (0.9999, "1"),
            (1234.5, "1234"),
            (1e-7, "1e-7"),
            (-1.234e9, "-1.23e9"),
            (100.0, "100"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value, value, false), text);
        }
        assert_eq!(number(0.5, 1.0, true), "+0.5");
        assert_eq!(number(-0.5, 1.0, true), "-0.5");
        assert_eq!(number(0.80012, 0.0003, false), "0.80012");
    }

    #[test]
    fn text_is_cleaned_and_cut() {
        assert_eq!(
            Letters::Bitmap.clean("a\u{2013}b\tc\u{65e5}e\u{301}\u{e9}\u{2026}"),
            "a-b c?e\u{e9}..."
        );
        assert_eq!(Letters::Bitmap.fitted("stop sign", 6 * ADVANCE), "sto...");
        assert_eq!(
            Letters::Bitmap.fitted("stop sign", 9 * ADVANCE),
            "stop sign"
        );
        assert_eq!(Letters::Bitmap.fitted("stop sign", 2 * ADVANCE + 1), "..");
        assert_eq!(Letters::Bitmap.fitted("stop", 0), "");
        assert_eq!(
            Letters::Bitmap.shortened("wind_u_850", 10 * ADVANCE),
            "wind_u_850"
        );
        assert_eq!(
            Letters::Bitmap.shortened("wind_u_850_hPa", 10 * ADVANCE),
            "wind...hPa"
        );
        assert_eq!(
            Letters::Bitmap.shortened("wind_u_850_hPa", 5 * ADVANCE),
            "wi..."
        );
        assert_eq!(
            Letters::Bitmap.wrapped("aa bb cc dd ee", 5 * ADVANCE, 2),
            ["aa bb", "cc..."]
        );
        assert!(Letters::Bitmap.wrapped("  ", 50, 2).is_empty());
        assert!(
            Letters::Bitmap
                .clean("az09(|<=,.")
                .chars()
                .all(|c| get_raster(c, WEIGHT, SIZE).is_some())
        );
    }
}
