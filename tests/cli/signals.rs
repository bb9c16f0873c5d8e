//! Signals that come twice, and those that come while a page's curves are measured.
#![cfg(target_os = "linux")]

use std::io::{ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::*;

fn start(arguments: &str, more: &[(&str, &Path)], error: Stdio) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_racm"));
    command.args(arguments.split_whitespace());
    for (option, path) in more {
        command.arg(option).arg(path);
    }
    command.stdout(Stdio::null()).stderr(error).spawn().unwrap()
}

fn send(signal: &str, child: &Child) {
    let mut kill = Command::new("kill");
    kill.args(["-s", signal, &child.id().to_string()]);
    assert!(kill.status().unwrap().success());
}

/// Until a file is so long.
fn wait_for(path: &Path, length: u64, child: &mut Child) {
    while fs::metadata(path).map_or(0, |about| about.len()) < length {
        assert!(child.try_wait().unwrap().is_none());
        sleep(Duration::from_millis(2));
    }
}

const LONG: &str = "explain --model demo --masks 5000000 --batch 4 --quiet";

/// `timeout` sends a signal to the program, and then to the group in which it is.
#[test]
fn a_signal_that_comes_twice_at_once_counts_as_one() {
    let out = folder("signal_twice");
    let mut child = start(LONG, &[("--out", &out)], Stdio::piped());
    wait_for(&out.join("ledger.racm"), 4000, &mut child);
    for _ in 0..3 {
        send("TERM", &child);
    }
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(143), "{error}");
    assert!(error.starts_with("racm: stopped by SIGTERM\n"), "{error}");
    assert!(out.join("map.npy").exists());
    assert_eq!(json(&out.join("report.json"))["stopped_by"], "SIGTERM");
}

/// Of a program that cannot end in order: nobody reads what it says.
#[test]
fn a_second_signal_ends_a_run_at_once() {
    let out = folder("signal_second");
    let (_unread, mut full) = UnixStream::pair().unwrap();
    full.set_nonblocking(true).unwrap();
    let filled = full.write_all(&vec![b'x'; 1 << 24]);
    assert_eq!(filled.unwrap_err().kind(), ErrorKind::WouldBlock);
    full.set_nonblocking(false).unwrap();
    let full = Stdio::from(OwnedFd::from(full));
    let mut child = start(LONG, &[("--out", &out)], full);
    wait_for(&out.join("ledger.racm"), 4000, &mut child);
    send("TERM", &child);
    sleep(Duration::from_millis(2500));
    assert!(child.try_wait().unwrap().is_none());
    let second = Instant::now();
    send("TERM", &child);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(second.elapsed() < Duration::from_secs(5));
}

/// What a full disk keeps from being written, too, is named by its own name.
#[test]
fn a_picture_that_cannot_be_written_is_named() {
    let [model, _, out] = slow("signal_full");
    let image = model.with_file_name("small.npy");
    npy::write(&image, &Array3::<f32>::ones((3, 12, 12)));
    // The signal is ignored, so that writing more than the limit is an error.
    let script =
        "trap '' XFSZ; ulimit -f 6; exec \"$0\" explain --masks 32 --method rise --grid 2 \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_racm"), "--model"]);
    command
        .arg(&model)
        .arg("--image")
        .arg(&image)
        .arg("--out")
        .arg(&out);
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    let named = format!("racm: {}: ", out.join("panel.png").display());
    assert!(error.starts_with(&named), "{error}");
}

/// A model of three classes whose curves take a while.
fn slow(name: &str) -> [PathBuf; 3] {
    let out = folder(name);
    let (model, image) = (out.join("means.onnx"), out.join("image.npy"));
    fs::write(&model, proto::means(3, None)).unwrap();
    let values = Array3::from_shape_fn((3, 400, 400), |(c, y, x)| (c * y + x) as f32);
    npy::write(&image, &values);
    [model, image, out.join("out")]
}

#[test]
fn curves_are_kept_map_by_map() {
    let [model, image, out] = slow("signal_curves");
    let more = [("--model", &*model), ("--image", &*image), ("--out", &*out)];
    let command = "explain --masks 32 --batch 8 --target all --report";
    let curves = out.join("curves.json");
    let count = || json(&curves)["curves"].as_array().unwrap().len();
    let page = || fs::read_to_string(out.join("report.html")).unwrap();

    let mut child = start(command, &more, Stdio::piped());
    wait_for(&curves, 1, &mut child);
    send("TERM", &child);
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(143), "{error}");
    let kept = count();
    assert!((1..3).contains(&kept), "{kept}");
    // They are not all, and so none are shown.
    let why = format!("asked for those of {kept} of 3 maps");
    assert!(page().contains(&why) && !page().contains("\"insertion\":"));

    let said = succeeds(command, &more);
    let asked = format!("took {} model calls", (3 - kept) * 202);
    assert!(said.contains(&asked), "{said}");
    assert_eq!(count(), 3);
    assert_eq!(page().matches("\"insertion\":").count(), 3);
    // They are those of a run that nothing stopped.
    let all = fs::read(&curves).unwrap();
    fs::remove_file(&curves).unwrap();
    assert!(succeeds(command, &more).contains("took 606 model calls"));
    assert!(fs::read(&curves).unwrap() == all);
    assert!(!succeeds(command, &more).contains("model calls, and are kept"));
}
