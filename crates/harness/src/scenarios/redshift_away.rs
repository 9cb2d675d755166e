//! Redshift refuses connections, loses them in the middle, or says nothing.

use anyhow::{Context, ensure};
use blueshift::Need;
use blueshift::faults::Release;
use blueshift::faults::plan::{Action, Moment, Rule};
use blueshift::faults::tcp::TcpProxy;

use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "redshift-away",
    about: "Redshift refuses connections, is gone in the middle of COPY, round COMMIT, or is silent",
    default: false,
    needs: &[Need::StatementFaults, Need::PlainAddress],
    expected_warnings: &["load starts over", UNKNOWN],
    body: |run| Box::pin(run_scenario(run)),
};

const AGAIN: &str = "load starts over";
const UNKNOWN: &str = "outcome of COMMIT unknown, asking the ledger";

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let address = run.probe.redshift_address().await?;
    let proxy = TcpProxy::start("redshift", address, run.faults.clone()).await;
    let proxy = proxy.context("proxy Redshift")?;
    let port = proxy.address().port().to_string();
    run.pipeline.set_variable("REDSHIFT_HOST", Some("127.0.0.1"));
    run.pipeline.set_variable("REDSHIFT_PORT", Some(&port));
    refused(run, &proxy).await?;
    gone_at(run, &proxy, Rule::new("copies", "COPY", Action::Hold(Moment::Before)), 2).await?;
    gone_at(run, &proxy, Rule::new("copied", "COPY", Action::Hold(Moment::After)), 2).await?;
    let committed = || Rule::new("committed", "COMMIT", Action::Hold(Moment::After));
    gone_at(run, &proxy, committed(), 1).await?;
    gone_for_long(run, &proxy, committed()).await?;
    silent(run).await?;
    run.visualize().await
}

/// Something to load: how many rows that is.
async fn stock(run: &mut Run) -> anyhow::Result<u64> {
    let count = run.events(150);
    run.generate(&["--flat-out", "--count", &count.to_string()]).await?;
    run.consume().await?;
    Ok(count)
}

async fn refused(run: &mut Run, proxy: &TcpProxy) -> anyhow::Result<()> {
    stock(run).await?;
    proxy.go_away().await.context("go away")?;
    let ended = run.pipeline.start("upload-data", &[])?.until_ended().await?;
    ensure!(ended.code() == Some(1), "without Redshift an upload ended with {ended}");
    let left = run.probe.objects("events/").await?.len();
    ensure!(left != 0 && run.probe.row_count().await? == 0, "something was loaded, or put away");
    proxy.come_back().await.context("come back")?;
    run.upload().await
}

/// It is gone at that point, and comes back after an upload has missed it so often.
async fn gone_at(
    run: &mut Run,
    proxy: &TcpProxy,
    point: Rule,
    missed: usize,
) -> anyhow::Result<()> {
    let before = run.probe.row_count().await?;
    let count = stock(run).await?;
    let (name, operation) = (point.name.clone(), point.operation.clone());
    run.set_faults(vec![point.at_most(1)]);
    let mut upload = run.pipeline.start("upload-data", &[])?;
    run.until_held(&mut upload, &name).await?;
    proxy.go_away().await.context("go away")?;
    run.faults.release(Release::Continue);
    if operation == "COMMIT" {
        run.until_said(&mut upload, UNKNOWN, 1).await?;
    }
    run.until_said(&mut upload, AGAIN, missed).await?;
    proxy.come_back().await.context("come back")?;
    let finished = upload.finish().await?;
    run.faults.clear();
    let (loaded, rows) = (finished.count("rows_loaded")?, run.probe.row_count().await? - before);
    ensure!((loaded, rows) == (count, count), "{name}: {loaded} said, {rows} there, of {count}");
    run.note("upload-data", loaded, loaded, finished.seconds);
    Ok(())
}

/// It has committed, and is away until the upload gives up: the next one finds that out.
async fn gone_for_long(run: &mut Run, proxy: &TcpProxy, point: Rule) -> anyhow::Result<()> {
    let before = run.probe.row_count().await?;
    let count = stock(run).await?;
    let objects = run.probe.objects("events/").await?;
    let name = point.name.clone();
    run.set_faults(vec![point.at_most(1)]);
    let mut upload = run.pipeline.start("upload-data", &[])?;
    run.until_held(&mut upload, &name).await?;
    proxy.go_away().await.context("go away")?;
    run.faults.release(Release::Continue);
    let ended = upload.until_ended().await?;
    run.faults.clear();
    ensure!(ended.code() == Some(1), "not knowing what was committed, it ended with {ended}");
    ensure!(run.probe.objects("events/").await? == objects, "objects were put away unasked");
    proxy.come_back().await.context("come back")?;
    let finished = run.pipeline.run("upload-data", &[]).await?;
    let (loaded, rows) = (finished.count("rows_loaded")?, run.probe.row_count().await? - before);
    ensure!((loaded, rows) == (0, count), "{loaded} rows loaded again, {rows} there, of {count}");
    Ok(())
}

/// It takes the connection and says nothing: for a while, and until the connection is cut.
async fn silent(run: &mut Run) -> anyhow::Result<()> {
    stock(run).await?;
    let silence = || Rule::new("silence", "Connect", Action::Hold(Moment::After)).at_most(1);
    run.set_faults(vec![silence()]);
    let mut upload = run.pipeline.start("upload-data", &[])?;
    run.until_held(&mut upload, "silence").await?;
    run.faults.release(Release::Cut);
    let ended = upload.until_ended().await?;
    ensure!(ended.code() == Some(1), "after a silence that was cut an upload ended with {ended}");
    run.set_faults(vec![silence()]);
    let mut upload = run.pipeline.start("upload-data", &[])?;
    run.until_held(&mut upload, "silence").await?;
    ensure!(run.faults.release(Release::Continue) == 1, "nobody was silent");
    let finished = upload.finish().await?;
    let loaded = finished.count("rows_loaded")?;
    run.note("upload-data", loaded, loaded, finished.seconds);
    Ok(())
}
