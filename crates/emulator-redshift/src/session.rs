//! One client's session: looks at its messages and decides which need the relay to step in.
//!
//! Only Query and Parse are read for their SQL; the other messages matter only if they use a
//! statement that was found special there.

mod copy_execution;
mod replay;

use std::sync::Arc;

use bytes::Bytes;
use pgwire::messages::extendedquery::Sync;
use pgwire::messages::response::CommandComplete;

use crate::classify::{Action, Reading, read_script};
use crate::error::{SessionError, SqlError};
use crate::relay::names::{Special, Target};
use crate::relay::pipeline::{Audience, Expected, Sent};
use crate::relay::{NO_SQL, Relay};
use crate::server::Shared;
use crate::wire::Frame;

/// Brings what the views of `catalog` show up to date. Set anew before each statement that looks,
/// because a rollback takes settings back.
const REFRESH: &str = "SELECT \
    pg_catalog.set_config('blueshift.stl_load_errors', $1, false), \
    pg_catalog.set_config('blueshift.last_copy_count', $2, false), \
    pg_catalog.set_config('blueshift.last_copy_id', $3, false), \
    pg_catalog.set_config('blueshift.last_query_id', $4, false)";

/// Who the session belongs to.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) database: String,
    /// The process id of the Postgres session.
    pub(crate) process_id: i32,
    /// What a CancelRequest names the session by.
    pub(crate) cancel_key: Bytes,
}

/// What `pg_last_copy_count()` and its like return.
#[derive(Debug)]
struct Records {
    last_copy_count: u64,
    last_copy_id: i32,
    last_query_id: i32,
}

/// A client, its Postgres session, and what the relay knows about them.
pub(crate) struct Session {
    relay: Relay,
    shared: Arc<Shared>,
    identity: Identity,
    records: Records,
}

impl Session {
    pub(crate) fn new(relay: Relay, shared: Arc<Shared>, identity: Identity) -> Self {
        let records = Records { last_copy_count: 0, last_copy_id: -1, last_query_id: -1 };
        Self { relay, shared, identity, records }
    }

    /// Serves the client until it says goodbye.
    pub(crate) async fn run(&mut self) -> Result<(), SessionError> {
        loop {
            let frame = self.relay.next_from_client().await?;
            if frame.tag() == b'X' {
                self.relay.forward(&frame, None);
                return Ok(());
            }
            self.on_message(frame).await?;
        }
    }

    /// Ends the session; a client that still listens is told why.
    pub(crate) async fn close(self, error: Option<SqlError>) {
        self.relay.close(error).await;
    }

    async fn on_message(&mut self, frame: Frame) -> Result<(), SessionError> {
        if self.relay.is_skipping() && frame.tag() != b'S' {
            // Postgres ignores it too.
            self.relay.forward(&frame, None);
            return Ok(());
        }
        let sent = match frame.tag() {
            b'Q' => return self.on_query(&frame).await,
            b'P' => return self.on_parse(&frame),
            b'B' => return self.on_bind(&frame),
            b'E' => return self.on_execute(&frame).await,
            b'C' => return self.on_close(&frame),
            b'D' => Sent::Describe,
            b'S' => Sent::Sync,
            b'F' => Sent::FunctionCall,
            // Flush, and what only Postgres can complain about.
            _ => {
                self.relay.forward(&frame, None);
                return Ok(());
            }
        };
        self.relay.forward(&frame, Some(Expected::new(sent, Audience::Client)));
        Ok(())
    }

    async fn on_query(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let query_id = self.shared.system_tables.next_query_id();
        let text = frame.fields().text().unwrap_or_default();
        let expected = Expected::new(Sent::Query, Audience::Client);
        match std::str::from_utf8(text).map(read_script) {
            // Redshift knows no other encoding; Postgres judges.
            Err(_) => self.relay.forward(frame, Some(expected)),
            Ok(Err(error)) => {
                let expected = Expected { error: Some(error), ..expected };
                self.relay.send_raw(b'Q', &[NO_SQL.as_bytes(), b"\0"], expected);
            }
            Ok(Ok(readings)) if readings.iter().any(Reading::is_special) => {
                self.replay(readings).await?;
            }
            Ok(Ok(readings)) => {
                if readings.iter().any(|reading| reading.reads_system_tables) {
                    self.refresh(Audience::Nobody);
                    let sync = Expected::new(Sent::Sync, Audience::Nobody);
                    self.relay.send(&Sync::new(), Some(sync));
                }
                if readings.iter().all(|reading| reading.rewritten.is_none()) {
                    self.relay.forward(frame, Some(expected));
                } else {
                    let text: String = readings.iter().map(Reading::text).collect();
                    self.relay.send_raw(b'Q', &[text.as_bytes(), b"\0"], expected);
                }
            }
        }
        self.records.last_query_id = query_id;
        Ok(())
    }

    fn on_parse(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let mut fields = frame.fields();
        let (Some(name), Some(text)) = (fields.text(), fields.text()) else {
            return Err(malformed("Parse"));
        };
        let parameter_types = fields.rest();
        let mut expected = Expected::new(Sent::Parse, Audience::Client);
        let readings = match std::str::from_utf8(text).map(read_script) {
            Err(_) => Vec::new(),
            Ok(Ok(readings)) => readings,
            Ok(Err(error)) => {
                expected.undo = self.relay.names.set(Target::Statement, name, None);
                expected.error = Some(error);
                let parts = [name, b"\0", NO_SQL.as_bytes(), b"\0\0\0"];
                self.relay.send_raw(b'P', &parts, expected);
                return Ok(());
            }
        };
        let mut statements =
            readings.into_iter().filter(|reading| !matches!(reading.action, Action::Empty));
        let reading = match (statements.next(), statements.next()) {
            (Some(reading), None) => reading,
            // Nothing to execute, or too much for one prepared statement: Postgres says so.
            _ => {
                expected.undo = self.relay.names.set(Target::Statement, name, None);
                self.relay.forward(frame, Some(expected));
                return Ok(());
            }
        };
        expected.undo = self.relay.names.set(Target::Statement, name, special(&reading));
        match (&reading.action, &reading.rewritten) {
            // Postgres prepares an empty statement: it answers Describe and Bind as for a COPY.
            (Action::Copy(_), _) => {
                self.relay.send_raw(b'P', &[name, b"\0\0", parameter_types], expected);
            }
            (_, Some(text)) => {
                let parts = [name, b"\0", text.as_bytes(), b"\0", parameter_types];
                self.relay.send_raw(b'P', &parts, expected);
            }
            (_, None) => self.relay.forward(frame, Some(expected)),
        }
        Ok(())
    }

    fn on_bind(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let mut expected = Expected::new(Sent::Bind, Audience::Client);
        let names = &mut self.relay.names;
        if !(names.is_empty(Target::Statement) && names.is_empty(Target::Portal)) {
            let mut fields = frame.fields();
            let (Some(portal), Some(statement)) = (fields.text(), fields.text()) else {
                return Err(malformed("Bind"));
            };
            let special = names.get(Target::Statement, statement).cloned();
            expected.undo = names.set(Target::Portal, portal, special);
        }
        self.relay.forward(frame, Some(expected));
        Ok(())
    }

    fn on_close(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let mut expected = Expected::new(Sent::Close, Audience::Client);
        let mut fields = frame.fields();
        let target = match fields.array() {
            Some([b'S']) => Target::Statement,
            Some([b'P']) => Target::Portal,
            // Postgres says what is wrong with it.
            _ => {
                self.relay.forward(frame, Some(expected));
                return Ok(());
            }
        };
        let name = fields.text().ok_or_else(|| malformed("Close"))?;
        expected.undo = self.relay.names.set(target, name, None);
        self.relay.forward(frame, Some(expected));
        Ok(())
    }

    async fn on_execute(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let query_id = self.shared.system_tables.next_query_id();
        let expected = Expected::new(Sent::Execute, Audience::Client);
        let special = if self.relay.names.is_empty(Target::Portal) {
            None
        } else {
            let portal = frame.fields().text().ok_or_else(|| malformed("Execute"))?;
            self.relay.names.get(Target::Portal, portal).cloned()
        };
        match special {
            None => self.relay.forward(frame, Some(expected)),
            Some(Special::ReadsSystemTables) => {
                self.refresh(Audience::Errors);
                self.relay.forward(frame, Some(expected));
            }
            Some(Special::Commits) => {
                self.relay.forward(frame, Some(expected));
                self.commit();
            }
            Some(Special::Copy(statement)) => {
                let portal = frame.fields().text().ok_or_else(|| malformed("Execute"))?;
                // Postgres knows whether the portal still exists, and which errors came before.
                let describe = Expected::new(Sent::Describe, Audience::Errors);
                self.relay.send_raw(b'D', &[b"P", portal, b"\0"], describe);
                self.relay.drain().await?;
                if !self.relay.is_skipping() && self.copy(&statement, query_id).await? {
                    self.relay.tell_client(&CommandComplete::new("COPY".to_owned()));
                }
            }
        }
        self.records.last_query_id = query_id;
        Ok(())
    }

    /// Copies the system tables and the session's records into its settings.
    fn refresh(&mut self, audience: Audience) {
        let text = |text: String| Some(Bytes::from(text));
        let parameters = vec![
            Some(self.shared.system_tables.load_errors_json()),
            text(self.records.last_copy_count.to_string()),
            text(self.records.last_copy_id.to_string()),
            text(self.records.last_query_id.to_string()),
        ];
        self.relay.send_own(REFRESH, parameters, audience);
        self.relay.close_own(audience);
    }

    /// Ends the transaction, or the implicit one that lasts up to the next Sync.
    fn commit(&mut self) {
        self.relay.send_own("COMMIT", Vec::new(), Audience::Errors);
        self.relay.close_own(Audience::Errors);
    }
}

fn special(reading: &Reading<'_>) -> Option<Special> {
    match &reading.action {
        Action::Copy(statement) => Some(Special::Copy(Arc::clone(statement))),
        Action::PassAndCommit => Some(Special::Commits),
        Action::Pass if reading.reads_system_tables => Some(Special::ReadsSystemTables),
        Action::Pass | Action::Empty => None,
    }
}

fn malformed(message: &str) -> SessionError {
    SessionError::ClientProtocol(format!("invalid {message} message"))
}
