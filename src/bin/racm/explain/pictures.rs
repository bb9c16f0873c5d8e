//! The pictures of an explanation: a panel or a plot, and an overlay.

use std::path::Path;

use racm::ndarray::{Array4, ArrayRef3, Axis};
use racm::render::{Panel, RgbImage, Scale, Tile, stack, write_png};
use racm::{Effect, Estimator, Explanation, Family, MaskFamily, McRise, Racm};

use super::evaluated::median;
use super::origin::{Carried, Origin, order};
use super::plot::Plot;
use super::subject::Subject;
use crate::{Failure, whole};

/// More rows of a picture than this are not looked at.
pub const ROWS: usize = 8;

/// Writes them, and says whether there is an overlay.
pub fn pictures(
    origin: &Origin<'_>,
    explanation: &Explanation,
    errors: Option<&Array4<f32>>,
    carried: &[Carried],
) -> Result<bool, Failure> {
    let image = origin.image;
    let planes = explanation.plan().plane_names();
    let region = explanation.region().map(|r| r.pixels());
    // Of planes that are the space's: RISE has one for all of them.
    let space = origin
        .space
        .filter(|s| s.planes().map(|p| p.0)[..] == planes[..]);
    let of_planes = match space {
        Some(space) => Some(space.pictures(image)?),
        None => None,
    };
    let (mut panels, mut overlays) = (Vec::new(), Vec::new());
    let subjects = Subject::all(origin.names, explanation);
    for (index, subject) in subjects.iter().enumerate().take(ROWS) {
        let maps = explanation.maps();
        let map = maps.index_axis(Axis(0), index);
        let error = errors.map(|errors| errors.index_axis(Axis(0), index));
        let caption = caption(origin, subject, explanation, error.as_deref());
        let plot = Plot {
            image,
            channels: origin.channels,
            space: origin.space,
            map: &map,
            planes: &planes,
            errors: error.as_deref(),
            region: region.map(|pixels| &**pixels),
            caption: &caption,
            order: &order(planes.len(), &carried[index], origin.map.sort),
            carried: carried[index].as_deref(),
        };
        if let Some(plot) = plot.draw()? {
            panels.push(plot);
            continue;
        }
        let mut panel = Panel::new(&map, &planes).image(image).caption(caption);
        panel = panel.quantity(origin.map.legend(explanation.link()));
        if let Some(pictures) = &of_planes {
            panel = panel.plane_pictures(pictures);
        }
        if let Some(region) = region {
            panel = panel.region(region);
        }
        if let (true, Some(error)) = (origin.map.certainty, &error) {
            panel = panel.standard_error(error);
        }
        if let (Some(carried), true) = (&carried[index], planes.len() > 1) {
            panel = panel.carried(carried).sorted(origin.map.sort);
        }
        panels.push(panel.draw()?);
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
    write_pictures(origin.out, &panels, &overlays)
}

/// One row a class. There is no overlay of what is no image; whether there is one is returned.
pub fn write_pictures(
    out: &Path,
    panels: &[RgbImage],
    overlays: &[RgbImage],
) -> Result<bool, Failure> {
    for (name, rows) in [("panel.png", panels), ("overlay.png", overlays)] {
        if rows.is_empty() {
            // That of an earlier run would be another map's.
            whole::remove(&out.join(name))?;
            continue;
        }
        let picture = stack(rows)?;
        let write = |part: &Path| Ok(write_png(part, &picture)?);
        whole::put(&out.join(name), write)?;
    }
    Ok(!overlays.is_empty())
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
