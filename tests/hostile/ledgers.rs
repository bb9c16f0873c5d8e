//! Ledgers that are damaged, of another run, or claim what no machine holds; for `racm merge`, and for runs that should go
//! on from them.

use std::fs;

use racm::ndarray::Array2;
use racm::{Ledger, MaskSpec, Plan};

use crate::bytes::{cuts, png};
use crate::{Case, Room};

/// FNV-1a, 64 bits: the checksum of a record.
fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A header that says what it likes, with checksums that are right.
fn header(text: &str) -> Vec<u8> {
    let mut record = b"RACMLED3".to_vec();
    record.extend(u64::MAX.to_le_bytes());
    record.extend((text.len() as u32).to_le_bytes());
    let check = sum(&record);
    record.extend(((check ^ (check >> 32)) as u32).to_le_bytes());
    record.extend(text.as_bytes());
    record.extend(sum(&record).to_le_bytes());
    record
}

/// The ledger of a loop of one's own, on images of this shape.
fn own(shape: [usize; 3], masks: usize) -> Vec<u8> {
    let plan = Plan::new(shape, &MaskSpec::default().grid(2, 2)).unwrap();
    let scores = Array2::from_shape_fn((masks, 1), |(n, _)| n as f32);
    let mut bytes = Vec::new();
    let ledger = Ledger::from_scores(&plan, 0, 0, &scores).unwrap();
    ledger.write_to(&mut bytes).unwrap();
    bytes
}

/// What a header says, and what it says instead.
const FORGED: [(&str, &str); 12] = [
    ("masks: 40", "masks: 18446744073709551615"),
    ("block size: 32", "block size: 0"),
    ("block size: 32", "block size: 18446744073709551615"),
    ("targets: 1", "targets: 99"),
    ("targets: 1", "targets: 18446744073709551615"),
    (
        "image shape: 3 16 16",
        "image shape: 3 1099511627776 1099511627776",
    ),
    ("image shape: 3 16 16", "image shape: 0 0 0"),
    ("grid: 2 2", "grid: 1000000000 1000000000"),
    ("P_pix: 0.5", "P_pix: NaN"),
    ("segments: none", "segments: 5 segments, 0: 1000000000000x7"),
    ("region: none", "region: 5 pixels, 0: 1000000000000x1"),
    ("model: demo", "model: \u{1b}[2Jgone"),
];

pub fn cases(room: &Room) -> Vec<Case> {
    let image = room.file("ramp.png", png(16, 8, 2));
    let explain = format!("explain --model demo --image {image} --masks 40 --grid 2");
    let first = room.0.join("first");
    let outcome = Case::fine("first", &explain).run(&first, &room.0.join("said"));
    assert_eq!(outcome.status, Some(0), "{}", outcome.message);
    let written = fs::read(first.join("ledger.racm")).unwrap();
    let whole = room.file("whole.racm", &written);

    let merge = format!("merge --image {image}");
    let on = format!("{explain} --ledger");
    // The header comes first.
    let length = u32::from_le_bytes(written[16..20].try_into().unwrap());
    let text = String::from_utf8(written[24..24 + length as usize].to_vec()).unwrap();
    let mut cases = vec![
        Case::fine("merge whole", &merge).with(&whole),
        Case::refused("merge seeds", &merge, &["seed1.racm", "another seed"])
            .with(&whole)
            .with(room.file("seed1.racm", header(&text.replace("seed: 0", "seed: 1")))),
    ];
    for (number, (from, to)) in FORGED.into_iter().enumerate() {
        let name = format!("forged{number}.racm");
        assert!(text.contains(from), "{from}");
        let path = room.file(&name, header(&text.replace(from, to)));
        cases.push(Case::refused(format!("merge {to}"), &merge, &[]).with(&path));
        // That an earlier run was to have more masks is no fault.
        cases.push(Case::either(format!("on {to}"), &on, &[&name]).with(&path));
    }
    // Which class comes next, and the scores as they are.
    let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let (top, next) = (line("top class: ").unwrap(), line("next class: ").unwrap());
    let merge_next = format!("{merge} --target next-top");
    for (to, word) in [
        ("99", "class 99 was asked for"),
        ("-1", "does not say which comes next"),
        (top, "expected different classes"),
    ] {
        let lines = ["next class: ", "\n"];
        let mut bytes = header(&text.replace(&lines.join(next), &lines.join(to)));
        bytes.extend(&written[32 + length as usize..]);
        let path = room.file(&format!("next{to}.racm"), bytes);
        cases.push(Case::refused(format!("merge next {to}"), &merge_next, &[word]).with(&path));
    }
    for (path, word) in room.odd(".racm") {
        let name = path.rsplit('/').next().unwrap().to_owned();
        cases.push(Case::refused(format!("merge {name}"), &merge, &[&name, word]).with(&path));
        if !name.starts_with("absent") {
            cases.push(Case::refused(format!("on {name}"), &on, &[&name, word]).with(&path));
            let restart = format!("{explain} --restart --ledger");
            cases.push(Case::refused(format!("restart {name}"), &restart, &[&name]).with(&path));
        }
    }
    for (path, word) in room.odd(".onnx") {
        let name = path.rsplit('/').next().unwrap().to_owned();
        let arguments = format!("{merge} {whole} --model");
        cases.push(
            Case::refused(format!("merge --model {name}"), &arguments, &[&name, word]).with(&path),
        );
    }
    for at in cuts(written.len(), 30) {
        let name = format!("cut{at}.racm");
        let path = room.file(&name, &written[..at]);
        cases.push(Case::refused(format!("merge {name}"), &merge, &[]).with(path));
    }
    for at in cuts(written.len(), 60) {
        let name = format!("flipped{at}.racm");
        let mut damaged = written.clone();
        damaged[at] ^= 0x15;
        let path = room.file(&name, &damaged);
        cases.push(Case::refused(format!("merge {name}"), &merge, &[]).with(path));
    }
    // Right in itself, and too large for any machine.
    for (name, shape) in [("wide", [3, 2, 1 << 24]), ("large", [3, 1 << 18, 1 << 18])] {
        let path = room.file(&format!("{name}.racm"), own(shape, 40));
        cases.push(Case::refused(format!("merge {name}"), &merge, &[]).with(path));
    }
    cases
}
