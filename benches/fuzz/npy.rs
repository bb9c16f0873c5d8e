//! Arrays (`.npy`): read in the size that was asked for, every element finite, or refused.
#![no_main]
#![allow(dead_code)]

use libfuzzer_sys::fuzz_target;

#[path = "../../src/bin/racm/npy.rs"]
mod npy;
#[path = "../../src/bin/racm/read.rs"]
mod read;
#[path = "../../src/bin/racm/whole.rs"]
mod whole;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fuzz_target!(|bytes: &[u8]| {
    for [height, width] in [[2, 3], [1, 1]] {
        if let Ok(array) = npy::parse("map", bytes, bytes.len() as u64, height, width) {
            assert_eq!(array.dim(), (height, width));
            assert!(array.iter().all(|v| v.is_finite()));
        }
    }
});
