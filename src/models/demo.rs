//! A toy classifier and a drawn image, so that every example runs without a file.

use ndarray::{Array2, Array3, ArrayView3, ArrayView4};

use crate::error::BoxError;
use crate::models::model::BlackBoxModel;

/// Side of the drawn image, in pixels.
const SIDE: usize = 96;

/// A red octagon with a white rim and a white bar on a green meadow under a blue sky: `[3, 96, 96]`,
/// RGB in [0, 1].
pub fn image() -> Array3<f32> {
    let mut image = Array3::zeros((3, SIDE, SIDE));
    for y in 0..SIDE {
        for x in 0..SIDE {
            let rgb = colour(x as f32 + 0.5, y as f32 + 0.5);
            for (channel, value) in rgb.into_iter().enumerate() {
                image[[channel, y, x]] = value;
            }
        }
    }
    image
}

/// Whether a pixel of [`image()`] lies on the octagon.
pub fn on_sign(y: usize, x: usize) -> bool {
    octagon(x as f32 + 0.5, y as f32 + 0.5) <= 28.0
}

/// Distance from the sign's centre in the octagon's norm.
fn octagon(x: f32, y: f32) -> f32 {
    let (dx, dy) = ((x - 50.0).abs(), (y - 44.0).abs());
    dx.max(dy).max((dx + dy) * std::f32::consts::FRAC_1_SQRT_2)
}

fn colour(x: f32, y: f32) -> [f32; 3] {
    let distance = octagon(x, y);
    let bar = (x - 50.0).abs() < 17.0 && (y - 44.0).abs() < 5.0;
    if distance <= 28.0 {
        let white = distance > 25.0 || bar;
        return if white {
            [0.93, 0.93, 0.93]
        } else {
            [0.78, 0.08, 0.10]
        };
    }
    let pole = (x - 50.0).abs() < 2.0 && y > 44.0;
    if pole {
        return [0.45, 0.45, 0.47];
    }
    // A little texture keeps the background from being flat.
    let wave = 0.04 * (0.7 * x).sin() * (0.9 * y).cos();
    if y < 34.0 {
        [0.45 + wave, 0.66 + wave, 0.88 + wave]
    } else {
        [0.20 + wave, 0.52 + wave, 0.16 + wave]
    }
}

/// The names of the classes of [`Classifier`].
pub const CLASSES: [&str; 3] = ["stop sign", "blue sign", "meadow"];

/// A classifier that knows three colours: it looks for strong red, strong blue and green around
/// the middle of the image, and answers with probabilities `[n, 3]` (see [`CLASSES`]).
///
/// What makes the sign in [`image()`] a stop sign to it is red *inside* the octagon.
///
/// ```
/// use racm::{BlackBoxModel, demo};
///
/// let image = demo::image();
/// let batch = image.view().insert_axis(ndarray::Axis(0));
/// let scores = demo::Classifier.predict(batch)?;
/// assert!(scores[[0, 0]] > 0.8); // "stop sign"
/// # Ok::<(), racm::BoxError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Classifier;

impl BlackBoxModel for Classifier {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        let (n, channels, _, _) = batch.dim();
        if channels != 3 {
            return Err(format!("the demo classifier wants 3 channels, not {channels}").into());
        }
        let mut scores = Array2::zeros((n, CLASSES.len()));
        for (image, mut row) in batch.outer_iter().zip(scores.outer_iter_mut()) {
            for (score, p) in row.iter_mut().zip(probabilities(image)) {
                *score = p;
            }
        }
        Ok(scores)
    }
}

fn probabilities(image: ArrayView3<'_, f32>) -> [f32; 3] {
    let (_, height, width) = image.dim();
    let mut evidence = [0.0f32; 3];
    let mut total = 0.0;
    for y in 0..height {
        for x in 0..width {
            let (u, v) = (
                (x as f32 + 0.5) / width as f32 - 0.5,
                (y as f32 + 0.5) / height as f32 - 0.5,
            );
            let weight = (-10.0 * (u * u + v * v)).exp();
            let [r, g, b] = [0, 1, 2].map(|c| image[[c, y, x]]);
            // A colour counts as far as it is stronger than the others.
            let saturation = [r - 0.8 * g.max(b), b - 0.8 * r.max(g), g - 0.8 * r.max(b)];
            for (e, s) in evidence.iter_mut().zip(saturation) {
                *e += weight * s.max(0.0);
            }
            total += weight;
        }
    }
    let exponentials = evidence.map(|e| (16.0 * e / total).exp());
    let sum: f32 = exponentials.iter().sum();
    exponentials.map(|e| e / sum)
}
