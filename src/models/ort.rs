//! ONNX models through ONNX Runtime, a library that is loaded at run time.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ndarray::{Array2, ArrayView4};
use ort::environment::Environment;
use ort::ep::{CUDA, ExecutionProvider};
use ort::logging::LogLevel;
use ort::session::builder::SessionBuilder;
use ort::session::{HasSelectedOutputs, OutputSelector, RunOptions, Session};
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};

use crate::error::{BoxError, Error, Result};
use crate::models::adapter::{OnnxOptions, Port, Runtime, Signature, check_threads, face};
use crate::models::device::Device;
use crate::models::model::BlackBoxModel;
use crate::models::survey;

/// An ONNX model that runs in ONNX Runtime.
///
/// The face of [`OnnxModel`](crate::OnnxModel) over another runtime: less time for an image, but a
/// library to install. It is loaded when the first model is: from the path in the environment
/// variable `ORT_DYLIB_PATH`, or from where the system looks for `libonnxruntime.so`
/// (`onnxruntime.dll`, `libonnxruntime.dylib`). Version 1.17 or later will do; the Python package
/// `onnxruntime` carries it in `onnxruntime/capi/`. A process has one environment of ONNX Runtime:
/// this type makes it, and cannot share it with other code of the process that makes one through
/// the `ort` crate.
///
/// [`OnnxOptions::device`] takes a GPU, where the library is a build for it: the Python package
/// `onnxruntime-gpu` carries one for NVIDIA's, which needs their driver, CUDA and cuDNN where the
/// system finds libraries. A larger [`ExplainerBuilder::batch`](crate::ExplainerBuilder::batch)
/// than the default suits it. This was written without a GPU at hand: that a missing part is an
/// error is tested, that a whole set works, or how fast, is not.
///
/// A file is checked before the runtime reads it: lengths and sizes that it claims, graphs inside of
/// graphs, and that external data lies in its folder. What a model computes is not: it may ask for
/// any time and memory, so load those that you trust.
///
/// ONNX Runtime's calls must not overlap, so a lock lets one call in at a time. The model is
/// [`Sync`], but calls from several threads take turns: leave the threads to the runtime
/// ([`OnnxOptions::threads`] = 0 or the number of cores), or load the model once a thread with
/// 1 thread each.
///
/// ```no_run
/// use racm::{BlackBoxModel, OnnxOptions, OrtModel};
///
/// let model = OrtModel::from_path("sign.onnx", &OnnxOptions::default())?;
/// let black = ndarray::Array4::zeros((1, 3, 96, 96));
/// println!("{}", model.predict(black.view())?);
/// # Ok::<(), racm::BoxError>(())
/// ```
pub struct OrtModel {
    session: Mutex<(Session, RunOptions<HasSelectedOutputs>)>,
    signature: Signature,
}

impl OrtModel {
    /// Loads a model from a file, with its external data if it has some.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be opened; [`Error::Adapter`] if ONNX Runtime is not found
    /// or too old, the file is not a model that it can run, has no input or output of the name
    /// asked for (the message lists the names), or its input is not a batch of f32 images;
    /// [`Error::Parameter`] if the options do not fit the model; [`Error::Device`] if the device
    /// cannot be used.
    pub fn from_path(path: impl AsRef<Path>, options: &OnnxOptions) -> Result<Self> {
        let path = path.as_ref();
        let name = survey::check_file(path)?;
        Self::new(&name, options, |mut builder| builder.commit_from_file(path))
    }

    /// Loads a model from the bytes of an ONNX file.
    ///
    /// # Errors
    /// Those of [`OrtModel::from_path`] but for [`Error::Io`].
    pub fn from_bytes(bytes: impl Into<Vec<u8>>, options: &OnnxOptions) -> Result<Self> {
        let (name, bytes) = ("the model in memory", bytes.into());
        survey::check_bytes(name, &bytes)?;
        Self::new(name, options, |mut builder| {
            builder.commit_from_memory(&bytes)
        })
    }

    fn new(
        name: &str,
        options: &OnnxOptions,
        load: impl FnOnce(SessionBuilder) -> ort::Result<Session>,
    ) -> Result<Self> {
        check_threads(options.threads)?;
        let (session, inputs, outputs) = loaded(name, options.threads, options.device, load)?;
        let signature = Signature::new(name, &inputs, &outputs, options)?;
        let wanted = OutputSelector::no_default().with(&outputs[signature.output].name);
        let run_options = RunOptions::new()
            .map_err(|e| fault(name, &e))?
            .with_outputs(wanted);
        Ok(OrtModel {
            session: Mutex::new((session, run_options)),
            signature,
        })
    }

    /// One call of the runtime: shape and elements in, shape and elements out.
    fn run(&self, shape: [usize; 4], elements: &[f32]) -> ort::Result<(Vec<usize>, Vec<f32>)> {
        let tensor = TensorRef::from_array_view((shape, elements))?;
        let mut locked = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let (session, options) = &mut *locked;
        let inputs = ort::inputs![self.input_name() => tensor];
        let outputs = session.run_with_options(inputs, options)?;
        let Some(output) = outputs.values().next() else {
            return Err(ort::Error::new("gave no output"));
        };
        let (shape, scores) = output.try_extract_tensor::<f32>()?;
        Ok((shape.iter().map(|&d| d as usize).collect(), scores.to_vec()))
    }
}

face!(OrtModel);

fn fault(name: &str, error: &ort::Error) -> Error {
    Error::Adapter {
        what: name.to_owned(),
        reason: error.to_string().trim().to_owned(),
    }
}

/// A session, its inputs and its outputs.
fn loaded(
    name: &str,
    threads: usize,
    device: Device,
    load: impl FnOnce(SessionBuilder) -> ort::Result<Session>,
) -> Result<(Session, Vec<Port>, Vec<Port>)> {
    let builder = SessionBuilder::new(&environment()?)
        .and_then(|b| Ok(b.with_intra_threads(threads)?))
        // Threads that spin between calls take the cores from whoever draws the next masks.
        .and_then(|b| Ok(b.with_intra_op_spinning(false)?))
        // What fails is in the error; the library would print it beside that.
        .and_then(|b| Ok(b.with_log_level(LogLevel::Fatal)?))
        .map_err(|e| fault(name, &e))?;
    let session = load(on(device, builder)?).map_err(|e| match device {
        // The GPU is first touched here; what is wrong with the model names no part of CUDA.
        Device::Cuda(_)
            if ["CUDA", "CUDNN"]
                .iter()
                .any(|part| e.to_string().contains(part)) =>
        {
            unusable(device, e.to_string(), CUDA_PARTS)
        }
        _ => fault(name, &e),
    })?;
    let ports = |outlets: &[Outlet]| outlets.iter().map(port).collect::<Vec<_>>();
    let (inputs, outputs) = (ports(session.inputs()), ports(session.outputs()));
    Ok((session, inputs, outputs))
}

/// What a build with CUDA loads when it is asked for it.
const CUDA_PARTS: &str = "it needs a GPU of this number, NVIDIA's driver, and the CUDA and cuDNN that it was built for, \
    where the system finds libraries";

/// A session on this device, and on no other.
fn on(device: Device, builder: SessionBuilder) -> Result<SessionBuilder> {
    let Device::Cuda(number) = device else {
        return Ok(builder);
    };
    if !CUDA::is_available().unwrap_or(false) {
        let reason = "this build of it has no CUDA".to_owned();
        let needed = "the Python package onnxruntime-gpu carries a build that has, in onnxruntime/capi/: \
            set ORT_DYLIB_PATH to its path";
        return Err(unusable(device, reason, needed));
    }
    let cuda = CUDA::default().with_device_id(number.into()).build();
    builder
        .with_execution_providers([cuda.error_on_failure()])
        .map_err(|e| unusable(device, e.to_string(), CUDA_PARTS))
}

fn unusable(device: Device, reason: String, needed: &'static str) -> Error {
    Error::Device {
        device: device.to_string(),
        library: library().display().to_string(),
        reason: reason.trim().to_owned(),
        needed,
    }
}

impl Runtime for OrtModel {
    fn open(name: &str, bytes: Vec<u8>, options: &OnnxOptions) -> Result<Self> {
        Self::new(name, options, |mut builder| {
            builder.commit_from_memory(&bytes)
        })
    }

    fn ports(name: &str, bytes: Vec<u8>) -> Result<(Vec<Port>, Vec<Port>)> {
        let (_, inputs, outputs) =
            loaded(name, 0, Device::Cpu, |mut b| b.commit_from_memory(&bytes))?;
        Ok((inputs, outputs))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn call(&self, shape: [usize; 4], elements: &[f32]) -> Result<(Vec<usize>, Vec<f32>), String> {
        let answer = self.run(shape, elements);
        answer.map_err(|e| e.to_string().trim().to_owned())
    }
}

impl BlackBoxModel for OrtModel {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        let run = |shape, elements: &[f32]| self.call(shape, elements);
        Ok(self.signature.scores(batch, run)?)
    }
}

impl fmt::Debug for OrtModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrtModel")
            .field("signature", &self.signature)
            .finish_non_exhaustive()
    }
}

/// The library to load: a path, or a name for the system to look up.
fn library() -> PathBuf {
    let path = match std::env::var_os("ORT_DYLIB_PATH") {
        Some(path) if !path.is_empty() => PathBuf::from(path),
        _ => PathBuf::from(format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}")),
    };
    // Through links: it looks for the parts of a GPU build in the folder of the path that it is given.
    let real = path.is_absolute().then(|| path.canonicalize().ok());
    real.flatten().unwrap_or(path)
}

/// The environment of the process. Every other function of `ort` panics when the library cannot be
/// loaded, so this comes first: it alone reports a library that is missing, foreign or too old.
fn environment() -> Result<Environment> {
    static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);
    let mut made = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*made {
        return Ok(environment.clone());
    }
    let library = library();
    let fault = |reason| Error::Adapter {
        what: "loading ONNX Runtime".to_owned(),
        reason,
    };
    // `ort` looks for a relative path beside the program first and panics where it cannot.
    let beside = std::env::current_exe().is_ok_and(|exe| exe.parent().is_some());
    if library.is_relative() && !beside {
        let reason = "the program's own path is unknown; set ORT_DYLIB_PATH to an absolute path";
        return Err(fault(reason.to_owned()));
    }
    let builder = ort::init_from(&library).map_err(|e| {
        fault(format!(
            "{e}; set ORT_DYLIB_PATH to the path of {DLL_PREFIX}onnxruntime{DLL_SUFFIX}, version 1.17 or later"
        ))
    })?;
    let environment = builder
        .with_name("racm")
        .with_telemetry(false)
        .build()
        .map_err(|e| fault(e.to_string()))?;
    Ok(made.insert(environment).clone())
}

fn port(outlet: &Outlet) -> Port {
    let (dims, foreign) = match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => {
            let size = |&d: &i64| usize::try_from(d).ok().filter(|&d| d > 0);
            let foreign = (*ty != TensorElementType::Float32).then(|| format!("a tensor of {ty}"));
            (Some(shape.iter().map(size).collect()), foreign)
        }
        other => (None, Some(other.to_string())),
    };
    Port {
        name: outlet.name().to_owned(),
        dims,
        foreign,
    }
}
