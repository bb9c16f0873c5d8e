//! RGB images in other colour spaces, and back.

use std::f64::consts::TAU;
use std::fmt;
use std::str::FromStr;

use ndarray::{Array3, Array4, ArrayRef3, ArrayView2, Axis};
use palette::convert::FromColorUnclamped;
use palette::{Hsv, Lab, Srgb};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::text::{saved_as_text, unreadable};

/// A colour space in which the masks of an RGB model can lie, so that a map has a plane for the hue, and not for red: see
/// [`InColourSpace`](crate::InColourSpace).
///
/// The planes are scaled such that 0 is what a [`Baseline`](crate::Baseline) most often wants: no colour, no light.
///
/// | space | plane | from | to | 0 is |
/// |---|---|---|---|---|
/// | `Hsv` | hue, in turns from the excluded hue | -0.5 | 0.5 | the excluded hue |
/// | | saturation | 0 | 1 | grey |
/// | | value, the largest of R, G and B | 0 | 1 | black |
/// | `Lab` | lightness, L* / 100 | 0 | 1 | black |
/// | | green-red, a* / 100 | -0.87 | 0.99 | neither |
/// | | blue-yellow, b* / 100 | -1.08 | 0.95 | neither |
/// | `Ycbcr` | luma | 0 | 1 | black |
/// | | blue difference, Cb | -0.5 | 0.5 | neither |
/// | | red difference, Cr | -0.5 | 0.5 | neither |
///
/// RGB is sRGB in [0, 1]. Lab is CIE L\*a\*b\* under D65; YCbCr is that of JPEG files (BT.601, full range).
///
/// # Hue
/// Hue is a circle, and masks mix linearly: between the hues 0.95 and 0 they would pass through all others. The hue plane
/// therefore holds how far a hue is from the one that excluded pixels show, the short way round, and the baseline 0 is that hue:
/// half a mask shows the hue half the way to it. The one jump that is left is opposite to the excluded hue, where the short way
/// changes sides.
///
/// *Excluding* a hue is to show another one; no hue stands for none. (Without hue is grey, and that is saturation 0, the
/// matter of the next plane.) A hue that the image shows anyway excludes nothing: a map of a red sign under an excluded red
/// has nothing to say of its hue. [`ColourSpace::hsv_for`] therefore takes one that is a quarter of a turn from the image's
/// colours, as near as can be, and as far from the jump. A pixel without colour (grey, black) has the excluded hue. Blurred
/// baselines and means of segments are of the plane's numbers: sound for hues on one side of the jump, and else better 0.
///
/// # Colours that RGB does not have
/// Masks mix the planes of a pixel as they come. Every mixture of hue, saturation and value is a colour. In Lab and YCbCr some are
/// not (a strong red without light), and these are clipped to RGB values in [0, 1]: what is masked in one plane then is seen a little
/// in the others. Saturation and value are clipped to [0, 1] as well.
///
/// ```
/// use racm::{ColourSpace, demo};
///
/// let image = demo::image();
/// let space = ColourSpace::hsv_for(&image)?; // its excluded hue is one that the image has not
/// let hsv = space.convert(&image)?;
/// let back = space.to_rgb(&hsv)?;
/// assert!(image.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-4));
/// # Ok::<(), racm::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ColourSpace {
    /// Hue, saturation, value.
    Hsv {
        /// The hue that 0 stands for, in turns: 0 is red, 1/3 green, 2/3 blue. In [0, 1).
        hue: f32,
    },
    /// CIE L\*a\*b\*: lightness, green to red, blue to yellow.
    Lab,
    /// Luma, and how far blue and red are from it.
    Ycbcr,
}

/// `hsv:HUE`, `lab` or `ycbcr`.
impl fmt::Display for ColourSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ColourSpace::Hsv { hue } => write!(f, "hsv:{hue}"),
            ColourSpace::Lab => f.pad("lab"),
            ColourSpace::Ycbcr => f.pad("ycbcr"),
        }
    }
}

impl FromStr for ColourSpace {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let hue = text.strip_prefix("hsv:").map(str::parse);
        let space = match (text, hue) {
            ("lab", _) => ColourSpace::Lab,
            ("ycbcr", _) => ColourSpace::Ycbcr,
            (_, Some(Ok(hue))) => ColourSpace::Hsv { hue },
            _ => {
                let expected = "hsv:HUE, lab or ycbcr";
                return Err(unreadable("colour space", text, expected));
            }
        };
        space.check()?;
        Ok(space)
    }
}

saved_as_text!(ColourSpace);

impl ColourSpace {
    /// HSV with a hue to exclude that differs from those of the image `[3, H, W]`, RGB in [0, 1].
    ///
    /// It is the hue h, in hundredths of a turn, that makes the mean of `cos(2 d)` over the pixels least, where d is a pixel's
    /// angle from h and a pixel counts by its saturation times value; of the two such hues the one less like the image. An
    /// image without colour has 0.
    ///
    /// # Errors
    /// Those of [`ColourSpace::convert`].
    pub fn hsv_for(rgb: &ArrayRef3<f32>) -> Result<Self> {
        let image = ColourSpace::Hsv { hue: 0.0 }.convert(rgb)?;
        // The mean colour's hue, and the axis along which the hues lie.
        let (mut mean, mut axis) = ([0.0, 0.0], [0.0, 0.0]);
        for pixel in image.lanes(Axis(0)) {
            let [hue, saturation, value] = [0, 1, 2].map(|c| f64::from(pixel[c]));
            for (sum, angle) in [(&mut mean, TAU * hue), (&mut axis, 2.0 * TAU * hue)] {
                sum[0] += saturation * value * angle.cos();
                sum[1] += saturation * value * angle.sin();
            }
        }
        if axis == [0.0, 0.0] {
            return Ok(ColourSpace::Hsv { hue: 0.0 });
        }
        let across = axis[1].atan2(axis[0]) / 2.0 + TAU / 4.0;
        let alike = across.cos() * mean[0] + across.sin() * mean[1];
        let turns = across / TAU + if alike > 0.0 { 0.5 } else { 0.0 };
        let hundredths = (turns * 100.0).round().rem_euclid(100.0);
        Ok(ColourSpace::Hsv {
            hue: hundredths as f32 / 100.0,
        })
    }

    /// The names of the planes, each with its channel: what [`Racm::grouped`](crate::Racm::grouped) takes.
    pub fn planes(self) -> [(&'static str, [usize; 1]); 3] {
        let [a, b, c] = match self {
            ColourSpace::Hsv { .. } => ["hue", "saturation", "value"],
            ColourSpace::Lab => ["lightness", "green-red", "blue-yellow"],
            ColourSpace::Ycbcr => ["luma", "blue difference", "red difference"],
        };
        [(a, [0]), (b, [1]), (c, [2])]
    }

    /// The image `[3, H, W]`, RGB in [0, 1], in this space.
    ///
    /// # Errors
    /// [`Error::Shape`] for an image of other than three channels, [`Error::EmptyImage`], [`Error::NotFinite`], and
    /// [`Error::Parameter`] for a value outside [0, 1] or a hue that is none.
    pub fn convert(self, rgb: &ArrayRef3<f32>) -> Result<Array3<f32>> {
        self.check()?;
        check_image(rgb)?;
        if let Some((at, value)) = rgb
            .indexed_iter()
            .find(|(_, value)| !(0.0..=1.0).contains(*value))
        {
            let (c, y, x) = at;
            let given = format!("{value} at [{c}, {y}, {x}]");
            return Err(Error::parameter("image", given, "RGB values in [0, 1]"));
        }
        Ok(
            self.each_pixel(rgb, |space, values, pixels, out| match space {
                ColourSpace::Hsv { hue } => convert(values, pixels, out, |p| hsv(p, hue)),
                ColourSpace::Lab => convert(values, pixels, out, lab),
                ColourSpace::Ycbcr => convert(values, pixels, out, ycbcr),
            }),
        )
    }

    /// The RGB image in [0, 1] of an image `[3, H, W]` in this space.
    ///
    /// # Errors
    /// Those of [`ColourSpace::convert`], but that values may be any, RGB is clipped to [0, 1]; only a hue has to be within a
    /// turn of the excluded one.
    pub fn to_rgb(self, image: &ArrayRef3<f32>) -> Result<Array3<f32>> {
        self.check()?;
        check_image(image)?;
        self.check_hues(image.outer_iter().next())?;
        Ok(self.each_pixel(image, ColourSpace::batch_to_rgb))
    }

    /// A picture of each plane of an RGB image `[3, H, W]`, by itself: `[3, 3, H, W]`, RGB in [0, 1]. Hues are shown fully saturated
    /// and bright, and grey where there is none; saturation, value, lightness and luma as grey; other planes on a medium grey.
    ///
    /// # Errors
    /// Those of [`ColourSpace::convert`].
    pub fn pictures(self, rgb: &ArrayRef3<f32>) -> Result<Array4<f32>> {
        let image = self.convert(rgb)?;
        let (_, height, width) = image.dim();
        let mut pictures = Array4::zeros((3, 3, height, width));
        for (plane, mut picture) in pictures.outer_iter_mut().enumerate() {
            let mut alone = image.clone();
            for mut pixel in alone.lanes_mut(Axis(0)) {
                let [a, b, c] = [pixel[0], pixel[1], pixel[2]];
                let shown = match (self, plane) {
                    (ColourSpace::Hsv { .. }, 0) if b * c > 0.0 => [a, 1.0, 1.0],
                    (ColourSpace::Hsv { .. }, 0) => [0.0, 0.0, 0.6],
                    (ColourSpace::Hsv { .. }, 1) => [0.0, 0.0, b],
                    (ColourSpace::Hsv { .. }, _) => [0.0, 0.0, c],
                    (_, 0) => [a, 0.0, 0.0],
                    (_, 1) => [0.6, b, 0.0],
                    (_, _) => [0.6, 0.0, c],
                };
                pixel.iter_mut().zip(shown).for_each(|(v, s)| *v = s);
            }
            picture.assign(&self.to_rgb(&alone)?);
        }
        Ok(pictures)
    }

    pub(super) fn check(self) -> Result<()> {
        match self {
            ColourSpace::Hsv { hue } if !(0.0..1.0).contains(&hue) => {
                Err(Error::parameter("hue", hue, "a number of turns in [0, 1)"))
            }
            _ => Ok(()),
        }
    }

    /// Refuses what is no hue, in the first planes of images.
    pub(super) fn check_hues<'a>(
        self,
        planes: impl IntoIterator<Item = ArrayView2<'a, f32>>,
    ) -> Result<()> {
        let ColourSpace::Hsv { .. } = self else {
            return Ok(());
        };
        let outside = |hue: f32| hue.abs() > 1.0;
        for plane in planes {
            // Without places this is quick, and most often all.
            if !plane.fold(false, |found, &hue| found | outside(hue)) {
                continue;
            }
            if let Some(((y, x), hue)) = plane.indexed_iter().find(|(_, hue)| outside(**hue)) {
                let given = format!("{hue} at [{y}, {x}]");
                let expected = "turns from the excluded hue, -1 to 1";
                return Err(Error::parameter("hue", given, expected));
            }
        }
        Ok(())
    }

    /// Images `[n, 3, pixels]` in this space as RGB.
    pub(super) fn batch_to_rgb(self, values: &[f32], pixels: usize, out: &mut [f32]) {
        let clip = |v: f32| v.clamp(0.0, 1.0);
        match self {
            ColourSpace::Hsv { hue } => convert(values, pixels, out, move |p| of_hsv(p, hue)),
            ColourSpace::Lab => convert(values, pixels, out, |p| of_lab(p).map(clip)),
            ColourSpace::Ycbcr => convert(values, pixels, out, |p| of_ycbcr(p).map(clip)),
        }
    }

    fn each_pixel(
        self,
        image: &ArrayRef3<f32>,
        by: impl Fn(Self, &[f32], usize, &mut [f32]),
    ) -> Array3<f32> {
        let (_, height, width) = image.dim();
        let values: Vec<f32> = image.iter().copied().collect();
        let mut out = Array3::zeros(image.dim());
        if let Some(out) = out.as_slice_mut() {
            by(self, &values, height * width, out);
        }
        out
    }
}

fn check_image(image: &ArrayRef3<f32>) -> Result<()> {
    let (channels, h, w) = image.dim();
    if image.is_empty() {
        let shape = [channels, h, w];
        return Err(Error::EmptyImage { shape });
    }
    if channels != 3 {
        return Err(Error::Shape {
            what: "the image",
            given: vec![channels, h, w],
            expected: vec![3, h, w],
        });
    }
    match image.indexed_iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some(((c, y, x), &value)) => Err(Error::NotFinite {
            what: "the image",
            index: vec![c, y, x],
            value: f64::from(value),
        }),
    }
}

/// Converts every pixel of images `[n, 3, pixels]`, on all threads of the current pool.
fn convert(
    values: &[f32],
    pixels: usize,
    out: &mut [f32],
    by: impl Fn([f32; 3]) -> [f32; 3] + Copy + Send + Sync,
) {
    /// Pixels that a thread takes at once, of one image or less.
    const PART: usize = 1 << 12;
    let images = out.par_chunks_exact_mut(3 * pixels);
    let images = images.zip(values.par_chunks_exact(3 * pixels));
    images.for_each(move |(out, image)| {
        let (a, rest) = out.split_at_mut(pixels);
        let (b, c) = rest.split_at_mut(pixels);
        let parts = [a, b, c].map(|plane| plane.par_chunks_mut(PART));
        let [a, b, c] = parts;
        (a, b, c)
            .into_par_iter()
            .enumerate()
            .for_each(move |(part, (a, b, c))| {
                // A copy: what it holds stays in registers.
                let by = by;
                let plane = |c: usize| &image[c * pixels + part * PART..][..a.len()];
                let seen = plane(0).iter().zip(plane(1)).zip(plane(2));
                let out = a.iter_mut().zip(b).zip(c);
                for (((a, b), c), ((&x, &y), &z)) in out.zip(seen) {
                    [*a, *b, *c] = by([x, y, z]);
                }
            });
    });
}

fn hsv([r, g, b]: [f32; 3], excluded: f32) -> [f32; 3] {
    let hsv: Hsv = Hsv::from_color_unclamped(Srgb::new(r, g, b));
    if hsv.saturation == 0.0 {
        return [0.0, 0.0, hsv.value];
    }
    let turns = hsv.hue.into_positive_degrees() / 360.0 - excluded;
    // From -0.5 on, below 0.5.
    let short_way = turns - (turns + 0.5).floor();
    [short_way, hsv.saturation, hsv.value]
}

/// Without a branch: a channel is as strong as the hue is near to its third of the circle. A run converts every masked image, and
/// a conversion by sixths of the circle takes several times as long.
#[inline]
fn of_hsv([h, s, v]: [f32; 3], excluded: f32) -> [f32; 3] {
    let within_1 = |v: f32| {
        let v = if v < 0.0 { 0.0 } else { v };
        if v > 1.0 { 1.0 } else { v }
    };
    let turns = h + excluded;
    let turns = if turns < 0.0 { turns + 1.0 } else { turns };
    let turns = if turns > 1.0 { turns - 1.0 } else { turns };
    let (s, v) = (within_1(s), within_1(v));
    let of = |third: f32| {
        let away = (turns - third).abs();
        let other_way = 1.0 - away;
        let away = if away < other_way { away } else { other_way };
        v - v * s * (1.0 - within_1(2.0 - 6.0 * away))
    };
    [of(0.0), of(1.0 / 3.0), of(2.0 / 3.0)]
}

fn lab([r, g, b]: [f32; 3]) -> [f32; 3] {
    let lab: Lab = Lab::from_color_unclamped(Srgb::new(r, g, b));
    [lab.l, lab.a, lab.b].map(|v| v / 100.0)
}

fn of_lab(pixel: [f32; 3]) -> [f32; 3] {
    let [l, a, b] = pixel.map(|v| 100.0 * v);
    rgb(Srgb::from_color_unclamped(Lab::new(l, a, b)))
}

fn rgb(colour: Srgb<f32>) -> [f32; 3] {
    [colour.red, colour.green, colour.blue]
}

/// The weights of red, green and blue in luma, by BT.601.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

fn ycbcr([r, g, b]: [f32; 3]) -> [f32; 3] {
    let y = LUMA[0] * r + LUMA[1] * g + LUMA[2] * b;
    let of = |v: f32, weight: f32| (v - y) / (2.0 - 2.0 * weight);
    [y, of(b, LUMA[2]), of(r, LUMA[0])]
}

fn of_ycbcr([y, cb, cr]: [f32; 3]) -> [f32; 3] {
    let of = |difference: f32, weight: f32| y + difference * (2.0 - 2.0 * weight);
    let (r, b) = (of(cr, LUMA[0]), of(cb, LUMA[2]));
    [r, (y - LUMA[0] * r - LUMA[2] * b) / LUMA[1], b]
}
