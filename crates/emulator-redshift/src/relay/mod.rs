//! Carries messages between a client and its Postgres session.
//!
//! What needs no change passes as the bytes it came in. The relay may put messages of its own in
//! between, under names of its own, and their answers never reach the client. Which statements
//! need that is not decided here.

pub(crate) mod names;
pub(crate) mod parameters;
pub(crate) mod pipeline;
mod told;

use std::io;

use bytes::Bytes;
use pgwire::messages::Message;
use pgwire::messages::extendedquery::{Bind, Close, Execute, Flush, Parse, Sync};

use self::names::Names;
use self::parameters::Parameters;
use self::pipeline::{Audience, Delivery, Expected, Pipeline, Sent};
use self::told::{as_redshift_says, is_about_catalog};
use crate::error::{SessionError, SqlError};
use crate::isolation::{Violation, catalog_conflict};
use crate::system_tables::queries::{Journal, Outcome, rows_of};
use crate::upstream::{Beside, client_parameter_status};
use crate::wire::Frame;
use crate::wire::duplex::{Arrived, Listen, Wires};

/// The name of the relay's own statements and portals.
const OWN_NAME: &str = "_blueshift_relay";
/// No SQL: Postgres answers a syntax error, in any transaction state, which the relay replaces.
pub(crate) const NO_SQL: &str = "refused by the relay";

/// See `zone_maps.sql`, as for the number of rows from which on a table may have grown.
const ANALYZE_GROWN: &str = "SELECT pg_catalog.blueshift_analyze_grown()";
const ROWS_MANY: u64 = 1_000;

/// A client and its Postgres session.
pub(crate) struct Relay {
    wires: Wires,
    pipeline: Pipeline,
    pub(crate) names: Names,
    pub(crate) parameters: Parameters,
    /// Answers to the relay's own messages, not read yet.
    kept: Vec<Frame>,
    farewell_said: bool,
    client_ended: bool,
    /// Whether the last ReadyForQuery said so.
    pub(crate) in_transaction: bool,
    /// Whether that has failed.
    pub(crate) in_failed_transaction: bool,
    pub(crate) journal: Journal,
    /// Rows that statements have inserted since Postgres was last told to look at what has grown.
    rows_inserted: u64,
    beside: Beside,
    /// An error that the client is to be told, once its table's id is known.
    violation: Option<Violation>,
    /// The COPY that is being executed.
    pub(crate) copying: Option<Copying>,
}

/// A COPY that Postgres may end: that it executes another one than the client is not to hear.
#[derive(Debug)]
pub(crate) struct Copying {
    query_id: i32,
    /// What the client was told.
    pub(crate) failed: Option<String>,
}

impl Copying {
    pub(crate) fn new(query_id: i32) -> Self {
        Self { query_id, failed: None }
    }

    /// The error of a load that was stopped, by a client or by `statement_timeout`.
    pub(crate) fn cancelled(query_id: i32) -> SqlError {
        SqlError::new("57014", format!("Query ({query_id}) cancelled on user's request"))
    }

    /// Notes an error of Postgres; gives the one that the client is told in its place.
    fn failed(&mut self, frame: &Frame) -> Option<SqlError> {
        if frame.error_field(b'C') == Some(b"57014") {
            let error = Self::cancelled(self.query_id);
            self.failed = Some(error.message.clone());
            return Some(error);
        }
        self.failed = frame.error_field(b'M').map(lossy);
        None
    }
}

impl Relay {
    pub(crate) fn new(wires: Wires, journal: Journal, beside: Beside) -> Self {
        Self {
            wires,
            pipeline: Pipeline::default(),
            names: Names::default(),
            parameters: Parameters::default(),
            kept: Vec::new(),
            farewell_said: false,
            client_ended: false,
            in_transaction: false,
            in_failed_transaction: false,
            journal,
            rows_inserted: 0,
            beside,
            violation: None,
            copying: None,
        }
    }

    /// The client's next message; answers of Postgres are carried meanwhile.
    pub(crate) async fn next_from_client(&mut self) -> Result<Frame, SessionError> {
        loop {
            self.tell_violation().await;
            // A client that has closed its side still gets the answers to what it sent.
            if self.client_ended && self.pipeline.is_idle() {
                return Err(SessionError::ClientGone(io::ErrorKind::UnexpectedEof.into()));
            }
            match self.wires.next(Listen::Everything).await? {
                Arrived::Client(frame) => return Ok(frame),
                Arrived::Upstream(frame) => self.on_upstream(frame),
                Arrived::ClientEnd => {
                    self.client_ended = true;
                    if !self.pipeline.is_idle() {
                        self.send(&Flush::new(), None);
                    }
                }
                Arrived::Room => {}
            }
        }
    }

    /// Carries one answer of Postgres, or whatever waits for room; nothing from the client. Fails
    /// if the client has closed its side: it may be gone, and what is done for it is not to stay.
    pub(crate) async fn advance(&mut self, until_room: bool) -> Result<(), SessionError> {
        self.carry(if until_room { Listen::WorkRoom } else { Listen::Work }).await
    }

    async fn carry(&mut self, listen: Listen) -> Result<(), SessionError> {
        self.tell_violation().await;
        if let Arrived::Upstream(frame) = self.wires.next(listen).await? {
            self.on_upstream(frame);
        }
        self.tell_violation().await;
        Ok(())
    }

    /// Tells the client of an isolation violation, before anything else. Cancel-safe.
    async fn tell_violation(&mut self) {
        let Some(violation) = &self.violation else { return };
        let table_id = match &violation.table {
            Some(table) => self.beside.table_id(table).await.unwrap_or_default(),
            None => 0,
        };
        let error = violation.error(table_id);
        self.violation = None;
        self.journal.conflicted(table_id);
        self.tell_client(&error.response());
    }

    /// Keeps everything from the client until it is switched off, or for good if the session ends.
    pub(crate) fn withhold(&mut self, withhold: bool) {
        self.wires.withhold = withhold;
    }

    /// Whether Postgres keeps up with what it is sent.
    pub(crate) fn upstream_has_room(&self) -> bool {
        self.wires.upstream_has_room()
    }

    /// Whether Postgres ignores everything until the client's Sync.
    pub(crate) fn is_skipping(&self) -> bool {
        self.pipeline.is_skipping()
    }

    fn on_upstream(&mut self, frame: Frame) {
        let tag = frame.tag();
        let fatal = tag == b'E' && frame.is_fatal_error();
        let (delivery, undo) = self.pipeline.answered(tag, fatal);
        self.names.undo(undo);
        if tag == b't'
            && let Some(asked) = self.pipeline.front_mut().and_then(|front| front.describes.take())
        {
            self.parameters.described(asked, &frame);
        }
        if tag == b'E' {
            self.parameters.forget_all();
        }
        self.farewell_said |= fatal;
        let failed = self.write_down(&frame, &delivery);
        if tag == b'Z' && frame.body() == b"I" && self.pipeline.is_idle() {
            self.names.clear_portals();
            if ROWS_MANY <= std::mem::take(&mut self.rows_inserted) {
                self.analyze_grown();
            }
        }
        match delivery {
            Delivery::Client if tag == b'S' => {
                if let Some(status) = client_parameter_status(&frame) {
                    self.wires.client.put(&status);
                }
            }
            Delivery::Client if tag == b'N' && is_about_catalog(&frame) => {}
            Delivery::Client if matches!(tag, b'E' | b'N') => {
                let is_error = tag == b'E';
                if is_error && let Some(violation) = self.journal.violation(&frame, failed) {
                    self.violation = Some(violation);
                    return;
                }
                let copying = self.copying.as_mut().filter(|_| is_error);
                let stopped = copying.and_then(|copying| copying.failed(&frame));
                let conflict = if is_error { catalog_conflict(&frame) } else { None };
                match (stopped.or(conflict), as_redshift_says(&frame, self.copying.is_some())) {
                    (Some(error), _) => self.tell_client(&error.response()),
                    (None, Some(told)) => self.wires.client.put(&told),
                    (None, None) => self.wires.client.put(frame.bytes()),
                }
            }
            Delivery::Client => self.wires.client.put(frame.bytes()),
            Delivery::ClientInstead(error) => self.tell_client(&error.response()),
            Delivery::Relay => self.kept.push(frame),
            Delivery::Nobody => {}
        }
    }

    /// Keeps what an answer says of queries and transactions; gives the query that failed.
    fn write_down(&mut self, frame: &Frame, delivery: &Delivery) -> Option<i32> {
        let tag = frame.tag();
        let mut failed = None;
        for ended in self.pipeline.take_ended() {
            let error = match delivery {
                Delivery::ClientInstead(error) => Some(error.message.clone()),
                _ if tag == b'E' => frame.error_field(b'M').map(lossy),
                _ => None,
            };
            failed = failed.or(ended.aborted.then_some(ended.query));
            let rows = (tag == b'C').then(|| rows_of(frame.body())).flatten();
            self.journal.end_query(ended.query, Outcome { aborted: ended.aborted, rows, error });
        }
        match tag {
            b'Z' => {
                self.in_transaction = frame.body() != b"I";
                self.in_failed_transaction = frame.body() == b"E";
                // Of ours stand before what the client has asked for, or behind it.
                if *delivery != Delivery::Nobody {
                    self.journal.synced(self.in_transaction);
                }
            }
            b'E' if *delivery != Delivery::Nobody => self.journal.rolled_back(),
            b'C' if frame.body().starts_with(b"ROLLBACK") => self.journal.rolled_back(),
            b'C' if frame.body().starts_with(b"COMMIT") => self.journal.committed(),
            b'C' if inserts(frame.body()) => {
                self.rows_inserted += rows_of(frame.body()).unwrap_or(0);
            }
            _ => {}
        }
        failed
    }

    /// Lets Postgres know of the tables that have grown, in a transaction of its own: what ANALYZE
    /// locks, it locks to the end of the transaction. Nobody hears whether it worked.
    fn analyze_grown(&mut self) {
        self.send_own(ANALYZE_GROWN, Vec::new(), Audience::Nobody);
        self.close_own(Audience::Nobody);
        self.send(&Sync::new(), Some(Expected::new(Sent::Sync, Audience::Nobody)));
    }

    /// Puts a message of ours into the client's stream.
    pub(crate) fn tell_client(&mut self, message: &impl Message) {
        self.wires.client.put_message(message);
    }

    /// Passes a client's message on as it came.
    pub(crate) fn forward(&mut self, frame: &Frame, expected: Option<Expected>) {
        self.wires.upstream.put(frame.bytes());
        if let Some(expected) = expected {
            self.pipeline.sent(expected);
        }
    }

    /// Sends Postgres a message of ours.
    pub(crate) fn send(&mut self, message: &impl Message, expected: Option<Expected>) {
        self.wires.upstream.put_message(message);
        if let Some(expected) = expected {
            self.pipeline.sent(expected);
        }
    }

    /// Sends Postgres a message made of raw parts, for names that may be anything.
    pub(crate) fn send_raw(&mut self, tag: u8, parts: &[&[u8]], expected: Expected) {
        let length = 4 + parts.iter().map(|part| part.len()).sum::<usize>();
        let length = i32::try_from(length).expect("the parts come from a message of legal length");
        self.wires.upstream.put(&[tag]);
        self.wires.upstream.put(&length.to_be_bytes());
        for part in parts {
            self.wires.upstream.put(part);
        }
        self.pipeline.sent(expected);
    }

    /// Sends a statement of our own under our own name. Answers to its Execute go to `rows`;
    /// everything else only to the client, and only if it is an error.
    pub(crate) fn send_own(&mut self, sql: &str, parameters: Vec<Option<Bytes>>, rows: Audience) {
        let silent = if rows == Audience::Nobody { Audience::Nobody } else { Audience::Errors };
        let name = || Some(OWN_NAME.to_owned());
        // A failed attempt may have left the name behind.
        self.send(&Close::new(b'S', name()), Some(Expected::new(Sent::Close, silent)));
        let parse = Parse::new(name(), sql.to_owned(), Vec::new());
        self.send(&parse, Some(Expected::new(Sent::Parse, silent)));
        let bind = Bind::new(name(), name(), Vec::new(), parameters, Vec::new());
        self.send(&bind, Some(Expected::new(Sent::Bind, silent)));
        self.send(&Execute::new(name(), 0), Some(Expected::new(Sent::Execute, rows)));
    }

    /// Closes what [`Relay::send_own`] opened.
    pub(crate) fn close_own(&mut self, silent: Audience) {
        for target in [b'P', b'S'] {
            let close = Close::new(target, Some(OWN_NAME.to_owned()));
            self.send(&close, Some(Expected::new(Sent::Close, silent)));
        }
    }

    /// Waits until Postgres has answered everything it was sent. Then [`Relay::is_skipping`]
    /// tells whether something failed, of which the client knows already.
    pub(crate) async fn drain(&mut self) -> Result<(), SessionError> {
        if !self.pipeline.is_idle() {
            self.send(&Flush::new(), None);
        }
        while !self.pipeline.is_idle() {
            self.carry(Listen::Upstream).await?;
        }
        Ok(())
    }

    /// Takes the answers kept for the relay since the last call.
    pub(crate) fn take_kept(&mut self) -> Vec<Frame> {
        std::mem::take(&mut self.kept)
    }

    /// Executes a query of our own and returns its rows; `None` if it failed, of which the client
    /// has been told.
    pub(crate) async fn query_own(
        &mut self,
        sql: &str,
        parameters: Vec<Option<Bytes>>,
    ) -> Result<Option<Vec<Frame>>, SessionError> {
        self.drain().await?;
        self.kept.clear();
        self.send_own(sql, parameters, Audience::Relay);
        self.close_own(Audience::Errors);
        self.drain().await?;
        if self.is_skipping() {
            return Ok(None);
        }
        let mut rows = self.take_kept();
        rows.retain(|frame| frame.tag() == b'D');
        Ok(Some(rows))
    }

    /// Answers the oldest unanswered message with an error of ours instead of Postgres'.
    pub(crate) fn replace_error(&mut self, error: SqlError) {
        if let Some(front) = self.pipeline.front_mut() {
            front.error = Some(error);
        }
    }

    /// Makes Postgres fail and gives the client `error` instead, so that the transaction's state
    /// and the skipping up to the Sync are always Postgres' own.
    pub(crate) async fn fail(&mut self, error: SqlError) -> Result<(), SessionError> {
        let parse = Parse::new(Some(OWN_NAME.to_owned()), NO_SQL.to_owned(), Vec::new());
        let expected = Expected::new(Sent::Parse, Audience::Errors);
        self.send(&parse, Some(Expected { error: Some(error), ..expected }));
        self.drain().await
    }

    /// Ends the session; `error` is said to the client unless Postgres has said why already.
    pub(crate) async fn close(mut self, error: Option<SqlError>) {
        if let Some(error) = error
            && !self.farewell_said
        {
            self.tell_client(&error.fatal_response());
        }
        self.wires.close().await;
    }
}

/// Whether the tag is that of a statement that inserts rows.
fn inserts(tag: &[u8]) -> bool {
    [&b"INSERT "[..], b"COPY ", b"MERGE "].iter().any(|verb| tag.starts_with(verb))
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}
