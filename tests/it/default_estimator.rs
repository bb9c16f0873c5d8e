//! What is made where no estimator is chosen.

use ndarray::{Array2, Array3, ArrayView4, s};
use racm::{Error, Estimator, Explainer, ExplainerBuilder, FnModel, Target};

use crate::worlds::{bits, noise};

/// Nobody need ask for the average. Of fewer masks than a surrogate takes, it is the centred map, with what is known of that.
#[test]
fn the_average_or_below_16_masks_the_centred_map() {
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        let score = |(n, k)| batch.slice(s![n, k, 2..6, 5..9]).sum().sin();
        Array2::from_shape_fn((batch.dim().0, 2), score)
    });
    let image = Array3::<f32>::ones((3, 16, 16));
    let weights = Array3::from_shape_fn((3, 16, 16), |(c, y, x)| noise(7, (c * 16 + y) * 16 + x));
    // Blocks of one mask are enough for standard errors from 8 on.
    for (masks, block, like) in [
        (400, 32, Estimator::Averaged),
        (16, 32, Estimator::Averaged),
        (15, 32, Estimator::Centred),
        (2, 32, Estimator::Centred),
        (15, 1, Estimator::Centred),
    ] {
        let builder = Explainer::builder().grid(4, 4).block_size(block);
        let builder = builder.masks(masks);
        let of = |builder: ExplainerBuilder| {
            let explainer = builder.build().unwrap();
            explainer.explain(&model, &image, Target::All).unwrap()
        };
        let (ours, named) = (of(builder.clone()), of(builder.estimator(like)));
        assert_eq!(ours.estimator(), Estimator::Averaged);
        let effects = [&ours, &named].map(|e| e.own_effects().unwrap());
        for (ours, named) in [(&ours, &named), (&effects[0], &effects[1])] {
            assert_eq!(bits(ours.maps()), bits(named.maps()));
            let errors = [ours, named].map(|e| e.standard_errors().unwrap());
            let errors = errors.map(|e| e.map(|e| bits(e.view())));
            assert_eq!(errors[0], errors[1]);
            let known = like == Estimator::Averaged || block == 1;
            assert_eq!(errors[0].is_some(), known, "{masks} in {block}");
            assert_eq!(ours.certainty().unwrap(), named.certainty().unwrap());
            for target in [0, 1] {
                let contrasts = [ours, named].map(|e| e.contrast(target, &weights).unwrap());
                assert_eq!(contrasts[0], contrasts[1]);
                assert_eq!(contrasts[0].1.is_some(), known);
                let carried = [ours, named].map(|e| e.carried(target).unwrap());
                assert_eq!(carried[0], carried[1]);
            }
        }
        assert!(!ours.map().iter().all(|&value| value == 0.0));
    }
    let one = Explainer::builder().grid(4, 4).masks(1).build().unwrap();
    let error = one.explain(&model, &image, 0).unwrap_err();
    assert!(matches!(
        error.cause(),
        Error::TooFewMasks {
            given: 1,
            needed: 2,
            ..
        }
    ));
}
