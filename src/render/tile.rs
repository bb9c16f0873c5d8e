//! One plane of a map as a picture: a heat map, alone or over the image.

use image::{Rgb, RgbImage};
use ndarray::{Array2, ArrayRef2, ArrayRef3, ArrayView2, ArrayView3};

use super::drawing::Marks;
use super::marks::ground;
use super::picture::{LONGEST, resize_plane, shown};
use super::{Bands, Scale, blend, check_errors, check_finite, check_not_empty, check_shape};
use crate::error::{Error, Result};

/// How many standard errors from 0 a value must be to count as different from it.
const ERRORS: f32 = 2.0;

/// How values that may be 0 (less than two standard errors from it) are marked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Doubt {
    /// Dots over the colour: the value stays readable.
    #[default]
    Dots,
    /// The colour fades to a quarter of its strength: calmer, but a faded value looks like a weak one.
    Fade,
}

/// One plane of a map, drawn pixel by pixel.
///
/// ```
/// use ndarray::Array2;
/// use racm::render::{Scale, Tile};
///
/// # fn main() -> racm::Result<()> {
/// let plane = Array2::from_shape_fn((10, 12), |(y, x)| x as f32 - y as f32);
/// let errors = Array2::from_elem((10, 12), 0.7);
/// let tile = Tile::new(&plane, Scale::new(-8.0, 8.0)?).standard_error(&errors).enlarge(16);
/// assert_eq!(tile.draw()?.dimensions(), (192, 160));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Tile<'a> {
    plane: ArrayView2<'a, f32>,
    scale: Scale,
    image: Option<ArrayView3<'a, f32>>,
    bands: Bands,
    region: Option<ArrayView2<'a, bool>>,
    errors: Option<ArrayView2<'a, f32>>,
    doubt: Doubt,
    factor: usize,
    smooth: bool,
}

/// The heat map of a plane `[H, W]`, one pixel a value.
///
/// ```
/// use racm::ndarray::{Axis, arr3};
/// use racm::render::{Scale, heat_map};
///
/// let map = arr3(&[[[-1.0, 0.0, 3.0], [0.0, 1.0, 2.0]]]);
/// let picture = heat_map(&map.index_axis(Axis(0), 0), Scale::of(&map)?)?;
/// assert_eq!(picture.dimensions(), (3, 2));
/// # Ok::<(), racm::Error>(())
/// ```
///
/// # Errors
/// Those of [`Tile::draw`].
pub fn heat_map(plane: &ArrayRef2<f32>, scale: Scale) -> Result<RgbImage> {
    Tile::new(plane, scale).draw()
}

/// The heat map of a plane `[H, W]` over the image `[C, H, W]` in grey, one pixel a value.
///
/// ```
/// use racm::ndarray::Axis;
/// use racm::render::{Scale, overlay};
/// use racm::{Explainer, demo};
///
/// let image = demo::image();
/// let map = Explainer::builder().masks(200).build()?.explain(&demo::Classifier, &image, 0)?.map().to_owned();
/// let picture = overlay(&image, &map.index_axis(Axis(0), 0), Scale::of(&map)?)?;
/// assert_eq!(picture.dimensions(), (96, 96));
/// # Ok::<(), racm::Error>(())
/// ```
///
/// # Errors
/// Those of [`Tile::draw`].
pub fn overlay(image: &ArrayRef3<f32>, plane: &ArrayRef2<f32>, scale: Scale) -> Result<RgbImage> {
    Tile::new(plane, scale).over(image).draw()
}

impl<'a> Tile<'a> {
    /// The plane `[H, W]`, in the colours of `scale`, one pixel a value.
    pub fn new(plane: &'a ArrayRef2<f32>, scale: Scale) -> Self {
        Self {
            plane: plane.view(),
            scale,
            image: None,
            bands: Bands::Auto,
            region: None,
            errors: None,
            doubt: Doubt::Dots,
            factor: 1,
            smooth: false,
        }
    }

    /// Lays the plane over this image `[C, H, W]` in grey. The stronger a value, the less of the image is left, so that
    /// what is unimportant stays visible. NaN is no value, and counts as mid-grey.
    pub fn over(mut self, image: &'a ArrayRef3<f32>) -> Self {
        self.image = Some(image.view());
        self
    }

    /// Which channels the grey image is made of.
    pub fn bands(mut self, bands: Bands) -> Self {
        self.bands = bands;
        self
    }

    /// The pixels `[H, W]` that were evaluated; the others are hatched.
    pub fn region(mut self, evaluated: &'a ArrayRef2<bool>) -> Self {
        self.region = Some(evaluated.view());
        self
    }

    /// The values' standard errors `[H, W]`: what is less than two of them from 0 is marked.
    pub fn standard_error(mut self, errors: &'a ArrayRef2<f32>) -> Self {
        self.errors = Some(errors.view());
        self
    }

    /// How values that may be 0 are marked.
    pub fn doubt(mut self, doubt: Doubt) -> Self {
        self.doubt = doubt;
        self
    }

    /// Draws every value as `factor` x `factor` pixels. Hatch and dots keep their size.
    pub fn enlarge(mut self, factor: usize) -> Self {
        self.factor = factor;
        self
    }

    /// Enlarges plane and image smoothly (bilinear) and not in blocks.
    pub fn smooth(mut self, smooth: bool) -> Self {
        self.smooth = smooth;
        self
    }

    /// Draws it.
    ///
    /// # Errors
    /// [`Error::Shape`] when the plane is empty or image, region or errors are of another size, [`Error::NotFinite`],
    /// and [`Error::Parameter`] for a negative standard error, a factor of 0, a side above 65,535 pixels, or bands that
    /// the image does not have.
    pub fn draw(&self) -> Result<RgbImage> {
        let size = [self.plane.ncols(), self.plane.nrows()].map(|side| (side * self.factor) as u32);
        let (pixels, marks) = self.layers()?;
        Ok(marks.over(&pixels, size))
    }

    /// The colours, one pixel a value (or, smoothly enlarged, as many as the picture has), and the marks that lie on them.
    pub(super) fn layers(&self) -> Result<(RgbImage, Marks)> {
        self.check()?;
        let k = if self.smooth { self.factor } else { 1 };
        let (h, w) = (self.plane.nrows() * k, self.plane.ncols() * k);
        let enlarge = k > 1;
        let values = enlarge.then(|| self.smoothed(h, w));
        let mut grey = match &self.image {
            Some(image) => Some(grey(&shown(image, self.bands)?)),
            None => None,
        };
        if enlarge {
            grey = grey.map(|g| resize_plane(&g, h, w));
        }
        let pixels = RgbImage::from_fn(w as u32, h as u32, |x, y| {
            let (y, x) = (y as usize, x as usize);
            let cell = [y / k, x / k];
            let value = values.as_ref().map_or(self.plane[cell], |v| v[[y, x]]);
            let below = grey
                .as_ref()
                .map(|g| [(g[[y, x]] * 255.0).round() as u8; 3]);
            Rgb(self.pixel(cell, value, below))
        });
        let hatched = self
            .region
            .map(|region| region.mapv(|evaluated| !evaluated));
        let dots = self.doubt == Doubt::Dots && self.errors.is_some();
        let dotted =
            dots.then(|| Array2::from_shape_fn(self.plane.dim(), |(y, x)| self.doubtful([y, x])));
        Ok((pixels, Marks { hatched, dotted }))
    }

    /// The plane in the size of the picture, from evaluated values only: the zeros outside are no values.
    fn smoothed(&self, h: usize, w: usize) -> Array2<f32> {
        let Some(region) = &self.region else {
            return resize_plane(&self.plane, h, w);
        };
        let inside = region.mapv(f32::from);
        let sum = resize_plane(&(&self.plane * &inside), h, w);
        let share = resize_plane(&inside, h, w);
        sum / share.mapv(|s| if s > 0.0 { s } else { 1.0 })
    }

    fn pixel(&self, cell: [usize; 2], value: f32, below: Option<[u8; 3]>) -> [u8; 3] {
        if self.region.is_some_and(|r| !r[cell]) {
            return ground(below);
        }
        let faded = self.doubt == Doubt::Fade && self.doubtful(cell);
        let mut colour = self.scale.colour(value);
        if faded {
            colour = fade(colour, self.scale);
        }
        let Some(grey) = below else {
            return colour;
        };
        let strength = self.scale.strength(value) * if faded { 0.25 } else { 1.0 };
        over(grey, colour, strength, self.scale)
    }

    /// Whether the value of a cell may be 0.
    fn doubtful(&self, cell: [usize; 2]) -> bool {
        let near = |e: ArrayView2<f32>| self.plane[cell].abs() < ERRORS * e[cell];
        self.errors.is_some_and(near) && self.region.is_none_or(|r| r[cell])
    }

    fn check(&self) -> Result<()> {
        let (h, w) = self.plane.dim();
        check_not_empty("the plane", &self.plane)?;
        check_finite("the plane", &self.plane)?;
        if let Some(image) = &self.image {
            check_shape("the image", image, &[image.dim().0, h, w])?;
        }
        if let Some(region) = &self.region {
            check_shape("the region", region, &[h, w])?;
        }
        if let Some(errors) = &self.errors {
            check_errors(errors, &[h, w])?;
        }
        let most = LONGEST / h.max(w);
        if !(1..=most).contains(&self.factor) {
            return Err(Error::parameter(
                "enlarge",
                self.factor,
                format!("at least 1, and sides of at most {LONGEST} pixels"),
            ));
        }
        Ok(())
    }
}

/// A colour laid over grey: strong ones cover it, and 0 leaves it as it is.
///
/// On an anchored scale the weak ones tint it like glass. (Plain blending draws a line along every change of sign, where
/// the cover vanishes.)
fn over(grey: [u8; 3], colour: [u8; 3], strength: f32, scale: Scale) -> [u8; 3] {
    if !scale.is_anchored() {
        return blend(grey, colour, 0.85 * strength);
    }
    let neutral = scale.colour(0.0);
    let tinted = std::array::from_fn(|i| {
        let product = f32::from(grey[i]) * f32::from(colour[i]) / f32::from(neutral[i]);
        product.round().min(255.0) as u8
    });
    blend(tinted, colour, 0.6 * strength)
}

/// Luminance (Rec. 601), lifted so that dark images still let colours show.
fn grey(rgb: &ArrayRef3<f32>) -> Array2<f32> {
    let (_, h, w) = rgb.dim();
    Array2::from_shape_fn((h, w), |(y, x)| {
        let [r, g, b] = [0, 1, 2].map(|c| rgb[[c, y, x]]);
        0.4 + 0.6 * (0.299 * r + 0.587 * g + 0.114 * b)
    })
}

pub(super) fn fade(colour: [u8; 3], scale: Scale) -> [u8; 3] {
    let weakest = if scale.is_anchored() {
        0.0
    } else {
        scale.low()
    };
    blend(scale.colour(weakest), colour, 0.25)
}
