//! A warning nobody announced fails the scenario.

use std::path::Path;

use anyhow::Context;
use serde_json::Value;

/// The programs' logs in a scenario's folder, by name.
pub fn logs(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    for entry in entries {
        let name = entry.context("read a folder entry")?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".log") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Every WARN or ERROR in the programs' logs whose message is not in `expected`, and every line
/// that is no log line at all (a panic, for example).
pub fn unannounced(folder: &Path, expected: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for name in logs(folder)? {
        let path = folder.join(&name);
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        found.extend(
            text.lines()
                .filter(|line| is_unannounced(line, expected))
                .map(|line| format!("{name}: {line}")),
        );
    }
    Ok(found)
}

fn is_unannounced(line: &str, expected: &[&str]) -> bool {
    let Ok(entry) = serde_json::from_str::<Value>(line) else { return !line.trim().is_empty() };
    let serious = matches!(entry["level"].as_str(), Some("WARN" | "ERROR"));
    let message = entry["fields"]["message"].as_str().unwrap_or_default();
    serious && !expected.contains(&message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_announced_warnings_pass() {
        let expected = ["message not deleted"];
        for (line, unannounced) in [
            (r#"{"level":"INFO","fields":{"message":"batch stored"}}"#, false),
            (r#"{"level":"WARN","fields":{"message":"message not deleted"}}"#, false),
            (r#"{"level":"WARN","fields":{"message":"something else"}}"#, true),
            (r#"{"level":"ERROR","fields":{"message":"events lost"}}"#, true),
            ("thread 'main' panicked at src/main.rs:1:1:", true),
            ("", false),
        ] {
            assert_eq!(is_unannounced(line, &expected), unannounced, "{line}");
        }
    }
}
