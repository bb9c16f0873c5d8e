//! A detector: why does it see this object here? (D-RISE)
//!
//! A detector's answer is a list of boxes, not scores of classes. D-RISE makes a score of it: how
//! much is there, among the detections in a masked image, one like the box to be explained? That is
//! the largest product of the overlap of the boxes, the cosine between the probabilities of their
//! classes, and how sure the detector is that there is an object.
//!
//! The detector of the example looks for bright patches with a window of fixed size at every place.
//! Patches of much red are apples to it, of much green pears; the picture has one of each. Each of
//! the two boxes is explained by one run; both maps lie on their own object, and in its own channel.
//!
//! V. Petsiuk et al.: *Black-box Explanation of Object Detectors via Saliency Maps*, CVPR 2021.

use racm::ndarray::{Array2, Array3, ArrayView3, ArrayView4, Axis, s};
use racm::{Error, Explainer, FnModel};

const SIZE: usize = 64;
/// Sides of the objects and of the detector's window.
const SIDE: usize = 16;
const CLASSES: [&str; 2] = ["apple", "pear"];

/// What a detector says of one object.
#[derive(Clone, Copy)]
struct Detection {
    /// Top, left, bottom, right.
    corners: [f32; 4],
    probabilities: [f32; 2],
    /// How sure it is that there is an object.
    objectness: f32,
}

/// A red square at the top left, a green one at the bottom right.
fn picture() -> Array3<f32> {
    let mut image = Array3::from_elem((3, SIZE, SIZE), 0.15);
    for (channel, at) in [(0, 8), (1, 40)] {
        image
            .slice_mut(s![channel, at..at + SIDE, at..at + SIDE])
            .fill(0.9);
    }
    image
}

/// All windows with some colour, every 4 pixels.
fn detect(image: &ArrayView3<'_, f32>) -> Vec<Detection> {
    let places = (0..=SIZE - SIDE).step_by(4);
    let windows = places
        .clone()
        .flat_map(|y| places.clone().map(move |x| (y, x)));
    let look = |(y, x): (usize, usize)| {
        let window = image.slice(s![.., y..y + SIDE, x..x + SIDE]);
        let [red, green] = [0, 1].map(|c| window.index_axis(Axis(0), c).mean().unwrap_or(0.0));
        let objectness = (red.max(green) - 0.2).clamp(0.0, 1.0);
        let apple = 1.0 / (1.0 + (-12.0 * (red - green)).exp());
        Detection {
            corners: [y, x, y + SIDE, x + SIDE].map(|v| v as f32),
            probabilities: [apple, 1.0 - apple],
            objectness,
        }
    };
    windows.map(look).filter(|d| d.objectness > 0.0).collect()
}

/// The area that two boxes share, over that of both together.
fn overlap(a: [f32; 4], b: [f32; 4]) -> f32 {
    let side = |i: usize| (a[i + 2].min(b[i + 2]) - a[i].max(b[i])).max(0.0);
    let area = |c: [f32; 4]| (c[2] - c[0]) * (c[3] - c[1]);
    let shared = side(0) * side(1);
    shared / (area(a) + area(b) - shared)
}

fn cosine(a: [f32; 2], b: [f32; 2]) -> f32 {
    let dot = |a: [f32; 2], b: [f32; 2]| a[0] * b[0] + a[1] * b[1];
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// How much a detection is like the one to be explained.
fn likeness(found: &Detection, wanted: &Detection) -> f32 {
    overlap(found.corners, wanted.corners)
        * cosine(found.probabilities, wanted.probabilities)
        * found.objectness
}

fn main() -> Result<(), Error> {
    let image = picture();
    // The surest detection of each class in the whole image.
    let all = detect(&image.view());
    let surest = |class: usize| {
        let sure = |d: &Detection| d.objectness * d.probabilities[class];
        all.iter()
            .copied()
            .max_by(|a, b| sure(a).total_cmp(&sure(b)))
    };
    let Some(wanted) = surest(0).zip(surest(1)).map(|(a, b)| [a, b]) else {
        println!("the detector sees nothing");
        return Ok(());
    };

    // One score for each of the two boxes: both maps come from the same masked images.
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        let mut scores = Array2::zeros((batch.dim().0, wanted.len()));
        for (image, mut row) in batch.outer_iter().zip(scores.outer_iter_mut()) {
            let found = detect(&image);
            for (score, wanted) in row.iter_mut().zip(&wanted) {
                let alike = found.iter().map(|d| likeness(d, wanted));
                *score = alike.fold(0.0, f32::max);
            }
        }
        scores
    });
    let explainer = Explainer::builder().masks(3000).build()?;
    let explanation = explainer.explain(&model, &image, [0, 1])?.own_effects()?;

    println!("mean own effect of red and green  on the object             elsewhere");
    for (index, (class, object)) in CLASSES.iter().zip(&wanted).enumerate() {
        let [top, left, bottom, right] = object.corners.map(|v| v as usize);
        for (channel, colour) in ["red", "green"].into_iter().enumerate() {
            let mut inside = Array3::<f64>::zeros((3, SIZE, SIZE));
            inside
                .slice_mut(s![channel, top..bottom, left..right])
                .fill(1.0);
            let mut outside = Array3::<f64>::zeros((3, SIZE, SIZE));
            outside.index_axis_mut(Axis(0), channel).fill(1.0);
            outside -= &inside;
            let columns = [inside, outside].map(|weights| {
                let (value, error) = explanation.contrast(index, &(&weights / weights.sum()))?;
                Ok::<_, Error>(format!(
                    "   {value:+.4} +- {:.4}",
                    error.unwrap_or(f64::NAN)
                ))
            });
            let [on, elsewhere] = columns;
            println!("{class:<6} {colour:<24}{}{}", on?, elsewhere?);
        }
    }
    // The pixel that matters most to each lies on its object.
    for (index, (class, object)) in CLASSES.iter().zip(&wanted).enumerate() {
        let map = explanation.maps().index_axis_move(Axis(0), index);
        let highest = map.indexed_iter().max_by(|a, b| a.1.total_cmp(b.1));
        if let Some(((channel, y, x), _)) = highest {
            let colour = ["red", "green", "blue"][channel];
            println!(
                "{class}: detected in rows {} to {}, columns {} to {}; highest at {y}, {x} in {colour}",
                object.corners[0], object.corners[2], object.corners[1], object.corners[3]
            );
        }
    }
    Ok(())
}
