//! What surrogates of some images teach: learned by `racm evaluate`, used on other images.

use super::*;

const LEARN: &str = "evaluate --model demo --methods racm --metrics gini --masks 40,100";
const EXPLAIN: &str = "explain --model demo --masks 100";

/// A list of three drawn signs, and a fourth beside it.
fn signs(name: &str) -> (PathBuf, PathBuf, PathBuf) {
    let root = folder(name);
    let draw = |class: usize, file: &str| {
        let image = demo::draw(class, 1, 48).unwrap().image;
        write_png(root.join(file), &to_rgb(&image, Bands::Auto).unwrap()).unwrap();
    };
    for (class, file) in [(0, "a.png"), (4, "b.png"), (7, "c.png"), (2, "other.png")] {
        draw(class, file);
    }
    let list = root.join("list.csv");
    fs::write(&list, "file\na.png\nb.png\nc.png\n").unwrap();
    (list, root.join("other.png"), root)
}

/// What this evaluation learns of the list, in a folder of its own.
fn learned(list: &Path, root: &Path, name: &str, more: &str) -> PathBuf {
    let (out, prior) = (root.join(name), root.join(format!("{name}.json")));
    let paths = [
        ("--images", list),
        ("--out", &*out),
        ("--learn-prior", &*prior),
    ];
    let said = succeeds(&format!("{LEARN} {more}"), &paths);
    assert!(
        said.contains(&format!("taught what is in {}", prior.display())),
        "{said}"
    );
    prior
}

#[test]
fn what_three_images_taught_counts_on_a_fourth() {
    let (list, other, root) = signs("prior_used");
    let prior = learned(&list, &root, "learned", "");
    assert_eq!(json(&prior)["images"], 3);
    let (plain, told) = (root.join("plain"), root.join("told"));
    let to = |out| [("--image", &*other), ("--out", out)];
    succeeds(EXPLAIN, &to(&plain));
    assert_eq!(
        json(&plain.join("report.json"))["surrogate_prior"],
        Value::Null
    );
    let with = format!("{EXPLAIN} --report --prior {}", prior.display());
    succeeds(&with, &to(&told));
    let maps = |out: &Path| fs::read(out.join("map.npy")).unwrap();
    assert_ne!(maps(&told), maps(&plain));
    let report = json(&told.join("report.json"));
    let said = serde_json::json!({"files": [prior.display().to_string()], "images": 3});
    assert_eq!(report["surrogate_prior"], said);
    assert_eq!(report["explainer"]["surrogate_prior"], json(&prior));
    // It changes no score: the run without it goes on to the same map.
    let mut known = to(&plain).to_vec();
    known.push(("--prior", &*prior));
    succeeds(EXPLAIN, &known);
    assert_eq!(maps(&plain), maps(&told));
    assert_eq!(json(&plain.join("report.json"))["model_calls"], 0);
    // A report as --spec brings it along.
    let spec = root.join("spec");
    let mut paths = to(&spec).to_vec();
    let saved = told.join("report.json");
    paths.push(("--spec", &*saved));
    succeeds("explain --model demo", &paths);
    assert_eq!(maps(&spec), maps(&told));
    assert_eq!(
        json(&spec.join("report.json"))["surrogate_prior"]["images"],
        3
    );

    // Parts merge with it, as their last line says.
    let parts = root.join("parts");
    for k in 1..=2 {
        let part = format!("{EXPLAIN} --prior {} --shard {k}/2", prior.display());
        let said = succeeds(&part, &to(&parts));
        let option = format!("merge --prior {} makes the map", prior.display());
        assert!(said.contains(&option), "{said}");
    }
    let ledgers = [1, 2].map(|k| {
        parts
            .join(format!("ledger-{k}-of-2.racm"))
            .display()
            .to_string()
    });
    let merged = root.join("merged");
    let mut paths = to(&merged).to_vec();
    paths.push(("--prior", &*prior));
    succeeds(&format!("merge {}", ledgers.join(" ")), &paths);
    assert_eq!(maps(&merged), maps(&told));
}

#[test]
fn the_same_is_learned_by_any_number_of_threads_and_after_an_interruption() {
    let (list, _, root) = signs("prior_same");
    let prior = fs::read(learned(&list, &root, "all", "")).unwrap();
    assert_eq!(
        fs::read(learned(&list, &root, "one", "--threads 1")).unwrap(),
        prior
    );
    // Another estimator has the same masks, and the largest number of them counts.
    let other = "--estimator centred,surrogate --effect own,plane --masks 100";
    assert_eq!(
        fs::read(learned(&list, &root, "other", other)).unwrap(),
        prior
    );
    let first = learned(&list, &root, "resumed", "--limit 1");
    assert_eq!(json(&first)["images"], 1);
    assert_eq!(
        fs::read(learned(&list, &root, "resumed", "")).unwrap(),
        prior
    );
    // And again of what is there.
    let out = root.join("resumed");
    fs::remove_file(&first).unwrap();
    let records = || {
        ["a", "b", "c"].map(|name| fs::read(out.join(format!("images/{name}.png.json"))).unwrap())
    };
    let measured = records();
    assert_eq!(
        fs::read(learned(&list, &root, "resumed", "")).unwrap(),
        prior
    );
    assert_eq!(records(), measured);
    // Without the option the records go on, but what was made without it taught nothing that is known.
    let more = [("--images", &*list), ("--out", &*out)];
    succeeds(LEARN, &more);
    let untold = root.join("untold");
    let more = [("--images", &*list), ("--out", &*untold)];
    succeeds(LEARN, &more);
    let learn = format!("{LEARN} --learn-prior {}", first.display());
    fails(&learn, &more, "a.png.json: was made without --learn-prior");
}

#[test]
fn shards_learn_parts_that_add_up() {
    let (list, _, root) = signs("prior_shards");
    let whole = learned(&list, &root, "whole", "");
    let parts = ["1/2", "2/2"].map(|shard| {
        let name = shard.replace('/', "of");
        learned(&list, &root, &name, &format!("--shard {shard}"))
    });
    assert_eq!(
        parts.each_ref().map(|part| json(part)["images"].clone()),
        [2, 1]
    );
    let list = root.join("other.csv");
    fs::write(&list, "file\nother.png\n").unwrap();
    let [a, b] = parts.each_ref().map(|part| part.display());
    let run = |out: &str, priors: &str| {
        let out = root.join(out);
        succeeds(
            &format!("{LEARN} --report {priors}"),
            &[("--images", &list), ("--out", &out)],
        );
        json(&out.join("table.json"))
    };
    let told = run("told", &format!("--prior {a},{b}"));
    assert_eq!(told["parameters"]["surrogate_prior"]["images"], 3);
    let plain = run("plain", "");
    assert_eq!(plain["parameters"].get("surrogate_prior"), None);
    assert_ne!(told["rows"], plain["rows"]);
    assert!(
        fs::read_to_string(root.join("told/report.html"))
            .unwrap()
            .contains("surrogate_prior")
    );
    // By content, not by name or by how they are given.
    let copy = root.join("copy.json");
    fs::copy(&parts[1], &copy).unwrap();
    run("told", &format!("--prior {a} --prior {}", copy.display()));
    let more = [("--images", &*list), ("--out", &*root.join("told"))];
    let others = "holds results of other parameters: surrogate_prior was {";
    fails(&format!("{LEARN} --prior {a}"), &more, others);
    fails(LEARN, &more, others);
    fails(
        &format!("{LEARN} --prior {}", whole.display()),
        &[("--images", &list), ("--out", &root.join("plain"))],
        "surrogate_prior was null, now it is {",
    );
    // What a shard without an image learned adds nothing.
    let none = learned(&root.join("list.csv"), &root, "none", "--shard 5/9");
    run(
        "told",
        &format!("--prior {a} --prior {b} --prior {}", none.display()),
    );
}

#[test]
fn what_is_no_prior_or_is_not_used_is_refused() {
    let (list, other, root) = signs("prior_refused");
    let prior = learned(&list, &root, "learned", "--limit 1");
    let file = |name: &str, text: &str| {
        let path = root.join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let good = fs::read_to_string(&prior).unwrap();
    let forged = good.replace("\"images\":1", "\"images\":0");
    assert_ne!(forged, good);
    let most = good.replace("\"images\":1", "\"images\":4294967295");
    let expected = "expected what racm evaluate --learn-prior writes (JSON)";
    let out = root.join("out");
    for (path, why) in [
        (root.join("nowhere.json"), "nowhere.json: "),
        (root.clone(), "prior_refused: it is a folder, "),
        (file("text.json", "no sums"), "text.json: expected "),
        (file("list.json", "[1, 2]"), "list.json: "),
        (
            file("forged.json", &forged),
            "forged.json: sums that no images have (0 of them)",
        ),
        (
            file("most.json", &most),
            "most.json: sums that no images have (4294967295 of them)",
        ),
        (
            file("long.json", &(good + &" ".repeat(1_000_000))),
            "of at most 1000000",
        ),
    ] {
        let prior = ("--prior", &*path);
        for wanted in [why, expected] {
            fails(
                EXPLAIN,
                &[("--image", &other), ("--out", &out), prior],
                wanted,
            );
            fails(
                LEARN,
                &[("--images", &list), ("--out", &out), prior],
                wanted,
            );
        }
    }
    assert!(!out.join("table.md").exists());
    let to = [("--image", &*other), ("--out", &*out), ("--prior", &*prior)];
    let use_it = "expected one of the estimators averaged, surrogate, surrogate-corrected";
    fails(&format!("{EXPLAIN} --estimator centred"), &to, use_it);
    fails(&format!("{EXPLAIN} --method lime"), &to, use_it);
    fails(
        "explain --model demo --method cam",
        &to,
        "--prior is about random masks",
    );
    let to = [("--images", &*list), ("--out", &*out), ("--prior", &*prior)];
    let evaluate = "evaluate --model demo --metrics gini --masks 40 --methods";
    fails(
        &format!("{evaluate} racm,rise --estimator centred"),
        &to,
        use_it,
    );
    fails(&format!("{evaluate} lime"), &to, "there is none for lime, ");
    fails(
        &format!("{evaluate} racm --estimator centred,pass-only"),
        &to,
        "none for centred, pass-only, ",
    );
    let to = [
        ("--images", &*list),
        ("--out", &*out),
        ("--learn-prior", &*prior),
    ];
    for methods in ["racm,rise", "racm,mc-rise,rise", "lime", "rise,lime", "cam"] {
        let wanted = format!(
            "--methods has {}, expected racm, rise, ",
            methods.replace(',', ", ")
        );
        fails(&format!("{evaluate} {methods}"), &to, &wanted);
    }
    let few = "which need 16 masks: --masks has at most 12";
    let of_few = evaluate.replace("--masks 40", "--masks 8,12");
    fails(&format!("{of_few} racm"), &to, few);
    let to = [
        ("--images", &*list),
        ("--out", &*out),
        ("--learn-prior", &*root),
    ];
    fails(
        &format!("{evaluate} racm"),
        &to,
        "it is a folder, expected a file for --learn-prior",
    );
}

#[test]
#[cfg(unix)]
fn what_stands_in_the_place_of_a_prior_and_is_no_file_stays() {
    let (list, _, root) = signs("prior_in_the_place");
    let out = root.join("out");
    for (name, kind) in [("link.json", "a symbolic link"), ("pipe.json", "a pipe")] {
        let place = root.join(name);
        match kind {
            "a pipe" => {
                let made = std::process::Command::new("mkfifo").arg(&place).status();
                assert!(made.unwrap().success());
            }
            _ => std::os::unix::fs::symlink(root.join("elsewhere.json"), &place).unwrap(),
        }
        let to = [
            ("--images", &*list),
            ("--out", &*out),
            ("--learn-prior", &*place),
        ];
        fails(LEARN, &to, &format!("it is {kind}"));
        let kept = fs::symlink_metadata(&place).unwrap().file_type();
        assert!(!kept.is_file(), "{kind}");
        fs::remove_file(&place).unwrap();
    }
}
