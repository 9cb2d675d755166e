//! The system tables and views that the guide lists and `catalog` does not make ("System tables and
//! views reference"): refused by name, where Postgres would know of no such relation.

use crate::error::SqlError;
use crate::sql::statement::Statement;
use crate::sql::tokens::Kind;

/// Their names, in order.
#[rustfmt::skip] // A list reads as one.
const NAMES: &[&str] = &[
    "pg_class_info", "pg_user_info", "stl_aggr", "stl_analyze",
    "stl_bcast", "stl_commit_stats", "stl_connection_log", "stl_datashare_changes_consumer",
    "stl_datashare_changes_producer", "stl_datashare_request_consumer", "stl_delete",
    "stl_disk_full_diag", "stl_dist", "stl_explain", "stl_hash", "stl_hashjoin", "stl_limit",
    "stl_merge", "stl_mergejoin", "stl_mv_state", "stl_nestloop", "stl_parse", "stl_plan_info",
    "stl_project", "stl_query_metrics", "stl_restarted_sessions", "stl_return", "stl_save",
    "stl_scan", "stl_schema_quota_violations", "stl_sessions", "stl_sort", "stl_sshclient_error",
    "stl_stream_segs", "stl_undone", "stl_unique", "stl_usage_control", "stl_userlog",
    "stl_vacuum", "stl_window", "stl_wlm_error", "stl_wlm_rule_action", "stv_active_cursors",
    "stv_blocklist", "stv_cursor_configuration", "stv_exec_state", "stv_ml_model_info",
    "stv_mv_deps", "stv_node_storage_capacity", "stv_partitions", "stv_query_metrics",
    "stv_schema_quota_state", "stv_startup_recovery_state", "stv_wlm_classification_config",
    "stv_wlm_qmr_config", "stv_wlm_query_queue_state", "stv_wlm_query_state",
    "stv_wlm_query_task_state", "stv_wlm_service_class_config", "stv_wlm_service_class_state",
    "stv_xrestore_alter_queue_state", "svcs_alert_event_log", "svcs_compile",
    "svcs_concurrency_scaling_usage", "svcs_explain", "svcs_plan_info", "svcs_query_summary",
    "svcs_s3list", "svcs_s3log", "svcs_s3partition_summary", "svcs_s3query_summary",
    "svcs_stream_segs", "svcs_unload_log", "svl_auto_worker_action", "svl_compile",
    "svl_datashare_cross_region_usage", "svl_datashare_usage_consumer",
    "svl_datashare_usage_producer", "svl_federated_query", "svl_multi_statement_violations",
    "svl_mv_refresh_status", "svl_qerror", "svl_query_metrics", "svl_query_metrics_summary",
    "svl_query_queue_info", "svl_query_report", "svl_query_summary",
    "svl_restore_alter_table_progress", "svl_s3catalog", "svl_s3log",
    "svl_s3partition", "svl_s3partition_summary", "svl_s3query", "svl_s3query_summary",
    "svl_s3retries", "svl_spatial_simplify", "svl_spectrum_scan_error", "svl_stored_proc_call",
    "svl_stored_proc_messages", "svl_terminate", "svl_udf_log", "svl_vacuum_percentage",
    "svv_active_cursors", "svv_alter_table_recommendations", "svv_attached_masking_policy",
    "svv_column_privileges", "svv_copy_job_integrations", "svv_database_privileges",
    "svv_datashare_consumers", "svv_datashare_objects", "svv_datashare_privileges",
    "svv_datashares", "svv_default_privileges", "svv_diskusage", "svv_function_privileges",
    "svv_geography_columns", "svv_geometry_columns", "svv_iam_privileges",
    "svv_identity_providers", "svv_integration", "svv_integration_table_mapping",
    "svv_integration_table_state", "svv_interleaved_columns", "svv_language_privileges",
    "svv_masking_policy", "svv_ml_model_info", "svv_ml_model_privileges", "svv_mv_dependency",
    "svv_query_inflight", "svv_query_state", "svv_redshift_functions",
    "svv_redshift_schema_quota", "svv_rls_applied_policy", "svv_rls_attached_policy",
    "svv_rls_policy", "svv_rls_relation", "svv_schema_privileges", "svv_schema_quota_state",
    "svv_sem_usage", "svv_sem_usage_leader", "svv_system_privileges", "svv_table_partitions",
    "svv_user_info", "svv_vacuum_progress", "svv_vacuum_summary",
    "sys_analyze_history", "sys_applied_masking_policy_log",
    "sys_auto_table_optimization", "sys_automv_sessions", "sys_child_query_text",
    "sys_connection_log", "sys_copy_job_detail", "sys_copy_job_info",
    "sys_cross_region_datashare_usage", "sys_datashare_change_log",
    "sys_datashare_usage_consumer", "sys_datashare_usage_producer", "sys_external_query_detail",
    "sys_external_query_error", "sys_integration_activity", "sys_integration_table_activity",
    "sys_integration_table_state_change", "sys_mv_refresh_history", "sys_mv_state",
    "sys_procedure_call", "sys_procedure_messages", "sys_query_explain",
    "sys_redshift_template_usage_history", "sys_restore_log", "sys_restore_state",
    "sys_schema_quota_violations", "sys_serverless_usage", "sys_session_history",
    "sys_spatial_simplify", "sys_stream_scan_errors", "sys_stream_scan_states",
    "sys_streaming_scan_states", "sys_udf_log", "sys_unload_detail", "sys_unload_history",
    "sys_userlog", "sys_vacuum_history",
];

/// Refuses a statement that reads one of them.
pub(super) fn judge(statement: &Statement<'_>) -> Result<(), SqlError> {
    const BEFORE_RELATIONS: &[&str] = &["from", "join", "on", "table", "only", "using", "into"];
    for index in 1..statement.tokens.len() {
        let token = statement.tokens[index];
        let text = match token.kind {
            Kind::Word => token.text(statement.sql),
            Kind::Quoted => token.text(statement.sql).trim_matches('"'),
            _ => continue,
        };
        let prefix = text.get(..3).unwrap_or_default().to_ascii_lowercase();
        if !["stl", "stv", "svl", "svv", "svc", "sys", "pg_"].contains(&prefix.as_str()) {
            continue;
        }
        let of_schema = statement.is_symbol(index - 1, b'.');
        let stands = of_schema
            || statement.is_symbol(index - 1, b',')
            || BEFORE_RELATIONS.iter().any(|word| statement.is_word(index - 1, word));
        let others = of_schema && 1 < index && !statement.text(index - 2).contains("pg_catalog");
        if stands && !others && NAMES.binary_search(&text.to_ascii_lowercase().as_str()).is_ok() {
            let name = text.to_ascii_uppercase();
            let message = format!("{name}: not emulated yet by this Redshift stand-in");
            return Err(SqlError::new("0A000", message).at(statement, index));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::template_sql;

    #[test]
    fn a_view_that_is_not_made_is_refused_by_name() {
        let check = |sql: &str, expected: Option<&str>| {
            let refused = judge(&Statement::new(sql)).err().map(|error| error.message);
            let expected =
                expected.map(|name| format!("{name}: not emulated yet by this Redshift stand-in"));
            assert_eq!(refused, expected, "{sql}");
        };
        check("select * from stl_scan", Some("STL_SCAN"));
        check("select 1 from t, pg_catalog.\"svl_query_summary\" s", Some("SVL_QUERY_SUMMARY"));
        check("select 1 from t join SYS_CONNECTION_LOG using (pid)", Some("SYS_CONNECTION_LOG"));
        check("select 1 from my.stl_scan", None);
        check("select stl_scan from t", None);
        check("select 'stl_scan' from stl_query", None);
    }

    #[test]
    fn the_names_are_in_order_and_none_is_made() {
        assert!(NAMES.is_sorted());
        for name in NAMES {
            assert!(!template_sql().contains(&format!("VIEW pg_catalog.{name} ")), "{name}");
        }
    }
}
