//! Which views and functions of the client's show the relay's records. Only Postgres knows: it is
//! asked anew once a statement may have changed that, whoever sent it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::SystemViews;
use super::reads::{SYSTEM_NAMES, SystemReads};
use crate::wire::Frame;

/// The views that use the names `$1` of `catalog`, however many other views are in between, and the
/// functions that may, each with such a name, or an empty one if it may be any. The bodies of
/// functions are texts.
pub(crate) const DEPENDENTS: &str = "WITH RECURSIVE shows (class, id, name) AS (( \
    SELECT c.tableoid, c.oid, c.relname::pg_catalog.text FROM pg_catalog.pg_class AS c \
    WHERE c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace \
        AND c.relname = ANY ($1::pg_catalog.name[]) \
    UNION ALL \
    SELECT p.tableoid, p.oid, p.proname::pg_catalog.text FROM pg_catalog.pg_proc AS p \
    WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace \
        AND p.proname = ANY ($1::pg_catalog.name[]) \
    UNION ALL \
    SELECT p.tableoid, p.oid, '' FROM pg_catalog.pg_proc AS p \
    WHERE 16384 <= p.oid AND p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace \
        AND p.prokind = 'f' AND p.prosrc ~* 'from|pg_last_') \
    UNION \
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, r.ev_class, shows.name \
    FROM shows \
    JOIN pg_catalog.pg_depend AS d ON d.refclassid = shows.class AND d.refobjid = shows.id \
    JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid AND r.tableoid = d.classid \
    ) \
    SELECT coalesce(c.relname, p.proname), shows.name FROM shows \
    LEFT JOIN pg_catalog.pg_class AS c ON c.tableoid = shows.class AND c.oid = shows.id \
    LEFT JOIN pg_catalog.pg_proc AS p ON p.tableoid = shows.class AND p.oid = shows.id \
    WHERE coalesce(c.relnamespace, p.pronamespace) <> 'pg_catalog'::pg_catalog.regnamespace";

/// The parameter of [`DEPENDENTS`].
pub(crate) fn names() -> String {
    let names: Vec<&str> = SYSTEM_NAMES.iter().map(|(name, _)| *name).collect();
    format!("{{{}}}", names.join(","))
}

/// The answer to [`DEPENDENTS`].
pub(crate) fn views(rows: &[Frame]) -> SystemViews {
    let mut views = SystemViews::new();
    for row in rows {
        let fields = row.fields();
        let Some(row) = fields.row() else { continue };
        let text = |index: usize| {
            let value = row.get(index).copied().flatten().unwrap_or_default();
            String::from_utf8_lossy(value).to_ascii_lowercase()
        };
        let (view, shown) = (text(0), text(1));
        let reads = SYSTEM_NAMES.iter().find(|(name, _)| *name == shown);
        let reads = reads.map_or(SystemReads::EVERYTHING, |(_, reads)| *reads);
        let known: &mut SystemReads = views.entry(view).or_default();
        *known = known.and(reads);
    }
    views
}

/// What was known after so many changes.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) changes: u64,
    pub(crate) views: Arc<SystemViews>,
}

/// What is known of each database. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dependents {
    changes: Arc<AtomicU64>,
    databases: Arc<Mutex<HashMap<String, Known>>>,
}

impl Dependents {
    /// How often something has changed.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Something may have changed.
    pub(crate) fn changed(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// What is known of a database, unless something may have changed since.
    pub(crate) fn known(&self, database: &str) -> Option<Known> {
        let databases = self.databases.lock().unwrap_or_else(PoisonError::into_inner);
        databases.get(database).filter(|known| known.changes == self.changes()).cloned()
    }

    /// What a session has found outside all transactions, whose snapshot could be an old one.
    pub(crate) fn learn(&self, database: &str, known: Known) {
        let mut databases = self.databases.lock().unwrap_or_else(PoisonError::into_inner);
        databases.insert(database.to_owned(), known);
    }
}
