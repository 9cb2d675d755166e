//! What lies under `deploy/` calls the programs with flags that they have.

use std::process::Command;

use harness::binaries::{binaries, workspace_root};

const PROGRAMS: [&str; 5] =
    ["consume-events", "generate-events", "run-pipeline", "upload-data", "visualize"];

/// The lines of a file that call a program, as that program and its flags.
fn calls(text: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_call = |word: &&str| {
            let name = word.rsplit('/').next().unwrap_or_default();
            PROGRAMS.contains(&name.trim_start_matches("ExecStart="))
        };
        let Some(at) = words.iter().position(is_call) else { continue };
        let program = words[at].rsplit('/').next().expect("one part at least").to_owned();
        let ours = words[at + 1..].iter().take_while(|word| !["|", "2>&1"].contains(word));
        let flags = ours.filter_map(|word| word.strip_prefix("--"));
        let flags = flags.map(|flag| flag.split('=').next().unwrap_or_default().to_owned());
        found.push((program, flags.collect()));
    }
    found
}

fn help(program: &str) -> String {
    let path = binaries().expect("built").path(program);
    let answer = Command::new(path).arg("--help").output().expect("it runs");
    assert!(answer.status.success(), "{program} --help");
    String::from_utf8(answer.stdout).expect("UTF-8")
}

#[test]
fn every_flag_in_crontab_and_units_is_one_of_the_program() {
    let folder = workspace_root().join("deploy");
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(folder).expect("deploy/ is there") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "md") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a text");
        for (program, flags) in calls(&text) {
            let help = help(&program);
            for flag in flags {
                let is_there = help.split(|character: char| {
                    !(character.is_ascii_alphanumeric() || character == '-')
                });
                let flag = format!("--{flag}");
                let is_there = is_there.into_iter().any(|word| word == flag);
                assert!(is_there, "{}: {program} has no {flag}", path.display());
            }
            seen.push(program);
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen, ["consume-events", "run-pipeline", "upload-data", "visualize"]);
}

#[test]
fn units_are_hardened_and_timers_have_their_service() {
    let folder = workspace_root().join("deploy");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect(name);
    for unit in [
        "consume-events@.service",
        "run-pipeline.service",
        "upload-data.service",
        "visualize.service",
    ] {
        let text = read(unit);
        for line in ["DynamicUser=yes", "NoNewPrivileges=yes", "ProtectSystem=strict"] {
            assert!(text.lines().any(|it| it == line), "{unit}: {line}");
        }
        assert!(!text.contains("PASSWORD="), "{unit}: secrets stay in the file of secrets");
    }
    for timer in ["upload-data.timer", "visualize.timer"] {
        assert!(read(timer).contains("Persistent=yes"), "{timer}");
    }
}

#[test]
fn a_wrong_flag_would_be_seen() {
    let calls = calls("*/5 * * * * upload-data --log-format json --out=x 2>&1 | logger --tag x");
    assert_eq!(
        calls,
        [("upload-data".to_owned(), vec!["log-format".to_owned(), "out".to_owned()])]
    );
    assert!(!help("upload-data").contains("--out="));
}

#[test]
fn cron_learns_how_a_program_ended_and_syslog_what_it_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let logger = folder.path().join("logger");
    std::fs::write(&logger, "#!/bin/sh\necho \"$@\" >\"$SAID\"; cat >>\"$SAID\"\n")
        .expect("written");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&logger, executable).expect("made executable");
    for code in [0, 1, 4] {
        let said = folder.path().join("said");
        let output = Command::new(workspace_root().join("deploy/run-logged"))
            .args(["sh", "-c", &format!("echo out; echo err >&2; exit {code}")])
            .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
            .env("SAID", &said)
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(code));
        assert_eq!(std::fs::read_to_string(&said).expect("logged"), "-t sh\nout\nerr\n");
        assert!(output.stdout.is_empty());
        let mail = String::from_utf8_lossy(&output.stderr);
        assert_eq!(mail.contains(&format!("exit code {code};")), code != 0, "{mail}");
    }
}

/// Where systemd is: whether it understands every line. The programs need not be installed.
#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let copies = tempfile::tempdir().expect("a folder");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(workspace_root().join("deploy")).expect("deploy/ is there") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("UTF-8").to_owned();
        if !name.ends_with(".service") && !name.ends_with(".timer") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a text");
        let lines = text.lines().map(|line| match line.strip_prefix("ExecStart=/usr/local/bin/") {
            Some(call) => {
                let flags = call.split_once(' ').map_or("", |(_, flags)| flags);
                format!("ExecStart=/bin/true {flags}")
            }
            None => line.to_owned(),
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        // A template alone is no unit.
        let name = name.replace("@.", "@1.");
        std::fs::write(copies.path().join(&name), text).expect("written");
        names.push(name);
    }
    assert_eq!(names.len(), 6, "{names:?}");
    let verify = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .args(names.iter().map(|name| copies.path().join(name)))
        .output();
    let verified = match verify {
        Ok(verified) => verified,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            harness::ci::skip("systemd units", "systemd-analyze is not installed");
            return;
        }
        Err(error) => panic!("systemd-analyze: {error}"),
    };
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && said.is_empty(), "{said}");
}
