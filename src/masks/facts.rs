//! Plans as text, choice by choice: so that files can be compared, and plans read from them.

use std::str::FromStr;

use crate::error::Error;
use crate::masks::family::{Family, MaskFamily, McRise, Racm};
use crate::masks::plan::{Plan, fingerprint};
use crate::masks::region::{MOST_PIXELS, Region};
use crate::masks::segments::Segments;
use crate::masks::spec::MaskSpec;

// What a plan says of itself. The planes' names tell no plans apart.
pub(crate) const SHAPE: &str = "image shape";
pub(crate) const FAMILY: &str = "family";
pub(crate) const PLANES: &str = "planes";
pub(crate) const GRID: &str = "grid";
pub(crate) const ENLARGEMENT: &str = "enlargement";
pub(crate) const PLACEMENT: &str = "placement";
pub(crate) const P_PIX: &str = "P_pix";
pub(crate) const SEGMENTS: &str = "segments";
pub(crate) const REGION: &str = "region";

/// Nothing, where there could be segments or a region.
const NONE: &str = "none";

/// A text on one line, without tabs: backslash, line feed, carriage return and tab as `\\`, `\n`, `\r` and `\t`.
pub(crate) fn escaped(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c => line.push(c),
        }
    }
    line
}

/// What [`escaped`] made.
pub(crate) fn unescaped(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                other => text.extend(other),
            },
            c => text.push(c),
        }
    }
    text
}

/// Numbers with spaces between them.
pub(crate) fn spaced<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    values.join(" ")
}

/// What [`spaced`] made.
pub(crate) fn numbers<T: FromStr>(text: &str) -> Option<Vec<T>> {
    text.split(' ').map(|word| word.parse().ok()).collect()
}

/// N numbers, no more and no fewer.
fn array<const N: usize>(text: &str) -> Option<[usize; N]> {
    numbers(text)?.try_into().ok()
}

/// `count what, fingerprint: runs`; what stands before the colon is for people.
fn runs(count: usize, what: &str, runs: &str) -> String {
    let mark = fingerprint(runs.bytes());
    format!("{count} {what}, {mark:016x}: {runs}")
}

impl Plan {
    /// Name and value of every choice, each on one line.
    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        let spec = self.spec();
        // Only of families that can be made again: another may have the name of one of them.
        let planes = self.family().built_in().map(|_| {
            let names: Vec<String> = self.plane_names().iter().map(|p| escaped(p)).collect();
            (PLANES, names.join("\t"))
        });
        let segments = spec.segments.as_ref().map_or(NONE.to_owned(), |segments| {
            let all = segments.runs().iter();
            let all = all.map(|(run, label)| format!("{label} {}", run.len()));
            runs(segments.count(), "segments", &spaced(all))
        });
        let region = spec.region.as_ref().map_or(NONE.to_owned(), |region| {
            runs(region.count(), "pixels", &spaced(region.runs()))
        });
        let facts = [
            (SHAPE, spaced(self.shape())),
            (FAMILY, escaped(&self.family().name())),
            (GRID, spaced(self.grid())),
            (ENLARGEMENT, spec.enlargement.to_string()),
            (PLACEMENT, spec.placement.to_string()),
            (P_PIX, spec.p_pix.to_string()),
            (SEGMENTS, segments),
            (REGION, region),
        ];
        facts.into_iter().chain(planes).collect()
    }

    /// The plan that says so of itself, or why there is none.
    pub(crate) fn from_facts<'f>(
        block_size: usize,
        fact: impl Fn(&'static str) -> Option<&'f str>,
    ) -> Result<Plan, String> {
        let get = |name| fact(name).ok_or_else(|| format!("it does not tell its {name}"));
        let unread = |name| format!("its {name} cannot be read");
        let shape: [usize; 3] = array(get(SHAPE)?).ok_or_else(|| unread(SHAPE))?;
        let size = [shape[1], shape[2]];
        let pixels = shape
            .iter()
            .try_fold(1usize, |n, &axis| n.checked_mul(axis));
        if pixels.is_none_or(|pixels| pixels > MOST_PIXELS) {
            return Err(format!("its image has more than {MOST_PIXELS} values"));
        }
        let name = unescaped(get(FAMILY)?);
        let planes = fact(PLANES);
        let planes =
            planes.ok_or_else(|| format!("its family {name:?} is none of this crate's"))?;
        let planes = planes.split('\t').map(unescaped).collect();
        let family = family(&name, shape[0], planes)?;
        let [rows, columns] = array(get(GRID)?).ok_or_else(|| unread(GRID))?;
        let mut spec = MaskSpec::new(family.shared())
            .grid(rows, columns)
            .enlargement(get(ENLARGEMENT)?.parse().map_err(|_| unread(ENLARGEMENT))?)
            .placement(get(PLACEMENT)?.parse().map_err(|_| unread(PLACEMENT))?)
            .p_pix(get(P_PIX)?.parse().map_err(|_| unread(P_PIX))?)
            .block_size(block_size);
        if let Some(labels) = runs_of::<i64>(get(SEGMENTS)?, SEGMENTS)? {
            let pair = |pair: &[i64]| Some((pair[0], usize::try_from(pair[1]).ok()?));
            let labels: Option<Vec<_>> = match labels.len() % 2 {
                0 => labels.chunks_exact(2).map(pair).collect(),
                _ => None,
            };
            let labels = labels.ok_or_else(|| unread(SEGMENTS))?;
            spec = spec.segments(Segments::from_runs(size, &labels)?);
        }
        if let Some(runs) = runs_of(get(REGION)?, REGION)? {
            spec = spec.region(Region::from_runs(size, &runs)?);
        }
        Plan::new(shape, &spec).map_err(|e| e.to_string())
    }
}

/// What stands behind the colon, unless there is nothing.
fn runs_of<T: FromStr>(text: &str, name: &str) -> Result<Option<Vec<T>>, String> {
    if text == NONE {
        return Ok(None);
    }
    let runs = text.split_once(": ").and_then(|(_, runs)| numbers(runs));
    runs.map(Some)
        .ok_or_else(|| format!("its {name} cannot be read"))
}

/// The family of that name for images of so many channels, with these planes.
fn family(name: &str, channels: usize, planes: Vec<String>) -> Result<Family, String> {
    let fault = |e: Error| e.to_string();
    if let Some(groups) = name.strip_prefix("racm in groups ") {
        let group_of: Vec<usize> =
            list(groups).ok_or_else(|| "its groups cannot be read".to_owned())?;
        let channels = |group| {
            let all = group_of.iter().enumerate();
            all.filter_map(move |(channel, &g)| (g == group).then_some(channel))
        };
        let groups = planes.into_iter().enumerate();
        let groups = groups.map(|(group, name)| (name, channels(group).collect::<Vec<_>>()));
        return Racm::grouped(groups)
            .map(Family::GroupedRacm)
            .map_err(fault);
    }
    if let Some(colours) = name.strip_prefix("mc-rise [") {
        let inner = colours.strip_suffix(']').unwrap_or(colours);
        let colours: Option<Vec<Vec<f32>>> = inner.split_inclusive(']').map(list).collect();
        let colours = colours.filter(|colours| colours.len() == planes.len());
        let colours = colours.ok_or_else(|| "its colours cannot be read".to_owned())?;
        return McRise::new(planes.into_iter().zip(colours))
            .map(Family::McRise)
            .map_err(fault);
    }
    let family: Family = name.parse().map_err(fault)?;
    let named = (0..channels).map(|c| Racm.plane_name(c, channels));
    match family {
        // Channels on their own, with names: the masks are RaCM's.
        Family::Racm if !planes.iter().cloned().eq(named) => {
            let alone = planes.into_iter().enumerate();
            Racm::grouped(alone.map(|(channel, name)| (name, [channel])))
                .map(Family::GroupedRacm)
                .map_err(fault)
        }
        family => Ok(family),
    }
}

/// Numbers as `[1, 2]`, also behind a comma.
fn list<T: FromStr>(text: &str) -> Option<Vec<T>> {
    let inner = text.trim_start_matches(", ").strip_prefix('[')?;
    let inner = inner.strip_suffix(']')?;
    inner.split(", ").map(|word| word.parse().ok()).collect()
}
