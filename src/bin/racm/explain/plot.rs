//! The picture of a map that is no image's: of a series (one row or one column of pixels), or of a table (one pixel).

use racm::ndarray::{Array3, ArrayRef2, ArrayRef3, Axis};
use racm::render::{BarChart, FigurePart, SeriesPlot};
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
    pub caption: String,
    /// The planes from the top down.
    pub order: &'a [usize],
    /// What each plane carries, if that is known.
    pub carried: Option<&'a [(f64, Option<f64>)]>,
}

/// The same in the order in which it is shown.
pub struct Ordered<'a> {
    plot: Plot<'a>,
    names: Vec<String>,
    map: Array3<f32>,
    errors: Option<Array3<f32>>,
    /// What each plane carries, in words.
    notes: Vec<String>,
    /// The series and the names of its channels, if it is one.
    series: Option<(Array3<f32>, Vec<String>)>,
}

impl<'a> Plot<'a> {
    /// Of a series or a table, by the image's shape; `None` for an image proper, whose picture is a panel.
    pub fn ordered(self) -> Result<Option<Ordered<'a>>, Failure> {
        let (channels, height, width) = self.image.dim();
        if height > 1 && width > 1 {
            return Ok(None);
        }
        let series = match (self.space, (height, width)) {
            (_, (1, 1)) => None,
            (Some(space), _) => {
                let names = space.planes().map(|(name, _)| name.to_owned());
                Some((space.convert(self.image)?, names.to_vec()))
            }
            (None, _) => {
                let unnamed = |channel| Racm.plane_name(channel, channels);
                let names = self.channels.map(<[String]>::to_vec);
                let names = names.unwrap_or_else(|| (0..channels).map(unnamed).collect());
                Some((self.image.clone(), names))
            }
        };
        let series = series.map(|(series, mut names)| {
            if names != self.planes {
                // The red that MC-RISE paints is not the red channel.
                names
                    .iter_mut()
                    .for_each(|name| *name = format!("series, {name}"));
            }
            (series, names)
        });
        let ordered = |map: &ArrayRef3<f32>| map.select(Axis(0), self.order);
        let names = self.order.iter().map(|&plane| self.planes[plane].clone());
        let carried = self.carried.unwrap_or_default();
        let notes = self.order.iter().filter_map(|&plane| carried.get(plane));
        Ok(Some(Ordered {
            names: names.collect(),
            map: ordered(self.map),
            errors: self.errors.map(ordered),
            notes: notes.map(|&carried| carries(carried)).collect(),
            series,
            plot: self,
        }))
    }
}

impl Ordered<'_> {
    /// Lines or bars.
    pub fn part(&self) -> FigurePart<'_> {
        let Some((series, names)) = &self.series else {
            let mut chart = BarChart::new(&self.map, &self.names).caption(&self.plot.caption);
            if let Some(errors) = &self.errors {
                chart = chart.standard_error(errors);
            }
            return chart.into();
        };
        let mut plot = SeriesPlot::new(&self.map, &self.names).series(series, names);
        plot = plot.caption(&self.plot.caption).notes(&self.notes);
        if let Some(errors) = &self.errors {
            plot = plot.standard_error(errors);
        }
        if let Some(region) = self.plot.region {
            plot = plot.region(region);
        }
        plot.into()
    }
}
