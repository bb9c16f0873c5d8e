//! Trains the network behind `demo::Classifier` on signs that `demo::draw` draws, and writes its weights.
//!
//! ```console
//! $ RAYON_NUM_THREADS=1 cargo run --locked --manifest-path examples/train_demo/Cargo.toml --target-dir target/frameworks -- \
//!       src/models/demo/signs.weights
//! ```
//!
//! Without arguments it tries 20 steps and writes nothing. The first argument is the file to write, the second the number
//! of steps, of 64 drawings each, the third the share of the drawings in which parts are hidden by the masks of RISE, RaCM
//! or MC-RISE. No drawing is seen twice. The same arguments give the same weights but for the last bits of matrix products,
//! which machines round each in its own way. One thread draws; a second one is enough for the products.
//!
//! In the end the network is tried on fresh drawings, none hidden, with the plain code that the crate runs, and how many
//! of each class it named is stored before the weights. A network of another size first needs a file of its length there,
//! for the crate that draws the signs is compiled with it.

use std::error::Error;
use std::sync::mpsc::{Receiver, sync_channel};

use candle_core::{Device, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use racm::demo::{CLASSES, draw};

mod hide;
#[path = "../../../src/models/demo/network.rs"]
mod network;
use hide::Dice;
use network::{BLOCK, LAYERS, Network, OUTPUTS, PARAMETERS, SIDE};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const BATCH: usize = 64;
const STEPS: usize = 8000;
/// Of a try that writes nothing.
const FEW: usize = 20;
const LEARNING_RATE: f64 = 0.004;
/// Fresh drawings of each class, of seeds that begin here; training begins at 0.
const FRESH: (u64, u32) = (1 << 40, 1000);

/// Images `[BATCH, SIDE, SIDE, 3]`, and their classes.
struct Batch {
    pixels: Vec<f32>,
    classes: Vec<u32>,
}

/// Draws batches on a thread of its own, a few ahead.
fn batches(steps: usize, hidden: f64) -> Receiver<Outcome<Batch>> {
    let (sender, receiver) = sync_channel(4);
    std::thread::spawn(move || {
        for step in 0..steps {
            // The other side is gone if training failed.
            if sender.send(batch(step, hidden)).is_err() {
                return;
            }
        }
    });
    receiver
}

fn batch(step: usize, hidden: f64) -> Outcome<Batch> {
    let (mut pixels, mut classes) = (Vec::new(), Vec::new());
    for i in 0..BATCH {
        let seed = (step * BATCH + i) as u64;
        let mut dice = Dice::new(seed);
        let class = dice.below(CLASSES.len());
        let mut image = draw(class, seed, SIDE)?.image;
        if dice.roll() < hidden {
            image = hide::hide(image, seed, &mut dice)?;
        }
        pixels.extend(image.permuted_axes([1, 2, 0]).iter());
        classes.push(class as u32);
    }
    Ok(Batch { pixels, classes })
}

/// Weights and biases, layer by layer.
struct Layers(Vec<[Var; 2]>);

impl Layers {
    /// He's rule: a variance of 2 over the inputs, and no bias.
    fn new() -> candle_core::Result<Self> {
        let mut dice = Dice::new(1);
        let convolutions = LAYERS.map(|[from, to]| [9 * from, to]);
        let linear = [LAYERS[LAYERS.len() - 1][1], OUTPUTS];
        let sizes = convolutions.into_iter().chain([linear]);
        let layers = sizes.map(|[from, to]| {
            let bound = (6.0 / from as f64).sqrt();
            let values = (0..from * to).map(|_| (bound * (2.0 * dice.roll() - 1.0)) as f32);
            let weights = Tensor::from_iter(values, &Device::Cpu)?.reshape((from, to))?;
            let biases = Tensor::zeros(to, candle_core::DType::F32, &Device::Cpu)?;
            Ok([Var::from_tensor(&weights)?, Var::from_tensor(&biases)?])
        });
        Ok(Layers(layers.collect::<candle_core::Result<_>>()?))
    }

    /// Images `[n, SIDE, SIDE, 3]` to logits `[n, OUTPUTS]`.
    fn logits(&self, images: &Tensor) -> candle_core::Result<Tensor> {
        let mut x = images.clone();
        let (last, convolutions) = self.0.split_last().expect("there is a linear layer");
        for [weights, biases] in convolutions {
            let patches = patches(&x)?;
            let (n, side, _, inputs) = patches.dims4()?;
            // One product of two matrices.
            let sums = patches
                .reshape((n * side * side, inputs))?
                .matmul(weights)?;
            let outputs = sums.broadcast_add(biases)?.relu()?;
            x = outputs.reshape((n, side, side, biases.dims1()?))?;
        }
        let means = x.mean((1, 2))?;
        means.matmul(&last[0])?.broadcast_add(&last[1])
    }

    /// In the order of [`PARAMETERS`].
    fn parameters(&self) -> Outcome<Box<[f32; PARAMETERS]>> {
        let mut values: Vec<f32> = Vec::new();
        for (layer, [weights, biases]) in self.0.iter().enumerate() {
            let (inputs, outputs) = weights.dims2()?;
            let block = if layer < LAYERS.len() { BLOCK } else { outputs };
            let blocks = weights.reshape((inputs, outputs / block, block))?;
            let weights = blocks.transpose(0, 1)?.contiguous()?;
            for part in [weights.flatten_all()?, biases.flatten_all()?] {
                values.extend(part.to_vec1::<f32>()?);
            }
        }
        let count = values.len();
        let wrong = |_| format!("{count} parameters, expected {PARAMETERS}").into();
        values.into_boxed_slice().try_into().map_err(wrong)
    }
}

/// Every second place's 3 x 3 neighbours: `[n, s, s, c]` to `[n, s/2, s/2, 9 c]`.
fn patches(x: &Tensor) -> candle_core::Result<Tensor> {
    let (n, side, _, channels) = x.dims4()?;
    let (half, frame) = (side / 2, side + 2);
    let framed = x.pad_with_zeros(1, 1, 1)?.pad_with_zeros(2, 1, 1)?;
    let mut pixels = Vec::new();
    for place in 0..half * half {
        let first = 2 * (place / half) * frame + 2 * (place % half);
        pixels.extend((0..9).map(|near| (first + near / 3 * frame + near % 3) as u32));
    }
    framed
        .reshape((n, frame * frame, channels))?
        .index_select(&Tensor::new(pixels, &Device::Cpu)?, 1)?
        .reshape((n, half, half, 9 * channels))
}

fn train(steps: usize, hidden: f64) -> Outcome<Layers> {
    let layers = Layers::new()?;
    let settings = ParamsAdamW {
        lr: LEARNING_RATE,
        weight_decay: 1e-4,
        ..Default::default()
    };
    let mut optimizer = AdamW::new(layers.0.iter().flatten().cloned().collect(), settings)?;
    let mut recent = 0.0;
    for (step, batch) in batches(steps, hidden).into_iter().enumerate() {
        let Batch { pixels, classes } = batch?;
        // A short rise, and half a cosine down to 0.
        let done = step as f64 / steps as f64;
        let rate = (20.0 * done).min(0.5 + 0.5 * (std::f64::consts::PI * done).cos());
        optimizer.set_learning_rate(LEARNING_RATE * rate);
        let images = Tensor::from_vec(pixels, (BATCH, SIDE, SIDE, 3), &Device::Cpu)?;
        let classes = Tensor::from_vec(classes, BATCH, &Device::Cpu)?;
        let loss = candle_nn::loss::cross_entropy(&layers.logits(&images)?, &classes)?;
        optimizer.backward_step(&loss)?;
        recent += f64::from(loss.to_scalar::<f32>()?);
        if (step + 1) % 100 == 0 {
            println!("step {}: mean loss {:.4}", step + 1, recent / 100.0);
            recent = 0.0;
        }
    }
    Ok(layers)
}

/// The plain code must answer what the trained network does.
fn compare(layers: &Layers, parameters: &[f32; PARAMETERS]) -> Outcome<()> {
    let Batch { pixels, .. } = batch(0, 0.5)?;
    let images = Tensor::from_slice(&pixels, (BATCH, SIDE, SIDE, 3), &Device::Cpu)?;
    let expected = layers.logits(&images)?.to_vec2::<f32>()?;
    let mut network = Network::new(parameters);
    for (image, expected) in pixels.chunks_exact(SIDE * SIDE * 3).zip(expected) {
        for (at, &value) in image.iter().enumerate() {
            network.set(at % 3, at / 3 / SIDE, at / 3 % SIDE, value);
        }
        let found = network.logits();
        if found
            .iter()
            .zip(&expected)
            .any(|(a, b)| (a - b).abs() > 1e-3)
        {
            return Err(format!("plain code: {found:?}, candle: {expected:?}").into());
        }
    }
    Ok(())
}

/// How many of the fresh drawings of each class are named.
fn named(parameters: &[f32; PARAMETERS]) -> Outcome<[u32; OUTPUTS]> {
    let mut network = Network::new(parameters);
    let mut named = [0; OUTPUTS];
    for (class, named) in named.iter_mut().enumerate() {
        for seed in 0..u64::from(FRESH.1) {
            let image = draw(class, FRESH.0 + seed, SIDE)?.image;
            for ((c, y, x), &value) in image.indexed_iter() {
                network.set(c, y, x, value);
            }
            let logits = network.logits();
            let best = (0..OUTPUTS).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
            *named += u32::from(best == Some(class));
        }
    }
    Ok(named)
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let file = arguments.first();
    let steps = match arguments.get(1) {
        Some(steps) => steps.parse()?,
        None => file.map_or(FEW, |_| STEPS),
    };
    let hidden = arguments.get(2).map_or(Ok(0.5), |share| share.parse())?;
    // Of seeds from a million on, tests and pictures are made.
    if !(1..=1_000_000 / BATCH).contains(&steps) || !(0.0..=1.0).contains(&hidden) {
        return Err(
            format!("{steps} steps, {hidden} hidden: expected 1 to 15625, and 0 to 1").into(),
        );
    }

    let layers = train(steps, hidden)?;
    let parameters = layers.parameters()?;
    compare(&layers, &parameters)?;
    let named = named(&parameters)?;
    for (class, right) in CLASSES.iter().zip(named) {
        println!("{class:<15} {right:>4} of {}", FRESH.1);
    }
    let mut bytes = b"racm cnn".to_vec();
    for count in [FRESH.1].into_iter().chain(named) {
        bytes.extend(count.to_le_bytes());
    }
    for value in parameters.iter() {
        bytes.extend(value.to_le_bytes());
    }
    if let Some(file) = file {
        std::fs::write(file, bytes)?;
        println!("wrote {file}");
    }
    Ok(())
}
