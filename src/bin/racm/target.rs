//! `--target`: classes by their numbers, or by their names.

use std::collections::BTreeSet;
use std::str::FromStr;

use racm::Target;

use crate::Failure;
use crate::read::quoted;

/// What was asked for: names mean something only once the list of names is read.
#[derive(Clone)]
pub enum TargetArg {
    Numbers(Target),
    Names(String),
}

impl FromStr for TargetArg {
    type Err = racm::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(target) => Ok(TargetArg::Numbers(target)),
            Err(_) if has_name(text) => Ok(TargetArg::Names(text.to_owned())),
            Err(error) => Err(error),
        }
    }
}

/// Whether there is a word that is no number and none of the words that stand for classes.
fn has_name(text: &str) -> bool {
    let is_known = |word: &str| {
        let number = word.starts_with(|c: char| c.is_ascii_digit()) && word.parse::<f64>().is_ok();
        number || ["top", "next", "all"].contains(&word)
    };
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '.');
    words
        .filter(|word| word.contains(char::is_alphabetic))
        .any(|word| !is_known(word))
}

impl TargetArg {
    /// The target with its classes by number.
    pub fn of(&self, names: &[String]) -> Result<Target, Failure> {
        let text = match self {
            TargetArg::Numbers(target) => return Ok(target.clone()),
            TargetArg::Names(text) => text.trim(),
        };
        let wrong = |reason: String| Failure::from(format!("--target {}: {reason}", quoted(text)));
        if names.iter().all(|name| name.trim().is_empty()) {
            return Err(wrong(
                "the names of the classes are not known; --labels FILE, with one name a line, tells them, or give the \
                 numbers, K[,K...]"
                    .to_owned(),
            ));
        }
        let by_number = numbered(text, names).map_err(wrong)?;
        by_number
            .parse()
            .map_err(|error: racm::Error| wrong(error.to_string()))
    }
}

/// The text with a number in the place of each name.
fn numbered(text: &str, names: &[String]) -> Result<String, String> {
    // A name may hold commas and signs.
    if let Some(class) = exactly(text, names)? {
        return Ok(class.to_string());
    }
    if let Some((start, sign, rest)) = next_sign(text) {
        let mut sum = term(start, names)?;
        let mut left = Some((sign, rest));
        while let Some((sign, rest)) = left {
            let next = next_sign(rest);
            sum.push(sign);
            sum += &term(next.map_or(rest, |(term, _, _)| term), names)?;
            left = next.map(|(_, sign, rest)| (sign, rest));
        }
        return Ok(sum);
    }
    if text.contains('*') {
        return term(text, names);
    }
    let classes: Result<Vec<String>, String> =
        text.split(',').map(|part| class(part, names)).collect();
    Ok(classes?.join(","))
}

/// What stands before the first sign between two spaces, that sign, and what stands behind it.
fn next_sign(text: &str) -> Option<(&str, char, &str)> {
    let signs = [" - ", " + "];
    let at = signs.iter().filter_map(|sign| text.find(sign)).min()?;
    let sign = text[at + 1..].chars().next()?;
    Some((&text[..at], sign, &text[at + 3..]))
}

/// A class with its weight, if it has one: `0.5*stop sign`, `-yield`.
fn term(text: &str, names: &[String]) -> Result<String, String> {
    let text = text.trim();
    if exactly(text, names)?.is_none() {
        if let Some((weight, name)) = text.split_once('*') {
            if weight.trim().parse::<f64>().is_ok() {
                return Ok(format!("{}*{}", weight.trim(), class(name, names)?));
            }
        }
    }
    class(text, names)
}

/// A class by number, rank or name.
fn class(text: &str, names: &[String]) -> Result<String, String> {
    let text = text.trim();
    let is_number = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    match is_number || ["top", "next"].contains(&text) {
        true => Ok(text.to_owned()),
        false => find(text, names).map(|class| class.to_string()),
    }
}

/// The class that is called so, letter for letter or but for capitals.
fn exactly(text: &str, names: &[String]) -> Result<Option<usize>, String> {
    let lower = text.to_lowercase();
    let rules: [&dyn Fn(&str) -> bool; 4] = [
        &|name| name == text,
        &|name| synonyms(name).any(|synonym| synonym == text),
        &|name| name.to_lowercase() == lower,
        &|name| synonyms(name).any(|synonym| synonym.to_lowercase() == lower),
    ];
    first_of(&rules, text, names)
}

/// The class that is called so, by the first rule that any name meets.
fn find(text: &str, names: &[String]) -> Result<usize, String> {
    if let Some(class) = exactly(text, names)? {
        return Ok(class);
    }
    // A sign without a term.
    if text.starts_with(['-', '+', '*']) || text.ends_with(['-', '+', '*']) {
        return Err(unknown(text, names));
    }
    let (lower, asked) = (text.to_lowercase(), words(text));
    let begins = |name: &str| name.to_lowercase().starts_with(&lower);
    let rules: [&dyn Fn(&str) -> bool; 3] = [
        &|name| !asked.is_empty() && words(name).windows(asked.len()).any(|w| *w == asked),
        &|name| !lower.is_empty() && (begins(name) || synonyms(name).any(begins)),
        &|name| !lower.is_empty() && name.to_lowercase().contains(&lower),
    ];
    first_of(&rules, text, names)?.ok_or_else(|| unknown(text, names))
}

/// The only class that meets the first rule which any meets.
fn first_of(
    rules: &[&dyn Fn(&str) -> bool],
    text: &str,
    names: &[String],
) -> Result<Option<usize>, String> {
    const LISTED: usize = 8;
    for rule in rules {
        let meets = |class: &usize| rule(names[*class].trim());
        let found: Vec<usize> = (0..names.len()).filter(meets).collect();
        match found[..] {
            [] => {}
            [class] => return Ok(Some(class)),
            _ => {
                let more = match found.len().saturating_sub(LISTED) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let alike = |class: &usize| names[*class].trim() == names[found[0]].trim();
                let how = match found.iter().all(alike) {
                    true => "give the number",
                    false => "give more of the name, or the number",
                };
                return Err(format!(
                    "{} may be any of {}{more}; {how}",
                    quoted(text),
                    listed(found.iter().take(LISTED), names)
                ));
            }
        }
    }
    Ok(None)
}

/// A line may hold several names of a class, as ImageNet's do: `tench, Tinca tinca`.
fn synonyms(name: &str) -> impl Iterator<Item = &str> {
    name.split(',').map(str::trim)
}

/// In small letters, without what stands between them.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric());
    words.filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

fn listed<'a>(classes: impl Iterator<Item = &'a usize>, names: &[String]) -> String {
    let name = |&class: &usize| format!("{class} ({})", names[class].trim());
    classes.map(name).collect::<Vec<_>>().join(", ")
}

/// What is said of a name that no class has.
fn unknown(text: &str, names: &[String]) -> String {
    let near = near(text, names);
    let mut said = format!("no class is called {}", quoted(text));
    said += &match near.is_empty() {
        false => format!("; the nearest are {}", listed(near.iter(), names)),
        true => format!(
            " among the {} that are known, such as {}",
            names.len(),
            listed((0..names.len().min(3)).collect::<Vec<_>>().iter(), names)
        ),
    };
    if text.contains(['-', '+']) {
        said += "; between names, a sign stands between spaces: 'A - B'";
    }
    said
}

/// The classes whose names are written most like this one.
fn near(text: &str, names: &[String]) -> Vec<usize> {
    const LEAST: f64 = 0.6;
    const LISTED: usize = 3;
    // The longest name of a list.
    const LONGEST: usize = 300;
    if text.chars().count() > LONGEST {
        return Vec::new();
    }
    let lower = text.to_lowercase();
    let mut alike: Vec<(f64, usize)> = Vec::new();
    for (class, name) in names.iter().enumerate() {
        let all: BTreeSet<String> = synonyms(name)
            .map(str::to_lowercase)
            .chain(words(name))
            .collect();
        let likeness = all
            .iter()
            .map(|name| strsim::normalized_damerau_levenshtein(name, &lower))
            .fold(0.0, f64::max);
        if likeness >= LEAST {
            alike.push((likeness, class));
        }
    }
    alike.sort_by(|a, b| b.0.total_cmp(&a.0));
    alike.iter().take(LISTED).map(|(_, class)| *class).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 9] = [
        "tench, Tinca tinca",
        "goldfish, Carassius auratus",
        "great white shark, white shark",
        "crane",
        "t-shirt",
        "speed limit 30",
        "speed limit 50",
        "crane",
        "top",
    ];

    fn target(text: &str) -> Result<String, String> {
        let asked: TargetArg = text.parse().map_err(|e: racm::Error| e.to_string())?;
        let names = NAMES.map(str::to_owned);
        let found = asked.of(&names).map_err(|e| e.to_string())?;
        Ok(found.to_string())
    }

    #[test]
    fn names_stand_where_numbers_do() {
        for (text, expected) in [
            ("goldfish, Carassius auratus", "1"),
            ("Carassius auratus", "1"),
            ("TENCH", "0"),
            ("white shark", "2"),
            ("shark", "2"),
            ("gold", "1"),
            ("limit 50", "6"),
            ("shirt", "4"),
            ("hirt", "4"),
            ("T-Shirt", "4"),
            ("tench,goldfish", "0,1"),
            ("goldfish, 3", "1,3"),
            ("t-shirt - tench", "4-0"),
            ("tench, Tinca tinca - goldfish, Carassius auratus", "0-1"),
            ("shark - 3", "2-3"),
            ("top - tench", "top-0"),
            ("top - next", "top-next"),
            ("0.5*tench + 0.5*goldfish - 7", "0.5*0+0.5*1-7"),
            ("-2*tench + shark", "-2*0+2"),
            ("2*shark", "2*2"),
            // As without names.
            ("top", "top"),
            ("all", "all"),
            ("3-7", "3-7"),
            ("8", "8"),
        ] {
            assert_eq!(target(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_name_says_what_is() {
        for (text, expected) in [
            (
                "crane",
                "\"crane\" may be any of 3 (crane), 7 (crane); give the number",
            ),
            (
                "speed",
                "5 (speed limit 30), 6 (speed limit 50); give more of the name",
            ),
            (
                "goldfihs",
                "no class is called \"goldfihs\"; the nearest are 1 (gold",
            ),
            (
                "zebra",
                "among the 9 that are known, such as 0 (tench, Tinca tinca)",
            ),
            ("shark-tench", "a sign stands between spaces"),
            ("tench - tench", "expected different classes"),
            ("tench, ", "no class is called \"\""),
            (
                "tench - ",
                "no class is called \"tench -\"; the nearest are 0",
            ),
            ("- tench", "no class is called \"- tench\""),
            ("tench -  - shark", "no class is called \"\""),
        ] {
            let error = target(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let long = "a".repeat(100_000) + " z";
        assert!(target(&long).unwrap_err().len() < 400);
    }
}
