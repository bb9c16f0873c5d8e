//! `racm evaluate` in parts, in several processes, and ended by signals.

#[cfg(unix)]
use std::process::{Child, Stdio};

use super::*;

const SMALL: &str = "evaluate --model demo --methods racm,rise --masks 40,100 --steps 10";
const WRITTEN: [&str; 5] = [
    "table.md",
    "table.csv",
    "table.json",
    "images.csv",
    "curves-rank.svg",
];

fn read(folder: &Path, file: &str) -> Vec<u8> {
    fs::read(folder.join(file)).unwrap()
}

#[test]
fn shards_make_the_tables_of_one_run_and_ask_the_model_nothing_more() {
    let (list, root) = images("shards");
    let (whole, shared, copied) = (root.join("whole"), root.join("shared"), root.join("copied"));
    fn to<'a>(list: &'a Path, out: &'a Path) -> [(&'static str, &'a Path); 2] {
        [("--images", list), ("--out", out)]
    }
    succeeds(SMALL, &to(&list, &whole));

    fs::create_dir_all(copied.join("images")).unwrap();
    for part in 1..=2 {
        let arguments = format!("{SMALL} --batch {part} --shard {part}/2");
        let said = succeeds(&arguments, &to(&list, &shared));
        let images = 3 - part;
        assert!(
            said.contains(&format!("its {images} of 3 images")),
            "{said}"
        );
        assert!(!shared.join("table.md").exists());
        let own = root.join(format!("part{part}"));
        succeeds(&arguments, &to(&list, &own));
        for record in fs::read_dir(own.join("images")).unwrap() {
            let record = record.unwrap();
            let to = copied.join("images").join(record.file_name());
            fs::copy(record.path(), to).unwrap();
        }
    }
    for parts in [&shared, &copied] {
        let records =
            || ["a", "b", "c"].map(|name| read(parts, &format!("images/{name}.png.json")));
        let measured = records();
        succeeds(SMALL, &to(&list, parts));
        // Seconds are in them: nothing was measured again.
        assert_eq!(records(), measured);
        for file in WRITTEN {
            assert_eq!(read(parts, file), read(&whole, file), "{file}");
        }
    }

    let said = succeeds(
        &format!("{SMALL} --shard 5/9"),
        &to(&list, &root.join("empty")),
    );
    assert!(said.contains("its 0 of 3 images"), "{said}");
    for wrong in ["0/3", "4/3", "1/0", "-1/2", "2", "1/2/3", "a/b"] {
        let output = racm(&format!("{SMALL} --shard {wrong}"), &to(&list, &shared));
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{wrong}: {error}");
        assert!(error.contains("K from 1 to N"), "{wrong}: {error}");
    }
}

/// With a runtime that cannot be loaded any more.
#[cfg(feature = "ort")]
#[test]
fn what_is_measured_needs_no_model() {
    if std::env::var_os("ORT_DYLIB_PATH").is_none() {
        return eprintln!("skipped: ORT_DYLIB_PATH names no ONNX Runtime");
    }
    let [model, image, out] = skipping("no_model");
    let list = image.parent().unwrap();
    let more = [("--model", &*model), ("--images", list), ("--out", &*out)];
    let arguments =
        "evaluate --runtime ort --masks 16 --grid 2 --steps 4 --methods grad-cam --layer early";
    succeeds(arguments, &more);
    let table = read(&out, "table.md");
    fs::remove_file(out.join("table.md")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_racm"));
    command
        .args(arguments.split(' '))
        .env("ORT_DYLIB_PATH", "nowhere");
    for (option, path) in more {
        command.arg(option).arg(path);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(read(&out, "table.md"), table);
}

/// What another process has begun comes last, but is not waited for: that process may be gone.
#[test]
fn an_image_that_others_began_comes_last() {
    let (list, root) = images("begun");
    let out = root.join("out");
    let more = [("--images", &*list), ("--out", &*out)];
    let marks = ["a", "b"].map(|name| out.join(format!("images/{name}.png.begun")));
    fs::create_dir_all(out.join("images")).unwrap();
    for (mark, hours) in marks.iter().zip([1, 2]) {
        let age = std::time::Duration::from_secs(3600 * hours);
        let mark = fs::File::create(mark).unwrap();
        mark.set_modified(std::time::SystemTime::now() - age)
            .unwrap();
    }
    succeeds(SMALL, &more);
    let time = |name: &str| {
        let record = out.join(format!("images/{name}.png.json"));
        record.metadata().unwrap().modified().unwrap()
    };
    assert!(time("c") < time("b") && time("b") < time("a"));
    assert!(marks.iter().all(|mark| !mark.exists()));
    // Of a process that was killed when its results were there.
    fs::File::create(&marks[0]).unwrap();
    succeeds(SMALL, &more);
    assert!(!marks[0].exists());
}

/// Starts an evaluation of a small image and a large one, and waits until the small one is measured.
#[cfg(unix)]
fn half_done(list: &Path, out: &Path, command: &mut Command) -> Child {
    command.arg("--images").arg(list).arg("--out").arg(out);
    let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    while !out.join("images/list_c.png.json").exists() {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child
}

#[cfg(unix)]
fn send(signal: &str, child: &Child) {
    let mut kill = Command::new("kill");
    kill.arg(format!("-{signal}")).arg(child.id().to_string());
    assert!(kill.status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn a_signal_ends_an_evaluation_that_can_go_on() {
    let (_, root) = images("signals");
    let list = root.join("small_first.csv");
    fs::write(&list, "file\nlist/c.png\nlist/a.png\n").unwrap();
    for (name, status) in heeded() {
        let out = root.join(name);
        let arguments = "evaluate --model demo --methods rise --masks 10000 --metrics gini";
        let mut command = Command::new(env!("CARGO_BIN_EXE_racm"));
        let child = half_done(&list, &out, command.args(arguments.split(' ')));
        send(name, &child);
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{error}");
        let expected = format!("racm: stopped by SIG{name}\n1 of 2 images are kept in ");
        assert!(error.starts_with(&expected), "{error}");
        assert!(
            error.contains("the same command goes on from there"),
            "{error}"
        );
        let kept = read(&out, "images/list_c.png.json");
        let left = fs::read_dir(out.join("images")).unwrap();
        assert_eq!(left.count(), 1, "only what is whole");
        let more = [("--images", &*list), ("--out", &*out)];
        succeeds(&format!("{arguments} --limit 1"), &more);
        assert_eq!(read(&out, "images/list_c.png.json"), kept);
    }
}

/// As under `nohup`.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_was_ignored_stays_ignored() {
    let (_, root) = images("nohup");
    let list = root.join("small_first.csv");
    fs::write(&list, "file\nlist/c.png\nlist/a.png\n").unwrap();
    let mut command = Command::new("sh");
    let script = "trap '' HUP; exec \"$0\" evaluate --model demo --methods rise --masks 2000 --metrics gini \"$@\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_racm")]);
    let child = half_done(&list, &root.join("out"), &mut command);
    send("HUP", &child);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(root.join("out/table.md").exists());
}

/// Two evaluations with other parameters do not share a folder, whichever is first.
#[cfg(unix)]
#[test]
fn evaluations_that_start_at_once_do_not_ruin_each_other() {
    let (list, root) = images("at_once");
    let start = |options: &str, out: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_racm"));
        let arguments = format!("evaluate --model demo --methods rise --metrics gini {options}");
        command.args(arguments.split_whitespace());
        command.arg("--images").arg(&list).arg("--out").arg(out);
        let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let end = |child: Child| {
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), error)
    };
    // The second one comes when the first is at its first image.
    let out = root.join("second");
    let mut first = start("--masks 3000", &out);
    while !out.join("images/list_a.png.begun").exists() && !out.join("images/a.png.begun").exists()
    {
        assert!(first.try_wait().unwrap().is_none());
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let (code, error) = end(start("--masks 2000", &out));
    assert_eq!(code, Some(1), "{error}");
    let expected = "masks was [3000], now it is [2000]; take another --out";
    assert!(
        error.contains("is at work there") && error.contains(expected),
        "{error}"
    );
    let (code, error) = end(first);
    assert_eq!(code, Some(0), "{error}");
    // Both at the same moment: one of them gets the folder.
    let commands = ["--masks 64", "--masks 96"];
    for round in 0..4 {
        let out = root.join(format!("both_{round}"));
        let both = commands.map(|options| start(options, &out));
        let codes = both.map(|child| end(child).0);
        assert!(
            [[Some(0), Some(1)], [Some(1), Some(0)]].contains(&codes),
            "{codes:?}"
        );
        for (options, code) in commands.iter().zip(codes) {
            assert_eq!(end(start(options, &out)).0, code);
        }
    }
    // The mark of a process that was killed is named, and is all that is in the way.
    let out = root.join("killed");
    fs::create_dir_all(out.join("images")).unwrap();
    fs::write(out.join("parameters.json"), "{\"masks\": [7]}").unwrap();
    let mark = out.join("images/a.png.begun");
    fs::write(&mark, "").unwrap();
    let (code, error) = end(start("--masks 64", &out));
    assert_eq!(code, Some(1), "{error}");
    assert!(
        error.contains("has begun there") && error.contains("remove"),
        "{error}"
    );
    assert!(error.contains("a.png.begun"), "{error}");
    fs::remove_file(&mark).unwrap();
    let (code, error) = end(start("--masks 64", &out));
    assert_eq!(code, Some(0), "{error}");
}
