//! `settings.ini`, read and checked as a whole before anything starts.
//!
//! Takes what Python's ConfigParser takes from the prototype's file: keys in any case, values
//! unquoted and with backslashes as they are, `%%` for a per cent sign.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use ini::{Ini, ParseOption};

use super::error::SettingsError;
use super::keys::{AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, KEYS, Key, Section};

/// The name looked for in the working directory when `--settings` is not given.
const DEFAULT_NAME: &str = "settings.ini";

/// A checked settings file; empty when there is none.
#[derive(Clone, Default)]
pub struct SettingsFile {
    path: PathBuf,
    values: HashMap<(&'static str, &'static str), String>,
}

impl std::fmt::Debug for SettingsFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values may be secrets.
        formatter.debug_struct("SettingsFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl SettingsFile {
    /// Reads the named file, or `settings.ini` in the working directory if there is one.
    pub fn load(named: Option<&Path>) -> Result<Self, SettingsError> {
        let path = named.unwrap_or(Path::new(DEFAULT_NAME));
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(source) => Err(SettingsError::Unreadable { path: path.to_owned(), source }),
        }
    }

    /// Checks a settings file; `path` is only for messages.
    pub fn parse(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let option = ParseOption {
            enabled_quote: false,
            enabled_escape: false,
            enabled_preserve_key_leading_whitespace: false,
            ..ParseOption::default()
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let ini =
            Ini::load_from_str_opt(text, option).map_err(|error| SettingsError::Malformed {
                path: path.to_owned(),
                line: error.line + 1,
                problem: error.msg.to_string(),
            })?;
        if let Some((line, section, key)) = repeated(text) {
            return Err(SettingsError::Repeated { path: path.to_owned(), line, section, key });
        }
        let mut file = Self { path: path.to_owned(), values: HashMap::new() };
        for (section, properties) in &ini {
            for (name, value) in properties.iter() {
                file.take(section.unwrap_or_default(), name, value)?;
            }
            if let Some(section) = section {
                file.section(section)?;
            }
        }
        file.check_credentials()?;
        Ok(file)
    }

    /// The file this was read from; empty if there was none.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The value of `key`; a blank one counts as not given.
    pub fn value(&self, key: &Key) -> Option<&str> {
        self.values
            .get(&(key.section.name(), key.name))
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    fn section(&self, name: &str) -> Result<Section, SettingsError> {
        Section::ALL.into_iter().find(|section| section.name() == name).ok_or_else(|| {
            SettingsError::UnknownSection {
                path: self.path.clone(),
                section: name.to_owned(),
                allowed: listed(Section::ALL.iter().map(|section| format!("[{}]", section.name()))),
            }
        })
    }

    fn take(&mut self, section: &str, name: &str, value: &str) -> Result<(), SettingsError> {
        let section = self.section(section)?;
        let lower = name.trim().to_ascii_lowercase();
        let of_section = || KEYS.iter().filter(|key| key.section == section);
        let Some(key) = of_section().find(|key| key.name == lower) else {
            return Err(SettingsError::UnknownKey {
                path: self.path.clone(),
                section: section.name().to_owned(),
                key: name.to_owned(),
                allowed: listed(of_section().map(|key| key.name.to_owned())),
            });
        };
        let value = value.trim().replace("%%", "%");
        if !value.is_empty() && !key.kind.accepts(&value) {
            return Err(SettingsError::BadValue {
                path: self.path.clone(),
                section: section.name(),
                key: key.name,
                value: if key.secret { "***".to_owned() } else { value },
                allowed: key.kind.allowed(),
            });
        }
        self.values.insert((section.name(), key.name), value);
        Ok(())
    }

    fn check_credentials(&self) -> Result<(), SettingsError> {
        let given = |key: &Key| self.value(key).is_some();
        let (present, absent) = match (given(&AWS_ACCESS_KEY_ID), given(&AWS_SECRET_ACCESS_KEY)) {
            (true, false) => (AWS_ACCESS_KEY_ID.name, AWS_SECRET_ACCESS_KEY.name),
            (false, true) => (AWS_SECRET_ACCESS_KEY.name, AWS_ACCESS_KEY_ID.name),
            _ => return Ok(()),
        };
        Err(SettingsError::HalfCredentials { path: self.path.clone(), present, absent })
    }
}

/// The first key that stands a second time in its section: line, section, key. ConfigParser refuses
/// that too; `ini` does not say where a key stands.
fn repeated(text: &str) -> Option<(usize, String, String)> {
    let mut section = "";
    let mut seen = HashSet::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some((name, _)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            section = name.trim();
        } else if !line.starts_with(['#', ';'])
            && let Some((key, _)) = line.split_once(['=', ':'])
        {
            let key = key.trim().to_ascii_lowercase();
            if !seen.insert((section, key.clone())) {
                return Some((index + 1, section.to_owned(), key));
            }
        }
    }
    None
}

fn listed(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::keys;
    use super::*;

    const PROTOTYPE: &str = "\
[aws]
aws_access_key_id=
aws_secret_access_key=
region=eu-central-1
sqs_name=events
sqs_polling_timeout=10
s3_bucket=lake
[redshift]
user=awsuser
password=pa\\ss%%word#1;x
host=example.eu-central-1.redshift.amazonaws.com
port=5439
database=dev
arn_credentials=arn:aws:iam::123456789012:role/copy
[events]
events_per_sec=2.5
polling_cycles=6
report_events=submission_success,registration_initiated
";

    fn parse(text: &str) -> Result<SettingsFile, SettingsError> {
        SettingsFile::parse(Path::new("settings.ini"), text)
    }

    fn refused(text: &str) -> String {
        parse(text).expect_err("the file must be refused").to_string()
    }

    #[test]
    fn the_prototypes_file_works_unchanged() {
        let file = parse(PROTOTYPE).expect("the prototype's file is fine");
        assert_eq!(file.value(&keys::SQS_NAME), Some("events"));
        assert_eq!(file.value(&keys::REDSHIFT_PASSWORD), Some("pa\\ss%word#1;x"));
        assert_eq!(file.value(&keys::AWS_ACCESS_KEY_ID), None, "blank counts as not given");
    }

    #[test]
    fn keys_may_stand_in_any_case_and_with_blanks() {
        let file = parse("\u{feff}# note\n[aws]\n SQS_Name = q \n; more\n").expect("fine");
        assert_eq!(file.value(&keys::SQS_NAME), Some("q"));
    }

    #[test]
    fn what_is_wrong_is_named_with_file_section_key_and_what_is_allowed() {
        insta::assert_snapshot!(refused("[aws]\nqueue = x\n"), @"settings file settings.ini, section [aws]: unknown key queue; allowed are aws_access_key_id, aws_secret_access_key, region, sqs_name, sqs_dead_letter_name, sqs_polling_timeout, s3_bucket, s3_prefix, compression, after_load, charts_prefix");
        insta::assert_snapshot!(refused("[azure]\nx = y\n"), @"settings file settings.ini: unknown section [azure]; allowed are [aws], [redshift], [events]");
        insta::assert_snapshot!(refused("[azure]\n"), @"settings file settings.ini: unknown section [azure]; allowed are [aws], [redshift], [events]");
        insta::assert_snapshot!(refused("[aws]\nsqs_polling_timeout = 21\n"), @r#"settings file settings.ini, section [aws], key sqs_polling_timeout: "21" is not a whole number of seconds from 0 to 20"#);
        insta::assert_snapshot!(refused("[redshift]\nport = 0\n"), @r#"settings file settings.ini, section [redshift], key port: "0" is not a port number from 1 to 65535"#);
        insta::assert_snapshot!(refused("[aws]\naws_access_key_id = AKIA\n"), @"settings file settings.ini, section [aws]: aws_access_key_id is set but aws_secret_access_key is blank");
        assert!(refused("[aws]\nnonsense\n").starts_with("settings file settings.ini, line "));
        assert!(refused("sqs_name = q\n").contains("unknown section []"));
    }

    #[test]
    fn a_key_given_twice_is_refused_with_its_line() {
        let expected = "settings file settings.ini, line 4, section [aws]: sqs_name is given a \
                        second time";
        assert_eq!(refused("[aws]\nsqs_name = a\n# sqs_name = b\nSQS_Name: c\n"), expected);
        assert_eq!(refused("[aws]\nsqs_name=a\n[aws]\nsqs_name=\n"), expected);
        parse("[aws]\nregion = a\n[redshift]\nuser = region = b\n").expect("two keys");
    }

    #[test]
    fn a_missing_default_file_is_an_empty_one_but_a_named_one_must_exist() {
        let absent = Path::new("/nonexistent/settings.ini");
        assert!(matches!(SettingsFile::load(Some(absent)), Err(SettingsError::Unreadable { .. })));
    }

    #[test]
    fn debug_shows_no_value() {
        let file = parse(PROTOTYPE).expect("fine");
        assert!(!format!("{file:?}").contains("word"));
    }
}
