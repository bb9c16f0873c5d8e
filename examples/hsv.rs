//! An RGB model explained by hue, saturation and value: does it know the sign by its colour, by how colourful it is, or by
//! light and dark?
//!
//! The model takes RGB. `InColourSpace` makes of it a model of HSV images, so that masks hide the hue of a cell, say, and
//! leave its saturation and value. What is hidden shows another hue (one far from the image's own colours), grey, or black.
//! Own effects compare the three. The picture goes to `hsv.png`, or to the path given.

use racm::render::{Panel, write_png};
use racm::{ColourSpace, Effect, Error, Explainer, InColourSpace, Racm, Target, demo};

fn main() -> Result<(), Error> {
    let rgb = demo::image();
    let space = ColourSpace::hsv_for(&rgb)?;
    let model = InColourSpace::new(demo::Classifier, space)?;
    let explanation = Explainer::builder()
        .family(Racm::grouped(space.planes())?)
        .effect(Effect::Own)
        .masks(3000)
        .build()?
        .explain(&model, &space.convert(&rgb)?, Target::Top)?;

    let class = demo::CLASSES[explanation.targets()[0]];
    let score = explanation.unmasked_scores()[0];
    println!("{class:?}, score {score:.3}; excluded pixels show {space}");
    let names = explanation.plan().plane_names();
    let carried = explanation.carried(0)?;
    for (name, (value, error)) in names.iter().zip(&carried) {
        let error = error.unwrap_or(f64::NAN);
        println!("  {name:<10} carries {value:+.4} +- {error:.4}");
    }

    let panel = Panel::new(&explanation.map(), &names)
        .image(&rgb)
        .plane_pictures(&space.pictures(&rgb)?)
        .carried(&carried)
        .caption(format!(
            "What says {class:?} (score {score:.2}) in {space}: own effects, {} masks",
            explanation.masks()
        ))
        .draw()?;
    let path = std::env::args().nth(1);
    let path = path.unwrap_or_else(|| "hsv.png".to_owned());
    write_png(&path, &panel)?;
    println!("wrote {path}");
    Ok(())
}
