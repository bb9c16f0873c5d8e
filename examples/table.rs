//! A table of 20 features: what RaCM says of each, beside exact Shapley values.
//!
//! A table is an image without neighbours. It can be handed over in two ways:
//! - `[20, 1, 1]`, one *channel* a feature: RaCM shows a random set of them, or (with probability 1 - `P_pix`) nothing. The
//!   map says what it is worth to show a feature together with half of the others, own effects what it does by itself.
//! - `[1, 1, 20]`, one *pixel* a feature: RISE throws a coin for each.
//!
//! The small model here is an application for a loan, whose score is known rule by rule, so that all 2^20 sets of features can
//! be scored and both values of game theory are exact. With the feature `render` a chart goes to `table.png`, or to the
//! path given.

use racm::ndarray::{Array2, Array3, ArrayView4};
use racm::{Error, Estimator, Explainer, Explanation, FnModel, Rise};

const FEATURES: [&str; 20] = [
    "income",
    "savings",
    "debt",
    "rent",
    "years in job",
    "years at bank",
    "guarantor",
    "guarantor's income",
    "passport",
    "signature",
    "bank statement",
    "phone",
    "email",
    "address",
    "missed payments",
    "children",
    "browser",
    "day of birth",
    "shoe size",
    "star sign",
];

/// The score of an application, 0 where a feature is not known: numbers that add up, a pair and a triple that count together
/// only, a triple of which one is enough, and at the end four features without a part.
fn score(x: &[f32]) -> f32 {
    let alone = 0.20 * x[0] + 0.12 * x[1] - 0.15 * x[2] - 0.06 * x[3] + 0.08 * x[4] + 0.03 * x[5];
    let alone = alone - 0.10 * x[14] - 0.02 * x[15];
    let pair = 0.16 * x[6] * x[7];
    let papers = 0.24 * x[8] * x[9] * x[10];
    let reachable = 0.18 * x[11].max(x[12]).max(x[13]);
    alone + pair + papers + reachable
}

/// Of the game in which a set of features is worth the score of an application with those only.
struct Exact {
    shapley: Vec<f64>,
    banzhaf: Vec<f64>,
    /// What a set is worth on average.
    mean: f64,
}

/// Both values are means of what a feature adds to a set of the others. Shapley's counts all *sizes* of that set alike,
/// Banzhaf's all *sets*, and most of those hold about half of the others.
fn exact() -> Exact {
    let n = FEATURES.len();
    let worth = |set: usize| {
        let x: [f32; 20] = std::array::from_fn(|i| (set >> i & 1) as f32);
        f64::from(score(&x))
    };
    let worth: Vec<f64> = (0..1 << n).map(worth).collect();
    // 1 / (n C(n - 1, size)), from size to size.
    let mut by_size = vec![1.0 / n as f64];
    for size in 1..n {
        by_size.push(by_size[size - 1] * size as f64 / (n - size) as f64);
    }
    let (mut shapley, mut banzhaf) = (vec![0.0; n], vec![0.0; n]);
    for (set, &before) in worth.iter().enumerate() {
        let size = set.count_ones() as usize;
        for feature in (0..n).filter(|i| set >> i & 1 == 0) {
            let adds = worth[set | 1 << feature] - before;
            shapley[feature] += by_size[size] * adds;
            banzhaf[feature] += adds / (worth.len() / 2) as f64;
        }
    }
    let mean = worth.iter().sum::<f64>() / worth.len() as f64;
    Exact {
        shapley,
        banzhaf,
        mean,
    }
}

fn main() -> Result<(), Error> {
    let Exact {
        shapley,
        banzhaf,
        mean,
    } = exact();
    // The model takes whatever shape a table comes in.
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        let rows = batch
            .outer_iter()
            .map(|x| x.iter().copied().collect::<Vec<f32>>());
        Array2::from_shape_vec((batch.dim().0, 1), rows.map(|x| score(&x)).collect())
    });

    // Beside exact values, what has no bias.
    let builder = Explainer::builder()
        .estimator(Estimator::Centred)
        .masks(20_000);
    // Half of the masks would show nothing at all with the usual P_pix of 0.5; own effects are the same for any.
    let channels = Array3::ones((20, 1, 1));
    let by_channel = |p_pix| {
        let explainer = builder.clone().p_pix(p_pix).build()?;
        let planes = explainer.explain(&model, &channels, 0)?;
        let own = planes.own_effects()?;
        Ok::<_, Error>((planes, own))
    };
    let ((planes, own), (_, own_by_half)) = (by_channel(0.9)?, by_channel(0.5)?);

    // Without a grid that is set, one cell a pixel: there are no more than 20.
    let pixels = Array3::ones((1, 1, 20));
    let by_pixel = builder.clone().family(Rise).build()?;
    let coins = by_pixel.explain(&model, &pixels, 0)?;

    println!(
        "score {:.3}, {} masks each",
        planes.unmasked_scores()[0],
        planes.masks()
    );
    println!(
        "{:<20}{:^20}{:^20}{:^20}{:>9}{:>9}",
        "", "RaCM", "own effects", "coins (RISE)", "Banzhaf", "Shapley"
    );
    let [map, own_cells, coins] = [cells(&planes)?, cells(&own)?, cells(&coins)?];
    for (i, name) in FEATURES.iter().enumerate() {
        let estimates = format!("{}{}{}", map[i], own_cells[i], coins[i]);
        println!(
            "{name:<20}{estimates}{:>+9.4}{:>+9.4}",
            banzhaf[i], shapley[i]
        );
    }
    let sum = |values: &[f64]| values.iter().sum::<f64>();
    println!(
        "{:<80}{:>+9.4}{:>+9.4}",
        "sum",
        sum(&banzhaf),
        sum(&shapley)
    );
    // Nothing shown is worth 0 here.
    let shift = (2.0 * mean - sum(&banzhaf)) / 21.0;
    println!("{DIFFERENCE} (here {shift:+.4}).");
    let fewer = variance(&own_by_half)? / variance(&own)?;
    println!("  With P_pix 0.5 in the place of 0.9 they take {fewer:.1} times as many masks.");
    draw(&own, &shapley)
}

const DIFFERENCE: &str = "
What the difference means
- income, debt and all else that adds up: all values agree.
- passport, signature, bank statement: 0.24, but only together. Shapley's value shares this out, a third for each, and so
  sums to the score. A coin for each feature shows both of the others in a quarter of the sets, so each gets a quarter of it:
  Banzhaf's value, what a feature does where half of the others are known. Of phone, email and address one is enough, and
  it is the same with them.
- RaCM's map compares \"shown, with half of the others\" with \"nothing shown\", so that star sign, without a part, has half
  of what the others are worth. Own effects undo that: they are Banzhaf's values and a number that all features share, 0
  where features add up";

/// A plane or pixel a line: the value with its standard error, if there is one.
fn cells(explanation: &Explanation) -> Result<Vec<String>, Error> {
    let errors = explanation.standard_error()?;
    let mut errors = errors.iter().flatten();
    let values = explanation.map();
    let cell = |value: &f32| match errors.next() {
        Some(error) => format!("  {value:+.4} +- {error:.4}  "),
        None => format!("  {value:+.4}            "),
    };
    Ok(values.iter().map(cell).collect())
}

/// The sum of the squared errors.
fn variance(explanation: &Explanation) -> Result<f32, Error> {
    let errors = explanation.standard_error()?;
    Ok(errors.iter().flatten().map(|error| error * error).sum())
}

#[cfg(feature = "render")]
fn draw(own: &Explanation, shapley: &[f64]) -> Result<(), Error> {
    use racm::render::{BarChart, write_png};

    let (map, errors) = (own.map(), own.standard_error()?);
    let shapley = Array3::from_shape_fn(map.dim(), |(feature, _, _)| shapley[feature] as f32);
    let mut chart = BarChart::new(&map, &FEATURES)
        .sorted(true)
        .beside(&shapley, "exact Shapley value")
        .caption(format!("RaCM, own effects, {} masks", own.masks()));
    if let Some(errors) = &errors {
        chart = chart.standard_error(errors);
    }
    let path = std::env::args().nth(1);
    let path = path.unwrap_or_else(|| "table.png".to_owned());
    write_png(&path, &chart.draw()?)?;
    println!("wrote {path}");
    Ok(())
}

#[cfg(not(feature = "render"))]
fn draw(_: &Explanation, _: &[f64]) -> Result<(), Error> {
    Ok(())
}
