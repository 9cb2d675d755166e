//! Sessions that end in any case: a Redshift that accepts a statement and never answers must hold up
//! neither a stop nor a look at the warehouse.
//!
//! Knows no statement. What the one that was given up has done is for the next run to find out: the
//! end of the session undoes what is not committed, and the ledger tells what is.

use std::time::Duration;

use runtime::redshift::ConnectError;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::error::StatementError;
use crate::warehouse::{Reply, Session, Warehouse};

/// How long answers are awaited, in all: so long after `since`.
#[derive(Debug)]
pub(crate) struct Bound {
    waited: Duration,
    /// What the time is counted from, in words.
    since: &'static str,
    is_over: CancellationToken,
    timer: JoinHandle<()>,
}

impl Bound {
    /// Ends `grace` after `shutdown` is cancelled.
    pub(crate) fn after_stop(shutdown: &CancellationToken, grace: Duration) -> Self {
        Self::start(shutdown.clone().cancelled_owned(), grace, "the stop")
    }

    /// Ends so long after now, which is when the first statement is sent.
    pub(crate) fn from_now(time_max: Duration) -> Self {
        Self::start(std::future::ready(()), time_max, "the first statement")
    }

    fn start(
        begin: impl Future<Output = ()> + Send + 'static,
        waited: Duration,
        since: &'static str,
    ) -> Self {
        let is_over = CancellationToken::new();
        let token = is_over.clone();
        let timer = tokio::spawn(async move {
            begin.await;
            tokio::time::sleep(waited).await;
            token.cancel();
        });
        Self { waited, since, is_over, timer }
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.is_cancelled()
    }

    /// Waits for its end.
    pub(crate) async fn over(&self) {
        self.is_over.cancelled().await;
    }

    fn unanswered(&self) -> StatementError {
        StatementError::Unanswered { waited: self.waited, since: self.since }
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.timer.abort();
    }
}

/// A warehouse whose sessions heed a bound.
pub(crate) struct Bounded<'a, W> {
    pub warehouse: &'a W,
    pub bound: &'a Bound,
}

impl<'a, W: Warehouse> Warehouse for Bounded<'a, W> {
    type Session = BoundedSession<'a, W::Session>;

    async fn connect(&self) -> Result<Self::Session, ConnectError> {
        let session = self.warehouse.connect().await?;
        Ok(BoundedSession::new(session, self.bound))
    }
}

/// A session that heeds a bound: then the statement is cancelled, and nothing is sent any more.
pub(crate) struct BoundedSession<'a, S> {
    session: S,
    bound: &'a Bound,
    is_given_up: bool,
}

impl<'a, S> BoundedSession<'a, S> {
    /// Nothing was sent yet.
    pub(crate) fn new(session: S, bound: &'a Bound) -> Self {
        Self { session, bound, is_given_up: false }
    }
}

impl<S: Session> Session for BoundedSession<'_, S> {
    async fn run(&mut self, sql: &str) -> Result<Reply, StatementError> {
        self.is_given_up |= self.bound.is_over();
        if !self.is_given_up {
            // Boxed: the upload's futures are large, and run-pipeline has many of them.
            let reply = Box::pin(self.session.run(sql));
            if let Some(reply) = self.bound.is_over.run_until_cancelled(reply).await {
                return reply;
            }
            self.cancel().await;
        }
        Err(self.bound.unanswered())
    }

    /// A statement that was waited for until now; what follows it would wait for the same server.
    async fn cancel(&mut self) {
        self.is_given_up = true;
        self.session.cancel().await;
    }
}
