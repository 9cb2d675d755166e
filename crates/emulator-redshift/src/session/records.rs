//! What the system tables show, handed to Postgres before a statement that looks at them.

use bytes::Bytes;

use super::Session;
use crate::classify::{Context, Reading};
use crate::relay::pipeline::Audience;
use crate::system_tables::reads::SystemReads;

impl Session {
    pub(super) fn context(&self) -> Context {
        let views = self.shared.system_tables.views();
        Context { views, case_sensitive: self.case_sensitive, ..Context::default() }
    }

    /// Keeps what later statements depend on: views of system tables show the relay's records
    /// whenever they are used, and names in quotes may keep their case.
    pub(super) fn note(&mut self, readings: &[Reading<'_>]) {
        for reading in readings {
            self.case_sensitive = reading.case_sensitive.unwrap_or(self.case_sensitive);
            if let Some(name) = &reading.makes_view {
                self.shared.system_tables.record_view(name, reading.reads);
            }
        }
    }

    /// Copies the system tables and the session's records into its settings, where the views of
    /// `catalog` read them. Done anew before each statement that looks, because a rollback takes
    /// settings back. A client can read its settings: what is not for its user stays out.
    pub(super) fn refresh(&mut self, reads: SystemReads, audience: Audience) {
        let tables = &self.shared.system_tables;
        let mut rows = Vec::new();
        if reads.has(SystemReads::LOAD_ERRORS) {
            rows.push(("stl_load_errors", "userid", tables.load_errors_json()));
        }
        if reads.has(SystemReads::COPIES) {
            rows.push(("copies", "user_id", tables.copies_json()));
        }
        if reads.has(SystemReads::QUERIES) {
            rows.push(("queries", "username", tables.queries_json()));
        }
        if reads.has(SystemReads::TRANSACTIONS) {
            rows.push(("transactions", "username", tables.transactions_json()));
        }
        let mut calls = Vec::new();
        let mut parameters = Vec::new();
        let mut set = |name: &str, expression: &str, value: Bytes| {
            parameters.push(Some(value));
            let value = expression.replace('$', &format!("${}", parameters.len()));
            calls.push(format!("pg_catalog.set_config('blueshift.{name}', {value}, false)"));
        };
        for (name, owner, json) in rows {
            set(name, &visible(owner), json);
        }
        if reads.has(SystemReads::SESSION) {
            let last_copy = self.relay.journal.last_copy();
            for (name, value) in [
                ("last_copy_count", last_copy.rows.to_string()),
                ("last_copy_id", last_copy.query.to_string()),
                ("last_query_id", self.last_query_id.to_string()),
            ] {
                set(name, "$", Bytes::from(value));
            }
        }
        self.relay.send_own(&format!("SELECT {}", calls.join(", ")), parameters, audience);
        self.relay.close_own(audience);
    }
}

/// Those of the rows `$` that the current user may see, a superuser all ("Visibility of data in
/// system tables and views"). `owner` is the member that names a row's user. No name in it, nor any
/// operator, is looked up where the client says.
fn visible(owner: &str) -> String {
    let user = "pg_catalog.quote_ident(current_user::pg_catalog.text)";
    let user = match owner {
        "username" => "current_user::pg_catalog.text".to_owned(),
        _ => format!("pg_catalog.to_regrole({user})::pg_catalog.oid::pg_catalog.text"),
    };
    let is_own =
        format!("pg_catalog.texteq(pg_catalog.json_extract_path_text(one, '{owner}'), {user})");
    format!(
        "CASE WHEN pg_catalog.pg_has_role(pg_catalog.to_regrole('blueshift_superusers'), 'USAGE') \
         THEN $::pg_catalog.text ELSE (SELECT coalesce(pg_catalog.json_agg(one)::pg_catalog.text, \
         '[]') FROM pg_catalog.json_array_elements($::pg_catalog.text::pg_catalog.json) AS one \
         WHERE {is_own}) END"
    )
}
