//! `racm`: explains an ONNX model's answers about images, and evaluates the explanations.
#![forbid(unsafe_code)]

mod args;
mod channel_file;
mod evaluate;
mod explain;
mod fingerprint;
mod html;
mod image;
mod merge;
mod model;
mod npy;
mod numbers;
mod of_channels;
mod read;
mod say;
mod shard;
mod signals;
mod white_box;
mod whole;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Explain black-box models with randomized masks: RISE, MC-RISE and RaCM.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Explain what a model says of one image.
    #[command(allow_negative_numbers = true)]
    Explain(Box<explain::Args>),
    /// Make the map of a run whose masks were scored in several places.
    Merge(Box<merge::Args>),
    /// Measure how good maps are, over many images.
    #[command(allow_negative_numbers = true)]
    Evaluate(Box<evaluate::Args>),
    /// List the layers of a model that class activation maps can look at, last first.
    #[command(allow_negative_numbers = true)]
    Layers(Box<white_box::LayersArgs>),
}

/// What ends the program: a message, and its causes.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Explain(mut args) => explain::run(&mut args),
        Command::Merge(args) => merge::run(&args),
        Command::Evaluate(mut args) => evaluate::run(&mut args),
        Command::Layers(args) => white_box::layers(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say::error_line(format_args!("racm: {failure}"));
            let (mut said, mut cause) = (failure.to_string(), failure.source());
            while let Some(error) = cause {
                // Messages of this crate already contain their cause's.
                if !said.contains(&error.to_string()) {
                    said = error.to_string();
                    say::error_line(format_args!("  because {said}"));
                }
                cause = error.source();
            }
            match failure.downcast_ref::<signals::Stopped>() {
                Some(stopped) => ExitCode::from(stopped.status()),
                None => ExitCode::FAILURE,
            }
        }
    }
}
