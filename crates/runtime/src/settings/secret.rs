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
///
/// Passwords hold any character, also those that a URL would have to escape: all up to the last `@`
/// is masked, and all of what looks like a URL and is none.
pub fn without_user(text: &str) -> String {
    const MASK: &str = "***";
    if text.to_ascii_lowercase().contains("password=") {
        return MASK.to_owned();
    }
    let Some(at) = text.rfind('@') else { return text.to_owned() };
    let (before, rest) = text.split_at(at);
    match before.split_once("://") {
        Some((scheme, _)) if is_scheme(scheme) => format!("{scheme}://{MASK}{rest}"),
        Some(_) => MASK.to_owned(),
        None if before.contains(':') && !text.starts_with("arn:aws") => format!("{MASK}{rest}"),
        None => text.to_owned(),
    }
}

/// RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|it| it.is_ascii_alphanumeric() || "+-.".contains(it))
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
            ("http://u:p@127.0.0.1:4566/a", "http://***@127.0.0.1:4566/a"),
            // Who knows where the password ends?
            ("http://u:p@127.0.0.1:4566/a@b", "http://***@b"),
            ("https://h/a@b", "https://***@b"),
            ("postgresql://u:p@ss@h?x=1", "postgresql://***@h?x=1"),
            ("postgresql://u:hun#ter@h:5439/dev", "postgresql://***@h:5439/dev"),
            ("http://u:pa/ss?w%@h", "http://***@h"),
            ("u:p://w@h", "***"),
            ("://u:p@h", "***"),
            ("postgresql://h/dev?user=u&Password=p", "***"),
            ("u:p@h", "***@h"),
            ("u:p/#?w@h", "***@h"),
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
