//! How time and memory grow.

use std::hint::black_box;

use racm::{Explainer, Explanation, Target};

use crate::{SHAPE, free_model, image, medians};

/// Seconds of an explanation with a free model, map included, per unit of what should scale.
pub fn growth() {
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

pub fn memory(masks: u64) {
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
