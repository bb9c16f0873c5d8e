//! Headers: what a ledger's scores are of, as lines of text.

use super::identity::{Facts, Identity};
use crate::masks::facts::{numbers, spaced};

/// What a header says.
#[derive(Debug)]
pub(super) struct Header {
    pub identity: Identity,
    pub unmasked: Vec<f32>,
    /// The number of masks that were asked for.
    pub wanted: u64,
}

impl Header {
    /// `name: value`, a line each.
    pub fn to_text(&self) -> String {
        let Identity {
            plan,
            seed,
            input,
            block_size,
            targets,
            facts,
        } = &self.identity;
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            text.extend([name, ": ", value, "\n"]);
        };
        line("plan", &format!("{plan:016x}"));
        line("input", &format!("{input:016x}"));
        line("seed", &seed.to_string());
        line("block size", &block_size.to_string());
        line("masks", &self.wanted.to_string());
        line("targets", &spaced(targets));
        line("unmasked scores", &spaced(&self.unmasked));
        facts.iter().for_each(|(name, value)| line(name, value));
        text
    }

    /// Reads what [`Header::to_text`] wrote, or says what is wrong with it.
    pub fn from_text(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|e| format!("its header: {e}"))?;
        let mut lines: Vec<(&str, &str)> = Vec::new();
        let mut facts = Facts::default();
        for line in text.lines() {
            let fault = || format!("its header holds the line {line:?}");
            let (name, value) = line.split_once(": ").ok_or_else(fault)?;
            if facts.get(name).is_some() || lines.iter().any(|(other, _)| *other == name) {
                return Err(format!("its header tells its {name} twice"));
            }
            if !facts.set(name, value.to_owned()) {
                lines.push((name, value));
            }
        }
        let mut take = |name: &str| {
            let at = lines.iter().position(|(other, _)| *other == name);
            let at = at.ok_or_else(|| format!("its header does not tell its {name}"))?;
            Ok::<_, String>(lines.swap_remove(at).1)
        };
        let unread = |name: &str| format!("the {name} of its header cannot be read");
        let mut number =
            |name: &str, radix| u64::from_str_radix(take(name)?, radix).map_err(|_| unread(name));
        let (plan, input) = (number("plan", 16)?, number("input", 16)?);
        let (seed, block_size) = (number("seed", 10)?, number("block size", 10)?);
        let wanted = number("masks", 10)?;
        let targets: Vec<u64> = numbers(take("targets")?).ok_or_else(|| unread("targets"))?;
        let scores = "unmasked scores";
        let unmasked: Vec<f32> = numbers(take(scores)?).ok_or_else(|| unread(scores))?;
        if let Some((name, _)) = lines.first() {
            return Err(format!(
                "its header tells its {name}, which this version does not know"
            ));
        }
        let none = unmasked.iter().all(|score| score.is_nan());
        let all = unmasked.iter().all(|score| score.is_finite());
        if block_size == 0 || targets.len() != unmasked.len() || !(none || all) {
            return Err("its header contradicts itself".to_owned());
        }
        Ok(Header {
            identity: Identity {
                plan,
                seed,
                input,
                block_size,
                targets,
                facts,
            },
            // A ledger without them has this NaN.
            unmasked: if none {
                vec![f32::NAN; unmasked.len()]
            } else {
                unmasked
            },
            wanted,
        })
    }
}
