//! `cargo xtask mutants`: does anybody notice when a safeguard is gone?
//!
//! Every mutant is applied to a copy of the sources under `target/mutants`, its program is built
//! there, and the scenario that guards it runs with that program. A mutant that lives is a gap in
//! the scenarios; one whose scenario fails for another reason than expected proves nothing either.
//! First every scenario has to pass without a mutant, or its failure proves nothing.
//!
//! SIGINT and SIGTERM end whatever runs, take the mutant back and print what is known by then.

mod cargo;
mod list;
mod workshop;

use std::collections::BTreeSet;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures_util::FutureExt;
use harness::binaries::{Binaries, binaries, build_command, workspace_root};
use harness::report::{ScenarioReport, Status};
use harness::scenarios::{Options, SCENARIOS};

use self::list::{Mutant, Verdict, mutants};
use self::workshop::Workshop;
use crate::flags::Mutants;
use crate::stop;

/// How long one scenario may take; with a mutant it may hang.
const PLAYED_WITHIN: Duration = Duration::from_secs(600);

pub(crate) fn run(flags: &Mutants) -> anyhow::Result<ExitCode> {
    let mutants = chosen(&flags.names)?;
    if flags.list {
        let text: String = mutants.iter().map(listed).collect();
        write!(std::io::stdout(), "{text}").context("print the list")?;
        return Ok(ExitCode::SUCCESS);
    }
    check_that_all_apply(&mutants)?;
    crate::start_logs("error,s3s=off");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the async runtime")?;
    let mut table = Table::default();
    let outcome = runtime.block_on(async {
        let stop = stop::on_signal()?;
        let all = try_all(&mutants, flags.seed, &mut table);
        // Dropped, it ends cargo, the programs and the stack, and takes the mutant back.
        let ended = stop.run_until_cancelled(all).await;
        ended.unwrap_or_else(|| bail!("stopped by a signal"))
    });
    if !table.text.is_empty() {
        writeln!(std::io::stdout(), "{}", table.render(mutants.len()))
            .context("print the table")?;
    }
    outcome?;
    Ok(if table.missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is known by now.
#[derive(Default)]
struct Table {
    text: String,
    tried: usize,
    /// The names of those that were not caught.
    missed: Vec<&'static str>,
}

impl Table {
    fn add(&mut self, mutant: &Mutant, verdict: Verdict, seconds: f64, said: &str) -> String {
        self.tried += 1;
        if verdict != Verdict::Caught {
            self.missed.push(mutant.name);
        }
        let said: String = said.lines().next().unwrap_or_default().chars().take(160).collect();
        let line = format!("{} in {seconds:.1} s: {said}", verdict.as_str());
        self.text.push_str(&row(mutant, &line));
        line
    }

    fn render(&self, count: usize) -> String {
        let Self { text, tried, missed } = self;
        let caught = tried - missed.len();
        let mut all = format!("{text}{count} mutants, {tried} tried, {caught} caught");
        if !missed.is_empty() {
            let names = missed.join(" ");
            all.push_str(&format!("; NOT CAUGHT: cargo xtask mutants {names}"));
        }
        all
    }
}

async fn try_all(mutants: &[Mutant], seed: u64, table: &mut Table) -> anyhow::Result<()> {
    say("building the programs")?;
    cargo::run(build_command()?).await.context("build the programs")?;
    let sound = binaries()?;
    let scenarios: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.scenario).collect();
    for (index, name) in scenarios.iter().enumerate() {
        say(&format!("[{}/{}] {name} without a mutant", index + 1, scenarios.len()))?;
        let report = play(name, "none", seed, &sound).await?;
        if report.status != Status::Passed {
            bail!("{name} fails without a mutant:\n{}", report.to_table());
        }
    }
    say("building the copy")?;
    let workshop = Workshop::open(&sound).await?;
    for (index, mutant) in mutants.iter().enumerate() {
        let Mutant { name, scenario, .. } = mutant;
        let number = format!("[{}/{}] {name}", index + 1, mutants.len());
        say(&format!("{number}: to be caught by {scenario}"))?;
        let started_at = Instant::now();
        let elapsed = || started_at.elapsed().as_secs_f64();
        let line = match workshop.build(mutant).await {
            Ok(programs) => {
                let report = play(scenario, name, seed, &programs).await?;
                let (verdict, said) = mutant.judge(&report);
                table.add(mutant, verdict, elapsed(), said)
            }
            Err(error) => table.add(mutant, Verdict::NotBuilt, elapsed(), &format!("{error:#}")),
        };
        say(&format!("{number}: {line}"))?;
    }
    Ok(())
}

/// A mutant that does not fit today's sources shows at once, not after an hour.
fn check_that_all_apply(mutants: &[Mutant]) -> anyhow::Result<()> {
    let misfits: Vec<String> = mutants
        .iter()
        .filter_map(|mutant| {
            let path = workspace_root().join(mutant.file);
            let text = std::fs::read_to_string(&path).context(mutant.file);
            let applied = text.and_then(|text| mutant.apply(&text));
            applied.err().map(|error| format!("{}: {error:#}", mutant.name))
        })
        .collect();
    if misfits.is_empty() {
        return Ok(());
    }
    bail!("{} mutants do not fit the sources any more:\n{}", misfits.len(), misfits.join("\n"))
}

fn row(mutant: &Mutant, rest: &str) -> String {
    format!("{:<32}{:<22}{rest}\n", mutant.name, mutant.scenario)
}

/// A line of the list: by whom it is to be caught, and what is to be said.
fn listed(mutant: &Mutant) -> String {
    row(mutant, &format!("{:<44}{}", mutant.file, mutant.caught_by.join(" … ")))
}

fn chosen(names: &[String]) -> anyhow::Result<Vec<Mutant>> {
    let all = mutants();
    if let Some(name) = names.iter().find(|name| all.iter().all(|it| it.name != name.as_str())) {
        bail!("there is no mutant {name:?}; --list shows those there are");
    }
    let is_chosen = |it: &Mutant| names.is_empty() || names.iter().any(|name| name == it.name);
    Ok(all.into_iter().filter(is_chosen).collect())
}

/// Runs a scenario; one that panics, or does not end, has failed.
async fn play(
    scenario: &str,
    mutant: &str,
    seed: u64,
    programs: &Binaries,
) -> anyhow::Result<ScenarioReport> {
    let found = SCENARIOS.iter().find(|it| it.name == scenario);
    let found = found.with_context(|| format!("there is no scenario {scenario:?}"))?;
    let folder = workspace_root().join("target/mutants/runs").join(mutant);
    let options = Options { seed, events: None, folder: folder.clone() };
    let playing = AssertUnwindSafe(found.run(programs, &options)).catch_unwind();
    let failed = match tokio::time::timeout(PLAYED_WITHIN, playing).await {
        Ok(Ok(report)) => return Ok(report),
        Ok(Err(_)) => "the scenario itself panicked".to_owned(),
        Err(_) => format!("the scenario has not ended within {PLAYED_WITHIN:?}"),
    };
    let mut report = ScenarioReport::new(scenario, seed, folder);
    report.differences.push(failed);
    Ok(report)
}

/// Progress goes to stderr; stdout is for the table.
fn say(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stderr(), "{text}").context("report progress")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_fits_the_sources_and_names_a_scenario_and_what_it_says() {
        let mut names = BTreeSet::new();
        for mutant in mutants() {
            let path = workspace_root().join(mutant.file);
            let text = std::fs::read_to_string(&path).expect("the mutant's file is there");
            let mutated = mutant.apply(&text).expect("every text is there exactly once");
            assert_ne!(mutated, text, "{}", mutant.name);
            assert!(SCENARIOS.iter().any(|it| it.name == mutant.scenario), "{}", mutant.name);
            assert!(mutant.caught_by.iter().any(|it| 4 < it.len()), "{}", mutant.name);
            assert!(names.insert(mutant.name), "{} is there twice", mutant.name);
        }
    }

    #[test]
    fn the_table_counts_and_names_what_was_not_caught() {
        let mut table = Table::default();
        let all = mutants();
        let verdicts =
            [Verdict::Caught, Verdict::Lived, Verdict::FailedOtherwise, Verdict::NotBuilt];
        for (mutant, verdict) in all.iter().zip(verdicts) {
            table.add(mutant, verdict, 1.0, "first line\nsecond line");
        }
        let text = table.render(9);
        let missed: Vec<_> = all[1..4].iter().map(|mutant| mutant.name).collect();
        let end = format!(
            "9 mutants, 4 tried, 1 caught; NOT CAUGHT: cargo xtask mutants {}",
            missed.join(" ")
        );
        assert!(text.ends_with(&end) && !text.contains("second"), "{text}");
    }
}
