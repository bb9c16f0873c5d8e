//! Help in two lengths, of one text: `-h` shows the first part of what `--help` says of each option.

use clap::{Arg, Command};

/// The longest `[default: ..]` that the short help shows.
const LONGEST_DEFAULT: usize = 50;

/// The command, whose short help is short.
pub fn in_two_lengths(command: Command) -> Command {
    let command = command.mut_args(shortened);
    command.mut_subcommands(in_two_lengths)
}

fn shortened(arg: Arg) -> Arg {
    let Some(full) = arg.get_help().map(ToString::to_string) else {
        return arg;
    };
    match arg.get_long_help() {
        Some(_) => arg,
        None => arg.help(first_part(&full)).long_help(full),
    }
}

/// What stands before the first full stop, colon or semicolon that is in no bracket, and the default, if it is short.
fn first_part(text: &str) -> String {
    let mut depth = 0;
    let mut end = text.len();
    for (at, letter) in text.char_indices() {
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '.' | ':' | ';' if depth == 0 && text[at + 1..].starts_with(' ') => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    let (first, rest) = text.split_at(end);
    let default = rest.rfind("[default: ").map(|at| &rest[at..]);
    match default.filter(|default| default.len() <= LONGEST_DEFAULT) {
        Some(default) => format!("{first} {default}"),
        None => first.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_help_is_the_first_part() {
        for (text, expected) in [
            (
                "Seed of the masks [default: 0]",
                "Seed of the masks [default: 0]",
            ),
            ("Cells: G or GhxGw [default: 8]", "Cells [default: 8]"),
            ("From (A. B; C) to D. Then more", "From (A. B; C) to D"),
            ("Multiplies, e.g. .5 of it", "Multiplies, e.g"),
            ("A folder", "A folder"),
        ] {
            assert_eq!(first_part(text), expected);
        }
        let long = format!("What it is: this [default: {}]", "a".repeat(60));
        assert_eq!(first_part(&long), "What it is");
    }
}
