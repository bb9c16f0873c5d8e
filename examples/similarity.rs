//! An embedding: what makes this image like that one?
//!
//! A network without classes gives a vector; its score here is the cosine of the angle between the
//! vectors of the image and of a reference. The embedding of the example counts colours (how red,
//! green and blue each quarter of the image is, as a network's last layer might); the reference has
//! a blue pond at the top left and a red roof at the bottom right, the image has the same pond, but
//! a green roof. So the blue of the pond makes the two alike, and the green of the roof unlike.

use racm::ndarray::{Array1, Array2, Array3, ArrayView3, ArrayView4, Axis, s};
use racm::{Error, Explainer, FnModel};

const SIZE: usize = 64;
const HALF: usize = SIZE / 2;
const POND: [f32; 3] = [0.1, 0.2, 0.9];

/// A grey meadow with a pond and a roof, each 16 pixels wide.
fn landscape(roof: [f32; 3]) -> Array3<f32> {
    let mut image = Array3::from_elem((3, SIZE, SIZE), 0.1);
    for (at, colour) in [(8, POND), (40, roof)] {
        for (channel, value) in colour.into_iter().enumerate() {
            image
                .slice_mut(s![channel, at..at + 16, at..at + 16])
                .fill(value);
        }
    }
    image
}

/// 12 numbers of length 1 in all: red, green and blue of each quarter.
fn embedding(image: &ArrayView3<'_, f32>) -> Array1<f32> {
    let mut vector = Array1::zeros(12);
    for (i, value) in vector.iter_mut().enumerate() {
        let (channel, y, x) = (i / 4, i / 2 % 2 * HALF, i % 2 * HALF);
        let quarter = image.slice(s![channel, y..y + HALF, x..x + HALF]);
        *value = quarter.mean().unwrap_or(0.0);
    }
    let length = vector.dot(&vector).sqrt();
    // A black image has no direction, and is like nothing.
    if length > 0.0 {
        vector /= length;
    }
    vector
}

fn main() -> Result<(), Error> {
    let reference = embedding(&landscape([0.9, 0.1, 0.1]).view());
    let similarity = FnModel::new(move |batch: ArrayView4<'_, f32>| {
        Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| {
            embedding(&batch.index_axis(Axis(0), n)).dot(&reference)
        })
    });
    let image = landscape([0.1, 0.9, 0.1]);
    let explainer = Explainer::builder().masks(4000).build()?;
    let explanation = explainer.explain(&similarity, &image, 0)?;
    println!("cosine similarity {:.3}", explanation.unmasked_scores()[0]);

    // What a channel does by itself, over the pond and over the roof.
    let own = explanation.own_effects()?;
    println!("mean own effect        red                    green                  blue");
    for (name, at) in [("the pond", 8), ("the roof", 40)] {
        let mut line = format!("{name:<12}");
        for channel in 0..3 {
            let mut weights = Array3::<f64>::zeros((3, SIZE, SIZE));
            let place = s![channel, at..at + 16, at..at + 16];
            weights.slice_mut(place).fill(1.0 / 256.0);
            let (value, error) = own.contrast(0, &weights)?;
            line += &format!("   {value:+.4} +- {:.4}", error.unwrap_or(f64::NAN));
        }
        println!("{line}");
    }
    Ok(())
}
