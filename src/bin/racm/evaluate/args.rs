//! The arguments of `racm evaluate`, and the rows and columns that they ask for.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use racm::metrics::Elements;
use racm::{
    Baseline, CamMethod, Effect, Estimator, Explainer, ExplainerBuilder, Family, SurrogatePrior,
};
use serde_json::{Value as Json, json};

use super::list::Item;
use super::methods::{Kind, MethodArg, cases};
use super::store::Case;
use super::taught::{TaughtArgs, setting};
use crate::args::{MaskArgs, named, size, value_name, whole_number};
use crate::fingerprint::{fingerprint, model_name};
use crate::image::{ImageArgs, Input, contents};
use crate::model::{Model, ModelArgs};
use crate::say::SayArgs;
use crate::shard::Shard;
use crate::white_box::{LayerArgs, Refine};
use crate::{Failure, read};

#[derive(Parser)]
pub struct Args {
    #[command(flatten)]
    pub model: ModelArgs,
    /// A CSV file with a column `file` (and roi_x1, roi_y1, roi_x2, roi_y2 for boxes), or a folder of
    /// files. Files lie in the list's folder or below, and are of any kind that `racm explain --image` takes; folders with a
    /// file for each channel need a list
    #[arg(long, value_name = "LIST.csv|DIR", help_heading = "Image")]
    pub images: PathBuf,
    #[command(flatten)]
    pub reading: ImageArgs,
    /// The list may name files outside of its folder: absolute paths, and paths with `..`
    #[arg(long, help_heading = "Image")]
    pub anywhere: bool,
    /// The folder for the results; one that holds some of this evaluation is continued
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: PathBuf,
    /// The methods to compare; mc-rise paints in red, green and blue, and so takes images of 3 channels only
    #[arg(
        long,
        help_heading = "Evaluation",
        value_enum,
        value_delimiter = ',',
        default_value = "racm,mc-rise"
    )]
    pub methods: Vec<MethodArg>,
    /// Numbers of masks; the largest run serves all
    #[arg(long, help_heading = "Evaluation", value_delimiter = ',', default_value = "1000,5000", value_name = "N[,N...]", allow_hyphen_values = true, value_parser = whole_number)]
    pub masks: Vec<u64>,
    /// How scores become a map; several estimators share the masks
    #[arg(long, help_heading = "Evaluation", value_parser = named(Estimator::ALL, Estimator::name), value_delimiter = ',', default_value = Estimator::default().name())]
    pub estimator: Vec<Estimator>,
    /// What a plane of RaCM's map says: what it is worth to show a channel with all that comes along (plane), or
    /// what it does by itself (own); both share the masks. MC-RISE and RISE have one map for both
    #[arg(long, help_heading = "Evaluation", value_parser = named(Effect::ALL, Effect::name), value_delimiter = ',', default_value = "plane")]
    pub effect: Vec<Effect>,
    #[command(flatten, next_help_heading = "Evaluation")]
    pub taught: TaughtArgs,
    /// What restricts the masks: a folder with a saliency map [H, W] for each image, NAME.npy, or the name
    /// of a class activation map (grad-cam, ...)
    #[arg(long, help_heading = "Evaluation", value_name = "DIR|CAM")]
    pub refine: Option<Refine>,
    /// The fractions of the pixels (with --missing, of those with a value) that --refine keeps [default: 0.3]
    #[arg(
        long,
        help_heading = "Evaluation",
        value_delimiter = ',',
        requires = "refine",
        allow_hyphen_values = true,
        value_name = "F[,F...]"
    )]
    pub keep: Vec<f64>,
    /// What to measure
    #[arg(
        long,
        help_heading = "Evaluation",
        value_enum,
        value_delimiter = ',',
        default_value = "insertion,deletion,dcc,pointing"
    )]
    pub metrics: Vec<Metric>,
    /// How Insertion and Deletion order the image
    #[arg(long, help_heading = "Evaluation", value_enum, default_value_t = Protocol::Rank)]
    pub protocol: Protocol,
    /// What a step of Insertion or Deletion in rank order shows or removes: one channel of a pixel (as
    /// in RaCM's table), or a pixel with all its channels, by the mean of its planes (RISE's)
    #[arg(long, help_heading = "Evaluation", value_parser = named(Elements::ALL, Elements::name), default_value = "pixel-channels")]
    pub elements: Elements,
    /// Steps of an Insertion or Deletion curve in rank order
    #[arg(long, help_heading = "Evaluation", default_value_t = 100, value_name = "STEPS", value_parser = size)]
    pub steps: usize,
    /// The numbers of masks for which DCC is measured, at N calls a map [default: all]
    #[arg(long, help_heading = "Evaluation", value_delimiter = ',', value_name = "N[,N...]", allow_hyphen_values = true, value_parser = whole_number)]
    pub dcc_masks: Vec<u64>,
    /// Only the first images of the list
    #[arg(long, help_heading = "Evaluation", value_name = "IMAGES", value_parser = size)]
    pub limit: Option<usize>,
    /// Only the K-th image of every N, and no tables: the part of one of N processes or machines. They may share --out, or
    /// their folders are copied together (images/*.json is all that counts); there, the command without --shard makes the
    /// tables and asks the model nothing more
    #[arg(
        long,
        help_heading = "Evaluation",
        value_name = "K/N",
        allow_hyphen_values = true
    )]
    pub shard: Option<Shard>,
    /// Also write report.html: the tables and curves in one file that a browser shows without a network
    #[arg(long)]
    pub report: bool,
    /// Images a model call [default: 32, or what fits into 5 MiB]
    #[arg(long, help_heading = "Evaluation", value_name = "B", value_parser = size)]
    pub batch: Option<usize>,
    #[command(flatten)]
    pub layer: LayerArgs,
    #[command(flatten)]
    pub mask: MaskArgs,
    #[command(flatten)]
    pub say: SayArgs,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Metric {
    Insertion,
    Deletion,
    Dcc,
    Pointing,
    Energy,
    Gini,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Protocol {
    /// By the order of the map's elements, most important first
    Rank,
    /// By thresholds on the map's values, rescaled
    Threshold,
    /// Both, in tables of their own
    Both,
}

impl Protocol {
    pub fn rank(self) -> bool {
        self != Protocol::Threshold
    }

    pub fn threshold(self) -> bool {
        self != Protocol::Rank
    }
}

impl Args {
    pub fn wants(&self, metric: Metric) -> bool {
        self.metrics.contains(&metric)
    }

    pub fn dcc_masks(&self) -> &[u64] {
        match self.dcc_masks.is_empty() {
            true => &self.masks,
            false => &self.dcc_masks,
        }
    }

    /// The names of the values of a map.
    pub fn columns(&self) -> Vec<&'static str> {
        let mut columns = Vec::new();
        for (metric, rank, threshold) in [
            (Metric::Insertion, "insertion_rank", "insertion_threshold"),
            (Metric::Deletion, "deletion_rank", "deletion_threshold"),
        ] {
            let wanted = self.wants(metric);
            columns.extend((wanted && self.protocol.rank()).then_some(rank));
            columns.extend((wanted && self.protocol.threshold()).then_some(threshold));
        }
        for (metric, names) in [
            (
                Metric::Dcc,
                &["dcc", "dcc_coherency", "dcc_complexity", "dcc_drop"][..],
            ),
            (Metric::Pointing, &["pointing"]),
            (Metric::Energy, &["energy"]),
            (Metric::Gini, &["gini"]),
        ] {
            if self.wants(metric) {
                columns.extend(names);
            }
        }
        columns
    }

    pub fn keeps(&self) -> Vec<f64> {
        match (&self.refine, self.keep.is_empty()) {
            (None, _) => Vec::new(),
            (Some(_), true) => vec![0.3],
            (Some(_), false) => self.keep.clone(),
        }
    }

    /// Refuses what would only fail on the first image.
    pub fn check(&self) -> Result<(), Failure> {
        if self.mask.pilot() {
            return Err(
                "--p-pix auto chooses for one image; evaluate wants the same for all".into(),
            );
        }
        if self.masks.is_empty() || self.methods.is_empty() || self.metrics.is_empty() {
            return Err("--methods, --masks and --metrics must each name one".into());
        }
        self.taught
            .check(&self.methods, &self.cases().0, &self.masks)?;
        if let Some(n) = self.dcc_masks.iter().find(|n| !self.masks.contains(n)) {
            return Err(format!("--dcc-masks has {n}, which is not one of --masks").into());
        }
        if self.effect.contains(&Effect::Own) {
            if !self.methods.contains(&MethodArg::Racm) {
                return Err("--effect own says nothing without racm among the --methods".into());
            }
            if self.estimator.contains(&Estimator::PassOnly) {
                return Err(
                    "--effect own has no map by pass-only, which compares with nothing".into(),
                );
            }
        }
        for (name, count) in [("--steps", Some(self.steps)), ("--limit", self.limit)] {
            if count == Some(0) {
                return Err(format!("{name} is 0, expected at least 1").into());
            }
        }
        if let Some(keep) = self.keeps().iter().find(|k| !(**k > 0.0 && **k <= 1.0)) {
            return Err(format!("--keep is {keep}, expected a number in (0, 1]").into());
        }
        self.layer
            .check(!self.cams().is_empty() || self.refining_cam().is_some())?;
        if let Some(refine) = &self.refine {
            refine.check()?;
        }
        if let Some(Refine::Path(path)) = self.refine.as_ref() {
            if !path.is_dir() {
                let asked = path.display();
                return Err(format!(
                    "--refine: {asked} is no folder; give one with a map NAME.npy, [H, W], for each image NAME.png, \
                     or the name of a class activation map"
                )
                .into());
            }
        }
        for &masks in &self.masks {
            self.builder(&Family::Racm).masks(masks).build()?;
        }
        Ok(())
    }

    /// The class activation maps that are compared.
    pub fn cams(&self) -> Vec<CamMethod> {
        self.methods
            .iter()
            .filter_map(|method| method.cam())
            .collect()
    }

    /// The class activation map that restricts the masks.
    pub fn refining_cam(&self) -> Option<CamMethod> {
        match self.refine {
            Some(Refine::Cam(method)) => Some(method),
            _ => None,
        }
    }

    /// The explainer of a family's masks.
    pub fn builder(&self, family: &Family) -> ExplainerBuilder {
        let builder = Explainer::builder().family(family.shared());
        let builder = self.mask.apply(builder);
        match self.batch {
            Some(batch) => builder.batch(batch),
            None => builder,
        }
    }

    /// What excluded pixels show.
    pub fn baseline(&self) -> Baseline {
        self.mask.baseline.clone().unwrap_or_default()
    }

    /// What the results depend on, besides the images: also on what other images taught.
    pub fn parameters(&self, prior: Option<&SurrogatePrior>) -> Result<Json, Failure> {
        let names = |methods: &[MethodArg]| methods.iter().copied().map(value_name).collect();
        let methods: Vec<String> = names(&self.methods);
        let explainer = self.builder(&Family::Racm).build()?;
        let mut parameters = json!({
            "racm_version": env!("CARGO_PKG_VERSION"),
            "model": model_name(&self.model.model)?,
            "runtime": value_name(self.model.runtime),
            "device": self.model.device,
            "input": self.model.input,
            "output": self.model.output,
            "layout": self.model.layout().name(),
            "channel_order": value_name(self.model.channel_order()),
            "scale": self.model.scale,
            "mean": self.model.mean,
            "std": self.model.std,
            "array": self.reading.array,
            "missing": self.reading.missing_names(),
            "convert": self.reading.convert,
            "methods": methods,
            "masks": self.masks,
            "estimators": self.estimator,
            "effects": self.effect,
            "keep": self.keeps(),
            "refine": match &self.refine {
                Some(Refine::Cam(method)) => method.name(),
                Some(Refine::Path(_)) => "a folder",
                None => "nothing",
            },
            "layer": self.layer.layer,
            "refine_output": self.layer.refine_output,
            "metrics": self.metrics.iter().copied().map(value_name).collect::<Vec<_>>(),
            "protocol": value_name(self.protocol),
            "elements": self.elements,
            "steps": self.steps,
            "dcc_masks": self.dcc_masks(),
            "grid": explainer.spec().grid,
            "p_pix": explainer.spec().p_pix,
            "seed": explainer.seed(),
            "enlargement": explainer.spec().enlargement,
            "placement": explainer.spec().placement,
            "baseline": explainer.baseline(),
        });
        // Without one, a folder of before there were any goes on.
        if let Some(prior) = prior {
            parameters["surrogate_prior"] = setting(prior)?;
        }
        Ok(parameters)
    }

    /// The rows of the table, and how to make those that a method makes.
    pub fn cases(&self) -> (Vec<Kind>, Vec<Case>) {
        let (estimators, effects) = (&self.estimator, &self.effect);
        cases(
            &self.methods,
            &self.masks,
            estimators,
            effects,
            &self.keeps(),
        )
    }

    /// About how many images the model scores for one image.
    pub fn calls(&self, kinds: &[Kind]) -> u64 {
        let most = self.masks.iter().copied().max().unwrap_or(0);
        let mut runs: Vec<_> = kinds
            .iter()
            .map(|k| (k.family.to_string(), k.keep))
            .collect();
        runs.dedup();
        let curves = [Metric::Insertion, Metric::Deletion].map(|m| u64::from(self.wants(m)));
        let curves = curves.iter().sum::<u64>();
        let rank = u64::from(self.protocol.rank()) * (self.steps as u64).saturating_add(1);
        let threshold = u64::from(self.protocol.threshold() && curves > 0) * 58;
        let per_map = curves.saturating_mul(rank).saturating_add(threshold);
        let again = |kind: &&Kind| self.dcc_masks().contains(&kind.masks);
        let dcc = kinds
            .iter()
            .filter(again)
            .map(|k| k.masks.saturating_add(3));
        let dcc = u64::from(self.wants(Metric::Dcc)) * dcc.fold(2, u64::saturating_add);
        let cams = self.cams();
        let images = cams.iter().copied().chain(self.refining_cam());
        let images = images.map(|cam| match cam {
            // About: the number of channels is not known here.
            CamMethod::ScoreCam => 256,
            CamMethod::GroupCam => 34,
            _ => 1,
        });
        let images = images.sum::<u64>() * if self.wants(Metric::Dcc) { 2 } else { 1 };
        let maps = (kinds.len() + cams.len() + 2) as u64;
        let masks = (runs.len() as u64).saturating_mul(most.saturating_add(1));
        [masks, maps.saturating_mul(per_map), dcc, images]
            .into_iter()
            .fold(1, u64::saturating_add)
    }

    /// An image as the model takes it.
    pub fn image(&self, model: &Model, item: &Item) -> Result<Input, Failure> {
        let reading = self.reading.of(&item.path);
        model.image(Some(&item.path), &self.model, &reading)
    }

    /// The refinement map of an image, if there is one, and the fingerprint of all that is read.
    pub fn inputs(&self, item: &Item) -> Result<(Option<PathBuf>, String), Failure> {
        let map = match &self.refine {
            Some(Refine::Path(folder)) => Some(folder.join(item.stem() + ".npy")),
            _ => None,
        };
        let map = map.filter(|path| path.is_file());
        let image = contents(&item.path)?;
        let roi = format!("{:?}", item.roi);
        let saliency = match &map {
            Some(path) => read::bytes(path, "a saliency map (.npy)")?,
            None => Vec::new(),
        };
        let parts = image.iter().map(Vec::as_slice);
        let parts = parts.chain([roi.as_bytes(), &saliency]);
        Ok((map, fingerprint(parts)))
    }
}
