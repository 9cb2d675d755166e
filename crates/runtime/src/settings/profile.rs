//! AWS's own configuration files, as far as a password may stand in them where none belongs.
//!
//! What they mean is the SDK's business.

use std::path::{Path, PathBuf};

/// What is wrong with the first endpoint in these files, among those of `profile` and of services,
/// that has an `@`: without its value. A file that cannot be read has no endpoint.
pub(super) fn user_in_endpoint(files: &[PathBuf], profile: &str) -> Option<String> {
    files.iter().find_map(|path| {
        let text = std::fs::read_to_string(path).ok()?;
        let line = line_with_user(&text, profile)?;
        Some(problem(path, line))
    })
}

fn problem(path: &Path, line: usize) -> String {
    format!(
        "{}, line {line}: endpoint_url has an '@' in it: an endpoint takes no user and password. \
         Give http://HOST:PORT alone; credentials are aws_access_key_id and aws_secret_access_key",
        path.display()
    )
}

/// The line, counted from 1. An endpoint stands in a profile, or under a service in a section that
/// any profile may name (SDKs and Tools Reference Guide, "Service-specific endpoints").
fn line_with_user(text: &str, profile: &str) -> Option<usize> {
    let mut is_heeded = false;
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.split(']').next().unwrap_or_default();
            let name = section.trim().trim_start_matches("profile ").trim();
            is_heeded = name == profile || section.trim().starts_with("services ");
        } else if let Some((key, value)) = line.split_once('=')
            && is_heeded
            && key.trim().eq_ignore_ascii_case("endpoint_url")
            && value.contains('@')
        {
            return Some(index + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_in_an_endpoint_of_the_profile_or_of_a_service_is_found() {
        for (text, profile, expected) in [
            ("[default]\nendpoint_url = http://u:p@h:1\n", "default", Some(2)),
            ("[default]\nregion=x\nendpoint_url=http://u:p#?@h\n", "default", Some(3)),
            ("[profile lab]\n  ENDPOINT_URL = u:p@h", "lab", Some(2)),
            ("[lab]\nendpoint_url = http://u@h", "lab", Some(2)),
            ("[profile lab]\nendpoint_url = http://u@h", "default", None),
            ("[services all]\ns3 =\n  endpoint_url = http://u:p@h", "default", Some(3)),
            ("[default]\nendpoint_url = http://127.0.0.1:4566", "default", None),
            ("[default]\nsso_start_url = https://u@h", "default", None),
            ("[default]\n# endpoint_url = http://u@h", "default", None),
            ("endpoint_url = http://u@h", "default", None),
            ("", "default", None),
        ] {
            assert_eq!(line_with_user(text, profile), expected, "{text}");
        }
    }

    #[test]
    fn the_file_is_named_and_the_password_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config");
        std::fs::write(&path, "[default]\nendpoint_url = http://u:hunter2@h\n").expect("written");
        let files = [folder.path().join("not-there"), path.clone()];
        let found = user_in_endpoint(&files, "default").expect("found");
        let begin = format!("{}, line 2: endpoint_url", path.display());
        assert!(found.starts_with(&begin) && !found.contains("hunter2"), "{found}");
    }
}
