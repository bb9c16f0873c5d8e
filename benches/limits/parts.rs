//! The parts beside their limits.

use std::cell::RefCell;
use std::hint::black_box;

use racm::{
    Baseline, Enlargement, Estimator, Explainer, Ledger, MaskSpec, Masker, McRise, Plan, Racm,
    Rise, Target,
};
use rayon::ThreadPool;
use rayon::prelude::*;

use crate::{BATCH, SHAPE, free_model, image, medians, pool};

pub fn rendering() {
    let image = image(SHAPE);
    let pixels = image.as_slice().expect("contiguous");
    let hard = |spec: MaskSpec| spec.enlargement(Enlargement::Nearest);
    let (black, grey) = (Baseline::Constant(0.0), Baseline::Constant(0.5));
    let cases = [
        ("RaCM, soft", MaskSpec::new(Racm), &black, 0.7),
        ("RaCM, hard", hard(MaskSpec::new(Racm)), &black, 0.8),
        (
            "RaCM, soft, grey baseline",
            MaskSpec::new(Racm),
            &grey,
            f64::NAN,
        ),
        ("RISE, soft", MaskSpec::new(Rise), &black, 0.7),
        ("MC-RISE, soft", MaskSpec::new(McRise::rgb()), &black, 0.4),
        (
            "MC-RISE, hard",
            hard(MaskSpec::new(McRise::rgb())),
            &black,
            f64::NAN,
        ),
    ];
    let plans: Vec<Plan> = cases
        .iter()
        .map(|c| Plan::new(SHAPE, &c.1).expect("a plan"))
        .collect();
    let single = pool(1);
    let batches = RefCell::new(vec![0.0f32; BATCH * pixels.len()]);
    let mut work: Vec<Box<dyn FnMut() + '_>> = vec![Box::new(|| {
        let mut batch = batches.borrow_mut();
        batch
            .chunks_exact_mut(pixels.len())
            .for_each(|out| out.copy_from_slice(pixels));
        black_box(&mut *batch);
    })];
    for (plan, case) in plans.iter().zip(&cases) {
        let masker = Masker::new(plan, &image, case.2).expect("a masker");
        let (single, batches) = (&single, &batches);
        let mut first = 0;
        work.push(Box::new(move || {
            first += BATCH as u64;
            let mut batch = batches.borrow_mut();
            let batch = &mut *batch;
            single.install(|| masker.fill(0, first, batch).expect("whole images"));
        }));
    }
    let times = medians(60, &mut work);
    println!("rendering a batch of {BATCH}      us a mask   of the copy's rate   wanted");
    let per_mask = |t: f64| 1e6 * t / BATCH as f64;
    println!("  {:<26} {:>8.1}", "copying the image", per_mask(times[0]));
    for (case, time) in cases.iter().zip(&times[1..]) {
        let wanted = if case.3.is_nan() {
            String::new()
        } else {
            case.3.to_string()
        };
        let ratio = times[0] / time;
        println!(
            "  {:<26} {:>8.1}   {ratio:>18.2}   {wanted:>6}",
            case.0,
            per_mask(*time)
        );
    }
}

/// With the library's own batch, and with batches of 32: a batch that stays in a cache is made, and
/// read by the model, faster.
pub fn end_to_end() {
    const MASKS: u64 = 2000;
    let image = image(SHAPE);
    let pixels = image.as_slice().expect("contiguous");
    let model = free_model(1);
    let (one, two) = (pool(1), pool(2));
    let copies = RefCell::new(vec![0.0f32; BATCH * pixels.len()]);
    let copy = |pool: &ThreadPool, all: bool| {
        let mut batch = copies.borrow_mut();
        let batch = &mut *batch;
        pool.install(|| {
            for _ in 0..MASKS / BATCH as u64 {
                if all {
                    batch
                        .par_chunks_exact_mut(pixels.len())
                        .for_each(|out| out.copy_from_slice(pixels));
                } else {
                    batch
                        .chunks_exact_mut(pixels.len())
                        .for_each(|out| out.copy_from_slice(pixels));
                }
                black_box(&mut *batch);
            }
        });
    };
    let own = Explainer::builder().masks(MASKS);
    let explainers = [own.clone(), own.batch(BATCH)].map(|e| e.build().expect("valid"));
    let mut cases: Vec<Box<dyn FnMut() + '_>> = vec![
        Box::new(|| copy(&one, false)),
        Box::new(|| copy(&two, true)),
    ];
    for explainer in &explainers {
        let (one, two, model, image) = (&one, &two, &model, &image);
        let run = move || explainer.run(model, image, 0);
        cases.push(Box::new(move || {
            one.install(|| drop(run().score().expect("scores")))
        }));
        cases.push(Box::new(move || {
            two.install(|| drop(run().score().expect("scores")))
        }));
        cases.push(Box::new(move || {
            two.install(|| drop(run().parallel().score().expect("scores")))
        }));
    }
    let times = medians(9, &mut cases);
    let copying = times[0];
    let rate = |t: f64| MASKS as f64 / t;
    println!("end to end, free model, {MASKS} masks");
    println!(
        "  copying            {:>6.0} images/s, on two threads {:.2} times as fast",
        rate(times[0]),
        times[0] / times[1]
    );
    for (name, times) in ["own batch", "batches of 32"]
        .iter()
        .zip(times[2..].chunks(3))
    {
        println!(
            "  {name:<15}    {:>6.0} masks/s, {:.2} of the copy's rate (wanted 0.5); \
             two threads: {:.2} times as fast (wanted 1.7), parallel(): {:.2}",
            rate(times[0]),
            copying / times[0],
            times[0] / times[1],
            times[0] / times[2]
        );
    }
}

/// A ledger of `masks` masks and `targets` targets for an image of this shape.
fn scored(shape: [usize; 3], masks: u64, targets: usize) -> (Plan, Ledger) {
    let explainer = Explainer::builder().masks(masks).build().expect("valid");
    let model = free_model(targets);
    let ledger = explainer
        .run(&model, &image(shape), Target::All)
        .score()
        .expect("scores");
    (explainer.plan(shape).expect("a plan"), ledger)
}

pub fn sums() {
    // On an image of one pixel a cell the enlargement costs nothing: what is left is drawing the
    // states again and summing scores onto 9 x 9 cells.
    let (small, one) = scored([3, 8, 8], 5000, 1);
    let (_, all) = scored([3, 8, 8], 500, 1000);
    let maps = |ledger: &Ledger| drop(black_box(Estimator::Centred.maps(&small, ledger)));
    let image = image(SHAPE);
    let plan = Plan::new(SHAPE, &MaskSpec::new(Racm)).expect("a plan");
    let masker = Masker::new(&plan, &image, &Baseline::default()).expect("a masker");
    let mut batch = vec![0.0f32; BATCH * image.len()];
    let single = pool(1);
    let times = medians(
        15,
        &mut [
            Box::new(|| single.install(|| maps(&one))),
            Box::new(|| single.install(|| maps(&all))),
            Box::new(|| single.install(|| masker.fill(0, 0, &mut batch).expect("whole images"))),
        ],
    );
    let (one, all, render) = (times[0] / 5000.0, times[1] / 500.0, times[2] / BATCH as f64);
    println!("drawing states again and summing scores");
    println!(
        "  one target       {:>8.2} us a mask, {:.1} % of rendering (wanted < 2)",
        1e6 * one,
        100.0 * one / render
    );
    println!(
        "  1000 targets     {:>8.3} ms a mask (wanted < 0.5)",
        1e3 * all
    );
}

pub fn maps() {
    let (plan, ledger) = scored(SHAPE, 5000, 1);
    let single = pool(1);
    let mut cases: Vec<Box<dyn FnMut() + '_>> = Vec::new();
    let all = [
        Estimator::Centred,
        Estimator::HorvitzThompson,
        Estimator::SelfNormalised,
        Estimator::PassOnly,
    ];
    for estimator in all {
        let (plan, ledger) = (&plan, &ledger);
        let single = &single;
        cases.push(Box::new(move || {
            single.install(|| drop(black_box(estimator.maps(plan, ledger))))
        }));
    }
    cases.push(Box::new(|| {
        single.install(|| {
            drop(black_box(Estimator::Centred.maps(&plan, &ledger)));
            drop(black_box(
                Estimator::Centred.standard_errors(&plan, &ledger),
            ));
        });
    }));
    let times = medians(7, &mut cases);
    println!("the map of one target from a ledger of 5000 masks");
    for (estimator, time) in all.iter().zip(&times) {
        println!(
            "  {:<26} {:>6.1} ms (wanted < 50)",
            estimator.name(),
            1e3 * time
        );
    }
    println!(
        "  {:<26} {:>6.1} ms (wanted < 150)",
        "centred, standard error",
        1e3 * times[4]
    );
}
