//! Reports as one HTML file each, which needs nothing else: no network, no font, no other file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use racm::render::{RgbImage, png};
use serde_json::{Value, json};

use crate::Failure;

/// A page: its text, and what its script makes of the data.
pub struct Page {
    pub title: &'static str,
    body: &'static str,
    scripts: &'static [&'static str],
}

pub const EXPLANATION: Page = Page {
    title: "racm: explanation",
    body: include_str!("explain.html"),
    scripts: &[
        include_str!("common.js"),
        include_str!("chart.js"),
        include_str!("data.js"),
        include_str!("picture.js"),
        include_str!("series.js"),
        include_str!("table.js"),
        include_str!("boxes.js"),
        include_str!("explain.js"),
    ],
};

pub const EVALUATION: Page = Page {
    title: "racm: evaluation",
    body: include_str!("evaluate.html"),
    scripts: &[
        include_str!("common.js"),
        include_str!("chart.js"),
        include_str!("evaluate.js"),
    ],
};

/// Nothing may be loaded, sent or framed: what stands in the data (names of classes and files are anybody's) stays text.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      base-uri 'none'; form-action 'none'";

impl Page {
    /// The file. The data are JSON in which no `<` is left, so that they cannot end their element.
    pub fn with(&self, data: &Value) -> Result<String, Failure> {
        let data = serde_json::to_string(data)?.replace('<', "\\u003c");
        let script = self.scripts.concat();
        let (title, body, style) = (self.title, self.body, include_str!("page.css"));
        Ok(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}\
             <script type=\"application/json\" id=\"data\">{data}</script>\n\
             <script>\n'use strict';\n{script}</script>\n</body>\n</html>\n"
        ))
    }
}

/// Numbers in 16 bits each: 0 is no value, and 1 to 65535 go from the lowest to the highest, so that none is off by more than
/// `(high - low) / 131068`.
pub fn packed<'a>(values: impl Iterator<Item = &'a f32> + Clone) -> Value {
    let known = values.clone().filter(|v| v.is_finite());
    let low = known.clone().fold(f32::INFINITY, |low, &v| low.min(v));
    let high = known.fold(f32::NEG_INFINITY, |high, &v| high.max(v));
    let (low, high) = match low <= high {
        true => (f64::from(low), f64::from(high)),
        false => (0.0, 0.0),
    };
    let step = (high - low) / 65_534.0;
    let code = |&v: &f32| -> u16 {
        if !v.is_finite() {
            return 0;
        }
        let place = (f64::from(v) - low) / step;
        // A constant has no step.
        let place = if place.is_finite() { place } else { 0.0 };
        place.round() as u16 + 1
    };
    let bytes: Vec<u8> = values.flat_map(|v| code(v).to_le_bytes()).collect();
    json!({"low": low, "high": high, "codes": STANDARD.encode(bytes)})
}

/// Bytes as text.
pub fn encoded(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A picture as the address of its own PNG.
pub fn picture(image: &RgbImage) -> Result<String, Failure> {
    Ok(format!("data:image/png;base64,{}", encoded(&png(image)?)))
}

/// The command that the program was started with, as a POSIX shell takes it.
pub fn command() -> String {
    let arguments = std::env::args_os().skip(1);
    let quoted = arguments.map(|argument| quoted(&argument.to_string_lossy()));
    let all: Vec<String> = ["racm".to_owned()].into_iter().chain(quoted).collect();
    all.join(" ")
}

/// A word for a POSIX shell: as it is, or in single quotes.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        let words = [
            ("a-b/c.png", "a-b/c.png"),
            ("", "''"),
            ("rain, mm/h", "'rain, mm/h'"),
            ("it's", r"'it'\''s'"),
            ("$(x)`y`\"*\n", "'$(x)`y`\"*\n'"),
            ("~", "'~'"),
            ("é", "'é'"),
        ];
        for (word, expected) in words {
            assert_eq!(quoted(word), expected);
        }
    }

    #[test]
    fn no_data_leave_their_element() -> Result<(), Failure> {
        let page = EXPLANATION.with(&json!("</script><!--<script>"))?;
        let scripts = page.matches("<script").count();
        assert_eq!((scripts, page.matches("</script").count()), (2, 2));
        assert!(!page.contains("<!--"));
        Ok(())
    }

    #[test]
    fn packed_numbers_are_near() {
        let values = [f32::NAN, -3.0, 0.1, 1e-3, 5.0];
        let packed = packed(values.iter());
        let bytes = STANDARD.decode(packed["codes"].as_str().unwrap()).unwrap();
        let (low, high) = (-3.0, 5.0);
        for (value, code) in values.iter().zip(bytes.chunks_exact(2)) {
            let code = f64::from(u16::from_le_bytes([code[0], code[1]]));
            match value.is_nan() {
                true => assert_eq!(code, 0.0),
                false => {
                    let read = low + (code - 1.0) / 65_534.0 * (high - low);
                    assert!((read - f64::from(*value)).abs() <= (high - low) / 131_000.0);
                }
            }
        }
        let constant = super::packed([2.5, 2.5].iter());
        assert_eq!(
            (constant["low"].as_f64(), constant["codes"].as_str()),
            (Some(2.5), Some("AQABAA=="))
        );
        assert_eq!(super::packed([f32::NAN].iter())["codes"], "AAA=");
    }
}
