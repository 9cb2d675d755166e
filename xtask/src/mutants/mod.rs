//! `cargo xtask mutants`: does anybody notice when a safeguard is gone?
//!
//! Every mutant is applied to a copy of the sources under `target/mutants`, its program is built
//! there, and the scenario that guards it runs with that program. A mutant that lives is a gap in
//! the scenarios. First every scenario has to pass without a mutant, or its failure proves nothing.

mod list;
mod workshop;

use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};
use harness::binaries::{Binaries, binaries, workspace_root};
use harness::report::{ScenarioReport, Status};
use harness::scenarios::{Options, SCENARIOS};

use self::list::{MUTANTS, Mutant};
use self::workshop::Workshop;
use crate::flags::Mutants;

pub(crate) fn run(flags: &Mutants) -> anyhow::Result<ExitCode> {
    let mutants = chosen(&flags.names)?;
    if flags.list {
        let text: String = mutants.iter().map(|it| row(it, it.file)).collect();
        write!(std::io::stdout(), "{text}").context("print the list")?;
        return Ok(ExitCode::SUCCESS);
    }
    check_that_all_apply(&mutants)?;
    tracing_subscriber::fmt().with_env_filter("error,s3s=off").with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the async runtime")?;
    let sound = binaries()?;
    let scenarios: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.scenario).collect();
    for name in scenarios {
        say(&format!("{name} without a mutant"))?;
        let report = runtime.block_on(play(name, "none", flags.seed, &sound))?;
        if report.status != Status::Passed {
            bail!("{name} fails without a mutant:\n{}", report.to_table());
        }
    }
    let workshop = Workshop::open(&sound)?;
    let mut table = String::new();
    let mut lived = 0;
    for mutant in &mutants {
        let started_at = Instant::now();
        let programs = workshop.build(mutant)?;
        let report = runtime.block_on(play(mutant.scenario, mutant.name, flags.seed, &programs))?;
        let caught = report.status == Status::Failed;
        lived += u32::from(!caught);
        let seconds = started_at.elapsed().as_secs_f64();
        let why = report.differences.first().map_or("", String::as_str);
        let why: String = why.lines().next().unwrap_or_default().chars().take(90).collect();
        let verdict = if caught { "caught" } else { "LIVED" };
        let line = row(mutant, &format!("{verdict} in {seconds:.1} s: {why}"));
        say(line.trim_end())?;
        table.push_str(&line);
    }
    let count = mutants.len();
    writeln!(std::io::stdout(), "{table}{count} mutants, {lived} lived").context("print")?;
    Ok(if lived == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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

fn chosen(names: &[String]) -> anyhow::Result<Vec<Mutant>> {
    if names.is_empty() {
        return Ok(MUTANTS.to_vec());
    }
    let find = |name: &String| {
        let found = MUTANTS.iter().find(|mutant| mutant.name == name).copied();
        found.with_context(|| format!("there is no mutant {name:?}; --list shows those there are"))
    };
    names.iter().map(find).collect()
}

async fn play(
    scenario: &str,
    mutant: &str,
    seed: u64,
    programs: &Binaries,
) -> anyhow::Result<ScenarioReport> {
    let found = SCENARIOS.iter().find(|it| it.name == scenario);
    let found = found.with_context(|| format!("there is no scenario {scenario:?}"))?;
    let folder = workspace_root().join("target/mutants/runs").join(mutant);
    let options = Options { seed, events: None, folder };
    Ok(found.run(programs, &options).await)
}

/// Progress goes to stderr; stdout is for the table.
fn say(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stderr(), "{text}").context("report progress")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_still_fits_the_sources_and_names_a_scenario() {
        let mut names = BTreeSet::new();
        for mutant in MUTANTS {
            let path = workspace_root().join(mutant.file);
            let text = std::fs::read_to_string(&path).expect("the mutant's file is there");
            let mutated = mutant.apply(&text).expect("every text is there exactly once");
            assert_ne!(mutated, text, "{}", mutant.name);
            assert!(SCENARIOS.iter().any(|it| it.name == mutant.scenario), "{}", mutant.name);
            assert!(names.insert(mutant.name), "{} is there twice", mutant.name);
        }
    }
}
