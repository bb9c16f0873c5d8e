//! The model under measurement.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use indicatif::ProgressBar;
use racm::ndarray::{Array2, Array3, ArrayView4};
use racm::{BlackBoxModel, BoxError, CamMap, CamMethod};

use crate::Failure;
use crate::model::Model;
use crate::signals::Signals;
use crate::white_box::WhiteBox;

/// The model, with a count of what it is asked, until a signal comes.
pub struct Counted<'a> {
    pub model: &'a Model,
    pub bar: ProgressBar,
    /// The same model with its layer, where a method needs it.
    pub white_box: Option<&'a WhiteBox>,
    signals: &'a Signals,
    images: AtomicU64,
    nanoseconds: AtomicU64,
    /// The number of scores of an image, once there are some.
    pub outputs: OnceLock<usize>,
}

impl<'a> Counted<'a> {
    pub fn new(
        model: &'a Model,
        white_box: Option<&'a WhiteBox>,
        bar: ProgressBar,
        signals: &'a Signals,
    ) -> Self {
        Counted {
            model,
            bar,
            white_box,
            signals,
            images: AtomicU64::new(0),
            nanoseconds: AtomicU64::new(0),
            outputs: OnceLock::new(),
        }
    }
}

impl Counted<'_> {
    /// A class activation map of a class.
    pub fn cam(
        &self,
        method: CamMethod,
        image: &Array3<f32>,
        class: usize,
    ) -> Result<CamMap, Failure> {
        self.go_on()?;
        let started = Instant::now();
        let white_box = self.white_box.ok_or("the model was not cut at a layer")?;
        let found = white_box.explain(method, image, class.into())?;
        self.count(found.image_calls, started);
        Ok(found)
    }

    /// After a signal nothing more is asked: the image that is at work is given up.
    fn go_on(&self) -> Result<(), BoxError> {
        match self.signals.caught() {
            true => Err("a signal came".into()),
            false => Ok(()),
        }
    }

    /// Images so far, and nanoseconds.
    pub fn counts(&self) -> (u64, u64) {
        (self.images.load(Relaxed), self.nanoseconds.load(Relaxed))
    }

    fn count(&self, images: u64, started: Instant) {
        self.nanoseconds
            .fetch_add(started.elapsed().as_nanos() as u64, Relaxed);
        self.images.fetch_add(images, Relaxed);
        self.bar.inc(images);
    }
}

impl BlackBoxModel for Counted<'_> {
    fn predict(&self, batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
        self.go_on()?;
        let (images, started) = (batch.dim().0 as u64, Instant::now());
        let scores = self.model.predict(batch);
        self.count(images, started);
        if let Ok(scores) = &scores {
            self.outputs.get_or_init(|| scores.dim().1);
        }
        scores
    }
}
