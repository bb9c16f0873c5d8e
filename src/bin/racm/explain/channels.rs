//! `--channels` and `--groups`: names for the image's channels, and which of them pass together.

use std::path::Path;

use racm::{Channels, ColourSpace, ExplainerBuilder, Family};

use crate::Failure;
use crate::image::Input;
use crate::model::ModelArgs;

/// What is known of the image's channels.
pub struct Known<'a> {
    pub path: Option<&'a Path>,
    pub count: usize,
    /// Those in the file, or in a file about them; numbers where the library's names are a picture's.
    pub names: Option<&'a [String]>,
    /// Whether they are red, green and blue.
    pub is_picture: bool,
}

/// The names of an image's channels, where the library's would not do: by the file about channels, by the image's, or numbers.
pub fn names_of(model: &ModelArgs, image: &Input) -> Option<Vec<String>> {
    let named = model.channel_names(image).map(<[String]>::to_vec);
    named.or_else(|| numbered(image))
}

/// Names for the channels of what is no picture and names none, where the library would take them for colours.
pub fn numbered(image: &Input) -> Option<Vec<String>> {
    let [channels, ..] = image.shape();
    let as_colours = !image.is_picture && image.names.is_none() && [1, 3].contains(&channels);
    as_colours.then(|| (0..channels).map(|c| format!("channel {c}")).collect())
}

#[derive(clap::Args)]
#[command(next_help_heading = "Channels")]
pub struct ChannelArgs {
    /// Names for the image's channels, in their order; neighbours with + between them pass together, as one plane of
    /// the map, and GROUP= before them is its name: temperature,wind=wind_u+wind_v,humidity
    #[arg(long, value_name = "[GROUP=]NAME[+NAME...],...")]
    pub channels: Option<Channels>,
    /// Channels that pass together, also where they are no neighbours: by their names, or by their numbers from 0 and
    /// ranges of them: red+blue or visible=0-40,infrared=41-198. Where channels are called by numbers, numbers are names.
    /// What is in no group passes on its own
    #[arg(long, value_name = "[GROUP=]CHANNEL[+CHANNEL...],...")]
    pub groups: Option<String>,
}

impl ChannelArgs {
    /// The names that were given to the channels.
    pub fn names(&self) -> Option<&[String]> {
        self.channels.as_ref().map(Channels::names)
    }

    /// The option that was given, if there is one.
    pub fn given(&self) -> Option<&'static str> {
        match (&self.channels, &self.groups) {
            (Some(_), _) => Some("--channels"),
            (None, Some(_)) => Some("--groups"),
            (None, None) => None,
        }
    }

    /// The builder with planes of these names, or else of those in the image's file; `space` has names of its own.
    pub fn apply(
        &self,
        builder: ExplainerBuilder,
        image: &Known<'_>,
        space: Option<ColourSpace>,
    ) -> Result<ExplainerBuilder, Failure> {
        let Known { path, count, .. } = *image;
        let of_image = |e: racm::Error| {
            let reason = match e {
                racm::Error::Channels {
                    family,
                    given,
                    limit,
                } => format!(
                    "{family} takes 1 to {limit} channels, the image has {given}; --groups lets channels pass together"
                ),
                e => e.to_string(),
            };
            match path {
                Some(path) => format!("{}: {reason}", path.display()),
                None => reason,
            }
        };
        let Some(option) = self.given() else {
            let family = builder.clone().build()?.spec().family.clone();
            family.check(count).map_err(of_image)?;
            return match (image.names, space, family.built_in()) {
                (Some(names), None, Some(Family::Racm)) => {
                    let named = Channels::named(names).map_err(of_image)?;
                    Ok(builder.family(named.grouped().map_err(of_image)?))
                }
                _ => Ok(builder),
            };
        };
        let family = builder.clone().build()?.spec().family.clone();
        if !matches!(
            family.built_in(),
            Some(Family::Racm | Family::GroupedRacm(_))
        ) {
            let has = match family.planes(count) {
                1 => "one plane for all channels".to_owned(),
                planes => format!("{planes} planes that are no channels"),
            };
            return Err(format!(
                "{option} is about the planes of racm, and {} has {has}",
                family.name()
            )
            .into());
        }
        if let (Some(space), Some(_)) = (space, &self.channels) {
            return Err(format!(
                "--channels names the planes of the image, and --space {space} has names of its own"
            )
            .into());
        }
        let mut channels = match (&self.channels, space, image.names) {
            (Some(channels), _, _) => channels.clone(),
            (None, Some(space), _) => Channels::named(space.planes().map(|(name, _)| name))?,
            (None, None, Some(names)) => Channels::named(names).map_err(of_image)?,
            (None, None, None) => Channels::unnamed(count),
        };
        channels.check(count).map_err(of_image)?;
        if image.is_picture {
            check_colours(&channels)?;
        }
        if let Some(groups) = &self.groups {
            channels = channels.joined(groups).map_err(of_image)?;
        }
        Ok(builder.family(channels.grouped().map_err(of_image)?))
    }
}

/// Refuses `--channels red+blue,green`, which would call the green of a picture blue.
fn check_colours(channels: &Channels) -> Result<(), Failure> {
    let colours = Channels::unnamed(channels.names().len());
    for (channel, (name, colour)) in channels.names().iter().zip(colours.names()).enumerate() {
        if name != colour && colours.names().contains(name) {
            return Err(format!(
                "--channels has `{name}` for channel {channel}, which is {colour} in a picture; names are in the order of \
                 the channels, and --groups joins channels in any order"
            )
            .into());
        }
    }
    Ok(())
}
