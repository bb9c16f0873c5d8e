//! What regressions on the same rows share.

use std::sync::Arc;

use ndarray::{Array1, Array2, Axis, Slice};

use super::few::GroupKernels;
use super::prior::Ratios;
use crate::estimate::linalg::{add_gram, gram, mirror};

/// The rows of masks, `[masks, features]`, a part at a time.
pub(super) trait Rows {
    /// Masks and features.
    fn dim(&self) -> (usize, usize);

    /// The group of each feature, in ascending order.
    fn groups(&self) -> Vec<usize>;

    /// Goes through the parts, each with where in the whole it is.
    fn each(&self, of: impl FnMut(Slice, &Array2<f64>));
}

/// Masks, fewer than the features, that tell how likely variances are.
pub(super) const TUNED: usize = 512;

/// Products of the centred rows X, in the smaller of the two dimensions.
pub(super) enum Gram {
    /// Xᵀ X; only the lower triangle is right.
    Features(Array2<f64>),
    /// X, where the masks are fewer than the features; and of the first masks X Xᵀ, one for each group of features.
    Masks(Array2<f64>, GroupKernels),
}

/// What all regressions on the same rows share.
pub(super) struct Products {
    pub gram: Gram,
    pub row_mean: Array1<f64>,
    pub masks: f64,
}

impl Products {
    /// The products of rows, which are not kept where masks are many; and for the centred scores y what a regression needs of
    /// them: y itself, or Xᵀ y.
    pub fn new(parts: &impl Rows, centred: &Array1<f64>) -> (Self, Array1<f64>) {
        let (masks, features) = parts.dim();
        let n = masks as f64;
        if masks < features {
            let mut rows = Array2::zeros((masks, features));
            parts.each(|own, part| rows.slice_axis_mut(Axis(0), own).assign(part));
            let row_mean = rows.sum_axis(Axis(0)) / n;
            rows -= &row_mean;
            let kernels = kernels(&rows, &parts.groups());
            let products = Products {
                gram: Gram::Masks(rows, kernels),
                row_mean,
                masks: n,
            };
            return (products, centred.clone());
        }
        let mut matrix = Array2::zeros((features, features));
        let mut sums = Array1::zeros(features);
        let mut side = Array1::zeros(features);
        parts.each(|own, part| {
            add_gram(part.t(), &mut matrix);
            sums += &part.sum_axis(Axis(0));
            side += &part.t().dot(&centred.slice_axis(Axis(0), own));
        });
        let row_mean = sums / n;
        for (i, mut row) in matrix.outer_iter_mut().enumerate() {
            row.scaled_add(-n * row_mean[i], &row_mean);
        }
        let products = Products {
            gram: Gram::Features(matrix),
            row_mean,
            masks: n,
        };
        (products, side)
    }

    /// What a regression needs of other centred scores.
    pub fn side(&self, parts: &impl Rows, centred: &Array1<f64>) -> Array1<f64> {
        if let Gram::Masks(..) = self.gram {
            return centred.clone();
        }
        let mut side = Array1::zeros(self.row_mean.len());
        parts.each(|own, part| side += &part.t().dot(&centred.slice_axis(Axis(0), own)));
        side
    }

    /// The products of columns whose variances are multiplied, those of each group by its own factor.
    pub fn scaled(&self, groups: &[usize], ratios: &Ratios) -> Self {
        let factors = factors(groups, ratios);
        let gram = match &self.gram {
            Gram::Features(matrix) => {
                Gram::Features(matrix * &factors * factors.view().insert_axis(Axis(1)))
            }
            Gram::Masks(rows, kernels) => {
                let kernels = std::array::from_fn(|group| {
                    let kernel = kernels[group].as_ref()?;
                    Some(Arc::new(&**kernel * ratios[group].exp()))
                });
                Gram::Masks(rows * &factors, kernels)
            }
        };
        Products {
            gram,
            row_mean: &self.row_mean * &factors,
            masks: self.masks,
        }
    }

    /// Xᵀ X, or X Xᵀ where X is kept; lower triangle.
    pub fn matrix(&self) -> Array2<f64> {
        match &self.gram {
            Gram::Features(matrix) => matrix.clone(),
            Gram::Masks(rows, _) if rows.dim().0 > TUNED => gram(rows.view()),
            Gram::Masks(rows, kernels) => {
                let mut sum = Array2::zeros((rows.dim().0, rows.dim().0));
                kernels.iter().flatten().for_each(|kernel| sum += &**kernel);
                sum
            }
        }
    }
}

/// The kernels of the first rows.
fn kernels(rows: &Array2<f64>, groups: &[usize]) -> GroupKernels {
    let few = rows.slice_axis(Axis(0), Slice::from(..rows.dim().0.min(TUNED)));
    std::array::from_fn(|group| {
        let own = groups.partition_point(|&g| g < group)..groups.partition_point(|&g| g <= group);
        (!own.is_empty()).then(|| {
            let mut kernel = gram(few.slice_axis(Axis(1), Slice::from(own)));
            mirror(&mut kernel);
            Arc::new(kernel)
        })
    })
}

/// The square roots of the multipliers of the groups' columns.
pub(super) fn factors(groups: &[usize], ratios: &Ratios) -> Array1<f64> {
    let factors = groups.iter().map(|&g| (0.5 * ratios[g]).exp());
    factors.collect()
}
