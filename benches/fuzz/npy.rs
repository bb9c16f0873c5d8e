//! Arrays (`.npy`): read in the size that was asked for, every element finite, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ndarray::Array2;
use racm_fuzz::npy;

fuzz_target!(|bytes: &[u8]| {
    for (height, width) in [(2, 3), (1, 1)] {
        let length = bytes.len() as u64;
        let missing = Array2::from_shape_fn((height, width), |(y, x)| (y + x) % 2 == 1);
        for missing in [None, Some(&missing)] {
            if let Ok(array) = npy::parse("map", bytes, length, [height, width], missing) {
                assert_eq!(array.dim(), (height, width));
                let known = |at: (usize, usize)| missing.is_none_or(|missing| !missing[at]);
                let mut all = array.indexed_iter();
                assert!(all.all(|(at, v)| v.is_finite() || !known(at)));
            }
        }
    }
});
