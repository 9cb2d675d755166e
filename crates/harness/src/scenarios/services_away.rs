//! SQS, S3 and Redshift are not there for a while: connections are refused.

use anyhow::{Context, ensure};
use blueshift::Need;
use blueshift::faults::Faults;
use blueshift::faults::tcp::TcpProxy;

use super::steps::CONSUME;
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "services-away",
    about: "S3, then SQS, then both refuse connections for a while; that costs nothing but time",
    default: false,
    needs: &[Need::PlainAddress],
    expected_warnings: &[
        "service unavailable, trying on",
        "messages not acknowledged, they will come again",
        "load starts over",
        "outcome of COMMIT unknown, asking the ledger",
    ],
    body: |run| Box::pin(run_scenario(run)),
};

/// What the consumer says when it notices.
const AWAY: &str = "service unavailable, trying on";
/// What it says afterwards.
const BACK: &str = "service available again";

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let aws = run.aws.context("this stack's SQS and S3 do not listen on an address")?;
    let sqs = TcpProxy::start("sqs", aws, Faults::default()).await.context("proxy SQS")?;
    let s3 = TcpProxy::start("s3", aws, Faults::default()).await.context("proxy S3")?;
    for (name, proxy) in [("AWS_ENDPOINT_URL_SQS", &sqs), ("AWS_ENDPOINT_URL_S3", &s3)] {
        run.pipeline.set_variable(name, Some(&format!("http://{}", proxy.address())));
    }
    let count = run.events(400).to_string();
    let flags = ["--flat-out", "--count", &count, "--malformed", "0.02", "--duplicates", "0.02"];
    run.generate(&flags).await?;
    // It finds everything well, and goes on when it is not.
    let mut consumer = run.pipeline.start("consume-events", &CONSUME[1..])?;
    let stored = run.probe.wait_until("something is stored", async |probe| {
        Ok(!probe.objects("events/").await?.is_empty())
    });
    consumer.meanwhile(stored).await?;
    for (index, away) in [&[&s3][..], &[&sqs], &[&sqs, &s3]].into_iter().enumerate() {
        for proxy in away {
            proxy.go_away().await.context("go away")?;
        }
        if !away.iter().any(|proxy| proxy.address() == sqs.address()) {
            // S3 is missed when there is something to store.
            run.generate(&flags).await?;
        }
        run.until_said(&mut consumer, AWAY, index + 1).await?;
        for proxy in away {
            proxy.come_back().await.context("come back")?;
        }
        run.until_said(&mut consumer, BACK, index + 1).await?;
        run.generate(&flags).await?;
    }
    let finished = consumer.terminate().await?;
    run.note_consumed("consume-events", &finished)?;
    run.consume().await?;
    let depth = run.probe.queue_depth().await?;
    ensure!((depth.visible, depth.in_flight) == (0, 0), "the queue is not empty: {depth:?}");
    run.upload().await?;
    run.visualize().await
}
