//! Ledgers: any bytes are read or refused, and what was written is read again. Once it is cut short it gives fewer
//! scores or none, and it is refused once a byte of it differs; what is recovered of either are right scores.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ndarray::Array2;
use racm::{Ledger, MaskSpec, Plan, Rise};

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Bytes(&'a [u8]),
    Written {
        seed: u64,
        masks: u8,
        targets: u8,
        score: f32,
        /// A place, and what is added there.
        change: (u16, u8),
        cut: u16,
    },
}

fuzz_target!(|input: Input<'_>| match input {
    Input::Bytes(bytes) => {
        let _ = Ledger::recover_from(bytes);
        if let Ok(ledger) = Ledger::read_from(bytes) {
            assert_read_again(&written(&ledger));
        }
    }
    Input::Written {
        seed,
        masks,
        targets,
        score,
        change: (place, add),
        cut,
    } => {
        let (masks, targets) = (usize::from(masks % 80), usize::from(targets % 5));
        let plan = Plan::new([1, 4, 4], &MaskSpec::new(Rise).grid(2, 2)).unwrap();
        let scores = Array2::from_elem((masks, targets), score);
        let made = Ledger::from_scores(&plan, seed, 0, &scores);
        let Ok(ledger) = made.and_then(|l| l.with_unmasked_scores(&vec![score; targets])) else {
            return;
        };
        let mut bytes = written(&ledger);
        assert_read_again(&bytes);
        let length = bytes.len();
        let part = &bytes[..usize::from(cut) % length];
        // Between two records nothing shows that there were more.
        if let Ok(fewer) = Ledger::read_from(part) {
            assert!(fewer.masks() < ledger.masks());
        }
        assert_right(part, score);
        if add > 0 {
            let byte = &mut bytes[usize::from(place) % length];
            *byte = byte.wrapping_add(add);
            assert!(Ledger::read_from(&*bytes).is_err(), "a changed byte");
            assert_right(&bytes, score);
        }
    }
});

fn written(ledger: &Ledger) -> Vec<u8> {
    let mut bytes = Vec::new();
    ledger.write_to(&mut bytes).unwrap();
    bytes
}

/// That what is recovered has no other scores.
fn assert_right(bytes: &[u8], score: f32) {
    if let Ok((ledger, _)) = Ledger::recover_from(bytes) {
        let mut scores = ledger.scores().flat_map(|(_, scores)| scores);
        assert!(scores.all(|s| s.to_bits() == score.to_bits()));
    }
}

fn assert_read_again(bytes: &[u8]) {
    assert_eq!(written(&Ledger::read_from(bytes).unwrap()), bytes);
}
