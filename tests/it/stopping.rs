//! Budgets: where runs stop, what they show on the way, and whether a map's certainty is what it says. Links and the
//! pilot.

use std::cell::RefCell;
use std::ops::ControlFlow::{Break, Continue};
use std::time::{Duration, Instant};

use ndarray::{Array2, Array3, Array4, ArrayView4, s};
use racm::{
    Budget, Enlargement, Error, Estimator, Explainer, ExplainerBuilder, Explanation, FnModel, Link,
    Placement, Region, Rise, StopReason, StopRule, Target, demo,
};

/// Where a run with blocks of 32 masks looks at its map.
const LOOKS: [u64; 9] = [128, 192, 288, 448, 672, 1024, 1536, 2304, 3456];

fn builder() -> ExplainerBuilder {
    let builder = Explainer::builder().estimator(Estimator::Centred);
    builder.grid(4, 4).masks(8000).seed(3)
}

fn until(rule: StopRule) -> ExplainerBuilder {
    builder().budget(Budget::new().calls(8000).until(rule))
}

fn explain(builder: ExplainerBuilder) -> Result<Explanation, Error> {
    let explainer = builder.build()?;
    Ok(explainer.explain(&demo::Classifier, &small_image(), Target::Top)?)
}

fn small_image() -> Array3<f32> {
    demo::image().slice(s![.., 16..80;4, 16..80;4]).to_owned()
}

const STABLE: StopRule = StopRule::RankStability {
    top: 0.2,
    agreement: 0.9,
};

#[test]
fn where_a_rule_stops_depends_on_the_scores_alone() -> Result<(), Error> {
    for (rule, reason) in [
        (StopRule::Certainty(0.95), StopReason::Certainty),
        (STABLE, StopReason::RankStability),
    ] {
        let stopped = explain(until(rule))?;
        let masks = stopped.masks();
        assert_eq!(stopped.run_stats().stopped, Some(reason));
        assert!(LOOKS[1..].contains(&masks), "{masks}");
        for batch in [1, 7, 100, 1000] {
            assert_eq!(explain(until(rule).batch(batch))?.masks(), masks);
        }
        // The map is that of a run of so many masks, and a parallel run stops there, too.
        assert_eq!(stopped.map(), explain(builder().masks(masks))?.map());
        let explainer = until(rule).build()?;
        let image = small_image();
        let run = explainer.run(&demo::Classifier, &image, Target::Top);
        assert_eq!(run.parallel().explain()?.masks(), masks);
        // Going on from an earlier stop passes the same checkpoints.
        let begun = explain(builder().masks(masks / 2))?.into_ledger();
        let run = explainer.run(&demo::Classifier, &image, Target::Top);
        assert_eq!(run.ledger(begun).explain()?.masks(), masks);
        // Whoever looks on changes nothing.
        let run = explainer.run(&demo::Classifier, &image, Target::Top);
        let watched = run.on_look(|_| Continue(())).explain()?;
        assert_eq!((watched.masks(), watched.map()), (masks, stopped.map()));
    }
    // The first of several rules.
    let both = until(STABLE).build()?.budget().clone();
    let both = both.or_until(StopRule::Certainty(0.01));
    let stopped = explain(builder().budget(both))?;
    assert_eq!(stopped.run_stats().stopped, Some(StopReason::Certainty));
    Ok(())
}

#[test]
fn a_run_stops_at_the_first_look_that_is_certain_enough() -> Result<(), Error> {
    let stopped = explain(until(StopRule::Certainty(0.95)))?;
    assert!(stopped.certainty()? >= Some(0.95));
    let at = LOOKS.iter().position(|&n| n == stopped.masks()).unwrap();
    assert_eq!(stopped.run_stats().looks, at as u64 + 1);
    for &masks in &LOOKS[..at] {
        assert!(explain(builder().masks(masks))?.certainty()? < Some(0.95));
    }
    Ok(())
}

#[test]
fn a_rule_that_never_holds_leaves_the_maximum() -> Result<(), Error> {
    let budget = Budget::new().calls(700).until(StopRule::Certainty(1.0));
    let explanation = explain(builder().budget(budget))?;
    assert_eq!(
        (explanation.masks(), explanation.run_stats().stopped),
        (700, None)
    );
    // Not at 672, where next to nothing is to come.
    assert_eq!(explanation.run_stats().looks, 4);
    Ok(())
}

#[test]
fn time_stops_after_the_first_batch_at_the_earliest() -> Result<(), Error> {
    let budget = Budget::exactly(8000).seconds(0.0);
    let explanation = explain(builder().batch(50).budget(budget))?;
    assert_eq!(explanation.run_stats().stopped, Some(StopReason::Time));
    assert_eq!(explanation.masks(), 50);
    Ok(())
}

#[test]
fn every_look_shows_the_map_of_the_masks_so_far() -> Result<(), Error> {
    let image = small_image();
    for (block_size, first) in [(1, 100), (32, 128), (50, 100), (1000, 1000)] {
        let explainer = builder().masks(2000).block_size(block_size).build()?;
        let (seen, certain) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
        let run = explainer.run(&demo::Classifier, &image, Target::Top);
        let whole = run
            .progress(|progress| {
                certain.borrow_mut().push(progress.certainty());
                Continue(())
            })
            .on_look(|look| {
                seen.borrow_mut().push(look.clone());
                Continue(())
            })
            .explain()?;
        let seen = seen.into_inner();
        assert_eq!(seen[0].masks(), first);
        for look in &seen {
            let alone = builder().block_size(block_size).masks(look.masks());
            let alone = explain(alone)?;
            assert_eq!(look.map(), alone.map());
            assert_eq!(look.certainty()?, alone.certainty()?);
            assert_eq!(look.run_stats().stopped, None);
            let stats = look.run_stats();
            let asked = look.masks() + 1 + 2 * stats.repeats.count;
            assert_eq!(stats.model_calls, asked);
            if block_size == 32 {
                assert!(LOOKS.contains(&look.masks()));
            }
        }
        assert_eq!(whole.run_stats().looks, seen.len() as u64);
        // What the progress knows is what the last look saw.
        let certain = certain.into_inner();
        assert_eq!(certain[0], None);
        assert_eq!(
            certain[certain.len() - 1],
            seen[seen.len() - 1].certainty()?
        );
        let unseen = explainer.explain(&demo::Classifier, &image, Target::Top)?;
        assert_eq!((whole.masks(), whole.map()), (2000, unseen.map()));
        assert_eq!(unseen.run_stats().looks, 0);
    }
    Ok(())
}

#[test]
fn a_look_may_end_the_run() -> Result<(), Error> {
    let (explainer, image) = (builder().build()?, small_image());
    let run = explainer.run(&demo::Classifier, &image, Target::Top);
    let stopped = run.on_look(|_| Break(())).explain()?;
    assert_eq!(stopped.masks(), LOOKS[0]);
    assert_eq!(stopped.run_stats().stopped, Some(StopReason::Hook));
    Ok(())
}

/// Holds on a machine of any speed: no look comes sooner than ten times what the last one slept.
#[test]
fn slow_looks_are_rare() -> Result<(), Error> {
    const SLEEP: Duration = Duration::from_millis(20);
    let (explainer, image) = (builder().build()?, small_image());
    let (mut last, mut looks) = (None::<Instant>, 0);
    explainer
        .run(&demo::Classifier, &image, Target::Top)
        .on_look(|_| {
            assert!(last.is_none_or(|last| last.elapsed() >= 10 * SLEEP));
            std::thread::sleep(SLEEP);
            (last, looks) = (Some(Instant::now()), looks + 1);
            Continue(())
        })
        .explain()?;
    assert!(looks >= 1);
    Ok(())
}

/// An estimator that cannot make a map of so few masks is asked again at the next look.
#[test]
fn a_look_that_sees_nothing_ends_no_run() -> Result<(), Error> {
    // A pixel in 400 masks, so seldom that 128 do not show it.
    let builder = builder().p_pix(0.002).grid(2, 2).family(Rise);
    let builder = builder.estimator(Estimator::SelfNormalised);
    let early = explain(builder.clone().masks(128));
    assert!(matches!(early, Err(Error::NeverSeen { .. })), "{early:?}");
    let budget = Budget::new().calls(8000).until(StopRule::Certainty(1.0));
    let explanation = explain(builder.budget(budget))?;
    assert_eq!(explanation.masks(), 8000);
    assert!((1..11).contains(&explanation.run_stats().looks));
    Ok(())
}

/// `sqrt(1 - mean(e^2) / var(m))` by hand, over the region, for the least certain of the targets.
#[test]
fn certainty_is_the_share_of_signal() -> Result<(), Error> {
    let pixels = Array2::from_shape_fn((16, 16), |(y, x)| y > 2 && x < 14);
    let region = Region::from_pixels(pixels.clone())?;
    let explainer = builder().masks(1000).region(region).build()?;
    let explanation = explainer.explain(&demo::Classifier, &small_image(), Target::All)?;
    let errors = explanation.standard_errors()?.unwrap();
    let inside = |maps: &Array4<f32>, k: usize| -> Vec<f64> {
        let map = maps.index_axis(ndarray::Axis(0), k);
        let values = map.indexed_iter();
        let values = values.filter(|((_, y, x), _)| pixels[[*y, *x]]);
        values.map(|(_, &v)| f64::from(v)).collect()
    };
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let shares = (0..explanation.targets().len()).map(|k| {
        let m = inside(&explanation.maps().to_owned(), k);
        let squares = |v: &[f64]| mean(&v.iter().map(|v| v * v).collect::<Vec<_>>());
        let variance = squares(&m) - mean(&m).powi(2);
        1.0 - squares(&inside(&errors, k)) / variance
    });
    let least = shares.fold(f64::INFINITY, f64::min);
    let certainty = explanation.certainty()?.unwrap();
    assert!(least > 0.1 && (certainty - least.sqrt()).abs() < 1e-9);
    // No standard errors, no certainty; nothing to see, none either.
    assert_eq!(explain(builder().masks(200))?.certainty()?, None);
    let blind = FnModel::new(|batch: ArrayView4<'_, f32>| Array2::ones((batch.dim().0, 1)));
    let blind = explainer.explain(&blind, &small_image(), 0)?;
    assert_eq!(blind.certainty()?, Some(0.0));
    // One element correlates with nothing.
    let pixel = Region::from_pixels(Array2::from_shape_fn((16, 16), |at| at == (5, 5)))?;
    let one = builder().family(Rise).region(pixel).masks(1000);
    assert!(explain(one.clone())?.standard_errors()?.is_some());
    assert_eq!(explain(one)?.certainty()?, None);
    Ok(())
}

/// A sum over cells, each a pixel: its map is its weights. Over 30 seeds the certainty is, in the mean, the correlation
/// with them. The certainty's standard deviation is 0.014 where N = 400 and less beyond, so that of the mean of 30 is
/// below 0.003; a few blocks make the mean up to 0.01 too low: beyond a tolerance of 0.02, false alarm below 1e-3.
#[test]
fn certainty_is_the_correlation_with_the_truth() -> Result<(), Error> {
    const SEEDS: u64 = 30;
    let weights = Array2::from_shape_fn((12, 12), |(y, x)| ((y * 7 + x * 5) % 11) as f32 - 3.0);
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| {
            100.0 + (&batch.slice(s![n, 0, .., ..]) * &weights).sum()
        })
    });
    let correlation = |map: &Array2<f32>| {
        let centred = |a: &Array2<f32>| a - a.mean().unwrap();
        let (a, b) = (centred(map), centred(&weights));
        (&a * &b).sum() / ((&a * &a).sum() * (&b * &b).sum()).sqrt()
    };
    let image = Array3::<f32>::ones((1, 12, 12));
    for estimator in [
        Estimator::Centred,
        Estimator::SelfNormalised,
        Estimator::Averaged,
    ] {
        for masks in [400, 1000, 3000] {
            let (mut told, mut true_one) = (0.0, 0.0);
            for seed in 0..SEEDS {
                let explainer = Explainer::builder()
                    .family(Rise)
                    .grid(12, 12)
                    .enlargement(Enlargement::Nearest)
                    .placement(Placement::Fixed)
                    .estimator(estimator)
                    .masks(masks)
                    .seed(seed)
                    .build()?;
                let explanation = explainer.explain(&model, &image, 0)?;
                told += explanation.certainty()?.unwrap() / SEEDS as f64;
                let map = explanation.map().index_axis_move(ndarray::Axis(0), 0);
                true_one += f64::from(correlation(&map.to_owned())) / SEEDS as f64;
            }
            assert!(
                (told - true_one).abs() < 0.02,
                "{estimator}, {masks} masks: {told:.3}, truly {true_one:.3}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_link_explains_the_linked_score() -> Result<(), Error> {
    let image = small_image();
    let explainer = builder().masks(600).build()?;
    let raw = explainer.explain(&demo::Classifier, &image, 0)?;
    for link in [Link::Log { floor: 1e-3 }, Link::Logit { clip: 1e-3 }] {
        let linked_model = FnModel::new(|batch: ArrayView4<'_, f32>| {
            racm::BlackBoxModel::predict(&demo::Classifier, batch)
                .map(|s| s.mapv(|s| link.apply(s)))
        });
        let expected = explainer.explain(&linked_model, &image, 0)?;
        let linked = builder().masks(600).link(link).build()?;
        let linked = linked.explain(&demo::Classifier, &image, 0)?;
        assert_eq!(linked.map(), expected.map());
        assert_eq!(linked.map(), raw.with_link(link)?.map());
        assert_eq!(linked.standard_error()?, expected.standard_error()?);
        // The ledger keeps the model's own scores.
        assert_eq!(linked.ledger(), raw.ledger());
        assert_eq!(linked.unmasked_scores(), raw.unmasked_scores());
    }
    let clipped = Link::Logit { clip: 0.1 };
    assert_eq!(clipped.apply(0.0), clipped.apply(0.1));
    assert!((clipped.apply(1.0) - 9f32.ln()).abs() < 1e-6);
    Ok(())
}

#[test]
fn a_pilot_prefers_the_p_pix_that_shows_something() -> Result<(), Error> {
    // All of nine cells must be selected: at a small P_pix that never happens.
    let all = FnModel::new(|batch: ArrayView4<'_, f32>| {
        Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| {
            let middle = batch.slice(s![n, 0, 3..13, 3..13]);
            f32::from(u8::from(middle.iter().all(|&v| v > 0.4)))
        })
    });
    let image = Array3::<f32>::ones((1, 16, 16));
    let explainer = builder().build()?;
    let pilot = explainer.pilot(&all, &image, 0, &[0.1, 0.5, 0.9], &[Link::Identity])?;
    assert_eq!(pilot.model_calls, 3 * 259);
    assert_eq!(pilot.best().unwrap().p_pix, 0.9);
    assert!(pilot.candidates[0].signal_to_noise <= pilot.candidates[2].signal_to_noise);
    Ok(())
}
