//! The picture of a map that is no image's: of a series (one row or one column of pixels), or of a table (one pixel).

use racm::ndarray::{Array3, ArrayRef2, ArrayRef3, Axis};
use racm::render::{BarChart, RgbImage, SeriesPlot};
use racm::{ColourSpace, MaskFamily, Racm};

use super::origin::carries;
use crate::Failure;

/// A map, and what is shown with it.
pub struct Plot<'a> {
    /// RGB, or any channels, with NaN where there is no value.
    pub image: &'a Array3<f32>,
    /// The names of the image's channels, where they are known.
    pub channels: Option<&'a [String]>,
    /// Where the masks are in another space.
    pub space: Option<ColourSpace>,
    pub map: &'a ArrayRef3<f32>,
    pub planes: &'a [String],
    pub errors: Option<&'a ArrayRef3<f32>>,
    pub region: Option<&'a ArrayRef2<bool>>,
    pub caption: &'a str,
    /// The planes from the top down.
    pub order: &'a [usize],
    /// What each plane carries, if that is known.
    pub carried: Option<&'a [(f64, Option<f64>)]>,
}

impl Plot<'_> {
    /// Lines or bars, by the image's shape; `None` for an image proper, whose picture is a panel.
    pub fn draw(&self) -> Result<Option<RgbImage>, Failure> {
        let (channels, height, width) = self.image.dim();
        if (height, width) == (1, 1) {
            return Ok(Some(self.table()?));
        }
        if height > 1 && width > 1 {
            return Ok(None);
        }
        Ok(Some(match self.space {
            Some(space) => {
                let names = space.planes().map(|(name, _)| name.to_owned());
                self.series(&space.convert(self.image)?, names.to_vec())?
            }
            None => {
                let unnamed = |channel| Racm.plane_name(channel, channels);
                let names = self.channels.map(<[String]>::to_vec);
                let names = names.unwrap_or_else(|| (0..channels).map(unnamed).collect());
                self.series(self.image, names)?
            }
        }))
    }

    /// In the order asked for: the names of the planes, their map, and their errors.
    fn ordered(&self) -> (Vec<String>, Array3<f32>, Option<Array3<f32>>) {
        let names = self.order.iter().map(|&plane| self.planes[plane].clone());
        let ordered = |map: &ArrayRef3<f32>| map.select(Axis(0), self.order);
        (names.collect(), ordered(self.map), self.errors.map(ordered))
    }

    fn table(&self) -> racm::Result<RgbImage> {
        let (names, map, errors) = self.ordered();
        let mut chart = BarChart::new(&map, &names).caption(self.caption);
        if let Some(errors) = &errors {
            chart = chart.standard_error(errors);
        }
        chart.draw()
    }

    fn series(&self, series: &Array3<f32>, mut names: Vec<String>) -> racm::Result<RgbImage> {
        if names != self.planes {
            // The red that MC-RISE paints is not the red channel.
            names
                .iter_mut()
                .for_each(|name| *name = format!("series, {name}"));
        }
        let (planes, map, errors) = self.ordered();
        let mut plot = SeriesPlot::new(&map, &planes).series(series, &names);
        plot = plot.caption(self.caption);
        if let Some(carried) = self.carried {
            let of_planes = self.order.iter().map(|&plane| carries(carried[plane]));
            plot = plot.notes(&of_planes.collect::<Vec<_>>());
        }
        if let Some(errors) = &errors {
            plot = plot.standard_error(errors);
        }
        if let Some(region) = self.region {
            plot = plot.region(region);
        }
        plot.draw()
    }
}
