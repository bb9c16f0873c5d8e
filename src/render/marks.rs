//! The two marks on tiles: the hatch of what was not evaluated, and the dots of what may be 0.

use ndarray::Array2;

use super::blend;

/// *Not evaluated*: the ground and the diagonal lines on it.
pub(super) const HATCH: [[u8; 3]; 2] = [[202; 3], [128; 3]];
/// Pixels from one diagonal line, or one dot, to the next.
pub(super) const PITCH: usize = 8;

/// The ground of the hatch, over the image if there is one.
pub(super) fn ground(below: Option<[u8; 3]>) -> [u8; 3] {
    below.map_or(HATCH[0], |grey| blend(grey, HATCH[0], 0.65))
}

/// A pixel of the ground with its part of the diagonal lines.
pub(super) fn hatched(ground: [u8; 3], y: usize, x: usize) -> [u8; 3] {
    let from_line = ((x + y) % PITCH).abs_diff(PITCH / 2) as f32 / std::f32::consts::SQRT_2;
    blend(ground, HATCH[1], (1.25 - from_line).clamp(0.0, 1.0))
}

/// The centre of the dot that is nearest to a pixel, and how much of the pixel it covers.
pub(super) fn dot(y: usize, x: usize) -> (usize, usize, f32) {
    let row = y / PITCH;
    let shift = shift(row);
    let centre_y = row * PITCH + PITCH / 2;
    let centre_x = (x + shift) / PITCH * PITCH + PITCH / 2 - shift;
    let distance = (y.abs_diff(centre_y) as f32).hypot(x.abs_diff(centre_x) as f32);
    (centre_y, centre_x, (1.6 - distance).clamp(0.0, 1.0))
}

/// How far every other row of dots stands to the left.
fn shift(row: usize) -> usize {
    row % 2 * (PITCH / 2)
}

/// Dark dots on light colours, light dots on dark ones.
pub(super) fn dot_colour([r, g, b]: [u8; 3]) -> [u8; 3] {
    let [r, g, b] = [r, g, b].map(u32::from);
    let light = 299 * r + 587 * g + 114 * b > 110_000;
    [if light { 70 } else { 240 }; 3]
}

/// The diagonal lines on the cells of a picture of this size, each from `[x, y]` to `[x, y]`.
pub(super) fn hatch_lines(cells: &Array2<bool>, [width, height]: [u32; 2]) -> Vec<[[f64; 2]; 2]> {
    let (rows, columns) = cells.dim();
    let (w, h) = (f64::from(width), f64::from(height));
    let mut lines = Vec::new();
    // Their pixels' centres have x + y = PITCH / 2 and so on, in whole pixels.
    let sums = (PITCH / 2 + 1..(width + height) as usize).step_by(PITCH);
    for sum in sums.map(|sum| sum as f64) {
        let from_rows = (0..=rows).map(|row| sum - row as f64 * h / rows as f64);
        let from_columns = (0..=columns).map(|column| column as f64 * w / columns as f64);
        let inside = (sum - h).max(0.0)..=sum.min(w);
        let mut ends: Vec<f64> = from_rows.chain(from_columns).collect();
        ends.retain(|x| inside.contains(x));
        ends.sort_by(f64::total_cmp);
        let mut last: Option<&mut [[f64; 2]; 2]> = None;
        for pair in ends.windows(2).filter(|pair| pair[0] < pair[1]) {
            let [from, to] = [pair[0], pair[1]];
            let middle = (from + to) / 2.0;
            let row = ((sum - middle) / h * rows as f64) as usize;
            let column = (middle / w * columns as f64) as usize;
            let marked = cells[[row.min(rows - 1), column.min(columns - 1)]];
            last = match (marked, last) {
                (false, _) => None,
                (true, Some(line)) => {
                    line[1] = [to, sum - to];
                    Some(line)
                }
                (true, None) => {
                    lines.push([[from, sum - from], [to, sum - to]]);
                    lines.last_mut()
                }
            };
        }
    }
    lines
}

/// The centres of all dots that a picture of this size has room for, in whole pixels.
pub(super) fn dot_centres([width, height]: [u32; 2]) -> Vec<[usize; 2]> {
    let rows = 0..(height as usize).div_ceil(PITCH);
    let centres = rows.flat_map(|row| {
        let columns = 0..=width as usize / PITCH;
        let centre = move |column| {
            [
                row * PITCH + PITCH / 2,
                column * PITCH + PITCH / 2 - shift(row),
            ]
        };
        columns.map(centre)
    });
    let inside = |[y, x]: &[usize; 2]| *y < height as usize && *x < width as usize;
    centres.filter(inside).collect()
}
