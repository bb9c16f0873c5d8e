//! What is kept of runs, and what is not taken for it: scores of a pilot, of other weights, of another run.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{fails, folder, json, npy, proto, racm, succeeds};
use ndarray::Array3;
use racm::render::{Bands, to_rgb, write_png};

#[test]
fn other_weights_beside_the_file_are_another_model() {
    let root = folder("weights");
    let (model, weights) = (root.join("model.onnx"), root.join("model.onnx.data"));
    fs::write(&model, proto::with_external_data("model.onnx.data")).unwrap();
    let write = |shift: f32| {
        let values = [0.0, shift, 2.0, 3.0].map(f32::to_le_bytes);
        fs::write(&weights, values.concat()).unwrap();
    };
    let image = root.join("image.npy");
    npy::write(&image, &Array3::<f32>::ones((3, 4, 7)));
    write(1.0);
    let (out, explain) = (root.join("out"), "explain --masks 40 --grid 2 --target 1");
    let to = [("--model", &*model), ("--image", &*image), ("--out", &*out)];
    succeeds(explain, &to);
    succeeds(explain, &to);
    assert_eq!(json(&out.join("report.json"))["model_calls"], 0);
    let shard = root.join("shard.racm");
    let of_shard = [&to[..], &[("--ledger", &*shard)]].concat();
    succeeds(&format!("{explain} --shard 1/1 --restart"), &of_shard);

    let (list, tables) = (root.join("list"), root.join("tables"));
    fs::create_dir(&list).unwrap();
    let picture = to_rgb(&Array3::<f32>::ones((3, 4, 7)), Bands::Auto).unwrap();
    write_png(list.join("a.png"), &picture).unwrap();
    let evaluate = "evaluate --methods rise --masks 20 --grid 2 --metrics gini --steps 2";
    let of_list = [
        ("--model", &*model),
        ("--images", &*list),
        ("--out", &*tables),
    ];
    succeeds(evaluate, &of_list);

    write(5.0);
    fails(explain, &to, "belongs to another model: it has 2 files of ");
    fails(
        evaluate,
        &of_list,
        "holds results of other parameters: model",
    );
    let merge = format!("merge {}", shard.display());
    let again = root.join("merged");
    let of_merge = [
        ("--model", &*model),
        ("--image", &*image),
        ("--out", &*again),
    ];
    fails(&merge, &of_merge, "the ledgers belong to another model");
    write(1.0);
    succeeds(&merge, &of_merge);
    succeeds(explain, &to);
}

#[test]
fn a_run_that_is_refused_leaves_the_ledger_of_another() {
    let root = folder("leaves");
    let ledger = root.join("shared.racm");
    let to = |out: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_racm"));
        command.args("explain --model demo --masks 4000".split(' '));
        command.arg("--ledger").arg(&ledger).arg("--out").arg(out);
        command
    };
    // Its pilot takes longer than the whole of the other run.
    let mut slow = to(&root.join("slow"));
    slow.args("--p-pix auto --seed 1 --batch 1".split(' '));
    let slow = slow.stdout(Stdio::null()).stderr(Stdio::piped());
    let slow = slow.spawn().unwrap();
    let quick = "explain --model demo --masks 64 --estimator centred --seed 2";
    let out = root.join("quick");
    succeeds(quick, &[("--ledger", &ledger), ("--out", &out)]);
    let bytes = fs::read(&ledger).unwrap();
    let refused = slow.wait_with_output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("belongs to another seed"), "{said}");
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(fs::read(&ledger).unwrap(), bytes);
}

#[test]
fn a_pilot_ends_in_order_and_is_gone_on_with() {
    let root = folder("pilot_kept");
    let explain = "explain --model demo --masks 64 --batch 2 --p-pix auto";
    let quiet = root.join("quiet");
    succeeds(explain, &[("--out", &quiet)]);
    let (map, pilot) = (
        fs::read(quiet.join("map.npy")).unwrap(),
        json(&quiet.join("report.json"))["pilot"].clone(),
    );
    assert_eq!(pilot["tried"].as_array().unwrap().len(), 7);

    let out = root.join("out");
    let mut command = Command::new(env!("CARGO_BIN_EXE_racm"));
    command.args(explain.split(' ')).arg("--out").arg(&out);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let begun = |count: usize| {
        let files = fs::read_dir(out.join("pilot"));
        files.is_ok_and(|files| files.count() > count)
    };
    while !begun(1) {
        std::thread::sleep(Duration::from_millis(2));
    }
    let process = child.id().to_string();
    let sent = Command::new("kill").args(["-s", "TERM", &process]).status();
    assert!(sent.unwrap().success());
    let stopped = child.wait_with_output().unwrap();
    let said = String::from_utf8(stopped.stderr).unwrap();
    assert_eq!(stopped.status.code(), Some(143), "{said}");
    let (left, _) = said
        .split_once(" masks of the pilot are in ")
        .expect("what is left");
    let left: u64 = left.rsplit('\n').next().unwrap().parse().unwrap();
    assert!(left >= 256, "{said}");

    succeeds(explain, &[("--out", &out)]);
    let report = json(&out.join("report.json"));
    let calls = report["pilot"]["model_calls"].as_u64().unwrap();
    assert!(
        calls < pilot["model_calls"].as_u64().unwrap() - 256,
        "{calls}"
    );
    assert_eq!(report["pilot"]["tried"], pilot["tried"]);
    assert_eq!(fs::read(out.join("map.npy")).unwrap(), map);
    // All is there now, and still told.
    succeeds(explain, &[("--out", &out)]);
    let report = json(&out.join("report.json"));
    assert_eq!(
        (&report["model_calls"], &report["pilot"]["model_calls"]),
        (&0.into(), &0.into())
    );
    assert_eq!(report["pilot"]["tried"], pilot["tried"]);

    // A ledger of a P_pix that is not tried is no reason to ask the model.
    let other = root.join("other");
    succeeds(
        "explain --model demo --masks 64 --p-pix 0.4",
        &[("--out", &other)],
    );
    fails(
        explain,
        &[("--out", &other)],
        "it is of P_pix 0.4, which --p-pix auto does not try",
    );
    assert!(!other.join("pilot").exists());
}

#[test]
fn a_first_record_that_is_cut_short_is_said() {
    let root = folder("cut_first");
    let (out, explain) = (root.join("out"), "explain --model demo --masks 64");
    succeeds(explain, &[("--out", &out)]);
    let ledger = out.join("ledger.racm");
    let whole = fs::read(&ledger).unwrap();
    for cut in [5, 60] {
        fs::write(&ledger, &whole[..cut]).unwrap();
        let said = succeeds(explain, &[("--out", &out)]);
        let expected = format!("was begun anew: {cut} bytes in it were of a first record");
        assert!(said.contains(&expected), "{said}");
        assert_eq!(fs::read(&ledger).unwrap().len(), whole.len());
        assert!(!succeeds(explain, &[("--out", &out)]).contains("cut short"));
        fs::write(&ledger, &whole[..cut]).unwrap();
        let anew = racm(&format!("{explain} --restart"), &[("--out", &out)]);
        assert!(anew.status.success());
    }
}
