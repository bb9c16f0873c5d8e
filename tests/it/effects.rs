//! Own effects as a choice: of every estimator, family and kind of cells, and what has none.

use std::cell::Cell;

use ndarray::{Array2, Array3, ArrayView4, Axis, s};
use racm::{
    Baseline, Effect, Estimator, Explainer, Explanation, FnModel, MaskFamily, MaskSpec, McRise,
    Placement, Racm, Region, Rise, Segments, Shown, StopRule,
};

use crate::errors::says;
use crate::reference::Table;
use crate::worlds::{Mixed, Nonlinear, assert_same, bits, noise};

fn image(channels: usize) -> Array3<f32> {
    Array3::from_shape_fn((channels, 9, 12), |(c, y, x)| {
        noise(5, (c * 9 + y) * 12 + x) as f32 + 0.2
    })
}

fn explained(family: impl MaskFamily + 'static, channels: usize, masks: u64) -> Explanation {
    let explainer = Explainer::builder()
        .estimator(Estimator::Centred)
        .family(family)
        .grid(3, 4)
        .masks(masks)
        .seed(4);
    let explainer = explainer.build().unwrap();
    explainer
        .explain(&Nonlinear { classes: 2 }, &image(channels), [1, 0])
        .unwrap()
}

#[test]
fn families_of_one_plane_a_state_keep_their_map() {
    for explanation in [
        explained(Rise, 3, 300),
        explained(McRise::rgb(), 3, 300),
        explained(Racm, 1, 300),
    ] {
        let own = explanation.own_effects().unwrap();
        assert_same(&own, &explanation);
        assert_eq!(
            own.standard_errors().unwrap(),
            explanation.standard_errors().unwrap()
        );
    }
    // Slopes of a regression are own effects already.
    let cells = Segments::grid([9, 12], 3, 4).unwrap();
    let lime = Explainer::builder()
        .segments(cells)
        .masks(300)
        .estimator(Estimator::Lime);
    let lime = lime
        .build()
        .unwrap()
        .explain(&Nonlinear { classes: 1 }, &image(3), 0)
        .unwrap();
    assert_same(&lime.own_effects().unwrap(), &lime);
}

/// Up to 64 channels, and on segments.
#[test]
fn the_formula_of_racm() {
    let check = |explanation: &Explanation| {
        let own = explanation.own_effects().unwrap();
        let (map, own) = (explanation.map(), own.map());
        let channels = map.dim().0 as f64;
        let largest = map.iter().fold(0.0f64, |m, &v| m.max(f64::from(v).abs()));
        let sum = map.mapv(f64::from).sum_axis(Axis(0));
        for ((c, y, x), &v) in own.indexed_iter() {
            let expected = 2.0 * (f64::from(map[[c, y, x]]) - sum[[y, x]] / (channels + 1.0));
            assert!(
                (f64::from(v) - expected).abs() < 1e-5 * largest,
                "{v} is not {expected}"
            );
        }
    };
    for channels in [2, 3, 17, 64] {
        check(&explained(Racm, channels, 200));
    }
    let groups = Racm::grouped([("a", vec![0, 3]), ("b", vec![1, 2])]).unwrap();
    let labels = Array2::from_shape_fn((9, 12), |(y, x)| ((y / 2) * 3 + x / 4) as i64);
    let explainer = Explainer::builder().segments(Segments::from_labels(&labels).unwrap());
    for builder in [explainer.clone(), explainer.family(groups)] {
        let explainer = builder.masks(200).build().unwrap();
        check(
            &explainer
                .explain(&Nonlinear { classes: 1 }, &image(4), 0)
                .unwrap(),
        );
    }
}

/// Of both surrogates a value and its deviation are what the contrast of the planes says, which goes another way.
#[test]
fn surrogates_have_own_effects() {
    for (family, channels) in [
        (Box::new(Racm) as Box<dyn MaskFamily>, 3),
        (Box::new(Mixed), 2),
    ] {
        let explanation = explained(family, channels, 288);
        for estimator in [Estimator::Surrogate, Estimator::SurrogateCorrected] {
            let plane = explanation.with_estimator(estimator).unwrap();
            let own = plane.own_effects().unwrap();
            let errors = own.standard_errors().unwrap().unwrap();
            let planes = own.map().dim().0;
            for (t, at) in [[0, 0, 0], [planes - 1, 4, 6]].into_iter().enumerate() {
                // 2 (A_c - sum / (J + 1)): `Mixed` has the law of RaCM with two channels.
                let mut weights = Array3::zeros(own.map().dim());
                let sum = 2.0 / (planes as f64 + 1.0);
                weights.slice_mut(s![.., at[1], at[2]]).fill(-sum);
                weights[at] += 2.0;
                let (value, deviation) = plane.contrast(t, &weights).unwrap();
                let element = [t, at[0], at[1], at[2]];
                let map = f64::from(own.maps()[element]);
                assert!((map - value).abs() < 1e-5, "{estimator}: {map} {value}");
                let (error, deviation) = (f64::from(errors[element]), deviation.unwrap());
                let relative = (error / deviation - 1.0).abs();
                assert!(relative < 1e-3, "{estimator}: {error} {deviation}");
            }
        }
    }
}

/// The surrogate of a score that uses one channel: exact where the score is additive.
#[test]
fn the_surrogate_s_idle_channels_are_at_zero() {
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        let red = |n| batch.slice(s![n, 0, .., ..]).sum();
        Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| red(n))
    });
    let explainer = Explainer::builder()
        .grid(3, 4)
        .placement(Placement::Fixed)
        .masks(200);
    let explainer = explainer
        .estimator(Estimator::Surrogate)
        .effect(Effect::Own)
        .build()
        .unwrap();
    let own = explainer
        .explain(&model, &Array3::ones((3, 9, 12)), 0)
        .unwrap();
    // Nine pixels a cell.
    for ((c, ..), &v) in own.map().indexed_iter() {
        assert!(
            (v - if c == 0 { 9.0 } else { 0.0 }).abs() < 0.05,
            "{v} of channel {c}"
        );
    }
}

#[test]
fn the_same_to_the_bit_for_any_number_of_threads() {
    let pool = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
    };
    let explanation = explained(Racm, 3, 500).own_effects().unwrap();
    for estimator in [
        Estimator::Centred,
        Estimator::SelfNormalised,
        Estimator::SurrogateCorrected,
    ] {
        let [one, three] = [1, 3].map(|threads| {
            pool(threads).install(|| {
                let own = explanation.with_estimator(estimator).unwrap();
                (
                    bits(own.maps()),
                    bits(own.standard_errors().unwrap().unwrap().view()),
                )
            })
        });
        assert_eq!(one, three);
    }
}

#[test]
fn the_effect_is_a_choice_like_the_estimator() {
    let builder = Explainer::builder()
        .estimator(Estimator::Centred)
        .grid(3, 4)
        .masks(600)
        .effect(Effect::Own);
    let model = Nonlinear { classes: 1 };
    let explain = |builder: racm::ExplainerBuilder| {
        builder
            .build()
            .unwrap()
            .explain(&model, &image(3), 0)
            .unwrap()
    };
    let own = explain(builder.clone());
    let plane = own.with_effect(Effect::Plane).unwrap();
    assert_same(&plane.own_effects().unwrap(), &own);
    assert_ne!(bits(plane.maps()), bits(own.maps()));
    // It outlasts another estimator and another link.
    let other = own.with_estimator(Estimator::HorvitzThompson).unwrap();
    assert_same(&other.with_estimator(Estimator::Centred).unwrap(), &own);
    let link = racm::Link::Log { floor: 10.0 };
    assert_same(
        &own.with_link(link).unwrap(),
        &plane.with_link(link).unwrap().own_effects().unwrap(),
    );
    let read = builder.clone().build().unwrap();
    assert_same(
        &read
            .explain_ledger([3, 9, 12], own.ledger().clone())
            .unwrap(),
        &own,
    );
    // A rule looks at the certainty of the own effects.
    let ruled = |effect: Effect, least: f64| {
        let budget = racm::Budget::exactly(20_000).until(StopRule::Certainty(least));
        explain(builder.clone().budget(budget).effect(effect))
    };
    for effect in [Effect::Plane, Effect::Own] {
        let stopped = ruled(effect, 0.95);
        assert!(stopped.masks() < 20_000);
        assert!(stopped.certainty().unwrap() >= Some(0.95));
    }
    assert_ne!(
        ruled(Effect::Own, 0.95).masks(),
        ruled(Effect::Plane, 0.95).masks()
    );
}

/// Planes as a table says.
#[derive(Clone, Debug)]
struct Rows {
    feeds: &'static [u64],
    planes: usize,
    joint: Option<f64>,
}

impl MaskFamily for Rows {
    fn name(&self) -> String {
        "rows".to_owned()
    }
    fn states(&self, _channels: usize) -> u64 {
        self.feeds.len() as u64
    }
    fn planes(&self, _channels: usize) -> usize {
        self.planes
    }
    fn incidence(&self, state: u64) -> u64 {
        if state == 0 {
            0
        } else {
            self.feeds[state as usize - 1]
        }
    }
    fn shows(&self, state: u64, _channel: usize) -> Shown {
        if state == 0 {
            Shown::Baseline
        } else {
            Shown::Image
        }
    }
    fn plane_name(&self, plane: usize, _channels: usize) -> String {
        ["east", "north", "wind", "rain"][plane].to_owned()
    }
    fn joint_share(&self, a: usize, b: usize, _channels: usize) -> f64 {
        let both = |s: &&u64| **s >> a & **s >> b & 1 == 1;
        let counted = self.feeds.iter().filter(both).count() as f64 / self.feeds.len() as f64;
        self.joint.unwrap_or(counted)
    }
}

/// What has no own effects says why, and before a model is asked.
#[test]
fn planes_that_no_score_tells_apart_are_refused() {
    let refused = |feeds: &'static [u64], planes, joint, message: &str| {
        let family = Rows {
            feeds,
            planes,
            joint,
        };
        let asked = Cell::new(false);
        let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
            asked.set(true);
            Array2::zeros((batch.dim().0, 1))
        });
        let builder = Explainer::builder().family(family).grid(3, 4).masks(40);
        let own = builder.clone().effect(Effect::Own).build().unwrap();
        says(own.explain(&model, &image(3), 0).unwrap_err(), message);
        assert!(!asked.get());
        let explanation = builder
            .build()
            .unwrap()
            .explain(&model, &image(3), 0)
            .unwrap();
        says(explanation.own_effects().unwrap_err(), message);
        for estimator in [Estimator::Surrogate, Estimator::SelfNormalised] {
            let error = explanation
                .with_estimator(estimator)
                .unwrap()
                .own_effects()
                .unwrap_err();
            says(error, message);
        }
    };
    let follows = |plane: &str, others: &str| {
        format!(
            "rows has no own effects: whether plane `{plane}` is fed follows, in every state, from {others}, so no score tells their effects apart"
        )
    };
    // Two that are always fed together; one that is fed when one of two others is; and that with a stranger before it.
    refused(&[0b11, 0b11, 0b00], 2, None, &follows("north", "`east`"));
    refused(
        &[0b101, 0b110],
        3,
        None,
        &follows("wind", "`east` and `north`"),
    );
    refused(
        &[0b1001, 0b1010, 0b0100],
        4,
        None,
        &follows("rain", "`east` and `north`"),
    );
    for joint in [-0.1, 0.7, f64::NAN] {
        let message = format!(
            "family is rows with joint share {joint} of the planes 1 and 0, expected 0 to 0.5, the smaller of their shares"
        );
        refused(&[0b01, 0b10], 2, Some(joint), &message);
    }
    let explanation = explained(Racm, 3, 100)
        .with_estimator(Estimator::PassOnly)
        .unwrap();
    says(
        explanation.own_effects().unwrap_err(),
        "estimator is pass-only, for own effects, expected one that compares with what is unselected, such as centred",
    );
    // A selected cell that feeds nothing is no fault.
    let family = Rows {
        feeds: &[0b01, 0b00, 0b11],
        planes: 2,
        joint: None,
    };
    explained(family, 3, 100).own_effects().unwrap();
}

/// Outside the region nothing is evaluated, of no effect.
#[test]
fn own_effects_keep_to_the_region() {
    let mut pixels = Array2::from_elem((9, 12), true);
    pixels.column_mut(3).fill(false);
    let explainer = Explainer::builder()
        .grid(3, 4)
        .masks(300)
        .baseline(Baseline::Constant(0.5));
    let explainer = explainer
        .region(Region::from_pixels(pixels).unwrap())
        .build()
        .unwrap();
    let explanation = explainer
        .explain(&Nonlinear { classes: 1 }, &image(3), 0)
        .unwrap();
    for estimator in [
        Estimator::Centred,
        Estimator::SelfNormalised,
        Estimator::SurrogateCorrected,
        Estimator::Averaged,
    ] {
        let own = explanation
            .with_estimator(estimator)
            .unwrap()
            .own_effects()
            .unwrap();
        let errors = own.standard_error().unwrap().unwrap();
        for array in [own.map(), errors.view()] {
            assert!(array.index_axis(Axis(2), 3).iter().all(|&v| v == 0.0));
            assert!(array.index_axis(Axis(2), 4).iter().all(|&v| v != 0.0));
        }
    }
}

/// The spec of a custom family whose law is RaCM's has RaCM's own effects.
#[test]
fn a_family_of_one_s_own() {
    let table = Table::racm(2);
    let feeds: &[u64] = &[0b01, 0b10, 0b11];
    let of_rows = Rows {
        feeds,
        planes: 2,
        joint: None,
    };
    assert_eq!(table.along(), [[1.0, 0.5], [0.5, 1.0]]);
    let spec = MaskSpec::new(of_rows).grid(3, 4);
    let builder = Explainer::builder().estimator(Estimator::Centred);
    let explainer = builder.spec(spec).masks(300).build().unwrap();
    let explanation = explainer
        .explain(&Nonlinear { classes: 1 }, &image(2), 0)
        .unwrap();
    let (own, map) = (explanation.own_effects().unwrap(), explanation.map());
    for ((c, y, x), &v) in own.map().indexed_iter() {
        let sum = map[[0, y, x]] + map[[1, y, x]];
        assert!((v - 2.0 * (map[[c, y, x]] - sum / 3.0)).abs() < 1e-4);
    }
}
