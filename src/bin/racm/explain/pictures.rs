//! The pictures of an explanation: a panel or a plot, and an overlay.

use std::path::Path;

use racm::ndarray::{Array4, ArrayRef3, ArrayView3, Axis};
use racm::render::{Figure, Panel, RgbImage, Scale, Tile, png, stack};
use racm::{Effect, Estimator, Explanation, Family, MaskFamily, McRise, Racm};

use super::evaluated::median;
use super::origin::{Carried, Origin, order};
use super::plot::Plot;
use super::subject::Subject;
use crate::figure::FigureArgs;
use crate::{Failure, whole};

/// More rows of a picture than this are not looked at.
pub const ROWS: usize = 8;

/// The names of the panel in its formats.
const PANEL: [&str; 3] = ["panel.png", "panel.svg", "panel.pdf"];
const OVERLAY: &str = "overlay.png";

/// The row of one target.
struct Row<'a> {
    index: usize,
    /// Of its planes.
    order: Vec<usize>,
    map: ArrayView3<'a, f32>,
    errors: Option<ArrayView3<'a, f32>>,
    caption: String,
}

/// Writes them, and returns the names of the files.
pub fn pictures(
    origin: &Origin<'_>,
    explanation: &Explanation,
    errors: Option<&Array4<f32>>,
    carried: &[Carried],
) -> Result<Vec<&'static str>, Failure> {
    let image = origin.image;
    let planes = explanation.plan().plane_names();
    let region = explanation.region().map(|r| &**r.pixels());
    // Of planes that are the space's: RISE has one for all of them.
    let space = origin
        .space
        .filter(|s| s.planes().map(|p| p.0)[..] == planes[..]);
    let of_planes = match space {
        Some(space) => Some(space.pictures(image)?),
        None => None,
    };
    let maps = explanation.maps();
    let subjects = Subject::all(origin.names, explanation);
    let rows = subjects.iter().zip(maps.outer_iter()).take(ROWS);
    let rows = rows.enumerate().map(|(index, (subject, map))| {
        let errors = errors.map(|errors| errors.index_axis(Axis(0), index));
        let caption = caption(origin, subject, explanation, errors.as_deref());
        Row {
            index,
            order: order(planes.len(), &carried[index], origin.map.sort),
            map,
            errors,
            caption,
        }
    });
    let rows: Vec<Row<'_>> = rows.collect();
    let plots = rows.iter().map(|row| {
        let plot = Plot {
            image,
            channels: origin.channels,
            space: origin.space,
            map: &row.map,
            planes: &planes,
            errors: row.errors.as_deref(),
            region,
            caption: row.caption.clone(),
            order: &row.order,
            carried: carried[row.index].as_deref(),
        };
        plot.ordered()
    });
    let plots = plots.collect::<Result<Vec<_>, _>>()?;
    let (mut figure, mut overlays) = (Figure::new(), Vec::new());
    for (row, plot) in rows.iter().zip(&plots) {
        if let Some(plot) = plot {
            figure = figure.with(plot.part());
            continue;
        }
        let map = &row.map;
        let mut panel = Panel::new(map, &planes).image(image).caption(&row.caption);
        panel = panel.quantity(origin.map.legend(explanation.link()));
        if let Some(pictures) = &of_planes {
            panel = panel.plane_pictures(pictures);
        }
        if let Some(region) = region {
            panel = panel.region(region);
        }
        if let (true, Some(errors)) = (origin.map.certainty, &row.errors) {
            panel = panel.standard_error(errors);
        }
        if let (Some(carried), true) = (&carried[row.index], planes.len() > 1) {
            panel = panel.carried(carried).sorted(origin.map.sort);
        }
        figure = figure.with(panel);
        // The overlay shows what all planes say together.
        let mean = map.mean_axis(Axis(0)).unwrap_or_default();
        let scale = Scale::of(&mean.view().insert_axis(Axis(0)))?;
        let mut tile = Tile::new(&mean, scale).over(image);
        if let Some(region) = region {
            tile = tile.region(region);
        }
        overlays.push(
            tile.enlarge((384 / mean.dim().0.max(mean.dim().1)).max(1))
                .draw()?,
        );
    }
    write_pictures(origin.out, &origin.map.figure, &figure, &overlays)
}

/// One row a class. There is no overlay of what is no image. The names of the files are returned.
pub fn write_pictures(
    out: &Path,
    figure_args: &FigureArgs,
    figure: &Figure<'_>,
    overlays: &[RgbImage],
) -> Result<Vec<&'static str>, Failure> {
    let mut written = figure_args.write(out, &PANEL, figure)?;
    let overlay = out.join(OVERLAY);
    if overlays.is_empty() {
        // That of an earlier run would be another map's.
        whole::remove(&overlay)?;
        return Ok(written);
    }
    let picture = stack(overlays)?;
    whole::write(&overlay, &png(&picture)?)?;
    written.push(OVERLAY);
    Ok(written)
}

/// The method for people, and the estimator where that is another.
fn method(explanation: &Explanation) -> (String, Option<&'static str>) {
    let estimator = explanation.estimator();
    if matches!(estimator, Estimator::Lime | Estimator::KernelShap) {
        return (estimator.name().to_owned(), None);
    }
    let family = explanation.plan().family();
    let name = match family.built_in() {
        Some(Family::GroupedRacm(groups)) if family.name() != Racm.name() => {
            let count = match groups.groups().len() {
                1 => "1 group".to_owned(),
                count => format!("{count} groups"),
            };
            format!("{}, {count} of channels", Racm.name())
        }
        Some(Family::McRise(colours)) if colours != McRise::rgb() => {
            format!("{}, colours of its own", McRise::rgb().name())
        }
        _ => family.name(),
    };
    (name, Some(estimator.name()))
}

/// Method, subject and masks, for below a picture.
pub fn caption(
    origin: &Origin<'_>,
    subject: &Subject,
    explanation: &Explanation,
    errors: Option<&ArrayRef3<f32>>,
) -> String {
    let space = origin
        .space
        .map_or(String::new(), |space| format!(" in {space}"));
    let (method, estimator) = method(explanation);
    let mut caption = format!(
        "{method}{space}, {}, N = {}",
        subject.text(origin.map.quantity.as_deref(), 3),
        explanation.masks(),
    );
    if let Some(estimator) = estimator {
        caption += &format!(", {estimator}");
    }
    if explanation.effect() == Effect::Own {
        caption += ", own effects";
    }
    if let Some(median) = errors.and_then(|errors| median(explanation, errors)) {
        caption += &format!(", median standard error {median:.2e}");
    }
    caption
}
