//! What is read as JSON: explainers make a plan or say why not, and are written as they were read; with a prior that was
//! taken, a map is finite.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ndarray::{Array2, ArrayView4};
use racm::{Explainer, FnModel, SurrogatePrior, Target};

fuzz_target!(|text: &str| {
    if let Ok(explainer) = serde_json::from_str::<Explainer>(text) {
        for shape in [[3, 8, 6], [1, 1, 20], [5, 1, 1]] {
            let _ = explainer.plan(shape);
        }
        let written = serde_json::to_string(&explainer).unwrap();
        let again: Explainer = serde_json::from_str(&written).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), written);
    }
    if let Ok(prior) = serde_json::from_str::<SurrogatePrior>(text) {
        let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
            Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| batch[[n, 1, 2, 3]])
        });
        let builder = Explainer::builder().grid(2, 2).masks(20);
        let explainer = builder.surrogate_prior(prior).build().unwrap();
        let image = ndarray::Array3::ones((3, 5, 6));
        let explanation = explainer.explain(&model, &image, Target::Top).unwrap();
        assert!(explanation.map().iter().all(|v| v.is_finite()));
    }
});
