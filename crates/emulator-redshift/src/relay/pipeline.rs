//! Which answers Postgres still owes, and who gets them.
//!
//! Pure: no I/O. Every message sent upstream leaves an entry; every answer is matched with the
//! oldest one. After an error in the extended protocol Postgres ignores everything up to the next
//! Sync, and so does this queue ("PostgreSQL, Message Flow, Extended Query").

use std::collections::VecDeque;

use super::names::Undo;
use super::parameters::Asked;
use crate::error::SqlError;

/// What kind of message an answer is owed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    Parse,
    Bind,
    Describe,
    Execute,
    Close,
    Sync,
    /// A simple Query: any number of answers, then ReadyForQuery.
    Query,
    /// A FunctionCall: its answer, then ReadyForQuery.
    FunctionCall,
}

/// Who gets the answers to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// The client, as they come: the message was the client's own.
    Client,
    /// The client, without what the simple protocol does not know (ParseComplete, NoData, …).
    SimpleClient,
    /// The relay; an error goes to the client.
    Relay,
    /// Nobody; an error goes to the client.
    Errors,
    /// Nobody at all.
    Nobody,
}

/// Where one answer goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Client,
    /// This error goes to the client in place of Postgres'.
    ClientInstead(SqlError),
    Relay,
    Nobody,
}

/// One message that has not been answered in full.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) sent: Sent,
    pub(crate) audience: Audience,
    /// Replaces the error that Postgres answers.
    pub(crate) error: Option<SqlError>,
    /// Undone if Postgres never gets to executing the message.
    pub(crate) undo: Option<Undo>,
    /// The ids of the queries that it executes, in order.
    pub(crate) queries: VecDeque<i32>,
    /// The statement that it describes.
    pub(crate) describes: Option<Asked>,
}

impl Expected {
    pub(crate) fn new(sent: Sent, audience: Audience) -> Self {
        let queries = VecDeque::new();
        Self { sent, audience, error: None, undo: None, queries, describes: None }
    }
}

/// A query that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) query: i32,
    pub(crate) aborted: bool,
}

/// The queue of unanswered messages.
#[derive(Debug, Default)]
pub(crate) struct Pipeline {
    queue: VecDeque<Expected>,
    skipping: bool,
    ended: Vec<Ended>,
}

impl Pipeline {
    /// Notes that a message was sent. While Postgres skips, only a Sync counts.
    pub(crate) fn sent(&mut self, expected: Expected) {
        if self.skipping && expected.sent != Sent::Sync {
            debug_assert!(expected.undo.is_none(), "names do not change while Postgres skips");
            return;
        }
        self.skipping = false;
        self.queue.push_back(expected);
    }

    /// Whether nothing is owed.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether Postgres ignores messages until a Sync that has not been sent yet.
    pub(crate) fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// Takes the queries that have ended since the last call.
    pub(crate) fn take_ended(&mut self) -> Vec<Ended> {
        std::mem::take(&mut self.ended)
    }

    /// The oldest unanswered message.
    pub(crate) fn front_mut(&mut self) -> Option<&mut Expected> {
        self.queue.front_mut()
    }

    /// Matches an answer with the message it belongs to. The second value is what to undo, in
    /// this order.
    pub(crate) fn answered(&mut self, tag: u8, fatal: bool) -> (Delivery, Vec<Undo>) {
        match tag {
            b'A' | b'S' | b'K' => (Delivery::Client, Vec::new()),
            b'N' => (self.notice(), Vec::new()),
            b'E' if fatal => (Delivery::Client, Vec::new()),
            b'E' => self.failed(),
            _ => (self.succeeded(tag), Vec::new()),
        }
    }

    fn notice(&self) -> Delivery {
        match self.queue.front().map(|expected| expected.audience) {
            Some(Audience::Relay | Audience::Errors | Audience::Nobody) => Delivery::Nobody,
            Some(Audience::Client | Audience::SimpleClient) | None => Delivery::Client,
        }
    }

    fn failed(&mut self) -> (Delivery, Vec<Undo>) {
        let Some(front) = self.queue.front_mut() else {
            return (Delivery::Client, Vec::new());
        };
        let delivery = match (front.error.take(), front.audience) {
            (_, Audience::Nobody) => Delivery::Nobody,
            (Some(error), _) => Delivery::ClientInstead(error),
            (None, _) => Delivery::Client,
        };
        let ended = &mut self.ended;
        let mut abort = |queries: VecDeque<i32>| {
            ended.extend(queries.into_iter().map(|query| Ended { query, aborted: true }));
        };
        abort(std::mem::take(&mut front.queries));
        if matches!(front.sent, Sent::Query | Sent::FunctionCall | Sent::Sync) {
            return (delivery, Vec::new()); // ReadyForQuery follows.
        }
        let sync = self.queue.iter().position(|expected| expected.sent == Sent::Sync);
        self.skipping = sync.is_none();
        let dropped = self.queue.drain(..sync.unwrap_or(self.queue.len()));
        let mut undo = Vec::new();
        for expected in dropped.rev() {
            abort(expected.queries);
            undo.extend(expected.undo);
        }
        (delivery, undo)
    }

    fn succeeded(&mut self, tag: u8) -> Delivery {
        if tag == b'Z' {
            // Whatever stands before the Sync has been skipped without an error of its own.
            while self.queue.front().is_some_and(|front| !ends_with_ready(front.sent)) {
                self.queue.pop_front();
            }
        }
        let Some(front) = self.queue.front_mut() else {
            return Delivery::Client;
        };
        let delivery = match front.audience {
            Audience::Client => Delivery::Client,
            Audience::SimpleClient if matches!(tag, b'1' | b'2' | b'3' | b'n' | b't') => {
                Delivery::Nobody
            }
            Audience::SimpleClient => Delivery::Client,
            Audience::Relay => Delivery::Relay,
            Audience::Errors | Audience::Nobody => Delivery::Nobody,
        };
        let ends_query = matches!(tag, b'C' | b'I' | b's');
        if ends_query && let Some(query) = front.queries.pop_front() {
            self.ended.push(Ended { query, aborted: false });
        }
        if completes(front.sent, tag) {
            self.queue.pop_front();
        }
        delivery
    }
}

fn ends_with_ready(sent: Sent) -> bool {
    matches!(sent, Sent::Sync | Sent::Query | Sent::FunctionCall)
}

/// Whether an answer of type `tag` is the last one to a message.
fn completes(sent: Sent, tag: u8) -> bool {
    match sent {
        Sent::Parse => tag == b'1',
        Sent::Bind => tag == b'2',
        Sent::Close => tag == b'3',
        Sent::Describe => matches!(tag, b'T' | b'n'),
        Sent::Execute => matches!(tag, b'C' | b'I' | b's'),
        Sent::Sync | Sent::Query | Sent::FunctionCall => tag == b'Z',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipeline(entries: &[(Sent, Audience)]) -> Pipeline {
        let mut pipeline = Pipeline::default();
        for (sent, audience) in entries {
            pipeline.sent(Expected::new(*sent, *audience));
        }
        pipeline
    }

    /// Feeds `tags` and writes where each answer went: c(lient), i(nstead), r(elay), - (nobody).
    fn check(entries: &[(Sent, Audience)], tags: &str, expected: &str) -> Pipeline {
        let mut pipeline = pipeline(entries);
        let went: String = tags
            .bytes()
            .map(|tag| match pipeline.answered(tag, false).0 {
                Delivery::Client => 'c',
                Delivery::ClientInstead(_) => 'i',
                Delivery::Relay => 'r',
                Delivery::Nobody => '-',
            })
            .collect();
        assert_eq!(went, expected, "{tags}");
        pipeline
    }

    use Audience::{Client, Errors, Nobody, Relay, SimpleClient};
    use Sent::{Bind, Close, Describe, Execute, Parse, Query, Sync};

    #[test]
    fn the_clients_own_answers_pass() {
        let sent = [
            (Parse, Client),
            (Bind, Client),
            (Describe, Client),
            (Execute, Client),
            (Sync, Client),
        ];
        assert!(check(&sent, "12TDDCZ", "ccccccc").is_idle());
        assert!(check(&[(Query, Client)], "TDCTDCEZ", "cccccccc").is_idle());
    }

    #[test]
    fn the_relays_own_answers_do_not_reach_the_client() {
        let sent = [(Close, Errors), (Parse, Errors), (Execute, Relay), (Execute, Client)];
        assert!(check(&sent, "31NDCNDC", "---rrccc").is_idle());
    }

    #[test]
    fn a_replayed_statement_answers_as_the_simple_protocol_does() {
        let statement = [Parse, Bind, Describe, Execute].map(|sent| (sent, SimpleClient));
        check(&statement, "12nC", "---c");
        check(&statement, "12TDC", "--ccc");
    }

    #[test]
    fn after_an_error_everything_up_to_the_sync_is_dropped() {
        let sent = [(Parse, Client), (Bind, Client), (Sync, Client), (Query, Client)];
        let pipeline = check(&sent, "EZCZ", "cccc");
        assert!(pipeline.is_idle() && !pipeline.is_skipping());
    }

    #[test]
    fn without_a_sync_the_following_messages_owe_nothing() {
        let mut pipeline = check(&[(Parse, Client), (Bind, Client)], "E", "c");
        assert!(pipeline.is_skipping() && pipeline.is_idle());
        pipeline.sent(Expected::new(Execute, Client));
        assert!(pipeline.is_idle());
        pipeline.sent(Expected::new(Sync, Client));
        assert!(!pipeline.is_skipping());
        assert_eq!(pipeline.answered(b'Z', false).0, Delivery::Client);
    }

    #[test]
    fn an_error_is_replaced_where_we_have_our_own() {
        let mut pipeline = Pipeline::default();
        let error = SqlError::new("0A000", "no");
        pipeline.sent(Expected { error: Some(error.clone()), ..Expected::new(Parse, Client) });
        assert_eq!(pipeline.answered(b'E', false).0, Delivery::ClientInstead(error));
    }

    #[test]
    fn errors_of_side_work_reach_the_client_unless_nobody_may_hear_them() {
        check(&[(Parse, Errors), (Execute, Client)], "E", "c");
        check(&[(Parse, Nobody), (Sync, Nobody), (Query, Client)], "EZCZ", "--cc");
    }

    #[test]
    fn a_fatal_error_always_reaches_the_client() {
        let mut pipeline = pipeline(&[(Parse, Nobody)]);
        assert_eq!(pipeline.answered(b'E', true).0, Delivery::Client);
    }
}
