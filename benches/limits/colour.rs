//! What an image in another colour space costs: its way back to RGB, beside copying it.

use std::hint::black_box;

use ndarray::{Array4, Axis};
use racm::{BlackBoxModel, ColourSpace, InColourSpace};

use crate::{BATCH, SHAPE, free_model, image, medians, pool};

pub fn colour() {
    let rgb = image(SHAPE);
    let [channels, height, width] = SHAPE;
    let spaces = [
        ColourSpace::hsv_for(&rgb).expect("an RGB image"),
        ColourSpace::Lab,
        ColourSpace::Ycbcr,
    ];
    let batches = spaces.map(|space| {
        let image = space.convert(&rgb).expect("an RGB image");
        let shape = (BATCH, channels, height, width);
        image
            .insert_axis(Axis(0))
            .broadcast(shape)
            .expect("its shape")
            .to_owned()
    });
    let single = pool(1);
    let mut copy = Array4::zeros(batches[0].dim());
    let source = batches[0].clone();
    let mut work: Vec<Box<dyn FnMut() + '_>> = vec![Box::new(|| {
        copy.assign(&source);
        black_box(&mut copy);
    })];
    for (space, batch) in spaces.into_iter().zip(&batches) {
        let model = InColourSpace::new(free_model(1), space).expect("a colour space");
        let single = &single;
        work.push(Box::new(move || {
            black_box(
                single
                    .install(|| model.predict(batch.view()))
                    .expect("scores"),
            );
        }));
    }
    let times = medians(20, &mut work);
    drop(work);
    println!("to RGB, a batch of {BATCH}        us a mask   times the copy");
    let per_mask = |t: f64| 1e6 * t / BATCH as f64;
    println!("  {:<26} {:>8.1}", "copying the image", per_mask(times[0]));
    for (space, time) in spaces.iter().zip(&times[1..]) {
        let name = space.to_string();
        println!(
            "  {name:<26} {:>8.1}   {:>14.1}",
            per_mask(*time),
            time / times[0]
        );
    }
}
