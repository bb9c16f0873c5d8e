//! ONNX files that are damaged, of the wrong kind, or claim what they do not have; in both runtimes.

use racm::Layout;

use crate::bytes::{cuts, png};
use crate::proto::{self, FLOAT, Fed, UINT8, bytes, int, model, node, number, value};
use crate::{Case, Room};

const FLOAT16: u64 = 10;
const NOT: &str = "not an ONNX file";
const CLAIMED: &str = "not a whole ONNX file";

pub fn cases(room: &Room) -> Vec<Case> {
    let image = room.file("ramp.png", png(16, 8, 2));
    let runtimes: &[&str] = match (cfg!(feature = "ort"), std::env::var_os("ORT_DYLIB_PATH")) {
        (true, Some(_)) => &["rten", "ort"],
        _ => {
            println!("skipped: ONNX Runtime, for ORT_DYLIB_PATH names none");
            &["rten"]
        }
    };
    let mut cases = Vec::new();
    for runtime in runtimes {
        let explain =
            format!("explain --masks 8 --grid 2 --runtime {runtime} --image {image} --model");
        let cam = format!("explain --method grad-cam --runtime {runtime} --image {image} --model");
        let layers = format!("layers --runtime {runtime} --model");
        let every = [("", &explain), ("cam ", &cam), ("layers ", &layers)];
        for (path, word) in room.odd(".onnx") {
            let name = path.rsplit('/').next().unwrap().to_owned();
            for (what, arguments) in every {
                let title = format!("{runtime} {what}{name}");
                cases.push(Case::refused(title, arguments, &[&name, word]).with(&path));
            }
        }
        let toy = proto::toy(&Fed::open(Layout::Nchw));
        for at in cuts(toy.len(), 30) {
            let name = format!("cut{at}.onnx");
            let path = room.file(&name, &toy[..at]);
            cases.push(Case::refused(format!("{runtime} {name}"), &explain, &[&name]).with(path));
        }
        let split = proto::skipping(None);
        for at in cuts(split.len(), 50) {
            let name = format!("flipped{at}.onnx");
            let mut damaged = split.clone();
            damaged[at] ^= 0x15;
            let path = room.file(&name, &damaged);
            for (what, arguments) in every {
                let title = format!("{runtime} {what}{name}");
                // Some are models of another kind, of which no file is named while they run.
                cases.push(Case::either(title, arguments, &[]).with(&path));
            }
        }
        for (name, bytes, words) in wrong() {
            let path = room.file(name, bytes);
            let words = [&[name][..], words].concat();
            cases.push(Case::refused(format!("{runtime} {name}"), &explain, &words).with(&path));
            cases.push(Case::either(format!("{runtime} cam {name}"), &cam, &[name]).with(&path));
        }
        for (name, bytes) in right() {
            let path = room.file(name, bytes);
            cases.push(Case::fine(format!("{runtime} {name}"), &explain).with(path));
        }
        // Two GiB that take no place on the disk.
        let empty = room.file("sparse.onnx", []);
        std::fs::File::create(&empty)
            .unwrap()
            .set_len(1 << 31)
            .unwrap();
        let words = ["sparse.onnx", "2147483648 bytes", "at most 2147483647"];
        cases.push(Case::refused(format!("{runtime} sparse.onnx"), &explain, &words).with(empty));
        cases.extend(external(room, runtime, &explain));
    }
    cases
}

/// A model whose slices have a step of 0, at which a runtime panics.
fn no_step() -> Vec<u8> {
    const INT64: u64 = 7;
    let mut slice = node("Slice", "image", "layer", &[]);
    let after = bytes(1, b"image").len();
    let names = [b"start", b"ends_", b"axes_", b"steps"];
    let inputs = names.map(|name| bytes(1, name)).concat();
    slice.splice(after..after, inputs);
    let mean = node("GlobalAveragePool", "layer", "scores", &[]);
    let mut graph = [bytes(1, &slice), bytes(1, &mean)].concat();
    for (name, value) in names.into_iter().zip([0u64, 9, 2, 0]) {
        let data = bytes(9, &value.to_le_bytes());
        let tensor = [number(1, 1), number(2, INT64), bytes(8, name), data].concat();
        graph.extend(bytes(5, &tensor));
    }
    // Of sizes that are open the runtime does not infer others, and says what is wrong.
    let image = [None, Some(3), Some(16), Some(16)];
    let scores = [None, Some(3), Some(1), Some(1)];
    graph.extend(bytes(11, &value("image", FLOAT, &image)));
    graph.extend(bytes(12, &value("scores", FLOAT, &scores)));
    let opset = [bytes(1, b""), number(2, 13)].concat();
    [number(1, 8), bytes(7, &graph), bytes(8, &opset)].concat()
}

/// A model whose weights have these bytes in a field. Half a number there kept rten busy for ever.
fn with_values(field: u64, values: &[u8]) -> Vec<u8> {
    let tensor = [
        number(1, 1),
        number(2, 1),
        bytes(8, b"w"),
        bytes(field, values),
    ]
    .concat();
    let node = node("Relu", "image", "scores", &[]);
    let image = value("image", FLOAT, &[None, Some(3), None, None]);
    let scores = value("scores", FLOAT, &[None, Some(3), None, None]);
    let graph = [
        bytes(1, &node),
        bytes(5, &tensor),
        bytes(11, &image),
        bytes(12, &scores),
    ]
    .concat();
    [number(1, 8), bytes(7, &graph)].concat()
}

/// Relu after Relu.
fn chain(nodes: usize) -> Vec<u8> {
    let name = |i: usize| match i {
        0 => "image".to_owned(),
        _ => format!("r{i}"),
    };
    let mut all: Vec<_> = (0..nodes - 1)
        .map(|i| node("Relu", &name(i), &name(i + 1), &[]))
        .collect();
    all.push(node("GlobalAveragePool", &name(nodes - 1), "scores", &[]));
    let image = value("image", FLOAT, &[None, Some(3), None, None]);
    let scores = value("scores", FLOAT, &[None, Some(3), Some(1), Some(1)]);
    model(&all, image, &[scores])
}

type Wrong = (&'static str, Vec<u8>, &'static [&'static str]);

fn wrong() -> Vec<Wrong> {
    let any = [None, Some(3), None, None];
    let relu = |input: &str| vec![node("Relu", input, "scores", &[])];
    let of = |element, dims: &[Option<u64>]| {
        let output = value("scores", element, dims);
        model(&relu("image"), value("image", element, dims), &[output])
    };
    let fixed = |dims: [u64; 4]| of(FLOAT, &dims.map(Some));
    let claim = |field: u64, length: u64| {
        // A length of up to ten bytes, with nothing behind it.
        let mut claim = number(field, length);
        claim[0] |= 2;
        claim
    };
    let nested = |depth| {
        let graph = (0..depth).fold(Vec::new(), |inner, _| {
            bytes(1, &bytes(5, &bytes(6, &inner)))
        });
        [number(1, 8), bytes(7, &graph)].concat()
    };
    let inputs = {
        let mut add = node("Add", "image", "scores", &[]);
        add.splice(0..0, bytes(1, b"other"));
        let graph = [
            bytes(1, &add),
            bytes(11, &value("image", FLOAT, &any)),
            bytes(11, &value("other", FLOAT, &any)),
            bytes(12, &value("scores", FLOAT, &any)),
        ];
        let opset = [bytes(1, b""), number(2, 13)].concat();
        [number(1, 8), bytes(7, &graph.concat()), bytes(8, &opset)].concat()
    };
    let weights = |dims: [u64; 4], data: &[u8]| {
        let dims: Vec<u8> = dims.iter().flat_map(|&d| number(1, d)).collect();
        let tensor = [dims, number(2, FLOAT), bytes(8, b"shift"), bytes(9, data)].concat();
        let mut add = node("Add", "image", "layer", &[]);
        add.splice(0..0, bytes(1, b"shift"));
        let mean = node("GlobalAveragePool", "layer", "scores", &[]);
        let graph = [
            bytes(1, &add),
            bytes(1, &mean),
            bytes(5, &tensor),
            bytes(11, &value("image", FLOAT, &any)),
            bytes(
                12,
                &value("scores", FLOAT, &[None, Some(3), Some(1), Some(1)]),
            ),
        ];
        let opset = [bytes(1, b""), number(2, 13)].concat();
        [number(1, 8), bytes(7, &graph.concat()), bytes(8, &opset)].concat()
    };
    vec![
        ("empty.onnx", Vec::new(), &["it is empty"]),
        ("text.onnx", b"hello, world".to_vec(), &["ONNX file"]),
        ("zeros.onnx", vec![0; 1000], &[NOT, "number 0"]),
        ("ones.onnx", vec![0xff; 1000], &[NOT]),
        ("picture.onnx", png(16, 8, 2), &["ONNX file"]),
        (
            "zip.onnx",
            b"PK\x03\x04\x14\x00\x08\x00\x08\x00".to_vec(),
            &["ONNX file"],
        ),
        ("no_step.onnx", no_step(), &[]),
        (
            "half_an_int.onnx",
            with_values(5, &[1, 2, 0x8c]),
            &["not a whole"],
        ),
        (
            "half_an_int64.onnx",
            with_values(7, &[0x80; 3]),
            &["not a whole"],
        ),
        ("long_int.onnx", with_values(7, &[0xff; 12]), &[NOT]),
        (
            "half_a_float.onnx",
            with_values(4, &[0; 7]),
            &["numbers of 4 bytes"],
        ),
        (
            "half_a_double.onnx",
            with_values(10, &[0; 12]),
            &["numbers of 8 bytes"],
        ),
        ("long_chain.onnx", chain(30_001), &["30000 nodes"]),
        ("no_graph.onnx", number(1, 8), &[]),
        (
            "empty_graph.onnx",
            [number(1, 8), bytes(7, &[])].concat(),
            &[],
        ),
        (
            "claims_2gb.onnx",
            [number(1, 8), claim(7, 1 << 31)].concat(),
            &[CLAIMED, "2147483648"],
        ),
        (
            "claims_most.onnx",
            [number(1, 8), claim(7, u64::MAX)].concat(),
            &[CLAIMED],
        ),
        (
            "claims_name.onnx",
            [number(1, 8), claim(2, 1 << 40)].concat(),
            &[CLAIMED],
        ),
        (
            "claims_inside.onnx",
            [number(1, 8), bytes(7, &bytes(5, &claim(9, 1 << 40)))].concat(),
            &[CLAIMED],
        ),
        (
            // Found by fuzzing: a reader went back by what it should have gone forward.
            "claims_entry.onnx",
            [
                number(1, 8),
                bytes(7, &bytes(5, &bytes(13, &claim(3, u64::MAX - 20)))),
            ]
            .concat(),
            &[CLAIMED],
        ),
        (
            "claims_deeper.onnx",
            [
                number(1, 8),
                bytes(
                    7,
                    &bytes(
                        11,
                        &bytes(2, &bytes(1, &bytes(2, &bytes(1, &claim(2, 1 << 40))))),
                    ),
                ),
            ]
            .concat(),
            &[CLAIMED],
        ),
        ("nested.onnx", nested(20_000), &["64 deep"]),
        (
            "vector.onnx",
            proto::of_rank_2(),
            &["2 dimensions, expected 4"],
        ),
        ("unknown.onnx", proto::one_node("Unheard"), &["Unheard"]),
        ("bytes.onnx", of(UINT8, &any), &[]),
        ("half.onnx", of(FLOAT16, &any), &[]),
        (
            "five.onnx",
            of(FLOAT, &[None, Some(3), None, None, None]),
            &["5 dimensions, expected 4"],
        ),
        ("no_rank.onnx", of(FLOAT, &[]), &[]),
        (
            "five_channels.onnx",
            of(FLOAT, &[None, Some(5), None, None]),
            &[],
        ),
        (
            "no_outputs.onnx",
            model(&relu("image"), value("image", FLOAT, &any), &[]),
            &["output"],
        ),
        ("two_inputs.onnx", inputs, &[]),
        ("pixels.onnx", of(FLOAT, &any), &["output `scores`"]),
        (
            "huge_batch.onnx",
            fixed([1 << 40, 3, 4, 4]),
            &["numbers at a time"],
        ),
        (
            "huge_side.onnx",
            fixed([1, 3, 1 << 32, 1 << 32]),
            &["numbers at a time"],
        ),
        (
            "large_side.onnx",
            fixed([1, 3, 1 << 17, 1]),
            &["height is 131072, expected 1 to 65535"],
        ),
        (
            "most_side.onnx",
            fixed([1, 3, u64::MAX >> 1, u64::MAX >> 1]),
            &["numbers at a time"],
        ),
        ("weights_short.onnx", weights([1, 3, 1, 1], &[0; 8]), &[]),
        (
            "weights_huge.onnx",
            weights([1 << 32, 1 << 32, 1, 1], &[0; 12]),
            &[],
        ),
        (
            "weights_minus.onnx",
            weights([u64::MAX, 3, 1, 1], &[0; 12]),
            &[],
        ),
        (
            "nameless.onnx",
            model(&relu(""), value("", FLOAT, &any), &[value("", FLOAT, &any)]),
            &[],
        ),
        (
            "loop.onnx",
            model(
                &[node("Relu", "b", "a", &[]), node("Relu", "a", "b", &[])],
                value("image", FLOAT, &any),
                &[value("b", FLOAT, &any)],
            ),
            &[],
        ),
        (
            "no_maker.onnx",
            model(
                &relu("image"),
                value("image", FLOAT, &any),
                &[value("other", FLOAT, &any)],
            ),
            &[],
        ),
    ]
}

fn right() -> Vec<(&'static str, Vec<u8>)> {
    let wide = [
        node("Flatten", "image", "flat", &int("axis", 1)),
        node("Softmax", "flat", "scores", &int("axis", 1)),
    ];
    let image = value("image", FLOAT, &[None, Some(3), None, None]);
    vec![
        ("open.onnx", proto::toy(&Fed::open(Layout::Nchw))),
        ("fixed.onnx", proto::toy(&Fed::fixed(Layout::Nchw, 1))),
        ("fives.onnx", proto::toy(&Fed::fixed(Layout::Nchw, 5))),
        ("skipping.onnx", proto::skipping(None)),
        ("chain.onnx", chain(10_000)),
        (
            "no_sizes.onnx",
            model(&wide, image, &[value("scores", FLOAT, &[None, None])]),
        ),
    ]
}

/// Weights in a file beside the model.
fn external(room: &Room, runtime: &str, explain: &str) -> Vec<Case> {
    let folder = format!("external_{runtime}");
    room.file(&format!("{folder}/weights.data"), [0; 16]);
    room.file(&format!("{folder}/short.data"), [0; 10]);
    room.file("secret.data", [0; 16]);
    let absolute = room.path("secret.data");
    let pipe = room.path(&format!("{folder}/pipe.data"));
    let _ = std::process::Command::new("mkfifo").arg(&pipe).status();
    let zero = room.path(&format!("{folder}/zero.data"));
    let _ = std::os::unix::fs::symlink("/dev/zero", &zero);
    let outside = "is not a file beside the model";
    let mut cases = Vec::new();
    for (number, (location, words)) in [
        ("absent.data", &["absent.data: No such file"][..]),
        ("../secret.data", &["\"../secret.data\"", outside]),
        (&absolute, &[outside]),
        ("../../../../etc/passwd", &[outside]),
        ("", &["\"\"", outside]),
        (
            "short.data",
            &["short.data has only 10 bytes, expected 12 from byte 4 on"],
        ),
        ("pipe.data", &["pipe.data", "a pipe or a device"]),
        ("zero.data", &["zero.data", "a pipe or a device"]),
        (".", &["a folder"]),
        ("weights.data\0", &[]),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("external{number}.onnx");
        let path = room.file(
            &format!("{folder}/{name}"),
            proto::with_external_data(location),
        );
        let words = [&[&*name, "external data of `shift`"][..], words].concat();
        cases.push(Case::refused(format!("{runtime} {name}"), explain, &words).with(path));
    }
    let own = "said to lie in the model's own file";
    let part = |name: &str, location: &str, offset, length| {
        let model = proto::with_external_part(location, offset, length);
        room.file(&format!("{folder}/{name}"), model)
    };
    let data = "weights.data";
    for (name, path, words) in [
        (
            "own.onnx",
            part("own.onnx", "own.onnx", Some("4"), Some("12")),
            &["external data of `shift`", own][..],
        ),
        (
            "longer.onnx",
            part("longer.onnx", data, Some("0"), Some("16")),
            &["its length is 16 bytes, expected 12 for the shape [1, 3, 1, 1]"],
        ),
        (
            "shorter.onnx",
            part("shorter.onnx", data, Some("4"), Some("8")),
            &["its length is 8 bytes, expected 12"],
        ),
    ] {
        let words = [&[name][..], words].concat();
        cases.push(Case::refused(format!("{runtime} {name}"), explain, &words).with(path));
    }
    for (name, offset, length) in [
        ("no_length.onnx", Some("4"), None),
        ("no_offset.onnx", None, Some("12")),
        ("no_part.onnx", None, None),
    ] {
        let path = part(name, data, offset, length);
        let title = format!("{runtime} {name}");
        cases.push(match runtime {
            "ort" => Case::fine(title, explain).with(path),
            _ => {
                let words = [name, "expected location, offset and length"];
                Case::refused(title, explain, &words).with(path)
            }
        });
    }
    let right = proto::with_external_data("weights.data");
    let path = room.file(&format!("{folder}/right.onnx"), right);
    cases.push(Case::fine(format!("{runtime} right.onnx"), explain).with(path));
    cases
}
