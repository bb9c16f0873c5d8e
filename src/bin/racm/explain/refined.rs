//! The saliency map that restricts the masks, and where it came from.

use racm::ndarray::{Array2, Array3};
use racm::{CamMap, CamMethod, Layer, Region, Target};

use super::args::Args;
use super::loaded::Loaded;
use crate::Failure;
use crate::npy::read_map;
use crate::say::line;
use crate::white_box::{Refine, WhiteBox};

/// What the masks were restricted by.
pub enum RefinedBy {
    Map(Array2<f32>),
    Cam(Layer, Box<CamMap>),
}

impl RefinedBy {
    pub fn map(&self) -> &Array2<f32> {
        match self {
            RefinedBy::Map(map) => map,
            RefinedBy::Cam(_, found) => &found.map,
        }
    }
}

/// Reads or makes the map that `--refine` asks for.
pub fn refined_by(
    args: &Args,
    loaded: &Loaded,
    image: &Array3<f32>,
    known: Option<&Region>,
) -> Result<Option<RefinedBy>, Failure> {
    let (_, height, width) = image.dim();
    Ok(match &args.refine {
        None => None,
        Some(Refine::Path(path)) => {
            let missing = known.map(|known| known.pixels().mapv(|has_value| !has_value));
            let map = read_map(path, [height, width], missing.as_ref())?;
            Some(RefinedBy::Map(map))
        }
        Some(Refine::Cam(method)) => match &loaded.white_box {
            Some(white_box) => Some(cam_to_refine(args, *method, loaded, white_box, image)?),
            None => None,
        },
    })
}

/// The class activation map of the class that is explained.
fn cam_to_refine(
    args: &Args,
    method: CamMethod,
    loaded: &Loaded,
    white_box: &WhiteBox,
    image: &Array3<f32>,
) -> Result<RefinedBy, Failure> {
    let (top, _) = white_box.check(&loaded.model, image)?;
    let class = match &args.target {
        Target::Classes(classes) if classes.len() == 1 => classes[0],
        Target::Top => top,
        other => {
            return Err(format!("--refine {method} is for one class, --target is {other}").into());
        }
    };
    let found = white_box.refinement(method, image, class)?;
    line(format_args!(
        "{method} at {}: {} images, {} head calls",
        white_box.layer, found.image_calls, found.head_calls
    ))?;
    Ok(RefinedBy::Cam(white_box.layer.clone(), Box::new(found)))
}
