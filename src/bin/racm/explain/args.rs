//! The arguments of `racm explain`, and the explainer that they ask for.

use std::ops::Range;
use std::path::PathBuf;

use clap::Parser;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use racm::{
    Budget, CamMethod, Estimator, Explainer, ExplainerBuilder, Family, Segments, StopRule, Target,
};

use super::channels::ChannelArgs;
use super::images::ImagesArgs;
use super::kept::{Part, blocks};
use super::preview::Preview;
use super::saved::Saved;
use super::space::SpaceArg;
use crate::Failure;
use crate::args::{MapArgs, MaskArgs, first_given, only_rgb, size, whole_number};
use crate::image::ImageArgs;
use crate::model::ModelArgs;
use crate::npy::read_labels;
use crate::say::{SayArgs, line};
use crate::shard::Shard;
use crate::target::TargetArg;
use crate::white_box::{LayerArgs, Refine};

#[derive(Parser)]
pub struct Args {
    #[command(flatten)]
    pub model: ModelArgs,
    /// The image to explain: PNG or JPEG (in [0, 1]), or numbers as they are stored: TIFF (bands and pages are channels),
    /// .npy or .npz ([C, H, W], [H, W], a series [T], or [1, C, H, W]), or a folder with a file for each channel, in the order
    /// of their names, where numbers count as such: band2 comes before band10
    #[arg(long, value_name = "FILE|DIR", help_heading = "Image")]
    pub image: Option<PathBuf>,
    #[command(flatten)]
    pub images: ImagesArgs,
    #[command(flatten)]
    pub reading: ImageArgs,
    /// Explain the image in another colour space, whose planes the masks then pass and --baseline is in: hsv[:HUE], where
    /// excluded pixels show the hue HUE (in turns from red, in [0, 1)), by default one that the image has not; lab; or ycbcr.
    /// The model still sees RGB [default: that of the report that is --spec, or RGB]
    #[arg(long, value_name = "hsv[:HUE]|lab|ycbcr", help_heading = "Image")]
    pub space: Option<SpaceArg>,
    /// The folder for the results
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: PathBuf,
    /// The classes to explain: top, all, or K[,K...], by number or by name (of --labels; part of one will do: "stop"). Or
    /// why A rather than B, the difference of two scores: 3-7, top-next; and any other sum, such as 0.5*3+0.5*4-7. A sign
    /// beside a name stands between spaces: "stop sign - yield"
    #[arg(
        long = "target",
        default_value = "top",
        allow_hyphen_values = true,
        value_name = "TARGET",
        help_heading = "Map"
    )]
    pub asked: TargetArg,
    /// The same, with classes by number.
    #[arg(skip)]
    pub target: Target,
    /// A label map [H, W] (.npy): masks show whole segments in place of the grid's cells
    #[arg(long, value_name = "LABELS.npy", help_heading = "Masks")]
    pub segments: Option<PathBuf>,
    /// A saved explainer (JSON), or the report.json of an earlier run, from which these are taken where they are not given:
    /// the masks (--method with planes and groups, --grid, --segments, --p-pix, --seed, --enlargement, --placement,
    /// --baseline), budget, --link, --estimator, --prior, --effect, --batch, and a report's --space. Nothing else of that run is: not
    /// --target, --missing, a region, or how the model takes its input
    #[arg(long, value_name = "FILE.json", help_heading = "Masks")]
    pub spec: Option<PathBuf>,
    /// Random masks (racm, rise, mc-rise), a regression on segments (lime, kernel-shap), or a
    /// class activation map [default: racm]
    #[arg(long, value_parser = method(), help_heading = "Masks")]
    pub method: Option<Method>,
    #[command(flatten)]
    pub layer: LayerArgs,
    #[command(flatten)]
    pub channels: ChannelArgs,
    #[command(flatten)]
    pub mask: MaskArgs,
    #[command(flatten)]
    pub budget: BudgetArgs,
    #[command(flatten)]
    pub map: MapArgs,
    /// Images a model call [default: 32, or what fits into 5 MiB]
    #[arg(long, value_name = "B", value_parser = size, help_heading = "Budget")]
    pub batch: Option<usize>,
    /// A saliency map that restricts the masks to its highest pixels: a file [H, W] (.npy), or the name
    /// of a class activation map (grad-cam, ...)
    #[arg(long, value_name = "MAP.npy|CAM", help_heading = "Masks")]
    pub refine: Option<Refine>,
    /// The fraction of the pixels (with --missing, of those with a value) that --refine keeps
    #[arg(
        long,
        default_value_t = 0.3,
        requires = "refine",
        value_name = "FRACTION",
        help_heading = "Masks"
    )]
    pub keep: f64,
    #[command(flatten)]
    pub ledger: LedgerArgs,
    #[command(flatten)]
    pub say: SayArgs,
    /// Show picture and map in the terminal, too, in 24-bit colours where COLORTERM says so and in the usual 256 elsewhere;
    /// not beside NO_COLOR
    #[arg(
        long,
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "auto",
        conflicts_with_all = ["json", "quiet"],
        help_heading = "Output"
    )]
    pub preview: Option<Preview>,
}

/// Where scores are kept.
#[derive(clap::Args)]
#[command(next_help_heading = "Ledger: a run goes on where an earlier one was stopped")]
pub struct LedgerArgs {
    /// The file that keeps all scores; the same command given again goes on from it [default: ledger.racm in --out]
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// Remove the ledger first
    #[arg(long)]
    pub restart: bool,
    /// Only score the K-th of N equal parts of the masks, into ledger-K-of-N.racm in --out; `racm merge` makes the map
    #[arg(
        long,
        value_name = "K/N",
        allow_hyphen_values = true,
        conflicts_with_all = ["blocks", "until", "until_stable"]
    )]
    pub shard: Option<Shard>,
    /// Only score these blocks of masks (from A on, before B; of 32 masks unless --spec says otherwise), into
    /// ledger-A-to-B.racm in --out
    #[arg(
        long,
        value_name = "A..B",
        value_parser = blocks,
        conflicts_with_all = ["until", "until_stable"]
    )]
    pub blocks: Option<Range<u64>>,
}

impl LedgerArgs {
    /// The option that asks for a part of the run.
    fn part_option(&self) -> Option<&'static str> {
        let given = [
            ("--shard", self.shard.is_some()),
            ("--blocks", self.blocks.is_some()),
        ];
        first_given(given)
    }

    /// The part of the run that is asked for, if it is not the whole.
    pub fn part(&self) -> Option<Part> {
        let shard = self.shard.map(Part::Shard);
        shard.or_else(|| self.blocks.clone().map(Part::Blocks))
    }
}

/// When enough is enough.
#[derive(clap::Args)]
#[command(next_help_heading = "Budget")]
pub struct BudgetArgs {
    /// Exactly this number of masks, whatever the map looks like
    #[arg(
        long,
        value_name = "N",
        value_parser = whole_number,
        conflicts_with_all = ["calls", "seconds", "until", "until_stable"]
    )]
    pub masks: Option<u64>,
    /// At most this number of masks, each a model call [default: 5000; 1000 for lime and kernel-shap]
    #[arg(long, value_name = "N", value_parser = whole_number)]
    pub calls: Option<u64>,
    /// At most this many seconds of scoring; how far the run gets depends on the machine. The same command again goes on
    /// for as long again
    #[arg(long, value_name = "SECONDS")]
    pub seconds: Option<f64>,
    /// Stop once the map's certainty, its estimated correlation with the map of endless masks, is at
    /// least this [default: 0.9, where --until-stable is not given]
    #[arg(long, value_name = "CERTAINTY")]
    pub until: Option<f64>,
    /// Stop once the top 10 % of the map agree to this fraction with those of half the masks
    #[arg(long, value_name = "FRACTION")]
    pub until_stable: Option<f64>,
}

impl BudgetArgs {
    /// The budget with what was given.
    fn apply(&self, mut budget: Budget) -> Budget {
        if let Some(masks) = self.masks {
            return Budget::exactly(masks);
        }
        if let Some(calls) = self.calls {
            budget = budget.calls(calls);
        }
        if let Some(seconds) = self.seconds {
            budget = budget.seconds(seconds);
        }
        let stable = |agreement| StopRule::RankStability {
            top: 0.1,
            agreement,
        };
        let rules = [
            self.until.map(StopRule::Certainty),
            self.until_stable.map(stable),
        ];
        if rules.iter().any(Option::is_some) {
            budget.until = rules.into_iter().flatten().collect();
        }
        budget
    }
}

/// How the map is made.
#[derive(Clone)]
pub enum Method {
    Masks(Family),
    /// Lime or kernel-shap.
    Regression(Estimator),
    Cam(CamMethod),
}

/// The names of all methods.
pub fn method_names() -> impl Iterator<Item = &'static str> {
    let cams = CamMethod::ALL.iter().map(|method| method.name());
    let names = ["racm", "rise", "mc-rise", "lime", "kernel-shap"];
    names.into_iter().chain(cams)
}

fn method() -> impl TypedValueParser<Value = Method> {
    PossibleValuesParser::new(method_names()).try_map(|name| match name.parse() {
        Ok(method) => Ok::<_, racm::Error>(Method::Cam(method)),
        Err(_) => Ok(match name.parse() {
            Ok(estimator) => Method::Regression(estimator),
            Err(_) => Method::Masks(name.parse()?),
        }),
    })
}

impl Args {
    /// An option that was given and only means something for random masks.
    pub fn about_masks(&self) -> Option<&'static str> {
        let given = [
            ("--space", self.space.is_some()),
            ("--channels", self.channels.channels.is_some()),
            ("--groups", self.channels.groups.is_some()),
            ("--spec", self.spec.is_some()),
            ("--masks", self.budget.masks.is_some()),
            ("--calls", self.budget.calls.is_some()),
            ("--seconds", self.budget.seconds.is_some()),
            ("--until", self.budget.until.is_some()),
            ("--until-stable", self.budget.until_stable.is_some()),
            ("--segments", self.segments.is_some()),
            ("--grid", self.mask.grid.is_some()),
            ("--p-pix", self.mask.p_pix.is_some()),
            ("--seed", self.mask.seed.is_some()),
            ("--enlargement", self.mask.enlargement.is_some()),
            ("--placement", self.mask.placement.is_some()),
            ("--baseline", self.mask.baseline.is_some()),
            ("--link", self.map.link.is_some()),
            ("--estimator", self.map.estimator.is_some()),
            ("--effect", self.map.effect.is_some()),
            ("--prior", !self.map.prior.files.is_empty()),
            ("--batch", self.batch.is_some()),
            ("--refine", self.refine.is_some()),
            ("--certainty", self.map.certainty),
            ("--quantity", self.map.quantity.is_some()),
            ("--sort", self.map.sort),
            ("--preview", self.preview.is_some()),
            ("--report", self.map.report),
            ("--ledger", self.ledger.ledger.is_some()),
            ("--restart", self.ledger.restart),
            ("--shard", self.ledger.shard.is_some()),
            ("--blocks", self.ledger.blocks.is_some()),
        ];
        first_given(given)
    }

    /// An option that was given and only means something where files with a map are written.
    fn about_files(&self) -> Option<&'static str> {
        let given = [
            ("--report", self.map.report),
            ("--figure", !self.map.figure.figure.is_empty()),
            ("--preview", self.preview.is_some()),
        ];
        first_given(given)
    }

    /// Refuses options that would say nothing.
    pub fn check(&self) -> Result<(), Failure> {
        let by_cam = matches!(self.method, Some(Method::Cam(_)));
        if let (Some(Method::Cam(method)), Some(option)) = (&self.method, self.about_masks()) {
            return Err(format!("{option} is about random masks, and {method} draws none").into());
        }
        self.layer
            .check(by_cam || matches!(self.refine, Some(Refine::Cam(_))))?;
        if let Some(refine) = &self.refine {
            refine.check()?;
        }
        let regression = matches!(self.method, Some(Method::Regression(_)));
        if regression && self.map.estimator.is_some() {
            return Err(
                "--estimator says nothing beside lime and kernel-shap, which are estimators".into(),
            );
        }
        if regression && self.map.effect.is_some() {
            return Err(
                "--effect says nothing beside lime and kernel-shap: their slopes are own effects"
                    .into(),
            );
        }
        if let (Some(part), Some(option)) = (self.ledger.part_option(), self.about_files()) {
            return Err(format!(
                "{option} is about the map, and a run with {part} makes none: give it to racm merge"
            )
            .into());
        }
        if regression || self.segments.is_some() {
            self.mask.check_segments(self.segments.is_some())?;
        }
        Ok(())
    }

    /// Refuses a method for the image's channels, and hints at what tells apart what it does not.
    pub fn check_channels(&self, [channels, height, width]: [usize; 3]) -> Result<(), Failure> {
        match &self.method {
            Some(Method::Masks(Family::McRise(_))) if channels != 3 => Err(format!(
                "{}; --method racm and --method rise take any number",
                only_rgb(channels)
            )
            .into()),
            Some(Method::Regression(method)) if [height, width] == [1, 1] && channels > 1 => {
                line(format_args!(
                    "hint: to {method} this pixel is one segment with all its {channels} channels; --method racm tells them \
                     apart, or a model that takes them along a row, [1, 1, {channels}]"
                ))
            }
            _ => Ok(()),
        }
    }

    /// The space of a report's explainer, where none is given.
    pub fn take_space(&mut self, saved: Option<&Saved>) {
        if self.space.is_none() {
            let report = saved.filter(|saved| saved.of_report);
            let space = report.and_then(|report| report.space);
            self.space = space.map(SpaceArg::Given);
        }
    }

    /// Refuses beside --space what is about the image's own channels.
    pub fn check_space(&self) -> Result<(), Failure> {
        let of_channels = self.model.of_channels.as_ref();
        let what = match of_channels.and_then(|channels| channels.baseline.as_ref()) {
            Some(_) => "the column baseline of --channel-file",
            None if !self.reading.missing.is_empty() => "--missing",
            None => return Ok(()),
        };
        match &self.space {
            Some(_) => Err(format!(
                "{what} is about the image's channels, and --space masks other planes"
            )
            .into()),
            None => Ok(()),
        }
    }

    /// The explainer that is asked for, but for its region.
    pub fn builder(
        &self,
        saved: Option<&Saved>,
        [height, width]: [usize; 2],
    ) -> Result<ExplainerBuilder, Failure> {
        let (mut builder, mut budget) = match saved.map(|saved| &saved.explainer) {
            Some(explainer) => (explainer.to_builder(), explainer.budget().clone()),
            None => (Explainer::builder(), Budget::new()),
        };
        if let Some(Method::Masks(family)) = &self.method {
            builder = builder.family(family.shared());
        }
        builder = self.mask.apply(builder);
        if let Some(path) = &self.segments {
            let labels = read_labels(path, height, width)?;
            builder = builder.segments(Segments::from_labels(&labels)?);
        }
        if let Some(Method::Regression(estimator)) = self.method {
            builder = self.mask.regression(builder, estimator, [height, width])?;
            if saved.is_none() {
                budget = budget.calls(1000);
                builder = self.mask.regression_baseline(builder)?;
            }
        }
        builder = builder.budget(self.budget.apply(budget));
        builder = self.map.apply(builder);
        if let Some(batch) = self.batch {
            builder = builder.batch(batch);
        }
        Ok(builder)
    }
}
