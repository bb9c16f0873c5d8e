//! Lists of images (CSV) and of class names.

use crate::bytes::png;
use crate::{Case, Room};

pub fn cases(room: &Room) -> Vec<Case> {
    let image = room.file("ramp.png", png(16, 8, 2));
    room.file("lists/a.png", png(16, 8, 2));
    room.file("lists/b/c.png", png(16, 8, 2));
    room.file("lists/damaged.png", "no picture");
    room.file("lists/a b.png", png(16, 8, 2));
    // Links that leave the folder, one that stays, and one to the folder itself.
    for (to, link) in [
        (&*image, "lists/link.png"),
        (&room.path(""), "lists/up"),
        ("a.png", "lists/within.png"),
        ("lists", "linked"),
    ] {
        std::os::unix::fs::symlink(to, room.path(link)).unwrap();
    }
    let evaluate =
        "evaluate --model demo --methods rise --masks 8 --grid 4 --metrics gini --images";
    let explain = format!("explain --model demo --masks 16 --grid 4 --image {image} --labels");
    let mut cases = Vec::new();
    for (path, word) in room.odd(".csv") {
        let name = path.rsplit('/').next().unwrap().to_owned();
        let said = match word {
            "folder" => "no image",
            other => other,
        };
        cases.push(Case::refused(&name, evaluate, &[&name, said]).with(&path));
        cases.push(Case::refused(&name, &explain, &[&name, word]).with(&path));
    }
    for (number, (text, words)) in wrong_lists(&image).into_iter().enumerate() {
        let path = room.file(&format!("lists/{number}.csv"), &text);
        let start: String = String::from_utf8_lossy(&text).chars().take(30).collect();
        // Of a listed image that is none, the image is named.
        let list = format!("{number}.csv");
        let no_images = ["damaged.png", "\"c.png\"", "\"a b.png\""];
        let name = words.iter().find(|w| no_images.contains(w)).copied();
        let words = [&[name.unwrap_or(&list)][..], &words].concat();
        cases.push(Case::refused(format!("list {start:?}"), evaluate, &words).with(path));
    }
    for (number, text) in right_lists(&image).into_iter().enumerate() {
        let path = room.file(&format!("lists/right{number}.csv"), &text);
        let anywhere = format!("{evaluate} {path} --anywhere");
        let start: String = text.chars().take(30).collect();
        cases.push(Case::fine(format!("list {start:?}"), &anywhere));
    }
    room.file("lists/within.csv", "file\nwithin.png\nb/c.png\n");
    for place in ["lists/within.csv", "linked/within.csv"] {
        cases.push(Case::fine(place, evaluate).with(room.path(place)));
    }
    room.file("folder/a.png", png(16, 8, 2));
    std::os::unix::fs::symlink("folder", room.path("linked_folder")).unwrap();
    cases.push(Case::fine("linked_folder", evaluate).with(room.path("linked_folder")));
    for (number, (text, words)) in wrong_names().into_iter().enumerate() {
        let name = format!("names{number}.txt");
        let path = room.file(&name, &text);
        let start: String = String::from_utf8_lossy(&text).chars().take(30).collect();
        let words = [&[&*name][..], words].concat();
        cases.push(Case::refused(format!("names {start:?}"), &explain, &words).with(path));
    }
    for (number, text) in [
        "one\n",
        "\u{feff}one\r\ntwo\r\n",
        "n01\tstop sign\n\n\n",
        "é\n猫\n",
    ]
    .into_iter()
    .enumerate()
    {
        let path = room.file(&format!("right_names{number}.txt"), text);
        cases.push(Case::fine(format!("names {text:?}"), &explain).with(path));
    }
    cases
}

/// Lists in the folder of `a.png`, `b/c.png` and `damaged.png`.
fn wrong_lists(absolute: &str) -> Vec<(Vec<u8>, Vec<&'static str>)> {
    let boxes = "file,roi_x1,roi_y1,roi_x2,roi_y2\n";
    let long = "a".repeat(10_000_000);
    let left = "is a link out of the list's folder, expected a file in it or below";
    let outside = "expected a file in the list's folder or below (--anywhere allows others)";
    let texts: Vec<(String, Vec<&str>)> = vec![
        (String::new(), vec!["it is empty"]),
        ("\n".to_owned(), vec!["no column `file`"]),
        ("\u{feff}".to_owned(), vec!["it is empty"]),
        ("a.png\n".to_owned(), vec!["no column `file`", "\"a.png\""]),
        ("name,label\na.png,1\n".to_owned(), vec!["no column `file`"]),
        ("File\na.png\n".to_owned(), vec!["no column `file`"]),
        (
            "file;label\na.png;1\n".to_owned(),
            vec!["no column `file`", "file;label"],
        ),
        (
            "file\tlabel\na.png\t1\n".to_owned(),
            vec!["no column `file`"],
        ),
        ("file\n".to_owned(), vec!["no image"]),
        ("file\n\n\n".to_owned(), vec!["no image"]),
        ("file,label\n,1\n".to_owned(), vec!["line 2 has no file"]),
        ("label,file\n1\n".to_owned(), vec!["line 2 has no file"]),
        (
            "file\nabsent.png\n".to_owned(),
            vec!["there is no file", "absent.png"],
        ),
        (
            "file\na.png\na.png\n".to_owned(),
            vec!["\"a.png\" is listed twice"],
        ),
        // Folders, whose files are to be single channels.
        (
            "file\nb\n".to_owned(),
            vec!["\"c.png\"", "has 3 channels, expected one"],
        ),
        (
            "file\n.\n".to_owned(),
            vec!["\"a b.png\"", "has 3 channels, expected one"],
        ),
        ("file\n../ramp.png\n".to_owned(), vec!["line 2", outside]),
        (
            "file\na.png\nb/../../ramp.png\n".to_owned(),
            vec!["line 3", outside],
        ),
        (
            "file\n/etc/passwd\n".to_owned(),
            vec!["line 2", "/etc/passwd", outside],
        ),
        ("file\n/dev/zero\n".to_owned(), vec!["line 2", outside]),
        (format!("file\n{absolute}\n"), vec!["line 2", outside]),
        ("file\n..\n".to_owned(), vec!["line 2", outside]),
        ("file\nlink.png\n".to_owned(), vec!["\"link.png\"", left]),
        (
            "file\nup/ramp.png\n".to_owned(),
            vec!["\"up/ramp.png\"", left],
        ),
        (
            "file,file\na.png,a.png\n".to_owned(),
            vec!["`file` more than once"],
        ),
        // The first that is missing ends it, whatever comes after.
        (
            format!("file\n{}", "absent.png\n".repeat(1_000_000)),
            vec!["there is no file", "absent.png"],
        ),
        (
            "file\na.png\0\n".to_owned(),
            vec!["there is no file", "a.png\\0"],
        ),
        ("\0\0\0\0".to_owned(), vec!["no column `file`"]),
        (
            "file\n\u{1b}[2Ja.png\n".to_owned(),
            vec!["there is no file", "\\u{1b}"],
        ),
        (
            "file\n\"a.png\n".to_owned(),
            vec!["line 2 has quotes that do not end"],
        ),
        (
            "\"file\na.png\n".to_owned(),
            vec!["line 1 has quotes that do not end"],
        ),
        (
            "file\na.png\"\n".to_owned(),
            vec!["line 2 has quotes that do not end"],
        ),
        ("file\n\"\"\n".to_owned(), vec!["line 2 has no file"]),
        (
            format!("file\n{long}\n"),
            vec!["line 2 has 10000000 bytes, expected at most 65536"],
        ),
        (long.clone(), vec!["line 1 has 10000000 bytes"]),
        (
            format!("file\n\"{long}\n"),
            vec!["line 2 has 10000001 bytes"],
        ),
        (
            format!("file{}\n", ",".repeat(5_000_000)),
            vec!["line 1 has 5000004 bytes"],
        ),
        (format!("file{}\n", ",".repeat(50_000)), vec!["no image"]),
        (
            "file\na.png,".to_owned() + &",".repeat(50_000) + "\nx.png\n",
            vec!["x.png"],
        ),
        (
            "file\ndamaged.png\n".to_owned(),
            vec!["damaged.png", "it is no image"],
        ),
        (
            "file,roi_x1\na.png,1\n".to_owned(),
            vec!["roi_y1 is missing"],
        ),
        (
            format!("{boxes}a.png,1,2,3\n"),
            vec!["line 2 has only 3 of 4 corners"],
        ),
        (
            format!("{boxes}a.png,1,2,,4\n"),
            vec!["line 2 has only 3 of 4 corners"],
        ),
        (
            format!("{boxes}a.png,1,2,three,4\n"),
            vec!["line 2, roi_x2 is \"three\", expected a number"],
        ),
        (format!("{boxes}a.png,1,2,0x3,4\n"), vec!["line 2, roi_x2"]),
        (
            format!("{boxes}a.png,1,2,{},4\n", "a".repeat(60_000)),
            vec!["line 2, roi_x2", "bytes)"],
        ),
        (
            format!("file\n{}a.png\n", "./".repeat(150)),
            vec!["too long"],
        ),
    ];
    let mut all: Vec<(Vec<u8>, Vec<&str>)> = texts
        .into_iter()
        .map(|(text, words)| (text.into_bytes(), words))
        .collect();
    let no_text = "is not part of a text in UTF-8, expected a CSV file";
    all.push((b"file\n\xff\xfe.png\n".to_vec(), vec!["byte 5", no_text]));
    let utf_16: Vec<u8> = "\u{feff}file\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    all.push((utf_16, vec!["byte 0", no_text]));
    all.push((png(16, 8, 2), vec!["byte 0", no_text]));
    all
}

fn right_lists(absolute: &str) -> Vec<String> {
    vec![
        "file\na.png\n".to_owned(),
        "\u{feff}file\r\na.png\r\nb/c.png\r\n".to_owned(),
        "label,file\n1,\"a b.png\"\n".to_owned(),
        "file,label\n\"a.png\",\"x, \"\"y\"\"\"\n".to_owned(),
        " file , label \n a.png , 1 \n".to_owned(),
        "file\n./a.png".to_owned(),
        "file\na.png\n\n\nb/c.png\n".to_owned(),
        "file\n../ramp.png\n".to_owned(),
        format!("file\n{absolute}\n"),
        "file\nlink.png\nup/ramp.png\n".to_owned(),
        // A box that is none is counted, and the image is measured.
        "file,roi_x1,roi_y1,roi_x2,roi_y2\na.png,NaN,inf,-1,1e300\n".to_owned(),
        "file,roi_x1,roi_y1,roi_x2,roi_y2\na.png,9,9,1,1\n".to_owned(),
    ]
}

fn wrong_names() -> Vec<(Vec<u8>, &'static [&'static str])> {
    vec![
        (Vec::new(), &["no class name"]),
        (b"\n\n  \n".to_vec(), &["no class name"]),
        (
            b"one\n\xff\n".to_vec(),
            &["byte 4 is not part of a text in UTF-8"],
        ),
        (b"one\ntwo\0\n".to_vec(), &["line 2 is \"two\\0\""]),
        (b"\x1b]0;title\x07\n".to_vec(), &["line 1 is \"\\u{1b}"]),
        (b"one\rtwo\n".to_vec(), &["line 1 is \"one\\rtwo\""]),
        (
            "a".repeat(10_000_000).into_bytes(),
            &["line 1 has 10000000 letters"],
        ),
        (png(16, 8, 2), &["byte 0 is not"]),
        (vec![0; 100], &["line 1 is"]),
    ]
}
