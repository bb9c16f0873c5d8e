//! Ledgers as bytes.

use std::io::{Read, Write};

use super::header::Header;
use super::record::{HEADER, MARKER, SHARED, is_begun, records, sealed};
use super::{Ledger, old};
use crate::error::{Error, Result};

/// Content of a record of scores above which another is begun.
const CONTENT: usize = 1 << 20;

/// What bytes were found to hold.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Nothing, if the bytes are of a ledger whose header was never written.
    pub ledger: Option<Ledger>,
    /// Bytes that are of no whole record.
    pub torn: u64,
    /// How many bytes there are, and how many may stay when more are appended.
    pub length: u64,
    pub keep: u64,
    /// Of a format that is not appended to.
    pub old: bool,
}

/// All bytes of a reader; only the first ones if they are not those of a ledger.
pub(super) fn contents(mut reader: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader
        .by_ref()
        .take(SHARED as u64)
        .read_to_end(&mut bytes)?;
    if MARKER.starts_with(&bytes) {
        reader.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Reads all that is whole.
pub(super) fn read(bytes: &[u8]) -> Result<Found> {
    let fault = |reason| Error::LedgerFormat { reason };
    if old::is_old(bytes) {
        return Ok(Found {
            ledger: Some(old::read(bytes).map_err(fault)?),
            old: true,
            ..Found::default()
        });
    }
    if !bytes.starts_with(&MARKER[..SHARED.min(bytes.len())]) {
        return Err(fault("it does not begin with RACMLED3".to_owned()));
    }
    let found = records(bytes).map_err(fault)?;
    if found.whole.is_empty() && !is_begun(bytes) {
        return Err(fault("it is cut short or damaged".to_owned()));
    }
    let (headers, mut scores): (Vec<_>, Vec<_>) = found
        .whole
        .into_iter()
        .partition(|(first, _)| *first == HEADER);
    let mut ledger: Option<Ledger> = None;
    for (_, text) in headers {
        let header = Header::from_text(text).map_err(fault)?;
        let next = Ledger {
            wanted: header.wanted,
            ..Ledger::new(header.identity, header.unmasked)
        };
        match &mut ledger {
            Some(ledger) => ledger.merge(&next)?,
            None => ledger = Some(next),
        }
    }
    // Whoever appended first, the first masks of a block come first.
    scores.sort_by_key(|(first, _)| *first);
    for (first, content) in scores {
        let ledger = ledger.as_mut();
        let ledger = ledger.ok_or_else(|| fault("it has no header".to_owned()))?;
        ledger.add_record(first, content)?;
    }
    Ok(Found {
        ledger,
        torn: found.torn,
        length: bytes.len() as u64,
        keep: found.keep as u64,
        old: false,
    })
}

impl Ledger {
    /// Writes the ledger.
    ///
    /// # Format
    /// A file is a sequence of records, in any order; the first is a header. Numbers are little endian.
    ///
    /// | bytes of a record | what |
    /// |---|---|
    /// | 0..8 | `RACMLED3` |
    /// | 8..16 | u64: the first mask whose scores these are, or 2^64 - 1 for a header |
    /// | 16..20 | u32: L, the length of the content |
    /// | 20..24 | u32: the checksum of bytes 0..20, its upper half XOR its lower half |
    /// | 24..24 + L | the content |
    /// | 24 + L..32 + L | u64: the checksum of all bytes before |
    ///
    /// The checksum is FNV-1a of 64 bits. The content of a record of scores is f32, those of the first mask for each
    /// target, those of the next mask, and so on; masks may come twice, with the same scores. The content of a header
    /// is text in UTF-8, lines of `name: value`, each name at most once; in values, `\` and line feed, carriage return
    /// and tab are `\\`, `\n`, `\r` and `\t`:
    ///
    /// | line | value |
    /// |---|---|
    /// | `plan`, `input` | fingerprints, 16 hexadecimal digits: [`Plan::fingerprint`](crate::Plan::fingerprint); FNV-1a of the f32 of the image and then of the baseline (C values, or C x H x W) |
    /// | `seed`, `block size` | numbers |
    /// | `masks` | [`Ledger::wanted_masks`], or 0 |
    /// | `targets`, `unmasked scores` | numbers with spaces between them, one a target; scores are `NaN` if there are none |
    /// | `model`, `number of classes`, `top class`, `next class` | [`Ledger::model_name`]; how many scores the model gives, and the two highest (from 0 on) |
    /// | `image` | FNV-1a of the f32 of the image |
    /// | `baseline` | its name |
    /// | `image shape`, `grid` | `C H W`; rows and columns |
    /// | `family`, `enlargement`, `placement`, `P_pix` | the plan's |
    /// | `planes` | the names of the planes, with tabs between them |
    /// | `segments`, `region` | `none`, or count and fingerprint for people and, behind a colon, the runs in reading order: label and length of each; lengths outside and inside in turn |
    ///
    /// The last seven rows may be missing where nothing is known. Further headers have to be of the same run. Where
    /// writing was stopped, a record may be cut short, and whole ones may follow; what is at the very end need not be a
    /// record at all. Files of the format RACMLED2 are still read.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_to(&self, mut writer: impl Write) -> Result<()> {
        let mut bytes = self.header();
        for (&block, scores) in &self.blocks {
            let first = block * self.identity.block_size;
            bytes.extend(score_records(self.unmasked.len(), first, scores));
        }
        writer.write_all(&bytes).map_err(|source| Error::Io {
            what: "writing a ledger".to_owned(),
            source,
        })
    }

    /// Reads a ledger that [`Ledger::write_to`] or a [`Run`](crate::Run) wrote.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::LedgerFormat`] for anything that is not a whole ledger: [`Ledger::recover_from`] reads
    /// what is left where writing was stopped; [`Error::Ledger`] and [`Error::LedgerConflict`] for records of several
    /// runs.
    pub fn read_from(reader: impl Read) -> Result<Self> {
        let (ledger, torn) = Self::recover_from(reader)?;
        if torn == 0 {
            return Ok(ledger);
        }
        let reason =
            format!("{torn} bytes of it are of no whole record: it is cut short or damaged");
        Err(Error::LedgerFormat { reason })
    }

    /// Reads the whole records of a ledger whose writing may have been stopped, and counts the bytes that are of none:
    /// records that were cut short, and whatever is wrong at the very end. Their masks have no scores.
    ///
    /// # Errors
    /// As of [`Ledger::read_from`], but for those bytes.
    pub fn recover_from(reader: impl Read) -> Result<(Self, u64)> {
        let bytes = contents(reader).map_err(|source| Error::Io {
            what: "reading a ledger".to_owned(),
            source,
        })?;
        let found = read(&bytes)?;
        let ledger = found.ledger.ok_or_else(|| Error::LedgerFormat {
            reason: "it is cut short before its first score".to_owned(),
        })?;
        Ok((ledger, found.torn))
    }

    /// The header, as a record.
    pub(super) fn header(&self) -> Vec<u8> {
        let header = Header {
            identity: self.identity.clone(),
            unmasked: self.unmasked.clone(),
            wanted: self.wanted,
        };
        sealed(HEADER, header.to_text().as_bytes())
    }

    /// Adds the scores of a record.
    fn add_record(&mut self, first: u64, content: &[u8]) -> Result<()> {
        let (size, targets) = (self.identity.block_size, self.unmasked.len());
        let fault = |reason: &str| Error::LedgerFormat {
            reason: format!("its record of mask {first} {reason}"),
        };
        let masks = (content.len() / (4 * targets)) as u64;
        if masks == 0 || content.len() % (4 * targets) != 0 {
            return Err(fault("does not hold a score for every target"));
        }
        if first.checked_add(masks).is_none_or(|end| end > 1 << 63) {
            return Err(fault("is of masks beyond 2^63"));
        }
        let float = |c: &[u8]| f32::from_le_bytes([c[0], c[1], c[2], c[3]]);
        let scores: Vec<f32> = content.chunks_exact(4).map(float).collect();
        if !scores.iter().all(|score| score.is_finite()) {
            return Err(fault("holds a score that is not finite"));
        }
        let (mut mask, mut rest) = (first, &scores[..]);
        while !rest.is_empty() {
            let of_block = (size - mask % size).min((rest.len() / targets) as u64);
            let (scores, more) = rest.split_at(of_block as usize * targets);
            self.add(mask, scores)?;
            (mask, rest) = (mask + of_block, more);
        }
        Ok(())
    }
}

/// The scores of the masks from `first` on, as records.
pub(super) fn score_records(targets: usize, first: u64, scores: &[f32]) -> Vec<u8> {
    let masks = (CONTENT / (4 * targets)).max(1);
    let pieces = scores.chunks(masks * targets).zip(0u64..);
    let piece = |(scores, i): (&[f32], u64)| {
        let content: Vec<u8> = scores.iter().flat_map(|v| v.to_le_bytes()).collect();
        sealed(first + i * masks as u64, &content)
    };
    pieces.flat_map(piece).collect()
}
