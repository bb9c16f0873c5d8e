//! Pictures that are none, and pictures of every kind that there is.

use crate::bytes::{chunk, cuts, jpeg, png, png_data, png_header};
use crate::{Case, Room, proto};

/// Masks enough for a map, few enough to be quick.
const EXPLAIN: &str = "explain --model demo --masks 16 --grid 4 --convert --image";

pub fn cases(room: &Room) -> Vec<Case> {
    let mut cases: Vec<Case> = room
        .odd(".png")
        .into_iter()
        .map(|(path, word)| named(&path, &path, &[word]))
        .collect();
    let picture = png(16, 8, 2);
    for at in cuts(picture.len(), 24) {
        let path = room.file(&format!("cut{at}.png"), &picture[..at]);
        // Without its last chunks all pixels are there.
        cases.push(match at < picture.len() - 20 {
            true => named(&path, &path, &[]),
            false => either(&path, &path, &[]),
        });
    }
    let photo = jpeg(32, 32, 3, 16);
    for at in cuts(photo.len(), 24) {
        let path = room.file(&format!("cut{at}.jpg"), &photo[..at]);
        cases.push(named(&path, &path, &[]));
    }
    for at in cuts(picture.len(), 40) {
        let mut damaged = picture.clone();
        damaged[at] ^= 0x55;
        let path = room.file(&format!("flipped{at}.png"), &damaged);
        cases.push(either(&path, &path, &[]));
    }
    for at in cuts(photo.len(), 40) {
        let mut damaged = photo.clone();
        damaged[at] ^= 0x55;
        let path = room.file(&format!("flipped{at}.jpg"), &damaged);
        cases.push(either(&path, &path, &[]));
    }
    for (name, bytes, words) in wrong() {
        let path = room.file(name, bytes);
        cases.push(named(name, &path, words));
    }
    for (name, bytes) in right() {
        let path = room.file(name, bytes);
        cases.push(Case::fine(name, EXPLAIN).with(path));
    }
    cases.push(shrunk(room));
    let grey = room.file("grey_for_colour.png", png(16, 8, 0));
    let strict = "explain --model demo --masks 16 --image";
    let words = [
        "grey_for_colour.png: it has 1 channel (grey), expected 3",
        "--convert",
    ];
    cases.push(Case::refused("grey_for_colour.png", strict, &words).with(grey));
    cases
}

fn named(name: &str, path: &str, words: &[&str]) -> Case {
    let file = path.rsplit('/').next().unwrap();
    let words = [&[file][..], words].concat();
    let short = name.rsplit('/').next().unwrap();
    Case::refused(short, EXPLAIN, &words).with(path)
}

fn either(name: &str, path: &str, words: &[&str]) -> Case {
    let file = path.rsplit('/').next().unwrap();
    let words = [&[file][..], words].concat();
    let short = name.rsplit('/').next().unwrap();
    Case::either(short, EXPLAIN, &words).with(path)
}

type Wrong = (&'static str, Vec<u8>, &'static [&'static str]);

fn wrong() -> Vec<Wrong> {
    let data = png_data(&[0; 900]);
    let claim = |w, h, bits, colours| [png_header(w, h, bits, colours, 0), data.clone()].concat();
    vec![
        ("empty.png", Vec::new(), &["it is empty"]),
        (
            "text.png",
            b"hello, world".to_vec(),
            &["it is no image, expected PNG or JPEG"],
        ),
        ("zeros.png", vec![0; 100_000], &["it is no image"]),
        (
            "animated.gif",
            b"GIF89a\x01\x00\x01\x00\x00\x00\x00;".to_vec(),
            &["it is Gif, expected PNG or JPEG"],
        ),
        (
            "modern.webp",
            b"RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00".to_vec(),
            &["it is WebP"],
        ),
        (
            "old.bmp",
            b"BM\x46\x00\x00\x00\x00\x00\x00\x00\x36\x00".to_vec(),
            &["it is Bmp"],
        ),
        ("zero_wide.png", claim(0, 16, 8, 2), &[]),
        ("zero_high.png", claim(16, 0, 8, 2), &[]),
        (
            "claims_huge.png",
            claim(60_000, 60_000, 8, 2),
            &["60000 x 60000", "at most 150000000"],
        ),
        (
            "claims_most.png",
            claim(u32::MAX >> 1, u32::MAX >> 1, 16, 6),
            &[],
        ),
        ("claims_wide.png", claim(1 << 24, 1, 8, 2), &[]),
        (
            "claims_deep.png",
            claim(12_000, 12_000, 16, 6),
            &["12000 x 12000", "more than its"],
        ),
        (
            "claims_more.png",
            claim(4_000, 3_000, 8, 2),
            &["cut short or damaged"],
        ),
        ("claims_some.png", claim(640, 480, 8, 2), &[]),
        ("bits.png", claim(16, 16, 7, 2), &[]),
        ("colours.png", claim(16, 16, 8, 5), &[]),
        (
            "no_data.png",
            [png_header(16, 16, 8, 2, 0), chunk(b"IEND", &[])].concat(),
            &[],
        ),
        (
            "no_palette.png",
            [png_header(16, 16, 8, 3, 0), data.clone()].concat(),
            &[],
        ),
        (
            "long_chunk.png",
            [
                png_header(16, 16, 8, 2, 0),
                b"\x7f\xff\xff\xffIDAT".to_vec(),
            ]
            .concat(),
            &[],
        ),
        ("zero_wide.jpg", jpeg(0, 16, 3, 4), &[]),
        ("zero_high.jpg", jpeg(16, 0, 3, 4), &[]),
        (
            "claims_huge.jpg",
            jpeg(65_500, 65_500, 3, 4),
            &["65500 x 65500"],
        ),
        (
            "claims_more.jpg",
            jpeg(12_000, 12_000, 3, 4),
            &["12000 x 12000", "more than its"],
        ),
        ("five_colours.jpg", jpeg(16, 16, 5, 4), &[]),
        ("no_colour.jpg", jpeg(16, 16, 0, 4), &[]),
        // Three bytes are a colour; the decoder panicked.
        (
            "odd_palette.png",
            [
                png_header(16, 16, 8, 3, 0),
                chunk(b"PLTE", &[0; 4]),
                png_data(&[0; 16 * 17]),
                chunk(b"IEND", &[]),
            ]
            .concat(),
            &["it is damaged"],
        ),
    ]
}

fn right() -> Vec<(&'static str, Vec<u8>)> {
    let animated = {
        let control = chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]);
        let mut whole = png(16, 8, 2);
        whole.splice(33..33, control);
        whole
    };
    vec![
        ("grey1.png", png(16, 1, 0)),
        ("grey2.png", png(16, 2, 0)),
        ("grey4.png", png(16, 4, 0)),
        ("grey8.png", png(16, 8, 0)),
        ("grey16.png", png(16, 16, 0)),
        ("rgb8.png", png(16, 8, 2)),
        ("rgb16.png", png(16, 16, 2)),
        ("palette.png", png(16, 8, 3)),
        ("grey_alpha.png", png(16, 8, 4)),
        ("rgba8.png", png(16, 8, 6)),
        ("rgba16.png", png(16, 16, 6)),
        ("animated.png", animated),
        ("wrong_name.png", jpeg(16, 16, 3, 4)),
        ("grey.jpg", jpeg(16, 16, 1, 4)),
        ("rgb.jpg", jpeg(16, 16, 3, 4)),
        ("cmyk.jpg", jpeg(16, 16, 4, 4)),
        (
            "more_after.jpg",
            [jpeg(16, 16, 3, 4), vec![7; 100]].concat(),
        ),
        ("more_after.png", [png(16, 8, 2), vec![7; 100]].concat()),
    ]
}

/// A large picture for a small model.
fn shrunk(room: &Room) -> Case {
    let model = proto::toy(&proto::Fed::fixed(racm::Layout::Nchw, 1));
    let model = room.file("small.onnx", model);
    let large = room.file("large.jpg", jpeg(2000, 1000, 3, 31_250));
    let arguments = format!("explain --masks 8 --grid 2 --model {model} --image {large}");
    Case::fine("large.jpg", &arguments)
}
