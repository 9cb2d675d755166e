//! The rows of `stl_query` ("STL_QUERY", "STL_QUERYTEXT").

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use emulator_core::clock::Clock;
use serde::Serialize;

use super::SystemTables;
use crate::copy::rejects::timestamp_text;
use crate::isolation::Violation;
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
    /// The id of the table over which another transaction has ended it.
    conflict: Option<u32>,
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
    /// The tables of the queries that may not have ended for good.
    touched: Vec<(i32, Touched)>,
    /// The last query that has ended.
    ended: i32,
    /// The table of an isolation violation.
    conflict: Option<u32>,
    last_copy: LastCopy,
    /// The one before the first that this transaction has loaded.
    copied_over: Option<LastCopy>,
    /// Whether the transaction may have made something that shows system tables.
    pub(crate) defines: bool,
}

/// What `pg_last_copy_id()` and `pg_last_copy_count()` return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LastCopy {
    pub(crate) query: i32,
    pub(crate) rows: u64,
}

/// The table that a query is about, with its names in quotes.
#[derive(Debug, PartialEq, Eq)]
struct Touched {
    table: String,
    writes: bool,
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
        Self {
            tables,
            clock,
            username,
            database,
            process_id,
            transaction: None,
            rolled_back: false,
            touched: Vec::new(),
            ended: -1,
            conflict: None,
            last_copy: LastCopy { query: -1, rows: 0 },
            copied_over: None,
            defines: false,
        }
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

    /// What has been done since the last answer to a Sync does not last. "If the COPY transaction
    /// is rolled back, the COPY ID is not updated" ("PG_LAST_COPY_ID").
    pub(crate) fn rolled_back(&mut self) {
        self.rolled_back = true;
        self.last_copy = self.copied_over.take().unwrap_or(self.last_copy);
    }

    /// What the transaction has done so far lasts.
    pub(crate) fn committed(&mut self) {
        self.copied_over = None;
    }

    /// The last COPY that began to load.
    pub(crate) fn last_copy(&self) -> LastCopy {
        self.last_copy
    }

    /// A COPY has loaded, as long as its transaction is not rolled back.
    pub(crate) fn copied(&mut self, query: i32, rows: u64) {
        self.copied_over.get_or_insert(self.last_copy);
        self.last_copy = LastCopy { query, rows };
    }

    /// A COPY has failed while it loaded: its id counts, "so you can use PG_LAST_COPY_ID when you
    /// query STL_LOAD_ERRORS" (there).
    pub(crate) fn copy_failed(&mut self, query: i32) {
        self.last_copy = LastCopy { query, rows: 0 };
    }

    /// A Sync has been answered; the transaction is over if the session is in none.
    pub(crate) fn synced(&mut self, in_transaction: bool) {
        let rolled_back = std::mem::take(&mut self.rolled_back);
        if in_transaction {
            return;
        }
        self.committed();
        if std::mem::take(&mut self.defines) {
            self.tables.dependents.changed();
        }
        let ended = self.ended;
        self.touched.retain(|(query, _)| ended < *query);
        let conflict = self.conflict.take();
        if let Some((id, began)) = self.transaction.take() {
            self.tables.transaction_ended(TransactionRecord {
                xid: id,
                username: self.username.clone(),
                pid: self.process_id,
                database: self.database.clone(),
                status: if rolled_back { "rolledback" } else { "committed" },
                starttime: timestamp_text(began),
                endtime: timestamp_text(self.now()),
                conflict,
            });
        }
    }

    /// An error that came of a conflict with another transaction, and the query that failed; `None`
    /// for all other errors. It is about the table written last, or read if none was written.
    pub(crate) fn violation(&mut self, error: &Frame, failed: Option<i32>) -> Option<Violation> {
        if !Violation::is_said_by(error) {
            return None;
        }
        let until = failed.unwrap_or(i32::MAX);
        let touched = self.touched.iter().filter(|(query, _)| *query <= until);
        let touched = touched.max_by_key(|(query, touched)| (touched.writes, *query));
        let table = touched.map(|(_, touched)| touched.table.clone());
        Some(Violation {
            transaction: self.transaction_id(),
            other: self.tables.last_transaction_ended(),
            process_id: self.process_id,
            table,
        })
    }

    /// The table over which the transaction was ended.
    pub(crate) fn conflicted(&mut self, table_id: u32) {
        self.conflict = Some(table_id);
    }

    /// A query begins.
    pub(crate) fn begin_query(&mut self, query: i32, text: &str) {
        let beginning = Statement::new(beginning(text));
        self.touched.extend(touched(&beginning).map(|touched| (query, touched)));
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
            target: target(&beginning),
            rows: None,
            error: None,
        };
        self.tables.record_query(record);
    }

    /// A query ends.
    pub(crate) fn end_query(&mut self, query: i32, outcome: Outcome) {
        self.ended = self.ended.max(query);
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
    quoted_name(statement, start)
}

/// The table that a statement writes to, or else the first that it reads.
fn touched(statement: &Statement<'_>) -> Option<Touched> {
    const WRITES: &[&str] =
        &["insert into", "merge into", "delete from", "delete", "update", "copy"];
    let named = |start, writes| {
        let table = statement.is_identifier(start).then(|| quoted_name(statement, start))??;
        Some(Touched { table, writes })
    };
    if let Some(verb) = WRITES.iter().find(|verb| statement.leads(verb)) {
        return named(verb.split(' ').count(), true);
    }
    let from = (1..statement.tokens.len()).find(|at| statement.is_word(*at, "from"))?;
    named(from + 1, false)
}

/// A name in quotes, at most of a schema and a table.
fn quoted_name(statement: &Statement<'_>, start: usize) -> Option<String> {
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
    fn a_statement_is_about_the_table_that_it_writes_or_reads() {
        let check = |sql: &str, table: &str, writes: bool| {
            let expected = Touched { table: table.to_owned(), writes };
            assert_eq!(touched(&Statement::new(sql)), Some(expected), "{sql}");
        };
        check("update T set a = 1 from u", "\"t\"", true);
        check("delete from s.t where a = 1", "\"s\".\"t\"", true);
        check("delete t", "\"t\"", true);
        check("copy dev.s.t from 's3://b/k' iam_role default", "\"s\".\"t\"", true);
        check("insert into t select a from u", "\"t\"", true);
        check("select a from u join t using (a)", "\"u\"", false);
        for sql in ["select 1", "select a from (select 1)", "delete", "update", "select from"] {
            assert_eq!(touched(&Statement::new(sql)), None, "{sql}");
        }
    }

    #[test]
    fn a_rollback_brings_the_last_copy_back_unless_it_has_failed() {
        let clock = Clock::default();
        let mut journal = Journal::new(SystemTables::default(), clock, "awsuser", "dev", 1);
        let last = |journal: &Journal| (journal.last_copy().query, journal.last_copy().rows);
        journal.copied(1, 10);
        journal.synced(false);
        journal.copied(2, 20);
        journal.copied(3, 30);
        journal.synced(true);
        assert_eq!(last(&journal), (3, 30));
        journal.rolled_back();
        journal.synced(false);
        assert_eq!(last(&journal), (1, 10));
        journal.copied(4, 40);
        journal.rolled_back();
        journal.copy_failed(5);
        journal.rolled_back();
        assert_eq!(last(&journal), (5, 0));
        journal.copied(6, 60);
        journal.committed();
        journal.rolled_back();
        assert_eq!(last(&journal), (6, 60));
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
