//! Arguments of the program, one a line: they are parsed and checked, or refused. Nothing runs.
#![no_main]
#![allow(dead_code, unused_imports)]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use clap::Parser;
use libfuzzer_sys::fuzz_target;

#[path = "../../src/bin/racm/args.rs"]
mod args;
#[path = "../../src/bin/racm/evaluate/mod.rs"]
mod evaluate;
#[path = "../../src/bin/racm/explain/mod.rs"]
mod explain;
#[path = "../../src/bin/racm/model.rs"]
mod model;
#[path = "../../src/bin/racm/npy.rs"]
mod npy;
#[path = "../../src/bin/racm/numbers.rs"]
mod numbers;
#[path = "../../src/bin/racm/read.rs"]
mod read;
#[path = "../../src/bin/racm/say.rs"]
mod say;
#[path = "../../src/bin/racm/white_box.rs"]
mod white_box;
#[path = "../../src/bin/racm/whole.rs"]
mod whole;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What must be given, and then one argument a line.
fn with<'a>(first: &'a str, lines: &'a [u8]) -> Vec<&'a OsStr> {
    let first = first.split(' ').map(OsStr::new);
    let lines = lines.split(|&b| b == b'\n').map(OsStr::from_bytes);
    first.chain(lines).collect()
}

fuzz_target!(|bytes: &[u8]| {
    let image = ndarray::Array3::zeros((3, 8, 8));
    let given = with("racm --model demo --out x", bytes);
    if let Ok(args) = explain::Args::try_parse_from(given) {
        if args.check().is_ok() {
            let _ = args.model.options();
            let _ = args.builder(&image).map(|builder| builder.build());
        }
    }
    let given = with("racm --model demo --out x --images x", bytes);
    if let Ok(args) = evaluate::Args::try_parse_from(given) {
        if args.check().is_ok() {
            let (kinds, _) = args.cases();
            let _ = (args.calls(&kinds), args.columns(), args.model.options());
        }
    }
});
