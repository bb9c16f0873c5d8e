//! What is said of pictures that a model does not see as people do: shrunk, as large as they are, or turned.

use racm::Layout;

use super::*;
use crate::bytes::{chunk, png};

#[test]
fn an_evaluation_says_which_images_it_makes_smaller() {
    let (list, root) = images("sizes_evaluate");
    let (model, out) = (root.join("small.onnx"), root.join("out"));
    fs::write(&model, proto::toy(&proto::Fed::fixed(Layout::Nchw, 1))).unwrap();
    let evaluate = "evaluate --methods rise --masks 8 --grid 2 --metrics gini --limit 1";
    let to = [("--model", &*model), ("--images", &list), ("--out", &out)];
    let said = succeeds(evaluate, &to);
    let wanted = " pixels, resized to the 4 x 7 that the model takes";
    assert_eq!(said.matches(wanted).count(), 1, "{said}");
}

#[test]
fn a_large_picture_is_warned_of_where_the_model_takes_any_size() {
    let root = folder("sizes_large");
    let (large, out) = (root.join("large.png"), root.join("out"));
    write_png(&large, &racm::render::RgbImage::new(2001, 2000)).unwrap();
    let explain = "explain --model demo --masks 2 --grid 2 --batch 1";
    let said = succeeds(explain, &[("--image", &large), ("--out", &out)]);
    assert!(
        said.contains("large.png: 2000 x 2001 pixels, which demo takes as they are"),
        "{said}"
    );
    assert!(said.contains("each masked copy has 48 MB"), "{said}");
}

#[test]
fn a_picture_that_is_to_be_turned_is_read_as_it_lies() {
    let root = folder("sizes_turned");
    let path = root.join("turned.png");
    let said = |orientation: u8| {
        let mut exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
        let mut picture = png(16, 8, 2);
        picture.splice(33..33, chunk(b"eXIf", &exif));
        fs::write(&path, picture).unwrap();
        let explain = "explain --model demo --masks 8 --grid 2";
        succeeds(explain, &[("--image", &path), ("--out", &root.join("out"))])
    };
    assert!(
        said(6)
            .contains("turned.png: its camera says that it is to be turned (EXIF orientation 6)")
    );
    assert!(!said(1).contains("EXIF"));
}
