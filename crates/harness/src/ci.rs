//! What tests ask of the machine they run on: whether a skip is a failure there, and which containers
//! are whose.

use std::io::Write;
use std::process::Command;

/// Says that `part` proves nothing here, and why; `.ci/run` puts it into its table.
///
/// # Panics
/// With BLUESHIFT_CI_STRICT=1: where everything is known to be there, a skip is a failure.
#[expect(clippy::disallowed_methods, reason = "CI tells its tests, which no clap parses")]
pub fn skip(part: &str, reason: &str) {
    let is_strict = std::env::var("BLUESHIFT_CI_STRICT").is_ok_and(|value| value == "1");
    assert!(!is_strict, "skipped, which BLUESHIFT_CI_STRICT=1 forbids: {reason}");
    writeln!(std::io::stderr(), "SKIPPED: {reason}").expect("stderr is there");
    if let Some(table) = std::env::var_os("BLUESHIFT_CI_OUTCOMES") {
        let line = format!("{part}\tSKIPPED\t{reason}\n");
        let file = std::fs::OpenOptions::new().append(true).open(table);
        file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the table is there");
    }
}

/// Ids of the containers that a process started, whatever became of them; `None` if no Docker answers.
pub fn containers_of(process: u32) -> Option<Vec<String>> {
    let format = "{{.ID}} {{.Label \"dev.blueshift.owner\"}}";
    let listed = Command::new("docker").args(["ps", "-a", "--format", format]).output().ok()?;
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    let id = |line: &str| {
        let (id, owner) = line.split_once(' ')?;
        // Boot, namespace, process and start.
        let of = owner.split('|').nth(2)?.parse::<u32>().ok()?;
        (of == process).then(|| id.to_owned())
    };
    listed.status.success().then(|| text.lines().filter_map(id).collect())
}
