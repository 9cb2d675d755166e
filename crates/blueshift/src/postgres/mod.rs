//! The private Postgres behind the local Redshift.
//!
//! A cluster is made once per Postgres version and catalog, kept as a template in a per-user
//! cache, and copied for every start: own data directory, Unix socket only, `fsync` off, removed
//! at the end. Postgres refuses to run as root, so as root it runs as an unprivileged user.
//!
//! Knows nothing of Redshift: the catalog is SQL handed in.

mod account;
mod binaries;
mod clean;
mod cluster;
mod download;
mod error;
mod leftovers;
mod making;
mod template;

pub(crate) use clean::Cleaner;
#[cfg(feature = "containers")]
pub(crate) use cluster::server_options;
pub use cluster::{Cluster, start};
pub use download::{Download, DownloadError};
pub use error::PostgresError;
pub use leftovers::sweep_leftovers_of;
pub(crate) use template::cache_folder;

/// The SQL that turns a fresh cluster into the template, and the name under which it is cached.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// Changes whenever the SQL does; part of the template's folder name.
    pub fingerprint: String,
    /// Run one after the other: database name, SQL.
    pub scripts: Vec<(String, String)>,
}

/// Superuser of the cluster, named as Redshift names its own.
pub const SUPERUSER: &str = "rdsdb";
/// The port in the socket's name; nothing listens on TCP.
pub const SOCKET_PORT: u16 = 5432;
