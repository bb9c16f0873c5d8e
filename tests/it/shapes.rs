//! Extreme shapes and every baseline in every family.

use ndarray::{Array2, Array3, ArrayView4};
use racm::{Baseline, Explainer, FnModel, MaskSpec, McRise, Placement, Plan, Racm};

use crate::worlds::{ENLARGEMENTS, Nonlinear, PLACEMENTS, array, kinds, noise, scene, worst};

fn image(shape: [usize; 3]) -> Array3<f32> {
    let n = shape.iter().product();
    array(shape, &(0..n).map(|i| noise(5, i)).collect::<Vec<_>>())
}

#[test]
fn small_and_thin_images() {
    for shape in [
        [1, 1, 1],
        [3, 1, 1],
        [3, 1, 40],
        [3, 40, 1],
        [64, 2, 3],
        [64, 1, 1],
        [5, 7, 7],
    ] {
        let [_, h, w]: [usize; 3] = shape;
        for grid in [[1, 1], [h, w], [h.div_ceil(2), w.div_ceil(3)]] {
            for enlargement in ENLARGEMENTS {
                for placement in PLACEMENTS {
                    let explainer = Explainer::builder().grid(grid[0], grid[1]).masks(300);
                    let explainer = explainer.enlargement(enlargement).placement(placement);
                    let explainer = explainer.build().unwrap();
                    let model = Nonlinear { classes: 1 };
                    let explanation = explainer.explain(&model, &image(shape), 0).unwrap();
                    assert_eq!(explanation.map().dim(), (shape[0], h, w));
                    assert!(explanation.map().iter().all(|v| v.is_finite()));
                    assert!(explanation.map().iter().any(|&v| v != 0.0));
                    let errors = explanation.standard_error().unwrap().unwrap();
                    assert!(errors.iter().all(|e| e.is_finite() && *e > 0.0));
                }
            }
        }
    }
}

/// Where no grid is set, the image's size chooses it, and the plan and its masks are those of that grid.
#[test]
fn a_grid_by_the_image_s_size() {
    for (size, grid) in [
        ([8, 8], [8, 8]),
        ([224, 300], [8, 8]),
        ([5, 300], [5, 8]),
        ([2, 3], [2, 3]),
        ([1, 5000], [1, 20]),
        ([5000, 1], [20, 1]),
        ([1, 20], [1, 20]),
        ([1, 7], [1, 7]),
        ([7, 1], [7, 1]),
        ([1, 1], [1, 1]),
    ] {
        let shape = [3, size[0], size[1]];
        let chosen = Plan::new(shape, &MaskSpec::default()).unwrap();
        let set = MaskSpec::default().grid(grid[0], grid[1]);
        let set = Plan::new(shape, &set).unwrap();
        assert_eq!(chosen.grid(), grid, "{size:?}");
        assert_eq!(chosen.spec().grid, Some(grid));
        assert_eq!(chosen.fingerprint(), set.fingerprint());
        assert_eq!(chosen.mask(3, 40).states(), set.mask(3, 40).states());
    }
    // A grid that is set is taken or refused, never changed.
    let refused = |grid: [usize; 2], size: [usize; 2]| {
        let spec = MaskSpec::default().grid(grid[0], grid[1]);
        let error = Plan::new([3, size[0], size[1]], &spec).unwrap_err();
        error.to_string()
    };
    assert_eq!(
        refused([8, 8], [1, 90]),
        "grid rows is 8, expected 1: the image is 1 x 90 pixels"
    );
    assert_eq!(
        refused([1, 91], [1, 90]),
        "grid columns is 91, expected 1 to 90, at most one cell a pixel"
    );
}

/// 64 channels: P_j = P_pix / 2 (1 + 2^-64 ...), every bit comes up, no state is 2^64.
#[test]
fn sixty_four_channels() {
    let spec = MaskSpec::new(Racm).grid(4, 4).p_pix(0.8);
    let plan = Plan::new([64, 8, 8], &spec).unwrap();
    assert!(plan.pass_probabilities().iter().all(|&p| p == 0.4));
    let (mut ones, mut cells) = ([0.0f64; 64], 0.0);
    for index in 0..2000 {
        for &state in plan.mask(1, index).states() {
            cells += 1.0;
            (0..64).for_each(|c| ones[c] += (state >> c & 1) as f64);
        }
    }
    // 64 binomials within 6 standard deviations: false alarm 1.3e-7.
    let deviation = (cells * 0.4f64 * 0.6).sqrt();
    assert!(
        ones.iter()
            .all(|n| (n - 0.4 * cells).abs() < 6.0 * deviation),
        "{ones:?}"
    );
    // The last channel is masked by its own bit.
    let image = Array3::ones((64, 8, 8));
    let mask = plan.mask(1, 0);
    let masked = mask.apply(&image, &Baseline::default()).unwrap();
    for c in [0, 31, 63] {
        assert_eq!(masked.index_axis(ndarray::Axis(0), c), mask.plane(c));
    }
}

/// One cell a pixel, fixed: the mask is the states, whatever the enlargement.
#[test]
fn one_cell_a_pixel() {
    for enlargement in ENLARGEMENTS {
        let spec = MaskSpec::default()
            .grid(5, 9)
            .enlargement(enlargement)
            .placement(Placement::Fixed);
        let plan = Plan::new([3, 5, 9], &spec).unwrap();
        let mask = plan.mask(2, 3);
        for j in 0..3 {
            let bits: Vec<f64> = mask.states().iter().map(|s| (s >> j & 1) as f64).collect();
            assert_eq!(worst(&mask.plane(j), &bits), 0.0);
        }
    }
}

#[test]
fn a_large_image() {
    let image = Array3::from_elem((3, 512, 1024), 0.5);
    let model = FnModel::new(|b: ArrayView4<'_, f32>| {
        Array2::from_shape_fn((b.dim().0, 1), |(n, _)| b[[n, 1, 300, 700]])
    });
    let explainer = Explainer::builder()
        .masks(256)
        .enlargement(racm::Enlargement::Nearest);
    let explanation = explainer
        .build()
        .unwrap()
        .explain(&model, &image, 0)
        .unwrap();
    let map = explanation.map();
    // Passing green there is worth 0.5, passing red comes with green half of the time. The standard errors are
    // about 0.03: 5 of them.
    for ((j, y, x), expected) in [
        ((1, 300, 700), 0.5),
        ((0, 300, 700), 0.25),
        ((1, 30, 100), 0.0),
    ] {
        assert!(
            (map[[j, y, x]] - expected).abs() < 0.16,
            "{}",
            map[[j, y, x]]
        );
    }
}

/// Reflected edges, cut off at four standard deviations; written as the sum over a plane, not line by line.
fn blurred(image: &Array3<f32>, sigma: f64) -> Vec<f64> {
    let (c, h, w) = image.dim();
    let radius = (4.0 * sigma + 0.5).floor() as i64;
    let g = |d: i64| (-((d * d) as f64) / (2.0 * sigma * sigma)).exp();
    let norm: f64 = (-radius..=radius).map(g).sum();
    let reflect = |i: i64, n: usize| {
        let mut i = i;
        while i < 0 || i >= n as i64 {
            i = if i < 0 { -1 - i } else { 2 * n as i64 - 1 - i };
        }
        i as usize
    };
    let mut out = Vec::new();
    for (c, y, x) in ndarray::indices((c, h, w)) {
        let mut sum = 0.0;
        for dy in -radius..=radius {
            for dx in -radius..=radius {
                let at = [c, reflect(y as i64 + dy, h), reflect(x as i64 + dx, w)];
                sum += g(dy) * g(dx) * f64::from(image[at]);
            }
        }
        out.push(sum / (norm * norm));
    }
    out
}

/// Every baseline in every family against the reference with that baseline as an image.
#[test]
fn baselines_in_every_family() {
    for kind in kinds() {
        for enlargement in ENLARGEMENTS {
            let mut scene = scene(&kind, [6, 5], [2, 3], enlargement, Placement::Shifted, 0.5);
            for region in [Vec::new(), crate::worlds::ragged([6, 5])] {
                scene.region = region;
                let (plan, c) = (scene.plan(&kind, 2), kind.channels);
                let values: Vec<f32> = (0..c).map(|c| 0.25 * c as f32 - 0.5).collect();
                let image = scene.image32();
                let full =
                    |v: &[f32]| -> Vec<f64> { (0..c * 30).map(|i| f64::from(v[i / 30])).collect() };
                let baselines = [
                    (Baseline::Constant(0.0), full(&vec![0.0; c])),
                    (Baseline::Constant(-0.75), full(&vec![-0.75; c])),
                    (Baseline::PerChannel(values.clone()), full(&values)),
                    (scene.baseline(), scene.base.clone()),
                    (Baseline::Blur { sigma: 0.8 }, blurred(&image, 0.8)),
                    (Baseline::Blur { sigma: 5.0 }, blurred(&image, 5.0)),
                ];
                for (baseline, base) in baselines {
                    let all = baseline.image(&image).unwrap();
                    assert!(worst(&all, &base) < 2e-6, "{baseline:?}");
                    let scene = crate::reference::Scene {
                        base,
                        ..scene.clone()
                    };
                    for index in 0..6 {
                        let mask = plan.mask(11, index);
                        let masked = mask.apply(&image, &baseline).unwrap();
                        let expected = scene.picture_of(&mask).masked;
                        assert!(
                            worst(&masked, &expected) < 2e-6,
                            "{} {baseline:?}",
                            kind.name
                        );
                    }
                }
            }
        }
    }
}

/// MC-RISE shows no baseline: nothing depends on it.
#[test]
fn mc_rise_has_no_baseline() {
    let plan = Plan::new([3, 9, 9], &MaskSpec::new(McRise::rgb()).grid(3, 3)).unwrap();
    let image = image([3, 9, 9]);
    let mask = plan.mask(0, 0);
    let black = mask.apply(&image, &Baseline::default()).unwrap();
    for baseline in [
        Baseline::Constant(3.0),
        Baseline::Blur { sigma: 2.0 },
        Baseline::Image(image.clone()),
    ] {
        assert_eq!(mask.apply(&image, &baseline).unwrap(), black);
    }
    assert_ne!(black, image);
}
