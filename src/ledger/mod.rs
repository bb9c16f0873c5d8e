//! Scores by block: all that a run has to keep.

mod bytes;
pub(crate) mod file;
mod header;
pub(crate) mod identity;
mod old;
mod record;
mod union;

use std::collections::BTreeMap;
use std::ops::Range;

use identity::{BASELINE, Facts, Identity};
use ndarray::{ArrayRef2, ArrayRef3, ArrayView2};

use crate::error::{Error, Inputs, Result};
use crate::masks::facts::unescaped;
use crate::masks::plan::{Plan, fingerprint};

/// The scores of a run, block by block: 4 bytes a mask and target, and all that a map needs
/// besides the plan.
///
/// Ledgers of the same plan, seed, input and targets merge by union, in any order
/// ([`Ledger::merge`]); a run continues from one ([`Run::ledger`](crate::Run::ledger)), or keeps its
/// own on disk while it goes on ([`Run::ledger_file`](crate::Run::ledger_file)); and
/// [`Ledger::write_to`] and [`Ledger::read_from`] carry one between machines. Two ledgers are equal if
/// they are of the same plan, seed, image, baseline and targets, and their scores agree to the bit.
///
/// ```
/// use racm::{Explainer, Ledger, Target, demo};
///
/// let explainer = Explainer::builder().masks(200).build()?;
/// let ledger = explainer.run(&demo::Classifier, &demo::image(), Target::Top).score()?;
/// let mut file = Vec::new();
/// ledger.write_to(&mut file)?;
/// let read = Ledger::read_from(&file[..])?;
/// assert_eq!(read, ledger);
/// let explanation = explainer.explain_ledger([3, 96, 96], read)?; // no model call
/// assert_eq!(explanation.masks(), 200);
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ledger {
    identity: Identity,
    unmasked: Vec<f32>,
    /// Block -> the scores of its first masks, `[masks, targets]`.
    blocks: BTreeMap<u64, Vec<f32>>,
    /// The number of masks that were asked for; 0 if it is not known.
    wanted: u64,
}

impl PartialEq for Ledger {
    fn eq(&self, other: &Ledger) -> bool {
        let bits = |scores: &[f32]| scores.iter().map(|s| s.to_bits()).collect::<Vec<_>>();
        let same = |(a, b): (&Vec<f32>, &Vec<f32>)| bits(a) == bits(b);
        // The facts say in words what the rest of the identities is made of.
        let numbers = |of: &Ledger| Identity {
            facts: Facts::default(),
            ..of.identity.clone()
        };
        numbers(self) == numbers(other)
            && same((&self.unmasked, &other.unmasked))
            && self.blocks.keys().eq(other.blocks.keys())
            && self.blocks.values().zip(other.blocks.values()).all(same)
    }
}

impl Ledger {
    pub(crate) fn new(identity: Identity, unmasked: Vec<f32>) -> Self {
        Ledger {
            identity,
            unmasked,
            blocks: BTreeMap::new(),
            wanted: 0,
        }
    }

    /// The ledger of scores made elsewhere: row n of `scores` (`[n, K]`) holds what a model says of the
    /// image under mask `first + n` of the seed ([`Plan::mask`], [`Masker`](crate::Masker)); its K
    /// columns become the targets 0 to K - 1. Pieces of one run [merge](Ledger::merge).
    ///
    /// No run stands behind it: it holds no unmasked scores (they are NaN) unless
    /// [`Ledger::with_unmasked_scores`] adds them, and no [`Run`](crate::Run) goes on from it.
    ///
    /// ```
    /// use racm::ndarray::{Array2, Array3};
    /// use racm::{Baseline, Estimator, Ledger, MaskSpec, Plan};
    ///
    /// let plan = Plan::new([3, 16, 16], &MaskSpec::default().grid(4, 4))?;
    /// let image = Array3::<f32>::ones((3, 16, 16));
    /// let mut scores = Array2::zeros((400, 1));
    /// for n in 0..400 {
    ///     let masked = plan.mask(7, n as u64).apply(&image, &Baseline::default())?;
    ///     scores[[n, 0]] = masked[[0, 5, 5]]; // ask anything: a service, a person, a detector
    /// }
    /// let ledger = Ledger::from_scores(&plan, 7, 0, &scores)?;
    /// let maps = Estimator::Centred.maps(&plan, &ledger)?; // [1, 3, 16, 16]
    /// assert!(maps[[0, 0, 5, 5]] > maps[[0, 0, 13, 13]] + 0.2);
    /// # Ok::<(), racm::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] for no row, [`Error::NoTarget`] for no column, [`Error::Parameter`] if `first`
    /// does not begin a block (a multiple of the plan's block size), [`Error::ScoreNotFinite`].
    pub fn from_scores(
        plan: &Plan,
        seed: u64,
        first: u64,
        scores: &ArrayRef2<f32>,
    ) -> Result<Self> {
        let (rows, targets) = scores.dim();
        let block_size = plan.block_size();
        if targets == 0 {
            return Err(Error::NoTarget);
        }
        if rows == 0 {
            return Err(Error::Shape {
                what: "the array of scores",
                given: vec![rows, targets],
                expected: vec![1, targets],
            });
        }
        if first % block_size != 0 {
            let expected = format!("a multiple of the block size, {block_size}");
            return Err(Error::parameter("first mask", first, expected));
        }
        if first > 1 << 63 {
            return Err(Error::parameter("first mask", first, "at most 2^63"));
        }
        if let Some(((row, class), &value)) = scores.indexed_iter().find(|(_, s)| !s.is_finite()) {
            let mask = first + row as u64;
            return Err(Error::ScoreNotFinite {
                inputs: Inputs::Masks(mask..mask + 1),
                class,
                value,
            });
        }
        let identity = Identity {
            plan: plan.fingerprint(),
            seed,
            input: 0,
            block_size,
            targets: (0..targets as u64).collect(),
            facts: plan.into(),
        };
        let mut ledger = Ledger::new(identity, vec![f32::NAN; targets]);
        ledger.record(first, scores.iter().copied());
        Ok(ledger)
    }

    /// The same ledger with these scores of the unmasked image, one a target.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of scores, [`Error::ScoreNotFinite`].
    pub fn with_unmasked_scores(mut self, scores: &[f32]) -> Result<Self> {
        if scores.len() != self.unmasked.len() {
            return Err(Error::Shape {
                what: "the list of unmasked scores",
                given: vec![scores.len()],
                expected: vec![self.unmasked.len()],
            });
        }
        if let Some(class) = scores.iter().position(|s| !s.is_finite()) {
            return Err(Error::ScoreNotFinite {
                inputs: Inputs::Unmasked,
                class,
                value: scores[class],
            });
        }
        self.unmasked.copy_from_slice(scores);
        Ok(self)
    }

    /// Takes from the identity of the same run what is not known here.
    pub(crate) fn learn(&mut self, identity: &Identity) {
        self.identity.facts.learn(&identity.facts);
    }

    /// The seed of the masks.
    pub fn seed(&self) -> u64 {
        self.identity.seed
    }

    /// The classes whose scores are kept.
    pub fn targets(&self) -> Vec<usize> {
        self.identity.targets.iter().map(|&k| k as usize).collect()
    }

    /// How many scores the model gives an image, if it is known.
    pub fn model_outputs(&self) -> Option<usize> {
        self.identity.ranking().map(|ranking| ranking.count)
    }

    /// The scores of the unmasked image, one a target.
    pub fn unmasked_scores(&self) -> &[f32] {
        &self.unmasked
    }

    /// The number of masks scored.
    pub fn masks(&self) -> u64 {
        let values: usize = self.blocks.values().map(Vec::len).sum();
        (values / self.unmasked.len()) as u64
    }

    /// The number of blocks with at least one mask.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Blocks in order, with the scores `[masks, targets]` of their first masks.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, ArrayView2<'_, f32>)> {
        let targets = self.unmasked.len();
        self.blocks.iter().filter_map(move |(&block, scores)| {
            ArrayView2::from_shape((scores.len() / targets, targets), scores)
                .ok()
                .map(|scores| (block, scores))
        })
    }

    /// The index of every mask scored, in order, with its scores: one a target.
    pub fn scores(&self) -> impl Iterator<Item = (u64, &[f32])> {
        let (size, targets) = (self.identity.block_size, self.unmasked.len());
        self.blocks.iter().flat_map(move |(&block, scores)| {
            let masks = scores.chunks_exact(targets).enumerate();
            masks.map(move |(i, scores)| (block * size + i as u64, scores))
        })
    }

    /// The same scores for the first `masks` masks of the seed only: a shorter run.
    pub fn prefix(&self, masks: u64) -> Ledger {
        let size = self.identity.block_size;
        let targets = self.unmasked.len();
        let keep = |(&block, scores): (&u64, &Vec<f32>)| {
            let left = masks.saturating_sub(block * size).min(size) as usize;
            let scores = scores[..scores.len().min(left * targets)].to_vec();
            (!scores.is_empty()).then_some((block, scores))
        };
        Ledger {
            blocks: self.blocks.iter().filter_map(keep).collect(),
            ..self.clone_head()
        }
    }

    /// The same scores for some of its blocks only: of those that are there, by their place in order.
    pub(crate) fn part(&self, places: Range<usize>) -> Ledger {
        let blocks = self.blocks.iter().skip(places.start).take(places.len());
        Ledger {
            blocks: blocks.map(|(&b, scores)| (b, scores.clone())).collect(),
            ..self.clone_head()
        }
    }

    /// Whether it has scores of the mask `end` or one after it.
    pub(crate) fn holds_beyond(&self, end: u64) -> bool {
        let last = self.blocks.last_key_value();
        last.is_some_and(|(block, scores)| {
            let masks = scores.len() / self.unmasked.len();
            block * self.identity.block_size + masks as u64 > end
        })
    }

    /// The same ledger with every score changed. Ledgers of another `change` do not merge with it.
    pub(crate) fn map_scores(&self, change: &str, rule: impl Fn(f32) -> f32) -> Ledger {
        let mut other = self.clone();
        other.identity.input ^= fingerprint(change.bytes());
        let scores = other.blocks.values_mut().flatten();
        for score in scores.chain(&mut other.unmasked) {
            *score = rule(*score);
        }
        other
    }

    /// A ledger of sums of its scores: each of (place of a target, weight), added in f64. Ledgers of another `change` do not
    /// merge with it.
    pub(crate) fn sums(&self, change: &str, sums: &[Vec<(usize, f64)>]) -> Ledger {
        let of = |scores: &[f32]| -> Vec<f32> {
            let sum = |terms: &Vec<(usize, f64)>| {
                let terms = terms
                    .iter()
                    .map(|&(at, weight)| weight * f64::from(scores[at]));
                // Rounded once, a difference is that of f32.
                terms.reduce(|a, b| a + b).unwrap_or_default() as f32
            };
            sums.iter().map(sum).collect()
        };
        let targets = self.unmasked.len();
        let blocks = self.blocks.iter().map(|(&block, scores)| {
            let masks = scores.chunks_exact(targets);
            (block, masks.flat_map(of).collect())
        });
        let mut identity = self.identity.clone();
        identity.input ^= fingerprint(change.bytes());
        identity.targets = (0..sums.len() as u64).collect();
        Ledger {
            identity,
            unmasked: of(&self.unmasked),
            blocks: blocks.collect(),
            wanted: self.wanted,
        }
    }

    /// That the scores belong to the masks of a plan.
    pub(crate) fn expect_plan(&self, plan: &Plan) -> Result<()> {
        self.identity.expect_plan(plan)
    }

    /// The plan of the masks, with which [`Explanation::from_ledger`](crate::Explanation::from_ledger) makes a map.
    ///
    /// ```
    /// use racm::{Explainer, Explanation, Estimator, Target, demo};
    ///
    /// let explainer = Explainer::builder().masks(200).build()?;
    /// let ledger = explainer.run(&demo::Classifier, &demo::image(), Target::Top).score()?;
    /// // Elsewhere, where there is nothing but the ledger:
    /// let plan = ledger.plan()?;
    /// let explanation = Explanation::from_ledger(plan, ledger, Estimator::Centred)?;
    /// assert_eq!(explanation.map().dim(), (3, 96, 96));
    /// # Ok::<(), racm::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LedgerFormat`] for a family that is not one of this crate's, and for a ledger of the format RACMLED2,
    /// which kept no more of a plan than its fingerprint.
    pub fn plan(&self) -> Result<Plan> {
        let plan = self.identity.make_plan();
        plan.map_err(|reason| Error::LedgerFormat { reason })
    }

    /// The name of the model, if the run was given one ([`Run::model_name`](crate::Run::model_name)).
    pub fn model_name(&self) -> Option<String> {
        self.identity.model()
    }

    /// That the scores are of masked copies of this image, as far as the ledger knows.
    ///
    /// # Errors
    /// [`Error::Ledger`] for another image.
    pub fn expect_image(&self, image: &ArrayRef3<f32>) -> Result<()> {
        let values = image.iter().flat_map(|v| v.to_bits().to_le_bytes());
        self.identity.expect_image(fingerprint(values))
    }

    /// The name of the baseline, as its `to_string` gives it, if it is known.
    pub fn baseline_name(&self) -> Option<String> {
        self.identity.facts.get(BASELINE).map(unescaped)
    }

    /// How many masks the run is to have, all its shards together; `None` if it is not known, or if a rule may end the
    /// run before.
    pub fn wanted_masks(&self) -> Option<u64> {
        (self.wanted > 0).then_some(self.wanted)
    }

    /// That at least so many masks are wanted.
    pub(crate) fn want(&mut self, masks: u64) {
        self.wanted = self.wanted.max(masks);
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// An empty ledger of the same run.
    pub(crate) fn clone_head(&self) -> Ledger {
        Ledger {
            wanted: self.wanted,
            ..Ledger::new(self.identity.clone(), self.unmasked.clone())
        }
    }

    /// The masks of `wanted` that have no scores yet, as ranges in order.
    ///
    /// ```
    /// use racm::{Explainer, Target, demo};
    ///
    /// let (explainer, image) = (Explainer::builder().masks(500).build()?, demo::image());
    /// let run = explainer.run(&demo::Classifier, &image, Target::Top);
    /// let shard = run.blocks(5..10).score()?; // of 32 masks each
    /// assert_eq!(shard.missing(0..500), [0..160, 320..500]);
    /// # Ok::<(), racm::Error>(())
    /// ```
    pub fn missing(&self, wanted: Range<u64>) -> Vec<Range<u64>> {
        if wanted.is_empty() {
            return Vec::new();
        }
        let (size, targets) = (self.identity.block_size, self.unmasked.len());
        let (mut missing, mut next) = (Vec::new(), wanted.start);
        for (block, scores) in self
            .blocks
            .range(wanted.start / size..=(wanted.end - 1) / size)
        {
            let have = block * size..block * size + (scores.len() / targets) as u64;
            if next < have.start {
                missing.push(next..have.start);
            }
            next = next.max(have.end);
        }
        if next < wanted.end {
            missing.push(next..wanted.end);
        }
        missing
    }

    /// Adds the scores of consecutive masks, `[n, targets]`, which must be the next ones of their
    /// blocks (as [`Ledger::missing`] lists them).
    pub(crate) fn record(&mut self, first: u64, scores: impl IntoIterator<Item = f32>) {
        let targets = self.unmasked.len() as u64;
        for (i, score) in scores.into_iter().enumerate() {
            let mask = first + i as u64 / targets;
            self.blocks
                .entry(mask / self.identity.block_size)
                .or_default()
                .push(score);
        }
    }
}
