//! Lists of images (CSV): read or refused, and no file outside of the list's folder is named.
#![no_main]

use std::path::{Component, Path};

use libfuzzer_sys::fuzz_target;
use racm_fuzz::evaluate::list;

fuzz_target!(|text: &str| {
    let path = Path::new("folder/list.csv");
    let anywhere = list::parse(text, path, true, |_| Ok(()));
    let Ok(items) = list::parse(text, path, false, |_| Ok(())) else {
        return;
    };
    assert_eq!(anywhere.unwrap(), items);
    for item in items {
        assert!(item.path.starts_with("folder"), "{item:?}");
        assert!(
            !item.path.components().any(|c| c == Component::ParentDir),
            "{item:?}"
        );
        assert!(
            !list::file_name(&item.name).contains(['/', '\\']),
            "{item:?}"
        );
        let _ = (item.stem(), item.bounding_box(None, [16, 16]));
    }
});
