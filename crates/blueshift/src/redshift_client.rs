//! A session with a stack's Redshift, in the clear on this machine, over verified TLS elsewhere.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::endpoints::RedshiftEndpoint;

/// How long a TCP connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a session may take in all: what accepts connections may still say nothing.
const SESSION_WITHIN: Duration = Duration::from_secs(30);

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Nobody answers there, or what answers refuses us.
    #[error("no session with redshift at {at}")]
    Refused {
        /// User, host, port and database.
        at: String,
        /// The server's or the system's words.
        #[source]
        source: tokio_postgres::Error,
    },
    /// Something accepts the connection, and says nothing.
    #[error(
        "redshift at {at} did not answer within {waited:?}: is it redshift that listens there?"
    )]
    Silent {
        /// User, host, port and database.
        at: String,
        /// How long we waited.
        waited: Duration,
    },
    /// This machine cannot verify anybody's certificate.
    #[error("no TLS to redshift at {at}: {problem}")]
    NoTls {
        /// User, host, port and database.
        at: String,
        /// What is missing.
        problem: String,
    },
}

impl RedshiftEndpoint {
    /// Opens a session; it ends when the client is dropped.
    ///
    /// # Errors
    /// If nobody answers (within 30 s), the server refuses, or its certificate is not the host's.
    pub async fn connect(&self) -> Result<Client, SessionError> {
        self.connect_within(SESSION_WITHIN).await
    }

    async fn connect_within(&self, waited: Duration) -> Result<Client, SessionError> {
        let late = |_| SessionError::Silent { at: format!("{self:?}"), waited };
        tokio::time::timeout(waited, self.open()).await.map_err(late)?
    }

    async fn open(&self) -> Result<Client, SessionError> {
        let mut config = Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .user(&self.user)
            .dbname(&self.database)
            .password(&self.password)
            .connect_timeout(CONNECT_TIMEOUT)
            .application_name("blueshift");
        let refused = |source| SessionError::Refused { at: format!("{self:?}"), source };
        if self.verified {
            config.ssl_mode(SslMode::Require);
            let (client, connection) = config.connect(self.tls()?).await.map_err(refused)?;
            tokio::spawn(drive(connection));
            return Ok(client);
        }
        config.ssl_mode(SslMode::Disable);
        let (client, connection) = config.connect(NoTls).await.map_err(refused)?;
        tokio::spawn(drive(connection));
        Ok(client)
    }

    fn tls(&self) -> Result<MakeRustlsConnect, SessionError> {
        let no_tls = |problem: String| SessionError::NoTls { at: format!("{self:?}"), problem };
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            let problem = "this machine has no CA certificates (SSL_CERT_FILE names a bundle)";
            return Err(no_tls(problem.to_owned()));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| no_tls(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }
}

async fn drive<S, T>(connection: tokio_postgres::Connection<S, T>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    if let Err(error) = connection.await {
        // The statement in flight fails with the same error, which its caller handles.
        tracing::debug!(%error, "redshift connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_says_nothing_is_not_waited_for_for_ever() {
        let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = mute.local_addr().expect("bound");
        let password = Some("secret-word".to_owned());
        for verified in [false, true] {
            let endpoint =
                RedshiftEndpoint { verified, ..RedshiftEndpoint::at(address, password.clone()) };
            let connected = endpoint.connect_within(Duration::from_millis(100)).await;
            let error = connected.expect_err("nobody answers").to_string();
            let port = address.port().to_string();
            assert!(error.contains(&port) && error.contains("within 100ms"), "{error}");
            assert!(!error.contains("secret-word"), "{error}");
        }
    }
}
