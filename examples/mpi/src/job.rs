//! What every rank knows from the command line: the model, the images and the explainer.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use clap::Parser;
use racm::ndarray::{Array2, Array3, ArrayView4};
use racm::render::{read_image, resize};
use racm::{BlackBoxModel, BoxError, Explainer, OnnxModel, OnnxOptions, demo};

/// RaCM of one image, or of every image of a folder, by all ranks of an MPI job.
#[derive(Parser)]
pub struct Args {
    /// An ONNX file, or `demo` for the embedded network
    #[arg(long, default_value = "demo", value_name = "M.onnx")]
    model: String,
    /// The image to explain, PNG or JPEG [default: the demo's own]
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// A folder of images, each explained by one rank
    #[arg(long, conflicts_with = "image", value_name = "DIR")]
    pub images: Option<PathBuf>,
    /// The folder for the results, which every rank must see; what is there already is not done again
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Masks for each image
    #[arg(long, default_value_t = 4000, value_name = "N")]
    masks: u64,
    /// Seed of the masks
    #[arg(long, default_value_t = 0, value_name = "S")]
    seed: u64,
    /// Threads of the model on each rank [default: all that the rank may use]
    #[arg(long, default_value_t = 0, value_name = "T", hide_default_value = true)]
    threads: usize,
    /// A rehearsal: from its N-th image on, the model fails
    #[arg(long, value_name = "N")]
    fail_after: Option<u64>,
    /// A rehearsal: the model takes so much longer for each image
    #[arg(
        long,
        default_value_t = 0,
        value_name = "MS",
        hide_default_value = true
    )]
    wait: u64,
}

pub struct Job {
    pub model: Box<dyn BlackBoxModel>,
    /// Rows and columns of the model's input where it fixes them.
    size: [Option<usize>; 2],
    pub explainer: Explainer,
}

impl Args {
    /// What maps depend on, besides the images.
    pub fn asked(&self) -> String {
        let Args {
            model, masks, seed, ..
        } = self;
        format!("the model {model}, {masks} masks and seed {seed}")
    }

    pub fn job(&self) -> Result<Job, BoxError> {
        let (model, size): (Box<dyn BlackBoxModel>, _) = match &*self.model {
            "demo" => (Box::new(demo::Classifier), [None; 2]),
            path => {
                let mut options = OnnxOptions::default();
                options.threads = self.threads;
                let model = OnnxModel::from_path(path, &options)?;
                let [_, height, width] = model.input_shape();
                (Box::new(model), [height, width])
            }
        };
        let model = match (self.fail_after, self.wait) {
            (None, 0) => model,
            (images, wait) => Box::new(Rehearsal {
                model,
                left: Cell::new(images.unwrap_or(u64::MAX)),
                wait: Duration::from_millis(wait),
            }),
        };
        let explainer = Explainer::builder().masks(self.masks).seed(self.seed);
        Ok(Job {
            model,
            size,
            explainer: explainer.build()?,
        })
    }

    pub fn image(&self, job: &Job) -> Result<Array3<f32>, BoxError> {
        match (&self.image, &*self.model) {
            (Some(path), _) => job.read(path),
            (None, "demo") => Ok(demo::image()),
            (None, _) => Err("--image or --images is missing (only the demo has its own)".into()),
        }
    }
}

impl Job {
    /// An image of the size that the model wants.
    pub fn read(&self, path: &Path) -> Result<Array3<f32>, BoxError> {
        let image = read_image(path)?;
        let (_, height, width) = image.dim();
        let [rows, columns] = self.size;
        let wanted = (rows.unwrap_or(height), columns.unwrap_or(width));
        match wanted == (height, width) {
            true => Ok(image),
            false => Ok(resize(&image, wanted.0, wanted.1)?),
        }
    }
}

/// A model that fails, or takes its time.
struct Rehearsal {
    model: Box<dyn BlackBoxModel>,
    left: Cell<u64>,
    wait: Duration,
}

impl BlackBoxModel for Rehearsal {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        let images = batch.dim().0;
        let left = self.left.get().checked_sub(images as u64);
        self.left
            .set(left.ok_or("failed, as --fail-after wants it")?);
        sleep(self.wait * images as u32);
        self.model.predict(batch)
    }
}
