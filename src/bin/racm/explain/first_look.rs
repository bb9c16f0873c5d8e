//! Whether the model seems to see what it was trained on: a look at what it says of the unmasked image.

use std::cell::Cell;

use racm::ndarray::{Array2, Array3, ArrayView4, Axis};
use racm::{BlackBoxModel, BoxError, Layout, Preprocess, Preset};

use super::subject::class;
use crate::Failure;
use crate::model::{BGR, ChannelOrder, ModelArgs};
use crate::numbers::short;
use crate::say::{count_of, warning};

/// A preset is named if its top score is higher by this factor and this much.
fn clearly(preset: Preset, higher: f32, score: f32) -> bool {
    // Large inputs make a network sure, whatever they show.
    let factor = match preset.scale() {
        [] => FACTOR,
        _ => 2.0,
    };
    higher >= factor * score && higher >= score + 0.2
}
const FACTOR: f32 = 1.5;
/// Below this top score, the other presets are tried: no score is clearly higher than a higher one.
const DOUBTED: f32 = 1.0 / FACTOR;
/// A preset whose top score is this part of the best one's may be the right one as well.
const NEAR: f32 = 0.9;

/// A preset, and the top class and score that it gives.
type Found = (Preset, usize, f32);

/// What the presets give.
struct Tried {
    /// The one that gives a clearly higher score, if there is one.
    best: Option<Found>,
    /// Others that give nearly as much.
    near: Vec<Preset>,
    /// What this took.
    calls: usize,
}

/// Below this one, there is a warning in any case.
const LOW: f32 = 0.2;
/// With fewer classes, the top score is never low.
const CLASSES: usize = 5;

/// The model, which is watched when it is first asked: a run begins with the unmasked image, alone. That call is the
/// run's own.
pub struct FirstLook<'a> {
    pub model: &'a dyn BlackBoxModel,
    pub args: &'a ModelArgs,
    pub names: &'a [String],
    /// As the model takes it.
    pub image: &'a Array3<f32>,
    pub is_picture: bool,
    pub done: Cell<bool>,
}

impl BlackBoxModel for FirstLook<'_> {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        let scores = self.model.predict(batch)?;
        // A run whose scores are all there begins with another image, if with any.
        if !self.done.replace(true) && batch.dim().0 == 1 && self.is_unmasked(batch) {
            self.look(&scores)?;
        }
        Ok(scores)
    }
}

impl FirstLook<'_> {
    /// But for what a way through another colour space rounds.
    fn is_unmasked(&self, batch: ArrayView4<'_, f32>) -> bool {
        let alike = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-3 * b.abs().max(1.0);
        batch.len() == self.image.len() && batch.iter().zip(self.image).all(alike)
    }

    fn look(&self, scores: &Array2<f32>) -> Result<(), Failure> {
        if self.args.model == "demo" || self.image.dim().0 != 3 {
            return Ok(());
        }
        if let Some(text) = range_hint(self.args, self.image, self.is_picture) {
            warning(text)?;
        }
        let scores: Vec<f32> = scores.iter().copied().collect();
        let Some((top, score)) = self.top(&scores).filter(|(_, score)| *score < DOUBTED) else {
            return Ok(());
        };
        match self.is_picture {
            true => self.doubt(top, score, scores.len()),
            false => Ok(()),
        }
    }

    /// The top class with its probability, where scores are probabilities, or would be by a softmax: names for all of
    /// them say that they are of classes.
    fn top(&self, scores: &[f32]) -> Option<(usize, f32)> {
        if scores.len() < CLASSES || !scores.iter().all(|s| s.is_finite()) {
            return None;
        }
        let first = (0, scores[0]);
        let all = scores.iter().copied().enumerate();
        let (top, highest) = all.fold(first, |best, next| match next.1 > best.1 {
            true => next,
            false => best,
        });
        let in_unit = scores.iter().all(|s| (0.0..=1.001).contains(s));
        let sum: f32 = scores.iter().sum();
        match in_unit {
            true => ((sum - 1.0).abs() < 0.01).then_some((top, highest)),
            false if self.names.len() == scores.len() => {
                let sum: f32 = scores.iter().map(|s| (s - highest).exp()).sum();
                Some((top, 1.0 / sum))
            }
            false => None,
        }
    }

    /// Says that the score is low, and how the model would give a higher one.
    fn doubt(&self, top: usize, score: f32, classes: usize) -> Result<(), Failure> {
        let Tried { best, near, calls } = self.better_presets(score)?;
        if best.is_none() && score >= LOW {
            return Ok(());
        }
        let said = |top, score: f32| {
            let name = class(self.names, top, Some(classes));
            format!("{}, of {name}", short(score.into(), 2))
        };
        let tried = format!(
            "The other presets were tried, by {}",
            count_of(calls, "model call")
        );
        let end = match best {
            Some((preset, other, higher)) => {
                let beside = self.beside(preset);
                let as_good = match &near[..] {
                    [] => String::new(),
                    near => format!(
                        " ({} nearly so: which of them it was trained with, only its origin tells)",
                        near.iter()
                            .map(Preset::to_string)
                            .collect::<Vec<_>>()
                            .join(", ")
                    ),
                };
                format!(
                    "{tried}: --preset {preset}{beside} makes it {}{as_good}. If that is what the image shows, the model \
                     wants it so",
                    said(other, higher)
                )
            }
            None => format!(
                "It shows none of the classes, or the model is fed otherwise than it was trained: see --layout, \
                 --channel-order, --mean, --std and --output. {tried}: none makes it clearly higher"
            ),
        };
        let low = said(top, score);
        warning(format_args!(
            "the highest score of the unmasked image is only {low}. {end}"
        ))
    }

    fn better_presets(&self, score: f32) -> Result<Tried, Failure> {
        let mut seen = vec![self.args.preprocess()?.layout(Layout::Nchw)];
        let (mut calls, mut found) = (0, Vec::new());
        for &preset in Preset::ALL {
            let other = Preprocess::from(preset).layout(Layout::Nchw);
            if seen.contains(&other) {
                continue;
            }
            // A model that refuses it would not be helped by it.
            let top = |image| self.top(&self.scores(image, &other).ok()?);
            calls += 1;
            let higher = top(self.image).filter(|(_, higher)| clearly(preset, *higher, score));
            if let Some((class, higher)) = higher {
                calls += 1;
                // For that reason, too.
                let nothing = top(&self.mean_colour()).map_or(1.0, |(_, score)| score);
                if 2.0 * nothing <= higher {
                    found.push((preset, class, higher));
                }
            }
            seen.push(other);
        }
        let best_of = |bytes: bool| {
            let found = found.iter().copied();
            let alike = found.filter(|(preset, ..)| preset.scale().is_empty() != bytes);
            alike.reduce(|best, next| if next.2 > best.2 { next } else { best })
        };
        let best = match (best_of(false), best_of(true)) {
            // For the same reason.
            (Some(unit), Some(bytes)) if bytes.2 < 2.0 * unit.2 => Some(unit),
            (unit, bytes) => bytes.or(unit),
        };
        let near = found.iter().filter(|(preset, _, score)| {
            best.is_some_and(|(best, _, highest)| *preset != best && *score >= NEAR * highest)
        });
        Ok(Tried {
            best,
            near: near.map(|(preset, ..)| *preset).collect(),
            calls,
        })
    }

    /// An image of one colour, that of the mean.
    fn mean_colour(&self) -> Array3<f32> {
        let mut flat = self.image.clone();
        for mut plane in flat.outer_iter_mut() {
            let mean = plane.mean().unwrap_or_default();
            plane.fill(mean);
        }
        flat
    }

    /// What else has to change for a preset to do what was tried.
    fn beside(&self, preset: Preset) -> String {
        let mut beside = String::new();
        if preset.layout() != self.args.layout() {
            beside += &format!(" --layout {}", self.args.layout());
        }
        let given = [
            ("--scale", self.args.scale.is_empty()),
            ("--mean", self.args.mean.is_empty()),
            ("--std", self.args.std.is_empty()),
            ("--channel-order", self.args.channel_order.is_none()),
        ];
        let given: Vec<&str> = given
            .into_iter()
            .filter_map(|(name, is_empty)| (!is_empty).then_some(name))
            .collect();
        match (given.is_empty(), self.args.preset) {
            (true, _) => beside,
            (false, Some(_)) => beside + " in its place",
            (false, None) => format!("{beside} in place of {}", given.join(", ")),
        }
    }

    /// The scores of an image as the network would see it by way of another preprocess, without loading it again: of an
    /// image that its own preprocess makes the same of.
    fn scores(&self, image: &Array3<f32>, other: &Preprocess) -> Result<Vec<f32>, BoxError> {
        let seen = other.apply(image.view().insert_axis(Axis(0)))?;
        let mut image = seen.to_owned();
        let pick = |values: &[f32], i: usize, otherwise| match values {
            [] => otherwise,
            [one] => *one,
            many => many[i],
        };
        let order = match self.args.channel_order() {
            ChannelOrder::Rgb => [0, 1, 2],
            ChannelOrder::Bgr => BGR,
        };
        for (i, channel) in order.into_iter().enumerate() {
            let (scale, mean) = (
                pick(&self.args.scale, i, 1.0),
                pick(&self.args.mean, i, 0.0),
            );
            let std = pick(&self.args.std, i, 1.0);
            let back = seen
                .index_axis(Axis(1), i)
                .mapv(|v| (v * std + mean) / scale);
            image.index_axis_mut(Axis(1), channel).assign(&back);
        }
        Ok(self.model.predict(image.view())?.iter().copied().collect())
    }
}

/// What is said of a mean and a standard deviation that are of another range than the image.
fn range_hint(args: &ModelArgs, image: &Array3<f32>, is_picture: bool) -> Option<String> {
    let scale = args.scale.iter().copied().fold(f32::NAN, f32::max);
    let scale = if scale.is_nan() { 1.0 } else { scale };
    let low = image.fold(f32::INFINITY, |low, v| low.min(*v)) * scale;
    let high = image.fold(f32::NEG_INFINITY, |high, v| high.max(*v)) * scale;
    let of_unit = |values: &[f32]| {
        let inside = |v: &f32| *v > 0.0 && *v < 1.0;
        !values.is_empty() && values.iter().all(inside)
    };
    if low < 0.0 || args.mean.is_empty() {
        return None;
    }
    let mean = args.mean.iter().map(f32::to_string).collect::<Vec<_>>();
    let mean = mean.join(",");
    if of_unit(&args.mean) && of_unit(&args.std) && high > 2.0 {
        let remedy = match is_picture {
            true => "leave --scale out".to_owned(),
            false => format!("--scale {} takes bytes there", 1.0 / 255.0_f32),
        };
        return Some(format!(
            "the mean, {mean}, is of an image from 0 to 1, and this one is up to {} before mean and std apply; {remedy}",
            short(high.into(), 3)
        ));
    }
    let of_bytes = args.mean.iter().any(|m| *m > 1.5);
    (of_bytes && is_picture && high <= 1.0).then(|| {
        format!(
            "the mean, {mean}, is of an image from 0 to 255, and this one is up to {} before mean and std apply; --scale 255 \
             takes it there",
            short(high.into(), 3)
        )
    })
}
