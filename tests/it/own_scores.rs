//! Masks and estimators without an explainer: a loop of one's own.

use ndarray::{Array2, Array3, ArrayView4, Axis, s};
use racm::{
    Baseline, BlackBoxModel, Error, Estimator, Explainer, Explanation, Ledger, MaskSpec, Masker,
    Plan,
};

use crate::errors::says;
use crate::worlds::{Nonlinear, bits, noise};

const MASKS: usize = 300;

fn image() -> Array3<f32> {
    Array3::from_shape_fn((2, 8, 10), |(c, y, x)| {
        noise(6, (c * 8 + y) * 10 + x) as f32
    })
}

fn plan() -> Plan {
    Plan::new([2, 8, 10], &MaskSpec::default().grid(4, 5)).unwrap()
}

/// Scores made by hand, mask by mask.
fn scores() -> Array2<f32> {
    let plan = plan();
    let score = |index| {
        let masked = plan
            .mask(9, index)
            .apply(&image(), &Baseline::default())
            .unwrap();
        let scores = Nonlinear { classes: 3 }.predict(masked.view().insert_axis(Axis(0)));
        scores.unwrap().row(0).to_owned()
    };
    let mut all = Array2::zeros((MASKS, 3));
    for (index, mut row) in all.outer_iter_mut().enumerate() {
        row.assign(&score(index as u64));
    }
    all
}

#[test]
fn scores_of_ones_own_make_the_same_map() {
    let explainer = Explainer::builder().grid(4, 5).masks(MASKS as u64).seed(9);
    let expected = explainer.build().unwrap();
    let expected = expected
        .explain(&Nonlinear { classes: 3 }, &image(), [0, 1, 2])
        .unwrap();
    let scores = scores();
    let ledger = Ledger::from_scores(&plan(), 9, 0, &scores).unwrap();
    assert_eq!((ledger.masks(), ledger.seed()), (MASKS as u64, 9));
    assert_eq!(ledger.targets(), [0, 1, 2]);
    for estimator in [
        Estimator::Centred,
        Estimator::SelfNormalised,
        Estimator::Surrogate,
    ] {
        let expected = expected.with_estimator(estimator).unwrap();
        let maps = estimator.maps(&plan(), &ledger).unwrap();
        assert_eq!(bits(maps.view()), bits(expected.maps()));
        let own = Explanation::from_ledger(plan(), ledger.clone(), estimator).unwrap();
        assert_eq!(
            own.standard_errors().unwrap(),
            expected.standard_errors().unwrap()
        );
    }
    // In pieces, the last one first.
    let piece = |first: usize, end: usize| {
        let scores = scores.slice(s![first..end, ..]).to_owned();
        Ledger::from_scores(&plan(), 9, first as u64, &scores).unwrap()
    };
    let mut union = piece(96, MASKS);
    union.merge(&piece(0, 128)).unwrap();
    assert_eq!(union, ledger);
}

/// `Masker` renders what `Mask` shows, so that whole batches can be scored.
#[test]
fn a_batch_loop_of_ones_own() {
    let (plan, image) = (plan(), image());
    let masker = Masker::new(&plan, &image, &Baseline::default()).unwrap();
    let mut batch = vec![0.0; MASKS * image.len()];
    masker.fill(9, 0, &mut batch).unwrap();
    let batch = ArrayView4::from_shape((MASKS, 2, 8, 10), &batch).unwrap();
    let all = Nonlinear { classes: 3 }.predict(batch).unwrap();
    assert_eq!(all, scores());
}

#[test]
fn bad_scores_are_refused() {
    let refused = |first, scores: Array2<f32>, message: &str| {
        says(
            Ledger::from_scores(&plan(), 9, first, &scores).unwrap_err(),
            message,
        );
    };
    let none = "the array of scores has shape [0, 2], expected [1, 2]";
    refused(0, Array2::zeros((0, 2)), none);
    refused(
        0,
        Array2::zeros((4, 0)),
        "no target class was asked for; name at least one",
    );
    let within = "first mask is 33, expected a multiple of the block size, 32";
    refused(33, Array2::zeros((4, 1)), within);
    let mut nan = Array2::zeros((40, 2));
    nan[[37, 1]] = f32::NAN;
    refused(
        32,
        nan,
        "the model answered mask 69 with NaN for class 1; every score must be finite",
    );
    let late = "first mask is 18446744073709551584, expected at most 2^63";
    refused(u64::MAX - 31, Array2::zeros((4, 1)), late);
    let ledger = Ledger::from_scores(&plan(), 9, 0, &Array2::zeros((4, 2))).unwrap();
    assert!(ledger.unmasked_scores().iter().all(|s| s.is_nan()));
    let with = |scores: &[f32]| ledger.clone().with_unmasked_scores(scores);
    assert_eq!(with(&[0.5, 2.0]).unwrap().unmasked_scores(), [0.5, 2.0]);
    let short = "the list of unmasked scores has shape [1], expected [2]";
    says(with(&[0.5]).unwrap_err(), short);
    let endless =
        "the model answered the unmasked image with inf for class 1; every score must be finite";
    says(with(&[0.5, f32::INFINITY]).unwrap_err(), endless);
    // Another plan's masks.
    let ledger = Ledger::from_scores(&plan(), 9, 0, &scores()).unwrap();
    let other = Plan::new([2, 8, 10], &MaskSpec::default().grid(5, 5)).unwrap();
    let error = Estimator::Centred.maps(&other, &ledger).unwrap_err();
    assert!(
        matches!(error, Error::Ledger { what: "grid", .. }),
        "{error}"
    );
}
