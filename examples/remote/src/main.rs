//! A model behind HTTP that misbehaves: it is busy (503), wants fewer requests (429), answers too late, refuses batches that
//! are too large (413), and dies in the middle and comes back. Several requests are in flight. The map is that of the same
//! model here, to the bit.
//!
//! `cargo run --manifest-path examples/remote/Cargo.toml`

mod server;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use racm::ndarray::{Array2, ArrayView4};
use racm::{BlackBoxModel, BoxError, Explainer, Explanation, Target, Tolerant, Tolerated, demo};
use server::Service;
use ureq::Agent;

/// Of the statuses that name the client's faults, those that go away by themselves: it was too slow, or asks too often.
const LATER: [u16; 2] = [408, 429];

/// The model, seen from here.
struct Remote {
    agent: Agent,
    url: String,
}

impl Remote {
    fn new(port: u16) -> Self {
        // The client's own time-out ends a request; a `TimeLimit` could only stop waiting for it.
        let config = Agent::config_builder().timeout_global(Some(Duration::from_secs(1)));
        Remote {
            agent: config.build().into(),
            url: format!("http://127.0.0.1:{port}/scores"),
        }
    }
}

impl BlackBoxModel for Remote {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        let (n, c, h, w) = batch.dim();
        let request = self.agent.post(&self.url);
        let request = request.header("Shape", format!("{n} {c} {h} {w}"));
        let mut answer = request.send(&bytes(batch.iter())[..])?;
        let scores = floats(&answer.body_mut().read_to_vec()?);
        Ok(Array2::from_shape_vec((n, scores.len() / n), scores)?)
    }
}

/// Numbers as they travel: 4 bytes each, the lowest first.
fn bytes<'a>(values: impl Iterator<Item = &'a f32>) -> Vec<u8> {
    values.flat_map(|value| value.to_le_bytes()).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let (values, _) = bytes.as_chunks();
    values
        .iter()
        .map(|&four| f32::from_le_bytes(four))
        .collect()
}

/// Whether the service refused with this status.
fn is_status(error: &BoxError, which: impl Fn(u16) -> bool) -> bool {
    matches!(error.downcast_ref(), Some(ureq::Error::StatusCode(status)) if which(*status))
}

/// Explains what the service says, with eight requests at a time.
fn explain(explainer: &Explainer, port: u16) -> Result<(Explanation, Tolerated), BoxError> {
    let failures: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
    let seen = Arc::clone(&failures);
    let model = Tolerant::new(Remote::new(port))
        .retries(10)
        .wait(Duration::from_millis(50), 2, Duration::from_secs(2))
        // What this client did wrong stays wrong.
        .retry_if(|error| !is_status(error, |status| status < 500 && !LATER.contains(&status)))
        .halve_if(|error| is_status(error, |status| status == 413))
        .on_retry(move |retry| {
            if let Ok(mut seen) = seen.lock() {
                *seen.entry(retry.error.to_string()).or_default() += 1;
            }
        });
    let pool = rayon::ThreadPoolBuilder::new().num_threads(8).build()?;
    let explanation = pool.install(|| {
        let image = demo::image();
        let run = explainer.run(&model, &image, Target::Top);
        run.parallel().explain()
    })?;
    for (failure, times) in failures.lock().map_err(|e| e.to_string())?.iter() {
        println!("{times:3} times: {failure}");
    }
    Ok((explanation, model.tolerated()))
}

fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, port, life] = &arguments[..] {
        assert_eq!(role, "serve");
        return server::serve(port.parse()?, life.parse()?);
    }
    let explainer = Explainer::builder().masks(2000).batch(32).build()?;
    let (service, life) = Service::start()?;
    let (explanation, tolerated) = std::thread::scope(|scope| {
        let keeper = scope.spawn(|| service.keep(life));
        let explanation = explain(&explainer, service.port);
        service.end();
        match keeper.join() {
            Ok(kept) => kept.and(explanation),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })?;
    println!(
        "{} retries; batches of 32 were halved {} times",
        tolerated.retries, tolerated.halvings
    );
    assert!(tolerated.retries > 0 && tolerated.batch == Some(8));
    assert_eq!(service.deaths.load(SeqCst), 1);

    let here = explainer.explain(&demo::Classifier, &demo::image(), Target::Top)?;
    let bits = |e: &Explanation| e.map().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&explanation), bits(&here));
    assert!(explanation.run_stats().repeats.agree());
    println!(
        "{} masks: the map is that of the model here, bit for bit",
        explanation.masks()
    );
    Ok(())
}
