//! What `racm evaluate` makes of lists and folders, and what is said of names and methods that do not fit the model.

use std::fs;

use super::files::{EXPLAIN, bands, folder_of_bands, npz, room};
use super::{fails, npy, succeeds};

const EVALUATE: &str = "evaluate --masks 20 --grid 2 --metrics gini";

#[test]
fn folders_with_images_are_not_left_out_silently() {
    let (root, model) = room("lists_folders");
    let (images, out) = (root.join("images"), root.join("out"));
    folder_of_bands(&images.join("scene"), &bands());
    fs::create_dir(images.join("empty")).unwrap();
    let more = [
        ("--model", &*model),
        ("--images", &*images),
        ("--out", &*out),
    ];
    let evaluate = format!("{EVALUATE} --methods racm");
    fails(
        &evaluate,
        &more,
        "images: it holds no image, only 1 folder with images; one with a file a channel needs a CSV file",
    );
    npy::write(images.join("a.npy"), &bands());
    let said = succeeds(&evaluate, &more);
    assert!(said.contains("left out 1 folder with images"), "{said}");
    assert!(said.contains("Means over 1 image \u{b1}"), "{said}");
}

#[test]
fn an_array_is_named_for_npz_files_only() {
    let (root, model) = room("lists_array");
    let (images, out) = (root.join("images"), root.join("out"));
    fs::create_dir(&images).unwrap();
    npy::write(images.join("a.npy"), &bands());
    let more = [
        ("--model", &*model),
        ("--images", &*images),
        ("--out", &*out),
    ];
    let evaluate = format!("{EVALUATE} --methods racm --array x");
    fails(&evaluate, &more, "no image is an .npz file, which --array");
    let (first, second) = (bands(), bands().mapv(|v| -v));
    npz(&images.join("b.npz"), &[("x", &first), ("y", &second)]);
    let said = succeeds(&evaluate, &more);
    assert!(said.contains("Means over 2 images"), "{said}");
}

#[test]
fn colours_are_for_three_channels() {
    let (root, model) = room("lists_colours");
    let (image, out) = (root.join("a.npy"), root.join("out"));
    npy::write(&image, &bands());
    let more = [("--model", &*model), ("--image", &*image), ("--out", &*out)];
    let why = "mc-rise paints in red, green and blue, and the image has 4 channels; --";
    let method = format!("{why}method racm");
    fails(&format!("{EXPLAIN} --method mc-rise"), &more, &method);
    let more = [("--model", &*model), ("--images", &*root), ("--out", &*out)];
    fails(EVALUATE, &more, &format!("a.npy: {why}methods racm,rise"));
    succeeds(
        &format!("{EVALUATE} --methods racm,rise"),
        &[
            ("--model", &*model),
            ("--images", &*root),
            ("--out", &*root.join("other")),
        ],
    );
}

#[test]
fn names_of_other_classes_are_warned_of() {
    let (root, model) = room("lists_names");
    let (image, labels) = (root.join("a.npy"), root.join("labels.txt"));
    npy::write(&image, &bands());
    let explain = |names: &str, out: &str| {
        fs::write(&labels, names).unwrap();
        let out = root.join(out);
        let more = [
            ("--model", &*model),
            ("--image", &*image),
            ("--labels", &*labels),
        ];
        succeeds(EXPLAIN, &[&more[..], &[("--out", &*out)]].concat())
    };
    let warning = "warning: --labels has 2 names, and the model 4 classes";
    let said = explain("a\nb\n", "two");
    assert!(said.contains(warning), "{said}");
    // Empty lines at the end name nothing.
    let said = explain("a\nb\nc\nd\n\n\n", "four");
    assert!(!said.contains("warning"), "{said}");
    explain("a\nb\n", "again");
    let out = root.join("evaluated");
    let more = [
        ("--model", &*model),
        ("--images", &*root),
        ("--labels", &*labels),
    ];
    let evaluate = format!("{EVALUATE} --methods racm");
    let said = succeeds(&evaluate, &[&more[..], &[("--out", &*out)]].concat());
    assert!(said.contains(warning), "{said}");
}

/// A name of a file may hold what moves a terminal's cursor.
#[cfg(unix)]
#[test]
fn names_of_files_are_shown_escaped() {
    let (root, model) = room("lists_escape");
    let (image, out) = (root.join("a\u{1b}[31m.npy"), root.join("out"));
    npy::write(&image, &bands());
    let more = [("--model", &*model), ("--image", &*image), ("--out", &*out)];
    let said = succeeds(EXPLAIN, &more);
    assert!(
        said.contains("a\\u{1b}[31m.npy: 4 x 8 x 8") && !said.contains('\u{1b}'),
        "{said}"
    );
}
