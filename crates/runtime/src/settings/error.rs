//! What can be wrong with settings, always with file, section, key and what is allowed.

use std::path::PathBuf;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file named by `--settings` cannot be read.
    #[error("settings file {} cannot be read", path.display())]
    Unreadable {
        /// The file as it was named.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file that declares the table cannot be read.
    #[error("the CREATE TABLE file {} cannot be read", path.display())]
    NoCreateTable {
        /// The file as it was named.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not an INI file.
    #[error("settings file {}, line {line}: {problem}", path.display())]
    Malformed {
        /// The file as it was named.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the parser stumbled over.
        problem: String,
    },
    /// A section nobody reads.
    #[error("settings file {}: unknown section [{section}]; allowed are {allowed}", path.display())]
    UnknownSection {
        /// The file as it was named.
        path: PathBuf,
        /// The section as it was written.
        section: String,
        /// The sections there are.
        allowed: String,
    },
    /// A key nobody reads.
    #[error(
        "settings file {}, section [{section}]: unknown key {key}; allowed are {allowed}",
        path.display()
    )]
    UnknownKey {
        /// The file as it was named.
        path: PathBuf,
        /// The section it stands in.
        section: String,
        /// The key as it was written.
        key: String,
        /// The keys of that section.
        allowed: String,
    },
    /// A key that is given twice; one of the two would be ignored.
    #[error(
        "settings file {}, line {line}, section [{section}]: {key} is given a second time",
        path.display()
    )]
    Repeated {
        /// The file as it was named.
        path: PathBuf,
        /// Where it stands again, counted from 1.
        line: usize,
        /// The section it stands in.
        section: String,
        /// The key.
        key: String,
    },
    /// A value the key cannot take. Values of secret keys are not shown.
    #[error(
        "settings file {}, section [{section}], key {key}: {value:?} is not {allowed}",
        path.display()
    )]
    BadValue {
        /// The file as it was named.
        path: PathBuf,
        /// The section it stands in.
        section: &'static str,
        /// The key.
        key: &'static str,
        /// The value as it was written.
        value: String,
        /// What would be allowed.
        allowed: &'static str,
    },
    /// Nothing gives a value that has no default.
    #[error(
        "no {key} is set: give --{flag}, the environment variable {environment}, or the key \
         {key} in section [{section}] of the settings file"
    )]
    Missing {
        /// The section it would stand in.
        section: &'static str,
        /// The key.
        key: &'static str,
        /// The flag that sets it.
        flag: String,
        /// The environment variable that sets it.
        environment: String,
    },
    /// No bucket has such a name.
    #[error("{bucket:?} is no name of a bucket in S3")]
    NotABucket {
        /// The name as it was given.
        bucket: String,
    },
    /// A URL where a host name belongs. It may carry a password, so it is not shown.
    #[error("redshift's host is a URL, or has a user in it, and not a host name alone")]
    NotAHost,
    /// One half of a pair of credentials.
    #[error("settings file {}, section [aws]: {present} is set but {absent} is blank", path.display())]
    HalfCredentials {
        /// The file as it was named.
        path: PathBuf,
        /// The key that has a value.
        present: &'static str,
        /// The key that has none.
        absent: &'static str,
    },
}

impl SettingsError {
    /// What the user can do, where we know it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoCreateTable { .. } => Some(
                "name the file that declares the table: --create-table FILE, or create_table in \
                 section [redshift] of the settings, relative to the settings file",
            ),
            Self::Missing { .. } => Some(
                "settings are read from ./settings.ini, if it is there, or from --settings FILE; \
                 variables for a local stack are printed by: blueshift up",
            ),
            Self::Unreadable { .. } => Some("name the settings file with --settings FILE"),
            Self::NotABucket { .. } => Some(
                "s3_bucket is the name alone, of 3 to 63 lower-case letters, digits, dots and \
                 hyphens; what stands before keys is s3_prefix",
            ),
            Self::NotAHost => Some(
                "host, port, user, password and database each have a key of their own in section \
                 [redshift] of the settings, and a variable: REDSHIFT_HOST, REDSHIFT_PORT …",
            ),
            _ => None,
        }
    }
}
