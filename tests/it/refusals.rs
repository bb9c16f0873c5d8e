//! Errors while a model is asked, and of what a run leaves behind: scores, targets, ledgers, regions.

use ndarray::{Array2, Array3, Array4, ArrayView4};
use racm::{
    Baseline, Error, Estimator, ExplainerBuilder, Explanation, FnModel, MaskSpec, McRise, Plan,
    Racm, Region, Rise, Target,
};

use crate::errors::{builder, fails, image, says};
use crate::worlds::{Nonlinear, partial};

#[test]
fn scores() {
    let explainer = builder().batch(8).build().unwrap();
    let explain = |answer: fn(usize) -> Array2<f32>| {
        let model = FnModel::new(move |b: ArrayView4<'_, f32>| answer(b.dim().0));
        explainer.explain(&model, &image(), 0).unwrap_err()
    };
    says(
        explain(|_| Array2::zeros((2, 5))),
        "the model answered the unmasked image with scores of shape [2, 5], expected [1, K >= 1]",
    );
    says(
        explain(|n| Array2::zeros((n, 0))),
        "the model answered the unmasked image with scores of shape [1, 0], expected [1, K >= 1]",
    );
    says(
        explain(|n| Array2::zeros((n, n))),
        "the model answered masks 0..8 with scores of shape [8, 8], expected [8, 1]",
    );
    says(
        explain(|_| Array2::from_elem((1, 2), f32::INFINITY)),
        "the model answered the unmasked image with inf for class 0; every score must be finite",
    );
    says(
        explain(|n| {
            let bad = |(row, k)| if (row, k) == (5, 1) { f32::NAN } else { 0.0 };
            Array2::from_shape_fn((n, 2), bad)
        }),
        "the model answered mask 5 with NaN for class 1; every score must be finite",
    );
}

#[test]
fn models_that_fail() {
    let explainer = builder().batch(8).build().unwrap();
    let calls = std::cell::Cell::new(0);
    let model = FnModel::new(
        |b: ArrayView4<'_, f32>| -> Result<Array2<f32>, std::io::Error> {
            calls.set(calls.get() + 1);
            match calls.get() {
                4 => Err(std::io::Error::other("the line is dead")),
                _ => Ok(Array2::ones((b.dim().0, 1))),
            }
        },
    );
    let error = explainer.explain(&model, &image(), 0).unwrap_err();
    let message = "stopped after 16 masks: the model failed on masks 16..24: the line is dead";
    assert_eq!(error.to_string(), message);
    let (source, ledger) = partial(error);
    assert_eq!(ledger.masks(), 16);
    let cause = std::error::Error::source(&source).unwrap();
    assert!(cause.downcast_ref::<std::io::Error>().is_some());
}

#[test]
fn targets() {
    let explainer = builder().build().unwrap();
    let explain = |target: Target| {
        explainer
            .explain(&Nonlinear { classes: 3 }, &image(), target)
            .map(|e| e.targets())
    };
    let none = "no target class was asked for; name at least one";
    says(explain(vec![].into()).unwrap_err(), none);
    says(
        explain([0, 3].into()).unwrap_err(),
        "class 3 was asked for, the model has 3 classes (0..3)",
    );
    let one = explainer.explain(&Nonlinear { classes: 1 }, &image(), 1);
    says(
        one.unwrap_err(),
        "class 1 was asked for, the model has 1 class (0)",
    );
    assert_eq!(explain([2, 0, 2].into()).unwrap(), [2, 0, 2]);
    assert_eq!(explain(Target::All).unwrap(), [0, 1, 2]);
    let explanation = explainer
        .explain(&Nonlinear { classes: 3 }, &image(), [2, 1])
        .unwrap();
    let error = explanation
        .contrast(2, &Array3::zeros((3, 4, 6)))
        .unwrap_err();
    assert!(matches!(
        error,
        Error::Target {
            target: 2,
            classes: 2
        }
    ));
    // The top class is the first of equals.
    let model = FnModel::new(|b: ArrayView4<'_, f32>| {
        Array2::from_shape_fn((b.dim().0, 4), |(_, k)| [1.0, 2.0, 2.0, -5.0][k])
    });
    assert_eq!(
        explainer
            .explain(&model, &image(), Target::Top)
            .unwrap()
            .targets(),
        [1]
    );
}

#[test]
fn too_few_masks_and_pixels_never_seen() {
    for (estimator, message) in [
        (
            Estimator::default(),
            "averaged needs at least 2 masks, the ledger holds 1",
        ),
        (
            Estimator::Centred,
            "centred needs at least 2 masks, the ledger holds 1",
        ),
    ] {
        let error = partial(fails(builder().estimator(estimator).masks(1))).0;
        assert!(matches!(
            error,
            Error::TooFewMasks {
                given: 1,
                needed: 2,
                ..
            }
        ));
        says(error, message);
    }
    let one = builder()
        .masks(1)
        .estimator(Estimator::HorvitzThompson)
        .build()
        .unwrap();
    let one = one.explain(&Nonlinear { classes: 1 }, &image(), 0).unwrap();
    assert_eq!(one.standard_error().unwrap(), None);
    let none = builder().build().unwrap();
    let none = none
        .run(&Nonlinear { classes: 1 }, &image(), 0)
        .blocks(0..0)
        .explain();
    says(
        none.unwrap_err(),
        "averaged needs at least 2 masks, the ledger holds 0",
    );

    let rare = builder()
        .masks(3)
        .p_pix(1e-9)
        .estimator(Estimator::SelfNormalised);
    let (error, ledger) = partial(fails(rare));
    says(
        error,
        "plane 0 at pixel (0, 0) was never seen selected in 3 masks, so its self-normalised mean is undefined; use more masks or another estimator",
    );
    assert_eq!(ledger.masks(), 3);
    let often = builder().masks(3).family(Rise).p_pix(1.0 - 1e-9);
    let (error, _) = partial(fails(often.estimator(Estimator::SelfNormalised)));
    assert!(matches!(
        error,
        Error::NeverSeen {
            plane: 0,
            row: 0,
            column: 0,
            state: "unselected",
            masks: 3
        }
    ));
}

/// Seven blocks have no standard error from the spread between them, eight have one.
#[test]
fn standard_errors_need_eight_blocks() {
    for (masks, some) in [(7 * 32, false), (7 * 32 + 1, true)] {
        let explainer = builder().masks(masks).estimator(Estimator::Centred);
        let explainer = explainer.build().unwrap();
        let explanation = explainer
            .explain(&Nonlinear { classes: 1 }, &image(), 0)
            .unwrap();
        assert_eq!(explanation.standard_error().unwrap().is_some(), some);
        assert_eq!(explanation.standard_errors().unwrap().is_some(), some);
        let (_, error) = explanation.contrast(0, &Array3::ones((3, 4, 6))).unwrap();
        assert_eq!(error.is_some(), some);
    }
}

#[test]
fn ledgers_of_another_run() {
    let image = image();
    let model = Nonlinear { classes: 3 };
    let ledger = |b: ExplainerBuilder, target: usize| {
        b.build()
            .unwrap()
            .run(&model, &image, target)
            .score()
            .unwrap()
    };
    let ours = ledger(builder(), 0);
    let refused = |theirs: &racm::Ledger, what: &str| {
        let mut merged = ours.clone();
        let error = merged.merge(theirs).unwrap_err();
        assert!(
            matches!(&error, Error::Ledger { what: w, .. } if *w == what),
            "{error}"
        );
        let explainer = builder().build().unwrap();
        let error = explainer
            .run(&model, &image, 0)
            .ledger(theirs.clone())
            .score()
            .unwrap_err();
        assert!(
            matches!(error.cause(), Error::Ledger { what: w, .. } if *w == what),
            "{error}"
        );
        error
    };
    says(
        refused(&ledger(builder().seed(9), 0), "seed"),
        "the ledger belongs to another seed: it has 9, expected 0",
    );
    says(
        refused(&ledger(builder(), 2), "set of targets"),
        "the ledger belongs to another set of targets: it has [2], expected [0]",
    );
    refused(
        &ledger(builder().baseline(Baseline::Constant(0.5)), 0),
        "baseline",
    );
    let region = Region::from_pixels(Array2::from_elem((4, 6), true)).unwrap();
    let some = Region::top_fraction(&Array2::zeros((4, 6)), 0.5).unwrap();
    for (other, what) in [
        (builder().p_pix(0.25), "P_pix"),
        (builder().grid(2, 3), "grid"),
        (builder().family(Rise), "family"),
        (builder().family(McRise::rgb()), "family"),
        (builder().block_size(16), "block size"),
        (
            builder().enlargement(racm::Enlargement::Nearest),
            "enlargement",
        ),
        (builder().placement(racm::Placement::Fixed), "placement"),
        (builder().region(region), "region"),
        (builder().region(some), "region"),
    ] {
        refused(&ledger(other, 0), what);
    }
    let plan = Plan::new([3, 4, 6], &MaskSpec::new(Racm).grid(8, 8)).unwrap_err();
    says(
        plan,
        "grid rows is 8, expected 1 to 4, at most one cell a pixel",
    );
    let spec = MaskSpec::new(Racm).grid(3, 3);
    let plan = Plan::new([3, 4, 6], &spec).unwrap();
    let error = Explanation::from_ledger(plan, ours.clone(), Estimator::Centred).unwrap_err();
    assert!(
        matches!(error, Error::Ledger { what: "grid", .. }),
        "{error}"
    );
}

#[test]
fn regions() {
    let empty = Region::from_pixels(Array2::from_elem((3, 5), false)).unwrap_err();
    says(
        empty,
        "the region holds none of the 3 x 5 pixels; nothing would be masked",
    );
    let map = ndarray::arr2(&[[1.0, f32::NAN]]);
    for error in [
        Region::top_fraction(&map, 0.5).unwrap_err(),
        Region::above_percentile(&map, 50.0).unwrap_err(),
        Region::above(&map, 0.0).unwrap_err(),
    ] {
        says(
            error,
            "the saliency map holds NaN at [0, 1]; every element must be finite",
        );
    }
    let map = ndarray::arr2(&[[1.0f32, 2.0]]);
    for fraction in [0.0, -0.1, 1.5, f64::NAN] {
        says(
            Region::top_fraction(&map, fraction).unwrap_err(),
            &format!("fraction is {fraction}, expected a number in (0, 1]"),
        );
    }
    for percentile in [-0.1, 100.1, f64::NAN] {
        says(
            Region::above_percentile(&map, percentile).unwrap_err(),
            &format!("percentile is {percentile}, expected a number in [0, 100]"),
        );
    }
    says(
        Region::above(&map, f32::NAN).unwrap_err(),
        "value is NaN, expected a number",
    );
    let none = "the region holds none of the 1 x 2 pixels; nothing would be masked";
    says(Region::above(&map, 2.0).unwrap_err(), none);
    says(Region::above_percentile(&map, 100.0).unwrap_err(), none);
    says(Region::top_fraction(&map, 0.2).unwrap_err(), none);
    let nothing = Region::top_fraction(&Array2::zeros((0, 4)), 0.5).unwrap_err();
    says(
        nothing,
        "the region holds none of the 0 x 4 pixels; nothing would be masked",
    );
    let [a, b] = [0, 1].map(|x| Region::from_pixels(ndarray::arr2(&[[x == 0, x == 1]])).unwrap());
    says(a.intersection(&b).unwrap_err(), none);
    let tall = Region::from_pixels(Array2::from_elem((2, 1), true)).unwrap();
    says(
        a.union(&tall).unwrap_err(),
        "the other region has shape [2, 1], expected [1, 2]",
    );
}

#[test]
fn a_wrong_batch_never_reaches_the_model() {
    let called = std::cell::Cell::new(false);
    let model = FnModel::new(|b: ArrayView4<'_, f32>| {
        called.set(true);
        Array2::zeros((b.dim().0, 1))
    });
    let explainer = builder().build().unwrap();
    assert!(
        explainer
            .explain(&model, &Array3::from_elem((3, 4, 6), f32::NAN), 0)
            .is_err()
    );
    assert!(
        explainer
            .explain(&model, &Array3::zeros((3, 1, 1)), 0)
            .is_err()
    );
    assert!(!called.get());
    let batch = Array4::zeros((2, 3, 4, 6));
    racm::BlackBoxModel::predict(&model, batch.view()).unwrap();
    assert!(called.get());
}
