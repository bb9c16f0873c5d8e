//! How far each part is from its limit, in one run: `cargo bench --bench limits`.
//!
//! The limit of rendering is copying the image into the batch. Cases take turns, so that a slow
//! moment of the machine hits all of them, and the ratios are those of medians. All figures at
//! 224 x 224 x 3, 8 x 8 cells, shifted, B = 32, batches of 32, on one thread unless said otherwise.
//! `cargo bench --bench limits -- growth` prints how time grows with N, pixels, channels and
//! targets instead, and `cargo bench --bench limits -- memory 5000` the peak memory of a process
//! that explains a free model with so many masks (Linux).

use std::hint::black_box;
use std::time::Instant;

use ndarray::{Array2, Array3, ArrayView4};
use racm::{
    Baseline, BlackBoxModel, Enlargement, Estimator, Explainer, Explanation, FnModel, Ledger,
    MaskSpec, Masker, McRise, Plan, Racm, Rise, Target,
};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

const SHAPE: [usize; 3] = [3, 224, 224];
const BATCH: usize = 32;

fn image(shape: [usize; 3]) -> Array3<f32> {
    Array3::from_shape_fn(shape, |(c, y, x)| {
        ((c * 7 + y * 3 + x) % 256) as f32 / 255.0
    })
}

/// Scores from a few pixels: a model that costs nothing.
fn free_model(classes: usize) -> impl BlackBoxModel + Sync {
    FnModel::new(move |batch: ArrayView4<'_, f32>| {
        let (n, _, height, width) = batch.dim();
        Array2::from_shape_fn((n, classes), |(n, k)| {
            batch[[n, 0, height / 2, width / 2]] + batch[[n, 0, k % height, k % width]]
        })
    })
}

fn pool(threads: usize) -> ThreadPool {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("a pool")
}

fn seconds(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64()
}

/// Median seconds of every case; the cases take turns.
fn medians(rounds: usize, cases: &mut [Box<dyn FnMut() + '_>]) -> Vec<f64> {
    let mut times = vec![Vec::new(); cases.len()];
    for _ in 0..=rounds {
        for (case, times) in cases.iter_mut().zip(&mut times) {
            times.push(seconds(case));
        }
    }
    let median = |mut times: Vec<f64>| {
        // The first round warms up.
        times.remove(0);
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    times.into_iter().map(median).collect()
}

fn rendering() -> f64 {
    let image = image(SHAPE);
    let pixels = image.as_slice().expect("contiguous");
    let hard = |spec| MaskSpec {
        enlargement: Enlargement::Nearest,
        ..spec
    };
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
    let batches = std::cell::RefCell::new(vec![0.0f32; BATCH * pixels.len()]);
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
    times[1] / BATCH as f64
}

fn end_to_end() {
    const MASKS: u64 = 2000;
    let image = image(SHAPE);
    let pixels = image.as_slice().expect("contiguous");
    let explainer = Explainer::builder()
        .masks(MASKS)
        .batch(BATCH)
        .build()
        .expect("valid");
    let model = free_model(1);
    let (one, two) = (pool(1), pool(2));
    let run = || explainer.run(&model, &image, 0).score().expect("scores");
    let mut batch = vec![0.0f32; BATCH * pixels.len()];
    let mut both = batch.clone();
    let times = medians(
        5,
        &mut [
            Box::new(|| {
                for _ in 0..MASKS / BATCH as u64 {
                    batch
                        .chunks_exact_mut(pixels.len())
                        .for_each(|out| out.copy_from_slice(pixels));
                    black_box(&mut batch);
                }
            }),
            Box::new(|| drop(one.install(run))),
            Box::new(|| drop(two.install(run))),
            Box::new(|| {
                two.install(|| {
                    for _ in 0..MASKS / BATCH as u64 {
                        both.par_chunks_exact_mut(pixels.len())
                            .for_each(|out| out.copy_from_slice(pixels));
                        black_box(&mut both);
                    }
                });
            }),
        ],
    );
    let rate = |t: f64| MASKS as f64 / t;
    let limit = times[0] / times[3];
    println!("end to end, free model, {MASKS} masks");
    println!("  copying          {:>8.0} images/s", rate(times[0]));
    println!(
        "  one thread       {:>8.0} masks/s, {:.2} of the copy's rate (wanted 0.5)",
        rate(times[1]),
        times[0] / times[1]
    );
    println!(
        "  two threads      {:>8.0} masks/s, {:.2} times one (wanted 1.7; copying: {limit:.2})",
        rate(times[2]),
        times[1] / times[2]
    );
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

fn sums(render: f64) {
    // On an image of one pixel a cell the enlargement costs nothing: what is left is drawing the
    // states again and summing scores onto 9 x 9 cells.
    let (plan, one) = scored([3, 8, 8], 5000, 1);
    let (_, all) = scored([3, 8, 8], 500, 1000);
    let maps = |ledger: &Ledger| drop(black_box(Estimator::Centred.maps(&plan, ledger)));
    let single = pool(1);
    let times = medians(
        7,
        &mut [
            Box::new(|| single.install(|| maps(&one))),
            Box::new(|| single.install(|| maps(&all))),
        ],
    );
    let (one, all) = (times[0] / 5000.0, times[1] / 500.0);
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

fn maps() {
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

/// Seconds of an explanation with a free model, map included, per unit of what should scale.
fn growth() {
    let explain = |shape, masks, targets: usize| {
        let image = image(shape);
        let explainer = Explainer::builder().masks(masks).build().expect("valid");
        let model = free_model(targets);
        let run = || -> Explanation {
            explainer
                .explain(&model, &image, Target::All)
                .expect("a map")
        };
        medians(3, &mut [Box::new(|| drop(black_box(run())))])[0]
    };
    println!("| what | value | seconds | microseconds per unit |\n|---|---|---|---|");
    let row = |what: &str, value: String, seconds: f64, units: f64| {
        println!(
            "| {what} | {value} | {seconds:.3} | {:.4} a {} |",
            1e6 * seconds / units,
            unit(what)
        );
    };
    for masks in [100, 300, 1000, 3000, 10_000, 50_000] {
        row(
            "N",
            masks.to_string(),
            explain([3, 64, 64], masks, 1),
            masks as f64,
        );
    }
    for side in [32, 64, 128, 256, 512, 1024] {
        let seconds = explain([3, side, side], 320, 1);
        row("side", side.to_string(), seconds, (side * side) as f64);
    }
    for channels in [1, 2, 4, 8, 16] {
        let seconds = explain([channels, 64, 64], 1000, 1);
        row("C", channels.to_string(), seconds, channels as f64);
    }
    for targets in [1, 10, 100, 1000] {
        let seconds = explain([3, 32, 32], 1000, targets);
        row("targets", targets.to_string(), seconds, targets as f64);
    }
}

fn unit(what: &str) -> &'static str {
    match what {
        "N" => "mask",
        "side" => "pixel",
        "C" => "channel",
        _ => "target",
    }
}

/// The largest resident size of this process so far, from the kernel.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap_or("unknown").trim().to_owned()
}

fn memory(masks: u64) {
    let (image, model) = (image(SHAPE), free_model(1));
    println!("peak memory before the run: {}", peak_memory());
    let explainer = Explainer::builder().masks(masks).build().expect("valid");
    let explanation = explainer.explain(&model, &image, 0).expect("a map");
    println!(
        "after {} masks and their map: {}",
        explanation.masks(),
        peak_memory()
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|a| a == "growth") {
        return growth();
    }
    if arguments.iter().any(|a| a == "memory") {
        let masks = arguments.iter().find_map(|a| a.parse().ok());
        return memory(masks.unwrap_or(5000));
    }
    let render = rendering();
    end_to_end();
    sums(render);
    maps();
}
