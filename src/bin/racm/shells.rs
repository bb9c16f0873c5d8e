//! `racm completions` and `racm man`: what shells and `man` are told of the program.

use std::path::{Path, PathBuf};

use clap::Parser;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::say::{line, raw};
use crate::{Failure, whole};

#[derive(Parser)]
pub struct CompletionsArgs {
    /// Whose; its script goes to the standard output: eval "$(racm completions bash)"
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

#[derive(Parser)]
pub struct ManArgs {
    /// The folder for all pages, racm.1 and one for each command; without it, the page of the program goes to the standard
    /// output
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// `racm completions SHELL`.
pub fn completions(args: &CompletionsArgs, mut program: clap::Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "racm", &mut script);
    raw(&String::from_utf8(script)?)
}

/// `racm man`.
pub fn man(args: &ManArgs, mut program: clap::Command) -> Result<(), Failure> {
    let Some(out) = &args.out else {
        return raw(&String::from_utf8(page(program)?)?);
    };
    whole::folder(out)?;
    program.build();
    let mut written = vec![put(out, program.clone())?];
    for command in program.get_subcommands().filter(|c| c.get_name() != "help") {
        written.push(put(out, command.clone())?);
    }
    line(format_args!(
        "wrote {} to {}",
        written.join(", "),
        out.display()
    ))
}

fn put(out: &Path, command: clap::Command) -> Result<String, Failure> {
    let file = Man::new(command.clone()).get_filename();
    whole::write(&out.join(&file), &page(command)?)?;
    Ok(file)
}

fn page(command: clap::Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    Ok(page)
}
