//! The model and its input, from the command line.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use racm::ndarray::{Array2, Array3, ArrayView4};
use racm::{
    BlackBoxModel, BoxError, Device, Layout, OnnxModel, OnnxOptions, Preprocess, demo,
    render::{read_image, resize},
};

use crate::args::{named, size, value_name};
use crate::{Failure, read};

/// Which model, and how it wants its input.
#[derive(Args)]
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
    /// The order of the input's axes
    #[arg(long, value_parser = named(Layout::ALL, Layout::name), default_value = "nchw")]
    pub layout: Layout,
    /// The order of the input's channels
    #[arg(long, value_enum, default_value_t = Channels::Rgb)]
    pub channels: Channels,
    /// Multiplies pixels in [0, 1] before mean and std apply
    #[arg(long, default_value_t = 1.0)]
    pub scale: f32,
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
pub enum Channels {
    Rgb,
    Bgr,
}

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
        Ok(match self.runtime {
            Runtime::Rten => Model::Rten(Box::new(OnnxModel::from_path(&self.model, &options)?)),
            #[cfg(feature = "ort")]
            Runtime::Ort => Model::Ort(Box::new(racm::OrtModel::from_path(&self.model, &options)?)),
        })
    }

    /// How an ONNX model is loaded and called.
    pub fn options(&self) -> Result<OnnxOptions, Failure> {
        self.check_device()?;
        let mut preprocess = Preprocess::new().scale(self.scale)?.layout(self.layout);
        if let Channels::Bgr = self.channels {
            preprocess = preprocess.channels([2, 1, 0])?;
        }
        if !self.mean.is_empty() {
            preprocess = preprocess.mean(self.mean.clone())?;
        }
        if !self.std.is_empty() {
            preprocess = preprocess.std(self.std.clone())?;
        }
        let mut options = OnnxOptions::default();
        options.input.clone_from(&self.input);
        options.output.clone_from(&self.output);
        options.threads = self.threads.unwrap_or(0);
        options.device = self.device;
        options.preprocess = preprocess;
        Ok(options)
    }

    /// What the model is called in ledgers: a fingerprint of its file and, behind a semicolon, all else that changes its
    /// scores.
    pub fn name(&self) -> Result<String, Failure> {
        let file = file_name(&self.model)?;
        if self.model == "demo" {
            return Ok(file);
        }
        let or_first =
            |name: &Option<String>| name.clone().unwrap_or_else(|| "the first".to_owned());
        Ok(format!(
            "{file}; runtime {}, device {}, input {}, output {}, layout {}, channels {}, scale {}, mean {:?}, std {:?}",
            value_name(self.runtime),
            self.device,
            or_first(&self.input),
            or_first(&self.output),
            self.layout,
            value_name(self.channels),
            self.scale,
            self.mean,
            self.std,
        ))
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

/// `demo`, or length and fingerprint (FNV-1a) of a model's file. Weights that an ONNX file keeps in others are not in it.
pub fn file_name(model: &str) -> Result<String, Failure> {
    if model == "demo" {
        return Ok("demo".to_owned());
    }
    let fault = |e: std::io::Error| format!("{model}: {e}");
    let (mut file, _) = read::open(Path::new(model), "an ONNX file or `demo`")?;
    let (mut hash, mut length) = (0xcbf2_9ce4_8422_2325_u64, 0);
    let mut part = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut part).map_err(fault)?;
        if read == 0 {
            return Ok(format!("file of {length} bytes, {hash:016x}"));
        }
        length += read;
        for &byte in &part[..read] {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
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

    /// The image at `path`, `[3, H, W]` RGB in [0, 1] and of the size that the model fixes, with
    /// its size before that if it was another. One channel for a model that takes one.
    pub fn image(
        &self,
        path: Option<&Path>,
        args: &ModelArgs,
    ) -> Result<(Array3<f32>, Option<[usize; 2]>), Failure> {
        let image = match (path, self) {
            (Some(path), _) => read_image(path)?,
            (None, Model::Demo) => demo::image(),
            (None, _) => return Err("--image is missing (only --model demo draws its own)".into()),
        };
        let [channels, height, width] = self.input_shape();
        match channels {
            None | Some(1 | 3) => fitted(image, [channels, height, width])
                .map_err(|e| format!("{}, whose images have that size: {e}", args.model).into()),
            Some(channels) => Err(self.wrong_channels(channels, args)),
        }
    }
}

/// The image in this shape, where one is given, with its size before that if it was another.
pub fn fitted(
    image: Array3<f32>,
    [channels, height, width]: [Option<usize>; 3],
) -> Result<(Array3<f32>, Option<[usize; 2]>), Failure> {
    let image = match channels {
        Some(1) => luma(&image),
        _ => image,
    };
    let (_, h, w) = image.dim();
    let wanted = (height.unwrap_or(h), width.unwrap_or(w));
    if wanted == (h, w) {
        return Ok((image, None));
    }
    Ok((resize(&image, wanted.0, wanted.1)?, Some([h, w])))
}

impl Model {
    /// An image file has three channels; a model that wants another number of them, but has an axis of
    /// length 1 or 3 elsewhere, was most likely read in the wrong layout.
    fn wrong_channels(&self, channels: usize, args: &ModelArgs) -> Failure {
        let (model, layout) = (&args.model, args.layout);
        let [_, height, width] = self.input_shape();
        let size = |n: Option<usize>| n.map_or("any".to_owned(), |n| n.to_string());
        let seen = format!(
            "{model}: in the layout {layout} the model takes images of {channels} channels, {} rows and {} columns; \
             a picture has 3 channels (or 1)",
            size(height),
            size(width)
        );
        let (other, turned) = match layout {
            Layout::Nhwc => (Layout::Nchw, height),
            _ => (Layout::Nhwc, width),
        };
        match turned {
            Some(1 | 3) => format!("{seen}: try --layout {other}").into(),
            _ => seen.into(),
        }
    }
}

/// One class name a line. They end up on terminals, in captions and in tables.
fn read_names(path: &Path) -> Result<Vec<String>, Failure> {
    const LONGEST: usize = 300;
    let names = read::text(path, "a text file with one class name a line")?;
    let names: Vec<String> = names.lines().map(str::to_owned).collect();
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

/// Brightness of an RGB image (Rec. 709), `[1, H, W]`.
fn luma(image: &Array3<f32>) -> Array3<f32> {
    let (_, height, width) = image.dim();
    Array3::from_shape_fn((1, height, width), |(_, y, x)| {
        0.2126 * image[[0, y, x]] + 0.7152 * image[[1, y, x]] + 0.0722 * image[[2, y, x]]
    })
}
