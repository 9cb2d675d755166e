//! What the system tables show, handed to Postgres before a statement that looks at them.

use std::sync::Arc;

use bytes::Bytes;

use super::Session;
use crate::classify::{Context, Reading};
use crate::error::SessionError;
use crate::relay::pipeline::Audience;
use crate::system_tables::SystemViews;
use crate::system_tables::dependents::{DEPENDENTS, Known, names, views};
use crate::system_tables::reads::SystemReads;

/// What the session knows of the client's own names for the relay's records.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Views and functions; `None` if something may have changed.
    known: Option<Known>,
    /// Statements of PREPARE.
    prepared: SystemViews,
}

impl Session {
    pub(super) fn context(&mut self) -> Context {
        let dependents = &self.shared.system_tables.dependents;
        let shown = &mut self.shown;
        if shown.known.as_ref().is_none_or(|known| known.changes != dependents.changes()) {
            // Nobody else sees what the session's own transaction makes.
            let own = self.relay.journal.defines;
            shown.known = if own { None } else { dependents.known(&self.identity.database) };
        }
        let known = shown.known.as_ref();
        let mut views = known.map(|known| Arc::clone(&known.views)).unwrap_or_default();
        if !shown.prepared.is_empty() {
            let prepared = shown.prepared.iter();
            Arc::make_mut(&mut views).extend(prepared.map(|(name, reads)| (name.clone(), *reads)));
        }
        let (others, case_sensitive) = (known.is_none(), self.case_sensitive);
        Context { views, others, case_sensitive, ..Context::default() }
    }

    /// Keeps what later statements depend on: what shows the relay's records is to show the newest
    /// whenever it is used, and names in quotes may keep their case.
    pub(super) fn note(&mut self, readings: &[Reading<'_>]) {
        for reading in readings {
            self.case_sensitive = reading.case_sensitive.unwrap_or(self.case_sensitive);
            if let Some(name) = &reading.prepares {
                self.shown.prepared.insert(name.clone(), reading.reads);
            }
            if reading.defines {
                // Others see it once the transaction is over.
                self.relay.journal.defines = true;
                self.shown.known = None;
            }
        }
    }

    /// Asks Postgres what shows the relay's records. False if it would not answer, of which the
    /// client has been told.
    pub(super) async fn learn(&mut self) -> Result<bool, SessionError> {
        let dependents = self.shared.system_tables.dependents.clone();
        let changes = dependents.changes();
        let parameters = vec![Some(Bytes::from(names()))];
        let Some(rows) = self.relay.query_own(DEPENDENTS, parameters).await? else {
            return Ok(false);
        };
        let known = Known { changes, views: Arc::new(views(&rows)) };
        let begun = self.begun.unwrap_or(self.relay.in_transaction) || self.executed;
        if !begun && !self.relay.journal.defines {
            dependents.learn(&self.identity.database, known.clone());
        }
        self.shown.known = Some(known);
        Ok(true)
    }

    /// Brings the system tables up to date for a procedure. A statement before it in the same
    /// implicit transaction would keep it from its COMMIT.
    pub(super) fn refresh_for_call(&mut self) {
        if self.executed || self.begun.unwrap_or(self.relay.in_transaction) {
            self.refresh(SystemReads::EVERYTHING, Audience::Errors);
        } else {
            self.refresh(SystemReads::EVERYTHING, Audience::Nobody);
            self.end_reading(Audience::Nobody);
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
