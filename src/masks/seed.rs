//! Where randomness comes from: the only file that names the generator.
//!
//! Every block of masks has a ChaCha stream of its own, and every mask its own stretch of that
//! stream, so that any mask can be drawn alone, in any order, on any thread.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Words (of 32 bits) of a block's stream that belong to one mask: far more than any mask draws.
const WORDS_PER_MASK: u128 = 1 << 40;

/// Masks a block can hold before the stretches would leave the stream.
pub(crate) const MAX_BLOCK_SIZE: usize = 1 << 16;

fn stretch(seed: u64, block: u64, index: u128) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(block.wrapping_add(1));
    rng.set_word_pos(index * WORDS_PER_MASK);
    rng
}

/// The generator of what the masks of a block share.
pub(crate) fn block_rng(seed: u64, block: u64) -> ChaCha8Rng {
    stretch(seed, block, 0)
}

/// The generator of the mask at `position` of a block.
pub(crate) fn mask_rng(seed: u64, block: u64, position: usize) -> ChaCha8Rng {
    stretch(seed, block, position as u128 + 1)
}
