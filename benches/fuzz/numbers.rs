//! Images of numbers (`.npy`, `.npz`, TIFF): read with at least one channel, row and column, or refused.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use racm_fuzz::{npy, npz, tiff_file};

fuzz_target!(|bytes: &[u8]| {
    let length = bytes.len() as u64;
    let images = [
        npy::parse_image(bytes, length, &|_| Ok(())),
        npz::parse(Cursor::new(bytes), length, None, &|_| Ok(())),
        tiff_file::parse(Cursor::new(bytes), length, &|_| Ok(())),
    ];
    for image in images.into_iter().flatten() {
        assert!(!image.is_empty());
    }
});
