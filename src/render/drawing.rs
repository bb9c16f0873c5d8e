//! What a panel or a plot consists of: one list, of which pictures as well as SVG and PDF are made.

use image::{Rgb, RgbImage, imageops};
use ndarray::Array2;

use super::blend;
use super::marks::{HATCH, dot, dot_centres, dot_colour, hatch_lines, hatched};
use super::picture::LONGEST;
use super::text::{self, INK, Letters};
use crate::error::{Error, Result};

pub(super) const PAPER: [u8; 3] = [255; 3];
pub(super) const FRAME: [u8; 3] = [120; 3];
pub(super) const MARGIN: u32 = 20;
pub(super) const MOST_PIXELS: u64 = 1 << 28;

/// Things on paper, the first ones at the bottom. Lengths are in pixels of a picture.
#[derive(Clone, Debug)]
pub(super) struct Drawing {
    pub width: u32,
    pub height: u32,
    pub items: Vec<Item>,
}

#[derive(Clone, Debug)]
pub(super) enum Item {
    Text {
        /// Of its line: the left end, the middle or the right end, and the upper edge.
        at: [u32; 2],
        anchor: Anchor,
        text: String,
    },
    /// A rectangle.
    Fill {
        at: [u32; 2],
        size: [u32; 2],
        colour: [u8; 3],
        opacity: f64,
    },
    /// A picture that fills a rectangle, in whole blocks.
    Picture {
        at: [u32; 2],
        size: [u32; 2],
        pixels: RgbImage,
        marks: Marks,
    },
    /// An area that has, from `at` on to the right and down, a top and a bottom in each column of pixels.
    Area {
        at: [u32; 2],
        columns: Vec<[f64; 2]>,
        colour: [u8; 3],
        opacity: f64,
    },
}

/// Which side of a text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// The cells of a picture that carry marks.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    pub hatched: Option<Array2<bool>>,
    pub dotted: Option<Array2<bool>>,
}

impl Drawing {
    /// White paper.
    ///
    /// # Errors
    /// [`Error::Parameter`] if it is larger than a picture may be; `smaller` is what to do then.
    pub fn new([width, height]: [u64; 2], what: &'static str, smaller: &str) -> Result<Self> {
        if width.max(height) > LONGEST as u64 || width * height > MOST_PIXELS {
            return Err(Error::parameter(
                what,
                format!("{width} x {height} pixels"),
                format!("sides of at most {LONGEST} and at most {MOST_PIXELS} pixels{smaller}"),
            ));
        }
        Ok(Drawing {
            width: width as u32,
            height: height as u32,
            items: Vec::new(),
        })
    }

    /// A line of text with its upper left corner at (`x`, `y`).
    pub fn text(&mut self, x: u32, y: u32, text: impl Into<String>) {
        self.anchored(x, y, Anchor::Start, text.into());
    }

    pub fn anchored(&mut self, x: u32, y: u32, anchor: Anchor, text: String) {
        let at = [x, y];
        if !text.is_empty() {
            self.items.push(Item::Text { at, anchor, text });
        }
    }

    pub fn fill(&mut self, at: [u32; 2], size: [u32; 2], colour: [u8; 3]) {
        self.cover(at, size, colour, 1.0);
    }

    /// A rectangle that lets some of what lies below it through.
    pub fn cover(&mut self, at: [u32; 2], size: [u32; 2], colour: [u8; 3], opacity: f64) {
        self.items.push(Item::Fill {
            at,
            size,
            colour,
            opacity,
        });
    }

    pub fn area(&mut self, at: [u32; 2], columns: Vec<[f64; 2]>, colour: [u8; 3], opacity: f64) {
        self.items.push(Item::Area {
            at,
            columns,
            colour,
            opacity,
        });
    }

    /// Paper with a line of one pixel around it.
    pub fn frame(&mut self, [x, y]: [u32; 2], [width, height]: [u32; 2]) {
        self.fill([x - 1, y - 1], [width + 2, height + 2], FRAME);
        self.fill([x, y], [width, height], PAPER);
    }

    /// A picture with a line of one pixel around it.
    pub fn picture(&mut self, at: [u32; 2], size: [u32; 2], pixels: RgbImage, marks: Marks) {
        let ([x, y], [width, height]) = (at, size);
        self.fill([x - 1, y - 1], [width + 2, height + 2], FRAME);
        self.picture_alone(at, size, pixels, marks);
    }

    pub fn picture_alone(&mut self, at: [u32; 2], size: [u32; 2], pixels: RgbImage, marks: Marks) {
        self.items.push(Item::Picture {
            at,
            size,
            pixels,
            marks,
        });
    }

    /// Puts another drawing below this one.
    pub fn append(&mut self, below: Drawing) {
        let down = self.height;
        self.items.extend(below.items.into_iter().map(|mut item| {
            match &mut item {
                Item::Text { at, .. }
                | Item::Fill { at, .. }
                | Item::Picture { at, .. }
                | Item::Area { at, .. } => at[1] += down,
            }
            item
        }));
        self.width = self.width.max(below.width);
        self.height += below.height;
    }

    /// All of it in pixels.
    pub fn draw(&self) -> RgbImage {
        let mut sheet = RgbImage::from_pixel(self.width, self.height, Rgb(PAPER));
        for item in &self.items {
            item.draw(&mut sheet);
        }
        sheet
    }
}

impl Item {
    fn draw(&self, sheet: &mut RgbImage) {
        match self {
            Item::Text { at, anchor, text } => {
                let ([x, y], width) = (*at, Letters::Bitmap.width(text));
                let x = match anchor {
                    Anchor::Start => x,
                    // Whole, where it stands at an edge.
                    Anchor::Middle => {
                        let most = sheet.width().saturating_sub(width);
                        x.saturating_sub(width / 2).min(most)
                    }
                    Anchor::End => x.saturating_sub(width),
                };
                text::draw(sheet, x, y, text, INK);
            }
            Item::Fill {
                at: [x, y],
                size: [width, height],
                colour,
                opacity,
            } => {
                for y in *y..y + height {
                    (*x..x + width).for_each(|x| cover(sheet, x, y, *colour, *opacity));
                }
            }
            Item::Picture {
                at: [x, y],
                size,
                pixels,
                marks,
            } => {
                let picture = marks.over(pixels, *size);
                imageops::replace(sheet, &picture, i64::from(*x), i64::from(*y));
            }
            Item::Area {
                at: [x, y],
                columns,
                colour,
                opacity,
            } => {
                for (dx, [top, bottom]) in columns.iter().enumerate() {
                    let rows = top.floor() as u32..bottom.ceil() as u32;
                    for row in rows {
                        let (from, to) =
                            (f64::from(row).max(*top), f64::from(row + 1).min(*bottom));
                        let x = x + dx as u32;
                        cover(sheet, x, y + row, *colour, opacity * (to - from));
                    }
                }
            }
        }
    }
}

impl Marks {
    /// A hatch everywhere.
    pub fn hatched(cells: (usize, usize)) -> Self {
        Marks {
            hatched: Some(Array2::from_elem(cells, true)),
            dotted: None,
        }
    }

    /// The picture in another size with its marks, which have the same size on every picture.
    pub fn over(&self, pixels: &RgbImage, [width, height]: [u32; 2]) -> RgbImage {
        let mut picture = match pixels.dimensions() == (width, height) {
            true => pixels.clone(),
            false => imageops::resize(pixels, width, height, imageops::FilterType::Nearest),
        };
        if self.hatched.is_none() && self.dotted.is_none() {
            return picture;
        }
        let marked = |mask: &Option<Array2<bool>>, y: usize, x: usize| {
            mask.as_ref()
                .is_some_and(|mask| mask[cell(mask, [height, width], [y, x])])
        };
        let last = |side: u32| side as usize - 1;
        for (x, y, pixel) in picture.enumerate_pixels_mut() {
            let (x, y) = (x as usize, y as usize);
            if marked(&self.hatched, y, x) {
                *pixel = Rgb(hatched(pixel.0, y, x));
                continue;
            }
            // The pixel at a dot's centre decides about the whole dot, so that no dot is cut.
            let (row, column, ink) = dot(y, x);
            if ink > 0.0 && marked(&self.dotted, row.min(last(height)), column.min(last(width))) {
                *pixel = Rgb(blend(pixel.0, dot_colour(pixel.0), ink));
            }
        }
        picture
    }
}

/// Lines of one colour and width, each from `[x, y]` to `[x, y]`. Where their ends are round, one of no length is a dot.
pub(super) struct Strokes {
    pub colour: [u8; 3],
    pub width: f64,
    pub round: bool,
    pub lines: Vec<[[f64; 2]; 2]>,
}

impl Marks {
    /// The marks as lines and dots on the picture of this size.
    pub fn strokes(&self, pixels: &RgbImage, size: [u32; 2]) -> Vec<Strokes> {
        let [width, height] = size;
        let hatch = self.hatched.as_ref().map(|cells| Strokes {
            colour: HATCH[1],
            width: 1.5,
            round: false,
            lines: hatch_lines(cells, size),
        });
        let mut strokes: Vec<Strokes> = hatch.into_iter().collect();
        let Some(cells) = &self.dotted else {
            return strokes;
        };
        for [y, x] in dot_centres(size) {
            if !cells[cell(cells, [height, width], [y, x])] {
                continue;
            }
            let [column, row] = [(x, pixels.width(), width), (y, pixels.height(), height)]
                .map(|(at, pixels, size)| at as u32 * pixels / size);
            let colour = dot_colour(pixels.get_pixel(column, row).0);
            let centre = [x as f64 + 0.5, y as f64 + 0.5];
            match strokes.iter_mut().find(|s| s.round && s.colour == colour) {
                Some(dots) => dots.lines.push([centre; 2]),
                None => strokes.push(Strokes {
                    colour,
                    width: 2.2,
                    round: true,
                    lines: vec![[centre; 2]],
                }),
            }
        }
        strokes
    }
}

/// The outline of an [`Item::Area`], through the middle of its columns.
pub(super) fn outline([x, y]: [u32; 2], columns: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let (x, y, last) = (f64::from(x), f64::from(y), columns.len().saturating_sub(1));
    let along = |side: usize| {
        columns.iter().enumerate().flat_map(move |(i, column)| {
            let edge =
                |at: usize, dx: f64| (i == at).then_some([x + i as f64 + dx, y + column[side]]);
            // On a level line, those between its ends say nothing.
            let level = |j: usize| columns.get(j).is_some_and(|c| c[side] == column[side]);
            let between = i > 0 && level(i - 1) && level(i + 1);
            let middle = (!between).then_some([x + i as f64 + 0.5, y + column[side]]);
            let points = [edge(0, 0.0), middle, edge(last, 1.0)];
            points.into_iter().flatten()
        })
    };
    let below: Vec<[f64; 2]> = along(1).collect();
    along(0).chain(below.into_iter().rev()).collect()
}

/// The cell to which a pixel of an enlarged picture belongs.
fn cell(cells: &Array2<bool>, [height, width]: [u32; 2], [y, x]: [usize; 2]) -> [usize; 2] {
    let (rows, columns) = cells.dim();
    [y * rows / height as usize, x * columns / width as usize]
}

/// Lays `colour` over a pixel where it covers a fraction of it.
fn cover(sheet: &mut RgbImage, x: u32, y: u32, colour: [u8; 3], fraction: f64) {
    if let Some(pixel) = sheet.get_pixel_mut_checked(x, y) {
        *pixel = Rgb(blend(pixel.0, colour, fraction.clamp(0.0, 1.0) as f32));
    }
}
