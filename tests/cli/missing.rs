//! Values that stand for none, and what reads the same images beside `racm explain`.

use std::fs::{self, File};
use std::path::Path;

use ndarray::{Array2, Array3, Array4, Axis, s};
use tiff::encoder::TiffEncoder;
use tiff::encoder::colortype::Gray16;

use super::files::{EXPLAIN, assert_close, bands, folder_of_bands, means, pages, room, scores};
use super::{fails, json, npy, proto, succeeds};

#[test]
fn missing_values_are_masked_out_of_image_and_map() {
    let (root, model) = room("files_missing");
    let mut image = bands();
    image[[1, 0, 0]] = f32::NAN;
    image[[2, 7, 5]] = -9999.0;
    let path = root.join("holes.npy");
    npy::write(&path, &image);
    let run = |options: &str, name: &str| {
        let out = root.join(name);
        let more = [("--model", &*model), ("--image", &*path), ("--out", &*out)];
        let said = succeeds(&format!("{EXPLAIN} --missing nan,-9999 {options}"), &more);
        assert!(
            said.contains("numbers from 1 to 363; 2 pixels without a value"),
            "{said}"
        );
        out
    };
    // The whole pixel shows the baseline, or the mean of the others.
    let is_hole = |y, x| [[0, 0], [7, 5]].contains(&[y, x]);
    let filled = |fill: [f64; 4]| {
        let mut filled = bands();
        for ((c, y, x), v) in filled.indexed_iter_mut() {
            *v = if is_hole(y, x) { fill[c] as f32 } else { *v };
        }
        means(&filled)
    };
    let out = run("--baseline 1,2,3,4", "by_baseline");
    assert_close(&scores(&out), &filled([1.0, 2.0, 3.0, 4.0]), "baseline");
    let maps: Array4<f32> = npy::read(out.join("map.npy"));
    for ((_, _, y, x), v) in maps.indexed_iter() {
        assert_eq!(v.is_nan(), is_hole(y, x), "at {y}, {x}");
    }
    let region = &json(&out.join("report.json"))["region"];
    assert_eq!(region["missing_pixels"], 2);
    assert_eq!(region["pixels"], 62);
    let known = |c: usize| {
        let plane = bands();
        let plane = plane.index_axis(Axis(0), c);
        let known = plane.indexed_iter().filter(|((y, x), _)| !is_hole(*y, *x));
        known.map(|(_, &v)| f64::from(v)).sum::<f64>() / 62.0
    };
    let out = run("--baseline blur:2", "by_mean");
    assert_close(&scores(&out), &filled([0, 1, 2, 3].map(known)), "means");
    // And only what the saliency map keeps of the rest.
    let saliency = root.join("saliency.npy");
    npy::write(
        &saliency,
        &Array2::from_shape_fn((8, 8), |(y, _)| -(y as f32)),
    );
    let refine = format!("--keep 0.5 --refine {}", saliency.display());
    let out = run(&refine, "refined");
    assert_eq!(json(&out.join("report.json"))["region"]["pixels"], 31);
    // A class activation map says nothing of such pixels, either.
    let (model, cam) = (root.join("skipping.onnx"), root.join("cam"));
    fs::write(&model, proto::skipping(None)).unwrap();
    npy::write(&path, &image.slice(s![..3, ..4, ..7]).to_owned());
    let more = [("--model", &*model), ("--image", &*path), ("--out", &*cam)];
    succeeds("explain --method grad-cam --missing nan", &more);
    let map: Array3<f32> = npy::read(cam.join("map.npy"));
    let holes = map.indexed_iter().filter(|(_, v)| v.is_nan());
    assert_eq!(holes.map(|(at, _)| at).collect::<Vec<_>>(), [(0, 0, 0)]);
}

#[test]
fn what_a_tiff_file_declares_as_no_data_is_missing() {
    let (root, model) = room("files_no_data");
    let path = root.join("scene.tif");
    let mut encoder = TiffEncoder::new(File::create(&path).unwrap()).unwrap();
    for plane in pages(&bands(), |v| v as u16) {
        let mut page = encoder.new_image::<Gray16>(8, 8).unwrap();
        let no_data = tiff::tags::Tag::Unknown(42_113);
        page.encoder().write_tag(no_data, "110").unwrap();
        page.write_data(plane.as_slice().unwrap()).unwrap();
    }
    let out = root.join("out");
    let more = [("--model", &*model), ("--image", &*path), ("--out", &*out)];
    fails(
        EXPLAIN,
        &more,
        "scene.tif: channel 1 holds NaN at row 1, column 2, expected",
    );
    let said = succeeds(&format!("{EXPLAIN} --missing nan"), &more);
    assert!(
        said.contains("; 1 pixel without a value is masked out"),
        "{said}"
    );
}

#[test]
fn evaluate_and_merge_read_the_same_files() {
    let (root, model) = room("files_evaluate");
    let mut image = bands();
    image[[1, 2, 3]] = f32::NAN;
    let array = root.join("a.npy");
    npy::write(&array, &image);
    folder_of_bands(&root.join("scene"), &bands());
    let list = root.join("list.csv");
    fs::write(&list, "file\na.npy\nscene\n").unwrap();
    let out = root.join("evaluated");
    let more = [("--model", &*model), ("--images", &*list), ("--out", &*out)];
    let evaluate = "evaluate --masks 20 --grid 2 --methods racm --metrics insertion,gini --steps 4";
    fails(
        evaluate,
        &more,
        "a.npy: channel 1 holds NaN at row 2, column 3",
    );
    let said = succeeds(&format!("{evaluate} --missing nan"), &more);
    assert!(said.contains("2 images"), "{said}");
    fails(evaluate, &more, "missing was [\"NaN\"], now it is []");
    // Another band is another image.
    let band = root.join("scene/B03.npy");
    npy::write(&band, &Array2::<f32>::zeros((8, 8)));
    fails(
        &format!("{evaluate} --missing nan"),
        &more,
        "was made of another image",
    );

    let explain = "explain --masks 96 --grid 2 --missing nan --baseline 5";
    let of = |out: &'static str| root.join(out);
    let (whole, parts, merged) = (of("whole"), of("parts"), of("merged"));
    let to = |out| [("--model", &*model), ("--image", &*array), ("--out", out)];
    succeeds(explain, &to(&whole));
    for part in ["1/2", "2/2"] {
        let said = succeeds(&format!("{explain} --shard {part}"), &to(&parts));
        assert!(
            said.contains("racm merge --missing NaN makes the map"),
            "{said}"
        );
    }
    let ledgers = ["1", "2"].map(|k| parts.join(format!("ledger-{k}-of-2.racm")));
    let ledgers = ledgers.map(|path| path.display().to_string()).join(" ");
    let more = [("--image", &*array), ("--out", &*merged)];
    fails(
        &format!("merge {ledgers}"),
        &more,
        "a.npy: channel 1 holds NaN",
    );
    succeeds(&format!("merge {ledgers} --missing nan"), &more);
    let map = |out: &Path| fs::read(out.join("map.npy")).unwrap();
    assert_eq!(map(&merged), map(&whole));
    // Another number in it is another image.
    image[[3, 3, 3]] += 1.0;
    npy::write(&array, &image);
    fails(explain, &to(&whole), "the ledger belongs to another");
}

/// Two rows have no value: the map of a run refines the same image, and metrics count what has
/// a value.
#[test]
fn only_pixels_with_a_value_are_ranked_and_counted() {
    let (root, model) = room("files_known");
    let mut image = bands();
    image.slice_mut(s![0, ..2, ..]).fill(f32::NAN);
    let path = root.join("a.npy");
    npy::write(&path, &image);
    let explain = |options: &str, out: &str| {
        let out = root.join(out);
        let more = [("--model", &*model), ("--image", &*path), ("--out", &*out)];
        succeeds(
            &format!("explain --masks 16 --grid 2 --missing nan {options}"),
            &more,
        );
        json(&out.join("report.json"))["region"]["pixels"].clone()
    };
    assert_eq!(explain("--method rise", "first"), 48);
    let map = root.join("first/map.npy");
    let refine = format!("--keep 0.25 --refine {}", map.display());
    assert_eq!(explain(&refine, "refined"), 12);
    // A hole elsewhere is none of the image's.
    let mut holed: Array3<f32> = npy::read(&map);
    holed[[0, 7, 7]] = f32::NAN;
    npy::write(&map, &holed);
    let (out, refine) = (
        root.join("holed"),
        format!("{EXPLAIN} --missing nan {refine}"),
    );
    let more = [("--model", &*model), ("--image", &*path), ("--out", &*out)];
    fails(
        &refine,
        &more,
        "map.npy: the saliency map holds NaN at [7, 7]",
    );

    // Of the first box 8 of 24 pixels have a value, of the second none.
    let list = root.join("list.csv");
    let header = "file,roi_x1,roi_y1,roi_x2,roi_y2";
    fs::write(&list, format!("{header}\na.npy,0,0,8,3\n")).unwrap();
    let evaluate =
        "evaluate --masks 20 --grid 2 --methods racm --metrics pointing,energy,gini --missing nan";
    let measure = |out: &str| {
        let out = root.join(out);
        let more = [("--model", &*model), ("--images", &*list), ("--out", &*out)];
        succeeds(evaluate, &more);
        json(&out.join("table.json"))
    };
    let table = measure("inside");
    let uniform = &table["rows"][2];
    assert_eq!(uniform["case"]["map"], "uniform");
    for metric in ["pointing", "energy"] {
        let mean = uniform["metrics"][metric]["mean"].as_f64().unwrap();
        assert!((mean - 8.0 / 48.0).abs() < 1e-9, "{metric}: {mean}");
    }
    fs::write(&list, format!("{header}\na.npy,0,0,8,2\n")).unwrap();
    let table = measure("outside");
    assert_eq!(table["rows"][0]["metrics"]["pointing"]["undefined"], 1);
    let reason = &table["without_a_value"][0]["reason"];
    assert_eq!(*reason, "no pixel of the box has a value");
}
