//! Class activation maps from the command line: which layer, which scores, and as what.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use racm::ndarray::{Array3, Axis};
use racm::{BlackBoxModel, Cam, CamMap, CamMethod, Layer, OnnxModel, Target, WhiteBoxModel};

use crate::Failure;
use crate::model::{Model, ModelArgs, Runtime, top_class};
use crate::say::line;

/// Where class activation maps look.
#[derive(Clone, clap::Args)]
#[command(next_help_heading = "Class activation maps")]
pub struct LayerArgs {
    /// The layer, a value [n, K, h, w] of the model; `racm layers` lists them [default: the last of
    /// the size of the last convolution]
    #[arg(long, value_name = "NAME")]
    pub layer: Option<String>,
    /// The scores that they explain, best before a softmax; any value of the model will do
    /// [default: --output]
    #[arg(long, value_name = "NAME")]
    pub refine_output: Option<String>,
}

impl LayerArgs {
    /// Refuses options that say nothing where there is no class activation map.
    pub fn check(&self, used: bool) -> Result<(), Failure> {
        let given = [
            ("--layer", &self.layer),
            ("--refine-output", &self.refine_output),
        ];
        match given.iter().find(|(_, value)| value.is_some() && !used) {
            Some((name, _)) => {
                Err(format!("{name} is about class activation maps, and none is asked for").into())
            }
            None => Ok(()),
        }
    }
}

/// What restricts the masks.
#[derive(Clone, Debug, PartialEq)]
pub enum Refine {
    /// A file, or a folder of files.
    Path(PathBuf),
    Cam(CamMethod),
}

impl FromStr for Refine {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.parse() {
            Ok(method) => Refine::Cam(method),
            Err(_) => Refine::Path(text.into()),
        })
    }
}

impl Refine {
    /// Refuses a path where nothing is, which may be a misspelt name.
    pub fn check(&self) -> Result<(), Failure> {
        match self {
            Refine::Path(path) if !path.exists() => {
                let names: Vec<&str> = CamMethod::ALL.iter().map(|m| m.name()).collect();
                Err(format!(
                    "--refine: there is no {}, and no class activation map of that name ({})",
                    path.display(),
                    names.join(", ")
                )
                .into())
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Refine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refine::Path(path) => write!(f, "{}", path.display()),
            Refine::Cam(method) => write!(f, "{method}"),
        }
    }
}

/// A model that is cut at a layer.
pub struct WhiteBox {
    model: Box<dyn WhiteBoxModel + Sync>,
    pub layer: Layer,
}

impl ModelArgs {
    /// Loads the model in two parts.
    pub fn split(&self, layer: &LayerArgs) -> Result<WhiteBox, Failure> {
        if self.model == "demo" {
            return Err("the layers of the demo are not known: class activation maps need an ONNX file, --model M.onnx".into());
        }
        let mut options = self.options()?;
        self.check_file()?;
        if let Some(output) = &layer.refine_output {
            options.output = Some(output.clone());
        }
        let name = layer.layer.as_deref();
        Ok(match self.runtime {
            Runtime::Rten => {
                let split = OnnxModel::split(&self.model, name, &options);
                let split = split.map_err(|e| self.unloaded(e))?;
                WhiteBox {
                    layer: split.layer().clone(),
                    model: Box::new(split),
                }
            }
            #[cfg(feature = "ort")]
            Runtime::Ort => {
                let split = racm::OrtModel::split(&self.model, name, &options);
                let split = split.map_err(|e| self.unloaded(e))?;
                WhiteBox {
                    layer: split.layer().clone(),
                    model: Box::new(split),
                }
            }
        })
    }
}

impl WhiteBox {
    /// The map of one class.
    pub fn explain(
        &self,
        method: CamMethod,
        image: &Array3<f32>,
        target: Target,
    ) -> racm::Result<CamMap> {
        Cam::new(method).explain(&self.model, image, target)
    }

    /// Refuses a head whose scores are not of the classes of the whole model; gives the model's top class, and their
    /// number.
    pub fn check(&self, model: &Model, image: &Array3<f32>) -> Result<(usize, usize), Failure> {
        let images = image.view().insert_axis(Axis(0));
        let scores = model.predict(images)?;
        let whole = scores.dim().1;
        let features = self.model.features(images)?;
        let head = self.model.scores_from_features(features.view())?.dim().1;
        if whole == head {
            return Ok((top_class(&scores)?, whole));
        }
        Err(format!(
            "--refine-output has {head} scores, the model's output {whole}: they are not of the same classes"
        )
        .into())
    }

    /// The map that is to restrict masks; one that is the same everywhere cannot.
    pub fn refinement(
        &self,
        method: CamMethod,
        image: &Array3<f32>,
        class: usize,
    ) -> Result<CamMap, Failure> {
        let found = self.explain(method, image, class.into())?;
        if found.is_flat() {
            return Err(format!(
                "the map of {method} at {} is the same everywhere for class {class}: it ranks no pixel",
                self.layer
            )
            .into());
        }
        Ok(found)
    }
}

/// The arguments of `racm layers`.
#[derive(clap::Parser)]
pub struct LayersArgs {
    #[command(flatten)]
    model: ModelArgs,
}

/// `racm layers`: the values at which a model can be cut, last first.
pub fn layers(args: &mut LayersArgs) -> Result<(), Failure> {
    args.model.take_preset();
    if args.model.model == "demo" {
        return Err(
            "layers are known of ONNX files only, and the demo is none: --model M.onnx".into(),
        );
    }
    let (path, options) = (&args.model.model, args.model.options()?);
    let layers = match args.model.runtime {
        Runtime::Rten => OnnxModel::layers(path, &options)?,
        #[cfg(feature = "ort")]
        Runtime::Ort => racm::OrtModel::layers(path, &options)?,
    };
    if layers.is_empty() {
        return Err(format!(
            "{path} has no value on the way to its scores that is known to be [n, K, h, w]"
        )
        .into());
    }
    for layer in layers {
        let note = match (layer.is_default, &layer.crossing[..]) {
            (true, _) => ", the default".to_owned(),
            (_, []) => String::new(),
            (_, past) => format!(", no cut: `{}` gets past it", past.join("`, `")),
        };
        line(format_args!("{layer}{note}"))?;
    }
    Ok(())
}
