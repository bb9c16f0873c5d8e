//! Hides parts of a drawing as explanations do.

use racm::ndarray::Array3;
use racm::{Baseline, MaskSpec, McRise, Plan, Racm, Rise};

use crate::Outcome;

/// Numbers that look random.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// In [0, 1). splitmix64.
    pub fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.roll() * n as f64) as usize
    }
}

/// One mask of RISE, RaCM or MC-RISE, of any grid from 4 x 4 to 10 x 10; hidden parts are black in half of the images,
/// and any one grey or colour in the others.
pub fn hide(image: Array3<f32>, seed: u64, dice: &mut Dice) -> Outcome<Array3<f32>> {
    let spec = match dice.below(3) {
        0 => MaskSpec::new(Rise),
        1 => MaskSpec::new(Racm),
        _ => MaskSpec::new(McRise::rgb()),
    };
    let cells = 4 + dice.below(7);
    let spec = spec.grid(cells, cells).p_pix(0.2 + 0.7 * dice.roll());
    let baseline = match dice.below(4) {
        0 | 1 => Baseline::Constant(0.0),
        2 => Baseline::Constant(dice.roll() as f32),
        _ => Baseline::PerChannel((0..3).map(|_| dice.roll() as f32).collect()),
    };
    let plan = Plan::new([3, image.dim().1, image.dim().2], &spec)?;
    Ok(plan.mask(seed, 0).apply(&image, &baseline)?)
}
