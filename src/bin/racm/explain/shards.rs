//! Ledgers of parts of a run, which a run of all masks does not read.

use std::fs;
use std::path::Path;

use super::args::LedgerArgs;
use crate::Failure;
use crate::say::{count_of, warning};

/// So many are named.
const NAMED: usize = 3;

/// Warns of those in the folder of a run that begins anew: whoever scored them most likely wants their map.
pub fn warn(asked: &LedgerArgs, out: &Path) -> Result<(), Failure> {
    let whole = asked.ledger.clone();
    let whole = whole.unwrap_or_else(|| out.join("ledger.racm"));
    if asked.part().is_some() || (whole.exists() && !asked.restart) {
        return Ok(());
    }
    let entries = fs::read_dir(out).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut found: Vec<String> = names.filter(|name| is_of_part(name)).collect();
    found.sort_unstable();
    let more = found.len().saturating_sub(NAMED);
    let named = found[..found.len() - more].join(", ");
    match (found.len(), more) {
        (0, _) => Ok(()),
        (_, 0) => warn_of(out, &named),
        _ => warn_of(out, &format!("{named} and {}", count_of(more, "other"))),
    }
}

fn warn_of(out: &Path, named: &str) -> Result<(), Failure> {
    warning(format_args!(
        "in {} there are scores of parts of a run, in {named}. This run does not read them: racm merge makes their map",
        out.display()
    ))
}

/// `ledger-K-of-N.racm`, or `ledger-A-to-B.racm`.
fn is_of_part(name: &str) -> bool {
    let middle = name.strip_prefix("ledger-");
    let middle = middle.and_then(|name| name.strip_suffix(".racm"));
    let numbers = middle.and_then(|m| m.split_once("-of-").or_else(|| m.split_once("-to-")));
    numbers.is_some_and(|(a, b)| a.parse::<u64>().is_ok() && b.parse::<u64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ledgers_of_parts_are_known_by_their_names() {
        for name in ["ledger-1-of-2.racm", "ledger-0-to-64.racm"] {
            assert!(is_of_part(name), "{name}");
        }
        for name in [
            "ledger.racm",
            "ledger-1-of-2.json",
            "ledger-a-of-b.racm",
            "ledger-3.racm",
            "my-ledger-1-of-2.racm",
        ] {
            assert!(!is_of_part(name), "{name}");
        }
    }
}
