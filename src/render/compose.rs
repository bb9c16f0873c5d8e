//! How a panel becomes a drawing.

use image::{Rgb, RgbImage};
use ndarray::{Array2, Array4, ArrayRef3, Axis};

use super::carried::Bars;
use super::drawing::{Drawing, MARGIN, Marks};
use super::layout::{GAP, LONGEST_NAME, Layout};
use super::legend::{self, Bar, LINE};
use super::marks::ground;
use super::panel::{CAPTION_LINES, Panel};
use super::picture::{LONGEST, known, picture, reduce, reduced, reduced_known, resize, shown};
use super::text::{self, Letters};
use super::{Scale, Tile};
use crate::error::Result;

/// A panel's size, and what it follows from.
struct Extent {
    names: Vec<String>,
    layout: Layout,
    bar: Bar,
    /// Of the whole.
    width: u64,
}

impl Panel<'_> {
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
