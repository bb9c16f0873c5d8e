//! A model that tract runs: pure Rust, down to a Raspberry Pi or WebAssembly.
//!
//! `cargo run --manifest-path examples/tract/Cargo.toml [MODEL.onnx]`
//!
//! Without a file the network is a small one of this example, which asks how much red a picture has, against its blue. A
//! file of your own needs an input `[batch, 3, height, width]` in [0, 1]; the picture is the drawn stop sign.

use racm::ndarray::{Array2, ArrayView4};
use racm::{BlackBoxModel, BoxError, Effect, Explainer, Target, demo};
use tract_onnx::pb;
use tract_onnx::prelude::*;

/// A network that is ready to run batches of any length.
struct Tract(Arc<TypedRunnableModel>);

impl Tract {
    /// For images of this size.
    fn new(network: InferenceModel, height: usize, width: usize) -> TractResult<Self> {
        let batch = network.symbols.sym("N").to_dim();
        let input = f32::fact(&[batch, 3.to_dim(), height.to_dim(), width.to_dim()]);
        let network = network.with_input_fact(0, input.into())?;
        Ok(Tract(network.into_optimized()?.into_runnable()?))
    }
}

/// All that `racm` wants to know of a model.
impl BlackBoxModel for Tract {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        let shape: [usize; 4] = batch.dim().into();
        let values: Vec<f32> = batch.iter().copied().collect();
        let scores = self
            .0
            .run(tvec!(Tensor::from_shape(&shape, &values)?.into()))?;
        let scores = scores[0].cast_to::<f32>()?;
        let classes = scores.len() / shape[0];
        let scores = scores.try_as_plain_ram()?.as_slice::<f32>()?.to_vec();
        Ok(Array2::from_shape_vec([shape[0], classes], scores)?)
    }
}

fn main() -> Result<(), BoxError> {
    let image = demo::image();
    let (_, height, width) = image.dim();
    let network = match std::env::args().nth(1) {
        Some(path) => onnx().model_for_path(path)?,
        None => onnx().model_for_proto_model(&red_or_blue())?,
    };
    let model = Tract::new(network, height, width)?;
    let explainer = Explainer::builder()
        .masks(500)
        .effect(Effect::Own)
        .build()?;
    let explanation = explainer.explain(&model, &image, Target::Top)?;
    println!(
        "class {}, score {:.3}",
        explanation.targets()[0],
        explanation.unmasked_scores()[0]
    );
    for (name, (value, error)) in explanation
        .plan()
        .plane_names()
        .iter()
        .zip(explanation.carried(0)?)
    {
        println!(
            "  {name:<6} carries {value:+.4} +- {:.4}",
            error.unwrap_or(f64::NAN)
        );
    }
    Ok(())
}

/// Means of red less blue and of blue less red, where they are positive, and the softmax of both.
fn red_or_blue() -> pb::ModelProto {
    let node = |kind: &str, inputs: &[&str], output: &str| pb::NodeProto {
        op_type: kind.to_owned(),
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        ..Default::default()
    };
    let value = |name: &str, sides: &[i64]| pb::ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(pb::TypeProto {
            value: Some(pb::type_proto::Value::TensorType(pb::type_proto::Tensor {
                elem_type: pb::tensor_proto::DataType::Float as i32,
                shape: Some(pb::TensorShapeProto {
                    dim: sides
                        .iter()
                        .map(|&side| pb::tensor_shape_proto::Dimension {
                            value: Some(pb::tensor_shape_proto::dimension::Value::DimValue(side)),
                            ..Default::default()
                        })
                        .collect(),
                }),
            })),
            ..Default::default()
        }),
        ..Default::default()
    };
    pb::ModelProto {
        ir_version: 8,
        opset_import: vec![pb::OperatorSetIdProto {
            version: 17,
            ..Default::default()
        }],
        graph: Some(pb::GraphProto {
            name: "red or blue".to_owned(),
            node: vec![
                node("Conv", &["image", "weights"], "differences"),
                node("Relu", &["differences"], "positive"),
                node("GlobalAveragePool", &["positive"], "means"),
                node("Flatten", &["means"], "scores"),
                node("Softmax", &["scores"], "probabilities"),
            ],
            initializer: vec![pb::TensorProto {
                name: "weights".to_owned(),
                data_type: pb::tensor_proto::DataType::Float as i32,
                dims: vec![2, 3, 1, 1],
                float_data: vec![20.0, 0.0, -20.0, -20.0, 0.0, 20.0],
                ..Default::default()
            }],
            input: vec![value("image", &[1, 3, 96, 96])],
            output: vec![value("probabilities", &[1, 2])],
            ..Default::default()
        }),
        ..Default::default()
    }
}
