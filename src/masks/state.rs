//! From a uniform number to the state of a cell.

/// More states than this are not told apart by one uniform number.
const MANY: u64 = 1 << 16;

/// The inverse distribution function of a cell's state: 0 with probability 1 - `P_pix`, otherwise
/// one of S equally likely states.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StateLaw {
    /// `2^64 P_pix`.
    threshold: u64,
    states: u64,
    /// `2^shift S / threshold`, rounded down: it takes 63 or 64 bits, so that a product does for
    /// a division.
    scale: u64,
    shift: u32,
}

impl StateLaw {
    pub fn new(p_pix: f64, states: u64) -> Self {
        let threshold = ((p_pix * 2f64.powi(64)) as u64).max(1);
        // `many` leaves the scale at 0: every selected cell is in state 1 for the time being.
        let few = if states > MANY { 0 } else { states };
        let shift = 63 + threshold.ilog2() - few.max(1).ilog2();
        StateLaw {
            threshold,
            states,
            scale: ((u128::from(few) << shift) / u128::from(threshold)) as u64,
            shift,
        }
    }

    /// The state at `u / 2^64` of the distribution: a step function of u, the states 1 to S in
    /// ascending order below `2^64 P_pix` and state 0 from there on. Each of the states is met by
    /// the same number of u, to a relative error below 2^-40 (at a `P_pix` above 2^-8).
    ///
    /// With [`many`](Self::many) states it is 1 for all that are selected.
    pub fn state(self, u: u64) -> u64 {
        let state = (u128::from(u) * u128::from(self.scale)) >> self.shift;
        if u < self.threshold {
            state as u64 + 1
        } else {
            0
        }
    }

    /// S, if the state of a selected cell takes a draw of its own.
    pub fn many(self) -> Option<u64> {
        (self.states > MANY).then_some(self.states)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [u64; 9] = [1, 2, 3, 7, 15, 255, 1000, 65_535, 65_536];

    /// The first u of a state, by bisection.
    fn first(law: StateLaw, state: u64) -> u64 {
        let (mut low, mut high) = (0, law.threshold - 1);
        while low < high {
            let middle = low + (high - low) / 2;
            if law.state(middle) >= state {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    #[test]
    fn states_are_equally_likely() {
        for p in [0.01, 0.1, 0.5, 0.9, 1.0 - f64::EPSILON / 2.0] {
            for states in STATES {
                let law = StateLaw::new(p, states);
                assert_eq!(law.state(0), 1);
                assert_eq!(law.state(law.threshold - 1), states);
                assert_eq!(law.state(law.threshold), 0);
                assert_eq!(law.state(u64::MAX), 0);
                let expected = law.threshold as f64 / states as f64;
                for state in (1..=states).step_by((states as usize / 50).max(1)) {
                    let end = match state {
                        s if s == states => law.threshold,
                        s => first(law, s + 1),
                    };
                    let start = first(law, state);
                    assert_eq!(law.state(start), state);
                    let count = (end - start) as f64;
                    assert!(
                        (count / expected - 1.0).abs() < 2f64.powi(-40),
                        "{p} {states}"
                    );
                }
            }
        }
    }

    #[test]
    fn more_than_65_536_states_take_a_draw_of_their_own() {
        let draws = |states| StateLaw::new(0.5, states).many();
        assert_eq!((draws(1), draws(65_536)), (None, None));
        assert_eq!(draws(65_537), Some(65_537));
    }

    #[test]
    fn extreme_probabilities_stay_within_the_states() {
        for p in [f64::MIN_POSITIVE, 1e-300, 2f64.powi(-64), 1e-19, 1e-12] {
            for states in STATES.into_iter().chain([65_537, u64::MAX]) {
                let law = StateLaw::new(p, states);
                for u in [0, law.threshold / 2, law.threshold - 1] {
                    assert!((1..=states).contains(&law.state(u)), "{p} {states}");
                }
                assert_eq!(law.state(law.threshold), 0);
            }
        }
    }
}
