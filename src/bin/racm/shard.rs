//! A part of the work, for one of several processes or machines.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// The K-th of N parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shard {
    pub part: usize,
    pub parts: usize,
}

impl Shard {
    /// Takes every N-th, so that a list sorted by size or class gives parts of about the same work.
    pub fn of<T>(self, items: Vec<T>) -> Vec<T> {
        let items = items.into_iter().skip(self.part - 1);
        items.step_by(self.parts).collect()
    }

    /// The part of so many blocks, one after the other.
    pub fn blocks(self, count: u64) -> Range<u64> {
        let bound = |k: usize| (u128::from(count) * k as u128 / self.parts as u128) as u64;
        bound(self.part - 1)..bound(self.part)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let numbers = s.split_once('/').and_then(|(part, parts)| {
            let (part, parts) = (part.parse().ok()?, parts.parse().ok()?);
            (1..=parts).contains(&part).then_some(Shard { part, parts })
        });
        numbers.ok_or_else(|| "expected K/N, whole numbers with K from 1 to N".to_owned())
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hold_everything_once_in_order() {
        for parts in 1..9 {
            let mut all = Vec::new();
            for part in 1..=parts {
                let shard: Shard = format!("{part}/{parts}").parse().unwrap();
                let part = shard.of((0..7).collect());
                assert!(part.is_sorted() && part.len().abs_diff(7 / parts) <= 1);
                all.extend(part);
            }
            all.sort_unstable();
            assert_eq!(all, (0..7).collect::<Vec<_>>());
        }
    }
}
