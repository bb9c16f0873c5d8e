//! Feature `serde`: what is saved is what is read, and a saved spec that no longer holds says why.

use ndarray::{Array2, Array3};
use racm::metrics::{Averaging, Curve, Dcc, Outcome, Summary, Undefined, average_dcc};
use racm::{
    Baseline, Budget, Effect, Enlargement, Estimator, Explainer, Layout, Link, MaskSpec, McRise,
    OnnxOptions, Placement, Plan, Preprocess, Preset, Racm, Region, Rise, RunStats, Segments,
    StopRule, Target,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::worlds::{Mixed, Nonlinear, assert_same};

fn through<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

fn region() -> Region {
    let pixels = Array2::from_shape_fn((6, 9), |(y, x)| (y * 9 + x) % 4 == 1 || y == 2);
    Region::from_pixels(pixels).unwrap()
}

fn segments() -> Segments {
    let labels = Array2::from_shape_fn((6, 9), |(y, x)| [5, -2, 5, 77][(y / 2 + x) % 4]);
    Segments::from_labels(&labels).unwrap()
}

fn specs() -> Vec<MaskSpec> {
    let groups = Racm::grouped([("a", vec![2, 0]), ("b", vec![1])]).unwrap();
    let colours = McRise::new([("x", vec![0.5, 1.0, -2.0]), ("y", vec![0.0; 3])]).unwrap();
    let hard = MaskSpec::new(Rise)
        .enlargement(Enlargement::Nearest)
        .placement(Placement::Fixed);
    vec![
        MaskSpec::default(),
        hard.grid(3, 5).p_pix(0.123_456_789).block_size(7),
        MaskSpec::new(groups).grid(2, 2).region(region()),
        MaskSpec::new(colours).grid(2, 2),
        MaskSpec::new(McRise::rgb()).grid(2, 2),
        MaskSpec::new(Rise).segments(segments()),
    ]
}

#[test]
fn plans_go_round() {
    for spec in specs() {
        let spec = spec.grid(2, 3);
        let plan = Plan::new([3, 6, 9], &spec).unwrap();
        // The fingerprint holds all that fixes the masks.
        assert_eq!(through(&plan).fingerprint(), plan.fingerprint());
        assert_eq!(through(&plan).plane_names(), plan.plane_names());
        let again = Plan::new([3, 6, 9], &through(&spec)).unwrap();
        assert_eq!(again.fingerprint(), plan.fingerprint());
    }
    assert_eq!(through(&region()), region());
    assert_eq!(through(&segments()), segments());
}

#[test]
fn explainers_go_round() {
    let image = Array3::from_shape_fn((3, 6, 9), |(c, y, x)| (c * y + x) as f32 / 9.0);
    for (spec, baseline) in specs().into_iter().zip([
        Baseline::Constant(0.1),
        Baseline::PerChannel(vec![0.1, -1.5, 3e-9]),
        Baseline::Blur { sigma: 1.25 },
        Baseline::Image(image.mapv(|v| v * 0.3)),
        Baseline::default(),
    ]) {
        let explainer = Explainer::builder()
            .spec(spec.grid(2, 3))
            .budget(
                Budget::exactly(100)
                    .until(StopRule::Certainty(0.999))
                    .or_until(StopRule::RankStability {
                        top: 0.1,
                        agreement: 0.9,
                    })
                    .seconds(1234.567),
            )
            .seed(u64::MAX)
            .baseline(baseline)
            .batch(13)
            .estimator(Estimator::SelfNormalised)
            .effect(Effect::Own)
            .link(Link::Log { floor: 1e-4 })
            .build()
            .unwrap();
        let again = through(&explainer);
        assert_eq!(again.baseline(), explainer.baseline());
        assert_eq!(again.budget(), explainer.budget());
        assert_eq!(again.link(), explainer.link());
        assert_eq!(format!("{again:?}"), format!("{explainer:?}"));
        let model = Nonlinear { classes: 2 };
        let explain = |e: &Explainer| e.explain(&model, &image, Target::All).unwrap();
        assert_same(&explain(&again), &explain(&explainer));
    }
}

/// The form that is documented: names as on the command line, and only what differs from the defaults.
#[test]
fn saved_options_are_short_and_plain() {
    let saved = json!({
        "spec": {"family": "rise", "grid": [7, 7], "placement": "fixed"},
        "budget": {"calls": 300},
        "estimator": "surrogate",
        "effect": "own",
        "baseline": "blur:2",
        "link": "logit:0.001",
    });
    let explainer: Explainer = serde_json::from_value(saved).unwrap();
    assert_eq!((explainer.masks(), explainer.seed()), (300, 0));
    assert_eq!(explainer.effect(), Effect::Own);
    assert_eq!(explainer.budget(), &Budget::new().calls(300));
    let saved = json!({"budget": {"calls": 300, "until": [{"certainty": 0.8}], "seconds": 2.5}});
    let explainer_until: Explainer = serde_json::from_value(saved).unwrap();
    let budget = Budget::exactly(300).until(StopRule::Certainty(0.8));
    assert_eq!(explainer_until.budget(), &budget.seconds(2.5));
    assert_eq!(explainer.spec().grid, Some([7, 7]));
    assert_eq!(explainer.spec().p_pix, 0.5);
    assert_eq!(
        explainer.spec().family.built_in(),
        Some("rise".parse().unwrap())
    );
    assert_eq!(explainer.baseline(), &Baseline::Blur { sigma: 2.0 });
    let defaults: Explainer = serde_json::from_value(json!({})).unwrap();
    let own = Explainer::builder().build().unwrap();
    assert_eq!(format!("{defaults:?}"), format!("{own:?}"));
}

#[test]
fn options_and_results_go_round() {
    let mut options = OnnxOptions::default();
    options.output = Some("logits".to_owned());
    options.threads = 3;
    options.device = racm::Device::Cuda(2);
    let preprocess = Preprocess::from(Preset::ImageNet)
        .layout(Layout::Nhwc)
        .scale(255.0);
    options.preprocess = preprocess.unwrap().channels([2, 1, 0]).unwrap();
    assert_eq!(through(&options), options);
    let stats = RunStats::default();
    assert_eq!(through(&stats), stats);
    let curve = Curve {
        fractions: vec![0.0, 1.0],
        scores: vec![0.25, 0.5],
        auc: 0.375,
    };
    assert_eq!(through(&curve), curve);
    let none: Outcome<f64> = Err(Undefined::ScoreNotPositive { score: -1.5 });
    let terms = Dcc {
        coherency: Ok(0.5),
        complexity: Ok(0.25),
        drop: none,
    };
    assert_eq!(through(&terms), terms);
    let summary: Summary = average_dcc(&[terms], Averaging::MeanOfHarmonic);
    assert_eq!(through(&summary), summary);
    for target in [Target::Top, Target::All, Target::Classes(vec![4, 0])] {
        assert_eq!(through(&target), target);
    }
}

#[test]
fn families_of_ones_own_are_not_saved() {
    let error = serde_json::to_string(&MaskSpec::new(Mixed)).unwrap_err();
    let message = "the family mixed cannot be saved: it is not one of this crate's";
    assert_eq!(error.to_string(), message);
}

#[test]
fn what_no_longer_holds_says_why() {
    fn refused<T: DeserializeOwned>(saved: Value, message: &str) {
        match serde_json::from_value::<T>(saved.clone()) {
            Ok(_) => panic!("{saved} was read"),
            Err(error) => assert!(error.to_string().contains(message), "{saved}: {error}"),
        }
    }
    let spec = refused::<MaskSpec>;
    spec(
        json!({"p_pix": 1.0}),
        "p_pix is 1, expected a probability strictly between 0 and 1",
    );
    spec(json!({"grid": [0, 3]}), "grid is 0 x 3 cells");
    spec(json!({"grid": [3]}), "invalid length 1");
    spec(json!({"block_size": 0}), "block_size is 0");
    spec(json!({"cells": [3, 3]}), "unknown field `cells`");
    spec(
        json!({"family": "shap"}),
        "family is \"shap\", expected racm, rise or mc-rise",
    );
    spec(json!({"family": 3}), "expected a family: \"racm\"");
    spec(
        json!({"family": {"groups": [["a", [1]]]}}),
        "groups is channel 1 in `a`",
    );
    spec(json!({"family": {"colours": []}}), "colours is a list of 0");
    spec(
        json!({"placement": "Fixed"}),
        "placement is \"Fixed\", expected shifted, fixed",
    );
    spec(
        json!({"region": {"shape": [2, 2], "runs": [4]}}),
        "the region holds none",
    );
    let wrong = "the segments' runs have 5 pixels, expected 2 x 2";
    spec(
        json!({"segments": {"shape": [2, 2], "runs": [[0, 1], [3, 4]]}}),
        wrong,
    );
    let wrong = "the region's runs have 5 pixels, expected 2 x 2";
    spec(json!({"region": {"shape": [2, 2], "runs": [1, 4]}}), wrong);
    // What a file claims is not reserved.
    let side = 1u64 << 31;
    let huge = json!({"region": {"shape": [side, side], "runs": [0, side * side]}});
    spec(huge, "at most 268435456");
    let huge = json!({"region": {"shape": [2, 2], "runs": [u64::MAX, 5]}});
    spec(huge, "runs have too many pixels");
    let plan = refused::<Plan>;
    plan(
        json!({"shape": [3, 4, 4], "spec": {"grid": [8, 8]}}),
        "grid rows is 8, expected 1 to 4",
    );
    plan(json!({"shape": [3, 0, 4], "spec": {}}), "no pixel");
    let explainer = refused::<Explainer>;
    explainer(json!({"budget": {"calls": 0}}), "masks is 0");
    explainer(json!({"budget": {"calls": -1}}), "invalid value");
    explainer(json!({"budget": {"seconds": -1}}), "seconds is -1");
    explainer(json!({"budget": {"masks": 9}}), "unknown field `masks`");
    explainer(json!({"estimator": "best"}), "estimator is \"best\"");
    explainer(json!({"link": "log:-1"}), "link's floor is -1");
    explainer(
        json!({"baseline": {"shape": [1, 2, 2], "values": [0.0]}}),
        "the baseline's values",
    );
    explainer(
        json!({"budget": {"until": [{"certainty": 2.0}]}}),
        "certainty is 2",
    );
    explainer(
        json!({"budget": {"until": [{"patience": 2}]}}),
        "unknown variant `patience`",
    );
    let options = refused::<OnnxOptions>;
    options(json!({"preprocess": {"std": [0.0]}}), "std is [0.0]");
    options(json!({"device": "cuda:999"}), "device is \"cuda:999\"");
    options(
        json!({"preprocess": {"order": [0, 0]}}),
        "channels is [0, 0]",
    );
}

/// What surrogates taught goes round to the bit; sums that no images have are refused.
#[test]
fn priors_go_round_and_forged_ones_are_refused() {
    let explainer = Explainer::builder().grid(3, 3).masks(64).build().unwrap();
    let image = Array3::<f32>::from_shape_fn((3, 12, 12), |(c, y, x)| (c + y * x) as f32 / 150.0);
    let mut prior = racm::SurrogatePrior::default();
    for seed in 0..3 {
        let explainer = explainer.to_builder().seed(seed).build().unwrap();
        let explanation = explainer
            .explain(&Nonlinear { classes: 1 }, &image, 0)
            .unwrap();
        let fit = racm::Surrogate::fit(explanation.plan(), explanation.ledger(), 0).unwrap();
        prior.learn(&fit);
    }
    assert_eq!(through(&prior), prior);
    let explainer = explainer
        .to_builder()
        .surrogate_prior(prior.clone())
        .build();
    let saved = through(&explainer.unwrap());
    assert_eq!(saved.surrogate_prior(), &prior);
    let honest = serde_json::to_value(&prior).unwrap();
    let forged: [fn(&mut Value); 10] = [
        |v| v["images"] = json!(2),
        |v| v["images"] = json!(u64::MAX),
        |v| v["ratios"][0][1] = json!(-1.0),
        |v| v["ratios"][1] = json!([1e200, 1.0]),
        |v| v["ratios"][1] = json!([3e3, 9e6]),
        |v| v["lengths"][0] = json!(1000),
        |v| v["places"][0] = json!([4, [1.0, 1.0, 1.0]]),
        |v| v["places"][1] = json!([1, [0.5, 0.25, -0.1]]),
        |v| v["scales"] = json!([u64::MAX, 4, 0]),
        |v| v["more"] = json!(1),
    ];
    for (i, forge) in forged.into_iter().enumerate() {
        let mut value = honest.clone();
        forge(&mut value);
        let read = serde_json::from_value::<racm::SurrogatePrior>(value);
        assert!(read.is_err(), "{i}: {read:?}");
    }
}
