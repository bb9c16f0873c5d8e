//! Arguments about masks, which several commands share, and how values of the library are read.

use std::str::FromStr;

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use racm::{
    Baseline, Effect, Enlargement, Estimator, Explainer, ExplainerBuilder, Family, Link, MaskSpec,
    Placement, Rise, Segments,
};

use crate::Failure;
use crate::figure::FigureArgs;
use crate::prior::PriorArgs;
use crate::say::count_of;

/// What fixes the masks, but for their family. What is not given stays as it is.
#[derive(Clone, clap::Args)]
#[command(next_help_heading = "Masks")]
pub struct MaskArgs {
    /// Cells over the image: G or GhxGw, as in 1x20 for a series [default: 8 over an image, 20 along a series of one row or
    /// one column, 1 over a table of one pixel]
    #[arg(long, value_name = "G|GhxGw")]
    pub grid: Option<GridArg>,
    /// Probability that a cell is selected, or `auto` for a pilot of 256 masks for each of seven, whose scores are kept in the
    /// folder `pilot` of --out [default: 0.5]
    #[arg(long, value_name = "P|auto")]
    pub p_pix: Option<PPixArg>,
    /// Seed of the masks [default: 0]
    #[arg(long, value_name = "S", value_parser = whole_number)]
    pub seed: Option<u64>,
    /// From cells to pixels [default: bilinear]
    #[arg(long, value_parser = named(Enlargement::ALL, Enlargement::name))]
    pub enlargement: Option<Enlargement>,
    /// Where the cells lie [default: shifted]
    #[arg(long, value_parser = named(Placement::ALL, Placement::name))]
    pub placement: Option<Placement>,
    /// What excluded pixels show: V, V,V,... (one a channel), blur:SIGMA or segment-means [default: 0;
    /// segment-means for lime and kernel-shap, but 0 where every segment is one pixel and so its own mean]
    #[arg(
        long,
        allow_hyphen_values = true,
        value_name = "V[,V...]|blur:SIGMA|segment-means"
    )]
    pub baseline: Option<Baseline>,
}

/// Reads the values of an enum of the library, and lists them in the help.
pub fn named<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let names = PossibleValuesParser::new(all.iter().map(|&value| name(value)));
    names.try_map(move |text| {
        let found = all.iter().find(|&&value| name(value) == text);
        found.copied().ok_or("no such value")
    })
}

/// The first of these options that was given.
pub fn first_given(
    options: impl IntoIterator<Item = (&'static str, bool)>,
) -> Option<&'static str> {
    let mut given = options.into_iter().filter(|(_, given)| *given);
    given.next().map(|(name, _)| name)
}

/// Why mc-rise cannot explain an image of so many channels.
pub fn only_rgb(channels: usize) -> String {
    format!(
        "mc-rise paints in red, green and blue, and the image has {}",
        count_of(channels, "channel")
    )
}

/// A number from 0 on, with an answer to what is none.
pub fn whole_number(text: &str) -> Result<u64, String> {
    let number = text.parse();
    number.map_err(|_| "expected a whole number from 0 on".to_owned())
}

/// The same, for sizes.
pub fn size(text: &str) -> Result<usize, String> {
    whole_number(text)?
        .try_into()
        .map_err(|_| "too large".to_owned())
}

/// A short text for pictures and terminals.
fn caption(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.is_empty() || text.chars().count() > 60 || text.contains(char::is_control) {
        true => Err("expected 1 to 60 characters, without control characters".to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// `None` asks for a pilot.
#[derive(Clone)]
pub struct PPixArg(pub Option<f64>);

impl FromStr for PPixArg {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "auto" => Ok(PPixArg(None)),
            _ => s
                .parse()
                .map(|p| PPixArg(Some(p)))
                .map_err(|_| "expected a probability strictly between 0 and 1, or auto".to_owned()),
        }
    }
}

#[derive(Clone)]
pub struct GridArg([usize; 2]);

impl FromStr for GridArg {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let expected = |_| "expected G or GhxGw, whole numbers from 1 on".to_owned();
        let (rows, columns) = s.split_once('x').unwrap_or((s, s));
        let cells = [
            rows.parse().map_err(expected)?,
            columns.parse().map_err(expected)?,
        ];
        Ok(GridArg(cells))
    }
}

impl MaskArgs {
    /// The builder with what was given.
    pub fn apply(&self, mut builder: ExplainerBuilder) -> ExplainerBuilder {
        if let Some(GridArg([rows, columns])) = self.grid {
            builder = builder.grid(rows, columns);
        }
        if let Some(PPixArg(Some(p_pix))) = self.p_pix {
            builder = builder.p_pix(p_pix);
        }
        if let Some(seed) = self.seed {
            builder = builder.seed(seed);
        }
        if let Some(enlargement) = self.enlargement {
            builder = builder.enlargement(enlargement);
        }
        if let Some(placement) = self.placement {
            builder = builder.placement(placement);
        }
        if let Some(baseline) = &self.baseline {
            builder = builder.baseline(baseline.clone());
        }
        builder
    }

    /// A regression on segments: those that are set, or the grid's cells.
    pub fn regression(
        &self,
        builder: ExplainerBuilder,
        estimator: Estimator,
        [height, width]: [usize; 2],
    ) -> racm::Result<ExplainerBuilder> {
        let spec = builder.clone().build()?.spec().clone();
        let segments = match spec.segments {
            Some(segments) => segments,
            None => {
                let [rows, columns] = spec.grid_for([height, width]);
                Segments::grid([height, width], rows, columns)?
            }
        };
        Ok(builder.family(Rise).segments(segments).estimator(estimator))
    }

    /// The baseline of a regression where none is given: the means of the segments, or 0 where every segment is a pixel,
    /// whose mean is itself.
    pub fn regression_baseline(&self, builder: ExplainerBuilder) -> racm::Result<ExplainerBuilder> {
        if self.baseline.is_some() {
            return Ok(builder);
        }
        let built = builder.clone().build()?;
        let segments = built.spec().segments.as_ref();
        let of_pixels = segments.is_some_and(|s| s.count() == s.labels().len());
        Ok(builder.baseline(match of_pixels {
            true => Baseline::default(),
            false => Baseline::SegmentMeans,
        }))
    }

    /// Refuses options about cells that segments take the place of.
    pub fn check_segments(&self, labels: bool) -> Result<(), Failure> {
        let given = [
            ("--grid", self.grid.is_some() && labels),
            ("--placement", self.placement.is_some()),
            ("--enlargement", self.enlargement.is_some()),
        ];
        match first_given(given) {
            Some(name) => Err(format!("{name} says nothing where masks are of segments").into()),
            None => Ok(()),
        }
    }

    /// Whether a pilot is to choose `P_pix`.
    pub fn pilot(&self) -> bool {
        matches!(self.p_pix, Some(PPixArg(None)))
    }
}

/// Whether masks are such as [`MaskArgs::regression`] sets up. Those of RISE on segments are the same.
pub fn of_regressions(spec: &MaskSpec) -> bool {
    spec.segments.is_some() && spec.family.built_in() == Some(Family::Rise)
}

/// The name of an option's value on the command line.
pub fn value_name(value: impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map(|v| v.get_name().to_owned())
        .unwrap_or_default()
}

/// What is made of scores: it changes none of them.
#[derive(Clone, clap::Args)]
#[command(next_help_heading = "Map")]
pub struct MapArgs {
    /// The scale on which scores are explained: identity, log[:FLOOR] (ln of the score, from FLOOR on)
    /// or logit[:CLIP] (ln(p / (1 - p)), CLIP away from 0 and 1); both 1e-6 if not given [default:
    /// identity]
    #[arg(long, value_name = "LINK")]
    pub link: Option<Link>,
    /// How scores become a map [default: averaged]
    #[arg(long, value_parser = named(Estimator::ALL, Estimator::name))]
    pub estimator: Option<Estimator>,
    /// What a plane of the map says: what it is worth to show it with all that comes along (plane), or what it
    /// does by itself (own), to compare channels [default: plane]
    #[arg(long, value_parser = named(Effect::ALL, Effect::name))]
    pub effect: Option<Effect>,
    #[command(flatten)]
    pub prior: PriorArgs,
    /// Mark in the panel what lies within two standard errors of 0; pictures of a series or a table show errors anyway
    #[arg(long)]
    pub certainty: bool,
    /// What the scores are, with their unit, for the legend and the report: "rain, mm/h"
    #[arg(long, value_name = "TEXT", value_parser = caption)]
    pub quantity: Option<String>,
    /// Show the planes that carry most first, in panel and summary [default: in the order of the channels]
    #[arg(long)]
    pub sort: bool,
    /// Also write report.html, one file that shows all in a browser, without a network. Its Insertion and Deletion curves ask
    /// the model up to 202 times more for each of the first 8 maps (`racm merge` has no model, and no curves); curves.json
    /// keeps them, so that a finished run given again asks nothing
    #[arg(long)]
    pub report: bool,
    #[command(flatten)]
    pub figure: FigureArgs,
}

impl MapArgs {
    /// Refuses to sort by what there is not, and a prior that nothing uses.
    pub fn check(&self, explainer: &Explainer) -> Result<(), Failure> {
        self.figure.check()?;
        self.prior.check([explainer.estimator()])?;
        if self.sort && explainer.estimator() == Estimator::PassOnly {
            return Err(
                "--sort goes by own effects, and pass-only, which compares with nothing, has none"
                    .into(),
            );
        }
        Ok(())
    }

    /// The builder with what was given.
    pub fn apply(&self, mut builder: ExplainerBuilder) -> ExplainerBuilder {
        if let Some(link) = self.link {
            builder = builder.link(link);
        }
        if let Some(estimator) = self.estimator {
            builder = builder.estimator(estimator);
        }
        if let Some(effect) = self.effect {
            builder = builder.effect(effect);
        }
        builder
    }

    /// What the values of maps are, of scores on this scale.
    pub fn legend(&self, link: Link) -> String {
        match (&self.quantity, link) {
            (None, _) => String::new(),
            (Some(quantity), Link::Identity) => quantity.clone(),
            (Some(quantity), Link::Log { .. }) => format!("ln({quantity})"),
            (Some(quantity), Link::Logit { .. }) => format!("logit({quantity})"),
            (Some(quantity), link) => format!("{link} of {quantity}"),
        }
    }
}
