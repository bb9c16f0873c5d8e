//! Images of any size to the network's: every pixel of the result is the mean of the area that it covers.

use ndarray::ArrayView2;

/// The pixels of a line that make each pixel of the result, from the first on, with their shares.
type Axis = Vec<(usize, Vec<f32>)>;

pub(super) struct Shares {
    rows: Axis,
    columns: Axis,
}

fn axis(from: usize, to: usize) -> Axis {
    let share = |at: usize, near: usize| {
        // In units of 1 / `to` of a pixel: exact.
        let low = (at * from).max(near * to);
        let high = ((at + 1) * from).min((near + 1) * to);
        (high - low) as f32 / from as f32
    };
    let pixels = |at: usize| (at * from / to)..((at + 1) * from).div_ceil(to);
    (0..to)
        .map(|at| {
            (
                pixels(at).start,
                pixels(at).map(|near| share(at, near)).collect(),
            )
        })
        .collect()
}

impl Shares {
    pub(super) fn new([height, width]: [usize; 2], to: usize) -> Self {
        Shares {
            rows: axis(height, to),
            columns: axis(width, to),
        }
    }

    /// Gives every pixel of the result to `set(row, column, value)`.
    pub(super) fn average(
        &self,
        plane: ArrayView2<'_, f32>,
        mut set: impl FnMut(usize, usize, f32),
    ) {
        let mut line = vec![0.0; plane.ncols()];
        for (y, (first, shares)) in self.rows.iter().enumerate() {
            line.fill(0.0);
            for (row, share) in plane.outer_iter().skip(*first).zip(shares) {
                for (sum, value) in line.iter_mut().zip(row) {
                    *sum += share * value;
                }
            }
            for (x, (first, shares)) in self.columns.iter().enumerate() {
                let mean = line[*first..]
                    .iter()
                    .zip(shares)
                    .map(|(v, share)| v * share)
                    .sum();
                set(y, x, mean);
            }
        }
    }
}
