//! How far each part is from its limit, in one run: `cargo bench --bench limits`.
//!
//! The limit of rendering is copying the image into the batch. Cases take turns, so that a slow
//! moment of the machine hits all of them, and the ratios are those of medians. All figures at
//! 224 x 224 x 3, 8 x 8 cells, shifted, B = 32, on one thread unless said otherwise. Instead of all
//! parts, one is asked for by its name, `cargo bench --bench limits -- PART`:
//!
//! - `rendering`, `end-to-end`, `sums`, `maps`: the parts;
//! - `colour`: from another colour space to RGB beside copying, with the feature `colour`;
//! - `count PART N` (copy, soft, hard, mc-rise, sums, sums-1000): so many masks and nothing else, for an instruction counter;
//! - `growth`: how time grows with N, pixels, channels and targets, and memory with N (Linux); with
//!   the feature `plot` it also draws `benches/growth.svg`;
//! - `model MODEL.onnx N BATCH...`: explanations of N masks beside pure inference, with the features
//!   `onnx` (rten) and `ort` (ONNX Runtime, found by `ORT_DYLIB_PATH`);
//! - `memory N`: by how many kB explaining a free model with N masks raises the peak (Linux).

#[cfg(feature = "colour")]
mod colour;
mod count;
mod growth;
#[cfg(any(feature = "onnx", feature = "ort"))]
mod overhead;
mod parts;
#[cfg(feature = "plot")]
mod plot;

use std::time::Instant;

use ndarray::{Array2, Array3, ArrayView4};
use racm::{BlackBoxModel, FnModel};
use rayon::{ThreadPool, ThreadPoolBuilder};

const SHAPE: [usize; 3] = [3, 224, 224];
const BATCH: usize = 32;

fn image(shape: [usize; 3]) -> Array3<f32> {
    Array3::from_shape_fn(shape, |(c, y, x)| {
        ((c * 7 + y * 3 + x) % 256) as f32 / 255.0
    })
}

/// Scores from a few pixels: a model that costs nothing.
fn free_model(classes: usize) -> impl BlackBoxModel + Sync {
    FnModel::new(move |batch: ArrayView4<'_, f32>| {
        let (n, _, height, width) = batch.dim();
        Array2::from_shape_fn((n, classes), |(n, k)| {
            batch[[n, 0, height / 2, width / 2]] + batch[[n, 0, k % height, k % width]]
        })
    })
}

fn pool(threads: usize) -> ThreadPool {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("a pool")
}

fn seconds(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64()
}

/// Median seconds of every case; the cases take turns.
fn medians(rounds: usize, cases: &mut [Box<dyn FnMut() + '_>]) -> Vec<f64> {
    let mut times = vec![Vec::new(); cases.len()];
    for _ in 0..=rounds {
        for (case, times) in cases.iter_mut().zip(&mut times) {
            times.push(seconds(case));
        }
    }
    let median = |mut times: Vec<f64>| {
        // The first round warms up.
        times.remove(0);
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    times.into_iter().map(median).collect()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|a| !a.starts_with("--"))
        .collect();
    match arguments[..] {
        ["rendering"] => parts::rendering(),
        ["end-to-end"] => parts::end_to_end(),
        ["sums"] => parts::sums(),
        ["maps"] => parts::maps(),
        #[cfg(feature = "colour")]
        ["colour"] => colour::colour(),
        ["count", part, masks] => count::count(part, masks.parse().expect("a number of masks")),
        ["growth"] => growth::growth(),
        #[cfg(any(feature = "onnx", feature = "ort"))]
        ["model", path, masks, ref batches @ ..] => {
            let number = |a: &str| a.parse().expect("a number");
            let batches: Vec<usize> = batches.iter().map(|a| number(a)).collect();
            overhead::model(path, number(masks), &batches);
        }
        ["memory", masks] => growth::memory(masks.parse().expect("a number of masks")),
        [unknown, ..] => panic!("no part {unknown} with these arguments and features"),
        [] => {
            parts::rendering();
            parts::end_to_end();
            parts::sums();
            parts::maps();
        }
    }
}
