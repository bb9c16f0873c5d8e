//! Channels that are no colours: a weather field with a known rule.
//!
//! Five fields over a 40 x 60 map: temperature, humidity, pressure, wind and cloud. The "model"
//! warns of a storm if, over a bay in the east, the air is humid while the pressure is low; wind,
//! cloud and temperature play no part, nor does the rest of the map. RaCM finds the two channels
//! and the place, with error bars. Zero pressure is not "no pressure", so the baseline is the mean
//! of each field.

use racm::ndarray::{Array2, Array3, ArrayView4, Axis, s};
use racm::{Baseline, Error, Explainer, FnModel};

const FIELDS: [&str; 5] = ["temperature", "humidity", "pressure", "wind", "cloud"];

/// Degrees Celsius, percent, hectopascal, metres a second, eighths of the sky.
fn weather() -> Array3<f32> {
    Array3::from_shape_fn((5, 40, 60), |(field, y, x)| {
        let (y, x) = (y as f32, x as f32);
        let storm = (-((y - 12.0).powi(2) + (x - 44.0).powi(2)) / 90.0).exp();
        match field {
            0 => 14.0 + 0.1 * y + 2.0 * (0.2 * x).sin(),
            1 => 55.0 + 40.0 * storm + 3.0 * (0.3 * y).cos(),
            2 => 1016.0 - 30.0 * storm + 0.05 * x,
            3 => 4.0 + 12.0 * storm + (0.25 * (x + y)).sin(),
            _ => 3.0 + 5.0 * storm,
        }
    })
}

fn main() -> Result<(), Error> {
    let weather = weather();
    let means: Vec<f32> = weather
        .outer_iter()
        .map(|field| field.mean().unwrap_or(0.0))
        .collect();

    // The rule, which the explainer does not know.
    let bay = s![6..18, 38..50];
    let storm_warning = FnModel::new(move |batch: ArrayView4<'_, f32>| {
        Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| {
            let image = batch.index_axis(Axis(0), n);
            let mean = |field: usize| {
                image
                    .index_axis(Axis(0), field)
                    .slice(bay)
                    .mean()
                    .unwrap_or(0.0)
            };
            let humid = 1.0 / (1.0 + (-(mean(1) - 70.0) / 5.0).exp());
            let low = 1.0 / (1.0 + ((mean(2) - 1006.0) / 3.0).exp());
            humid * low
        })
    });

    let explanation = Explainer::builder()
        .grid(5, 6)
        .masks(8000)
        .baseline(Baseline::PerChannel(means))
        .build()?
        .explain(&storm_warning, &weather, 0)?;

    println!("warning level {:.3}", explanation.unmasked_scores()[0]);
    println!("mean importance    over the bay        against the other fields    elsewhere");
    let mut bay_weights = Array2::<f64>::zeros((40, 60));
    bay_weights.slice_mut(bay).fill(1.0);
    let rest = bay_weights.mapv(|w| 1.0 - w);
    let (bay_mean, rest_mean) = (&bay_weights / bay_weights.sum(), &rest / rest.sum());
    for (field, name) in FIELDS.iter().enumerate() {
        // Passing one channel makes the others more likely to pass, so a field that plays no part
        // shares about half of what the others do; the difference between fields shows the rule.
        let only = |other: usize| f64::from(u8::from(other == field));
        let against = |other: usize| if other == field { 1.0 } else { -0.25 };
        let contrasts = [
            explanation.contrast(0, &weights(&bay_mean, only))?,
            explanation.contrast(0, &weights(&bay_mean, against))?,
            explanation.contrast(0, &weights(&rest_mean, only))?,
        ];
        let columns = contrasts
            .map(|(value, error)| format!("   {value:+.4} +- {:.4}   ", error.unwrap_or(f64::NAN)));
        println!("{name:<12}{}", columns.concat());
    }
    Ok(())
}

/// The weights of a contrast: those of the pixels, times those of the fields.
fn weights(pixels: &Array2<f64>, field: impl Fn(usize) -> f64) -> Array3<f64> {
    Array3::from_shape_fn((5, 40, 60), |(f, y, x)| field(f) * pixels[[y, x]])
}
