//! Results of other people's code (autograd, pytorch-grad-cam) on a real model.

use std::path::PathBuf;

use ndarray::{Array1, Array2, Array3, Axis};
use racm::{BlackBoxModel, Cam, CamMethod, OnnxModel, OnnxOptions, SplitModel, WhiteBoxModel};

use crate::data::data;
use crate::npy;

struct Oracle {
    folder: PathBuf,
    name: String,
    class: usize,
    image: Array3<f32>,
}

impl Oracle {
    fn array<D: ndarray::Dimension>(&self, what: &str) -> ndarray::Array<f32, D> {
        npy::read(self.folder.join(format!("{}.{what}.npy", self.name)))
    }
}

fn oracles() -> Option<(SplitModel<OnnxModel>, Vec<Oracle>)> {
    let data = data(&["sign.onnx", "oracles/oracles.json"])?;
    let mut options = OnnxOptions::default();
    options.output = Some("logits".to_owned());
    let model = OnnxModel::split(data.join("sign.onnx"), Some("features"), &options).unwrap();
    let folder = data.join("oracles");
    let text = std::fs::read_to_string(folder.join("oracles.json")).unwrap();
    let list: Vec<serde_json::Value> = serde_json::from_str(&text.replace("NaN", "null")).unwrap();
    let oracles: Vec<Oracle> = list
        .into_iter()
        .map(|json| {
            let name = json["image"].as_str().unwrap().to_owned();
            Oracle {
                class: json["top"].as_u64().unwrap() as usize,
                image: racm::render::read_image(folder.join(format!("{name}.png"))).unwrap(),
                folder: folder.clone(),
                name,
            }
        })
        .collect();
    assert!(!oracles.is_empty());
    Some((model, oracles))
}

fn unit(map: &Array2<f32>) -> Array2<f32> {
    let (low, high) = map
        .iter()
        .fold((f32::MAX, f32::MIN), |(l, h), &v| (l.min(v), h.max(v)));
    map.mapv(|v| {
        if high > low {
            (v - low) / (high - low)
        } else {
            0.0
        }
    })
}

fn largest(a: &Array2<f32>, b: &Array2<f32>) -> f32 {
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
}

#[test]
fn weights_agree_with_autograd() {
    let Some((model, oracles)) = oracles() else {
        return;
    };
    for oracle in &oracles {
        let found = Cam::new(CamMethod::GradCam);
        let found = found.explain(&model, &oracle.image, oracle.class).unwrap();
        let theirs: Array1<f32> = oracle.array("gradcam_weights");
        let most = theirs.iter().fold(0.0f32, |most, w| most.max(w.abs()));
        let pairs = theirs.iter().zip(&found.weights);
        let off = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / most;
        let small: Array2<f32> = oracle.array("gradcam_lowres");
        let low = largest(&small, &found.small_map) / small.iter().fold(0.0, |m, v| v.max(m));
        println!(
            "{}: weights {off:.1e}, map before enlargement {low:.1e}",
            oracle.name
        );
        assert!(
            off < 1e-3 && low < 1e-3,
            "{}: {off:e}, {low:e}",
            oracle.name
        );
    }
}

#[test]
fn maps_agree_with_pytorch_grad_cam() {
    let Some((model, oracles)) = oracles() else {
        return;
    };
    for (method, file) in [
        (CamMethod::GradCam, "gradcam"),
        (CamMethod::GradCamPlusPlus, "gradcampp"),
        (CamMethod::ScoreCam, "scorecam"),
        (CamMethod::AblationCam, "ablationcam"),
    ] {
        for oracle in &oracles {
            let found = Cam::new(method)
                .explain(&model, &oracle.image, oracle.class)
                .unwrap();
            let off = largest(&unit(&oracle.array(file)), &unit(&found.map));
            let (images, heads) = (found.image_calls, found.head_calls);
            println!(
                "{method} {}: {off:.1e}, {images} images, {heads} head calls",
                oracle.name
            );
            assert!(off < 2e-3, "{method} {}: {off:e}", oracle.name);
        }
    }
}

#[test]
fn runtimes_agree_and_offer_the_last_convolution() {
    let Some(data) = data(&["sign.onnx", "oracles/oracles.json"]) else {
        return;
    };
    for (file, output, side) in [
        ("sign.onnx", "logits", 96),
        ("mobilenet_v2.onnx", "prob", 224),
    ] {
        let path = data.join(file);
        if !path.is_file() {
            continue;
        }
        let mut options = OnnxOptions::default();
        options.output = Some(output.to_owned());
        let rten = OnnxModel::split(&path, None, &options).unwrap();
        let [_, Some(k), Some(h), Some(w)] = rten.layer().shape else {
            panic!("{}", rten.layer());
        };
        println!("{file}: {}", rten.layer());
        assert!(rten.layer().crossing.is_empty() && h * w > 1);
        let image = Array3::from_shape_fn((3, side, side), |(c, y, x)| {
            0.5 + 0.5 * ((1 + c) as f32 * 0.05 * y as f32).sin() * (0.04 * x as f32).cos()
        });
        let images = image.view().insert_axis(Axis(0));
        let features = rten.features(images).unwrap();
        assert_eq!(features.dim(), (1, k, h, w));
        let whole = OnnxModel::from_path(&path, &options).unwrap();
        let (parts, whole) = (
            rten.predict(images).unwrap(),
            whole.predict(images).unwrap(),
        );
        assert!(largest(&parts, &whole) < 1e-4);
        #[cfg(feature = "ort")]
        if std::env::var_os("ORT_DYLIB_PATH").is_some() {
            let ort = racm::OrtModel::split(&path, None, &options).unwrap();
            assert_eq!(ort.layer(), rten.layer());
            assert!(largest(&ort.predict(images).unwrap(), &whole) < 1e-3);
            let layers = OnnxModel::layers(&path, &options).unwrap();
            assert_eq!(racm::OrtModel::layers(&path, &options).unwrap(), layers);
        }
    }
}
