//! The arguments of `racm compare`, and what they ask of each method.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Parser, ValueEnum};
use racm::{Baseline, CamMethod, Target};

use crate::Failure;
use crate::args::{MaskArgs, size, whole_number};
use crate::explain::{self, method_names};
use crate::figure::FigureArgs;
use crate::image::ImageArgs;
use crate::model::ModelArgs;
use crate::say::SayArgs;
use crate::target::TargetArg;
use crate::white_box::LayerArgs;

#[derive(Parser)]
pub struct Args {
    #[command(flatten)]
    pub model: ModelArgs,
    /// The image to explain, as in `racm explain`; give it again for more images
    #[arg(long, value_name = "FILE|DIR", help_heading = "Image")]
    pub image: Vec<PathBuf>,
    #[command(flatten)]
    pub reading: ImageArgs,
    /// The folder for the results. Each method has a folder there, as `racm explain` writes it (of several images: each image
    /// has one, with those of the methods), and the same command goes on from what it finds
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: PathBuf,
    /// The methods, in the order of the figure's rows; mc-rise takes images of 3 channels only, and class activation maps
    /// an ONNX file
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "racm,mc-rise,rise",
        value_name = "METHOD[,METHOD...]",
        help_heading = "Comparison",
        value_parser = PossibleValuesParser::new(method_names())
    )]
    pub methods: Vec<String>,
    /// What all methods explain: top, the class with the highest score, or one class, by number or by name
    #[arg(
        long = "target",
        default_value = "top",
        value_name = "top|CLASS",
        allow_hyphen_values = true,
        help_heading = "Comparison"
    )]
    pub asked: TargetArg,
    /// The same, by number.
    #[arg(skip)]
    pub target: Target,
    /// The number of masks, each a model call, of every method that draws masks
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = whole_number, help_heading = "Comparison")]
    pub masks: u64,
    /// Measure Insertion and Deletion in so many steps (at most one for each channel of each pixel), by the order of
    /// pixel-channels as in RaCM's table: 2 (STEPS + 1) more model calls for each map. mc-rise counts by channel (Eq. 12), as
    /// it is: what painting a pixel over adds. All begin and end at --baseline, or 0, those of lime and kernel-shap, too
    #[arg(long, value_name = "STEPS", value_parser = size, help_heading = "Comparison")]
    pub curves: Option<usize>,
    /// The colours of the maps
    #[arg(long, value_enum, default_value_t = Colours::Each, help_heading = "Comparison")]
    pub colours: Colours,
    /// Images a model call [default: 32, or what fits into 5 MiB]
    #[arg(long, value_name = "B", value_parser = size, help_heading = "Comparison")]
    pub batch: Option<usize>,
    #[command(flatten)]
    pub layer: LayerArgs,
    #[command(flatten)]
    pub mask: MaskArgs,
    #[command(flatten)]
    pub figure: FigureArgs,
    #[command(flatten)]
    pub say: SayArgs,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Colours {
    /// A scale for each map: values of different methods have different units
    Each,
    /// One scale for all: of methods with the same unit
    Shared,
}

/// The class activation map of this name.
pub fn cam(method: &str) -> Option<CamMethod> {
    method.parse().ok()
}

impl Args {
    /// Refuses what would fail after hours.
    pub fn check(&self) -> Result<(), Failure> {
        let mut seen = BTreeSet::new();
        if let Some(method) = self.methods.iter().find(|method| !seen.insert(*method)) {
            return Err(format!("--methods has {method} twice").into());
        }
        if self.curves == Some(0) {
            return Err("--curves is 0, expected at least 1".into());
        }
        if self.curves.is_some() && self.mask.baseline == Some(Baseline::SegmentMeans) {
            return Err("--curves has no way from --baseline segment-means to the image: leave one of them out".into());
        }
        self.layer.check(self.has_cam())?;
        self.figure.check()?;
        self.folders().map(drop)
    }

    /// Whether a method is a class activation map.
    pub fn has_cam(&self) -> bool {
        self.methods.iter().any(|method| cam(method).is_some())
    }

    /// The class by its number.
    pub fn take_target(&mut self, names: &[String]) -> Result<(), Failure> {
        self.target = self.asked.of(names)?;
        let one_class = match &self.target {
            Target::Top => true,
            Target::Classes(classes) => classes.len() == 1,
            _ => false,
        };
        if !one_class {
            return Err(format!(
                "--target is {}, expected top or one class: a row of the figure is of one map",
                self.target
            )
            .into());
        }
        Ok(())
    }

    /// The images, each with the folder for its results; `None` is the one that the demo draws.
    pub fn folders(&self) -> Result<Vec<(Option<&Path>, PathBuf)>, Failure> {
        if let [] | [_] = self.image[..] {
            let image = self.image.first().map(PathBuf::as_path);
            return Ok(vec![(image, self.out.clone())]);
        }
        let mut seen = BTreeSet::new();
        let folder = |image: &'_ PathBuf| {
            let stem = image.file_stem().ok_or_else(|| {
                format!(
                    "--image: {} is called nothing, and its folder would be",
                    image.display()
                )
            })?;
            match seen.insert(stem.to_owned()) {
                true => Ok(self.out.join(stem)),
                false => Err(format!(
                    "--image: two images are called {}, and so would be their folders",
                    Path::new(stem).display()
                )),
            }
        };
        let folders: Result<Vec<PathBuf>, String> = self.image.iter().map(folder).collect();
        let images = self.image.iter().map(|image| Some(image.as_path()));
        Ok(images.zip(folders?).collect())
    }

    /// What `racm explain` is asked for, complete and checked.
    pub fn of_method(
        &self,
        image: Option<&Path>,
        method: &str,
        out: PathBuf,
    ) -> Result<explain::Args, Failure> {
        let model = format!("--model={}", self.model.model);
        let mut args =
            explain::Args::try_parse_from(["explain", &model, "--method", method, "--out", "."])?;
        args.model = self.model.clone();
        args.image = image.map(Path::to_owned);
        args.reading = self.reading.clone();
        args.out = out;
        args.target = self.target.clone();
        if cam(method).is_some() {
            args.layer = self.layer.clone();
            args.check()?;
            // It fills what has no value, as for the others.
            args.mask.baseline = self.mask.baseline.clone();
            return Ok(args);
        }
        args.mask = self.mask.clone();
        if let "lime" | "kernel-shap" = method {
            // Their cells stand still.
            (args.mask.placement, args.mask.enlargement) = (None, None);
        }
        args.budget.masks = Some(self.masks);
        args.batch = self.batch;
        args.check()?;
        Ok(args)
    }
}
