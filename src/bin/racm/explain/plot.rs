//! The picture of a map that is no image's: of a series (one row or one column of pixels), or of a table (one pixel).

use racm::ndarray::{Array3, ArrayRef2, ArrayRef3};
use racm::render::{BarChart, RgbImage, SeriesPlot};
use racm::{ColourSpace, MaskFamily, Racm};

use crate::Failure;

/// A map, and what is shown with it.
pub struct Plot<'a> {
    /// RGB, or any channels.
    pub image: &'a Array3<f32>,
    /// Where the masks are in another space.
    pub space: Option<ColourSpace>,
    pub map: &'a ArrayRef3<f32>,
    pub planes: &'a [String],
    pub errors: Option<&'a ArrayRef3<f32>>,
    pub region: Option<&'a ArrayRef2<bool>>,
    pub caption: &'a str,
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
                let names = (0..channels).map(|channel| Racm.plane_name(channel, channels));
                self.series(self.image, names.collect())?
            }
        }))
    }

    fn table(&self) -> racm::Result<RgbImage> {
        let mut chart = BarChart::new(self.map, self.planes).caption(self.caption);
        if let Some(errors) = self.errors {
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
        let mut plot = SeriesPlot::new(self.map, self.planes).series(series, &names);
        plot = plot.caption(self.caption);
        if let Some(errors) = self.errors {
            plot = plot.standard_error(errors);
        }
        if let Some(region) = self.region {
            plot = plot.region(region);
        }
        plot.draw()
    }
}
