//! Arrays in any memory order: what counts is the element at an index. `[H, W, C]` images seen as `[C, H, W]`, as
//! image readers hand them out, and mirrored or cropped views.

use ndarray::{Array2, Array3, ArrayView3, ArrayView4, s};
use racm::{Baseline, Estimator, Explainer, MaskSpec, McRise, Plan, Racm, Region};

use crate::worlds::{Nonlinear, assert_same, noise};

fn standard() -> Array3<f32> {
    Array3::from_shape_fn((3, 6, 9), |(c, y, x)| noise(8, (c * 6 + y) * 9 + x) as f32)
}

/// The same values, in four other memory orders.
fn views(test: impl Fn(ArrayView3<'_, f32>)) {
    let image = standard();
    let mut fortran = Array3::zeros(ndarray::ShapeBuilder::f((3, 6, 9)));
    fortran.assign(&image);
    test(fortran.view());
    let mut hwc = Array3::zeros((6, 9, 3));
    hwc.view_mut().permuted_axes([2, 0, 1]).assign(&image);
    test(hwc.view().permuted_axes([2, 0, 1]));
    let mut backwards = image.clone();
    backwards.invert_axis(ndarray::Axis(2));
    backwards = backwards.as_standard_layout().into_owned();
    test(backwards.slice(s![.., .., ..;-1]));
    let mut framed = Array3::from_elem((4, 8, 12), f32::NAN);
    framed.slice_mut(s![1.., 1..7, 2..11]).assign(&image);
    test(framed.slice(s![1.., 1..7, 2..11]));
}

fn baselines() -> Vec<Baseline> {
    vec![
        Baseline::Constant(0.25),
        Baseline::PerChannel(vec![0.1, 0.2, 0.3]),
        Baseline::Blur { sigma: 1.3 },
    ]
}

#[test]
fn masked_images_and_baselines_ignore_memory_order() {
    let plan = Plan::new([3, 6, 9], &MaskSpec::new(Racm).grid(2, 3)).unwrap();
    let mask = plan.mask(4, 1);
    views(|view| {
        assert_eq!(view, standard());
        for baseline in baselines() {
            assert_eq!(
                baseline.image(&view).unwrap(),
                baseline.image(&standard()).unwrap()
            );
            let expected = mask.apply(&standard(), &baseline).unwrap();
            assert_eq!(
                mask.apply(&view, &baseline).unwrap(),
                expected,
                "{baseline:?}"
            );
        }
        let expected = mask
            .apply(&standard(), &Baseline::Image(standard() * 0.5))
            .unwrap();
        let halved = Baseline::Image(view.mapv(|v| v * 0.5));
        assert_eq!(mask.apply(&view, &halved).unwrap(), expected);
    });
}

#[test]
fn explanations_ignore_memory_order() {
    for baseline in baselines() {
        let builder = Explainer::builder()
            .estimator(Estimator::Centred)
            .grid(2, 3)
            .masks(40)
            .baseline(baseline);
        for explainer in [builder.clone(), builder.family(McRise::rgb())] {
            let explainer = explainer.build().unwrap();
            let model = Nonlinear { classes: 1 };
            let expected = explainer.explain(&model, &standard(), 0).unwrap();
            views(|view| assert_same(&expected, &explainer.explain(&model, &view, 0).unwrap()));
        }
    }
}

/// Answers need not be C-contiguous either.
#[test]
fn scores_in_any_order() {
    let score = |n: usize, k: usize| (n * 3 + k) as f32;
    let rows = racm::FnModel::new(move |b: ArrayView4<'_, f32>| {
        Array2::from_shape_fn((b.dim().0, 2), |(n, k)| score(n, k))
    });
    let columns = racm::FnModel::new(move |b: ArrayView4<'_, f32>| {
        Array2::from_shape_fn((2, b.dim().0), |(k, n)| score(n, k)).reversed_axes()
    });
    let explainer = Explainer::builder().grid(2, 2).masks(50).build().unwrap();
    let all = racm::Target::All;
    let a = explainer.explain(&rows, &standard(), all.clone()).unwrap();
    assert_same(&a, &explainer.explain(&columns, &standard(), all).unwrap());
}

#[test]
fn regions_ignore_memory_order() {
    let map = standard().index_axis_move(ndarray::Axis(0), 0);
    let mut fortran = Array2::zeros(ndarray::ShapeBuilder::f(map.dim()));
    fortran.assign(&map);
    let transposed = map.t().as_standard_layout().into_owned();
    for other in [fortran.view(), transposed.t()] {
        for fraction in [0.1, 0.3, 0.5] {
            let expected = Region::top_fraction(&map, fraction).unwrap();
            assert_eq!(Region::top_fraction(&other, fraction).unwrap(), expected);
        }
        let expected = Region::above_percentile(&map, 60.0).unwrap();
        assert_eq!(Region::above_percentile(&other, 60.0).unwrap(), expected);
    }
}
