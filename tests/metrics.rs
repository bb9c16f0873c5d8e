//! Metrics: cases computed by hand, properties, calls of the model, errors, and other people's code.

#[cfg(feature = "cli")]
mod data;
#[cfg(feature = "cli")]
mod npy;
#[cfg(feature = "cli")]
#[path = "metrics/oracles.rs"]
mod oracles;
#[path = "metrics/properties.rs"]
mod properties;

use std::cell::RefCell;

use approx::assert_abs_diff_eq;
use ndarray::{Array2, Array3, ArrayView3, ArrayView4, Axis, arr3};
use racm::metrics::{
    Averaging, BoundingBox, Curve, Dcc, Elements, InsertionDeletion, Order, Ranking, RiseBlur,
    Start, Steps, Summary, Undefined, ValueThreshold, average_dcc, dcc, dcc_of_maps, energy_inside,
    explained_image, gini, pointing_game, random_map, uniform_map,
};
use racm::{Baseline, BlackBoxModel, BoxError, Error, FnModel, Inputs};

/// Two classes: the sum of an image weighted element by element, and its negative.
pub struct Linear {
    pub weights: Array3<f32>,
    /// The size of every batch.
    pub calls: RefCell<Vec<usize>>,
}

impl Linear {
    pub fn new(weights: Array3<f32>) -> Self {
        Linear {
            weights,
            calls: RefCell::default(),
        }
    }

    pub fn sum(shape: [usize; 3]) -> Self {
        Linear::new(Array3::ones(shape))
    }
}

impl BlackBoxModel for Linear {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        assert!(batch.as_slice().is_some(), "the batch is not contiguous");
        self.calls.borrow_mut().push(batch.dim().0);
        let mut scores = Array2::zeros((batch.dim().0, 2));
        for (mut row, image) in scores.outer_iter_mut().zip(batch.outer_iter()) {
            let score = (&image * &self.weights).sum();
            row[0] = score;
            row[1] = -score;
        }
        Ok(scores)
    }
}

fn image_2x2() -> Array3<f32> {
    arr3(&[[[1.0, 2.0], [3.0, 4.0]]])
}

#[test]
fn insertion_and_deletion_by_hand() {
    let image = arr3(&[[[1.0, 2.0], [3.0, 4.0]], [[10.0, 20.0], [30.0, 40.0]]]);
    // Mean over planes: 2, 3, 3, 1 (ties by index): pixels 1, 2, 0, 3.
    let map = arr3(&[[[4.0_f32, 3.0], [1.0, 0.0]], [[0.0, 3.0], [5.0, 2.0]]]);
    let model = Linear::sum([2, 2, 2]);
    let protocol = InsertionDeletion::pixels().steps(Steps::Elements(1));
    let curves = protocol
        .curves(&model, image.view(), map.view(), 0)
        .unwrap();
    assert_eq!(curves.insertion.fractions, [0.0, 0.25, 0.5, 0.75, 1.0]);
    assert_eq!(curves.insertion.scores, [0.0, 22.0, 55.0, 66.0, 110.0]);
    assert_eq!(curves.insertion.auc, (22.0 + 55.0 + 66.0 + 55.0) / 4.0);
    assert_eq!(curves.deletion.scores, [110.0, 88.0, 55.0, 44.0, 0.0]);

    // By channel of a pixel: 5 (1, 1, 0), 4 (0, 0, 0), 3 (0, 0, 1), 3 (1, 0, 1), 2, 1, 0, 0.
    let protocol = InsertionDeletion::pixel_channels().steps(Steps::Elements(3));
    let curves = protocol
        .curves(&model, image.view(), map.view(), 1)
        .unwrap();
    assert_eq!(curves.insertion.fractions, [0.0, 0.375, 0.75, 1.0]);
    assert_eq!(curves.insertion.scores, [0.0, -33.0, -96.0, -110.0]);
    let auc = -(0.375 * 33.0 / 2.0 + 0.375 * 129.0 / 2.0 + 0.25 * 206.0 / 2.0);
    assert_abs_diff_eq!(curves.insertion.auc, auc, epsilon = 1e-12);

    // Least important first: the tied zeros still by index, (0, 1, 1) before (1, 0, 0).
    let ranking = Ranking::new(map.view(), Elements::PixelChannels).unwrap();
    assert_eq!(*ranking.indices(Order::Morf), [6, 0, 1, 5, 7, 2, 3, 4]);
    assert_eq!(*ranking.indices(Order::Lerf), [3, 4, 2, 7, 1, 5, 0, 6]);
    let lerf = protocol
        .order(Order::Lerf)
        .insertion(&model, image.view(), &ranking, 0)
        .unwrap();
    assert_eq!(lerf.scores, [0.0, 17.0, 79.0, 110.0]);
}

#[test]
fn baselines_are_where_the_curves_start_and_end() {
    let image = image_2x2();
    let model = Linear::sum([1, 2, 2]);
    let other = arr3(&[[[5.0, 5.0], [5.0, 6.0]]]);
    let blur = RiseBlur::new(3, 1.0).unwrap();
    let gaussian = Baseline::Blur { sigma: 1.0 };
    let blurred = blur.apply(image.view()).unwrap();
    // Weights a, b, a with 2a + b = 1: every pixel gives (a + b)^2 to the image and the rest away.
    let inside = (1.0 - blur.weights()[0]).powi(2);
    assert_abs_diff_eq!(f64::from(blurred.sum()), 10.0 * inside, epsilon = 1e-5);
    let starts: [(Start, f64); 5] = [
        (Baseline::default().into(), 0.0),
        (Baseline::Constant(0.5).into(), 2.0),
        (Baseline::Image(other).into(), 21.0),
        (gaussian.into(), 10.0), // reflected at the edges, so nothing is lost
        (blur.into(), f64::from(blurred.sum())),
    ];
    for (baseline, ends) in starts {
        let protocol = InsertionDeletion::pixels()
            .insertion_start(baseline.clone())
            .deletion_end(baseline);
        let curves = protocol
            .curves(&model, image.view(), image.view(), 0)
            .unwrap();
        assert_abs_diff_eq!(curves.insertion.scores[0], ends, epsilon = 1e-5);
        assert_eq!(curves.insertion.scores[4], 10.0);
        assert_eq!(curves.deletion.scores[0], 10.0);
        assert_abs_diff_eq!(curves.deletion.scores[4], ends, epsilon = 1e-5);
    }
}

#[test]
fn steps_and_batches_count_the_models_calls() {
    let image = Array3::<f32>::ones((3, 5, 7));
    let map = random_map([1, 5, 7], 3);
    let points = |steps, batch| {
        let model = Linear::sum([3, 5, 7]);
        let curves = InsertionDeletion::pixels()
            .steps(steps)
            .batch(batch)
            .curves(&model, image.view(), map.view(), 0)
            .unwrap();
        assert_eq!(curves.insertion.scores.len(), curves.deletion.scores.len());
        assert_eq!(curves.insertion.fractions[0], 0.0);
        assert_eq!(*curves.insertion.fractions.last().unwrap(), 1.0);
        (curves.insertion.scores.len(), model.calls.into_inner())
    };
    // 35 pixels: 9 + 9 + 9 + 8, that is 5 states a curve.
    assert_eq!(points(Steps::Parts(4), 32), (5, vec![5, 5]));
    assert_eq!(points(Steps::Parts(4), 2), (5, vec![2, 2, 1, 2, 2, 1]));
    assert_eq!(points(Steps::Parts(4), 1), (5, vec![1; 10]));
    assert_eq!(points(Steps::Parts(1000), 36), (36, vec![36, 36]));
    assert_eq!(points(Steps::Elements(10), 100), (5, vec![5, 5]));
    assert_eq!(points(Steps::Elements(usize::MAX), 9), (2, vec![2, 2]));

    let model = Linear::sum([3, 5, 7]);
    ValueThreshold::new()
        .batch(20)
        .curves(&model, image.view(), map.view(), 0)
        .unwrap();
    assert_eq!(*model.calls.borrow(), [20, 9, 20, 9]);

    let model = Linear::sum([3, 5, 7]);
    let mut explanations = 0;
    let explain = |e: ArrayView3<'_, f32>| {
        explanations += 1;
        Ok(e.to_owned())
    };
    let map = random_map([3, 5, 7], 3);
    let zero = Baseline::default();
    dcc(&model, image.view(), map.view(), 0, &zero, explain).unwrap();
    assert_eq!((model.calls.into_inner(), explanations), (vec![2], 1));
}

#[test]
fn views_with_any_strides_are_read_alike() {
    let image = random_map([3, 6, 4], 1);
    let map = random_map([3, 6, 4], 2);
    let model = Linear::new(random_map([3, 6, 4], 5));
    let swapped = |a: &Array3<f32>| a.view().reversed_axes().as_standard_layout().into_owned();
    let (image_t, map_t) = (swapped(&image), swapped(&map));
    let protocol = InsertionDeletion::pixel_channels();
    let straight = protocol.curves(&model, image.view(), map.view(), 0);
    let strided = protocol.curves(
        &model,
        image_t.view().reversed_axes(),
        map_t.view().reversed_axes(),
        0,
    );
    assert_eq!(straight.unwrap(), strided.unwrap());
}

#[test]
fn value_threshold_by_hand() {
    let image = image_2x2();
    let model = Linear::sum([1, 2, 2]);
    // Scaled: 0, 0.3, 0.5, 1; thresholds 1.01 | 0.97..0.54 | 0.5..0.32 | 0.29..0.04 | 0.
    let map = arr3(&[[[-1.0, -0.4], [0.0, 1.0]]]);
    let curves = ValueThreshold::new()
        .curves(&model, image.view(), map.view(), 0)
        .unwrap();
    let insertion = curves.insertion.unwrap();
    let mut expected = vec![0.0];
    expected.extend([4.0; 13]); // 0.97, ..., 0.54: i = 27..=15
    expected.extend([7.0; 6]); // 0.5, ..., 0.32: i = 14..=9
    expected.extend([9.0; 8]); // 0.29, ..., 0.04: i = 8..=1
    expected.push(10.0);
    assert_eq!(insertion.scores, expected);
    assert_abs_diff_eq!(insertion.rescaled[1], 0.4, epsilon = 1e-12);
    let auc = (13.0 * 0.4 + 6.0 * 0.7 + 8.0 * 0.9 + 0.5) / 28.0;
    assert_abs_diff_eq!(insertion.auc, auc, epsilon = 1e-12);

    let deletion = curves.deletion.unwrap();
    let mut expected = vec![10.0];
    expected.extend([6.0; 12]); // 0.97, ..., 0.58
    expected.extend([6.0; 2]); // 0.54, and 0.5 keeps what is 0.5
    expected.extend([3.0; 5]); // 0.47, ..., 0.32
    expected.extend([1.0; 8]);
    expected.push(f64::from(0.1_f32 * 4.0));
    assert_eq!(deletion.scores, expected);
    assert_eq!((deletion.rescaled[0], deletion.rescaled[28]), (1.0, 0.0));

    // A map of one plane counts for every channel.
    let two = Array3::from_shape_fn((2, 2, 2), |(_, y, x)| image[[0, y, x]]);
    let model = Linear::sum([2, 2, 2]);
    let broad = ValueThreshold::new()
        .curves(&model, two.view(), map.view(), 0)
        .unwrap();
    assert_eq!(broad.insertion.unwrap().rescaled, insertion.rescaled);
}

#[test]
fn value_threshold_is_undefined_and_never_nan() {
    let image = image_2x2();
    let constant =
        FnModel::new(|b: ArrayView4<'_, f32>| Array2::from_elem((b.dim().0, 1), 0.25_f32));
    let curves = ValueThreshold::new()
        .curves(&constant, image.view(), image.view(), 0)
        .unwrap();
    let equal = Err(Undefined::EqualEnds { score: 0.25 });
    assert_eq!((curves.insertion, curves.deletion), (equal.clone(), equal));

    let model = Linear::sum([1, 2, 2]);
    let curves = ValueThreshold::new()
        .curves(&model, image.view(), uniform_map([1, 2, 2]).view(), 0)
        .unwrap();
    let flat = Err(Undefined::FlatMap { value: 1.0 });
    assert_eq!((curves.insertion, curves.deletion), (flat.clone(), flat));
    assert!(model.calls.borrow().is_empty());
}

#[test]
fn dcc_by_hand() {
    // Scaled map: 0, 1/3, 2/3, 1: complexity 1/2; against its reverse the correlation is -1.
    let map = arr3(&[[[2.0_f32, 3.0], [4.0, 5.0]]]);
    let reverse = map.mapv(|v| -v);
    let terms = dcc_of_maps(map.view(), map.view(), 0.8, 0.6).unwrap();
    assert_abs_diff_eq!(terms.coherency.unwrap(), 1.0, epsilon = 1e-12);
    assert_abs_diff_eq!(terms.complexity.unwrap(), 0.5, epsilon = 1e-12);
    assert_abs_diff_eq!(terms.drop.unwrap(), 0.25, epsilon = 1e-12);
    let value = 3.0 / (1.0 + 2.0 + 4.0 / 3.0);
    assert_abs_diff_eq!(terms.value().unwrap(), value, epsilon = 1e-12);
    let opposite = dcc_of_maps(map.view(), reverse.view(), 0.8, 0.9).unwrap();
    assert_abs_diff_eq!(opposite.coherency.unwrap(), 0.0, epsilon = 1e-12);
    assert_eq!(opposite.drop, Ok(0.0));
    // A negative score of the explained image is a full drop, and a term of 0 makes the whole 0.
    let full = dcc_of_maps(map.view(), map.view(), 0.8, -5.0).unwrap();
    assert_eq!((full.drop, full.value()), (Ok(1.0), Ok(0.0)));

    // e = b + map (I - b), a plane for a channel or one for all.
    let image = arr3(&[[[1.0_f32, 1.0]], [[2.0, 2.0]]]);
    let grey = Baseline::PerChannel(vec![0.0, 1.0]);
    let one = arr3(&[[[0.0_f32, 8.0]]]);
    let e = explained_image(image.view(), one.view(), &grey).unwrap();
    assert_eq!(e.unwrap(), arr3(&[[[0.0, 1.0]], [[1.0, 2.0]]]));
    let two = arr3(&[[[0.0_f32, 8.0]], [[4.0, 0.0]]]);
    let e = explained_image(image.view(), two.view(), &grey).unwrap();
    assert_eq!(e.unwrap(), arr3(&[[[0.0, 1.0]], [[1.5, 1.0]]]));
}

#[test]
fn dcc_says_why_it_is_undefined() {
    let map = image_2x2();
    let flat = uniform_map([1, 2, 2]);
    let flat_map = Undefined::FlatMap { value: 1.0 };
    let terms = dcc_of_maps(flat.view(), map.view(), 0.8, 0.6).unwrap();
    assert_eq!(terms.value(), Err(flat_map));
    let terms = dcc_of_maps(map.view(), flat.view(), 0.8, 0.6).unwrap();
    let reason = Undefined::FlatMapOfExplained { value: 1.0 };
    assert_eq!(terms.coherency, Err(reason));
    assert_eq!(terms.value(), Err(reason));
    assert!(terms.drop.is_ok() && terms.complexity.is_ok());
    let terms = dcc_of_maps(map.view(), map.view(), 0.0, 0.6).unwrap();
    let reason = Undefined::ScoreNotPositive { score: 0.0 };
    assert_eq!(terms.value(), Err(reason));
    assert_eq!(
        reason.to_string(),
        "the image's score is 0, which is not positive"
    );

    // With a flat map nothing is called.
    let model = Linear::sum([1, 2, 2]);
    let never = |_: ArrayView3<'_, f32>| panic!("called for a flat map");
    let image = image_2x2();
    let zero = Baseline::default();
    let terms = dcc(&model, image.view(), flat.view(), 0, &zero, never).unwrap();
    assert_eq!(terms.drop, Err(flat_map));
    assert!(model.calls.borrow().is_empty());
}

#[test]
fn averages_count_what_is_undefined() {
    let good = Dcc {
        coherency: Ok(0.9),
        complexity: Ok(0.2),
        drop: Ok(0.1),
    };
    let bad = Dcc {
        coherency: Ok(0.3),
        complexity: Ok(0.6),
        drop: Ok(0.9),
    };
    let none = Dcc {
        drop: Err(Undefined::ScoreNotPositive { score: -1.0 }),
        ..good
    };
    let mean = average_dcc(&[good, none, bad], Averaging::MeanOfHarmonic);
    let values = [good.value().unwrap(), bad.value().unwrap()];
    assert_abs_diff_eq!(
        mean.mean.unwrap(),
        (values[0] + values[1]) / 2.0,
        epsilon = 1e-12
    );
    // Of two values, the standard error is half their distance.
    let half = (values[0] - values[1]).abs() / 2.0;
    assert_abs_diff_eq!(mean.standard_error.unwrap(), half, epsilon = 1e-12);
    assert_eq!((mean.defined, mean.undefined), (2, 1));
    let terms = average_dcc(&[good, none, bad], Averaging::HarmonicOfMeans);
    let value = 3.0 / (1.0 / 0.6 + 1.0 / 0.6 + 1.0 / 0.5);
    assert_abs_diff_eq!(terms.mean.unwrap(), value, epsilon = 1e-12);
    let empty = average_dcc(&[none], Averaging::HarmonicOfMeans);
    assert_eq!((empty.mean, empty.standard_error), (None, None));
    assert_eq!((empty.defined, empty.undefined), (0, 1));
    let one = Summary::of([Ok(0.5)]);
    assert_eq!((one.mean, one.standard_error), (Some(0.5), None));
    assert!(Curve::mean(&[]).is_err());
}

#[test]
fn localization_by_hand() {
    let map = arr3(&[
        [[1.0_f32, 2.0, 3.0], [4.0, 5.0, -6.0]],
        [[0.0, 0.0, 0.0], [-1.0, -1.0, 0.0]],
    ]);
    let left = BoundingBox::new(0.0, 0.0, 2.0, 2.0).unwrap();
    let hits = pointing_game(map.view(), &left).unwrap();
    // Four zeros are the maxima of the second plane; two of them are on the left.
    assert_eq!(hits.planes, [Ok(1.0), Ok(0.5)]);
    assert_eq!(hits.joint, Ok(1.0));
    let energy = energy_inside(map.view(), &left).unwrap();
    assert_abs_diff_eq!(energy.planes[0].unwrap(), 0.8, epsilon = 1e-12);
    assert_eq!(energy.planes[1], Err(Undefined::NoEnergy));
    assert_abs_diff_eq!(energy.joint.unwrap(), 5.0 / 6.5, epsilon = 1e-12);

    // The level of chance is the box's share of the image.
    let uniform = uniform_map([3, 4, 5]);
    let bbox = BoundingBox::new(1.2, 1.0, 3.9, 3.0).unwrap(); // columns 1.. (centre 1.5) to 3
    for measured in [
        pointing_game(uniform.view(), &bbox).unwrap(),
        energy_inside(uniform.view(), &bbox).unwrap(),
    ] {
        assert_abs_diff_eq!(measured.joint.unwrap(), 6.0 / 20.0, epsilon = 1e-12);
        assert_eq!(measured.planes.len(), 3);
    }
}

#[test]
fn boxes_outside_the_image_or_without_a_pixel_are_refused() {
    let map = uniform_map([1, 4, 5]);
    let refused = |x1, y1, x2, y2| {
        let result = BoundingBox::new(x1, y1, x2, y2).and_then(|b| energy_inside(map.view(), &b));
        match result {
            Err(Error::Parameter { name, .. }) => name == "bounding_box",
            _ => false,
        }
    };
    assert!(!refused(0.0, 0.0, 5.0, 4.0));
    assert!(refused(0.0, 0.0, 5.5, 4.0));
    assert!(refused(0.0, 0.0, 5.0, 4.5));
    assert!(refused(-1.0, 0.0, 5.0, 4.0));
    assert!(refused(3.0, 0.0, 2.0, 4.0));
    assert!(refused(2.0, 1.0, 2.0, 4.0));
    assert!(refused(2.6, 1.0, 3.4, 4.0)); // between two centres
    assert!(refused(f64::NAN, 0.0, 5.0, 4.0));
    assert!(refused(0.0, 0.0, f64::INFINITY, 4.0));
}

#[test]
fn gini_of_known_maps() {
    let of = |values: &[f64]| gini(ndarray::ArrayView1::from(values)).unwrap();
    assert_eq!(of(&[0.0; 5]), Err(Undefined::ZeroMap));
    assert_eq!(of(&[7.0; 5]), Ok(0.0));
    // 1, 2, 3, 4: sum_k k (2k - 5) / (4 * 10) = (-3 - 2 + 3 + 12) / 40.
    assert_abs_diff_eq!(of(&[3.0, -1.0, 4.0, 2.0]).unwrap(), 0.25, epsilon = 1e-12);
    assert_abs_diff_eq!(
        of(&[0.0, 1e300, 1e300]).unwrap(),
        1.0 / 3.0,
        epsilon = 1e-12
    );
    assert!(gini(ndarray::arr1(&[f32::NAN]).view()).is_err());
    assert!(gini(ndarray::Array1::<f32>::zeros(0).view()).is_err());
    // Uniform on [0, 1): 1/3 in the limit.
    let random = random_map([3, 100, 100], 9);
    assert_abs_diff_eq!(
        gini(random.view()).unwrap().unwrap(),
        1.0 / 3.0,
        epsilon = 0.01
    );
    assert_eq!(gini(uniform_map([1, 3, 3]).view()).unwrap(), Ok(0.0));
}

#[test]
fn random_map_is_value_stable() {
    let map = random_map([1, 2, 2], 7);
    let expected = [0.14000338, 0.15779608, 0.18205506, 0.16798931];
    assert_eq!(map.as_slice().unwrap(), expected);
    assert_eq!(random_map([1, 1, 3], 7).as_slice().unwrap(), &expected[..3]);
}

#[test]
fn wrong_input_is_a_typed_error() {
    let image = image_2x2();
    let map = image_2x2();
    let model = Linear::sum([1, 2, 2]);
    let pixels = InsertionDeletion::pixels;
    let run = |p: InsertionDeletion, image: &Array3<f32>, map: &Array3<f32>, class| {
        p.curves(&model, image.view(), map.view(), class)
            .unwrap_err()
    };
    let parameter = |e: Error, expected: &str| match e {
        Error::Parameter { name, .. } => assert_eq!(name, expected),
        other => panic!("{other}"),
    };
    let shape = |e: Error, expected: &[usize]| match e {
        Error::Shape { expected: e, .. } => assert_eq!(e, expected),
        other => panic!("{other}"),
    };
    parameter(
        run(pixels().steps(Steps::Parts(0)), &image, &map, 0),
        "steps",
    );
    parameter(
        run(pixels().steps(Steps::Elements(0)), &image, &map, 0),
        "steps",
    );
    parameter(run(pixels().batch(0), &image, &map, 0), "batch");
    parameter(InsertionDeletion::rise(0).unwrap_err(), "steps");
    parameter(run(pixels(), &image, &Array3::zeros((0, 2, 2)), 0), "map");
    let curves = ValueThreshold::new().batch(0);
    let error = curves.curves(&model, image.view(), map.view(), 0);
    parameter(error.unwrap_err(), "batch");
    parameter(RiseBlur::new(11, 0.0).unwrap_err(), "sigma");
    parameter(RiseBlur::new(11, f64::NAN).unwrap_err(), "sigma");
    parameter(RiseBlur::new(10, 5.0).unwrap_err(), "length");

    shape(
        run(pixels(), &image, &Array3::zeros((1, 2, 3)), 0),
        &[1, 2, 2],
    );
    let channels = InsertionDeletion::pixel_channels();
    shape(
        run(channels, &image, &Array3::zeros((3, 2, 2)), 0),
        &[1, 2, 2],
    );
    let baseline = Baseline::PerChannel(vec![0.0, 0.0]);
    let error = run(pixels().insertion_start(baseline), &image, &map, 0);
    parameter(error, "baseline");
    let baseline = Baseline::Image(Array3::zeros((1, 3, 2)));
    shape(
        run(pixels().deletion_end(baseline), &image, &map, 0),
        &[1, 2, 2],
    );
    let three = Array3::zeros((3, 2, 2));
    let error = ValueThreshold::new().curves(&model, image.view(), three.view(), 0);
    shape(error.unwrap_err(), &[1, 2, 2]);
    let error = dcc_of_maps(map.view(), three.view(), 0.5, 0.5);
    shape(error.unwrap_err(), &[1, 2, 2]);

    for bad in [f32::NAN, f32::INFINITY] {
        let mut broken = map.clone();
        broken[[0, 1, 0]] = bad;
        for error in [
            run(pixels(), &broken, &map, 0),
            run(pixels(), &image, &broken, 0),
            run(
                pixels().insertion_start(Baseline::Image(broken.clone())),
                &image,
                &map,
                0,
            ),
            dcc_of_maps(map.view(), broken.view(), 0.5, 0.5).unwrap_err(),
            explained_image(image.view(), broken.view(), &Baseline::default()).unwrap_err(),
        ] {
            match error {
                Error::NotFinite { index, .. } => assert_eq!(index, [0, 1, 0]),
                other => panic!("{other}"),
            }
        }
    }
    assert!(dcc_of_maps(map.view(), map.view(), f64::NAN, 0.5).is_err());
    let empty = Array3::zeros((0, 2, 2));
    assert!(matches!(
        run(pixels(), &empty, &map, 0),
        Error::EmptyImage { .. }
    ));

    match run(pixels(), &image, &map, 2) {
        Error::Target { target, classes } => assert_eq!((target, classes), (2, 2)),
        other => panic!("{other}"),
    }
    let ranking = Ranking::new(map.view(), Elements::PixelChannels).unwrap();
    let error = pixels().insertion(&model, image.view(), &ranking, 0);
    parameter(error.unwrap_err(), "ranking");
}

#[test]
fn the_models_errors_name_the_states() {
    let image = image_2x2();
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        let sums = batch.outer_iter().map(|i| i.sum());
        let scores = sums.map(|s| if s > 7.5 { f32::NAN } else { s }).collect();
        Array2::from_shape_vec((batch.len_of(Axis(0)), 1), scores)
    });
    // States 0, 4, 7, 9: the fourth is state 3.
    let error = InsertionDeletion::pixels()
        .steps(Steps::Elements(1))
        .batch(2)
        .curves(&model, image.view(), image.view(), 0)
        .unwrap_err();
    match error {
        Error::ScoreNotFinite { inputs, class, .. } => {
            assert_eq!((inputs, class), (Inputs::States(3..4), 0));
        }
        other => panic!("{other}"),
    }
    let failing = FnModel::new(|_: ArrayView4<'_, f32>| Err::<Array2<f32>, _>("out of memory"));
    let error = InsertionDeletion::pixels()
        .batch(3)
        .curves(&failing, image.view(), image.view(), 0)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model failed on curve states 0..3: out of memory"
    );
    let explain = |_: ArrayView3<'_, f32>| Err(Error::NoTarget);
    let model = Linear::sum([1, 2, 2]);
    let zero = Baseline::default();
    let error = dcc(&model, image.view(), image.view(), 0, &zero, explain);
    assert!(matches!(error, Err(Error::NoTarget)));
}

#[test]
fn rises_blur_is_a_convolution_with_zeros_beyond_the_edges() {
    let blur = RiseBlur::new(5, 1.3).unwrap();
    let image = Array3::from_shape_fn((2, 7, 9), |(c, y, x)| {
        ((c * 31 + y * 13 + x * 7) % 11) as f32
    });
    let w = blur.weights();
    let blurred = blur.apply(image.view()).unwrap();
    for ((c, y, x), &value) in blurred.indexed_iter() {
        let mut sum = 0.0;
        for (i, a) in w.iter().enumerate() {
            for (j, b) in w.iter().enumerate() {
                let at = [(y + i).checked_sub(2), (x + j).checked_sub(2)];
                if let [Some(y), Some(x)] = at {
                    sum += a * b * f64::from(image.get([c, y, x]).copied().unwrap_or(0.0));
                }
            }
        }
        assert_abs_diff_eq!(f64::from(value), sum, epsilon = 1e-5);
    }
}

#[test]
fn curves_have_a_mean() {
    let curve = |scores: [f64; 3]| Curve {
        fractions: vec![0.0, 0.5, 1.0],
        scores: scores.to_vec(),
        auc: 0.0,
    };
    let mean = Curve::mean(&[curve([0.0, 1.0, 2.0]), curve([4.0, 2.0, 0.0])]).unwrap();
    assert_eq!((mean.scores, mean.auc), (vec![2.0, 1.5, 1.0], 1.5));
    let mut other = curve([0.0; 3]);
    other.fractions[1] = 0.4;
    assert!(Curve::mean(&[curve([0.0; 3]), other]).is_err());
}

#[test]
fn an_explained_image_is_weighted_by_the_map() {
    let image = Array3::from_elem((1, 1, 3), 4.0f32);
    let map = arr3(&[[[0.0f32, 1.0, 4.0]]]);
    let e = explained_image(image.view(), map.view(), &Baseline::Constant(2.0))
        .unwrap()
        .unwrap();
    // b + map (I - b), the map from 0 to 1.
    assert_eq!(e, arr3(&[[[2.0, 2.5, 4.0]]]));
}
