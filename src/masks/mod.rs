//! What a mask is: the family, the grid and its enlargement, the region, the plan, and the draw.

pub(crate) mod facts;
pub(crate) mod family;
pub(crate) mod grid;
pub(crate) mod mask;
pub(crate) mod plan;
pub(crate) mod region;
#[cfg(feature = "serde")]
mod saved;
pub(crate) mod seed;
pub(crate) mod segments;
pub(crate) mod spec;
pub(crate) mod state;
