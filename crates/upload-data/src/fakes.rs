//! A bucket and a warehouse in memory, for tests: they keep a journal, fail on command, and refuse
//! to let an object vanish that the committed ledger does not know.
//!
//! The warehouse understands exactly the statements of `copy_sql`, by their first words. Its
//! sessions take their snapshot as Redshift does, at the first statement that reads, and `LOCK`
//! waits; so a lock taken too late shows as a double load.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use runtime::redshift::ConnectError;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::error::StatementError;
use crate::warehouse::{Reply, Session, Warehouse};

mod store;

pub(crate) use store::FakeStore;

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is refused, without effect.
    Refuse,
    /// Redshift refuses it because of another transaction: error 1023.
    Conflict,
    /// The connection is cut before it has an effect.
    Cut,
    /// It has its effect, but the answer is lost, and with it the connection.
    LoseAnswer,
    /// It is accepted and never answered. Nobody knows whether it has an effect: it has none.
    Mute,
    /// It has its effect, and is never answered.
    MuteAfter,
    /// The program is stopped, and it is too late to begin a call of S3.
    TooLate,
    /// The program is killed before the call.
    KillBefore,
    /// The program is killed after the call.
    KillAfter,
}

impl Fault {
    pub(crate) const ALL: [Self; 6] = [
        Self::Refuse,
        Self::Conflict,
        Self::Cut,
        Self::LoseAnswer,
        Self::KillBefore,
        Self::KillAfter,
    ];
}

/// A row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LedgerRow {
    pub key: String,
    pub etag: String,
    pub load_id: String,
}

/// Everything there is. Bodies are ids with blanks between; the table holds ids. In place of an id
/// may stand `bad`, a row that COPY cannot load, or `hopeless`, too many of them; a body with
/// `broken` in it cannot be read at all; `nameless` is an event without an id.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub objects: BTreeMap<String, String>,
    pub table: Vec<String>,
    pub ledger: Option<Vec<LedgerRow>>,
    /// Every call, in order.
    pub journal: Vec<String>,
    /// The call to fail, counted from 0, and how.
    pub fault: Option<(usize, Fault)>,
    /// Calls of that name, or that begin with it if it ends with a slash, all fail in that way.
    pub lasting_fault: Option<(&'static str, Fault)>,
    /// Once there was a call of that name, nobody connects any more.
    pub gone_after: Option<&'static str>,
    /// Rows of `stl_load_errors`, the latest last; COPY adds one when it meets `bad`.
    pub load_errors: Vec<[String; 7]>,
    /// COPYs so far; the last one's number.
    pub copy_count: usize,
    /// Rows that the last COPY loaded, as it counts them.
    pub copied_count: u64,
    /// COPY loses so many bad rows without a word in `stl_load_errors`, or so many good ones.
    pub lost_reasons: usize,
    pub lost_rows: usize,
    /// COPY fails with these words, whatever it is to read.
    pub copy_failure: Option<&'static str>,
    /// From that COPY on, counted from 1, all fail with these words.
    pub broken_since: Option<(usize, &'static str)>,
    /// From that COPY on, counted from 1, so many fail with these words when they come to the object.
    pub object_failures: BTreeMap<String, ObjectFailure>,
    /// Another run commits a load of that object while COPY of that number runs.
    pub loaded_meanwhile: Option<(usize, String)>,
    /// S3's code for calls that are refused; AccessDenied without one.
    pub refusal_code: Option<&'static str>,
    /// Somebody writes an object (key, body) just before that call.
    pub rewrite_before: Option<(String, String, String)>,
    /// Whether a COPY that cannot read an object does not say which.
    pub is_taciturn: bool,
    pub dead: bool,
}

/// Why COPY does not read an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ObjectFailure {
    pub since: usize,
    pub times: usize,
    pub said: &'static str,
}

/// What the caller of a failing call must still do.
enum Effect {
    Fully,
    ThenLost,
}

impl World {
    /// Notes a call and decides what becomes of it.
    fn enter(&mut self, call: String) -> Result<Effect, Fault> {
        if self.dead {
            return Err(Fault::KillBefore);
        }
        let number = self.journal.len();
        if let Some((_, key, body)) = self.rewrite_before.take_if(|it| it.0 == call) {
            self.objects.insert(key, body);
        }
        let is_gone = |name: &str| self.journal.iter().any(|made| made == name);
        if call == "connect" && self.gone_after.is_some_and(is_gone) {
            self.journal.push(call);
            return Err(Fault::Cut);
        }
        let lasting = self
            .lasting_fault
            .filter(|(name, _)| *name == call || name.ends_with('/') && call.starts_with(name));
        self.journal.push(call);
        let fault = self.fault.filter(|(at, _)| *at == number).map(|(_, fault)| fault);
        let fault = fault.or(lasting.map(|(_, fault)| fault));
        self.dead = matches!(fault, Some(Fault::KillBefore | Fault::KillAfter));
        match fault {
            None => Ok(Effect::Fully),
            Some(Fault::LoseAnswer | Fault::KillAfter) => Ok(Effect::ThenLost),
            Some(fault) => Err(fault),
        }
    }

    pub(crate) fn etag(body: &str) -> String {
        format!("etag-of-{}", body.replace(' ', "-"))
    }

    fn must_be_in_ledger(&self, key: &str) {
        let etag = Self::etag(&self.objects[key]);
        let ledger = self.ledger.as_deref().unwrap_or_default();
        let committed = ledger.iter().any(|row| row.key == key && row.etag == etag);
        assert!(committed, "{key} is put away, but not committed: {:#?}", self.journal);
    }
}

/// A warehouse with one table.
pub(crate) struct FakeWarehouse<'a> {
    pub world: &'a RefCell<World>,
    lock: Arc<Mutex<()>>,
}

impl<'a> FakeWarehouse<'a> {
    pub(crate) fn new(world: &'a RefCell<World>) -> Self {
        Self { world, lock: Arc::default() }
    }

    /// Waits until nobody holds the ledger, then holds it as another run would.
    pub(crate) async fn hold_ledger(&self) -> OwnedMutexGuard<()> {
        self.lock.clone().lock_owned().await
    }
}

impl<'a> Warehouse for FakeWarehouse<'a> {
    type Session = FakeSession<'a>;

    async fn connect(&self) -> Result<Self::Session, ConnectError> {
        match self.world.borrow_mut().enter("connect".to_owned()) {
            Ok(Effect::Fully) => Ok(FakeSession {
                world: self.world,
                lock: self.lock.clone(),
                transaction: None,
                lost: false,
            }),
            _ => Err(ConnectError::NoTls { problem: "on command".to_owned() }),
        }
    }
}

/// What a transaction sees and has done.
#[derive(Default)]
struct Transaction {
    held: Option<OwnedMutexGuard<()>>,
    snapshot: Option<(Vec<String>, Vec<LedgerRow>)>,
    staged: Vec<String>,
    rows: Vec<String>,
    ledger: Vec<LedgerRow>,
}

pub(crate) struct FakeSession<'a> {
    world: &'a RefCell<World>,
    lock: Arc<Mutex<()>>,
    transaction: Option<Transaction>,
    lost: bool,
}

impl Session for FakeSession<'_> {
    async fn run(&mut self, sql: &str) -> Result<Reply, StatementError> {
        tokio::task::yield_now().await;
        let lost = StatementError::Lost { reason: "cut".to_owned() };
        if self.lost {
            return Err(lost);
        }
        let entered = self.world.borrow_mut().enter(name(sql).to_owned());
        match entered {
            Ok(Effect::Fully) => self.take_effect(sql).await,
            Ok(Effect::ThenLost) => {
                let _ = self.take_effect(sql).await;
                self.lost = true;
                self.transaction = None;
                Err(lost)
            }
            Err(fault @ (Fault::Refuse | Fault::Conflict)) => {
                // A refused COMMIT is a rollback.
                if name(sql) == "COMMIT" {
                    self.transaction = None;
                }
                let conflict = "1023: Serializable isolation violation on table - 100157";
                let is_conflict = fault == Fault::Conflict;
                Err(refused("XX000", if is_conflict { conflict } else { "on command" }))
            }
            Err(fault @ (Fault::Mute | Fault::MuteAfter)) => {
                if fault == Fault::MuteAfter {
                    let _ = self.take_effect(sql).await;
                }
                std::future::pending().await
            }
            Err(_) => {
                self.lost = true;
                self.transaction = None;
                Err(lost)
            }
        }
    }

    async fn cancel(&mut self) {
        self.world.borrow_mut().journal.push("cancel".to_owned());
    }
}

fn refused(sqlstate: &str, message: &str) -> StatementError {
    StatementError::Refused { sqlstate: sqlstate.to_owned(), message: message.to_owned() }
}

/// What the journal calls a statement.
fn name(sql: &str) -> &'static str {
    let names = [
        ("SET statement_timeout TO 300000", "SET statement_timeout"),
        ("SET statement_timeout TO 30000", "SET statement_timeout to 30 s"),
        ("SET statement_timeout", "SET statement_timeout"),
        ("RESET", "RESET statement_timeout"),
        ("BEGIN", "BEGIN"),
        ("LOCK", "LOCK"),
        ("CREATE TABLE IF NOT", "create ledger"),
        ("SELECT \"object_key\"", "read ledger"),
        ("CREATE TEMP TABLE", "CREATE TEMP TABLE"),
        ("COPY", "COPY"),
        ("SELECT COUNT", "count"),
        ("SELECT DISTINCT", "days"),
        ("INSERT INTO \"load_ledger\"", "insert ledger"),
        ("INSERT INTO", "insert events"),
        ("COMMIT", "COMMIT"),
        ("ROLLBACK", "ROLLBACK"),
        ("SELECT pg_backend_pid", "session id"),
        ("SELECT pg_last_copy_id", "copy id"),
        ("SELECT query", "read stl_load_errors"),
    ];
    let found = names.iter().find(|(start, _)| sql.starts_with(start));
    found.unwrap_or_else(|| panic!("a statement the fake does not know: {sql}")).1
}

impl FakeSession<'_> {
    async fn take_effect(&mut self, sql: &str) -> Result<Reply, StatementError> {
        match name(sql) {
            "BEGIN" => self.transaction = Some(Transaction::default()),
            "ROLLBACK" => self.transaction = None,
            "LOCK" => {
                if self.world.borrow().ledger.is_none() {
                    return Err(refused("42P01", "relation \"load_ledger\" does not exist"));
                }
                let held = self.lock.clone().lock_owned().await;
                self.transaction().held = Some(held);
            }
            "create ledger" => {
                self.world.borrow_mut().ledger.get_or_insert_default();
            }
            "read ledger" => return Ok(self.read_ledger()),
            "COPY" => return self.copy(sql),
            "count" => {
                let staged = &self.transaction().staged;
                let with_id = staged.iter().filter(|id| *id != "nameless").count();
                let counts = [staged.len(), with_id];
                let rows = vec![counts.map(|count| Some(count.to_string())).to_vec()];
                return Ok(Reply { rows, ..Reply::default() });
            }
            "insert events" => return Ok(self.insert_new()),
            "insert ledger" => self.insert_ledger(sql),
            "COMMIT" => self.commit(),
            "session id" => {
                let rows = vec![vec![Some("7".to_owned())]];
                return Ok(Reply { rows, ..Reply::default() });
            }
            "copy id" => {
                let world = self.world.borrow();
                let counts = [world.copy_count as u64, world.copied_count];
                let row = counts.map(|count| Some(count.to_string())).to_vec();
                return Ok(Reply { rows: vec![row], ..Reply::default() });
            }
            "read stl_load_errors" => {
                let rows = self.world.borrow().load_errors.clone();
                let of_copy = |row: &[String; 7]| match sql.split_once("query = ") {
                    Some((_, rest)) => rest.split('\n').next() == Some(&row[0]),
                    None => true,
                };
                let rows = rows.into_iter().rev().filter(of_copy);
                let rows = rows.map(|row| row.map(Some).to_vec()).collect();
                return Ok(Reply { rows, ..Reply::default() });
            }
            _ => {}
        }
        Ok(Reply::default())
    }

    fn transaction(&mut self) -> &mut Transaction {
        self.transaction.as_mut().expect("a statement outside its transaction")
    }

    fn snapshot(&mut self) -> (Vec<String>, Vec<LedgerRow>) {
        let world = self.world.borrow();
        let now = (world.table.clone(), world.ledger.clone().unwrap_or_default());
        match &mut self.transaction {
            Some(transaction) => transaction.snapshot.get_or_insert(now).clone(),
            None => now,
        }
    }

    fn read_ledger(&mut self) -> Reply {
        let rows = self.snapshot().1.into_iter();
        let rows = rows.map(|row| vec![Some(row.key), Some(row.etag), Some(row.load_id)]);
        Reply { rows: rows.collect(), ..Reply::default() }
    }

    fn copy(&mut self, sql: &str) -> Result<Reply, StatementError> {
        let (_, key) = sql.split_once("FROM 's3://lake/").expect("a COPY from the bucket");
        let (key, _) = key.split_once('\'').expect("a literal with an end");
        let mut world = self.world.borrow_mut();
        let manifest: serde_json::Value = serde_json::from_str(&world.objects[key]).unwrap();
        world.copy_count += 1;
        let (query, is_lenient) = (world.copy_count.to_string(), sql.contains("MAXERROR"));
        if let Some(said) = world.copy_failure {
            return Err(refused("XX000", said));
        }
        let number = world.copy_count;
        if let Some((_, said)) = world.broken_since.filter(|it| it.0 <= number) {
            return Err(refused("XX000", said));
        }
        if let Some((_, key)) = world.loaded_meanwhile.take_if(|it| it.0 == number) {
            let (etag, load_id) = (World::etag(&world.objects[&key]), "another's".to_owned());
            world.ledger.as_mut().expect("it was locked").push(LedgerRow { key, etag, load_id });
        }
        let (mut staged, mut skipped_count) = (Vec::new(), 0);
        for entry in manifest["entries"].as_array().unwrap() {
            let url = entry["url"].as_str().unwrap();
            let key = url.strip_prefix("s3://lake/").unwrap();
            assert_eq!(key.ends_with(".gz"), sql.contains("GZIP"), "{key} in\n{sql}");
            assert_eq!(key.ends_with(".zst"), sql.contains("ZSTD"), "{key} in\n{sql}");
            if let Some(failure) = world.object_failures.get_mut(key)
                && failure.since <= number
                && 0 < failure.times
            {
                failure.times -= 1;
                let said = failure.said;
                let context = format!("context: S3 key being read : {url} query: {number}");
                return Err(refused("XX000", &format!("{said}: {context}")));
            }
            let missing = || refused("XX000", &format!("no such file: S3 key : {url}"));
            let body = world.objects.get(key).cloned().ok_or_else(missing)?;
            if body.contains("broken") {
                let context = if world.is_taciturn { "reading" } else { url };
                let text = format!("failed to inflate with gzip: context: {context}\n query: 1");
                return Err(refused("XX000", &text));
            }
            for (index, id) in body.split_whitespace().enumerate() {
                if !["bad", "hopeless"].contains(&id) {
                    staged.push(id.to_owned());
                    continue;
                }
                let line = (index + 1).to_string();
                let row = [&query, url, &line, "user_id", "x1", "Invalid digit", "{the line}"];
                skipped_count += 1;
                if world.lost_reasons < skipped_count {
                    world.load_errors.push(row.map(str::to_owned));
                }
                if !is_lenient || id == "hopeless" {
                    let text = "Load into table 'blueshift_staging' failed.  \
                                Check 'stl_load_errors' system table for details.";
                    return Err(refused("XX000", text));
                }
            }
        }
        world.copied_count = staged.len() as u64;
        staged.truncate(staged.len().saturating_sub(world.lost_rows));
        drop(world);
        if !sql.contains("NOLOAD") {
            self.transaction().staged.extend(staged);
        }
        let said = format!("completed, {skipped_count} record(s) could not be loaded.");
        Ok(Reply { notices: vec![said], ..Reply::default() })
    }

    fn insert_new(&mut self) -> Reply {
        let loaded: BTreeSet<_> = self.snapshot().0.into_iter().collect();
        let transaction = self.transaction();
        let staged: BTreeSet<_> = transaction.staged.iter().cloned().collect();
        transaction.rows = staged.difference(&loaded).cloned().collect();
        Reply { row_count: transaction.rows.len() as u64, ..Reply::default() }
    }

    fn insert_ledger(&mut self, sql: &str) {
        let (_, values) = sql.split_once("VALUES\n").unwrap();
        for line in values.lines() {
            let fields: Vec<_> = line.split(", ").map(|field| field.trim_matches('\'')).collect();
            let [key, etag, load_id] = [2, 3, 5].map(|index: usize| fields[index].to_owned());
            self.transaction().ledger.push(LedgerRow { key, etag, load_id });
        }
    }

    fn commit(&mut self) {
        let done = self.transaction.take().expect("a transaction to commit");
        let mut world = self.world.borrow_mut();
        world.table.extend(done.rows);
        world.ledger.as_mut().expect("it was locked").extend(done.ledger);
    }
}
