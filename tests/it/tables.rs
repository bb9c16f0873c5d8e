//! Tables: maps of one pixel a feature, or of one channel a feature, beside exact values of games.

use ndarray::{Array3, ArrayView4};
use racm::{
    Effect, Enlargement, Estimator, Explainer, ExplainerBuilder, Explanation, FnModel, Placement,
    Racm, Rise, Segments,
};

use crate::expectation::close;
use crate::reference::weight;
use crate::worlds::{Kind, kinds, scene, score, score_rows};

/// What a set of features is worth, by its bits.
struct Game {
    features: usize,
    worth: Vec<f64>,
}

impl Game {
    fn new(image: &[f64], base: &[f64], score: impl Fn(&[f64]) -> f64) -> Game {
        let features = image.len();
        let shown = |set: usize| -> Vec<f64> {
            let pick = |i: usize| if set >> i & 1 == 1 { image[i] } else { base[i] };
            (0..features).map(pick).collect()
        };
        let worth = (0..1 << features).map(|set| score(&shown(set))).collect();
        Game { features, worth }
    }

    /// The mean of what each feature adds to a set of the others, by the weights of the sets' sizes.
    fn value(&self, weight: impl Fn(usize) -> f64) -> Vec<f64> {
        let of = |i: usize| {
            let others = (0..self.worth.len()).filter(|set| set >> i & 1 == 0);
            let adds = |set: usize| self.worth[set | 1 << i] - self.worth[set];
            others
                .map(|set| weight(set.count_ones() as usize) * adds(set))
                .sum()
        };
        (0..self.features).map(of).collect()
    }

    /// The others are shown with probability p, each by itself: at 1/2 Banzhaf's value.
    fn coins(&self, p: f64) -> Vec<f64> {
        let others = self.features as i32 - 1;
        self.value(|size| p.powi(size as i32) * (1.0 - p).powi(others - size as i32))
    }

    /// All sizes of the set count alike, and so do all sets of a size.
    fn shapley(&self) -> Vec<f64> {
        let n = self.features;
        let sets =
            |size: usize| (0..size).fold(1.0, |c, i| c * (n - 1 - i) as f64 / (i + 1) as f64);
        self.value(|size| 1.0 / (n as f64 * sets(size)))
    }

    /// By how much own effects are off Banzhaf's values, all by the same.
    fn shift(&self) -> f64 {
        let mean = self.worth.iter().sum::<f64>() / self.worth.len() as f64;
        let parts: f64 = self.coins(0.5).iter().sum();
        (2.0 * (mean - self.worth[0]) - parts) / (self.features as f64 + 1.0)
    }
}

fn all_close(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| close(*a, *b, 1e-10))
}

fn kind(name: &str, channels: usize) -> Kind {
    let mut kinds = kinds().into_iter();
    let found = kinds.find(|kind| kind.name == name && kind.channels == channels);
    found.unwrap()
}

fn additive(x: &[f64]) -> f64 {
    x.iter()
        .enumerate()
        .map(|(i, v)| v * (i as f64 - 1.3))
        .sum()
}

/// Eq. 9's map, by enumeration of all masks.
fn map_of(scene: &crate::reference::Scene, score: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let mut map = vec![0.0; scene.table.planes() * scene.pixels()];
    scene.enumerate(|p, _, _, picture| {
        let f = score(&picture.masked);
        let w = weight(scene, picture);
        map.iter_mut().zip(w).for_each(|(s, w)| *s += p * w * f);
    });
    map
}

/// One channel a feature: own effects are Banzhaf's values and a number that all features share, whatever `P_pix` is.
#[test]
fn own_effects_of_channels_are_banzhaf_values_up_to_one_number() {
    for (channels, placement) in [(3, Placement::Shifted), (5, Placement::Fixed)] {
        for p_pix in [0.2, 0.5, 0.9] {
            let kind = kind("racm", channels);
            let soft = Enlargement::Bilinear;
            let scene = scene(&kind, [1, 1], [1, 1], soft, placement, p_pix);
            let nonlinear = |x: &[f64]| score(x, 0);
            for score in [&nonlinear as &dyn Fn(&[f64]) -> f64, &additive] {
                let game = Game::new(&scene.image, &scene.base, score);
                let own = scene.table.own(&map_of(&scene, score));
                let shift = game.shift();
                let expected: Vec<f64> = game.coins(0.5).iter().map(|b| b + shift).collect();
                assert!(all_close(&own, &expected), "{own:?} is not {expected:?}");
            }
            // Where features add up there is no shift, and all values are one.
            let game = Game::new(&scene.image, &scene.base, additive);
            assert!(close(game.shift(), 0.0, 1e-10));
            assert!(all_close(&game.coins(0.5), &game.shapley()));
            let game = Game::new(&scene.image, &scene.base, nonlinear);
            assert!(game.shift().abs() > 1e-3);
            assert!(!all_close(&game.coins(0.5), &game.shapley()));
        }
    }
}

/// One pixel a feature: a grid of one cell a pixel, shifted and soft as by default, is one coin a feature.
#[test]
fn rise_of_pixels_is_the_value_of_coins() {
    for p_pix in [0.2, 0.5, 0.9] {
        let kind = kind("rise 1", 1);
        let (soft, shifted) = (Enlargement::Bilinear, Placement::Shifted);
        let scene = scene(&kind, [1, 5], [1, 5], soft, shifted, p_pix);
        let nonlinear = |x: &[f64]| score(x, 0);
        let game = Game::new(&scene.image, &scene.base, nonlinear);
        let map = map_of(&scene, nonlinear);
        assert!(all_close(&map, &game.coins(p_pix)), "{map:?}");
    }
}

/// The crate's, within what chance does to 40,000 masks (5 standard errors: false alarm 1e-5 in all).
#[test]
fn the_estimates_are_those_values() {
    // Four features that count together only, one that counts less beside the first.
    let worth = |x: &[f64], _| x[0] * x[1] * x[2] * x[3] + (0.3 - 0.2 * x[0]) * x[4];
    let game = Game::new(&[1.0; 5], &[0.0; 5], |x| worth(x, 0));
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| score_rows(batch, 1, worth));
    let builder = || {
        let builder = Explainer::builder().estimator(Estimator::Centred);
        builder.masks(40_000).seed(3)
    };
    let explain = |builder: ExplainerBuilder, shape| {
        let explainer = builder.build().unwrap();
        explainer.explain(&model, &Array3::ones(shape), 0).unwrap()
    };
    // The largest distance in standard errors.
    let distance = |explanation: &Explanation, exact: &[f64]| {
        let errors = explanation.standard_error().unwrap().unwrap();
        let map = explanation.map();
        let all = map.iter().zip(&errors).zip(exact);
        let far = all.map(|((v, e), exact)| (f64::from(*v) - exact).abs() / f64::from(*e));
        far.fold(0.0, f64::max)
    };
    let (banzhaf, shapley) = (game.coins(0.5), game.shapley());

    let by_channel = builder().family(Racm).p_pix(0.9).effect(Effect::Own);
    let own = explain(by_channel, (5, 1, 1));
    let shifted: Vec<f64> = banzhaf.iter().map(|b| b + game.shift()).collect();
    assert!(distance(&own, &shifted) < 5.0);
    assert!(distance(&own, &banzhaf) > 10.0 && distance(&own, &shapley) > 10.0);

    let by_pixel = explain(builder().family(Rise), (1, 1, 5));
    assert_eq!(by_pixel.plan().grid(), [1, 5]);
    assert!(distance(&by_pixel, &banzhaf) < 5.0);
    assert!(distance(&by_pixel, &shapley) > 10.0);

    let features = Segments::grid([1, 5], 1, 5).unwrap();
    let by_segment = builder().family(Rise).segments(features);
    let by_segment = explain(by_segment, (1, 1, 5));
    assert!(distance(&by_segment, &banzhaf) < 5.0);
    let again = by_segment.with_estimator(Estimator::KernelShap).unwrap();
    let map: Vec<f64> = again.map().iter().map(|&v| v.into()).collect();
    let off = |exact: &[f64]| {
        let far = map.iter().zip(exact).map(|(v, e)| (v - e).abs());
        far.fold(0.0, f64::max)
    };
    assert!(off(&shapley) < 0.02 && off(&banzhaf) > 0.1, "{map:?}");
}
