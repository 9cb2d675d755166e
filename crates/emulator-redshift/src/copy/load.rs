//! Runs a COPY: objects are read ahead, decompressed and split on one thread, converted on all
//! cores, and handed over in order.
//!
//! Every stage waits for the next one, so memory is bounded whatever the files are. Since order is
//! kept, the same files give the same rejects.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use super::columnar::{self, FileLayout, ValueRules};
use super::decode::decode_objects;
pub use super::failure::{CopyFailure, Refusal, RefusalDetail};
use super::fetch;
use super::options::Flag;
use super::rejects::{LoadError, Rejects, Replacement};
use super::rows::{ConvertedGroup, DETAILED_REJECTS_MAX, Plan, REPLACEMENTS_KEPT_MAX, errors_max};
use super::statement::CopyStatement;
pub use super::target::{ColumnType, TargetColumn, TargetTable, load_columns};

/// How the stand-in reads S3; the statement's own authorization is not used.
#[derive(Debug, Clone)]
pub struct S3Access {
    /// The client.
    pub client: aws_sdk_s3::Client,
}

/// Who runs a COPY, for the system tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyContext {
    /// `pg_last_copy_id()`
    pub query_id: i32,
    /// `pg_backend_pid()`
    pub session_pid: i32,
    /// The user.
    pub user_id: i32,
    /// The database of the session.
    pub database: String,
    /// When the statement began.
    pub started_at: SystemTime,
}

/// What a COPY has loaded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoadReport {
    /// Rows that were sent; 0 with NOLOAD.
    pub rows_loaded: u64,
    /// The first of the rows that could not be loaded, in the order of the files: at most
    /// 100,000, and 32 MiB.
    pub rejects: Vec<LoadError>,
    /// How many rows could not be loaded.
    pub reject_count: u64,
    /// Rows in which ACCEPTINVCHARS replaced something.
    pub replaced_count: u64,
    /// The first of them, in the order of the files; at most 100.
    pub replacements: Vec<Replacement>,
    /// The files, in order.
    pub files: Vec<LoadedFile>,
}

/// A file that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedFile {
    /// Its `s3://` path.
    pub url: String,
    /// Its lines, uncompressed.
    pub lines: u64,
    /// Its bytes, as stored.
    pub bytes: u64,
    /// Its ETag, without quotes.
    pub entity_tag: Option<String>,
    /// When it was stored.
    pub last_modified: Option<SystemTime>,
}

impl LoadReport {
    /// The INFO notices of a COPY that has loaded; `table` is the bare name.
    pub fn notices(&self, table: &str) -> Vec<String> {
        let completed = format!("Load into table '{table}' completed,");
        let mut notices =
            vec![format!("{completed} {} record(s) loaded successfully.", self.rows_loaded)];
        if self.reject_count > 0 {
            notices.push(format!(
                "{completed} {} record(s) could not be loaded.  Check 'stl_load_errors' system \
                 table for details.",
                self.reject_count
            ));
        }
        if self.replaced_count > 0 {
            notices.push(format!(
                "{completed} {} record(s) were loaded with replacements made for ACCEPTINVCHARS.  \
                 Check 'stl_replacements' system table for details.",
                self.replaced_count
            ));
        }
        notices
    }
}

/// Loads what the statement names: sends rows in PostgreSQL's COPY text format (tabs, `\N`,
/// backslash escapes, one `\n` per row) for the columns of [`load_columns`], whole rows in each
/// chunk. A chunk has at most 256 KiB, unless a single row is larger.
///
/// # Errors
/// See [`CopyFailure`]. Rows may have been sent before a failure: the receiver must discard them.
/// If the receiver is dropped, the load ends with [`CopyFailure::Cancelled`].
pub async fn load(
    s3: &S3Access,
    statement: &CopyStatement,
    table: &TargetTable,
    context: &CopyContext,
    rows: mpsc::Sender<Bytes>,
) -> Result<LoadReport, CopyFailure> {
    let mut plan = Plan::new(statement, table, context)?;
    if let Some(paths) = fetch::read_jsonpaths(&s3.client, statement).await? {
        plan.follow(&paths)?;
    }
    let plan = Arc::new(plan);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let objects = fetch::open(&s3.client, statement).await?;
    // Dropped with this future, which stops the reading.
    let (fetching, objects) = (objects.task, objects.objects);
    let nothing_found = fetch::nothing_found(statement);
    let region = s3.client.config().region().map_or("us-east-1", |region| region.as_ref());
    let outcome = Outcome::new(statement);
    let report = if let Some(layout) = FileLayout::new(&statement.options, &plan.columns, region) {
        let rules = ValueRules::new(&statement.options, region)?;
        let (sender, groups) = mpsc::channel(workers);
        let decoding = tokio::task::spawn_blocking(move || {
            columnar::decode_objects(&layout, objects, &sender, nothing_found);
        });
        let convert = move |group| columnar::convert(&plan, &rules, group);
        convert_groups(groups, convert, outcome, &rows, decoding).await?
    } else {
        let (sender, groups) = mpsc::channel(workers);
        let reading = plan.reading;
        let decoding = tokio::task::spawn_blocking(move || {
            decode_objects(reading, objects, &sender, nothing_found);
        });
        let convert = move |group| plan.convert(group);
        convert_groups(groups, convert, outcome, &rows, decoding).await?
    };
    finished(fetching.await)?;
    Ok(report)
}

/// Converts groups on the workers as they come, and sends their rows in order.
async fn convert_groups<G: Send + 'static>(
    groups: mpsc::Receiver<Result<G, CopyFailure>>,
    convert: impl Fn(G) -> ConvertedGroup + Send + Sync + 'static,
    mut outcome: Outcome,
    rows: &mpsc::Sender<Bytes>,
    decoding: JoinHandle<()>,
) -> Result<LoadReport, CopyFailure> {
    let workers = groups.max_capacity();
    let convert = Arc::new(convert);
    let groups = stream::unfold(groups, |mut groups| async {
        groups.recv().await.map(|group| (group, groups))
    });
    let converted = groups.map(|group| {
        let convert = convert.clone();
        async move {
            let group = group?;
            let work = tokio::task::spawn_blocking(move || convert(group));
            finished(work.await)
        }
    });
    let mut converted = std::pin::pin!(converted.buffered(workers));
    loop {
        let next = tokio::select! {
            next = converted.next() => next,
            () = rows.closed() => return Err(CopyFailure::Cancelled),
        };
        let Some(group) = next else { break };
        for chunk in outcome.accept(group?)? {
            rows.send(chunk).await.map_err(|_| CopyFailure::Cancelled)?;
        }
    }
    finished(decoding.await)?;
    Ok(LoadReport { rejects: outcome.rejects.into_rows(), ..outcome.report })
}

/// What a task gave. Its panic is a bug of ours, and goes on here: without its part the load would
/// be incomplete and look whole.
fn finished<T>(outcome: Result<T, JoinError>) -> Result<T, CopyFailure> {
    outcome.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => CopyFailure::Cancelled,
    })
}

/// The report as it grows, and when it is too bad.
struct Outcome {
    report: LoadReport,
    /// The report gets them at the end.
    rejects: Rejects,
    /// As many errors fail the load; none do with IGNOREALLERRORS.
    errors_max: Option<u64>,
    no_load: bool,
}

impl Outcome {
    fn new(statement: &CopyStatement) -> Outcome {
        let options = &statement.options;
        Outcome {
            report: LoadReport::default(),
            rejects: Rejects::of_copy(),
            errors_max: errors_max(options),
            no_load: options.has(Flag::NoLoad),
        }
    }

    /// Counts a group; gives its rows, if they are to be loaded.
    fn accept(&mut self, group: ConvertedGroup) -> Result<Vec<Bytes>, CopyFailure> {
        let report = &mut self.report;
        let left_out = group.rejects.is_full();
        for mut reject in group.rejects.into_rows() {
            // Only the first errors of the whole COPY have their fields shown.
            if DETAILED_REJECTS_MAX <= self.rejects.len() {
                reject.details = Vec::new();
            }
            self.rejects.push(reject);
        }
        if left_out {
            self.rejects.leave_out();
        }
        let room = REPLACEMENTS_KEPT_MAX - report.replacements.len();
        report.replacements.extend(group.replacements.into_iter().take(room));
        report.reject_count += group.reject_count;
        if let Some(refusal) = group.failure {
            return Err(refusal.into());
        }
        let limit = self.errors_max.filter(|max| report.reject_count >= *max);
        if group.hopeless || limit.is_some() {
            // The load stops at the error that is one too many: those after it are not reported.
            let count = limit.unwrap_or(report.reject_count);
            let rejects = std::mem::replace(&mut self.rejects, Rejects::of_copy());
            let mut rejects = rejects.into_rows();
            rejects.truncate(usize::try_from(count).unwrap_or(usize::MAX));
            let replacements = std::mem::take(&mut report.replacements);
            return Err(CopyFailure::Rejected { rejects, count, replacements });
        }
        report.files.extend(group.file);
        report.replaced_count += group.replaced_count;
        if self.no_load {
            return Ok(Vec::new());
        }
        report.rows_loaded += group.row_count;
        Ok(group.chunks)
    }
}

#[cfg(test)]
mod tests;
