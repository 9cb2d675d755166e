//! The two connections of a session, moved forward together.
//!
//! One task reads and writes both sides, so neither can block the other: while the client does not
//! read its answers, Postgres' answers are not read either, but the client's next messages still
//! reach Postgres, and the other way round. Nobody's messages are interpreted here.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use super::stream::Wire;
use super::{BadFrame, Frame};
use crate::error::SessionError;

/// Above this many unwritten bytes for one side, nothing more is read for it from the other.
const BACKLOG_BYTES_MAX: usize = 256 * 1024;
/// How long the last bytes of a session may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// Whose messages the caller wants now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listen {
    /// Both sides'.
    Everything,
    /// Only Postgres': the relay acts itself, the client's messages wait.
    Upstream,
    /// As `Upstream`, for work that a client who says no more has given up.
    Work,
    /// As `Work`, and also returns once Postgres can take more.
    WorkRoom,
}

/// What [`Wires::next`] returns.
#[derive(Debug)]
pub(crate) enum Arrived {
    /// A message of the client.
    Client(Frame),
    /// A message of Postgres.
    Upstream(Frame),
    /// There is room for more towards Postgres.
    Room,
    /// The client says no more, and all that it said has been returned. Said once.
    ClientEnd,
}

/// Both connections of a session.
pub(crate) struct Wires {
    pub(crate) client: Wire,
    pub(crate) upstream: Wire,
    /// Nothing is written to the client: a fault keeps the answer back.
    pub(crate) withhold: bool,
    client_end: ClientEnd,
}

/// Whether the client has closed its side; it may still read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientEnd {
    Open,
    Seen,
    Told,
}

impl Wires {
    pub(crate) fn new(client: Wire, upstream: Wire) -> Self {
        Self { client, upstream, withhold: false, client_end: ClientEnd::Open }
    }

    /// Waits for a message, writing meanwhile what is to be written. Cancel-safe.
    pub(crate) async fn next(&mut self, listen: Listen) -> Result<Arrived, SessionError> {
        poll_fn(|cx| self.poll_next(listen, cx)).await
    }

    /// Whether Postgres keeps up with what the relay sends it.
    pub(crate) fn upstream_has_room(&self) -> bool {
        self.upstream.outbox_bytes() < BACKLOG_BYTES_MAX
    }

    fn poll_next(
        &mut self,
        listen: Listen,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Arrived, SessionError>> {
        loop {
            if let Some(frame) = self.upstream.take_frame().map_err(bad_upstream)? {
                return Poll::Ready(Ok(Arrived::Upstream(frame)));
            }
            let had_room = self.upstream_has_room();
            if listen == Listen::Everything
                && had_room
                && let Some(frame) = self.client.take_frame().map_err(bad_client)?
            {
                return Poll::Ready(Ok(Arrived::Client(frame)));
            }
            if listen == Listen::Everything && had_room && self.client_end == ClientEnd::Seen {
                self.client_end = ClientEnd::Told;
                return Poll::Ready(Ok(Arrived::ClientEnd));
            }
            if !self.withhold {
                ready_error(self.client.poll_write(cx)).map_err(SessionError::ClientGone)?;
            }
            // What Postgres said before it hung up is still in its socket: read on.
            let upstream_write = ready_error(self.upstream.poll_write(cx));
            if listen == Listen::WorkRoom && self.upstream_has_room() {
                return Poll::Ready(Ok(Arrived::Room));
            }
            if !had_room && self.upstream_has_room() {
                continue; // The client's messages that waited for room can go now.
            }
            if !self.poll_reads(listen, upstream_write.is_err(), cx)? {
                upstream_write.map_err(SessionError::UpstreamGone)?;
                return Poll::Pending;
            }
        }
    }

    /// Reads where there is room; whether anything was read.
    fn poll_reads(
        &mut self,
        listen: Listen,
        upstream_broken: bool,
        cx: &mut Context<'_>,
    ) -> Result<bool, SessionError> {
        let mut read = false;
        if (self.withhold || self.client.outbox_bytes() < BACKLOG_BYTES_MAX)
            && let Poll::Ready(result) = self.upstream.poll_read(cx)
        {
            result.map_err(SessionError::UpstreamGone)?;
            read = true;
        }
        let wanted = match listen {
            Listen::Everything => self.upstream_has_room(),
            // Only to notice that the client hangs up.
            Listen::Upstream | Listen::Work | Listen::WorkRoom => {
                self.client.inbox_bytes() < BACKLOG_BYTES_MAX
            }
        };
        let given_up = matches!(listen, Listen::Work | Listen::WorkRoom);
        if given_up && self.client_end != ClientEnd::Open {
            return Err(SessionError::ClientGone(io::ErrorKind::UnexpectedEof.into()));
        }
        if wanted
            && !upstream_broken
            && self.client_end == ClientEnd::Open
            && let Poll::Ready(result) = self.client.poll_read(cx)
        {
            match result {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.client_end = ClientEnd::Seen;
                }
                result => result.map_err(SessionError::ClientGone)?,
            }
            read = true;
        }
        Ok(read)
    }

    /// Writes what is left to the client, within a bounded time, and closes both connections.
    pub(crate) async fn close(mut self) {
        let last_words = async {
            // A client that is gone or does not read is no reason to wait.
            let _ = self.upstream.finish().await;
            if !self.withhold {
                let _ = self.client.finish().await;
            }
        };
        let _ = tokio::time::timeout(FAREWELL, last_words).await;
    }
}

fn ready_error(written: Poll<io::Result<()>>) -> io::Result<()> {
    match written {
        Poll::Ready(result) => result,
        Poll::Pending => Ok(()),
    }
}

fn bad_client(bad: BadFrame) -> SessionError {
    SessionError::ClientProtocol(bad.to_string())
}

fn bad_upstream(bad: BadFrame) -> SessionError {
    SessionError::UpstreamGone(io::Error::new(io::ErrorKind::InvalidData, bad))
}
