use super::{Family, MAX_PLANES, MaskFamily, Shown};
use crate::error::{Error, Result};

/// MC-RISE: a selected cell is painted in one of the colours, an unselected one shows the image.
/// One plane a colour.
///
/// Note the sign: the map of a colour says what *painting* with it does to the score, so what
/// supports the class is usually negative in the colours that hide it.
///
/// ```
/// use racm::{Explainer, McRise, demo};
///
/// let family = McRise::new([("black", vec![0.0; 3]), ("white", vec![1.0; 3])])?;
/// let explainer = Explainer::builder().family(family).masks(300).build()?;
/// let explanation = explainer.explain(&demo::Classifier, &demo::image(), 0)?;
/// assert_eq!(explanation.plan().plane_names(), ["black", "white"]);
/// // With the colours red, green and blue there are maps by channel as well (Eq. 12).
/// let rgb = Explainer::builder().family(McRise::rgb()).masks(300).build()?;
/// let rgb = rgb.explain(&demo::Classifier, &demo::image(), 0)?;
/// assert_eq!(rgb.channel_maps().map(|maps| maps.dim()), Some((1, 3, 96, 96)));
/// # Ok::<(), racm::Error>(())
/// ```
///
/// # References
/// Hatakeyama, Sakuma, Konishi and Suenaga, *Visualizing Color-wise Saliency of Black-Box Image
/// Classification Models*, ACCV 2020; Hachiya and Nisawa, Eq. 3 to 5 and 12.
#[derive(Clone, Debug, PartialEq)]
pub struct McRise {
    colours: Vec<Vec<f32>>,
    names: Vec<String>,
}

impl McRise {
    /// The seven colours of the paper, in its order: red, green, blue, yellow, magenta, cyan,
    /// white. For three-channel images in `[0, 1]`.
    pub fn rgb() -> Self {
        let colour = |name: &str, rgb: [f32; 3]| (name.to_owned(), rgb.to_vec());
        let (names, colours) = [
            colour("red", [1.0, 0.0, 0.0]),
            colour("green", [0.0, 1.0, 0.0]),
            colour("blue", [0.0, 0.0, 1.0]),
            colour("yellow", [1.0, 1.0, 0.0]),
            colour("magenta", [1.0, 0.0, 1.0]),
            colour("cyan", [0.0, 1.0, 1.0]),
            colour("white", [1.0, 1.0, 1.0]),
        ]
        .into_iter()
        .unzip();
        McRise { colours, names }
    }

    /// Colours of your own: a name and one value a channel, in the image's units.
    ///
    /// # Errors
    /// [`Error::Parameter`] for no colour, more than 64 of them, colours of different lengths or a
    /// value that is not finite.
    pub fn new(colours: impl IntoIterator<Item = (impl Into<String>, Vec<f32>)>) -> Result<Self> {
        let (names, colours): (Vec<String>, Vec<Vec<f32>>) = colours
            .into_iter()
            .map(|(name, colour)| (name.into(), colour))
            .unzip();
        if colours.is_empty() || colours.len() > MAX_PLANES {
            return Err(Error::parameter(
                "colours",
                format!("a list of {}", colours.len()),
                format!("1 to {MAX_PLANES} colours"),
            ));
        }
        for colour in &colours {
            if colour.is_empty() || colour.len() != colours[0].len() {
                return Err(Error::parameter(
                    "colours",
                    format!("a colour of {} values", colour.len()),
                    "the same number of values in every colour, one a channel",
                ));
            }
            if let Some(value) = colour.iter().find(|v| !v.is_finite()) {
                return Err(Error::parameter("colours", value, "finite values"));
            }
        }
        Ok(McRise { colours, names })
    }

    /// The names of the colours.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The colours, one value a channel.
    pub fn colours(&self) -> &[Vec<f32>] {
        &self.colours
    }
}

impl MaskFamily for McRise {
    fn built_in(&self) -> Option<Family> {
        Some(Family::McRise(self.clone()))
    }

    fn name(&self) -> String {
        if *self == McRise::rgb() {
            "mc-rise".to_owned()
        } else {
            format!("mc-rise {:?}", self.colours)
        }
    }

    fn states(&self, _channels: usize) -> u64 {
        self.colours.len() as u64
    }

    fn planes(&self, _channels: usize) -> usize {
        self.colours.len()
    }

    fn incidence(&self, state: u64) -> u64 {
        if state == 0 { 0 } else { 1 << (state - 1) }
    }

    fn shows(&self, state: u64, channel: usize) -> Shown {
        match state {
            0 => Shown::Image,
            s => Shown::Value(self.colours[s as usize - 1][channel]),
        }
    }

    fn plane_name(&self, plane: usize, _channels: usize) -> String {
        self.names[plane].clone()
    }

    fn share(&self, _plane: usize, _channels: usize) -> f64 {
        1.0 / self.colours.len() as f64
    }

    /// A cell has one colour only.
    fn joint_share(&self, a: usize, b: usize, channels: usize) -> f64 {
        if a == b { self.share(a, channels) } else { 0.0 }
    }

    /// Eq. 12: `c_i(c) / sum_i c_i(c)`; a channel that no colour paints has no weights.
    fn channel_weight(&self, plane: usize, channel: usize) -> Option<f64> {
        let value = |colour: &Vec<f32>| f64::from(colour[channel]);
        let sum: f64 = self.colours.iter().map(value).sum();
        (sum > 0.0).then(|| value(&self.colours[plane]) / sum)
    }

    fn check(&self, channels: usize) -> Result<()> {
        if self.colours[0].len() == channels {
            return Ok(());
        }
        Err(Error::parameter(
            "colours",
            format!("a list of colours of {} values", self.colours[0].len()),
            format!("one value for each of the image's {channels} channels"),
        ))
    }
}
