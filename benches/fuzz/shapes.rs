//! Shapes, grids and families against the slow reference of the tests: masks, masked images, maps, standard errors.
#![no_main]
#![allow(dead_code)]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use racm::{Estimator, Explainer};

#[path = "../../tests/it/reference.rs"]
mod reference;
#[path = "../../tests/it/worlds.rs"]
mod worlds;

use reference::Picture;

#[derive(Arbitrary, Debug)]
struct Input {
    kind: u8,
    size: [u8; 2],
    grid: [u8; 2],
    nearest: bool,
    fixed: bool,
    p_pix: u8,
    region: Option<Vec<bool>>,
    seed: u64,
    first: u32,
    masks: u8,
    block: u8,
    estimator: u8,
}

const ESTIMATORS: [Estimator; 3] = [
    Estimator::HorvitzThompson,
    Estimator::PassOnly,
    Estimator::Centred,
];

fuzz_target!(|input: Input| {
    let kinds = worlds::kinds();
    let kind = &kinds[usize::from(input.kind) % kinds.len()];
    let size = input.size.map(|n| usize::from(n) % 12 + 1);
    let cells = |i: usize| usize::from(input.grid[i]) % size[i] + 1;
    let mut scene = worlds::scene(
        kind,
        size,
        [cells(0), cells(1)],
        worlds::ENLARGEMENTS[usize::from(input.nearest)],
        worlds::PLACEMENTS[usize::from(input.fixed)],
        (f64::from(input.p_pix) + 1.0) / 257.0,
    );
    if let Some(region) = &input.region {
        let inside = |p: usize| region.get(p).copied().unwrap_or(p == 0);
        scene.region = (0..size[0] * size[1]).map(inside).collect();
        if !scene.region.contains(&true) {
            return;
        }
    }
    let block = usize::from(input.block) % 9 + 1;
    let plan = scene.plan(kind, block);
    for index in [0, u64::from(input.first)] {
        let mask = plan.mask(input.seed, index);
        let expected = scene.picture_of(&mask);
        for (j, plane) in expected.planes.iter().enumerate() {
            assert!(worlds::worst(&mask.plane(j), plane) < 1e-6, "{scene:?}");
        }
        assert!(
            worlds::worst(&mask.bias(), &expected.bias) < 1e-6,
            "{scene:?}"
        );
        let masked = mask.apply(&scene.image32(), &scene.baseline()).unwrap();
        assert!(worlds::worst(&masked, &expected.masked) < 2e-6, "{scene:?}");
    }
    let masks = u64::from(input.masks) % 40 + 2;
    let which = ESTIMATORS[usize::from(input.estimator) % 3];
    let explainer = scene.explainer(kind, block, masks, input.seed);
    let explainer: Explainer = explainer.to_builder().estimator(which).build().unwrap();
    let model = worlds::Nonlinear { classes: 1 };
    let explanation = explainer.explain(&model, &scene.image32(), 0).unwrap();
    let drawn = (0..masks).map(|n| scene.picture_of(&plan.mask(input.seed, n)));
    let pictures: Vec<Picture> = drawn.collect();
    let scores: Vec<f64> = pictures
        .iter()
        .map(|p| worlds::score(&p.masked, 0))
        .collect();
    let expected = reference::estimate(&scene, which, &pictures, &scores).map;
    // Scores of masked images of f32 differ by some 1e-6 of themselves, and 1 / P is up to 257.
    let largest = scores.iter().fold(1.0f64, |m, s| m.max(s.abs()));
    let limit =
        1e-4 * largest * 257.0 / (f64::from(input.p_pix) + 1.0).min(256.0 - f64::from(input.p_pix));
    assert!(
        worlds::worst(explanation.map(), &expected) < limit.max(1e-4),
        "{scene:?}"
    );
});
