//! The shortest way to a picture: what makes the embedded network say "stop sign"?
//!
//! The image is drawn in code: a red octagon with a white bar. The network also knows dark octagons, which lack the red and
//! are the same in green and blue. RaCM masks cells and, within them, channels; its own effects have one plane a channel:
//! the red of the face stands out, and the green and blue of the white bar. The picture goes to `quickstart.png`, or to the
//! path given.

use racm::ndarray::Array3;
use racm::render::{Panel, write_png};
use racm::{Effect, Error, Explainer, Target, demo};

fn main() -> Result<(), Error> {
    let image = demo::image();
    let explainer = Explainer::builder().masks(4000).effect(Effect::Own);
    let explanation = explainer
        .build()?
        .explain(&demo::Classifier, &image, Target::Top)?;

    let class = demo::CLASSES[explanation.targets()[0]];
    let score = explanation.unmasked_scores()[0];
    println!("{class:?}, score {score:.3}, {} masks", explanation.masks());
    for (channel, name) in explanation.plan().plane_names().iter().enumerate() {
        // The mean over the octagon, with its standard error.
        let mut weights = Array3::from_shape_fn(image.dim(), |(c, y, x)| {
            f64::from(u8::from(c == channel && demo::on_sign(y, x)))
        });
        weights /= weights.sum();
        let (mean, error) = explanation.contrast(0, &weights)?;
        let error = error.unwrap_or(f64::NAN);
        println!("  {name:<6} inside the octagon {mean:+.4} +- {error:.4}");
    }

    let names = explanation.plan().plane_names();
    let panel = Panel::new(&explanation.map(), &names)
        .image(&image)
        .caption(format!(
            "RaCM's own effects: which channels of which pixels say {class:?} (score {score:.2}), {} masks",
            explanation.masks()
        ))
        .draw()?;
    let path = std::env::args().nth(1);
    let path = path.unwrap_or_else(|| "quickstart.png".to_owned());
    write_png(&path, &panel)?;
    println!("wrote {path}");
    Ok(())
}
