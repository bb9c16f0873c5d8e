//! The choices that fix the masks, before an image is known.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::masks::family::{MaskFamily, Racm};
use crate::masks::grid::{Enlargement, Placement};
use crate::masks::region::Region;
use crate::masks::seed::MAX_BLOCK_SIZE;
use crate::masks::segments::Segments;

/// The choices that fix the masks of an image of any size; see [`Plan`](crate::Plan).
///
/// ```
/// use racm::{MaskSpec, Placement, Rise};
///
/// let spec = MaskSpec::new(Rise).grid(7, 7).placement(Placement::Fixed);
/// assert_eq!((spec.grid, spec.p_pix), (Some([7, 7]), 0.5));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use]
pub struct MaskSpec {
    /// The method. Default: [`Racm`].
    pub family: Arc<dyn MaskFamily>,
    /// Rows and columns of cells over the image: at least 1, at most one a pixel. Default: none, by the
    /// image's size ([`MaskSpec::grid_for`]). The spec of a [`Plan`](crate::Plan) has the one that was chosen.
    pub grid: Option<[usize; 2]>,
    /// From cells to pixels. Default: bilinear.
    pub enlargement: Enlargement,
    /// Where the cells lie. Default: shifted.
    pub placement: Placement,
    /// `P_pix`, the probability that a cell is selected: strictly inside (0, 1). Default: 0.5.
    pub p_pix: f64,
    /// Cells of any shape in the place of the grid, which then says nothing; masks are hard and not shifted.
    /// Default: none, the grid.
    pub segments: Option<Segments>,
    /// The pixels to which masks are restricted. Default: none, the whole image.
    pub region: Option<Region>,
    /// Masks a block (1 to 65536). The masks of a block share their offset, and standard errors
    /// come from the spread between blocks. Default: 32.
    pub block_size: usize,
}

impl MaskSpec {
    /// The defaults, with a family.
    pub fn new(family: impl MaskFamily + 'static) -> Self {
        MaskSpec {
            family: Arc::new(family),
            grid: None,
            enlargement: Enlargement::default(),
            placement: Placement::default(),
            p_pix: 0.5,
            segments: None,
            region: None,
            block_size: 32,
        }
    }

    /// Sets [`MaskSpec::family`].
    pub fn family(mut self, family: impl MaskFamily + 'static) -> Self {
        self.family = Arc::new(family);
        self
    }

    /// Sets [`MaskSpec::grid`]: rows and columns of cells.
    pub fn grid(mut self, rows: usize, columns: usize) -> Self {
        self.grid = Some([rows, columns]);
        self
    }

    /// Rows and columns of cells over an image of `height` x `width` pixels. If none were set: 8 x 8 over
    /// an image, 20 along a series (an image of one row or one column), one over a table (an image of one
    /// pixel); and one a pixel where there are fewer pixels than that.
    ///
    /// ```
    /// use racm::MaskSpec;
    ///
    /// let spec = MaskSpec::default();
    /// assert_eq!(spec.grid_for([224, 224]), [8, 8]);
    /// assert_eq!(spec.grid_for([1, 5000]), [1, 20]);
    /// assert_eq!(spec.grid(1, 50).grid_for([1, 5000]), [1, 50]);
    /// ```
    #[must_use]
    pub fn grid_for(&self, [height, width]: [usize; 2]) -> [usize; 2] {
        let most = if height == 1 || width == 1 { 20 } else { 8 };
        self.grid.unwrap_or([height.min(most), width.min(most)])
    }

    /// Sets [`MaskSpec::enlargement`].
    pub fn enlargement(mut self, enlargement: Enlargement) -> Self {
        self.enlargement = enlargement;
        self
    }

    /// Sets [`MaskSpec::placement`].
    pub fn placement(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// Sets [`MaskSpec::p_pix`].
    pub fn p_pix(mut self, p_pix: f64) -> Self {
        self.p_pix = p_pix;
        self
    }

    /// Sets [`MaskSpec::segments`]: segments, or `None` for the grid.
    pub fn segments(mut self, segments: impl Into<Option<Segments>>) -> Self {
        self.segments = segments.into();
        self
    }

    /// Sets [`MaskSpec::region`]: a region, or `None` for the whole image.
    pub fn region(mut self, region: impl Into<Option<Region>>) -> Self {
        self.region = region.into();
        self
    }

    /// Sets [`MaskSpec::block_size`].
    pub fn block_size(mut self, masks: usize) -> Self {
        self.block_size = masks;
        self
    }

    /// Checks what can be checked without an image.
    pub(crate) fn check(&self) -> Result<()> {
        if !(self.p_pix > 0.0 && self.p_pix < 1.0) {
            return Err(Error::parameter(
                "p_pix",
                self.p_pix,
                "a probability strictly between 0 and 1",
            ));
        }
        if let Some([rows, columns]) = self.grid.filter(|grid| grid.contains(&0)) {
            return Err(Error::parameter(
                "grid",
                format!("{rows} x {columns} cells"),
                "at least one row and one column",
            ));
        }
        if !(1..=MAX_BLOCK_SIZE).contains(&self.block_size) {
            return Err(Error::parameter(
                "block_size",
                self.block_size,
                format!("1 to {MAX_BLOCK_SIZE}"),
            ));
        }
        Ok(())
    }
}

impl Default for MaskSpec {
    fn default() -> Self {
        MaskSpec::new(Racm)
    }
}
