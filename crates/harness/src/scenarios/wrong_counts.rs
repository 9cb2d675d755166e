//! What Redshift says of a COPY and what is there differ: by a proxy that lies.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, ensure};
use blueshift::Need;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::bad_objects::{LOOK, gzip};
use super::hostile_bodies::event;
use super::{Run, Scenario};
use crate::ledger::Fate;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "wrong-counts",
    about: "COPY says it loaded a row more than is staged, or names a bad row less: nothing is loaded",
    default: false,
    needs: &[Need::PlainAddress],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

/// What is wrong with the answers that pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    None,
    /// `pg_last_copy_count()` is one too high: a row was lost on the way to the table.
    RowLost,
    /// `stl_load_errors` has one row of a COPY less: nobody would know why one was left out.
    ReasonLost,
}

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let liar = Liar::start(run.probe.redshift_address().await?).await.context("proxy Redshift")?;
    run.pipeline.set_variable("REDSHIFT_HOST", Some("127.0.0.1"));
    run.pipeline.set_variable("REDSHIFT_PORT", Some(&liar.address.port().to_string()));
    let count = run.events(150).to_string();
    for (lie, said) in [
        (Lie::RowLost, "COPY loaded"),
        (Lie::ReasonLost, "COPY left out 2 rows, but stl_load_errors lists 1"),
    ] {
        run.generate(&["--flat-out", "--count", &count, "--duplicates", "0.02"]).await?;
        run.consume().await?;
        let mut honest_end = 0;
        if lie == Lie::ReasonLost {
            let line = |id: &str, user: &str| event(id, json!({ "user_id": user })) + "\n";
            let mixed = line("GOOD", "7") + &line("BAD-1", "one") + &line("BAD-2", "two");
            let key = "events/20190211/000001-bad-rows.json.gz";
            run.probe.put_object(key, gzip(&mixed)).await?;
            run.sent.push(("planted".to_owned(), Fate::Loaded { id: "GOOD".to_owned() }));
            honest_end = LOOK;
        }
        refuse_to_believe(run, &liar, lie, said).await?;
        let ended = run.pipeline.start("upload-data", &[])?.until_ended().await?;
        ensure!(ended.code() == Some(honest_end), "without a lie upload-data ended with {ended}");
    }
    run.visualize().await
}

/// An upload that is lied to fails, says why, and changes nothing.
async fn refuse_to_believe(run: &Run, liar: &Liar, lie: Lie, said: &str) -> anyhow::Result<()> {
    let before = (run.probe.row_count().await?, run.probe.objects("").await?);
    liar.lie.send_replace(lie);
    let upload = run.pipeline.start("upload-data", &[])?;
    let log = upload.log().with_extension("txt");
    let ended = upload.until_ended().await?;
    liar.lie.send_replace(Lie::None);
    ensure!(liar.told.swap(0, Ordering::Relaxed) != 0, "{lie:?} was never told");
    ensure!(ended.code() == Some(1), "{lie:?}: upload-data ended with {ended}");
    let log = std::fs::read_to_string(log).context("read what it said")?;
    ensure!(log.contains(said), "{lie:?}: it did not say {said:?}: {log}");
    let (rows, mut objects) = (run.probe.row_count().await?, run.probe.objects("").await?);
    // Its record says that it failed.
    objects.retain(|key| !key.contains("runs/") || before.1.contains(key));
    ensure!((rows, objects) == before, "{lie:?}: a run that failed changed something");
    Ok(())
}

/// A proxy before Redshift. Dropping it ends it.
struct Liar {
    address: SocketAddr,
    lie: watch::Sender<Lie>,
    /// Lies that were told.
    told: Arc<AtomicU64>,
    _accepting: JoinSet<()>,
}

impl Liar {
    async fn start(upstream: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (lie, heard) = watch::channel(Lie::None);
        let told = Arc::new(AtomicU64::new(0));
        let mut accepting = JoinSet::new();
        let counted = Arc::clone(&told);
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (heard, told) = (heard.clone(), Arc::clone(&counted));
                // A connection that breaks is what the two sides make of it.
                connections.spawn(async move {
                    let _ = pass(client, upstream, heard, told).await;
                });
            }
        });
        Ok(Self { address, lie, told, _accepting: accepting })
    }
}

/// Passes one connection, message by message.
async fn pass(
    client: TcpStream,
    upstream: SocketAddr,
    heard: watch::Receiver<Lie>,
    told: Arc<AtomicU64>,
) -> std::io::Result<()> {
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = TcpStream::connect(upstream).await?.into_split();
    // The first message has no tag.
    let mut start = vec![0; 4];
    from_client.read_exact(&mut start).await?;
    let mut rest = vec![0; length(&start)];
    from_client.read_exact(&mut rest).await?;
    to_server.write_all(&[&start[..], &rest].concat()).await?;
    let (statement, current) = watch::channel(String::new());
    let questions = async {
        while let Some(message) = read(&mut from_client).await? {
            if message[0] == b'Q' {
                statement.send_replace(String::from_utf8_lossy(&message[5..]).into_owned());
            }
            to_server.write_all(&message).await?;
        }
        to_server.shutdown().await
    };
    let answers = answer(from_server, to_client, current, heard, told);
    tokio::try_join!(questions, answers).map(|_| ())
}

async fn answer(
    mut from_server: OwnedReadHalf,
    mut to_client: OwnedWriteHalf,
    statement: watch::Receiver<String>,
    lie: watch::Receiver<Lie>,
    told: Arc<AtomicU64>,
) -> std::io::Result<()> {
    let mut lied_about = String::new();
    while let Some(message) = read(&mut from_server).await? {
        let about = statement.borrow().clone();
        let is_row = message[0] == b'D' && about != lied_about;
        let lie = *lie.borrow();
        let message = match lie {
            Lie::RowLost if is_row && about.contains("pg_last_copy_count") => one_more(&message),
            Lie::ReasonLost if is_row && about.contains("AND query = ") => Vec::new(),
            _ => {
                to_client.write_all(&message).await?;
                continue;
            }
        };
        told.fetch_add(1, Ordering::Relaxed);
        lied_about = about;
        to_client.write_all(&message).await?;
    }
    to_client.shutdown().await
}

/// One tagged message whole; none at the end.
async fn read(from: &mut OwnedReadHalf) -> std::io::Result<Option<Vec<u8>>> {
    let mut message = vec![0; 5];
    if from.read(&mut message[..1]).await? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut message[1..]).await?;
    let body = length(&message[1..]);
    message.resize(5 + body, 0);
    from.read_exact(&mut message[5..]).await?;
    Ok(Some(message))
}

/// The bytes that follow a length, which counts itself.
fn length(bytes: &[u8]) -> usize {
    let length = bytes.first_chunk::<4>().map_or(4, |it| u32::from_be_bytes(*it));
    (length as usize).saturating_sub(4)
}

/// A DataRow whose last column, a number as text, is one more.
fn one_more(row: &[u8]) -> Vec<u8> {
    let digits = row.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (head, number) = row.split_at(row.len() - digits);
    let number: u64 = String::from_utf8_lossy(number).parse().unwrap_or_default();
    let number = (number + 1).to_string();
    let head = &head[..head.len() - 4];
    let column_bytes = number.len() as u32;
    let body = [&head[5..], &column_bytes.to_be_bytes(), number.as_bytes()].concat();
    [&row[..1], &(body.len() as u32 + 4).to_be_bytes(), &body].concat()
}

#[cfg(test)]
mod tests {
    use super::one_more;

    #[test]
    fn a_row_has_one_more_in_its_last_column_also_when_that_takes_a_digit_more() {
        let row = |count: &str| {
            let body = [
                &2u16.to_be_bytes()[..],
                &2u32.to_be_bytes(),
                b"17",
                &(count.len() as u32).to_be_bytes(),
                count.as_bytes(),
            ]
            .concat();
            [&b"D"[..], &(body.len() as u32 + 4).to_be_bytes(), &body].concat()
        };
        for (count, expected) in [("5", "6"), ("99", "100"), ("0", "1")] {
            assert_eq!(one_more(&row(count)), row(expected));
        }
    }
}
