//! `cargo xtask e2e`: the whole pipeline, end to end.

use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use harness::binaries::{Binaries, binaries, workspace_root};
use harness::ground::Ground;
use harness::report::{Reports, ScenarioReport, Status};
use harness::scenarios::{Options, SCENARIOS, Scenario};

use crate::flags::{E2e, Output, StackKind};
use crate::{ground, stop};

pub(crate) fn run(flags: &E2e) -> anyhow::Result<ExitCode> {
    if flags.list {
        return list();
    }
    let scenarios = chosen(&flags.scenarios)?;
    // s3s calls every refused request an error, an ordinary NoSuchKey included.
    crate::start_logs("warn,s3s=off");
    ground::check(flags.stack, &flags.stack_flags)?;
    if flags.stack != StackKind::InProcess && flags.jobs != 1 {
        bail!("--jobs is for --stack in-process: on others all scenarios share one plan of faults");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the async runtime")?;
    if flags.stack_flags.sweep {
        let others = [
            ("--scenario", !flags.scenarios.is_empty()),
            ("--events", flags.events.is_some()),
            ("--repeat", flags.repeat != 1),
            ("--keep", flags.keep),
            ("--output json", flags.output == Output::Json),
        ];
        if let Some((flag, _)) = others.iter().find(|(_, is_given)| *is_given) {
            bail!("--sweep only removes what killed runs left: leave out {flag}");
        }
        return runtime.block_on(ground::sweep(&flags.stack_flags));
    }
    runtime.block_on(ground::check_presence(flags.stack, &flags.stack_flags))?;
    say("building the programs")?;
    let built_at = Instant::now();
    let binaries = binaries()?;
    say(&format!("built in {:.1} s", built_at.elapsed().as_secs_f64()))?;
    let started_at = Instant::now();
    let reports = runtime.block_on(run_all(flags, &scenarios, &binaries))?;
    let seconds = started_at.elapsed().as_secs_f64();
    let text = match flags.output {
        Output::Json => serde_json::to_string(&reports).context("write the reports as JSON")?,
        Output::Human => summary(flags, &reports, seconds),
    };
    writeln!(std::io::stdout(), "{text}").context("print the reports")?;
    Ok(ExitCode::from(reports.exit_code()))
}

/// Runs until done or told to stop by SIGINT or SIGTERM; stopping drops the running scenarios,
/// which ends their programs and their stacks.
async fn run_all(
    flags: &E2e,
    scenarios: &[Scenario],
    binaries: &Binaries,
) -> anyhow::Result<Reports> {
    let stop = stop::on_signal()?;
    let started_at = Instant::now();
    let ground = tokio::select! {
        ground = ground::find(flags.stack, &flags.stack_flags) => ground?,
        () = stop.cancelled() => bail!("stopped by a signal"),
    };
    if flags.stack != StackKind::InProcess {
        say(&format!("stack ready in {:.1} s", started_at.elapsed().as_secs_f64()))?;
    }
    let on = &ground;
    let rounds = (0..flags.repeat).map(|round| flags.seed.wrapping_add(u64::from(round)));
    let each = rounds.flat_map(|seed| scenarios.iter().map(move |scenario| (seed, scenario)));
    let runs = each.enumerate().map(|(index, (seed, scenario))| async move {
        anyhow::Ok((index, run_one(flags, on, scenario, seed, binaries).await?))
    });
    let running = stream::iter(runs).buffer_unordered(flags.jobs).try_collect::<Vec<_>>();
    let outcome = tokio::select! {
        outcome = AssertUnwindSafe(running).catch_unwind() => outcome,
        () = stop.cancelled() => Ok(Err(anyhow!("stopped by a signal"))),
    };
    // Also after a failure, and after a panic: nothing of the run shall be left.
    ground.leave().await;
    let mut reports = outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    // In the order of the runs, whichever ended first.
    reports.sort_by_key(|(index, _)| *index);
    Ok(Reports { scenarios: reports.into_iter().map(|(_, report)| report).collect() })
}

async fn run_one(
    flags: &E2e,
    ground: &Ground,
    scenario: &Scenario,
    seed: u64,
    binaries: &Binaries,
) -> anyhow::Result<ScenarioReport> {
    say(&format!("{}, seed {seed}: {}", scenario.name, scenario.about))?;
    let folder = workspace_root().join("runs").join(format!("seed-{seed}"));
    remove(&folder.join(scenario.name))?;
    let options = Options { seed, events: flags.events, folder };
    let report = scenario.run_on(ground, binaries, &options).await;
    let table = report.to_table();
    match flags.output {
        Output::Human => std::io::stdout().write_all(table.as_bytes()).context("print a report")?,
        Output::Json => say(table.trim_end())?,
    }
    if report.status == Status::Passed && !flags.keep {
        remove_all_but_charts(&report.folder)?;
    }
    Ok(report)
}

fn chosen(names: &[String]) -> anyhow::Result<Vec<Scenario>> {
    if names.is_empty() {
        return Ok(SCENARIOS.iter().filter(|scenario| scenario.default).copied().collect());
    }
    let mut chosen = Vec::new();
    for name in names {
        if name == "all" {
            return Ok(SCENARIOS.to_vec());
        }
        let Some(scenario) = SCENARIOS.iter().find(|scenario| scenario.name == name) else {
            let known: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
            bail!("there is no scenario {name:?}; there are {}, all", known.join(", "));
        };
        chosen.push(*scenario);
    }
    Ok(chosen)
}

fn list() -> anyhow::Result<ExitCode> {
    // Scripts take the first word of every line that has no other first character.
    let width = SCENARIOS.iter().map(|scenario| scenario.name.len()).max().unwrap_or_default();
    for scenario in SCENARIOS {
        let mark = if scenario.default { '*' } else { ' ' };
        writeln!(std::io::stdout(), "{mark} {:<width$}  {}", scenario.name, scenario.about)
            .context("print the list")?;
    }
    writeln!(std::io::stdout(), "(*) runs when no scenario is named").context("print the list")?;
    Ok(ExitCode::SUCCESS)
}

/// How many passed, and how each that did not is run again.
fn summary(flags: &E2e, reports: &Reports, seconds: f64) -> String {
    let of = |status| reports.scenarios.iter().filter(move |report| report.status == status);
    let mut text = String::new();
    for ScenarioReport { name, seed, .. } in of(Status::Failed) {
        let stack = ground::arguments(flags.stack, &flags.stack_flags);
        let again = format!("cargo xtask e2e{stack} --scenario {name} --seed {seed}");
        text.push_str(&format!("FAILED {name}, seed {seed}: {again}\n"));
    }
    let [passed, failed, skipped] =
        [Status::Passed, Status::Failed, Status::Skipped].map(|status| of(status).count());
    text + &format!("{passed} passed, {failed} failed, {skipped} skipped in {seconds:.1} s")
}

/// Progress goes to stderr; stdout is for the result.
fn say(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stderr(), "{text}").context("report progress")
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn remove_all_but_charts(folder: &Path) -> anyhow::Result<()> {
    let entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .with_context(|| format!("list {}", folder.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .context("read a folder entry")?;
    for path in entries.into_iter().filter(|path| path.is_file()) {
        std::fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
    }
    Ok(())
}
