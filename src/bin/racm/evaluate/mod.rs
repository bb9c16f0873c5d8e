//! `racm evaluate`.

mod args;
pub mod counted;
pub mod list;
pub mod maps;
mod measure;
mod methods;
mod page;
mod parameters;
mod plot;
mod records;
mod refused;
mod store;
mod table;
mod taught;

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use racm::SurrogatePrior;
use serde_json::json;

pub use args::Args;

use crate::Failure;
use crate::explain::report::told;
use crate::image::is_npz;
use crate::model::Model;
use crate::say::{count_of, differing, document, line, quiet, warn_of_names, warning};
use crate::signals::Signals;
use crate::white_box::WhiteBox;
use crate::whole;
use counted::Counted;
use list::Item;
use measure::Bench;
use methods::Kind;
use records::Records;
use store::{Case, Store};

/// What stands below the help.
pub const NOTES: &str = "\
The same command given again goes on where it was stopped. A signal ends it in order: the images that are measured are kept; a
second signal, after a second or more, ends it at once.
Exit status: 0 done; 1 failed; 2 the command line cannot be read; 128 + N ended by signal N.";

pub fn run(args: &mut Args) -> Result<(), Failure> {
    args.model.complete(&mut args.mask.baseline)?;
    let args = &*args;
    args.check()?;
    args.model.start_threads()?;
    let mut items = list::read(&args.images, args.anywhere)?;
    items.truncate(args.limit.unwrap_or(items.len()));
    if args.reading.array.is_some() && !items.iter().any(|item| is_npz(&item.path)) {
        let images = args.images.display();
        return Err(format!("{images}: no image is an .npz file, which --array is about").into());
    }
    let listed = items.len();
    if let Some(shard) = args.shard {
        items = shard.of(items);
    }
    let names = args.model.class_names()?;
    args.model.options()?;
    let (kinds, cases) = args.cases();
    let prior = args.taught.prior.read()?;
    let parameters = args.parameters(prior.as_ref())?;
    let store = Store::open(&args.out, &parameters, &cases, args.taught.learns())?;
    args.taught.prepare()?;

    let mut records = Records::read(args, &store, &items)?;
    if records.known() < items.len() {
        let signals = Signals::watch()?;
        let prior = prior.unwrap_or_default();
        let outcome = complete(args, &names, &kinds, &cases, prior, &mut records, &signals);
        if let Err(failure) = outcome {
            let (known, out) = (records.known(), args.out.display());
            let images = count_of(items.len(), "image");
            let left = format!(
                "{known} of {images} are kept in {out}: the same command goes on from there"
            );
            return Err(signals.stopped(left).map_or(failure, Failure::from));
        }
    }
    args.taught.write(records.iter())?;
    if let Some(shard) = args.shard {
        let out = args.out.display().to_string();
        document(
            &json!({"shard": shard.to_string(), "images": items.len(), "of": listed, "out": out}),
        )?;
        return line(format_args!(
            "shard {shard}: the results of its {} of {} are in {}; when those of all shards are in one \
             folder, the command without --shard makes the tables there",
            items.len(),
            count_of(listed, "image"),
            args.out.display(),
        ));
    }

    let records = records.into_vec();
    let table = table::Table::new(args.columns(), &cases, &records);
    let mut written = table.write(&args.out, &parameters, &records, &names)?;
    let protocols = plot::protocols(&cases, &records);
    written.extend(plot::write_all(&args.out, &protocols)?);
    match args.report {
        true => {
            page::write(&args.out, &table, &protocols, &parameters, &records, &names)?;
            written.push(page::FILE);
        }
        false => whole::remove(&args.out.join(page::FILE))?,
    }
    line(table.markdown())?;
    let differ: Vec<_> = records.iter().filter_map(|r| r.differing).collect();
    if let Some(first) = differ.first() {
        let (images, all) = (differ.len(), count_of(records.len(), "image"));
        let what = differing(first);
        warning(format_args!("on {images} of {all}: {what}"))?;
    }
    line(format_args!(
        "wrote {} to {}",
        written.join(", "),
        args.out.display()
    ))?;
    document(&told(
        table.json(&parameters, &records),
        &args.out,
        &written,
    ))
}

/// Asks the model about the images without results. Where all have some, it is not even loaded.
fn complete(
    args: &Args,
    names: &[String],
    kinds: &[Kind],
    cases: &[Case],
    prior: SurrogatePrior,
    records: &mut Records<'_>,
    signals: &Signals,
) -> Result<(), Failure> {
    let Some(first) = records.first_missing() else {
        return Ok(());
    };
    let model = args.model.load()?;
    let white_box = match args.cams().is_empty() && args.refining_cam().is_none() {
        true => None,
        false => Some(white_box(args, &model, first)?),
    };
    let calls = args.calls(kinds);
    let bar = progress_bar(calls.saturating_mul(records.len() as u64));
    let counted = Counted::new(&model, white_box.as_ref(), bar, signals);
    let bench = Bench {
        args,
        model: &counted,
        kinds,
        cases,
        prior,
        taught: Default::default(),
        costs: Default::default(),
        differing: Default::default(),
    };
    let outcome = records.complete(&bench, |known| {
        counted.bar.set_position(calls.saturating_mul(known as u64));
    });
    counted.bar.finish_and_clear();
    warn_of_names(names, counted.outputs.get().copied())?;
    outcome
}

/// The model in two parts, tried on the first image.
fn white_box(args: &Args, model: &Model, first: &Item) -> Result<WhiteBox, Failure> {
    let white_box = args.model.split(&args.layer)?;
    let input = args.image(model, first)?;
    let (image, _) = input.filled(Some(&args.baseline()))?;
    white_box.check(model, &image)?;
    Ok(white_box)
}

fn progress_bar(calls: u64) -> ProgressBar {
    if quiet() || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = "{bar:32} {percent}% {msg}, {per_sec} model calls, {eta} left";
    let style =
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(calls).with_style(style)
}
