//! A drawing as PDF: one page, with text as text in one of the standard fonts.

use std::collections::BTreeMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use image::RgbImage;
use pdf_writer::types::LineCapStyle;
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str};

use super::drawing::{Anchor, Drawing, Item, PAPER, outline};
use super::paper::Paper;
use super::text::{BASELINE, EM, INK};
use crate::error::{Error, Result};

const FONT: Name<'static> = Name(b"F");
const CATALOG: Ref = Ref::new(1);
const PAGES: Ref = Ref::new(2);
const PAGE: Ref = Ref::new(3);
const CONTENT: Ref = Ref::new(4);
const LETTERS: Ref = Ref::new(5);
/// The first of all others.
const OTHERS: i32 = 6;

/// What a page needs beside what is written on it.
#[derive(Default)]
struct Resources<'a> {
    pictures: Vec<&'a RgbImage>,
    /// In thousandths.
    opacities: BTreeMap<u32, String>,
}

/// The file. The same drawing gives the same bytes.
pub(super) fn pdf(drawing: &Drawing, paper: &Paper) -> Result<Vec<u8>> {
    let [left, top, width, height] = paper.window.map(|length| length * paper.scale);
    let mut resources = Resources::default();
    let mut content = Content::new();
    // From the drawing, whose rows go down, to points from the lower left corner.
    fill_colour(&mut content, PAPER);
    content
        .rect(0.0, 0.0, width as f32, height as f32)
        .fill_nonzero();
    let scale = paper.scale as f32;
    content.transform([scale, 0.0, 0.0, -scale, -left as f32, (height + top) as f32]);
    for item in &drawing.items {
        draw(&mut content, &mut resources, item, paper);
    }
    let content = packed(&content.finish())?;

    let mut pdf = Pdf::new();
    pdf.catalog(CATALOG).pages(PAGES);
    pdf.pages(PAGES).kids([PAGE]).count(1);
    let mut page = pdf.page(PAGE);
    page.media_box(Rect::new(0.0, 0.0, width as f32, height as f32));
    page.parent(PAGES).contents(CONTENT);
    let mut listed = page.resources();
    listed.fonts().pair(FONT, LETTERS);
    let mut pictures = listed.x_objects();
    for index in 0..resources.pictures.len() {
        pictures.pair(Name(picture_name(index).as_bytes()), picture_ref(index));
    }
    pictures.finish();
    let mut states = listed.ext_g_states();
    for (thousandths, name) in &resources.opacities {
        let opacity = *thousandths as f32 / 1000.0;
        let state = states.insert(Name(name.as_bytes()));
        state
            .start::<pdf_writer::writers::ExtGraphicsState>()
            .non_stroking_alpha(opacity);
    }
    states.finish();
    listed.finish();
    page.finish();
    pdf.type1_font(LETTERS)
        .base_font(Name(paper.face.standard().as_bytes()))
        .encoding_predefined(Name(b"WinAnsiEncoding"));
    for (index, pixels) in resources.pictures.iter().enumerate() {
        let bytes = packed(pixels.as_raw())?;
        let mut picture = pdf.image_xobject(picture_ref(index), &bytes);
        picture.filter(Filter::FlateDecode);
        picture.bits_per_component(8);
        picture
            .width(pixels.width() as i32)
            .height(pixels.height() as i32);
        picture.color_space().device_rgb();
    }
    pdf.stream(CONTENT, &content).filter(Filter::FlateDecode);
    Ok(pdf.finish())
}

fn draw<'a>(content: &mut Content, resources: &mut Resources<'a>, item: &'a Item, paper: &Paper) {
    match item {
        Item::Text { at, anchor, text } => {
            let [x, y] = paper.place(*at, *anchor, text);
            let (text, bytes) = in_font(text);
            let width = paper.face.width(&text) * f64::from(EM);
            let x = match anchor {
                Anchor::Start => x,
                Anchor::Middle => x - width / 2.0,
                Anchor::End => x - width,
            };
            let (x, y) = (x as f32, (y + BASELINE) as f32);
            fill_colour(content, INK);
            content.begin_text().set_font(FONT, EM as f32);
            content.set_text_matrix([1.0, 0.0, 0.0, -1.0, x, y]);
            content.show(Str(&bytes)).end_text();
        }
        Item::Fill {
            at,
            size,
            colour,
            opacity,
        } => {
            let ([x, y], [w, h]) = (at.map(|v| v as f32), size.map(|v| v as f32));
            filled(content, resources, *colour, *opacity, |content| {
                content.rect(x, y, w, h);
            });
        }
        Item::Picture {
            at,
            size,
            pixels,
            marks,
        } => {
            let ([x, y], [w, h]) = (at.map(|v| v as f32), size.map(|v| v as f32));
            let name = picture_name(resources.pictures.len());
            resources.pictures.push(pixels);
            content.save_state().transform([w, 0.0, 0.0, -h, x, y + h]);
            content.x_object(Name(name.as_bytes())).restore_state();
            for strokes in marks.strokes(pixels, *size) {
                let cap = match strokes.round {
                    true => LineCapStyle::RoundCap,
                    false => LineCapStyle::ButtCap,
                };
                let [r, g, b] = unit(strokes.colour);
                content.save_state().transform([1.0, 0.0, 0.0, 1.0, x, y]);
                content
                    .set_line_cap(cap)
                    .set_line_width(strokes.width as f32);
                content.set_stroke_rgb(r, g, b);
                for [[x1, y1], [x2, y2]] in &strokes.lines {
                    content.move_to(*x1 as f32, *y1 as f32);
                    content.line_to(*x2 as f32, *y2 as f32);
                }
                content.stroke().restore_state();
            }
        }
        Item::Area {
            at,
            columns,
            colour,
            opacity,
        } => filled(content, resources, *colour, *opacity, |content| {
            for (i, [x, y]) in outline(*at, columns).into_iter().enumerate() {
                match i {
                    0 => content.move_to(x as f32, y as f32),
                    _ => content.line_to(x as f32, y as f32),
                };
            }
            content.close_path();
        }),
    }
}

fn filled(
    content: &mut Content,
    resources: &mut Resources<'_>,
    colour: [u8; 3],
    opacity: f64,
    path: impl FnOnce(&mut Content),
) {
    content.save_state();
    if opacity < 1.0 {
        let thousandths = (opacity * 1000.0).round() as u32;
        let name = resources.opacities.entry(thousandths);
        let name = name.or_insert_with(|| format!("A{thousandths}"));
        content.set_parameters(Name(name.as_bytes()));
    }
    fill_colour(content, colour);
    path(content);
    content.fill_nonzero().restore_state();
}

fn fill_colour(content: &mut Content, colour: [u8; 3]) {
    let [r, g, b] = unit(colour);
    content.set_fill_rgb(r, g, b);
}

fn unit(colour: [u8; 3]) -> [f32; 3] {
    colour.map(|part| f32::from(part) / 255.0)
}

fn picture_name(index: usize) -> String {
    format!("P{index}")
}

fn picture_ref(index: usize) -> Ref {
    Ref::new(OTHERS + index as i32)
}

fn packed(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.map_err(|e| fault(&e.to_string()))
}

fn fault(reason: &str) -> Error {
    Error::Adapter {
        what: "writing a figure as PDF".to_owned(),
        reason: reason.to_owned(),
    }
}

/// A text in the letters that standard fonts have (WinAnsi), and as bytes in their encoding: what they lack becomes `?`.
fn in_font(text: &str) -> (String, Vec<u8>) {
    /// Those that are not where Unicode has them.
    const ELSEWHERE: [(char, u8); 17] = [
        ('\u{20ac}', 0x80),
        ('\u{2026}', 0x85),
        ('\u{160}', 0x8a),
        ('\u{152}', 0x8c),
        ('\u{17d}', 0x8e),
        ('\u{2018}', 0x91),
        ('\u{2019}', 0x92),
        ('\u{201c}', 0x93),
        ('\u{201d}', 0x94),
        ('\u{2022}', 0x95),
        ('\u{2013}', 0x96),
        ('\u{2014}', 0x97),
        ('\u{2122}', 0x99),
        ('\u{161}', 0x9a),
        ('\u{153}', 0x9c),
        ('\u{17e}', 0x9e),
        ('\u{178}', 0x9f),
    ];
    let plain = text
        .replace('\u{2212}', "-")
        .replace('\u{2264}', "<=")
        .replace('\u{2265}', ">=");
    let letter = |c: char| {
        let elsewhere = ELSEWHERE.iter().find(|(letter, _)| *letter == c);
        match (c, elsewhere) {
            (_, Some((_, byte))) => (c, *byte),
            (' '..='~' | '\u{a0}'..='\u{ff}', _) => (c, c as u8),
            _ => ('?', b'?'),
        }
    };
    plain.chars().map(letter).unzip()
}
