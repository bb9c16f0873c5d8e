//! Two models compared: where do they disagree?
//!
//! Two detectors of the colour red look at one picture with a red disc and a white one. The first
//! asks for much red; the second, which was taught badly, takes white for red as well. Both give a
//! number with a unit, the percentage of the picture that is red, so maps are in percentage points.
//! They are the two outputs of one `FnModel`, so that every masked image is scored by both, and the
//! map of `Target::difference` is that of "the second rather than the first", with error bars of its
//! own: near 0 on the red disc, where both agree, and high on the white one, where they do not.

use racm::ndarray::{Array2, Array3, ArrayView3, ArrayView4, Axis};
use racm::{Error, Estimator, Explainer, FnModel, Target};

/// Rows and columns of the two discs' centres, and their radius.
const RED: [f32; 2] = [20.0, 18.0];
const WHITE: [f32; 2] = [44.0, 46.0];
const RADIUS: f32 = 9.0;

fn within(centre: [f32; 2], y: usize, x: usize) -> bool {
    (y as f32 - centre[0]).hypot(x as f32 - centre[1]) < RADIUS
}

fn picture() -> Array3<f32> {
    Array3::from_shape_fn((3, 64, 64), |(c, y, x)| {
        match (within(RED, y, x), within(WHITE, y, x)) {
            (true, _) => [0.9, 0.1, 0.1][c],
            (_, true) => 0.9,
            _ => 0.2,
        }
    })
}

/// The percentage of the pixels that are red, by a rule for one pixel.
fn percentage(image: &ArrayView3<'_, f32>, is_red: impl Fn(f32, f32, f32) -> bool) -> f32 {
    let [red, green, blue] = [0, 1, 2].map(|c| image.index_axis(Axis(0), c));
    let pixels = red.iter().zip(&green).zip(&blue);
    let count = pixels.filter(|&((&r, &g), &b)| is_red(r, g, b)).count();
    100.0 * count as f32 / red.len() as f32
}

fn good(image: &ArrayView3<'_, f32>) -> f32 {
    percentage(image, |r, g, b| r > 0.5 && g.max(b) < 0.5)
}

fn bad(image: &ArrayView3<'_, f32>) -> f32 {
    percentage(image, |r, _, _| r > 0.5)
}

fn main() -> Result<(), Error> {
    let both = FnModel::new(|batch: ArrayView4<'_, f32>| {
        Array2::from_shape_fn((batch.dim().0, 2), |(n, model)| {
            let image = batch.index_axis(Axis(0), n);
            [good, bad][model](&image)
        })
    });
    // Linear in the scores: the map of the difference is the difference of the maps.
    let builder = Explainer::builder().estimator(Estimator::Centred);
    let explainer = builder.masks(2000).build()?;
    let disagreement = explainer.explain(&both, &picture(), Target::difference(1, 0))?;
    let [bad, good] = [0, 1].map(|model| disagreement.unmasked_scores()[model]);
    println!("red: {good:.1} % says the good model, {bad:.1} % the bad one");

    // The same scores, model by model: no more calls.
    let each = disagreement.with_target([0, 1])?;
    let discs = [("the red disc", RED), ("the white disc", WHITE)];
    println!(
        "mean importance, % of     the good model       the bad one          their difference"
    );
    for (name, centre) in discs {
        let mut weights = Array3::<f64>::zeros((3, 64, 64));
        for ((_, y, x), weight) in weights.indexed_iter_mut() {
            *weight = f64::from(u8::from(within(centre, y, x)));
        }
        weights /= weights.sum();
        let contrasts = [
            each.contrast(0, &weights)?,
            each.contrast(1, &weights)?,
            disagreement.contrast(0, &weights)?,
        ];
        let columns = contrasts.map(|(value, error)| {
            let error = error.unwrap_or(f64::NAN);
            format!("   {value:+.4} +- {error:.4}")
        });
        println!("{name:<20}{}", columns.concat());
    }
    Ok(())
}
