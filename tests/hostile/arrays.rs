//! Saliency maps and label maps (`.npy`) that are none, and those of every kind that there is.

use crate::bytes::{cuts, descr, npy, png};
use crate::{Case, Room};

const SIDE: usize = 16;
const SIZE: &str = "expected [16, 16]";
const NUMBERS: &str = "expected floats, integers or truth values";

pub fn cases(room: &Room) -> Vec<Case> {
    let image = room.file("ramp.png", png(SIDE as u32, 8, 2));
    let refine = format!("explain --model demo --masks 16 --grid 4 --image {image} --refine");
    let labels = format!("explain --model demo --masks 16 --image {image} --segments");
    let mut cases = Vec::new();
    for (path, word) in room.odd(".npy") {
        let name = path.rsplit('/').next().unwrap().to_owned();
        // A map that is not there may be a misspelt method.
        let known = match word {
            "No such file" | "symbolic link" => "there is no",
            other => other,
        };
        cases.push(Case::refused(&name, &refine, &[&name, known]).with(&path));
        cases.push(Case::refused(&name, &labels, &[&name, word]).with(&path));
    }
    let ramp: Vec<u8> = (0..SIDE * SIDE)
        .flat_map(|i| (i as f32).to_le_bytes())
        .collect();
    let whole = npy(&descr("<f4", "False", "(16, 16)"), &ramp);
    for at in cuts(whole.len(), 24) {
        let name = format!("cut{at}.npy");
        let path = room.file(&name, &whole[..at]);
        cases.push(Case::refused(&name, &refine, &[&name]).with(path));
    }
    for at in cuts(70, 70) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x15;
        let name = format!("flipped{at}.npy");
        let path = room.file(&name, &damaged);
        cases.push(Case::either(&name, &refine, &[&name]).with(path));
    }
    for (name, bytes, words) in wrong(&ramp) {
        let path = room.file(name, bytes);
        let words = [&[name][..], words].concat();
        cases.push(Case::refused(name, &refine, &words).with(&path));
        cases.push(Case::refused(name, &labels, &words).with(&path));
    }
    for (name, value, word) in [
        ("half.npy", 1.5f32, "1.5 at [0, 1] is no label"),
        ("large.npy", 16_777_216.0, "16777216 at [0, 1] is no label"),
        (
            "minus.npy",
            -16_777_216.0,
            "-16777216 at [0, 1] is no label",
        ),
        ("infinite.npy", f32::INFINITY, "holds inf at [0, 1]"),
    ] {
        let mut values = vec![0u8; SIDE * SIDE * 4];
        values[4..8].copy_from_slice(&value.to_le_bytes());
        let path = room.file(name, npy(&descr("<f4", "False", "(16, 16)"), &values));
        cases.push(Case::refused(name, &labels, &[name, word]).with(path));
    }
    for (name, dtype, order, shape, bytes) in right() {
        let values: Vec<u8> = (0..SIDE * SIDE).flat_map(bytes).collect();
        let path = room.file(name, npy(&descr(dtype, order, shape), &values));
        cases.push(Case::fine(name, &refine).with(&path));
    }
    let longer = [&whole[..], &[0; 100]].concat();
    cases.push(Case::fine("more_after.npy", &refine).with(room.file("more_after.npy", longer)));
    cases
}

type Wrong = (&'static str, Vec<u8>, &'static [&'static str]);

fn wrong(ramp: &[u8]) -> Vec<Wrong> {
    let shaped = |shape| npy(&descr("<f4", "False", shape), ramp);
    let typed = |dtype| npy(&descr(dtype, "False", "(16, 16)"), &[0; 4096]);
    let text = |header: &str| npy(header, ramp);
    let mut not_finite = ramp.to_vec();
    not_finite[4..8].copy_from_slice(&f32::NAN.to_le_bytes());
    let large: Vec<u8> = [1e300f64; 256]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    vec![
        ("empty.npy", Vec::new(), &["not an .npy file"]),
        (
            "text.npy",
            b"0 1 2 3 4 5 6 7 8 9".to_vec(),
            &["does not begin as one"],
        ),
        (
            "zip.npy",
            b"PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00".to_vec(),
            &["does not begin as one"],
        ),
        (
            "version4.npy",
            b"\x93NUMPY\x04\x00\x10\x00\x00\x00{}".to_vec(),
            &["unknown version"],
        ),
        (
            "long_header.npy",
            b"\x93NUMPY\x01\x00\xff\xff{}".to_vec(),
            &["its header has 65535 bytes"],
        ),
        (
            "longest_header.npy",
            b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}".to_vec(),
            &["4294967295 bytes"],
        ),
        (
            "brackets.npy",
            text(&"(".repeat(9_000)),
            &["describes no array"],
        ),
        // Each bracket inside of another doubled the time of the reader.
        (
            "nested.npy",
            text("{'de c\\r':'|b1', 'fortran_order':{{{{{{{{{{{{{': (1, 1t444"),
            &["describes no array"],
        ),
        ("closing.npy", text(&")".repeat(9_000)), &["cannot be read"]),
        ("minuses.npy", text(&"-".repeat(9_000)), &["cannot be read"]),
        ("quotes.npy", text(&"'".repeat(9_000)), &["cannot be read"]),
        ("no_header.npy", text(""), &["cannot be read"]),
        ("empty_header.npy", text("{}"), &[]),
        (
            "no_shape.npy",
            text("{'descr': '<f4', 'fortran_order': False}"),
            &[],
        ),
        (
            "no_order.npy",
            text("{'descr': '<f4', 'shape': (16, 16)}"),
            &[],
        ),
        ("number.npy", text("5"), &[]),
        ("vector.npy", shaped("(256,)"), &[SIZE]),
        ("scalar.npy", shaped("()"), &[SIZE]),
        ("stack.npy", shaped("(3, 16, 16)"), &[SIZE]),
        ("four.npy", shaped("(1, 1, 16, 16)"), &[SIZE]),
        ("last.npy", shaped("(16, 16, 1)"), &[SIZE]),
        ("turned.npy", shaped("(8, 32)"), &[SIZE]),
        ("small.npy", shaped("(8, 8)"), &[SIZE]),
        ("none.npy", shaped("(0, 16)"), &[SIZE]),
        (
            "huge.npy",
            shaped("(4294967296, 4294967296)"),
            &["more elements than there can be"],
        ),
        (
            "most.npy",
            shaped("(18446744073709551615, 18446744073709551615)"),
            &["more elements than there can be"],
        ),
        (
            "beyond.npy",
            shaped("(99999999999999999999999999, 16)"),
            &[],
        ),
        ("negative.npy", shaped("(-16, 16)"), &[]),
        ("letters.npy", shaped("('a', 'b')"), &[]),
        ("objects.npy", typed("|O"), &[NUMBERS]),
        ("complex.npy", typed("<c8"), &[NUMBERS]),
        ("unicode.npy", typed("<U4"), &[NUMBERS]),
        ("strings.npy", typed("|S8"), &[NUMBERS]),
        ("dates.npy", typed("<M8[s]"), &[NUMBERS]),
        ("float3.npy", typed("<f3"), &[]),
        ("float0.npy", typed("<f0"), &[]),
        ("float_huge.npy", typed("<f99999999999999999999"), &[]),
        ("quadruple.npy", typed("<f16"), &[]),
        ("unknown.npy", typed("<x4"), &[]),
        (
            "fields.npy",
            text("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (16, 16)}"),
            &[NUMBERS],
        ),
        (
            "not_finite.npy",
            npy(&descr("<f4", "False", "(16, 16)"), &not_finite),
            &["holds NaN at [0, 1]"],
        ),
        (
            "too_large.npy",
            npy(&descr("<f8", "False", "(16, 16)"), &large),
            &["holds inf at [0, 0]"],
        ),
        (
            "short.npy",
            npy(&descr("<f8", "False", "(16, 16)"), ramp),
            &["cut short"],
        ),
    ]
}

type Right = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    fn(usize) -> Vec<u8>,
);

fn right() -> Vec<Right> {
    let (rows, columns, whole) = ("False", "True", "(16, 16)");
    vec![
        ("f4.npy", "<f4", rows, whole, |i| {
            (i as f32).to_le_bytes().to_vec()
        }),
        ("f4_fortran.npy", "<f4", columns, whole, |i| {
            (i as f32).to_le_bytes().to_vec()
        }),
        ("f4_big.npy", ">f4", rows, whole, |i| {
            (i as f32).to_be_bytes().to_vec()
        }),
        ("f8_big.npy", ">f8", columns, whole, |i| {
            (i as f64).to_be_bytes().to_vec()
        }),
        ("f2.npy", "<f2", rows, whole, |i| {
            ((i % 64) as u16 + 0x3c00).to_le_bytes().to_vec()
        }),
        ("i8.npy", "<i8", rows, whole, |i| {
            (i as i64 - 9).to_le_bytes().to_vec()
        }),
        ("i2_big.npy", ">i2", rows, whole, |i| {
            (i as i16).to_be_bytes().to_vec()
        }),
        ("u1.npy", "|u1", rows, whole, |i| vec![i as u8]),
        ("truth.npy", "|b1", rows, whole, |i| vec![(i % 2) as u8]),
        ("plane.npy", "<f4", rows, "(1, 16, 16)", |i| {
            (i as f32).to_le_bytes().to_vec()
        }),
    ]
}
