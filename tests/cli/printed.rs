//! What is printed: JSON, nothing, a preview, help, and scripts for shells.

use super::*;

const EXPLAIN: &str = "explain --model demo --masks 64 --grid 4";

/// The only JSON document of an output.
fn document(output: &Output) -> Value {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn results_are_one_json_document() {
    let out = folder("json");
    let output = racm(&format!("{EXPLAIN} --json"), &[("--out", &out)]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert!(
        error.contains("class ") && error.contains("64 masks, "),
        "{error}"
    );
    let printed = document(&output);
    let report = json(&out.join("report.json"));
    for entry in ["targets", "planes", "masks", "certainty", "image_shape"] {
        assert_eq!(printed[entry], report[entry], "{entry}");
    }
    assert!(printed.get("explainer").is_none());
    let files: Vec<&str> = printed["files"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(Value::as_str)
        .collect();
    assert_eq!(files.len(), 5);
    assert!(
        files.iter().all(|file| Path::new(file).is_file()),
        "{files:?}"
    );
    // A part of the masks, and all of them.
    let part = racm(&format!("{EXPLAIN} --json --shard 1/1"), &[("--out", &out)]);
    let part = document(&part);
    assert_eq!(
        (&part["from"], &part["to"], &part["of"]),
        (&0.into(), &64.into(), &64.into())
    );
    let merged = out.join("merged");
    let merge = format!("merge --json {}", part["ledger"].as_str().unwrap());
    let merged = document(&racm(&merge, &[("--out", &merged)]));
    assert_eq!(merged["targets"], report["targets"]);
    let (list, root) = images("json_evaluate");
    let evaluate =
        "evaluate --model demo --methods racm --masks 40 --metrics gini --json --limit 1";
    let evaluated = root.join("out");
    let table = document(&racm(
        evaluate,
        &[("--images", &list), ("--out", &evaluated)],
    ));
    assert_eq!(table["rows"], json(&evaluated.join("table.json"))["rows"]);
}

#[test]
fn a_failure_is_json_too() {
    let out = folder("json_failure");
    let output = racm(&format!("{EXPLAIN} --json --p-pix 2"), &[("--out", &out)]);
    assert_eq!(output.status.code(), Some(1));
    let error = document(&output)["error"].as_str().unwrap().to_owned();
    assert!(error.starts_with("p_pix is 2"), "{error}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, format!("racm: {error}\n"));
}

#[test]
fn quiet_prints_nothing_but_what_is_wrong() {
    let out = folder("quiet");
    let output = racm(&format!("{EXPLAIN} --quiet"), &[("--out", &out)]);
    assert!(output.status.success());
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "{output:?}"
    );
    let labels = out.join("labels.txt");
    fs::write(&labels, "a\nb\n").unwrap();
    let to = [("--out", &*out), ("--labels", &*labels)];
    let output = racm(&format!("{EXPLAIN} --quiet"), &to);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.stdout.is_empty());
    assert!(
        error.starts_with("warning: --labels has 2 names") && error.lines().count() == 1,
        "{error}"
    );
    let output = racm(&format!("{EXPLAIN} --quiet --json"), &to);
    assert_eq!(document(&output)["masks"], 64);
    let output = racm(&format!("{EXPLAIN} --quiet --seed 9"), &to);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.starts_with("racm: ") && error.contains("another seed"),
        "{error}"
    );
}

/// The colours of a preview's picture, a row of pixels at a time.
fn pixels(line: &str) -> [Vec<[u8; 3]>; 2] {
    // Below an odd last row there is nothing.
    let colour = |part: &str, start: &str| {
        let Some(numbers) = part.split(start).nth(1) else {
            return [0; 3];
        };
        let numbers = numbers.split('m').next().unwrap();
        let numbers: Vec<u8> = numbers.split(';').map(|n| n.parse().unwrap()).collect();
        [numbers[0], numbers[1], numbers[2]]
    };
    let blocks: Vec<&str> = line
        .split('\u{2580}')
        .filter(|b| b.contains("[38;"))
        .collect();
    [
        blocks.iter().map(|b| colour(b, "[38;2;")).collect(),
        blocks.iter().map(|b| colour(b, "[48;2;")).collect(),
    ]
}

#[test]
fn the_map_is_shown_in_the_terminal() {
    let out = folder("preview");
    let said = succeeds(&format!("{EXPLAIN} --preview"), &[("--out", &out)]);
    assert!(
        said.contains("no preview: the standard output is no terminal"),
        "{said}"
    );
    assert!(!said.contains('\u{1b}'));
    let said = succeeds(&format!("{EXPLAIN} --preview=always"), &[("--out", &out)]);
    let rows: Vec<&str> = said
        .lines()
        .filter(|line| line.contains('\u{2580}'))
        .collect();
    // Four tiles beside each other in 79 columns.
    assert_eq!(rows.len(), 10, "{said}");
    let names = said
        .lines()
        .find(|l| l.trim_start().starts_with("image"))
        .unwrap();
    assert_eq!(
        names.split_whitespace().collect::<Vec<_>>(),
        ["image", "red", "green", "blue"]
    );
    let image = racm::render::resize(&demo::image(), 19, 19).unwrap();
    for (i, row) in rows.iter().enumerate() {
        for (y, pixels) in pixels(row).iter().enumerate() {
            assert_eq!(pixels.len(), 4 * 19);
            for (x, pixel) in pixels.iter().take(19).enumerate() {
                let y = 2 * i + y;
                let expected = [0, 1, 2].map(|c| {
                    if y < 19 {
                        image[[c, y, x]] * 255.0
                    } else {
                        0.0
                    }
                });
                let near = pixel
                    .iter()
                    .zip(expected)
                    .all(|(&p, e)| (f32::from(p) - e).abs() < 2.0);
                assert!(near, "{pixel:?}, not {expected:?} at {y}, {x}");
            }
        }
    }
    // A series is a line a plane; a table has none.
    let series = out.join("series.npy");
    npy::write(
        &series,
        &Array3::from_shape_fn((3, 1, 60), |(c, _, t)| (c * t) as f32),
    );
    let model = out.join("series.onnx");
    fs::write(&model, proto::means(3, Some([1, 60]))).unwrap();
    let files = [
        ("--model", &*model),
        ("--image", &*series),
        ("--out", &*out),
    ];
    let said = succeeds("explain --masks 64 --restart --preview=always", &files);
    assert_eq!(
        said.lines().filter(|l| l.contains('\u{2580}')).count(),
        3,
        "{said}"
    );
    let table = out.join("table.npy");
    npy::write(&table, &Array3::<f32>::ones((3, 1, 1)));
    fs::write(&model, proto::means(3, Some([1, 1]))).unwrap();
    let files = [("--model", &*model), ("--image", &*table), ("--out", &*out)];
    let said = succeeds("explain --masks 64 --restart --preview=always", &files);
    assert!(
        said.contains("no preview: all that a table's map says"),
        "{said}"
    );
    for other in ["--json", "--quiet"] {
        let arguments = format!("{EXPLAIN} --preview {other}");
        assert_eq!(racm(&arguments, &[("--out", &out)]).status.code(), Some(2));
    }
}

#[test]
fn help_is_short_and_long() {
    let short = succeeds("explain -h", &[]);
    let long = succeeds("explain --help", &[]);
    assert!(short.lines().count() < 130 && long.lines().count() > 200);
    assert!(
        short.contains("--image <FILE|DIR>             The image to explain\n"),
        "{short}"
    );
    assert!(long.contains("band2 comes before band10"));
    for help in [&short, &long, &succeeds("--help", &[])] {
        assert!(help.contains("128 + N ended by signal N"), "{help}");
    }
}

#[cfg(unix)]
#[test]
fn bash_completes_options_and_their_values() {
    let script = succeeds("completions bash", &[]);
    let complete = |words: &str| {
        let last = words.rsplit(' ').next().unwrap();
        let count = words.split(' ').count() - 1;
        let previous = words.split(' ').rev().nth(1).unwrap();
        let test = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD={count}\n_racm racm '{last}' '{previous}'\necho \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash")
            .args(["--norc", "-c", &test])
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && error.is_empty(), "{error}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(complete("racm expl"), "explain");
    assert_eq!(
        complete("racm explain --estimator sur"),
        "surrogate surrogate-corrected"
    );
    assert_eq!(complete("racm explain --pres"), "--preset");
    for shell in ["zsh", "fish", "powershell", "elvish"] {
        assert!(
            succeeds(&format!("completions {shell}"), &[]).contains("estimator"),
            "{shell}"
        );
    }
    assert_eq!(racm("completions tcsh", &[]).status.code(), Some(2));
}

#[test]
fn manual_pages_are_of_all_commands() {
    let out = folder("man");
    let page = succeeds("man", &[]);
    assert!(
        page.contains(".TH racm 1") && page.contains("128 + N ended by signal N"),
        "{page}"
    );
    succeeds("man", &[("--out", &out)]);
    let page = fs::read_to_string(out.join("racm-explain.1")).unwrap();
    // The whole help, not the short one.
    assert!(page.contains("band2 comes before band10"), "{page}");
    for command in ["merge", "evaluate", "layers", "completions", "man"] {
        assert!(out.join(format!("racm-{command}.1")).is_file(), "{command}");
    }
}

/// Nobody reads on: no panic, and the results are there.
#[cfg(unix)]
#[test]
fn a_reader_that_leaves_is_no_failure() {
    use std::process::Stdio;
    let out = folder("pipe");
    for arguments in [
        format!("{EXPLAIN} --preview=always"),
        format!("{EXPLAIN} --json"),
        "man".to_owned(),
        "completions bash".to_owned(),
        "explain --help".to_owned(),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_racm"));
        command.args(arguments.split(' '));
        if arguments.contains("masks") {
            command.arg("--out").arg(&out);
        }
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments}: {error}");
        assert!(!error.contains("panicked"), "{error}");
    }
    assert!(out.join("map.npy").exists());
}
