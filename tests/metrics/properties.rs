//! What must hold for any map and image.

use ndarray::{Array2, Array3, ArrayView4};
use proptest::prelude::*;
use racm::metrics::{
    Averaging, BoundingBox, Curve, Dcc, Elements, InsertionDeletion, Order, Ranking, Steps,
    ValueThreshold, average_dcc, dcc_of_maps, energy_inside, gini, random_map,
};
use racm::{Baseline, FnModel};

use super::Linear;

/// An image and a map of the same shape, and weights of a linear model.
fn scene() -> impl Strategy<Value = [Array3<f32>; 3]> {
    (1_usize..4, 1_usize..6, 1_usize..6, any::<u64>()).prop_map(|(c, h, w, seed)| {
        [0, 1, 2].map(|i| random_map([c, h, w], seed.wrapping_add(i)).mapv(|v| 2.0 * v - 1.0))
    })
}

/// The same with many ties in the map.
fn with_ties() -> impl Strategy<Value = [Array3<f32>; 3]> {
    scene().prop_map(|[image, map, weights]| [image, map.mapv(|v| (3.0 * v).round()), weights])
}

fn protocols() -> impl Strategy<Value = InsertionDeletion> {
    let steps = prop_oneof![
        (1_usize..50).prop_map(Steps::Parts),
        (1_usize..50).prop_map(Steps::Elements)
    ];
    let order = prop_oneof![Just(Order::Morf), Just(Order::Lerf)];
    (any::<bool>(), steps, order, 1_usize..9).prop_map(|(pixels, steps, order, batch)| {
        let protocol = if pixels {
            InsertionDeletion::pixels()
        } else {
            InsertionDeletion::pixel_channels()
        };
        protocol.steps(steps).order(order).batch(batch)
    })
}

fn extremes(curve: &Curve) -> (f64, f64) {
    let fold = |f: fn(f64, f64) -> f64| curve.scores.iter().copied().reduce(f).unwrap();
    (fold(f64::min), fold(f64::max))
}

proptest! {
    #[test]
    fn the_area_lies_between_the_scores([image, map, weights] in with_ties(), protocol in protocols()) {
        let model = Linear::new(weights);
        let curves = protocol.curves(&model, image.view(), map.view(), 1).unwrap();
        for curve in [curves.insertion, curves.deletion] {
            let (low, high) = extremes(&curve);
            prop_assert!(curve.auc >= low - 1e-12 && curve.auc <= high + 1e-12);
        }
    }

    #[test]
    fn a_constant_model_has_flat_curves([image, map, _] in with_ties(), protocol in protocols()) {
        let model = FnModel::new(|b: ArrayView4<'_, f32>| Array2::from_elem((b.dim().0, 1), 0.3_f32));
        let curves = protocol.curves(&model, image.view(), map.view(), 0).unwrap();
        for curve in [curves.insertion, curves.deletion] {
            prop_assert!(curve.scores.iter().all(|&s| s == f64::from(0.3_f32)));
            prop_assert!((curve.auc - f64::from(0.3_f32)).abs() < 1e-12);
        }
    }

    /// The batch size, and building states from the ones before, change nothing: every state is
    /// what painting it from scratch gives.
    #[test]
    fn states_are_those_painted_from_scratch([image, map, weights] in with_ties(), batch in 1_usize..9, step in 1_usize..9) {
        let ranking = Ranking::new(map.view(), Elements::PixelChannels).unwrap();
        let protocol = InsertionDeletion::pixel_channels()
            .steps(Steps::Elements(step))
            .batch(batch)
            .deletion_end(Baseline::Constant(0.25));
        let model = Linear::new(weights.clone());
        let curve = protocol.deletion(&model, image.view(), &ranking, 0).unwrap();
        let order = ranking.indices(Order::Morf);
        for (i, &score) in curve.scores.iter().enumerate() {
            let mut state = image.clone();
            for &e in order.iter().take(i * step) {
                state.as_slice_mut().unwrap()[e] = 0.25;
            }
            prop_assert_eq!(score, f64::from((&state * &weights).sum()));
        }
    }

    /// What Deletion has left is what Insertion of the least important elements has shown.
    #[test]
    fn deletion_is_the_reverse_of_least_relevant_first_insertion([image, map, weights] in scene(), grey in -1.0_f32..1.0) {
        let model = Linear::new(weights);
        let protocol = InsertionDeletion::pixel_channels()
            .steps(Steps::Elements(1))
            .insertion_start(Baseline::Constant(grey))
            .deletion_end(Baseline::Constant(grey));
        let deletion = protocol.curves(&model, image.view(), map.view(), 0).unwrap().deletion;
        let lerf = protocol.order(Order::Lerf);
        let mut insertion = lerf.curves(&model, image.view(), map.view(), 0).unwrap().insertion;
        insertion.scores.reverse();
        prop_assert_eq!(&deletion.scores, &insertion.scores);
        prop_assert!((deletion.auc - insertion.auc).abs() < 1e-9);
    }

    #[test]
    fn only_the_order_of_the_map_counts([image, map, weights] in with_ties(), protocol in protocols()) {
        let model = Linear::new(weights);
        // Strictly increasing, exact in f32 on few small integers.
        let cubed = map.mapv(|v| v * v * v + 7.0);
        let one = map.mean_axis(ndarray::Axis(0)).unwrap().insert_axis(ndarray::Axis(0));
        let (a, b) = (
            protocol.curves(&model, image.view(), map.view(), 0),
            protocol.curves(&model, image.view(), cubed.view(), 0),
        );
        if let (1, Ok(a), Ok(b)) = (map.dim().0, &a, &b) {
            prop_assert_eq!(a, b);
        }
        let ranked = |m: &Array3<f32>, e| Ranking::new(m.view(), e).unwrap();
        prop_assert_eq!(ranked(&map, Elements::PixelChannels), ranked(&cubed, Elements::PixelChannels));
        let exp = one.mapv(f32::exp);
        prop_assert_eq!(ranked(&one, Elements::Pixels), ranked(&exp, Elements::Pixels));
    }

    #[test]
    fn least_relevant_first_is_the_order_of_the_negated_map([_, map, _] in with_ties()) {
        let negated = map.mapv(|v| -v);
        for elements in [Elements::Pixels, Elements::PixelChannels] {
            let ranking = Ranking::new(map.view(), elements).unwrap();
            let mirror = Ranking::new(negated.view(), elements).unwrap();
            prop_assert_eq!(ranking.indices(Order::Lerf), mirror.indices(Order::Morf));
            let mut all = ranking.indices(Order::Lerf).into_owned();
            all.sort_unstable();
            prop_assert!(all.iter().copied().eq(0..all.len()));
        }
    }

    #[test]
    fn a_threshold_curve_is_within_0_and_1([image, map, weights] in scene(), batch in 1_usize..40) {
        let model = Linear::new(weights);
        let curves = ValueThreshold::new().batch(batch).curves(&model, image.view(), map.view(), 0).unwrap();
        let unbatched = ValueThreshold::new().curves(&model, image.view(), map.view(), 0).unwrap();
        prop_assert_eq!(&curves, &unbatched);
        for curve in [curves.insertion, curves.deletion].into_iter().flatten() {
            prop_assert!((0.0..=1.0).contains(&curve.auc));
            prop_assert!(curve.rescaled.iter().all(|r| (0.0..=1.0).contains(r)));
        }
    }

    /// The map's scale and offset do not count, and every term stays in its range.
    #[test]
    fn dcc_is_within_its_range([map, other, _] in scene(), y in 0.01_f64..1.0, o in -1.0_f64..2.0) {
        let terms = dcc_of_maps(map.view(), other.view(), y, o).unwrap();
        let scaled = dcc_of_maps(map.mapv(|v| 4.0 * v + 8.0).view(), other.mapv(|v| 2.0 * v).view(), y, o).unwrap();
        for (a, b) in [(terms.coherency, scaled.coherency), (terms.complexity, scaled.complexity), (terms.drop, scaled.drop)] {
            match (a, b) {
                (Ok(a), Ok(b)) => {
                    prop_assert!((0.0..=1.0).contains(&a));
                    prop_assert!((a - b).abs() < 1e-4);
                }
                (Err(_), Err(_)) => {}
                _ => prop_assert!(false, "defined and undefined"),
            }
        }
        if let Ok(value) = terms.value() {
            prop_assert!((0.0..=1.0).contains(&value));
        }
    }

    #[test]
    fn the_harmonic_of_means_is_never_smaller(terms in prop::collection::vec((0.0_f64..=1.0, 0.0_f64..=1.0, 0.0_f64..=1.0), 1..20)) {
        let images: Vec<Dcc> = terms
            .into_iter()
            .map(|(a, b, c)| Dcc { coherency: Ok(a), complexity: Ok(b), drop: Ok(c) })
            .collect();
        let of = |averaging| average_dcc(&images, averaging).mean.unwrap();
        prop_assert!(of(Averaging::HarmonicOfMeans) >= of(Averaging::MeanOfHarmonic) - 1e-12);
    }

    #[test]
    fn energy_splits_over_a_cut([_, map, _] in scene(), cut in 1_usize..5) {
        let (_, h, w) = map.dim();
        prop_assume!(cut < w);
        let (h, w, cut) = (h as f64, w as f64, cut as f64);
        let energy = |x1, x2| {
            let bbox = BoundingBox::new(x1, 0.0, x2, h).unwrap();
            energy_inside(map.view(), &bbox).unwrap().joint
        };
        if let (Ok(left), Ok(right)) = (energy(0.0, cut), energy(cut, w)) {
            prop_assert!((left + right - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn gini_is_unmoved_by_scale_and_order([_, map, _] in scene()) {
        let n = map.len() as f64;
        let g = gini(map.view()).unwrap().unwrap();
        prop_assert!((0.0..=1.0 - 1.0 / n + 1e-12).contains(&g));
        let scaled = gini(map.mapv(|v| -8.0 * v).view()).unwrap().unwrap();
        let turned = gini(map.view().reversed_axes()).unwrap().unwrap();
        prop_assert!((g - scaled).abs() < 1e-9 && (g - turned).abs() < 1e-12);
    }
}
