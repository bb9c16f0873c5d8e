//! `--images`: several images in one go.

use super::*;

/// Three pictures that are not alike, and a file that is none.
fn pictures(name: &str) -> (PathBuf, PathBuf) {
    let root = folder(name);
    let images = root.join("images");
    fs::create_dir(&images).unwrap();
    for (name, light) in [("b", 1.0), ("a", 0.9), ("c", 0.8)] {
        let picture = to_rgb(&demo::image().mapv(|v| light * v), Bands::Auto).unwrap();
        write_png(images.join(format!("{name}.png")), &picture).unwrap();
    }
    fs::write(images.join("notes.txt"), "a.png\n\nc.png\n").unwrap();
    (images, root.join("out"))
}

const EXPLAIN: &str = "explain --model demo --masks 64 --grid 4";

fn summary(out: &Path) -> Vec<String> {
    let text = fs::read_to_string(out.join("summary.csv")).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_folder_of_images_is_explained_in_one_go() {
    let (images, out) = pictures("several");
    let to = [("--images", &*images), ("--out", &*out)];
    let said = succeeds(EXPLAIN, &to);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 4, "{said}");
    for (line, name) in lines.iter().zip(["a", "b", "c"]) {
        let start = images.join(format!("{name}.png"));
        assert!(
            line.starts_with(&format!("{}: class ", start.display())),
            "{line}"
        );
        assert!(
            line.ends_with(&out.join(name).display().to_string()),
            "{line}"
        );
        assert!(
            line.contains(" carries ") && line.contains("64 masks, certainty"),
            "{line}"
        );
        // Each is as if it had been explained alone.
        let alone = out.join(format!("alone_{name}"));
        succeeds(EXPLAIN, &[("--image", &*start), ("--out", &*alone)]);
        for file in ["map.npy", "panel.png"] {
            let read = |folder: &Path| fs::read(folder.join(file)).unwrap();
            assert_eq!(read(&out.join(name)), read(&alone), "{name}/{file}");
        }
    }
    let rows = summary(&out);
    assert_eq!(rows.len(), 4);
    let header = "image,folder,class,name,score,masks,certainty,resized from,red carries,red standard error,green carries,\
                  green standard error,blue carries,blue standard error,error";
    assert_eq!(rows[0], header);
    let report = json(&out.join("b/report.json"));
    let cells: Vec<&str> = rows[2].split(',').collect();
    let target = &report["targets"][0];
    assert_eq!(cells[1], "b");
    assert_eq!(cells[2].parse().ok(), target["class"].as_u64());
    assert_eq!(cells[4].parse().ok(), target["score"].as_f64());
    assert_eq!(
        cells[10].parse().ok(),
        target["carried"]["green"]["value"].as_f64()
    );
    // Given again, it asks the model nothing more.
    assert_eq!(succeeds(EXPLAIN, &to), said);
    assert_eq!(summary(&out), rows);
    for name in ["a", "b", "c"] {
        assert_eq!(json(&out.join(name).join("report.json"))["model_calls"], 0);
    }
}

#[test]
fn files_and_lists_are_images_too() {
    let (images, out) = pictures("several_lists");
    let run = |given: &[&Path], more: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_racm"));
        command.args(EXPLAIN.split(' ')).arg("--out").arg(&out);
        command.args(more.split_whitespace());
        command.arg("--images").args(given).output().unwrap()
    };
    let csv = images.join("list.csv");
    fs::write(&csv, "label,file\n1,b.png\n").unwrap();
    let output = run(&[&images.join("notes.txt"), &csv], "");
    assert!(output.status.success(), "{output:?}");
    let folders = |out: &Path| -> Vec<String> {
        let rows = summary(out).into_iter().skip(1);
        rows.map(|row| row.split(',').nth(1).unwrap().to_owned())
            .collect()
    };
    assert_eq!(folders(&out), ["a", "c", "b"]);
    // Lists stay in their folder unless they may not.
    std::os::unix::fs::symlink(out.join("b/panel.png"), images.join("link.png")).unwrap();
    let linked = images.join("linked.txt");
    fs::write(&linked, "link.png\n").unwrap();
    let error = String::from_utf8(run(&[&linked], "").stderr).unwrap();
    assert!(
        error.contains("\"link.png\", a link out of the list's folder"),
        "{error}"
    );
    fs::remove_file(images.join("link.png")).unwrap();
    let elsewhere = out.join("list.txt");
    fs::write(&elsewhere, format!("{}\n", images.join("a.png").display())).unwrap();
    let output = run(&[&elsewhere], "");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("list.txt: line 1 names ") && error.contains("--anywhere"),
        "{error}"
    );
    assert!(run(&[&elsewhere], "--anywhere").status.success());
    // Two of one name get folders of their own, or none.
    fs::copy(images.join("a.png"), images.join("a.jpg")).unwrap();
    let both = [images.join("a.png"), images.join("a.jpg")];
    assert!(run(&[&both[0], &both[1]], "").status.success());
    assert_eq!(folders(&out), ["a.png", "a.jpg"]);
    let output = run(&[&both[0], &both[0]], "");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("would have the same folder for their results"),
        "{error}"
    );
    for wrong in [
        "--image x.png",
        "--ledger x",
        "--shard 1/2",
        "--blocks 0..1",
    ] {
        assert_eq!(run(&[&both[0]], wrong).status.code(), Some(2), "{wrong}");
    }
    // What is named and not there is most likely misspelt.
    let never = out.join("never");
    let mut command = Command::new(env!("CARGO_BIN_EXE_racm"));
    command.args(EXPLAIN.split(' ')).arg("--out").arg(&never);
    let output = command.args(["--images", "nowhere"]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("nowhere: there is no such file"), "{error}");
    assert!(!never.exists());
    for (file, text, expected) in [
        (
            "missing.txt",
            "a.png\nz.png\n",
            "z.png: there is no such file",
        ),
        ("empty.txt", "\n\n", "it names no image"),
        ("nobody.csv", "name\na\n", "no column `file`"),
    ] {
        fs::write(images.join(file), text).unwrap();
        let output = run(&[&images.join(file)], "");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn an_image_that_fails_does_not_keep_the_others_from_being_explained() {
    let (images, out) = pictures("several_fail");
    fs::write(images.join("b.png"), "no picture").unwrap();
    let to = [("--images", &*images), ("--out", &*out)];
    let output = racm(EXPLAIN, &to);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("b.png: it is no image, expected PNG or JPEG"),
        "{error}"
    );
    assert!(error.contains("racm: 1 of 3 images failed: "), "{error}");
    let rows = summary(&out);
    assert_eq!(rows.len(), 4);
    assert!(rows[2].contains("b.png,b,,,,,,,,,,,,") && rows[2].contains("it is no image"));
    assert!(out.join("c/map.npy").exists() && !out.join("b/map.npy").exists());
    // As JSON: a line for each.
    let output = racm(&format!("{EXPLAIN} --json"), &to);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert_eq!(lines[0]["out"], out.join("a").display().to_string());
    assert_eq!(
        lines[1]["image"],
        images.join("b.png").display().to_string()
    );
    assert!(
        lines[1]["error"]
            .as_str()
            .unwrap()
            .contains("it is no image")
    );
    assert_eq!(lines[2]["masks"], 64);
    // Warnings say which image they are about.
    fs::remove_file(images.join("b.png")).unwrap();
    let said = succeeds(
        &format!(
            "{EXPLAIN} --restart --labels {}",
            images.join("notes.txt").display()
        ),
        &to,
    );
    let warned = said
        .lines()
        .filter(|line| line.starts_with("warning: "))
        .collect::<Vec<_>>();
    assert_eq!(warned.len(), 2, "{said}");
    assert!(warned[1].contains("c.png: --labels has 3 names"), "{said}");
}

#[test]
fn class_activation_maps_of_several_images() {
    let [model, image, out] = skipping("several_cam");
    let images = out.with_file_name("images");
    fs::create_dir(&images).unwrap();
    fs::copy(&image, images.join("one.png")).unwrap();
    fs::copy(&image, images.join("two.png")).unwrap();
    let files = [
        ("--model", &*model),
        ("--images", &*images),
        ("--out", &*out),
    ];
    let said = succeeds("explain --method grad-cam --layer early", &files);
    assert_eq!(said.lines().count(), 3, "{said}");
    assert!(out.join("two/map.npy").exists());
    assert_eq!(summary(&out).len(), 3);
    let refined = "explain --masks 32 --grid 2 --refine grad-cam --layer early --keep 0.5";
    succeeds(refined, &files);
    assert_eq!(
        json(&out.join("two/report.json"))["region"]["layer"],
        "early"
    );
}

/// A signal ends them all, and the same command goes on.
#[cfg(target_os = "linux")]
#[test]
fn signals_end_all_images() {
    let (images, out) = pictures("several_signal");
    let mut command = Command::new(env!("CARGO_BIN_EXE_racm"));
    let options = "explain --model demo --masks 5000000 --batch 4 --images";
    command
        .args(options.split(' '))
        .arg(&images)
        .arg("--out")
        .arg(&out);
    let pipe = std::process::Stdio::piped;
    let child = command.stdout(pipe()).stderr(pipe()).spawn().unwrap();
    while fs::metadata(out.join("a/ledger.racm")).map_or(0, |about| about.len()) < 4000 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let process = child.id().to_string();
    let sent = Command::new("kill").args(["-s", "TERM", &process]).status();
    assert!(sent.unwrap().success());
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(143), "{error}");
    assert!(error.contains("stopped by SIGTERM"), "{error}");
    assert!(
        error.contains("0 of 3 images are done: the same command goes on"),
        "{error}"
    );
    assert!(!out.join("b").exists());
}
