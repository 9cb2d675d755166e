//! Whoever reads logs, help texts, results or the bucket learns no secret.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use blueshift::Need;

use super::steps::CONSUME;
use super::{Run, Scenario};
use crate::binaries::workspace_root;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "secrets",
    about: "secrets of settings and environment are in no log at trace level, help, error, file or object",
    default: false,
    needs: &[Need::PlainAddress],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

/// Everything that shall be nowhere.
const SECRETS: [&str; 6] = [
    "CanaryKeyOfTheEnvironment",
    "CanaryTokenOfTheEnvironment",
    "CanaryPasswordOfTheEnvironment",
    "CanaryKeyOfTheSettings",
    "CanaryPasswordOfTheSettings",
    "CanaryPasswordInAUrl",
];

const PROGRAMS: [&str; 4] = ["generate-events", "consume-events", "upload-data", "visualize"];
const TRACE: [&str; 2] = ["--log-filter", "trace"];

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let url = format!("postgresql://awsuser:{}@127.0.0.1:1/dev", SECRETS[5]);
    for (name, value) in [
        ("AWS_SECRET_ACCESS_KEY", SECRETS[0]),
        ("AWS_SESSION_TOKEN", SECRETS[1]),
        ("REDSHIFT_PASSWORD", SECRETS[2]),
        ("REDSHIFT_URL", &url),
    ] {
        run.pipeline.set_variable(name, Some(value));
    }
    work(run).await?;
    for program in PROGRAMS {
        // The long help, the short one, and a flag that there is not.
        for flag in ["--help", "-h", "--no-such-flag"] {
            run.pipeline.start(program, &[flag])?.until_ended().await?;
        }
    }
    let settings = write_settings(run.pipeline.folder())?;
    run.pipeline.set_variable("BLUESHIFT_SETTINGS", Some(&settings.display().to_string()));
    for name in
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "REDSHIFT_PASSWORD"]
    {
        run.pipeline.set_variable(name, None);
    }
    work(run).await?;
    // Nobody is there: what an error says.
    run.pipeline.set_variable("REDSHIFT_PORT", Some("1"));
    run.pipeline.set_variable("AWS_ENDPOINT_URL", Some("http://127.0.0.1:1"));
    for program in PROGRAMS {
        let ended = run.pipeline.start(program, &TRACE)?.until_ended().await?;
        ensure!(!ended.success(), "{program} found somebody on port 1");
    }
    look_through(run, &settings).await
}

/// Our settings file with secrets in it.
fn write_settings(folder: &Path) -> anyhow::Result<PathBuf> {
    let ours = workspace_root().join("settings.ini");
    let mut text = std::fs::read_to_string(ours).context("read settings.ini")?;
    for (key, value) in [
        ("aws_access_key_id", "AKIDOFTHESETTINGS"),
        ("aws_secret_access_key", SECRETS[3]),
        ("password", SECRETS[4]),
    ] {
        let blank = format!("\n{key} =\n");
        ensure!(text.contains(&blank), "{key} is not blank in settings.ini");
        text = text.replace(&blank, &format!("\n{key} = {value}\n"));
    }
    let path = folder.join("secret-settings.ini");
    std::fs::write(&path, text).context("write the settings")?;
    Ok(path)
}

async fn work(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(50).to_string();
    let generate = [&["--flat-out", "--count", &count, "--malformed", "0.1"], &TRACE[..]].concat();
    run.generate(&generate).await?;
    let consume = [&CONSUME[..], &TRACE].concat();
    let consumer = run.pipeline.start("consume-events", &consume)?;
    let arguments = consumer.command_line()?;
    for secret in SECRETS {
        ensure!(!arguments.contains(secret), "{secret} is an argument of a process");
    }
    run.note_consumed("consume-events", &consumer.finish().await?)?;
    run.pipeline.run("upload-data", &TRACE).await?;
    run.pipeline.run("visualize", &TRACE).await?;
    Ok(())
}

/// Greps every file of the scenario but one, and every object of the bucket.
async fn look_through(run: &Run, but: &Path) -> anyhow::Result<()> {
    let (mut found, mut traced) = (BTreeSet::new(), 0);
    let mut folders = vec![run.pipeline.folder().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).context("list a folder")? {
            let path = entry.context("read a folder entry")?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path != but {
                let bytes = std::fs::read(&path).context("read a file")?;
                traced += usize::from(contains(&bytes, r#""level":"TRACE""#));
                note(&mut found, &path, &bytes);
            }
        }
    }
    for key in run.probe.objects("").await? {
        note(&mut found, Path::new(&key), &run.probe.get_object(&key).await?);
    }
    ensure!(found.is_empty(), "secrets stand in {found:?}");
    // Twice each of them, or too little was looked at.
    ensure!(2 * PROGRAMS.len() <= traced, "only {traced} logs are at trace level");
    Ok(())
}

fn note(found: &mut BTreeSet<(PathBuf, &'static str)>, place: &Path, bytes: &[u8]) {
    for secret in SECRETS {
        if contains(bytes, secret) {
            found.insert((place.to_owned(), secret));
        }
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    memchr::memmem::find(bytes, text.as_bytes()).is_some()
}
