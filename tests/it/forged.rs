//! The crate's own estimators over a whole enumeration. A run draws masks until every configuration has come up; the
//! model then answers mask n with `N P(configuration) f / times it came up`, so that the crate's sum over its masks
//! is the exact expectation over all of them (the estimators but `SelfNormalised` are linear in the scores).

use std::cell::RefCell;
use std::collections::BTreeMap;

use ndarray::{Array2, Array3, ArrayView4, Axis};
use racm::{Enlargement, Estimator, Explainer, FnModel, Placement};
use rayon::prelude::*;

use crate::reference::{Picture, Scene, weight};
use crate::worlds::{Kind, Nonlinear, PLACEMENTS, kinds, ragged, scene, score, worst};

pub type Key = ([usize; 2], Vec<usize>);

/// The configurations with their probability and picture.
pub fn configurations(scene: &Scene) -> BTreeMap<Key, (f64, Picture)> {
    let mut all = BTreeMap::new();
    scene.enumerate(|p, offset, states, picture| {
        all.insert((offset, states.to_vec()), (p, picture.clone()));
    });
    all
}

/// For each offset the cells that a pixel sees.
pub type Active = BTreeMap<[usize; 2], Vec<bool>>;

pub fn active(scene: &Scene) -> Active {
    let one = |o| (o, scene.active(&scene.weights(o)));
    scene.offsets().into_iter().map(one).collect()
}

/// Offset and states of a mask the crate drew, cells that no pixel sees set to 0.
pub fn key(active: &Active, mask: &racm::Mask<'_>) -> Key {
    let states = mask.states().iter().zip(&active[&mask.offset()]);
    let visible = states.map(|(&s, active)| if *active { s as usize } else { 0 });
    (mask.offset(), visible.collect())
}

/// A model that answers `answers[0]`, `answers[1]`, ... whatever it is shown; the unmasked image comes first. Two images
/// at a time are asked about for a second time (`repeats`), for which there is no answer here.
fn recited(answers: Vec<f32>) -> impl racm::BlackBoxModel {
    let answers = RefCell::new(answers.into_iter());
    FnModel::new(move |batch: ArrayView4<'_, f32>| {
        if batch.dim().0 == 2 {
            return Array2::zeros((2, 1));
        }
        let mut answers = answers.borrow_mut();
        Array2::from_shape_fn((batch.dim().0, 1), |_| answers.next().unwrap())
    })
}

/// The crate's expected map over all configurations, with the score of each picture.
fn expected_map(
    kind: &Kind,
    scene: &Scene,
    block_size: usize,
    estimator: Estimator,
    score: impl Fn(&Key, &Picture) -> f64,
) -> Array3<f32> {
    let (plan, seed) = (scene.plan(kind, block_size), 0);
    let (all, active) = (configurations(scene), active(scene));
    let mut keys: Vec<Key> = Vec::new();
    let mut times: BTreeMap<Key, f64> = BTreeMap::new();
    while times.len() < all.len() || keys.len() % 32 != 3 {
        let key = key(&active, &plan.mask(seed, keys.len() as u64));
        *times.entry(key.clone()).or_default() += 1.0;
        keys.push(key);
        assert!(keys.len() < 1_000_000, "{}: never drawn", kind.name);
    }
    let mut answers = vec![0.0];
    answers.extend(keys.iter().map(|key| {
        let (p, picture) = &all[key];
        (keys.len() as f64 * p * score(key, picture) / times[key]) as f32
    }));
    let explainer = Explainer::builder()
        .spec(scene.spec(kind, block_size))
        .masks(keys.len() as u64)
        .seed(seed)
        .estimator(estimator)
        .build()
        .unwrap();
    let model = recited(answers);
    let explanation = explainer.explain(&model, &scene.image32(), 0).unwrap();
    explanation.map().to_owned()
}

fn small(kind: &Kind, placement: Placement, p_pix: f64) -> Vec<Scene> {
    let layouts = [([1, 5], [1, 2]), ([4, 1], [3, 1]), ([2, 3], [1, 1])];
    let mut scenes = Vec::new();
    for (size, grid) in layouts {
        for enlargement in crate::worlds::ENLARGEMENTS {
            let whole = scene(kind, size, grid, enlargement, placement, p_pix);
            let mut part = whole.clone();
            part.region = ragged(size);
            scenes.extend([whole, part]);
        }
    }
    scenes.retain(|s| s.configurations() <= 70);
    scenes
}

#[test]
fn the_crate_s_estimators_have_the_enumerated_expectation() {
    let mut cases = Vec::new();
    for kind in kinds() {
        for placement in PLACEMENTS {
            for p_pix in [0.2, 0.5, 0.9] {
                let scenes = small(&kind, placement, p_pix).into_iter();
                cases.extend(scenes.map(|scene| (kind.clone(), scene)));
            }
        }
    }
    assert!(cases.len() > 100, "{}", cases.len());
    cases.par_iter().for_each(|(kind, scene)| {
        let size = scene.table.planes() * scene.pixels();
        let (mut difference, mut pass) = (vec![0.0; size], vec![0.0; size]);
        let mut mean = 0.0;
        let (n, p_j) = (scene.pixels(), scene.pass());
        scene.enumerate(|p, _, _, picture| {
            let f = score(&picture.masked, 0);
            mean += p * f;
            let w = weight(scene, picture);
            let masks = picture.planes.iter().flatten();
            for (i, (w, m)) in w.iter().zip(masks).enumerate() {
                difference[i] += p * w * f;
                pass[i] += p * m * f / p_j[i / n];
            }
        });
        for block_size in [1, 5] {
            let f = |_: &Key, picture: &Picture| score(&picture.masked, 0);
            let map = expected_map(kind, scene, block_size, Estimator::HorvitzThompson, f);
            assert!(worst(&map, &difference) < 1e-5, "{} {scene:?}", kind.name);
            let map = expected_map(kind, scene, block_size, Estimator::PassOnly, f);
            assert!(worst(&map, &pass) < 1e-5, "{} {scene:?}", kind.name);
        }
    });
}

/// `Centred` of two masks, averaged over seeds: each pair of configurations weighs what it is probable. Real scores
/// of the crate's masked images.
#[test]
fn the_crate_s_centred_estimate_of_two_masks_is_unbiased() {
    let one = |name: &str, channels| {
        let found = |k: &Kind| k.name == name && k.channels == channels;
        kinds().into_iter().find(found).unwrap()
    };
    let cases = [
        (one("rise 1", 1), [1, 3], [1, 2], Placement::Fixed, 0.5),
        (one("rise 3", 3), [1, 3], [1, 1], Placement::Shifted, 0.5),
        (one("racm", 2), [2, 1], [1, 1], Placement::Shifted, 0.75),
        (one("mc-rise 7", 3), [2, 3], [1, 1], Placement::Fixed, 0.5),
        (one("mixed", 3), [2, 2], [1, 1], Placement::Fixed, 0.9),
    ];
    for (kind, size, grid, placement, p_pix) in cases {
        for block_size in [1, 2] {
            let scene = scene(&kind, size, grid, Enlargement::Bilinear, placement, p_pix);
            let (all, active) = (configurations(&scene), active(&scene));
            let offsets = scene.offsets().len() as f64;
            let maps = |seed: u64| {
                let explainer = scene.explainer(&kind, block_size, 2, seed);
                let plan = explainer.plan(scene.shape).unwrap();
                let keys = [0, 1].map(|i| key(&active, &plan.mask(seed, i)));
                let run = explainer.explain(&Nonlinear { classes: 1 }, &scene.image32(), 0);
                (keys, run.unwrap().map().mapv(f64::from))
            };
            let runs: Vec<_> = (0..12_000).into_par_iter().map(maps).collect();
            let mut times: BTreeMap<_, f64> = BTreeMap::new();
            for (keys, _) in &runs {
                *times.entry(keys).or_default() += 1.0;
            }
            let probability = |keys: &[Key; 2]| {
                let shared = if block_size == 2 { offsets } else { 1.0 };
                all[&keys[0]].0 * all[&keys[1]].0 * shared
            };
            let seen: f64 = times.keys().map(|keys| probability(keys)).sum();
            assert!(
                (seen - 1.0).abs() < 1e-9,
                "{}: not all pairs: {seen}",
                kind.name
            );
            let mut mean = Array3::<f64>::zeros(runs[0].1.dim());
            for (keys, map) in &runs {
                mean.scaled_add(probability(keys) / times[keys], map);
            }
            let mut expected = vec![0.0; mean.len()];
            for (p, picture) in all.values() {
                let f = score(&picture.masked, 0);
                let w = weight(&scene, picture);
                expected
                    .iter_mut()
                    .zip(w)
                    .for_each(|(s, w)| *s += p * w * f);
            }
            let mean = mean.mapv(|v| v as f32);
            assert!(worst(&mean, &expected) < 1e-5, "{} {block_size}", kind.name);
        }
    }
}

/// Eq. 9's arithmetic through the crate: the reciprocal weight that the paper prints in Eq. 10 would fail here.
#[test]
fn the_crate_gives_the_sum_of_channel_0_its_1_and_its_halves() {
    for channels in [1, 2, 3] {
        let found = |k: &Kind| k.name == "racm" && k.channels == channels;
        let kind = kinds().into_iter().find(found).unwrap();
        let hard = Enlargement::Nearest;
        let mut scene = scene(&kind, [1, 2], [1, 2], hard, Placement::Fixed, 0.5);
        scene.image.fill(1.0);
        scene.base.fill(0.0);
        let sum = |_: &Key, picture: &Picture| picture.masked[..2].iter().sum();
        let map = expected_map(&kind, &scene, 32, Estimator::HorvitzThompson, sum);
        for ((plane, _, _), v) in map.indexed_iter() {
            let expected = if plane == 0 { 1.0 } else { 0.5 };
            assert!((v - expected).abs() < 1e-5, "C {channels}: {map}");
        }
    }
}

/// Mirrored image, mirrored masks, mirrored map: over all configurations, each mask of the mirrored run has the
/// score of its mirror image. And mask by mask: two masks with mirrored states are mirror images.
#[test]
fn flipping_image_and_masks_flips_the_map() {
    let flip = |a: &Array3<f32>, axis: usize| {
        let mut a = a.clone();
        a.invert_axis(Axis(axis));
        a
    };
    for kind in kinds().into_iter().filter(|k| k.table.states() < 8) {
        let cases = [
            ([1, 6], [1, 2], 2),
            ([5, 1], [2, 1], 1),
            ([1, 5], [1, 3], 2),
        ];
        for (size, grid, axis) in cases {
            for enlargement in crate::worlds::ENLARGEMENTS {
                let scene = scene(&kind, size, grid, enlargement, Placement::Fixed, 0.4);
                // A hard pixel on the border of two cells belongs to one of them: no mirror there.
                let tie = enlargement == Enlargement::Nearest && size == [5, 1];
                if scene.configurations() > 100 || tie {
                    continue;
                }
                let mut mirrored = scene.clone();
                mirrored.image = flip(&scene.image32(), axis)
                    .iter()
                    .map(|&v| v.into())
                    .collect();
                let base = crate::worlds::array(scene.shape, &scene.base);
                mirrored.base = flip(&base, axis).iter().map(|&v| v.into()).collect();
                let mirror = |(offset, states): &Key| -> Key {
                    (*offset, states.iter().rev().copied().collect())
                };
                let (plan, active) = (scene.plan(&kind, 1), active(&scene));
                let first = |wanted: &Key| {
                    let found = |i: &u64| key(&active, &plan.mask(0, *i)) == *wanted;
                    plan.mask(0, (0..).find(found).unwrap())
                };
                for i in 0..10 {
                    let mask = plan.mask(0, i);
                    let other = first(&mirror(&key(&active, &mask)));
                    let image = mask.apply(&scene.image32(), &scene.baseline()).unwrap();
                    let twin = other
                        .apply(&mirrored.image32(), &mirrored.baseline())
                        .unwrap();
                    let expected: Vec<f64> = flip(&image, axis).iter().map(|&v| v.into()).collect();
                    assert!(worst(&twin, &expected) < 1e-6, "{}", kind.name);
                }
                let estimator = Estimator::HorvitzThompson;
                let f = |_: &Key, picture: &Picture| score(&picture.masked, 0);
                let map = expected_map(&kind, &scene, 4, estimator, f);
                let all = configurations(&scene);
                let of_mirror = |key: &Key, _: &Picture| score(&all[&mirror(key)].1.masked, 0);
                let twin = expected_map(&kind, &mirrored, 4, estimator, of_mirror);
                let expected: Vec<f64> = flip(&map, axis).iter().map(|&v| v.into()).collect();
                assert!(worst(&twin, &expected) < 1e-5, "{} {size:?}", kind.name);
            }
        }
    }
}
