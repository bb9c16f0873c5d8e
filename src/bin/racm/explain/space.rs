//! `--space`: explanations in another colour space.

use std::str::FromStr;

use racm::ndarray::Array3;
use racm::{ColourSpace, ExplainerBuilder, Family, Racm};

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
) -> Result<ExplainerBuilder, Failure> {
    let family = builder.clone().build()?.spec().family.built_in();
    match (space, family) {
        (Some(_), Some(Family::McRise(_))) => Err(
            "--space is about the image's channels, and mc-rise paints in red, green and blue"
                .into(),
        ),
        (Some(space), Some(Family::Racm)) => Ok(builder.family(Racm::grouped(space.planes())?)),
        (_, Some(Family::GroupedRacm(family))) => {
            let all = [
                ColourSpace::Hsv { hue: 0.0 },
                ColourSpace::Lab,
                ColourSpace::Ycbcr,
            ];
            let named = all
                .into_iter()
                .find(|s| s.planes().map(|p| p.0)[..] == *family.names());
            let given = space.map(ColourSpace::planes);
            match named {
                Some(named) if given != Some(named.planes()) => Err(format!(
                    "--spec has the planes {} of another colour space, --space is {}",
                    family.names().join(", "),
                    space.map_or("not given".to_owned(), |space| space.to_string()),
                )
                .into()),
                _ => Ok(builder),
            }
        }
        _ => Ok(builder),
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
