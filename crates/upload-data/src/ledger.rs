//! Which objects were loaded already: the table that makes a second load of them impossible.

use std::collections::HashMap;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::copy_sql::Statements;
use crate::error::StatementError;
use crate::store::StoredObject;
use crate::warehouse::Session;

/// Keys per SELECT. With keys of the greatest length, 1,024 bytes, a statement stays below 2 MiB;
/// Redshift takes 16 MB.
const KEYS_MAX: usize = 1000;
/// Objects per INSERT, for the same reason.
const ROWS_MAX: usize = 500;

/// What the ledger knows of the objects it was asked about.
///
/// An object is known by key *and* entity tag: one that was written anew under an old key is
/// loaded as well, and its ids decide what of it is new.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    load_ids: HashMap<(String, String), String>,
}

impl Loaded {
    /// Whether the object was loaded.
    pub(crate) fn holds(&self, object: &StoredObject) -> bool {
        self.load_ids.contains_key(&(object.key.clone(), object.etag.clone()))
    }

    /// Whether that load was committed.
    pub(crate) fn holds_load(&self, load_id: Uuid) -> bool {
        let load_id = load_id.to_string();
        self.load_ids.values().any(|known| *known == load_id)
    }
}

/// Reads what is known of `objects`, and of no others: the ledger grows for ever, the objects that
/// lie under `events/` do not.
pub(crate) async fn read(
    session: &mut impl Session,
    statements: &Statements,
    objects: &[StoredObject],
) -> Result<Loaded, StatementError> {
    let mut loaded = Loaded::default();
    for chunk in objects.chunks(KEYS_MAX) {
        let reply = session.run(&statements.read_ledger(chunk)).await?;
        for row in 0..reply.rows.len() {
            let [key, etag, load_id] = [0, 1, 2].map(|column| reply.text(row, column).to_owned());
            loaded.load_ids.insert((key, etag), load_id);
        }
    }
    Ok(loaded)
}

/// Remembers `objects` as loaded, within the load's transaction.
pub(crate) async fn record(
    session: &mut impl Session,
    statements: &Statements,
    objects: &[&StoredObject],
    load_id: Uuid,
    loaded_at: OffsetDateTime,
) -> Result<(), StatementError> {
    for chunk in objects.chunks(ROWS_MAX) {
        session.run(&statements.record(chunk.iter().copied(), load_id, loaded_at)).await?;
    }
    Ok(())
}
