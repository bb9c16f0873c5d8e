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

    /// A flipped bit, a cut or an addition is found, whatever and wherever; but for a cut between two records, which
    /// leaves fewer masks.
    #[test]
    fn damaged_bytes_are_refused(at in any::<prop::sample::Index>(), bit in 0..8u32, cut in any::<prop::sample::Index>(), more in prop::collection::vec(any::<u8>(), 1..20)) {
        let whole = bytes(&part(2, 3, 40));
        let mut flipped = whole.clone();
        flipped[at.index(whole.len())] ^= 1 << bit;
        let cut = whole[..cut.index(whole.len())].to_vec();
        if let Ok(less) = Ledger::read_from(&cut[..]) {
            prop_assert_eq!(&union(&less, &part(2, 3, 40)), &part(2, 3, 40));
            prop_assert!(less.masks() % 4 == 0 && less.masks() < 12);
            return Ok(());
        }
        let longer = [&whole[..], &more].concat();
        for damaged in [flipped, cut, longer, more] {
            let error = Ledger::read_from(&damaged[..]).unwrap_err();
            let format = matches!(error, Error::LedgerFormat { .. });
            prop_assert!(format, "{}", error);
        }
    }

    /// Bytes with right checksums but any content: read or refused, and what is read can be used.
    #[test]
    fn forged_bytes_never_panic(at in any::<prop::sample::Index>(), word in prop_oneof![any::<u64>(), 0..9u64, Just(u64::MAX), Just(1 << 62)]) {
        let mut forged = bytes(&part(2, 3, 40));
        let at = at.index(forged.len() - 8);
        forged[at..at + 8].copy_from_slice(&word.to_le_bytes());
        seal(&mut forged);
        used(&forged);
    }

    /// The same for the text of a header.
    #[test]
    fn forged_headers_never_panic(line in any::<prop::sample::Index>(), value in "[0-9a-zA-Z :,.\\\\-]{0,24}", other in any::<prop::sample::Index>()) {
        let whole = bytes(&part(2, 3, 40));
        let (text, scores) = header(&whole);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let at = line.index(lines.len());
        let name = lines[at].split_once(": ").unwrap().0.to_owned();
        let of_other = lines[other.index(lines.len())].split_once(": ").unwrap().1.to_owned();
        for value in [value, of_other] {
            lines[at] = format!("{name}: {value}");
            used(&[record(u64::MAX, (lines.join("\n") + "\n").as_bytes()), scores.to_vec()].concat());
        }
    }
}

/// What is read can be used.
fn used(forged: &[u8]) {
    let Ok((read, _)) = Ledger::recover_from(forged) else {
        return;
    };
    let _ = (read.masks(), read.blocks(), read.prefix(9), read.targets());
    let _ = (
        read.missing(0..u64::MAX),
        read.model_name(),
        read.wanted_masks(),
    );
    let mut other = part(0, 10, 40);
    let _ = other.merge(&read);
    let plan = Explainer::builder()
        .grid(2, 2)
        .block_size(4)
        .build()
        .unwrap();
    let plan = plan.plan([1, 4, 4]).unwrap();
    let estimator = racm::Estimator::Centred;
    for plan in [Ok(plan), read.plan()].into_iter().flatten() {
        let maps = estimator.maps(&plan, &read);
        let _ = maps.map(|maps| assert!(maps.iter().all(|v| !v.is_nan())));
    }
}

/// FNV-1a.
fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A record as the documentation describes it.
pub fn record(first: u64, content: &[u8]) -> Vec<u8> {
    let mut bytes = b"RACMLED3".to_vec();
    bytes.extend(first.to_le_bytes());
    bytes.extend((content.len() as u32).to_le_bytes());
    let check = sum(&bytes);
    bytes.extend((check as u32 ^ (check >> 32) as u32).to_le_bytes());
    bytes.extend(content);
    bytes.extend(sum(&bytes).to_le_bytes());
    bytes
}

/// The length of the record that bytes begin with, as far as they go.
fn length(bytes: &[u8]) -> usize {
    let content = u32::from_le_bytes(bytes[16..20].try_into().unwrap()) as usize;
    (content.min(bytes.len()) + 32).min(bytes.len())
}

/// The text of the header that bytes begin with, and the rest.
pub fn header(bytes: &[u8]) -> (String, &[u8]) {
    let (header, rest) = bytes.split_at(length(bytes));
    let text = header[24..header.len() - 8].to_vec();
    (String::from_utf8(text).unwrap(), rest)
}

/// Makes the checksums of all records right.
fn seal(bytes: &mut [u8]) {
    let mut rest = bytes;
    while rest.len() >= 32 {
        let (record, more) = rest.split_at_mut(length(rest));
        let first = u64::from_le_bytes(record[8..16].try_into().unwrap());
        let content = record[24..record.len() - 8].to_vec();
        let sealed = self::record(first, &content);
        record.copy_from_slice(&sealed);
        rest = more;
    }
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
    // 32 masks more, in 8 blocks of 32 bytes around them.
    assert_eq!(count(36) - count(4), 32 * 2 * 4 + 8 * 32);
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
    let (text, scores) = header(&whole);
    let reason = |bytes: &[u8]| {
        let error = Ledger::read_from(bytes).unwrap_err();
        assert!(matches!(error, Error::LedgerFormat { .. }), "{error}");
        error.to_string()
    };
    let cut = "not a ledger: it is cut short before its first score";
    let mut damaged = whole[..100].to_vec();
    damaged[9] ^= 1;
    for (bytes, expected) in [
        (&b"PNG"[..], "not a ledger: it does not begin with RACMLED3"),
        (b"", cut),
        (b"RACM", cut),
        (&whole[..10], cut),
        (&whole[..100], cut),
        (&damaged, "not a ledger: it is cut short or damaged"),
        (
            &whole[..whole.len() - 4],
            "not a ledger: 60 bytes of it are of no whole record: it is cut short or damaged",
        ),
        (scores, "not a ledger: it has no header"),
    ] {
        assert_eq!(reason(bytes), expected);
    }
    let mut flipped = whole.clone();
    let at = whole.len() - 100;
    flipped[at] ^= 4;
    let expected = format!(
        "not a ledger: the record at byte {} is damaged",
        whole.len() - 128
    );
    assert_eq!(reason(&flipped), expected);
    let later = [&whole[..], b"RACMLED4"].concat();
    let expected = format!(
        "not a ledger: at byte {} it goes on in the format RACMLED4; this version reads RACMLED3",
        whole.len()
    );
    assert_eq!(reason(&later), expected);
    let with = |old: &str, new: &str| {
        assert!(text.contains(old), "{text}");
        let header = record(u64::MAX, text.replace(old, new).as_bytes());
        reason(&[&header[..], scores].concat())
    };
    for (old, new, expected) in [
        (
            "block size: 4",
            "block size: 0",
            "its header contradicts itself",
        ),
        (
            "targets: 0 1",
            "targets: 0",
            "its header contradicts itself",
        ),
        (
            "targets: 0 1",
            "targets: 0 x",
            "the targets of its header cannot be read",
        ),
        ("seed: 0\n", "", "its header does not tell its seed"),
        (
            "seed: 0\n",
            "seed: 0\nseed: 0\n",
            "its header tells its seed twice",
        ),
        (
            "grid: 2 2\n",
            "grid: 2 2\ngrid: 2 2\n",
            "its header tells its grid twice",
        ),
        (
            "grid: 2 2",
            "gird: 2 2",
            "its header tells its gird, which this version does not know",
        ),
        ("seed: 0", "seed", "its header holds the line \"seed\""),
    ] {
        assert_eq!(with(old, new), format!("not a ledger: {expected}"));
    }
    for (first, content, expected) in [
        (
            0,
            &[0; 12][..],
            "its record of mask 0 does not hold a score for every target",
        ),
        (
            8,
            &[],
            "its record of mask 8 does not hold a score for every target",
        ),
        (
            1 << 63,
            &[0; 8],
            "its record of mask 9223372036854775808 is of masks beyond 2^63",
        ),
        (
            8,
            &[255; 8],
            "its record of mask 8 holds a score that is not finite",
        ),
    ] {
        let more = [&whole[..], &record(first, content)].concat();
        assert_eq!(reason(&more), format!("not a ledger: {expected}"));
    }
    // The plan of a header is made again only if it is the one that the fingerprint is of.
    let other = record(u64::MAX, text.replace("grid: 2 2", "grid: 1 2").as_bytes());
    let other = Ledger::read_from(&[&other[..], scores].concat()[..]).unwrap();
    let expected = "not a ledger: its plan is not the one that its fingerprint is of";
    assert_eq!(other.plan().unwrap_err().to_string(), expected);
}

/// A file of the format before.
#[test]
fn ledgers_of_the_older_format_are_read() {
    let ledger = part(0, 3, 12);
    let whole = bytes(&ledger);
    let (text, _) = header(&whole);
    let line = |name: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(name));
        u64::from_str_radix(found.unwrap(), 16).unwrap()
    };
    let mut old = b"RACMLED2".to_vec();
    for word in [line("plan: "), 0, line("input: "), 4, 2, 0, 1, 3] {
        old.extend(word.to_le_bytes());
    }
    let mut floats = ledger.unmasked_scores().to_vec();
    for (mask, scores) in ledger.scores() {
        if mask % 4 == 0 {
            old.extend(floats.drain(..).flat_map(f32::to_le_bytes));
            old.extend((mask / 4).to_le_bytes());
            old.extend(8u64.to_le_bytes());
        }
        floats.extend(scores);
    }
    old.extend(floats.into_iter().flat_map(f32::to_le_bytes));
    old.extend(sum(&old).to_le_bytes());
    let read = Ledger::read_from(&old[..]).unwrap();
    assert!(read.scores().eq(ledger.scores()));
    assert_eq!(union(&ledger, &read), ledger);
    // What it does not say, it learns.
    assert_eq!(union(&read, &ledger), ledger);
    let expected = "not a ledger: it does not tell its image shape";
    assert_eq!(read.plan().unwrap_err().to_string(), expected);
    let error = Ledger::read_from(&old[..old.len() - 1]).unwrap_err();
    assert!(error.to_string().contains("checksum"), "{error}");
    old[32] = 0;
    let end = old.len() - 8;
    let right = sum(&old[..end]).to_le_bytes();
    old[end..].copy_from_slice(&right);
    let error = Ledger::read_from(&old[..]).unwrap_err();
    assert!(error.to_string().contains("contradict"), "{error}");
}
