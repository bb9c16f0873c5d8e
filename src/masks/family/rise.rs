use super::{Family, MaskFamily, Shown};

/// RISE: a selected cell shows the image, an unselected one the baseline. One plane.
///
/// ```
/// use racm::{Estimator, Explainer, Rise, demo};
///
/// let explainer = Explainer::builder().family(Rise).masks(300).build()?;
/// let explanation = explainer.explain(&demo::Classifier, &demo::image(), 0)?;
/// assert_eq!(explanation.map().dim(), (1, 96, 96));
/// let as_printed = explanation.with_estimator(Estimator::PassOnly)?; // RISE's own
/// assert!(as_printed.map().iter().all(|&v| v > 0.0));
/// # Ok::<(), racm::Error>(())
/// ```
///
/// # References
/// Petsiuk, Das and Saenko, *RISE: Randomized Input Sampling for Explanation of Black-box Models*,
/// BMVC 2018. The map here subtracts the bias term of the two channel-wise methods;
/// [`Estimator::PassOnly`](crate::Estimator::PassOnly) gives RISE's own, without it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rise;

impl MaskFamily for Rise {
    fn built_in(&self) -> Option<Family> {
        Some(Family::Rise)
    }

    fn name(&self) -> String {
        "rise".to_owned()
    }

    fn states(&self, _channels: usize) -> u64 {
        1
    }

    fn planes(&self, _channels: usize) -> usize {
        1
    }

    fn incidence(&self, state: u64) -> u64 {
        state
    }

    fn shows(&self, state: u64, _channel: usize) -> Shown {
        if state == 0 {
            Shown::Baseline
        } else {
            Shown::Image
        }
    }

    fn plane_name(&self, _plane: usize, _channels: usize) -> String {
        "importance".to_owned()
    }
}
