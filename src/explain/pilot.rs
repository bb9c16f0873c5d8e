//! Choosing P_pix from a few masks.

use ndarray::ArrayRef3;

use crate::error::Result;
use crate::estimate::link::Link;
use crate::explain::budget::Budget;
use crate::explain::explainer::Explainer;
use crate::explain::explanation::Explanation;
use crate::explain::target::Target;
use crate::models::model::BlackBoxModel;

/// Masks that a pilot scores for every candidate: 8 blocks of the default size.
const MASKS: u64 = 256;

/// Cells along an axis of a pilot's grid: a coarse map shows its signal in few masks.
const CELLS: usize = 4;

/// What a pilot found: how well each `P_pix` shows the map.
///
/// ```
/// use racm::{Explainer, Link, demo};
///
/// let explainer = Explainer::builder().build()?;
/// let pilot = explainer.pilot(&demo::Classifier, &demo::image(), 0, &[0.2, 0.5, 0.8], &[Link::Identity])?;
/// let best = pilot.best().expect("three were tried");
/// println!("P_pix {}, after {} model calls", best.p_pix, pilot.model_calls);
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Pilot {
    /// The candidates and their signal-to-noise ratios.
    pub candidates: Vec<PilotCandidate>,
    /// Images that the model scored for it.
    pub model_calls: u64,
}

/// One `P_pix` that a pilot tried.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PilotCandidate {
    /// `P_pix`.
    pub p_pix: f64,
    /// The scale of the scores.
    pub link: Link,
    /// Mean squared map less mean squared standard error (the signal), over the mean squared
    /// standard error of one mask (the noise). Not above 0 where nothing was seen.
    pub signal_to_noise: f64,
}

impl Pilot {
    /// What explanations show that were made with [`Explainer::pilot_explainer`], one for each `P_pix`, on the given links of
    /// the scores.
    ///
    /// ```
    /// use racm::{Explainer, Link, Pilot, Target, demo};
    ///
    /// let (explainer, image) = (Explainer::builder().build()?, demo::image());
    /// let mut explanations = Vec::new();
    /// for p_pix in [0.3, 0.7] {
    ///     let tried = explainer.pilot_explainer([3, 96, 96], p_pix);
    ///     let run = tried.run(&demo::Classifier, &image, Target::Top);
    ///     explanations.push(run.explain()?); // or with a file, a hook, ..
    /// }
    /// let pilot = Pilot::of(&explanations, &[Link::Identity])?;
    /// assert_eq!(pilot.candidates.len(), 2);
    /// # Ok::<(), racm::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Explanation::with_link`] and [`Explanation::standard_errors`].
    pub fn of(explanations: &[Explanation], links: &[Link]) -> Result<Pilot> {
        let mut pilot = Pilot {
            candidates: Vec::new(),
            model_calls: 0,
        };
        for explanation in explanations {
            pilot.model_calls += explanation.run_stats().model_calls;
            for &link in links {
                let linked = explanation.with_link(link)?;
                pilot.candidates.push(PilotCandidate {
                    p_pix: explanation.plan().spec().p_pix,
                    link,
                    signal_to_noise: signal_to_noise(&linked)?,
                });
            }
        }
        Ok(pilot)
    }

    /// The candidate with the largest ratio.
    pub fn best(&self) -> Option<&PilotCandidate> {
        let by_ratio = |a: &&PilotCandidate, b: &&PilotCandidate| {
            a.signal_to_noise.total_cmp(&b.signal_to_noise)
        };
        self.candidates.iter().max_by(by_ratio)
    }
}

impl Explainer {
    /// Tries several `P_pix`, and the given links of the scores, with 256 masks each on a coarse
    /// grid (4 x 4 cells; family, baseline, region and the rest as in this explainer), and says how
    /// much of the map each of them shows. The links share model calls.
    ///
    /// The masks needed for a given relative error fall as 1 / ratio. The map's meaning depends on
    /// `P_pix` too: a small one asks what a cell does alone, a large one what it adds to the rest.
    ///
    /// ```
    /// use racm::{Explainer, Link, Target, demo};
    ///
    /// let explainer = Explainer::builder().masks(1000).build()?;
    /// let pilot = explainer.pilot(
    ///     &demo::Classifier, &demo::image(), Target::Top, &[0.3, 0.5, 0.7], &[Link::Identity])?;
    /// assert_eq!(pilot.model_calls, 3 * 259);
    /// let p_pix = pilot.best().map_or(0.5, |best| best.p_pix);
    /// assert!([0.3, 0.5, 0.7].contains(&p_pix));
    /// # Ok::<(), racm::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Explainer::explain`].
    pub fn pilot<M: BlackBoxModel + ?Sized>(
        &self,
        model: &M,
        image: &ArrayRef3<f32>,
        target: impl Into<Target>,
        p_pix: &[f64],
        links: &[Link],
    ) -> Result<Pilot> {
        let (target, (channels, height, width)) = (target.into(), image.dim());
        let explain = |&p: &f64| {
            let explainer = self.pilot_explainer([channels, height, width], p);
            Ok(explainer.explain(model, image, target.clone())?)
        };
        let explanations: Vec<_> = p_pix.iter().map(explain).collect::<Result<_>>()?;
        Pilot::of(&explanations, links)
    }

    /// The explainer with which a pilot tries this `P_pix` on images of a shape, for runs of one's own: with a file of
    /// scores, a hook, on several machines. [`Pilot::of`] makes the pilot of their explanations.
    pub fn pilot_explainer(&self, [_, height, width]: [usize; 3], p_pix: f64) -> Explainer {
        let mut explainer = self.clone();
        explainer.budget = Budget::exactly(MASKS);
        explainer.link = Link::Identity;
        explainer.spec.p_pix = p_pix;
        explainer.spec.block_size = 32;
        explainer.spec.grid = Some([CELLS.min(height), CELLS.min(width)]);
        explainer
    }
}

/// Outside a region both the map and its error are 0, in the numerator as in the denominator.
fn signal_to_noise(explanation: &Explanation) -> Result<f64> {
    let squares =
        |array: &ndarray::Array4<f32>| -> f64 { array.iter().map(|&v| f64::from(v).powi(2)).sum() };
    let map = squares(&explanation.maps().to_owned());
    let error = explanation.standard_errors()?.as_ref().map_or(0.0, squares);
    if error > 0.0 {
        Ok((map - error) / (error * explanation.masks() as f64))
    } else {
        Ok(0.0)
    }
}
