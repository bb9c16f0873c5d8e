//! What the two ONNX adapters share: options, the choice of input and output, batches, scores.

use ndarray::{Array2, Array4, ArrayView4, Axis};

use crate::error::{Error, Result};
use crate::models::device::Device;
use crate::models::preprocess::Preprocess;

/// How an ONNX model is loaded and called, whichever runtime runs it.
///
/// ```
/// use racm::{OnnxOptions, Preset};
///
/// let mut options = OnnxOptions::default();
/// options.output = Some("logits".to_owned());
/// options.preprocess = Preset::ImageNet.into();
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct OnnxOptions {
    /// The name of the image input; the model's first input by default.
    pub input: Option<String>,
    /// The name of the output with the scores; the model's first output by default.
    pub output: Option<String>,
    /// The threads of one call, at most [`OnnxOptions::MAX_THREADS`]. 0, the default, leaves it to the runtime, which
    /// takes about one a core.
    pub threads: usize,
    /// Where the model runs; on the CPU by default, and with `OnnxModel` there only.
    pub device: Device,
    /// What happens to the images before the network sees them; nothing by default.
    pub preprocess: Preprocess,
}

impl OnnxOptions {
    /// The most [threads](OnnxOptions::threads) of one call. Far more than there are cores only take
    /// memory, and some thousands can bring a whole machine to a halt.
    pub const MAX_THREADS: usize = 256;
}

/// A library that runs ONNX models.
pub trait Runtime: Sized {
    /// Loads a model from its bytes.
    fn open(name: &str, bytes: Vec<u8>, options: &OnnxOptions) -> Result<Self>;
    /// The inputs and outputs that the library sees in a model.
    fn ports(name: &str, bytes: Vec<u8>) -> Result<(Vec<Port>, Vec<Port>)>;
    /// What the model takes and gives.
    fn signature(&self) -> &Signature;
    /// One call: shape and elements in, shape and elements out.
    fn call(&self, shape: [usize; 4], elements: &[f32]) -> Result<(Vec<usize>, Vec<f32>), String>;
}

/// A declared input or output. A dimension without a fixed size is `None`.
pub struct Port {
    pub(crate) name: String,
    pub(crate) dims: Option<Vec<Option<usize>>>,
    /// The element type where it is known not to be f32.
    pub(crate) foreign: Option<String>,
}

/// What is fed to a model at a time, at most: 2 GiB, some hundred times what networks take. It is reserved before the
/// model runs, however large the sizes are that its file fixes.
const MOST_NUMBERS: usize = 1 << 29;

/// What a model takes and gives, and how a batch gets through it.
#[derive(Debug)]
pub struct Signature {
    pub(crate) model: String,
    pub(crate) inputs: Vec<String>,
    pub(crate) outputs: Vec<String>,
    pub(crate) input: usize,
    pub(crate) output: usize,
    pub(crate) batch: Option<usize>,
    pub(crate) shape: [Option<usize>; 3],
    preprocess: Preprocess,
}

impl Signature {
    pub(crate) fn new(
        model: &str,
        inputs: &[Port],
        outputs: &[Port],
        options: &OnnxOptions,
    ) -> Result<Self> {
        let names = |ports: &[Port]| ports.iter().map(|p| p.name.clone()).collect::<Vec<_>>();
        let fault = |reason| Error::Adapter {
            what: model.to_owned(),
            reason,
        };
        let choose = |kind: &str, ports: &[Port], name: &Option<String>| {
            let found = match name {
                Some(name) => ports.iter().position(|p| p.name == *name),
                None => (!ports.is_empty()).then_some(0),
            };
            let Some(index) = found else {
                if ports.is_empty() {
                    return Err(fault(format!("has no {kind}, expected one")));
                }
                let wanted = name.as_ref().map_or(String::new(), |n| format!(" `{n}`"));
                const SHOWN: usize = 20;
                let available = names(&ports[..ports.len().min(SHOWN)]).join("`, `");
                let more = match ports.len().saturating_sub(SHOWN) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                return Err(fault(format!(
                    "has no {kind}{wanted}, available: `{available}`{more}"
                )));
            };
            let port = &ports[index];
            match &port.foreign {
                Some(other) => Err(fault(format!(
                    "the {kind} `{}` is {other}, expected a tensor of f32",
                    port.name
                ))),
                None => Ok(index),
            }
        };
        let input = choose("input", inputs, &options.input)?;
        let output = choose("output", outputs, &options.output)?;
        let [batch, axes @ ..] = match &inputs[input].dims {
            None => [None; 4],
            Some(dims) => <[Option<usize>; 4]>::try_from(dims.as_slice()).map_err(|_| {
                fault(format!(
                    "the input `{}` has {} dimensions, expected 4 (a batch of images)",
                    inputs[input].name,
                    dims.len()
                ))
            })?,
        };
        let fixed = [batch].into_iter().chain(axes).flatten();
        let numbers = fixed.fold(1, usize::saturating_mul);
        if numbers > MOST_NUMBERS {
            return Err(fault(format!(
                "the input `{}` takes {numbers} numbers at a time, expected at most {MOST_NUMBERS}",
                inputs[input].name
            )));
        }
        let shape = options.preprocess.image_axes(axes);
        if let [Some(channels), ..] = shape {
            options.preprocess.check_channels(channels)?;
        }
        Ok(Signature {
            model: model.to_owned(),
            inputs: names(inputs),
            outputs: names(outputs),
            input,
            output,
            batch,
            shape,
            preprocess: options.preprocess.clone(),
        })
    }

    /// The scores of a batch, `[n, K]`.
    pub(crate) fn scores(
        &self,
        batch: ArrayView4<'_, f32>,
        run: impl FnMut([usize; 4], &[f32]) -> Result<(Vec<usize>, Vec<f32>), String>,
    ) -> Result<Array2<f32>> {
        let n = batch.dim().0;
        let (k, scores) = self.answers(batch, run, |shape, size| self.classes(shape, size))?;
        Array2::from_shape_vec((n, k), scores).map_err(|e| self.fault("running", e.to_string()))
    }

    /// The feature maps of a batch, `[n, K, h, w]`.
    pub(crate) fn activations(
        &self,
        batch: ArrayView4<'_, f32>,
        run: impl FnMut([usize; 4], &[f32]) -> Result<(Vec<usize>, Vec<f32>), String>,
    ) -> Result<Array4<f32>> {
        let n = batch.dim().0;
        let (mut k, mut h, mut w) = (0, 0, 0);
        let (_, values) = self.answers(batch, run, |shape, size| match *shape {
            [n, channels, rows, columns] if n == size => {
                (k, h, w) = (channels, rows, columns);
                Ok(k * h * w)
            }
            _ => {
                let reason =
                    format!("has shape {shape:?} for {size} images, expected [{size}, K, h, w]");
                Err(self.fault(&format!("layer `{}`", self.outputs[self.output]), reason))
            }
        })?;
        let maps = Array4::from_shape_vec((n, k, h, w), values);
        maps.map_err(|e| self.fault("running", e.to_string()))
    }

    /// Feeds a batch to `run` (shape and elements in, shape and elements out), in pieces where the
    /// model's batch size is fixed. `width` says how many numbers of an answer of that shape are one
    /// image's; they must be as many for every piece.
    fn answers(
        &self,
        batch: ArrayView4<'_, f32>,
        mut run: impl FnMut([usize; 4], &[f32]) -> Result<(Vec<usize>, Vec<f32>), String>,
        mut width: impl FnMut(&[usize], usize) -> Result<usize>,
    ) -> Result<(usize, Vec<f32>)> {
        let (n, c, h, w) = batch.dim();
        if n == 0 {
            return Err(Error::parameter(
                "batch",
                "without an image",
                "at least one image",
            ));
        }
        if c * h * w == 0 {
            return Err(Error::EmptyImage { shape: [c, h, w] });
        }
        let [fits_c, fits_h, fits_w] = self.shape;
        let expected = [
            fits_c.unwrap_or(c),
            fits_h.unwrap_or(h),
            fits_w.unwrap_or(w),
        ];
        if expected != [c, h, w] {
            return Err(Error::Shape {
                what: "the image",
                given: vec![c, h, w],
                expected: expected.to_vec(),
            });
        }
        let seen = self.preprocess.apply(batch)?;
        let size = self.batch.unwrap_or(n);
        let (mut scores, mut classes) = (Vec::new(), None);
        for piece in seen.axis_chunks_iter(Axis(0), size) {
            let rows = piece.len_of(Axis(0));
            let (_, a, b, c) = piece.dim();
            let padded;
            let elements = match piece.as_slice() {
                Some(elements) if rows == size => elements,
                _ => {
                    let zeros = std::iter::repeat_n(0.0, (size - rows) * a * b * c);
                    padded = piece.iter().copied().chain(zeros).collect::<Vec<_>>();
                    padded.as_slice()
                }
            };
            let (shape, mut answer) =
                run([size, a, b, c], elements).map_err(|reason| self.fault("running", reason))?;
            let k = width(&shape, size)?;
            if answer.len() != size * k || classes.is_some_and(|before| before != k) {
                return Err(self.fault("running", format!("gave an answer of shape {shape:?}")));
            }
            classes = Some(k);
            answer.truncate(rows * k);
            scores.append(&mut answer);
        }
        Ok((classes.unwrap_or(0), scores))
    }

    /// K of an output for `n` images: `[n, K]`; `[n]` is K = 1 and `[K]` is one image; of more
    /// axes all but one must be 1.
    fn classes(&self, shape: &[usize], n: usize) -> Result<usize> {
        let found = match shape {
            [] if n == 1 => Some(1),
            [k] if n == 1 => Some(*k),
            [first, rest @ ..] if *first == n && rest.iter().filter(|&&d| d != 1).count() <= 1 => {
                Some(rest.iter().product())
            }
            _ => None,
        };
        found.filter(|&k| k > 0).ok_or_else(|| {
            let reason = format!(
                "has shape {shape:?} for {n} images, expected [{n}, K] scores; the outputs are `{}`",
                self.outputs.join("`, `")
            );
            self.fault(&format!("output `{}`", self.outputs[self.output]), reason)
        })
    }

    fn fault(&self, doing: &str, reason: String) -> Error {
        let what = format!("{}, {doing}", self.model);
        Error::Adapter { what, reason }
    }
}

/// Refuses a senseless number of threads.
pub(crate) fn check_threads(threads: usize) -> Result<()> {
    if threads > OnnxOptions::MAX_THREADS {
        return Err(Error::parameter(
            "threads",
            threads,
            format!("0 to {}", OnnxOptions::MAX_THREADS),
        ));
    }
    Ok(())
}

/// What both models tell about themselves.
macro_rules! face {
    ($model:ty) => {
        impl $model {
            /// The image that the model takes, `[C, H, W]` in image space, whatever its layout. A
            /// dimension that the model leaves open is `None`.
            pub fn input_shape(&self) -> [Option<usize>; 3] {
                self.signature.shape
            }

            /// The number of images that the model takes at once, where it is fixed. A batch of
            /// another size is fed in pieces of that size, the last one filled up with zeros.
            pub fn fixed_batch(&self) -> Option<usize> {
                self.signature.batch
            }

            /// The name of the input that is fed.
            pub fn input_name(&self) -> &str {
                &self.signature.inputs[self.signature.input]
            }

            /// The name of the output that is read.
            pub fn output_name(&self) -> &str {
                &self.signature.outputs[self.signature.output]
            }

            /// The names of all inputs, in the model's order.
            pub fn input_names(&self) -> &[String] {
                &self.signature.inputs
            }

            /// The names of all outputs, in the model's order.
            pub fn output_names(&self) -> &[String] {
                &self.signature.outputs
            }
        }
    };
}
pub(crate) use face;
