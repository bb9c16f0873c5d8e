//! What is read and loaded once, for however many images.

use std::cell::OnceCell;

use racm::SurrogatePrior;

use super::args::{Args, Method};
use super::saved::Saved;
use crate::Failure;
use crate::model::Model;
use crate::signals::Signals;
use crate::white_box::{Refine, WhiteBox};

pub struct Loaded {
    pub saved: Option<Saved>,
    /// That of --prior.
    pub prior: Option<SurrogatePrior>,
    /// Of the classes.
    pub names: Vec<String>,
    pub model: Model,
    /// The model in two parts, where there is a class activation map.
    pub white_box: Option<WhiteBox>,
    signals: OnceCell<Signals>,
}

impl Loaded {
    /// A model that many runs share, whose arguments are complete.
    pub fn shared(names: Vec<String>, model: Model, white_box: Option<WhiteBox>) -> Self {
        Loaded {
            saved: None,
            prior: None,
            names,
            model,
            white_box,
            signals: OnceCell::new(),
        }
    }

    /// Reads what the arguments name, but for images, and completes them.
    pub fn new(args: &mut Args) -> Result<Self, Failure> {
        let saved = args.spec.as_deref().map(Saved::read).transpose()?;
        let prior = args.map.prior.read()?;
        args.take_space(saved.as_ref());
        // Where nothing is excluded, a missing value is still filled with the baseline of the file about channels.
        args.model.complete(&mut args.mask.baseline)?;
        args.check_space()?;
        args.model.start_threads()?;
        let names = args.model.class_names()?;
        args.target = args.asked.of(&names)?;
        let by_cam = matches!(args.method, Some(Method::Cam(_)));
        let white_box = match by_cam || matches!(args.refine, Some(Refine::Cam(_))) {
            true => Some(args.model.split(&args.layer)?),
            false => None,
        };
        Ok(Loaded {
            saved,
            prior,
            names,
            model: args.model.load()?,
            white_box,
            signals: OnceCell::new(),
        })
    }

    /// The signals that end a run, which are watched from the first call on.
    pub fn signals(&self) -> Result<&Signals, Failure> {
        if self.signals.get().is_none() {
            let _ = self.signals.set(Signals::watch()?);
        }
        let none = || "signals cannot be watched".into();
        self.signals.get().ok_or_else(none)
    }

    /// Those that are watched already.
    pub fn watched(&self) -> Option<&Signals> {
        self.signals.get()
    }
}
