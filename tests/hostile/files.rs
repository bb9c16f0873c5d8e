//! Arrays, TIFF files and folders of bands that are no image, and files about channels that say too little or too much.

use std::process::Command;

use crate::bytes::{Page, cuts, descr, npy, png, tiff, zip};
use crate::{Case, Room, proto};

const SIDE: u32 = 16;

pub fn cases(room: &Room) -> Vec<Case> {
    let model = room.file("one.onnx", proto::means(1, None));
    let explain = format!("explain --model {model} --masks 16 --grid 4 --image");
    let mut cases = Vec::new();
    for ending in [".npy", ".npz", ".tif"] {
        for (path, word) in room.odd(ending) {
            let name = path.rsplit('/').next().unwrap().to_owned();
            cases.push(Case::refused(&name, &explain, &[&name, word]).with(path));
        }
    }
    for (name, whole) in right() {
        let path = room.file(name, &whole);
        cases.push(Case::fine(name, &explain).with(path));
        for at in cuts(whole.len(), 24) {
            let cut = format!("cut{at}_{name}");
            let path = room.file(&cut, &whole[..at]);
            cases.push(Case::refused(&cut, &explain, &[&cut]).with(path));
        }
        // Where the sizes are.
        for at in cuts(whole.len(), 60) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            let flipped = format!("flipped{at}_{name}");
            let path = room.file(&flipped, &damaged);
            cases.push(Case::either(&flipped, &explain, &[&flipped]).with(path));
        }
    }
    let all = wrong_arrays().into_iter().chain(wrong_archives());
    for (name, bytes, words) in all.chain(wrong_tiffs()) {
        let path = room.file(name, bytes);
        let words = [&[name][..], words].concat();
        cases.push(Case::refused(name, &explain, &words).with(path));
    }
    cases.extend(folders(room, &explain));
    cases.extend(channels(room, &model));
    cases
}

fn ramp() -> Vec<u8> {
    let numbers = 0..SIDE * SIDE;
    numbers.flat_map(|i| (i as f32).to_le_bytes()).collect()
}

fn array(shape: &str) -> Vec<u8> {
    npy(&descr("<f4", "False", shape), &ramp())
}

fn page() -> Page {
    Page::new(SIDE, SIDE, 32, 3, 4 * SIDE * SIDE)
}

fn right() -> Vec<(&'static str, Vec<u8>)> {
    let plane = array("(16, 16)");
    vec![
        ("plane.npy", plane.clone()),
        ("plane.npz", zip(&[("a.npy", &plane)], 0, None)),
        ("plane.tif", tiff(&ramp(), &[page()], 0)),
    ]
}

type Wrong = (&'static str, Vec<u8>, &'static [&'static str]);

fn wrong_arrays() -> Vec<Wrong> {
    let typed = |dtype| npy(&descr(dtype, "False", "(16, 16)"), &[0; 4096]);
    let huge: Vec<u8> = [1e300f64; 256]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    vec![
        ("scalar.npy", array("()"), &["shape []", "[C, H, W]"]),
        ("five.npy", array("(1, 1, 1, 16, 16)"), &["[C, H, W]"]),
        ("batch.npy", array("(2, 1, 8, 16)"), &["[C, H, W]"]),
        (
            "none.npy",
            array("(0, 16)"),
            &["[1, 0, 16]", "at least one"],
        ),
        ("none_wide.npy", array("(1, 16, 0)"), &["[1, 16, 0]"]),
        ("no_channel.npy", array("(0, 16, 16)"), &["[0, 16, 16]"]),
        ("series_of_none.npy", array("(0,)"), &["[1, 1, 0]"]),
        (
            "channels.npy",
            array("(4, 8, 8)"),
            &["it has 4 channels, expected 1"],
        ),
        (
            "last.npy",
            array("(16, 16, 1)"),
            &["it has 16 channels, expected 1"],
        ),
        (
            "claims_huge.npy",
            array("(1, 30000, 30000)"),
            &["at most 450000000 numbers"],
        ),
        (
            "claims_most.npy",
            array("(18446744073709551615,)"),
            &["more elements than there can be"],
        ),
        (
            "claims_more.npy",
            array("(1, 20000, 20000)"),
            &["cut short"],
        ),
        ("objects.npy", typed("|O"), &["expected floats"]),
        ("complex.npy", typed("<c8"), &["expected floats"]),
        ("text.npy", typed("<U4"), &["expected floats"]),
        (
            "too_large.npy",
            npy(&descr("<f8", "False", "(16, 16)"), &huge),
            &["channel 0 holds inf at row 0"],
        ),
    ]
}

fn wrong_archives() -> Vec<Wrong> {
    let plane = array("(16, 16)");
    let two = [("a.npy", &plane[..]), ("\u{1b}[2J.npy", &plane)];
    let names: Vec<String> = (0..5000).map(|i| format!("{i}.npy")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &plane[..4])).collect();
    // One block that is not compressed, of nothing.
    let nothing = [1, 0, 0, 0xff, 0xff];
    // One bit of the last number.
    let mut damaged = zip(&[("a.npy", &plane)], 0, None);
    damaged[30 + 5 + plane.len() - 1] ^= 1;
    vec![
        (
            "damaged.npz",
            damaged,
            &["its array is damaged", "checksum"],
        ),
        ("empty.npz", Vec::new(), &["not an .npz file"]),
        ("text.npz", b"a = 1".to_vec(), &["not an .npz file"]),
        ("no_array.npz", zip(&[], 0, None), &["it holds no array"]),
        (
            "two.npz",
            zip(&two, 0, None),
            &["it holds 2 arrays", "\\u{1b}"],
        ),
        (
            "many.npz",
            zip(&many, 0, None),
            &["it holds 5000 arrays", ", .."],
        ),
        (
            "no_npy.npz",
            zip(&[("a.npy", b"hello, world")], 0, None),
            &["not an .npy file"],
        ),
        (
            "nothing.npz",
            zip(&[("a.npy", b"")], 0, None),
            &["not an .npy file"],
        ),
        (
            "deflated_nothing.npz",
            zip(&[("a.npy", &nothing)], 8, Some(100)),
            &["checksum"],
        ),
        ("no_deflate.npz", zip(&[("a.npy", &plane)], 8, None), &[]),
        (
            "bzip2.npz",
            zip(&[("a.npy", &plane)], 12, None),
            &["not an .npz file"],
        ),
        (
            "unknown.npz",
            zip(&[("a.npy", &plane)], 4711, None),
            &["not an .npz file"],
        ),
        (
            "claims_huge.npz",
            zip(&[("a.npy", &nothing)], 8, Some(u32::MAX - 1)),
            &["more than the file's"],
        ),
        (
            "huge_array.npz",
            zip(&[("a.npy", &array("(1, 60000, 60000)"))], 0, None),
            &["at most 450000000"],
        ),
    ]
}

fn wrong_tiffs() -> Vec<Wrong> {
    let data = ramp();
    let one = |page: Page| tiff(&data, &[page], 0);
    let at = 8 + data.len() as u32;
    let compressed = |method| one(page().with(259, method));
    let pages = |count: usize| {
        let pages: Vec<Page> = (0..count).map(|_| Page::new(1, 1, 32, 3, 4)).collect();
        tiff(&data, &pages, 0)
    };
    vec![
        ("empty.tif", Vec::new(), &["not a TIFF file"]),
        ("text.tif", b"hello, world".to_vec(), &["not a TIFF file"]),
        ("no_page.tif", b"II*\0\0\0\0\0".to_vec(), &[]),
        ("beyond.tif", b"II*\0\xff\xff\xff\x7f".to_vec(), &[]),
        (
            "big_beyond.tif",
            b"II+\0\x08\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f".to_vec(),
            &[],
        ),
        ("no_tags.tif", tiff(&data, &[Page(Vec::new())], 0), &[]),
        ("itself.tif", tiff(&data, &[page()], at), &["cycle"]),
        ("zero_wide.tif", one(page().with(256, 0)), &[]),
        ("zero_high.tif", one(page().with(257, 0)), &[]),
        (
            "claims_huge.tif",
            one(page().with(256, 60_000).with(257, 60_000).with(278, 60_000)),
            &["page 0", "at most 450000000"],
        ),
        (
            "claims_most.tif",
            one(page().with(256, u32::MAX).with(257, u32::MAX)),
            &[],
        ),
        (
            "claims_more.tif",
            one(page().with(256, 20_000).with(257, 20_000).with(278, 20_000)),
            &["more than the file's"],
        ),
        (
            "claims_some.tif",
            one(page().with(256, 1000).with(257, 1000)),
            &[],
        ),
        ("no_band.tif", one(page().with(277, 0)), &[]),
        ("bands.tif", one(page().with(277, 65_535)), &[]),
        ("bits0.tif", one(page().with(258, 0)), &[]),
        ("bits7.tif", one(page().with(258, 7)), &[]),
        (
            "bits12.tif",
            one(page().with(258, 12).with(339, 1)),
            &["12 bits"],
        ),
        (
            "bits1.tif",
            one(page().with(258, 1).with(339, 1)),
            &["1 bits"],
        ),
        ("format9.tif", one(page().with(339, 9)), &[]),
        ("palette.tif", one(page().with(262, 3)), &["page 0"]),
        (
            "white_is_zero.tif",
            one(page().with(262, 0)),
            &["its 0 is white, expected black"],
        ),
        (
            "no_such_colour.tif",
            one(page().with(262, 4711)),
            &["expected grey, RGB or bands"],
        ),
        ("lzw.tif", compressed(5), &[]),
        ("deflate.tif", compressed(8), &[]),
        ("jpeg.tif", compressed(7), &[]),
        ("fax.tif", compressed(4), &[]),
        ("unknown.tif", compressed(4711), &[]),
        ("no_rows.tif", one(page().with(278, 0)), &[]),
        ("thin_strips.tif", one(page().with(278, 1)), &[]),
        (
            "strip_beyond.tif",
            one(page().with(273, 1 << 30)),
            &["cut short"],
        ),
        ("tiles.tif", one(page().tiled(1 << 30, 1 << 30, 64)), &[]),
        (
            "wide_tile.tif",
            one(page().tiled(1 << 20, 16, 1 << 26)),
            &[],
        ),
        ("no_tile.tif", one(page().tiled(0, 16, 1024)), &[]),
        ("predictor.tif", one(page().with(317, 4711)), &[]),
        ("no_data.tif", one(page().with(42_113, 5)), &["page 0"]),
        (
            "thumbnail.tif",
            one(page().with(254, 1)),
            &["no image of full size"],
        ),
        (
            "mixed.tif",
            tiff(&data, &[page(), page().with(257, 8)], 0),
            &["page 1: it has 8 rows and 16 columns, expected 16 and 16"],
        ),
        (
            "two_pages.tif",
            tiff(&data, &[page(), page()], 0),
            &["it has 2 channels, expected 1"],
        ),
        ("many_pages.tif", pages(20_000), &["expected 1"]),
    ]
}

fn folders(room: &Room, explain: &str) -> Vec<Case> {
    let plane = array("(16, 16)");
    let refused = |name: &str, words: &[&str]| {
        let words = [&[name][..], words].concat();
        Case::refused(name, explain, &words).with(room.path(name))
    };
    room.file("other_files/readme.txt", "no band");
    room.file("other_files/.hidden.npy", "no band");
    room.file("damaged_band/a.npy", &plane);
    room.file("damaged_band/b.tif", "no band");
    room.file("colour_band/a.png", png(SIDE, 8, 2));
    room.file("sizes/a.npy", &plane);
    room.file("sizes/b.npy", array("(8, 32)"));
    room.file("escapes/\u{1b}]0;title\u{7}.npy", &plane);
    room.file("inner/a.tif/b.tif", &plane);
    room.file("piped/a.npy", &plane);
    let pipe = Command::new("mkfifo")
        .arg(room.path("piped/b.npy"))
        .status();
    let _ = std::os::unix::fs::symlink("/dev/zero", room.path("piped/c.npy"));
    room.file("band/a.npy", &plane);
    let mut cases = vec![
        refused("other_files", &["the folder holds no image"]),
        refused("damaged_band", &["b.tif", "not a TIFF file"]),
        refused("colour_band", &["\"a.png\" has 3 channels, expected one"]),
        refused(
            "sizes",
            &["\"b.npy\" has 8 rows and 32 columns, expected 16 and 16"],
        ),
        refused("escapes", &["\\u{1b}", "control characters"]),
        refused("inner", &["it is a folder"]),
        Case::fine("band", explain).with(room.path("band")),
        Case::refused(
            "folder --array",
            &format!("{explain} {}", room.path("band")),
            &["no .npz file"],
        )
        .with("--array")
        .with("a"),
    ];
    if pipe.is_ok_and(|status| status.success()) {
        cases.push(refused("piped", &["b.npy", "a pipe or a device"]));
    }
    cases
}

/// Files about the channels of an image that has one.
fn channels(room: &Room, model: &str) -> Vec<Case> {
    let image = room.path("plane.npy");
    let explain =
        format!("explain --model {model} --masks 16 --grid 4 --image {image} --channel-file");
    let mut cases = Vec::new();
    for (path, word) in room.odd(".csv") {
        let name = path.rsplit('/').next().unwrap().to_owned();
        cases.push(Case::refused(&name, &explain, &[&name, word]).with(path));
    }
    let long = "a".repeat(10_000_000);
    let texts: Vec<(String, &[&str])> = vec![
        (String::new(), &["it is empty"]),
        ("\n".to_owned(), &["line 1 has a column \"\""]),
        ("mean\n".to_owned(), &["no line for a channel"]),
        (
            "mean;std\n1;2\n".to_owned(),
            &["line 1 has a column \"mean;std\""],
        ),
        ("Mean\n1\n".to_owned(), &["line 1 has a column \"Mean\""]),
        ("mean,mean\n1,1\n".to_owned(), &["the column mean twice"]),
        ("mean\n1\n2\n".to_owned(), &["2 channels, expected"]),
        (
            "name\na\nb\n".to_owned(),
            &["it has 2 channels, expected the 1"],
        ),
        (
            "mean,std\n1\n".to_owned(),
            &["line 2 has 1 values, expected 2"],
        ),
        ("mean\nNaN\n".to_owned(), &["line 2, column mean: \"NaN\""]),
        ("mean\n1e99\n".to_owned(), &["line 2, column mean"]),
        ("std\n-1\n".to_owned(), &["expected a number above 0"]),
        ("scale\n0\n".to_owned(), &["expected a number other than 0"]),
        ("name\n\u{1b}[2J\n".to_owned(), &["control characters"]),
        (
            format!("name\n{long}\n"),
            &["has 10000000 letters", "bytes)"],
        ),
        (format!("{long}\n1\n"), &["line 1 has a column", "bytes)"]),
        (
            format!("mean\n{long}\n"),
            &["line 2, column mean", "bytes)"],
        ),
        (
            format!("mean{}\n", ",".repeat(1_000_000)),
            &["line 1 has a column \"\""],
        ),
        ("mean\n\"1\n".to_owned(), &["line 2 has quotes"]),
    ];
    for (number, (text, words)) in texts.into_iter().enumerate() {
        let name = format!("channels{number}.csv");
        let path = room.file(&name, &text);
        let start: String = text.chars().take(30).collect();
        let words = [&[&*name][..], words].concat();
        cases.push(Case::refused(format!("channels {start:?}"), &explain, &words).with(path));
    }
    for (number, text) in [
        "\u{feff}mean\r\n1\r\n",
        " std , name \n 2 , \"a b\" \n\n",
        "baseline\n-1e30",
    ]
    .into_iter()
    .enumerate()
    {
        let path = room.file(&format!("right_channels{number}.csv"), text);
        cases.push(Case::fine(format!("channels {text:?}"), &explain).with(path));
    }
    cases
}
