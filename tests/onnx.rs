//! The two ONNX adapters, run against one table of cases each: models written here byte by byte,
//! and the real models of the shared data where they are present.
#![cfg(any(feature = "onnx", feature = "ort"))]

use std::path::PathBuf;

use ndarray::{Array2, Array4, ArrayView4, Axis, s};
use racm::{
    BlackBoxModel, Device, Error, Layout, OnnxOptions, Preprocess, Preset, Result, SplitModel,
    WhiteBoxModel,
};

mod data;
#[path = "onnx/proto.rs"]
mod proto;
use data::data;
use proto::{Fed, means, toy};

/// What both adapters have in common.
trait Adapter: BlackBoxModel + Sized + Sync + Send + std::fmt::Debug {
    fn from_bytes(bytes: Vec<u8>, options: &OnnxOptions) -> Result<Self>;
    fn from_path(path: &std::path::Path, options: &OnnxOptions) -> Result<Self>;
    fn input_shape(&self) -> [Option<usize>; 3];
    fn fixed_batch(&self) -> Option<usize>;
    fn names(&self) -> [&str; 2];
    fn all_names(&self) -> [&[String]; 2];
    /// Why the runtime cannot be used here.
    fn absent() -> Option<&'static str>;

    fn split(bytes: &[u8], layer: Option<&str>, options: &OnnxOptions) -> Result<SplitModel<Self>>;
    fn split_file(path: &std::path::Path, options: &OnnxOptions) -> Result<SplitModel<Self>>;
    fn features(split: &SplitModel<Self>, batch: ArrayView4<'_, f32>) -> Array4<f32>;
    fn head(split: &SplitModel<Self>, features: ArrayView4<'_, f32>) -> Array2<f32>;

    fn whole(split: &SplitModel<Self>, batch: ArrayView4<'_, f32>) -> Array2<f32>;

    fn scores(&self, batch: ArrayView4<'_, f32>) -> Array2<f32> {
        self.predict(batch).unwrap()
    }
}

macro_rules! adapter {
    ($model:ty, $absent:expr) => {
        impl Adapter for $model {
            fn from_bytes(bytes: Vec<u8>, options: &OnnxOptions) -> Result<Self> {
                <$model>::from_bytes(bytes, options)
            }
            fn from_path(path: &std::path::Path, options: &OnnxOptions) -> Result<Self> {
                <$model>::from_path(path, options)
            }
            fn input_shape(&self) -> [Option<usize>; 3] {
                self.input_shape()
            }
            fn fixed_batch(&self) -> Option<usize> {
                self.fixed_batch()
            }
            fn names(&self) -> [&str; 2] {
                [self.input_name(), self.output_name()]
            }
            fn all_names(&self) -> [&[String]; 2] {
                [self.input_names(), self.output_names()]
            }
            fn absent() -> Option<&'static str> {
                $absent
            }
            fn split(
                bytes: &[u8],
                layer: Option<&str>,
                options: &OnnxOptions,
            ) -> Result<SplitModel<Self>> {
                <$model>::split_bytes(bytes, layer, options)
            }
            fn split_file(
                path: &std::path::Path,
                options: &OnnxOptions,
            ) -> Result<SplitModel<Self>> {
                <$model>::split(path, None, options)
            }
            fn features(split: &SplitModel<Self>, batch: ArrayView4<'_, f32>) -> Array4<f32> {
                split.features(batch).unwrap()
            }
            fn head(split: &SplitModel<Self>, features: ArrayView4<'_, f32>) -> Array2<f32> {
                split.scores_from_features(features).unwrap()
            }
            fn whole(split: &SplitModel<Self>, batch: ArrayView4<'_, f32>) -> Array2<f32> {
                split.predict(batch).unwrap()
            }
        }
    };
}
#[cfg(feature = "onnx")]
adapter!(racm::OnnxModel, None);
#[cfg(feature = "ort")]
adapter!(
    racm::OrtModel,
    std::env::var_os("ORT_DYLIB_PATH")
        .is_none()
        .then_some("ORT_DYLIB_PATH is not set")
);

/// One test of each case and adapter.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        #[cfg(feature = "onnx")]
        mod rten_adapter {
            $(#[test] fn $case() { super::$case::<racm::OnnxModel>(); })*
        }
        #[cfg(feature = "ort")]
        mod ort_adapter {
            use super::Adapter;
            $(#[test] fn $case() {
                match racm::OrtModel::absent() {
                    Some(reason) => eprintln!("skipped: {reason}"),
                    None => super::$case::<racm::OrtModel>(),
                }
            })*
        }
    };
}

cases! {
    sees_the_batch_as_it_is,
    normalises_inside,
    feeds_channels_last,
    feeds_a_fixed_batch_in_pieces,
    flattens_what_is_flat,
    chooses_by_name,
    knows_its_input,
    answers_alike_from_many_threads,
    refuses_what_is_no_model,
    refuses_other_images,
    refuses_options_that_do_not_fit,
    splits_where_everything_passes,
    refuses_cuts_that_leave_something_out,
    splits_a_file_whose_weights_lie_beside_it,
    scores_signs,
    scores_photos,
    repeats_its_answers,
    does_not_repeat_scores_of_the_batch,
}

/// Random images with another value in every element.
fn images(n: usize, c: usize, h: usize, w: usize) -> Array4<f32> {
    let mut state = 1u32;
    Array4::from_shape_simple_fn((n, c, h, w), || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    })
}

fn options(output: &str, preprocess: Preprocess) -> OnnxOptions {
    let mut options = OnnxOptions::default();
    options.output = Some(output.to_owned());
    options.preprocess = preprocess;
    options
}

fn plain(output: &str) -> OnnxOptions {
    options(output, Preprocess::new())
}

fn assert_close(given: &Array2<f32>, expected: &Array2<f32>) {
    assert_eq!(given.dim(), expected.dim());
    for ((index, a), b) in given.indexed_iter().zip(expected) {
        assert!(
            (a - b).abs() <= 1e-5 * b.abs().max(1.0),
            "{index:?}: {a} and {b}"
        );
    }
}

/// The elements of every image in one row.
fn rows(batch: &Array4<f32>) -> Array2<f32> {
    let n = batch.dim().0;
    let standard = batch.as_standard_layout().into_owned();
    standard
        .into_shape_with_order((n, batch.len() / n))
        .unwrap()
}

fn sees_the_batch_as_it_is<A: Adapter>() {
    let batch = images(5, 3, 4, 7);
    let model = A::from_bytes(toy(&Fed::open(Layout::Nchw)), &plain("pixels")).unwrap();
    assert_eq!(model.scores(batch.view()), rows(&batch));
    let of_means = A::from_bytes(toy(&Fed::open(Layout::Nchw)), &plain("means")).unwrap();
    let expected = batch
        .mean_axis(Axis(3))
        .unwrap()
        .mean_axis(Axis(2))
        .unwrap();
    assert_close(&of_means.scores(batch.view()), &expected);
    let every_other = batch.slice(s![..;2, .., .., ..;-1]);
    assert_eq!(model.scores(every_other), rows(&every_other.to_owned()));
}

/// `(image[c(i)] * scale - mean[i]) / std[i]`, written out.
fn by_hand(batch: &Array4<f32>) -> Array4<f32> {
    let (order, mean, std) = ([2, 0, 1], [0.5, -1.0, 20.0], [2.0, 0.5, 4.0]);
    Array4::from_shape_fn(batch.dim(), |(n, i, y, x)| {
        (batch[[n, order[i], y, x]] * 255.0 - mean[i]) / std[i]
    })
}

fn odd_preprocess() -> Result<Preprocess> {
    Preprocess::new()
        .channels([2, 0, 1])?
        .scale(255.0)?
        .mean([0.5, -1.0, 20.0])?
        .std([2.0, 0.5, 4.0])
}

fn normalises_inside<A: Adapter>() {
    let batch = images(2, 3, 4, 7);
    let with = options("pixels", odd_preprocess().unwrap());
    let model = A::from_bytes(toy(&Fed::open(Layout::Nchw)), &with).unwrap();
    assert_eq!(model.scores(batch.view()), rows(&by_hand(&batch)));
    let with = options("means", Preset::ImageNet.into());
    let model = A::from_bytes(toy(&Fed::open(Layout::Nchw)), &with).unwrap();
    let black = model.scores(Array4::zeros((1, 3, 2, 2)).view());
    let expected = ndarray::arr2(&[[-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225]]);
    assert_close(&black, &expected);
    // Four channels in four units.
    let (scale, mean) = ([1e-4, 2.0, -1.0, 1.0], [0.5, 0.0, 0.0, 1.0]);
    let units = Preprocess::new().scales(scale).unwrap().mean(mean).unwrap();
    let model = A::from_bytes(means(4, Some([4, 7])), &options("means", units)).unwrap();
    let image = Array4::from_shape_fn((1, 4, 4, 7), |(_, c, _, _)| [5e3, 3.0, 4.0, 0.0][c]);
    let expected = ndarray::arr2(&[[0.0, 6.0, -4.0, -1.0]]);
    assert_close(&model.scores(image.view()), &expected);
}

fn feeds_channels_last<A: Adapter>() {
    let batch = images(3, 3, 4, 7);
    let bytes = toy(&Fed::open(Layout::Nhwc));
    let nhwc = Preprocess::new().layout(Layout::Nhwc);
    let model = A::from_bytes(bytes.clone(), &options("pixels", nhwc.clone())).unwrap();
    let moved = batch.view().permuted_axes([0, 2, 3, 1]).to_owned();
    assert_eq!(model.scores(batch.view()), rows(&moved));
    let of_means = A::from_bytes(bytes.clone(), &options("means", nhwc)).unwrap();
    let expected = batch
        .mean_axis(Axis(3))
        .unwrap()
        .mean_axis(Axis(2))
        .unwrap();
    assert_close(&of_means.scores(batch.view()), &expected);
    let odd = odd_preprocess().unwrap().layout(Layout::Nhwc);
    let model = A::from_bytes(bytes, &options("pixels", odd)).unwrap();
    let moved = by_hand(&batch).permuted_axes([0, 2, 3, 1]);
    assert_eq!(model.scores(batch.view()), rows(&moved));
}

fn feeds_a_fixed_batch_in_pieces<A: Adapter>() {
    for layout in [Layout::Nchw, Layout::Nhwc] {
        for (fixed, n) in [(1, 1), (1, 5), (4, 4), (4, 8), (4, 3), (4, 9)] {
            let batch = images(n, 3, 4, 7);
            let with = options("pixels", odd_preprocess().unwrap().layout(layout));
            let model = A::from_bytes(toy(&Fed::fixed(layout, fixed)), &with).unwrap();
            assert_eq!(model.fixed_batch(), Some(fixed as usize));
            let expected = match layout {
                Layout::Nchw => by_hand(&batch),
                _ => by_hand(&batch).permuted_axes([0, 2, 3, 1]),
            };
            assert_eq!(model.scores(batch.view()), rows(&expected), "{fixed} {n}");
        }
    }
}

fn flattens_what_is_flat<A: Adapter>() {
    let batch = images(3, 3, 4, 7);
    let means = batch
        .mean_axis(Axis(3))
        .unwrap()
        .mean_axis(Axis(2))
        .unwrap();
    let total = means.mean_axis(Axis(1)).unwrap().insert_axis(Axis(1));
    for fed in [Fed::open(Layout::Nchw), Fed::fixed(Layout::Nchw, 1)] {
        let of = |output| A::from_bytes(toy(&fed), &plain(output)).unwrap();
        assert_close(&of("pooled").scores(batch.view()), &means); // [n, 3, 1, 1]
        assert_close(&of("total").scores(batch.view()), &total); // [n]
        let error = of("raw").predict(batch.view()).unwrap_err().to_string(); // [n, 3, 4, 7]
        assert!(
            error.contains("`raw`") && error.contains("3, 4, 7]"),
            "{error}"
        );
        assert!(error.contains("`means`, `pixels`"), "{error}");
    }
    let squeezed = A::from_bytes(toy(&Fed::fixed(Layout::Nchw, 1)), &plain("squeezed")).unwrap();
    assert_close(&squeezed.scores(batch.view()), &means); // [3] for the one image
}

fn chooses_by_name<A: Adapter>() {
    let bytes = toy(&Fed::open(Layout::Nchw));
    let model = A::from_bytes(bytes.clone(), &OnnxOptions::default()).unwrap();
    assert_eq!(model.names(), ["image", "means"]);
    let [inputs, outputs] = model.all_names();
    assert_eq!(inputs, ["image"]);
    assert_eq!(outputs, ["means", "pixels", "total", "pooled", "raw"]);
    let error = A::from_bytes(bytes.clone(), &plain("prob")).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Adapter { .. }));
    assert!(text.contains("no output `prob`"), "{text}");
    assert!(
        text.contains("`means`, `pixels`, `total`, `pooled`, `raw`"),
        "{text}"
    );
    let mut other = OnnxOptions::default();
    other.input = Some("x".to_owned());
    let text = A::from_bytes(bytes.clone(), &other)
        .unwrap_err()
        .to_string();
    assert!(text.contains("no input `x`, available: `image`"), "{text}");
    other.input = Some("image".to_owned());
    assert_eq!(A::from_bytes(bytes, &other).unwrap().names()[0], "image");
}

fn knows_its_input<A: Adapter>() {
    let open = A::from_bytes(toy(&Fed::open(Layout::Nchw)), &plain("means")).unwrap();
    assert_eq!(open.input_shape(), [Some(3), None, None]);
    assert_eq!(open.fixed_batch(), None);
    let nhwc = options("means", Preprocess::new().layout(Layout::Nhwc));
    let fixed = A::from_bytes(toy(&Fed::fixed(Layout::Nhwc, 2)), &nhwc).unwrap();
    assert_eq!(fixed.input_shape(), [Some(3), Some(4), Some(7)]);
    assert_eq!(fixed.fixed_batch(), Some(2));
}

fn answers_alike_from_many_threads<A: Adapter>() {
    let batch = images(48, 3, 4, 7);
    for threads in [0, 1, 2] {
        let mut with = plain("pixels");
        with.threads = threads;
        let model = A::from_bytes(toy(&Fed::open(Layout::Nchw)), &with).unwrap();
        let expected = rows(&batch);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(model.scores(batch.view()), expected));
            }
        });
        rayon::scope(|scope| {
            for i in 0..48 {
                let (model, batch, expected) = (&model, &batch, &expected);
                scope.spawn(move |_| {
                    let one = model.scores(batch.slice(s![i..i + 1, .., .., ..]));
                    assert_eq!(one.row(0), expected.row(i));
                });
            }
        });
    }
}

fn refuses_what_is_no_model<A: Adapter>() {
    let good = toy(&Fed::open(Layout::Nchw));
    let unknown = proto::one_node("NoSuchOperator");
    for bytes in [
        Vec::new(),
        b"not a model".to_vec(),
        good[..good.len() / 2].to_vec(),
        unknown,
    ] {
        let result = A::from_bytes(bytes, &OnnxOptions::default());
        assert!(matches!(result, Err(Error::Adapter { .. })), "{result:?}");
    }
    let missing = A::from_path("no/such.onnx".as_ref(), &OnnxOptions::default());
    let Err(Error::Io { what, .. }) = missing else {
        panic!("{missing:?}");
    };
    assert!(what.contains("such.onnx"));
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let error = A::from_path(&manifest, &OnnxOptions::default()).unwrap_err();
    assert!(error.to_string().contains("Cargo.toml"), "{error}");
    let error = A::from_bytes(proto::of_bytes(), &OnnxOptions::default()).unwrap_err();
    assert!(
        error.to_string().contains("expected a tensor of f32"),
        "{error}"
    );
    let error = A::from_bytes(proto::of_rank_2(), &OnnxOptions::default()).unwrap_err();
    assert!(
        error.to_string().contains("has 2 dimensions, expected 4"),
        "{error}"
    );
}

fn refuses_other_images<A: Adapter>() {
    let model = A::from_bytes(toy(&Fed::fixed(Layout::Nchw, 1)), &plain("means")).unwrap();
    let refused = |shape| {
        let error = model.predict(Array4::zeros(shape).view()).unwrap_err();
        *error.downcast::<Error>().unwrap()
    };
    let Error::Shape {
        given, expected, ..
    } = refused((2, 3, 5, 7))
    else {
        panic!("no shape error");
    };
    assert_eq!((given, expected), (vec![3, 5, 7], vec![3, 4, 7]));
    assert!(matches!(
        refused((0, 3, 4, 7)),
        Error::Parameter { name: "batch", .. }
    ));
    assert!(matches!(
        refused((1, 3, 0, 7)),
        Error::EmptyImage { shape: [3, 0, 7] }
    ));
}

fn splits_where_everything_passes<A: Adapter>() {
    let batch = images(5, 3, 4, 7) - 0.5;
    let preprocess = Preprocess::new().scale(2.0).unwrap();
    let early = (2.0 * &batch).mapv(|v| v.max(0.0));
    let joined = early.mapv(|v| v + 1.0 / (1.0 + (-v).exp()));
    let scores = Array2::from_shape_fn((5, 3), |(n, c)| {
        joined.slice(s![n, c, .., ..]).mean().unwrap()
    });
    for fixed in [None, Some(1), Some(2)] {
        let bytes = proto::skipping(fixed);
        for (layer, name, expected) in [
            (None, "joined", &joined),
            (Some("joined"), "joined", &joined),
            (Some("early"), "early", &early),
        ] {
            let split = A::split(&bytes, layer, &options("scores", preprocess.clone())).unwrap();
            assert_eq!(split.layer().name, name);
            assert_eq!(split.layer().shape[1..], [Some(3), Some(4), Some(7)]);
            let features = A::features(&split, batch.view());
            assert_eq!(features.dim(), (5, 3, 4, 7));
            assert_close(&rows(&features), &rows(expected));
            assert_close(&A::head(&split, features.view()), &scores);
            assert_close(&A::whole(&split, batch.view()), &scores);
        }
    }
    // An inner value can be the scores.
    let split = A::split(
        &proto::skipping(None),
        Some("early"),
        &options("pooled", preprocess),
    )
    .unwrap();
    assert_close(&A::whole(&split, batch.view()), &scores);
}

fn splits_a_file_whose_weights_lie_beside_it<A: Adapter>() {
    let kind = std::any::type_name::<A>().rsplit("::").next().unwrap();
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("external_{kind}"));
    std::fs::create_dir_all(&folder).unwrap();
    let model = folder.join("model.onnx");
    let weights: Vec<u8> = [99.0f32, 1.0, -2.0, 0.5]
        .iter()
        .flat_map(|w| w.to_le_bytes())
        .collect();
    std::fs::write(folder.join("weights.bin"), &weights).unwrap();
    let split = |location: &str| {
        std::fs::write(&model, proto::with_external_data(location)).unwrap();
        A::split_file(&model, &plain("scores"))
    };
    let batch = images(2, 3, 4, 7);
    let scores = Array2::from_shape_fn((2, 3), |(n, c)| {
        batch.slice(s![n, c, .., ..]).mean().unwrap() + [1.0, -2.0, 0.5][c]
    });
    let model = split("weights.bin").unwrap();
    assert_eq!(model.layer().name, "layer");
    assert_close(&A::whole(&model, batch.view()), &scores);
    for (location, said) in [
        ("../weights.bin", "not a file beside"),
        ("none.bin", "none.bin"),
    ] {
        let error = split(location)
            .map(|split| split.layer().clone())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("external data of `shift`") && error.contains(said),
            "{error}"
        );
    }
    std::fs::write(folder.join("weights.bin"), &weights[..10]).unwrap();
    let error = split("weights.bin")
        .map(|split| split.layer().clone())
        .unwrap_err()
        .to_string();
    assert!(error.contains("only 10 bytes"), "{error}");
}

fn refuses_cuts_that_leave_something_out<A: Adapter>() {
    let bytes = proto::skipping(None);
    let refused = |layer: &str, output: &str| {
        let result = A::split(&bytes, Some(layer), &plain(output));
        result
            .map(|split| split.layer().clone())
            .unwrap_err()
            .to_string()
    };
    let error = refused("late", "scores");
    assert!(
        error.contains("cannot be cut at `late`") && error.contains("`early`"),
        "{error}"
    );
    for name in ["nothing", "image", "scores", "aside"] {
        let error = refused(name, "scores");
        for said in [
            name,
            "`pooled` [n, 3, 1, 1] (GlobalAveragePool)",
            "`early` [n, 3, 4, 7] (Relu)",
        ] {
            assert!(error.contains(said), "{error}");
        }
    }
    let error = refused("joined", "aside");
    assert!(error.contains("no layer `joined`"), "{error}");
    let error = refused("joined", "nothing");
    assert!(error.contains("no output `nothing`"), "{error}");
    for bad in [&b"not a model"[..], &[], &proto::of_rank_2()] {
        let result = A::split(bad, None, &OnnxOptions::default());
        assert!(matches!(result, Err(Error::Adapter { .. })), "{result:?}");
    }
}

fn refuses_options_that_do_not_fit<A: Adapter>() {
    let grey = Preprocess::new().mean([0.1, 0.2]).unwrap();
    let result = A::from_bytes(toy(&Fed::open(Layout::Nchw)), &options("means", grey));
    assert!(
        matches!(result, Err(Error::Parameter { name: "mean", .. })),
        "{result:?}"
    );
    let mut many = plain("means");
    many.threads = 1025;
    let result = A::from_bytes(toy(&Fed::open(Layout::Nchw)), &many);
    assert!(
        matches!(
            result,
            Err(Error::Parameter {
                name: "threads",
                ..
            })
        ),
        "{result:?}"
    );
}

#[test]
fn preprocess_is_checked() {
    let parameter = |result: Result<Preprocess>| match result {
        Err(Error::Parameter { name, .. }) => name,
        other => panic!("{other:?}"),
    };
    let new = Preprocess::new;
    for scale in [0.0, f32::NAN, f32::INFINITY] {
        assert_eq!(parameter(new().scale(scale)), "scale");
    }
    for scale in [vec![], vec![1.0, 0.0], vec![2.0, f32::NAN]] {
        assert_eq!(parameter(new().scales(scale)), "scale");
    }
    for mean in [vec![], vec![f32::NAN], vec![0.0, f32::NEG_INFINITY, 0.0]] {
        assert_eq!(parameter(new().mean(mean)), "mean");
    }
    for std in [
        vec![],
        vec![0.0],
        vec![1.0, -1.0],
        vec![f32::NAN],
        vec![f32::INFINITY],
    ] {
        assert_eq!(parameter(new().std(std)), "std");
    }
    for order in [vec![], vec![1], vec![0, 0], vec![0, 1, 3], vec![1, 2]] {
        assert_eq!(parameter(new().channels(order)), "channels");
    }
    let three = || new().channels([2, 1, 0]).unwrap();
    assert_eq!(parameter(three().scales([2.0, 1.0])), "scale");
    assert_eq!(parameter(three().mean([0.0, 1.0])), "mean");
    assert_eq!(parameter(three().std([1.0; 4])), "std");
    assert_eq!(
        parameter(new().std([2.0; 4]).unwrap().channels([2, 1, 0])),
        "channels"
    );
    assert_eq!(
        parameter(new().std([2.0; 4]).unwrap().mean([0.0; 3])),
        "mean"
    );
    assert!(three().mean([0.5]).and_then(|p| p.std([0.5])).is_ok());
    assert!(new().mean([0.5]).and_then(|p| p.channels([1, 0])).is_ok());
    let error = three()
        .apply(Array4::zeros((1, 4, 2, 2)).view())
        .unwrap_err();
    assert!(matches!(
        error,
        Error::Parameter {
            name: "channels",
            ..
        }
    ));
}

#[test]
fn preprocess_copies_only_what_changes() {
    let batch = images(2, 3, 4, 5);
    let identity = Preprocess::new().channels([0, 1, 2]).unwrap();
    for same in [Preprocess::new(), Preprocess::default(), identity] {
        let seen = same.apply(batch.view()).unwrap();
        assert_eq!(seen.as_ptr(), batch.as_ptr());
    }
    let turned = batch.view().permuted_axes([0, 1, 3, 2]);
    let seen = Preprocess::new().apply(turned).unwrap();
    assert!(seen.is_standard_layout() && seen == turned);
    let one = Preprocess::new()
        .mean([0.5])
        .and_then(|p| p.std([0.25]))
        .unwrap();
    assert_eq!(one.apply(batch.view()).unwrap(), (&batch - 0.5) / 0.25);
}

/// Pins what the documentation says is missing: the day this fails, say so there.
#[cfg(feature = "onnx")]
#[test]
fn rten_names_the_operator_it_lacks() {
    for operator in [
        "LRN",
        "Selu",
        "Celu",
        "Mish",
        "GroupNormalization",
        "LpPool",
        "SpaceToDepth",
        "QLinearConv",
    ] {
        let loaded =
            racm::OnnxModel::from_bytes(proto::one_node(operator), &OnnxOptions::default());
        let error = loaded.unwrap_err().to_string();
        assert!(error.contains(operator), "{error}");
    }
}

#[cfg(feature = "onnx")]
#[test]
fn rten_runs_on_the_cpu_only() {
    let mut options = plain("scores");
    options.device = Device::Cuda(1);
    let bytes = toy(&Fed::open(Layout::Nchw));
    let loaded = racm::OnnxModel::from_bytes(bytes.clone(), &options).map(drop);
    let split = racm::OnnxModel::split_bytes(&proto::skipping(None), None, &options).map(drop);
    for error in [loaded.unwrap_err(), split.unwrap_err()] {
        assert!(matches!(error, Error::Parameter { name: "device", .. }));
        assert!(
            error
                .to_string()
                .starts_with("device is cuda:1, expected cpu")
        );
    }
}

/// A GPU that is not there is an error that says what is missing. Where there is one, it answers like the CPU.
#[cfg(feature = "ort")]
#[test]
fn ort_never_falls_back_to_the_cpu() {
    let Some(library) = std::env::var_os("ORT_DYLIB_PATH") else {
        eprintln!("skipped: ORT_DYLIB_PATH is not set");
        return;
    };
    let library = PathBuf::from(library);
    let library = library.canonicalize().unwrap_or(library);
    let bytes = toy(&Fed::open(Layout::Nchw));
    let on = |device| {
        let mut options = plain("means");
        options.device = device;
        racm::OrtModel::from_bytes(bytes.clone(), &options)
    };
    let batch = images(3, 3, 8, 8);
    let cpu = on(Device::Cpu).unwrap().scores(batch.view());
    if let Ok(model) = on(Device::Cuda(0)) {
        assert_close(&model.scores(batch.view()), &cpu);
    }
    let error = on(Device::Cuda(255)).unwrap_err();
    let Error::Device {
        device,
        library: loaded,
        reason,
        needed,
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!((&**device, PathBuf::from(loaded)), ("cuda:255", library));
    assert!(
        reason.contains("CUDA") || reason.contains("libonnxruntime_providers"),
        "{reason}"
    );
    let whole = error.to_string();
    assert!(whole.contains(reason) && whole.contains(needed), "{whole}");
    // The CPU still serves.
    assert_close(&on(Device::Cpu).unwrap().scores(batch.view()), &cpu);
}

/// A missing, foreign or useless library is an error: no panic and no hang, however often it is
/// asked for. In a process of its own, as the library is loaded once.
#[cfg(all(feature = "ort", target_os = "linux"))]
#[test]
fn ort_reports_a_missing_library() {
    use std::process::Command;
    use std::time::{Duration, Instant};

    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    for library in [
        "/no/such/libonnxruntime.so",
        "no-such.so",
        manifest,
        "libc.so.6",
    ] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "ort_child_without_a_library"])
            .env("ORT_DYLIB_PATH", library)
            .spawn()
            .unwrap();
        let end = Instant::now() + Duration::from_secs(60);
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > end => {
                    child.kill().unwrap();
                    panic!("hangs on {library}");
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        assert!(status.success(), "{library}");
    }
}

#[cfg(all(feature = "ort", target_os = "linux"))]
#[test]
#[ignore = "the other half of ort_reports_a_missing_library"]
fn ort_child_without_a_library() {
    let library = std::env::var("ORT_DYLIB_PATH").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2 {
                    let bytes = toy(&Fed::open(Layout::Nchw));
                    let result = racm::OrtModel::from_bytes(bytes, &OnnxOptions::default());
                    let Err(Error::Adapter { what, reason }) = result else {
                        panic!("{result:?}");
                    };
                    assert_eq!(what, "loading ONNX Runtime");
                    assert!(reason.contains(&library), "{reason}");
                    assert!(reason.contains("ORT_DYLIB_PATH"), "{reason}");
                }
            });
        }
    });
}

/// The images of a csv, with their labels and scores.
#[cfg(feature = "render")]
fn listed(data: &std::path::Path, name: &str) -> (Array4<f32>, Vec<(usize, f32)>) {
    let text = std::fs::read_to_string(data.join(format!("{name}.csv"))).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let column = |wanted: &[&str]| header.iter().position(|h| wanted.contains(h)).unwrap();
    let (file, label) = (column(&["file"]), column(&["label", "top_class"]));
    assert_eq!(header.last(), Some(&"score")); // names before it may hold commas
    let (mut pixels, mut truth, mut side) = (Vec::new(), Vec::new(), 0);
    for line in lines {
        let image = image::open(data.join(name).join(line[file]))
            .unwrap()
            .to_rgb8();
        side = image.width() as usize;
        let bytes = image.into_raw();
        pixels.extend((0..3).flat_map(|c| {
            bytes
                .iter()
                .skip(c)
                .step_by(3)
                .map(|&v| f32::from(v) / 255.0)
                .collect::<Vec<_>>()
        }));
        truth.push((
            line[label].parse().unwrap(),
            line[line.len() - 1].parse().unwrap(),
        ));
    }
    let shape = (truth.len(), 3, side, side);
    (Array4::from_shape_vec(shape, pixels).unwrap(), truth)
}

#[cfg(not(feature = "render"))]
fn listed(_: &std::path::Path, _: &str) -> (Array4<f32>, Vec<(usize, f32)>) {
    eprintln!("skipped: reading the images takes the feature render");
    (Array4::zeros((0, 3, 1, 1)), Vec::new())
}

fn scores_as_listed<A: Adapter>(model: &str, images: &str, expected: [usize; 3], classes: usize) {
    let Some(data) = data(&["sign.onnx"]) else {
        return;
    };
    let (batch, truth) = listed(&data, images);
    let model = A::from_path(&data.join(model), &plain("prob")).unwrap();
    assert_eq!(model.input_shape(), expected.map(Some));
    if truth.is_empty() {
        return;
    }
    let scores = model.scores(batch.view());
    assert_eq!(scores.dim(), (truth.len(), classes));
    let mut worst = 0f32;
    for (row, &(label, score)) in scores.outer_iter().zip(&truth) {
        worst = worst.max((row[label] - score).abs());
        assert!(
            row.iter().all(|&s| s <= row[label]),
            "another class is above {label}"
        );
    }
    println!(
        "{images}: at most {worst:e} from the listed scores of {} images",
        truth.len()
    );
    assert!(worst < 1e-3);
}

fn scores_signs<A: Adapter>() {
    scores_as_listed::<A>("sign.onnx", "signs", [3, 96, 96], 43);
}

fn scores_photos<A: Adapter>() {
    scores_as_listed::<A>("mobilenet_v2.onnx", "photos", [3, 224, 224], 1001);
}

/// A network that normalises by its batch is none.
fn does_not_repeat_scores_of_the_batch<A: Adapter>() {
    let model = A::from_bytes(proto::of_the_batch(), &OnnxOptions::default()).unwrap();
    let explainer = racm::Explainer::builder().grid(2, 2).masks(100).batch(16);
    let image = images(1, 3, 4, 7);
    let image = image.index_axis(Axis(0), 0);
    let explanation = explainer.build().unwrap().explain(&model, &image, 1);
    let repeats = explanation.unwrap().run_stats().repeats;
    assert!(repeats.count == 1 && !repeats.agree(), "{repeats:?}");
}

/// Networks whose rounding depends on the size of the batch are functions all the same.
fn repeats_its_answers<A: Adapter>() {
    let Some(data) = data(&["sign.onnx", "mobilenet_v2.onnx"]) else {
        return;
    };
    let mut worst = 0f64;
    for (file, images, output, every, batch) in [
        ("sign.onnx", "signs", "prob", 30, 32),
        ("sign.onnx", "signs", "logits", 30, 32),
        ("mobilenet_v2.onnx", "photos", "prob", 18, 8),
    ] {
        let model = A::from_path(&data.join(file), &plain(output)).unwrap();
        let (batches, _) = listed(&data, images);
        let builder = racm::Explainer::builder().masks(100).batch(batch);
        let explainer = builder.build().unwrap();
        for image in batches.outer_iter().step_by(every) {
            let explanation = explainer.explain(&model, &image, racm::Target::Top);
            let repeats = explanation.unwrap().run_stats().repeats;
            assert!(repeats.count == 1 && repeats.agree(), "{file}: {repeats:?}");
            worst = worst.max(repeats.difference / repeats.tolerance);
        }
    }
    println!("answers differ by at most {worst:.1e} of what is tolerated");
}

/// Both runtimes answer alike: probabilities within 1e-4, logits within 1e-4 of the largest.
#[cfg(all(feature = "onnx", feature = "ort"))]
#[test]
fn runtimes_agree() {
    if let Some(reason) = racm::OrtModel::absent() {
        return eprintln!("skipped: {reason}");
    }
    let Some(data) = data(&["sign.onnx"]) else {
        return;
    };
    for (file, images, output) in [
        ("sign.onnx", "signs", "prob"),
        ("sign.onnx", "signs", "logits"),
        ("mobilenet_v2.onnx", "photos", "prob"),
    ] {
        let (batch, truth) = listed(&data, images);
        if truth.is_empty() {
            return;
        }
        let path = data.join(file);
        let rten = racm::OnnxModel::from_path(&path, &plain(output)).unwrap();
        let ort = racm::OrtModel::from_path(&path, &plain(output)).unwrap();
        let (a, b) = (rten.scores(batch.view()), ort.scores(batch.view()));
        let scale = if output == "logits" {
            b.fold(0f32, |m, v| m.max(v.abs()))
        } else {
            1.0
        };
        let worst = a
            .iter()
            .zip(&b)
            .fold(0f32, |m, (a, b)| m.max((a - b).abs()))
            / scale;
        println!(
            "{file} {output}: {} images differ by at most {worst:e}",
            truth.len()
        );
        assert!(worst < 1e-4);
    }
}

/// Milliseconds an image: `cargo test --release ... -- --ignored --nocapture milliseconds`.
#[test]
#[ignore = "a measurement"]
fn milliseconds_an_image() {
    fn measure<A: Adapter>(runtime: &str) {
        if let Some(reason) = A::absent() {
            return eprintln!("skipped: {reason}");
        }
        let Some(data) = data(&["sign.onnx"]) else {
            return;
        };
        for (file, side, n) in [("sign.onnx", 96, 32), ("mobilenet_v2.onnx", 224, 16)] {
            for threads in [1, 0] {
                let mut with = plain("prob");
                with.threads = threads;
                let start = std::time::Instant::now();
                let model = A::from_path(&data.join(file), &with).unwrap();
                let load = start.elapsed().as_secs_f64() * 1e3;
                let batch = images(n, 3, side, side);
                let mut best = f64::INFINITY;
                for _ in 0..6 {
                    let start = std::time::Instant::now();
                    model.scores(batch.view());
                    best = best.min(start.elapsed().as_secs_f64() * 1e3 / n as f64);
                }
                println!("{runtime} {file} threads {threads}: {best:.2} ms (load {load:.0} ms)");
            }
        }
    }
    #[cfg(feature = "onnx")]
    measure::<racm::OnnxModel>("rten");
    #[cfg(feature = "ort")]
    measure::<racm::OrtModel>("ort");
}

/// What a file is refused for, its bytes are, too: a length that nothing follows, and graphs that would fill the stack.
#[cfg(feature = "onnx")]
#[test]
fn bytes_are_checked_before_the_runtime_reads_them() {
    let claim = [
        proto::number(1, 8),
        vec![7 << 3 | 2, 0xff, 0xff, 0xff, 0x7f],
    ]
    .concat();
    let nest = |inner: Vec<u8>, _| proto::bytes(1, &proto::bytes(5, &proto::bytes(6, &inner)));
    let nested = proto::bytes(7, &(0..20_000).fold(Vec::new(), nest));
    for (bytes, said) in [(claim, "not a whole ONNX file"), (nested, "64 deep")] {
        let options = racm::OnnxOptions::default();
        let whole = racm::OnnxModel::from_bytes(bytes.clone(), &options).unwrap_err();
        let split = racm::OnnxModel::split_bytes(&bytes, None, &options).unwrap_err();
        for error in [whole, split] {
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}
