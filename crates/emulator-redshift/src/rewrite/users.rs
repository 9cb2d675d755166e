//! Users, roles and DELETE where Redshift's words differ from Postgres' by one
//! ("CREATE USER", "GRANT", "REVOKE", "DELETE").

use super::edits::Edits;
use crate::sql::quotes;
use crate::sql::statement::Statement;

/// Rewrites CREATE USER, ALTER USER, SET SESSION AUTHORIZATION, GRANT, REVOKE and DELETE. The value
/// is what Postgres has to execute behind the statement.
pub(super) fn rewrite(statement: &Statement<'_>, edits: &mut Edits) -> Option<String> {
    let bytes = |at: usize| statement.tokens[at].start()..statement.tokens[at].end();
    if statement.leads("create user") || statement.leads("alter user") {
        // No password at all: the user cannot log in by one.
        let disabled =
            (2..statement.tokens.len()).find(|at| statement.matches(*at, "password disable"));
        if let Some(at) = disabled {
            edits.replace(bytes(at + 1), "NULL");
        }
        let unlimited = (2..statement.tokens.len())
            .find(|at| statement.matches(*at, "connection limit unlimited"));
        if let Some(at) = unlimited {
            edits.replace(bytes(at + 2), "-1");
        }
        return superuser(statement, edits);
    } else if statement.leads("create role") && statement.tokens.len() == 3 {
        // `catalog/operations.sql` tells roles from groups by it.
        edits.insert(bytes(2).end, " CONNECTION LIMIT 0");
    } else if statement.leads("set") || statement.leads("reset") {
        session_authorization(statement, edits);
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
        && (statement.is_identifier(1) || statement.is_symbol(1, b'#'))
        && !statement.is_word(1, "from")
    {
        edits.insert(statement.tokens[1].start(), "FROM ");
    }
    None
}

/// CREATEUSER makes a superuser ("Superusers"): a member of the role that every other user's role
/// has for a member. Where there is no such role, nobody is one.
fn superuser(statement: &Statement<'_>, edits: &mut Edits) -> Option<String> {
    let name = quotes::identifier(&statement.identifier(2)?);
    let find = |word: &str| (3..statement.tokens.len()).find(|at| statement.is_word(*at, word));
    let mut replace = |at: usize, words: &str| {
        edits.replace(statement.tokens[at].start()..statement.tokens[at].end(), words);
    };
    let creates = statement.leads("create");
    let grants = if let Some(at) = find("createuser") {
        let named = find("createdb").or(find("nocreatedb")).is_some();
        replace(at, if named { "CREATEROLE" } else { "CREATEROLE CREATEDB" });
        let before = if creates {
            format!("GRANT {name} TO CURRENT_USER")
        } else {
            format!("REVOKE {name} FROM blueshift_superusers")
        };
        format!("{before}; GRANT blueshift_superusers TO {name} WITH ADMIN OPTION;")
    } else {
        let revoked = find("nocreateuser");
        if let Some(at) = revoked {
            replace(at, "NOCREATEROLE");
        }
        match (creates, revoked) {
            (false, None) => return None,
            (false, Some(_)) => format!(
                "REVOKE blueshift_superusers FROM {name}; GRANT {name} TO blueshift_superusers;"
            ),
            (true, _) => format!("GRANT {name} TO blueshift_superusers;"),
        }
    };
    let block = format!(
        "BEGIN IF pg_catalog.to_regrole('blueshift_superusers') IS NOT NULL THEN {grants} \
         END IF; END"
    );
    Some(format!("DO {}", quotes::dollars(&block)))
}

/// `SET SESSION AUTHORIZATION user`, which only Postgres' superusers may say; a superuser of
/// Redshift belongs to every role.
fn session_authorization(statement: &Statement<'_>, edits: &mut Edits) {
    let found = (1..3).find(|at| statement.matches(*at, "session authorization"));
    let Some(at) = found else { return };
    edits.replace(statement.tokens[at].start()..statement.tokens[at + 1].end(), "ROLE");
    if statement.is_word(at + 2, "default") {
        let token = statement.tokens[at + 2];
        edits.replace(token.start()..token.end(), "NONE");
    }
}
