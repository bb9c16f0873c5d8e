//! An explanation beside pure inference: the same number of images, in the same batches, with the
//! same runtime and threads. The images of pure inference are made beforehand.

use std::hint::black_box;

use ndarray::ArrayView4;
use racm::{
    Baseline, BlackBoxModel, Estimator, Explainer, MaskSpec, Masker, OnnxOptions, Plan, Racm,
    Target,
};

use crate::{image, medians};

pub fn model(path: &str, masks: usize, batches: &[usize]) {
    let options = OnnxOptions::default();
    println!("| runtime | images a batch | pure inference | explanation | ratio |");
    println!("|---|---|---|---|---|");
    #[cfg(feature = "ort")]
    {
        let model = racm::OrtModel::from_path(path, &options).expect("a model for ONNX Runtime");
        compare("ort", &model, model.input_shape(), masks, batches);
    }
    #[cfg(feature = "onnx")]
    {
        let model = racm::OnnxModel::from_path(path, &options).expect("a model for rten");
        compare("rten", &model, model.input_shape(), masks, batches);
    }
}

fn compare(
    runtime: &str,
    model: &impl BlackBoxModel,
    shape: [Option<usize>; 3],
    masks: usize,
    batches: &[usize],
) {
    let shape = shape.map(|n| n.expect("a model that states the size of its images"));
    for &batch in batches {
        let image = image(shape);
        let pixels = image.len();
        let plan = Plan::new(shape, &MaskSpec::new(Racm)).expect("a plan");
        let masker = Masker::new(&plan, &image, &Baseline::default()).expect("a masker");
        // As many different images as leave the caches, again and again.
        let stored = (64 << 20) / (4 * pixels * batch) + 1;
        let mut images = vec![0.0; stored * batch * pixels];
        masker.fill(0, 0, &mut images).expect("whole images");
        let predict = |images: &[f32]| {
            let n = images.len() / pixels;
            let [c, h, w] = shape;
            let images = ArrayView4::from_shape((n, c, h, w), images).expect("whole images");
            black_box(model.predict(images).expect("scores"));
        };
        let explainer = Explainer::builder()
            .estimator(Estimator::Centred)
            .masks(masks as u64)
            .batch(batch)
            .build()
            .expect("valid");
        let times = medians(
            5,
            &mut [
                Box::new(|| {
                    // The explanation asks about the unmasked image as well.
                    predict(&images[..pixels]);
                    let mut left = masks;
                    for images in images.chunks(batch * pixels).cycle() {
                        let n = left.min(batch);
                        predict(&images[..n * pixels]);
                        left -= n;
                        if left == 0 {
                            break;
                        }
                    }
                }),
                Box::new(|| drop(black_box(explainer.explain(model, &image, Target::Top)))),
            ],
        );
        println!(
            "| {runtime} | {batch} | {:.3} s | {:.3} s | {:.3} |",
            times[0],
            times[1],
            times[1] / times[0]
        );
    }
}
