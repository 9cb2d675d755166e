//! Session settings that Redshift has and Postgres does not.
//!
//! They are kept under a prefix and have no effect ("Configuration reference").

use super::edits::Edits;
use crate::sql::statement::Statement;

/// The settings with their defaults.
pub(crate) const SETTINGS: &[(&str, &str)] = &[
    ("activate_aqua", "off"),
    ("analyze_threshold_percent", "10"),
    ("auto_mv", "on"),
    ("cast_super_null_on_error", "on"),
    ("datashare_break_glass_session_var", ""),
    ("default_transaction_isolation", "serializable"),
    ("describe_field_name_in_uppercase", "off"),
    ("downcase_delimited_identifier", "on"),
    ("enable_case_sensitive_identifier", "off"),
    ("enable_case_sensitive_super_attribute", "off"),
    ("enable_numeric_rounding", "on"),
    ("enable_result_cache_for_session", "on"),
    ("enable_vacuum_boost", "off"),
    ("error_on_nondeterministic_update", "off"),
    ("interval_forbid_composite_literals", "false"),
    ("json_parse_truncate_strings", "off"),
    ("json_serialization_enable", "off"),
    ("json_serialization_parse_nested_strings", "off"),
    ("max_concurrency_scaling_clusters", "1"),
    ("max_cursor_result_set_size", "0"),
    ("mv_enable_aqmv_for_session", "on"),
    ("navigate_super_null_on_error", "on"),
    ("parse_super_null_on_error", "off"),
    ("query_group", "unset"),
    ("spectrum_enable_pseudo_columns", "on"),
    ("stored_proc_log_min_messages", "log"),
    ("transaction_isolation", "serializable"),
    ("use_fips_ssl", "off"),
    ("wlm_query_slot_count", "1"),
];

/// Rewrites SET, RESET and SHOW of such a setting.
pub(super) fn rewrite(statement: &Statement<'_>, edits: &mut Edits) {
    let changes = statement.leads("set") || statement.leads("reset");
    let scope = statement.leads("set session") || statement.leads("set local");
    let at = if scope { 2 } else { 1 };
    let setting = SETTINGS.iter().find(|(name, _)| statement.is_word(at, name));
    let Some((name, default)) = setting else { return };
    if changes {
        edits.insert(statement.tokens[at].start(), "redshift.");
    } else if statement.leads("show") {
        let show = statement.tokens[0].start()..statement.tokens[at].end();
        let value = format!("coalesce(nullif(current_setting('redshift.{name}', true), ''), ");
        edits.replace(show, format!("SELECT {value}'{default}')::varchar AS {name}"));
    }
}

/// The start-up parameter `options` (`-c name=value`, `--name=value`) with such settings under
/// their prefix, and what it makes of `enable_case_sensitive_identifier`.
pub(crate) fn startup_options(options: &str) -> (String, Option<bool>) {
    let mut case_sensitive = None;
    let mut names_follow = false;
    let mut continued = false;
    let mut words = Vec::new();
    for word in options.split(' ') {
        // A backslash keeps the blank behind it in the value.
        let is_value = std::mem::replace(&mut continued, word.ends_with('\\'));
        let (mark, setting) = match word {
            _ if is_value || word.is_empty() => (word, ""),
            _ if names_follow => ("", word),
            "-c" => ("-c", ""),
            _ if word.starts_with("--") || word.starts_with("-c") => word.split_at(2),
            _ => (word, ""),
        };
        names_follow = mark == "-c" && setting.is_empty() || (names_follow && word.is_empty());
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        let name = name.replace('-', "_").to_ascii_lowercase();
        if name == CASE_SENSITIVE {
            case_sensitive = Some(is_on(value));
        }
        let known = SETTINGS.iter().any(|(known, _)| *known == name);
        words.push(format!("{mark}{}{setting}", if known { "redshift." } else { "" }));
    }
    (words.join(" "), case_sensitive)
}

/// The setting that decides whether names in quotes keep their case.
pub(crate) const CASE_SENSITIVE: &str = "enable_case_sensitive_identifier";

/// Whether a value of a setting means yes.
pub(crate) fn is_on(value: &str) -> bool {
    ["on", "true", "t", "yes", "y", "1"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_name_settings_in_three_ways() {
        let check = |options: &str, expected: &str, case_sensitive| {
            assert_eq!(startup_options(options), (expected.to_owned(), case_sensitive));
        };
        check("-c query_group=abc", "-c redshift.query_group=abc", None);
        check(
            "--query-group=a\\ b -cstatement_timeout=5  -c  auto_mv=off",
            "--redshift.query-group=a\\ b -cstatement_timeout=5  -c  redshift.auto_mv=off",
            None,
        );
        check(
            "-cEnable_Case_Sensitive_Identifier=true",
            "-credshift.Enable_Case_Sensitive_Identifier=true",
            Some(true),
        );
        check("-c query_group=-c\\ auto_mv=on", "-c redshift.query_group=-c\\ auto_mv=on", None);
        check("", "", None);
    }
}
