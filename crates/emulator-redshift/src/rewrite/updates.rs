//! UPDATE that names its target in FROM again.
//!
//! To Redshift that is the target itself under another name: the row that the join finds is the one
//! that is changed ("UPDATE", FROM; "Examples of UPDATE statements"). To Postgres it would be a
//! second copy of the table, and every row would be changed.

use super::declared::quoted_name;
use super::edits::Edits;
use super::queries::{AFTER_TABLE, is_any};
use crate::sql::quotes;
use crate::sql::statement::Statement;

/// Ties the table in FROM to the target, row by row. Where a condition names the target as well, the
/// join is one of two different rows, and stays.
pub(super) fn rewrite(statement: &Statement<'_>, edits: &mut Edits) {
    if !statement.leads("update") {
        return;
    }
    let set = statement.after_name(1);
    if !statement.is_word(set, "set") {
        return; // The target has an alias of its own.
    }
    let target = quoted_name(statement, 1);
    let target = bare(&target).to_owned();
    let count = statement.tokens.len();
    let Some(from) = outside(statement, set, "from") else { return };
    let condition = outside(statement, from, "where");
    let mut aliases = (from..condition.unwrap_or(count)).filter_map(|at| {
        let begins = is_any(statement, at, &["from", "join"]) || statement.is_symbol(at, b',');
        if !begins || !is_table(statement, at + 1) {
            return None;
        }
        let name = quoted_name(statement, at + 1);
        let after = statement.after_name(at + 1);
        let alias = after + usize::from(statement.is_word(after, "as"));
        let named = statement.is_identifier(alias) && !is_any(statement, alias, AFTER_TABLE);
        (named && bare(&name) == target).then(|| quoted_name(statement, alias))
    });
    let (Some(alias), None) = (aliases.next(), aliases.next()) else { return };
    let names_target = (from..count).any(|at| {
        statement.is_identifier(at)
            && statement.is_symbol(at + 1, b'.')
            && statement.is_identifier(at + 2)
            && !statement.is_symbol(at + 3, b'.')
            && is_bare(statement, at, &target)
    });
    if alias == target || names_target {
        return;
    }
    let end = statement.tokens[count - 1].end();
    let same = format!("{target}.ctid = {alias}.ctid");
    match condition {
        Some(at) if at + 1 < count => {
            edits.insert(statement.tokens[at].end(), format!(" {same} AND ("));
            edits.insert(end, ")");
        }
        _ => edits.insert(end, format!(" WHERE {same}")),
    }
}

/// The last part of a name in quotes.
fn bare(name: &str) -> &str {
    name.rsplit_once("\".\"").map_or(name, |(schema, _)| &name[schema.len() + 2..])
}

fn is_table(statement: &Statement<'_>, at: usize) -> bool {
    statement.is_identifier(at) || statement.is_symbol(at, b'#')
}

/// Whether the identifier is the table's name and not a part of a longer one's.
fn is_bare(statement: &Statement<'_>, at: usize, target: &str) -> bool {
    let name = statement.identifier(at).unwrap_or_default();
    let hash = if 0 < at && statement.is_symbol(at - 1, b'#') { "#" } else { "" };
    quotes::identifier(&format!("{hash}{name}")) == target
}

/// Where a word stands outside all parentheses.
fn outside(statement: &Statement<'_>, from: usize, word: &str) -> Option<usize> {
    let mut at = from;
    while at < statement.tokens.len() {
        if statement.is_word(at, word) {
            return Some(at);
        }
        at = if statement.is_symbol(at, b'(') { statement.after_parenthesis(at) } else { at + 1 };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_under_another_name_is_the_target() {
        let check = |sql: &str, expected: &str| {
            let mut edits = Edits::default();
            rewrite(&Statement::new(sql), &mut edits);
            assert_eq!(edits.apply(sql).as_deref().unwrap_or(sql), expected);
        };
        check(
            "update category set catid=100 from event join category cat on event.catid=cat.catid \
             where cat.catgroup='Concerts' or 1 = 0",
            "update category set catid=100 from event join category cat on event.catid=cat.catid \
             where \"category\".ctid = \"cat\".ctid AND ( cat.catgroup='Concerts' or 1 = 0)",
        );
        check(
            "update s.t set a = x.a from u, s.t as x",
            "update s.t set a = x.a from u, s.t as x WHERE \"t\".ctid = \"x\".ctid",
        );
        for sql in [
            "update t set a = x.a from t x where t.id = x.parent",
            "update t set a = x.a from u x where t.id = x.id",
            "update t a set b = 1 from t c where c.id = 1",
            "update t set a = (select max(a) from t x) where a = 1",
            "update t set a = 1",
        ] {
            check(sql, sql);
        }
    }
}
