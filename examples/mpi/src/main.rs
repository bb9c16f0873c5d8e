//! RaCM by all ranks of an MPI job: see README.md beside this package.
#![forbid(unsafe_code)]

mod files;
mod job;
mod many;
mod one;
mod share;

use std::process::ExitCode;

use clap::Parser;
use mpi::Threading;
use mpi::traits::*;

fn main() -> ExitCode {
    let args = job::Args::parse();
    // Models and maps may use threads of their own; only this one calls MPI.
    let started = mpi::initialize_with_threading(Threading::Funneled);
    let Some((universe, _)) = started else {
        eprintln!("MPI cannot be started a second time");
        return ExitCode::FAILURE;
    };
    let world = universe.world();
    let outcome = match &args.images {
        Some(folder) => many::run(&world, &args, folder),
        None => one::run(&world, &args),
    };
    if let Err(failure) = &outcome {
        eprintln!("rank {}: {failure}", world.rank());
    }
    // The launcher kills all when one fails: nobody leaves before everybody has saved what is there.
    world.barrier();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
