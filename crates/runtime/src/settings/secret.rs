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
