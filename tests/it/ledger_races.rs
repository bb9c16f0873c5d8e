//! Files of ledgers that others begin, remove or wait for while a run goes on.

use std::fs;
use std::ops::ControlFlow::Continue;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ndarray::ArrayView4;
use racm::{BlackBoxModel, Error, FnModel, Ledger, Target, demo};

use crate::ledger_files::{builder, image, on_file, path, whole};
use crate::worlds::assert_same;

fn read(path: &std::path::Path) -> Ledger {
    Ledger::read_from(&fs::read(path).unwrap()[..]).unwrap()
}

#[test]
fn a_file_that_another_run_begins_first_is_its_own() {
    let file = path("faster");
    let (ours, theirs) = (
        builder().build().unwrap(),
        builder().seed(9).build().unwrap(),
    );
    // While our model answers for the first time, the other run comes and goes.
    let calls = AtomicUsize::new(0);
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        if calls.fetch_add(1, Ordering::Relaxed) == 0 {
            on_file(&theirs, &file).0.unwrap();
        }
        demo::Classifier.predict(batch).unwrap()
    });
    let image = image();
    let run = ours.run(&model, &image, Target::Top);
    let refused = run.model_name("demo").ledger_file(&file).score();
    let (cause, scored) = refused.unwrap_err().into_parts();
    assert!(
        matches!(cause, Error::Ledger { what: "seed", .. }),
        "{cause}"
    );
    assert!(
        cause.to_string().contains("it has 9, expected 3"),
        "{cause}"
    );
    assert!(scored.is_none());
    assert_eq!(calls.into_inner(), 1);
    assert_eq!((read(&file).seed(), read(&file).masks()), (9, 100));

    // A run of the same masks goes on from it.
    let calls = AtomicUsize::new(0);
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        if calls.fetch_add(1, Ordering::Relaxed) == 0 {
            fs::remove_file(&file).unwrap();
            on_file(&ours, &file).0.unwrap();
        }
        demo::Classifier.predict(batch).unwrap()
    });
    fs::remove_file(&file).unwrap();
    fs::write(&file, b"").unwrap();
    let run = ours.run(&model, &image, Target::Top);
    let map = run.model_name("demo").ledger_file(&file).explain().unwrap();
    assert_same(&map, &whole(&ours));
    assert_eq!(read(&file).masks(), 100);
}

#[test]
fn a_file_that_is_removed_is_written_again() {
    let explainer = builder().masks(200).build().unwrap();
    let (image, whole) = (image(), whole(&explainer));
    for parallel in [false, true] {
        let file = path(&format!("removed-{parallel}"));
        let mut removed = 0;
        let run = explainer.run(&demo::Classifier, &image, Target::Top);
        let run = run.model_name("demo").ledger_file(&file);
        let run = run.progress(|p| {
            if (60..150).contains(&p.masks()) && fs::remove_file(&file).is_ok() {
                removed += 1;
            }
            Continue(())
        });
        let run = if parallel { run.parallel() } else { run };
        assert_same(&run.explain().unwrap(), &whole);
        assert!(removed > 0);
        assert_eq!(&read(&file), whole.ledger());
    }
}

#[test]
fn a_first_record_that_is_cut_short_is_replaced() {
    let explainer = builder().build().unwrap();
    let file = path("cut-header");
    on_file(&explainer, &file).0.unwrap();
    let all = fs::read(&file).unwrap();
    let second = 1 + all[1..].windows(8).position(|w| w == b"RACMLED3").unwrap();
    let whole = whole(&explainer);
    for cut in 0..second {
        fs::write(&file, &all[..cut]).unwrap();
        let (found, shown) = on_file(&explainer, &file);
        let found = found.unwrap();
        assert_eq!(shown, 101, "{cut}");
        assert_eq!(found.run_stats().torn_bytes, cut as u64);
        assert_same(&found, &whole);
        assert_eq!(&read(&file), whole.ledger(), "{cut}");
    }
    // What is no beginning of a ledger stays.
    for text in ["RACMLEE", "RACMLED4", "a letter", "RACM of my own"] {
        fs::write(&file, text).unwrap();
        let error = on_file(&explainer, &file).0.unwrap_err();
        assert!(matches!(error, Error::LedgerFormat { .. }), "{error}");
        assert_eq!(fs::read(&file).unwrap(), text.as_bytes());
    }
}

#[test]
fn a_finished_file_is_not_written_to() {
    let explainer = builder().build().unwrap();
    let file = path("finished");
    on_file(&explainer, &file).0.unwrap();
    let before = fs::metadata(&file).unwrap().modified().unwrap();
    let (bytes, shown) = (fs::read(&file).unwrap(), on_file(&explainer, &file).1);
    assert_eq!(shown, 0);
    assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), before);
    assert_eq!(fs::read(&file).unwrap(), bytes);
}

#[test]
fn what_one_thread_has_is_kept_while_another_waits() {
    let explainer = builder().masks(100).build().unwrap();
    let (file, image) = (path("waits"), image());
    // The first batch waits until the file has what others scored after it, or for long enough.
    let (calls, kept) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let model = FnModel::new(|batch: ArrayView4<'_, f32>| {
        if calls.fetch_add(1, Ordering::Relaxed) == 1 {
            let began = Instant::now();
            while kept.load(Ordering::Relaxed) < 10 && began.elapsed() < Duration::from_secs(20) {
                let found = Ledger::recover_from(&fs::read(&file).unwrap()[..]);
                let masks = found.map_or(0, |(ledger, _)| ledger.masks() as usize);
                kept.store(masks, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        demo::Classifier.predict(batch).unwrap()
    });
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build();
    let found = pool.unwrap().install(|| {
        let run = explainer.run(&model, &image, Target::Top);
        run.model_name("demo")
            .ledger_file(&file)
            .parallel()
            .explain()
    });
    assert_same(&found.unwrap(), &whole(&explainer));
    assert!(kept.into_inner() >= 10);
    assert_eq!(&read(&file), whole(&explainer).ledger());
}
