//! RaCM refined by Grad-CAM with real gradients, for a small candle network that is trained here in some seconds: which
//! of three signs is it, a red disc, a green square or a blue cross?
//!
//! `cargo run --manifest-path examples/candle/Cargo.toml`

use candle_core::{DType, Device, IndexOp, Tensor, Var};
use candle_nn::{
    AdamW, Conv2d, Conv2dConfig, Linear, Module, Optimizer, ParamsAdamW, VarBuilder, VarMap,
};
use racm::ndarray::{Array2, Array3, Array4, ArrayView3, ArrayView4, Axis};
use racm::{BlackBoxModel, BoxError, WhiteBoxModel};

#[path = "../../signs/mod.rs"]
mod signs;
use signs::{CLASSES, Dice, batch, report};

/// Two convolutions, global average pooling, a linear layer.
struct Network {
    first: Conv2d,
    second: Conv2d,
    last: Linear,
}

impl Network {
    fn new(vars: &VarBuilder<'_>) -> candle_core::Result<Self> {
        let config = Conv2dConfig {
            padding: 1,
            ..Default::default()
        };
        Ok(Network {
            first: candle_nn::conv2d(3, 8, 3, config, vars.pp("first"))?,
            second: candle_nn::conv2d(8, 16, 3, config, vars.pp("second"))?,
            last: candle_nn::linear(16, CLASSES.len(), vars.pp("last"))?,
        })
    }

    /// Images to activations `[n, 16, 8, 8]`.
    fn backbone(&self, images: &Tensor) -> candle_core::Result<Tensor> {
        let x = self.first.forward(images)?.relu()?.max_pool2d(2)?;
        self.second.forward(&x)?.relu()?.max_pool2d(2)
    }

    /// Activations to logits.
    fn head(&self, features: &Tensor) -> candle_core::Result<Tensor> {
        self.last.forward(&features.mean((2, 3))?)
    }
}

fn to_tensor(array: ArrayView4<'_, f32>) -> candle_core::Result<Tensor> {
    let values: Vec<f32> = array.iter().copied().collect();
    Tensor::from_vec(values, array.dim(), &Device::Cpu)
}

fn to_values(tensor: &Tensor) -> candle_core::Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

impl BlackBoxModel for Network {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        let logits = self.head(&self.backbone(&to_tensor(batch)?)?)?;
        let scores = candle_nn::ops::softmax(&logits, 1)?;
        Ok(Array2::from_shape_vec(
            scores.dims2()?,
            to_values(&scores)?,
        )?)
    }
}

impl WhiteBoxModel for Network {
    fn features(&self, images: ArrayView4<'_, f32>) -> Result<Array4<f32>, BoxError> {
        let features = self.backbone(&to_tensor(images)?)?;
        Ok(Array4::from_shape_vec(
            features.dims4()?,
            to_values(&features)?,
        )?)
    }

    fn scores_from_features(&self, features: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        let logits = self.head(&to_tensor(features)?)?;
        Ok(Array2::from_shape_vec(
            logits.dims2()?,
            to_values(&logits)?,
        )?)
    }

    fn gradient(
        &self,
        features: ArrayView3<'_, f32>,
        class: usize,
    ) -> Result<Option<Array3<f32>>, BoxError> {
        let features = Var::from_tensor(&to_tensor(features.insert_axis(Axis(0)))?)?;
        let score = self.head(&features)?.i((0, class))?;
        let gradients = score.backward()?;
        let Some(gradient) = gradients.get(&features) else {
            return Ok(None);
        };
        let (_, k, h, w) = gradient.dims4()?;
        Ok(Some(Array3::from_shape_vec(
            (k, h, w),
            to_values(gradient)?,
        )?))
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

/// Draws the weights from the dice: candle's own generator has no seed on a CPU.
fn draw(vars: &VarMap, dice: &mut Dice) -> Result<(), BoxError> {
    let all = vars.data().lock().map_err(|e| e.to_string())?;
    let mut names: Vec<_> = all.keys().collect();
    names.sort();
    for name in names {
        let var = &all[name];
        // He's rule: a variance of 2 over the inputs, and no bias.
        let inputs: usize = var.dims().iter().skip(1).product();
        let bound = match var.rank() {
            1 => 0.0,
            _ => (6.0 / inputs as f32).sqrt(),
        };
        let values = (0..var.elem_count())
            .map(|_| bound * (2.0 * dice.roll() - 1.0))
            .collect();
        var.set(&Tensor::from_vec::<_, f32>(
            values,
            var.shape(),
            &Device::Cpu,
        )?)?;
    }
    Ok(())
}

fn train(network: &Network, vars: &VarMap, dice: &mut Dice) -> Result<f32, BoxError> {
    let settings = ParamsAdamW {
        lr: 0.01,
        ..Default::default()
    };
    let mut optimizer = AdamW::new(vars.all_vars(), settings)?;
    let mut last = 0.0;
    for _ in 0..120 {
        let (images, classes) = batch(dice);
        let classes: Vec<u32> = classes.into_iter().map(|c| c as u32).collect();
        let classes = Tensor::new(classes, &Device::Cpu)?;
        let logits = network.head(&network.backbone(&to_tensor(images.view())?)?)?;
        let loss = candle_nn::loss::cross_entropy(&logits, &classes)?;
        optimizer.backward_step(&loss)?;
        last = loss.to_scalar()?;
    }
    Ok(last)
}

fn main() -> Result<(), BoxError> {
    let vars = VarMap::new();
    let network = Network::new(&VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu))?;
    let mut dice = Dice(1);
    draw(&vars, &mut dice)?;
    println!(
        "loss after training: {:.4}",
        train(&network, &vars, &mut dice)?
    );
    report(&network, &WithoutGradient(&network), &mut dice)
}
