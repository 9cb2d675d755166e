//! Redshift: a Postgres-wire relay in front of a real Postgres; executes COPY from S3 itself.
//!
//! Invariants:
//! - What needs no change passes as the bytes it came in: extended protocol, binary formats,
//!   errors, notices, cancel requests.
//! - Postgres alone keeps the state of a transaction. An error of ours makes Postgres fail too, so
//!   that aborted transactions and the skipping up to a Sync are always its own.
//! - COPY runs in the client's session and transaction.
//! - What Postgres has and Redshift lacks is refused by name.
//!
//! Deliberately absent: any knowledge of the programs' tables and settings, starting a Postgres
//! (the kit does), serving S3, making certificates.

mod cancellations;
pub mod catalog;
mod classify;
pub mod copy;
pub mod emulated;
mod error;
mod isolation;
mod relay;
mod rewrite;
mod server;
mod session;
mod sql;
mod startup;
mod system_tables;
mod upstream;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use emulator_core::clock::Clock;
use emulator_core::faults::Faults;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::{TlsAcceptor, rustls};
use tokio_util::sync::CancellationToken;

use crate::copy::load::S3Access;
pub use crate::error::SqlError;
pub use crate::isolation::Isolation;
use crate::server::{Shared, serve};
pub use crate::system_tables::copies::{CopiedFile, CopyRecord, CopyStatus};
pub use crate::system_tables::{COPIES_MAX, LOAD_ERRORS_MAX, QUERIES_MAX, SystemTables};
pub use crate::upstream::{SERVER_VERSION, Upstream, UpstreamAddress};

/// The statements of a script, one by one as psql sends them: comments stay with the statement after
/// them, pieces without a statement are left out.
pub fn statements(script: &str) -> Vec<&str> {
    let pieces = sql::statement::split(script).into_iter();
    pieces.filter(|piece| !sql::statement::Statement::new(piece).is_empty()).collect()
}

/// What [`start`] needs.
pub struct RedshiftConfig {
    /// Where clients connect; the caller has bound it.
    pub listener: TcpListener,
    /// The Postgres that executes statements, prepared with [`catalog`].
    pub upstream: Upstream,
    /// Where COPY reads.
    pub s3: S3Access,
    /// Times in system tables come from it.
    pub clock: Clock,
    /// Faults round statements.
    pub faults: Faults,
    /// For clients that ask for TLS; `None` answers them that there is none. Plain connections are
    /// served in either case.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// The password of every user; `None` accepts any by never asking.
    pub password: Option<String>,
    /// The isolation level of databases that were not given one of their own.
    pub isolation: Isolation,
    /// Ends the server and all sessions.
    pub shutdown: CancellationToken,
}

/// A running emulator. Dropping it does not stop it: cancel the `shutdown` it was started with.
#[derive(Debug)]
pub struct Redshift {
    address: SocketAddr,
    system_tables: SystemTables,
    server: JoinHandle<()>,
}

/// Starts to accept connections. Must be called within a tokio runtime.
///
/// # Errors
/// If the listener has no local address.
pub fn start(config: RedshiftConfig) -> io::Result<Redshift> {
    let RedshiftConfig {
        listener,
        upstream,
        s3,
        clock,
        faults,
        tls,
        password,
        isolation,
        shutdown,
    } = config;
    let address = listener.local_addr()?;
    let system_tables = SystemTables::default();
    let shared = Shared {
        upstream,
        s3,
        clock,
        faults,
        system_tables: system_tables.clone(),
        cancellations: cancellations::Cancellations::default(),
        tls: tls.map(TlsAcceptor::from),
        password,
        isolation,
    };
    let server = tokio::spawn(serve(listener, Arc::new(shared), shutdown));
    Ok(Redshift { address, system_tables, server })
}

impl Redshift {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The rows of its system tables.
    pub fn system_tables(&self) -> &SystemTables {
        &self.system_tables
    }

    /// The last COPYs, oldest first: at most [`COPIES_MAX`].
    pub fn copies(&self) -> Vec<CopyRecord> {
        self.system_tables.copies()
    }

    /// Waits until the server has stopped: `shutdown` was cancelled and every session is closed.
    pub async fn stopped(self) {
        if let Err(error) = self.server.await {
            tracing::error!(%error, "the server ended by a panic");
        }
    }
}
