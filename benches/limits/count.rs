//! Work for an instruction counter: run it with two numbers of masks and take the difference.

use std::hint::black_box;

use racm::{
    Baseline, Enlargement, Estimator, Explainer, MaskSpec, Masker, McRise, Plan, Racm, Target,
};

use crate::{SHAPE, free_model, image};

pub fn count(part: &str, masks: u64) {
    let soft = MaskSpec::new(Racm);
    let hard = soft.clone().enlargement(Enlargement::Nearest);
    match part {
        "copy" => {
            let image = image(SHAPE);
            let mut out = image.clone();
            (0..masks).for_each(|_| out.assign(black_box(&image)));
            black_box(out);
        }
        "soft" => render(&soft, masks),
        "hard" => render(&hard, masks),
        "mc-rise" => render(&MaskSpec::new(McRise::rgb()), masks),
        "sums" => sums(1, masks),
        "sums-1000" => sums(1000, masks),
        other => panic!("count copy, soft, hard, mc-rise, sums or sums-1000, not {other}"),
    }
}

fn render(spec: &MaskSpec, masks: u64) {
    let image = image(SHAPE);
    let plan = Plan::new(SHAPE, spec).expect("a plan");
    let masker = Masker::new(&plan, &image, &Baseline::default()).expect("a masker");
    let mut out = vec![0.0; image.len() * plan.spec().block_size];
    for first in (0..masks).step_by(plan.spec().block_size) {
        masker.fill(0, first, &mut out).expect("whole images");
    }
    black_box(out);
}

/// Maps of a ledger of 320 masks, until so many masks were drawn again: on an image of one pixel a
/// cell, where the enlargement costs next to nothing.
fn sums(targets: usize, masks: u64) {
    const LEDGER: u64 = 320;
    let shape = [3, 8, 8];
    let explainer = Explainer::builder().masks(LEDGER).build().expect("valid");
    let (model, image) = (free_model(targets), image(shape));
    let run = explainer.run(&model, &image, Target::All);
    let ledger = run.score().expect("scores");
    let plan = explainer.plan(shape).expect("a plan");
    for _ in 0..masks / LEDGER {
        drop(black_box(Estimator::Centred.maps(&plan, &ledger)));
    }
}
