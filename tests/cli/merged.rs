//! Ledgers of parts of a run: what is said where they could be taken for something else.

use super::*;

/// The two halves of a run in a folder; returns their ledgers, and the last line about the second.
fn halves(out: &Path, options: &str) -> (String, String) {
    let mut last = String::new();
    for part in ["1/2", "2/2"] {
        let command = format!("explain --model demo --shard {part} {options}");
        let said = succeeds(&command, &[("--out", out)]);
        last = said.lines().last().unwrap().to_owned();
    }
    let ledgers = [1, 2].map(|k| out.join(format!("ledger-{k}-of-2.racm")));
    (
        ledgers.map(|path| path.display().to_string()).join(" "),
        last,
    )
}

fn map(out: &Path) -> Vec<u8> {
    fs::read(out.join("map.npy")).unwrap()
}

/// Their masks are those of RISE on segments, and ledgers know no estimator.
#[test]
fn halves_of_a_regression_do_not_silently_become_another_map() {
    let out = folder("merged_regression");
    for method in ["lime", "kernel-shap"] {
        let [parts, merged, whole] = ["parts", "merged", "whole"].map(|n| out.join(method).join(n));
        let options = format!("--method {method} --masks 640");
        let (ledgers, last) = halves(&parts, &options);
        let said = succeeds(&format!("merge {ledgers}"), &[("--out", &merged)]);
        let expected = "warning: the masks are such as lime and kernel-shap draw";
        assert!(said.contains(expected), "{said}");
        assert!(said.contains("this map is by averaged"), "{said}");
        // The last line of a part has the command without a warning.
        let told = format!("; racm merge --estimator {method} makes the map of all");
        assert!(last.ends_with(&told), "{last}");
        let command = format!("merge {ledgers} --estimator {method}");
        let said = succeeds(&command, &[("--out", &merged)]);
        assert!(!said.contains("warning"), "{said}");
        succeeds(
            &format!("explain --model demo {options}"),
            &[("--out", &whole)],
        );
        assert!(map(&merged) == map(&whole), "{method}");
    }
    // What is not a regression is not taken for one, and RISE on segments says what it is.
    let parts = out.join("racm");
    let (ledgers, last) = halves(&parts, "--masks 640");
    assert!(last.contains("; racm merge makes the map"), "{last}");
    let said = succeeds(&format!("merge {ledgers}"), &[("--out", &parts)]);
    assert!(!said.contains("warning"), "{said}");
    let labels = out.join("labels.npy");
    npy::write(
        &labels,
        &Array2::from_shape_fn((96, 96), |(y, _)| (y / 20) as i32),
    );
    let segments = format!("--method rise --masks 640 --segments {}", labels.display());
    let (_, last) = halves(&out.join("rise"), &segments);
    assert!(
        last.contains("; racm merge --estimator averaged makes"),
        "{last}"
    );
}

#[test]
fn the_help_of_merge_says_what_ledgers_do_not_know() {
    for command in ["merge", "evaluate"] {
        let help = succeeds(&format!("{command} --help"), &[]);
        assert!(help.contains("Exit status: 0 done; 1 failed"), "{help}");
    }
    let help = succeeds("merge --help", &[]);
    assert!(help.contains("They do not know what changes no score: estimator"));
}

/// Where `racm evaluate` makes the tables of shards, `racm explain` begins anew.
#[test]
fn a_whole_run_beside_its_parts_says_that_it_does_not_read_them() {
    let out = folder("merged_beside");
    let (ledgers, _) = halves(&out, "--masks 320");
    let whole = || {
        racm(
            "explain --model demo --masks 320 --quiet",
            &[("--out", &out)],
        )
    };
    let output = whole();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let expected = "scores of parts of a run, in ledger-1-of-2.racm, ledger-2-of-2.racm. This run does not read them";
    assert!(error.contains(expected), "{error}");
    // Not where it goes on, nor of parts themselves, nor beside what merge made.
    assert!(whole().stderr.is_empty());
    fs::remove_file(out.join("ledger.racm")).unwrap();
    halves(&out, "--masks 320");
    succeeds(&format!("merge {ledgers}"), &[("--out", &out)]);
    assert!(whole().stderr.is_empty());
}
