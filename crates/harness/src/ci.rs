//! What tests ask of the machine they run on: whether a skip is a failure there, and which containers
//! are whose.

use std::process::Command;

/// Whether what cannot be proven is a failure: where CI is known to have everything.
#[expect(clippy::disallowed_methods, reason = "CI tells its tests, which no clap parses")]
pub fn is_strict() -> bool {
    std::env::var("BLUESHIFT_CI_STRICT").is_ok_and(|value| value == "1")
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
