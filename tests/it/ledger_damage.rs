//! Files of ledgers that are cut, damaged, written by several or changed: nothing is lost silently, and no score is wrong.

use std::cell::Cell;
use std::fs;

use proptest::prelude::*;
use racm::{Ledger, Target, demo};

use crate::ledger_files::{builder, image, on_file, path, whole};
use crate::ledgers::{header, record};
use crate::worlds::assert_same;

#[test]
fn a_run_goes_on_from_every_cut() {
    let file = path("cuts");
    let explainer = builder().build().unwrap();
    let quiet = whole(&explainer);
    let (first, calls) = on_file(&explainer, &file);
    assert_same(&quiet, &first.unwrap());
    assert_eq!(calls, 101);
    let bytes = fs::read(&file).unwrap();
    let head = bytes.len() - header(&bytes).1.len();
    // Records of 5 masks: 20 bytes of scores and 32 around them.
    let cuts = (head..=bytes.len()).chain([0, 3, 23, 24, head - 1]);
    for cut in cuts {
        fs::write(&file, &bytes[..cut]).unwrap();
        let (again, calls) = on_file(&explainer, &file);
        let again = again.unwrap();
        assert_same(&quiet, &again);
        let records = cut.saturating_sub(head) / 52;
        let known = records as u64 * 5;
        let torn = if cut < head { cut } else { (cut - head) % 52 };
        let stats = again.run_stats();
        assert_eq!((stats.known_masks, stats.torn_bytes), (known, torn as u64));
        let expected = if known == 100 { 0 } else { 101 - known };
        let asked = stats.model_calls - 2 * stats.repeats.count;
        assert_eq!((calls, asked), (expected, expected));
        // What was left out is still told, but for a first record that was replaced, and nothing is scored again.
        let (third, calls) = on_file(&explainer, &file);
        assert_eq!((third.unwrap().run_stats().known_masks, calls), (100, 0));
        let (ledger, left) = Ledger::recover_from(fs::File::open(&file).unwrap()).unwrap();
        let kept = if cut < head { 0 } else { torn as u64 };
        assert_eq!((&ledger, left), (quiet.ledger(), kept));
    }
}

/// What no process leaves, but a power cut may, is cut off at the end and refused elsewhere.
#[test]
fn damage_at_the_end_is_cut_off_and_elsewhere_refused() {
    let file = path("damage");
    let explainer = builder().build().unwrap();
    let quiet = whole(&explainer);
    on_file(&explainer, &file).0.unwrap();
    let bytes = fs::read(&file).unwrap();
    let end = bytes.len();
    let mut flipped = bytes.clone();
    flipped[end - 20] ^= 1;
    let zeros = [&bytes[..], &[0; 300]].concat();
    for (damaged, torn, known) in [(flipped, 52, 95), (zeros, 300, 100)] {
        fs::write(&file, damaged).unwrap();
        let (again, _) = on_file(&explainer, &file);
        let again = again.unwrap();
        assert_same(&quiet, &again);
        let stats = again.run_stats();
        assert_eq!((stats.torn_bytes, stats.known_masks), (torn, known));
        assert_eq!(fs::read(&file).unwrap().len(), end);
        assert!(Ledger::read_from(fs::File::open(&file).unwrap()).is_ok());
    }
    let mut flipped = bytes.clone();
    flipped[end - 72] ^= 1;
    fs::write(&file, &flipped).unwrap();
    let (refused, calls) = on_file(&explainer, &file);
    let error = refused.unwrap_err().to_string();
    let expected = format!("damage.racm: the record at byte {} is damaged", end - 104);
    assert!(error.ends_with(&expected), "{error}");
    assert_eq!((calls, fs::read(&file).unwrap()), (0, flipped));
}

/// A process was killed while it wrote, and another had the file open: what the other wrote counts.
#[test]
fn records_behind_a_torn_one_count() {
    let file = path("torn_between");
    let explainer = builder().build().unwrap();
    on_file(&explainer, &file).0.unwrap();
    let bytes = fs::read(&file).unwrap();
    let at = bytes.len() - 104;
    for torn in [3, 24, 30, 51] {
        let between = [
            &bytes[..at],
            &bytes[at..at + torn],
            &bytes[..30],
            &bytes[at..],
        ]
        .concat();
        fs::write(&file, between).unwrap();
        let (again, calls) = on_file(&explainer, &file);
        let again = again.unwrap();
        assert_same(&whole(&explainer), &again);
        assert_eq!((calls, again.run_stats().torn_bytes), (0, torn as u64 + 30));
    }
}

/// Two runs at once: each writes what it scored, whoever comes first.
#[test]
fn two_runs_on_one_file_harm_nothing() {
    let file = path("two");
    let image = image();
    std::thread::scope(|scope| {
        for batch in [1, 3, 7, 8] {
            let (file, image) = (&file, &image);
            scope.spawn(move || {
                let explainer = builder().masks(2000).batch(batch).build().unwrap();
                let run = explainer.run(&demo::Classifier, image, Target::Top);
                let found = run.ledger_file(file).explain().unwrap();
                assert_same(&whole(&explainer), &found);
            });
        }
    });
    let stored = Ledger::read_from(fs::File::open(&file).unwrap()).unwrap();
    let explainer = builder().masks(2000).build().unwrap();
    assert_eq!(
        &stored.scores().collect::<Vec<_>>(),
        &whole(&explainer).ledger().scores().collect::<Vec<_>>()
    );
    // Shards of a run can be put one behind the other.
    let parts = [0..5, 3..9, 9..13].map(|blocks| {
        let run = explainer.run(&demo::Classifier, &image, Target::Top);
        let mut bytes = Vec::new();
        run.blocks(blocks)
            .score()
            .unwrap()
            .write_to(&mut bytes)
            .unwrap();
        bytes
    });
    let all = Ledger::read_from(&parts.concat()[..]).unwrap();
    assert_eq!(all.missing(0..2000).first(), Some(&(104..2000)));
    assert_eq!(all.wanted_masks(), Some(2000));
}

/// Whoever writes first: the order of records changes nothing.
#[test]
fn records_may_come_in_any_order() {
    let file = path("order");
    let explainer = builder().build().unwrap();
    on_file(&explainer, &file).0.unwrap();
    let bytes = fs::read(&file).unwrap();
    let head = bytes.len() - header(&bytes).1.len();
    let mut turned = bytes[..head].to_vec();
    for record in bytes[head..].chunks_exact(52).rev() {
        turned.extend(record);
        turned.extend(record);
    }
    let ledger = Ledger::read_from(&turned[..]).unwrap();
    assert_eq!(&ledger, whole(&explainer).ledger());
}

/// 20,000 files changed in all ways that a test can think of: refused, or right scores and no others.
#[test]
fn changed_files_are_refused_or_give_right_scores() {
    let file = path("changed");
    let explainer = builder().masks(60).build().unwrap();
    on_file(&explainer, &file).0.unwrap();
    let bytes = fs::read(&file).unwrap();
    let right = whole(&explainer).into_ledger();
    let head = bytes.len() - header(&bytes).1.len();
    let config = ProptestConfig {
        cases: 20_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let change = (
        0..8usize,
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        any::<u8>(),
    );
    let counts = Cell::new([0; 3]);
    proptest!(config, |(changes in prop::collection::vec(change, 1..4))| {
        let mut changed = bytes.clone();
        for (how, at, other, byte) in changes {
            if changed.is_empty() {
                break;
            }
            let (at, other) = (at.index(changed.len()), other.index(changed.len()));
            // Half of the cuts and copies are of whole records.
            let snap = |at: usize| match at.checked_sub(head) {
                Some(behind) if byte % 2 == 0 => head + behind / 52 * 52,
                _ => at,
            };
            let (from, to) = (snap(at.min(other)), snap(at.max(other)));
            match how {
                0 => changed[at] = byte,
                1 => changed[at] ^= 1 << (byte % 8),
                2 => changed.truncate(to),
                3 => drop(changed.drain(from..to.min(from + 104))),
                4 => changed.insert(at, byte),
                5 => changed[from..to].fill(byte),
                6 => {
                    let piece = changed[from..to].to_vec();
                    changed.splice(from..from, piece);
                }
                // A record of scores of one's own, with the checksum of something else.
                _ => {
                    let mut forged = record(u64::from(byte), &[byte; 20]);
                    forged[24 + at % 20] ^= 1;
                    changed.splice(other..other, forged);
                }
            }
        }
        let mut seen = counts.get();
        match Ledger::recover_from(&changed[..]) {
            Err(_) => seen[0] += 1,
            Ok((ledger, torn)) => {
                seen[if torn > 0 { 1 } else { 2 }] += 1;
                let mut union = right.clone();
                union.merge(&ledger).unwrap();
                prop_assert_eq!(&union, &right);
                prop_assert!(torn > 0 || changed.len() >= head);
            }
        }
        counts.set(seen);
    });
    assert!(counts.get().iter().all(|&n| n > 100), "{:?}", counts.get());
}
