//! The pictures of the guide (`racm::guide`), each a line of HTML with the picture in it, so that a page of documentation
//! needs no other file.
//!
//! `cargo run --example guide_pictures --features render [FOLDER]`; without one they go to `guide_pictures`. Those of the
//! guide are in `src/guide/pictures`.

use std::fs;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::replace;
use image::{Rgb, RgbImage};
use racm::ndarray::{Array2, Array3, ArrayView4, Axis, s, stack};
use racm::render::{Bands, BarChart, Doubt, Figure, Panel, SeriesPlot, png, to_rgb};
use racm::{
    Baseline, BoxError, Effect, Estimator, Explainer, FnModel, MaskFamily, MaskSpec, Masker,
    McRise, Plan, Racm, Rise, demo,
};

/// The side of the drawn signs, small because the pictures are part of the published package.
const SIDE: usize = 32;

fn main() -> Result<(), BoxError> {
    let folder = std::env::args().nth(1);
    let folder = PathBuf::from(folder.unwrap_or_else(|| "guide_pictures".to_owned()));
    fs::create_dir_all(&folder)?;
    let pictures = [
        ("masks", masked_copies()?),
        ("reading", map_and_own_effects()?),
        ("choosing", more_and_more_masks()?),
        ("inputs", series_and_table()?),
    ];
    for (name, picture) in pictures {
        fs::write(folder.join(name).with_extension("html"), picture + "\n")?;
    }
    println!("wrote 4 pictures to {}", folder.display());
    Ok(())
}

/// A picture as HTML, from a file of the kind that browsers call `kind`.
fn html(kind: &str, file: &[u8], about: &str) -> String {
    let data = STANDARD.encode(file);
    format!("<p><img alt=\"{about}\" src=\"data:image/{kind};base64,{data}\"></p>")
}

/// With colours to 6 bits, which nobody sees, and which makes the file a third smaller.
fn figure(figure: &Figure<'_>, about: &str) -> Result<String, BoxError> {
    let mut picture = figure.draw()?;
    for value in picture.iter_mut() {
        *value = (*value & 0xfc) | (*value >> 6);
    }
    Ok(html("png", &png(&picture)?, about))
}

/// The stop sign, and two masked copies by each family.
fn masked_copies() -> Result<String, BoxError> {
    const GAP: u32 = 6;
    let image = demo::image();
    let (channels, height, width) = image.dim();
    let mut tiles = vec![to_rgb(&image, Bands::Rgb([0, 1, 2]))?];
    let families: [Box<dyn MaskFamily>; 3] =
        [Box::new(Rise), Box::new(Racm), Box::new(McRise::rgb())];
    for family in families {
        let plan = Plan::new([channels, height, width], &MaskSpec::new(family).grid(6, 6))?;
        let mut copies = vec![0.0; 2 * image.len()];
        Masker::new(&plan, &image, &Baseline::default())?.fill(1, 0, &mut copies)?;
        for copy in copies.chunks_exact(image.len()) {
            let copy = Array3::from_shape_vec(image.dim(), copy.to_vec())?;
            tiles.push(to_rgb(&copy, Bands::Rgb([0, 1, 2]))?);
        }
    }
    let (width, height) = (width as u32, height as u32);
    let mut row = RgbImage::from_pixel(
        tiles.len() as u32 * (width + GAP) - GAP,
        height,
        Rgb([255; 3]),
    );
    for (tile, at) in tiles.iter().zip(0..) {
        replace(&mut row, tile, i64::from(at * (width + GAP)), 0);
    }
    // As PNG it would be three times as large.
    let mut file = Vec::new();
    row.write_with_encoder(JpegEncoder::new_with_quality(&mut file, 85))?;
    Ok(html(
        "jpeg",
        &file,
        "A drawn stop sign, and behind it two masked copies each of RISE, RaCM and MC-RISE",
    ))
}

/// One run, read in two ways.
fn map_and_own_effects() -> Result<String, BoxError> {
    let image = demo::draw(0, 1 << 50, SIDE)?.image;
    let explainer = Explainer::builder().masks(3000).build()?;
    let explanation = explainer.explain(&demo::Classifier, &image, 0)?;
    let own = explanation.own_effects()?;
    let names = explanation.plan().plane_names();
    let (map, own_map) = (explanation.map(), own.map());
    let error = explanation.standard_error()?.ok_or("too few masks")?;
    let own_error = own.standard_error()?.ok_or("too few masks")?;
    let panel = |map, error, caption| {
        Panel::new(map, &names)
            .image(&image)
            .standard_error(error)
            .doubt(Doubt::Fade)
            .tile_size(128)
            .caption(caption)
    };
    let (with_others, alone) = (
        panel(&map, &error, "the map: where, and with what passes along"),
        panel(
            &own_map,
            &own_error,
            "own effects: which channel, by itself",
        ),
    );
    figure(
        &Figure::new().with(with_others).with(alone),
        "A stop sign, its map with a plane for each channel, and its own effects, where red stands out",
    )
}

/// What more masks do, and what the average makes of few.
fn more_and_more_masks() -> Result<String, BoxError> {
    let image = demo::draw(0, 1 << 50, SIDE)?.image;
    let (mut planes, mut names) = (Vec::new(), Vec::new());
    for (masks, estimator) in [
        (100, Estimator::Centred),
        (300, Estimator::Centred),
        (300, Estimator::Averaged),
        (1000, Estimator::Centred),
        (10_000, Estimator::Centred),
    ] {
        let explainer = Explainer::builder().masks(masks).estimator(estimator);
        let explanation = explainer.build()?.explain(&demo::Classifier, &image, 0)?;
        let certainty = explanation.certainty()?.unwrap_or(0.0);
        names.push(format!("{masks} {estimator}: {certainty:.2}"));
        planes.push(explanation.map().index_axis_move(Axis(0), 0).to_owned());
    }
    let views: Vec<_> = planes.iter().map(|plane| plane.view()).collect();
    let map = stack(Axis(0), &views)?;
    let panel = Panel::new(&map, &names)
        .image(&image)
        .columns(3)
        .tile_size(128);
    figure(
        &Figure::from(panel.caption("the red plane: number of masks, estimator, certainty")),
        "Maps of 100, 300, 1000 and 10,000 masks, less and less noisy, and one of 300 by the average with the surrogate, which is smooth",
    )
}

/// Two sensors, one of which gives an alarm; and a table of three features.
fn series_and_table() -> Result<String, BoxError> {
    let series = Array3::from_shape_fn((2, 1, 150), |(sensor, _, t)| {
        let at = t as f32;
        let burst = (-((at - 95.0) / 6.0).powi(2)).exp();
        match sensor {
            0 => 2.5 * burst * (1.3 * at).sin() + 0.2 * (2.9 * at).sin(),
            _ => 20.0 + 3.0 * (at / 25.0).sin(),
        }
    });
    let alarm = FnModel::new(|batch: ArrayView4<'_, f32>| {
        let burst = |n| batch.slice(s![n, 0, 0, 88..103]).mapv(|v: f32| v * v).sum();
        Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| burst(n))
    });
    let means = Baseline::PerChannel(vec![0.0, 20.0]);
    let explainer = Explainer::builder().baseline(means).masks(2000);
    let of_series = explainer
        .effect(Effect::Own)
        .build()?
        .explain(&alarm, &series, 0)?;
    let sensors = ["vibration", "temperature"];
    let errors = of_series.standard_error()?.ok_or("too few masks")?;
    let (map, error) = (of_series.map(), &errors);
    let plot = SeriesPlot::new(&map, &sensors)
        .series(&series, &sensors)
        .standard_error(error)
        .width(600);

    let row = Array3::from_shape_fn((3, 1, 1), |(feature, _, _)| [1.0, 2.0, 3.0][feature]);
    let loan = FnModel::new(|batch: ArrayView4<'_, f32>| {
        let score = |n| 0.3 * batch[[n, 0, 0, 0]] - 0.2 * batch[[n, 1, 0, 0]];
        Array2::from_shape_fn((batch.dim().0, 1), |(n, _)| score(n))
    });
    let explainer = Explainer::builder()
        .effect(Effect::Own)
        .p_pix(0.9)
        .masks(1000);
    let of_table = explainer.build()?.explain(&loan, &row, 0)?;
    let errors = of_table.standard_error()?.ok_or("too few masks")?;
    let values = of_table.map();
    let bars = BarChart::new(&values, &["income", "debt", "shoe size"])
        .standard_error(&errors)
        .width(600);
    figure(
        &Figure::new().with(plot).with(bars),
        "A series of two sensors with its importance below each line, and bars for the features of a table",
    )
}
