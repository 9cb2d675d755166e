//! A connection to Redshift, and the two functions that quote what goes into SQL.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::settings::{RedshiftSettings, SslMode};

/// How long a connection attempt may take.
const CONNECT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// How long everything before the first statement may take: TLS and login included, for which a
/// server that hangs would let us wait for ever.
const LOGIN_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(60);

/// A connection that says nothing for so long is asked whether it is still there, and given up when
/// nobody answers: statements run long, and what stands between forgets silent connections
/// (Management Guide, "Connecting from outside of Amazon EC2: firewall timeout issue").
const KEEPALIVE_IDLE: std::time::Duration = std::time::Duration::from_secs(60);
const KEEPALIVE_INTERVAL: std::time::Duration = std::time::Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 6;

/// How long the request to cancel a statement may take.
const CANCEL_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(3);

/// Notices kept of one session that nobody takes.
const NOTICES_MAX: usize = 100;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answers there, or what answers refuses us.
    #[error("no session with redshift at {host}:{port} as user {user}, database {database}")]
    Refused {
        /// The host asked.
        host: String,
        /// The port asked.
        port: u16,
        /// The user given.
        user: String,
        /// The database given.
        database: String,
        /// The server's or the system's words.
        #[source]
        source: Box<tokio_postgres::Error>,
    },
    /// Somebody is there and does not say whether we may come in.
    #[error("redshift at {host}:{port} did not let us in within {waited:?}")]
    Silent {
        /// The host asked.
        host: String,
        /// The port asked.
        port: u16,
        /// For so long.
        waited: std::time::Duration,
    },
    /// TLS cannot be set up on this machine.
    #[error("no TLS to redshift: {problem}")]
    NoTls {
        /// What is missing.
        problem: String,
    },
}

impl ConnectError {
    /// Whether the server is there and takes no session only now: it starts or ends, or has as many
    /// sessions as it takes.
    pub fn is_transient(&self) -> bool {
        let Self::Refused { source, .. } = self else { return false };
        matches!(source.code().map(|code| code.code()), Some("57P03" | "57P01" | "53300"))
    }

    /// What the user can do: an answer of the server asks for other things than silence.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Refused { source, .. } => hint_of(source.code().map(|code| code.code())),
            Self::Silent { .. } => hint_of(None),
            Self::NoTls { .. } => {
                "name the CAs with SSL_CERT_FILE, or look at sslmode in [redshift] of the settings"
            }
        }
    }
}

/// The hint for a refusal with this SQLSTATE; without one, nobody answered.
fn hint_of(sqlstate: Option<&str>) -> &'static str {
    match sqlstate {
        Some("28000" | "28P01") => {
            "are user and password right? they stand in [redshift] of the settings, or in \
             REDSHIFT_USER and REDSHIFT_PASSWORD"
        }
        Some("3D000") => "is the database right? it stands in [redshift] of the settings",
        Some("57P03" | "53300") => "redshift is there but takes no session now; try again later",
        Some(_) => "look at [redshift] in the settings",
        None => {
            "are host, port and sslmode right, and is the cluster up and reachable from here? look \
             at [redshift] in the settings; a local one starts with: blueshift up"
        }
    }
}

/// A session. Dropping it ends it, together with its open transaction.
#[derive(Debug)]
pub struct Session {
    /// For statements.
    pub client: Client,
    connection: JoinHandle<()>,
    notices: Notices,
    sslmode: SslMode,
}

/// What the server said beside its answers, the first [`NOTICES_MAX`] since somebody looked.
type Notices = Arc<Mutex<Vec<String>>>;

impl Session {
    /// What the server has said beside its answers (NOTICE, INFO, WARNING) since the last call. Of
    /// a statement that was answered, all of it is there.
    pub fn take_notices(&self) -> Vec<String> {
        std::mem::take(&mut self.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks the server, over a connection of its own, to give up the statement that runs here.
    ///
    /// # Errors
    /// If the server cannot be asked; that it heeds the request is never said.
    pub async fn cancel(&self) -> Result<(), CancelError> {
        let token = self.client.cancel_token();
        let asked = async {
            match self.sslmode {
                SslMode::Disable => Ok(token.cancel_query(NoTls).await?),
                SslMode::VerifyFull => Ok(token.cancel_query(tls()?).await?),
            }
        };
        tokio::time::timeout(CANCEL_TIMEOUT, asked).await.unwrap_or(Err(CancelError::Silent))
    }
}

/// Why a statement could not be cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// The server cannot be reached again.
    #[error("ask redshift to cancel")]
    Refused(#[from] tokio_postgres::Error),
    /// TLS cannot be set up.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server does not answer.
    #[error("redshift did not answer within {CANCEL_TIMEOUT:?}")]
    Silent,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Opens a session.
///
/// # Errors
/// If nobody is there, does not answer within a minute, or refuses us.
pub async fn connect(settings: &RedshiftSettings) -> Result<Session, ConnectError> {
    connect_within(settings, LOGIN_TIMEOUT).await
}

async fn connect_within(
    settings: &RedshiftSettings,
    waited: std::time::Duration,
) -> Result<Session, ConnectError> {
    let silent =
        || ConnectError::Silent { host: settings.host.clone(), port: settings.port, waited };
    tokio::time::timeout(waited, log_in(settings)).await.unwrap_or_else(|_| Err(silent()))
}

fn config(settings: &RedshiftSettings) -> Config {
    let mut config = Config::new();
    config
        .host(&settings.host)
        .port(settings.port)
        .user(&settings.user)
        .dbname(&settings.database)
        .connect_timeout(CONNECT_TIMEOUT)
        .keepalives_idle(KEEPALIVE_IDLE)
        .keepalives_interval(KEEPALIVE_INTERVAL)
        .keepalives_retries(KEEPALIVE_RETRIES)
        .application_name("blueshift");
    if !settings.password.reveal().is_empty() {
        config.password(settings.password.reveal());
    }
    config
}

async fn log_in(settings: &RedshiftSettings) -> Result<Session, ConnectError> {
    let mut config = config(settings);
    match settings.sslmode {
        SslMode::Disable => {
            config.ssl_mode(tokio_postgres::config::SslMode::Disable);
            let (client, connection) =
                config.connect(NoTls).await.map_err(|source| refused(settings, source))?;
            Ok(session(client, connection, settings.sslmode))
        }
        SslMode::VerifyFull => {
            config.ssl_mode(tokio_postgres::config::SslMode::Require);
            let (client, connection) =
                config.connect(tls()?).await.map_err(|source| refused(settings, source))?;
            Ok(session(client, connection, settings.sslmode))
        }
    }
}

fn session<S, T>(client: Client, connection: Connection<S, T>, sslmode: SslMode) -> Session
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let notices = Notices::default();
    let connection = tokio::spawn(drive(connection, notices.clone()));
    Session { client, connection, notices, sslmode }
}

/// Notices are kept in the order of the wire: before the end of their statement is passed on.
async fn drive<S, T>(mut connection: Connection<S, T>, notices: Notices)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            Ok(AsyncMessage::Notice(notice)) => {
                tracing::debug!(%notice, "redshift says");
                let mut notices = notices.lock().unwrap_or_else(PoisonError::into_inner);
                if notices.len() < NOTICES_MAX {
                    notices.push(notice.message().to_owned());
                }
            }
            Ok(_) => {}
            Err(error) => {
                // The statement in flight fails with the same error, which its caller handles.
                tracing::debug!(%error, "redshift connection ended");
                return;
            }
        }
    }
}

fn tls() -> Result<MakeRustlsConnect, ConnectError> {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let problem = "this machine has no CA certificates (SSL_CERT_FILE names a bundle)";
        return Err(ConnectError::NoTls { problem: problem.to_owned() });
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ConnectError::NoTls { problem: error.to_string() })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn refused(settings: &RedshiftSettings, source: tokio_postgres::Error) -> ConnectError {
    ConnectError::Refused {
        host: settings.host.clone(),
        port: settings.port,
        user: settings.user.clone(),
        database: settings.database.clone(),
        source: Box::new(source),
    }
}

/// `text` as an SQL string literal. Redshift reads backslashes in ordinary literals, so both `'`
/// and `\` are doubled. NUL cannot stand in SQL at all; the server refuses it.
pub fn quote_literal(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for character in text.chars() {
        if matches!(character, '\'' | '\\') {
            quoted.push(character);
        }
        quoted.push(character);
    }
    quoted.push('\'');
    quoted
}

/// `name` as an SQL identifier. Backslashes mean nothing there; only `"` is doubled.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table name that may carry its schema (`schema.table`), quoted part by part.
pub fn quote_table(name: &str) -> String {
    name.split('.').map(quote_identifier).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_literals_stay_inside_their_quotes() {
        for (text, quoted) in [
            ("plain", "'plain'"),
            ("o'clock", "'o''clock'"),
            (r"a\b", r"'a\\b'"),
            (r"\'; DROP TABLE events; --", r"'\\''; DROP TABLE events; --'"),
            ("", "''"),
            ("zeile\nzwei", "'zeile\nzwei'"),
            ("$1 $$ ü 🦀", "'$1 $$ ü 🦀'"),
        ] {
            assert_eq!(quote_literal(text), quoted);
        }
    }

    #[test]
    fn a_server_that_answers_is_not_asked_whether_it_is_up() {
        for (sqlstate, expected) in [
            (None, "is the cluster up and reachable"),
            (Some("28000"), "are user and password right?"),
            (Some("28P01"), "REDSHIFT_PASSWORD"),
            (Some("3D000"), "is the database right?"),
            (Some("57P03"), "try again later"),
            (Some("XX000"), "look at [redshift]"),
        ] {
            let hint = hint_of(sqlstate);
            assert!(hint.contains(expected), "{sqlstate:?}: {hint}");
            assert_eq!(hint.contains("up and"), sqlstate.is_none(), "{hint}");
        }
    }

    #[tokio::test]
    async fn a_server_that_takes_the_connection_and_says_nothing_is_not_waited_for_for_ever() {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let settings = RedshiftSettings {
            host: "127.0.0.1".to_owned(),
            port: server.local_addr().expect("bound").port(),
            database: "d".to_owned(),
            user: "u".to_owned(),
            password: crate::settings::Secret::new("p"),
            sslmode: SslMode::Disable,
        };
        let waited = std::time::Duration::from_millis(50);
        let error = connect_within(&settings, waited).await.expect_err("nobody logs us in");
        assert!(matches!(error, ConnectError::Silent { .. }), "{error:?}");
        assert!(error.hint().contains("reachable from here"), "{}", error.hint());
        assert!(config(&settings).get_keepalives());
        assert_eq!(config(&settings).get_keepalives_idle(), KEEPALIVE_IDLE);
    }

    #[test]
    fn hostile_identifiers_stay_inside_their_quotes() {
        for (name, quoted) in [
            ("events", r#""events""#),
            (r#"a"b"#, r#""a""b""#),
            (r#"x"; DROP TABLE y; --"#, r#""x""; DROP TABLE y; --""#),
            (r"back\slash", r#""back\slash""#),
        ] {
            assert_eq!(quote_identifier(name), quoted);
        }
        assert_eq!(quote_table("staging.events"), r#""staging"."events""#);
    }
}
