//! Cholesky factors on top of ndarray's matrix product: all the linear algebra that is needed.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayRef1, ArrayView2, ArrayViewMut2, Axis, Slice};

/// Columns that are factored at a time; the rest of the work is matrix products.
const STEP: usize = 48;

/// Columns of a symmetric product that are made at a time.
const STRIP: usize = 96;

/// The lower factor L of a symmetric positive definite matrix L Lᵀ.
pub(super) struct Cholesky {
    lower: Array2<f64>,
    /// The inverses of the squares of STEP columns on the diagonal: they make solving a product.
    inverses: Vec<Array2<f64>>,
}

impl Cholesky {
    /// Factors a matrix of which the lower triangle is read; `None` if it is not positive definite.
    pub fn new(mut a: Array2<f64>) -> Option<Self> {
        let n = a.dim().0;
        let mut inverses = Vec::with_capacity(n.div_ceil(STEP));
        for start in (0..n).step_by(STEP) {
            let end = (start + STEP).min(n);
            let (mut head, mut tail) = a.view_mut().split_at(Axis(0), end);
            let mut square = part(&mut head, start..end, start..end);
            factor(&mut square)?;
            let inverse = inverted(&square);
            if end < n {
                let mut panel = part(&mut tail, 0..n - end, start..end);
                let solved = panel.dot(&inverse.t());
                panel.assign(&solved);
                let (_, mut rest) = tail.split_at(Axis(1), end);
                // Strips of columns: only the lower triangle is brought up to date.
                for strip in (0..n - end).step_by(STRIP) {
                    let stop = (strip + STRIP).min(n - end);
                    let lower = solved.slice_axis(Axis(0), Slice::from(strip..));
                    let upper = solved.slice_axis(Axis(0), Slice::from(strip..stop));
                    let mut out = part(&mut rest, strip..n - end, strip..stop);
                    general_mat_mul(-1.0, &lower, &upper.t(), 1.0, &mut out);
                }
            }
            inverses.push(inverse);
        }
        Some(Cholesky { lower: a, inverses })
    }

    /// The factor.
    #[cfg(test)]
    pub fn lower(&self) -> Array2<f64> {
        Array2::from_shape_fn(self.lower.dim(), |(i, j)| {
            if j <= i { self.lower[[i, j]] } else { 0.0 }
        })
    }

    /// The logarithm of the matrix's determinant.
    pub fn log_determinant(&self) -> f64 {
        2.0 * self.lower.diag().iter().map(|v| v.ln()).sum::<f64>()
    }

    /// L⁻¹ B.
    pub fn half_solve(&self, b: Array2<f64>) -> Array2<f64> {
        self.half_solve_from(0, b)
    }

    /// The same for a B of which only the rows from `first` on, a multiple of STEP, are not 0 and given.
    fn half_solve_from(&self, first: usize, mut b: Array2<f64>) -> Array2<f64> {
        let n = first + b.dim().0;
        let blocks = (first..n).step_by(STEP);
        for (start, inverse) in blocks.zip(&self.inverses[first / STEP..]) {
            let end = (start + STEP).min(n);
            let (mut head, mut tail) = b.view_mut().split_at(Axis(0), end - first);
            let columns = head.dim().1;
            let mut rows = part(&mut head, start - first..end - first, 0..columns);
            let solved = inverse.dot(&rows);
            rows.assign(&solved);
            if end < n {
                let below = self.lower.slice_axis(Axis(0), Slice::from(end..));
                let below = below.slice_axis(Axis(1), Slice::from(start..end));
                general_mat_mul(-1.0, &below, &solved, 1.0, &mut tail);
            }
        }
        b
    }

    /// L⁻¹, in blocks of columns: each with its first row, from which on it is not 0.
    fn inverse_blocks(&self) -> impl Iterator<Item = (usize, Array2<f64>)> {
        let n = self.lower.dim().0;
        (0..n).step_by(STEP).map(move |start| {
            let width = STEP.min(n - start);
            let unit =
                Array2::from_shape_fn((n - start, width), |(i, j)| f64::from(u8::from(i == j)));
            (start, self.half_solve_from(start, unit))
        })
    }

    /// (L Lᵀ)⁻¹.
    pub fn inverse(&self) -> Array2<f64> {
        let n = self.lower.dim().0;
        let mut transposed = Array2::zeros((n, n));
        for (start, block) in self.inverse_blocks() {
            let mut view = transposed.view_mut();
            let columns = start..start + block.dim().1;
            part(&mut view, columns, start..n).assign(&block.t());
        }
        let mut out = gram(transposed.view());
        mirror(&mut out);
        out
    }

    /// The diagonal of (L Lᵀ)⁻¹.
    pub fn inverse_diagonal(&self) -> Array1<f64> {
        let squares = self.inverse_blocks().flat_map(|(_, block)| {
            let squares = block.mapv_into(|v| v * v).sum_axis(Axis(0));
            squares.into_iter()
        });
        squares.collect()
    }

    /// (L Lᵀ)⁻¹ b.
    pub fn solve(&self, b: &ArrayRef1<f64>) -> Array1<f64> {
        let b = b.view().insert_axis(Axis(1)).to_owned();
        let mut x = self.half_solve(b).remove_axis(Axis(1));
        for i in (0..x.len()).rev() {
            x[i] /= self.lower[[i, i]];
            let (mut before, last) = x.view_mut().split_at(Axis(0), i);
            let row = self.lower.row(i);
            before.scaled_add(-last[0], &row.slice_axis(Axis(0), Slice::from(..i)));
        }
        x
    }
}

/// Rows and columns of a matrix.
fn part<'a>(
    a: &'a mut ArrayViewMut2<'_, f64>,
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
) -> ArrayViewMut2<'a, f64> {
    let mut a = a.view_mut();
    a.slice_axis_inplace(Axis(0), Slice::from(rows));
    a.slice_axis_inplace(Axis(1), Slice::from(columns));
    a
}

fn factor(a: &mut ArrayViewMut2<'_, f64>) -> Option<()> {
    for j in 0..a.dim().0 {
        for i in j..a.dim().0 {
            let sum = (0..j).map(|k| a[[i, k]] * a[[j, k]]).sum::<f64>();
            a[[i, j]] -= sum;
        }
        let pivot = a[[j, j]];
        if !(pivot > 0.0 && pivot.is_finite()) {
            return None;
        }
        let root = pivot.sqrt();
        for i in j..a.dim().0 {
            a[[i, j]] /= root;
        }
    }
    Some(())
}

/// The inverse of a small lower triangle.
fn inverted(lower: &ArrayViewMut2<'_, f64>) -> Array2<f64> {
    let n = lower.dim().0;
    let mut out = Array2::eye(n);
    for i in 0..n {
        let (done, mut row) = out.view_mut().split_at(Axis(0), i);
        let mut row = row.index_axis_mut(Axis(0), 0);
        for (k, done) in done.outer_iter().enumerate() {
            row.scaled_add(-lower[[i, k]], &done);
        }
        row /= lower[[i, i]];
    }
    out
}

/// Copies the lower triangle above the diagonal.
pub(super) fn mirror(a: &mut Array2<f64>) {
    for i in 0..a.dim().0 {
        let (mut done, below) = a.view_mut().split_at(Axis(0), i + 1);
        let below = below.slice_axis(Axis(1), Slice::from(i..i + 1));
        let mut row = done.slice_axis_mut(Axis(1), Slice::from(i + 1..));
        row.row_mut(i).assign(&below.column(0));
    }
}

/// A Aᵀ, of which only the lower triangle is right.
pub(super) fn gram(a: ArrayView2<'_, f64>) -> Array2<f64> {
    let n = a.dim().0;
    let mut out = Array2::zeros((n, n));
    add_gram(a, &mut out);
    out
}

/// Adds A Aᵀ to the lower triangle of a matrix.
pub(super) fn add_gram(a: ArrayView2<'_, f64>, out: &mut Array2<f64>) {
    let n = a.dim().0;
    for strip in (0..n).step_by(STRIP) {
        let stop = (strip + STRIP).min(n);
        let lower = a.slice_axis(Axis(0), Slice::from(strip..));
        let upper = a.slice_axis(Axis(0), Slice::from(strip..stop));
        let mut view = out.view_mut();
        let mut view = part(&mut view, strip..n, strip..stop);
        general_mat_mul(1.0, &lower, &upper.t(), 1.0, &mut view);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(n: usize) -> Array2<f64> {
        let b = Array2::from_shape_fn((n, n + 3), |(i, j)| ((i * 7 + j * 13 + i * j) as f64).sin());
        let mut a = b.dot(&b.t());
        a.diag_mut().mapv_inplace(|v| v + 1.0);
        a
    }

    #[test]
    fn what_is_not_positive_definite_has_no_factor() {
        assert!(Cholesky::new(Array2::zeros((1, 1))).is_none());
        assert!(Cholesky::new(Array2::zeros((2, 2))).is_none());
        let mut a = matrix(60);
        a[[55, 55]] = -1.0;
        assert!(Cholesky::new(a.clone()).is_none());
        a[[55, 55]] = f64::NAN;
        assert!(Cholesky::new(a).is_none());
    }

    #[test]
    fn factor_solve_and_determinant() {
        for n in [1, 2, 47, 48, 49, 97, 250] {
            let a = matrix(n);
            let c = Cholesky::new(a.clone()).unwrap();
            let l = c.lower();
            assert!((&l.dot(&l.t()) - &a).iter().all(|e| e.abs() < 1e-9), "{n}");
            let b = Array1::from_shape_fn(n, |i| (i as f64).cos());
            let x = c.solve(&b);
            assert!((&a.dot(&x) - &b).iter().all(|e| e.abs() < 1e-8), "{n}");
            let many = Array2::from_shape_fn((n, 5), |(i, j)| (i + 3 * j) as f64);
            let half = c.half_solve(many.clone());
            assert!((&l.dot(&half) - &many).iter().all(|e| e.abs() < 1e-7));
            let inverse = c.inverse();
            let unit = inverse.dot(&a) - Array2::<f64>::eye(n);
            assert!(unit.iter().all(|e| e.abs() < 1e-8), "{n}");
            let diagonal = c.inverse_diagonal() - inverse.diag();
            assert!(diagonal.iter().all(|e| e.abs() < 1e-12));
            let log: f64 = l.diag().iter().map(|v| 2.0 * v.ln()).sum();
            assert!((c.log_determinant() - log).abs() < 1e-12);
            let g = gram(l.view());
            assert!(
                g.indexed_iter()
                    .all(|((i, j), v)| j > i || (v - a[[i, j]]).abs() < 1e-9)
            );
        }
    }

    #[test]
    fn indefinite_matrices_are_refused() {
        assert!(Cholesky::new(ndarray::arr2(&[[1.0, 2.0], [2.0, 1.0]])).is_none());
        assert!(Cholesky::new(ndarray::arr2(&[[f64::NAN]])).is_none());
    }
}
