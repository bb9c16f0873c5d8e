//! The page that shows an explanation: `report.html`.

use std::path::Path;

use racm::metrics::{Curve, Curves};
use racm::ndarray::{Array3, ArrayView2, ArrayView3, Axis};
use racm::render::{Bands, Scale, to_rgb};
use racm::{Explanation, MaskFamily, Racm};
use serde_json::{Value, json};

use super::curves::{self, Asked};
use super::evaluated::marked;
use super::origin::{Origin, order};
use super::parts::Parts;
use super::pictures::{ROWS, caption};
use super::report::Written;
use super::subject::Subject;
use crate::html::{EXPLANATION, command, encoded, packed, picture};
use crate::{Failure, whole};

pub const FILE: &str = "report.html";

/// Numbers of maps on a page; of larger ones it has every second pixel, every third, ...
const NUMBERS: usize = 2_000_000;
/// Numbers of an image; the values of a larger one are left out.
const OF_IMAGE: usize = 1_000_000;
/// Colours of a scale, odd as 0 is one of them.
const COLOURS: usize = 257;

/// The curves, or why there are none.
pub type Measured<'a> = Result<&'a [Curves], &'a str>;

/// Removes page and curves of an earlier run, which would be another map's.
pub fn remove(out: &Path) -> Result<(), Failure> {
    curves::remove(out)?;
    whole::remove(&out.join(FILE))
}

/// Writes the page of a run with its curves, or removes what an earlier run left, as is asked for.
pub fn of_run(
    origin: &Origin<'_>,
    explanation: &Explanation,
    written: &mut Written,
    asked: &Asked<'_>,
    stopped: bool,
) -> Result<(), Failure> {
    if !origin.map.report {
        return remove(origin.out);
    }
    let curves = asked.curves(origin.out, explanation, stopped)?;
    let curves = curves.as_deref().map_err(String::as_str);
    write(origin, explanation, written, curves)
}

/// Writes the page, and adds its name to what was written.
pub fn write(
    origin: &Origin<'_>,
    explanation: &Explanation,
    written: &mut Written,
    curves: Measured<'_>,
) -> Result<(), Failure> {
    let (_, height, width) = origin.image.dim();
    let shown = explanation.maps().dim().0.min(ROWS);
    let step = step([shown, explanation.plan().planes(), height, width]);
    let image = thinned(origin.image.view(), step);
    let (channels, ..) = image.dim();
    let is_image = height > 1 && width > 1;
    let kind = match (height, width) {
        (1, 1) => "table",
        _ if is_image => "image",
        _ => "series",
    };
    let names = match origin.channels {
        Some(names) => names.to_vec(),
        None => (0..channels)
            .map(|c| Racm.plane_name(c, channels))
            .collect(),
    };
    // Of a picture, they are its colours.
    let is_colours = |v: &f32| (0.0..=1.0).contains(v);
    let as_colours = is_image && [1, 3].contains(&channels) && image.iter().all(is_colours);
    let values = (as_colours || image.len() <= OF_IMAGE).then(|| {
        let planes = image.outer_iter().zip(&names);
        let channel = |(plane, name): (ArrayView2<'_, f32>, &String)| {
            let values = (!as_colours).then(|| packed(plane.iter()));
            json!({"name": name, "values": values})
        };
        planes.map(channel).collect::<Vec<_>>()
    });
    let parts = Parts::of(explanation)?;
    let subjects = Subject::all(origin.names, explanation);
    let all = Shown {
        origin,
        explanation,
        written,
        parts: parts.as_ref(),
        step,
    };
    let targets = subjects.iter().enumerate().take(shown);
    let targets = targets.map(|(index, subject)| {
        let curves = curves.ok().and_then(|curves| curves.get(index));
        all.target(index, subject, curves)
    });
    let data = json!({
        "command": command(),
        "kind": kind,
        "size": [height, width],
        "step": step,
        "shown": [image.dim().1, image.dim().2],
        "quantity": origin.map.legend(explanation.link()),
        "planes": explanation.plan().plane_names(),
        "picture": match is_image {
            true => Some(picture(&to_rgb(&without_gaps(image.clone()), Bands::Auto)?)?),
            false => None,
        },
        "channels": values,
        "targets": targets.collect::<Result<Vec<_>, Failure>>()?,
        "of_targets": subjects.len(),
        "without_curves": curves.err(),
        "report": written.report,
    });
    let path = origin.out.join(FILE);
    whole::write(&path, EXPLANATION.with(&data)?.as_bytes())?;
    written.files.push(FILE);
    Ok(())
}

/// What all maps of a page have in common.
struct Shown<'a> {
    origin: &'a Origin<'a>,
    explanation: &'a Explanation,
    written: &'a Written,
    parts: Option<&'a Parts>,
    step: [usize; 2],
}

impl Shown<'_> {
    fn target(
        &self,
        index: usize,
        subject: &Subject,
        curves: Option<&Curves>,
    ) -> Result<Value, Failure> {
        let Shown {
            origin,
            explanation,
            written,
            ..
        } = self;
        let map = explanation.maps().index_axis_move(Axis(0), index);
        let errors = written.errors.as_ref();
        let errors = errors.map(|errors| errors.index_axis(Axis(0), index));
        let region = explanation.region().map(|region| &**region.pixels());
        let scale = Scale::fit(&map, region, 100.0)?;
        let kept = |values: ArrayView3<'_, f32>| {
            let values = marked(explanation, values.to_owned());
            packed(thinned(values.view(), self.step).iter())
        };
        let carried = &written.carried[index];
        Ok(json!({
            "name": subject.text(origin.map.quantity.as_deref(), 3),
            "caption": caption(origin, subject, explanation, errors.as_deref()),
            "colours": colours(scale),
            "map": kept(map),
            "errors": errors.map(kept),
            "carried": carried,
            "order": order(map.dim().0, carried, origin.map.sort),
            "parts": self.parts.map(|parts| parts.json(index)),
            "curves": curves.map(|c| json!({
                "insertion": curve(&c.insertion),
                "deletion": curve(&c.deletion),
            })),
        }))
    }
}

fn curve(curve: &Curve) -> Value {
    json!({"x": curve.fractions, "y": curve.scores, "area": curve.auc})
}

/// The colours of a scale from its one end to the other; from -a to a where it contains 0.
fn colours(scale: Scale) -> Value {
    let (mut low, mut high) = (scale.low(), scale.high());
    let anchored = scale.is_anchored();
    if anchored {
        high = high.max(-low);
        low = -high;
    }
    let at = |i: usize| {
        let t = i as f64 / (COLOURS - 1) as f64;
        let value = f64::from(low) * (1.0 - t) + f64::from(high) * t;
        scale.colour(value as f32)
    };
    let colours: Vec<u8> = (0..COLOURS).flat_map(at).collect();
    json!({
        "low": low, "high": high, "anchored": anchored,
        "shown": [scale.low(), scale.high()], "bytes": encoded(&colours),
    })
}

/// Every how many-th row and column is on the page.
fn step([targets, planes, height, width]: [usize; 4]) -> [usize; 2] {
    let steps = |k: usize| [k.min(height), k.min(width)];
    let fits = |k: &usize| {
        let [rows, columns] = steps(*k);
        let pixels = height.div_ceil(rows) * width.div_ceil(columns);
        targets * planes * pixels <= NUMBERS || *k >= height.max(width)
    };
    steps((1..).find(fits).unwrap_or(1))
}

/// Of each step the middle.
fn thinned(planes: ArrayView3<'_, f32>, [rows, columns]: [usize; 2]) -> Array3<f32> {
    let (channels, height, width) = planes.dim();
    let count = |side: usize, step: usize| (side - step / 2).div_ceil(step);
    let shape = (channels, count(height, rows), count(width, columns));
    let middle = |i: usize, step: usize| i * step + step / 2;
    Array3::from_shape_fn(shape, |(c, y, x)| {
        planes[[c, middle(y, rows), middle(x, columns)]]
    })
}

/// The lowest value of its channel where there is none: the page shows that there is none.
fn without_gaps(mut image: Array3<f32>) -> Array3<f32> {
    for mut channel in image.outer_iter_mut() {
        let known = channel.iter().filter(|v| !v.is_nan());
        let low = known.fold(f32::INFINITY, |low, &v| low.min(v));
        let low = if low.is_finite() { low } else { 0.0 };
        channel.mapv_inplace(|v| if v.is_nan() { low } else { v });
    }
    image
}
