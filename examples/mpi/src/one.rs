//! One image: the ranks share its masks.

use std::collections::BTreeMap;
use std::fs;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mpi::topology::SimpleCommunicator;
use mpi::traits::*;
use racm::ndarray::Array3;
use racm::{BoxError, Ledger, Target};

use crate::files::{make_folder, save, write_map};
use crate::job::{Args, Job};
use crate::share::{Giver, Share, Taker};

/// At most so many blocks a piece, each of which costs one call for the unmasked image, too.
const LARGEST: u64 = 16;
/// A rank that is killed loses the piece at hand, and no more than that.
const SAVE_EVERY: Duration = Duration::from_secs(10);

pub fn run(world: &SimpleCommunicator, args: &Args) -> Result<(), BoxError> {
    let own = args.out.join(format!("rank-{}.racm", world.rank()));
    if world.rank() > 0 {
        let mut share = Taker::new(world, true);
        let scored = follow(args, own, &mut share);
        return share.finish(scored);
    }
    let mut share = Giver::new(world, LARGEST, "masks");
    let scored = lead(args, own, &mut share);
    let (scorer, others) = share.finish(scored)?;
    scorer.conclude(others, args)
}

fn follow(args: &Args, own: PathBuf, share: &mut Taker<'_>) -> Result<Vec<u8>, BoxError> {
    let mut scorer = Scorer::new(args, own)?;
    scorer.score(share)?;
    Ok(scorer.bytes()?)
}

fn lead(args: &Args, own: PathBuf, share: &mut Giver<'_>) -> Result<Scorer, BoxError> {
    make_folder(&args.out)?;
    let mut scorer = Scorer::new(args, own)?;
    scorer.take_up(&args.out)?;
    let (missing, masks) = scorer.missing();
    share.offer(missing, masks);
    scorer.score(share)?;
    Ok(scorer)
}

/// A rank's scores, and how to make more.
struct Scorer {
    job: Job,
    image: Array3<f32>,
    ledger: Option<Ledger>,
    /// Where they are saved.
    own: PathBuf,
    saved: Instant,
}

impl Scorer {
    fn new(args: &Args, own: PathBuf) -> Result<Self, BoxError> {
        let job = args.job()?;
        Ok(Scorer {
            image: args.image(&job)?,
            job,
            ledger: None,
            own,
            saved: Instant::now(),
        })
    }

    /// Scores what this rank is given, and saves it, also if that fails at some point.
    fn score(&mut self, share: &mut dyn Share) -> Result<(), BoxError> {
        let mut done = 0;
        while let Some(blocks) = share.next(done) {
            let run = self
                .job
                .explainer
                .run(&*self.job.model, &self.image, Target::Top);
            let run = run.blocks(blocks).progress(|progress| {
                share.between_batches(done + progress.masks());
                ControlFlow::Continue(())
            });
            let (scores, outcome) = match run.score() {
                Ok(scores) => (Some(scores), Ok(())),
                Err(error) => {
                    let (cause, scores) = error.into_parts();
                    (scores, Err(cause))
                }
            };
            if let Some(scores) = scores {
                done += scores.masks();
                self.add(&scores)?;
            }
            if let Err(cause) = outcome {
                self.save()?;
                return Err(cause.into());
            }
            if self.saved.elapsed() > SAVE_EVERY {
                self.save()?;
                self.saved = Instant::now();
            }
        }
        self.save()
    }

    fn add(&mut self, scores: &Ledger) -> racm::Result<()> {
        match &mut self.ledger {
            Some(ledger) => ledger.merge(scores),
            None => {
                self.ledger = Some(scores.clone());
                Ok(())
            }
        }
    }

    fn bytes(&self) -> racm::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if let Some(ledger) = &self.ledger {
            ledger.write_to(&mut bytes)?;
        }
        Ok(bytes)
    }

    fn save(&self) -> Result<(), BoxError> {
        match &self.ledger {
            Some(_) => save(&self.own, &self.bytes()?),
            None => Ok(()),
        }
    }

    /// Goes on from what the ranks of an earlier job saved.
    fn take_up(&mut self, out: &Path) -> Result<(), BoxError> {
        let files = saved_files(out)?;
        for path in &files {
            let of = |e: racm::Error| format!("{}: {e}", path.display());
            let scores = Ledger::read_from(fs::File::open(path)?).map_err(of)?;
            // One call: that they are of this image, and that this model made them.
            let run = self
                .job
                .explainer
                .run(&*self.job.model, &self.image, Target::Top);
            let scores = run.ledger(scores).blocks(0..0).score();
            let scores = scores.map_err(|e| of(e.into()))?;
            self.add(&scores).map_err(of)?;
        }
        self.settle(out, &files)
    }

    /// Writes all scores to one file, which takes the place of others.
    fn settle(&self, out: &Path, files: &[PathBuf]) -> Result<(), BoxError> {
        let whole = out.join("ledger.racm");
        if self.ledger.is_some() {
            save(&whole, &self.bytes()?)?;
        }
        for path in files.iter().filter(|path| **path != whole) {
            fs::remove_file(path)?;
        }
        Ok(())
    }

    /// The blocks that have not all of their masks, as ranges, and how many masks are in them.
    fn missing(&self) -> (Vec<Range<u64>>, u64) {
        let explainer = &self.job.explainer;
        let (size, masks) = (explainer.spec().block_size as u64, explainer.masks());
        let mut known = BTreeMap::new();
        for (mask, _) in self.ledger.iter().flat_map(Ledger::scores) {
            *known.entry(mask / size).or_insert(0) += 1;
        }
        let mut missing: Vec<Range<u64>> = Vec::new();
        let mut total = 0;
        for block in 0..masks.div_ceil(size) {
            let whole = size.min(masks - block * size);
            if known.get(&block).is_some_and(|known| *known >= whole) {
                continue;
            }
            total += whole;
            match missing.last_mut() {
                Some(last) if last.end == block => last.end += 1,
                _ => missing.push(block..block + 1),
            }
        }
        (missing, total)
    }

    /// The map of all ranks' scores, into a file.
    fn conclude(mut self, others: Vec<Vec<u8>>, args: &Args) -> Result<(), BoxError> {
        // A rank that got no piece has no scores.
        for bytes in others.iter().filter(|bytes| !bytes.is_empty()) {
            self.add(&Ledger::read_from(&bytes[..])?)?;
        }
        self.settle(&args.out, &saved_files(&args.out)?)?;
        let ledger = self.ledger.ok_or("there are no scores")?;
        let shape = self.image.dim().into();
        let explanation = self.job.explainer.explain_ledger(shape, ledger)?;
        let path = args.out.join("map.npy");
        write_map(&path, &explanation.map())?;
        println!(
            "class {}, score {:.4}; wrote {} and ledger.racm beside it",
            explanation.targets()[0],
            explanation.unmasked_scores()[0],
            path.display()
        );
        Ok(())
    }
}

/// `ledger.racm`, and those of ranks that an earlier job left.
fn saved_files(out: &Path) -> Result<Vec<PathBuf>, BoxError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(out)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let of_rank = name.starts_with("rank-") && name.ends_with(".racm");
        if of_rank || name == "ledger.racm" {
            files.push(entry.path());
        }
    }
    Ok(files)
}
