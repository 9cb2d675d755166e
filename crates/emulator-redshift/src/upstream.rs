//! The Postgres behind the relay: where it is, how a session is opened, how one is cancelled.
//!
//! Sessions get the settings that make Postgres behave as Redshift does where a setting can do
//! that. Authentication of clients ends at the relay: Postgres trusts it, or is told the password
//! of the one role that the relay itself uses.

mod beside;
mod password;

use std::io;
use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use pgwire::messages::Message;
use pgwire::messages::simplequery::Query;
use pgwire::messages::startup::{ParameterStatus, Startup};
use pgwire::messages::terminate::Terminate;
use tokio::net::{TcpStream, UnixStream};

pub(crate) use self::beside::Beside;
use self::password::Login;
use crate::error::SqlError;
use crate::isolation::Isolation;
use crate::wire::Frame;
use crate::wire::stream::{Stream, Wire};

/// What `server_version` is reported as: the Postgres that Redshift forked from ("Amazon Redshift
/// and PostgreSQL"). Drivers parse it, and take Debian's own version strings for an error.
pub const SERVER_VERSION: &str = "8.0.2";

/// Settings of every upstream session: Redshift reads backslashes in plain literals, and joins by
/// hash or merge wherever it can ("Query plan", "Nested loop"). Postgres, which knows nothing yet of
/// a table that was just filled, takes it for small and may loop over millions of rows. It would
/// compile the queries of system tables, which takes longer than to execute them.
const SESSION_SETTINGS: [(&str, &str); 4] = [
    ("standard_conforming_strings", "off"),
    ("escape_string_warning", "off"),
    ("enable_nestloop", "off"),
    ("jit", "off"),
];

/// A setting that a client may start with: floats have 15 digits ("extra_float_digits").
const FLOAT_DIGITS: (&str, &str) = ("extra_float_digits", "0");

/// The isolation level that ALTER DATABASE gave the database.
const DATABASE_ISOLATION: &str = "SELECT pg_catalog.split_part(setting, '=', 2) \
    FROM pg_catalog.pg_db_role_setting, LATERAL pg_catalog.unnest(setconfig) AS setting \
    WHERE setrole = 0 AND setting LIKE 'default_transaction_isolation=%' AND setdatabase = \
    (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())";

/// Postgres' own limit (`MAX_STARTUP_PACKET_LENGTH`).
const STARTUP_BYTES_MAX: usize = 10_000;

/// Reported settings that Redshift does not have; drivers could conclude from them that they talk
/// to a modern Postgres.
const STATUSES_DROPPED: [&[u8]; 5] = [
    b"in_hot_standby",
    b"default_transaction_read_only",
    b"scram_iterations",
    b"IntervalStyle",
    b"search_path",
];

/// Where Postgres listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamAddress {
    /// A Unix socket `.s.PGSQL.<port>` in a directory (at most some 90 bytes long).
    Unix {
        /// The directory that holds the socket.
        directory: PathBuf,
        /// The number in the socket's name.
        port: u16,
    },
    /// A TCP address.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
}

/// The Postgres behind the relay (14 to 17).
#[derive(Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Where it listens. Without `role` it must let every role in without a password.
    pub address: UpstreamAddress,
    /// The role of every session, for a Postgres that is not ours; `None`: whatever role the
    /// client names.
    pub role: Option<String>,
    /// The password of `role`, should Postgres ask for it.
    pub password: Option<String>,
}

/// A session as Postgres opened it.
pub(crate) struct Opened {
    pub(crate) wire: Wire,
    /// Everything Postgres said up to the first ReadyForQuery, for the client.
    pub(crate) greeting: Vec<Frame>,
    /// The body of BackendKeyData: process id and secret, as a CancelRequest repeats it.
    pub(crate) cancel_key: Bytes,
}

/// Why no session could be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// Postgres said no, in its own words, for the client.
    #[error("Postgres refused the session")]
    Refused(Vec<Frame>),
    /// There is no Postgres, or it is not one that we can use.
    #[error(transparent)]
    Unusable(SqlError),
}

impl Opened {
    /// The process id of the session, which `pg_backend_pid()` returns.
    pub(crate) fn process_id(&self) -> i32 {
        self.cancel_key.first_chunk().map_or(0, |id| i32::from_be_bytes(*id))
    }

    /// Tells the client what Postgres said.
    pub(crate) fn greet(&self, client: &mut Wire) {
        for frame in &self.greeting {
            if frame.tag() != b'S' {
                client.put(frame.bytes());
            } else if let Some(status) = client_parameter_status(frame) {
                client.put(&status);
            }
        }
    }
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { address, role, password } = self;
        let password = password.as_ref().map(|_| "***");
        formatter
            .debug_struct("Upstream")
            .field("address", address)
            .field("role", role)
            .field("password", &password)
            .finish()
    }
}

impl Upstream {
    async fn connect(&self) -> io::Result<Wire> {
        let stream: Box<dyn Stream> = match &self.address {
            UpstreamAddress::Unix { directory, port } => {
                Box::new(UnixStream::connect(directory.join(format!(".s.PGSQL.{port}"))).await?)
            }
            UpstreamAddress::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
        };
        Ok(Wire::new(stream))
    }

    /// Opens a session with the client's start-up parameters and our settings, at the database's
    /// isolation level: its own, or else `isolation`.
    ///
    /// The level is a start-up parameter, so that RESET and SET … TO DEFAULT come back to it.
    pub(crate) async fn open(
        &self,
        parameters: &[(String, String)],
        isolation: Isolation,
    ) -> Result<Opened, OpenError> {
        let mut opened = self.open_at(parameters, isolation, isolation).await?;
        match database_isolation(&mut opened.wire).await.map_err(unreachable)? {
            Some(own) if own != isolation => {
                opened.wire.put_message(&Terminate::new());
                // The session is given up, whether it hears that or not.
                let _ = opened.wire.finish().await;
                self.open_at(parameters, own, isolation).await
            }
            _ => Ok(opened),
        }
    }

    async fn open_at(
        &self,
        parameters: &[(String, String)],
        isolation: Isolation,
        default: Isolation,
    ) -> Result<Opened, OpenError> {
        let mut startup = Startup::new();
        let (digits, default_digits) = FLOAT_DIGITS;
        // What Postgres is told by name would count more than what it is told in `options`.
        let says_digits = |(name, value): &(String, String)| {
            name.eq_ignore_ascii_case("options") && value.to_lowercase().contains(digits)
        };
        if !parameters.iter().any(says_digits) {
            startup.parameters.insert(digits.to_owned(), default_digits.to_owned());
        }
        for (name, value) in parameters {
            startup.parameters.insert(name.clone(), value.clone());
        }
        for (name, value) in SESSION_SETTINGS {
            startup.parameters.insert(name.to_owned(), value.to_owned());
        }
        let level = ("default_transaction_isolation", isolation.setting());
        // For the views that show the levels of all databases.
        for (name, value) in [level, ("blueshift.isolation", default.name())] {
            startup.parameters.insert(name.to_owned(), value.to_owned());
        }
        if let Some(role) = &self.role {
            startup.parameters.insert("user".to_owned(), role.clone());
        }
        if STARTUP_BYTES_MAX < startup.message_length() {
            let message = "the startup packet is too long".to_owned();
            return Err(OpenError::Unusable(SqlError::new("08P01", message)));
        }
        let mut wire = self.connect().await.map_err(unreachable)?;
        wire.put_message(&startup);
        wire.flush().await.map_err(unreachable)?;
        let user = startup.parameters.get("user").map_or("", String::as_str);
        greet(wire, Login::new(user, self.password.as_deref())).await
    }

    /// Passes a CancelRequest on and waits until Postgres has taken it, as libpq does.
    pub(crate) async fn cancel(&self, packet: &[u8]) -> io::Result<()> {
        let mut wire = self.connect().await?;
        wire.put(packet);
        wire.flush().await?;
        match wire.peek::<1>().await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            answered => answered.map(|_| ()),
        }
    }
}

/// Reads what Postgres says before the first statement.
async fn greet(mut wire: Wire, mut login: Login<'_>) -> Result<Opened, OpenError> {
    let mut greeting = Vec::new();
    let mut cancel_key = Bytes::new();
    loop {
        let frame = wire.frame().await.map_err(unreachable)?;
        match frame.tag() {
            b'R' => match login.answer(&mut wire, &frame).await {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) => {
                    let message =
                        format!("the Postgres behind this Redshift cannot be used: {error}");
                    return Err(OpenError::Unusable(SqlError::new("28000", message)));
                }
            },
            b'v' => continue,
            b'K' => cancel_key = Bytes::copy_from_slice(frame.body()),
            b'E' => {
                greeting.push(frame);
                return Err(OpenError::Refused(greeting));
            }
            b'Z' => {
                greeting.push(frame);
                return Ok(Opened { wire, greeting, cancel_key });
            }
            _ => {}
        }
        greeting.push(frame);
    }
}

/// The isolation level that the session's database was given; `None` if it was given none.
async fn database_isolation(wire: &mut Wire) -> io::Result<Option<Isolation>> {
    let setting = ask(wire, DATABASE_ISOLATION).await?;
    Ok(setting.as_deref().and_then(Isolation::of_setting))
}

/// The first value of what a query returns.
async fn ask(wire: &mut Wire, sql: &str) -> io::Result<Option<String>> {
    wire.put_message(&Query::new(sql.to_owned()));
    wire.flush().await?;
    let mut found = None;
    loop {
        let frame = wire.frame().await?;
        match frame.tag() {
            b'D' => {
                let value = frame.fields().row().and_then(|row| row.first().copied().flatten());
                found = value.map(|value| String::from_utf8_lossy(value).into_owned());
            }
            b'Z' => return Ok(found),
            _ => {}
        }
    }
}

fn unreachable(error: io::Error) -> OpenError {
    OpenError::Unusable(SqlError::new(
        "57P03",
        format!("the Postgres behind this Redshift cannot be reached: {error}"),
    ))
}

/// A ParameterStatus of Postgres as the client is to see it; `None` if it is not to see it.
pub(crate) fn client_parameter_status(frame: &Frame) -> Option<Bytes> {
    let name = frame.fields().text()?;
    let value = match name {
        b"server_version" => SERVER_VERSION,
        // A client that believed in `on` would not double its backslashes.
        b"standard_conforming_strings" => "off",
        name if STATUSES_DROPPED.contains(&name) => return None,
        _ => return Some(Bytes::copy_from_slice(frame.bytes())),
    };
    let mut bytes = BytesMut::new();
    ParameterStatus::new(String::from_utf8_lossy(name).into_owned(), value.to_owned())
        .encode(&mut bytes)
        .expect("a short message can be encoded");
    Some(bytes.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(name: &str, value: &str) -> Option<String> {
        let mut bytes = BytesMut::new();
        ParameterStatus::new(name.to_owned(), value.to_owned()).encode(&mut bytes).unwrap();
        let frame = Frame::take(&mut bytes).unwrap().unwrap();
        client_parameter_status(&frame).map(|bytes| {
            let frame = Frame::take(&mut BytesMut::from(&bytes[..])).unwrap().unwrap();
            String::from_utf8_lossy(frame.body()).replace('\0', ";")
        })
    }

    #[test]
    fn the_client_sees_the_settings_of_a_redshift() {
        let check = |name, value, expected: Option<&str>| {
            assert_eq!(status(name, value).as_deref(), expected);
        };
        check("server_version", "15.18 (Debian)", Some("server_version;8.0.2;"));
        check("standard_conforming_strings", "on", Some("standard_conforming_strings;off;"));
        check("client_encoding", "UTF8", Some("client_encoding;UTF8;"));
        check("in_hot_standby", "off", None);
    }
}
