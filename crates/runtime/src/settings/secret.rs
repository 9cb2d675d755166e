//! A value that must not be printed.

use std::fmt;

/// A password or secret key: `Debug` and `Display` print `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The secret itself, for the one call that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// A URL, or a host, without the user and password that stand before its `@`.
pub fn without_user(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + "://".len());
    let (scheme, rest) = text.split_at(start);
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..authority].rfind('@') {
        Some(at) if 0 < start || rest[..at].contains(':') => format!("{scheme}***{}", &rest[at..]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{AwsArgs, RedshiftArgs, SettingsFile};
    use super::*;

    #[test]
    fn a_secret_prints_as_stars() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "*** *** Some(***)");
        assert_eq!(secret.reveal(), "hunter2");
    }

    #[test]
    fn a_url_is_shown_without_user_and_password() {
        for (text, shown) in [
            ("http://127.0.0.1:4566", "http://127.0.0.1:4566"),
            ("http://u:p@127.0.0.1:4566/a@b", "http://***@127.0.0.1:4566/a@b"),
            ("postgresql://u:p@ss@h?x=1", "postgresql://***@h?x=1"),
            ("https://h/a@b", "https://h/a@b"),
            ("u:p@h", "***@h"),
            ("a@b", "a@b"),
            ("arn:aws:iam::1:role/a@b", "arn:aws:iam::1:role/a@b"),
        ] {
            assert_eq!(without_user(text), shown);
        }
    }

    /// Whatever is printed of settings: for debugging, and as errors of files with a mistake.
    #[test]
    fn no_setting_and_no_error_about_settings_shows_a_secret() {
        let fine = "[aws]\naws_access_key_id = AKIA\naws_secret_access_key = hunter2\n\
                    [redshift]\nuser = u\nhost = h\ndatabase = d\npassword = hunter2\n";
        let path = Path::new("settings.ini");
        let file = SettingsFile::parse(path, fine).expect("fine");
        let aws = AwsArgs::default().resolve(&file);
        let redshift = RedshiftArgs::default().resolve(&file).expect("complete");
        for shown in [format!("{file:?}"), format!("{aws:?}"), format!("{redshift:?}")] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        for mistaken in [
            "[redshift]\npasword = hunter2\n",
            "[redshift]\npassword hunter2\n",
            "[redshift]\npassword = a\npassword = hunter2\n",
            "[aws]\naws_secret_access_key = hunter2\n",
            "[redshfit]\npassword = hunter2\n",
            "password = hunter2\n",
        ] {
            let error = SettingsFile::parse(path, mistaken).expect_err(mistaken);
            let shown = format!("{error} {error:?} {:?}", error.hint());
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
