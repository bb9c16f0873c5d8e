//! The map is a function of plan, seed and scores: to the bit, however a run is cut into pieces.

use std::sync::OnceLock;

use ndarray::{Array2, ArrayView4, Axis};
use proptest::prelude::*;
use racm::{Enlargement, Estimator, Explainer, Explanation, FnModel, Ledger, Placement};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::reference::Scene;
use crate::worlds::{Kind, Nonlinear, assert_same, kinds, ragged, scene, score, score_rows};

pub fn pools() -> &'static [ThreadPool] {
    static POOLS: OnceLock<Vec<ThreadPool>> = OnceLock::new();
    let pool = |n| ThreadPoolBuilder::new().num_threads(n).build().unwrap();
    POOLS.get_or_init(|| [1, 2, 3, 5].map(pool).into())
}

/// A run to be cut up: family, plan, N.
#[derive(Clone, Debug)]
pub struct Job {
    pub kind: Kind,
    pub scene: Scene,
    pub block: usize,
    pub masks: u64,
    pub seed: u64,
    pub estimator: Estimator,
}

impl Job {
    pub fn explainer(&self, batch: usize) -> Explainer {
        Explainer::builder()
            .spec(self.scene.spec(&self.kind, self.block))
            .baseline(self.scene.baseline())
            .masks(self.masks)
            .seed(self.seed)
            .estimator(self.estimator)
            .batch(batch)
            .build()
            .unwrap()
    }

    pub fn whole(&self) -> Explanation {
        let image = self.scene.image32();
        let model = Nonlinear { classes: 2 };
        self.explainer(7).explain(&model, &image, [1, 0]).unwrap()
    }

    pub fn from(&self, ledger: Ledger) -> Explanation {
        let plan = self.scene.plan(&self.kind, self.block);
        Explanation::from_ledger(plan, ledger, self.estimator).unwrap()
    }
}

pub fn jobs() -> impl Strategy<Value = Job> {
    let estimators = [
        Estimator::HorvitzThompson,
        Estimator::Centred,
        Estimator::PassOnly,
    ];
    (
        (
            0..kinds().len(),
            any::<bool>(),
            any::<bool>(),
            any::<bool>(),
        ),
        (1..9usize, 1..9usize, 1..9usize, 1..9usize),
        (1..12usize, 2..90u64, any::<u64>(), 0..3usize),
    )
        .prop_map(
            move |((kind, soft, fixed, part), (h, w, rows, columns), (block, masks, seed, e))| {
                let kind = kinds()[kind].clone();
                let soft = if soft {
                    Enlargement::Bilinear
                } else {
                    Enlargement::Nearest
                };
                let fixed = if fixed {
                    Placement::Fixed
                } else {
                    Placement::Shifted
                };
                let grid = [rows.min(h), columns.min(w)];
                let mut scene = scene(&kind, [h, w], grid, soft, fixed, 0.6);
                if part {
                    scene.region = ragged([h, w]);
                }
                let estimator = estimators[e];
                Job {
                    kind,
                    scene,
                    block,
                    masks,
                    seed,
                    estimator,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn batches_threads_and_parallel_calls_do_not_show(job in jobs(), batch in 1..40usize, pool in 0..4usize) {
        let whole = job.whole();
        let (explainer, image) = (job.explainer(batch), job.scene.image32());
        let model = Nonlinear { classes: 2 };
        let [plain, parallel] = pools()[pool].install(|| [
            explainer.run(&model, &image, [1, 0]).explain().unwrap(),
            explainer.run(&model, &image, [1, 0]).parallel().explain().unwrap(),
        ]);
        for other in [&plain, &parallel] {
            assert_same(&whole, other);
            prop_assert_eq!(whole.ledger(), other.ledger());
        }
        let errors = whole.standard_errors().unwrap();
        prop_assert_eq!(errors.is_some(), whole.ledger().blocks() >= 8);
        let again = pools()[pool].install(|| parallel.standard_errors().unwrap());
        prop_assert_eq!(&errors, &again);
        let weights = ndarray::Array3::from_elem(whole.map().dim(), 0.7);
        let here = whole.contrast(1, &weights).unwrap();
        let there = pools()[pool].install(|| parallel.contrast(1, &weights).unwrap());
        prop_assert_eq!(here, there);
    }

    #[test]
    fn shards_in_any_order_make_the_same_map(job in jobs(), mut cuts in prop::collection::vec(0..90u64, 1..5), order in any::<u64>()) {
        let whole = job.whole();
        let (explainer, image) = (job.explainer(3), job.scene.image32());
        let model = Nonlinear { classes: 2 };
        cuts.extend([0, 90]);
        cuts.sort_unstable();
        let mut shards: Vec<Ledger> = cuts
            .windows(2)
            .map(|w| explainer.run(&model, &image, [1, 0]).blocks(w[0]..w[1]).score().unwrap())
            .collect();
        prop_assert_eq!(shards.iter().map(Ledger::masks).sum::<u64>(), job.masks);
        let mut merged = shards.swap_remove(order as usize % shards.len());
        let mut order = order;
        while !shards.is_empty() {
            order = order.rotate_left(7).wrapping_mul(31);
            merged.merge(&shards.swap_remove(order as usize % shards.len())).unwrap();
        }
        prop_assert_eq!(whole.ledger(), &merged);
        assert_same(&whole, &job.from(merged));
    }

    #[test]
    fn fewer_masks_are_a_prefix(job in jobs(), fewer in 2..90u64) {
        let fewer = fewer.min(job.masks);
        let short = Job { masks: fewer, ..job.clone() }.whole();
        let prefix = job.whole().ledger().prefix(fewer);
        prop_assert_eq!(short.ledger(), &prefix);
        assert_same(&short, &job.from(prefix));
    }

    /// A score of 3 a - 2 b has three times the one map less twice the other, but for rounding to f32.
    #[test]
    fn maps_are_linear_in_the_score(job in jobs()) {
        let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
            score_rows(batch, 3, |x, k| match k {
                2 => 3.0 * score(x, 0) - 2.0 * score(x, 1),
                k => score(x, k),
            })
        });
        let all = racm::Target::All;
        let maps = job.explainer(5).explain(&model, &job.scene.image32(), all).unwrap();
        let maps: Vec<_> = maps.maps().outer_iter().map(|m| m.to_owned()).collect();
        let scale = maps.iter().flatten().fold(1.0f32, |m, v| m.max(v.abs()));
        for ((a, b), c) in maps[0].iter().zip(&maps[1]).zip(&maps[2]) {
            prop_assert!((3.0 * a - 2.0 * b - c).abs() < 2e-5 * scale);
        }
    }

    /// Doubling a score doubles the map to the bit, and targets do not know of each other.
    #[test]
    fn targets_are_independent(job in jobs(), k in 0..11usize) {
        let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
            let mut scores = score_rows(batch, 11, score);
            let double = &scores.column(3) * 2.0;
            scores.column_mut(4).assign(&double);
            scores
        });
        let (explainer, image) = (job.explainer(16), job.scene.image32());
        let all = explainer.explain(&model, &image, racm::Target::All).unwrap();
        let one = explainer.explain(&model, &image, k).unwrap();
        let maps = all.maps();
        prop_assert_eq!(one.map(), maps.index_axis(Axis(0), k));
        let doubled = maps.index_axis(Axis(0), 3).mapv(|v| 2.0 * v);
        prop_assert_eq!(doubled.view(), maps.index_axis(Axis(0), 4));
    }
}

#[test]
fn a_thousand_masks_are_a_prefix_of_five_thousand() {
    let image = ndarray::Array3::from_shape_fn((3, 24, 31), |(c, y, x)| (c * y + x) as f32 / 60.0);
    let explain = |masks| {
        let builder = Explainer::builder().estimator(Estimator::Centred);
        let explainer = builder.masks(masks).build().unwrap();
        explainer
            .explain(&Nonlinear { classes: 1 }, &image, 0)
            .unwrap()
    };
    let (short, long) = (explain(1000), explain(5000));
    assert_eq!(short.ledger(), &long.ledger().prefix(1000));
    let prefix = long.ledger().prefix(1000);
    let again = Explanation::from_ledger(long.plan().clone(), prefix, Estimator::Centred).unwrap();
    assert_same(&short, &again);
    assert_ne!(short.map(), long.map());
}

/// Another seed, another map.
#[test]
fn seeds_matter() {
    let image = ndarray::Array3::ones((3, 8, 8));
    let model = FnModel::new(|b: ArrayView4<'_, f32>| {
        Array2::from_shape_fn((b.dim().0, 1), |(n, _)| b[[n, 0, 4, 4]])
    });
    let explain = |seed| {
        let explainer = Explainer::builder().masks(64).seed(seed).build().unwrap();
        explainer.explain(&model, &image, 0).unwrap()
    };
    assert_ne!(explain(0).map(), explain(1).map());
    assert_same(&explain(1), &explain(1));
}
