//! One client's session: looks at its messages and decides which need the relay to step in.
//!
//! Only Query and Parse are read for their SQL; the other messages matter only if they use a
//! statement that was found special there.

mod copy_destination;
mod copy_execution;
mod faults;
mod lock;
mod reading;
mod records;
mod replay;

use std::sync::Arc;

use bytes::Bytes;
use emulator_core::faults::Hit;
use pgwire::messages::extendedquery::Sync;
use pgwire::messages::response::CommandComplete;

use crate::classify::{Action, Reading};
use crate::error::{SessionError, SqlError};
use crate::relay::names::{Granted, Prepared, Special, Target};
use crate::relay::parameters::Binding;
use crate::relay::pipeline::{Audience, Expected, Sent};
use crate::relay::{NO_SQL, Relay};
use crate::server::Shared;
use crate::session::faults::{Verdict, first_word};
use crate::session::reading::is_script;
use crate::session::records::Shown;
use crate::system_tables::reads::SystemReads;
use crate::wire::Frame;

/// Who the session belongs to.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) database: String,
    pub(crate) user: String,
    /// The process id of the Postgres session.
    pub(crate) process_id: i32,
    /// What a CancelRequest names the session by.
    pub(crate) cancel_key: Bytes,
}

/// A client, its Postgres session, and what the relay knows about them.
pub(crate) struct Session {
    relay: Relay,
    shared: Arc<Shared>,
    identity: Identity,
    /// What `pg_last_query_id()` returns.
    last_query_id: i32,
    /// `enable_case_sensitive_identifier`
    case_sensitive: bool,
    /// Whether a transaction was begun (true) or ended (false) since the last Sync.
    begun: Option<bool>,
    /// How often something was done that may have changed tables, here or elsewhere.
    steps: u64,
    /// A fault that keeps answers back.
    withheld: Option<Hit>,
    shown: Shown,
    /// Whether something was executed since the last Sync.
    executed: bool,
}

impl Session {
    pub(crate) fn new(
        relay: Relay,
        shared: Arc<Shared>,
        identity: Identity,
        case_sensitive: bool,
    ) -> Self {
        Self {
            relay,
            shared,
            identity,
            last_query_id: -1,
            case_sensitive,
            begun: None,
            steps: 0,
            withheld: None,
            shown: Shown::default(),
            executed: false,
        }
    }

    /// Serves the client until it says goodbye.
    pub(crate) async fn run(&mut self) -> Result<(), SessionError> {
        loop {
            let frame = self.relay.next_from_client().await?;
            let tag = frame.tag();
            if tag == b'X' {
                self.relay.forward(&frame, None);
                return Ok(());
            }
            match self.before(&frame).await? {
                Verdict::Serve => self.on_message(frame).await?,
                Verdict::Withhold(hit) => {
                    self.withheld = Some(hit);
                    self.on_message(frame).await?;
                }
                Verdict::Answered => {}
            }
            // A client waits for answers only behind one of these.
            if matches!(tag, b'Q' | b'S' | b'H')
                && let Some(hit) = self.withheld.take()
            {
                self.after(&hit).await?;
            }
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
            b'P' => return self.on_parse(&frame).await,
            b'B' => return self.on_bind(&frame).await,
            b'E' => return self.on_execute(&frame).await,
            b'C' => return self.on_close(&frame),
            b'D' => {
                let mut expected = Expected::new(Sent::Describe, Audience::Client);
                let mut fields = frame.fields();
                if fields.array() == Some([b'S']) {
                    let statement = fields.text();
                    expected.describes = statement.map(|name| self.relay.parameters.asked(name));
                }
                self.relay.forward(&frame, Some(expected));
                return Ok(());
            }
            b'S' => {
                (self.begun, self.executed) = (None, false);
                self.steps += 1;
                Sent::Sync
            }
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
        self.steps += 1;
        let text = frame.fields().text().unwrap_or_default();
        let mut expected = Expected::new(Sent::Query, Audience::Client);
        let read = match std::str::from_utf8(text) {
            Ok(text) => Ok(self.read(text, true).await?),
            Err(error) => Err(error),
        };
        match read {
            Ok(None) => self.end_reading(Audience::Client),
            // Redshift knows no other encoding; Postgres judges.
            Err(_) => self.relay.forward(frame, Some(expected)),
            Ok(Some(Err(error))) => {
                let expected = Expected { error: Some(error), ..expected };
                self.relay.send_raw(b'Q', &[NO_SQL.as_bytes(), b"\0"], expected);
            }
            Ok(Some(Ok(readings))) if must_replay(&readings) => {
                self.replay(readings).await?;
            }
            Ok(Some(Ok(readings))) => {
                self.note(&readings);
                let reads = readings.iter().map(|reading| reading.reads);
                let reads = reads.fold(SystemReads::NOTHING, SystemReads::and);
                if !reads.is_nothing() {
                    self.refresh(reads, Audience::Nobody);
                    let sync = Expected::new(Sent::Sync, Audience::Nobody);
                    self.relay.send(&Sync::new(), Some(sync));
                }
                for reading in &readings {
                    let text = reading.is_query.then_some(reading.sql);
                    if !matches!(reading.action, Action::Empty) {
                        expected.queries.push_back(self.begin_query(text));
                    }
                }
                if readings.iter().all(|reading| reading.rewritten.is_none()) {
                    self.relay.forward(frame, Some(expected));
                } else {
                    let text: String = readings.iter().map(Reading::text).collect();
                    self.relay.send_raw(b'Q', &[text.as_bytes(), b"\0"], expected);
                }
            }
        }
        (self.begun, self.executed) = (None, false); // The Query ended with a ReadyForQuery of its own.
        Ok(())
    }

    async fn on_parse(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let mut fields = frame.fields();
        let (Some(name), Some(text)) = (fields.text(), fields.text()) else {
            return Err(malformed("Parse"));
        };
        let parameter_types = fields.rest();
        self.relay.parameters.declared(name, parameter_types);
        let mut expected = Expected::new(Sent::Parse, Audience::Client);
        let read = match std::str::from_utf8(text) {
            Ok(text) => self.read(text, false).await?,
            Err(_) => Some(Ok(Vec::new())),
        };
        let readings = match read {
            None => return Ok(()),
            Some(Ok(readings)) => readings,
            Some(Err(error)) => {
                expected.undo = self.relay.names.set(Target::Statement, name, None);
                expected.error = Some(error);
                let parts = [name, b"\0", NO_SQL.as_bytes(), b"\0\0\0"];
                self.relay.send_raw(b'P', &parts, expected);
                return Ok(());
            }
        };
        self.note(&readings);
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
        expected.undo = self.relay.names.set(Target::Statement, name, self.prepared(&reading));
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

    async fn on_bind(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let mut binding = self.relay.parameters.bind(frame);
        if binding == Binding::Unknown {
            binding = self.ask_for_types(frame).await?;
            if self.relay.is_skipping() {
                self.relay.forward(frame, None);
                return Ok(());
            }
        }
        let mut expected = Expected::new(Sent::Bind, Audience::Client);
        let names = &self.relay.names;
        if !(names.is_empty(Target::Statement) && names.is_empty(Target::Portal)) {
            let mut fields = frame.fields();
            let (Some(portal), Some(statement)) = (fields.text(), fields.text()) else {
                return Err(malformed("Bind"));
            };
            let prepared = names.get(Target::Statement, statement).cloned();
            if let Some(granted) = prepared.as_ref().and_then(|known| known.granted.as_ref())
                && !self.holds(granted).await?
            {
                return Ok(());
            }
            if let Some(Special::Call) = prepared.as_ref().and_then(|known| known.special.as_ref())
            {
                self.refresh_for_call();
            }
            expected.undo = self.relay.names.set(Target::Portal, portal, prepared);
        }
        match binding {
            Binding::Changed(body) => self.relay.send_raw(b'B', &[&body], expected),
            _ => self.relay.forward(frame, Some(expected)),
        }
        Ok(())
    }

    /// Asks Postgres for the types of a statement's parameters, unless the client has done so.
    async fn ask_for_types(&mut self, bind: &Frame) -> Result<Binding, SessionError> {
        self.relay.drain().await?;
        let binding = self.relay.parameters.bind(bind);
        if binding != Binding::Unknown || self.relay.is_skipping() {
            return Ok(binding);
        }
        let mut fields = bind.fields();
        let (_, Some(statement)) = (fields.text(), fields.text()) else {
            return Err(malformed("Bind"));
        };
        let mut describe = Expected::new(Sent::Describe, Audience::Errors);
        describe.describes = Some(self.relay.parameters.asked(statement));
        self.relay.send_raw(b'D', &[b"S", statement, b"\0"], describe);
        self.relay.drain().await?;
        Ok(self.relay.parameters.bind(bind))
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
        if target == Target::Statement {
            self.relay.parameters.forget(name);
        }
        expected.undo = self.relay.names.set(target, name, None);
        self.relay.forward(frame, Some(expected));
        Ok(())
    }

    async fn on_execute(&mut self, frame: &Frame) -> Result<(), SessionError> {
        self.executed = true;
        let mut expected = Expected::new(Sent::Execute, Audience::Client);
        let prepared = if self.relay.names.is_empty(Target::Portal) {
            None
        } else {
            let portal = frame.fields().text().ok_or_else(|| malformed("Execute"))?;
            self.relay.names.get(Target::Portal, portal).cloned()
        };
        // What reads tables does not change them.
        let granted = prepared.as_ref().and_then(|known| known.granted.as_ref());
        self.steps += u64::from(granted.is_none_or(|granted| granted.creates));
        let (special, query) =
            prepared.map_or((None, None), |prepared| (prepared.special, prepared.query));
        if let Some(Special::Copy(statement)) = special {
            let portal = frame.fields().text().ok_or_else(|| malformed("Execute"))?;
            // Postgres knows whether the portal still exists, and which errors came before.
            let describe = Expected::new(Sent::Describe, Audience::Errors);
            self.relay.send_raw(b'D', &[b"P", portal, b"\0"], describe);
            self.relay.drain().await?;
            let text = query.as_deref().unwrap_or_default();
            if !self.relay.is_skipping() && self.copy(&statement, text).await? {
                self.relay.tell_client(&CommandComplete::new("COPY".to_owned()));
            }
            return Ok(());
        }
        if let Some(Special::Alone(name)) = special {
            self.relay.drain().await?;
            if self.relay.in_transaction && !self.relay.is_skipping() {
                return self.relay.fail(in_transaction(name)).await;
            }
        }
        if let Some(Special::Lock(block)) = &special {
            self.relay.drain().await?;
            let begun = self.begun.unwrap_or(self.relay.in_transaction);
            if !begun && !self.relay.is_skipping() {
                return self.execute_lock(frame, block).await;
            }
        }
        match &special {
            Some(Special::Block(begun)) => self.begun = Some(*begun),
            Some(Special::Then(then)) => self.begun = block(then).or(self.begun),
            _ => {}
        }
        if let Some(Special::ReadsSystemTables(reads)) = special {
            self.refresh(reads, Audience::Errors);
        }
        if let Some(query) = query {
            expected.queries.push_back(self.begin_query(Some(&query)));
        }
        self.relay.forward(frame, Some(expected));
        if let Some(Special::Then(statement)) = special {
            self.execute_own(&statement);
        }
        Ok(())
    }

    /// Writes down that a statement is executed; `text` if it counts as a query. Returns its id.
    fn begin_query(&mut self, text: Option<&str>) -> i32 {
        let query_id = self.shared.system_tables.next_query_id();
        if let Some(text) = text
            && !self.relay.is_skipping()
        {
            self.relay.journal.begin_query(query_id, text);
            self.last_query_id = query_id;
        }
        query_id
    }

    /// What the relay has to know when a statement is executed; `None` if nothing.
    fn prepared(&self, reading: &Reading<'_>) -> Option<Prepared> {
        let special = match &reading.action {
            Action::Copy(statement) => Some(Special::Copy(Arc::clone(statement))),
            Action::PassThen(statement) => Some(Special::Then(Arc::clone(statement))),
            Action::Lock(block) => Some(Special::Lock(Arc::clone(block))),
            Action::PassAlone(name) => Some(Special::Alone(name)),
            Action::Pass if first_word(reading.sql) == "CALL" => Some(Special::Call),
            Action::Pass if !reading.reads.is_nothing() => {
                Some(Special::ReadsSystemTables(reading.reads))
            }
            Action::Pass => block(reading.sql).map(Special::Block),
            Action::Empty => None,
        };
        let query = reading.is_query.then(|| Arc::from(reading.sql));
        let armed = self.shared.faults.is_armed();
        let operation = armed.then(|| Arc::from(first_word(reading.sql)));
        let creates = first_word(reading.sql) == "CREATE";
        let granted = reading.answered.clone();
        let granted = granted.map(|answered| Granted { answered, steps: self.steps, creates });
        let needed =
            special.is_some() || query.is_some() || operation.is_some() || granted.is_some();
        needed.then_some(Prepared { special, query, operation, granted })
    }

    /// Executes a statement of ours; a COMMIT ends the transaction, or the implicit one that lasts
    /// up to the next Sync.
    fn execute_own(&mut self, statement: &str) {
        self.relay.send_own(statement, Vec::new(), Audience::Errors);
        self.relay.close_own(Audience::Errors);
    }
}

/// Whether a statement begins a transaction (true) or ends it (false); `None` if neither.
fn block(sql: &str) -> Option<bool> {
    match first_word(sql).as_str() {
        "BEGIN" | "START" => Some(true),
        "COMMIT" | "END" | "ROLLBACK" | "ABORT" | "TRUNCATE" => Some(false),
        _ => None,
    }
}

/// Whether a script is executed statement by statement: the relay steps in, the event trigger that
/// reads what a table declares must see that statement alone, or what a statement means depends on
/// what those before it do.
fn must_replay(readings: &[Reading<'_>]) -> bool {
    let needs_turn = |reading: &Reading<'_>| reading.declares() || !reading.questions.is_empty();
    let is_script = is_script(readings);
    readings.iter().any(|reading| reading.is_special() || (is_script && needs_turn(reading)))
}

/// The error of a statement that must not share a transaction.
fn in_transaction(name: &str) -> SqlError {
    SqlError::new("25001", format!("{name} cannot run inside a transaction block"))
}

fn malformed(message: &str) -> SessionError {
    SessionError::ClientProtocol(format!("invalid {message} message"))
}
