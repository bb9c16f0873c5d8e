//! Stopping rules, links and the pilot.

use std::time::Duration;

use ndarray::{Array2, Array3, ArrayView4, s};
use racm::{Error, Explainer, ExplainerBuilder, FnModel, Link, StopReason, StopRule, Target, demo};

fn builder() -> ExplainerBuilder {
    Explainer::builder().grid(4, 4).masks(8000).seed(3)
}

fn explain(builder: ExplainerBuilder) -> Result<racm::Explanation, Error> {
    let explainer = builder.build()?;
    Ok(explainer.explain(&demo::Classifier, &small_image(), Target::Top)?)
}

fn small_image() -> Array3<f32> {
    demo::image().slice(s![.., 16..80;4, 16..80;4]).to_owned()
}

#[test]
fn where_a_rule_stops_depends_on_the_scores_alone() -> Result<(), Error> {
    for (rule, reason) in [
        (StopRule::StandardError(0.05), StopReason::StandardError),
        (
            StopRule::RankStability {
                top: 0.2,
                agreement: 0.9,
            },
            StopReason::RankStability,
        ),
    ] {
        let stopped = explain(builder().stop_when(rule))?;
        let masks = stopped.masks();
        assert_eq!(stopped.run_stats().stopped, Some(reason));
        assert!((256..8000).contains(&masks) && masks % 32 == 0, "{masks}");
        for batch in [1, 7, 100, 1000] {
            assert_eq!(
                explain(builder().stop_when(rule).batch(batch))?.masks(),
                masks
            );
        }
        // The map is that of a run of so many masks, and a parallel run stops there, too.
        assert_eq!(stopped.map(), explain(builder().masks(masks))?.map());
        let explainer = builder().stop_when(rule).build()?;
        let image = small_image();
        let run = explainer.run(&demo::Classifier, &image, Target::Top);
        assert_eq!(run.parallel().explain()?.masks(), masks);
        // Going on from an earlier stop passes the same checkpoints.
        let begun = explain(builder().masks(masks / 2))?.into_ledger();
        let run = explainer.run(&demo::Classifier, &image, Target::Top);
        assert_eq!(run.ledger(begun).explain()?.masks(), masks);
    }
    Ok(())
}

#[test]
fn the_standard_error_is_below_the_limit_where_its_rule_stops() -> Result<(), Error> {
    let stopped = explain(builder().stop_when(StopRule::StandardError(0.05)))?;
    let ratio = |explanation: &racm::Explanation| -> Result<f32, Error> {
        let mut errors: Vec<f32> = explanation
            .standard_error()?
            .into_iter()
            .flatten()
            .collect();
        errors.sort_by(f32::total_cmp);
        let map = explanation.map().to_owned();
        let range = map.fold(f32::MIN, |a, &b| a.max(b)) - map.fold(f32::MAX, |a, &b| a.min(b));
        Ok(errors[errors.len() / 2] / range)
    };
    assert!(ratio(&stopped)? <= 0.05);
    // One checkpoint earlier it was not.
    let blocks = stopped.masks() / 32;
    let earlier = (8..blocks).rev().find(|b| b + (b / 4).max(1) == blocks);
    let earlier = explain(builder().masks(32 * earlier.unwrap()))?;
    assert!(ratio(&earlier)? > 0.05);
    Ok(())
}

#[test]
fn a_rule_that_never_holds_leaves_the_maximum() -> Result<(), Error> {
    let explanation = explain(
        builder()
            .masks(700)
            .stop_when(StopRule::StandardError(1e-9)),
    )?;
    assert_eq!(
        (explanation.masks(), explanation.run_stats().stopped),
        (700, None)
    );
    Ok(())
}

#[test]
fn time_stops_after_the_first_batch_at_the_earliest() -> Result<(), Error> {
    let explanation = explain(
        builder()
            .batch(50)
            .stop_when(StopRule::Time(Duration::ZERO)),
    )?;
    assert_eq!(explanation.run_stats().stopped, Some(StopReason::Time));
    assert_eq!(explanation.masks(), 50);
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
    assert_eq!(pilot.model_calls, 3 * 257);
    assert_eq!(pilot.best().unwrap().p_pix, 0.9);
    assert!(pilot.candidates[0].signal_to_noise <= pilot.candidates[2].signal_to_noise);
    Ok(())
}
