use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::{GroupedRacm, Racm, channel_name};
use crate::error::{Error, Result};

/// Letters of a name, at most: names stand in pictures and in tables.
const LONGEST: usize = 100;

/// The channels of an image by name, and which of them pass together.
///
/// Read from a list of the channels in the image's order, with `,` between those that pass on their own and `+` between
/// neighbours that pass together. A group is called by its channels, or by what stands before `=`. Channels that are not
/// neighbours are [joined](Channels::joined) by name.
///
/// ```
/// use racm::{Channels, Explainer};
///
/// let channels: Channels = "temperature, wind=wind_u+wind_v, humidity".parse()?;
/// assert_eq!(channels.names(), ["temperature", "wind_u", "wind_v", "humidity"]);
///
/// let channels = channels.joined("temperature+humidity")?;
/// let family = channels.grouped()?;
/// assert_eq!(family.names(), ["temperature+humidity", "wind"]);
/// assert_eq!(family.groups(), [vec![0, 3], vec![1, 2]]);
/// let explainer = Explainer::builder().family(family).build()?;
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channels {
    names: Vec<String>,
    groups: Vec<Group>,
}

/// What passes together.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    name: String,
    channels: Vec<usize>,
}

impl Channels {
    /// Channels as they are called where nobody names them (red, green and blue if there are three; channel 0, channel 1,
    /// ...), each on its own.
    pub fn unnamed(count: usize) -> Self {
        Channels::alone((0..count).map(|c| channel_name(c, count)).collect())
    }

    /// Channels of these names, each on its own.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a name that is empty, longer than 100 letters, with a control character or with one of
    /// `,`, `+` and `=`, and for a name that two have.
    pub fn named<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Result<Self> {
        let (mut checked, mut seen) = (Vec::new(), HashMap::new());
        for (channel, name) in names.into_iter().enumerate() {
            let name = read_name(CHANNELS, name.as_ref())?;
            if let Some(first) = seen.insert(name.clone(), channel) {
                let given = format!("`{name}` for channel {first} and for channel {channel}");
                let expected = "a name of its own for every channel";
                return Err(Error::parameter(CHANNELS, given, expected));
            }
            checked.push(name);
        }
        Ok(Channels::alone(checked))
    }

    fn alone(names: Vec<String>) -> Self {
        let groups = names.iter().enumerate().map(|(channel, name)| Group {
            name: name.clone(),
            channels: vec![channel],
        });
        Channels {
            groups: groups.collect(),
            names,
        }
    }

    /// With channels that pass together: groups with `,` between them, each of channels with `+` between them, and with
    /// `NAME=` before it if it is to have a name of its own. A channel goes by its name, or by its number from 0;
    /// `0-40` are the channels 0 to 40. Without a name, a group is called by its channels, a range by its first and its last.
    /// What is in no group passes as before.
    ///
    /// Where channels have numbers as names, and not each its own number, all numbers are names: of the channels 400, 410,
    /// 420 and 430, `400-420` are the first three. Such a range is refused where the names in it do not rise from one channel
    /// to the next, as in 1, 10, 2, and means nothing clear.
    ///
    /// ```
    /// # use racm::Channels;
    /// let bands = Channels::unnamed(200).joined("visible=0-40, 41-198")?;
    /// assert_eq!(bands.grouped()?.names(), ["visible", "41-198", "channel 199"]);
    /// # Ok::<(), racm::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`] for a channel that there is not or that is in another group already, for a group without a
    /// channel, and for names as [`Channels::named`] refuses them.
    pub fn joined(mut self, groups: &str) -> Result<Self> {
        let mut joined = Vec::new();
        for item in items(GROUPS, groups)? {
            let (mut channels, mut names) = (Vec::new(), Vec::new());
            for word in item.channels {
                let found = self.find(&word)?;
                let [first, last] = [*found.start(), *found.end()].map(|c| &self.names[c]);
                names.push(match first == last {
                    true => first.clone(),
                    // Numbers say the same as `channel 41 to channel 198`.
                    false if *first == format!("channel {}", found.start()) => word,
                    false => format!("{first} to {last}"),
                });
                channels.extend(found);
            }
            let name = name_of(GROUPS, item.name, &names)?;
            joined.push(Group { name, channels });
        }
        // Groups of more than one that were there before stay as they are.
        let (alone, mut all): (Vec<_>, Vec<_>) =
            self.groups.drain(..).partition(|g| g.channels.len() == 1);
        all.append(&mut joined);
        let mut group_of: Vec<Option<usize>> = vec![None; self.names.len()];
        for (g, group) in all.iter().enumerate() {
            for &channel in &group.channels {
                if let Some(other) = group_of[channel].replace(g) {
                    let [other, this] = [other, g].map(|g| &all[g].name);
                    let channel = &self.names[channel];
                    let given = format!("channel `{channel}` in `{other}` and in `{this}`");
                    return Err(Error::parameter(
                        GROUPS,
                        given,
                        "every channel in one group",
                    ));
                }
            }
        }
        all.extend(
            alone
                .into_iter()
                .filter(|group| group_of[group.channels[0]].is_none()),
        );
        all.sort_by_key(|group| group.channels.iter().min().copied());
        self.groups = all;
        Ok(self)
    }

    /// The channels that a word means: that of this name, of this number, or those of a range of numbers.
    fn find(&self, word: &str) -> Result<RangeInclusive<usize>> {
        if let Some(channel) = self.names.iter().position(|name| name == word) {
            return Ok(channel..=channel);
        }
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        let (first, last) = (first.trim(), last.trim());
        let refused = |expected| Err(Error::parameter(GROUPS, format!("`{word}`"), expected));
        let known = listed(&self.names);
        if !self.numbers_are_names() {
            return match (first.parse(), last.parse()) {
                (Ok(first), Ok(last)) if first <= last && last < self.names.len() => {
                    Ok(first..=last)
                }
                _ => {
                    let most = self.names.len().saturating_sub(1);
                    refused(format!(
                        "a channel of {known}, or its number from 0 to {most}"
                    ))
                }
            };
        }
        let ends = [first, last].map(|end| self.names.iter().position(|name| name == end));
        let [Some(first), Some(last)] = ends else {
            return refused(format!(
                "a channel of {known}; numbers are names here, as these channels have numbers as names"
            ));
        };
        let rises = first <= last && {
            let numbers = self.names[first..=last].iter().map(|name| number(name));
            let numbers: Option<Vec<u64>> = numbers.collect();
            numbers.is_some_and(|numbers| numbers.windows(2).all(|pair| pair[0] < pair[1]))
        };
        match rises {
            true => Ok(first..=last),
            false => refused(
                "a range over names that are numbers and rise from channel to channel; + joins channels in any order"
                    .to_owned(),
            ),
        }
    }

    /// Whether a channel is called by a number that is another's: to read numbers as positions would be to read them twice.
    fn numbers_are_names(&self) -> bool {
        let mut names = self.names.iter().enumerate();
        names.any(|(channel, name)| number(name).is_some_and(|number| number != channel as u64))
    }

    /// The names of the channels, in the image's order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// That an image of so many channels has these.
    ///
    /// # Errors
    /// [`Error::Parameter`] for another number of channels.
    pub fn check(&self, channels: usize) -> Result<()> {
        if self.names.len() == channels {
            return Ok(());
        }
        let count = self.names.len();
        let names = if count == 1 { "name" } else { "names" };
        let given = format!("{count} {names} ({})", listed(&self.names));
        let expected = match channels {
            1 => "one, of the image's only channel".to_owned(),
            _ => format!("{channels}, one for each channel of the image"),
        };
        Err(Error::parameter(CHANNELS, given, expected))
    }

    /// RaCM with a plane for each group and for each channel on its own.
    ///
    /// # Errors
    /// Those of [`Racm::grouped`].
    pub fn grouped(&self) -> Result<GroupedRacm> {
        let groups = self.groups.iter();
        Racm::grouped(groups.map(|group| (group.name.as_str(), group.channels.iter().copied())))
    }
}

/// The number that a name is.
fn number(name: &str) -> Option<u64> {
    name.parse().ok()
}

const CHANNELS: &str = "channels";
const GROUPS: &str = "groups";

/// One group as it stands in a list.
struct Item {
    name: Option<String>,
    channels: Vec<String>,
}

fn items(list: &'static str, text: &str) -> Result<Vec<Item>> {
    let item = |text: &str| {
        let (name, channels) = match text.split_once('=') {
            Some((name, channels)) => (Some(read_name(list, name)?), channels),
            None => (None, text),
        };
        if let (Some(name), "") = (&name, channels.trim()) {
            let given = format!("`{name}` without a channel");
            return Err(Error::parameter(
                list,
                given,
                "at least one channel a group",
            ));
        }
        let channels = channels.split('+').map(|channel| read_name(list, channel));
        Ok(Item {
            name,
            channels: channels.collect::<Result<_>>()?,
        })
    };
    text.split(',').map(item).collect()
}

fn read_name(list: &'static str, name: &str) -> Result<String> {
    let name = name.trim();
    let letters = name.chars().count();
    let given = match name.chars().find(|c| c.is_control() || ",+=".contains(*c)) {
        _ if letters == 0 => "an empty name".to_owned(),
        _ if letters > LONGEST => format!("a name of {letters} letters"),
        Some(c) => format!("{name:?}, with {c:?}"),
        None => return Ok(name.to_owned()),
    };
    let expected =
        format!("names of 1 to {LONGEST} letters, without control characters, `,`, `+` and `=`");
    Err(Error::parameter(list, given, expected))
}

/// A group's own name, or that of its channels.
fn name_of(list: &'static str, own: Option<String>, channels: &[String]) -> Result<String> {
    let name = own.unwrap_or_else(|| channels.join("+"));
    if name.chars().count() <= LONGEST {
        return Ok(name);
    }
    let given = format!("a group with the names {}", listed(channels));
    let expected = format!("a name of its own, NAME=.., where they have over {LONGEST} letters");
    Err(Error::parameter(list, given, expected))
}

/// Names for a message, the first few.
fn listed(names: &[String]) -> String {
    const MOST: usize = 8;
    let first = names[..names.len().min(MOST)].join(", ");
    match names.len() > MOST {
        true => format!("{first}, ..."),
        false => first,
    }
}

/// As on command lines: `t,wind=u+v,q`.
impl FromStr for Channels {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let items = items(CHANNELS, text)?;
        let names = items.iter().flat_map(|item| &item.channels);
        let mut channels = Channels::named(names)?;
        let mut next = 0..;
        let group = |item: Item| {
            let name = name_of(CHANNELS, item.name, &item.channels)?;
            let channels = next.by_ref().take(item.channels.len()).collect();
            Ok(Group { name, channels })
        };
        channels.groups = items.into_iter().map(group).collect::<Result<_>>()?;
        Ok(channels)
    }
}
