//! `cargo xtask bench copy`: COPY from S3 beside Postgres' own COPY of the same rows.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::SinkExt;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::copy_memory;
use super::kit::Kit;
use super::report::{CopyReport, Measurement};
use super::rows::{Part, Rows};
use crate::binaries::{release_kit, workspace_root};

/// What is measured.
#[derive(Debug, Clone)]
pub struct Options {
    /// Rows of each load.
    pub rows: u64,
    /// How often each is loaded; the median counts. 0 measures memory alone.
    pub rounds: u32,
    /// Bytes, not compressed, of each COPY whose memory is measured; 0 leaves these out.
    pub memory_bytes: u64,
    /// The program to measure; without one the release is built.
    pub kit: Option<PathBuf>,
}

/// Rows of one object: about 30 MB of JSON.
pub(super) const OBJECT_ROWS: u64 = 50_000;

/// Bytes that are sent to Postgres at once.
const CHUNK_BYTES: usize = 256 * 1024;

pub(super) const BUCKET: &str = "bench";

/// What lies in S3, and the same rows for Postgres.
struct Loaded {
    columns: Vec<String>,
    json_bytes: u64,
    csv_bytes: u64,
    csv: Vec<Bytes>,
}

/// Builds the kit, makes the rows and measures. `say` hears of the progress.
pub async fn run(options: &Options, say: &dyn Fn(&str)) -> anyhow::Result<CopyReport> {
    let program = match &options.kit {
        Some(program) => program.clone(),
        None => {
            say("building the release kit");
            release_kit()?
        }
    };
    let kit = Kit::start(&program)?;
    let s3 = kit.s3();
    s3.create_bucket().bucket(BUCKET).send().await.context("make the bucket")?;
    let mut measurements = Vec::new();
    if options.rounds != 0 {
        let redshift = kit.redshift().await?;
        make_table(&redshift).await?;
        say(&format!("making {} events", options.rows));
        let loaded = store(&kit, &redshift, options.rows).await?;
        measurements = measure(&kit, &redshift, &loaded, options, say).await?;
    }
    let memory = match options.memory_bytes {
        0 => Vec::new(),
        bytes => copy_memory::measure(&program, &kit, bytes, say).await?,
    };
    Ok(CopyReport { measurements, memory })
}

/// Makes the table of the events.
pub(super) async fn make_table(redshift: &Client) -> anyhow::Result<()> {
    let ddl = std::fs::read_to_string(workspace_root().join("create_table.sql"));
    let ddl = ddl.context("read create_table.sql")?;
    redshift.batch_execute(&ddl).await.context("make the table")
}

/// Makes the rows, puts them into S3, keeps them as CSV.
async fn store(kit: &Kit, redshift: &Client, row_count: u64) -> anyhow::Result<Loaded> {
    let s3 = kit.s3();
    let columns = columns(redshift).await?;
    let rows = Arc::new(Rows::new(&columns)?);
    let mut loaded = Loaded { columns, json_bytes: 0, csv_bytes: 0, csv: Vec::new() };
    for first in (0..row_count).step_by(usize::try_from(OBJECT_ROWS).context("fits")?) {
        let rows = Arc::clone(&rows);
        let count = OBJECT_ROWS.min(row_count - first);
        let made = tokio::task::spawn_blocking(move || {
            let part = rows.part(first, count);
            // Both cores.
            let (json, csv) = std::thread::scope(|scope| {
                let json = scope.spawn(|| gzip(&part.json));
                let csv = gzip(&part.csv);
                (json.join().expect("gzip does not panic"), csv)
            });
            (part, json, csv)
        });
        let (Part { json, csv }, json_gzip, csv_gzip) = made.await.context("make rows")?;
        loaded.json_bytes += json.len() as u64;
        loaded.csv_bytes += csv.len() as u64;
        let mut csv = Bytes::from(csv);
        while !csv.is_empty() {
            loaded.csv.push(csv.split_to(csv.len().min(CHUNK_BYTES)));
        }
        let number = first / OBJECT_ROWS;
        for (key, content) in [
            (format!("json/{number:06}.json.gz"), json_gzip),
            (format!("csv/{number:06}.csv.gz"), csv_gzip),
        ] {
            let put = s3.put_object().bucket(BUCKET).key(&key).body(ByteStream::from(content));
            put.send().await.with_context(|| format!("put {key}"))?;
        }
    }
    Ok(loaded)
}

pub(super) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything")
}

pub(super) async fn columns(redshift: &Client) -> anyhow::Result<Vec<String>> {
    let sql = "SELECT column_name::text FROM information_schema.columns \
               WHERE table_name = 'events' ORDER BY ordinal_position";
    let rows = redshift.query(sql, &[]).await.context("read the columns")?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// All rounds, one format after the other in each, so that a neighbour's noise hits all alike.
async fn measure(
    kit: &Kit,
    redshift: &Client,
    loaded: &Loaded,
    options: &Options,
    say: &dyn Fn(&str),
) -> anyhow::Result<Vec<Measurement>> {
    let measurement = |name, bytes| Measurement {
        name,
        rows: options.rows,
        bytes,
        seconds: Vec::new(),
        peak_rss_bytes: None,
        refused: None,
    };
    let mut json = measurement("COPY JSON 'auto' GZIP", loaded.json_bytes);
    let mut csv = measurement("COPY CSV GZIP", loaded.csv_bytes);
    let mut own = measurement("Postgres' own, CSV", loaded.csv_bytes);
    let postgres = kit.postgres().await?;
    // As Postgres has it: without the zone map of the sort key.
    postgres.batch_execute("CREATE TABLE plain (LIKE events)").await.context("make its table")?;
    for round in 1..=options.rounds {
        let from_s3 = [
            (&mut json, "json/' IAM_ROLE default GZIP TIMEFORMAT 'auto' JSON 'auto'"),
            (&mut csv, "csv/' IAM_ROLE default GZIP TIMEFORMAT 'auto' CSV"),
        ];
        for (measurement, tail) in from_s3 {
            kit.reset_peak()?;
            let sql = format!("COPY events FROM 's3://{BUCKET}/{tail}");
            copy_once(redshift, &sql, measurement).await?;
            let peak = kit.peak_bytes()?;
            measurement.peak_rss_bytes = measurement.peak_rss_bytes.max(Some(peak));
        }
        own.seconds.push(copy_in(&postgres, loaded, options.rows).await?);
        postgres.batch_execute("TRUNCATE plain").await.context("empty its table")?;
        for measurement in [&json, &csv, &own] {
            if let Some(seconds) = measurement.seconds.last() {
                say(&format!("round {round}: {}: {seconds:.2} s", measurement.name));
            }
        }
    }
    Ok(vec![json, csv, own])
}

/// One COPY from S3 into the empty table; a refusal by name is noted.
async fn copy_once(
    redshift: &Client,
    sql: &str,
    measurement: &mut Measurement,
) -> anyhow::Result<()> {
    let started_at = Instant::now();
    match redshift.batch_execute(sql).await {
        Ok(()) => measurement.seconds.push(started_at.elapsed().as_secs_f64()),
        Err(error) if error.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED) => {
            let reason = error.as_db_error().map(|error| error.message().to_owned());
            measurement.refused = reason;
            return Ok(());
        }
        Err(error) => return Err(error).context(sql.to_owned()),
    }
    let count = redshift.query_one("SELECT COUNT(*) FROM events", &[]).await;
    let count: i64 = count.context("count the rows")?.get(0);
    ensure!(u64::try_from(count) == Ok(measurement.rows), "{sql} loaded {count} rows");
    redshift.batch_execute("TRUNCATE events").await.context("empty the table")
}

/// Postgres' own COPY of the same rows; gives its seconds.
async fn copy_in(postgres: &Client, loaded: &Loaded, rows: u64) -> anyhow::Result<f64> {
    let columns: Vec<_> = loaded.columns.iter().map(|name| format!("\"{name}\"")).collect();
    let sql = format!("COPY plain ({}) FROM STDIN WITH (FORMAT csv)", columns.join(", "));
    let started_at = Instant::now();
    let sink = postgres.copy_in(&sql).await.context("start Postgres' own COPY")?;
    let mut sink = std::pin::pin!(sink);
    for chunk in &loaded.csv {
        sink.feed(chunk.clone()).await.context("send rows to Postgres")?;
    }
    let count = sink.finish().await.context("finish Postgres' own COPY")?;
    ensure!(count == rows, "Postgres loaded {count} rows");
    Ok(started_at.elapsed().as_secs_f64())
}
