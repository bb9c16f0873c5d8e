//! Ledgers on disk while runs go on: nothing is lost, nothing is mixed, and what is damaged is said.

use std::cell::Cell;
use std::fs;
use std::ops::ControlFlow::{Break, Continue};
use std::path::{Path, PathBuf};

use ndarray::{Array2, Array3, ArrayView4, s};
use racm::{
    Baseline, BlackBoxModel, Budget, Error, Estimator, Explainer, ExplainerBuilder, Explanation,
    FnModel, Ledger, McRise, Racm, Region, Rise, Run, Segments, StopReason, StopRule, Target, demo,
};

use crate::worlds::assert_same;

/// A path of its own for each test, where nothing is.
pub fn path(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ledger_files");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{name}.racm"));
    let _ = fs::remove_file(&path);
    path
}

pub fn image() -> Array3<f32> {
    demo::image().slice(s![.., 16..80;4, 16..80;4]).to_owned()
}

pub fn builder() -> ExplainerBuilder {
    Explainer::builder()
        .estimator(Estimator::Centred)
        .grid(4, 4)
        .block_size(8)
        .batch(5)
        .masks(100)
        .seed(3)
}

/// The demo, and how many images it was shown.
#[derive(Default)]
struct Counted(Cell<u64>);

impl BlackBoxModel for Counted {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, racm::BoxError> {
        self.0.set(self.0.get() + batch.dim().0 as u64);
        demo::Classifier.predict(batch)
    }
}

/// One run on a file, with the number of images that it showed the model, but for those that it asked about again.
pub fn on_file(explainer: &Explainer, file: &Path) -> (Result<Explanation, Error>, u64) {
    let (model, image) = (Counted::default(), image());
    let run = explainer.run(&model, &image, Target::Top);
    let outcome = run.model_name("demo").ledger_file(file).explain();
    let again = outcome
        .as_ref()
        .map_or(0, |found| found.run_stats().repeats.count);
    (outcome.map_err(Error::from), model.0.get() - 2 * again)
}

pub fn whole(explainer: &Explainer) -> Explanation {
    let image = image();
    explainer
        .explain(&demo::Classifier, &image, Target::Top)
        .unwrap()
}

/// Scores at most so many masks of a run on a file.
fn begin(explainer: &Explainer, file: &Path, masks: u64) {
    let image = image();
    let run = explainer.run(&demo::Classifier, &image, Target::Top);
    let run = run.model_name("demo").ledger_file(file);
    let run = run.progress(|p| {
        if p.masks() < masks {
            Continue(())
        } else {
            Break(())
        }
    });
    run.score().unwrap();
}

#[test]
fn other_runs_are_refused_and_told() {
    let file = path("others");
    let explainer = builder().build().unwrap();
    begin(&explainer, &file, 40);
    let before = fs::read(&file).unwrap();
    let pixels = |count: usize| {
        let map = Array2::from_shape_fn((16, 16), |(y, x)| (y * 16 + x) as f32);
        Region::top_fraction(&map, count as f64 / 256.0).unwrap()
    };
    let rows = Segments::grid([16, 16], 4, 1).unwrap();
    for (other, what, difference) in [
        (builder().seed(4), "seed", "it has 3, expected 4"),
        (builder().grid(4, 5), "grid", "it has 4 4, expected 4 5"),
        (builder().p_pix(0.25), "P_pix", "it has 0.5, expected 0.25"),
        (
            builder().family(Rise),
            "family",
            "it has racm, expected rise",
        ),
        (
            builder().block_size(16),
            "block size",
            "it has 8, expected 16",
        ),
        (
            builder().baseline(Baseline::Constant(0.5)),
            "baseline",
            "it has 0, expected 0.5",
        ),
        (
            builder().region(pixels(64)),
            "region",
            "it has none, expected 64 pixels, ",
        ),
        (
            builder().segments(rows),
            "segments",
            "it has none, expected 4 segments, ",
        ),
    ] {
        let (refused, calls) = on_file(&other.build().unwrap(), &file);
        let error = refused.unwrap_err();
        assert!(
            matches!(error, Error::Ledger { what: w, .. } if w == what),
            "{error}"
        );
        assert!(error.to_string().contains(difference), "{error}");
        assert_eq!(calls, 0, "{error}");
    }
    let darker = image().mapv(|v| 0.9 * v);
    let run = || explainer.run(&demo::Classifier, &darker, Target::Top);
    let own = image();
    let with = |target: Target, name: &'static str| {
        explainer
            .run(&demo::Classifier, &own, target)
            .model_name(name)
    };
    let refused = |run: Run<'_, demo::Classifier>, expected: &str| {
        let error = run.ledger_file(&file).explain().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    refused(run().model_name("demo"), "another image: it has ");
    refused(
        with(Target::All, "demo"),
        "another set of targets: it has [0], expected [0, 1, 2, ",
    );
    refused(with(12.into(), "demo"), "class 12 was asked for");
    refused(
        with(Target::Top, "other\nmodel"),
        "another model: it has demo, expected other\\nmodel",
    );
    // Another model under the same name, or under none, and fewer classes.
    let other = FnModel::new(|b: ArrayView4<'_, f32>| Array2::from_elem((b.dim().0, 12), 0.25));
    let fewer = FnModel::new(|b: ArrayView4<'_, f32>| Array2::from_elem((b.dim().0, 2), 0.25));
    for named in [true, false] {
        let named = |run: Run<'_, _>| match named {
            true => run.model_name("demo").ledger_file(&file).explain(),
            false => run.ledger_file(&file).explain(),
        };
        let error = named(explainer.run(&other, &own, Target::Top)).unwrap_err();
        assert!(
            matches!(error.cause(), Error::LedgerConflict { .. }),
            "{error}"
        );
    }
    let error = explainer
        .run(&fewer, &own, Target::Top)
        .ledger_file(&file)
        .explain()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("another number of classes: it has 12, expected 2"),
        "{error}"
    );
    assert_eq!(fs::read(&file).unwrap(), before);

    for (contents, expected) in [
        (&b"my notes"[..], "it does not begin with RACMLED3"),
        (
            b"RACMLED1 and so on",
            "it is in the format RACMLED1; this version reads RACMLED3",
        ),
        (b"RACML!", "it does not begin with RACMLED3"),
    ] {
        fs::write(&file, contents).unwrap();
        let (refused, calls) = on_file(&explainer, &file);
        let error = refused.unwrap_err().to_string();
        assert!(
            error.starts_with("not a ledger: ") && error.ends_with(expected),
            "{error}"
        );
        assert_eq!((calls, fs::read(&file).unwrap()), (0, contents.to_vec()));
    }
    let folder = file.parent().unwrap();
    let error = on_file(&explainer, folder).0.unwrap_err().to_string();
    assert!(
        error.ends_with("it is a folder, expected a file"),
        "{error}"
    );
    let nowhere = folder.join("not/there.racm");
    let error = on_file(&explainer, &nowhere).0.unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    assert!(error.to_string().contains("writing the ledger"), "{error}");
}

/// One file serves more masks, fewer masks, other rules and other estimators, and the maps are those of quiet runs.
#[test]
fn one_file_serves_every_budget_and_estimator() {
    let file = path("budgets");
    let until = |certainty| {
        let budget = Budget::new()
            .calls(3000)
            .until(StopRule::Certainty(certainty));
        builder().budget(budget)
    };
    let mut scored = 0;
    for (asked, reason) in [
        (until(0.6), Some(StopReason::Certainty)),
        (builder().masks(700), None),
        (until(0.8), Some(StopReason::Certainty)),
        // Fewer than there are: it stops where it would have stopped.
        (until(0.6), Some(StopReason::Certainty)),
        (until(0.6).estimator(Estimator::HorvitzThompson), None),
        (builder().masks(50), None),
        (
            builder().masks(1200).estimator(Estimator::SelfNormalised),
            None,
        ),
    ] {
        let explainer = asked.build().unwrap();
        let quiet = whole(&explainer);
        let (found, calls) = on_file(&explainer, &file);
        let found = found.unwrap();
        assert_same(&quiet, &found);
        assert_eq!(found.run_stats().stopped, quiet.run_stats().stopped);
        assert!(reason.is_none() || found.run_stats().stopped == reason);
        assert_eq!(found.run_stats().looks, quiet.run_stats().looks);
        let more = quiet.masks().saturating_sub(scored);
        // The unmasked image is asked about the first time, and whenever there is more to ask.
        assert_eq!(calls, if more > 0 { more + 1 } else { 0 });
        scored += more;
    }
    // All targets by name or by `all`; a run without a name asks about the unmasked image.
    let image = image();
    let explainer = builder().build().unwrap();
    let all = path("targets");
    for (target, named, calls) in [
        (Target::All, false, 101),
        ((0..12).collect::<Vec<_>>().into(), true, 1),
        // The name is in the file now.
        (Target::All, true, 0),
        (Target::All, false, 1),
    ] {
        let model = Counted::default();
        let mut run = explainer.run(&model, &image, target).ledger_file(&all);
        if named {
            run = run.model_name("demo");
        }
        let again = run.explain().unwrap().run_stats().repeats.count;
        assert_eq!(model.0.get() - 2 * again, calls);
    }
}

/// Looks that an earlier run has passed are not shown again.
#[test]
fn only_new_looks_are_shown() {
    let file = path("looks");
    let explainer = builder().masks(600).build().unwrap();
    begin(&explainer, &file, 240);
    let seen = Cell::new((0, 0));
    let image = image();
    let run = explainer
        .run(&demo::Classifier, &image, Target::Top)
        .ledger_file(&file);
    run.on_look(|look| {
        seen.set((look.masks(), seen.get().1 + 1));
        Continue(())
    })
    .explain()
    .unwrap();
    // At 104, 160, 240, 360 and 544 masks, where not too soon; the run was stopped at the third.
    assert!(
        seen.get().0 >= 240 && (1..=3).contains(&seen.get().1),
        "{:?}",
        seen.get()
    );
}

#[test]
fn a_ledger_in_memory_and_one_on_disk_add_up() {
    let file = path("both");
    let explainer = builder().build().unwrap();
    let image = image();
    let shard = |blocks| {
        explainer
            .run(&demo::Classifier, &image, Target::Top)
            .blocks(blocks)
            .score()
            .unwrap()
    };
    begin(&explainer, &file, 30);
    let model = Counted::default();
    let run = explainer
        .run(&model, &image, Target::Top)
        .ledger(shard(8..11))
        .ledger_file(&file);
    assert_same(&whole(&explainer), &run.explain().unwrap());
    assert_eq!(model.0.get(), 1 + 100 - 30 - 24);
    assert_eq!(on_file(&explainer, &file).1, 0);
}

/// A plan in a header is the plan, for every kind of it; and nothing is taken for another's.
#[test]
fn plans_are_made_again_from_headers() {
    let labels = Array2::from_shape_fn((16, 16), |(y, x)| (y / 5 * 3 + x / 7) as i64 - 2);
    let saliency = Array2::from_shape_fn((16, 16), |(y, x)| ((y * 7 + x * 5) % 11) as f32);
    let colours = [
        ("rust\tred", vec![0.7, 0.25, 1e-7]),
        ("a\\n\n", vec![0.0, -1.5, 3.0]),
    ];
    for spec in [
        builder(),
        builder()
            .family(Rise)
            .p_pix(1.0 / 3.0)
            .placement(racm::Placement::Fixed),
        builder()
            .family(McRise::rgb())
            .enlargement(racm::Enlargement::Nearest),
        builder().family(McRise::new(colours).unwrap()),
        builder().family(Racm::grouped([("sea", vec![0, 2]), ("land, air", vec![1])]).unwrap()),
        builder().segments(Segments::from_labels(&labels).unwrap()),
        builder().region(Region::top_fraction(&saliency, 0.4).unwrap()),
    ] {
        let explainer = spec.build().unwrap();
        let quiet = whole(&explainer);
        let mut bytes = Vec::new();
        quiet.ledger().write_to(&mut bytes).unwrap();
        let read = Ledger::read_from(&bytes[..]).unwrap();
        assert_eq!(&read, quiet.ledger());
        let plan = read.plan().unwrap();
        assert_eq!(plan.plane_names(), quiet.plan().plane_names());
        let again = Explanation::from_ledger(plan, read, Estimator::Centred).unwrap();
        assert_same(&quiet, &again);
    }
    // A family of one's own that has a name of ours.
    #[derive(Debug)]
    struct Mine;
    impl racm::MaskFamily for Mine {
        fn name(&self) -> String {
            "rise".to_owned()
        }
        fn states(&self, _: usize) -> u64 {
            1
        }
        fn planes(&self, _: usize) -> usize {
            1
        }
        fn incidence(&self, state: u64) -> u64 {
            state
        }
        fn shows(&self, state: u64, _: usize) -> racm::Shown {
            if state == 1 {
                racm::Shown::Baseline
            } else {
                racm::Shown::Image
            }
        }
        fn plane_name(&self, _: usize, _: usize) -> String {
            "mine".to_owned()
        }
    }
    let own = whole(&builder().family(Mine).build().unwrap());
    let error = own.ledger().plan().unwrap_err().to_string();
    assert_eq!(
        error,
        "not a ledger: its family \"rise\" is none of this crate's"
    );
}
