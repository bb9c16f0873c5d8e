//! One image: its maps, and their metrics.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Instant;

use racm::metrics::{
    BoundingBox, Elements, InsertionDeletion, Ranking, Steps, ValueThreshold, dcc, energy_inside,
    gini, pointing_game, uniform_map,
};
use racm::ndarray::{Array2, Array3, ArrayView3, Axis};
use racm::{BlackBoxModel, Explainer, Family, Ledger, Region, Repeats, SurrogatePrior};

use super::args::{Args, Metric};
use super::counted::Counted;
use super::list::Item;
use super::maps::{below_where_missing, channel_map, random_of, with_a_value};
use super::methods::Kind;
use super::store::{Case, Cost, Record, Scores, Value};
use super::taught::of_image;
use crate::Failure;
use crate::args::only_rgb;
use crate::image::{highest, in_both};
use crate::model::{Model, top_class};
use crate::say::line;

/// Everything that the images have in common.
pub struct Bench<'a> {
    pub args: &'a Args,
    pub model: &'a Counted<'a>,
    /// The maps of methods come first, then the random and the uniform map.
    pub kinds: &'a [Kind],
    pub cases: &'a [Case],
    /// What other images taught.
    pub prior: SurrogatePrior,
    /// What this one teaches.
    pub taught: Cell<Option<SurrogatePrior>>,
    pub costs: RefCell<BTreeMap<String, Cost>>,
    /// The first of an image's runs whose model did not repeat its answers.
    pub differing: Cell<Option<Repeats>>,
}

/// One image, read.
struct Subject<'a> {
    item: &'a Item,
    image: Array3<f32>,
    /// The pixels with a value, where some have none.
    region: Option<Region>,
    class: usize,
    /// The box in the model's image, or why there is none.
    bounding_box: Result<BoundingBox, String>,
}

/// Explains another image as this one was explained.
type Again<'a> = &'a dyn Fn(ArrayView3<'_, f32>) -> racm::Result<Array3<f32>>;

impl Bench<'_> {
    pub fn measure(
        &self,
        item: &Item,
        refinement: Option<&Array2<f32>>,
        parameters: &str,
        input: &str,
    ) -> Result<Record, Failure> {
        self.costs.take();
        self.differing.take();
        self.taught.take();
        let args = self.args;
        let seen = args.image(self.model.model, item)?;
        let resized_from = seen.resized_from;
        if let Some(resized) = seen.resized() {
            let said = format!("{}: {resized}", item.path.display());
            self.model.bar.suspend(|| line(said))?;
        }
        let (image, region) = seen.filled(Some(&args.baseline()))?;
        let (channels, height, width) = image.dim();
        let paints = |kind: &Kind| matches!(kind.family, Family::McRise(_));
        if channels != 3 && self.kinds.iter().any(paints) {
            let other = format!("{}; --methods racm,rise leaves it out", only_rgb(channels));
            return Err(in_image(item, other));
        }
        let batch = image.view().insert_axis(Axis(0));
        let answer = self.model.predict(batch).map_err(|e| in_image(item, e))?;
        let class = top_class(&answer)?;
        let score = answer[[0, class]];
        let subject = Subject {
            item,
            class,
            bounding_box: item
                .bounding_box(resized_from, [height, width])
                .and_then(|bounding_box| with_pixels(bounding_box, region.as_ref())),
            image,
            region,
        };
        let map = match (self.args.refining_cam(), refinement) {
            (Some(method), _) => {
                let found = self.timed("refinement map", || {
                    self.model.cam(method, &subject.image, class)
                });
                let found = found.map_err(|e| in_image(item, e))?;
                let flat = format!("the map of {method} is the same everywhere");
                if found.is_flat() {
                    Err(Value::Undefined { undefined: flat })
                } else {
                    Ok(found.map)
                }
            }
            (None, Some(map)) => Ok(map.clone()),
            (None, None) => Err(Value::Missing {
                missing: format!("no refinement map {}.npy", item.stem()),
            }),
        };
        let mut scores = self.maps(&subject, map.as_ref())?;
        for method in self.args.cams() {
            let of = |image: &Array3<f32>| {
                let found = self.model.cam(method, image, class)?;
                Ok::<_, Failure>(found.map.insert_axis(Axis(0)))
            };
            let map = self.timed("class activation map", || of(&subject.image));
            let map = map.map_err(|e| in_image(item, e))?;
            let again = |image: ArrayView3<'_, f32>| {
                of(&image.to_owned()).map_err(|source| racm::Error::Saliency {
                    target: class,
                    source,
                })
            };
            scores.push(self.score(&subject, &map, Some(&again))?);
        }
        let shape = [channels, height, width];
        let seed = self.args.mask.seed.unwrap_or(0);
        let random = |image: ArrayView3<'_, f32>| Ok(random_of(&image, seed));
        let uniform = |_: ArrayView3<'_, f32>| Ok(uniform_map(shape));
        let drawn = random_of(&subject.image.view(), seed);
        scores.push(self.score(&subject, &drawn, Some(&random))?);
        scores.push(self.score(&subject, &uniform_map(shape), Some(&uniform))?);
        Ok(Record {
            parameters: parameters.to_owned(),
            input: input.to_owned(),
            file: item.name.clone(),
            shape,
            class,
            score,
            cases: self.cases.to_vec(),
            scores,
            costs: self.costs.take(),
            differing: self.differing.take(),
            taught: self.taught.take(),
        })
    }

    /// The scores of every map that a method makes; masks are scored once for all that share them. Without a map to
    /// refine by, what is said of it stands for every refined score.
    fn maps(
        &self,
        subject: &Subject,
        map: Result<&Array2<f32>, &Value>,
    ) -> Result<Vec<Scores>, Failure> {
        let most = self.args.masks.iter().copied().max().unwrap_or(0);
        let mut ledgers: Vec<(&Family, bool, Option<f64>, Ledger)> = Vec::new();
        let mut scores = Vec::new();
        for kind in self.kinds {
            let region = match (kind.keep, map) {
                (None, _) => None,
                (Some(keep), Ok(map)) => Some(highest(map, keep, subject.region.as_ref())?),
                (Some(_), Err(reason)) => {
                    scores.push(self.without_map(reason));
                    continue;
                }
            };
            let region = in_both(region, subject.region.as_ref());
            let region = region.map_err(|e| in_image(subject.item, e))?;
            let explainer =
                |image: &Array3<f32>, masks| self.explainer(kind, image, masks, region.clone());
            let known = |(family, segments, keep, _): &(&Family, bool, Option<f64>, Ledger)| {
                (*family, *segments, *keep) == (&kind.family, kind.segments, kind.keep)
            };
            let ledger = match ledgers.iter().position(known) {
                Some(i) => &ledgers[i].3,
                None => {
                    let full = explainer(&subject.image, most)?;
                    let run = full.run(self.model, &subject.image, subject.class);
                    // The demo is the one model here that does not use several threads itself.
                    let run = match self.model.model {
                        Model::Demo => run.parallel(),
                        _ => run,
                    };
                    let (ledger, stats) = self
                        .timed("score masks", || run.score_with_stats())
                        .map_err(|e| in_image(subject.item, e))?;
                    if self.differing.get().is_none() && !stats.repeats.agree() {
                        self.differing.set(Some(stats.repeats));
                    }
                    // Where masks are restricted, they are so for each image in its own way.
                    if self.args.taught.learns() && kind.keep.is_none() {
                        let taught = self.timed("learn prior", || of_image(&ledger));
                        let taught = taught.map_err(|e| in_image(subject.item, e))?;
                        self.taught.set(Some(taught));
                    }
                    ledgers.push((&kind.family, kind.segments, kind.keep, ledger));
                    &ledgers[ledgers.len() - 1].3
                }
            };
            let reader = explainer(&subject.image, kind.masks)?;
            let prefix = ledger.prefix(kind.masks);
            let shape = subject.image.dim().into();
            let explanation =
                self.timed("estimate map", || reader.explain_ledger(shape, prefix))?;
            let map = channel_map(&explanation, 0, kind.negated);
            let again = |image: ArrayView3<'_, f32>| {
                let again = explainer(&image.to_owned(), kind.masks)?;
                let explanation = again.explain(self.model, &image, subject.class)?;
                Ok(channel_map(&explanation, 0, kind.negated))
            };
            let dcc = self.args.dcc_masks().contains(&kind.masks);
            scores.push(self.score(subject, &map, dcc.then_some(&again))?);
        }
        Ok(scores)
    }

    fn explainer(
        &self,
        kind: &Kind,
        image: &Array3<f32>,
        masks: u64,
        region: Option<Region>,
    ) -> racm::Result<Explainer> {
        let mut builder = self.args.builder(&kind.family).masks(masks);
        if kind.segments {
            let (_, height, width) = image.dim();
            let mask = &self.args.mask;
            builder = mask.regression(builder, kind.estimator, [height, width])?;
            builder = mask.regression_baseline(builder)?;
        }
        let builder = builder.region(region).estimator(kind.estimator);
        let builder = builder.effect(kind.effect);
        builder.surrogate_prior(self.prior.clone()).build()
    }

    fn without_map(&self, reason: &Value) -> Scores {
        let names = self.args.columns().into_iter();
        Scores {
            values: names
                .map(|name| (name.to_owned(), reason.clone()))
                .collect(),
            ..Scores::default()
        }
    }

    /// Every metric of one map, `[1, H, W]` or `[C, H, W]`; DCC where the map can be made again.
    fn score(
        &self,
        subject: &Subject,
        map: &Array3<f32>,
        again: Option<Again<'_>>,
    ) -> Result<Scores, Failure> {
        let mut scores = Scores::default();
        self.curves(subject, map, &mut scores)
            .and_then(|()| match again {
                Some(again) if self.args.wants(Metric::Dcc) => {
                    self.dcc(subject, map, again, &mut scores)
                }
                _ => Ok(()),
            })
            .map_err(|e| in_image(subject.item, e))?;
        let known = subject.region.as_ref();
        let pointed = below_where_missing(map, known);
        let mut put = |name: String, value: Value| scores.values.insert(name, value);
        for (metric, name) in [(Metric::Pointing, "pointing"), (Metric::Energy, "energy")] {
            if !self.args.wants(metric) {
                continue;
            }
            let measured = subject.bounding_box.clone().and_then(|bounding_box| {
                let measured = self.timed(name, || match metric {
                    Metric::Pointing => pointing_game(pointed.view(), &bounding_box),
                    _ => energy_inside(pointed.view(), &bounding_box),
                });
                measured.map_err(|e| e.to_string())
            });
            match measured {
                Ok(measured) => {
                    put(name.to_owned(), measured.joint.into());
                    for (plane, value) in measured.planes.into_iter().enumerate() {
                        put(format!("{name}_plane_{plane}"), value.into());
                    }
                }
                Err(reason) => {
                    put(name.to_owned(), Err(reason).into());
                }
            }
        }
        if self.args.wants(Metric::Gini) {
            put(
                "gini".to_owned(),
                self.timed("gini", || gini(with_a_value(map, known).view()))?
                    .into(),
            );
        }
        Ok(scores)
    }

    fn curves(
        &self,
        subject: &Subject,
        map: &Array3<f32>,
        scores: &mut Scores,
    ) -> racm::Result<()> {
        let (args, class, image) = (self.args, subject.class, subject.image.view());
        let wanted = [Metric::Insertion, Metric::Deletion].map(|metric| args.wants(metric));
        let names = ["insertion", "deletion"];
        if args.protocol.rank() && wanted.contains(&true) {
            // A map of one plane counts for every channel: its ties leave a pixel's channels
            // together.
            let map = match map.broadcast(image.dim()) {
                Some(map) => map,
                None => map.view(),
            };
            let protocol = match args.elements {
                Elements::Pixels => InsertionDeletion::pixels(),
                _ => InsertionDeletion::pixel_channels(),
            }
            .steps(Steps::Parts(args.steps))
            .insertion_start(args.baseline())
            .deletion_end(args.baseline());
            let ranking = self.timed("rank elements", || Ranking::new(map, args.elements))?;
            for (name, _) in names.into_iter().zip(wanted).filter(|(_, wanted)| *wanted) {
                let name = format!("{name}_rank");
                let curve = self.timed(&name, || match &*name {
                    "insertion_rank" => protocol.insertion(self.model, image, &ranking, class),
                    _ => protocol.deletion(self.model, image, &ranking, class),
                })?;
                let points = curve.fractions.iter().zip(&curve.scores);
                scores
                    .curves
                    .insert(name.clone(), points.map(|(&x, &y)| [x, y]).collect());
                scores.values.insert(name, Value::Defined(curve.auc));
            }
        }
        if args.protocol.threshold() && wanted.contains(&true) {
            let curves = self.timed("insertion_threshold and deletion_threshold", || {
                ValueThreshold::new().curves(self.model, image, map.view(), class)
            })?;
            let both = [curves.insertion, curves.deletion];
            for ((name, curve), _) in names.iter().zip(both).zip(wanted).filter(|(_, w)| *w) {
                let name = format!("{name}_threshold");
                if let Ok(curve) = &curve {
                    let last = (curve.rescaled.len() - 1) as f64;
                    let points = curve.rescaled.iter().enumerate();
                    let points = points.map(|(i, &y)| [i as f64 / last, y]).collect();
                    scores.curves.insert(name.clone(), points);
                }
                scores.values.insert(name, curve.map(|c| c.auc).into());
            }
        }
        Ok(())
    }

    fn dcc(
        &self,
        subject: &Subject,
        map: &Array3<f32>,
        again: Again<'_>,
        scores: &mut Scores,
    ) -> racm::Result<()> {
        let (image, class) = (subject.image.view(), subject.class);
        let baseline = self.args.baseline();
        let terms = self.timed("dcc", || {
            dcc(self.model, image, map.view(), class, &baseline, again)
        })?;
        for (name, value) in [
            ("dcc", terms.value()),
            ("dcc_coherency", terms.coherency),
            ("dcc_complexity", terms.complexity),
            ("dcc_drop", terms.drop),
        ] {
            scores.values.insert(name.to_owned(), value.into());
        }
        Ok(())
    }

    /// Does it, and adds up what it costs.
    fn timed<T>(&self, stage: &str, work: impl FnOnce() -> T) -> T {
        let counts = || self.model.counts();
        let (before, started) = (counts(), Instant::now());
        let result = work();
        let (seconds, after) = (started.elapsed().as_secs_f64(), counts());
        let mut costs = self.costs.borrow_mut();
        costs.entry(stage.to_owned()).or_default().add(Cost {
            times: 1,
            model_calls: after.0 - before.0,
            seconds,
            seconds_in_model: (after.1 - before.1) as f64 * 1e-9,
        });
        result
    }
}

/// The box, if some pixel in it has a value.
fn with_pixels(bounding_box: BoundingBox, known: Option<&Region>) -> Result<BoundingBox, String> {
    let mut pixels = known
        .iter()
        .flat_map(|region| region.pixels().indexed_iter());
    let inside =
        |((y, x), &has_value): ((usize, usize), &bool)| has_value && bounding_box.contains(y, x);
    match known.is_none() || pixels.any(inside) {
        true => Ok(bounding_box),
        false => Err("no pixel of the box has a value".to_owned()),
    }
}

fn in_image(item: &Item, error: impl std::fmt::Display) -> Failure {
    format!("{}: {error}", item.path.display()).into()
}
