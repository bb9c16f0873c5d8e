//! `racm evaluate`.

mod args;
mod counted;
mod list;
mod maps;
mod measure;
mod methods;
mod plot;
mod store;
mod table;

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use racm::ndarray::Array2;

pub use args::Args;

use crate::Failure;
use crate::model::Model;
use crate::npy::read_map;
use crate::say::line;
use crate::white_box::WhiteBox;
use counted::Counted;
use list::Item;
use measure::Bench;
use store::Store;

pub fn run(args: &Args) -> Result<(), Failure> {
    args.check()?;
    args.model.start_threads()?;
    let mut items = list::read(&args.images, args.anywhere)?;
    items.truncate(args.limit.unwrap_or(items.len()));
    let names = args.model.class_names()?;
    let model = args.model.load()?;
    let (kinds, cases) = args.cases();
    let parameters = args.parameters()?;
    let store = Store::open(&args.out, &parameters, &cases)?;

    let calls = args.calls(&kinds);
    let white_box = match args.cams().is_empty() && args.refining_cam().is_none() {
        true => None,
        false => Some(white_box(args, &model, &items[0])?),
    };
    let counted = Counted::new(
        &model,
        white_box.as_ref(),
        progress_bar(calls.saturating_mul(items.len() as u64)),
    );
    let bench = Bench {
        args,
        model: &counted,
        kinds: &kinds,
        cases: &cases,
        costs: Default::default(),
    };
    let mut records = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let (map, input) = args.inputs(item)?;
        let record = match store.load(item, &input)? {
            Some(record) => record,
            None => {
                counted.bar.set_message(item.name.clone());
                let map = map
                    .map(|path| refinement(&path, &model, item, args))
                    .transpose()?;
                let record = bench.measure(item, map.as_ref(), store.parameters(), &input)?;
                store.save(item, &record)?;
                // What is read back is the same now and after an interruption.
                store.load(item, &input)?.unwrap_or(record)
            }
        };
        records.push(record);
        counted
            .bar
            .set_position(calls.saturating_mul(index as u64 + 1));
    }
    counted.bar.finish_and_clear();

    let table = table::Table::new(args.columns(), &cases, &records);
    let mut written = table.write(&args.out, &parameters, &records, &names)?;
    written.extend(plot::write_all(&args.out, &cases, &records)?);
    line(table.markdown())?;
    line(format_args!(
        "wrote {} to {}",
        written.join(", "),
        args.out.display()
    ))
}

/// The model in two parts, tried on the first image.
fn white_box(args: &Args, model: &Model, first: &Item) -> Result<WhiteBox, Failure> {
    let white_box = args.model.split(&args.layer)?;
    let (image, _) = model.image(Some(&first.path), &args.model)?;
    white_box.check(model, &image)?;
    Ok(white_box)
}

/// The refinement map, which must have the size of the image that the model sees.
fn refinement(
    path: &std::path::Path,
    model: &Model,
    item: &Item,
    args: &Args,
) -> Result<Array2<f32>, Failure> {
    let (image, _) = model.image(Some(&item.path), &args.model)?;
    read_map(path, image.dim().1, image.dim().2)
}

fn progress_bar(calls: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = "{bar:32} {percent}% {msg}, {per_sec} model calls, {eta} left";
    let style =
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(calls).with_style(style)
}
