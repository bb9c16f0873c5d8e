//! Enumeration: over all masks of tiny grids the estimators are exact, for arbitrary nonlinear models.

use racm::Placement;
use rayon::prelude::*;

use crate::reference::{Scene, Table, weight};
use crate::worlds::{ENLARGEMENTS, Kind, PLACEMENTS, kinds, ragged, scene, score};

const MOST: usize = 20_000;

/// Every family, enlargement, placement and P_pix on every small layout that can be enumerated; with and without a
/// region.
pub fn scenes() -> Vec<(Kind, Scene)> {
    // H, W, grid: one row, one column, pitches that divide and that do not, one cell for the image.
    let layouts = [
        ([1, 3], [1, 1]),
        ([2, 1], [1, 1]),
        ([1, 5], [1, 2]),
        ([4, 1], [3, 1]),
        ([2, 3], [1, 1]),
        ([2, 3], [2, 2]),
        ([3, 4], [1, 3]),
        ([3, 5], [2, 2]),
    ];
    let mut scenes = Vec::new();
    for kind in kinds() {
        for enlargement in ENLARGEMENTS {
            for placement in PLACEMENTS {
                for p_pix in [0.2, 0.5, 0.9] {
                    let before = scenes.len();
                    for (size, grid) in layouts {
                        let whole = scene(&kind, size, grid, enlargement, placement, p_pix);
                        let mut part = whole.clone();
                        part.region = ragged(size);
                        let few = [whole, part]
                            .into_iter()
                            .filter(|s| s.configurations() <= MOST);
                        scenes.extend(few.map(|s| (kind.clone(), s)));
                    }
                    assert!(
                        scenes.len() >= before + 3,
                        "{} hardly enumerated",
                        kind.name
                    );
                }
            }
        }
    }
    scenes
}

pub fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * (1.0 + b.abs())
}

#[test]
fn the_masks_average_to_their_probabilities_and_the_weights_to_zero() {
    scenes().par_iter().for_each(|(kind, scene)| {
        let (size, n) = (scene.table.planes() * scene.pixels(), scene.pixels());
        let (mut total, mut mean_w) = (0.0, vec![0.0; size]);
        let (mut mean_m, mut mean_0) = (vec![0.0; size], vec![0.0; n]);
        scene.enumerate(|p, _, _, picture| {
            total += p;
            let masks = picture.planes.iter().flatten();
            mean_m.iter_mut().zip(masks).for_each(|(s, m)| *s += p * m);
            mean_0
                .iter_mut()
                .zip(&picture.bias)
                .for_each(|(s, m)| *s += p * m);
            let w = weight(scene, picture);
            mean_w.iter_mut().zip(w).for_each(|(s, w)| *s += p * w);
        });
        assert!(close(total, 1.0, 1e-12));
        // The crate's probabilities are the ones that hold at every pixel of the region.
        let plan = scene.plan(kind, 4);
        let p_j = plan.pass_probabilities();
        for i in (0..size).filter(|i| scene.inside(i % n)) {
            assert!(
                close(mean_m[i], p_j[i / n], 1e-12),
                "{} {scene:?}",
                kind.name
            );
            assert!(close(mean_0[i % n], plan.bias_probability(), 1e-12));
            assert!(mean_w[i].abs() < 1e-12);
        }
    });
}

#[test]
fn horvitz_thompson_is_the_conditional_difference_and_pass_only_its_first_term() {
    let scenes = scenes();
    assert!(scenes.len() > 600, "{}", scenes.len());
    scenes.par_iter().for_each(|(kind, scene)| {
        let (size, n) = (scene.table.planes() * scene.pixels(), scene.pixels());
        // Sums of p M f and p M: a conditional mean that knows nothing of P_j.
        let (mut mf, mut m_sum) = (vec![0.0; size], vec![0.0; size]);
        let (mut bf, mut b_sum) = (vec![0.0; n], vec![0.0; n]);
        let (mut ht, mut pass) = (vec![0.0; size], vec![0.0; size]);
        let p_j = scene.pass();
        scene.enumerate(|p, _, _, picture| {
            let f = score(&picture.masked, 0);
            for (i, &m) in picture.planes.iter().flatten().enumerate() {
                mf[i] += p * m * f;
                m_sum[i] += p * m;
                pass[i] += p * m * f / p_j[i / n];
            }
            for (i, &m) in picture.bias.iter().enumerate() {
                bf[i] += p * m * f;
                b_sum[i] += p * m;
            }
            let w = weight(scene, picture);
            ht.iter_mut().zip(w).for_each(|(s, w)| *s += p * w * f);
        });
        for i in (0..size).filter(|i| scene.inside(i % n)) {
            let selected = mf[i] / m_sum[i];
            let unselected = bf[i % n] / b_sum[i % n];
            assert!(
                close(ht[i], selected - unselected, 1e-10),
                "{}: {} is not {}",
                kind.name,
                ht[i],
                selected - unselected
            );
            assert!(close(pass[i], selected, 1e-10));
        }
    });
}

/// The mean over all pairs of masks of the centred estimate of two, `(w_1 - w_2) (f_1 - f_2) / 2`, and the
/// Horvitz-Thompson mean. Pairs share their offset (a block) or not.
fn centred_and_plain(scene: &Scene, shared_offset: bool) -> (Vec<f64>, Vec<f64>) {
    let size = scene.table.planes() * scene.pixels();
    let mut all = Vec::new();
    scene.enumerate(|p, offset, _, picture| {
        all.push((p, offset, weight(scene, picture), score(&picture.masked, 0)));
    });
    let offsets = scene.offsets().len() as f64;
    let (mut pairs, mut plain) = (vec![0.0; size], vec![0.0; size]);
    for (p, offset, w, f) in &all {
        for (p_2, offset_2, w_2, f_2) in &all {
            // P(second | first): given the offset, it is known.
            let p_2 = match (shared_offset, offset == offset_2) {
                (true, false) => continue,
                (true, true) => p_2 * offsets,
                (false, _) => *p_2,
            };
            for i in 0..size {
                pairs[i] += p * p_2 * (w[i] - w_2[i]) * (f - f_2) / 2.0;
            }
        }
        plain.iter_mut().zip(w).for_each(|(s, w)| *s += p * w * f);
    }
    (pairs, plain)
}

#[test]
fn centred_is_unbiased_also_for_masks_that_share_their_offset() {
    let few = |(_, s): &(Kind, Scene)| s.configurations() <= 140;
    let scenes: Vec<_> = scenes().into_iter().filter(few).collect();
    for kind in kinds().iter().filter(|k| k.table.states() < 31) {
        let these = scenes
            .iter()
            .filter(|(k, _)| k.family.name() == kind.family.name());
        let shifted = these.filter(|(_, s)| s.placement == Placement::Shifted);
        assert!(shifted.count() > 3, "{} hardly enumerated", kind.name);
    }
    scenes.par_iter().for_each(|(kind, scene)| {
        for shared in [false, true] {
            let (pairs, plain) = centred_and_plain(scene, shared);
            for (a, b) in pairs.iter().zip(&plain) {
                assert!(
                    close(*a, *b, 1e-10),
                    "{} {shared}: {a} is not {b}",
                    kind.name
                );
            }
        }
    });
}

/// A model that sums channel 0 of an image of ones, hard masks, cells of A pixels. Where a cell is known to feed
/// plane 0 it shows A of the score, where it feeds plane j != 0 it shows channel 0 with P[0 passes | j passes] =
/// 2^(C-2) / 2^(C-1) = 1/2 for every C >= 2, and unselected cells show nothing; the other cells cancel. So the map
/// is A in plane 0 and A / 2 in every other plane, for any P_pix.
#[test]
fn the_sum_of_channel_0_is_worth_1_there_and_one_half_in_every_other_channel() {
    for channels in [1, 2, 3, 5] {
        for p_pix in [0.2, 0.5, 0.9] {
            for (size, area) in [([1, 2], 1.0), ([2, 6], 6.0)] {
                let kind = kinds()
                    .into_iter()
                    .find(|k| k.name == "racm" && k.channels == channels)
                    .unwrap();
                let mut scene = scene(
                    &kind,
                    size,
                    [1, 2],
                    ENLARGEMENTS[0],
                    Placement::Fixed,
                    p_pix,
                );
                scene.image.fill(1.0);
                scene.base.fill(0.0);
                let n = scene.pixels();
                let mut map = vec![0.0; channels * n];
                scene.enumerate(|p, _, _, picture| {
                    let f: f64 = picture.masked[..n].iter().sum();
                    let w = weight(&scene, picture);
                    map.iter_mut().zip(w).for_each(|(s, w)| *s += p * w * f);
                });
                for (i, &v) in map.iter().enumerate() {
                    let expected = if i < n { area } else { area / 2.0 };
                    assert!(close(v, expected, 1e-12), "C {channels}: {v} at {i}");
                }
            }
        }
    }
}

/// The table of RaCM's states, checked against the definition: all non-empty subsets, once each.
#[test]
fn racm_states_are_the_non_empty_subsets() {
    for channels in 1..=6 {
        let table = Table::racm(channels);
        let mut subsets = table.feeds[1..].to_vec();
        subsets.sort();
        subsets.dedup();
        assert_eq!(subsets.len(), (1 << channels) - 1);
        assert!(subsets.iter().all(|s| s.contains(&true)));
        let counted = subsets.iter().filter(|s| s[0]).count() as f64 / subsets.len() as f64;
        assert!(close(counted, table.share[0], 1e-15));
    }
}
