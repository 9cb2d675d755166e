//! `crates/README.md` is the code map: every crate is in it, nothing that is gone, and for each
//! what it deliberately does not know.

use std::collections::BTreeSet;

use harness::binaries::workspace_root;

/// The crates that have a section of their own, and those whose section lacks the invariant.
fn mapped(text: &str) -> (BTreeSet<String>, Vec<String>) {
    let mut crates = BTreeSet::new();
    let mut silent = Vec::new();
    for section in text.split("\n## `").skip(1) {
        let Some((name, body)) = section.split_once('`') else { continue };
        crates.insert(name.to_owned());
        if !body.contains("Does not know") {
            silent.push(name.to_owned());
        }
    }
    (crates, silent)
}

#[test]
fn the_code_map_shows_every_crate_and_what_it_does_not_know() {
    let folder = workspace_root().join("crates");
    let mut crates: BTreeSet<String> = std::fs::read_dir(&folder)
        .expect("the crates' folder is there")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.join("Cargo.toml").exists())
        .map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    crates.insert("xtask".to_owned());
    let text = std::fs::read_to_string(folder.join("README.md")).expect("the map is there");
    let (mapped, silent) = mapped(&text);
    assert_eq!(mapped, crates);
    assert_eq!(silent, Vec::<String>::new());
}

#[test]
fn a_section_that_hides_what_it_does_not_know_would_be_caught() {
    let (crates, silent) = mapped("# Map\n\n## `a`: x\nDoes not know b.\n\n## `b`: y\nText.\n");
    assert_eq!(crates, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
    assert_eq!(silent, ["b"]);
}
