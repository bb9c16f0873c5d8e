//! What a plane of a map stands for: Eq. 9's difference, or what the plane does by itself.

use ndarray::Array2;

use crate::error::{Error, Result};
use crate::masks::plan::Plan;
use crate::text::named;

/// A plane whose part that is not another's is below this fraction of it has none.
const NEGLIGIBLE: f64 = 1e-9;

/// What a plane of a map says.
///
/// Eq. 9 compares "this plane is fed here" with "this place is unselected". A channel that passes in
/// [`Racm`](crate::Racm) brings each of the others along half of the time, so a channel that plays no part gets half of
/// what the others are worth there. *Own effects* undo that.
///
/// # When to read which
/// - `Plane`: *where* does the model look, and what is it worth to show this plane there, with what then shows along? Its
///   order is the better one to build an image up by: showing a channel where others matter as well is a good start. On
///   43 traffic signs, 1000 masks of RaCM, Insertion was 0.74, and 0.63 by own effects.
/// - `Own`: *which* channel is it, and which could be left out? A channel without a part in it is at 0, where the parts of
///   the others add up, and not at half of them. Compare channels with it, as a whole by
///   [`carried`](crate::Explanation::carried). Deletion was the same within its error (0.016
///   and 0.015).
///
/// # The contrast
/// Let `D_j` be Eq. 9's difference for a cell and plane j, and `G_jk = P(plane k is fed | plane j is fed)`, which the
/// family's [shares](crate::MaskFamily::joint_share) say. If what a cell does to the expected score adds up between its
/// planes, with `b_k` from plane k, then `D = G b` and so `b = G^-1 D`. A map, whether its masks are hard or soft, shifted
/// or not, is the mean of the `D` of the cells that a pixel hangs on, by its weights on them. So at every pixel
///
/// `own effects = G^-1 map`,
///
/// the same mean of the cells' own effects, exactly, whatever the score does between cells.
///
/// | family | own effects |
/// |---|---|
/// | [`Rise`](crate::Rise), [`McRise`](crate::McRise) | the map: a state feeds one plane |
/// | [`Racm`](crate::Racm), C channels or groups, any `P_pix` | `2 (map_c - sum of map / (C + 1))` |
/// | your own | from its `share` and `joint_share` |
///
/// They are in the map's units, the score: what a cell is worth, not a pixel. (For a score that goes by this one pixel and
/// no other in reach of its cells, a soft map is `s G b`, `s` the mean of the sum of its squared weights, and smaller by `s`
/// with one plane as with many. Neither the map nor the own effects are divided by it: pixels around the edges of cells
/// would be blown up with what belongs to their neighbours.)
///
/// What does *not* add up between the planes of one cell (a pair of channels that count only together) has no owner.
/// A contrast of planes has to split it, and gives a share to planes without a part in it: of `h` that red and green are
/// worth only together, RGB in [`Racm`](crate::Racm) has `3/8 h` for either and `-h / 8` for blue. The
/// [map](Effect::Plane) has `h / 2`, `h / 2` and `h / 4`.
///
/// Of an image of one pixel, a table with a feature a channel, own effects in [`Racm`](crate::Racm) are Banzhaf's values,
/// the mean of what a feature adds to a random set of the others, and a number that all features share:
/// `(2 (mean score of a random set - score of nothing) - sum of Banzhaf's values) / (C + 1)`, 0 where features add up.
///
/// ```
/// use racm::{Effect, Explainer, demo};
///
/// let explainer = Explainer::builder().masks(500).effect(Effect::Own).build()?;
/// let own = explainer.explain(&demo::Classifier, &demo::image(), 0)?;
/// let plane = own.with_effect(Effect::Plane)?; // no model call
/// assert_eq!(own.own_effects()?.map(), own.map());
/// assert_eq!(plane.own_effects()?.map(), own.map());
/// # Ok::<(), racm::Error>(())
/// ```
///
/// # References
/// - J. F. Banzhaf, *Weighted Voting Doesn't Work*, Rutgers Law Review 19, 1965.
/// - Hachiya and Nisawa, *Randomized Channel-pass Mask for Channel-wise Explanation of Black-box Models*, Eq. 9, 13 and 15,
///   solved for the effects of the channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// Eq. 9: what a cell is worth that feeds the plane, with all that comes along. The default.
    #[default]
    Plane,
    /// What the plane adds by itself.
    Own,
}

named!(Effect, "effect", Plane = "plane", Own = "own");

impl Effect {
    /// The matrix `[J, J]` that makes these effects of Eq. 9's planes; `None` if it changes nothing.
    ///
    /// # Errors
    /// [`Error::PlanesFedAlike`] if the planes' own effects cannot be told apart, [`Error::Parameter`] for joint shares
    /// that no family has.
    pub(crate) fn mixing(self, plan: &Plan) -> Result<Option<Array2<f64>>> {
        match self {
            Effect::Plane => Ok(None),
            Effect::Own => {
                let inverse = inverse(plan)?;
                Ok((inverse != Array2::eye(plan.planes())).then_some(inverse))
            }
        }
    }
}

/// `G^-1`. G is the planes' second moments in a selected cell, each row over the plane's share: the matrix of moments is
/// eliminated, which is symmetric and so needs no pivots.
fn inverse(plan: &Plan) -> Result<Array2<f64>> {
    let (family, channels, planes) = (plan.family(), plan.shape()[0], plan.planes());
    let share: Vec<f64> = (0..planes).map(|j| family.share(j, channels)).collect();
    let mut moments = Array2::from_diag(&ndarray::aview1(&share));
    for a in 0..planes {
        for b in 0..a {
            let joint = family.joint_share(a, b, channels);
            let most = share[a].min(share[b]);
            if !(0.0..=most * (1.0 + NEGLIGIBLE)).contains(&joint) {
                return Err(Error::parameter(
                    "family",
                    format!(
                        "{} with joint share {joint} of the planes {a} and {b}",
                        family.name()
                    ),
                    format!("0 to {most}, the smaller of their shares"),
                ));
            }
            moments[[a, b]] = joint;
            moments[[b, a]] = joint;
        }
    }
    let mut inverse = Array2::from_diag(&ndarray::aview1(&share));
    for j in 0..planes {
        // What the planes before it leave of this one.
        let pivot = moments[[j, j]];
        if pivot <= NEGLIGIBLE * share[j] {
            let names = plan.plane_names();
            let part = |&k: &usize| moments[[k, j]].abs() > NEGLIGIBLE.sqrt();
            return Err(Error::PlanesFedAlike {
                family: family.name(),
                plane: names[j].clone(),
                others: (0..j).filter(part).map(|k| names[k].clone()).collect(),
            });
        }
        for matrix in [&mut inverse, &mut moments] {
            matrix.row_mut(j).mapv_inplace(|v| v / pivot);
        }
        for i in (0..planes).filter(|&i| i != j) {
            let times = moments[[i, j]];
            for matrix in [&mut inverse, &mut moments] {
                let row = matrix.row(j).to_owned();
                matrix.row_mut(i).scaled_add(-times, &row);
            }
        }
    }
    Ok(inverse)
}

/// The matrix times the planes `[J, ...]`.
pub(super) fn mixed(mixing: &Array2<f64>, planes: &[f64]) -> Vec<f64> {
    let size = planes.len() / mixing.dim().1;
    let mut out = vec![0.0; planes.len()];
    for (out, weights) in out.chunks_exact_mut(size).zip(mixing.outer_iter()) {
        for (plane, weight) in planes.chunks_exact(size).zip(weights) {
            out.iter_mut()
                .zip(plane)
                .for_each(|(o, v)| *o += weight * v);
        }
    }
    out
}
