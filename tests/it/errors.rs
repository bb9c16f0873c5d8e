//! Every variant of `Error` on purpose, with its numbers: here what is wrong before a model is asked, in `refusals`
//! the rest. `Adapter` belongs to the optional features; `Io`, `LedgerFormat` and `LedgerConflict` are in `ledgers`,
//! `RunError` in `interruption`.

use ndarray::{Array2, Array3};
use racm::{
    Baseline, BoxError, Budget, Explainer, ExplainerBuilder, Link, MaskFamily, McRise, Region,
    RunError, Shown, StopRule,
};

use crate::worlds::Nonlinear;

pub fn image() -> Array3<f32> {
    Array3::from_shape_fn((3, 4, 6), |(c, y, x)| (c + y + x) as f32 / 9.0)
}

pub fn builder() -> ExplainerBuilder {
    Explainer::builder().grid(2, 2).masks(40)
}

/// Builds and explains: whichever fails.
pub fn fails(builder: ExplainerBuilder) -> RunError {
    let explained = builder
        .build()
        .map_err(RunError::from)
        .and_then(|e| e.explain(&Nonlinear { classes: 2 }, &image(), 0));
    explained.unwrap_err()
}

#[track_caller]
pub fn says(error: impl Into<BoxError>, message: &str) {
    let boxed: BoxError = error.into();
    assert_eq!(boxed.to_string(), message);
    assert!(!boxed.to_string().is_empty());
}

#[test]
fn parameters() {
    let p_pix = |p: f64| fails(builder().p_pix(p));
    let range = "expected a probability strictly between 0 and 1";
    says(p_pix(0.0), &format!("p_pix is 0, {range}"));
    says(p_pix(1.0), &format!("p_pix is 1, {range}"));
    says(p_pix(-0.5), &format!("p_pix is -0.5, {range}"));
    says(p_pix(f64::NAN), &format!("p_pix is NaN, {range}"));
    says(p_pix(f64::INFINITY), &format!("p_pix is inf, {range}"));
    says(
        fails(builder().grid(0, 3)),
        "grid is 0 x 3 cells, expected at least one row and one column",
    );
    let most = |name, given, pixels| {
        format!("{name} is {given}, expected 1 to {pixels}, at most one cell a pixel")
    };
    says(fails(builder().grid(5, 2)), &most("grid rows", 5, 4));
    says(fails(builder().grid(4, 7)), &most("grid columns", 7, 6));
    for masks in [0, u64::MAX] {
        let message = format!("masks is {masks}, expected 1 to 268435456");
        says(fails(builder().masks(masks)), &message);
    }
    for rule in [
        StopRule::Certainty(0.0),
        StopRule::Certainty(f64::NAN),
        StopRule::RankStability {
            top: 1.5,
            agreement: 0.9,
        },
        StopRule::RankStability {
            top: 0.1,
            agreement: 0.0,
        },
    ] {
        let budget = Budget::new().until(StopRule::Certainty(0.5));
        let error = fails(builder().budget(budget.or_until(rule))).to_string();
        assert!(error.ends_with("expected a number in (0, 1]"), "{error}");
    }
    for seconds in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
        let error = fails(builder().budget(Budget::new().seconds(seconds))).to_string();
        let expected = format!("seconds is {seconds}, expected a number from 0 to 1.8e19");
        assert_eq!(error, expected);
    }
    says(
        fails(builder().budget(Budget::new().calls(0))),
        "masks is 0, expected 1 to 268435456",
    );
    for link in [Link::Log { floor: 0.0 }, Link::Logit { clip: 0.5 }] {
        let error = fails(builder().link(link)).to_string();
        assert!(error.starts_with("link's"), "{error}");
    }
    says(fails(builder().batch(0)), "batch is 0, expected at least 1");
    says(
        fails(builder().block_size(0)),
        "block_size is 0, expected 1 to 65536",
    );
    says(
        fails(builder().block_size(65537)),
        "block_size is 65537, expected 1 to 65536",
    );
    let sigma = |sigma| fails(builder().baseline(Baseline::Blur { sigma }));
    says(sigma(0.0), "sigma is 0, expected a number in (0, 10000]");
    says(
        sigma(f64::NAN),
        "sigma is NaN, expected a number in (0, 10000]",
    );
    says(
        fails(builder().baseline(Baseline::PerChannel(vec![0.0; 2]))),
        "baseline is a list of 2 values, expected one value for each of the image's 3 channels",
    );
    // What is just inside its range passes.
    for builder in [
        builder().p_pix(1e-300),
        builder().p_pix(1.0 - f64::EPSILON / 2.0),
        builder().grid(4, 6),
        builder().block_size(65536),
    ] {
        builder
            .build()
            .unwrap()
            .explain(&Nonlinear { classes: 1 }, &image(), 0)
            .unwrap();
    }
}

#[test]
fn colours() {
    let colours = |list: Vec<Vec<f32>>| McRise::new(list.into_iter().map(|c| ("c", c)));
    says(
        colours(vec![]).unwrap_err(),
        "colours is a list of 0, expected 1 to 64 colours",
    );
    says(
        colours(vec![vec![0.0]; 65]).unwrap_err(),
        "colours is a list of 65, expected 1 to 64 colours",
    );
    let lengths = "expected the same number of values in every colour, one a channel";
    says(
        colours(vec![vec![0.0; 3], vec![0.0; 2]]).unwrap_err(),
        &format!("colours is a colour of 2 values, {lengths}"),
    );
    says(
        colours(vec![vec![]]).unwrap_err(),
        &format!("colours is a colour of 0 values, {lengths}"),
    );
    says(
        colours(vec![vec![0.0, f32::NAN]]).unwrap_err(),
        "colours is NaN, expected finite values",
    );
    let family = colours(vec![vec![0.5; 2]]).unwrap();
    says(
        fails(builder().family(family)),
        "colours is a list of colours of 2 values, expected one value for each of the image's 3 channels",
    );
}

/// A family that breaks one requirement of the trait.
#[derive(Clone, Copy, Debug)]
struct Broken {
    states: u64,
    planes: usize,
    feeds: [u64; 2],
}

impl MaskFamily for Broken {
    fn name(&self) -> String {
        "broken".to_owned()
    }
    fn states(&self, _: usize) -> u64 {
        self.states
    }
    fn planes(&self, _: usize) -> usize {
        self.planes
    }
    fn incidence(&self, state: u64) -> u64 {
        self.feeds[state.min(1) as usize]
    }
    fn shows(&self, _: u64, _: usize) -> Shown {
        Shown::Image
    }
    fn plane_name(&self, _: usize, _: usize) -> String {
        String::new()
    }
}

#[test]
fn families_that_break_their_requirements() {
    let good = Broken {
        states: 2,
        planes: 1,
        feeds: [0, 1],
    };
    builder()
        .family(good)
        .build()
        .unwrap()
        .plan([3, 4, 6])
        .unwrap();
    let limits = "expected 1 to 64 planes and at least one state";
    let of = |planes, states| {
        format!("family is broken with {planes} planes and {states} states, {limits}")
    };
    says(
        fails(builder().family(Broken { planes: 0, ..good })),
        &of(0, 2),
    );
    says(
        fails(builder().family(Broken { planes: 65, ..good })),
        &of(65, 2),
    );
    says(
        fails(builder().family(Broken { states: 0, ..good })),
        &of(1, 0),
    );
    says(
        fails(builder().family(Broken { planes: 2, ..good })),
        "family is broken with share 0 of plane 1, expected a share in (0, 1] for every plane",
    );
    says(
        fails(builder().family(Broken {
            feeds: [1, 1],
            ..good
        })),
        "family is broken with an unselected state 0 that feeds planes, expected a state 0 that feeds none",
    );
}

#[test]
fn shapes() {
    let explainer = builder().build().unwrap();
    let model = Nonlinear { classes: 1 };
    for shape in [[0, 4, 4], [3, 0, 4], [3, 4, 0]] {
        says(
            explainer
                .explain(&model, &Array3::zeros(shape), 0)
                .unwrap_err(),
            &format!(
                "the image has shape {shape:?} ([C, H, W]) and so no pixel; every axis must be at least 1"
            ),
        );
    }
    says(
        fails(builder().baseline(Baseline::Image(Array3::zeros((3, 4, 5))))),
        "the baseline has shape [3, 4, 5], expected [3, 4, 6]",
    );
    let region = Region::from_pixels(Array2::from_elem((6, 4), true)).unwrap();
    says(
        fails(builder().region(region)),
        "the region has shape [6, 4], expected [4, 6]",
    );
    let plan = explainer.plan([3, 4, 6]).unwrap();
    let other = plan
        .mask(0, 0)
        .apply(&Array3::zeros((1, 4, 6)), &Baseline::default());
    says(
        other.unwrap_err(),
        "the image has shape [1, 4, 6], expected [3, 4, 6]",
    );
    let explanation = explainer.explain(&model, &image(), 0).unwrap();
    says(
        explanation
            .contrast(0, &Array3::zeros((1, 4, 6)))
            .unwrap_err(),
        "the weights has shape [1, 4, 6], expected [3, 4, 6]",
    );
}

#[test]
fn channels() {
    let explain = |family: ExplainerBuilder| {
        let image = Array3::zeros((65, 4, 4));
        family
            .build()
            .unwrap()
            .explain(&Nonlinear { classes: 1 }, &image, 0)
            .unwrap_err()
    };
    says(
        explain(builder()),
        "racm takes 1 to 64 channels, the image has 65; channels can pass in groups (Racm::grouped)",
    );
}

#[test]
fn values_that_are_not_finite() {
    let mut bad = image();
    bad[[2, 3, 1]] = f32::NEG_INFINITY;
    let explainer = builder().build().unwrap();
    says(
        explainer
            .explain(&Nonlinear { classes: 1 }, &bad, 0)
            .unwrap_err(),
        "the image holds -inf at [2, 3, 1]; every element must be finite",
    );
    bad[[2, 3, 1]] = f32::NAN;
    says(
        fails(builder().baseline(Baseline::Image(bad))),
        "the baseline holds NaN at [2, 3, 1]; every element must be finite",
    );
    let per_channel = Baseline::PerChannel(vec![0.0, f32::INFINITY, 0.0]);
    says(
        fails(builder().baseline(per_channel)),
        "the baseline holds inf at [1]; every element must be finite",
    );
    says(
        fails(builder().baseline(Baseline::Constant(f32::NAN))),
        "the baseline holds NaN at [0]; every element must be finite",
    );
}
