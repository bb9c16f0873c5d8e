//! Pictures (PNG and JPEG): read with every value in [0, 1], or refused.
#![no_main]

use std::cell::OnceCell;
use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use racm::render::read_image;

thread_local! {
    static FILE: OnceCell<PathBuf> = const { OnceCell::new() };
}

fuzz_target!(|bytes: &[u8]| {
    let path = FILE.with(|file| {
        let name = format!("racm-fuzz-{}", std::process::id());
        file.get_or_init(|| std::env::temp_dir().join(name)).clone()
    });
    std::fs::write(&path, bytes).unwrap();
    if let Ok(image) = read_image(&path) {
        assert!(image.len() >= 3);
        assert!(image.iter().all(|v| (0.0..=1.0).contains(v)));
    }
});
