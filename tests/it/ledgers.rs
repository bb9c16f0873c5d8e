//! Ledgers: union, conflicts, bytes.

use std::cell::Cell;
use std::io::{self, Write};

use ndarray::{Array2, Array3, ArrayView4};
use proptest::prelude::*;
use racm::{Error, Explainer, FnModel, Ledger};

/// A model whose answer to the i-th image it ever sees is `i + shift`, from `wrong` on (if not 0) 1 more.
fn ledger(blocks: std::ops::Range<u64>, unmasked: f32, shift: f32) -> Ledger {
    let at = Cell::new(-1i64);
    let first = blocks.start as i64 * 4;
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        Array2::from_shape_fn((batch.dim().0, 2), |(_, k)| {
            if k == 0 {
                at.set(at.get() + 1);
            }
            match at.get() {
                0 => unmasked,
                i => (first + i - 1) as f32 + shift + 0.5 * k as f32,
            }
        })
    });
    let explainer = Explainer::builder()
        .grid(2, 2)
        .block_size(4)
        .masks(38)
        .build()
        .unwrap();
    let image = Array3::<f32>::ones((1, 4, 4));
    explainer
        .run(&model, &image, [0, 1])
        .blocks(blocks)
        .score()
        .unwrap()
}

fn part(at: u64, len: u64, prefix: u64) -> Ledger {
    ledger(at..at + len, 7.0, 0.0).prefix(prefix)
}

fn union(a: &Ledger, b: &Ledger) -> Ledger {
    let mut a = a.clone();
    a.merge(b).unwrap();
    a
}

fn bytes(ledger: &Ledger) -> Vec<u8> {
    let mut bytes = Vec::new();
    ledger.write_to(&mut bytes).unwrap();
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merging_is_a_union(a in (0..10u64, 0..6u64, 0..40u64), b in (0..10u64, 0..6u64, 0..40u64), c in (0..10u64, 0..6u64, 0..40u64)) {
        let [a, b, c] = [a, b, c].map(|(at, len, prefix)| part(at, len, prefix));
        prop_assert_eq!(union(&a, &b), union(&b, &a));
        prop_assert_eq!(union(&union(&a, &b), &c), union(&a, &union(&b, &c)));
        prop_assert_eq!(&union(&a, &a), &a);
        let both = union(&a, &b);
        prop_assert_eq!(&union(&both, &a), &both);
        prop_assert!(both.masks() >= a.masks().max(b.masks()));
        prop_assert!(both.masks() <= a.masks() + b.masks());
        prop_assert_eq!(Ledger::read_from(&bytes(&both)[..]).unwrap(), both);
    }

    /// A flipped bit, a cut or an addition is found, whatever and wherever.
    #[test]
    fn damaged_bytes_are_refused(at in any::<prop::sample::Index>(), bit in 0..8u32, cut in any::<prop::sample::Index>(), more in prop::collection::vec(any::<u8>(), 1..20)) {
        let whole = bytes(&part(2, 3, 40));
        let mut flipped = whole.clone();
        flipped[at.index(whole.len())] ^= 1 << bit;
        let cut = whole[..cut.index(whole.len())].to_vec();
        let longer = [&whole[..], &more].concat();
        for damaged in [flipped, cut, longer, more] {
            let error = Ledger::read_from(&damaged[..]).unwrap_err();
            let format = matches!(error, Error::LedgerFormat { .. });
            prop_assert!(format, "{}", error);
        }
    }

    /// Bytes with a right checksum but any content: read or refused, and what is read can be used.
    #[test]
    fn forged_bytes_never_panic(at in any::<prop::sample::Index>(), word in prop_oneof![any::<u64>(), 0..9u64, Just(u64::MAX), Just(1 << 62)]) {
        let mut forged = bytes(&part(2, 3, 40));
        let words = (forged.len() - 16) / 8;
        let at = 8 + 8 * at.index(words);
        forged[at..at + 8].copy_from_slice(&word.to_le_bytes());
        seal(&mut forged);
        if let Ok(read) = Ledger::read_from(&forged[..]) {
            let _ = (read.masks(), read.blocks(), read.prefix(9), read.targets());
            let mut other = part(0, 10, 40);
            let _ = other.merge(&read);
            let plan = Explainer::builder().grid(2, 2).block_size(4).build().unwrap().plan([1, 4, 4]).unwrap();
            let _ = racm::Estimator::Centred.maps(&plan, &read).map(|m| assert!(m.iter().all(|v| !v.is_nan())));
        }
    }
}

/// FNV-1a over all but the last 8 bytes.
fn seal(bytes: &mut [u8]) {
    let (body, checksum) = bytes.split_at_mut(bytes.len() - 8);
    let hash = body.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    checksum.copy_from_slice(&hash.to_le_bytes());
}

#[test]
fn conflicts_name_the_mask_and_change_nothing() {
    let ours = part(0, 10, 40);
    let mut merged = ours.clone();
    let theirs = ledger(3..5, 7.0, 0.25);
    let error = merged.merge(&theirs).unwrap_err();
    let expected = "the ledgers hold different scores for mask 12 (12 and 12.25); the model must answer the same input alike";
    assert_eq!(error.to_string(), expected);
    assert_eq!(merged, ours);
    // No overlap, no conflict.
    let mut merged = part(0, 3, 40);
    merged.merge(&theirs).unwrap();
    assert_eq!(merged.masks(), 20);
}

/// Two ledgers that disagree about the unmasked image have no union either: it would depend on the order.
#[test]
fn unmasked_scores_conflict_too() {
    let (a, b) = (ledger(0..2, 7.0, 0.0), ledger(2..4, 7.5, 0.0));
    let error = a.clone().merge(&b).unwrap_err();
    let expected = "the ledgers hold different scores for the unmasked image (7 and 7.5); the model must answer the same input alike";
    assert_eq!(error.to_string(), expected);
    assert!(b.clone().merge(&a).is_err());
}

/// A run does not go on from the scores of another model.
#[test]
fn resuming_with_another_model_is_a_conflict() {
    let explainer = Explainer::builder().grid(2, 2).masks(8).build().unwrap();
    let image = Array3::<f32>::ones((1, 4, 4));
    let model = |answer: f32| {
        FnModel::new(move |b: ArrayView4<'_, f32>| Array2::from_elem((b.dim().0, 1), answer))
    };
    let ledger = explainer.run(&model(1.0), &image, 0).score().unwrap();
    let error = explainer
        .run(&model(2.0), &image, 0)
        .ledger(ledger)
        .score()
        .unwrap_err();
    let conflict = matches!(error.cause(), Error::LedgerConflict { .. });
    assert!(conflict, "{error}");
}

#[test]
fn bytes_are_four_a_mask_and_target() {
    let count = |masks| bytes(&part(0, 10, masks)).len();
    // 32 masks more, in 8 blocks of 16 bytes of head.
    assert_eq!(count(36) - count(4), 32 * 2 * 4 + 8 * 16);
}

struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("disk full"))
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl io::Read for Full {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("unplugged"))
    }
}

#[test]
fn io_errors_say_what_was_done() {
    let error = part(0, 1, 4).write_to(Full).unwrap_err();
    assert_eq!(error.to_string(), "writing a ledger: disk full");
    let error = Ledger::read_from(Full).unwrap_err();
    assert_eq!(error.to_string(), "reading a ledger: unplugged");
    assert!(matches!(error, Error::Io { .. }));
}

#[test]
fn format_errors_say_why() {
    let whole = bytes(&part(0, 2, 8));
    let reason = |bytes: &[u8]| Ledger::read_from(bytes).unwrap_err().to_string();
    assert_eq!(
        reason(b"PNG"),
        "not a ledger: it does not begin with RACMLED2"
    );
    assert_eq!(reason(&whole[..10]), "not a ledger: it is cut short");
    assert!(reason(&whole[..whole.len() - 4]).contains("checksum"));
    let mut forged = whole.clone();
    // The block size: two masks cannot be in a block of one.
    forged[32..40].copy_from_slice(&1u64.to_le_bytes());
    seal(&mut forged);
    assert_eq!(
        reason(&forged),
        "not a ledger: its contents contradict each other"
    );
}
