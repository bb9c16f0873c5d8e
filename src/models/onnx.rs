//! ONNX models through `rten`, in pure Rust.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ndarray::{Array2, ArrayView4};
use rten::{
    DataType, Dimension, LoadError, Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value,
    ValueType, ValueView,
};
use rten_tensor::Layout as _;

use crate::caught::caught;
use crate::error::{BoxError, Error, Result};
use crate::models::adapter::{OnnxOptions, Port, Runtime, Signature, check_threads, face};
use crate::models::device::Device;
use crate::models::model::BlackBoxModel;
use crate::models::survey;

/// An ONNX model that runs in `rten`, without any library outside of Rust.
///
/// The model takes one batch of images and gives scores `[n, K]` on whatever scale it speaks. An
/// output `[n]` counts as one class, and axes of length 1 are dropped (`[n, K, 1, 1]`). Images are
/// in image space; see [`Preprocess`](crate::Preprocess) for what happens to them inside. A model
/// that takes a fixed number of images at a time is fed in pieces of that size.
///
/// A file is checked before the runtime reads it: lengths and sizes that it claims, graphs inside of
/// graphs, and that external data lies in its folder. What a model computes is not: it may ask for
/// any time and memory, so load those that you trust.
///
/// The model is [`Sync`]. Calls from several threads run side by side, each on
/// [`OnnxOptions::threads`] threads of its own: with 1, as many calls as there are cores keep all
/// cores busy. With 0 all calls share one pool with a thread for each physical core.
///
/// Some operators are missing in `rten` 0.27; a model with one is refused when it is loaded. Of
/// those that classifiers use: `LRN` (AlexNet, GoogLeNet), `Selu`, `Celu`, `Mish`,
/// `GroupNormalization`, `LpPool`, `SpaceToDepth` and `QLinearConv` (quantised models).
///
/// ```no_run
/// use racm::{BlackBoxModel, OnnxModel, OnnxOptions};
///
/// let model = OnnxModel::from_path("sign.onnx", &OnnxOptions::default())?;
/// let [Some(channels), Some(height), Some(width)] = model.input_shape() else {
///     panic!("{} leaves its size open", model.input_name());
/// };
/// let black = ndarray::Array4::zeros((1, channels, height, width));
/// println!("{}", model.predict(black.view())?);
/// # Ok::<(), racm::BoxError>(())
/// ```
pub struct OnnxModel {
    model: Model,
    signature: Signature,
    input: NodeId,
    output: NodeId,
    threads: usize,
    /// Pools of `threads` threads that no call uses at the moment.
    idle: Mutex<Vec<Arc<ThreadPool>>>,
}

impl OnnxModel {
    /// Loads a model from a file, with its external data if it has some.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be opened; [`Error::Adapter`] if it is not a model that
    /// the runtime can run, has no input or output of the name asked for (the message lists the
    /// names), or its input is not a batch of f32 images; [`Error::Parameter`] if the options do
    /// not fit the model, or name a device other than the CPU.
    pub fn from_path(path: impl AsRef<Path>, options: &OnnxOptions) -> Result<Self> {
        let path = path.as_ref();
        let name = survey::check_file(path)?;
        Self::new(&name, options, |loader| loader.load_file(path))
    }

    /// The files beside an ONNX file that hold some of its weights (external data), in the order of their names. A name for
    /// the model ([`Run::model_name`](crate::Run::model_name)) should change with them as with the file itself.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be opened; [`Error::Adapter`] if it is no ONNX file, or names a file that is not
    /// there or not beside it.
    pub fn external_files(path: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
        survey::external_files(path.as_ref())
    }

    /// Loads a model from the bytes of an ONNX file.
    ///
    /// # Errors
    /// Those of [`OnnxModel::from_path`] but for [`Error::Io`].
    pub fn from_bytes(bytes: impl Into<Vec<u8>>, options: &OnnxOptions) -> Result<Self> {
        let (name, bytes) = ("the model in memory", bytes.into());
        survey::check_bytes(name, &bytes)?;
        Self::new(name, options, |loader| loader.load(bytes))
    }

    fn new(
        name: &str,
        options: &OnnxOptions,
        load: impl FnOnce(&ModelOptions) -> Result<Model, LoadError> + Send,
    ) -> Result<Self> {
        check_threads(options.threads)?;
        if options.device != Device::Cpu {
            let expected = "cpu: only `OrtModel` runs on others";
            return Err(Error::parameter("device", options.device, expected));
        }
        let (model, inputs, outputs) = loaded(name, true, load)?;
        let signature = Signature::new(name, &inputs, &outputs, options)?;
        Ok(OnnxModel {
            input: model.input_ids()[signature.input],
            output: model.output_ids()[signature.output],
            model,
            signature,
            threads: options.threads,
            idle: Mutex::new(Vec::new()),
        })
    }

    /// One call of the runtime: shape and elements in, shape and elements out.
    fn run(&self, shape: [usize; 4], elements: &[f32]) -> Result<(Vec<usize>, Vec<f32>), String> {
        let input = ValueView::from_shape(shape, elements).map_err(|e| e.to_string())?;
        let pool = (self.threads > 0).then(|| {
            let idle = self.idle().pop();
            idle.unwrap_or_else(|| Arc::new(ThreadPool::with_num_threads(self.threads)))
        });
        let options = RunOptions::default().with_thread_pool(pool.clone());
        let inputs = vec![(self.input, input.into())];
        let answer = caught(|| self.model.run(inputs, &[self.output], Some(options)));
        self.idle().extend(pool);
        let answer = answer.map_err(|message| format!("the runtime panicked: {message}"))?;
        match answer.map_err(|e| e.to_string())?.pop() {
            Some(Value::FloatTensor(scores)) => Ok((scores.shape().to_vec(), scores.into_data())),
            other => Err(format!(
                "gave {}, expected a tensor of f32",
                other.map_or("nothing".to_owned(), |value| value.dtype().to_string())
            )),
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Arc<ThreadPool>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

face!(OnnxModel);

/// Does it on a thread of its own: the runtime goes from node to node by calls inside of calls, and the stack of the
/// thread that asks may be too small for that, which would end the process. An error is that there is no such thread.
fn on_a_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    /// Several times what as many nodes take as a file may have. Only what is used becomes memory.
    const STACK: usize = 128 << 20;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let worker = thread.spawn_scoped(scope, work)?;
        worker
            .join()
            .or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// What the runtime says, and what else can be said of it.
fn explained(reason: &str) -> String {
    match reason.contains("missing external data") {
        true => format!(
            "{reason}: expected location, offset and length; rten knows no defaults, ONNX Runtime does"
        ),
        false => reason.to_owned(),
    }
}

/// A model, its inputs and its outputs.
fn loaded(
    name: &str,
    prepack: bool,
    load: impl FnOnce(&ModelOptions) -> Result<Model, LoadError> + Send,
) -> Result<(Model, Vec<Port>, Vec<Port>)> {
    let load = || {
        let mut loader = ModelOptions::with_all_ops();
        loader.prepack_weights(prepack);
        load(&loader)
    };
    let fault = |reason| Error::Adapter {
        what: name.to_owned(),
        reason,
    };
    let model = on_a_deep_stack(|| caught(load))
        .map_err(|e| fault(e.to_string()))?
        .map_err(|message| fault(format!("the runtime panicked: {message}")))?
        .map_err(|e| fault(explained(&e.to_string())))?;
    let ports = |ids: &[NodeId]| ids.iter().map(|&id| port(&model, id)).collect::<Vec<_>>();
    let (inputs, outputs) = (ports(model.input_ids()), ports(model.output_ids()));
    Ok((model, inputs, outputs))
}

impl Runtime for OnnxModel {
    fn open(name: &str, bytes: Vec<u8>, options: &OnnxOptions) -> Result<Self> {
        Self::new(name, options, |loader| loader.load(bytes))
    }

    fn ports(name: &str, bytes: Vec<u8>) -> Result<(Vec<Port>, Vec<Port>)> {
        let (_, inputs, outputs) = loaded(name, false, |loader| loader.load(bytes))?;
        Ok((inputs, outputs))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn call(&self, shape: [usize; 4], elements: &[f32]) -> Result<(Vec<usize>, Vec<f32>), String> {
        // A worker of one rayon pool that waits for another pool takes up further work of its own
        // pool meanwhile: the next batch, and the next. A thread without a pool just waits.
        on_a_deep_stack(|| self.run(shape, elements)).map_err(|e| e.to_string())?
    }
}

impl BlackBoxModel for OnnxModel {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        let run = |shape, elements: &[f32]| self.call(shape, elements);
        Ok(self.signature.scores(batch, run)?)
    }
}

impl fmt::Debug for OnnxModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnnxModel")
            .field("signature", &self.signature)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

fn port(model: &Model, id: NodeId) -> Port {
    let info = model.node_info(id);
    let info = info.as_ref();
    let size = |dim: &Dimension| match dim {
        Dimension::Fixed(size) => Some(*size).filter(|&s| s > 0),
        Dimension::Symbolic(_) => None,
    };
    Port {
        name: info.and_then(|i| i.name()).unwrap_or_default().to_owned(),
        dims: info
            .and_then(|i| i.shape())
            .map(|dims| dims.iter().map(size).collect()),
        foreign: info
            .and_then(|i| i.dtype())
            .filter(|&t| t != ValueType::Tensor(DataType::Float))
            .map(|t| t.to_string()),
    }
}
