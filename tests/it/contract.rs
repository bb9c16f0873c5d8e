//! What the crate promises a model, and what it asks of one.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use ndarray::{Array2, Array3, ArrayView4};
use racm::{BlackBoxModel, BoxError, Explainer, Explanation, FnModel, Target};

use crate::worlds::{Nonlinear, assert_same};

fn image() -> Array3<f32> {
    Array3::from_shape_fn((2, 9, 7), |(c, y, x)| ((c + 1) * (y + 2 * x)) as f32 / 40.0)
}

fn explainer() -> Explainer {
    Explainer::builder()
        .grid(3, 3)
        .masks(100)
        .batch(16)
        .build()
        .unwrap()
}

/// Counts images without being `Sync` (or `Send`).
struct Counting {
    images: Rc<Cell<u64>>,
    batches: RefCell<Vec<usize>>,
}

impl BlackBoxModel for Counting {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        let (n, c, h, w) = batch.dim();
        assert_eq!((c, h, w), image().dim());
        assert!(batch.is_standard_layout() && batch.as_slice().is_some());
        assert!(n >= 1);
        self.images.set(self.images.get() + n as u64);
        self.batches.borrow_mut().push(n);
        Nonlinear { classes: 2 }.predict(batch)
    }
}

#[test]
fn a_run_scores_every_mask_once_and_the_image_once() {
    for masks in [1, 15, 16, 17, 99] {
        for (batch, block) in [(16, 32), (32, 5), (1, 1), (1000, 3)] {
            let model = Counting {
                images: Rc::default(),
                batches: RefCell::default(),
            };
            let explainer = Explainer::builder().grid(3, 3).masks(masks).batch(batch);
            let explainer = explainer.block_size(block).build().unwrap();
            let ledger = explainer.run(&model, &image(), 1).score().unwrap();
            assert_eq!(model.images.get(), masks + 1);
            assert_eq!(ledger.masks(), masks);
            assert_eq!(ledger.blocks() as u64, masks.div_ceil(block as u64));
            let batches = model.batches.take();
            assert_eq!(batches[0], 1);
            assert!(batches[1..batches.len() - 1].iter().all(|&n| n == batch));
            assert_eq!(batches.len() as u64 - 1, masks.div_ceil(batch as u64));
        }
    }
}

#[test]
fn statistics_count_what_the_model_saw() {
    let model = Counting {
        images: Rc::default(),
        batches: RefCell::default(),
    };
    let explanation = explainer().explain(&model, &image(), Target::Top).unwrap();
    let stats = explanation.run_stats();
    assert_eq!((stats.model_calls, stats.batches), (103, 9));
    assert!(stats.stopped.is_none() && stats.model_time <= stats.total_time);
    let (explainer, image) = (explainer(), image());
    let parallel = explainer
        .run(&Nonlinear { classes: 2 }, &image, 0)
        .parallel()
        .explain();
    let stats = *parallel.unwrap().run_stats();
    assert_eq!((stats.model_calls, stats.batches), (103, 9));
}

/// The first image is the image itself; each of the others is `Mask::apply`'s, in the order of the masks. The last two
/// are asked about again (`repeats`).
#[test]
fn the_model_sees_the_image_and_then_the_masks_in_order() {
    let seen = RefCell::new(Vec::new());
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        seen.borrow_mut()
            .extend(batch.outer_iter().map(|x| x.to_owned()));
        Array2::zeros((batch.dim().0, 1))
    });
    let explainer = explainer();
    let ledger = explainer.run(&model, &image(), 0).score().unwrap();
    let plan = explainer.plan([2, 9, 7]).unwrap();
    let seen = seen.into_inner();
    assert_eq!(seen[0], image());
    for (i, x) in seen[1..101].iter().enumerate() {
        let mask = plan.mask(ledger.seed(), i as u64);
        let expected = mask.apply(&image(), &racm::Baseline::default()).unwrap();
        assert_eq!(x, expected, "mask {i}");
    }
}

fn explained(model: &(impl BlackBoxModel + ?Sized)) -> Explanation {
    explainer().explain(model, &image(), 0).unwrap()
}

#[test]
fn references_boxes_and_shared_pointers_are_models() {
    let plain = explained(&Nonlinear { classes: 1 });
    let model = || Nonlinear { classes: 1 };
    assert_same(&plain, &explained(&&model()));
    assert_same(&plain, &explained(&Box::new(model())));
    assert_same(&plain, &explained(&Rc::new(model())));
    assert_same(&plain, &explained(&Arc::new(model())));
    let object: &dyn BlackBoxModel = &model();
    assert_same(&plain, &explained(object));
    assert_same(&plain, &explained(&object));
    let boxed: Box<dyn BlackBoxModel> = Box::new(model());
    assert_same(&plain, &explained(&boxed));
    assert_same(&plain, &explained(&*boxed));
    let shared: Arc<dyn BlackBoxModel + Send + Sync> = Arc::new(model());
    let (explainer, image) = (explainer(), image());
    let parallel = explainer.run(&shared, &image, 0).parallel();
    assert_same(&plain, &parallel.explain().unwrap());
    let parallel = explainer.run(&*shared, &image, 0).parallel();
    assert_same(&plain, &parallel.explain().unwrap());
}

#[test]
fn closures_may_return_scores_or_results() {
    let plain = explained(&Nonlinear { classes: 1 });
    let scores = |b: ArrayView4<'_, f32>| crate::worlds::score_rows(b, 1, crate::worlds::score);
    assert_same(&plain, &explained(&FnModel::new(scores)));
    let fallible = |b: ArrayView4<'_, f32>| Ok::<_, std::fmt::Error>(scores(b));
    assert_same(&plain, &explained(&FnModel::new(fallible)));
    let boxed = |b: ArrayView4<'_, f32>| Ok::<_, BoxError>(scores(b));
    assert_same(&plain, &explained(&FnModel::new(boxed)));
}

/// A plain run calls the model from the calling thread only, also inside a pool.
#[test]
fn a_plain_run_stays_on_its_thread() {
    let here = std::thread::current().id();
    let model = FnModel::new(move |b: ArrayView4<'_, f32>| {
        assert_eq!(std::thread::current().id(), here);
        Array2::zeros((b.dim().0, 1))
    });
    explainer().explain(&model, &image(), 0).unwrap();
    for pool in crate::determinism::pools() {
        pool.install(|| {
            let here = std::thread::current().id();
            let model = FnModel::new(move |b: ArrayView4<'_, f32>| {
                assert_eq!(std::thread::current().id(), here);
                Array2::zeros((b.dim().0, 1))
            });
            explainer().explain(&model, &image(), 0).unwrap();
        });
    }
}

/// What is made is plain data: it crosses threads.
#[test]
fn results_are_send_and_sync() {
    fn check<T: Send + Sync + Unpin + Clone + std::fmt::Debug>() {}
    check::<Explanation>();
    check::<(Explainer, racm::ExplainerBuilder)>();
    check::<racm::Ledger>();
    check::<(racm::Plan, racm::MaskSpec, racm::Mask<'_>)>();
    check::<(Target, racm::Estimator, racm::Link, racm::Baseline)>();
    check::<(racm::Region, racm::Budget, racm::RunStats, racm::Pilot)>();
    check::<(racm::Racm, racm::GroupedRacm, racm::Rise, racm::McRise)>();
    fn shared<T: Send + Sync + std::fmt::Debug>() {}
    shared::<racm::Masker<'_>>();
    shared::<racm::Surrogate<'_>>();
    shared::<std::sync::Arc<dyn racm::MaskFamily>>();
    shared::<racm::Tolerant<racm::demo::Classifier>>();
    shared::<racm::TimeLimit<racm::demo::Classifier>>();
    #[cfg(feature = "onnx")]
    shared::<racm::OnnxModel>();
    #[cfg(feature = "ort")]
    shared::<racm::OrtModel>();
    fn error<T: std::error::Error + Send + Sync + 'static>() {}
    error::<racm::Error>();
    error::<racm::RunError>();
}

/// The defaults that the documentation states.
#[test]
fn defaults() {
    let explainer = Explainer::builder().build().unwrap();
    assert_eq!((explainer.masks(), explainer.seed()), (5000, 0));
    assert_eq!(explainer.estimator(), racm::Estimator::Averaged);
    let racm::MaskSpec {
        family,
        grid,
        enlargement,
        placement,
        p_pix,
        region,
        block_size,
        ..
    } = explainer.spec();
    assert_eq!(
        (family.name().as_str(), *grid, *p_pix, *block_size),
        ("racm", None, 0.5, 32)
    );
    assert_eq!(*enlargement, racm::Enlargement::Bilinear);
    assert_eq!(*placement, racm::Placement::Shifted);
    assert!(region.is_none());
    assert_eq!(explainer.baseline(), &racm::Baseline::Constant(0.0));
    assert_eq!(explainer.link(), racm::Link::Identity);
    assert_eq!(explainer.budget(), &racm::Budget::exactly(5000));
}

/// Eq. 12 by hand: red is a quarter of each of red, yellow, magenta and white.
#[test]
fn colours_become_channels() {
    let image = Array3::from_shape_fn((3, 8, 8), |(c, y, x)| (c * y + x) as f32 / 30.0);
    let model = Nonlinear { classes: 2 };
    let builder = Explainer::builder().grid(4, 4).masks(200);
    let mc = builder.clone().family(racm::McRise::rgb()).build().unwrap();
    let mc = mc.explain(&model, &image, Target::All).unwrap();
    let channels = mc.channel_maps().unwrap();
    assert_eq!(channels.dim(), (2, 3, 8, 8));
    let of = [[0, 3, 4, 6], [1, 3, 5, 6], [2, 4, 5, 6]];
    for ((t, c, y, x), v) in channels.indexed_iter() {
        let sum: f32 = of[c].iter().map(|&j| mc.maps()[[t, j, y, x]]).sum();
        assert!((v - sum / 4.0).abs() < 1e-6);
    }
    let racm = builder
        .clone()
        .build()
        .unwrap()
        .explain(&model, &image, 0)
        .unwrap();
    assert_eq!(racm.channel_maps().unwrap(), racm.maps());
    let rise = builder.family(racm::Rise).build().unwrap();
    assert_eq!(
        rise.explain(&model, &image, 0).unwrap().channel_maps(),
        None
    );
}

/// What a result knows of its making.
#[test]
fn explanations_know_their_parameters() {
    let explanation = explainer()
        .explain(&Nonlinear { classes: 3 }, &image(), [2, 0])
        .unwrap();
    assert_eq!(explanation.targets(), [2, 0]);
    let unmasked = Nonlinear { classes: 3 };
    let unmasked = unmasked
        .predict(image().view().insert_axis(ndarray::Axis(0)))
        .unwrap();
    assert_eq!(
        explanation.unmasked_scores(),
        [unmasked[[0, 2]], unmasked[[0, 0]]]
    );
    assert_eq!((explanation.masks(), explanation.seed()), (100, 0));
    assert_eq!(explanation.plan().plane_names(), ["channel 0", "channel 1"]);
    assert_eq!(explanation.maps().dim(), (2, 2, 9, 7));
    assert_eq!(
        explanation.map(),
        explanation.maps().index_axis(ndarray::Axis(0), 0)
    );
    assert_eq!(explanation.estimator().name(), "averaged");
    assert!(explanation.region().is_none());
}
