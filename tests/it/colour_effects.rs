//! Which planes of a colour space have no own effect, by enumeration.

use ndarray::{Array2, ArrayView4, Axis};
use racm::{BlackBoxModel, ColourSpace, FnModel, InColourSpace};
use rayon::prelude::*;

use crate::expectation::scenes;
use crate::reference::{Scene, weight};
use crate::worlds::{array, noise};

/// The exact map of a model of RGB images, own effects, plane by plane: by enumeration of all masks.
fn exact(scene: &Scene, space: ColourSpace, model: impl Fn(&[f32]) -> f64) -> [Vec<f64>; 2] {
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        let rgb = batch.as_slice().unwrap();
        let of = |n: usize| model(&rgb[n * 3 * scene.pixels()..][..3 * scene.pixels()]) as f32;
        Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| of(n))
    });
    let model = InColourSpace::new(model, space).unwrap();
    let mut map = vec![0.0; 3 * scene.pixels()];
    scene.enumerate(|p, _, _, picture| {
        let masked = array(scene.shape, &picture.masked).insert_axis(Axis(0));
        let score = f64::from(model.predict(masked.view()).unwrap()[[0, 0]]);
        let weights = weight(scene, picture);
        map.iter_mut()
            .zip(weights)
            .for_each(|(sum, w)| *sum += p * w * score);
    });
    let own = scene.table.own(&map);
    [map, own]
}

/// A score of one number a pixel, nonlinear, with all pixels in it.
fn of_numbers(number: impl Iterator<Item = f32>) -> f64 {
    let sum: f64 = number
        .enumerate()
        .map(|(p, v)| f64::from(v) * noise(77, p))
        .sum();
    (1.7 * sum).sin() + sum * sum
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, v| v.abs().max(most))
}

fn scenes_of_three() -> Vec<Scene> {
    let three = scenes()
        .into_iter()
        .filter(|(kind, _)| kind.name == "racm" && kind.channels == 3);
    let few: Vec<Scene> = three
        .map(|(_, scene)| scene)
        .filter(|s| s.configurations() <= 600)
        .collect();
    assert!(few.len() > 30, "{}", few.len());
    few
}

/// Masks of hue and saturation do not touch the largest of R, G and B.
#[test]
fn a_score_of_the_value_has_no_own_effect_of_hue_and_saturation() {
    scenes_of_three().par_iter().for_each(|scene| {
        let (n, space) = (scene.pixels(), ColourSpace::Hsv { hue: 0.37 });
        let value =
            |rgb: &[f32]| of_numbers((0..n).map(|p| rgb[p].max(rgb[n + p]).max(rgb[2 * n + p])));
        let [map, own] = exact(scene, space, value);
        assert!(largest(&own[..2 * n]) < 1e-5, "{scene:?}: {own:?}");
        assert!(
            largest(&own[2 * n..]) > 1e-3 && largest(&map[..2 * n]) > 1e-3,
            "{scene:?}"
        );
        // The smallest of them goes by the saturation, too, and red by the hue as well. (Value and saturation together are a
        // product, of which hue has a share: what_does_not_add_up_is_split_and_idle_planes_have_a_share.)
        let smallest =
            |rgb: &[f32]| of_numbers((0..n).map(|p| rgb[p].min(rgb[n + p]).min(rgb[2 * n + p])));
        let [_, own] = exact(scene, space, smallest);
        assert!(largest(&own[n..2 * n]) > 1e-3, "{scene:?}: {own:?}");
        let [_, own] = exact(scene, space, |rgb| of_numbers(rgb[..n].iter().copied()));
        assert!(largest(&own[..n]) > 1e-3, "{scene:?}: {own:?}");
    });
}

/// As long as no colour is clipped: chroma does not touch the luma.
#[test]
fn a_score_of_the_luma_has_no_own_effect_of_chroma_unless_colours_are_clipped() {
    let clipped: Vec<bool> = scenes_of_three()
        .par_iter()
        .map(|scene| {
            let n = scene.pixels();
            let luma = |rgb: &[f32]| {
                of_numbers(
                    (0..n).map(|p| 0.299 * rgb[p] + 0.587 * rgb[n + p] + 0.114 * rgb[2 * n + p]),
                )
            };
            let mut pale = scene.clone();
            for values in [&mut pale.image, &mut pale.base] {
                let scaled = values.iter().enumerate();
                let scaled = scaled.map(|(i, v)| {
                    if i < n {
                        0.5 + 0.2 * v
                    } else {
                        0.2 * (v - 0.5)
                    }
                });
                *values = scaled.collect();
            }
            let [_, own] = exact(&pale, ColourSpace::Ycbcr, luma);
            assert!(
                largest(&own[n..]) < 1e-5 && largest(&own[..n]) > 1e-3,
                "{pale:?}: {own:?}"
            );
            let [_, own] = exact(scene, ColourSpace::Ycbcr, luma);
            largest(&own[n..]) > 1e-3
        })
        .collect();
    assert!(clipped.iter().any(|clipped| *clipped));
}
