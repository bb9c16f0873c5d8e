//! What surrogates of some images teach about the next one.

use super::basis::{Bump, LENGTHS};
#[cfg(feature = "serde")]
use super::likelihood::BOUND;
use super::prior::{Belief, GROUPS, Ratios, Shape};

/// What the surrogates of some images have in common, as a prior for other images of the same model: how long the field's lengths are,
/// where in the image it is large, how much of the score's variance each group of features makes, and on which scale it is.
///
/// A prior goes with what it was learned of: the model, the method and its planes, link and colour space. Sums over the images, so that priors of parts of a data set [add up](SurrogatePrior::add). With none it is the prior that
/// surrogates have anyway, and each image counts as much as that one. A surrogate begins its climb there, and believes in it.
///
/// ```
/// use racm::{Explainer, Surrogate, SurrogatePrior, demo};
///
/// let explainer = Explainer::builder().masks(300).build()?;
/// let mut prior = SurrogatePrior::default();
/// for class in [0, 4, 7] {
///     let explanation = explainer.explain(&demo::Classifier, &demo::draw(class, 1, 48)?.image, class)?;
///     prior.learn(&Surrogate::fit(explanation.plan(), explanation.ledger(), 0)?);
/// }
/// assert_eq!(prior.images(), 3);
/// // Of other images, few masks say more with it.
/// let explainer = Explainer::builder().masks(100).surrogate_prior(prior).build()?;
/// let explanation = explainer.explain(&demo::Classifier, &demo::draw(2, 1, 48)?.image, 2)?;
/// # assert_eq!(explanation.masks(), 100);
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Sums"))]
pub struct SurrogatePrior(Sums);

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
struct Sums {
    images: u64,
    /// By groups, of the logarithms of the ratios of variances: their sums, and those of their squares.
    ratios: [[f64; 2]; GROUPS],
    /// Of the common features and of the contrasts: sums of indices into the lengths.
    lengths: [u64; 2],
    /// Along the two axes: images with a bump, and sums of its centre, of the centre's square and of the width's square.
    places: [(u64, [f64; 3]); 2],
    /// Images whose scale is straight, logarithmic from the lowest score, and from the highest.
    scales: [u64; 3],
}

/// What a surrogate found out about its field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub shape: Shape,
    pub ratios: Ratios,
    /// 0: straight; 1: logarithmic from the lowest score; 2: from the highest.
    pub scale: usize,
}

impl Default for SurrogatePrior {
    /// Of no image.
    fn default() -> Self {
        Self::NONE
    }
}

impl SurrogatePrior {
    /// Of no image.
    pub(crate) const NONE: Self = SurrogatePrior(Sums {
        images: 0,
        ratios: [[0.0; 2]; GROUPS],
        lengths: [0; 2],
        places: [(0, [0.0; 3]); 2],
        scales: [0; 3],
    });

    pub(super) fn take_in(
        &mut self,
        Found {
            shape,
            ratios,
            scale,
        }: Found,
    ) {
        self.0.images += 1;
        for ([sum, squares], ratio) in self.0.ratios.iter_mut().zip(ratios) {
            *sum += ratio;
            *squares += ratio * ratio;
        }
        for (sum, length) in self.0.lengths.iter_mut().zip(shape.lengths) {
            *sum += length as u64;
        }
        for ((images, sums), bump) in self.0.places.iter_mut().zip(shape.bumps) {
            if let Some(Bump { centre, width }) = bump {
                *images += 1;
                let own = [centre, centre * centre, width * width];
                sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
            }
        }
        self.0.scales[scale] += 1;
    }

    /// Images it was learned from.
    pub fn images(&self) -> u64 {
        self.0.images
    }

    /// Takes in what other images taught.
    pub fn add(&mut self, other: &SurrogatePrior) {
        let (own, other) = (&mut self.0, &other.0);
        own.images += other.images;
        let ratios = own.ratios.as_flattened_mut().iter_mut();
        ratios
            .zip(other.ratios.as_flattened())
            .for_each(|(a, b)| *a += b);
        own.lengths
            .iter_mut()
            .zip(other.lengths)
            .for_each(|(a, b)| *a += b);
        for ((count, sums), (more, others)) in own.places.iter_mut().zip(other.places) {
            *count += more;
            sums.iter_mut().zip(others).for_each(|(a, b)| *a += b);
        }
        own.scales
            .iter_mut()
            .zip(other.scales)
            .for_each(|(a, b)| *a += b);
    }

    pub(super) fn belief(&self) -> Belief {
        let mut belief = Belief::default();
        let images = self.0.images as f64;
        for (group, [sum, squares]) in self.0.ratios.into_iter().enumerate() {
            let (first, spread) = (belief.prior.ratios[group], belief.spreads[group]);
            let mean = (first + sum) / (1.0 + images);
            let square = (spread * spread + first * first + squares) / (1.0 + images);
            belief.prior.ratios[group] = mean;
            belief.spreads[group] = (square - mean * mean).max(0.01).sqrt();
        }
        if self.0.images == 0 {
            return belief;
        }
        let shape = &mut belief.prior.shape;
        for (length, sum) in shape.lengths.iter_mut().zip(self.0.lengths) {
            *length = ((sum as f64 / images).round() as usize).min(LENGTHS.len() - 1);
        }
        for (bump, (count, sums)) in shape.bumps.iter_mut().zip(self.0.places) {
            let [centre, square, width] = sums.map(|sum| sum / count as f64);
            *bump = (2 * count > self.0.images).then(|| Bump {
                centre,
                width: (width + square - centre * centre)
                    .max(0.0)
                    .sqrt()
                    .clamp(0.05, 2.0),
            });
        }
        belief.scales = self
            .0
            .scales
            .map(|count| ((1.0 + count as f64) / (3.0 + images)).ln());
        belief
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Sums> for SurrogatePrior {
    type Error = String;

    /// Sums that some images can have.
    fn try_from(sums: Sums) -> Result<Self, String> {
        let images = sums.images;
        let n = images as f64;
        // By Cauchy and Schwarz, but for rounding.
        let of = |count: f64, sum: f64, squares: f64| {
            squares.is_finite() && sum * sum <= count * squares * (1.0 + 1e-9) + 1e-9
        };
        // No climb goes beyond.
        let most = 4.0 * BOUND * BOUND * n;
        let ratios = sums
            .ratios
            .iter()
            .all(|&[sum, squares]| of(n, sum, squares) && squares <= most);
        let longest = images.saturating_mul(LENGTHS.len() as u64 - 1);
        let lengths = sums.lengths.iter().all(|&sum| sum <= longest);
        let places = sums.places.iter().all(|&(count, [sum, squares, widths])| {
            count <= images
                && of(count as f64, sum, squares)
                && (0.0..=count as f64).contains(&sum)
                && (0.0..=4.0 * count as f64).contains(&widths)
        });
        let scales = sums
            .scales
            .iter()
            .try_fold(0u64, |all, &count| all.checked_add(count));
        // No counter overflows by adding such sums up.
        let few = images <= u64::from(u32::MAX);
        match few && ratios && lengths && places && scales == Some(images) {
            true => Ok(SurrogatePrior(sums)),
            false => Err(format!("sums that no images have ({images} of them)")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::prior::Prior;
    use super::*;

    fn of(found: &[Found]) -> SurrogatePrior {
        let mut prior = SurrogatePrior::NONE;
        found.iter().for_each(|&found| prior.take_in(found));
        prior
    }

    #[test]
    fn many_alike_images_are_believed_and_none_change_nothing() {
        assert_eq!(SurrogatePrior::NONE.belief(), Belief::default());
        let bump = |centre| Some(Bump { centre, width: 0.2 });
        let found = |centre, ratio| Found {
            shape: Shape {
                lengths: [0, 4],
                bumps: [bump(centre), None],
            },
            ratios: [ratio, -2.0, -3.0, 0.5],
            scale: 1,
        };
        let images: Vec<Found> = (0..500)
            .map(|i| found([0.2, 0.4][i % 2], [-1.0, 1.0][i % 2]))
            .collect();
        let belief = of(&images).belief();
        let Prior { shape, ratios } = belief.prior;
        assert_eq!(shape.lengths, [0, 4]);
        assert_eq!(shape.bumps[1], None);
        // As wide as the object and the places it has.
        let bump = shape.bumps[0].unwrap();
        assert!((bump.centre - 0.3).abs() < 1e-9);
        assert!((bump.width - 0.05f64.sqrt()).abs() < 1e-9);
        for (found, expected) in ratios.iter().zip([0.0, -2.0, -3.0, 0.5]) {
            assert!((found - expected).abs() < 0.01, "{found} {expected}");
        }
        assert!((belief.spreads[0] - 1.0).abs() < 0.01 && belief.spreads[1] < 0.2);
        assert!(belief.scales[1] - belief.scales[0] > 6.0);
        assert_eq!(belief.scales[0], belief.scales[2]);
        // Parts add up.
        let (mut first, second) = (of(&images[..100]), of(&images[100..]));
        first.add(&second);
        assert_eq!(first.images(), 500);
        let sums = first.belief().prior.ratios;
        assert!(sums.iter().zip(ratios).all(|(a, b)| (a - b).abs() < 1e-12));
        // Half of the images have no bump: none is believed in.
        let mut none = found(0.2, 0.0);
        none.shape.bumps = [None, None];
        let half = of(&[none, found(0.2, 0.0)]);
        assert_eq!(half.belief().prior.shape.bumps, [None, None]);
    }
}
