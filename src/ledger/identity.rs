//! What scores have to have in common to be of one run.

use crate::error::{Error, Result};
use crate::masks::facts::{
    self, ENLARGEMENT, FAMILY, GRID, P_PIX, PLACEMENT, PLANES, REGION, SEGMENTS, SHAPE,
};
use crate::masks::plan::Plan;

/// The model's name.
pub(crate) const MODEL: &str = "model";
/// The number of its classes.
pub(crate) const CLASSES: &str = "number of classes";
/// The class with the highest score on the unmasked image.
pub(crate) const TOP: &str = "top class";
/// The class with the highest score but for that one.
pub(crate) const NEXT: &str = "next class";
/// A fingerprint of the image.
pub(crate) const IMAGE: &str = "image";
pub(crate) const BASELINE: &str = "baseline";

/// What may be known of a run, in the order in which differences are told.
pub(super) const NAMES: [&str; 15] = [
    MODEL,
    CLASSES,
    TOP,
    NEXT,
    IMAGE,
    BASELINE,
    SHAPE,
    FAMILY,
    GRID,
    ENLARGEMENT,
    PLACEMENT,
    P_PIX,
    SEGMENTS,
    REGION,
    PLANES,
];

/// How a model ranks its classes on the unmasked image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ranking {
    /// The number of classes.
    pub count: usize,
    /// The class with the highest score, the first of equals.
    pub top: usize,
    /// The highest of the others, if there is one and it is known.
    pub next: Option<usize>,
}

impl Ranking {
    /// By the scores of all classes.
    pub fn of(scores: &[f32]) -> Self {
        let highest = |a: usize, b: usize| if scores[b] > scores[a] { b } else { a };
        let top = (1..scores.len()).fold(0, highest);
        Ranking {
            count: scores.len(),
            top,
            next: (0..scores.len()).filter(|&k| k != top).reduce(highest),
        }
    }
}

/// What is known of a run, each a text on one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts([Option<String>; NAMES.len()]);

impl Facts {
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = NAMES.iter().position(|other| *other == name)?;
        self.0[at].as_deref()
    }

    /// Says whether there is a fact of that name.
    pub fn set(&mut self, name: &str, value: String) -> bool {
        let at = NAMES.iter().position(|other| *other == name);
        if let Some(at) = at {
            self.0[at] = Some(value);
        }
        at.is_some()
    }

    /// What is known, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = NAMES.into_iter().zip(&self.0);
        all.filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }

    /// Takes from another what is not known here.
    pub fn learn(&mut self, other: &Facts) {
        for (ours, theirs) in self.0.iter_mut().zip(&other.0) {
            if ours.is_none() {
                ours.clone_from(theirs);
            }
        }
    }
}

impl From<&Plan> for Facts {
    fn from(plan: &Plan) -> Self {
        let mut facts = Facts::default();
        for (name, value) in plan.facts() {
            facts.set(name, value);
        }
        facts
    }
}

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
    /// What says in words where two runs differ.
    pub facts: Facts,
}

impl Identity {
    pub fn expect(&self, expected: &Identity) -> Result<()> {
        self.expect_facts(&expected.facts, self.input == expected.input)?;
        let hex = |x: u64| format!("{x:016x}");
        let targets = |of: &Identity| format!("{:?}", of.targets);
        for (what, given, expected) in [
            ("seed", self.seed.to_string(), expected.seed.to_string()),
            ("set of targets", targets(self), targets(expected)),
            (
                "block size",
                self.block_size.to_string(),
                expected.block_size.to_string(),
            ),
            ("plan", hex(self.plan), hex(expected.plan)),
            ("image or baseline", hex(self.input), hex(expected.input)),
        ] {
            differs(what, &given, &expected)?;
        }
        Ok(())
    }

    /// That what both know is the same. Baselines that show the same may have different names.
    fn expect_facts(&self, expected: &Facts, same_input: bool) -> Result<()> {
        for (what, given) in self.facts.iter() {
            let expected = expected.get(what).unwrap_or(given);
            // Which class comes next may hang on rounding, and only matters where it is a target.
            if [PLANES, NEXT].contains(&what) || (what == BASELINE && same_input) {
                continue;
            }
            differs(what, given, expected)?;
        }
        Ok(())
    }

    /// That the scores belong to the masks of a plan.
    pub fn expect_plan(&self, plan: &Plan) -> Result<()> {
        let (given, expected) = (self.plan, plan.fingerprint());
        if given == expected {
            return Ok(());
        }
        self.expect_facts(&plan.into(), true)?;
        let size = |blocks: u64| blocks.to_string();
        differs(
            "block size",
            &size(self.block_size),
            &size(plan.block_size()),
        )?;
        let hex = |x: u64| format!("{x:016x}");
        differs("plan", &hex(given), &hex(expected))
    }

    /// The plan, made again, or why it cannot be.
    pub fn make_plan(&self) -> Result<Plan, String> {
        let size = usize::try_from(self.block_size).map_err(|e| e.to_string())?;
        let plan = Plan::from_facts(size, |name| self.facts.get(name))?;
        if plan.fingerprint() != self.plan {
            return Err("its plan is not the one that its fingerprint is of".to_owned());
        }
        Ok(plan)
    }

    /// That the image is the one of this fingerprint, if it is known.
    pub fn expect_image(&self, fingerprint: u64) -> Result<()> {
        let expected = format!("{fingerprint:016x}");
        differs(IMAGE, self.facts.get(IMAGE).unwrap_or(&expected), &expected)
    }

    /// The name that the model was given.
    pub fn model(&self) -> Option<String> {
        self.facts.get(MODEL).map(facts::unescaped)
    }

    /// How the model ranks its classes, if it is known.
    pub fn ranking(&self) -> Option<Ranking> {
        let number = |name| self.facts.get(name)?.parse().ok();
        Some(Ranking {
            count: number(CLASSES)?,
            top: number(TOP)?,
            next: number(NEXT),
        })
    }
}

fn differs(what: &'static str, given: &str, expected: &str) -> Result<()> {
    if given == expected {
        return Ok(());
    }
    // Of segments and regions, what stands before their runs.
    let short = |text: &str| match what {
        SEGMENTS | REGION => text.split(": ").next().unwrap_or_default().to_owned(),
        _ => text.to_owned(),
    };
    Err(Error::Ledger {
        what,
        given: short(given),
        expected: short(expected),
    })
}
