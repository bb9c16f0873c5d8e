//! Which scores to explain.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::ledger::identity::Ranking;
use crate::text::{joined, numbers, saved_as_text, unreadable};

/// The scores to explain; several cost no more model calls than one.
///
/// ```
/// use racm::{Class, Explainer, Target, demo};
///
/// // Why the class with the highest score, and not the next one: one run, one map.
/// let explainer = Explainer::builder().masks(300).build()?;
/// let why = Target::difference(Class::Top, Class::Next);
/// let explanation = explainer.explain(&demo::Classifier, &demo::image(), why)?;
/// println!("{}: {:?}", explanation.target(), explanation.unmasked_scores());
/// assert_eq!(explanation.maps().dim().0, 1);
/// // Its two classes by themselves, from the same scores.
/// let classes = explanation.with_target(Target::All)?;
/// assert_eq!(classes.targets(), explanation.targets());
/// assert_eq!(classes.maps().dim().0, 2);
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Target {
    /// The class with the highest score on the unmasked image (the first of equals). The default.
    #[default]
    Top,
    /// These classes, in this order: a map each.
    Classes(Vec<usize>),
    /// Every class of the model, or of a ledger: a map each.
    All,
    /// The sum of the scores of different classes, each times its weight (a finite number other than 0): one map.
    ///
    /// With a [`Link`](crate::Link) it is a sum of links: the difference of two logarithms of probabilities is how much
    /// more likely the one class is than the other, as a logarithm.
    Sum(Vec<(f64, Class)>),
}

/// A class in a [`Target::Sum`]; a `usize` is one.
///
/// ```
/// use racm::{Class, Target};
///
/// // Two kinds of stop signs together, less the one that is highest.
/// let target = Target::Sum(vec![(0.5, 3.into()), (0.5, 4.into()), (-1.0, Class::Top)]);
/// assert_eq!(target.to_string(), "0.5*3+0.5*4-top");
/// assert_eq!("0.5*3+0.5*4-top".parse::<Target>()?, target);
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// The one with the highest score on the unmasked image (the first of equals).
    Top,
    /// The highest of the others (the first of equals).
    Next,
    /// The one of this number, from 0 on.
    Index(usize),
}

impl From<usize> for Class {
    fn from(class: usize) -> Self {
        Class::Index(class)
    }
}

impl From<usize> for Target {
    fn from(class: usize) -> Self {
        Target::Classes(vec![class])
    }
}

impl From<Vec<usize>> for Target {
    fn from(classes: Vec<usize>) -> Self {
        Target::Classes(classes)
    }
}

impl From<&[usize]> for Target {
    fn from(classes: &[usize]) -> Self {
        Target::Classes(classes.to_vec())
    }
}

impl<const N: usize> From<[usize; N]> for Target {
    fn from(classes: [usize; N]) -> Self {
        Target::Classes(classes.to_vec())
    }
}

impl Target {
    /// Why one class rather than another: the score of `class` less that of `other`, a [`Target::Sum`].
    ///
    /// Where a part of the image speaks for both classes alike, its map is near 0.
    pub fn difference(class: impl Into<Class>, other: impl Into<Class>) -> Self {
        Target::Sum(vec![(1.0, class.into()), (-1.0, other.into())])
    }

    /// With its classes by number, for a model that ranks them so.
    pub(crate) fn resolve(&self, ranking: Ranking) -> Result<Target> {
        let resolved = match self {
            Target::Top => Target::Classes(vec![ranking.top]),
            Target::All => Target::Classes((0..ranking.count).collect()),
            Target::Classes(classes) => Target::Classes(classes.clone()),
            Target::Sum(terms) => {
                let index = |&(weight, class): &(f64, Class)| {
                    Ok((weight, Class::Index(self.index(class, ranking)?)))
                };
                Target::Sum(terms.iter().map(index).collect::<Result<_>>()?)
            }
        };
        let classes = resolved.classes();
        if classes.is_empty() {
            return Err(Error::NoTarget);
        }
        if let Some(&target) = classes.iter().find(|&&k| k >= ranking.count) {
            let classes = ranking.count;
            return Err(Error::Target { target, classes });
        }
        let (asked, here) = (self.to_string(), resolved.to_string());
        resolved.check(&match asked == here {
            true => asked,
            false => format!("{asked}, here {here}"),
        })?;
        Ok(resolved)
    }

    /// The same for the classes of a ledger, whose number the model may not have told.
    pub(crate) fn resolve_in(&self, ledger: &Ledger) -> Result<Target> {
        let by_rank = match self {
            Target::All => return Ok(Target::Classes(ledger.targets())),
            Target::Top => true,
            Target::Classes(_) => false,
            Target::Sum(terms) => terms.iter().any(|t| !matches!(t.1, Class::Index(_))),
        };
        match ledger.identity().ranking() {
            Some(ranking) => self.resolve(ranking),
            None if by_rank => Err(Error::parameter(
                "target",
                self,
                "classes by number: the ledger does not say which has the highest score",
            )),
            None => self.resolve(Ranking {
                count: usize::MAX,
                top: 0,
                next: None,
            }),
        }
    }

    fn index(&self, class: Class, ranking: Ranking) -> Result<usize> {
        match (class, ranking.next) {
            (Class::Index(index), _) => Ok(index),
            (Class::Top, _) => Ok(ranking.top),
            (Class::Next, Some(next)) => Ok(next),
            (Class::Next, None) => Err(Error::parameter(
                "target",
                self,
                match ranking.count {
                    1 => "classes that the model has: it has one",
                    _ => "classes by number: the ledger does not say which comes next",
                },
            )),
        }
    }

    /// Whether it asks for the class that comes after the top.
    pub(crate) fn needs_next(&self) -> bool {
        match self {
            Target::Sum(terms) => terms.iter().any(|&(_, class)| class == Class::Next),
            _ => false,
        }
    }

    /// That a sum is of different classes, each of which counts. `given` is the sum as it was asked for.
    fn check(&self, given: &str) -> Result<()> {
        let Target::Sum(terms) = self else {
            return Ok(());
        };
        for (i, &(weight, class)) in terms.iter().enumerate() {
            if !weight.is_finite() || weight == 0.0 {
                let given = format!("{given}, with the weight {weight}");
                let expected = "weights that are finite and not 0";
                return Err(Error::parameter("target", given, expected));
            }
            if terms[..i].iter().any(|&(_, other)| other == class) {
                return Err(Error::parameter("target", given, "different classes"));
            }
        }
        Ok(())
    }

    /// The classes of a resolved target.
    pub(crate) fn classes(&self) -> Vec<usize> {
        let index = |&(_, class): &(f64, Class)| match class {
            Class::Index(index) => Some(index),
            _ => None,
        };
        match self {
            Target::Classes(classes) => classes.clone(),
            Target::Sum(terms) => terms.iter().filter_map(index).collect(),
            _ => Vec::new(),
        }
    }

    /// What the maps of a resolved target are made of, from the scores of its classes: one score a map.
    pub(crate) fn of<'l>(&self, ledger: Cow<'l, Ledger>) -> Result<Cow<'l, Ledger>> {
        let (kept, classes) = (ledger.targets(), self.classes());
        if matches!(self, Target::Classes(_)) && classes == kept {
            return Ok(ledger);
        }
        let place = |class: &usize| {
            let found = kept.iter().position(|k| k == class);
            found.ok_or_else(|| {
                let expected = format!("classes whose scores are in the ledger: {}", joined(&kept));
                Error::parameter("target", self, expected)
            })
        };
        let places: Vec<usize> = classes.iter().map(place).collect::<Result<_>>()?;
        let sums: Vec<Vec<(usize, f64)>> = match self {
            Target::Sum(terms) => {
                let weights = terms.iter().map(|&(weight, _)| weight);
                vec![places.into_iter().zip(weights).collect()]
            }
            _ => places.into_iter().map(|place| vec![(place, 1.0)]).collect(),
        };
        let sums = ledger.sums(&self.to_string(), &sums);
        let masked = sums.scores().flat_map(|(_, scores)| scores);
        let mut all = masked.chain(sums.unmasked_scores());
        if let Some(sum) = all.find(|sum| sum.is_infinite()) {
            return Err(Error::parameter(
                "target",
                format!("{self}, which is {sum} for an image of the run"),
                "weights for which every sum is finite in f32",
            ));
        }
        drop(all);
        Ok(Cow::Owned(sums))
    }

    /// The only class that is asked for.
    pub(crate) fn resolve_one(&self, scores: &[f32], expected: &str) -> Result<usize> {
        let given = match self.resolve(Ranking::of(scores))? {
            Target::Classes(classes) => match classes[..] {
                [class] => return Ok(class),
                _ => format!("a list of {}", classes.len()),
            },
            sum => sum.to_string(),
        };
        Err(Error::parameter("target", given, expected))
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Class::Top => f.pad("top"),
            Class::Next => f.pad("next"),
            Class::Index(index) => fmt::Display::fmt(index, f),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms = match self {
            Target::Top => return write!(f, "top"),
            Target::All => return write!(f, "all"),
            Target::Classes(classes) => return write!(f, "{}", joined(classes)),
            Target::Sum(terms) => terms,
        };
        for (i, (weight, class)) in terms.iter().enumerate() {
            let size = weight.abs();
            match (i, *weight < 0.0) {
                (0, false) => Ok(()),
                (_, false) => write!(f, "+"),
                (_, true) => write!(f, "-"),
            }?;
            // `-3` would be a negative class, and `3` a list of one.
            let bare = size == 1.0 && (i > 0 || (*weight > 0.0 && terms.len() > 1));
            match bare {
                true => write!(f, "{class}"),
                false => write!(f, "{size}*{class}"),
            }?;
        }
        Ok(())
    }
}

const EXPECTED: &str = "top, all, or classes K[,K...] from 0 on; or a difference A-B of classes, top and next among them";

/// `top`, `all`, or classes: `3` or `3,5`. Or a sum: `3-7`, `top-next`, `0.5*3+0.5*5-7`.
impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "top" => Ok(Target::Top),
            "all" => Ok(Target::All),
            _ if text.contains(['+', '-', '*']) => {
                let sum = sum(text).ok_or_else(|| unreadable("target", text, EXPECTED))?;
                sum.check(text)?;
                Ok(sum)
            }
            _ => numbers("target", text, EXPECTED).map(Target::Classes),
        }
    }
}

/// Reads what `Display` writes of a sum.
fn sum(text: &str) -> Option<Target> {
    let mut terms = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let signed = rest.strip_prefix(['+', '-']);
        let sign = if rest.starts_with('-') { -1.0 } else { 1.0 };
        if signed.is_some_and(|_| sign > 0.0 && terms.is_empty()) {
            return None;
        }
        let term = signed.unwrap_or(rest);
        let end = term.find(['+', '-']).unwrap_or(term.len());
        let (size, class) = match term[..end].split_once('*') {
            Some((size, class)) => (size.trim().parse::<f64>().ok()?, class),
            None if terms.is_empty() && sign < 0.0 => return None,
            None => (1.0, &term[..end]),
        };
        let class = match class.trim() {
            "top" => Class::Top,
            "next" => Class::Next,
            index => Class::Index(index.parse().ok()?),
        };
        terms.push((sign * size, class));
        rest = &term[end..];
    }
    Some(Target::Sum(terms))
}

saved_as_text!(Target);
