//! Tiny ONNX models, written in the wire format of protocol buffers.

use racm::Layout;

/// What the toy model takes: batch, then three channels and an open or a fixed 4 x 7 size.
pub struct Fed {
    layout: Layout,
    batch: Option<u64>,
}

impl Fed {
    pub fn open(layout: Layout) -> Self {
        Fed {
            layout,
            batch: None,
        }
    }

    pub fn fixed(layout: Layout, batch: u64) -> Self {
        Fed {
            layout,
            batch: Some(batch),
        }
    }

    fn dims(&self) -> Vec<Option<u64>> {
        let (h, w) = (self.batch.map(|_| 4), self.batch.map(|_| 7));
        match self.layout {
            Layout::Nchw => vec![self.batch, Some(3), h, w],
            _ => vec![self.batch, h, w, Some(3)],
        }
    }
}

/// `image` to `means` [n, 3], `pixels` [n, 3 h w], `total` [n]; with channels first also `pooled`
/// [n, 3, 1, 1] and `raw` [n, 3, h, w]; with one image at a time also `squeezed` [3].
pub fn toy(fed: &Fed) -> Vec<u8> {
    let (first, last) = match fed.layout {
        Layout::Nchw => (2, 3),
        _ => (1, 2),
    };
    let keep = int("keepdims", 0);
    let mean = |axes: &[u64]| [ints("axes", axes), keep.clone()].concat();
    let n = fed.batch;
    let mut nodes = vec![
        node("ReduceMean", "image", "means", &mean(&[first, last])),
        node("Flatten", "image", "pixels", &int("axis", 1)),
        node("ReduceMean", "image", "total", &mean(&[1, 2, 3])),
    ];
    let pixels = n.map(|_| 84);
    let mut outputs = vec![
        value("means", FLOAT, &[n, Some(3)]),
        value("pixels", FLOAT, &[n, pixels]),
        value("total", FLOAT, &[n]),
    ];
    if fed.layout == Layout::Nchw {
        nodes.push(node("GlobalAveragePool", "image", "pooled", &[]));
        nodes.push(node("Relu", "image", "raw", &[]));
        outputs.push(value("pooled", FLOAT, &[n, Some(3), Some(1), Some(1)]));
        outputs.push(value("raw", FLOAT, &fed.dims()));
        if n == Some(1) {
            nodes.push(node("ReduceMean", "image", "squeezed", &mean(&[0, 2, 3])));
            outputs.push(value("squeezed", FLOAT, &[Some(3)]));
        }
    }
    model(&nodes, value("image", FLOAT, &fed.dims()), &outputs)
}

/// `image` [n, channels, h, w] to `means` [n, channels]; rows and columns are open without a size.
pub fn means(channels: u64, size: Option<[u64; 2]>) -> Vec<u8> {
    let [h, w] = [0, 1].map(|axis| size.map(|size| size[axis]));
    let mean = [ints("axes", &[2, 3]), int("keepdims", 0)].concat();
    let nodes = [node("ReduceMean", "image", "means", &mean)];
    let image = value("image", FLOAT, &[None, Some(channels), h, w]);
    let means = value("means", FLOAT, &[None, Some(channels)]);
    model(&nodes, image, &[means])
}

/// A model of one node.
pub fn one_node(operator: &str) -> Vec<u8> {
    let dims = [None, Some(3), Some(4), Some(7)];
    let nodes = [node(operator, "image", "scores", &[])];
    model(
        &nodes,
        value("image", FLOAT, &dims),
        &[value("scores", FLOAT, &dims)],
    )
}

/// `image` to `early`, which `late` is made of and both make `joined`; then `pooled` [n, 3, 1, 1] and `scores` [n, 3]
/// (`batch` images at a time). `aside` [n, 3] takes another way.
pub fn skipping(batch: Option<u64>) -> Vec<u8> {
    let image = [batch, Some(3), Some(4), Some(7)];
    let mut add = node("Add", "early", "joined", &[]);
    add.splice(0..0, bytes(1, b"late"));
    let nodes = [
        node("Relu", "image", "early", &[]),
        node("Sigmoid", "early", "late", &[]),
        add,
        node("GlobalAveragePool", "joined", "pooled", &[]),
        node("Flatten", "pooled", "scores", &int("axis", 1)),
        node(
            "ReduceMean",
            "image",
            "aside",
            &[ints("axes", &[2, 3]), int("keepdims", 0)].concat(),
        ),
    ];
    let scores = [batch, Some(3)];
    let outputs = [
        value("scores", FLOAT, &scores),
        value("aside", FLOAT, &scores),
    ];
    model(&nodes, value("image", FLOAT, &image), &outputs)
}

/// `scores` [n, 3]: the means of each image less those of the batch, as a layer that normalises by its batch gives them.
pub fn of_the_batch() -> Vec<u8> {
    let mut less = node("Sub", "means", "scores", &[]);
    let after = bytes(1, b"means").len();
    less.splice(after..after, bytes(1, b"batch"));
    let mean = |axes: &[u64], keep| [ints("axes", axes), int("keepdims", keep)].concat();
    let nodes = [
        node("ReduceMean", "image", "means", &mean(&[2, 3], 0)),
        node("ReduceMean", "means", "batch", &mean(&[0], 1)),
        less,
    ];
    let image = [None, Some(3), Some(4), Some(7)];
    let scores = value("scores", FLOAT, &[None, Some(3)]);
    model(&nodes, value("image", FLOAT, &image), &[scores])
}

/// `image` plus `shift` [1, 3, 1, 1] to `layer`, and its means to `scores`. The values of `shift` lie in the file
/// `location`, from byte 4 on; `shift` is also an input, as old exporters write it.
pub fn with_external_data(location: &str) -> Vec<u8> {
    with_external_part(location, Some("4"), Some("12"))
}

/// The same with other places in the file, or without them.
pub fn with_external_part(location: &str, offset: Option<&str>, length: Option<&str>) -> Vec<u8> {
    let image = value("image", FLOAT, &[None, Some(3), Some(4), Some(7)]);
    let shift = [Some(1), Some(3), Some(1), Some(1)];
    let entry = |key: &str, value: &str| {
        bytes(
            13,
            &[bytes(1, key.as_bytes()), bytes(2, value.as_bytes())].concat(),
        )
    };
    let tensor = [
        [1, 3, 1, 1].iter().flat_map(|&d| number(1, d)).collect(),
        number(2, FLOAT),
        bytes(8, b"shift"),
        entry("location", location),
        offset.map_or(Vec::new(), |offset| entry("offset", offset)),
        length.map_or(Vec::new(), |length| entry("length", length)),
        number(14, 1),
    ]
    .concat();
    let mut add = node("Add", "image", "layer", &[]);
    add.splice(0..0, bytes(1, b"shift"));
    let mean = [ints("axes", &[2, 3]), int("keepdims", 0)].concat();
    let nodes = [add, node("ReduceMean", "layer", "scores", &mean)];
    let nodes = nodes.iter().flat_map(|n| bytes(1, n)).collect::<Vec<_>>();
    let output = value("scores", FLOAT, &[None, Some(3)]);
    let graph = [
        nodes,
        bytes(2, b"external"),
        bytes(5, &tensor),
        bytes(11, &image),
        bytes(11, &value("shift", FLOAT, &shift)),
        bytes(12, &output),
    ]
    .concat();
    let opset = [bytes(1, b""), number(2, 13)].concat();
    [number(1, 8), bytes(7, &graph), bytes(8, &opset)].concat()
}

/// A model of bytes instead of floats.
pub fn of_bytes() -> Vec<u8> {
    let dims = [None, Some(3), Some(4), Some(7)];
    let nodes = [node("Flatten", "image", "scores", &int("axis", 1))];
    model(
        &nodes,
        value("image", UINT8, &dims),
        &[value("scores", UINT8, &[None, Some(84)])],
    )
}

/// A model of vectors instead of images.
pub fn of_rank_2() -> Vec<u8> {
    let dims = [None, Some(3)];
    let nodes = [node("Relu", "vector", "scores", &[])];
    model(
        &nodes,
        value("vector", FLOAT, &dims),
        &[value("scores", FLOAT, &dims)],
    )
}

pub const FLOAT: u64 = 1;
pub const UINT8: u64 = 2;

pub fn model(nodes: &[Vec<u8>], input: Vec<u8>, outputs: &[Vec<u8>]) -> Vec<u8> {
    let nodes = nodes.iter().flat_map(|n| bytes(1, n)).collect::<Vec<_>>();
    let outputs = outputs
        .iter()
        .flat_map(|o| bytes(12, o))
        .collect::<Vec<_>>();
    let graph = [nodes, bytes(2, b"toy"), bytes(11, &input), outputs].concat();
    let opset = [bytes(1, b""), number(2, 13)].concat();
    [number(1, 8), bytes(7, &graph), bytes(8, &opset)].concat()
}

pub fn node(operator: &str, input: &str, output: &str, attributes: &[u8]) -> Vec<u8> {
    let names = [bytes(1, input.as_bytes()), bytes(2, output.as_bytes())].concat();
    [names, bytes(4, operator.as_bytes()), attributes.to_vec()].concat()
}

pub fn int(name: &str, value: u64) -> Vec<u8> {
    bytes(
        5,
        &[bytes(1, name.as_bytes()), number(3, value), number(20, 2)].concat(),
    )
}

pub fn ints(name: &str, values: &[u64]) -> Vec<u8> {
    let values = values
        .iter()
        .flat_map(|&v| number(8, v))
        .collect::<Vec<_>>();
    bytes(
        5,
        &[bytes(1, name.as_bytes()), values, number(20, 7)].concat(),
    )
}

pub fn value(name: &str, element: u64, dims: &[Option<u64>]) -> Vec<u8> {
    let dim = |(i, d): (usize, &Option<u64>)| match d {
        Some(size) => bytes(1, &number(1, *size)),
        None => bytes(1, &bytes(2, format!("d{i}").as_bytes())),
    };
    let shape = dims.iter().enumerate().flat_map(dim).collect::<Vec<_>>();
    let tensor = [number(1, element), bytes(2, &shape)].concat();
    [bytes(1, name.as_bytes()), bytes(2, &bytes(1, &tensor))].concat()
}

/// A field with a number.
pub fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

/// A field with bytes: a string or a message.
pub fn bytes(field: u64, content: &[u8]) -> Vec<u8> {
    [
        &varint(field << 3 | 2),
        &varint(content.len() as u64),
        content,
    ]
    .concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}
