//! One image.

use std::cell::Cell;

use racm::{BlackBoxModel, ColourSpace, InColourSpace};

use super::about::{about, about_pilot, about_region};
use super::args::{Args, Method};
use super::baseline::warn_of_baseline;
use super::evaluated::with_nan;
use super::first_look::FirstLook;
use super::job::{Done, Job};
use super::kept::Kept;
use super::loaded::Loaded;
use super::origin::Origin;
use super::refined::refined_by;
use super::space::{check_rgb, name_in, with_planes};
use super::{cam, channels, pilot, report};
use crate::Failure;
use crate::image::{highest, in_both};
use crate::say::by_option;

/// Explains the image of the arguments. A part of the masks makes no map.
pub fn explain(args: &Args, loaded: &Loaded) -> Result<Option<Done>, Failure> {
    if let Some(Method::Cam(method)) = args.method {
        return cam::explain(args, loaded, method).map(Some);
    }
    let Loaded {
        saved,
        prior,
        names,
        model,
        ..
    } = loaded;
    let saved = saved.as_ref();
    let input = model.image(args.image.as_deref(), &args.model, &args.reading)?;
    report::say_input(args.image.as_deref(), &input)?;
    let mut about = about(args, &input);

    let [channels, height, width] = input.shape();
    args.check_channels([channels, height, width])?;
    let names_of_channels = channels::names_of(&args.model, &input);
    let is_picture = input.is_picture;
    let mut builder = args.builder(saved, [height, width])?;
    if let Some(prior) = prior {
        builder = builder.surrogate_prior(prior.clone());
    }
    let asked = builder.clone().build().map_err(by_option)?;
    let (image, known) = input.filled(Some(asked.baseline()))?;
    let missing = known.as_ref().map_or(0, |r| height * width - r.count());
    let stored = channels::Known {
        path: args.image.as_deref(),
        count: channels,
        names: names_of_channels.as_deref(),
        is_picture,
    };
    check_rgb(&asked, args.space.is_some(), &stored)?;
    let space = match &args.space {
        Some(space) => Some(space.of(&image)?),
        None => None,
    };
    builder = with_planes(builder, space, saved)?;
    builder = args.channels.apply(builder, &stored, space)?;
    let refined_by = refined_by(args, loaded, &image, known.as_ref())?;
    let region = match &refined_by {
        Some(refined_by) => Some(highest(refined_by.map(), args.keep, known.as_ref())?),
        None => asked.spec().region.clone(),
    };
    let region = in_both(region, known.as_ref())
        .map_err(|_| "no pixel of the region has a value in every channel")?;
    let mut explainer = builder.region(region).build()?;
    args.map.check(&explainer)?;
    // What the model and the masks see.
    let first_look = FirstLook {
        model,
        args: &args.model,
        names,
        image: &image,
        is_picture,
        done: Cell::new(false),
    };
    let model = in_space(&first_look, space)?;
    let masked = match space {
        Some(space) => space.convert(&image)?,
        None => image.clone(),
    };
    warn_of_baseline(&explainer, &masked)?;
    let (ledger, part) = (&args.ledger, args.ledger.part());
    let kept = Kept::open(
        &args.out,
        ledger.ledger.as_deref(),
        part.as_ref(),
        ledger.restart,
    )?;
    let name = name_in(args.model.name()?, space);
    let signals = loaded.signals()?;
    let mut pilot = None;
    if args.mask.pilot() {
        let asked = pilot::Asked {
            model: &*model,
            image: &masked,
            target: &args.target,
            name: &name,
            of: pilot::name_of(&explainer, &masked, &args.target, &name)?,
            folder: args.out.join("pilot"),
            restart: ledger.restart,
            signals,
        };
        (explainer, pilot) = asked.with_best_p_pix(explainer, &kept)?;
    }
    let job = Job {
        explainer: &explainer,
        model: &*model,
        image: &masked,
        target: &args.target,
        name,
        reading: args.reading.options() + &args.map.prior.options(&explainer),
        kept,
        signals,
    };
    if let Some(part) = part {
        return job.score(&part).map(|()| None);
    }
    about.insert("pilot".to_owned(), about_pilot(pilot.as_ref()));
    about.insert(
        "ledger".to_owned(),
        job.kept.path.display().to_string().into(),
    );
    let origin = Origin {
        out: &args.out,
        names,
        image: &with_nan(image.clone(), known.as_ref()),
        space,
        map: &args.map,
        channels: args.channels.names().or(names_of_channels.as_deref()),
        about,
        region: about_region(args, refined_by.as_ref(), missing),
        preview: args.preview.is_some(),
        labels: args
            .segments
            .as_ref()
            .map(|path| path.display().to_string()),
    };
    job.explain(&origin).map(Some)
}

/// The model, of images in this space.
fn in_space<'a>(
    model: &'a dyn BlackBoxModel,
    space: Option<ColourSpace>,
) -> Result<Box<dyn BlackBoxModel + 'a>, Failure> {
    Ok(match space {
        Some(space) => Box::new(InColourSpace::new(model, space)?),
        None => Box::new(model),
    })
}
