//! The first packets of a connection: TLS or not, a cancel request, or a session; its password.
//!
//! What drivers of Redshift send and Postgres does not know is dropped here. Answers no statement.

use std::io;

use bytes::BytesMut;
use pgwire::messages::startup::{Authentication, NegotiateProtocolVersion};
use tokio_rustls::TlsAcceptor;

use crate::error::SqlError;
use crate::rewrite::settings::startup_options;
use crate::wire::Fields;
use crate::wire::stream::Wire;

/// Postgres' own limit (`MAX_STARTUP_PACKET_LENGTH`).
const PACKET_BYTES_MAX: usize = 10_000;
const CODE_CANCEL: i32 = 80_877_102;
const CODE_TLS: i32 = 80_877_103;
const CODE_GSS: i32 = 80_877_104;
const PROTOCOL_MAJOR: i32 = 3;

/// The start-up parameters that reach Postgres. An allow-list: drivers of Redshift send their own
/// (`client_protocol_version`, `driver_version`, `os_version`, `plugin_name`, `idp_type`, …, more
/// with each version), which Redshift knows and which Postgres ends the connection over.
const PARAMETERS_PASSED: [&str; 10] = [
    "user",
    "database",
    "options",
    "application_name",
    "client_encoding",
    "datestyle",
    "timezone",
    "extra_float_digits",
    "search_path",
    "statement_timeout",
];

/// What a client wants.
#[derive(Debug)]
pub(crate) enum Opening {
    /// To cancel what another connection does.
    Cancel {
        /// The whole packet, to be passed on.
        packet: BytesMut,
    },
    /// A session.
    Session(SessionRequest),
}

/// What a client asks for at the start of a session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SessionRequest {
    /// What is passed to Postgres; holds `user`.
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) database: String,
    /// Whether `options` turn `enable_case_sensitive_identifier` on.
    pub(crate) case_sensitive: bool,
}

impl SessionRequest {
    /// The user it is to belong to.
    pub(crate) fn user(&self) -> &str {
        let user = self.parameters.iter().find(|(name, _)| name == "user");
        user.map_or("", |(_, value)| value)
    }
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartupError {
    #[error(transparent)]
    Gone(#[from] io::Error),
    #[error("{0}")]
    Protocol(String),
    /// The client does not trust our certificate, most likely.
    #[error("no TLS with this client")]
    Tls(#[source] io::Error),
}

/// Reads up to the start-up packet of a session; without `tls` the client is told to go on without.
pub(crate) async fn negotiate(
    client: &mut Wire,
    tls: Option<&TlsAcceptor>,
) -> Result<Opening, StartupError> {
    // One request for TLS and one for GSS encryption, each at most once.
    let mut tls = tls;
    for _ in 0..3 {
        let length = i32::from_be_bytes(client.peek::<4>().await?);
        let length = usize::try_from(length)
            .ok()
            .filter(|length| (8..=PACKET_BYTES_MAX).contains(length))
            .ok_or_else(|| protocol(format!("invalid length of startup packet: {length}")))?;
        let packet = client.take(length).await?;
        let mut fields = Fields::new(&packet[4..]);
        match fields.int32() {
            Some(CODE_TLS) if tls.is_some() => {
                let acceptor = tls.take().expect("just looked");
                client.put(b"S");
                client.flush().await?;
                client.start_tls(acceptor).await.map_err(StartupError::Tls)?;
            }
            Some(CODE_TLS | CODE_GSS) => {
                client.put(b"N");
                client.flush().await?;
            }
            Some(CODE_CANCEL) => return Ok(Opening::Cancel { packet }),
            Some(version) if version >> 16 == PROTOCOL_MAJOR => {
                let (request, extensions) = session_request(fields)?;
                if version & 0xffff != 0 {
                    // Newer clients may ask for 3.2; Postgres itself would answer the same.
                    client.put_message(&NegotiateProtocolVersion::new(0, extensions));
                }
                return Ok(Opening::Session(request));
            }
            version => {
                let version = version.unwrap_or_default();
                return Err(protocol(format!(
                    "unsupported frontend protocol {}.{}",
                    version >> 16,
                    version & 0xffff
                )));
            }
        }
    }
    Err(protocol("too many encryption requests".to_owned()))
}

/// Asks for the password if one is to be checked; the error is for the client.
///
/// In clear text, which every driver knows and the protocol leaves to the server.
pub(crate) async fn authenticate(
    client: &mut Wire,
    request: &SessionRequest,
    password: Option<&str>,
) -> io::Result<Result<(), SqlError>> {
    let Some(password) = password else { return Ok(Ok(())) };
    client.put_message(&Authentication::CleartextPassword);
    client.flush().await?;
    let answer = client.frame().await?;
    let given = (answer.tag() == b'p').then(|| answer.fields().text()).flatten();
    if given == Some(password.as_bytes()) {
        return Ok(Ok(()));
    }
    let user = request.user();
    let message = format!("password authentication failed for user \"{user}\"");
    Ok(Err(SqlError::new("28000", message)))
}

fn protocol(what: String) -> StartupError {
    StartupError::Protocol(what)
}

/// Reads the parameters; also returns the names of protocol extensions, which we have none of.
fn session_request(mut fields: Fields<'_>) -> Result<(SessionRequest, Vec<String>), StartupError> {
    let malformed = || protocol("invalid startup packet layout".to_owned());
    let mut parameters = Vec::new();
    let mut extensions = Vec::new();
    let mut case_sensitive = false;
    loop {
        let name = fields.text().ok_or_else(malformed)?;
        if name.is_empty() {
            break;
        }
        let value = fields.text().ok_or_else(malformed)?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| malformed());
        let (name, mut value) = (text(name)?, text(value)?);
        if name.starts_with("_pq_.") {
            extensions.push(name);
        } else if PARAMETERS_PASSED.contains(&name.to_ascii_lowercase().as_str()) {
            if name == "options" {
                let (options, sensitive) = startup_options(&value);
                (value, case_sensitive) = (options, sensitive.unwrap_or(case_sensitive));
            }
            parameters.push((name, value));
        } else {
            tracing::debug!(parameter = name, "start-up parameter dropped");
        }
    }
    let find = |wanted: &str| {
        let found = parameters.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
    };
    let Some(user) = find("user") else {
        return Err(protocol("no user name in the startup packet".to_owned()));
    };
    let database = find("database").unwrap_or(user);
    Ok((SessionRequest { parameters, database, case_sensitive }, extensions))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The parameters that are passed, and the database.
    type Expected<'a> = (&'a [(&'a str, &'a str)], &'a str);

    fn check(body: &str, expected: Result<Expected<'_>, &str>) {
        let body = body.replace(';', "\0");
        let actual = session_request(Fields::new(body.as_bytes()));
        let actual = actual.map(|(request, _)| request).map_err(|error| error.to_string());
        let expected = expected
            .map(|(parameters, database)| SessionRequest {
                parameters: parameters
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect(),
                database: database.to_owned(),
                case_sensitive: false,
            })
            .map_err(str::to_owned);
        assert_eq!(actual, expected, "{body:?}");
    }

    #[test]
    fn what_drivers_add_is_dropped() {
        check("user;a;database;dev;;", Ok((&[("user", "a"), ("database", "dev")], "dev")));
        check(
            "user;a;client_protocol_version;2;driver_version;x;_pq_.compression;on;;",
            Ok((&[("user", "a")], "a")),
        );
        check(
            "user;a;DateStyle;ISO;plugin_name;;options;-c a=b;;",
            Ok((&[("user", "a"), ("DateStyle", "ISO"), ("options", "-c a=b")], "a")),
        );
    }

    #[test]
    fn a_packet_without_user_or_end_is_refused() {
        check("database;dev;;", Err("no user name in the startup packet"));
        check("user;a", Err("invalid startup packet layout"));
        check("user;a;x", Err("invalid startup packet layout"));
        check("", Err("invalid startup packet layout"));
    }

    proptest! {
        #[test]
        fn no_packet_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = session_request(Fields::new(&body));
        }
    }
}
