//! One test binary: the crate against the method, in numbers.

mod agreement;
mod carried;
mod channels;
#[cfg(feature = "colour")]
mod colour;
#[cfg(feature = "colour")]
mod colour_effects;
mod contract;
mod default_estimator;
mod determinism;
mod effects;
mod errors;
mod expectation;
mod floors;
mod forged;
mod geometry;
mod groups;
mod interruption;
mod known_truth;
mod layout;
mod ledger_damage;
mod ledger_files;
mod ledger_races;
mod ledgers;
mod own_effects;
mod own_scores;
mod reference;
mod refusals;
mod region;
mod repeats;
#[cfg(feature = "cli")]
mod saved;
mod segments;
mod shapes;
mod statistics;
mod stopping;
mod sums;
mod tables;
mod text;
mod time_limits;
mod tolerance;
mod value_stability;
mod worlds;
