//! SQS, S3 and Redshift refuse and throttle for a while.

use blueshift::Need;
use blueshift::faults::plan::{Action, Rule};

use super::steps::{refuse, share};
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "refusals",
    about: "SQS and S3 refuse, throttle and cut connections, Redshift reports a conflict",
    default: false,
    needs: &[Need::ServiceFaults, Need::StatementFaults],
    expected_warnings: &[
        "messages not taken, sending again",
        "service unavailable, trying on",
        "service throttles, trying on",
        "load starts over",
    ],
    body: |run| Box::pin(run_scenario(run)),
};

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(1_500).to_string();
    run.set_faults(vec![
        refuse("send", "SendMessageBatch", 503, "ServiceUnavailable").calls(share(0.1)),
    ]);
    run.generate(&["--flat-out", "--count", &count, "--malformed", "0.02"]).await?;
    run.ensure_all_hit()?;
    run.set_faults(vec![
        refuse("queue", "GetQueueUrl", 503, "ServiceUnavailable").at_most(1),
        refuse("receive", "ReceiveMessage", 400, "RequestThrottled").calls(share(0.1)),
        Rule::new("receive cut", "ReceiveMessage", Action::Cut).calls(share(0.1)),
        refuse("put", "PutObject", 503, "SlowDown").at_most(3),
        Rule::new("put cut", "PutObject", Action::Cut).calls(share(0.2)).at_most(3),
        refuse("delete", "DeleteMessageBatch", 403, "OverLimit").calls(share(0.1)),
        refuse("letter", "SendMessageBatch", 500, "InternalError").at_most(2),
    ]);
    run.consume().await?;
    run.set_faults(vec![
        refuse("list", "ListObjectsV2", 503, "SlowDown").at_most(1),
        refuse("manifest", "PutObject", 500, "InternalError").at_most(1),
        refuse("serializable", "INSERT", 0, "40001").at_most(1),
        refuse("archive", "CopyObject", 503, "SlowDown").at_most(2),
        refuse("delete", "DeleteObject", 503, "SlowDown").at_most(2),
    ]);
    run.upload().await?;
    run.ensure_all_hit()?;
    run.visualize().await
}
