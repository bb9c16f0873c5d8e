//! A run over a data set, of a model in Rust: one map an image, kept scores, and means with standard errors.
//!
//! Each image has a file of scores of its own. The example can be killed at any time: given again, it goes on where it
//! was, and given once more it makes no model call for the maps. An image whose run fails is said, and the others go on.
//! With a model in an ONNX file, `racm evaluate` does all this without a line of code.
//!
//! `cargo run --example data_set [FOLDER]`; without a folder it begins anew each time.

use std::path::{Path, PathBuf};

use racm::metrics::{InsertionDeletion, Outcome, Steps, Summary};
use racm::ndarray::Array3;
use racm::{Budget, Error, Explainer, Explanation, demo};

/// An image of the data set: here a drawn sign, elsewhere a file.
struct Item {
    name: String,
    class: usize,
    image: Array3<f32>,
}

/// Two drawings of each class but "no sign".
fn items() -> Result<Vec<Item>, Error> {
    let all = (0..2 * 11).map(|n| (n % 11, (1 << 50) + n as u64));
    let drawn = all.map(|(class, seed)| {
        Ok(Item {
            name: format!("{} {seed:x}", demo::CLASSES[class]).replace(' ', "-"),
            class,
            image: demo::draw(class, seed, 48)?.image,
        })
    });
    drawn.collect()
}

/// What is kept of an image when its map is made.
struct Row {
    /// The sums of the own effects of red, green and blue, highest first.
    first_channel: usize,
    masks: u64,
    model_calls: u64,
    insertion: Outcome<f64>,
    deletion: Outcome<f64>,
}

fn explain(explainer: &Explainer, item: &Item, folder: &Path) -> Result<Row, Error> {
    let run = explainer.run(&demo::Classifier, &item.image, item.class);
    let explanation = run
        // The name changes with all that changes the scores.
        .model_name("demo of racm 0.1")
        .ledger_file(folder.join(&item.name).with_extension("racm"))
        .parallel()
        .explain()?;
    let curves = InsertionDeletion::pixel_channels()
        .steps(Steps::Parts(50))
        .curves(
            &demo::Classifier,
            item.image.view(),
            explanation.map(),
            item.class,
        )?;
    Ok(Row {
        first_channel: first_channel(&explanation)?,
        masks: explanation.masks(),
        model_calls: explanation.run_stats().model_calls,
        insertion: Ok(curves.insertion.auc),
        deletion: Ok(curves.deletion.auc),
    })
}

/// The channel that carries most by itself.
fn first_channel(explanation: &Explanation) -> Result<usize, Error> {
    let carried = explanation.carried(0)?;
    let carried = carried.iter().map(|(value, _)| *value).enumerate();
    Ok(carried
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(0, |c| c.0))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kept = std::env::args().nth(1).map(PathBuf::from);
    let folder = kept.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("racm-data-set-{}", std::process::id()))
    });
    std::fs::create_dir_all(&folder)?;
    // As many masks as the map needs, and at most 1000.
    let explainer = Explainer::builder()
        .budget(Budget::new().calls(1000))
        .build()?;
    let (mut rows, mut failed) = (Vec::new(), 0);
    for item in items()? {
        match explain(&explainer, &item, &folder) {
            Ok(row) => {
                println!(
                    "{:<36} {} first, {} masks, {} model calls",
                    item.name,
                    ["red", "green", "blue"][row.first_channel],
                    row.masks,
                    row.model_calls
                );
                rows.push(row);
            }
            Err(error) => {
                println!("{:<36} failed: {error}", item.name);
                failed += 1;
            }
        }
    }
    println!(
        "\n{} images, {failed} failed; means +- standard errors",
        rows.len() + failed
    );
    for (name, value) in [
        (
            "Insertion (high)",
            Summary::of(rows.iter().map(|row| row.insertion)),
        ),
        (
            "Deletion (low)",
            Summary::of(rows.iter().map(|row| row.deletion)),
        ),
    ] {
        if let (Some(mean), Some(error)) = (value.mean, value.standard_error) {
            println!("{name:<16} {mean:.3} +- {error:.3}");
        }
    }
    match kept {
        Some(folder) => println!("the scores are kept in {}", folder.display()),
        None => std::fs::remove_dir_all(&folder)?,
    }
    Ok(())
}
