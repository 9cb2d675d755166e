//! Why a stack did not start, in words, with the cure where we know it.

use crate::certificates::CertificateError;
use crate::postgres::PostgresError;

/// Why a stack did not start.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// Somebody else listens there.
    #[error("port {port} on {host}, wanted for {service}, is taken")]
    PortTaken {
        /// The address asked for.
        host: std::net::IpAddr,
        /// The port asked for.
        port: u16,
        /// What was to listen there.
        service: &'static str,
        /// The flag that names another port.
        flag: &'static str,
    },
    /// The port cannot be listened on for another reason.
    #[error("cannot listen on {host}:{port} for {service}")]
    Listen {
        /// The address asked for.
        host: std::net::IpAddr,
        /// The port asked for.
        port: u16,
        /// What was to listen there.
        service: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The Postgres behind Redshift did not start.
    #[error("no redshift")]
    Postgres(#[from] PostgresError),
    /// The Postgres that was named cannot be used.
    #[error("the postgres of --postgres-url cannot be used: {reason}")]
    Upstream {
        /// Why not, without the password.
        reason: String,
    },
    /// There is no certificate for Redshift.
    #[error("no TLS")]
    Certificates(#[from] CertificateError),
}

impl StackError {
    /// What the user can do, where we know.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::PortTaken { flag, .. } => {
                Some(format!("{flag} 0 takes a free one; is another stack running?"))
            }
            Self::Listen { port, .. } if *port != 0 && *port < 1024 => {
                Some("ports below 1024 are for root; choose a higher one".to_owned())
            }
            Self::Listen { .. } | Self::Upstream { .. } | Self::Certificates(_) => None,
            Self::Postgres(error) => error.hint(),
        }
    }
}
