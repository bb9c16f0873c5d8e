//! Sums of scores, such as "why this class rather than that one": against the enumerated expectation, and against a model
//! whose only score is the sum.

use std::cell::Cell;
use std::collections::BTreeMap;

use ndarray::{Array2, Array3, Array4, ArrayView4, Axis};
use racm::{
    BlackBoxModel, BoxError, Budget, Class, Enlargement, Error, Estimator, Explainer,
    ExplainerBuilder, Explanation, FnModel, Ledger, Link, Placement, Rise, Segments, StopReason,
    StopRule, Target,
};
use rayon::prelude::*;

use crate::errors::says;
use crate::forged::{active, configurations, key};
use crate::ledger_files::path;
use crate::ledgers::{header, record};
use crate::reference::{Scene, weight};
use crate::worlds::{Kind, Nonlinear, PLACEMENTS, bits, kinds, noise, scene, score, worst};

fn image() -> Array3<f32> {
    Array3::from_shape_fn((3, 9, 12), |(c, y, x)| {
        noise(8, (c * 9 + y) * 12 + x) as f32 + 0.1
    })
}

/// Three probabilities of each image, all different.
fn probabilities(batch: ArrayView4<'_, f32>) -> Array2<f32> {
    let scores = Nonlinear { classes: 3 }.predict(batch).unwrap();
    scores.mapv(|s| 1.0 / (1.0 + (-s).exp()))
}

/// A model whose only score is the weighted sum of the links of those, added in f64 and rounded once.
fn summed(terms: Vec<(f64, usize)>, link: Link) -> impl BlackBoxModel {
    FnModel::new(move |batch: ArrayView4<'_, f32>| {
        let scores = probabilities(batch);
        Array2::from_shape_fn((scores.dim().0, 1), |(n, _)| {
            let term = |&(w, k): &(f64, usize)| w * f64::from(link.apply(scores[[n, k]]));
            terms.iter().map(term).reduce(|a, b| a + b).unwrap() as f32
        })
    })
}

fn target(terms: &[(f64, usize)]) -> Target {
    Target::Sum(terms.iter().map(|&(w, k)| (w, k.into())).collect())
}

fn builder() -> ExplainerBuilder {
    let builder = Explainer::builder().estimator(Estimator::Centred);
    builder.grid(3, 4).masks(320).seed(6)
}

/// Maps, errors, contrasts and certainty, to the bit.
fn assert_alike(a: &Explanation, b: &Explanation) {
    assert_eq!(bits(a.maps()), bits(b.maps()));
    let errors = |e: &Explanation| bits(e.standard_errors().unwrap().unwrap().view());
    assert_eq!(errors(a), errors(b));
    assert_eq!(a.certainty().unwrap(), b.certainty().unwrap());
    let (planes, h, w) = a.map().dim();
    let weights = Array3::from_shape_fn((planes, h, w), |(c, y, x)| {
        noise(9, (c * h + y) * w + x) - 0.5
    });
    assert_eq!(
        a.contrast(0, &weights).unwrap(),
        b.contrast(0, &weights).unwrap()
    );
}

/// Every estimator, the surrogates and regressions too: they are fitted to the sum itself.
#[test]
fn a_sum_is_explained_like_a_model_that_gives_it() {
    let builder = || builder().grid(2, 3).masks(96).block_size(8);
    let cells = Segments::grid([9, 12], 2, 3).unwrap();
    let on_cells = builder().family(Rise).segments(cells);
    let model = FnModel::new(probabilities);
    let sums: [(&[(f64, usize)], Link); 3] = [
        (&[(1.0, 2), (-1.0, 0)], Link::Identity),
        (&[(0.5, 1), (0.25, 0), (-3.0, 2)], Link::Log { floor: 1e-6 }),
        (&[(-1.0, 1)], Link::Logit { clip: 1e-3 }),
    ];
    for (terms, link) in sums {
        let alone = summed(terms.to_vec(), link);
        for (builder, count) in [(builder(), 7), (on_cells.clone(), 9)] {
            let explain = |builder: ExplainerBuilder, model: &dyn BlackBoxModel, target: Target| {
                let explainer = builder.build().unwrap();
                explainer.explain(model, &image(), target)
            };
            let linked = builder.clone().link(link);
            let all = explain(linked.clone(), &model, Target::All).unwrap();
            let all = all.with_target(target(terms)).unwrap();
            let mut compared = 0;
            for &estimator in Estimator::ALL {
                // Regressions want segments.
                let Ok(sum) = explain(linked.clone().estimator(estimator), &model, target(terms))
                else {
                    continue;
                };
                compared += 1;
                let expected = explain(builder.clone().estimator(estimator), &alone, 0.into());
                let expected = expected.unwrap();
                assert_alike(&sum, &expected);
                // Afterwards, from the scores of all classes, and of own effects.
                let later = all.with_estimator(estimator).unwrap();
                assert_alike(&later, &expected);
                if let (7, Ok(own)) = (count, sum.own_effects()) {
                    assert_alike(&own, &expected.own_effects().unwrap());
                }
            }
            assert_eq!(compared, count);
        }
    }
}

/// In f32, the difference is that of the two scores, rounded once.
#[test]
fn a_difference_of_two_scores_is_exact() {
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        let scores = probabilities(batch);
        Array2::from_shape_fn((scores.dim().0, 1), |(n, _)| {
            scores[[n, 0]] - scores[[n, 2]]
        })
    });
    let explainer = builder().build().unwrap();
    let expected = explainer.explain(&model, &image(), 0).unwrap();
    let both = FnModel::new(probabilities);
    let difference = explainer.explain(&both, &image(), Target::difference(0, 2));
    assert_alike(&difference.unwrap(), &expected);
}

fn one(name: &str, channels: usize) -> Kind {
    let found = |k: &Kind| k.name == name && k.channels == channels;
    kinds().into_iter().find(found).unwrap()
}

/// The exact map of `f_0 - f_1`.
fn truth(scene: &Scene) -> Vec<f64> {
    let mut map = vec![0.0; scene.table.planes() * scene.pixels()];
    scene.enumerate(|p, _, _, picture| {
        let f = score(&picture.masked, 0) - score(&picture.masked, 1);
        let w = weight(scene, picture);
        map.iter_mut().zip(w).for_each(|(m, w)| *m += p * w * f);
    });
    map
}

/// As in `forged`: scores of masks are weighted so that the crate's sum over them is the expectation over all masks.
#[test]
fn the_map_of_a_difference_has_the_enumerated_expectation() {
    let mut compared = 0;
    for kind in kinds() {
        for placement in PLACEMENTS {
            let soft = Enlargement::Bilinear;
            let scene = scene(&kind, [1, 5], [1, 2], soft, placement, 0.4);
            if scene.configurations() > 70 {
                continue;
            }
            compared += 1;
            let (all, active) = (configurations(&scene), active(&scene));
            let plan = scene.plan(&kind, 4);
            let (mut keys, mut times) = (Vec::new(), BTreeMap::new());
            while times.len() < all.len() || keys.len() < 64 {
                let key = key(&active, &plan.mask(0, keys.len() as u64));
                *times.entry(key.clone()).or_insert(0.0) += 1.0;
                keys.push(key);
                assert!(keys.len() < 1_000_000, "{}: never drawn", kind.name);
            }
            let scores = Array2::from_shape_fn((keys.len(), 2), |(n, k)| {
                let (p, picture) = &all[&keys[n]];
                let factor = keys.len() as f64 * p / times[&keys[n]];
                (factor * score(&picture.masked, k)) as f32
            });
            let ledger = Ledger::from_scores(&plan, 0, 0, &scores).unwrap();
            let plain = Estimator::HorvitzThompson;
            let both = Explanation::from_ledger(plan, ledger, plain).unwrap();
            let difference = both.with_target(Target::difference(0, 1)).unwrap();
            assert!(
                worst(difference.map(), &truth(&scene)) < 1e-5,
                "{}",
                kind.name
            );
            // It is no more than the difference of the maps where estimates are linear in the scores.
            let linear = [
                plain,
                Estimator::Centred,
                Estimator::SelfNormalised,
                Estimator::PassOnly,
            ];
            for estimator in linear {
                let maps = both.with_estimator(estimator).unwrap();
                let (a, b) = (maps.maps().index_axis(Axis(0), 0).to_owned(), maps.maps());
                let expected: Vec<f64> = (a.iter().zip(b.index_axis(Axis(0), 1)))
                    .map(|(&a, &b)| f64::from(a) - f64::from(b))
                    .collect();
                let sum = difference.with_estimator(estimator).unwrap();
                assert!(
                    worst(sum.map(), &expected) < 1e-5,
                    "{} {estimator}",
                    kind.name
                );
            }
        }
    }
    assert!(compared >= 8, "{compared}");
}

/// 1500 repetitions of 320 masks in 40 blocks, 8 elements. The intervals are normal (1.96): with 39 degrees of freedom
/// they hold 94.3 %. The coverage of one element has a standard deviation of 0.6 %, so that a bound at 92 or 98 % is 3.8
/// of them away: a right implementation fails with less than 1e-4 for an element, and the mean over the correlated
/// elements lies further still. The seeds are fixed.
#[test]
fn errors_of_a_difference_cover_the_truth_as_often_as_they_say() {
    let kind = one("racm", 2);
    let hard = Enlargement::Nearest;
    let scene = scene(&kind, [2, 2], [2, 2], hard, Placement::Fixed, 0.5);
    let truth = truth(&scene);
    // What both scores share is much, and neither has to do with the difference.
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        let mut scores = Nonlinear { classes: 2 }.predict(batch).unwrap();
        for (mut row, image) in scores.outer_iter_mut().zip(batch.outer_iter()) {
            row += 5.0 * image.sum();
        }
        scores
    });
    let once = |seed: u64| {
        let run = scene.explainer(&kind, 8, 320, seed);
        let both = run.explain(&model, &scene.image32(), [0, 1]).unwrap();
        let why = both.with_target(Target::difference(0, 1)).unwrap();
        let errors = why.standard_error().unwrap().unwrap();
        let map = why.map();
        let elements = map.iter().zip(&errors).zip(&truth);
        let inside = elements
            .filter(|((v, e), t)| f64::from((**v - **t as f32).abs()) < 1.96 * f64::from(**e));
        let separate: Array4<f32> = both.standard_errors().unwrap().unwrap();
        let sum = |values: &[f32]| values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>();
        let added = sum(separate.as_slice().unwrap()).sqrt();
        (
            inside.count(),
            sum(errors.as_slice().unwrap()).sqrt() / added,
        )
    };
    const REPETITIONS: u64 = 1500;
    let all: Vec<_> = (0..REPETITIONS).into_par_iter().map(once).collect();
    let inside: usize = all.iter().map(|(inside, _)| inside).sum();
    let rate = inside as f64 / (truth.len() as u64 * REPETITIONS) as f64;
    assert!((0.92..0.98).contains(&rate), "{rate}");
    // The errors of the two maps, added, would be many times too large.
    assert!(all.iter().all(|(_, ratio)| *ratio < 0.5));
}

/// A run whose two maps are certain at once, and their difference late.
#[test]
fn rules_and_looks_judge_the_sum() {
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        let mut scores = probabilities(batch);
        for (mut row, image) in scores.outer_iter_mut().zip(batch.outer_iter()) {
            row += image.index_axis(Axis(0), 0).sum();
        }
        scores
    });
    let alone = FnModel::new(|batch: ArrayView4<'_, f32>| {
        let scores = model.predict(batch).unwrap();
        Array2::from_shape_fn((scores.dim().0, 1), |(n, _)| {
            scores[[n, 1]] - scores[[n, 0]]
        })
    });
    let why = Target::difference(1, 0);
    for (rule, reason) in [
        (StopRule::Certainty(0.9), StopReason::Certainty),
        (
            StopRule::RankStability {
                top: 0.2,
                agreement: 0.8,
            },
            StopReason::RankStability,
        ),
    ] {
        let explainer = builder()
            .budget(Budget::new().calls(40_000).until(rule))
            .build();
        let explainer = explainer.unwrap();
        let image = image();
        let mut looks = Vec::new();
        let run = explainer.run(&model, &image, why.clone()).on_look(|look| {
            assert_eq!(*look.target(), why);
            looks.push((look.masks(), bits(look.maps())));
            std::ops::ControlFlow::Continue(())
        });
        let sum = run.explain().unwrap();
        let (masks, seen) = &looks[0];
        let so_far = sum.ledger().prefix(*masks);
        let so_far = explainer.explain_ledger([3, 9, 12], so_far).unwrap();
        assert_eq!(*seen, bits(so_far.with_target(why.clone()).unwrap().maps()));
        assert_eq!(sum.run_stats().stopped, Some(reason));
        let expected = explainer.explain(&alone, &image, 0).unwrap();
        assert_eq!(sum.masks(), expected.masks());
        assert_alike(&sum, &expected);
        let both = explainer.explain(&model, &image, [1, 0]).unwrap();
        assert!(
            both.masks() < sum.masks(),
            "{} {}",
            both.masks(),
            sum.masks()
        );
        // Going on stops there, too; the scores are those of the classes.
        let begun = both.into_ledger();
        let run = explainer.run(&model, &image, why.clone()).ledger(begun);
        assert_alike(&run.explain().unwrap(), &expected);
    }
}

#[test]
fn shards_and_ledgers_make_the_same_map_of_a_sum() {
    let explainer = builder().estimator(Estimator::Averaged).build().unwrap();
    let (model, image) = (FnModel::new(probabilities), image());
    let why = Target::difference(2, 1);
    let whole = explainer.explain(&model, &image, why.clone()).unwrap();
    let shard = |blocks| {
        let run = explainer.run(&model, &image, why.clone()).blocks(blocks);
        run.score().unwrap()
    };
    let mut all = shard(4..10);
    all.merge(&shard(0..4)).unwrap();
    assert_eq!(all.targets(), [2, 1]);
    let merged = explainer.explain_ledger([3, 9, 12], all).unwrap();
    assert_eq!(merged.maps().dim().0, 2);
    assert_alike(&merged.with_target(why.clone()).unwrap(), &whole);
    // Any view of a ledger leads to every other.
    let back = whole.with_target(Target::All).unwrap();
    assert_eq!(bits(back.maps()), bits(merged.maps()));
    let one = merged.with_target(1).unwrap();
    assert_eq!(one.map(), merged.maps().index_axis(Axis(0), 1));
    assert_eq!(
        (one.targets(), one.unmasked_scores()),
        (vec![1], &merged.unmasked_scores()[1..])
    );
    assert_alike(&one.with_target(why).unwrap(), &whole);
}

/// Two classes of four by rank, and what a run that goes by them costs.
#[test]
fn the_top_class_and_the_next() {
    let ranked = |order: [f32; 4]| {
        FnModel::new(move |batch: ArrayView4<'_, f32>| {
            Array2::from_shape_fn((batch.dim().0, 4), |(n, k)| {
                order[k] + 0.1 * batch[[n, 0, 0, k]]
            })
        })
    };
    let explainer = builder().build().unwrap();
    let zeros = Array3::zeros((3, 9, 12));
    let explain = |order, target: &str| {
        let target: Target = target.parse().unwrap();
        explainer.explain(&ranked(order), &zeros, target)
    };
    for (order, target, classes) in [
        ([0.0, 3.0, 2.0, 1.0], "top-next", [1, 2]),
        ([3.0, 0.0, 3.0, 3.0], "top-next", [0, 2]),
        ([-1.0, -2.0, -9.0, -2.0], "next-top", [1, 0]),
        ([0.0, 3.0, 2.0, 1.0], "top-0", [1, 0]),
        ([0.0, 3.0, 2.0, 1.0], "3-next", [3, 2]),
    ] {
        let explanation = explain(order, target).unwrap();
        assert_eq!(explanation.targets(), classes, "{target}");
        assert_eq!(
            *explanation.target(),
            Target::difference(classes[0], classes[1])
        );
        let scores = classes.map(|k| order[k]);
        assert_eq!(explanation.unmasked_scores(), scores);
    }
    for (target, given) in [("top-1", "top-1, here 1-1"), ("next-2", "next-2, here 2-2")] {
        let error = explain([0.0, 3.0, 2.0, 1.0], target).unwrap_err();
        says(
            error.cause().to_string(),
            &format!("target is {given}, expected different classes"),
        );
    }
    let single = FnModel::new(|batch: ArrayView4<'_, f32>| Array2::zeros((batch.dim().0, 1)));
    let alone = explainer.explain(&single, &zeros, Target::difference(Class::Top, Class::Next));
    let text = "target is top-next, expected classes that the model has: it has one";
    says(Error::from(alone.unwrap_err()), text);
}

/// A ledger knows which classes its run was about; one of a version that did not keep it asks the model.
#[test]
fn a_finished_run_by_rank_asks_nothing_again() {
    let calls = Cell::new(0);
    let model = FnModel::new(
        |batch: ArrayView4<'_, f32>| -> Result<Array2<f32>, BoxError> {
            calls.set(calls.get() + batch.dim().0);
            Ok(probabilities(batch))
        },
    );
    let (explainer, image, file) = (builder().build().unwrap(), image(), path("sums"));
    let why = Target::difference(Class::Top, Class::Next);
    let run = || {
        calls.set(0);
        let run = explainer
            .run(&model, &image, why.clone())
            .model_name("three");
        let done = run.ledger_file(&file).explain().unwrap();
        (done, calls.get())
    };
    let (first, asked) = run();
    assert!(asked > 320);
    let (again, asked) = run();
    assert_eq!(asked, 0);
    assert_alike(&again, &first);
    // The header without that line.
    let bytes = std::fs::read(&file).unwrap();
    let (text, rest) = header(&bytes);
    let line = text.lines().find(|line| line.starts_with("next class: "));
    let older = text.replace(&format!("{}\n", line.unwrap()), "");
    let first_mask = u64::from_le_bytes(bytes[8..16].try_into().unwrap());
    let mut bytes = record(first_mask, older.as_bytes());
    bytes.extend(rest);
    std::fs::write(&file, bytes).unwrap();
    let (older, asked) = run();
    assert_eq!(asked, 1);
    assert_alike(&older, &first);
    // Which class comes next may hang on rounding: where classes are named, it is nobody's business.
    let [top, next] = first.targets()[..] else {
        panic!("{:?}", first.targets());
    };
    let third = format!("next class: {}", 3 - top - next);
    let other = text.replace(line.unwrap(), &third);
    let mut bytes = record(first_mask, other.as_bytes());
    bytes.extend(rest);
    let other = Ledger::read_from(&bytes[..]).unwrap();
    let run = explainer.run(&model, &image, [top, next]).ledger(other);
    let classes = run.model_name("three").explain().unwrap();
    assert_eq!(classes.run_stats().known_masks, 320);
    assert_alike(
        &classes.with_target(Target::difference(top, next)).unwrap(),
        &first,
    );
}

#[test]
fn sums_that_cannot_be_are_refused() {
    let explainer = builder().build().unwrap();
    let model = FnModel::new(probabilities);
    let refused = |target: Target, message: &str| {
        let error = explainer.explain(&model, &image(), target).unwrap_err();
        says(Error::from(error), message);
    };
    refused(
        Target::difference(1, 1),
        "target is 1-1, expected different classes",
    );
    let twice = target(&[(1.0, 0), (2.0, 1), (-0.5, 0)]);
    refused(twice, "target is 0+2*1-0.5*0, expected different classes");
    let absent = "class 3 was asked for, the model has 3 classes (0..3)";
    refused(Target::difference(0, 3), absent);
    refused(
        Target::Sum(Vec::new()),
        "no target class was asked for; name at least one",
    );
    for (weight, text) in [(0.0, "0"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
        let message = format!(
            "target is 0+{text}*1, with the weight {text}, expected weights that are finite and not 0"
        );
        refused(target(&[(1.0, 0), (weight, 1)]), &message);
    }
    let error = explainer
        .explain(&model, &image(), target(&[(1e300, 0)]))
        .unwrap_err();
    assert_eq!(error.ledger().map(Ledger::masks), Some(320));
    let message = Error::from(error).to_string();
    assert!(message.ends_with("which is inf for an image of the run, expected weights for which every sum is finite in f32"), "{message}");

    let some = explainer.explain(&model, &image(), [0, 2]).unwrap();
    let elsewhere = |target: Target| some.with_target(target).unwrap_err().to_string();
    let kept = "expected classes whose scores are in the ledger: 0,2";
    assert_eq!(
        elsewhere(Target::difference(0, 1)),
        format!("target is 0-1, {kept}")
    );
    assert_eq!(elsewhere(1.into()), format!("target is 1, {kept}"));
    assert_eq!(elsewhere(3.into()), absent);
    // Scores of one's own: nobody knows which class the model ranks first.
    let plan = explainer.plan([3, 9, 12]).unwrap();
    let ledger = Ledger::from_scores(&plan, 6, 0, &Array2::zeros((300, 2))).unwrap();
    let own = Explanation::from_ledger(plan, ledger, Estimator::Centred).unwrap();
    let ranks = |target: Target| own.with_target(target).unwrap_err().to_string();
    let unknown = "expected classes by number: the ledger does not say which has the highest score";
    assert_eq!(ranks(Target::Top), format!("target is top, {unknown}"));
    let top = Target::difference(Class::Top, 1);
    assert_eq!(ranks(top), format!("target is top-1, {unknown}"));
    let sum = own.with_target(Target::difference(1, 0)).unwrap();
    assert!(sum.unmasked_scores().iter().all(|score| score.is_nan()));
}
