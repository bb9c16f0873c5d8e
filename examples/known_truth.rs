//! How often is a map right? On drawn signs it is known which channel and which pixels make the class.
//!
//! A yellow diamond and a red one, drawn from one seed, differ in their green alone; a stop sign and a dark octagon in
//! their red, a blue and a green square in their blue. So the *channel* is right if it has the largest sum over the pixels
//! in which the two differ (own effects order planes as the map does). The *place* is right if the highest value of the map is at such a pixel; for arrows to the left
//! and to the right where these differ, and for signs told apart by their outline anywhere on the sign.
//!
//! Explained is the probability of the class against its rival alone, for which this is the truth to the letter; for
//! outlines the class among all. With `top` it is the class among all everywhere: a yellow diamond is then also told from
//! signs that have no red, and red may rightly come first.
//!
//! Explained are the bright ones of each pair: what makes an octagon dark is an absence, which no black baseline can take
//! away. Drawings that the classifier does not name are passed over.
//!
//! Without arguments it takes some seconds. `cargo run --release --example known_truth -- 15 100,300,1000,5000` (drawings of
//! each class, calls, and perhaps `top`) makes the table in `benches/known_truth.md`.

use std::sync::Arc;

use racm::ndarray::{Array2, Array3, ArrayView4, Axis};
use racm::{
    BlackBoxModel, BoxError, Estimator, Explainer, Explanation, FnModel, MaskFamily, McRise, Racm,
    Rise, demo,
};

const SIDE: usize = 48;

/// The bright of each pair of one channel, the arrows, and the outlines.
const KINDS: [(&str, &[usize]); 3] = [
    ("place: colours", &[0, 2, 4]),
    ("place: arrows", &[6, 7]),
    ("place: outlines", &[8, 9, 10]),
];

/// The probabilities of the classes, and behind them that of each class against its rival alone.
fn scores(batch: ArrayView4<'_, f32>) -> Result<Array2<f32>, BoxError> {
    let of_all = demo::Classifier.predict(batch)?;
    let (images, classes) = of_all.dim();
    Ok(Array2::from_shape_fn((images, 2 * classes), |(n, k)| {
        let score = of_all[[n, k % classes]];
        match demo::rival(k % classes).filter(|_| k >= classes) {
            Some(rival) => score / (score + of_all[[n, rival]]),
            None => score,
        }
    }))
}

/// A drawing, and the truth about it.
struct Case {
    kind: usize,
    class: usize,
    image: Array3<f32>,
    truth: demo::Truth,
}

/// The first drawings of a class that the classifier names.
fn cases(kind: usize, class: usize, count: usize) -> Result<Vec<Case>, BoxError> {
    let mut cases = Vec::new();
    for seed in 1 << 50.. {
        if cases.len() == count {
            break;
        }
        let image = demo::draw(class, seed, SIDE)?.image;
        let scores = demo::Classifier.predict(image.view().insert_axis(Axis(0)))?;
        if scores.iter().all(|&score| score <= scores[[0, class]]) {
            let truth = demo::truth(class, seed, SIDE)?;
            cases.push(Case {
                kind,
                class,
                image,
                truth,
            });
        }
    }
    Ok(cases)
}

/// How often something was right.
#[derive(Clone, Copy, Default)]
struct Share {
    right: f64,
    of: f64,
}

impl Share {
    fn add(&mut self, right: bool) {
        self.right += f64::from(u8::from(right));
        self.of += 1.0;
    }
}

/// With the half width of Wilson's interval of one standard error, which is not 0 at 0 and 1.
impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (p, n) = (self.right / self.of, self.of);
        let error = (p * (1.0 - p) / n + 0.25 / (n * n)).sqrt() / (1.0 + 1.0 / n);
        f.pad(&format!("{p:.3} +- {error:.3}"))
    }
}

/// Whether the channel is right (none where several differ, or the map has no planes of channels), and the place.
fn judge(planes: &Array3<f32>, truth: &demo::Truth) -> (Option<bool>, bool) {
    let over_sign = planes.outer_iter().map(|plane| -> f32 {
        let inside = plane.iter().zip(&truth.pixels);
        inside.filter(|(_, inside)| **inside).map(|(v, _)| v).sum()
    });
    let first = over_sign.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    let channel = truth.channel.filter(|_| planes.dim().0 == 3);
    let highest = planes
        .indexed_iter()
        .max_by(|a, b| a.1.total_cmp(b.1))
        .is_some_and(|((_, y, x), _)| truth.pixels[[y, x]]);
    let is_first = |channel| first.is_some_and(|(plane, _)| plane == channel);
    (channel.map(is_first), highest)
}

/// The maps of one run: rows of the table, and planes by channel where there are such.
fn maps(run: &Explanation, family: &str) -> Result<Vec<(String, Array3<f32>)>, BoxError> {
    let mut rows = Vec::new();
    for estimator in [Estimator::Centred, Estimator::Surrogate] {
        let explanation = run.with_estimator(estimator)?;
        let planes = |explanation: &Explanation| match explanation.channel_maps() {
            Some(maps) => maps.index_axis_move(Axis(0), 0),
            None => explanation.map().to_owned(),
        };
        let map = planes(&explanation);
        let name = |what: &str| format!("{what}, {estimator}");
        match family {
            "RaCM" => {
                let own = planes(&explanation.own_effects()?);
                rows.push((name("RaCM"), map));
                rows.push((name("RaCM, own effects"), own));
            }
            "MC-RISE" => {
                let turned = -&map;
                rows.push((name("MC-RISE"), map));
                rows.push((name("MC-RISE, sign turned"), turned));
            }
            other => rows.push((name(other), map)),
        }
    }
    Ok(rows)
}

fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let count: usize = arguments.first().map_or(Ok(1), |n| n.parse())?;
    let calls = arguments.get(1).map_or("100,300", |list| list);
    let against_all = match arguments.get(2).map(String::as_str) {
        None => false,
        Some("top") => true,
        Some(other) => return Err(format!("{other}: expected `top`").into()),
    };
    let model = FnModel::new(scores);
    let calls: Vec<u64> = calls.split(',').map(str::parse).collect::<Result<_, _>>()?;

    let mut all = Vec::new();
    for (kind, (_, classes)) in KINDS.iter().enumerate() {
        for &class in *classes {
            all.extend(cases(kind, class, count)?);
        }
    }
    let chance = KINDS.iter().enumerate().map(|(kind, (name, _))| {
        let pixels = all.iter().filter(|case| case.kind == kind);
        let shares = pixels.map(|case| {
            let inside = case.truth.pixels.iter().filter(|inside| **inside);
            inside.count() as f64 / case.truth.pixels.len() as f64
        });
        let (n, sum) = shares.fold((0.0, 0.0), |(n, sum), share| (n + 1.0, sum + share));
        format!("{name} {:.2}", sum / n)
    });
    println!(
        "Drawings of each class: {count}. By chance: channel 0.33, {}\n",
        chance.collect::<Vec<_>>().join(", ")
    );
    let titles = KINDS.map(|(name, _)| name);
    println!(
        "| calls | map | channel | {} |\n|---|---|---|---|---|---|",
        titles.join(" | ")
    );
    let families: [(&str, Arc<dyn MaskFamily>); 3] = [
        ("RISE", Arc::new(Rise)),
        ("MC-RISE", Arc::new(McRise::rgb())),
        ("RaCM", Arc::new(Racm)),
    ];
    for &calls in &calls {
        for (name, family) in &families {
            let explainer = Explainer::builder()
                .estimator(Estimator::Centred)
                .family(family.clone())
                .masks(calls)
                .build()?;
            let mut rows: Vec<(String, [Share; 4])> = Vec::new();
            for case in &all {
                let target = case.class + if against_all { 0 } else { demo::CLASSES.len() };
                let run = explainer.run(&model, &case.image, target);
                let maps = maps(&run.parallel().explain()?, name)?;
                for (row, (name, planes)) in maps.into_iter().enumerate() {
                    if rows.len() == row {
                        rows.push((name, [Share::default(); 4]));
                    }
                    let shares = &mut rows[row].1;
                    let (channel, place) = judge(&planes, &case.truth);
                    if let Some(right) = channel {
                        shares[0].add(right);
                    }
                    shares[1 + case.kind].add(place);
                }
            }
            for (name, shares) in rows {
                let cells = shares.map(|share| match share.of {
                    0.0 => "-".to_owned(),
                    _ => share.to_string(),
                });
                println!("| {calls} | {name} | {} |", cells.join(" | "));
            }
        }
    }
    Ok(())
}
