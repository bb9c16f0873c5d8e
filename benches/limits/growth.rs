//! How time and memory grow.

use std::hint::black_box;
use std::process::Command;

use racm::{Estimator, Explainer, Explanation, Target};

use crate::{SHAPE, free_model, image, medians};

/// What grows, and seconds (or MiB) at each size.
pub struct Curve {
    pub what: &'static str,
    pub unit: &'static str,
    pub points: Vec<(usize, f64)>,
}

/// Time of an explanation with a free model, map included, and the memory of a process that makes
/// one.
pub fn growth() {
    let masks = [100, 300, 1000, 3000, 10_000, 50_000];
    let sides = [32, 64, 128, 256, 512, 1024];
    let curves = [
        curve("N", "mask", &masks, |n| explain([3, 64, 64], n, 1)),
        curve("side", "pixel", &sides, |side| {
            explain([3, side, side], 320, 1)
        }),
        curve("C", "channel", &[1, 2, 4, 8, 16], |c| {
            explain([c, 64, 64], 1000, 1)
        }),
        curve("targets", "target", &[1, 10, 100, 1000], |targets| {
            explain([3, 32, 32], 1000, targets)
        }),
    ];
    println!("| what | value | seconds | microseconds per unit |\n|---|---|---|---|");
    for Curve { what, unit, points } in &curves {
        for &(value, seconds) in points {
            let units = if *what == "side" {
                value * value
            } else {
                value
            };
            let each = 1e6 * seconds / units as f64;
            println!("| {what} | {value} | {seconds:.4} | {each:.4} a {unit} |");
        }
    }
    let memory = curve("memory", "MiB", &masks, peak_of_a_child);
    println!("\n| N | peak memory above the start, MiB |\n|---|---|");
    for (masks, mib) in &memory.points {
        println!("| {masks} | {mib:.1} |");
    }
    #[cfg(feature = "plot")]
    crate::plot::draw(&curves, &memory).expect("a plot");
}

fn curve(
    what: &'static str,
    unit: &'static str,
    values: &[usize],
    measure: impl Fn(usize) -> f64,
) -> Curve {
    let points = values.iter().map(|&v| (v, measure(v))).collect();
    Curve { what, unit, points }
}

fn explain(shape: [usize; 3], masks: usize, targets: usize) -> f64 {
    let image = image(shape);
    let explainer = Explainer::builder()
        .estimator(Estimator::Centred)
        .masks(masks as u64)
        .build()
        .expect("valid");
    let model = free_model(targets);
    let run = || -> Explanation {
        explainer
            .explain(&model, &image, Target::All)
            .expect("a map")
    };
    medians(15, &mut [Box::new(|| drop(black_box(run())))])[0]
}

/// The largest resident size of this process so far in kB, from the kernel.
fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// Prints by how many kB an explanation of so many masks raises the peak of this process.
pub fn memory(masks: u64) {
    let (image, model) = (image(SHAPE), free_model(1));
    let before = peak();
    let builder = Explainer::builder().estimator(Estimator::Centred);
    let explainer = builder.masks(masks).build().expect("valid");
    black_box(explainer.explain(&model, &image, 0).expect("a map"));
    match (before, peak()) {
        (Some(before), Some(after)) => println!("{}", after - before),
        _ => println!("nan"),
    }
}

/// A peak never falls, so every number of masks has a process of its own.
fn peak_of_a_child(masks: usize) -> f64 {
    let program = std::env::current_exe().expect("the path of this program");
    let child = Command::new(program)
        .args(["memory", &masks.to_string()])
        .output()
        .expect("a child");
    let text = String::from_utf8_lossy(&child.stdout);
    text.trim().parse().unwrap_or(f64::NAN) / 1024.0
}
