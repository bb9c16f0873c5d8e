//! Many images: each is explained by one rank.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use mpi::topology::SimpleCommunicator;
use mpi::traits::*;
use racm::{BoxError, Target};

use crate::files::{make_folder, save, write_map};
use crate::job::Args;
use crate::share::{Giver, Share, Taker};

pub fn run(world: &SimpleCommunicator, args: &Args, folder: &Path) -> Result<(), BoxError> {
    if world.rank() > 0 {
        // An image takes so long that the wait for the next one is nothing, but the last one not.
        let mut share = Taker::new(world, false);
        let explained = list(folder).and_then(|images| explain(args, &images, &mut share));
        return share.finish(explained.map(|()| Vec::new()));
    }
    let mut share = Giver::new(world, 1, "images");
    let explained = lead(args, folder, &mut share);
    share.finish(explained)?;
    let (folder, out) = (folder.display(), args.out.display());
    println!("every image of {folder} has its map in {out}");
    Ok(())
}

fn lead(args: &Args, folder: &Path, share: &mut Giver<'_>) -> Result<(), BoxError> {
    make_folder(&args.out)?;
    refuse_others(args)?;
    let images = list(folder)?;
    let missing = (0..images.len()).filter(|&i| !map_of(args, &images[i]).exists());
    let missing: Vec<_> = missing.map(|i| i as u64..i as u64 + 1).collect();
    let total = missing.len() as u64;
    share.offer(missing, total);
    explain(args, &images, share)
}

/// Maps do not say how they were made: a file beside them does.
fn refuse_others(args: &Args) -> Result<(), BoxError> {
    let (path, asked) = (args.out.join("job.txt"), args.asked());
    match fs::read_to_string(&path) {
        Ok(made) if made == asked => Ok(()),
        Ok(made) => {
            let path = path.display();
            Err(
                format!("{path}: the maps are of {made}, now it is {asked}; take another --out")
                    .into(),
            )
        }
        Err(_) => save(&path, asked.as_bytes()),
    }
}

/// Explains the images that this rank is given.
fn explain(args: &Args, images: &[PathBuf], share: &mut dyn Share) -> Result<(), BoxError> {
    let job = args.job()?;
    let mut done = 0;
    while let Some(piece) = share.next(done) {
        let path = &images[piece.start as usize];
        let of = |e: BoxError| format!("{}: {e}", path.display());
        let image = job.read(path).map_err(of)?;
        let run = job.explainer.run(&*job.model, &image, Target::Top);
        let run = run.progress(|_| {
            share.between_batches(done);
            ControlFlow::Continue(())
        });
        let explanation = run.explain().map_err(|e| of(e.into()))?;
        write_map(&map_of(args, path), &explanation.map())?;
        done += 1;
    }
    Ok(())
}

/// The images in the order of their names, which is the same on every rank.
fn list(folder: &Path) -> Result<Vec<PathBuf>, BoxError> {
    let mut images = Vec::new();
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        if ["png", "jpg", "jpeg"].iter().any(|e| extension == *e) {
            images.push(path);
        }
    }
    images.sort_unstable();
    match images.is_empty() {
        true => Err(format!("{}: no image (PNG or JPEG)", folder.display()).into()),
        false => Ok(images),
    }
}

fn map_of(args: &Args, image: &Path) -> PathBuf {
    let mut name = image.file_name().unwrap_or_default().to_owned();
    name.push(".npy");
    args.out.join(name)
}
