//! Ledgers of the format RACMLED2, which are still read: one piece with one checksum.

use super::Ledger;
use super::identity::{Facts, Identity};
use crate::masks::plan::fingerprint;

const MAGIC: &[u8; 8] = b"RACMLED2";

/// Whether the bytes are of this format.
pub(super) fn is_old(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Reads them, or says what is wrong.
pub(super) fn read(bytes: &[u8]) -> Result<Ledger, String> {
    let (body, checksum) = bytes[MAGIC.len()..]
        .split_last_chunk::<8>()
        .ok_or("it is cut short")?;
    if u64::from_le_bytes(*checksum) != fingerprint(bytes[..bytes.len() - 8].iter().copied()) {
        return Err("its checksum does not match: it is cut short or damaged".to_owned());
    }
    Parser(body)
        .ledger()
        .ok_or_else(|| "its contents contradict each other".to_owned())
}

struct Parser<'a>(&'a [u8]);

impl Parser<'_> {
    fn u64(&mut self) -> Option<u64> {
        let (head, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*head))
    }

    fn floats(&mut self, n: u64) -> Option<Vec<f32>> {
        let (head, rest) = self
            .0
            .split_at_checked(usize::try_from(n.checked_mul(4)?).ok()?)?;
        self.0 = rest;
        let float = |c: &[u8]| f32::from_le_bytes([c[0], c[1], c[2], c[3]]);
        let values: Vec<f32> = head.chunks_exact(4).map(float).collect();
        values.iter().all(|v| v.is_finite()).then_some(values)
    }

    fn ledger(mut self) -> Option<Ledger> {
        let (plan, seed, input, block_size) = (self.u64()?, self.u64()?, self.u64()?, self.u64()?);
        let targets = self.u64()?;
        let identity = Identity {
            plan,
            seed,
            input,
            block_size,
            targets: (0..targets).map(|_| self.u64()).collect::<Option<_>>()?,
            facts: Facts::default(),
        };
        let blocks = self.u64()?;
        let mut ledger = Ledger::new(identity, self.floats(targets)?);
        if targets == 0 || block_size == 0 {
            return None;
        }
        for _ in 0..blocks {
            let (block, len) = (self.u64()?, self.u64()?);
            // Blocks ascend, and their masks can be counted.
            block.checked_add(1)?.checked_mul(block_size)?;
            let last = ledger.blocks.last_key_value();
            if last.is_some_and(|(&last, _)| last >= block) {
                return None;
            }
            if len == 0 || len % targets != 0 || len / targets > block_size {
                return None;
            }
            ledger.blocks.insert(block, self.floats(len)?);
        }
        self.0.is_empty().then_some(ledger)
    }
}
