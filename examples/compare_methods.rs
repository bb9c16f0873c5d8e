//! The comparison of the paper in small: RaCM, MC-RISE and RISE under Insertion, Deletion and
//! Average DCC, beside a map that knows nothing.
//!
//! The model is the embedded network and the image is the drawn stop sign, seen under three
//! lights. `racm evaluate` does the same for a model and images of your own, and
//! `racm compare` shows the maps.

use racm::metrics::{
    Averaging, Dcc, InsertionDeletion, Outcome, Steps, Summary, average_dcc, dcc, random_map,
};
use racm::ndarray::{Array3, ArrayView3, Axis};
use racm::{Baseline, Error, Explainer, Explanation, MaskFamily, McRise, Racm, Rise, demo};

/// The class of every image here: "stop sign".
const CLASS: usize = 0;

fn main() -> Result<(), Error> {
    let images: Vec<Array3<f32>> = [0.8, 1.0, 1.2]
        .map(|light| demo::image().mapv(|v: f32| (light * v).min(1.0)))
        .to_vec();
    println!(
        "Means over {} images +- standard errors; Insertion and Deletion by pixel-channel\n\n\
         {:<10} {:>5}  {:>16}  {:>16}  {:>16}",
        images.len(),
        "method",
        "N",
        "Insertion (high)",
        "Deletion (low)",
        "DCC (high)"
    );
    for (name, masks, explain) in methods()? {
        let mut rows = Vec::new();
        for image in &images {
            rows.push(measure(image, &explain)?);
        }
        let column = |value: fn(&Row) -> Outcome<f64>| Summary::of(rows.iter().map(value));
        let terms: Vec<Dcc> = rows.iter().map(|row| row.dcc).collect();
        println!(
            "{name:<10} {masks:>5}  {:>16}  {:>16}  {:>16}",
            cell(column(|row| Ok(row.insertion))),
            cell(column(|row| Ok(row.deletion))),
            cell(average_dcc(&terms, Averaging::MeanOfHarmonic)),
        );
    }
    Ok(())
}

/// From an image to a map with one plane a channel, or one for all.
type Explain = Box<dyn Fn(ArrayView3<'_, f32>) -> Result<Array3<f32>, Error>>;

fn methods() -> Result<Vec<(&'static str, String, Explain)>, Error> {
    let mut methods = Vec::new();
    for masks in [250, 1000] {
        methods.push(("racm", masks.to_string(), explainer(Racm, masks)?));
        methods.push((
            "mc-rise",
            masks.to_string(),
            explainer(McRise::rgb(), masks)?,
        ));
        methods.push(("rise", masks.to_string(), explainer(Rise, masks)?));
    }
    // Another seed for another image: what is alike in two such maps is chance.
    let random: Explain = Box::new(|image| {
        let seed = image.iter().map(|v| u64::from(v.to_bits())).sum();
        Ok(random_map(image.dim().into(), seed))
    });
    methods.push(("random", String::new(), random));
    Ok(methods)
}

fn explainer(family: impl MaskFamily + 'static, masks: u64) -> Result<Explain, Error> {
    let explainer = Explainer::builder().family(family).masks(masks).build()?;
    Ok(Box::new(move |image| {
        let run = explainer.run(&demo::Classifier, &image, CLASS);
        Ok(by_channel(&run.parallel().explain()?))
    }))
}

/// MC-RISE's colours become channels by Eq. 12; RISE has one plane for all channels.
fn by_channel(explanation: &Explanation) -> Array3<f32> {
    match explanation.channel_maps() {
        Some(maps) => maps.index_axis_move(Axis(0), 0),
        None => explanation.map().to_owned(),
    }
}

struct Row {
    insertion: f64,
    deletion: f64,
    dcc: Dcc,
}

fn measure(image: &Array3<f32>, explain: &Explain) -> Result<Row, Error> {
    let (model, image) = (&demo::Classifier, image.view());
    let map = explain(image)?;
    // The plane of RISE stands for every channel.
    let planes = map.broadcast(image.dim()).unwrap_or(map.view());
    let curves = InsertionDeletion::pixel_channels()
        .steps(Steps::Parts(50))
        .curves(model, image, planes, CLASS)?;
    let dcc = dcc(
        model,
        image,
        map.view(),
        CLASS,
        &Baseline::default(),
        explain,
    )?;
    Ok(Row {
        insertion: curves.insertion.auc,
        deletion: curves.deletion.auc,
        dcc,
    })
}

fn cell(summary: Summary) -> String {
    match (summary.mean, summary.standard_error) {
        (Some(mean), Some(error)) => format!("{mean:.3} +- {error:.3}"),
        _ => "undefined".to_owned(),
    }
}
