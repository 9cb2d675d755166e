//! Accepts connections and gives each its session.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use emulator_core::clock::Clock;
use emulator_core::faults::Faults;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cancellations::Cancellations;
use crate::copy::load::S3Access;
use crate::error::SqlError;
use crate::isolation::Isolation;
use crate::relay::Relay;
use crate::session::{Identity, Session};
use crate::startup::{Opening, SessionRequest, StartupError, authenticate, negotiate};
use crate::system_tables::SystemTables;
use crate::system_tables::queries::Journal;
use crate::upstream::{Beside, OpenError, Upstream};
use crate::wire::duplex::Wires;
use crate::wire::stream::Wire;

/// How long a client may take to say what it wants, as Postgres' `authentication_timeout`.
const STARTUP_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a cancel request may take.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a failed `accept` (out of file descriptors, for example).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Bytes of a cancel request before process id and secret.
const CANCEL_HEADER_BYTES: usize = 8;

/// What all sessions share.
pub(crate) struct Shared {
    pub(crate) upstream: Upstream,
    pub(crate) s3: S3Access,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) system_tables: SystemTables,
    pub(crate) cancellations: Cancellations,
    pub(crate) tls: Option<TlsAcceptor>,
    /// What clients must know; `None` lets everybody in.
    pub(crate) password: Option<String>,
    pub(crate) isolation: Isolation,
}

/// Serves until `shutdown` is cancelled and every session has been told.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, shutdown: CancellationToken) {
    let sessions = TaskTracker::new();
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => {
                tracing::debug!(%peer, "connection accepted");
                let (shared, shutdown) = (Arc::clone(&shared), shutdown.clone());
                sessions.spawn(serve_connection(stream, shared, shutdown));
            }
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    sessions.close();
    sessions.wait().await;
}

async fn serve_connection(stream: TcpStream, shared: Arc<Shared>, shutdown: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY not set");
    }
    let mut client = Wire::new(Box::new(stream));
    let opening =
        tokio::time::timeout(STARTUP_TIMEOUT, negotiate(&mut client, shared.tls.as_ref()));
    match shutdown.run_until_cancelled(opening).await {
        Some(Ok(Ok(Opening::Session(request)))) => {
            serve_session(client, request, shared, shutdown).await;
        }
        Some(Ok(Ok(Opening::Cancel { packet }))) => cancel(&packet, &shared).await,
        Some(Ok(Err(StartupError::Protocol(what)))) => {
            client.put_message(&SqlError::new("08P01", what).fatal_response());
            finish(client).await;
        }
        Some(Ok(Err(StartupError::Gone(error)))) => {
            tracing::debug!(%error, "client gone before its session");
        }
        Some(Ok(Err(error @ StartupError::Tls(_)))) => {
            let reason = error.source().map(ToString::to_string);
            tracing::warn!(reason, "{error}; does it know the CA of SSL_CERT_FILE?");
        }
        Some(Err(_)) | None => {}
    }
}

async fn cancel(packet: &[u8], shared: &Shared) {
    let key = packet.get(CANCEL_HEADER_BYTES..).unwrap_or_default();
    let copy = shared.cancellations.running(key);
    // The connection stays open until Postgres has acted, as libpq's callers expect.
    match tokio::time::timeout(CANCEL_TIMEOUT, shared.upstream.cancel(packet)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "cancel request not passed on"),
        Err(_) => tracing::debug!("cancel request not taken in time"),
    }
    // Afterwards, or Postgres' signal could come late and hit the session's next statement.
    if let Some(copy) = copy {
        copy.cancel();
    }
}

async fn serve_session(
    mut client: Wire,
    request: SessionRequest,
    shared: Arc<Shared>,
    shutdown: CancellationToken,
) {
    let password = shared.password.as_deref();
    let asked = authenticate(&mut client, &request, password);
    let asked = tokio::time::timeout(STARTUP_TIMEOUT, asked);
    match shutdown.run_until_cancelled(asked).await {
        Some(Ok(Ok(Ok(())))) => {}
        Some(Ok(Ok(Err(error)))) => {
            client.put_message(&error.fatal_response());
            return finish(client).await;
        }
        // libpq hangs up to ask its user, and comes back with the password.
        Some(Ok(Err(_)) | Err(_)) | None => return,
    }
    let opening = shared.upstream.open(&request.parameters, shared.isolation);
    let Some(opened) = shutdown.run_until_cancelled(opening).await else { return };
    let opened = match opened {
        Ok(opened) => opened,
        Err(OpenError::Refused(answers)) => {
            answers.iter().for_each(|frame| client.put(frame.bytes()));
            return finish(client).await;
        }
        Err(OpenError::Unusable(error)) => {
            tracing::warn!(%error, "session not opened");
            client.put_message(&error.fatal_response());
            return finish(client).await;
        }
    };
    opened.greet(&mut client);
    let user = request.parameters.iter().find(|(name, _)| name == "user");
    let journal = Journal::new(
        shared.system_tables.clone(),
        shared.clock.clone(),
        user.map_or("", |(_, user)| user),
        &request.database,
        opened.process_id(),
    );
    let identity = Identity {
        user: request.user().to_owned(),
        database: request.database.clone(),
        process_id: opened.process_id(),
        cancel_key: opened.cancel_key,
    };
    let beside = Beside {
        upstream: shared.upstream.clone(),
        parameters: request.parameters,
        isolation: shared.isolation,
    };
    let relay = Relay::new(Wires::new(client, opened.wire), journal, beside);
    let mut session = Session::new(relay, shared, identity, request.case_sensitive);
    let farewell = match shutdown.run_until_cancelled(session.run()).await {
        Some(Ok(())) => None,
        Some(Err(error)) => {
            tracing::debug!(%error, "session ended");
            error.farewell()
        }
        None => {
            let message = "terminating connection due to administrator command";
            Some(SqlError::new("57P01", message))
        }
    };
    session.close(farewell).await;
}

/// Says the last words; a client that does not listen is no reason to wait.
async fn finish(mut client: Wire) {
    let _ = tokio::time::timeout(Duration::from_millis(500), client.finish()).await;
}
