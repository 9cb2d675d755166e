//! Draws, for each event in `report_events`, how often it happened per day and device type.
//!
//! One query, then pure functions up to the bytes of each picture, then files that appear whole or
//! not at all; then, if asked for, the same files in the bucket. Invariants: nothing in Redshift is
//! changed; the same rows give the same pictures; no name out of the data decides where a file is
//! written. Deliberately unknown here: how the rows got into the table.
//!
//! - [`config`] what to count and where to put the charts
//! - `query` the SQL and its answer
//! - [`series`] rows → steps of time × groups (pure)
//! - [`charts`] series → SVG and PNG (pure)
//! - `report` series and their SVGs → one HTML page (pure)
//! - `files` safe names, whole files
//! - [`publish`] files → objects

pub mod charts;
pub mod config;
pub mod error;
mod files;
pub mod publish;
mod query;
mod report;
pub mod series;
mod summary;

use std::time::Instant;

use runtime::failure::WithHint;
use runtime::periodic::Done;

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use config::{Columns, Config};
use error::VisualizeError;
use files::{Format, Stems, Written};
use publish::Published;
use report::Report;
use series::{DayCount, Series};

pub use summary::{Figures, Summary};

/// [`run`] as a periodic job: counted in `figures`, its time now.
///
/// # Errors
/// As [`run`], with a hint where we know the cure.
pub async fn run_counted(
    config: &Config,
    shutdown: &CancellationToken,
    figures: &Figures,
) -> anyhow::Result<Done<Summary>> {
    let summary = run(config, OffsetDateTime::now_utc(), shutdown).await.or_else(hinted)?;
    if summary.report.is_some() {
        figures.add(&summary);
    }
    Ok(Done { summary, exit_code: 0 })
}

/// Adds the hint that the error itself knows.
///
/// # Errors
/// Always: the error given.
pub fn hinted<T>(error: VisualizeError) -> anyhow::Result<T> {
    match error.hint() {
        Some(hint) => Err(error).hint(hint),
        None => Err(error.into()),
    }
}

/// Counts, draws and writes one picture per event, as PNG and SVG, and a page of all; puts them into
/// the bucket if the configuration names a place there. `now` is in the files' names.
///
/// An event without rows gets a picture that says so. A stop is heeded while Redshift is asked and
/// while S3 does not answer, and is no failure: the summary says so. Charts once begun are finished.
///
/// # Errors
/// If there is nothing to draw from or no place to write to; or if S3 does not take all files, which
/// stay in the directory.
pub async fn run(
    config: &Config,
    now: OffsetDateTime,
    shutdown: &CancellationToken,
) -> Result<Summary, VisualizeError> {
    let started = Instant::now();
    files::make_directory(&config.out)?;
    let Some(asked) = shutdown.run_until_cancelled(ask(config)).await else {
        tracing::info!("stopped before redshift answered, no charts drawn");
        let took = started.elapsed();
        return Ok(Summary { stopped: true, took, ..Summary::default() });
    };
    let rows = asked?;
    let of_run = config.clone();
    let drawn = tokio::task::spawn_blocking(move || draw(&of_run, &rows, now));
    let (files, rows) = drawn.await.expect("drawing neither panics nor is aborted")?;
    let directory = config.out.display();
    tracing::info!(chart_count = config.events.len(), row_count = rows, %directory, "charts drawn");
    let Published { urls, stopped } = match &config.target {
        Some(target) => publish::put_all(target, &files, shutdown).await?,
        None => Published::default(),
    };
    let mut charts: Vec<_> = files.into_iter().map(|file| file.path).collect();
    let report = charts.pop();
    Ok(Summary { charts, report, objects: urls, rows, stopped, took: started.elapsed() })
}

async fn ask(config: &Config) -> Result<Vec<DayCount>, VisualizeError> {
    let session = runtime::redshift::connect(&config.redshift).await?;
    query::count(&session.client, &config.columns, &config.events).await
}

/// All files, the report last, and how many rows they show.
fn draw(
    config: &Config,
    rows: &[DayCount],
    now: OffsetDateTime,
) -> Result<(Vec<Written>, u64), VisualizeError> {
    let all = series::assemble(rows, &config.events);
    let mut stems = Stems::at(now);
    let mut written = Vec::new();
    let mut drawings = Vec::new();
    for series in &all {
        let picture = charts::grouped_bars(series, &config.columns.group);
        let stem = stems.take(&series.event);
        let svg = picture.svg.clone().into_bytes();
        written.push(files::write(&config.out, &stem, Format::Png, picture.png)?);
        written.push(files::write(&config.out, &stem, Format::Svg, svg)?);
        drawings.push(picture.svg);
    }
    let Columns { table, group, .. } = &config.columns;
    let charts: Vec<_> = all.iter().zip(drawings.iter().map(String::as_str)).collect();
    let page = Report { table, group_by: group, drawn_at: now }.html(&charts);
    written.push(files::write(&config.out, &stems.report(), Format::Html, page.into_bytes())?);
    Ok((written, all.iter().map(Series::total).fold(0, u64::saturating_add)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::path::Path;

    /// A run against port `port` of this machine into `out`.
    async fn run_against(
        port: u16,
        out: &Path,
        shutdown: &CancellationToken,
    ) -> Result<Summary, VisualizeError> {
        let port = port.to_string();
        let config = config::Args::parse_from([
            "visualize",
            "--redshift-host=127.0.0.1",
            "--redshift-user=awsuser",
            "--redshift-database=dev",
            "--redshift-table=events",
            "--redshift-port",
            &port,
            "--out",
            out.to_str().unwrap(),
        ]);
        run(&config.resolve().unwrap(), OffsetDateTime::UNIX_EPOCH, shutdown).await
    }

    #[tokio::test]
    async fn without_a_server_the_hint_says_how_to_start_one() {
        let directory = tempfile::tempdir().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let shutdown = CancellationToken::new();
        let error = run_against(port, directory.path(), &shutdown).await.unwrap_err();
        assert!(error.hint().unwrap().contains("is the cluster up"), "{error}");
    }

    #[tokio::test]
    async fn a_stop_is_heeded_while_redshift_is_silent_and_is_no_failure() {
        let directory = tempfile::tempdir().unwrap();
        // Accepts, thanks to its backlog, and never answers.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shutdown = CancellationToken::new();
        let run = run_against(port, directory.path(), &shutdown);
        let stop = async {
            tokio::task::yield_now().await;
            shutdown.cancel();
        };
        let (outcome, ()) = tokio::join!(run, stop);
        assert!(outcome.as_ref().is_ok_and(|summary| summary.stopped), "{outcome:?}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
