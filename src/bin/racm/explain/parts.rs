//! What a page needs to know how far the mean of a box, or the difference of two, is known.

use std::borrow::Cow;

use racm::Explanation;
use racm::ndarray::{Array4, ArrayView4, Axis};
use serde_json::{Value, json};

use super::pictures::ROWS;
use crate::Failure;
use crate::html::packed;

/// Below so many blocks there is no standard error, as in the library.
const LEAST: usize = 8;
/// Parts of the run: an error of so many is known to a sixth of itself.
const MOST: usize = 20;
/// Numbers of all parts, and tiles along a side, or more where cells are small.
const NUMBERS: usize = 400_000;
const TILES: usize = 32;

/// Of equal parts of the masks, how far each lies from the mean of all, by tile.
pub struct Parts {
    tiles: [usize; 2],
    /// One a part, `[targets, J, rows, columns]`, times the part's share of the masks.
    deviations: Vec<Array4<f32>>,
}

impl Parts {
    /// `None` where parts would say nothing, for there are few blocks, or an estimator that fits all masks at once; and where
    /// they would take too much of the page, as for a thousand planes.
    pub fn of(explanation: &Explanation) -> Result<Option<Self>, Failure> {
        let blocks = explanation.ledger().blocks();
        if !explanation.estimator().is_sum_over_blocks() || blocks < LEAST {
            return Ok(None);
        }
        let count = blocks.min(MOST);
        let [_, height, width] = explanation.plan().shape();
        // Of more maps than are shown, parts would be made for nothing.
        let shown = match explanation.targets() {
            targets if explanation.maps().dim().0 > ROWS => {
                Cow::Owned(explanation.with_target(&targets[..ROWS])?)
            }
            _ => Cow::Borrowed(explanation),
        };
        let explanation = &*shown;
        let maps = explanation.maps().dim().0;
        let most = NUMBERS / (count * explanation.plan().planes() * maps);
        let usual = TILES.min((most as f64).sqrt() as usize);
        // Within half a cell, a map is as good as the same.
        let grid = match &explanation.plan().spec().segments {
            Some(_) => [1, 1],
            None => explanation.plan().grid(),
        };
        let sides = [(height, grid[0]), (width, grid[1])];
        let tiles = sides.map(|(side, cells)| side.min(usual.max(2 * cells)));
        if tiles[0] * tiles[1] > most {
            return Ok(None);
        }
        let (mut deviations, mut shares) = (Vec::new(), Vec::new());
        for part in 0..count {
            let part = match explanation.part(part, count) {
                // A part has too few masks for a quotient.
                Err(racm::Error::NeverSeen { .. }) => return Ok(None),
                part => part?,
            };
            let share = part.masks() as f32 / explanation.masks() as f32;
            deviations.push(means(explanation, part.maps(), tiles) * share);
            shares.push(share);
        }
        let mut mean = Array4::<f32>::zeros(deviations[0].raw_dim());
        deviations.iter().for_each(|part| mean += part);
        for (part, share) in deviations.iter_mut().zip(shares) {
            part.scaled_add(-share, &mean);
        }
        Ok(Some(Parts { tiles, deviations }))
    }

    /// Those of one map.
    pub fn json(&self, target: usize) -> Value {
        let parts = self.deviations.iter();
        let values: Vec<f32> = parts
            .flat_map(|part| part.index_axis(Axis(0), target).to_owned())
            .collect();
        json!({"count": self.deviations.len(), "tiles": self.tiles, "deviations": packed(values.iter())})
    }
}

/// The means over tiles, of what was evaluated; 0 where nothing was. Pixel y of H is in tile `y rows / H`.
fn means(
    explanation: &Explanation,
    maps: ArrayView4<'_, f32>,
    [rows, columns]: [usize; 2],
) -> Array4<f32> {
    let (targets, planes, height, width) = maps.dim();
    let region = explanation.region().map(|region| region.pixels());
    let mut sums = Array4::<f32>::zeros((targets, planes, rows, columns));
    let mut counts = Array4::<f32>::zeros((1, 1, rows, columns));
    let tile = |y: usize, x: usize| (y * rows / height, x * columns / width);
    for y in 0..height {
        for x in (0..width).filter(|&x| region.is_none_or(|r| r[[y, x]])) {
            let (row, column) = tile(y, x);
            counts[[0, 0, row, column]] += 1.0;
        }
    }
    for ((t, j, y, x), &value) in maps.indexed_iter() {
        // What was not evaluated is 0 in maps.
        let (row, column) = tile(y, x);
        sums[[t, j, row, column]] += value;
    }
    sums / counts.mapv(|count| count.max(1.0))
}

#[cfg(test)]
mod tests {
    use racm::ndarray::Array2;
    use racm::{Estimator, Explainer, FnModel, Target};

    use super::*;

    #[test]
    fn tiles_are_no_larger_than_half_a_cell() {
        let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
            Array2::from_shape_fn((batch.dim().0, 12), |(n, k)| batch[[n, 0, 0, 30 * k]])
        });
        let series = racm::ndarray::Array3::ones((2, 1, 400));
        let explainer = Explainer::builder()
            .estimator(Estimator::Centred)
            .grid(1, 100)
            .masks(320)
            .build()
            .unwrap();
        let explanation = explainer.explain(&model, &series, Target::All).unwrap();
        let parts = Parts::of(&explanation).unwrap().unwrap();
        assert_eq!(parts.tiles, [1, 200]);
        // Of the maps that are shown.
        assert!(
            parts
                .deviations
                .iter()
                .all(|part| part.dim() == (ROWS, 2, 1, 200))
        );
        let coarse = explainer.to_builder().grid(1, 4).build().unwrap();
        let coarse = coarse.explain(&model, &series, 0).unwrap();
        assert_eq!(Parts::of(&coarse).unwrap().unwrap().tiles, [1, TILES]);
    }
}
