//! `racm`: explains an ONNX model's answers about images, and evaluates the explanations.
#![forbid(unsafe_code)]

mod args;
mod channel_file;
mod compare;
mod evaluate;
mod explain;
mod figure;
mod fingerprint;
mod help;
mod html;
mod image;
mod merge;
mod model;
mod npy;
mod numbers;
mod of_channels;
mod panics;
mod prior;
mod read;
mod say;
mod shard;
mod shells;
mod signals;
mod target;
mod white_box;
mod whole;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use say::SayArgs;

const EXIT_STATUS: &str = "\
Exit status: 0 done; 1 failed, or one image of several did; 2 the command line cannot be read; 128 + N ended by signal N.
`racm COMMAND -h` is short, `racm COMMAND --help` says all. Try `racm explain --model demo --out explained`.";

/// Explain black-box models with randomized masks: RISE, MC-RISE and RaCM.
#[derive(Parser)]
#[command(version, arg_required_else_help = true, after_help = EXIT_STATUS)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Explain what a model says of one image, or of several.
    ///
    /// Of a model's file it is checked that it is one. What the model computes is not: it may take any time and memory, so
    /// give files that you trust.
    #[command(allow_negative_numbers = true, after_help = explain::EXAMPLES)]
    Explain(Box<explain::Args>),
    /// Make the map of a run whose masks were scored in several places.
    #[command(after_help = merge::NOTES)]
    Merge(Box<merge::Args>),
    /// Explain an image by several methods, and show their maps in one figure.
    #[command(allow_negative_numbers = true)]
    Compare(Box<compare::Args>),
    /// Measure how good maps are, over many images.
    #[command(allow_negative_numbers = true, after_help = evaluate::NOTES)]
    Evaluate(Box<evaluate::Args>),
    /// List the layers of a model that class activation maps can look at, last first.
    #[command(allow_negative_numbers = true)]
    Layers(Box<white_box::LayersArgs>),
    /// Print a script that lets a shell complete commands and options.
    Completions(shells::CompletionsArgs),
    /// Print the manual page, or write those of all commands.
    Man(shells::ManArgs),
}

impl Command {
    /// What is printed, and as what.
    fn say(&self) -> SayArgs {
        match self {
            Command::Explain(args) => args.say,
            Command::Merge(args) => args.say,
            Command::Compare(args) => args.say,
            Command::Evaluate(args) => args.say,
            _ => SayArgs::default(),
        }
    }
}

/// What ends the program: a message, and its causes.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// All commands and options.
fn program() -> clap::Command {
    help::in_two_lengths(Cli::command())
}

fn main() -> ExitCode {
    panics::shown_at_the_end(run)
}

fn run() -> ExitCode {
    let matches = program().get_matches();
    let command = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli.command,
        Err(error) => error.exit(),
    };
    command.say().apply();
    let outcome = match command {
        Command::Explain(mut args) => explain::run(&mut args),
        Command::Merge(args) => merge::run(&args),
        Command::Compare(mut args) => compare::run(&mut args),
        Command::Evaluate(mut args) => evaluate::run(&mut args),
        Command::Layers(mut args) => white_box::layers(&mut args),
        Command::Completions(args) => shells::completions(&args, program()),
        Command::Man(args) => shells::man(&args, program()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say::failure(&failure);
            match failure.downcast_ref::<signals::Stopped>() {
                Some(stopped) => ExitCode::from(stopped.status()),
                None => ExitCode::FAILURE,
            }
        }
    }
}
