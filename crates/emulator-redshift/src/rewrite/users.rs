//! Users, roles and DELETE where Redshift's words differ from Postgres' by one
//! ("CREATE USER", "GRANT", "REVOKE", "DELETE").

use super::edits::Edits;
use crate::sql::statement::Statement;

/// Rewrites CREATE USER, ALTER USER, GRANT, REVOKE and DELETE.
pub(super) fn rewrite(statement: &Statement<'_>, edits: &mut Edits) {
    let bytes = |at: usize| statement.tokens[at].start()..statement.tokens[at].end();
    if statement.leads("create user") || statement.leads("alter user") {
        // No password at all: the user cannot log in by one.
        let disabled =
            (2..statement.tokens.len()).find(|at| statement.matches(*at, "password disable"));
        if let Some(at) = disabled {
            edits.replace(bytes(at + 1), "NULL");
        }
    } else if statement.leads("grant") || statement.leads("revoke") {
        // Roles have no word of their own: GRANT ROLE r TO ROLE s, t.
        for at in 1..statement.tokens.len().saturating_sub(1) {
            let begins = at == 1
                || statement.is_word(at - 1, "to")
                || statement.is_word(at - 1, "from")
                || statement.is_symbol(at - 1, b',');
            let names = statement.is_identifier(at + 1)
                && !statement.is_word(at + 1, "to")
                && !statement.is_word(at + 1, "from");
            if begins && names && statement.is_word(at, "role") {
                edits.blank(statement.sql, bytes(at));
            }
        }
    } else if statement.leads("delete")
        && statement.is_identifier(1)
        && !statement.is_word(1, "from")
    {
        edits.insert(statement.tokens[1].start(), "FROM ");
    }
}
