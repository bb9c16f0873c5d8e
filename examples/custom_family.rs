//! A mask family of your own: time x frequency bands of a spectrogram.
//!
//! An "image" here is a spectrogram, [1, frequency, time]. A selected cell, a band of frequencies
//! for a stretch of time, is either *silenced* or *drowned in noise*, and the map has one plane for
//! each. The model hears a bird if its chirp stands out from what is around it: silencing the chirp
//! hurts, and so does noise *beside* it, which the map of silence cannot tell.

use racm::ndarray::{Array2, Array3, ArrayView4, s};
use racm::{Enlargement, Error, Explainer, FnModel, MaskFamily, Placement, Shown};

/// State 0 keeps the spectrogram, 1 silences a cell, 2 fills it with noise of this level.
#[derive(Debug)]
struct SilenceOrNoise {
    level: f32,
}

impl MaskFamily for SilenceOrNoise {
    fn name(&self) -> String {
        format!("silence or noise at {}", self.level)
    }

    fn states(&self, _channels: usize) -> u64 {
        2
    }

    fn planes(&self, _channels: usize) -> usize {
        2
    }

    /// Each of the two states feeds a plane of its own.
    fn incidence(&self, state: u64) -> u64 {
        [0b00, 0b01, 0b10][state as usize]
    }

    fn shows(&self, state: u64, _channel: usize) -> Shown {
        match state {
            0 => Shown::Image,
            1 => Shown::Value(0.0),
            _ => Shown::Value(self.level),
        }
    }

    fn plane_name(&self, plane: usize, _channels: usize) -> String {
        ["silence", "noise"][plane].to_owned()
    }
}

/// 24 frequencies x 48 instants, with a rising chirp in the upper half at instants 16 to 32.
fn spectrogram() -> Array3<f32> {
    Array3::from_shape_fn((1, 24, 48), |(_, frequency, time)| {
        let chirp = (16..32).contains(&time) && frequency == 12 + (time - 16) / 2;
        if chirp { 1.0 } else { 0.1 }
    })
}

fn main() -> Result<(), Error> {
    // The chirp's energy against that of the instants' other frequencies in its octave.
    let bird = FnModel::new(|batch: ArrayView4<'_, f32>| {
        Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| {
            let part = batch.slice(s![n, 0, 12..20, 16..32]);
            let chirp: f32 = (0..16usize).map(|t| part[[t / 2, t]]).sum();
            chirp / (0.5 + part.sum())
        })
    });
    let explanation = Explainer::builder()
        .family(SilenceOrNoise { level: 0.8 })
        .grid(6, 6)
        .enlargement(Enlargement::Nearest)
        .placement(Placement::Fixed)
        .p_pix(0.3)
        .masks(4000)
        .build()?
        .explain(&bird, &spectrogram(), 0)?;

    for (name, plane) in explanation
        .plan()
        .plane_names()
        .iter()
        .zip(explanation.map().outer_iter())
    {
        println!("effect of {name} on the score, by band (rows, high first) and time (columns):");
        for band in (0..6).rev() {
            let cells = (0..6).map(|time| plane[[band * 4, time * 8]]);
            println!(
                "  {}",
                cells.map(|v| format!("{v:+.3} ")).collect::<String>()
            );
        }
    }
    Ok(())
}
