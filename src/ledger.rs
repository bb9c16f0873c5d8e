//! Scores by block: all that a run has to keep.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::ops::Range;

use ndarray::ArrayView2;

use crate::error::{Error, Inputs, Result};
use crate::masks::plan::{Plan, fingerprint};

const MAGIC: &[u8; 8] = b"RACMLED2";

/// What belongs together: scores are only comparable under the same plan, seed, input and targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// [`Plan::fingerprint`](crate::Plan::fingerprint).
    pub plan: u64,
    pub seed: u64,
    /// Fingerprint of the image and its baseline.
    pub input: u64,
    pub block_size: u64,
    pub targets: Vec<u64>,
}

impl Identity {
    pub fn expect(&self, expected: &Identity) -> Result<()> {
        let hex = |x: u64| format!("{x:016x}");
        for (what, given, expected) in [
            ("plan", hex(self.plan), hex(expected.plan)),
            ("seed", self.seed.to_string(), expected.seed.to_string()),
            ("image or baseline", hex(self.input), hex(expected.input)),
            (
                "block size",
                self.block_size.to_string(),
                expected.block_size.to_string(),
            ),
            (
                "set of targets",
                format!("{:?}", self.targets),
                format!("{:?}", expected.targets),
            ),
        ] {
            if given != expected {
                return Err(Error::Ledger {
                    what,
                    given,
                    expected,
                });
            }
        }
        Ok(())
    }
}

/// The scores of a run, block by block: 4 bytes a mask and target, and all that a map needs
/// besides the plan.
///
/// Ledgers of the same plan, seed, input and targets merge by union, in any order
/// ([`Ledger::merge`]); a run continues from one ([`Run::ledger`](crate::Run::ledger)); and
/// [`Ledger::write_to`] and [`Ledger::read_from`] carry one between machines.
#[derive(Clone, Debug, PartialEq)]
pub struct Ledger {
    identity: Identity,
    unmasked: Vec<f32>,
    /// Block -> the scores of its first masks, `[masks, targets]`.
    blocks: BTreeMap<u64, Vec<f32>>,
}

impl Ledger {
    pub(crate) fn new(identity: Identity, unmasked: Vec<f32>) -> Self {
        Ledger {
            identity,
            unmasked,
            blocks: BTreeMap::new(),
        }
    }

    /// Checks that a run belongs to this ledger: the same identity, and a model that answers the
    /// unmasked image as the ledger's did.
    pub(crate) fn expect(&self, identity: &Identity, unmasked: &[f32]) -> Result<()> {
        self.identity.expect(identity)?;
        agree(&self.unmasked, unmasked, |_| Inputs::Unmasked)
    }

    /// The seed of the masks.
    pub fn seed(&self) -> u64 {
        self.identity.seed
    }

    /// The classes whose scores are kept.
    pub fn targets(&self) -> Vec<usize> {
        self.identity.targets.iter().map(|&k| k as usize).collect()
    }

    /// The scores of the unmasked image, one a target.
    pub fn unmasked_scores(&self) -> &[f32] {
        &self.unmasked
    }

    /// The number of masks scored.
    pub fn masks(&self) -> u64 {
        let values: usize = self.blocks.values().map(Vec::len).sum();
        (values / self.unmasked.len()) as u64
    }

    /// The number of blocks with at least one mask.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Blocks in order, with the scores `[masks, targets]` of their first masks.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, ArrayView2<'_, f32>)> {
        let targets = self.unmasked.len();
        self.blocks.iter().filter_map(move |(&block, scores)| {
            ArrayView2::from_shape((scores.len() / targets, targets), scores)
                .ok()
                .map(|scores| (block, scores))
        })
    }

    /// The index of every mask scored, in order, with its scores: one a target.
    pub fn scores(&self) -> impl Iterator<Item = (u64, &[f32])> {
        let (size, targets) = (self.identity.block_size, self.unmasked.len());
        self.blocks.iter().flat_map(move |(&block, scores)| {
            let masks = scores.chunks_exact(targets).enumerate();
            masks.map(move |(i, scores)| (block * size + i as u64, scores))
        })
    }

    /// The same scores for the first `masks` masks of the seed only: a shorter run.
    pub fn prefix(&self, masks: u64) -> Ledger {
        let size = self.identity.block_size;
        let targets = self.unmasked.len();
        let keep = |(&block, scores): (&u64, &Vec<f32>)| {
            let left = masks.saturating_sub(block * size).min(size) as usize;
            let scores = scores[..scores.len().min(left * targets)].to_vec();
            (!scores.is_empty()).then_some((block, scores))
        };
        Ledger {
            blocks: self.blocks.iter().filter_map(keep).collect(),
            ..self.clone_head()
        }
    }

    /// The same ledger with every score changed. Ledgers of another `change` do not merge with it.
    pub(crate) fn map_scores(&self, change: &str, rule: impl Fn(f32) -> f32) -> Ledger {
        let mut other = self.clone();
        other.identity.input ^= fingerprint(change.bytes());
        let scores = other.blocks.values_mut().flatten();
        for score in scores.chain(&mut other.unmasked) {
            *score = rule(*score);
        }
        other
    }

    /// That the scores belong to the masks of a plan.
    pub(crate) fn expect_plan(&self, plan: &Plan) -> Result<()> {
        let (given, expected) = (self.identity.plan, plan.fingerprint());
        if given == expected {
            return Ok(());
        }
        Err(Error::Ledger {
            what: "plan",
            given: format!("{given:016x}"),
            expected: format!("{expected:016x}"),
        })
    }

    /// An empty ledger of the same run.
    pub(crate) fn clone_head(&self) -> Ledger {
        Ledger::new(self.identity.clone(), self.unmasked.clone())
    }

    /// The masks of `wanted` that are still to be scored, as ranges in order.
    pub(crate) fn missing(&self, wanted: Range<u64>) -> Vec<Range<u64>> {
        let size = self.identity.block_size;
        let mut missing: Vec<Range<u64>> = Vec::new();
        let mut start = wanted.start;
        while start < wanted.end {
            let block = start / size;
            let end = ((block + 1) * size).min(wanted.end);
            let have = block * size
                + self
                    .blocks
                    .get(&block)
                    .map_or(0, |s| (s.len() / self.unmasked.len()) as u64);
            let from = start.max(have);
            if from < end {
                match missing.last_mut() {
                    Some(last) if last.end == from => last.end = end,
                    _ => missing.push(from..end),
                }
            }
            start = end;
        }
        missing
    }

    /// Adds the scores of consecutive masks, `[n, targets]`, which must be the next ones of their
    /// blocks (as [`Ledger::missing`] lists them).
    pub(crate) fn record(&mut self, first: u64, scores: impl IntoIterator<Item = f32>) {
        let targets = self.unmasked.len() as u64;
        for (i, score) in scores.into_iter().enumerate() {
            let mask = first + i as u64 / targets;
            self.blocks
                .entry(mask / self.identity.block_size)
                .or_default()
                .push(score);
        }
    }

    /// The union of two ledgers: associative, commutative, idempotent.
    ///
    /// # Errors
    /// [`Error::Ledger`] if the ledgers are of different plans, seeds, images, baselines or
    /// targets; [`Error::LedgerConflict`] if they disagree about a mask or the unmasked image.
    /// `self` is then unchanged.
    pub fn merge(&mut self, other: &Ledger) -> Result<()> {
        other.identity.expect(&self.identity)?;
        agree(&self.unmasked, &other.unmasked, |_| Inputs::Unmasked)?;
        let targets = self.unmasked.len();
        for (block, theirs) in &other.blocks {
            let ours = self.blocks.get(block).map_or(&[][..], Vec::as_slice);
            agree(ours, theirs, |i| {
                let mask = block * self.identity.block_size + (i / targets) as u64;
                Inputs::Masks(mask..mask + 1)
            })?;
        }
        for (&block, theirs) in &other.blocks {
            let ours = self.blocks.entry(block).or_default();
            if theirs.len() > ours.len() {
                ours.clone_from(theirs);
            }
        }
        Ok(())
    }

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

/// Checks that two lists of scores are the same as far as both go.
fn agree(ours: &[f32], theirs: &[f32], inputs: impl Fn(usize) -> Inputs) -> Result<()> {
    let differs = |(a, b): (&f32, &f32)| a.to_bits() != b.to_bits();
    match ours.iter().zip(theirs).position(differs) {
        None => Ok(()),
        Some(i) => Err(Error::LedgerConflict {
            inputs: inputs(i),
            first: ours[i],
            second: theirs[i],
        }),
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
        let (chunks, _) = head.as_chunks::<4>();
        let values: Vec<f32> = chunks.iter().map(|&c| f32::from_le_bytes(c)).collect();
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
