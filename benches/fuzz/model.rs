//! ONNX files: loaded, cut in two and run on one image, or refused. What panics in the runtime must come out as an
//! error of ours.
#![no_main]

use std::sync::Once;

use libfuzzer_sys::fuzz_target;
use ndarray::Array4;
use racm::{BlackBoxModel, OnnxModel, OnnxOptions, WhiteBoxModel};

static QUIET: Once = Once::new();

fuzz_target!(|bytes: &[u8]| {
    // Only what nobody catches counts.
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    let mut options = OnnxOptions::default();
    options.threads = 1;
    if let Ok(model) = OnnxModel::from_bytes(bytes, &options) {
        let [c, h, w] = model.input_shape();
        let shape = (1, c.unwrap_or(3), h.unwrap_or(4), w.unwrap_or(7));
        if shape.1.saturating_mul(shape.2).saturating_mul(shape.3) < 100_000 {
            let _ = model.predict(Array4::zeros(shape).view());
        }
    }
    if let Ok(model) = OnnxModel::split_bytes(bytes, None, &options) {
        let image = Array4::zeros((1, 3, 4, 7));
        let _ = model.features(image.view());
    }
});
