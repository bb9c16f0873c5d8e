//! Of a map, what was evaluated: what lies inside the region.

use racm::ndarray::{Array3, ArrayRef3, ArrayView2};
use racm::{Explanation, Region};

/// The values of a plane that were evaluated, each with its row and column.
pub fn inside<'a>(
    explanation: &'a Explanation,
    plane: &'a ArrayView2<'_, f32>,
) -> impl Iterator<Item = ((usize, usize), f32)> + 'a {
    let region = explanation.region();
    let evaluated = move |pixel| region.is_none_or(|r| r.pixels()[pixel]);
    let values = plane.indexed_iter();
    values.filter_map(move |(pixel, &value)| evaluated(pixel).then_some((pixel, value)))
}

/// The mean of a plane over what was evaluated.
pub fn mean_inside(explanation: &Explanation, plane: &ArrayView2<'_, f32>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for (_, value) in inside(explanation, plane) {
        sum += f64::from(value);
        count += 1.0;
    }
    sum / count
}

/// What is not evaluated is NaN in files.
pub fn marked(explanation: &Explanation, map: Array3<f32>) -> Array3<f32> {
    with_nan(map, explanation.region())
}

/// NaN outside of the region.
pub fn with_nan(mut array: Array3<f32>, region: Option<&Region>) -> Array3<f32> {
    if let Some(region) = region {
        fill_outside(&mut array, region, f32::NAN);
    }
    array
}

/// Another value outside of the region.
pub fn fill_outside(array: &mut Array3<f32>, region: &Region, value: f32) {
    for mut plane in array.outer_iter_mut() {
        plane.zip_mut_with(region.pixels(), |v, &inside| {
            if !inside {
                *v = value;
            }
        });
    }
}

/// The median over what was evaluated.
pub fn median(explanation: &Explanation, errors: &ArrayRef3<f32>) -> Option<f32> {
    let mut values: Vec<f32> = marked(explanation, errors.to_owned())
        .into_iter()
        .filter(|v| !v.is_nan())
        .collect();
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f32::total_cmp).1)
}
