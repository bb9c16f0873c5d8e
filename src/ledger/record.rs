//! Records: the pieces of which the file of a ledger consists, and how they are found again.

use crate::masks::plan::fingerprint;

/// What every record, and so every file, begins with.
pub(super) const MARKER: &[u8; 8] = b"RACMLED3";

/// The bytes of the marker that all formats share.
pub(super) const SHARED: usize = 7;

/// Bytes before the content: marker, first mask, length of the content, and a check of these.
const HEAD: usize = 24;

/// Bytes after it: a checksum of all before.
const SUM: usize = 8;

/// In the place of the first mask: this is a header.
pub(super) const HEADER: u64 = u64::MAX;

/// A file with more places than this that look like a record and are none is not read to its end.
const MOST_TRIES: u32 = 1000;

/// A record as bytes.
pub(super) fn sealed(first: u64, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + content.len() + SUM);
    bytes.extend_from_slice(MARKER);
    bytes.extend_from_slice(&first.to_le_bytes());
    // Whoever makes contents keeps them below 4 GiB.
    bytes.extend_from_slice(&(content.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&check(&bytes).to_le_bytes());
    bytes.extend_from_slice(content);
    let sum = fingerprint(bytes.iter().copied());
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

fn check(head: &[u8]) -> u32 {
    let sum = fingerprint(head.iter().copied());
    (sum ^ (sum >> 32)) as u32
}

/// The number at `at`, if the bytes go so far.
fn word<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

/// First mask and length of the content, if the bytes begin with the head of a record.
fn head(bytes: &[u8]) -> Option<(u64, usize)> {
    let stored = u32::from_le_bytes(word(bytes, HEAD - 4)?);
    let right = bytes.starts_with(MARKER) && stored == check(&bytes[..HEAD - 4]);
    let length = u32::from_le_bytes(word(bytes, 16)?) as usize;
    right.then_some((u64::from_le_bytes(word(bytes, 8)?), length))
}

/// First mask, content and length of the whole record that the bytes begin with, if they do.
fn record(bytes: &[u8]) -> Option<(u64, &[u8], usize)> {
    let (first, length) = head(bytes)?;
    let end = HEAD.checked_add(length)?;
    let sum = u64::from_le_bytes(word(bytes, end)?);
    let whole = sum == fingerprint(bytes[..end].iter().copied());
    whole.then(|| (first, &bytes[HEAD..end], end + SUM))
}

/// Where the next marker stands, from `from` on.
fn marker(bytes: &[u8], from: usize) -> Option<usize> {
    let found = bytes.get(from..)?.windows(MARKER.len());
    let at = found.into_iter().position(|window| window == MARKER)?;
    Some(from + at)
}

/// Whether the bytes are the beginnings of records, one or more, none of them whole: what is left of writing that was
/// stopped.
fn is_torn(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let next = marker(bytes, 1).unwrap_or(bytes.len());
        let (piece, rest) = bytes.split_at(next);
        let begun = match head(piece) {
            Some((_, length)) => piece.len() - HEAD < length + SUM,
            None => {
                let marked = piece.len().min(MARKER.len());
                piece.len() < HEAD && piece[..marked] == MARKER[..marked]
            }
        };
        if !begun {
            return false;
        }
        bytes = rest;
    }
    true
}

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Records<'b> {
    /// First mask and content of each whole record, in the file's order.
    pub whole: Vec<(u64, &'b [u8])>,
    /// Bytes that are of no whole record.
    pub torn: u64,
    /// Where the bytes end that may stay when more is appended: what is behind is no beginning of a record.
    pub keep: usize,
}

/// Finds the whole records. What is cut short, and whatever is wrong behind the last whole one, is left out.
pub(super) fn records(bytes: &[u8]) -> Result<Records<'_>, String> {
    let mut found = Records::default();
    let (mut at, mut tries) = (0, 0);
    while at < bytes.len() {
        if let Some((first, content, length)) = record(&bytes[at..]) {
            found.whole.push((first, content));
            at += length;
            found.keep = at;
            continue;
        }
        let mut next = marker(bytes, at + 1);
        while let Some(place) = next.filter(|&place| record(&bytes[place..]).is_none()) {
            tries += 1;
            if tries == MOST_TRIES {
                return Err(format!("from byte {at} on it is damaged"));
            }
            next = marker(bytes, place + 1);
        }
        let piece = &bytes[at..next.unwrap_or(bytes.len())];
        let other = piece.get(SHARED).copied().unwrap_or(MARKER[SHARED]);
        if piece.starts_with(&MARKER[..SHARED]) && other != MARKER[SHARED] {
            let other = char::from(other).escape_default();
            let verb = match at {
                0 => "it is".to_owned(),
                _ => format!("at byte {at} it goes on"),
            };
            return Err(format!(
                "{verb} in the format RACMLED{other}; this version reads RACMLED3"
            ));
        }
        let torn = is_torn(piece);
        if next.is_some() && !torn {
            return Err(format!("the record at byte {at} is damaged"));
        }
        found.torn += piece.len() as u64;
        at += piece.len();
        if torn {
            found.keep = at;
        }
    }
    Ok(found)
}

/// Whether a file without a whole record may be that of a ledger: one that was stopped while it was begun.
pub(super) fn is_begun(bytes: &[u8]) -> bool {
    let of_header = head(bytes).is_none_or(|(first, _)| first == HEADER);
    of_header && is_torn(bytes)
}
