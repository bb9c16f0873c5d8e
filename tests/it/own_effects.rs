//! Own effects: what they are, by enumeration, and that the crate's are the reference's, mask by mask.

use ndarray::{Array3, Axis};
use racm::{Effect, Enlargement, Error, Estimator, Placement};
use rayon::prelude::*;

use crate::agreement;
use crate::expectation::{close, scenes};
use crate::reference::{Picture, Scene, estimate, standard_error, weight};
use crate::worlds::{kinds, noise, scene, score, worst};

/// Eq. 9's map of a score of offset, states and picture, by enumeration.
fn map_of(scene: &Scene, score: impl Fn([usize; 2], &[usize], &Picture) -> f64) -> Vec<f64> {
    let mut map = vec![0.0; scene.table.planes() * scene.pixels()];
    scene.enumerate(|p, offset, states, picture| {
        let f = score(offset, states, picture);
        let w = weight(scene, picture);
        map.iter_mut().zip(w).for_each(|(s, w)| *s += p * w * f);
    });
    map
}

/// A score that goes by one plane, in all cells at once and in no simple way.
fn of_plane(scene: &Scene, plane: usize, states: &[usize]) -> f64 {
    let fed = |(cell, &state): (usize, &usize)| {
        f64::from(u8::from(scene.table.feeds[state][plane])) * noise(60 + plane as u64, cell)
    };
    let sum: f64 = states.iter().enumerate().map(fed).sum();
    (2.3 * sum).sin() + sum * sum - 0.4
}

/// `T_jk(p) = E[M_k M_j] / P_j - E[M_k M_0] / P_0` is `s(p) G_jk`, with s the mean over the offsets of the sum of a
/// pixel's squared weights: the same matrix everywhere.
#[test]
fn what_comes_along_is_one_matrix_at_every_pixel() {
    scenes().par_iter().for_each(|(kind, scene)| {
        let (planes, n, along) = (scene.table.planes(), scene.pixels(), scene.table.along());
        let mut t = vec![0.0; planes * planes * n];
        scene.enumerate(|p, _, _, picture| {
            let w = weight(scene, picture);
            for (t, m) in t.chunks_exact_mut(planes * n).zip(&picture.planes) {
                let terms = t.iter_mut().zip(&w).enumerate();
                terms.for_each(|(i, (t, w))| *t += p * w * m[i % n]);
            }
        });
        let offsets = scene.offsets();
        for pixel in (0..n).filter(|&p| scene.inside(p)) {
            let squares = |o: &[usize; 2]| -> f64 {
                let weights = &scene.weights(*o)[pixel];
                weights.iter().map(|w| w * w).sum()
            };
            let scale = offsets.iter().map(squares).sum::<f64>() / offsets.len() as f64;
            for (k, j) in (0..planes * planes).map(|i| (i / planes, i % planes)) {
                let (t, expected) = (t[(k * planes + j) * n + pixel], scale * along[j][k]);
                assert!(close(t, expected, 1e-10), "{} {scene:?}", kind.name);
            }
        }
    });
}

/// Of a score that adds up between the planes, plane k's own effect at a pixel is the mean, by the pixel's weights on the
/// cells, of what feeding plane k there does to *its* part: E[g_k | fed] - E[g_k | not fed]. Parts of other planes leave
/// nothing, so a plane without a part is at 0. For every family, soft or hard, shifted or not, in a region or not.
#[test]
fn own_effects_are_those_of_the_plane_s_own_part_and_idle_planes_are_at_zero() {
    scenes().par_iter().for_each(|(kind, scene)| {
        let (planes, n) = (scene.table.planes(), scene.pixels());
        let (pass, offsets) = (scene.pass(), scene.offsets());
        let all: Vec<_> = offsets.iter().map(|&o| scene.weights(o)).collect();
        // For every part, offset, cell and whether it is fed: the sum of p g_k.
        let mut sums = vec![vec![vec![[0.0; 2]; all[0][0].len()]; offsets.len()]; planes];
        let mut maps = vec![vec![0.0; planes * n]; planes + 1];
        scene.enumerate(|p, offset, states, picture| {
            let o = offsets.iter().position(|&other| other == offset).unwrap();
            let w = weight(scene, picture);
            let mut total = 0.0;
            for k in 0..=planes {
                let g = match k < planes {
                    true => of_plane(scene, k, states),
                    // All parts at once: none is in another's way.
                    false => total,
                };
                total += g;
                maps[k]
                    .iter_mut()
                    .zip(&w)
                    .for_each(|(s, w)| *s += p * w * g);
                for (sums, &state) in sums
                    .get_mut(k)
                    .iter_mut()
                    .flat_map(|s| &mut s[o])
                    .zip(states)
                {
                    sums[usize::from(scene.table.feeds[state][k])] += p * g;
                }
            }
        });
        let expected = |k: usize, pixel: usize| -> f64 {
            let cells = all
                .iter()
                .zip(&sums[k])
                .flat_map(|(w, s)| w[pixel].iter().zip(s));
            let seen = cells.filter(|(w, _)| **w > 0.0);
            seen.map(|(w, [not, fed])| w * (fed / pass[k] - not / (1.0 - pass[k])))
                .sum()
        };
        for (part, map) in maps.iter().enumerate() {
            for (i, &own) in scene.table.own(map).iter().enumerate() {
                let has = part == planes || part == i / n;
                let expected = match has && scene.inside(i % n) {
                    true => expected(i / n, i % n),
                    false => 0.0,
                };
                assert!(
                    close(own, expected, 1e-9),
                    "{}: {own} is not {expected}",
                    kind.name
                );
            }
        }
    });
}

/// The same of images: a model that adds up what it makes of each channel, and makes nothing of the last (group).
#[test]
fn a_channel_that_the_model_does_not_use_is_at_zero_where_the_map_is_not() {
    let by_channel = |(kind, _): &(crate::worlds::Kind, Scene)| {
        matches!(kind.name, "racm" | "grouped") && kind.table.planes() > 1
    };
    let scenes: Vec<_> = scenes().into_iter().filter(by_channel).collect();
    assert!(scenes.len() > 150, "{}", scenes.len());
    let seen: Vec<bool> = scenes
        .par_iter()
        .map(|(kind, scene)| {
            let (n, planes) = (scene.pixels(), scene.table.planes());
            // The channels that the last plane passes.
            let idle = |c: usize| {
                let alone = scene
                    .table
                    .feeds
                    .iter()
                    .position(|s| s.iter().filter(|f| **f).count() == 1 && s[planes - 1]);
                scene.table.shows[alone.unwrap()][c] == crate::reference::Show::Image
            };
            // Groups pass as one: those of one channel are enough for a score that adds up.
            let used = match kind.name {
                "racm" => (0..scene.shape[0]).filter(|&c| !idle(c)).collect(),
                _ => vec![0, 1],
            };
            let map = map_of(scene, |_, _, picture| {
                let part = |&c: &usize| score(&picture.masked[c * n..(c + 1) * n], c);
                used.iter().map(part).sum()
            });
            let own = scene.table.own(&map);
            let last = (planes - 1) * n..planes * n;
            assert!(
                own[last.clone()].iter().all(|v| v.abs() < 1e-10),
                "{} {scene:?}",
                kind.name
            );
            map[last].iter().any(|v| v.abs() > 0.01)
        })
        .collect();
    assert!(seen.iter().filter(|seen| **seen).count() > seen.len() / 2);
}

/// `2 (A_c - sum of A / (C + 1))` for RaCM and its groups, the map for RISE and MC-RISE.
#[test]
fn the_contrasts_of_the_table() {
    for kind in kinds() {
        let planes = kind.table.planes();
        let map: Vec<f64> = (0..planes).map(|j| noise(3, j) - 0.3).collect();
        let own = kind.table.own(&map);
        let sum: f64 = map.iter().sum();
        for (own, a) in own.into_iter().zip(&map) {
            let expected = match kind.name {
                "racm" | "grouped" => 2.0 * (a - sum / (planes as f64 + 1.0)),
                // Its states feed plane 0, both, and plane 1: as RaCM's of two channels.
                "mixed" => 2.0 * (a - sum / 3.0),
                _ => *a,
            };
            assert!(close(own, expected, 1e-12), "{}", kind.name);
        }
    }
}

/// What red and green are worth only together has no owner: 3/8 for either, and -1/8 for blue, for any P_pix.
#[test]
fn what_does_not_add_up_is_split_and_idle_planes_have_a_share() {
    let kind = kinds()
        .into_iter()
        .find(|k| k.name == "racm" && k.channels == 3)
        .unwrap();
    for p_pix in [0.2, 0.5, 0.9] {
        let placement = Placement::Fixed;
        let scene = scene(
            &kind,
            [1, 2],
            [1, 2],
            Enlargement::Nearest,
            placement,
            p_pix,
        );
        let fed = |state: usize, j: usize| scene.table.feeds[state][j];
        let map = map_of(&scene, |_, states, _| {
            f64::from(u8::from(fed(states[0], 0) && fed(states[0], 1)))
        });
        let own = scene.table.own(&map);
        for (j, (map_is, own_is)) in [(0.5, 0.375), (0.5, 0.375), (0.25, -0.125)]
            .into_iter()
            .enumerate()
        {
            assert!(close(map[2 * j], map_is, 1e-12) && close(own[2 * j], own_is, 1e-12));
            // The other cell has no part in it.
            assert!(own[2 * j + 1].abs() < 1e-12);
        }
    }
}

/// The crate's own effects, their standard errors and contrasts are those of the reference's terms, mask by mask.
#[test]
fn maps_and_standard_errors_are_the_reference_s() {
    let (masks, block, seed) = (75, 8, 17);
    let cases: Vec<_> = agreement::scenes().into_iter().enumerate().collect();
    let compared: Vec<usize> = cases
        .par_iter()
        .map(|(at, (kind, scene))| {
            let (explanation, pictures) = agreement::explained(kind, scene, block, masks, seed);
            let mut compared = 0;
            for estimator in [
                Estimator::HorvitzThompson,
                Estimator::Centred,
                Estimator::SelfNormalised,
            ] {
                let own = match explanation.own_effects().unwrap().with_estimator(estimator) {
                    Ok(own) => own,
                    Err(Error::NeverSeen { .. }) => continue,
                    Err(error) => panic!("{error}"),
                };
                assert_eq!(own.effect(), Effect::Own);
                compared += 1;
                let errors = own.standard_errors().unwrap().unwrap();
                for (t, class) in [2, 0].into_iter().enumerate() {
                    let f: Vec<f64> = pictures.iter().map(|p| score(&p.masked, class)).collect();
                    let plane = estimate(scene, estimator, &pictures, &f);
                    let expected = scene.table.own(&plane.map);
                    let influence: Vec<Vec<f64>> = plane
                        .influence
                        .iter()
                        .map(|mask| scene.table.own(mask))
                        .collect();
                    let map = own.maps().index_axis_move(Axis(0), t);
                    let difference = worst(map.iter(), &expected);
                    assert!(
                        difference < 2e-5,
                        "{} {estimator:?} {difference}",
                        kind.name
                    );
                    let expected_errors: Vec<f64> = (0..expected.len())
                        .map(|i| standard_error(&influence, block, |mask| mask[i]))
                        .collect();
                    let got = errors.index_axis(Axis(0), t);
                    let difference = worst(got.iter(), &expected_errors);
                    assert!(
                        difference < 2e-5,
                        "{} {estimator:?} {difference}",
                        kind.name
                    );

                    let weights: Vec<f64> = (0..expected.len())
                        .map(|i| noise(*at as u64, i) - 0.5)
                        .collect();
                    let array = Array3::from_shape_vec(map.dim(), weights.clone()).unwrap();
                    let (value, error) = own.contrast(t, &array).unwrap();
                    let contrast = |values: &[f64]| -> f64 {
                        weights.iter().zip(values).map(|(w, v)| w * v).sum()
                    };
                    let expected_error = standard_error(&influence, block, contrast);
                    let expected = contrast(&expected);
                    assert!((value - expected).abs() < 1e-4 * (1.0 + expected.abs()));
                    assert!(
                        (error.unwrap() - expected_error).abs() < 1e-4 * (1.0 + expected_error)
                    );
                }
            }
            compared
        })
        .collect();
    assert!(compared.iter().sum::<usize>() > 2 * cases.len() + 200);
}
