//! The client's prepared statements and portals that need more than passing on.
//!
//! Only those are kept; a name that is not here is an ordinary one. Postgres has the last word on
//! whether a name exists: changes are made when a message is sent and undone if it was not
//! executed.

use std::collections::HashMap;
use std::sync::Arc;

use crate::classify::Answered;
use crate::copy::statement::CopyStatement;
use crate::system_tables::reads::SystemReads;

/// What is known of a prepared statement.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    /// What it needs when it is executed.
    pub(crate) special: Option<Special>,
    /// Its text, if it counts as a query ("STL_QUERY").
    pub(crate) query: Option<Arc<str>>,
    /// Its first word, while there is a plan of faults.
    pub(crate) operation: Option<Arc<str>>,
    pub(crate) granted: Option<Granted>,
}

/// What a statement takes for granted of its tables.
#[derive(Debug, Clone)]
pub(crate) struct Granted {
    pub(crate) answered: Answered,
    /// How many steps of the session came before.
    pub(crate) steps: u64,
    /// Whether it makes a table that others may read.
    pub(crate) creates: bool,
}

/// What a prepared statement needs when it is executed.
#[derive(Debug, Clone)]
pub(crate) enum Special {
    /// The relay executes it; Postgres knows an empty statement under this name.
    Copy(Arc<CopyStatement>),
    /// It is refused inside a transaction; the value is its name.
    Alone(&'static str),
    /// A LOCK, and the block that executes it outside a transaction.
    Lock(Arc<str>),
    /// It begins a transaction (true) or ends it (false).
    Block(bool),
    /// This statement follows it.
    Then(Arc<str>),
    /// It reads system tables, which are brought up to date before.
    ReadsSystemTables(SystemReads),
    /// It calls a procedure, which may read all of them, and may COMMIT.
    Call,
}

/// The two kinds of names, with the letters that Describe and Close use for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Statement,
    Portal,
}

/// Puts back what a message that was never executed had changed.
#[derive(Debug)]
pub(crate) struct Undo {
    target: Target,
    name: Vec<u8>,
    previous: Option<Prepared>,
}

/// Statements and portals that the relay cares about, by name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    statements: HashMap<Vec<u8>, Prepared>,
    portals: HashMap<Vec<u8>, Prepared>,
}

impl Names {
    /// What is known of `name`, if anything.
    pub(crate) fn get(&self, target: Target, name: &[u8]) -> Option<&Prepared> {
        match target {
            Target::Statement => self.statements.get(name),
            Target::Portal => self.portals.get(name),
        }
    }

    /// Whether no name of that kind is known, so that messages need not be looked into.
    pub(crate) fn is_empty(&self, target: Target) -> bool {
        match target {
            Target::Statement => self.statements.is_empty(),
            Target::Portal => self.portals.is_empty(),
        }
    }

    /// Sets or clears a name.
    pub(crate) fn set(
        &mut self,
        target: Target,
        name: &[u8],
        prepared: Option<Prepared>,
    ) -> Option<Undo> {
        let map = match target {
            Target::Statement => &mut self.statements,
            Target::Portal => &mut self.portals,
        };
        let changed = prepared.is_some();
        let previous = match prepared {
            Some(prepared) => map.insert(name.to_vec(), prepared),
            None => map.remove(name),
        };
        (changed || previous.is_some()).then(|| Undo { target, name: name.to_vec(), previous })
    }

    /// Undoes changes, in the order given.
    pub(crate) fn undo(&mut self, changes: Vec<Undo>) {
        for change in changes {
            let _ = self.set(change.target, &change.name, change.previous);
        }
    }

    /// Forgets the portals: they end with their transaction.
    pub(crate) fn clear_portals(&mut self) {
        self.portals.clear();
    }
}
