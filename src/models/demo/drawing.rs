//! Drawings of signs, and the truth about them.

use ndarray::{Array2, Array3, Axis};

use super::scene::{Dice, Scene};
use super::sign::Place;
use crate::error::{Error, Result};

/// The names of the classes.
///
/// Three pairs differ in one number, the red (0 and 1), green (2 and 3) or blue (4 and 5) of the face; 6 and 7 differ in
/// the arrow's direction, and 8 to 10 in their shape. See [`rival`].
pub const CLASSES: [&str; 12] = [
    "stop sign",
    "dark octagon",
    "yellow diamond",
    "red diamond",
    "blue square",
    "green square",
    "turn left",
    "turn right",
    "closed road",
    "warning",
    "give way",
    "no sign",
];

const NO_SIGN: usize = CLASSES.len() - 1;

/// What [`draw`] draws.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Drawing {
    /// `[3, side, side]`, RGB in [0, 1].
    pub image: Array3<f32>,
    /// The pixels of the sign that nothing hides, `[side, side]`.
    pub sign: Array2<bool>,
}

/// Draws a sign of a class (see [`CLASSES`]): another place, size, shade, background, light, blur and noise for every seed.
///
/// Two classes drawn from one seed differ in their sign alone.
///
/// # Errors
/// [`Error::Parameter`] if there is no such class, or `side` is not 16 to 1024 pixels.
///
/// ```
/// use racm::demo;
///
/// // A stop sign, and an octagon that lacks its red.
/// let [stop, dark] = [0, 1].map(|class| demo::draw(class, 1, 48));
/// let difference = stop?.image - dark?.image;
/// let planes = difference.outer_iter().map(|plane| plane.iter().any(|&d| d != 0.0));
/// assert_eq!(planes.collect::<Vec<_>>(), [true, false, false]);
/// # Ok::<(), racm::Error>(())
/// ```
pub fn draw(class: usize, seed: u64, side: usize) -> Result<Drawing> {
    if class >= CLASSES.len() {
        return Err(Error::parameter(
            "class",
            class,
            format!("at most {NO_SIGN}"),
        ));
    }
    if !(16..=1024).contains(&side) {
        return Err(Error::parameter("side", side, "16 to 1024 pixels"));
    }
    Ok(drawn(class, seed, side))
}

/// [`draw`] for arguments within their bounds.
pub(super) fn drawn(class: usize, seed: u64, side: usize) -> Drawing {
    let mut dice = Dice::new(seed);
    let place = Place::new(&mut dice);
    let scene = Scene::new(&mut dice);
    let pixel = 1.0 / side as f32;
    let mut image = Array3::zeros((3, side, side));
    let sign = Array2::from_shape_fn((side, side), |(row, column)| {
        let [x, y] = [column, row].map(|at| (at as f32 + 0.5) * pixel);
        let hidden = scene.in_front(x, y);
        let colour = hidden.unwrap_or_else(|| {
            let behind = scene.background(x, y);
            place.paint(class, behind, &scene, [x, y], pixel)
        });
        for (c, value) in scene.lit(colour, x, y).into_iter().enumerate() {
            image[[c, row, column]] = value;
        }
        hidden.is_none() && place.covers(class, x, y)
    });
    for axis in [1, 2] {
        blur(&mut image, Axis(axis), scene.blur * side as f32);
    }
    image.mapv_inplace(|v| (v + scene.noise * dice.normal()).clamp(0.0, 1.0));
    Drawing { image, sign }
}

/// The mean of `radius` pixels on both sides, of those that there are.
fn blur(image: &mut Array3<f32>, axis: Axis, radius: f32) {
    let mut line = Vec::new();
    for mut lane in image.lanes_mut(axis) {
        line.clear();
        line.extend(lane.iter().copied());
        let whole = radius as usize;
        for (at, value) in lane.iter_mut().enumerate() {
            let (mut sum, mut weights) = (0.0, 0.0);
            for (near, v) in line
                .iter()
                .enumerate()
                .take(at + whole + 2)
                .skip((at).saturating_sub(whole + 1))
            {
                // The outermost pixels count in part.
                let weight = (radius + 1.0 - near.abs_diff(at) as f32).min(1.0);
                sum += weight * v;
                weights += weight;
            }
            *value = sum / weights;
        }
    }
}

/// The class that looks most like another: its drawing from the same seed differs only in what makes the class.
///
/// None for "closed road", "warning" and "give way", which differ in their outline, and for "no sign".
///
/// ```
/// use racm::demo;
///
/// assert_eq!(demo::rival(0), Some(1)); // stop sign and dark octagon
/// assert_eq!(demo::rival(11), None);
/// ```
pub fn rival(class: usize) -> Option<usize> {
    // Neighbours: 0 and 1, 2 and 3, ..
    (class < 8).then_some(class ^ 1)
}

/// Which channel and which pixels make a drawn class, known by construction.
///
/// ```
/// use racm::demo;
///
/// // A stop sign and a dark octagon differ in the red of the face alone.
/// let truth = demo::truth(0, 5, 48)?;
/// assert_eq!(truth.channel, Some(0));
/// let (stop, dark) = (demo::draw(0, 5, 48)?.image, demo::draw(1, 5, 48)?.image);
/// for ((channel, y, x), value) in stop.indexed_iter() {
///     let differs = (value - dark[[channel, y, x]]).abs() > 0.05;
///     assert_eq!(differs, channel == 0 && truth.pixels[[y, x]]);
/// }
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Truth {
    /// The only channel in which the [`rival`] is drawn otherwise, if it is only one.
    pub channel: Option<usize>,
    /// Where the rival is drawn otherwise, by more than 0.05 in some channel; without a rival the sign. `[side, side]`.
    pub pixels: Array2<bool>,
}

/// The truth about [`draw`] with the same arguments.
///
/// ```
/// use racm::demo;
///
/// // A sign whose rival differs in one channel: the truth about the question "why this one and not that?"
/// let one = (0..12).find(|&class| demo::truth(class, 7, 96).is_ok_and(|t| t.channel.is_some()));
/// let truth = demo::truth(one.expect("there are such pairs"), 7, 96)?;
/// assert!(truth.pixels.iter().any(|&drawn| drawn));
/// # Ok::<(), racm::Error>(())
/// ```
///
/// # Errors
/// Those of [`draw`].
pub fn truth(class: usize, seed: u64, side: usize) -> Result<Truth> {
    let own = draw(class, seed, side)?;
    let Some(rival) = rival(class) else {
        return Ok(Truth {
            channel: None,
            pixels: own.sign,
        });
    };
    let difference = own.image - draw(rival, seed, side)?.image;
    let changed: Vec<usize> = (0..3)
        .filter(|&c| difference.index_axis(Axis(0), c).iter().any(|&d| d != 0.0))
        .collect();
    Ok(Truth {
        channel: (changed.len() == 1).then(|| changed[0]),
        pixels: difference.map_axis(Axis(0), |pixel| pixel.iter().any(|d| d.abs() > 0.05)),
    })
}

/// Whether the sign of a class, not counting what hides it, covers a pixel of a drawing.
pub(super) fn covers(class: usize, seed: u64, side: usize, y: usize, x: usize) -> bool {
    let [x, y] = [x, y].map(|at| (at as f32 + 0.5) / side as f32);
    Place::new(&mut Dice::new(seed)).covers(class, x, y)
}
