//! The model and its input, from the command line.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use racm::ndarray::{Array2, ArrayView4};
use racm::{
    BlackBoxModel, BoxError, Device, Layout, OnnxModel, OnnxOptions, Preprocess, Preset, demo,
};

use crate::args::{named, size, value_name};
use crate::channel_file::ChannelFile;
use crate::fingerprint::{MODEL, model_name};
use crate::image::{self, ImageArgs, Input, Stored, Taken};
use crate::{Failure, read};

/// Which model, and how it wants its input.
#[derive(Clone, Args)]
#[command(next_help_heading = "Model")]
pub struct ModelArgs {
    /// An ONNX file, or `demo` for the embedded network, which knows twelve drawn traffic signs
    #[arg(long, value_name = "M.onnx")]
    pub model: String,
    /// The library that runs the model
    #[arg(long, value_enum, default_value_t = Runtime::Rten)]
    pub runtime: Runtime,
    /// Where the model runs: cpu, or cuda[:N] with --runtime ort and a build of ONNX Runtime for NVIDIA's
    /// GPUs
    #[arg(long, default_value_t = Device::Cpu, value_name = "cpu|cuda[:N]")]
    pub device: Device,
    /// The model's input [default: its first]
    #[arg(long, value_name = "NAME")]
    pub input: Option<String>,
    /// The model's output with the scores [default: its first]
    #[arg(long, value_name = "NAME")]
    pub output: Option<String>,
    /// How a usual kind of network takes pictures: layout, channel order, scale, mean and std at once, of which those that
    /// are given count instead. imagenet is torchvision's and timm's; yolo-cls and 0-1 are [0, 1] as it is; keras-tf is
    /// [-1, 1] (MobileNet, Inception) and keras-caffe BGR less a mean (VGG, ResNet), both nhwc
    #[arg(long, value_parser = named(Preset::ALL, Preset::name), allow_hyphen_values = true)]
    pub preset: Option<Preset>,
    /// The order of the input's axes [default: nchw]
    #[arg(long, value_parser = named(Layout::ALL, Layout::name))]
    pub layout: Option<Layout>,
    /// The order of the input's channels [default: rgb]
    #[arg(long, value_enum)]
    pub channel_order: Option<ChannelOrder>,
    /// Multiplies the image before mean and std apply, one value or one a channel. Pictures (PNG, JPEG) are in [0, 1], all
    /// other images as they are stored [default: 1]
    #[arg(
        long,
        value_delimiter = ',',
        allow_hyphen_values = true,
        value_name = "V[,V...]"
    )]
    pub scale: Vec<f32>,
    /// Subtracted from each channel, one value or one a channel
    #[arg(
        long,
        value_delimiter = ',',
        allow_hyphen_values = true,
        value_name = "V[,V...]"
    )]
    pub mean: Vec<f32>,
    /// Divides each channel, one value or one a channel
    #[arg(
        long,
        value_delimiter = ',',
        allow_hyphen_values = true,
        value_name = "V[,V...]"
    )]
    pub std: Vec<f32>,
    /// A CSV file with a line for each channel of the image, and some of the columns name, scale, mean, std and baseline,
    /// in place of these options
    #[arg(long, value_name = "FILE.csv")]
    pub channel_file: Option<PathBuf>,
    /// What that file holds.
    #[arg(skip)]
    pub of_channels: Option<ChannelFile>,
    /// Threads for the model and for everything else [default: all cores]
    #[arg(long, value_name = "T", value_parser = size)]
    pub threads: Option<usize>,
    /// A text file with one class name a line
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Runtime {
    /// Pure Rust
    Rten,
    /// ONNX Runtime, from ORT_DYLIB_PATH or the system
    #[cfg(feature = "ort")]
    Ort,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum ChannelOrder {
    Rgb,
    Bgr,
}

/// The channels of an RGB image from the last to the first.
pub const BGR: [usize; 3] = [2, 1, 0];

/// A loaded model.
pub enum Model {
    Demo,
    Rten(Box<OnnxModel>),
    #[cfg(feature = "ort")]
    Ort(Box<racm::OrtModel>),
}

impl BlackBoxModel for Model {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        match self {
            Model::Demo => demo::Classifier.predict(batch),
            Model::Rten(model) => model.predict(batch),
            #[cfg(feature = "ort")]
            Model::Ort(model) => model.predict(batch),
        }
    }
}

impl ModelArgs {
    /// As many threads as were asked for, for everything but the model.
    pub fn start_threads(&self) -> Result<(), Failure> {
        match self.threads {
            Some(threads) if !(1..=OnnxOptions::MAX_THREADS).contains(&threads) => {
                let most = OnnxOptions::MAX_THREADS;
                Err(format!("--threads is {threads}, expected 1 to {most}").into())
            }
            Some(threads) => Ok(rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build_global()?),
            None => Ok(()),
        }
    }

    /// Refuses a device on which the model would not run.
    fn check_device(&self) -> Result<(), Failure> {
        let (what, hint) = match (self.device, self.runtime) {
            (Device::Cpu, _) => return Ok(()),
            _ if self.model == "demo" => ("the demo", ""),
            #[cfg(feature = "ort")]
            (_, Runtime::Ort) => return Ok(()),
            _ => (
                "the runtime rten",
                if cfg!(feature = "ort") {
                    "; try --runtime ort"
                } else {
                    "; a program built with the feature ort has one that does not"
                },
            ),
        };
        let device = self.device;
        Err(format!("--device is {device}, and {what} runs on the CPU only{hint}").into())
    }

    pub fn load(&self) -> Result<Model, Failure> {
        let options = self.options()?;
        if self.model == "demo" {
            return Ok(Model::Demo);
        }
        self.check_file()?;
        Ok(match self.runtime {
            Runtime::Rten => {
                let model = OnnxModel::from_path(&self.model, &options);
                Model::Rten(Box::new(model.map_err(|e| self.unloaded(e))?))
            }
            #[cfg(feature = "ort")]
            Runtime::Ort => {
                let model = racm::OrtModel::from_path(&self.model, &options);
                Model::Ort(Box::new(model.map_err(|e| self.unloaded(e))?))
            }
        })
    }

    /// Refuses a model's file that is not there.
    pub fn check_file(&self) -> Result<(), Failure> {
        read::open(Path::new(&self.model), MODEL)?;
        Ok(())
    }

    /// How an ONNX model is loaded and called.
    pub fn options(&self) -> Result<OnnxOptions, Failure> {
        self.check_device()?;
        let mut options = OnnxOptions::default();
        options.input.clone_from(&self.input);
        options.output.clone_from(&self.output);
        options.threads = self.threads.unwrap_or(0);
        options.device = self.device;
        options.preprocess = self.preprocess()?;
        Ok(options)
    }

    /// What the model sees of an image.
    pub fn preprocess(&self) -> racm::Result<Preprocess> {
        let mut preprocess = Preprocess::new().layout(self.layout());
        if let ChannelOrder::Bgr = self.channel_order() {
            preprocess = preprocess.channels(BGR)?;
        }
        if !self.scale.is_empty() {
            preprocess = preprocess.scales(self.scale.clone())?;
        }
        if !self.mean.is_empty() {
            preprocess = preprocess.mean(self.mean.clone())?;
        }
        if !self.std.is_empty() {
            preprocess = preprocess.std(self.std.clone())?;
        }
        Ok(preprocess)
    }

    /// Takes of the preset the numbers that were not given.
    pub fn take_preset(&mut self) {
        let Some(preset) = self.preset else { return };
        // They stand in the network's order of channels, which may have been given.
        let turned =
            matches!(self.channel_order(), ChannelOrder::Bgr) != (preset.channels() == BGR);
        for (given, usual) in [
            (&mut self.scale, preset.scale()),
            (&mut self.mean, preset.mean()),
            (&mut self.std, preset.std()),
        ] {
            if given.is_empty() {
                *given = usual.to_vec();
                if turned {
                    given.reverse();
                }
            }
        }
    }

    /// The order of the input's axes.
    pub fn layout(&self) -> Layout {
        let usual = self.preset.map(Preset::layout);
        self.layout.or(usual).unwrap_or_default()
    }

    /// The order of the input's channels.
    pub fn channel_order(&self) -> ChannelOrder {
        let usual = || match self.preset.is_some_and(|p| p.channels() == BGR) {
            true => ChannelOrder::Bgr,
            false => ChannelOrder::Rgb,
        };
        self.channel_order.unwrap_or_else(usual)
    }

    /// What the model is called in ledgers: a fingerprint of its file and, behind a semicolon, all else that changes its
    /// scores.
    pub fn name(&self) -> Result<String, Failure> {
        let file = model_name(&self.model)?;
        if self.model == "demo" {
            return Ok(file);
        }
        let or_first =
            |name: &Option<String>| name.clone().unwrap_or_else(|| "the first".to_owned());
        Ok(format!(
            "{file}; runtime {}, device {}, input {}, output {}, layout {}, channel order {}, scale {}, mean {:?}, std {:?}",
            value_name(self.runtime),
            self.device,
            or_first(&self.input),
            or_first(&self.output),
            self.layout(),
            value_name(self.channel_order()),
            self.scale_name(),
            self.mean,
            self.std,
        ))
    }

    /// The scale, as ledgers and reports have it.
    pub fn scale_name(&self) -> String {
        match &self.scale[..] {
            [] => "1".to_owned(),
            [one] => one.to_string(),
            many => format!("{many:?}"),
        }
    }

    /// The names of the classes.
    pub fn class_names(&self) -> Result<Vec<String>, Failure> {
        class_names(self.labels.as_deref(), self.model == "demo")
    }
}

/// The names of the classes: the file's, or those of the demo.
pub fn class_names(labels: Option<&Path>, is_demo: bool) -> Result<Vec<String>, Failure> {
    match labels {
        Some(path) => read_names(path),
        None if is_demo => Ok(demo::CLASSES.map(str::to_owned).to_vec()),
        None => Ok(Vec::new()),
    }
}

impl Model {
    /// Channels, rows and columns of the input where the model fixes them.
    fn input_shape(&self) -> [Option<usize>; 3] {
        match self {
            Model::Demo => [Some(3), None, None],
            Model::Rten(model) => model.input_shape(),
            #[cfg(feature = "ort")]
            Model::Ort(model) => model.input_shape(),
        }
    }

    /// The image at `path`, as the model takes it. A picture gets the size that the model fixes.
    pub fn image(
        &self,
        path: Option<&Path>,
        args: &ModelArgs,
        reading: &ImageArgs,
    ) -> Result<Input, Failure> {
        let taken = Taken {
            by: args.model.clone(),
            shape: self.input_shape(),
            hint: self.layout_hint(args.layout()),
        };
        let (path, stored) = match (path, self) {
            (Some(path), _) => (path, image::read(path, reading, &taken)?),
            (None, Model::Demo) => (Path::new("demo"), Stored::picture(demo::image())),
            (None, _) => return Err("--image is missing (only --model demo draws its own)".into()),
        };
        let input = Input::new(path, stored, reading, &taken)?;
        let order = args.check_order(input.shape()[0]);
        order.map_err(|reason| format!("{}: {reason}", path.display()))?;
        if let (Some(file), Some(channels)) = (&args.channel_file, &args.of_channels) {
            let checked = channels.check(input.shape()[0], input.names.as_deref());
            checked.map_err(|reason| format!("{}: {reason}", file.display()))?;
        }
        Ok(input)
    }

    /// A model that wants another number of channels, but has an axis of length 1 or 3 elsewhere, was most likely read in
    /// the wrong layout.
    fn layout_hint(&self, layout: Layout) -> String {
        let [_, height, width] = self.input_shape();
        let (other, turned) = match layout {
            Layout::Nhwc => (Layout::Nchw, height),
            _ => (Layout::Nhwc, width),
        };
        match turned {
            Some(1 | 3) => format!(" in the layout {layout}: try --layout {other}"),
            _ => String::new(),
        }
    }
}

/// One class name a line. They end up on terminals, in captions and in tables.
fn read_names(path: &Path) -> Result<Vec<String>, Failure> {
    const LONGEST: usize = 300;
    let names = read::text(path, "a text file with one class name a line")?;
    // Empty lines at the end name nothing.
    let names: Vec<String> = names.trim_end().lines().map(str::to_owned).collect();
    for (line, name) in names.iter().enumerate() {
        let wrong = match name.chars().count() {
            letters if letters > LONGEST => format!("has {letters} letters"),
            _ if name.chars().any(|c| c.is_control() && c != '\t') => {
                format!("is {}", read::quoted(name))
            }
            _ => continue,
        };
        return Err(format!(
            "{}: line {} {wrong}, expected a class name of at most {LONGEST} letters, without control characters",
            path.display(),
            line + 1
        )
        .into());
    }
    match names.iter().all(|name| name.trim().is_empty()) {
        true => Err(format!("{}: it holds no class name", path.display()).into()),
        false => Ok(names),
    }
}

/// The class with the highest score of one image `[1, K]`; the first of equals.
pub fn top_class(scores: &Array2<f32>) -> Result<usize, Failure> {
    let scores: Vec<f32> = scores.iter().copied().collect();
    let higher = |top: usize, k| if scores[k] > scores[top] { k } else { top };
    match scores.len() {
        0 => Err("the model has no class".into()),
        classes => Ok((1..classes).fold(0, higher)),
    }
}
