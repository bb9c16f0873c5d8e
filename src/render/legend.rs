//! What explains a panel's colours: the bar with its numbers, the key to the markers.

use image::{Rgb, RgbImage};
use ndarray::Array2;

use super::drawing::{Drawing, FRAME, Marks};
use super::marks::ground;
use super::text::Letters;
use super::tile::fade;
use super::{Doubt, Scale, carried, text};

/// A line of text with the space below it.
pub(super) const LINE: u32 = text::LINE + 6;
const BAR: u32 = 18;
pub(super) const TICK: u32 = 5;
const ARROW: u32 = 10;
pub(super) const SWATCH: u32 = 30;
const MEANING_LINES: usize = 3;
/// Between two entries of the key.
pub(super) const APART: u32 = 32;

/// The colour bar with its numbers.
pub(super) struct Bar {
    scale: Scale,
    quantity: String,
    /// From the top down: how far along the bar (0 to 1), and the number.
    ticks: Vec<(f32, String)>,
}

impl Bar {
    pub(super) fn new(letters: Letters, scale: Scale, quantity: &str) -> Self {
        let (low, high) = (scale.low(), scale.high());
        let signed = low < 0.0;
        let mut ticks = vec![(0.0, text::number(high, high - low, signed && high > 0.0))];
        if low < 0.0 && high > 0.0 {
            let range = f64::from(high) - f64::from(low);
            ticks.push((
                (f64::from(high) / range) as f32,
                text::number(0.0, 1.0, signed),
            ));
        }
        if low < high {
            ticks.push((1.0, text::number(low, high - low, signed)));
        }
        let quantity = letters.fitted(quantity, 160);
        Self {
            scale,
            quantity,
            ticks,
        }
    }

    pub(super) fn width(&self, letters: Letters) -> u32 {
        let numbers = self.ticks.iter().map(|(_, n)| letters.width(n)).max();
        (BAR + TICK + 4 + numbers.unwrap_or(0)).max(letters.width(&self.quantity))
    }

    /// Draws the quantity's name at (`x`, `y`), and below it the bar of this height.
    pub(super) fn draw(&self, panel: &mut Drawing, x: u32, y: u32, height: u32) {
        panel.text(x, y, self.quantity.as_str());
        let (mut y, mut height) = (y + LINE, height);
        let (low, high) = (self.scale.low(), self.scale.high());
        let open = |end: f32| self.scale.is_clipped() && end != 0.0;
        let full = f64::from(ARROW);
        if open(high) {
            let arrow = arrow().map(|length| [full - length, full]);
            panel.area([x, y], arrow.collect(), self.scale.colour(high), 1.0);
            (y, height) = (y + ARROW, height - ARROW);
        }
        if open(low) {
            height -= ARROW;
            let arrow = arrow().map(|length| [0.0, length]);
            panel.area(
                [x, y + height],
                arrow.collect(),
                self.scale.colour(low),
                1.0,
            );
        }
        let (low, high) = (f64::from(low), f64::from(high));
        let colours = RgbImage::from_fn(BAR, height, |_, i| {
            let t = f64::from(i) / f64::from((height - 1).max(1));
            Rgb(self.scale.colour((high + (low - high) * t) as f32))
        });
        panel.picture([x, y], [BAR, height], colours, Marks::default());
        let mut free = 0;
        for (t, number) in &self.ticks {
            let at = y + (t * (height - 1) as f32).round() as u32;
            panel.fill([x + BAR + 1, at], [TICK, 1], FRAME);
            let line = at.saturating_sub(text::LINE / 2 + 1).max(free);
            panel.text(x + BAR + TICK + 4, line, number.as_str());
            free = line + text::LINE;
        }
    }
}

/// A triangle as wide as the bar, by how long it is in each column: values go on beyond this end.
fn arrow() -> impl Iterator<Item = f64> {
    let inset = |row: u32| row * BAR / 2 / ARROW;
    (0..BAR).map(move |x| {
        let inside = (0..ARROW).filter(|&row| (inset(row)..BAR - inset(row)).contains(&x));
        inside.count() as f64
    })
}

#[derive(Clone, Copy)]
enum Marker {
    NotEvaluated,
    Doubtful,
    Carried,
}

/// One entry of the key below the tiles.
pub(super) struct Key {
    marker: Marker,
    /// The lines of its text.
    meaning: Vec<String>,
    x: u32,
    /// The line that it begins in; the first is 0.
    line: u32,
}

/// The markers in use, side by side where `room` allows it; `carried` is what the bars mean.
pub(super) fn key(
    letters: Letters,
    hatched: bool,
    doubtful: bool,
    carried: Option<String>,
    room: u32,
) -> Vec<Key> {
    let mut markers = Vec::new();
    if hatched {
        markers.push((Marker::NotEvaluated, "not evaluated".to_owned()));
    }
    if doubtful {
        let meaning = "less than two standard errors from 0".to_owned();
        markers.push((Marker::Doubtful, meaning));
    }
    markers.extend(carried.map(|meaning| (Marker::Carried, meaning)));
    let (mut x, mut next) = (0, 0);
    let mut key: Vec<Key> = Vec::new();
    for (marker, meaning) in markers {
        let meaning = letters.wrapped(&meaning, room - SWATCH - 10, MEANING_LINES);
        let widest = meaning.iter().map(|line| letters.width(line)).max();
        let width = SWATCH + 10 + widest.unwrap_or(0);
        let beside = key.last().filter(|_| x + width <= room).map(|k| k.line);
        let line = beside.unwrap_or(next);
        if beside.is_none() {
            x = 0;
        }
        next = next.max(line + meaning.len() as u32);
        key.push(Key {
            marker,
            meaning,
            x,
            line,
        });
        x += width + APART;
    }
    key
}

/// The lines that a key takes.
pub(super) fn lines(key: &[Key]) -> u32 {
    key.iter().map(Key::end).max().unwrap_or(0)
}

impl Key {
    /// The line behind its last one.
    fn end(&self) -> u32 {
        self.line + self.meaning.len() as u32
    }

    /// Draws it; the key's upper left corner is at (`x`, `y`).
    pub(super) fn draw(&self, panel: &mut Drawing, x: u32, y: u32, scale: Scale, doubt: Doubt) {
        let (x, y) = (x + self.x, y + self.line * LINE);
        for (i, line) in self.meaning.iter().enumerate() {
            panel.text(x + SWATCH + 10, y + i as u32 * LINE, line.as_str());
        }
        let positive = !scale.is_anchored() || scale.high() > 0.0;
        let limit = if positive { scale.high() } else { scale.low() };
        let (strong, faint) = (scale.colour(limit), scale.colour(limit * 0.3));
        let (colour, marks) = match (self.marker, doubt) {
            (Marker::Carried, _) => return carried::sample(panel, x, y, SWATCH),
            (Marker::NotEvaluated, _) => return hatched_swatch(panel, x, y),
            (Marker::Doubtful, Doubt::Dots) => {
                let dotted = Some(Array2::from_elem((1, 1), true));
                (
                    faint,
                    Marks {
                        dotted,
                        ..Marks::default()
                    },
                )
            }
            (Marker::Doubtful, Doubt::Fade) => (fade(strong, scale), Marks::default()),
        };
        swatch(panel, x, y, colour, marks);
    }
}

/// A framed sample of a colour in a line of the key that begins at (`x`, `y`).
pub(super) fn swatch(panel: &mut Drawing, x: u32, y: u32, colour: [u8; 3], marks: Marks) {
    let pixel = RgbImage::from_pixel(1, 1, Rgb(colour));
    panel.picture([x, y + 1], [SWATCH, text::LINE - 2], pixel, marks);
}

/// That of what was not evaluated.
pub(super) fn hatched_swatch(panel: &mut Drawing, x: u32, y: u32) {
    swatch(panel, x, y, ground(None), Marks::hatched((1, 1)));
}
