//! Explanations for an hour, and single large ones: what one process holds after all that.
//!
//! - `cargo bench -p racm-benches --bench soak -- [MINUTES [THREADS]]` (60 and 8): threads explain drawn signs in twenty-four
//!   ways, each with a file of scores on disk, shards, errors and metrics, over and over. A map has to be that of the first
//!   time, to the bit. Every minute a line says how much memory, how many files and how many threads the process has (Linux).
//! - `.. --bench soak -- large`: two million masks, 4096 x 4096 pixels, 1000 targets; each in a process of its own, with
//!   seconds and peak memory.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ndarray::{Array2, Array3, ArrayView3, ArrayView4};
use racm::metrics::{InsertionDeletion, Steps};
use racm::{
    BlackBoxModel, Enlargement, Estimator, Explainer, Explanation, FnModel, Ledger, McRise, Racm,
    Rise, Target, demo,
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let arguments: Vec<&str> = arguments
        .into_iter()
        .filter(|a| !a.starts_with("--"))
        .collect();
    match arguments[..] {
        ["large"] => large(),
        ["large", which] => one_large(which),
        [] => soak(60.0, 8),
        [minutes] => soak(minutes.parse()?, 8),
        [minutes, threads] => soak(minutes.parse()?, threads.parse()?),
        _ => Err("expected: [MINUTES [THREADS]], or large".into()),
    }
}

/// How many different explanations there are.
const CASES: usize = 24;

fn soak(minutes: f64, threads: usize) -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("racm-soak-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let end = Instant::now() + Duration::from_secs_f64(60.0 * minutes);
    let (next, first) = (AtomicU64::new(0), Mutex::new([None; CASES]));
    let outcome = std::thread::scope(|scope| {
        let work = || -> Result<(), Failure> {
            while Instant::now() < end {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let case = n as usize % CASES;
                let bits = explain(case, &folder.join(format!("{n}.racm")))?;
                let known =
                    *first.lock().map_err(|_| "another thread failed")?[case].get_or_insert(bits);
                if known != bits {
                    return Err(format!("case {case}: another map than the first time").into());
                }
            }
            Ok(())
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        println!(
            "| minute | explanations | memory, MiB | peak, MiB | files | threads |\n|---|---|---|---|---|---|"
        );
        for minute in 0.. {
            say(minute, next.load(Ordering::Relaxed));
            let left = end.saturating_duration_since(Instant::now());
            std::thread::sleep(left.min(Duration::from_secs(60)));
            if left.is_zero() || workers.iter().any(|w| w.is_finished()) {
                break;
            }
        }
        let ends = workers.into_iter().map(|w| w.join());
        ends.map(|end| end.unwrap_or_else(|_| Err("a thread panicked".into())))
            .collect::<Result<(), Failure>>()
    });
    std::fs::remove_dir_all(&folder)?;
    outcome?;
    println!(
        "{} explanations; every map was that of the first time",
        next.into_inner()
    );
    Ok(())
}

fn say(minute: u64, explanations: u64) {
    let count = |folder| std::fs::read_dir(folder).map_or(0, Iterator::count);
    println!(
        "| {minute} | {explanations} | {:.1} | {:.1} | {} | {} |",
        memory("VmRSS:"),
        memory("VmHWM:"),
        count("/proc/self/fd"),
        count("/proc/self/task"),
    );
}

/// What the kernel says of this process's memory, in MiB.
fn memory(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

/// One of the explanations from its first mask to its metrics; gives what its maps and errors are, as one number.
fn explain(case: usize, file: &Path) -> Result<u64, Failure> {
    let image = demo::draw(case % 11, case as u64, 48)?.image;
    let builder = Explainer::builder()
        .seed(case as u64)
        .masks(200 + 40 * case as u64);
    let builder = match case % 3 {
        0 => builder.family(Racm),
        1 => builder.family(Rise),
        _ => builder.family(McRise::rgb()),
    };
    let builder = match case % 2 {
        0 => builder.enlargement(Enlargement::Nearest).grid(6, 6),
        _ => builder.batch(7),
    };
    let estimators = [
        Estimator::Averaged,
        Estimator::Centred,
        Estimator::SurrogateCorrected,
        Estimator::SelfNormalised,
    ];
    let explainer = builder.estimator(estimators[case % 4]).build()?;

    // A run that fails in the middle, goes on from its file in two shards, and once more as a whole.
    let calls = AtomicU64::new(0);
    let breaks = FnModel::new(|batch: ArrayView4<'_, f32>| {
        let mut scores = demo::Classifier.predict(batch).unwrap_or_default();
        if calls.fetch_add(1, Ordering::Relaxed) > 5 {
            scores.fill(f32::NAN);
        }
        scores
    });
    let target = Target::Classes(vec![case % 11, 11]);
    let run = explainer
        .run(&breaks, &image, target.clone())
        .ledger_file(file);
    if run.score().is_ok() {
        return Err("scores that are not numbers were taken".into());
    }
    let run = || explainer.run(&demo::Classifier, &image, target.clone());
    let mut ledger = run().ledger_file(file).blocks(0..4).score()?;
    ledger.merge(&run().blocks(3..100).parallel().score()?)?;
    let explanation = run().ledger_file(file).parallel().explain()?;
    std::fs::remove_file(file)?;
    if explanation.maps() != explainer.explain_ledger([3, 48, 48], ledger)?.maps() {
        return Err("shards gave another map".into());
    }
    let mut bits = of_bits(&explanation, 0);
    bits = of_bits(
        &explanation.own_effects().unwrap_or(explanation.clone()),
        bits,
    );
    let metric = InsertionDeletion::pixels().steps(Steps::Parts(10));
    let area = metric.curves(
        &demo::Classifier,
        image.view(),
        explanation.map(),
        case % 11,
    )?;
    Ok(fold(
        fold(bits, area.insertion.auc.to_bits()),
        area.deletion.auc.to_bits(),
    ))
}

fn fold(bits: u64, value: u64) -> u64 {
    (bits ^ value).wrapping_mul(0x100000001b3).rotate_left(23)
}

fn of_bits(explanation: &Explanation, start: u64) -> u64 {
    let errors = explanation
        .standard_errors()
        .ok()
        .flatten()
        .unwrap_or_default();
    let all = explanation
        .maps()
        .iter()
        .chain(&errors)
        .map(|v| u64::from(v.to_bits()))
        .collect::<Vec<_>>();
    all.into_iter().fold(start, fold)
}

fn large() -> Result<(), Failure> {
    println!("| what | estimator | masks | seconds | peak memory, MiB |\n|---|---|---|---|---|");
    for which in [
        "masks",
        "masks-default",
        "image",
        "image-default",
        "targets",
    ] {
        let status = Command::new(std::env::current_exe()?)
            .args(["large", which])
            .status()?;
        if !status.success() {
            return Err(format!("{which}: {status}").into());
        }
    }
    Ok(())
}

fn one_large(which: &str) -> Result<(), Failure> {
    let (shape, masks, targets) = match which.trim_end_matches("-default") {
        "masks" => ([3, 96, 96], 2_000_000, 1),
        "image" => ([3, 4096, 4096], 300, 1),
        "targets" => ([3, 96, 96], 5000, 1000),
        _ => return Err(format!("{which} is none of them").into()),
    };
    let image = Array3::from_shape_fn(shape, |(c, y, x)| {
        ((c * 7 + y * 3 + x) % 256) as f32 / 255.0
    });
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        let (n, _, height, width) = batch.dim();
        let score = |image: ArrayView3<'_, f32>, k: usize| {
            image[[k % 3, height / 2, width / 2]] * (1.0 + k as f32)
        };
        Array2::from_shape_fn((n, targets), |(n, k)| {
            score(batch.index_axis(ndarray::Axis(0), n), k)
        })
    });
    let estimator = match which.ends_with("-default") {
        true => Estimator::default(),
        false => Estimator::Centred,
    };
    let explainer = Explainer::builder()
        .masks(masks)
        .estimator(estimator)
        .build()?;
    let started = Instant::now();
    let explanation = explainer
        .run(&model, &image, Target::All)
        .parallel()
        .explain()?;
    // What the model looks at is the highest of its channel.
    let map = explanation.map();
    let highest = map.iter().fold(f32::MIN, |a, &b| a.max(b));
    let found = map[[0, shape[1] / 2, shape[2] / 2]];
    if found < 0.8 * highest {
        return Err(format!("{which}: the map has {found} where {highest} was expected").into());
    }
    println!(
        "| {which} | {estimator} | {masks} | {:.1} | {:.0} |",
        started.elapsed().as_secs_f64(),
        memory("VmHWM:")
    );
    let mut file = Vec::new();
    explanation.ledger().write_to(&mut file)?;
    match Ledger::read_from(&file[..])? == *explanation.ledger() {
        true => Ok(()),
        false => Err("the ledger was not read as it was written".into()),
    }
}
