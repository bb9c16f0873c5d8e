//! ONNX models through ONNX Runtime, a library that is loaded at run time.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ndarray::{Array2, ArrayView4};
use ort::environment::Environment;
use ort::session::builder::SessionBuilder;
use ort::session::{HasSelectedOutputs, OutputSelector, RunOptions, Session};
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};

use crate::error::{BoxError, Error, Result};
use crate::models::adapter::{
    OnnxOptions, Port, Runtime, Signature, check_file, check_threads, face,
};
use crate::models::model::BlackBoxModel;

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
    /// [`Error::Parameter`] if the options do not fit the model.
    pub fn from_path(path: impl AsRef<Path>, options: &OnnxOptions) -> Result<Self> {
        let path = path.as_ref();
        let name = check_file(path)?;
        Self::new(&name, options, |mut builder| builder.commit_from_file(path))
    }

    /// Loads a model from the bytes of an ONNX file.
    ///
    /// # Errors
    /// Those of [`OrtModel::from_path`] but for [`Error::Io`].
    pub fn from_bytes(bytes: impl Into<Vec<u8>>, options: &OnnxOptions) -> Result<Self> {
        let bytes = bytes.into();
        Self::new("the model in memory", options, |mut builder| {
            builder.commit_from_memory(&bytes)
        })
    }

    fn new(
        name: &str,
        options: &OnnxOptions,
        load: impl FnOnce(SessionBuilder) -> ort::Result<Session>,
    ) -> Result<Self> {
        check_threads(options.threads)?;
        let (session, inputs, outputs) = loaded(name, options.threads, load)?;
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
        reason: error.to_string(),
    }
}

/// A session, its inputs and its outputs.
fn loaded(
    name: &str,
    threads: usize,
    load: impl FnOnce(SessionBuilder) -> ort::Result<Session>,
) -> Result<(Session, Vec<Port>, Vec<Port>)> {
    let session = SessionBuilder::new(&environment()?)
        .and_then(|b| Ok(b.with_intra_threads(threads)?))
        // Threads that spin between calls take the cores from whoever draws the next masks.
        .and_then(|b| Ok(b.with_intra_op_spinning(false)?))
        .and_then(load)
        .map_err(|e| fault(name, &e))?;
    let ports = |outlets: &[Outlet]| outlets.iter().map(port).collect::<Vec<_>>();
    let (inputs, outputs) = (ports(session.inputs()), ports(session.outputs()));
    Ok((session, inputs, outputs))
}

impl Runtime for OrtModel {
    fn open(name: &str, bytes: Vec<u8>, options: &OnnxOptions) -> Result<Self> {
        Self::new(name, options, |mut builder| {
            builder.commit_from_memory(&bytes)
        })
    }

    fn ports(name: &str, bytes: Vec<u8>) -> Result<(Vec<Port>, Vec<Port>)> {
        let (_, inputs, outputs) = loaded(name, 0, |mut b| b.commit_from_memory(&bytes))?;
        Ok((inputs, outputs))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn call(&self, shape: [usize; 4], elements: &[f32]) -> Result<(Vec<usize>, Vec<f32>), String> {
        self.run(shape, elements).map_err(|e| e.to_string())
    }
}

impl BlackBoxModel for OrtModel {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        let run = |shape, elements: &[f32]| self.run(shape, elements).map_err(|e| e.to_string());
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

/// The environment of the process. Every other function of `ort` panics when the library cannot be
/// loaded, so this comes first: it alone reports a library that is missing, foreign or too old.
fn environment() -> Result<Environment> {
    static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);
    let mut made = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*made {
        return Ok(environment.clone());
    }
    let library = match std::env::var_os("ORT_DYLIB_PATH") {
        Some(path) if !path.is_empty() => PathBuf::from(path),
        _ => PathBuf::from(format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}")),
    };
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
