//! Who does what: rank 0 hands out pieces of the work, and answers between its own batches.

use std::collections::VecDeque;
use std::ops::Range;
use std::thread::sleep;
use std::time::{Duration, Instant};

use mpi::point_to_point::{Message, Status};
use mpi::topology::SimpleCommunicator;
use mpi::traits::*;
use racm::BoxError;

/// To rank 0: what it is about, and how much the sender has done so far.
const REQUEST: i32 = 1;
/// From rank 0: a piece, from a number to a number; an empty one is the last.
const PIECE: i32 = 2;
/// To rank 0, at the end: how much the sender has done, 1 and what it has, or 0 if it failed.
const RESULT: i32 = 3;

const READY: u64 = 0;
const FAILED: u64 = 1;

/// Waiting in MPI's own calls would keep a core busy.
const NAP: Duration = Duration::from_millis(1);
/// More bytes are no single message, with the nine before them.
const LONGEST: usize = i32::MAX as usize - 9;

/// This rank's part in sharing the work.
pub trait Share {
    /// The next piece for this rank, which has done so much until now; none at the end of the job.
    fn next(&mut self, done: u64) -> Option<Range<u64>>;

    /// To be called often.
    fn between_batches(&mut self, done: u64);
}

/// Rank 0.
pub struct Giver<'a> {
    world: &'a SimpleCommunicator,
    left: VecDeque<Range<u64>>,
    largest: u64,
    failed: bool,
    /// Ranks that know that nothing is left.
    told: i32,
    /// What each rank has done.
    done: Vec<u64>,
    total: u64,
    unit: &'static str,
    shown: Instant,
}

impl<'a> Giver<'a> {
    /// Nothing to hand out yet, in pieces of at most `largest`; what the ranks do is counted in `unit`s.
    pub fn new(world: &'a SimpleCommunicator, largest: u64, unit: &'static str) -> Self {
        Giver {
            world,
            left: VecDeque::new(),
            largest,
            failed: false,
            told: 0,
            done: vec![0; world.size() as usize],
            total: 0,
            unit,
            shown: Instant::now(),
        }
    }

    /// This is to be done, `total` in all.
    pub fn offer(&mut self, work: impl IntoIterator<Item = Range<u64>>, total: u64) {
        self.left.extend(work);
        self.total = total;
    }

    /// Towards the end pieces get smaller, so that all ranks are ready at about the same time.
    fn take(&mut self) -> Range<u64> {
        let left: u64 = self.left.iter().map(|range| range.end - range.start).sum();
        let size = (left / (4 * self.done.len() as u64)).clamp(1, self.largest);
        match self.left.pop_front() {
            Some(range) if !self.failed => {
                let end = range.end.min(range.start + size);
                if end < range.end {
                    self.left.push_front(end..range.end);
                }
                range.start..end
            }
            _ => 0..0,
        }
    }

    /// Answers whoever has asked.
    fn serve(&mut self) {
        let anybody = self.world.any_process();
        while let Some((message, status)) = anybody.immediate_matched_probe_with_tag(REQUEST) {
            let mut words = [0; 2];
            message.matched_receive_into(&mut words);
            self.done[status.source_rank() as usize] = words[1];
            if words[0] == FAILED {
                self.failed = true;
                continue;
            }
            let piece = self.take();
            self.told += i32::from(piece.is_empty());
            let asking = self.world.process_at_rank(status.source_rank());
            asking.send_with_tag(&[piece.start, piece.end], PIECE);
        }
        if self.shown.elapsed() > Duration::from_secs(1) {
            self.shown = Instant::now();
            eprintln!("{}", self.progress());
        }
    }

    fn progress(&self) -> String {
        let done: u64 = self.done.iter().sum();
        let (total, unit) = (self.total, self.unit);
        format!("{done} of {total} {unit}, by rank {:?}", self.done)
    }

    /// Ends the job: what this rank has, and what each of the others has, if none has failed.
    pub fn finish<T>(mut self, own: Result<T, BoxError>) -> Result<(T, Vec<Vec<u8>>), BoxError> {
        self.failed |= own.is_err();
        let others: Option<Vec<_>> = self.wait_for_others().into_iter().collect();
        if own.is_err() || others.is_none() {
            eprintln!(
                "the job ends early; what is done is saved: the same command goes on from there"
            );
        }
        Ok((own?, others.ok_or("another rank failed")?))
    }

    fn wait_for_others(&mut self) -> Vec<Option<Vec<u8>>> {
        while self.told < self.world.size() - 1 {
            self.serve();
            sleep(NAP);
        }
        let mut results = Vec::new();
        for rank in 1..self.world.size() {
            let from = self.world.process_at_rank(rank);
            let (result, _) = wait(&from, RESULT).matched_receive_vec::<u8>();
            let (done, result) = result.split_first_chunk().unwrap_or((&[0; 8], &[0]));
            self.done[rank as usize] = u64::from_le_bytes(*done);
            results.push((result[0] == 1).then(|| result[1..].to_vec()));
        }
        eprintln!("{}", self.progress());
        results
    }
}

impl Share for Giver<'_> {
    fn next(&mut self, done: u64) -> Option<Range<u64>> {
        self.between_batches(done);
        let piece = self.take();
        (!piece.is_empty()).then_some(piece)
    }

    fn between_batches(&mut self, done: u64) {
        self.done[0] = done;
        self.serve();
    }
}

/// Any other rank.
pub struct Taker<'a> {
    world: &'a SimpleCommunicator,
    ahead: bool,
    asked: bool,
    ended: bool,
    done: u64,
}

impl<'a> Taker<'a> {
    /// With `ahead`, the next piece is asked for before this one is begun, so that nobody waits for the answer.
    pub fn new(world: &'a SimpleCommunicator, ahead: bool) -> Self {
        Taker {
            world,
            ahead,
            asked: false,
            ended: false,
            done: 0,
        }
    }

    fn send(&self, what: u64) {
        let rank_0 = self.world.process_at_rank(0);
        rank_0.send_with_tag(&[what, self.done], REQUEST);
    }

    /// Ends the job: rank 0 gets what this rank has.
    pub fn finish(mut self, own: Result<Vec<u8>, BoxError>) -> Result<(), BoxError> {
        let own = own.and_then(|bytes| match bytes.len() {
            0..=LONGEST => Ok(bytes),
            many => {
                Err(format!("{many} bytes are too many for a message, at most {LONGEST}").into())
            }
        });
        if own.is_err() && !self.ended {
            self.send(FAILED);
            // What is on its way, and the word that nothing is left.
            while self.next(self.done).is_some() {}
        }
        let (kind, bytes) = match &own {
            Ok(bytes) => (1, &bytes[..]),
            Err(_) => (0, &[][..]),
        };
        let message = [&self.done.to_le_bytes(), &[kind][..], bytes].concat();
        let rank_0 = self.world.process_at_rank(0);
        rank_0.send_with_tag(&message, RESULT);
        own.map(|_| ())
    }
}

impl Share for Taker<'_> {
    fn next(&mut self, done: u64) -> Option<Range<u64>> {
        self.done = done;
        if self.ended {
            return None;
        }
        if !self.asked {
            self.send(READY);
        }
        let mut piece = [0; 2];
        let (message, _) = wait(&self.world.process_at_rank(0), PIECE);
        message.matched_receive_into(&mut piece);
        self.ended = piece[0] >= piece[1];
        self.asked = self.ahead && !self.ended;
        if self.asked {
            self.send(READY);
        }
        (!self.ended).then_some(piece[0]..piece[1])
    }

    fn between_batches(&mut self, _done: u64) {}
}

fn wait(sender: &impl Source, tag: i32) -> (Message, Status) {
    loop {
        match sender.immediate_matched_probe_with_tag(tag) {
            Some(found) => return found,
            None => sleep(NAP),
        }
    }
}
