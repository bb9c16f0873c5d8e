//! Weights from masked images: Score-CAM and Group-CAM.

use ndarray::{Array1, Array2, Axis};

use super::{Cam, Subject};
use crate::error::Result;
use crate::images::baseline::Baseline;
use crate::masks::grid::{Corners, enlarge_bilinear};
use crate::white_box::model::{Calls, WhiteBoxModel};

/// What a map of Group-CAM keeps: its values above this share of its pixels.
const KEPT_ABOVE: f64 = 0.7;

impl Subject<'_> {
    /// The softmax over channels of the score of the image times the channel's activations.
    pub(super) fn score_weights<M: WhiteBoxModel + ?Sized>(
        &self,
        calls: &mut Calls<'_, M>,
    ) -> Result<Array1<f64>> {
        let (_, height, width) = self.image.dim();
        let show = |k: usize, copy: &mut [f32]| {
            let plane = self.features.index_axis(Axis(0), k).mapv(f64::from);
            let mask = to_unit_range(enlarge_bilinear(
                plane.view(),
                [height, width],
                Corners::Aligned,
            ));
            for channel in copy.chunks_exact_mut(height * width) {
                channel
                    .iter_mut()
                    .zip(&mask)
                    .for_each(|(v, &m)| *v *= m as f32);
            }
        };
        let scores = calls.altered_images(self.image, self.class, self.channels(), show)?;
        let top = scores.iter().fold(f64::NEG_INFINITY, |m, &s| m.max(s));
        let powers: Array1<f64> = scores.iter().map(|s| (s - top).exp()).collect();
        let sum = powers.sum();
        Ok(powers / sum)
    }
}

impl Cam {
    /// The weights of the groups, and the map `[H, W]`.
    pub(super) fn group_cam<M: WhiteBoxModel + ?Sized>(
        &self,
        calls: &mut Calls<'_, M>,
        subject: &Subject<'_>,
    ) -> Result<(Array1<f64>, Array2<f64>)> {
        let (_, height, width) = subject.image.dim();
        let weights = self.mean_gradient(calls, subject)?;
        let channels = subject.channels();
        let groups = self.groups.min(channels);
        // Parts of nearly equal size, in the order of the channels.
        let masks: Vec<Array2<f64>> = (0..groups)
            .map(|g| {
                let inside = g * channels / groups..(g + 1) * channels / groups;
                let of_group = |k: usize| if inside.contains(&k) { weights[k] } else { 0.0 };
                let map = subject.weighted(&(0..channels).map(of_group).collect());
                let map = without_low(map.mapv(|v| v.max(0.0)));
                to_unit_range(enlarge_bilinear(
                    map.view(),
                    [height, width],
                    Corners::Inside,
                ))
            })
            .collect();
        let sigma = 50f64.min(height.min(width) as f64 / 4.0).max(0.5);
        let blurred = Baseline::Blur { sigma }.image(&subject.image)?;
        let blurred: Vec<f32> = blurred.iter().copied().collect();
        let show = |i: usize, copy: &mut [f32]| match masks.get(i) {
            None => copy.copy_from_slice(&blurred),
            Some(mask) => {
                let channels = copy.chunks_exact_mut(height * width);
                for (channel, blurred) in channels.zip(blurred.chunks_exact(height * width)) {
                    for ((v, &b), &m) in channel.iter_mut().zip(blurred).zip(mask) {
                        *v = m as f32 * *v + (1.0 - m as f32) * b;
                    }
                }
            }
        };
        let scores = calls.altered_images(subject.image, subject.class, groups + 1, show)?;
        let weights: Array1<f64> = scores[..groups]
            .iter()
            .map(|s| s - scores[groups])
            .collect();
        let mut map = Array2::zeros((height, width));
        for (mask, &weight) in masks.iter().zip(&weights) {
            map.scaled_add(weight, mask);
        }
        map.mapv_inplace(|v: f64| v.max(0.0));
        Ok((weights, map))
    }
}

/// From its range to [0, 1]; 0 where it is the same everywhere.
fn to_unit_range(map: Array2<f64>) -> Array2<f64> {
    let (low, high) = map
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| {
            (l.min(v), h.max(v))
        });
    if high > low {
        map.mapv(|v| (v - low) / (high - low))
    } else {
        Array2::zeros(map.dim())
    }
}

/// 0 at and below the percentile.
fn without_low(map: Array2<f64>) -> Array2<f64> {
    let mut sorted: Vec<f64> = map.iter().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let rank = KEPT_ABOVE * (sorted.len() - 1) as f64;
    let (below, above) = (
        sorted[rank as usize],
        sorted[(rank as usize + 1).min(sorted.len() - 1)],
    );
    let bound = below + rank.fract() * (above - below);
    map.mapv(|v| if v > bound { v } else { 0.0 })
}
