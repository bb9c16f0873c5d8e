//! Bars of what the planes of a map carry.

use super::drawing::Drawing;
use super::text::{self, INK};
use crate::error::{Error, Result};

/// The height of a bar, and of the space above it.
const HEIGHT: u32 = 13;
const ABOVE: u32 = 7;
const FILL: [u8; 3] = [158; 3];
const AXIS: [u8; 3] = [220; 3];
/// How many standard errors a whisker is long to either side.
const ERRORS: f64 = 2.0;

/// What each plane carries with its standard error, on one scale that holds 0 and all whiskers.
#[derive(Clone, Debug)]
pub(super) struct Bars {
    pub values: Vec<(f64, Option<f64>)>,
    low: f64,
    high: f64,
}

impl Bars {
    pub fn new(values: &[(f64, Option<f64>)]) -> Self {
        let ends = values.iter().flat_map(|&value| whisker(value));
        let (low, high) = ends.fold((0.0, 0.0), |(low, high): (f64, f64), v| {
            (low.min(v), high.max(v))
        });
        Bars {
            values: values.to_vec(),
            low,
            high,
        }
    }

    /// One value a plane, finite, and no error below 0.
    pub fn check(&self, planes: usize) -> Result<()> {
        if self.values.len() != planes {
            return Err(Error::Shape {
                what: "the list of what the planes carry",
                given: vec![self.values.len()],
                expected: vec![planes],
            });
        }
        for (plane, &(value, error)) in self.values.iter().enumerate() {
            let wrong = [Some(value), error]
                .into_iter()
                .flatten()
                .find(|v| !v.is_finite());
            if let Some(value) = wrong {
                let what = "the list of what the planes carry";
                return Err(Error::NotFinite {
                    what,
                    index: vec![plane],
                    value,
                });
            }
            if let Some(error) = error.filter(|e| *e < 0.0) {
                return Err(Error::parameter(
                    "carried",
                    format!("an error of {error}"),
                    "errors of 0 or more",
                ));
            }
        }
        Ok(())
    }

    /// The planes, those that carry most first; equals in their order.
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.values.len()).collect();
        order.sort_by(|&a, &b| self.values[b].0.total_cmp(&self.values[a].0));
        order
    }

    /// What a bar takes with the space above it.
    pub fn height() -> u32 {
        ABOVE + HEIGHT
    }

    /// What the bars are, for the key.
    pub fn meaning(&self) -> String {
        let range = (self.high - self.low) as f32;
        let number = |v: f64| text::number(v as f32, range, true);
        let (low, high) = (number(self.low), number(self.high));
        let errors = match self.values.iter().any(|(_, error)| error.is_some()) {
            true => ", with two standard errors",
            false => "",
        };
        format!("what the plane carries, {low} to {high}{errors}")
    }

    /// Draws the bar of a plane below (`x`, `y`), `width` pixels for the whole scale.
    pub fn draw(&self, panel: &mut Drawing, plane: usize, x: u32, y: u32, width: u32) {
        let range = self.high - self.low;
        let at = |value: f64| {
            let t = if range > 0.0 {
                (value - self.low) / range
            } else {
                0.0
            };
            x + (t * f64::from(width - 1)).round() as u32
        };
        let y = y + ABOVE;
        // The whole scale, so that one sees which tile it belongs to.
        panel.fill([x, y + HEIGHT / 2], [width, 1], AXIS);
        let value = self.values[plane];
        let ends = whisker(value).map(at);
        bar(panel, [at(0.0), at(value.0)], value.1.map(|_| ends), y);
    }
}

fn whisker((value, error): (f64, Option<f64>)) -> [f64; 2] {
    let length = ERRORS * error.unwrap_or(0.0);
    [value - length, value + length]
}

/// A bar as the key shows it.
pub(super) fn sample(panel: &mut Drawing, x: u32, y: u32, width: u32) {
    let end = width * 3 / 4;
    bar(
        panel,
        [x, x + end],
        Some([x + end / 2 + 2, x + width - 1]),
        y + 1,
    );
}

/// The line of 0, a bar from there to a value, and a whisker, HEIGHT pixels high.
fn bar(panel: &mut Drawing, [zero, value]: [u32; 2], whisker: Option<[u32; 2]>, y: u32) {
    let mut fill = |xs: [u32; 2], ys: [u32; 2], colour: [u8; 3]| {
        let size = [xs[0].abs_diff(xs[1]) + 1, ys[1] - ys[0] + 1];
        panel.fill([xs[0].min(xs[1]), ys[0]], size, colour);
    };
    let (middle, bottom) = (y + HEIGHT / 2, y + HEIGHT - 1);
    fill([zero, value], [y + 2, bottom - 2], FILL);
    fill([zero; 2], [y, bottom], INK);
    if let Some(ends) = whisker {
        fill(ends, [middle; 2], INK);
        for end in ends {
            fill([end; 2], [middle - 3, middle + 3], INK);
        }
    }
}
