//! Whoever reads logs, help texts, results, figures or the bucket learns no secret.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use blueshift::Need;
use futures_util::future::try_join_all;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::steps::CONSUME;
use super::{Run, Scenario};
use crate::binaries::workspace_root;
use crate::pipeline::Running;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "secrets",
    about: "secrets of settings, environment and URLs are in no log at trace level, help, error, file or object",
    default: false,
    needs: &[Need::PlainAddress],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

/// Everything that shall be nowhere.
const SECRETS: [&str; 9] = [
    "CanaryKeyOfTheEnvironment",
    "CanaryTokenOfTheEnvironment",
    "CanaryPasswordOfTheEnvironment",
    "CanaryKeyOfTheSettings",
    "CanaryPasswordOfTheSettings",
    "CanaryPasswordInAUrl",
    "CanaryPasswordInAHost",
    "CanaryPasswordInAnEndpoint",
    "CanaryPasswordInAProfile",
];
/// Around a secret in a URL: what ends the user's part of one, if it is not escaped.
const AWKWARD: [&str; 5] = ["#", "?", "/", "@", "%"];

const PROGRAMS: [&str; 5] =
    ["generate-events", "consume-events", "upload-data", "visualize", "run-pipeline"];
/// Whatever has a help text of its own.
const COMMANDS: [(&str, &[&str]); 12] = [
    ("generate-events", &[]),
    ("consume-events", &[]),
    ("consume-events", &["dead-letters"]),
    ("consume-events", &["dead-letters", "list"]),
    ("consume-events", &["dead-letters", "show"]),
    ("consume-events", &["dead-letters", "redrive"]),
    ("consume-events", &["dead-letters", "purge"]),
    ("upload-data", &[]),
    ("visualize", &[]),
    ("run-pipeline", &[]),
    ("run-pipeline", &["doctor"]),
    ("run-pipeline", &["provision"]),
];
/// What fails without Redshift, the run of the whole pipeline included.
const WITH_REDSHIFT: [(&str, &[&str]); 5] = [
    ("upload-data", &[]),
    ("visualize", &[]),
    ("run-pipeline", &["doctor"]),
    ("run-pipeline", &["provision"]),
    ("run-pipeline", &["--parts", "upload-data,visualize", "--failures-max", "1", "--duration=1"]),
];
/// What fails without SQS or S3.
const WITH_AWS: [(&str, &[&str]); 7] = [
    ("generate-events", &["--count", "1"]),
    ("consume-events", &[]),
    ("consume-events", &["dead-letters", "list"]),
    ("upload-data", &[]),
    ("run-pipeline", &["doctor"]),
    ("run-pipeline", &["provision"]),
    ("run-pipeline", &["--failures-max", "1"]),
];
/// Where the SDK looks for an endpoint.
const ENDPOINTS: [&str; 3] = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_S3"];
const TRACE: [&str; 2] = ["--log-filter", "trace"];
const METRICS: [&str; 2] = ["--metrics-listen", "127.0.0.1:0"];

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let url = format!("postgresql://awsuser:#?/@%{}@127.0.0.1:1/dev", SECRETS[5]);
    for (name, value) in [
        ("AWS_SECRET_ACCESS_KEY", SECRETS[0]),
        ("AWS_SESSION_TOKEN", SECRETS[1]),
        ("REDSHIFT_PASSWORD", SECRETS[2]),
        ("REDSHIFT_URL", &url),
        ("AWS_SQS_POLLING_TIMEOUT", "1"),
    ] {
        run.pipeline.set_variable(name, Some(value));
    }
    program_by_program(run).await?;
    read_the_help(run).await?;
    let settings = write_settings(run.pipeline.folder())?;
    run.pipeline.set_variable("BLUESHIFT_SETTINGS", Some(&settings.display().to_string()));
    for name in
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "REDSHIFT_PASSWORD"]
    {
        run.pipeline.set_variable(name, None);
    }
    all_in_one(run).await?;
    look_at_dead_letters(run).await?;
    fail(run).await?;
    let profile = fail_by_profile(run).await?;
    look_through(run, &[settings, profile]).await
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

async fn program_by_program(run: &mut Run) -> anyhow::Result<()> {
    generate(run).await?;
    let consume = [&CONSUME[1..], &TRACE, &METRICS].concat();
    let mut consumer = run.pipeline.start("consume-events", &consume)?;
    look_from_outside(run, &mut consumer).await?;
    run.note_consumed("consume-events", &consumer.terminate().await?)?;
    run.pipeline.run("upload-data", &TRACE).await?;
    run.pipeline.run("visualize", &TRACE).await?;
    Ok(())
}

/// The same in one process, and the two commands beside it.
async fn all_in_one(run: &mut Run) -> anyhow::Result<()> {
    generate(run).await?;
    for command in ["provision", "doctor"] {
        let arguments = [&[command][..], &TRACE].concat();
        let running = run.pipeline.start("run-pipeline", &arguments)?;
        let said = running.finish_text().await?;
        ensure!(!said.trim().is_empty(), "{command} says nothing");
    }
    let parts = ["--parts", "consume-events,upload-data,visualize", "--final-upload"];
    let arguments = [&parts[..], &TRACE, &METRICS].concat();
    let mut pipeline = run.pipeline.start("run-pipeline", &arguments)?;
    look_from_outside(run, &mut pipeline).await?;
    let said = pipeline.terminate_text().await?;
    ensure!(said.contains("rows_loaded"), "nothing was loaded: {said}");
    Ok(())
}

async fn generate(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(50).to_string();
    let flags = [&["--flat-out", "--count", &count, "--malformed", "0.1"], &TRACE[..]].concat();
    run.generate(&flags).await
}

/// The arguments that everybody on this machine sees, and the pages for Prometheus. Returns when the
/// program has emptied the queue.
async fn look_from_outside(run: &Run, program: &mut Running) -> anyhow::Result<()> {
    let arguments = program.command_line()?;
    for secret in SECRETS {
        ensure!(!arguments.contains(secret), "{secret} is an argument of a process");
    }
    const SERVED: &str = "metrics are served";
    run.until_said(program, SERVED, 1).await?;
    let log = std::fs::read_to_string(program.log()).context("read the log")?;
    let line = log.lines().find(|line| line.contains(SERVED)).context("find the address")?;
    let line: Value = serde_json::from_str(line).context("read the address")?;
    let address = line["fields"]["address"].as_str().context("no address is logged")?;
    for page in ["metrics", "healthz"] {
        let answer = tokio::time::timeout(Duration::from_secs(10), get(address, page)).await;
        let answer = answer.context("wait for a page")?.with_context(|| format!("get /{page}"))?;
        ensure!(answer.contains(" 200 "), "/{page}: {answer}");
        let path = program.log().with_extension(page);
        std::fs::write(path, answer).context("keep a page")?;
    }
    let emptied = run.probe.wait_until("the queue is empty", async |probe| {
        let depth = probe.queue_depth().await?;
        Ok((depth.visible, depth.in_flight) == (0, 0))
    });
    program.meanwhile(emptied).await
}

async fn get(address: &str, page: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /{page} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// The long help, the short one, and what is said of a flag that there is not.
async fn read_the_help(run: &Run) -> anyhow::Result<()> {
    for flag in ["--help", "-h", "--no-such-flag"] {
        let all = COMMANDS.map(|(program, words)| async move {
            run.pipeline.start(program, &[words, &[flag]].concat())?.until_ended().await
        });
        try_join_all(all).await?;
    }
    Ok(())
}

async fn look_at_dead_letters(run: &Run) -> anyhow::Result<()> {
    for action in [&["list"][..], &["show"], &["redrive", "--dry-run"], &["purge", "--dry-run"]] {
        let arguments = [&["dead-letters"], action, &TRACE].concat();
        run.pipeline.start("consume-events", &arguments)?.finish_text().await?;
    }
    Ok(())
}

/// What errors say: Redshift is away, its host is a URL, all of AWS is away, and once more with a
/// password in the endpoint.
async fn fail(run: &mut Run) -> anyhow::Result<()> {
    const CHANGED: [&str; 3] = ["REDSHIFT_HOST", "REDSHIFT_PORT", "AWS_ENDPOINT_URL"];
    let sound = CHANGED.map(|name| run.pipeline.variable(name));
    // Or no upload would need Redshift.
    generate(run).await?;
    run.consume().await?;
    run.pipeline.set_variable("REDSHIFT_PORT", Some("1"));
    let mut programs = start(run, &WITH_REDSHIFT, &TRACE)?;
    for host in with_password("postgresql", SECRETS[6], "127.0.0.1:5439/dev") {
        run.pipeline.set_variable("REDSHIFT_HOST", Some(&host));
        programs.push(run.pipeline.start("run-pipeline", &[&["doctor"], &TRACE[..]].concat())?);
    }
    programs.extend(start(run, &WITH_REDSHIFT, &TRACE)?);
    read_the_help(run).await?;
    run.pipeline.set_variable("REDSHIFT_HOST", Some("127.0.0.1"));
    run.pipeline.set_variable("AWS_ENDPOINT_URL", Some("http://127.0.0.1:1"));
    programs.extend(start(run, &WITH_AWS, &TRACE)?);
    let endpoints = with_password("http", SECRETS[7], "127.0.0.1:1");
    for (name, endpoint) in ENDPOINTS.iter().cycle().zip(&endpoints) {
        run.pipeline.set_variable(name, Some(endpoint));
        programs.push(run.pipeline.start("run-pipeline", &[&["doctor"], &TRACE[..]].concat())?);
        if *endpoint == endpoints[0] {
            programs.extend(start(run, &WITH_AWS, &TRACE)?);
        }
        run.pipeline.set_variable(name, None);
    }
    for program in programs {
        let log = program.log().display().to_string();
        ensure!(!program.until_ended().await?.success(), "it found somebody there: {log}");
    }
    for (name, value) in CHANGED.into_iter().zip(sound) {
        run.pipeline.set_variable(name, value.as_deref());
    }
    run.upload().await
}

/// The endpoint, password and all, stands in a file of AWS's own; gives that file.
async fn fail_by_profile(run: &mut Run) -> anyhow::Result<PathBuf> {
    const CONFIG: &str = "AWS_CONFIG_FILE";
    let sound = ["AWS_ENDPOINT_URL", CONFIG].map(|name| (name, run.pipeline.variable(name)));
    let path = run.pipeline.folder().join("aws-config.txt");
    run.pipeline.set_variable("AWS_ENDPOINT_URL", None);
    run.pipeline.set_variable(CONFIG, Some(&path.display().to_string()));
    for endpoint in with_password("http", SECRETS[8], "127.0.0.1:1") {
        for section in ["[default]\n", "[default]\nservices = all\n[services all]\ns3 =\n  "] {
            let text = format!("{section}endpoint_url = {endpoint}\n");
            std::fs::write(&path, text).context("write a profile")?;
            for (program, arguments) in [("run-pipeline", &["doctor"][..]), ("upload-data", &[])] {
                let arguments = [arguments, &TRACE].concat();
                let ended = run.pipeline.start(program, &arguments)?.until_ended().await?;
                ensure!(
                    ended.code() == Some(2),
                    "{program} did not refuse, and ended with {ended}"
                );
            }
        }
    }
    for (name, value) in sound {
        run.pipeline.set_variable(name, value.as_deref());
    }
    Ok(path)
}

/// URLs with a password that has an awkward character before and after it, or all round it.
fn with_password(scheme: &str, password: &str, rest: &str) -> Vec<String> {
    let all = AWKWARD.concat();
    let around = AWKWARD.iter().copied().chain([all.as_str()]);
    around.map(|it| format!("{scheme}://awsuser:hun{it}{password}{it}@{rest}")).collect()
}

fn start(
    run: &Run,
    commands: &[(&'static str, &[&str])],
    more: &[&str],
) -> anyhow::Result<Vec<Running>> {
    let all = commands.iter();
    all.map(|(program, arguments)| run.pipeline.start(program, &[arguments, more].concat()))
        .collect()
}

/// Greps every file of the scenario but those, and every object of the bucket.
async fn look_through(run: &Run, but: &[PathBuf]) -> anyhow::Result<()> {
    let (mut found, mut traced) = (BTreeSet::new(), Vec::new());
    let mut folders = vec![run.pipeline.folder().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).context("list a folder")? {
            let path = entry.context("read a folder entry")?.path();
            if path.is_dir() {
                folders.push(path);
            } else if !but.contains(&path) {
                let bytes = std::fs::read(&path).context("read a file")?;
                if contains(&bytes, r#""level":"TRACE""#) {
                    traced.push(path.display().to_string());
                }
                note(&mut found, &path, &bytes);
            }
        }
    }
    let objects = run.probe.objects("").await?;
    for key in &objects {
        note(&mut found, Path::new(key), &run.probe.get_object(key).await?);
    }
    ensure!(found.is_empty(), "secrets stand in {found:?}");
    // Or too little was looked at.
    for program in PROGRAMS {
        let count = traced.iter().filter(|path| path.contains(program)).count();
        ensure!(2 <= count, "{program} has only {count} logs at trace level");
    }
    let records = objects.iter().filter(|key| key.contains("runs/")).count();
    ensure!(4 <= records, "only {records} runs have records");
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
