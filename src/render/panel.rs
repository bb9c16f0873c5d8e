//! The panel that papers print: the image, one tile a plane, a colour bar, a caption.

use image::{Rgb, RgbImage};
use ndarray::{
    Array2, Array4, ArrayRef2, ArrayRef3, ArrayRef4, ArrayView2, ArrayView3, ArrayView4, Axis,
};

use super::carried::Bars;
use super::drawing::{Drawing, MARGIN, Marks};
use super::layout::{GAP, LONGEST_NAME, Layout};
use super::legend::{self, Bar, LINE};
use super::marks::ground;
use super::picture::{LONGEST, known, picture, reduce, reduced, reduced_known, resize, shown};
use super::text::{self, Letters};
use super::{
    Bands, Doubt, Scale, Tile, check_errors, check_finite, check_finite_or_nan, check_not_empty,
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
#[derive(Clone, Debug)]
#[must_use]
pub struct Panel<'a> {
    map: ArrayView3<'a, f32>,
    names: Vec<String>,
    image: Option<ArrayView3<'a, f32>>,
    pictures: Option<ArrayView4<'a, f32>>,
    bands: Bands,
    overlay: bool,
    scale: Option<Scale>,
    percentile: f64,
    region: Option<ArrayView2<'a, bool>>,
    errors: Option<ArrayView3<'a, f32>>,
    doubt: Doubt,
    carried: Option<Bars>,
    sorted: bool,
    caption: String,
    quantity: String,
    tile_size: usize,
    /// What the size of tiles is multiplied by in the end.
    zoom: f64,
    columns: Option<usize>,
    smooth: bool,
}

/// A panel's size, and what it follows from.
struct Extent {
    names: Vec<String>,
    layout: Layout,
    bar: Bar,
    /// Of the whole.
    width: u64,
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

    /// The same with as many columns as make so many rows, where their number is open.
    pub(super) fn in_rows(&self, rows: usize) -> Self {
        let columns = self.columns.unwrap_or(self.cells().div_ceil(rows));
        Self {
            columns: Some(columns),
            ..self.clone()
        }
    }

    /// The width of all of it.
    pub(super) fn total_width(&self, letters: Letters) -> u64 {
        // A scale takes room for its numbers.
        let none = Scale::new(0.0, 0.0).ok();
        let scale = self.scale.or(none);
        scale.map_or(0, |scale| self.extent(letters, scale).width)
    }

    /// By how much a large map is reduced.
    fn reduction(&self) -> usize {
        let (_, h, w) = self.map.dim();
        h.max(w).div_ceil(3 * self.tile_size)
    }

    /// The factor by which values become pixels, before the zoom, and the size of a tile.
    fn tile(&self) -> (usize, [u32; 2]) {
        let (_, h, w) = self.map.dim();
        let by = self.reduction();
        let (h, w) = (h.div_ceil(by), w.div_ceil(by));
        let factor = self.tile_size.div_ceil(h.max(w));
        let zoomed = |side: usize| ((side * factor) as f64 * self.zoom).round().max(1.0) as u32;
        (factor, [zoomed(w), zoomed(h)])
    }

    fn extent(&self, letters: Letters, scale: Scale) -> Extent {
        let names: Vec<String> = self.names.iter().map(|name| letters.clean(name)).collect();
        let strip = self.carried.as_ref().map_or(0, |_| Bars::height());
        let (_, tile) = self.tile();
        let pictures = self.pictures.is_some();
        // Where tiles are made smaller, so is the room for names.
        let longest = names.iter().map(|name| letters.width(name)).max();
        let most = (f64::from(LONGEST_NAME) * self.zoom.min(1.0)) as u32;
        let name = longest.unwrap_or(0).min(most);
        let layout = Layout::new(self.cells(), tile, name, pictures, strip, self.columns);
        let bar = Bar::new(letters, scale, &self.quantity);
        let width = u64::from(2 * MARGIN + bar.width(letters)) + layout.size()[0];
        Extent {
            names,
            layout,
            bar,
            width,
        }
    }

    pub(super) fn lay_out(&self, letters: Letters) -> Result<Drawing> {
        let panel = self.with_scale()?;
        let (_, h, w) = panel.map.dim();
        let by = panel.reduction();
        if by == 1 {
            return panel.compose(letters);
        }
        let kept = |at: (usize, usize)| self.region.is_none_or(|r| r[at]);
        let map = reduced(&self.map, by, kept);
        // The mean of the errors bounds the error of the mean.
        let errors = self.errors.map(|e| reduced(&e, by, kept));
        let image = self.image.map(|i| reduced_known(&i, by));
        let pictures = self.pictures.map(|p| {
            let mut small = Array4::zeros((p.dim().0, 3, h.div_ceil(by), w.div_ceil(by)));
            for (mut to, from) in small.outer_iter_mut().zip(p.outer_iter()) {
                to.assign(&reduced(&from, by, |_| true));
            }
            small
        });
        let part = self
            .region
            .map(|r| reduce(&r.mapv(f32::from), by, |_| true));
        let region: Option<Array2<bool>> = part.map(|p| p.mapv(|p| p >= 0.5));
        let small = Panel {
            map: map.view(),
            image: image.as_ref().map(|i| i.view()),
            pictures: pictures.as_ref().map(|p| p.view()),
            region: region.as_ref().map(|r| r.view()),
            errors: errors.as_ref().map(|e| e.view()),
            ..panel.clone()
        };
        small.compose(letters)
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

    fn compose(&self, letters: Letters) -> Result<Drawing> {
        let (planes, ..) = self.map.dim();
        let scale = match self.scale {
            Some(scale) => scale,
            None => Scale::of(&self.map)?,
        };
        let (factor, tile) = self.tile();
        let first = usize::from(self.image.is_some());
        let Extent {
            names,
            layout,
            bar,
            width,
        } = self.extent(letters, scale);
        let room = width.min(LONGEST as u64) as u32 - 2 * MARGIN;
        let caption = letters.wrapped(&self.caption, room, CAPTION_LINES);
        let hatched = self
            .region
            .is_some_and(|r| r.iter().any(|&evaluated| !evaluated));
        let carried = self.carried.as_ref().map(Bars::meaning);
        let key = legend::key(letters, hatched, self.errors.is_some(), carried, room);
        let lines = legend::lines(&key);
        let foot = match lines + caption.len() as u32 {
            // The number at the bar's lower end hangs over.
            0 => text::LINE / 2,
            n => GAP + n * LINE - (LINE - text::LINE),
        };
        let height = u64::from(2 * MARGIN - GAP + foot) + layout.size()[1];
        let smaller = " (choose a smaller tile_size)";
        let size = [width, height];
        let mut panel = Drawing::new(size, "the panel's size", smaller)?;
        if let Some(image) = &self.image {
            let (x, y) = layout.at(0);
            panel.text(x, y, "image");
            let (pixels, marks) = self.image_tile(image, factor)?;
            panel.picture([x, y + layout.picture], tile, pixels, marks);
        }
        let order = match &self.carried {
            Some(carried) if self.sorted => carried.order(),
            _ => (0..planes).collect(),
        };
        for (i, j) in order.into_iter().enumerate() {
            let (x, y) = layout.at(first + i);
            panel.text(x, y, letters.shortened(&names[j], layout.width()));
            if let Some(pictures) = &self.pictures {
                let (pixels, marks) = self.image_tile(&pictures.index_axis(Axis(0), j), factor)?;
                panel.picture([x, y + layout.picture], tile, pixels, marks);
            }
            let (pixels, marks) = self.plane_tile(j, scale, factor)?;
            panel.picture([x, y + layout.tile], tile, pixels, marks);
            if let Some(carried) = &self.carried {
                carried.draw(&mut panel, j, x, y + layout.bar, layout.bar_width);
            }
        }
        let [columns, rows] = layout.size().map(|pixels| pixels as u32);
        // No higher than the tiles, and beside no picture that stands above them.
        let y = MARGIN + layout.tile - LINE;
        bar.draw(&mut panel, MARGIN + columns, y, layout.colours);

        let y = MARGIN + rows;
        for entry in key {
            entry.draw(&mut panel, MARGIN, y, scale, self.doubt);
        }
        for (line, words) in (lines..).zip(caption) {
            panel.text(MARGIN, y + line * LINE, words);
        }
        Ok(panel)
    }

    fn image_tile(&self, image: &ArrayRef3<f32>, factor: usize) -> Result<(RgbImage, Marks)> {
        let rgb = shown(image, self.bands)?;
        let (_, h, w) = rgb.dim();
        let factor = if self.smooth { factor } else { 1 };
        let mut pixels = match factor {
            1 => picture(&rgb),
            _ => picture(&resize(&rgb, h * factor, w * factor)?),
        };
        let known = known(image);
        if known.iter().all(|&known| known) {
            return Ok((pixels, Marks::default()));
        }
        for (x, y, pixel) in pixels.enumerate_pixels_mut() {
            let (x, y) = (x as usize / factor, y as usize / factor);
            if !known[[y, x]] {
                *pixel = Rgb(ground(None));
            }
        }
        let hatched = Some(known.mapv(|known| !known));
        let marks = Marks {
            hatched,
            ..Marks::default()
        };
        Ok((pixels, marks))
    }

    fn plane_tile(&self, j: usize, scale: Scale, factor: usize) -> Result<(RgbImage, Marks)> {
        let plane = self.map.index_axis(Axis(0), j);
        let errors = self.errors.as_ref().map(|e| e.index_axis(Axis(0), j));
        let mut tile = Tile::new(&plane, scale).bands(self.bands).doubt(self.doubt);
        tile = tile.enlarge(factor).smooth(self.smooth);
        if let Some(region) = &self.region {
            tile = tile.region(region);
        }
        if let Some(errors) = &errors {
            tile = tile.standard_error(errors);
        }
        match &self.image {
            Some(image) if self.overlay => tile.over(image).layers(),
            _ => tile.layers(),
        }
    }
}
