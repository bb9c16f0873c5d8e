//! The house plan: every folder of `src` has a floor, imports run downwards only, and no two files import each other,
//! directly or round about. `cargo test --test it floors -- --nocapture` prints the picture.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// From the ground up. Rooms on one floor do not import each other.
const FLOORS: [&[&str]; 9] = [
    &["error"],
    &["caught", "file", "text"],
    &["masks", "models"],
    &["images", "ledger"],
    &["estimate"],
    &["explain"],
    &["white_box"],
    &["render", "metrics"],
    &["bin"],
];

type Files = BTreeMap<String, String>;
type Imports = BTreeMap<String, BTreeSet<String>>;

/// Module path (`masks::plan`) -> source.
fn files(root: &Path, root_name: &str) -> Files {
    let mut files = Files::new();
    let mut folders: Vec<(PathBuf, String)> = vec![(root.to_owned(), root_name.to_owned())];
    while let Some((folder, module)) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let inner = if module.is_empty() {
                stem.clone()
            } else {
                format!("{module}::{stem}")
            };
            if path.is_dir() {
                folders.push((path, inner));
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = if stem == "mod" { module.clone() } else { inner };
                files.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    files
}

/// The source without comments, documentation and unit tests.
fn code(source: &str) -> String {
    let source = source.split("\n#[cfg(test)]\nmod tests").next().unwrap();
    let lines = source.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// The paths that a use tree (`a::{b, c::d}`) names.
fn flat(tree: &str) -> Vec<String> {
    let Some(open) = tree.find('{') else {
        return vec![tree.split(" as ").next().unwrap().trim().to_owned()];
    };
    let inner = &tree[open + 1..tree.rfind('}').unwrap()];
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in inner.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if c == ',' && depth == 0 {
            parts.push(String::new());
        } else {
            parts.last_mut().unwrap().push(c);
        }
    }
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    let paths = parts.flat_map(|part| flat(part.trim()));
    paths
        .map(|path| format!("{}{path}", tree[..open].trim()))
        .collect()
}

/// Every path that begins with `crate::` or `super::`, in `use` or in code; what a module hands on (`pub use`) is
/// no import of its own.
fn paths(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for statement in code(source).split(";\n") {
        let begins = |line: &&str| {
            ["use ", "pub use ", "pub(crate) use "]
                .iter()
                .any(|start| line.trim_start().starts_with(start))
        };
        if let Some(line) = statement.lines().find(begins) {
            if !line.trim_start().starts_with("pub") {
                let at = statement.find(line).unwrap() + line.find("use ").unwrap();
                found.extend(flat(&statement[at + 4..]));
            }
            continue;
        }
        for prefix in ["crate::", "super::"] {
            for (at, _) in statement.match_indices(prefix) {
                if at > 0 && statement[..at].ends_with([':', '_']) {
                    continue;
                }
                let end =
                    statement[at..].find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
                found.push(
                    statement[at..]
                        .split_at(end.unwrap_or(statement.len() - at))
                        .0
                        .to_owned(),
                );
            }
        }
    }
    found
}

/// The file that a path leads to, if it is one of ours.
fn resolve(path: &str, from: &str, files: &Files) -> Option<String> {
    let mut segments: Vec<&str> = Vec::new();
    let mut rest: Vec<&str> = path.split("::").map(str::trim).collect();
    match rest[0] {
        "crate" => {}
        "super" | "self" => segments.extend(from.split("::")),
        // A child module, named without a prefix.
        child if files.contains_key(&format!("{from}::{child}")) => {
            segments.extend(from.split("::"));
            rest.insert(0, "self");
        }
        _ => return None,
    }
    for segment in rest {
        match segment {
            "crate" | "self" => {}
            "super" => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    while !segments.is_empty() {
        let name = segments.join("::");
        if files.contains_key(&name) {
            return Some(name);
        }
        segments.pop();
    }
    None
}

/// `shared` is what every file may take from the root.
fn imports(files: &Files, shared: &[&str]) -> Imports {
    let of = |(name, source): (&String, &String)| {
        let targets = paths(source).into_iter().filter_map(|path| {
            let target = resolve(&path, name, files);
            // `crate::Error` hides where a thing lives.
            let flat = path.starts_with("crate::") && target.is_none();
            assert!(
                !flat || shared.contains(&path.as_str()),
                "{name} imports {path}: name the module that it lives in"
            );
            target.filter(|target| target != name)
        });
        (name.clone(), targets.collect())
    };
    files.iter().map(of).collect()
}

/// A file on a circle of imports, with the circle.
fn circle(imports: &Imports) -> Option<Vec<String>> {
    fn visit<'i>(
        file: &'i str,
        imports: &'i Imports,
        path: &mut Vec<&'i str>,
        done: &mut BTreeSet<&'i str>,
    ) -> bool {
        if path.contains(&file) {
            path.push(file);
            return true;
        }
        if !done.insert(file) {
            return false;
        }
        path.push(file);
        if imports[file]
            .iter()
            .any(|next| visit(next, imports, path, done))
        {
            return true;
        }
        path.pop();
        false
    }
    let (mut path, mut done) = (Vec::new(), BTreeSet::new());
    let found = imports
        .keys()
        .any(|file| visit(file, imports, &mut path, &mut done));
    found.then(|| path.into_iter().map(str::to_owned).collect())
}

fn room(file: &str) -> &str {
    file.split("::").next().unwrap()
}

fn floor(room: &str) -> usize {
    let at = FLOORS.iter().position(|rooms| rooms.contains(&room));
    at.unwrap_or_else(|| panic!("src/{room} has no floor: give it one in tests/it/floors.rs"))
}

fn library() -> Files {
    let mut files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "");
    files.retain(|name, _| room(name) != "bin" && name != "lib");
    files
}

#[test]
fn floors_import_downwards_only() {
    let imports = imports(&library(), &[]);
    let mut rooms: Imports = FLOORS[..8]
        .iter()
        .flat_map(|rooms| rooms.iter())
        .map(|room| ((*room).to_owned(), BTreeSet::new()))
        .collect();
    for (file, targets) in &imports {
        for target in targets.iter().filter(|target| room(target) != room(file)) {
            assert!(
                floor(room(target)) < floor(room(file)),
                "{file} imports {target}, which is not on a lower floor"
            );
            rooms
                .get_mut(room(file))
                .unwrap()
                .insert(room(target).to_owned());
        }
    }
    for (level, names) in FLOORS[..8].iter().enumerate().rev() {
        for name in *names {
            assert!(
                imports.keys().any(|file| room(file) == *name),
                "src/{name} is not there"
            );
            let below: Vec<&str> = rooms[*name].iter().map(String::as_str).collect();
            println!("{} {name:10} -> {}", level + 1, below.join(", "));
        }
    }
}

#[test]
fn no_files_import_each_other() {
    assert_eq!(circle(&imports(&library(), &[])), None);
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin/racm");
    let mut program = files(&program, "");
    program.remove("main");
    let imports = imports(&program, &["crate::Failure"]);
    assert_eq!(circle(&imports), None);
}

/// The reader of imports sees what it is to see.
#[test]
fn upward_imports_are_found() {
    let source = "//! Text: crate::gone.\nuse crate::{error::Error, masks::{grid::Taps, plan::Plan as P}};\npub use crate::render::Panel;\n#[cfg(x)]\nuse super::explain;\nfn f() { crate::metrics::f(super::super::models::demo) }\n#[cfg(test)]\nmod tests { use crate::never; }";
    assert_eq!(
        paths(source),
        [
            "crate::error::Error",
            "crate::masks::grid::Taps",
            "crate::masks::plan::Plan",
            "super::explain",
            "crate::metrics::f",
            "super::super::models::demo"
        ]
    );
    let names = ["a", "a::b", "c"];
    let files: Files = names
        .iter()
        .map(|n| ((*n).to_owned(), String::new()))
        .collect();
    let to = |path: &str, from: &str| resolve(path, from, &files);
    assert_eq!(to("crate::a::b::Thing", "c").as_deref(), Some("a::b"));
    assert_eq!(to("super::super::c::Thing", "a::b").as_deref(), Some("c"));
    assert_eq!(to("b::Thing", "a").as_deref(), Some("a::b"));
    assert_eq!(to("std::fmt", "a"), None);
    let ring = [("a", "a::b"), ("a::b", "c"), ("c", "a")];
    let ring = ring.map(|(from, to)| (from.to_owned(), BTreeSet::from([to.to_owned()])));
    assert_eq!(circle(&ring.into()).unwrap(), ["a", "a::b", "c", "a"]);
}
