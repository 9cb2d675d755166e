//! The bucket takes events, but no malformed messages.

use anyhow::ensure;
use blueshift::Need;

use super::stage::POLLING_TIMEOUT;
use super::steps::{CONSUME, refuse};
use super::{Run, Scenario};
use crate::pipeline::Running;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "rejected-denied",
    about: "without a dead-letter queue, rejected/ alone is refused: events flow, malformed ones stay",
    default: false,
    needs: &[Need::ServiceFaults],
    expected_warnings: &[
        "no dead-letter queue, malformed messages go to rejected/messages/",
        "bucket does not take malformed messages",
        "malformed messages stay in the queue",
    ],
    body: |run| Box::pin(run_scenario(run)),
};

/// As [`CONSUME`], until it is stopped.
pub(super) const STAY: [&str; 6] = [
    "--sqs-polling-timeout",
    POLLING_TIMEOUT,
    "--batch-age-max",
    "0.5",
    "--batch-events-max",
    "100",
];

const RULE: &str = "rejected is denied";

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    run.pipeline.set_variable("AWS_SQS_DEAD_LETTER_NAME", Some("not-there"));
    let count = run.events(600);
    let deny = || vec![refuse(RULE, "PutObject", 403, "AccessDenied").on("*/rejected/*")];
    // Once when nothing has ever worked, and once when all of it has.
    for round in ["at the start", "later"] {
        let mut consumer = match round {
            "at the start" => {
                run.set_faults(deny());
                run.generate(&["--flat-out", "--count", "20", "--malformed", "1"]).await?;
                run.pipeline.start("consume-events", &STAY)?
            }
            _ => {
                run.generate(&["--flat-out", "--count", "40", "--malformed", "0.5"]).await?;
                let mut consumer = run.pipeline.start("consume-events", &STAY)?;
                run.until_said(&mut consumer, "malformed messages stored", 1).await?;
                run.set_faults(deny());
                run.generate(&["--flat-out", "--count", "20", "--malformed", "1"]).await?;
                consumer
            }
        };
        run.until_hits(&mut consumer, RULE, 1).await?;
        let wanted = run.probe.stored_events("events/").await?.len() as u64 + count;
        run.generate(&["--flat-out", "--count", &count.to_string()]).await?;
        run.until_stored(&mut consumer, wanted).await?;
        run.faults.clear();
        let finished = consumer.terminate().await?;
        run.note_consumed(round, &finished)?;
        // A script ends badly, but has done all else before.
        run.set_faults(deny());
        run.let_hidden_messages_return().await?;
        run.generate(&["--flat-out", "--count", "45"]).await?;
        run.generate(&["--flat-out", "--count", "5", "--malformed", "1"]).await?;
        let ended = run.pipeline.start("consume-events", &CONSUME)?.until_ended().await?;
        ensure!(ended.code() == Some(1), "--until-empty with a refusal ended with {ended}");
        run.faults.clear();
        run.let_hidden_messages_return().await?;
        run.consume().await?;
    }
    run.upload().await?;
    run.visualize().await
}

impl Run {
    /// Waits until so many events, or more, are stored; a consumer that ended is an error.
    pub(super) async fn until_stored(
        &self,
        consumer: &mut Running,
        wanted: u64,
    ) -> anyhow::Result<()> {
        let stored = self.probe.wait_until("valid events do not wait", async |probe| {
            Ok(wanted <= probe.stored_events("events/").await?.len() as u64)
        });
        consumer.meanwhile(stored).await
    }
}
