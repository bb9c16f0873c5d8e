//! ONNX models that are cut in two at a layer.

use std::fmt;
use std::path::Path;

use ndarray::{Array2, Array4, ArrayView4};

use crate::error::{BoxError, Result};
use crate::models::adapter::{OnnxOptions, Port, Runtime, Signature};
use crate::models::graph::Graph;
use crate::models::model::BlackBoxModel;
#[cfg(feature = "onnx")]
use crate::models::onnx::OnnxModel;
#[cfg(feature = "ort")]
use crate::models::ort::OrtModel;
use crate::white_box::model::WhiteBoxModel;

/// A value inside an ONNX model that is a batch of feature maps, `[n, K, h, w]`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Layer {
    /// The value's name.
    pub name: String,
    /// The operator that computes it.
    pub operator: String,
    /// `[n, K, h, w]`; what the model leaves open is `None`.
    pub shape: [Option<usize>; 4],
    /// The values that get past it on their way from the image to the scores. The model can only be cut where there
    /// is none.
    pub crossing: Vec<String>,
    /// Whether it is the one that is taken unless another is named: the last value of the size of the last
    /// convolution's through which everything passes.
    pub is_default: bool,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = |d: Option<usize>| d.map_or("?".to_owned(), |d| d.to_string());
        let [_, k, h, w] = self.shape.map(size);
        write!(f, "`{}` [n, {k}, {h}, {w}] ({})", self.name, self.operator)
    }
}

/// An ONNX model that is cut in two at a layer, made by `OnnxModel::split` or `OrtModel::split`: a [`WhiteBoxModel`],
/// and a [`BlackBoxModel`] like the whole.
///
/// The file is cut, so it does not matter which nodes a runtime melts into one. Functions of the model's own are not
/// followed.
pub struct SplitModel<R> {
    backbone: R,
    head: R,
    layer: Layer,
}

impl<R> SplitModel<R> {
    /// Where the model is cut.
    pub fn layer(&self) -> &Layer {
        &self.layer
    }
}

impl<R: Runtime> SplitModel<R> {
    fn new(mut graph: Graph, layer: Option<&str>, options: &OnnxOptions) -> Result<Self> {
        let (signature, layers) = layers::<R>(&mut graph, options)?;
        let found = layers.iter().find(|candidate| match layer {
            Some(name) => candidate.name == name,
            None => candidate.is_default,
        });
        let Some(found) = found else {
            let reason = match layer {
                Some(name) => format!("has no layer `{name}` [n, K, h, w]"),
                None => "has no layer through which everything passes".to_owned(),
            };
            return Err(graph.fault(format!("{reason}; {}", listed(&layers))));
        };
        let output = &signature.outputs[signature.output];
        let [_, k, h, w] = found.shape;
        let [front, back] = graph.cut(&found.name, output, [signature.batch, k, h, w])?;
        let part = |what: &str| format!("{}, {what} `{}`", graph.name, found.name);
        let mut to_layer = options.clone();
        to_layer.output = Some(found.name.clone());
        let from_layer = OnnxOptions {
            threads: options.threads,
            device: options.device,
            ..OnnxOptions::default()
        };
        Ok(SplitModel {
            backbone: R::open(&part("up to"), front, &to_layer)?,
            head: R::open(&part("from"), back, &from_layer)?,
            layer: found.clone(),
        })
    }
}

/// The layers that there are, for a message.
fn listed(layers: &[Layer]) -> String {
    const SHOWN: usize = 12;
    let one = |layer: &Layer| match &layer.crossing[..] {
        [] => layer.to_string(),
        past => format!("{layer} past which `{}` gets", past.join("`, `")),
    };
    let known: Vec<String> = layers.iter().take(SHOWN).map(one).collect();
    match layers.len().saturating_sub(SHOWN) {
        _ if layers.is_empty() => {
            "no value on the way to its scores is known to be one (the file or the runtime does not say its shape)".to_owned()
        }
        0 => format!("last first, it has {}", known.join(", ")),
        more => format!("last first, it has {} and {more} before", known.join(", ")),
    }
}

/// What the whole model takes and gives, and the layers of the way between, last first.
fn layers<R: Runtime>(graph: &mut Graph, options: &OnnxOptions) -> Result<(Signature, Vec<Layer>)> {
    let probe = graph.with_all_outputs()?;
    let (inputs, values) = R::ports(&graph.name, probe)?;
    let signature = Signature::new(&graph.name, &inputs, &values, options)?;
    let output = signature.outputs[signature.output].clone();
    let mut layers = Vec::new();
    for (name, operator) in graph.values() {
        let value = values.iter().find(|value| value.name == name);
        let shape = value.and_then(|v: &Port| v.dims.as_ref().filter(|_| v.foreign.is_none()));
        let Some(&[n, k, h, w]) = shape.map(Vec::as_slice) else {
            continue;
        };
        // What the scores do not depend on is no layer of theirs.
        let Ok(crossing) = graph.crossing(name, &output) else {
            continue;
        };
        layers.push(Layer {
            name: name.to_owned(),
            operator: operator.to_owned(),
            shape: [n, k, h, w],
            crossing,
            is_default: false,
        });
    }
    // A convolution of one pixel is a linear layer.
    let wide = |layer: &Layer| layer.shape[2..] != [Some(1), Some(1)];
    let last = layers
        .iter()
        .rposition(|layer| layer.operator == "Conv" && wide(layer));
    let first = last.unwrap_or(0);
    let size = last.map(|conv| layers[conv].shape);
    let same_size = |layer: &Layer| match size {
        Some([_, _, h, w]) => layer.shape[2..] == [h, w],
        None => wide(layer),
    };
    let fits = |layer: &&mut Layer| layer.crossing.is_empty() && same_size(layer);
    if let Some(layer) = layers.iter_mut().skip(first).rev().find(fits) {
        layer.is_default = true;
    }
    layers.reverse();
    Ok((signature, layers))
}

impl<R: Runtime> WhiteBoxModel for SplitModel<R> {
    fn features(&self, images: ArrayView4<'_, f32>) -> Result<Array4<f32>, BoxError> {
        let run = |shape, elements: &[f32]| self.backbone.call(shape, elements);
        Ok(self.backbone.signature().activations(images, run)?)
    }

    fn scores_from_features(&self, features: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        let run = |shape, elements: &[f32]| self.head.call(shape, elements);
        Ok(self.head.signature().scores(features, run)?)
    }
}

impl<R: Runtime> BlackBoxModel for SplitModel<R> {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        self.scores_from_features(self.features(batch)?.view())
    }
}

impl<R> fmt::Debug for SplitModel<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SplitModel")
            .field("layer", &self.layer)
            .finish_non_exhaustive()
    }
}

macro_rules! split {
    ($model:ty) => {
        impl $model {
            /// Loads a model in two parts, cut at a layer: a value `[n, K, h, w]` by its name, or by default the last
            /// one of the size of the last convolution's through which everything passes. The scores are those of
            /// [`OnnxOptions::output`]; for class activation maps take the logits, where the model has them.
            ///
            /// # Errors
            /// Those of `from_path`; [`Error::Adapter`](crate::Error::Adapter) if there is no such layer (the message lists those that there
            /// are) or the model cannot be cut there (the message names what gets past it).
            pub fn split(
                path: impl AsRef<Path>,
                layer: Option<&str>,
                options: &OnnxOptions,
            ) -> Result<SplitModel<Self>> {
                SplitModel::new(Graph::read(path.as_ref())?, layer, options)
            }

            /// The same for the bytes of an ONNX file.
            ///
            /// # Errors
            /// Those of `split`.
            pub fn split_bytes(
                bytes: &[u8],
                layer: Option<&str>,
                options: &OnnxOptions,
            ) -> Result<SplitModel<Self>> {
                SplitModel::new(
                    Graph::parse("the model in memory".to_owned(), bytes)?,
                    layer,
                    options,
                )
            }

            /// The layers `[n, K, h, w]` on the way from the image to the scores, last first.
            ///
            /// # Errors
            /// Those of `from_path`.
            pub fn layers(path: impl AsRef<Path>, options: &OnnxOptions) -> Result<Vec<Layer>> {
                Ok(layers::<Self>(&mut Graph::read(path.as_ref())?, options)?.1)
            }
        }
    };
}
#[cfg(feature = "onnx")]
split!(OnnxModel);
#[cfg(feature = "ort")]
split!(OrtModel);
