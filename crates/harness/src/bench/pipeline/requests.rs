//! How many requests `consume-events` makes of SQS, counted in front of SQS. The kit of this
//! process counts, so that what is measured for speed has nothing in its way.

use anyhow::{Context, ensure};
use blueshift::Stack;
use blueshift::faults::plan::{Action, Plan, Rule};
use blueshift::provision::Resources;

use super::start_program;
use crate::binaries::{Binaries, workspace_root};

/// One batch of `consume-events`: enough to make its start and its end not count.
const EVENT_COUNT: u64 = 20_000;
/// By this the plan knows the consumer.
const CALLER: &str = "counted";

/// Requests per 1,000 events.
pub(super) async fn count(programs: &Binaries, seed: u64) -> anyhow::Result<f64> {
    let stack = Stack::in_process().await.context("start a kit to count")?;
    let counted = count_on(&stack, programs, seed).await;
    stack.shutdown().await;
    counted
}

async fn count_on(stack: &Stack, programs: &Binaries, seed: u64) -> anyhow::Result<f64> {
    let settings = workspace_root().join("settings.ini");
    let table = workspace_root().join("create_table.sql");
    let mut resources = Resources::from_settings(&settings)?;
    resources.create_table.clone_from(&table);
    let provisioned = resources.provision(stack.endpoints()).await.context("provision")?;
    let mut environment = stack.environment();
    let (count, seed) = (EVENT_COUNT.to_string(), seed.to_string());
    let arguments = ["--flat-out", "--count", &count, "--seed", &seed];
    start_program(programs, "generate-events", &arguments, &environment, &settings, &table)?
        .finish()
        .await?;
    let rule = Rule { service: "sqs".to_owned(), ..Rule::new("all", "*", Action::Delay { ms: 0 }) };
    let faults = stack.faults().context("this kit has no faults")?;
    faults.set_plan(Plan { seed: 0, rules: vec![rule.from(CALLER)] });
    for (name, value) in &mut environment {
        if name == "AWS_ACCESS_KEY_ID" {
            CALLER.clone_into(value);
        }
    }
    let arguments = ["--sqs-polling-timeout", "1"];
    let consumer =
        start_program(programs, "consume-events", &arguments, &environment, &settings, &table)?;
    let probe = crate::probe::Probe::new(stack.endpoints(), provisioned).await;
    probe
        .wait_until("the queue is empty", async |probe| Ok(probe.queue_depth().await?.visible == 0))
        .await?;
    consumer.terminate().await?;
    let depth = probe.queue_depth().await?;
    ensure!(depth.in_flight == 0, "consume-events left {} messages undeleted", depth.in_flight);
    Ok(faults.hits("all") as f64 * 1_000.0 / EVENT_COUNT as f64)
}
