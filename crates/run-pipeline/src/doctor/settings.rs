//! Every setting, its value, and where that comes from.

use std::fmt;

use runtime::settings::keys::KEYS;
use runtime::settings::{Key, SettingsFile, environment_value, without_user};
use serde::Serialize;

use super::report::Report;
use crate::parts::Given;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The command line.
    Flag,
    /// The environment.
    Environment,
    /// The settings file.
    File,
    /// Nobody gave one.
    Default,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Value {
    /// Section and key.
    pub key: String,
    /// The value, `***` if it is a secret; `None`: nobody gave one, and there is no default.
    pub value: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// The environment variable that would override the file.
    pub variable: String,
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, origin, variable } = self;
        let value = value.as_deref().unwrap_or("(not set)");
        let origin = match origin {
            Origin::Flag => "flag",
            Origin::Environment => variable,
            Origin::File => "file",
            Origin::Default => "default",
        };
        write!(formatter, "{key} = {value}  ({origin})")
    }
}

/// Lists all settings.
pub(super) fn list(report: &mut Report, file: &SettingsFile, given: &Given) {
    if file.path().as_os_str().is_empty() {
        report.ok("settings", "no settings file: flags, environment and defaults");
    } else {
        report.ok("settings", format!("{} is fine", file.path().display()));
    }
    report.settings = KEYS.iter().map(|key| value(key, file, given)).collect();
}

fn value(key: &Key, file: &SettingsFile, given: &Given) -> Value {
    let variable = key.environment();
    let (origin, value) = if let Some(value) = given.value_of(&variable) {
        (Origin::Flag, Some(value))
    } else if let Some(value) = environment_value(key) {
        (Origin::Environment, Some(value))
    } else if let Some(value) = file.value(key) {
        (Origin::File, Some(value.to_owned()))
    } else {
        (Origin::Default, key.default.map(str::to_owned))
    };
    let value = value.map(|value| if key.secret { "***".to_owned() } else { without_user(&value) });
    Value { key: key.to_string(), value, origin, variable }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::parts::parse_from;

    #[test]
    fn every_setting_says_where_it_comes_from_and_secrets_are_masked() {
        let text = "[aws]\nsqs_name = of-file\n[redshift]\npassword = hunter2\nhost = h\n";
        let file = SettingsFile::parse(Path::new("settings.ini"), text).unwrap();
        let (_, given) =
            parse_from(&["run-pipeline", "doctor", "--redshift-host=u:hunter2@of-flag"]).unwrap();
        let mut report = Report::default();
        list(&mut report, &file, &given);
        let shown: Vec<String> = report.settings.iter().map(ToString::to_string).collect();
        for line in [
            "[aws] sqs_name = of-file  (file)",
            "[redshift] password = ***  (file)",
            "[redshift] host = ***@of-flag  (flag)",
            "[redshift] port = 5439  (default)",
            "[redshift] table = (not set)  (default)",
        ] {
            assert!(shown.iter().any(|it| it == line), "{line}: {shown:#?}");
        }
        let json = serde_json::to_string(&report).unwrap();
        assert!(!json.contains("hunter2") && !report.to_string().contains("hunter2"));
    }
}
