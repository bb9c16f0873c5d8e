//! A small network that knows traffic signs, and the code that draws them: every example runs without a file, and what a
//! map ought to show is known.

mod drawing;
mod network;
mod resample;
mod scene;
mod sign;

use std::sync::LazyLock;

use ndarray::{Array2, Array3, ArrayView4};

pub use drawing::{CLASSES, Drawing, Truth, draw, rival, truth};

use crate::error::BoxError;
use crate::models::model::BlackBoxModel;
use network::{Network, OUTPUTS, PARAMETERS, SIDE};
use resample::Shares;

/// The seed of [`image()`], and its side.
const OWN: (u64, usize) = (1_000_051, 96);

/// A stop sign, `[3, 96, 96]`, RGB in [0, 1].
///
/// ```
/// use racm::demo;
///
/// let image = demo::image();
/// assert_eq!(image.dim(), (3, 96, 96));
/// assert!(image[[0, 27, 37]] > 0.5 && image[[2, 27, 37]] < 0.2); // red
/// assert!(demo::on_sign(27, 37) && !demo::on_sign(0, 0));
/// ```
pub fn image() -> Array3<f32> {
    drawing::drawn(0, OWN.0, OWN.1).image
}

/// Whether a pixel of [`image()`] lies on the stop sign.
pub fn on_sign(y: usize, x: usize) -> bool {
    drawing::covers(0, OWN.0, OWN.1, y, x)
}

/// What `examples/train_demo` wrote, little-endian: [`MARK`]; u32, the fresh drawings of each class that the network was
/// tried on; u32 a class, how many of them it named; f32, the parameters.
static FILE: &[u8; MARK.len() + 4 * (1 + OUTPUTS + PARAMETERS)] = include_bytes!("signs.weights");

const MARK: &[u8; 8] = b"racm cnn";

struct Stored {
    accuracy: [f64; OUTPUTS],
    parameters: [f32; PARAMETERS],
}

static STORED: LazyLock<Box<Stored>> = LazyLock::new(|| {
    let mut words = FILE[MARK.len()..]
        .chunks_exact(4)
        .map(|word| [word[0], word[1], word[2], word[3]]);
    let mut next = || words.next().unwrap_or_default();
    let tried = f64::from(u32::from_le_bytes(next()));
    let accuracy = [0; OUTPUTS].map(|_| f64::from(u32::from_le_bytes(next())) / tried);
    let mut stored = Box::new(Stored {
        accuracy,
        parameters: [0.0; PARAMETERS],
    });
    stored.parameters.fill_with(|| f32::from_le_bytes(next()));
    stored
});

/// A convolutional network of 24,364 parameters that names the sign in an image, with probabilities `[n, 12]` (see
/// [`CLASSES`]).
///
/// It was trained by `examples/train_demo` on what [`draw`] draws from seeds below 1,000,000, and names [`accuracy()`] of
/// fresh drawings. In half of the training images parts were hidden by masks of RISE, RaCM and MC-RISE: what a map says of
/// it is then how it decides, and not how it takes images with holes, which are strange to most networks.
/// Images of any size are averaged to 48 x 48 pixels.
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
        let (n, channels, height, width) = batch.dim();
        if channels != 3 {
            return Err(format!("the demo classifier wants 3 channels, not {channels}").into());
        }
        if n > 0 && (height == 0 || width == 0) {
            return Err("the demo classifier wants an image with pixels".into());
        }
        let shares = Shares::new([height, width], SIDE);
        let mut network = Network::new(&STORED.parameters);
        let mut scores = Array2::zeros((n, OUTPUTS));
        for (image, mut row) in batch.outer_iter().zip(scores.outer_iter_mut()) {
            for (c, plane) in image.outer_iter().enumerate() {
                shares.average(plane, |y, x, value| network.set(c, y, x, value));
            }
            for (score, p) in row.iter_mut().zip(softmax(network.logits())) {
                *score = p;
            }
        }
        Ok(scores)
    }
}

/// Logits to probabilities. In f64, where machines differ by less than is left after rounding.
fn softmax(logits: [f32; OUTPUTS]) -> [f32; OUTPUTS] {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let parts = logits.map(|logit| f64::from(logit - highest).exp());
    let sum: f64 = parts.iter().sum();
    parts.map(|part| (part / sum) as f32)
}

/// The share of fresh drawings, 48 x 48, that the [`Classifier`] names, class by class; measured after its training and
/// stored with it.
///
/// ```
/// use racm::demo;
///
/// for (class, share) in demo::CLASSES.iter().zip(demo::accuracy()) {
///     println!("{class:<16} {:.1} %", 100.0 * share);
/// }
/// ```
pub fn accuracy() -> [f64; OUTPUTS] {
    STORED.accuracy
}
