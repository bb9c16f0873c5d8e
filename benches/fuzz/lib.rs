//! The program's modules, for targets that need one of them: a program has no library.
#![allow(dead_code)]

macro_rules! modules {
    ($($path:literal $name:ident),* $(,)?) => {
        $(#[path = $path] pub mod $name;)*
    };
}

modules! {
    "../../src/bin/racm/args.rs" args,
    "../../src/bin/racm/channel_file.rs" channel_file,
    "../../src/bin/racm/compare/mod.rs" compare,
    "../../src/bin/racm/evaluate/mod.rs" evaluate,
    "../../src/bin/racm/explain/mod.rs" explain,
    "../../src/bin/racm/figure.rs" figure,
    "../../src/bin/racm/fingerprint.rs" fingerprint,
    "../../src/bin/racm/html/mod.rs" html,
    "../../src/bin/racm/image/mod.rs" image,
    "../../src/bin/racm/merge.rs" merge,
    "../../src/bin/racm/model.rs" model,
    "../../src/bin/racm/npy.rs" npy,
    "../../src/bin/racm/numbers.rs" numbers,
    "../../src/bin/racm/of_channels.rs" of_channels,
    "../../src/bin/racm/panics.rs" panics,
    "../../src/bin/racm/prior.rs" prior,
    "../../src/bin/racm/read.rs" read,
    "../../src/bin/racm/say.rs" say,
    "../../src/bin/racm/shard.rs" shard,
    "../../src/bin/racm/signals.rs" signals,
    "../../src/bin/racm/target.rs" target,
    "../../src/bin/racm/white_box.rs" white_box,
    "../../src/bin/racm/whole.rs" whole,
    // Private ones of the above.
    "../../src/bin/racm/evaluate/list.rs" list,
    "../../src/bin/racm/image/npz.rs" npz,
    "../../src/bin/racm/image/tiff.rs" tiff_file,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;
