//! Parts of a run, each read by itself.

use crate::error::{Error, Result};
#[cfg(doc)]
use crate::estimate::Estimator;
use crate::explain::explanation::Explanation;

impl Explanation {
    /// What the `index`-th of `count` equal parts of the blocks says by itself, read as this explanation is. No model call.
    ///
    /// Parts know nothing of each other. So their spread is the standard error of whatever is linear in the map, also
    /// where there is no ledger to ask ([contrast](Explanation::contrast) is exact): with `d_k` the value in part k less the
    /// mean of all, each weighted by its share `s_k` of the masks,
    ///
    /// `error = sqrt(count / (count - 1) * sum over k of (s_k d_k)^2)`,
    ///
    /// known as well as `count - 1` degrees of freedom let it be. That holds for estimators that are sums over blocks
    /// ([`Estimator::is_sum_over_blocks`]), such as `Centred`; the others, the default among them, make of few masks something else than of many.
    ///
    /// ```
    /// use racm::{Estimator, Explainer, demo};
    ///
    /// let explainer = Explainer::builder().masks(640).estimator(Estimator::Centred).build()?;
    /// let explanation = explainer.explain(&demo::Classifier, &demo::image(), 0)?;
    /// let parts: Vec<_> = (0..10).map(|k| explanation.part(k, 10)).collect::<Result<_, _>>()?;
    /// assert_eq!(parts[0].masks(), 64);
    /// let at = [0, 48, 48];
    /// let mean = parts.iter().map(|part| part.map()[at]).sum::<f32>() / 10.0;
    /// let error = explanation.standard_error()?.expect("640 masks are enough")[at];
    /// assert!((mean - explanation.map()[at]).abs() < error);
    /// # Ok::<(), racm::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter) for a count of 0 or above the number of blocks, and for an index that
    /// is not below the count; those of [`Estimator::maps`].
    pub fn part(&self, index: usize, count: usize) -> Result<Self> {
        let blocks = self.ledger().blocks();
        if count == 0 || count > blocks {
            let expected = format!("1 to {blocks}, the number of blocks");
            return Err(Error::parameter("count", count, expected));
        }
        if index >= count {
            return Err(Error::parameter("index", index, format!("below {count}")));
        }
        let of = |index: usize| (index as u128 * blocks as u128 / count as u128) as usize;
        let ledger = self.ledger().part(of(index)..of(index + 1));
        Self::of_ledger(self.plan().clone(), ledger, self.reading.clone())
    }
}
