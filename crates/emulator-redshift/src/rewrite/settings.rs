//! Session settings that Redshift has and Postgres does not.
//!
//! They are kept under a prefix and have no effect ("Configuration reference").

use super::edits::Edits;
use crate::sql::statement::Statement;

/// The settings with their defaults.
pub(crate) const SETTINGS: &[(&str, &str)] = &[
    ("analyze_threshold_percent", "10"),
    ("cast_super_null_on_error", "on"),
    ("datashare_break_glass_session_var", ""),
    ("default_transaction_isolation", "serializable"),
    ("describe_field_name_in_uppercase", "off"),
    ("downcase_delimited_identifier", "on"),
    ("enable_case_sensitive_identifier", "off"),
    ("enable_numeric_rounding", "on"),
    ("enable_result_cache_for_session", "on"),
    ("enable_vacuum_boost", "off"),
    ("error_on_nondeterministic_update", "off"),
    ("json_serialization_enable", "off"),
    ("json_serialization_parse_nested_strings", "off"),
    ("max_concurrency_scaling_clusters", "1"),
    ("max_cursor_result_set_size", "0"),
    ("mv_enable_aqmv_for_session", "on"),
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
