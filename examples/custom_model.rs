//! A model of your own: anything that can score a batch of images.
//!
//! This one plays a remote service that counts its requests, is not `Sync`, and goes down in the
//! middle of the run. Nothing is lost: the error carries the scores so far, and the second run
//! goes on from them. The map is the same, to the bit, as that of a run without the failure.
//! (`racm::Tolerant` would ask again by itself; `examples/remote` does so, with a server.)

use std::cell::Cell;

use racm::ndarray::{Array2, ArrayView4};
use racm::{BlackBoxModel, BoxError, Error, Explainer, Target, demo};

/// A service that fails once, at a given request.
struct Service {
    requests: Cell<usize>,
    fails_at: usize,
}

impl BlackBoxModel for Service {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        self.requests.set(self.requests.get() + 1);
        if self.requests.get() == self.fails_at {
            return Err("503 Service Unavailable".into());
        }
        // Here a real service would be sent `batch.as_slice()`, which is [n, C, H, W].
        demo::Classifier.predict(batch)
    }
}

fn main() -> Result<(), Error> {
    let image = demo::image();
    let explainer = Explainer::builder().masks(1000).build()?;
    let service = Service {
        requests: Cell::new(0),
        fails_at: 20,
    };

    let explanation = match explainer.explain(&service, &image, Target::Top) {
        Ok(explanation) => explanation,
        Err(error) => {
            println!("{error}");
            let mut again = explainer.run(&service, &image, Target::Top);
            if let (_, Some(scores)) = error.into_parts() {
                again = again.ledger(scores);
            }
            again.explain()?
        }
    };
    println!(
        "done after {} requests: {} masks, class {:?} with score {:.3}",
        service.requests.get(),
        explanation.masks(),
        demo::CLASSES[explanation.targets()[0]],
        explanation.unmasked_scores()[0],
    );

    let in_one_go = explainer.explain(&demo::Classifier, &image, Target::Top)?;
    assert_eq!(explanation.map(), in_one_go.map());
    println!("the map is that of an undisturbed run, bit for bit");
    Ok(())
}
