//! A weather map of twelve fields, and a network that forecasts rain from it: which field made the
//! forecast, and where?
//!
//! The example makes up a climate in which the rain at a harbour comes from the water vapour over the
//! sea to the west, and from nothing else. Humidity and cloud go along with vapour, as they do
//! outside, so a look at correlations finds all three. A small network learns the forecast from 6000
//! such days. RaCM then explains its forecast for one day, in millimetres of rain: it sees the
//! network only by its answers, and has to find the one field, and the place. The wind's two
//! components make one group, for half a wind is none. The picture goes to `weather.png`, or to the
//! path given.

use racm::ndarray::{Array1, Array2, Array3, Array4, ArrayView3, ArrayView4, Axis, s};
use racm::render::{Panel, write_png};
use racm::{Baseline, Channels, Effect, Error, Estimator, Explainer, FnModel, Link};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const FIELDS: [&str; 12] = [
    "temperature",
    "humidity",
    "vapour",
    "pressure",
    "wind u",
    "wind v",
    "cloud",
    "sunshine",
    "sea surface",
    "soil water",
    "snow",
    "ozone",
];
const HUMIDITY: usize = 1;
const VAPOUR: usize = 2;
const CLOUD: usize = 6;

/// Rows and columns of the map, and the side of the blocks whose means the network sees.
const MAP: [usize; 2] = [40, 64];
const BLOCK: usize = 4;
const COARSE: [usize; 2] = [MAP[0] / BLOCK, MAP[1] / BLOCK];

/// Where vapour makes rain, in blocks: rows and columns.
const SOURCE: [std::ops::Range<usize>; 2] = [3..6, 4..8];

/// A day's fields, each as its distance from the climate's mean in standard deviations, on a map of
/// this size.
fn day(random: &mut ChaCha8Rng, [height, width]: [usize; 2]) -> Array3<f32> {
    let mut day = Array3::zeros((FIELDS.len(), height, width));
    for mut field in day.outer_iter_mut() {
        for _ in 0..12 {
            // A high or a low: its place, its extent and its strength.
            let mut between = |low: f32, high: f32| low + (high - low) * random.random::<f32>();
            let (y, x) = (between(-0.2, 1.2), between(-0.2, 1.2));
            let (extent, strength) = (between(0.1, 0.25), between(-1.6, 1.6));
            let bump = |at: usize, length: usize, centre: f32, scale: f32| {
                let away = ((at as f32 + 0.5) / length as f32 - centre) / scale;
                (-0.5 * away * away).exp()
            };
            let columns = Array1::from_shape_fn(width, |i| bump(i, width, x, 0.7 * extent));
            for (row, mut values) in field.outer_iter_mut().enumerate() {
                values.scaled_add(strength * bump(row, height, y, extent), &columns);
            }
        }
    }
    let vapour = day.index_axis(Axis(0), VAPOUR).to_owned();
    for (field, share) in [(HUMIDITY, 0.7), (CLOUD, 0.6f32)] {
        let own = (1.0 - share * share).sqrt();
        let mut field = day.index_axis_mut(Axis(0), field);
        field.zip_mut_with(&vapour, |v, &w| *v = share * w + own * *v);
    }
    day
}

/// The truth, which neither the network nor the explanation is told: millimetres of rain.
fn rain(coarse: ArrayView3<'_, f32>) -> f32 {
    let [rows, columns] = SOURCE;
    let vapour = coarse
        .slice(s![VAPOUR, rows, columns])
        .mean()
        .unwrap_or(0.0);
    4.0 * (1.0 + (2.0 * vapour - 0.5).exp()).ln()
}

/// Means of blocks.
fn coarse(day: ArrayView3<'_, f32>) -> Array3<f32> {
    let mut out = Array3::zeros((FIELDS.len(), COARSE[0], COARSE[1]));
    for (field, mut out) in day.outer_iter().zip(out.outer_iter_mut()) {
        for (rows, mut out) in field
            .axis_chunks_iter(Axis(0), BLOCK)
            .zip(out.outer_iter_mut())
        {
            for row in rows.outer_iter() {
                for (at, value) in row.iter().enumerate() {
                    out[at / BLOCK] += value / (BLOCK * BLOCK) as f32;
                }
            }
        }
    }
    out
}

/// Eight hidden units that see every block of every field.
struct Network {
    /// One row a unit.
    hidden: Array2<f32>,
    bias: Array1<f32>,
    output: Array1<f32>,
    constant: f32,
}

impl Network {
    const UNITS: usize = 8;

    fn forecast(&self, inputs: &Array1<f32>) -> f32 {
        let units = (self.hidden.dot(inputs) + &self.bias).mapv(f32::tanh);
        self.output.dot(&units) + self.constant
    }

    /// Stochastic gradient descent on squared errors, with a step that shrinks.
    fn trained(random: &mut ChaCha8Rng, days: usize) -> Network {
        let examples: Vec<_> = (0..days)
            .map(|_| {
                let day = day(random, COARSE);
                let rain = rain(day.view());
                (Array1::from_iter(day), rain)
            })
            .collect();
        let mut small = || 0.02 * (random.random::<f32>() - 0.5);
        let inputs = examples[0].0.len();
        let mut network = Network {
            hidden: Array2::from_shape_simple_fn((Self::UNITS, inputs), &mut small),
            bias: Array1::from_shape_simple_fn(Self::UNITS, &mut small),
            output: Array1::from_shape_simple_fn(Self::UNITS, || 10.0 * small()),
            constant: 4.0,
        };
        const ROUNDS: usize = 12;
        for round in 0..ROUNDS {
            let step = 2e-3 * (1.0 - round as f32 / ROUNDS as f32);
            for (inputs, rain) in &examples {
                let units = (network.hidden.dot(inputs) + &network.bias).mapv(f32::tanh);
                let error = network.output.dot(&units) + network.constant - rain;
                for (k, &unit) in units.iter().enumerate() {
                    let gradient = step * error * network.output[k] * (1.0 - unit * unit);
                    network
                        .hidden
                        .row_mut(k)
                        .scaled_add(-gradient / 8.0, inputs);
                    network.bias[k] -= gradient;
                    network.output[k] -= step * error * unit;
                }
                network.constant -= step * error;
            }
        }
        network
    }
}

fn main() -> Result<(), Error> {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let network = Network::trained(&mut random, 6000);

    // On days that it has not seen.
    let days: Vec<_> = (0..500).map(|_| day(&mut random, COARSE)).collect();
    let truth = Array1::from_iter(days.iter().map(|day| rain(day.view())));
    let forecasts = days
        .into_iter()
        .map(|day| network.forecast(&Array1::from_iter(day)));
    let errors = Array1::from_iter(forecasts) - &truth;
    let explained = 1.0 - errors.var(0.0) / truth.var(0.0);
    println!(
        "the network forecasts {:.1} % of the rain's variance",
        100.0 * explained
    );

    // A day of much rain, in detail.
    let mut today = day(&mut random, MAP);
    while rain(coarse(today.view()).view()) < 10.0 {
        today = day(&mut random, MAP);
    }
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        let rain = |n| {
            let inputs = Array1::from_iter(coarse(batch.index_axis(Axis(0), n)));
            network.forecast(&inputs)
        };
        Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| rain(n))
    });

    // Each field by itself, but for the wind. What is masked shows 0, the climate's mean.
    let channels = Channels::named(FIELDS)?.joined("wind=wind u+wind v")?;
    let family = channels.grouped()?;
    let groups = family.groups().to_vec();
    // Twenty contrasts below, and for each the default would fit the scores anew.
    let explainer = Explainer::builder()
        .estimator(Estimator::Centred)
        .family(family)
        .grid(5, 8)
        .baseline(Baseline::Constant(0.0))
        .effect(Effect::Own)
        .masks(4000)
        .build()?;
    let pilot = explainer.pilot(
        &model,
        &today,
        0,
        &[0.2, 0.35, 0.5, 0.65],
        &[Link::Identity],
    )?;
    let p_pix = pilot.best().map_or(0.5, |best| best.p_pix);
    let explainer = explainer.to_builder().p_pix(p_pix).build()?;
    let explanation = explainer.explain(&model, &today, 0)?;

    let forecast = explanation.unmasked_scores()[0];
    println!(
        "a forecast of {forecast:.1} mm, explained with {} masks of P_pix {p_pix}",
        explanation.masks()
    );
    println!("field          over the source      elsewhere (mean effect in mm)");
    let names = explanation.plan().plane_names();
    let source = SOURCE.map(|range| range.start * BLOCK..range.end * BLOCK);
    let inside = |y: usize, x: usize| source[0].contains(&y) && source[1].contains(&x);
    for (plane, name) in names.iter().enumerate() {
        let mean = |within: bool| {
            let weight = |(j, y, x): (usize, usize, usize)| {
                f64::from(u8::from(j == plane && inside(y, x) == within))
            };
            let weights = Array3::from_shape_fn(explanation.map().dim(), weight);
            let total = weights.sum();
            explanation.contrast(0, &(weights / total))
        };
        let columns = [mean(true)?, mean(false)?]
            .map(|(value, error)| format!("{value:+.3} +- {:.3}   ", error.unwrap_or(f64::NAN)));
        println!("{name:<12} {}", columns.concat());
    }

    // Above each map its field, grey; of the wind, how strong it is.
    let mut pictures = Array4::zeros((names.len(), 3, MAP[0], MAP[1]));
    for (channels, mut picture) in groups.iter().zip(pictures.outer_iter_mut()) {
        let field = today.select(Axis(0), channels);
        let grey = match field.dim().0 {
            1 => field.index_axis(Axis(0), 0).mapv(|v| 0.5 + v / 6.0),
            _ => field
                .mapv(|v| v * v)
                .sum_axis(Axis(0))
                .mapv(|v| v.sqrt() / 4.0),
        };
        picture.assign(&grey.mapv(|v| v.clamp(0.0, 1.0)).insert_axis(Axis(0)));
    }
    let panel = Panel::new(&explanation.map(), &names)
        .plane_pictures(&pictures)
        .carried(&explanation.carried(0)?)
        .quantity("mm of rain")
        .columns(4)
        .tile_size(256)
        .caption(format!(
            "What each field by itself adds to a forecast of {forecast:.1} mm at the harbour (RaCM, own effects, {} masks)",
            explanation.masks()
        ))
        .draw()?;
    let path = std::env::args().nth(1);
    let path = path.unwrap_or_else(|| "weather.png".to_owned());
    write_png(&path, &panel)?;
    println!("wrote {path}");
    Ok(())
}
