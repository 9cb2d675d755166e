//! Law 4: small files with honest names that say first what they are for.

use std::path::{Path, PathBuf};
use std::process::Command;

use harness::binaries::workspace_root;

const LINES_MAX: usize = 500;
const FORBIDDEN_NAMES: [&str; 5] = ["common", "helpers", "manager", "misc", "utils"];

/// What is wrong with one source file.
fn problems(path: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines = text.lines().count();
    if LINES_MAX < lines {
        found.push(format!("{}: {lines} lines, {LINES_MAX} are allowed", path.display()));
    }
    if !text.starts_with("//!") {
        found.push(format!("{}: does not open with //!", path.display()));
    }
    for part in path.iter() {
        let name = Path::new(part).file_stem().unwrap_or(part).to_string_lossy();
        if FORBIDDEN_NAMES.contains(&name.as_ref()) {
            found.push(format!("{}: {name} names nothing", path.display()));
        }
    }
    found
}

/// Rust sources as git knows them: tracked, or new and not ignored.
fn sources() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "--", "*.rs"])
        .current_dir(workspace_root())
        .output()
        .expect("git lists the sources");
    assert!(listed.status.success(), "git ls-files: {}", listed.status);
    let text = String::from_utf8(listed.stdout).expect("our paths are UTF-8");
    text.lines().map(PathBuf::from).filter(|path| workspace_root().join(path).exists()).collect()
}

#[test]
fn every_file_is_small_named_and_introduced() {
    let sources = sources();
    assert!(50 < sources.len(), "only {} sources found", sources.len());
    let found: Vec<String> = sources
        .iter()
        .flat_map(|path| {
            let text = std::fs::read_to_string(workspace_root().join(path)).expect("readable");
            problems(path, &text)
        })
        .collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_bad_file_would_be_caught() {
    let text = "fn main() {}\n".repeat(LINES_MAX + 1);
    assert_eq!(
        problems(Path::new("crates/x/src/utils/mod.rs"), &text),
        [
            "crates/x/src/utils/mod.rs: 501 lines, 500 are allowed",
            "crates/x/src/utils/mod.rs: does not open with //!",
            "crates/x/src/utils/mod.rs: utils names nothing",
        ]
    );
}
