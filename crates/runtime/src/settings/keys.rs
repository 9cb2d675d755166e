//! Every key of `settings.ini`: where it stands, what it may hold, what it is without it.
//!
//! One table, so that the parser, the error messages and the environment names cannot disagree.

use std::fmt;

/// A section of `settings.ini`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// `[aws]`: credentials, queue and bucket.
    Aws,
    /// `[redshift]`: where the table is and which of its columns mean what.
    Redshift,
    /// `[events]`: rates, cycles and what to report.
    Events,
}

impl Section {
    /// All sections, in the order of the file.
    pub const ALL: [Self; 3] = [Self::Aws, Self::Redshift, Self::Events];

    /// The name between the brackets.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Redshift => "redshift",
            Self::Events => "events",
        }
    }
}

/// What a key may hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Text,
    Port,
    Whole { min: u64, max: u64, allowed: &'static str },
    Seconds,
    Rate,
    List,
    SslMode,
    Compression,
    AfterLoad,
    Days,
}

impl Kind {
    /// What to tell the user who gave something else.
    pub(crate) fn allowed(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Port => "a port number from 1 to 65535",
            Self::Whole { allowed, .. } => allowed,
            Self::Seconds => "a number of seconds from 0.1 to 43200",
            Self::Rate => "a number above 0",
            Self::List => "a list of names separated by commas",
            Self::SslMode => "one of verify-full, disable",
            Self::Compression => "one of gzip, zstd",
            Self::AfterLoad => "one of archive, delete, keep",
            Self::Days => "a whole number of days or unlimited",
        }
    }

    /// Whether `value` is one of what is allowed.
    pub(crate) fn accepts(self, value: &str) -> bool {
        match self {
            Self::Text => true,
            Self::Port => value.parse::<u16>().is_ok_and(|port| port != 0),
            Self::Whole { min, max, .. } => {
                value.parse::<u64>().is_ok_and(|number| (min..=max).contains(&number))
            }
            Self::Rate => value.parse::<f64>().is_ok_and(|rate| rate.is_finite() && 0.0 < rate),
            Self::Seconds => {
                value.parse::<f64>().is_ok_and(|seconds| (0.1..=43_200.0).contains(&seconds))
            }
            Self::List => value.split(',').any(|name| !name.trim().is_empty()),
            Self::SslMode => matches!(value, "verify-full" | "disable"),
            Self::Compression => matches!(value, "gzip" | "zstd"),
            Self::AfterLoad => matches!(value, "archive" | "delete" | "keep"),
            Self::Days => value == "unlimited" || value.parse::<u32>().is_ok(),
        }
    }
}

/// One key of `settings.ini`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Key {
    /// The section it stands in.
    pub section: Section,
    /// Its name, lower case.
    pub name: &'static str,
    /// Whether its value must not be printed.
    pub secret: bool,
    /// The value that holds when nobody gives one.
    pub default: Option<&'static str>,
    pub(crate) kind: Kind,
}

impl Key {
    const fn text(section: Section, name: &'static str) -> Self {
        Self { section, name, secret: false, default: None, kind: Kind::Text }
    }

    const fn secret(section: Section, name: &'static str) -> Self {
        Self { section, name, secret: true, default: None, kind: Kind::Text }
    }

    const fn defaulting(
        section: Section,
        name: &'static str,
        default: &'static str,
        kind: Kind,
    ) -> Self {
        Self { section, name, secret: false, default: Some(default), kind }
    }

    /// The environment variable that overrides the file: SECTION_KEY in capitals; a key that
    /// begins with its section is not doubled.
    pub fn environment(&self) -> String {
        let section = self.section.name();
        let doubled = self.name.strip_prefix(section).is_some_and(|rest| rest.starts_with('_'));
        let name = if doubled { self.name.to_owned() } else { format!("{section}_{}", self.name) };
        name.to_ascii_uppercase()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "[{}] {}", self.section.name(), self.name)
    }
}

/// `[aws] aws_access_key_id`; blank means the SDK's default chain.
pub const AWS_ACCESS_KEY_ID: Key = Key::text(Section::Aws, "aws_access_key_id");
/// `[aws] aws_secret_access_key`.
pub const AWS_SECRET_ACCESS_KEY: Key = Key::secret(Section::Aws, "aws_secret_access_key");
/// `[aws] region`; blank means the SDK's default chain.
pub const AWS_REGION: Key = Key::text(Section::Aws, "region");
/// `[aws] sqs_name`.
pub const SQS_NAME: Key = Key::text(Section::Aws, "sqs_name");
/// `[aws] sqs_dead_letter_name`; blank means `<sqs_name>-dead-letter`.
pub const SQS_DEAD_LETTER_NAME: Key = Key::text(Section::Aws, "sqs_dead_letter_name");
/// `[aws] sqs_polling_timeout`, seconds of a long poll; SQS allows 0 to 20.
pub const SQS_POLLING_TIMEOUT: Key = Key::defaulting(
    Section::Aws,
    "sqs_polling_timeout",
    "10",
    Kind::Whole { min: 0, max: 20, allowed: "a whole number of seconds from 0 to 20" },
);
/// `[aws] s3_bucket`.
pub const S3_BUCKET: Key = Key::text(Section::Aws, "s3_bucket");
/// `[aws] s3_prefix`, put before every key.
pub const S3_PREFIX: Key = Key::defaulting(Section::Aws, "s3_prefix", "", Kind::Text);
/// `[aws] compression` of the objects with events: `gzip` or `zstd`.
pub const COMPRESSION: Key =
    Key::defaulting(Section::Aws, "compression", "gzip", Kind::Compression);
/// `[aws] after_load`: what becomes of objects once they are loaded.
pub const AFTER_LOAD: Key = Key::defaulting(Section::Aws, "after_load", "archive", Kind::AfterLoad);
/// `[aws] charts_prefix`: where in the bucket charts go too; blank means nowhere.
pub const CHARTS_PREFIX: Key = Key::text(Section::Aws, "charts_prefix");
/// `[redshift] user`.
pub const REDSHIFT_USER: Key = Key::text(Section::Redshift, "user");
/// `[redshift] password`.
pub const REDSHIFT_PASSWORD: Key = Key::secret(Section::Redshift, "password");
/// `[redshift] host`.
pub const REDSHIFT_HOST: Key = Key::text(Section::Redshift, "host");
/// `[redshift] port`.
pub const REDSHIFT_PORT: Key = Key::defaulting(Section::Redshift, "port", "5439", Kind::Port);
/// `[redshift] database`.
pub const REDSHIFT_DATABASE: Key = Key::text(Section::Redshift, "database");
/// `[redshift] arn_credentials`, the role COPY assumes: an ARN or `default`.
pub const REDSHIFT_ARN_CREDENTIALS: Key =
    Key::defaulting(Section::Redshift, "arn_credentials", "default", Kind::Text);
/// `[redshift] sslmode`; blank means `disable` on the loopback, else `verify-full`.
pub const REDSHIFT_SSLMODE: Key =
    Key { kind: Kind::SslMode, ..Key::text(Section::Redshift, "sslmode") };
/// `[redshift] create_table`, the file that declares the table.
pub const REDSHIFT_CREATE_TABLE: Key =
    Key::defaulting(Section::Redshift, "create_table", "create_table.sql", Kind::Text);
/// `[redshift] table`; blank means the name in `create_table.sql`.
pub const REDSHIFT_TABLE: Key = Key::text(Section::Redshift, "table");
/// `[redshift] id_column`: one row per value of it.
pub const REDSHIFT_ID_COLUMN: Key =
    Key::defaulting(Section::Redshift, "id_column", "id", Kind::Text);
/// `[redshift] time_column`: when the event happened.
pub const REDSHIFT_TIME_COLUMN: Key =
    Key::defaulting(Section::Redshift, "time_column", "timestamp", Kind::Text);
/// `[redshift] event_column`: the event's name.
pub const REDSHIFT_EVENT_COLUMN: Key =
    Key::defaulting(Section::Redshift, "event_column", "event", Kind::Text);
/// `[redshift] duplicate_window_days`: how far from the time of an event its id is looked for.
pub const REDSHIFT_DUPLICATE_WINDOW_DAYS: Key =
    Key::defaulting(Section::Redshift, "duplicate_window_days", "7", Kind::Days);
/// `[events] events_per_sec`, the generator's average rate.
pub const EVENTS_PER_SEC: Key =
    Key::defaulting(Section::Events, "events_per_sec", "10", Kind::Rate);
/// `[events] polling_cycles`: polls before a batch is stored.
pub const EVENTS_POLLING_CYCLES: Key = Key::defaulting(
    Section::Events,
    "polling_cycles",
    "6",
    Kind::Whole { min: 1, max: 1_000_000, allowed: "a whole number of 1 or more" },
);
/// `[events] batch_events_max`: events after which a batch is stored.
pub const EVENTS_BATCH_EVENTS_MAX: Key = Key::defaulting(
    Section::Events,
    "batch_events_max",
    "20000",
    Kind::Whole { min: 10, max: 20_000, allowed: "a whole number from 10 to 20000" },
);
/// `[events] batch_bytes_max`: bytes before compression after which a batch is stored.
pub const EVENTS_BATCH_BYTES_MAX: Key = Key::defaulting(
    Section::Events,
    "batch_bytes_max",
    "16777216",
    Kind::Whole {
        min: 1_024,
        max: 4_294_967_296,
        allowed: "a whole number of bytes from 1024 to 4294967296",
    },
);
/// `[events] batch_age_max`: seconds after its first event that a batch is stored; blank means
/// `polling_cycles` times `sqs_polling_timeout`.
pub const EVENTS_BATCH_AGE_MAX: Key =
    Key { kind: Kind::Seconds, ..Key::text(Section::Events, "batch_age_max") };
/// `[events] report_events`, a chart for each.
pub const EVENTS_REPORT_EVENTS: Key = Key::defaulting(
    Section::Events,
    "report_events",
    "submission_success, registration_initiated",
    Kind::List,
);

/// Every key a program reads.
pub const KEYS: &[Key] = &[
    AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY,
    AWS_REGION,
    SQS_NAME,
    SQS_DEAD_LETTER_NAME,
    SQS_POLLING_TIMEOUT,
    S3_BUCKET,
    S3_PREFIX,
    COMPRESSION,
    AFTER_LOAD,
    CHARTS_PREFIX,
    REDSHIFT_USER,
    REDSHIFT_PASSWORD,
    REDSHIFT_HOST,
    REDSHIFT_PORT,
    REDSHIFT_DATABASE,
    REDSHIFT_ARN_CREDENTIALS,
    REDSHIFT_SSLMODE,
    REDSHIFT_CREATE_TABLE,
    REDSHIFT_TABLE,
    REDSHIFT_ID_COLUMN,
    REDSHIFT_TIME_COLUMN,
    REDSHIFT_EVENT_COLUMN,
    REDSHIFT_DUPLICATE_WINDOW_DAYS,
    EVENTS_PER_SEC,
    EVENTS_POLLING_CYCLES,
    EVENTS_BATCH_EVENTS_MAX,
    EVENTS_BATCH_BYTES_MAX,
    EVENTS_BATCH_AGE_MAX,
    EVENTS_REPORT_EVENTS,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_names_do_not_double_the_section() {
        let names: Vec<String> = KEYS.iter().map(Key::environment).collect();
        assert!(names.contains(&"AWS_ACCESS_KEY_ID".to_owned()), "{names:?}");
        assert!(names.contains(&"AWS_SQS_NAME".to_owned()), "{names:?}");
        assert!(names.contains(&"EVENTS_PER_SEC".to_owned()), "{names:?}");
        assert!(names.contains(&"EVENTS_REPORT_EVENTS".to_owned()), "{names:?}");
        assert!(names.contains(&"REDSHIFT_HOST".to_owned()), "{names:?}");
    }

    #[test]
    fn every_default_is_allowed_by_its_own_key() {
        for key in KEYS {
            if let Some(default) = key.default {
                assert!(key.kind.accepts(default), "{key}: {default:?}");
            }
        }
    }
}
