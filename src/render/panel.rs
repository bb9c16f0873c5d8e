//! The panel that papers print: the image, one tile a plane, a colour bar, a caption.

use image::RgbImage;
use ndarray::{ArrayRef2, ArrayRef3, ArrayRef4, ArrayView2, ArrayView3, ArrayView4};

use super::carried::Bars;
use super::text::Letters;
use super::{
    Bands, Doubt, Scale, check_errors, check_finite, check_finite_or_nan, check_not_empty,
    check_shape,
};
use crate::error::{Error, Result};

pub(super) const CAPTION_LINES: usize = 3;

/// The panel that papers print: the image at the left, one tile a plane with its name above, the colour bar of the
/// scale that they share at the right, a key to the markers and a caption below.
///
/// Small maps are enlarged by a whole factor until their longer side has [`tile_size`](Panel::tile_size) pixels; maps
/// of more than three times that are reduced by a whole factor (means over blocks). Many tiles wrap into rows.
///
/// See the [module](super) for an example.
///
/// ```
/// use racm::render::Panel;
/// use racm::{Explainer, demo};
///
/// let image = demo::image();
/// let explanation = Explainer::builder().masks(500).build()?.explain(&demo::Classifier, &image, 0)?;
/// let errors = explanation.standard_error()?.expect("500 masks are enough");
/// let map = explanation.map();
/// let picture = Panel::new(&map, &explanation.plan().plane_names())
///     .image(&image)
///     .standard_error(&errors)
///     .caption("a stop sign")
///     .draw()?;
/// assert!(picture.width() > 4 * 96);
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Panel<'a> {
    pub(super) map: ArrayView3<'a, f32>,
    pub(super) names: Vec<String>,
    pub(super) image: Option<ArrayView3<'a, f32>>,
    pub(super) pictures: Option<ArrayView4<'a, f32>>,
    pub(super) bands: Bands,
    pub(super) overlay: bool,
    pub(super) scale: Option<Scale>,
    pub(super) percentile: f64,
    pub(super) region: Option<ArrayView2<'a, bool>>,
    pub(super) errors: Option<ArrayView3<'a, f32>>,
    pub(super) doubt: Doubt,
    pub(super) carried: Option<Bars>,
    pub(super) sorted: bool,
    pub(super) caption: String,
    pub(super) quantity: String,
    pub(super) tile_size: usize,
    /// What the size of tiles is multiplied by in the end.
    pub(super) zoom: f64,
    pub(super) columns: Option<usize>,
    pub(super) smooth: bool,
}

impl<'a> Panel<'a> {
    /// A panel of the map `[J, H, W]`, whose planes have these J names.
    pub fn new<S: AsRef<str>>(map: &'a ArrayRef3<f32>, names: &[S]) -> Self {
        Self {
            map: map.view(),
            names: names.iter().map(|n| n.as_ref().to_owned()).collect(),
            image: None,
            pictures: None,
            bands: Bands::Auto,
            overlay: false,
            scale: None,
            percentile: 100.0,
            region: None,
            errors: None,
            doubt: Doubt::Dots,
            carried: None,
            sorted: false,
            caption: String::new(),
            quantity: String::new(),
            tile_size: 192,
            zoom: 1.0,
            columns: None,
            smooth: false,
        }
    }

    /// The image `[C, H, W]` that the map explains, shown first. Pixels with NaN in a channel have no value: they are
    /// hatched, and count in no scale.
    pub fn image(mut self, image: &'a ArrayRef3<f32>) -> Self {
        self.image = Some(image.view());
        self
    }

    /// A picture for each plane, `[J, 3, H, W]`, RGB in [0, 1], shown above it: what of the image it is about.
    pub fn plane_pictures(mut self, pictures: &'a ArrayRef4<f32>) -> Self {
        self.pictures = Some(pictures.view());
        self
    }

    /// Which channels of the image are shown (default: [`Bands::Auto`]).
    pub fn bands(mut self, bands: Bands) -> Self {
        self.bands = bands;
        self
    }

    /// Lays the planes over the image in grey (default: heat maps alone).
    pub fn overlay(mut self, overlay: bool) -> Self {
        self.overlay = overlay;
        self
    }

    /// A scale of one's own, for instance one for several panels (default: fitted to the map inside the region).
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scale = Some(scale);
        self
    }

    /// The percentile of |value| at which the fitted scale ends (default: 100; see [`Scale::fit`]).
    pub fn percentile(mut self, percentile: f64) -> Self {
        self.percentile = percentile;
        self
    }

    /// The pixels `[H, W]` that were evaluated; the others are hatched.
    pub fn region(mut self, evaluated: &'a ArrayRef2<bool>) -> Self {
        self.region = Some(evaluated.view());
        self
    }

    /// The map's standard errors `[J, H, W]`: what is less than two of them from 0 is marked.
    pub fn standard_error(mut self, errors: &'a ArrayRef3<f32>) -> Self {
        self.errors = Some(errors.view());
        self
    }

    /// How values that may be 0 are marked (default: [`Doubt::Dots`]).
    pub fn doubt(mut self, doubt: Doubt) -> Self {
        self.doubt = doubt;
        self
    }

    /// What each plane carries, with its standard error, as [`Explanation::carried`](crate::Explanation::carried) has it:
    /// a bar below each tile from 0 to there, with a whisker of two standard errors to either side. All bars share a scale,
    /// whose ends are in the key.
    pub fn carried(mut self, carried: &[(f64, Option<f64>)]) -> Self {
        self.carried = Some(Bars::new(carried));
        self
    }

    /// The planes that [carry](Panel::carried) most first (default: in the order of the map).
    pub fn sorted(mut self, sorted: bool) -> Self {
        self.sorted = sorted;
        self
    }

    /// A text below the tiles, for instance method, class, score and number of masks. At most three lines of it are
    /// shown. Here and in names, characters that the built-in font lacks (it has Latin letters) become `?`.
    pub fn caption(mut self, caption: impl Into<String>) -> Self {
        self.caption = caption.into();
        self
    }

    /// What the values are, written above the colour bar, for instance `"score"`.
    pub fn quantity(mut self, quantity: impl Into<String>) -> Self {
        self.quantity = quantity.into();
        self
    }

    /// The least length of a tile's longer side, in pixels (default: 192).
    pub fn tile_size(mut self, pixels: usize) -> Self {
        self.tile_size = pixels;
        self
    }

    /// How many tiles stand in a row, the image counted (default: all up to six, else what makes a landscape panel).
    pub fn columns(mut self, columns: usize) -> Self {
        self.columns = Some(columns);
        self
    }

    /// Enlarges image and maps smoothly (bilinear) and not in blocks.
    pub fn smooth(mut self, smooth: bool) -> Self {
        self.smooth = smooth;
        self
    }

    /// Draws it.
    ///
    /// # Errors
    /// [`Error::Shape`] for an empty map, another number of names than planes, or an image, region or errors of another
    /// size; [`Error::NotFinite`]; [`Error::Parameter`] for a setting out of its range.
    pub fn draw(&self) -> Result<RgbImage> {
        Ok(self.lay_out(Letters::Bitmap)?.draw())
    }

    /// The same with its scale.
    ///
    /// # Errors
    /// As [`Panel::draw`].
    pub(super) fn with_scale(&self) -> Result<Self> {
        self.check()?;
        let scale = match self.scale {
            Some(scale) => scale,
            None => Scale::fit(&self.map, self.region.as_deref(), self.percentile)?,
        };
        Ok(self.clone().scale(scale))
    }

    /// The same with tiles of another size.
    pub(super) fn zoomed(&self, zoom: f64) -> Self {
        Self {
            zoom,
            ..self.clone()
        }
    }

    /// The tiles, that of the image among them.
    pub(super) fn cells(&self) -> usize {
        self.map.dim().0 + usize::from(self.image.is_some())
    }

    /// The same with so many columns at most, where their number is open.
    pub(super) fn in_columns(&self, most: usize) -> Self {
        Self {
            columns: self.columns.or(Some(most)),
            ..self.clone()
        }
    }

    fn check(&self) -> Result<()> {
        let (planes, h, w) = self.map.dim();
        check_not_empty("the map", &self.map)?;
        if self.names.len() != planes {
            return Err(Error::Shape {
                what: "the list of plane names",
                given: vec![self.names.len()],
                expected: vec![planes],
            });
        }
        check_finite("the map", &self.map)?;
        if let Some(image) = &self.image {
            check_shape("the image", image, &[image.dim().0, h, w])?;
            check_finite_or_nan("the image", image)?;
        } else if self.overlay {
            return Err(Error::parameter(
                "overlay",
                true,
                "false when there is no image",
            ));
        }
        if let Some(pictures) = &self.pictures {
            check_shape("the pictures of the planes", pictures, &[planes, 3, h, w])?;
            check_finite("the pictures of the planes", pictures)?;
        }
        if let Some(region) = &self.region {
            check_shape("the region", region, &[h, w])?;
        }
        if let Some(errors) = &self.errors {
            check_errors(errors, &[planes, h, w])?;
        }
        match &self.carried {
            Some(carried) => carried.check(planes)?,
            None if self.sorted => {
                let expected = "false when it is not known what the planes carry";
                return Err(Error::parameter("sorted", true, expected));
            }
            None => {}
        }
        if !(16..=4096).contains(&self.tile_size) {
            return Err(Error::parameter(
                "tile_size",
                self.tile_size,
                "16 to 4096 pixels",
            ));
        }
        if self.columns == Some(0) {
            return Err(Error::parameter("columns", 0, "at least 1"));
        }
        Ok(())
    }
}
