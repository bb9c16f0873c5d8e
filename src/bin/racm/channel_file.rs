//! A file that says of each channel what it is called, how the model wants it, and what excluded pixels show.

use std::path::Path;

use crate::Failure;
use crate::read::{fields, quoted, text};

/// One value a channel, in the order of the image's channels, for each column that is there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChannelFile {
    pub channels: usize,
    pub names: Option<Vec<String>>,
    pub scale: Option<Vec<f32>>,
    pub mean: Option<Vec<f32>>,
    pub std: Option<Vec<f32>>,
    pub baseline: Option<Vec<f32>>,
}

const COLUMNS: [&str; 5] = ["name", "scale", "mean", "std", "baseline"];

impl ChannelFile {
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = text(path, "a CSV file with a line for each channel")?;
        parse(&text).map_err(|reason| format!("{}: {reason}", path.display()).into())
    }

    /// Refuses an image with another number of channels, or whose channels are called like other lines.
    pub fn check(&self, channels: usize, names: Option<&[String]>) -> Result<(), String> {
        if self.channels != channels {
            return Err(format!(
                "it has {} channels, expected the {channels} of the image",
                self.channels
            ));
        }
        let (Some(own), Some(names)) = (&self.names, names) else {
            return Ok(());
        };
        let elsewhere = |(i, name): &(usize, &String)| names[*i] != **name && names.contains(name);
        match own.iter().enumerate().find(elsewhere) {
            None => Ok(()),
            Some((i, name)) => Err(format!(
                "channel {i} is {} here, and {} in the image: the channels are in another order",
                quoted(name),
                quoted(&names[i])
            )),
        }
    }
}

/// The channels of a file with this text.
pub fn parse(text: &str) -> Result<ChannelFile, String> {
    let mut lines = text.lines().enumerate().map(|(i, line)| (i + 1, line));
    let expected = format!("expected some of {}", COLUMNS.join(", "));
    let (_, first) = lines
        .next()
        .ok_or_else(|| format!("it is empty, {expected} as the first line"))?;
    let ends = |number: usize| format!("line {number} has quotes that do not end");
    let header = fields(first).ok_or_else(|| ends(1))?;
    let header: Vec<&str> = header.iter().map(|name| name.trim()).collect();
    for (i, name) in header.iter().enumerate() {
        if !COLUMNS.contains(name) {
            return Err(format!("line 1 has a column {}, {expected}", quoted(name)));
        }
        if header[..i].contains(name) {
            return Err(format!("line 1 has the column {name} twice"));
        }
    }
    let mut names = Vec::new();
    let mut numbers: Vec<Vec<f32>> = vec![Vec::new(); header.len()];
    let mut channels = 0;
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let values = fields(line).ok_or_else(|| ends(number))?;
        if values.len() != header.len() {
            return Err(format!(
                "line {number} has {} values, expected {}, as line 1",
                values.len(),
                header.len()
            ));
        }
        channels += 1;
        for (i, (column, value)) in header.iter().zip(&values).enumerate() {
            match *column {
                "name" => names.push(name(value.trim(), &names).map_err(|reason| {
                    format!("line {number}, column name: {} {reason}", quoted(value))
                })?),
                _ => numbers[i].push(number_of(column, value.trim()).map_err(|expected| {
                    format!(
                        "line {number}, column {column}: {}, expected {expected}",
                        quoted(value)
                    )
                })?),
            }
        }
    }
    if channels == 0 {
        return Err("it has no line for a channel after the first".to_owned());
    }
    let mut column = |name: &str| {
        let i = header.iter().position(|n| *n == name)?;
        Some(std::mem::take(&mut numbers[i]))
    };
    Ok(ChannelFile {
        channels,
        scale: column("scale"),
        mean: column("mean"),
        std: column("std"),
        baseline: column("baseline"),
        names: header.contains(&"name").then_some(names),
    })
}

/// A channel's name. It ends up on terminals and in pictures.
fn name(text: &str, before: &[String]) -> Result<String, String> {
    const LONGEST: usize = 60;
    match text.chars().count() {
        1..=LONGEST if text.chars().any(char::is_control) => {
            Err("has control characters, expected none".to_owned())
        }
        // They have a meaning where channels are listed.
        1..=LONGEST if text.contains([',', '+', '=']) => {
            Err("has one of , + and =, expected none".to_owned())
        }
        1..=LONGEST if before.iter().any(|name| name == text) => {
            Err("is the name of an earlier channel, too, expected another".to_owned())
        }
        1..=LONGEST => Ok(text.to_owned()),
        letters => Err(format!("has {letters} letters, expected 1 to {LONGEST}")),
    }
}

fn number_of(column: &str, text: &str) -> Result<f32, &'static str> {
    let number = text.parse().ok().filter(|v: &f32| v.is_finite());
    match (column, number) {
        (_, None) => Err("a finite number"),
        ("scale", Some(0.0)) => Err("a number other than 0"),
        ("std", Some(v)) if v <= 0.0 => Err("a number above 0"),
        (_, Some(number)) => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_columns_that_are_there() {
        let read = parse("mean, name ,baseline\n1,\"a b\",-2\n\n2.5,c,0\n").unwrap();
        let expected = ChannelFile {
            channels: 2,
            names: Some(vec!["a b".to_owned(), "c".to_owned()]),
            mean: Some(vec![1.0, 2.5]),
            baseline: Some(vec![-2.0, 0.0]),
            ..ChannelFile::default()
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        for (text, expected) in [
            ("", "it is empty"),
            ("name,median\n", "line 1 has a column \"median\""),
            ("mean,mean\n1,1\n", "the column mean twice"),
            ("mean\n", "no line for a channel"),
            ("mean,std\n1\n", "line 2 has 1 values, expected 2"),
            (
                "mean\n1\nten\n",
                "line 3, column mean: \"ten\", expected a finite number",
            ),
            ("mean\nNaN\n", "line 2, column mean: \"NaN\""),
            ("mean\n1e60\n", "line 2, column mean: \"1e60\""),
            ("std\n0\n", "expected a number above 0"),
            ("scale\n0\n", "expected a number other than 0"),
            ("name\na\na\n", "line 3, column name: \"a\" is the name of"),
            ("name\n\"\"\n", "has 0 letters"),
            ("name\n\"a\n", "line 2 has quotes"),
            ("name\na\tb\n", "has control characters"),
            ("name\nu+v\n", "has one of , + and ="),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }

    #[test]
    fn refuses_another_number_and_another_order_of_channels() {
        let file = parse("name\nB2\nB3\n").unwrap();
        let names = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect::<Vec<_>>();
        assert!(file.check(3, None).unwrap_err().contains("has 2 channels"));
        assert!(file.check(2, None).is_ok());
        assert!(file.check(2, Some(&names(&["B2", "B3"]))).is_ok());
        assert!(file.check(2, Some(&names(&["blue", "green"]))).is_ok());
        let turned = file.check(2, Some(&names(&["B3", "B2"]))).unwrap_err();
        assert!(turned.contains("another order"), "{turned}");
    }
}
