//! Scoring the states of an image that changes step by step.

use ndarray::ArrayView4;

use crate::error::{Error, Inputs, Result};
use crate::models::model::{BlackBoxModel, predict_checked};

/// Which images of which class are scored in which batches.
pub(super) struct Job<'a, M: ?Sized> {
    pub model: &'a M,
    pub class: usize,
    pub batch: usize,
    /// Of one image, `[C, H, W]`.
    pub shape: [usize; 3],
}

impl<M: BlackBoxModel + ?Sized> Job<'_, M> {
    /// Scores `states` images. `advance(i, row)` finds state i - 1 in `row` and makes state i of
    /// it, in place: in the batch that the model sees.
    pub(super) fn score(
        &self,
        states: usize,
        mut advance: impl FnMut(usize, &mut [f32]),
    ) -> Result<Vec<f64>> {
        if self.batch == 0 {
            return Err(Error::parameter("batch", 0, "at least 1"));
        }
        let [c, h, w] = self.shape;
        let size = c * h * w;
        let rows = self.batch.min(states);
        let mut buffer = vec![0.0_f32; rows * size];
        let mut scores = Vec::with_capacity(states);
        let mut classes = None;
        while scores.len() < states {
            let first = scores.len();
            let n = rows.min(states - first);
            for row in 0..n {
                let here = row * size;
                if row > 0 {
                    buffer.copy_within(here - size..here, here);
                } else if first > 0 && rows > 1 {
                    buffer.copy_within((rows - 1) * size.., 0);
                }
                advance(first + row, &mut buffer[here..here + size]);
            }
            let batch = ArrayView4::from_shape((n, c, h, w), &buffer[..n * size])
                .expect("the buffer holds n images");
            let inputs = Inputs::States(first..first + n);
            let answer = predict_checked(self.model, batch, classes, inputs)?;
            let k = answer.dim().1;
            if self.class >= k {
                return Err(Error::Target {
                    target: self.class,
                    classes: k,
                });
            }
            classes = Some(k);
            scores.extend(answer.column(self.class).iter().map(|&s| f64::from(s)));
        }
        Ok(scores)
    }
}
