//! RaCM refined by Grad-CAM with real gradients, for a small burn network that is trained here in some seconds: which of
//! three signs is it, a red disc, a green square or a blue cross?
//!
//! `cargo run --manifest-path examples/burn/Cargo.toml`

use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::optim::{AdamConfig, GradientsParams};
use burn::prelude::*;
use burn::tensor::activation::{relu, softmax};
use racm::ndarray::{Array2, Array3, Array4, ArrayView3, ArrayView4, Axis};
use racm::{BlackBoxModel, BoxError, WhiteBoxModel};

#[path = "../../signs/mod.rs"]
mod signs;
use signs::{CLASSES, Dice, batch, report};

/// Two convolutions, global average pooling, a linear layer.
#[derive(Module, Debug)]
struct Network {
    first: Conv2d,
    second: Conv2d,
    pool: MaxPool2d,
    last: Linear,
}

impl Network {
    fn new() -> Self {
        let convolution =
            |channels| Conv2dConfig::new(channels, [3, 3]).with_padding(PaddingConfig2d::Same);
        Network {
            first: convolution([3, 8]).init(&device()),
            second: convolution([8, 16]).init(&device()),
            pool: MaxPool2dConfig::new([2, 2]).init(),
            last: LinearConfig::new(16, CLASSES.len()).init(&device()),
        }
    }

    /// Images to activations `[n, 16, 8, 8]`.
    fn backbone(&self, images: Tensor<4>) -> Tensor<4> {
        let x = self.pool.forward(relu(self.first.forward(images)));
        self.pool.forward(relu(self.second.forward(x)))
    }

    /// Activations to logits.
    fn head(&self, features: Tensor<4>) -> Tensor<2> {
        let [n, k, _, _] = features.dims();
        self.last
            .forward(features.mean_dims(&[2, 3]).reshape([n, k]))
    }
}

fn device() -> Device {
    Device::flex().autodiff()
}

fn to_tensor(array: ArrayView4<'_, f32>) -> Tensor<4> {
    let values: Vec<f32> = array.iter().copied().collect();
    let (n, c, h, w) = array.dim();
    Tensor::from_data(TensorData::new(values, [n, c, h, w]), &device())
}

fn to_array<const D: usize>(tensor: Tensor<D>) -> Result<racm::ndarray::ArrayD<f32>, BoxError> {
    let shape = tensor.dims().to_vec();
    let values: Vec<f32> = tensor.into_data().iter::<f32>().collect();
    Ok(racm::ndarray::ArrayD::from_shape_vec(shape, values)?)
}

impl BlackBoxModel for Network {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        let logits = self.head(self.backbone(to_tensor(batch)));
        Ok(to_array(softmax(logits, 1))?.into_dimensionality()?)
    }
}

impl WhiteBoxModel for Network {
    fn features(&self, images: ArrayView4<'_, f32>) -> Result<Array4<f32>, BoxError> {
        Ok(to_array(self.backbone(to_tensor(images)))?.into_dimensionality()?)
    }

    fn scores_from_features(&self, features: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        Ok(to_array(self.head(to_tensor(features)))?.into_dimensionality()?)
    }

    fn gradient(
        &self,
        features: ArrayView3<'_, f32>,
        class: usize,
    ) -> Result<Option<Array3<f32>>, BoxError> {
        let features = to_tensor(features.insert_axis(Axis(0))).require_grad();
        let score = self
            .head(features.clone())
            .slice([0..1, class..class + 1])
            .sum();
        let gradients = score.backward();
        let Some(gradient) = features.grad(&gradients) else {
            return Ok(None);
        };
        let gradient: Array4<f32> = to_array(gradient)?.into_dimensionality()?;
        Ok(Some(gradient.index_axis_move(Axis(0), 0)))
    }
}

/// The same network without its gradient: finite differences take its place.
struct WithoutGradient<'a>(&'a Network);

impl WhiteBoxModel for WithoutGradient<'_> {
    fn features(&self, images: ArrayView4<'_, f32>) -> Result<Array4<f32>, BoxError> {
        self.0.features(images)
    }

    fn scores_from_features(&self, features: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        self.0.scores_from_features(features)
    }
}

fn train(mut network: Network, dice: &mut Dice) -> (Network, f32) {
    let mut optimizer = AdamConfig::new().init();
    let cross_entropy = CrossEntropyLossConfig::new().init(&device());
    let mut last = 0.0;
    for _ in 0..120 {
        let (images, classes) = batch(dice);
        let classes: Vec<i32> = classes.into_iter().map(|c| c as i32).collect();
        let classes = Tensor::<1, Int>::from_data(TensorData::new(classes, [32]), &device());
        let logits = network.head(network.backbone(to_tensor(images.view())));
        let loss = cross_entropy.forward(logits, classes);
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        network = optimizer.step(0.01, network, gradients);
        last = loss.into_data().iter::<f32>().next().unwrap_or_default();
    }
    (network, last)
}

fn main() -> Result<(), BoxError> {
    device().seed(1);
    let mut dice = Dice(1);
    let (network, loss) = train(Network::new(), &mut dice);
    println!("loss after training: {loss:.4}");
    report(&network, &WithoutGradient(&network), &mut dice)
}
