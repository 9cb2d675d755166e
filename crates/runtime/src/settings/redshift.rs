//! The flags about Redshift and the table in it, in groups so small that a program shows only those
//! it heeds.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::args::{checked, pick, require};
use super::environment;
use super::error::SettingsError;
use super::file::SettingsFile;
use super::keys;
use super::secret::Secret;

/// How the connection to Redshift is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SslMode {
    /// TLS, with the certificate checked against the system's CAs and the host name.
    VerifyFull,
    /// No TLS.
    Disable,
}

/// Flags about the connection to Redshift.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct RedshiftArgs {
    /// Redshift's host name. The password comes from REDSHIFT_PASSWORD or the settings file.
    #[arg(long, value_name = "HOST", env = "REDSHIFT_HOST", hide_env_values = true)]
    pub redshift_host: Option<String>,
    /// Redshift's port [default: 5439].
    #[arg(
        long,
        value_name = "PORT",
        env = "REDSHIFT_PORT",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub redshift_port: Option<u16>,
    /// Redshift user.
    #[arg(long, value_name = "USER", env = "REDSHIFT_USER")]
    pub redshift_user: Option<String>,
    /// Redshift database.
    #[arg(long, value_name = "DATABASE", env = "REDSHIFT_DATABASE")]
    pub redshift_database: Option<String>,
    /// TLS towards Redshift [default: disable on the loopback, verify-full elsewhere].
    #[arg(long, value_name = "MODE", env = "REDSHIFT_SSLMODE")]
    pub redshift_sslmode: Option<SslMode>,
}

/// Where Redshift is, and as whom.
#[derive(Debug, Clone)]
pub struct RedshiftSettings {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User.
    pub user: String,
    /// Password; empty if none is set.
    pub password: Secret,
    /// Database.
    pub database: String,
    /// TLS or not.
    pub sslmode: SslMode,
}

impl RedshiftArgs {
    /// Puts flags, environment, file and defaults together.
    pub fn resolve(&self, file: &SettingsFile) -> Result<RedshiftSettings, SettingsError> {
        let host =
            require(self.redshift_host.as_deref(), file, &keys::REDSHIFT_HOST, "redshift-host")?;
        if host.contains("://") || host.contains('@') {
            return Err(SettingsError::NotAHost);
        }
        let sslmode = self
            .redshift_sslmode
            .or_else(|| {
                let value = file.value(&keys::REDSHIFT_SSLMODE)?;
                Some(SslMode::from_str(value, false).expect("the file was checked"))
            })
            .unwrap_or(if is_loopback(&host) { SslMode::Disable } else { SslMode::VerifyFull });
        let password = environment::value(&keys::REDSHIFT_PASSWORD)
            .or_else(|| file.value(&keys::REDSHIFT_PASSWORD).map(str::to_owned))
            .unwrap_or_default();
        Ok(RedshiftSettings {
            host,
            port: self.redshift_port.unwrap_or_else(|| checked(file, &keys::REDSHIFT_PORT)),
            user: require(
                self.redshift_user.as_deref(),
                file,
                &keys::REDSHIFT_USER,
                "redshift-user",
            )?,
            password: Secret::new(password),
            database: require(
                self.redshift_database.as_deref(),
                file,
                &keys::REDSHIFT_DATABASE,
                "redshift-database",
            )?,
            sslmode,
        })
    }
}

/// The flag of programs that COPY.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct CopyArgs {
    /// The role COPY assumes: an ARN, several joined by commas, or `default` [default: default].
    #[arg(long, value_name = "ARN", env = "REDSHIFT_ARN_CREDENTIALS")]
    pub redshift_arn_credentials: Option<String>,
}

impl CopyArgs {
    /// The role: an ARN, several joined by commas, or `default`.
    pub fn resolve(&self, file: &SettingsFile) -> String {
        let given = self.redshift_arn_credentials.as_deref();
        pick(given, file, &keys::REDSHIFT_ARN_CREDENTIALS).expect("the key has a default")
    }
}

/// The flag of programs that read what the table is like.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct CreateTableArgs {
    /// The file that declares the table [default: create_table.sql].
    #[arg(long, value_name = "FILE", env = "REDSHIFT_CREATE_TABLE")]
    pub create_table: Option<PathBuf>,
}

/// The flag of programs that use the table itself.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct TableNameArgs {
    /// The table, with schema if need be [default: as declared in the CREATE TABLE file].
    #[arg(long, value_name = "TABLE", env = "REDSHIFT_TABLE")]
    pub redshift_table: Option<String>,
}

/// The flag of programs that tell events apart.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct IdColumnArgs {
    /// The column that identifies an event [default: id].
    #[arg(long, value_name = "COLUMN", env = "REDSHIFT_ID_COLUMN")]
    pub redshift_id_column: Option<String>,
}

/// The flag of programs that order events.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct TimeColumnArgs {
    /// The column that says when an event happened [default: timestamp].
    #[arg(long, value_name = "COLUMN", env = "REDSHIFT_TIME_COLUMN")]
    pub redshift_time_column: Option<String>,
}

/// The flag of programs that tell kinds of events apart.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct EventColumnArgs {
    /// The column that names an event [default: event].
    #[arg(long, value_name = "COLUMN", env = "REDSHIFT_EVENT_COLUMN")]
    pub redshift_event_column: Option<String>,
}

/// What the flags say about the table: each program fills in the groups it has.
#[derive(Debug, Clone, Default)]
pub struct TableArgs {
    /// The file that declares it.
    pub create_table: CreateTableArgs,
    /// Its name.
    pub name: TableNameArgs,
    /// The column of ids.
    pub id_column: IdColumnArgs,
    /// The column of times.
    pub time_column: TimeColumnArgs,
    /// The column of names of events.
    pub event_column: EventColumnArgs,
}

/// Which table, and which of its columns mean what. Needs no connection.
#[derive(Debug, Clone)]
pub struct TableSettings {
    /// The file with the CREATE TABLE statement.
    pub create_table: PathBuf,
    /// `None`: the name in the CREATE TABLE statement.
    pub name: Option<String>,
    /// One row per value of this column.
    pub id_column: String,
    /// When the event happened.
    pub time_column: String,
    /// The event's name.
    pub event_column: String,
}

impl TableArgs {
    /// Puts flags, environment, file and defaults together.
    pub fn resolve(&self, file: &SettingsFile) -> TableSettings {
        let column = |flag: &Option<String>, key| {
            pick(flag.as_deref(), file, key).expect("column keys have defaults")
        };
        TableSettings {
            create_table: self.create_table.resolve(file),
            name: pick(self.name.redshift_table.as_deref(), file, &keys::REDSHIFT_TABLE),
            id_column: column(&self.id_column.redshift_id_column, &keys::REDSHIFT_ID_COLUMN),
            time_column: column(
                &self.time_column.redshift_time_column,
                &keys::REDSHIFT_TIME_COLUMN,
            ),
            event_column: column(
                &self.event_column.redshift_event_column,
                &keys::REDSHIFT_EVENT_COLUMN,
            ),
        }
    }
}

impl CreateTableArgs {
    /// A path in the settings file starts from the folder of that file; one given otherwise, and
    /// the default, from the working directory.
    fn resolve(&self, file: &SettingsFile) -> PathBuf {
        if let Some(given) = &self.create_table {
            return given.clone();
        }
        match (file.value(&keys::REDSHIFT_CREATE_TABLE), file.path().parent()) {
            (Some(written), Some(folder)) => folder.join(written),
            _ => checked::<PathBuf>(file, &keys::REDSHIFT_CREATE_TABLE),
        }
    }
}

impl TableSettings {
    /// The text of the CREATE TABLE file.
    pub fn read_create_table(&self) -> Result<String, SettingsError> {
        std::fs::read_to_string(&self.create_table).map_err(|source| SettingsError::NoCreateTable {
            path: self.create_table.clone(),
            source,
        })
    }
}

/// Whether a host name means this machine, where Redshift needs no TLS.
fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn file(text: &str) -> SettingsFile {
        SettingsFile::parse(Path::new("/etc/pipeline/settings.ini"), text).expect("fine")
    }

    #[test]
    fn tls_is_off_only_on_the_loopback_unless_said_otherwise() {
        let base = "[redshift]\nuser=u\ndatabase=d\n";
        for (host, extra, expected) in [
            ("localhost", "", SslMode::Disable),
            ("127.0.0.1", "", SslMode::Disable),
            ("cluster.example.com", "", SslMode::VerifyFull),
            ("cluster.example.com", "sslmode=disable\n", SslMode::Disable),
        ] {
            let args =
                RedshiftArgs { redshift_host: Some(host.to_owned()), ..RedshiftArgs::default() };
            let redshift = args.resolve(&file(&format!("{base}{extra}"))).expect("complete");
            assert_eq!(redshift.sslmode, expected, "{host} {extra}");
        }
    }

    #[test]
    fn a_url_in_place_of_the_host_is_refused_and_not_shown() {
        for host in ["postgresql://u:hunter2@h:5439/d", "u:hunter2@h"] {
            let args =
                RedshiftArgs { redshift_host: Some(host.to_owned()), ..RedshiftArgs::default() };
            let refused = args.resolve(&file("[redshift]\nuser=u\ndatabase=d\n"));
            let error = refused.expect_err("no host name");
            assert!(error.hint().is_some_and(|hint| hint.contains("REDSHIFT_PORT")), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn a_path_in_the_settings_file_starts_from_its_folder() {
        for (flag, written, expected) in [
            (None, "", "create_table.sql"),
            (None, "create_table = sql/t.sql\n", "/etc/pipeline/sql/t.sql"),
            (None, "create_table = /srv/t.sql\n", "/srv/t.sql"),
            (Some("t.sql"), "create_table = /srv/t.sql\n", "t.sql"),
        ] {
            let create_table = CreateTableArgs { create_table: flag.map(PathBuf::from) };
            let args = TableArgs { create_table, ..TableArgs::default() };
            let table = args.resolve(&file(&format!("[redshift]\n{written}")));
            assert_eq!(table.create_table, Path::new(expected), "{flag:?} {written}");
        }
    }
}
