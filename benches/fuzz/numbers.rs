//! Images of numbers (`.npy`, `.npz`, TIFF): read with at least one channel, row and column, or refused.
#![no_main]
#![allow(dead_code)]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;

#[path = "../../src/bin/racm/npy.rs"]
mod npy;
#[path = "../../src/bin/racm/image/npz.rs"]
mod npz;
#[path = "../../src/bin/racm/read.rs"]
mod read;
#[path = "../../src/bin/racm/image/tiff.rs"]
mod tiff_file;
#[path = "../../src/bin/racm/whole.rs"]
mod whole;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fuzz_target!(|bytes: &[u8]| {
    let length = bytes.len() as u64;
    let images = [
        npy::parse_image(bytes, length),
        npz::parse(Cursor::new(bytes), length, None),
        tiff_file::parse(Cursor::new(bytes), length),
    ];
    for image in images.into_iter().flatten() {
        assert!(!image.is_empty());
    }
});
