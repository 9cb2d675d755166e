//! Why a stack did not start, in words, with the cure where we know it.

use crate::certificates::CertificateError;
use crate::init::InitError;
use crate::postgres::PostgresError;
use crate::provision::ProvisionError;

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
    /// Containers did not start.
    #[cfg(feature = "containers")]
    #[error(transparent)]
    Containers(#[from] crate::containers::ContainersError),
    /// Only the in-process stack can be reset.
    #[error("only an in-process stack can be reset: lease names of your own instead")]
    NoReset,
    /// A reset would drop under an init script what it makes, and a script that waits for one would
    /// wait for itself.
    #[error("no reset while init script {script} runs: ask again when the stack is ready")]
    ScriptRuns {
        /// The file's name.
        script: String,
    },
    /// The stack ends, and what was asked for with it.
    #[error("the stack stops")]
    Stopping,
    /// A stack that should run already cannot be used.
    #[error(transparent)]
    Attach(#[from] crate::attached::AttachError),
    /// What the settings name cannot be made.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// An init script failed.
    #[error(transparent)]
    Init(#[from] InitError),
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
            Self::Listen { source, .. }
                if source.kind() == std::io::ErrorKind::AddrNotAvailable =>
            {
                Some("--host names an address of this machine, such as 127.0.0.1".to_owned())
            }
            Self::Listen { source, .. }
                if source.kind() == std::io::ErrorKind::PermissionDenied =>
            {
                Some("ports below 1024 are for root; choose a higher one".to_owned())
            }
            Self::Listen { .. }
            | Self::Upstream { .. }
            | Self::NoReset
            | Self::ScriptRuns { .. }
            | Self::Stopping
            | Self::Provision(_)
            | Self::Init(_)
            | Self::Certificates(_) => None,
            #[cfg(feature = "containers")]
            Self::Containers(error) => Some(error.hint()),
            Self::Attach(error) => Some(error.hint().to_owned()),
            Self::Postgres(error) => error.hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn a_port_that_cannot_be_listened_on_is_explained_by_its_cause() {
        for (kind, expected) in [
            (ErrorKind::PermissionDenied, Some("ports below 1024 are for root")),
            (ErrorKind::AddrNotAvailable, Some("--host names an address of this machine")),
            (ErrorKind::OutOfMemory, None),
        ] {
            let host = std::net::IpAddr::from([192, 0, 2, 1]);
            let error =
                StackError::Listen { host, port: 443, service: "sqs and s3", source: kind.into() };
            let hint = error.hint();
            assert_eq!(hint.is_some(), expected.is_some(), "{kind}: {hint:?}");
            assert!(hint.unwrap_or_default().starts_with(expected.unwrap_or_default()), "{kind}");
        }
    }
}
