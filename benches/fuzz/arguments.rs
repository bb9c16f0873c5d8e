//! Arguments of the program, one a line: they are parsed and checked, or refused. Nothing runs.
#![no_main]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use clap::Parser;
use libfuzzer_sys::fuzz_target;
use racm_fuzz::{compare, evaluate, explain, merge};

/// What must be given, and then one argument a line.
fn with<'a>(first: &'a str, lines: &'a [u8]) -> Vec<&'a OsStr> {
    let first = first.split(' ').map(OsStr::new);
    let lines = lines.split(|&b| b == b'\n').map(OsStr::from_bytes);
    first.chain(lines).collect()
}

fuzz_target!(|bytes: &[u8]| {
    let given = with("racm --model demo --out x", bytes);
    if let Ok(args) = explain::Args::try_parse_from(given) {
        if args.check().is_ok() {
            let _ = args.model.options();
            let _ = args.builder(None, [8, 8]).map(|builder| builder.build());
        }
    }
    let given = with("racm --model demo --out x --images x", bytes);
    if let Ok(args) = evaluate::Args::try_parse_from(given) {
        if args.check().is_ok() {
            let (kinds, _) = args.cases();
            let _ = (args.calls(&kinds), args.columns(), args.model.options());
        }
    }
    let _ = compare::Args::try_parse_from(with("racm --model demo --out x", bytes));
    let _ = merge::Args::try_parse_from(with("racm --out x a.racm", bytes));
});
