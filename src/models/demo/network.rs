//! A small convolutional network in plain code: three convolutions of 3 x 3 with a step of 2, each followed by a ReLU, the
//! mean over what is left, and a linear layer.
//!
//! Sums are taken in one order and without fused operations, so that scores are the same on every machine, in any batch.
//! `examples/train_demo` compiles this file, too: it knows nothing of the crate.

/// Height and width of the images that the network sees.
pub const SIDE: usize = 48;

/// Channels in and out of each convolution.
pub const LAYERS: [[usize; 2]; 3] = [[3, 16], [16, 32], [32, 64]];

/// Scores of the network.
pub const OUTPUTS: usize = 12;

/// Outputs of a convolution that are summed together: it has a multiple of them.
pub const BLOCK: usize = 16;

const LAST: usize = LAYERS[LAYERS.len() - 1][1];

/// The numbers that make the network: layer by layer the weights, `[out / BLOCK, 3 rows, 3 columns, in, BLOCK]` (the
/// linear layer: `[in, out]`), and the biases, `[out]`.
pub const PARAMETERS: usize = {
    let mut sum = (LAST + 1) * OUTPUTS;
    let mut layer = 0;
    while layer < LAYERS.len() {
        let [from, to] = LAYERS[layer];
        sum += (9 * from + 1) * to;
        layer += 1;
    }
    sum
};

/// Activations `[rows, columns, channels]` within a frame of zeros one pixel wide.
#[derive(Clone, Debug)]
struct Plane {
    values: Vec<f32>,
    side: usize,
    channels: usize,
}

impl Plane {
    fn new(side: usize, channels: usize) -> Self {
        Plane {
            values: vec![0.0; (side + 2) * (side + 2) * channels],
            side,
            channels,
        }
    }

    /// Where the pixel `(y, x)` of the frame begins.
    fn at(&self, y: usize, x: usize) -> usize {
        (y * (self.side + 2) + x) * self.channels
    }
}

/// The buffers of one forward pass after the other.
#[derive(Clone, Debug)]
pub struct Network<'w> {
    parameters: &'w [f32; PARAMETERS],
    planes: Vec<Plane>,
}

impl<'w> Network<'w> {
    pub fn new(parameters: &'w [f32; PARAMETERS]) -> Self {
        let outputs = LAYERS.iter().enumerate();
        let outputs = outputs.map(|(i, layer)| Plane::new(SIDE >> (i + 1), layer[1]));
        Network {
            parameters,
            planes: [Plane::new(SIDE, 3)].into_iter().chain(outputs).collect(),
        }
    }

    /// Sets the input at channel `c`, row `y` and column `x`.
    pub fn set(&mut self, c: usize, y: usize, x: usize, value: f32) {
        let input = &mut self.planes[0];
        let at = input.at(y + 1, x + 1) + c;
        input.values[at] = value;
    }

    /// The logits of the input.
    pub fn logits(&mut self) -> [f32; OUTPUTS] {
        let mut rest = &self.parameters[..];
        for (layer, [from, to]) in LAYERS.into_iter().enumerate() {
            let (weights, after) = rest.split_at(9 * from * to);
            let (biases, after) = after.split_at(to);
            rest = after;
            let (done, next) = self.planes.split_at_mut(layer + 1);
            convolve(&done[layer], weights, biases, &mut next[0]);
        }
        let (weights, biases) = rest.split_at(LAST * OUTPUTS);
        let mut logits = [0.0; OUTPUTS];
        logits.copy_from_slice(biases);
        for (mean, weights) in self.means().iter().zip(weights.chunks_exact(OUTPUTS)) {
            for (logit, weight) in logits.iter_mut().zip(weights) {
                *logit += mean * weight;
            }
        }
        logits
    }

    /// The mean of every channel of the last convolution.
    fn means(&self) -> [f32; LAST] {
        let mut means = [0.0; LAST];
        let Some(last) = self.planes.last() else {
            return means;
        };
        // The frame adds zeros.
        for pixel in last.values.chunks_exact(LAST) {
            for (mean, value) in means.iter_mut().zip(pixel) {
                *mean += value;
            }
        }
        let pixels = (last.side * last.side) as f32;
        means.map(|sum| sum / pixels)
    }
}

/// Every second pixel of a convolution of 3 x 3, after a ReLU.
fn convolve(from: &Plane, weights: &[f32], biases: &[f32], to: &mut Plane) {
    let line = 3 * from.channels;
    let blocks = weights
        .chunks_exact(3 * line * BLOCK)
        .zip(biases.chunks_exact(BLOCK));
    for (block, (weights, biases)) in blocks.enumerate() {
        for y in 0..to.side {
            // Two pixels at once: each weight is read once for both.
            for x in (0..to.side).step_by(2) {
                let (mut left, mut right) = ([0.0; BLOCK], [0.0; BLOCK]);
                left.copy_from_slice(biases);
                right.copy_from_slice(biases);
                for (row, weights) in weights.chunks_exact(line * BLOCK).enumerate() {
                    let at = from.at(2 * y + row, 2 * x);
                    let values = from.values[at..]
                        .iter()
                        .zip(&from.values[at + 2 * from.channels..]);
                    for ((l, r), weights) in values.zip(weights.chunks_exact(BLOCK)) {
                        let Ok(weights): Result<[f32; BLOCK], _> = weights.try_into() else {
                            continue;
                        };
                        for ((left, right), weight) in left.iter_mut().zip(&mut right).zip(weights)
                        {
                            *left += l * weight;
                            *right += r * weight;
                        }
                    }
                }
                for (i, sums) in [left, right].into_iter().enumerate() {
                    let out = to.at(y + 1, x + i + 1) + block * BLOCK;
                    // A value that is not a number stays one.
                    let sums = sums.map(|sum| if sum < 0.0 { 0.0 } else { sum });
                    to.values[out..][..BLOCK].copy_from_slice(&sums);
                }
            }
        }
    }
}
