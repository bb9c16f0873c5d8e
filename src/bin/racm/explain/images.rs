//! `--images`: which images.

use std::path::PathBuf;

/// Which images.
#[derive(clap::Args)]
#[command(next_help_heading = "Image")]
pub struct ImagesArgs {
    /// Explain several images with one command, each into a folder of its name in --out, which gets a summary.csv, too: files,
    /// folders (all images in them), and lists (.csv with a column `file`, or .txt with a file a line)
    #[arg(
        long,
        num_args = 1..,
        value_name = "FILE|DIR|LIST",
        conflicts_with_all = ["image", "ledger", "shard", "blocks"]
    )]
    pub images: Vec<PathBuf>,
    /// Lists may name files outside of their folder: absolute paths, and paths with `..`
    #[arg(long, requires = "images")]
    pub anywhere: bool,
}
