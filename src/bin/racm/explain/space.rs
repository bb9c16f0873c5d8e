//! `--space`: explanations in another colour space.

use std::path::Path;
use std::str::FromStr;

use racm::ndarray::Array3;
use racm::{ColourSpace, Explainer, ExplainerBuilder, Family, Racm};

use super::channels::Known;
use super::saved::Saved;
use crate::Failure;
use crate::say::line;

/// What `--space` asks for.
#[derive(Clone, Debug)]
pub enum SpaceArg {
    /// HSV with a hue chosen for the image.
    Hsv,
    Given(ColourSpace),
}

impl FromStr for SpaceArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "hsv" => Ok(SpaceArg::Hsv),
            _ => text.parse().map(SpaceArg::Given).map_err(|e| match e {
                racm::Error::Parameter { name: "hue", .. } => e.to_string(),
                _ => "expected hsv, hsv:HUE, lab or ycbcr".to_owned(),
            }),
        }
    }
}

impl SpaceArg {
    /// The space, for this RGB image; a hue that is chosen is said.
    pub fn of(&self, image: &Array3<f32>) -> Result<ColourSpace, Failure> {
        let space = match self {
            SpaceArg::Given(space) => *space,
            SpaceArg::Hsv => ColourSpace::hsv_for(image)?,
        };
        if let (SpaceArg::Hsv, ColourSpace::Hsv { hue }) = (self, space) {
            line(format_args!(
                "excluded pixels show the hue {hue} (0 is red, 0.33 green, 0.67 blue), unlike the image's; --space hsv:HUE is \
                 another"
            ))?;
        }
        Ok(space)
    }
}

/// The builder with names for the planes of this space; refuses what would say something else in it.
pub fn with_planes(
    builder: ExplainerBuilder,
    space: Option<ColourSpace>,
    saved: Option<&Saved>,
) -> Result<ExplainerBuilder, Failure> {
    let family = builder.clone().build()?.spec().family.built_in();
    match (space, family, saved) {
        (Some(_), Some(Family::McRise(_)), _) => Err(
            "--space is about the image's channels, and mc-rise paints in red, green and blue"
                .into(),
        ),
        (Some(space), Some(Family::Racm), _) => Ok(builder.family(Racm::grouped(space.planes())?)),
        // Only a saved explainer has groups here.
        (_, Some(Family::GroupedRacm(family)), Some(saved))
            if space.map(ColourSpace::planes) != saved.space.map(ColourSpace::planes) =>
        {
            let of = match saved.space {
                Some(ColourSpace::Hsv { .. }) => "hsv".to_owned(),
                Some(space) => space.to_string(),
                None => "the image as it is".to_owned(),
            };
            let given = space.map_or("not given".to_owned(), |space| space.to_string());
            Err(format!(
                "{}: its planes {} are of {of}, and --space is {given}; --method racm makes other planes",
                saved.path.display(),
                family.names().join(", "),
            )
            .into())
        }
        _ => Ok(builder),
    }
}

/// Refuses for another space, and for masks that paint in colours, an image whose channels are not red, green and blue, as far
/// as is known of them.
pub fn check_rgb(asked: &Explainer, in_space: bool, image: &Known<'_>) -> Result<(), Failure> {
    let what = match asked.spec().family.built_in() {
        _ if in_space => "--space",
        Some(Family::McRise(_)) => "mc-rise",
        _ => return Ok(()),
    };
    let path = image.path.unwrap_or(Path::new("demo")).display();
    let count = image.count;
    if in_space && count != 3 {
        let channels = if count == 1 { "channel" } else { "channels" };
        return Err(format!(
            "{path}: it has {count} {channels}, expected 3 for --space: red, green and blue"
        )
        .into());
    }
    let names = image.names.unwrap_or_default();
    let lower: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    let orders = [["red", "green", "blue"], ["r", "g", "b"]];
    let other = |order: &[&str; 3]| {
        lower != order && order.iter().all(|c| lower.contains(&(*c).to_owned()))
    };
    match count == 3 && orders.iter().any(other) {
        true => Err(format!(
            "{path}: its channels are {}, expected red, green, blue in this order for {what}",
            names.join(", ")
        )
        .into()),
        false => Ok(()),
    }
}

const MARK: &str = "; space ";

/// The model's name in ledgers, with the space in which it is explained.
pub fn name_in(model: String, space: Option<ColourSpace>) -> String {
    match space {
        Some(space) => format!("{model}{MARK}{space}"),
        None => model,
    }
}

/// The space in a name of [`name_in`].
pub fn space_of(name: &str) -> Option<ColourSpace> {
    let (_, space) = name.rsplit_once(MARK)?;
    space.parse().ok()
}
