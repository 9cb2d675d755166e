//! How much memory COPY takes, whatever it reads.
//!
//! The stand-alone Redshift is measured, a process of its own beside the kit whose S3 it reads: what
//! S3 holds does not count. A prefix is one object that is copied within S3 as often as it takes.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use aws_sdk_s3::primitives::ByteStream;
use tokio_postgres::Client;

use super::copy::{BUCKET, OBJECT_ROWS, columns, gzip, make_table};
use super::kit::Kit;
use super::report::Memory;
use super::rows::Rows;

/// Rows of one object of long lines.
const LONG_ROWS: u64 = 16;
/// The longest VARCHAR ("Character types").
const VALUE_BYTES: usize = 65_535;
/// So many of them that a row stays just under the 4 MB that COPY takes.
const VALUES: usize = 63;

/// One prefix of equal objects.
struct Prefix {
    name: &'static str,
    table: &'static str,
    options: &'static str,
    content: Vec<u8>,
    /// Of one object, not compressed.
    bytes: u64,
    rows: u64,
}

/// Loads `bytes_min` bytes of each shape.
pub(super) async fn measure(
    program: &Path,
    s3: &Kit,
    bytes_min: u64,
    say: &dyn Fn(&str),
) -> anyhow::Result<Vec<Memory>> {
    let redshift = Kit::start_redshift(program, s3)?;
    let client = redshift.redshift().await?;
    make_table(&client).await?;
    let wide: Vec<_> = (1..=VALUES).map(|number| format!("c{number} VARCHAR(MAX)")).collect();
    let wide = format!("CREATE TABLE wide ({})", wide.join(", "));
    client.batch_execute(&wide).await.context("make the wide table")?;
    let mut figures = Vec::new();
    for number in 0..3 {
        // One at a time: nothing of the others lies in memory.
        let prefix = match number {
            0 => events(&client, false).await?,
            1 => events(&client, true).await?,
            _ => long_lines(),
        };
        figures.push(load(&redshift, &client, s3, prefix, bytes_min, say).await?);
    }
    Ok(figures)
}

async fn events(client: &Client, zipped: bool) -> anyhow::Result<Prefix> {
    let rows = Rows::new(&columns(client).await?)?;
    let json = rows.part(0, OBJECT_ROWS).json;
    let bytes = json.len() as u64;
    let (name, options, content) = match zipped {
        true => ("events, gzip", "GZIP TIMEFORMAT 'auto'", gzip(&json)),
        false => ("events", "TIMEFORMAT 'auto'", json),
    };
    Ok(Prefix { name, table: "events", options, content, bytes, rows: OBJECT_ROWS })
}

fn long_lines() -> Prefix {
    let value = "x".repeat(VALUE_BYTES);
    let members: Vec<_> = (1..=VALUES).map(|number| format!("\"c{number}\":\"{value}\"")).collect();
    let line = format!("{{{}}}\n", members.join(","));
    let content = line.repeat(LONG_ROWS as usize).into_bytes();
    let bytes = content.len() as u64;
    Prefix { name: "lines of 4 MB", table: "wide", options: "", content, bytes, rows: LONG_ROWS }
}

async fn load(
    redshift: &Kit,
    client: &Client,
    s3: &Kit,
    prefix: Prefix,
    bytes_min: u64,
    say: &dyn Fn(&str),
) -> anyhow::Result<Memory> {
    let Prefix { name, table, options, content, bytes, rows } = prefix;
    let objects = bytes_min.div_ceil(bytes);
    say(&format!("loading {objects} objects of {bytes} bytes: {name}"));
    let requests = s3.s3();
    let key = |number: u64| format!("memory/{number:06}");
    let put = requests.put_object().bucket(BUCKET).key(key(0));
    put.body(ByteStream::from(content)).send().await.context("put the first object")?;
    for number in 1..objects {
        let copy = requests.copy_object().copy_source(format!("{BUCKET}/{}", key(0)));
        copy.bucket(BUCKET).key(key(number)).send().await.context("copy the object")?;
    }
    redshift.reset_peak()?;
    let rss_before_bytes = redshift.resident_bytes()?;
    let sql =
        format!("COPY {table} FROM 's3://{BUCKET}/memory/' IAM_ROLE default JSON 'auto' {options}");
    let started_at = Instant::now();
    client.batch_execute(&sql).await.context(sql)?;
    let seconds = started_at.elapsed().as_secs_f64();
    let peak_rss_bytes = redshift.peak_bytes()?;
    let counted = client.query_one(&format!("SELECT COUNT(*) FROM {table}"), &[]).await;
    let counted: i64 = counted.context("count the rows")?.get(0);
    ensure!(u64::try_from(counted) == Ok(objects * rows), "{counted} rows are in {table}");
    client.batch_execute(&format!("TRUNCATE {table}")).await.context("empty the table")?;
    for number in 0..objects {
        let delete = requests.delete_object().bucket(BUCKET).key(key(number));
        delete.send().await.context("delete an object")?;
    }
    Ok(Memory { name, objects, bytes: objects * bytes, seconds, rss_before_bytes, peak_rss_bytes })
}
