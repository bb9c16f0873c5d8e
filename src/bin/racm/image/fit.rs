//! From an image as a file has it to one that a model takes: channels, size, and pixels without a value.

use std::path::Path;

use racm::ndarray::{Array2, Array3, Axis, Zip};
use racm::render::resize;
use racm::{Baseline, Region};

use super::wrong::Wrong;
use super::{ImageArgs, Stored};
use crate::Failure;
use crate::say::warning;

/// What is taken of an image.
pub struct Taken {
    /// By whom, for people.
    pub by: String,
    /// Channels, rows and columns, where they are fixed.
    pub shape: [Option<usize>; 3],
    /// What to try where the number of channels is another.
    pub hint: String,
}

/// An image that a model takes, but for pixels without a value.
pub struct Input {
    values: Array3<f32>,
    missing: Option<Array2<bool>>,
    /// Whether its channels are grey, or red, green and blue.
    pub is_picture: bool,
    /// The names of the channels, where the file has some.
    pub names: Option<Vec<String>>,
    /// The size in the file, if it was another.
    pub resized_from: Option<[usize; 2]>,
}

impl Input {
    /// What is taken of an image that was stored at `path`.
    pub fn new(
        path: &Path,
        stored: Stored,
        args: &ImageArgs,
        taken: &Taken,
    ) -> Result<Self, Failure> {
        let [channels, height, width] = taken.shape;
        let missing = missing(path, &stored, &args.missing)?;
        let Stored {
            values,
            names,
            is_picture,
        } = stored;
        let (given, h, w) = values.dim();
        let (values, names) = match (given, channels.unwrap_or(given)) {
            (given, expected) if given == expected => (values, names),
            (1, 3) if args.convert => (tripled(&values), None),
            (3, 1) if args.convert => (luma(&values), None),
            (given, expected) => {
                let image = ([given, h, w], is_picture);
                return Err(wrong_channels(path, image, expected, taken).into());
            }
        };
        if height.is_none() && width.is_none() && h.saturating_mul(w) > LARGE {
            warn_of_size(path, values.dim().into(), taken)?;
        }
        let expected = [height.unwrap_or(h), width.unwrap_or(w)];
        let (values, resized_from) = match (expected == [h, w], is_picture) {
            (true, _) => (values, None),
            (false, true) => {
                let resized = resize(&values, expected[0], expected[1])
                    .map_err(|e| format!("{}, whose images have that size: {e}", taken.by))?;
                (resized, Some([h, w]))
            }
            (false, false) => return Err(wrong_size(path, [h, w], expected, taken).into()),
        };
        Ok(Input {
            values,
            missing,
            is_picture,
            names,
            resized_from,
        })
    }

    /// What is said of an image that the model does not see in its own size.
    pub fn resized(&self) -> Option<String> {
        let [height, width] = self.resized_from?;
        let [_, to_height, to_width] = self.shape();
        Some(format!(
            "{height} x {width} pixels, resized to the {to_height} x {to_width} that the model takes"
        ))
    }

    /// The lowest and the highest of the numbers of what is no picture, and the number of pixels without a value.
    pub fn numbers(&self) -> Option<([f32; 2], usize)> {
        if self.is_picture {
            return None;
        }
        let has_value = |y, x| !self.missing.as_ref().is_some_and(|missing| missing[[y, x]]);
        let all = self.values.indexed_iter();
        let known = all.filter(|((_, y, x), _)| has_value(*y, *x));
        let range = known.fold(
            [f32::INFINITY, f32::NEG_INFINITY],
            |[low, high], (_, &v)| [low.min(v), high.max(v)],
        );
        let missing = self.missing.iter().flatten().filter(|m| **m);
        Some((range, missing.count()))
    }

    /// `[C, H, W]`.
    pub fn shape(&self) -> [usize; 3] {
        self.values.dim().into()
    }

    /// The pixels without a value, where there are some.
    pub fn missing(&self) -> Option<&Array2<bool>> {
        self.missing.as_ref()
    }

    /// The image, and the region of the pixels with a value where some have none. The model always sees the baseline in
    /// the others, or their channel's mean where that is not one value a channel.
    pub fn filled(
        self,
        baseline: Option<&Baseline>,
    ) -> Result<(Array3<f32>, Option<Region>), Failure> {
        let Some(missing) = self.missing else {
            return Ok((self.values, None));
        };
        let mut image = self.values;
        let channels = image.len_of(Axis(0));
        for (c, mut plane) in image.outer_iter_mut().enumerate() {
            let fill = match baseline {
                Some(Baseline::Constant(value)) => *value,
                Some(Baseline::PerChannel(values)) if values.len() == channels => values[c],
                _ => {
                    let known = plane.iter().zip(&missing).filter(|(_, missing)| !**missing);
                    let (sum, count) = known.fold((0.0, 0.0), |(sum, count), (v, _)| {
                        (sum + f64::from(*v), count + 1.0)
                    });
                    (sum / count) as f32
                }
            };
            Zip::from(&mut plane)
                .and(&missing)
                .for_each(|v, &missing| *v = if missing { fill } else { *v });
        }
        Ok((image, Some(Region::from_pixels(missing.mapv(|m| !m))?)))
    }
}

/// Refuses numbers of a shape that is not taken, which the header of their file says.
pub fn check_numbers(
    path: &Path,
    shape: [usize; 3],
    args: &ImageArgs,
    taken: &Taken,
) -> Result<(), Wrong> {
    let [channels, height, width] = taken.shape;
    let [given, h, w] = shape;
    let expected = channels.unwrap_or(given);
    let converted = args.convert && matches!((given, expected), (1, 3) | (3, 1));
    if given != expected && !converted {
        return Err(wrong_channels(path, (shape, false), expected, taken));
    }
    let expected = [height.unwrap_or(h), width.unwrap_or(w)];
    match expected == [h, w] {
        true => Ok(()),
        false => Err(wrong_size(path, [h, w], expected, taken)),
    }
}

/// Of an image of this shape, which may be a picture.
fn wrong_channels(
    path: &Path,
    ([given, h, w], is_picture): ([usize; 3], bool),
    expected: usize,
    taken: &Taken,
) -> Wrong {
    let hint = match (given, expected) {
        (1, expected) if h == expected && !is_picture && taken.hint.is_empty() => {
            "; it has as many rows: a series of so many channels is [C, 1, T] (series[:, None, :] in numpy), and \
             [H, W] an image of one channel"
        }
        (1, 3) => "; --convert makes three equal channels of it",
        (3, 1) => "; --convert makes grey of it",
        (_, expected) if w == expected && taken.hint.is_empty() => {
            "; its last axis has as many: save it as [C, H, W] (numpy.moveaxis(image, -1, 0))"
        }
        _ => &taken.hint,
    };
    let given = match (given, is_picture) {
        (1, true) => "1 channel (grey)".to_owned(),
        (1, false) => "1 channel".to_owned(),
        (_, true) => "3 channels (red, green and blue)".to_owned(),
        _ => format!("{given} channels"),
    };
    Wrong::Channels {
        path: path.to_owned(),
        given,
        expected,
        taken_by: taken.by.clone(),
        hint: hint.to_owned(),
    }
}

fn wrong_size(path: &Path, given: [usize; 2], expected: [usize; 2], taken: &Taken) -> Wrong {
    Wrong::Size {
        path: path.to_owned(),
        given,
        expected,
        taken_by: taken.by.clone(),
    }
}

/// Pixels of an image that takes long in a usual network: some 80 times what those were trained with.
const LARGE: usize = 4_000_000;

/// A line about a large image that is not resized, before it takes time and memory.
fn warn_of_size(path: &Path, shape: [usize; 3], taken: &Taken) -> Result<(), Failure> {
    let [channels, height, width] = shape;
    let megabytes = channels * height * width * size_of::<f32>() / 1_000_000;
    warning(format_args!(
        "{}: {height} x {width} pixels, which {} takes as they are: each masked copy has {megabytes} MB, and the model needs \
         more. A smaller copy of the image costs less, and the map is no finer than its grid",
        path.display(),
        taken.by
    ))
}

/// The highest pixels of a saliency map, of those with a value.
pub fn highest(map: &Array2<f32>, fraction: f64, known: Option<&Region>) -> racm::Result<Region> {
    match known {
        Some(known) => known.top_fraction_inside(map, fraction),
        None => Region::top_fraction(map, fraction),
    }
}

/// The pixels of both, where there are two regions.
pub fn in_both(first: Option<Region>, second: Option<&Region>) -> racm::Result<Option<Region>> {
    match (first, second) {
        (Some(first), Some(second)) => first.intersection(second).map(Some),
        (first, second) => Ok(first.or(second.cloned())),
    }
}

/// The pixels where a channel holds one of these values, if there are some; all other values must be finite.
fn missing(path: &Path, stored: &Stored, wanted: &[f32]) -> Result<Option<Array2<bool>>, Wrong> {
    if stored.is_picture {
        return match wanted {
            [] => Ok(None),
            _ => Err(Wrong::unreadable(
                path,
                "--missing says nothing of a picture (PNG or JPEG), which has a value everywhere",
            )),
        };
    }
    let stands_for_none = |v: f32| wanted.iter().any(|&w| v == w || (v.is_nan() && w.is_nan()));
    let (_, height, width) = stored.values.dim();
    let mut missing = Array2::from_elem((height, width), false);
    let (mut first, mut count) = (None, 0_u64);
    for ((c, y, x), &v) in stored.values.indexed_iter() {
        if stands_for_none(v) {
            missing[[y, x]] = true;
        } else if !v.is_finite() {
            first.get_or_insert((c, y, x, v));
            count += 1;
        }
    }
    if let Some((c, row, column, value)) = first {
        return Err(Wrong::NoValue {
            path: path.to_owned(),
            channel: stored.channel(c),
            value,
            row,
            column,
            more: match count {
                1 => String::new(),
                _ => format!(" ({count} such values in all)"),
            },
        });
    }
    match missing.iter().filter(|m| **m).count() {
        0 => Ok(None),
        count if count == missing.len() => Err(Wrong::NothingLeft {
            path: path.to_owned(),
        }),
        _ => Ok(Some(missing)),
    }
}

/// Three equal channels.
fn tripled(image: &Array3<f32>) -> Array3<f32> {
    let (_, height, width) = image.dim();
    Array3::from_shape_fn((3, height, width), |(_, y, x)| image[[0, y, x]])
}

/// Brightness of an RGB image (Rec. 709), `[1, H, W]`.
fn luma(image: &Array3<f32>) -> Array3<f32> {
    let (_, height, width) = image.dim();
    Array3::from_shape_fn((1, height, width), |(_, y, x)| {
        0.2126 * image[[0, y, x]] + 0.7152 * image[[1, y, x]] + 0.0722 * image[[2, y, x]]
    })
}
