//! Results of other people's code on a real model: RISE's evaluation code and ADCC's.

use std::path::PathBuf;

use crate::data::data;
use crate::npy;
use ndarray::{Array1, Array2, Array3, Axis};
use racm::metrics::{Dcc, Elements, InsertionDeletion, Ranking, Undefined, dcc, dcc_of_maps};
use racm::{Baseline, OnnxModel, OnnxOptions};

/// The agreement asked for.
const TOLERANCE: f64 = 1e-5;

struct Oracle {
    folder: PathBuf,
    name: String,
    class: usize,
    image: Array3<f32>,
    json: serde_json::Value,
}

impl Oracle {
    fn map<A: npyz::Deserialize>(&self, what: &str) -> Array3<A> {
        let path = self.folder.join(format!("{}.{what}.npy", self.name));
        let map: Array2<A> = npy::read(path);
        map.insert_axis(Axis(0))
    }

    fn curve(&self, what: &str) -> Array1<f64> {
        let path = self.folder.join(format!("{}.{what}.npy", self.name));
        npy::try_read(&path)
            .unwrap_or_else(|| npy::read::<f32, ndarray::Ix1>(&path).mapv(f64::from))
    }

    /// NaN where their code has none.
    fn number(&self, key: &str) -> f64 {
        self.json[key].as_f64().unwrap_or(f64::NAN)
    }
}

fn oracles() -> Option<(OnnxModel, Vec<Oracle>)> {
    let folder = data(&["sign.onnx", "oracles/oracles.json"])?;
    let mut options = OnnxOptions::default();
    options.output = Some("prob".to_owned());
    let model = OnnxModel::from_path(folder.join("sign.onnx"), &options).unwrap();
    let folder = folder.join("oracles");
    // Python writes NaN, which JSON has not.
    let text = std::fs::read_to_string(folder.join("oracles.json")).unwrap();
    let list: Vec<serde_json::Value> = serde_json::from_str(&text.replace("NaN", "null")).unwrap();
    let oracles = list.into_iter().map(|json| {
        let name = json["image"].as_str().unwrap().to_owned();
        let png = image::open(folder.join(format!("{name}.png")))
            .unwrap()
            .to_rgb8();
        let (w, h) = (png.width() as usize, png.height() as usize);
        Oracle {
            folder: folder.clone(),
            class: json["top"].as_u64().unwrap() as usize,
            image: Array3::from_shape_fn((3, h, w), |(c, y, x)| {
                f32::from(png.get_pixel(x as u32, y as u32)[c]) / 255.0
            }),
            name,
            json,
        }
    });
    let oracles: Vec<Oracle> = oracles.collect();
    assert!(!oracles.is_empty());
    Some((model, oracles))
}

#[test]
fn curves_agree_with_rises_code() {
    let Some((model, oracles)) = oracles() else {
        return;
    };
    let mut worst = 0.0_f64;
    for oracle in &oracles {
        let ranking = Ranking::new(oracle.map::<f64>("tiefree").view(), Elements::Pixels).unwrap();
        let image = oracle.image.view();
        let rise = InsertionDeletion::rise(96).unwrap();
        let black = rise.clone().insertion_start(Baseline::default());
        for (name, curve) in [
            (
                "deletion_zero",
                rise.deletion(&model, image, &ranking, oracle.class),
            ),
            (
                "insertion_zero",
                black.insertion(&model, image, &ranking, oracle.class),
            ),
            (
                "insertion_blur",
                rise.insertion(&model, image, &ranking, oracle.class),
            ),
        ] {
            let curve = curve.unwrap();
            let theirs = oracle.curve(name);
            assert_eq!(curve.scores.len(), 97);
            assert_eq!(theirs.len(), 97);
            let points = curve.scores.iter().zip(&theirs);
            let deviation = points.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            let area = (curve.auc - oracle.number(name)).abs();
            println!(
                "{} {name}: points {deviation:.1e}, area {area:.1e}",
                oracle.name
            );
            worst = worst.max(deviation).max(area);
        }
    }
    println!("largest deviation: {worst:.2e}");
    assert!(worst < TOLERANCE, "{worst:e}");
}

#[test]
fn dcc_agrees_with_the_adcc_code() {
    let Some((model, oracles)) = oracles() else {
        return;
    };
    let mut undefined = Vec::new();
    for oracle in &oracles {
        let map = oracle.map::<f32>("adcc_map");
        let map_of_explained = oracle.map::<f32>("adcc_map_of_explained");
        let terms: Dcc = dcc(
            &model,
            oracle.image.view(),
            map.view(),
            oracle.class,
            &Baseline::default(),
            |_| Ok(map_of_explained.clone()),
        )
        .unwrap();
        let check = |what: &str, ours: f64, key: &str| {
            let deviation = (ours - oracle.number(key)).abs();
            println!("{} {what}: {deviation:.1e}", oracle.name);
            assert!(deviation < TOLERANCE, "{} {what}: {ours}", oracle.name);
        };
        check("drop", terms.drop.unwrap(), "average_drop");
        check("complexity", terms.complexity.unwrap(), "complexity");
        if oracle.number("adcc").is_nan() {
            assert!(matches!(
                (terms.coherency, terms.value()),
                (
                    Err(Undefined::FlatMapOfExplained { .. }),
                    Err(Undefined::FlatMapOfExplained { .. })
                )
            ));
            undefined.push(&oracle.name);
            continue;
        }
        check("coherency", terms.coherency.unwrap(), "coherency");
        check("dcc", terms.value().unwrap(), "adcc");

        // The arithmetic alone, with their drop: no runtime in between.
        let theirs = 1.0 - oracle.number("average_drop");
        let pure = dcc_of_maps(map.view(), map_of_explained.view(), 1.0, theirs).unwrap();
        check("dcc of maps", pure.value().unwrap(), "adcc");
    }
    assert_eq!(undefined, ["00093", "00076"]);
}
