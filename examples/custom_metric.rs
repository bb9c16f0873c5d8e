//! A metric of your own: does the map add up?
//!
//! *Sensitivity-n* (M. Ancona et al., *Towards better understanding of gradient-based attribution methods*, ICLR 2018)
//! hides random sets of elements and asks whether the score falls most where the map says so: its value is the
//! correlation, over the sets, of the sum of the map in a set with the fall of the score. A metric needs nothing of this
//! crate but a model and a map; what it is on one image is an [`Outcome`], and [`Summary`] makes the mean over images,
//! with its standard error, and counts where there is none.
//!
//! Here an element is a channel of a square of 8 x 8 pixels, and a set has a tenth of them. RISE has one plane for all
//! channels, so it cannot know which one was hidden. A random map is at 0.

use racm::metrics::{Outcome, Summary, Undefined, random_map};
use racm::ndarray::{Array3, Array4, ArrayView3, Axis, s};
use racm::{BlackBoxModel, BoxError, Error, Explainer, Racm, Rise, demo};
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// The side of a square, in pixels.
const SQUARE: usize = 8;

/// Sets of elements that are hidden on each image.
const SETS: usize = 200;

/// The correlation of the map's sums with the falls of a class's score, over [`SETS`] sets of `n` elements.
fn sensitivity_n(
    model: &impl BlackBoxModel,
    image: ArrayView3<'_, f32>,
    map: ArrayView3<'_, f32>,
    class: usize,
    n: usize,
    seed: u64,
) -> Result<Outcome<f64>, BoxError> {
    let (channels, height, width) = image.dim();
    let (rows, columns) = (height.div_ceil(SQUARE), width.div_ceil(SQUARE));
    let score = model.predict(image.insert_axis(Axis(0)))?[[0, class]];
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut sums, mut hidden) = (Vec::new(), Array4::zeros([0, channels, height, width]));
    for _ in 0..SETS {
        let (mut copy, mut sum) = (image.to_owned(), 0.0);
        for element in sample(&mut rng, channels * rows * columns, n) {
            let (channel, square) = (element / (rows * columns), element % (rows * columns));
            let (y, x) = (square / columns * SQUARE, square % columns * SQUARE);
            let (bottom, right) = ((y + SQUARE).min(height), (x + SQUARE).min(width));
            let part = s![channel, y..bottom, x..right];
            sum += map.slice(part).iter().map(|&v| f64::from(v)).sum::<f64>();
            copy.slice_mut(part).fill(0.0);
        }
        sums.push(sum);
        hidden.push(Axis(0), copy.view())?;
    }
    let falls = model.predict(hidden.view())?;
    let falls: Vec<f64> = falls
        .column(class)
        .iter()
        .map(|v| f64::from(score - v))
        .collect();
    Ok(correlation(&sums, &falls))
}

/// Pearson's; there is none where all sums or all falls are one.
fn correlation(a: &[f64], b: &[f64]) -> Outcome<f64> {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |f: fn(f64, f64) -> f64| -> f64 {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| f(a - mean_a, b - mean_b)).sum()
    };
    let (of_a, of_b) = (sum(|a, _| a * a), sum(|_, b| b * b));
    match (of_a > 0.0, of_b > 0.0) {
        (false, _) => Err(Undefined::FlatMap { value: mean_a }),
        (_, false) => Err(Undefined::EqualEnds { score: mean_b }),
        _ => Ok(sum(|a, b| a * b) / (of_a * of_b).sqrt()),
    }
}

/// The maps of one image, `[channels, height, width]` each.
fn maps(image: &Array3<f32>, class: usize) -> Result<[Array3<f32>; 4], Error> {
    let builder = Explainer::builder().masks(2000);
    let racm = builder.clone().family(Racm).build()?;
    let racm = racm.explain(&demo::Classifier, image, class)?;
    let rise = builder.family(Rise).build()?;
    let rise = rise.explain(&demo::Classifier, image, class)?;
    let plane = rise.map().index_axis_move(Axis(0), 0).to_owned();
    let shape = [image.dim().0, image.dim().1, image.dim().2];
    Ok([
        racm.own_effects()?.map().to_owned(),
        racm.map().to_owned(),
        // The plane of RISE stands for every channel.
        Array3::from_shape_fn(image.dim(), |(_, y, x)| plane[[y, x]]),
        random_map(shape, class as u64),
    ])
}

fn main() -> Result<(), BoxError> {
    let mut values = [const { Vec::new() }; 4];
    for class in 0..6 {
        let image = demo::draw(class, 1 << 50, 96)?.image;
        let elements = 3 * (96 / SQUARE) * (96 / SQUARE);
        for (values, map) in values.iter_mut().zip(maps(&image, class)?) {
            let seed = class as u64;
            let value = sensitivity_n(
                &demo::Classifier,
                image.view(),
                map.view(),
                class,
                elements / 10,
                seed,
            )?;
            values.push(value);
        }
    }
    println!(
        "Sensitivity-n over {} signs, mean +- standard error",
        values[0].len()
    );
    let names = ["racm, own effects", "racm", "rise", "random"];
    for (name, values) in names.iter().zip(values) {
        let summary = Summary::of(values);
        match (summary.mean, summary.standard_error) {
            (Some(mean), Some(error)) => println!("{name:<18} {mean:+.3} +- {error:.3}"),
            _ => println!("{name:<18} undefined"),
        }
    }
    Ok(())
}
