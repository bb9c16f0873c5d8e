//! Images of any kind of file: arrays, TIFF, folders of bands; what is said of their channels, and missing values.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use half::f16;
use ndarray::{Array2, Array3, Array4, Axis, s};
use racm::render::{Bands, to_rgb, write_png};
use serde_json::{Value, json};
use tiff::encoder::colortype::{ColorType, Gray16, Gray32Float, GrayI32, RGB16};
use tiff::encoder::{Compression, TiffEncoder, TiffValue};

use super::{fails, folder, json, npy, proto, succeeds};

const SIDE: usize = 8;
pub const EXPLAIN: &str = "explain --masks 16 --grid 2 --target all";

/// Four channels of other numbers, each from its own number on.
pub fn bands() -> Array3<f32> {
    Array3::from_shape_fn((4, SIDE, SIDE), |(c, y, x)| (100 * c + SIDE * y + x) as f32)
}

pub fn means(image: &Array3<f32>) -> Vec<f64> {
    let plane = |plane: ndarray::ArrayView2<'_, f32>| {
        plane.iter().map(|&v| f64::from(v)).sum::<f64>() / plane.len() as f64
    };
    image.outer_iter().map(plane).collect()
}

/// A folder with a model whose scores are the means of four channels.
pub fn room(name: &str) -> (PathBuf, PathBuf) {
    let root = folder(name);
    let model = root.join("means.onnx");
    let size = SIDE as u64;
    fs::write(&model, proto::means(4, Some([size, size]))).unwrap();
    (root, model)
}

pub fn scores(out: &Path) -> Vec<f64> {
    let report = json(&out.join("report.json"));
    let targets = report["targets"].as_array().unwrap();
    let score = |target: &Value| target["score"].as_f64().unwrap();
    targets.iter().map(score).collect()
}

pub fn assert_close(given: &[f64], expected: &[f64], what: &str) {
    assert_eq!(given.len(), expected.len(), "{what}");
    for (a, b) in given.iter().zip(expected) {
        assert!((a - b).abs() < 1e-3, "{what}: {given:?}, not {expected:?}");
    }
}

/// One page for each array `[H, W]`.
pub fn tiff<C: ColorType>(path: &Path, pages: &[Array2<C::Inner>], compression: Compression)
where
    [C::Inner]: TiffValue,
{
    let file = File::create(path).unwrap();
    let mut encoder = TiffEncoder::new(file)
        .unwrap()
        .with_compression(compression);
    for page in pages {
        let (h, w) = page.dim();
        let values = page.as_slice().unwrap();
        encoder
            .write_image::<C>(w as u32, h as u32, values)
            .unwrap();
    }
}

pub fn pages<T>(image: &Array3<f32>, number: impl Fn(f32) -> T + Copy) -> Vec<Array2<T>> {
    let of = |plane: ndarray::ArrayView2<'_, f32>| plane.mapv(number);
    image.outer_iter().map(of).collect()
}

/// A TIFF file of 16-bit numbers with the channels one after the other, each in tiles of 16 x 16; `absent` is not there.
fn tiles_by_channel(path: &Path, image: &Array3<f32>, absent: usize) {
    const TILE: usize = 16;
    let (channels, h, w) = image.dim();
    let mut file = b"II*\0\0\0\0\0".to_vec();
    let (mut starts, mut lengths) = (Vec::new(), Vec::new());
    let (down, across) = (h.div_ceil(TILE), w.div_ceil(TILE));
    for tile in 0..channels * down * across {
        let (c, y, x) = (tile / (down * across), tile / across % down, tile % across);
        starts.push(file.len() as u32);
        let inside = |i: usize| image.get([c, y * TILE + i / TILE, x * TILE + i % TILE]);
        if tile != absent {
            let numbers = (0..TILE * TILE).map(|i| inside(i).map_or(9, |&v| v as u16));
            file.extend(numbers.flat_map(u16::to_le_bytes));
        }
        lengths.push(file.len() as u32 - starts[tile]);
    }
    let all = |number: u32| vec![number; channels];
    let tags = [
        (256, vec![w as u32]),
        (257, vec![h as u32]),
        (258, all(16)),
        (259, vec![1]),
        (262, vec![1]),
        (277, vec![channels as u32]),
        (284, vec![2]),
        (322, vec![TILE as u32]),
        (323, vec![TILE as u32]),
        (324, starts),
        (325, lengths),
        (338, vec![0; channels - 1]),
    ];
    let mut directory = (tags.len() as u16).to_le_bytes().to_vec();
    for (tag, numbers) in tags {
        directory.extend([&(tag as u16).to_le_bytes()[..], &[4, 0]].concat());
        directory.extend((numbers.len() as u32).to_le_bytes());
        let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        match numbers.len() {
            1 => directory.extend(bytes),
            _ => {
                directory.extend((file.len() as u32).to_le_bytes());
                file.extend(bytes);
            }
        }
    }
    directory.extend([0; 4]);
    let start = (file.len() as u32).to_le_bytes();
    file[4..8].copy_from_slice(&start);
    file.extend(directory);
    fs::write(path, file).unwrap();
}

/// An `.npz` file of these arrays.
pub fn npz(path: &Path, arrays: &[(&str, &Array3<f32>)]) {
    let mut zip = zip::ZipWriter::new(File::create(path).unwrap());
    let part = path.with_extension("part");
    for (name, array) in arrays {
        npy::write(&part, array);
        let method = zip::CompressionMethod::Deflated;
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        zip.start_file(format!("{name}.npy"), options).unwrap();
        zip.write_all(&fs::read(&part).unwrap()).unwrap();
    }
    zip.finish().unwrap();
}

/// A folder with a file for each band, and one that is none.
pub fn folder_of_bands(path: &Path, image: &Array3<f32>) {
    fs::create_dir_all(path).unwrap();
    for (name, band) in ["B02", "B03", "B04", "B08"].iter().zip(image.outer_iter()) {
        match *name {
            "B03" => npy::write(path.join("B03.npy"), &band.to_owned()),
            _ => tiff::<Gray32Float>(
                &path.join(format!("{name}.tif")),
                &[band.to_owned()],
                Compression::Uncompressed,
            ),
        }
    }
    fs::write(path.join("readme.txt"), "no band").unwrap();
}

#[test]
fn numbers_of_any_kind_of_file_are_read_as_they_are() {
    let (root, model) = room("files");
    let image = bands();
    let path = |name: &str| root.join(name);
    npy::write(path("f4.npy"), &image);
    npy::write(path("f8.npy"), &image.mapv(f64::from));
    npy::write(path("f2.npy"), &image.mapv(f16::from_f32));
    npy::write(path("u2.npy"), &image.mapv(|v| v as u16));
    npy::write(path("i4.npy"), &image.mapv(|v| v as i32));
    npy::write(path("batch.npy"), &image.clone().insert_axis(Axis(0)));
    npz(&path("one.npz"), &[("x", &image)]);
    let gray = pages(&image, |v| v);
    tiff::<Gray32Float>(&path("f4.tif"), &gray, Compression::Uncompressed);
    tiff::<Gray32Float>(&path("lzw.tif"), &gray, Compression::Lzw);
    let words = pages(&image, |v| v as u16);
    tiff::<Gray16>(
        &path("u2.tif"),
        &words,
        Compression::Deflate(Default::default()),
    );
    let signed = pages(&image, |v| v as i32);
    tiff::<GrayI32>(&path("i4.tiff"), &signed, Compression::Packbits);
    // What a file holds counts, not its name.
    fs::copy(path("u2.tif"), path("tiff.png")).unwrap();
    folder_of_bands(&path("bands"), &image);
    let files = [
        "f4.npy",
        "f8.npy",
        "f2.npy",
        "u2.npy",
        "i4.npy",
        "batch.npy",
        "one.npz",
        "f4.tif",
        "lzw.tif",
        "u2.tif",
        "i4.tiff",
        "tiff.png",
        "bands",
    ];
    let mut first = None;
    for file in files {
        let (image_path, out) = (path(file), root.join("out").join(file));
        let more = [
            ("--model", &*model),
            ("--image", &*image_path),
            ("--out", &*out),
        ];
        let said = succeeds(EXPLAIN, &more);
        assert_close(&scores(&out), &means(&image), file);
        let line = format!("{file}: 4 x 8 x 8 numbers from 0 to 363\n");
        assert!(said.contains(&line), "{said}");
        let map = fs::read(out.join("map.npy")).unwrap();
        assert_eq!(*first.get_or_insert_with(|| map.clone()), map, "{file}");
        assert!(out.join("panel.png").exists());
        let names = json(&out.join("report.json"))["channels"].clone();
        match file {
            "bands" => assert_eq!(names, json!(["B02", "B03", "B04", "B08"])),
            _ => assert_eq!(names, Value::Null),
        }
    }
}

/// As geographic files are: the last tiles go past the image's edges, and one that is not there is 0.
#[test]
fn channels_lie_together_or_one_after_the_other() {
    let root = folder("files_tiles");
    let model = root.join("means.onnx");
    fs::write(&model, proto::means(3, None)).unwrap();
    let mut image = Array3::from_shape_fn((3, 20, 41), |(c, y, x)| (1000 * c + 41 * y + x) as f32);
    tiles_by_channel(&root.join("tiles.tif"), &image, 6);
    image.slice_mut(s![1, ..16, ..16]).fill(0.0);
    npy::write(root.join("array.npy"), &image);
    let map = |file: &str| {
        let (path, out) = (root.join(file), root.join("out").join(file));
        let more = [("--model", &*model), ("--image", &*path), ("--out", &*out)];
        succeeds(EXPLAIN, &more);
        fs::read(out.join("map.npy")).unwrap()
    };
    assert_eq!(map("tiles.tif"), map("array.npy"));
    let together: Vec<u16> = image
        .view()
        .permuted_axes([1, 2, 0])
        .iter()
        .map(|&v| v as u16)
        .collect();
    let file = File::create(root.join("together.tif")).unwrap();
    let mut encoder = TiffEncoder::new(file).unwrap();
    encoder.write_image::<RGB16>(41, 20, &together).unwrap();
    assert_eq!(map("together.tif"), map("array.npy"));
}

#[test]
fn the_axes_of_an_array_are_those_of_numpy() {
    let root = folder("files_axes");
    let model = root.join("one.onnx");
    fs::write(&model, proto::means(1, None)).unwrap();
    let plane = bands().index_axis(Axis(0), 1).slice(s![..3, ..]).to_owned();
    npy::write(root.join("plane.npy"), &plane);
    npy::write(
        root.join("series.npy"),
        &plane.index_axis(Axis(0), 0).to_owned(),
    );
    // In the order of Fortran, whose first axis is the fastest.
    let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 8), }\n";
    let mut fortran = b"\x93NUMPY\x01\x00".to_vec();
    fortran.extend((header.len() as u16).to_le_bytes());
    fortran.extend(header.as_bytes());
    fortran.extend(plane.t().iter().flat_map(|v| v.to_le_bytes()));
    fs::write(root.join("fortran.npy"), fortran).unwrap();
    let map = |file: &str, grid: &str| -> Array3<f32> {
        let (image, out) = (root.join(file), root.join("out").join(file));
        let more = [("--model", &*model), ("--image", &*image), ("--out", &*out)];
        succeeds(&format!("explain --masks 40 --grid {grid}"), &more);
        npy::read(out.join("map.npy"))
    };
    let of_plane = map("plane.npy", "3x4");
    assert_eq!(of_plane.dim(), (1, 3, 8));
    assert_eq!(map("fortran.npy", "3x4"), of_plane);
    assert_eq!(map("series.npy", "1x4").dim(), (1, 1, 8));
}

#[test]
fn an_image_that_the_model_does_not_take_is_refused() {
    let (root, model) = room("files_refused");
    let image = bands();
    let (grey_model, colour_model) = (root.join("grey.onnx"), root.join("colour.onnx"));
    fs::write(&grey_model, proto::means(1, Some([8, 8]))).unwrap();
    fs::write(&colour_model, proto::means(3, Some([8, 8]))).unwrap();
    let file = |name: &str, array: Array3<f32>| {
        npy::write(root.join(name), &array);
        root.join(name)
    };
    let picture = |name: &str, image: &Array3<f32>| {
        write_png(root.join(name), &to_rgb(image, Bands::Auto).unwrap()).unwrap();
        root.join(name)
    };
    let colour = picture("colour.png", &image.slice(s![..3, .., ..]).to_owned());
    let grey = root.join("grey.tif");
    let plane = image.index_axis(Axis(0), 0).mapv(|v| v / 363.0);
    tiff::<Gray32Float>(
        &grey,
        std::slice::from_ref(&plane),
        Compression::Uncompressed,
    );
    let three = file("three.npy", image.slice(s![..3, .., ..]).to_owned());
    let small = file("small.npy", image.slice(s![.., ..4, ..]).to_owned());
    let none = file("none.npy", Array3::zeros((4, 0, 8)));
    let five = root.join("five.npy");
    npy::write(&five, &Array4::<f32>::zeros((2, 4, 8, 8)));
    let mut hole = image.clone();
    hole[[2, 3, 4]] = f32::NAN;
    hole[[3, 3, 5]] = f32::NAN;
    let hole = file("hole.npy", hole);
    let infinite = file(
        "infinite.npy",
        image.mapv(|v| if v == 5.0 { f32::INFINITY } else { v }),
    );
    let mixed = root.join("mixed.tif");
    let half = plane.slice(s![..4, ..]).to_owned();
    tiff::<Gray32Float>(&mixed, &[plane, half], Compression::Uncompressed);
    let two = root.join("two.npz");
    npz(&two, &[("x", &image), ("y", &image)]);
    let empty = root.join("empty");
    fs::create_dir(&empty).unwrap();
    let (of_colours, of_sizes) = (root.join("of_colours"), root.join("of_sizes"));
    folder_of_bands(&of_colours, &image);
    fs::copy(&colour, of_colours.join("B05.png")).unwrap();
    folder_of_bands(&of_sizes, &image);
    fs::copy(&mixed, of_sizes.join("B01.tif")).unwrap();
    npy::write(of_sizes.join("B09.npy"), &Array2::<f32>::zeros((8, 4)));
    fs::remove_file(of_sizes.join("B01.tif")).unwrap();
    let of_kinds = root.join("of_kinds");
    folder_of_bands(&of_kinds, &image);
    let grey_picture = image::GrayImage::new(8, 8);
    grey_picture.save(of_kinds.join("B05.png")).unwrap();
    let out = root.join("out");
    for (model, image, options, expected) in [
        (&model, &of_kinds, "", "the file \"B05.png\" is a picture"),
        (
            &model,
            &three,
            "",
            "three.npy: it has 3 channels, expected 4, which",
        ),
        (
            &model,
            &colour,
            "",
            "colour.png: it has 3 channels (red, green and blue), expected 4",
        ),
        (
            &model,
            &small,
            "",
            "small.npy: it has 4 rows and 8 columns, expected 8 and 8",
        ),
        (
            &model,
            &none,
            "",
            "none.npy: the image has shape [4, 0, 8], expected at least one",
        ),
        (
            &model,
            &five,
            "",
            "five.npy: the array has shape [2, 4, 8, 8], expected [C, H, W]",
        ),
        (
            &model,
            &hole,
            "",
            "hole.npy: channel 2 holds NaN at row 3, column 4 (2 such values in all), expected finite numbers; --missing nan",
        ),
        (
            &model,
            &hole,
            "--missing -1,inf",
            "hole.npy: channel 2 holds NaN",
        ),
        (
            &model,
            &infinite,
            "--missing nan",
            "infinite.npy: channel 0 holds inf at row 0, column 5, expected",
        ),
        (
            &model,
            &mixed,
            "",
            "mixed.tif: page 1: it has 4 rows and 8 columns, expected 8 and 8",
        ),
        (
            &model,
            &two,
            "",
            "two.npz: it holds 2 arrays, expected one that --array names: \"x\", \"y\"",
        ),
        (
            &model,
            &two,
            "--array z",
            "two.npz: it holds no array \"z\", expected one of",
        ),
        (&model, &three, "--array x", "three.npy: it is no .npz file"),
        (&model, &empty, "", "empty: the folder holds no image"),
        (
            &model,
            &of_colours,
            "",
            "of_colours: the file \"B05.png\" has 3 channels, expected one",
        ),
        (
            &model,
            &of_sizes,
            "",
            "of_sizes: the file \"B09.npy\" has 8 rows and 4 columns, expected 8 and 8",
        ),
        (
            &colour_model,
            &grey,
            "",
            "grey.tif: it has 1 channel, expected 3",
        ),
        (
            &colour_model,
            &grey,
            "",
            "--convert makes three equal channels",
        ),
        (&grey_model, &colour, "", "--convert makes grey of it"),
        (
            &colour_model,
            &colour,
            "--missing nan",
            "colour.png: --missing says nothing of a picture",
        ),
    ] {
        let more = [
            ("--model", &**model),
            ("--image", &**image),
            ("--out", &*out),
        ];
        fails(&format!("{EXPLAIN} {options}"), &more, expected);
    }
    for (model, image, channels) in [(&colour_model, &grey, 3), (&grey_model, &colour, 1)] {
        let out = root.join(format!("converted{channels}"));
        let more = [
            ("--model", &**model),
            ("--image", &**image),
            ("--out", &*out),
        ];
        succeeds(&format!("{EXPLAIN} --convert"), &more);
        let map: Array4<f32>;
        let shape = match channels {
            1 => npy::read::<f32, ndarray::Ix3>(out.join("map.npy")).dim().0,
            _ => {
                map = npy::read(out.join("map.npy"));
                map.dim().1
            }
        };
        assert_eq!(shape, channels);
    }
}
