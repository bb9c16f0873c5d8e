//! A drawing as SVG.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::{RgbImage, imageops};

use super::drawing::{Anchor, Drawing, Item, PAPER, outline};
use super::file;
use super::paper::Paper;
use super::text::{BASELINE, EM, INK};
use crate::error::Result;

/// The file's text. Numbers have two digits behind the point, so that the same drawing is the same text.
pub(super) fn svg(drawing: &Drawing, paper: &Paper) -> Result<String> {
    let ([width, height], [left, top, w, h]) = (paper.size_mm, paper.window);
    let family = format!("'{}', {}", escaped(&paper.font), paper.face.alike());
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"{width:.3}mm\" \
         height=\"{height:.3}mm\" viewBox=\"{left:.2} {top:.2} {w:.2} {h:.2}\" font-family=\"{family}\" \
         font-size=\"{EM}\">\n\
         <rect x=\"{left:.2}\" y=\"{top:.2}\" width=\"{w:.2}\" height=\"{h:.2}\" fill=\"{}\"/>\n",
        hex(PAPER)
    );
    for item in &drawing.items {
        svg += &of_item(item, paper)?;
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

fn of_item(item: &Item, paper: &Paper) -> Result<String> {
    Ok(match item {
        Item::Text { at, anchor, text } => {
            let side = match anchor {
                Anchor::Start => "start",
                Anchor::Middle => "middle",
                Anchor::End => "end",
            };
            let ([x, y], ink, text) = (paper.place(*at, *anchor, text), hex(INK), escaped(text));
            let y = y + BASELINE;
            format!(
                "<text x=\"{x:.2}\" y=\"{y:.2}\" fill=\"{ink}\" text-anchor=\"{side}\" xml:space=\"preserve\">{text}</text>\n"
            )
        }
        Item::Fill {
            at: [x, y],
            size: [width, height],
            colour,
            opacity,
        } => format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{}\"{}/>\n",
            hex(*colour),
            opaque(*opacity)
        ),
        Item::Picture {
            at: [x, y],
            size,
            pixels,
            marks,
        } => {
            let ([width, height], png) = (size, STANDARD.encode(png(pixels, *size)?));
            let mut written = format!(
                "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" \
                 image-rendering=\"optimizeSpeed\" style=\"image-rendering:pixelated\" \
                 xlink:href=\"data:image/png;base64,{png}\"/>\n"
            );
            for strokes in marks.strokes(pixels, *size) {
                let lines = strokes.lines.iter();
                let path: String = lines
                    .map(|[[x1, y1], [x2, y2]]| format!("M{x1:.2} {y1:.2}L{x2:.2} {y2:.2}"))
                    .collect();
                let cap = if strokes.round { "round" } else { "butt" };
                written += &format!(
                    "<path transform=\"translate({x} {y})\" d=\"{path}\" stroke=\"{}\" stroke-width=\"{}\" \
                     stroke-linecap=\"{cap}\" fill=\"none\"/>\n",
                    hex(strokes.colour),
                    strokes.width
                );
            }
            written
        }
        Item::Area {
            at,
            columns,
            colour,
            opacity,
        } => {
            let points = outline(*at, columns);
            let points: Vec<String> = points
                .iter()
                .map(|[x, y]| format!("{x:.2},{y:.2}"))
                .collect();
            format!(
                "<polygon points=\"{}\" fill=\"{}\"{}/>\n",
                points.join(" "),
                hex(*colour),
                opaque(*opacity)
            )
        }
    })
}

/// A picture in blocks: some viewers smooth what they enlarge, and so little is left for them to do.
fn png(pixels: &RgbImage, [width, height]: [u32; 2]) -> Result<Vec<u8>> {
    let (w, h) = pixels.dimensions();
    let factor = (2 * width.max(height)).div_ceil(w.max(h));
    let pixels = imageops::resize(
        pixels,
        w * factor,
        h * factor,
        imageops::FilterType::Nearest,
    );
    file::png(&pixels)
}

fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn opaque(opacity: f64) -> String {
    match opacity < 1.0 {
        true => format!(" fill-opacity=\"{opacity}\""),
        false => String::new(),
    }
}

/// As XML has it in texts and attributes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c => escaped.push(c),
        }
    }
    escaped
}
