//! Class activation maps: exact on heads that can be differentiated by hand, equal to other people's code on a real
//! model, the same in both runtimes, and clear about what cannot be done.

#[path = "white_box/by_hand.rs"]
mod by_hand;
#[cfg(feature = "cli")]
mod data;
#[cfg(feature = "cli")]
mod npy;
#[cfg(feature = "cli")]
#[path = "white_box/oracles.rs"]
mod oracles;
