//! Series: which sensor, and when?
//!
//! Four sensors of a machine, 600 samples each, ten a second. The vibration has a burst around second 38, and the "model" gives
//! an alarm by it; a swing of the temperature at another time, the pressure and the speed play no part. RaCM finds the sensor
//! and the time.
//!
//! Cells of one length see one scale: long ones say whether there is anything, short ones where. Maps of several lengths are
//! averaged, with their errors, and shown in one picture. With the feature `render` it goes to `sensor_series.png`, or to
//! the path given.

use racm::ndarray::{Array2, Array3, ArrayView4, s};
use racm::{Baseline, Effect, Error, Estimator, Explainer, FnModel};

const SENSORS: [&str; 4] = [
    "vibration (mm/s)",
    "temperature (°C)",
    "pressure (bar)",
    "speed (1/min)",
];
const SAMPLES: usize = 600;
/// The burst.
const EVENT: std::ops::Range<usize> = 370..400;
/// Cells along the series: 12, 6, 3 and 1.5 seconds each.
const CELLS: [usize; 4] = [5, 10, 20, 40];

fn sensors() -> Array3<f32> {
    Array3::from_shape_fn((4, 1, SAMPLES), |(sensor, _, t)| {
        let at = t as f32;
        // Something irregular in [-1, 1].
        let noise = ((at * 12.9898 + sensor as f32 * 78.233).sin() * 43_758.547).fract();
        let bump = |centre: f32, width: f32| (-((at - centre) / width).powi(2)).exp();
        match sensor {
            0 => 0.3 * noise + 2.5 * bump(385.0, 12.0) * (1.3 * at).sin(),
            1 => 61.0 + 0.1 * noise + 6.0 * bump(180.0, 40.0),
            2 => 4.0 + 0.05 * noise + 0.3 * (0.03 * at).sin(),
            _ => 1480.0 + 3.0 * noise + 12.0 * (0.011 * at).cos(),
        }
    })
}

fn main() -> Result<(), Error> {
    let series = sensors();
    // The rule, which the explainer does not know: the strength of the vibration during the burst.
    let alarm = FnModel::new(|batch: ArrayView4<'_, f32>| {
        let strength = |n| {
            let burst = batch.slice(s![n, 0, 0, EVENT]);
            let square = burst.iter().map(|v| v * v).sum::<f32>() / burst.len() as f32;
            1.0 / (1.0 + (-4.0 * (square.sqrt() - 0.8)).exp())
        };
        Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| strength(n))
    });
    // A pressure of 0 is not "no pressure": what is hidden shows the sensor's mean.
    let means = series
        .outer_iter()
        .map(|sensor| sensor.mean().unwrap_or(0.0));
    let baseline = Baseline::PerChannel(means.collect());

    let (mut map, mut variance) = (
        Array3::<f32>::zeros(series.dim()),
        Array3::<f32>::zeros(series.dim()),
    );
    println!("alarm level by own effects, mean over the burst and over all else");
    for (seed, cells) in CELLS.into_iter().enumerate() {
        // Other seeds are other masks, so that the errors of unbiased maps are independent and their squares add up.
        let explainer = Explainer::builder()
            .estimator(Estimator::Centred)
            .grid(1, cells)
            .seed(1 + seed as u64)
            .effect(Effect::Own)
            .baseline(baseline.clone())
            .masks(2000)
            .build()?;
        let explanation = explainer.explain(&alarm, &series, 0)?;
        let seconds = 0.1 * SAMPLES as f64 / cells as f64;
        println!("cells of {seconds} s:");
        for (sensor, name) in SENSORS.iter().enumerate() {
            let (inside, outside) = (
                mean(&explanation, sensor, true)?,
                mean(&explanation, sensor, false)?,
            );
            println!("  {name:<17}{inside}{outside}");
        }
        map += &explanation.map();
        if let Some(error) = explanation.standard_error()? {
            variance += &(&error * &error);
        }
    }
    let lengths = CELLS.len() as f32;
    map /= lengths;
    let error = variance.mapv(|v| v.sqrt() / lengths);

    let highest = map.indexed_iter().max_by(|a, b| a.1.total_cmp(b.1));
    if let Some(((sensor, _, t), value)) = highest {
        let (name, second) = (SENSORS[sensor], 0.1 * t as f64);
        println!(
            "all lengths: {name} at second {second:.1}, {value:+.3} +- {:.3}",
            error[[sensor, 0, t]]
        );
    }
    draw(&series, &map, &error)
}

/// The mean of a sensor's importance inside or outside the burst, with its standard error.
fn mean(explanation: &racm::Explanation, sensor: usize, inside: bool) -> Result<String, Error> {
    let mut weights = Array3::from_shape_fn((4, 1, SAMPLES), |(s, _, t)| {
        f64::from(u8::from(s == sensor && EVENT.contains(&t) == inside))
    });
    weights /= weights.sum();
    let (value, error) = explanation.contrast(0, &weights)?;
    Ok(format!(
        "   {value:+.4} +- {:.4}",
        error.unwrap_or(f64::NAN)
    ))
}

#[cfg(feature = "render")]
fn draw(series: &Array3<f32>, map: &Array3<f32>, error: &Array3<f32>) -> Result<(), Error> {
    use racm::render::{SeriesPlot, write_png};

    let plot = SeriesPlot::new(map, &SENSORS)
        .series(series, &SENSORS)
        .standard_error(error)
        .axis(0.0, 0.1, "time (s)")
        .caption(format!("RaCM, own effects on the alarm level, mean of the maps of {CELLS:?} cells, 2000 masks each"))
        .draw()?;
    let path = std::env::args().nth(1);
    let path = path.unwrap_or_else(|| "sensor_series.png".to_owned());
    write_png(&path, &plot)?;
    println!("wrote {path}");
    Ok(())
}

#[cfg(not(feature = "render"))]
fn draw(_: &Array3<f32>, _: &Array3<f32>, _: &Array3<f32>) -> Result<(), Error> {
    Ok(())
}
