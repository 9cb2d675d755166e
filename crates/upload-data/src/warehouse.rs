//! What the upload needs of Redshift: sessions that run one statement at a time.
//!
//! Statements go through the simple query protocol: no statement has parameters, every value comes
//! back as text. Of notices only the one counts that says how many rows COPY left out.

use runtime::redshift::{self, ConnectError};
use runtime::settings::RedshiftSettings;
use tokio_postgres::SimpleQueryMessage;

use crate::error::StatementError;

/// What a statement gave.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    /// The rows of a SELECT, as text; `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
    /// The number in the command tag: what an INSERT inserted.
    pub row_count: u64,
    /// What Redshift said beside the result.
    pub notices: Vec<String>,
}

impl Reply {
    /// How many rows a COPY left out, as it says itself: `Load into table '…' completed, 2
    /// record(s) could not be loaded.`
    pub(crate) fn skipped_count(&self) -> u64 {
        let said = self.notices.iter().filter_map(|notice| {
            let (before, _) = notice.split_once(" record(s) could not be loaded")?;
            before.rsplit(' ').next()?.parse::<u64>().ok()
        });
        said.sum()
    }

    /// The value in that row and column, as text; NULL and what is not there are empty.
    pub(crate) fn text(&self, row: usize, column: usize) -> &str {
        self.rows.get(row).and_then(|row| row.get(column)?.as_deref()).unwrap_or_default()
    }

    /// The value in that column of the first row, as a count.
    pub(crate) fn count(&self, column: usize) -> Result<u64, StatementError> {
        let text = self.text(0, column);
        text.parse().map_err(|_| StatementError::Unexpected {
            answer: text.to_owned(),
            expected: "a count",
        })
    }
}

/// Where sessions come from.
pub(crate) trait Warehouse {
    /// What [`Warehouse::connect`] opens.
    type Session: Session;
    /// Opens a session.
    async fn connect(&self) -> Result<Self::Session, ConnectError>;
}

/// A session; dropping it ends it and undoes an open transaction.
pub(crate) trait Session {
    /// Runs one statement.
    async fn run(&mut self, sql: &str) -> Result<Reply, StatementError>;
    /// Asks Redshift to give up the statement whose answer is not awaited any more.
    async fn cancel(&mut self);
}

/// Redshift, as the settings name it.
pub(crate) struct Redshift<'a>(pub &'a RedshiftSettings);

impl Warehouse for Redshift<'_> {
    type Session = redshift::Session;

    async fn connect(&self) -> Result<Self::Session, ConnectError> {
        redshift::connect(self.0).await
    }
}

impl Session for redshift::Session {
    async fn run(&mut self, sql: &str) -> Result<Reply, StatementError> {
        tracing::debug!(sql, "statement");
        let _ = self.take_notices();
        let messages = self.client.simple_query(sql).await.map_err(|error| statement(&error))?;
        let mut reply = Reply { notices: self.take_notices(), ..Reply::default() };
        for message in messages {
            match message {
                SimpleQueryMessage::Row(row) => reply.rows.push(
                    (0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect(),
                ),
                SimpleQueryMessage::CommandComplete(count) => reply.row_count = count,
                _ => {}
            }
        }
        Ok(reply)
    }

    async fn cancel(&mut self) {
        if let Err(error) = redshift::Session::cancel(self).await {
            // `statement_timeout` ends it all the same.
            tracing::debug!(%error, "statement not cancelled");
        }
    }
}

/// A FATAL error is the connection's end: Redshift says why, but not what became of the statement.
fn statement(error: &tokio_postgres::Error) -> StatementError {
    match error.as_db_error() {
        Some(refusal) if !matches!(refusal.severity(), "FATAL" | "PANIC") => {
            let detail = refusal.detail().map(|detail| format!(": {}", one_line(detail)));
            StatementError::Refused {
                sqlstate: refusal.code().code().to_owned(),
                message: format!("{}{}", refusal.message(), detail.unwrap_or_default()),
            }
        }
        Some(refusal) => StatementError::Lost { reason: refusal.message().to_owned() },
        None => {
            let cause = std::error::Error::source(error);
            let reason = cause.map_or_else(|| error.to_string(), |it| format!("{error}: {it}"));
            StatementError::Lost { reason }
        }
    }
}

/// A DETAIL without the rules that Redshift draws round it.
fn one_line(detail: &str) -> String {
    let lines = detail.lines().map(str::trim);
    let lines = lines.filter(|line| !line.trim_matches('-').is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Reply, one_line};

    #[test]
    fn copy_says_how_many_rows_it_left_out() {
        let said = |notices: &[&str]| {
            let notices = notices.iter().map(ToString::to_string).collect();
            Reply { notices, ..Reply::default() }.skipped_count()
        };
        let loaded = "Load into table 't' completed, 7 record(s) loaded successfully.";
        let skipped = "Load into table 'a 3 record' completed, 4 record(s) could not be loaded.  \
                       Check 'stl_load_errors' system table for details.";
        assert_eq!((said(&[]), said(&[loaded]), said(&[loaded, skipped])), (0, 0, 4));
    }

    #[test]
    fn a_detail_is_one_line_in_which_keys_stand_as_they_are() {
        let detail = "\n  -----\n  code:      9001\n  context:   S3 key being read : s3://b/a  b\n  \
                      query:     13\n  -----\n";
        let expected = "code:      9001 context:   S3 key being read : s3://b/a  b query:     13";
        assert_eq!(one_line(detail), expected);
    }
}
