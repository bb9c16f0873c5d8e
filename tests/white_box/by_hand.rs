//! Models whose layers, heads and gradients are written down here.

use ndarray::{Array1, Array2, Array3, Array4, ArrayView2, ArrayView3, ArrayView4, Axis, s};
use proptest::prelude::*;
use racm::{BoxError, Cam, CamMethod, Error, Explainer, FnModel, Inputs, Target, WhiteBoxModel};

/// A number that looks random.
fn noise(i: usize) -> f32 {
    let x = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((x ^ (x >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f32 / (1u64 << 24) as f32 - 0.5
}

/// Activations: ReLU of weighted channels, averaged over blocks. Head: `S_c = sum_m v_cm f(sum_kij u_mkij A_kij)`.
struct Toy {
    shape: [usize; 3],
    classes: usize,
    /// What `f` is: tanh, or the identity.
    bent: bool,
    /// u is the same for all pixels of a channel.
    pooled: bool,
    /// The head gives its gradient.
    exact: bool,
}

const HIDDEN: usize = 3;

impl Toy {
    fn new(shape: [usize; 3], bent: bool, pooled: bool) -> Self {
        Toy {
            shape,
            classes: 2,
            bent,
            pooled,
            exact: false,
        }
    }

    fn u(&self, m: usize) -> Array3<f32> {
        let [k, h, w] = self.shape;
        Array3::from_shape_fn((k, h, w), |(k, y, x)| match self.pooled {
            true => noise(91 * m + k) / (h * w) as f32,
            false => noise(1000 * m + 100 * k + 10 * y + x),
        })
    }

    fn hidden(&self, a: &ArrayView3<'_, f32>) -> Vec<f32> {
        (0..HIDDEN).map(|m| (&self.u(m) * a).sum()).collect()
    }

    fn score(&self, a: ArrayView3<'_, f32>, class: usize) -> f32 {
        let hidden = self.hidden(&a).into_iter().enumerate();
        let f = |x: f32| if self.bent { x.tanh() } else { x };
        0.3 + hidden
            .map(|(m, x)| noise(7 + 5 * class + m) * f(x))
            .sum::<f32>()
    }

    fn gradient_by_hand(&self, a: ArrayView3<'_, f32>, class: usize) -> Array3<f32> {
        let mut sum = Array3::zeros(a.dim());
        for (m, x) in self.hidden(&a).into_iter().enumerate() {
            let slope = if self.bent {
                1.0 - x.tanh().powi(2)
            } else {
                1.0
            };
            sum.scaled_add(noise(7 + 5 * class + m) * slope, &self.u(m));
        }
        sum
    }
}

impl WhiteBoxModel for Toy {
    fn features(&self, images: ArrayView4<'_, f32>) -> Result<Array4<f32>, BoxError> {
        let (n, channels, height, width) = images.dim();
        let [k, h, w] = self.shape;
        let block = |i: usize, y: usize, x: usize, k: usize| {
            let rows = y * height / h..(y + 1) * height / h;
            let columns = x * width / w..(x + 1) * width / w;
            let part = images.slice(s![i, .., rows, columns]);
            let sum = |c: usize| noise(31 * k + c) * part.index_axis(Axis(0), c).mean().unwrap();
            (0.1 + (0..channels).map(sum).sum::<f32>()).max(0.0)
        };
        Ok(Array4::from_shape_fn((n, k, h, w), |(i, k, y, x)| {
            block(i, y, x, k)
        }))
    }

    fn scores_from_features(&self, features: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        Ok(Array2::from_shape_fn(
            (features.dim().0, self.classes),
            |(n, c)| self.score(features.index_axis(Axis(0), n), c),
        ))
    }

    fn gradient(
        &self,
        a: ArrayView3<'_, f32>,
        class: usize,
    ) -> Result<Option<Array3<f32>>, BoxError> {
        Ok(self.exact.then(|| self.gradient_by_hand(a, class)))
    }
}

fn image(channels: usize, height: usize, width: usize) -> Array3<f32> {
    Array3::from_shape_fn((channels, height, width), |(c, y, x)| {
        0.5 + noise(c * 7919 + y * 131 + x)
    })
}

fn features(model: &Toy, image: &Array3<f32>) -> Array3<f32> {
    let features = model.features(image.view().insert_axis(Axis(0))).unwrap();
    features.index_axis_move(Axis(0), 0)
}

fn relu_sum(a: &Array3<f32>, weights: &[f32]) -> Array2<f32> {
    let mut sum = Array2::zeros((a.dim().1, a.dim().2));
    for (plane, &w) in a.outer_iter().zip(weights) {
        sum.scaled_add(w, &plane);
    }
    sum.mapv(|v: f32| v.max(0.0))
}

fn largest<'a>(values: impl IntoIterator<Item = &'a f32>) -> f32 {
    values.into_iter().fold(0.0, |m, v| m.max(v.abs()))
}

/// Bilinear, half-pixel centres, clamped edges, pixel by pixel.
fn enlarged(small: ArrayView2<'_, f32>, height: usize, width: usize) -> Array2<f32> {
    let (rows, columns) = small.dim();
    let place = |p: usize, pixels: usize, cells: usize| {
        let at = (p as f32 + 0.5) * cells as f32 / pixels as f32 - 0.5;
        let at = at.clamp(0.0, (cells - 1) as f32);
        (at as usize, (at as usize + 1).min(cells - 1), at.fract())
    };
    Array2::from_shape_fn((height, width), |(y, x)| {
        let ((y0, y1, s), (x0, x1, t)) = (place(y, height, rows), place(x, width, columns));
        let row = |y: usize| (1.0 - t) * small[[y, x0]] + t * small[[y, x1]];
        (1.0 - s) * row(y0) + s * row(y1)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn weights_are_those_of_the_gradient(
        k in 1usize..6, h in 1usize..5, w in 1usize..5, channels in 1usize..6,
        bent in any::<bool>(), pooled in any::<bool>(), class in 0usize..2,
    ) {
        let mut model = Toy::new([k, h, w], bent, pooled);
        let image = image(channels, 4 * h + 1, 3 * w + 2);
        let a = features(&model, &image);
        let g = model.gradient_by_hand(a.view(), class);
        let mean: Vec<f32> = g.outer_iter().map(|g| g.mean().unwrap()).collect();
        let plus: Vec<f32> = g.outer_iter().zip(a.outer_iter()).map(|(g, a)| {
            let sum: f32 = a.sum();
            g.iter().map(|g| g.max(0.0) * g * g / (2.0 * g * g + g * g * g * sum + 1e-6)).sum()
        }).collect();
        for exact in [false, true] {
            model.exact = exact;
            for (method, weights) in [(CamMethod::GradCam, &mean), (CamMethod::GradCamPlusPlus, &plus)] {
                let found = Cam::new(method).explain(&model, &image, class).unwrap();
                let unit = largest(weights).max(1e-3);
                for (a, b) in found.weights.iter().zip(weights) {
                    prop_assert!((a - b).abs() < 1e-3 * unit, "{} {} {}", method, a, b);
                }
                let small = relu_sum(&a, weights);
                let (_, height, width) = image.dim();
                let map = enlarged(small.view(), height, width);
                let off = largest(&(&found.map - &map));
                prop_assert!(off < 2e-3 * largest(&map).max(1e-2), "{} {}", method, off);
                prop_assert!((found.score - model.score(a.view(), class)).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn ablation_takes_each_channel_away(k in 1usize..6, h in 1usize..4, w in 1usize..4, class in 0usize..2) {
        let model = Toy::new([k, h, w], true, false);
        let image = image(3, 3 * h, 5 * w);
        let a = features(&model, &image);
        let whole = model.score(a.view(), class);
        let found = Cam::new(CamMethod::AblationCam).explain(&model, &image, class).unwrap();
        for (k, &weight) in found.weights.iter().enumerate() {
            let mut without = a.clone();
            without.index_axis_mut(Axis(0), k).fill(0.0);
            let expected = (whole - model.score(without.view(), class)) / whole.abs();
            prop_assert!((weight - expected).abs() < 1e-4 * expected.abs().max(1.0));
        }
        prop_assert_eq!(found.head_calls, k as u64 + 1);
    }
}

#[test]
fn a_pooled_linear_head_has_its_weights() {
    let model = Toy::new([4, 3, 5], false, true);
    let image = image(3, 12, 15);
    let a = features(&model, &image);
    let found = Cam::new(CamMethod::Cam).explain(&model, &image, 1).unwrap();
    let gradient = model.gradient_by_hand(a.view(), 1);
    for k in 0..4 {
        assert!((found.weights[k] - 15.0 * gradient[[k, 0, 0]]).abs() < 1e-5);
    }
    // Signed: no ReLU.
    let mut sum = Array2::zeros((3, 5));
    for (plane, &w) in a.outer_iter().zip(&found.weights) {
        sum.scaled_add(w, &plane);
    }
    assert!(largest(&(&found.small_map - &sum)) < 1e-6);
    assert!(sum.iter().any(|&v| v < 0.0));
    assert_eq!(found.head_calls, 4 + 3);

    // A head of means needs no derivative for each element.
    let found = Cam::new(CamMethod::GradCamPlusPlus)
        .explain(&model, &image, 1)
        .unwrap();
    assert_eq!(found.head_calls, 1 + 16 + 8);
    let other = Toy::new([4, 3, 5], false, false);
    let found = Cam::new(CamMethod::GradCamPlusPlus)
        .explain(&other, &image, 1)
        .unwrap();
    assert_eq!(found.head_calls, 1 + 16 + 2 * 60);
}

#[test]
fn cam_refuses_a_head_that_is_not_pooled_and_linear() {
    let image = image(3, 12, 15);
    for model in [
        Toy::new([4, 3, 5], true, true),
        Toy::new([4, 3, 5], false, false),
    ] {
        let error = Cam::new(CamMethod::Cam)
            .explain(&model, &image, 0)
            .unwrap_err();
        assert!(
            error.to_string().contains("global average pooling"),
            "{error}"
        );
    }
}

#[test]
fn score_cam_weighs_by_the_softmax_of_masked_scores() {
    let model = Toy::new([3, 2, 4], true, false);
    let image = image(2, 9, 13);
    let a = features(&model, &image);
    let scores: Array1<f32> = (0..3)
        .map(|k| {
            // Corners on corners.
            let (h, w) = (2, 4);
            let plane = a.index_axis(Axis(0), k);
            let mask = Array2::from_shape_fn((9, 13), |(y, x)| {
                let (at, bt) = (
                    y as f32 * (h - 1) as f32 / 8.0,
                    x as f32 * (w - 1) as f32 / 12.0,
                );
                let (y0, x0) = (at as usize, bt as usize);
                let (y1, x1) = ((y0 + 1).min(h - 1), (x0 + 1).min(w - 1));
                let row =
                    |y: usize| (1.0 - bt.fract()) * plane[[y, x0]] + bt.fract() * plane[[y, x1]];
                (1.0 - at.fract()) * row(y0) + at.fract() * row(y1)
            });
            let (low, high) = mask
                .iter()
                .fold((f32::MAX, f32::MIN), |(l, h), &v| (l.min(v), h.max(v)));
            let mask = mask.mapv(|v| {
                if high > low {
                    (v - low) / (high - low)
                } else {
                    0.0
                }
            });
            let seen = &image * &mask.insert_axis(Axis(0));
            model.score(features(&model, &seen).view(), 0)
        })
        .collect();
    let powers = scores.mapv(f32::exp);
    let expected = &powers / powers.sum();
    let found = Cam::new(CamMethod::ScoreCam)
        .explain(&model, &image, 0)
        .unwrap();
    assert!(largest(&(&found.weights - &expected)) < 1e-5);
    assert_eq!((found.image_calls, found.head_calls), (4, 4));
}

#[test]
fn group_cam_adds_what_its_masks_bring_back() {
    let model = Toy::new([5, 3, 4], true, false);
    let image = image(3, 24, 32);
    let found = Cam::new(CamMethod::GroupCam)
        .groups(2)
        .explain(&model, &image, 0)
        .unwrap();
    assert_eq!(found.weights.len(), 2);
    assert_eq!((found.image_calls, found.head_calls), (4, 2 * 5 + 4));
    assert_eq!(found.map.dim(), (24, 32));
    assert!(found.map.iter().all(|&v| v >= 0.0));
    // Channels 0 and 1, and channels 2 to 4: what stands out of each, from 0 to 1.
    let a = features(&model, &image);
    let g = model.gradient_by_hand(a.view(), 0);
    let mut sum = Array2::<f32>::zeros((24, 32));
    for (inside, &weight) in [0..2, 2..5].into_iter().zip(&found.weights) {
        let weights: Vec<f32> = g
            .outer_iter()
            .enumerate()
            .map(|(k, g)| {
                if inside.contains(&k) {
                    g.mean().unwrap()
                } else {
                    0.0
                }
            })
            .collect();
        let small = relu_sum(&a, &weights);
        let mut sorted: Vec<f32> = small.iter().copied().collect();
        sorted.sort_by(f32::total_cmp);
        let bound = sorted[7] + 0.7 * (sorted[8] - sorted[7]); // 70 % of 11 steps
        let mask = enlarged(
            small.mapv(|v| if v > bound { v } else { 0.0 }).view(),
            24,
            32,
        );
        let (low, high) = mask
            .iter()
            .fold((f32::MAX, f32::MIN), |(l, h), &v| (l.min(v), h.max(v)));
        if high > low {
            sum.scaled_add(weight, &mask.mapv(|v| (v - low) / (high - low)));
        }
    }
    assert!(largest(&(&found.map - &sum.mapv(|v| v.max(0.0)))) < 2e-3);
    // More groups than channels are as many as channels.
    let found = Cam::new(CamMethod::GroupCam)
        .explain(&model, &image, 0)
        .unwrap();
    assert_eq!(found.weights.len(), 5);
}

#[test]
fn any_batch_gives_the_same_bits() {
    let model = Toy::new([5, 3, 4], true, false);
    let image = image(3, 13, 17);
    for &method in CamMethod::ALL.iter().filter(|&&m| m != CamMethod::Cam) {
        let whole = Cam::new(method)
            .explain(&model, &image, Target::Top)
            .unwrap();
        for batch in [1, 3, 1000] {
            let again = Cam::new(method).batch(batch);
            assert_eq!(
                again.explain(&model, &image, Target::Top).unwrap(),
                whole,
                "{method}"
            );
        }
    }
}

#[test]
fn a_silent_layer_is_said_and_not_scaled() {
    let model = Toy::new([3, 2, 2], false, false);
    let black = Array3::zeros((3, 8, 8));
    let lit = Cam::default().explain(&model, &image(3, 8, 8), 0).unwrap();
    assert!(!lit.is_flat());
    // Activations of 0.1 everywhere: one value, whatever it is.
    let flat = Cam::default().explain(&model, &black, 0).unwrap();
    assert!(flat.is_flat());
    let scorer = FnModel::new(|batch: ArrayView4<'_, f32>| Array2::<f32>::ones((batch.dim().0, 2)));
    let explainer = Explainer::builder().masks(8).grid(2, 2).build().unwrap();
    let refused = explainer.refine(&scorer, &black, 0, &Cam::default().of(&model), 0.3);
    let Error::Saliency { target: 0, source } = racm::Error::from(refused.unwrap_err()) else {
        panic!("another error");
    };
    assert!(source.to_string().contains("ranks no pixel"), "{source}");
}

#[test]
fn refinement_keeps_what_the_map_ranks_highest() {
    let model = Toy::new([4, 4, 4], true, false);
    let image = image(3, 16, 16);
    let scorer = FnModel::new(|batch: ArrayView4<'_, f32>| {
        let model = Toy::new([4, 4, 4], true, false);
        model.scores_from_features(model.features(batch)?.view())
    });
    let cam = Cam::new(CamMethod::GradCam);
    let map = cam.explain(&model, &image, 1).unwrap().map;
    let explainer = Explainer::builder().masks(64).grid(4, 4).build().unwrap();
    let refined = explainer
        .refine(&scorer, &image, 1, &cam.of(&model), 0.25)
        .unwrap();
    let expected = racm::Region::top_fraction(&map, 0.25).unwrap();
    assert_eq!(refined.region(), Some(&expected));
}

/// A model whose layer or head does something wrong.
struct Broken(&'static str);

impl WhiteBoxModel for Broken {
    fn features(&self, images: ArrayView4<'_, f32>) -> Result<Array4<f32>, BoxError> {
        let n = images.dim().0;
        match self.0 {
            "rows" => Ok(Array4::ones((n + 1, 2, 2, 2))),
            "empty" => Ok(Array4::ones((n, 0, 2, 2))),
            "nan" => Ok(Array4::from_elem((n, 2, 2, 2), f32::NAN)),
            "layer" => Err("no power".into()),
            _ => Ok(Array4::ones((n, 2, 2, 2))),
        }
    }

    fn scores_from_features(&self, features: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        let n = features.dim().0;
        match self.0 {
            "scores" => Ok(Array2::ones((n + 1, 2))),
            "infinite" if n > 1 => Ok(Array2::from_elem((n, 2), f32::INFINITY)),
            "panic" => panic!("out of paper"),
            _ => Ok(Array2::ones((n, 2))),
        }
    }

    fn gradient(&self, _: ArrayView3<'_, f32>, _: usize) -> Result<Option<Array3<f32>>, BoxError> {
        Ok((self.0 == "gradient").then(|| Array3::ones((2, 2, 3))))
    }
}

#[test]
fn every_fault_has_its_error() {
    let image = image(3, 8, 8);
    let explain = |fault| {
        Cam::default()
            .explain(&Broken(fault), &image, 0)
            .unwrap_err()
    };
    let shape = |error: Error| match error {
        Error::Shape { what, given, .. } => (what, given),
        other => panic!("{other}"),
    };
    assert_eq!(
        shape(explain("rows")),
        ("the activations", vec![2, 2, 2, 2])
    );
    assert_eq!(
        shape(explain("empty")),
        ("the activations", vec![1, 0, 2, 2])
    );
    assert_eq!(shape(explain("gradient")), ("the gradient", vec![2, 2, 3]));
    assert!(matches!(explain("nan"), Error::NotFinite { .. }));
    assert!(explain("layer").to_string().contains("no power"));
    assert!(matches!(
        explain("scores"),
        Error::ScoreShape { given: [2, 2], .. }
    ));
    assert!(matches!(explain("panic"), Error::ModelPanic { .. }));
    match explain("infinite") {
        Error::ScoreNotFinite { inputs, .. } => assert_eq!(inputs, Inputs::Activations(0..1)),
        other => panic!("{other}"),
    }
    let cam = Cam::default();
    let good = Broken("none");
    assert!(matches!(
        cam.explain(&good, &image, 2),
        Err(Error::Target {
            target: 2,
            classes: 2
        })
    ));
    assert!(matches!(
        cam.explain(&good, &image, [0, 1]),
        Err(Error::Parameter { name: "target", .. })
    ));
    assert!(matches!(
        cam.explain(&good, &Array3::zeros((3, 0, 8)), 0),
        Err(Error::EmptyImage { .. })
    ));
    for bad in [
        cam.clone().step(0.0),
        cam.clone().step(f64::NAN),
        cam.clone().step(1e-9),
        cam.clone().batch(0),
        cam.clone().groups(0),
    ] {
        assert!(
            matches!(bad.explain(&good, &image, 0), Err(Error::Parameter { .. })),
            "{bad:?}"
        );
    }
    assert!("grad-cam".parse::<CamMethod>().unwrap() == CamMethod::GradCam);
    assert!(
        "gradcam"
            .parse::<CamMethod>()
            .unwrap_err()
            .to_string()
            .contains("grad-cam-pp")
    );
}
