//! The rows of `stl_query` ("STL_QUERY", "STL_QUERYTEXT").

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use emulator_core::clock::Clock;
use serde::Serialize;

use super::SystemTables;
use crate::copy::rejects::timestamp_text;
use crate::error::SqlError;
use crate::isolation;
use crate::sql::quotes;
use crate::sql::statement::Statement;
use crate::sql::tokens::Kind;
use crate::wire::Frame;

/// "STL_QUERYTEXT": a query's text in pieces of 200 characters; what is longer is cut.
const TEXT_CHARACTERS_MAX: usize = 65_400;

/// A statement may have megabytes of values; what it does stands before them.
const BEGINNING_BYTES: usize = 4_096;

/// A query that a session executes.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct QueryRecord {
    pub(super) query: i32,
    username: String,
    xid: i64,
    pid: i32,
    database: String,
    querytxt: String,
    starttime: String,
    endtime: Option<String>,
    aborted: i32,
    /// The relation that it inserts rows into, with its names in quotes.
    target: Option<String>,
    /// The rows that it returned or changed.
    rows: Option<u64>,
    /// Why it was aborted.
    error: Option<String>,
}

/// How a query ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    pub(crate) aborted: bool,
    pub(crate) rows: Option<u64>,
    pub(crate) error: Option<String>,
}

/// A transaction that has ended ("SYS_TRANSACTION_HISTORY").
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TransactionRecord {
    xid: i64,
    username: String,
    pid: i32,
    database: String,
    status: &'static str,
    starttime: String,
    endtime: String,
}

impl TransactionRecord {
    pub(super) fn xid(&self) -> i64 {
        self.xid
    }
}

impl QueryRecord {
    pub(super) fn finish(&mut self, ended_at_ms: u64, outcome: Outcome) {
        self.endtime = Some(timestamp_text(moment(ended_at_ms)));
        self.aborted = i32::from(outcome.aborted);
        self.rows = outcome.rows;
        self.error = outcome.error;
    }

    pub(super) fn has_ended(&self) -> bool {
        self.endtime.is_some()
    }
}

/// Writes down what one session does.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(crate) tables: SystemTables,
    pub(crate) clock: Clock,
    username: String,
    database: String,
    process_id: i32,
    /// The current transaction's id, and when it began.
    transaction: Option<(i64, SystemTime)>,
    rolled_back: bool,
}

impl Journal {
    pub(crate) fn new(
        tables: SystemTables,
        clock: Clock,
        username: &str,
        database: &str,
        process_id: i32,
    ) -> Self {
        let (username, database) = (username.to_owned(), database.to_owned());
        let (transaction, rolled_back) = (None, false);
        Self { tables, clock, username, database, process_id, transaction, rolled_back }
    }

    /// The time, as the emulated cluster has it.
    pub(crate) fn now(&self) -> SystemTime {
        moment(self.clock.now_ms())
    }

    /// The id of the current transaction, or of the one that begins now.
    pub(crate) fn transaction_id(&mut self) -> i64 {
        let now = self.now();
        self.transaction.get_or_insert_with(|| (self.tables.next_transaction_id(), now)).0
    }

    /// What has been done since the last answer to a Sync does not last.
    pub(crate) fn rolled_back(&mut self) {
        self.rolled_back = true;
    }

    /// A Sync has been answered; the transaction is over if the session is in none.
    pub(crate) fn synced(&mut self, in_transaction: bool) {
        let rolled_back = std::mem::take(&mut self.rolled_back);
        if in_transaction {
            return;
        }
        if let Some((id, began)) = self.transaction.take() {
            self.tables.transaction_ended(TransactionRecord {
                xid: id,
                username: self.username.clone(),
                pid: self.process_id,
                database: self.database.clone(),
                status: if rolled_back { "rolledback" } else { "committed" },
                starttime: timestamp_text(began),
                endtime: timestamp_text(self.now()),
            });
        }
    }

    /// What the client is told of an error that came of a conflict with another transaction.
    pub(crate) fn conflict(&mut self, error: &Frame) -> Option<SqlError> {
        let id = self.transaction_id();
        isolation::conflict(error, id, self.tables.last_transaction_ended(), self.process_id)
    }

    /// A query begins.
    pub(crate) fn begin_query(&mut self, query: i32, text: &str) {
        let record = QueryRecord {
            query,
            username: self.username.clone(),
            xid: self.transaction_id(),
            pid: self.process_id,
            database: self.database.clone(),
            querytxt: without_secrets(text.trim()).chars().take(TEXT_CHARACTERS_MAX).collect(),
            starttime: timestamp_text(self.now()),
            endtime: None,
            aborted: 0,
            target: target(&Statement::new(beginning(text))),
            rows: None,
            error: None,
        };
        self.tables.record_query(record);
    }

    /// A query ends.
    pub(crate) fn end_query(&self, query: i32, outcome: Outcome) {
        self.tables.finish_query(query, self.clock.now_ms(), outcome);
    }
}

/// How many rows a statement has returned or changed, by the body of its CommandComplete.
pub(crate) fn rows_of(tag: &[u8]) -> Option<u64> {
    let tag = std::str::from_utf8(tag).ok()?.trim_end_matches('\0');
    tag.rsplit_once(' ')?.1.parse().ok()
}

/// The relation that INSERT, MERGE or CREATE TABLE AS inserts rows into, in quotes.
fn target(statement: &Statement<'_>) -> Option<String> {
    let start = if statement.leads("insert into") || statement.leads("merge into") {
        2
    } else if statement.leads("create") {
        let table = (1..4).find(|at| statement.is_word(*at, "table"))?;
        table + if statement.matches(table + 1, "if not exists") { 4 } else { 1 }
    } else {
        return None;
    };
    // `#name` is the name of a temporary table.
    let marked = statement.is_symbol(start, b'#');
    let first = start + usize::from(marked);
    let names: Option<Vec<String>> = (first..statement.after_name(first))
        .step_by(2)
        .map(|at| statement.identifier(at))
        .collect();
    let names = names.filter(|names| (1..4).contains(&names.len()))?;
    if marked {
        return Some(quotes::identifier(&format!("#{}", names[0])));
    }
    // The database can only be the session's own.
    let names: Vec<String> =
        names.iter().rev().take(2).rev().map(|name| quotes::identifier(name)).collect();
    Some(names.join("."))
}

/// What is enough of a statement to know what it does to which table.
fn beginning(sql: &str) -> &str {
    let mut end = sql.len().min(BEGINNING_BYTES);
    while !sql.is_char_boundary(end) {
        end -= 1;
    }
    &sql[..end]
}

/// A statement with nothing in place of the secrets of a COPY, as Redshift writes it down.
fn without_secrets(sql: &str) -> Cow<'_, str> {
    const SECRETS: &[&str] = &[
        "credentials",
        "access_key_id",
        "secret_access_key",
        "session_token",
        "master_symmetric_key",
    ];
    if !Statement::new(beginning(sql)).leads("copy") {
        return Cow::Borrowed(sql);
    }
    let statement = Statement::new(sql);
    let mut kept = String::new();
    let mut from = 0;
    for (at, token) in statement.tokens.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| {
            if statement.is_word(before, "as") { before.saturating_sub(1) } else { before }
        });
        let follows =
            before.is_some_and(|before| SECRETS.iter().any(|word| statement.is_word(before, word)));
        if token.kind == Kind::Text && follows {
            kept.push_str(&sql[from..token.start()]);
            kept.push_str("''");
            from = token.end();
        }
    }
    kept.push_str(&sql[from..]);
    Cow::Owned(kept)
}

fn moment(since_epoch_ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(since_epoch_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_a_copy_are_left_out() {
        let check = |sql: &str, expected: &str| assert_eq!(without_secrets(sql), expected);
        check(
            "copy t from 's3://b/k' with credentials as 'aws_access_key_id=a' json 'auto'",
            "copy t from 's3://b/k' with credentials as '' json 'auto'",
        );
        check(
            "COPY t FROM 's3://b' ACCESS_KEY_ID 'a' SECRET_ACCESS_KEY AS 'b' SESSION_TOKEN 'c';",
            "COPY t FROM 's3://b' ACCESS_KEY_ID '' SECRET_ACCESS_KEY AS '' SESSION_TOKEN '';",
        );
        check("select credentials 'x' from t", "select credentials 'x' from t");
        let long = format!("insert into t values ('{}')", "é".repeat(BEGINNING_BYTES));
        check(&long, &long);
        assert_eq!(target(&Statement::new(beginning(&long))).as_deref(), Some("\"t\""));
    }

    #[test]
    fn targets_are_names_in_quotes() {
        let check = |sql: &str, expected: Option<&str>| {
            assert_eq!(target(&Statement::new(sql)).as_deref(), expected, "{sql}");
        };
        check("insert into T values (1)", Some("\"t\""));
        check("insert into dev.\"S\".t (a) select 1", Some("\"s\".\"t\""));
        check("insert into #t select 1", Some("\"#t\""));
        check("merge into t using u on t.a = u.a", Some("\"t\""));
        check("create temp table if not exists s.t as select 1", Some("\"s\".\"t\""));
        check("create view v as select 1", None);
        check("select 1", None);
        check("insert into", None);
    }

    #[test]
    fn tags_say_how_many_rows_there_were() {
        for (tag, rows) in
            [("INSERT 0 12\0", Some(12)), ("SELECT 3\0", Some(3)), ("COMMIT\0", None), ("", None)]
        {
            assert_eq!(rows_of(tag.as_bytes()), rows, "{tag}");
        }
    }
}
