//! Ledgers as bytes.

use std::io::{Read, Write};

use super::{Identity, Ledger};
use crate::error::{Error, Result};
use crate::masks::plan::fingerprint;

const MAGIC: &[u8; 8] = b"RACMLED2";

impl Ledger {
    /// Writes the ledger: little endian, with a checksum.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_to(&self, mut writer: impl Write) -> Result<()> {
        let id = &self.identity;
        let mut bytes = MAGIC.to_vec();
        let mut put = |x: u64| bytes.extend_from_slice(&x.to_le_bytes());
        for x in [id.plan, id.seed, id.input, id.block_size] {
            put(x);
        }
        put(id.targets.len() as u64);
        id.targets.iter().for_each(|&k| put(k));
        put(self.blocks.len() as u64);
        let mut floats = |values: &[f32]| {
            values
                .iter()
                .for_each(|v| bytes.extend_from_slice(&v.to_le_bytes()));
        };
        floats(&self.unmasked);
        for (block, scores) in &self.blocks {
            bytes.extend_from_slice(&block.to_le_bytes());
            bytes.extend_from_slice(&(scores.len() as u64).to_le_bytes());
            for v in scores {
                bytes.extend_from_slice(&v.to_le_bytes());
            }
        }
        let checksum = fingerprint(bytes.iter().copied());
        bytes.extend_from_slice(&checksum.to_le_bytes());
        writer.write_all(&bytes).map_err(|source| Error::Io {
            what: "writing a ledger".to_owned(),
            source,
        })
    }

    /// Reads a ledger that [`Ledger::write_to`] wrote.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::LedgerFormat`] for anything that is not a whole ledger.
    pub fn read_from(mut reader: impl Read) -> Result<Self> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map_err(|source| Error::Io {
            what: "reading a ledger".to_owned(),
            source,
        })?;
        let damaged = |reason: &str| Error::LedgerFormat {
            reason: reason.to_owned(),
        };
        let body = bytes
            .strip_prefix(MAGIC)
            .ok_or_else(|| damaged("it does not begin with RACMLED2"))?;
        let (body, checksum) = body
            .split_last_chunk::<8>()
            .ok_or_else(|| damaged("it is cut short"))?;
        if u64::from_le_bytes(*checksum) != fingerprint(bytes[..bytes.len() - 8].iter().copied()) {
            return Err(damaged(
                "its checksum does not match: it is cut short or damaged",
            ));
        }
        Parser(body)
            .ledger()
            .ok_or_else(|| damaged("its contents contradict each other"))
    }
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
