//! `racm explain`.

mod about;
mod args;
mod bar;
mod baseline;
mod cam;
pub mod channels;
mod curves;
pub mod evaluated;
mod first_look;
mod images;
mod job;
pub mod kept;
mod loaded;
mod one;
pub mod origin;
pub mod page;
pub mod part;
mod parts;
mod pictures;
mod pilot;
pub mod plot;
mod preview;
mod refined;
pub mod report;
mod saved;
mod several;
mod shards;
pub mod space;
pub mod subject;
pub mod summary;
pub use args::{Args, method_names};
pub use loaded::Loaded;
pub use one::explain as explain_one;

use crate::Failure;

/// What stands below the help.
pub const EXAMPLES: &str = "\
Examples:
  racm explain --model demo --out explained                          needs no file
  racm explain --model resnet.onnx --preset imagenet --labels imagenet.txt --image cat.jpg --out cat
  racm explain .. --target \"tabby - lynx\"                            why the one and not the other
  racm explain .. --images photos/ --out photos-explained            many images, and summary.csv
  racm explain .. --masks 2000 --estimator averaged --preview        exactly so many, shown here, too

The same command given again goes on where it was stopped. A signal ends it in order, with the map so far; a second signal, after
a second or more, ends it at once.
Exit status: 0 done; 1 failed, or one image of several did; 2 the command line cannot be read; 128 + N ended by signal N.";

pub fn run(args: &mut Args) -> Result<(), Failure> {
    args.check()?;
    preview::settle(&mut args.preview)?;
    match args.images.images.is_empty() {
        true => {
            shards::warn(&args.ledger, &args.out)?;
            let loaded = Loaded::new(args)?;
            one::explain(args, &loaded).map(drop)
        }
        false => several::run(args),
    }
}
