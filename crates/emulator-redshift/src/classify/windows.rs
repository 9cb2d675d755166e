//! Refuses what Redshift does not take in an OVER clause, and what is written with symbols that no
//! row of `refusal_rows` can begin with.
//!
//! Knows no names of columns: what could be one passes.

use std::collections::HashMap;

use crate::error::SqlError;
use crate::sql::statement::Statement;
use crate::sql::tokens::Kind;

/// What Redshift lacks, with what to do instead ("Window function syntax summary").
pub(super) const UNSUPPORTED: &[(&str, &str)] = &[
    (NO_FRAME, "say ROWS UNBOUNDED PRECEDING, or what is meant"),
    (RANGE, "use ROWS"),
    (EXCLUSION, "use ROWS without EXCLUDE"),
];

/// What Redshift has and this stand-in does not, with what to do instead.
pub(super) const NOT_EMULATED: &[(&str, &str)] = &[
    (PERCENTILE, "join with the same aggregate in a subquery with GROUP BY"),
    (WITHOUT, "name the columns"),
    (OUTER_JOIN, "use LEFT JOIN or RIGHT JOIN"),
];

const NO_FRAME: &str = "aggregates OVER (… ORDER BY …) without a frame";
const RANGE: &str = "window frames in RANGE or GROUPS";
const EXCLUSION: &str = "EXCLUDE in window frames";
const PERCENTILE: &str = "PERCENTILE_CONT and PERCENTILE_DISC as window functions";
const WITHOUT: &str = "SELECT * EXCLUDE";
const OUTER_JOIN: &str = "joins with (+)";

/// Functions that need a frame with ORDER BY.
const FRAMED: &[&str] = &[
    "avg",
    "bit_and",
    "bit_or",
    "bool_and",
    "bool_or",
    "count",
    "first_value",
    "last_value",
    "max",
    "min",
    "nth_value",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "sum",
    "var_pop",
    "var_samp",
    "variance",
];

/// Refuses a statement that does not name the catalog.
pub(super) fn judge(statement: &Statement<'_>) -> Result<(), SqlError> {
    let count = statement.tokens.len();
    for at in 1..count {
        if statement.matches(at, "( + )")
            && statement.is_identifier(at - 1)
            && !statement.is_word(at - 1, "operator")
        {
            return Err(not_emulated(OUTER_JOIN).at(statement, at));
        }
        // Elsewhere it would be a factor.
        let lists = statement.is_symbol(at - 1, b',')
            || statement.is_symbol(at - 1, b'.')
            || statement.is_word(at - 1, "select");
        if lists && statement.matches(at, "* exclude") {
            return Err(not_emulated(WITHOUT).at(statement, at));
        }
    }
    if !(1..count).any(|at| statement.is_word(at, "over")) {
        return Ok(());
    }
    let windows = Windows::of(statement);
    (1..count)
        .filter(|at| statement.is_word(*at, "over") && statement.is_symbol(at - 1, b')'))
        .try_for_each(|at| windows.judge(at))
}

/// The parentheses of a statement, and its named windows.
struct Windows<'a, 'b> {
    statement: &'a Statement<'b>,
    /// For each parenthesis the other one of the pair.
    partners: HashMap<usize, usize>,
    /// Where the parenthesis of `name AS (…)` opens.
    named: HashMap<String, usize>,
}

impl<'a, 'b> Windows<'a, 'b> {
    fn of(statement: &'a Statement<'b>) -> Self {
        let mut partners = HashMap::new();
        let mut named = HashMap::new();
        let mut open = Vec::new();
        for at in 0..statement.tokens.len() {
            if statement.is_symbol(at, b'(') {
                open.push(at);
            } else if statement.is_symbol(at, b')')
                && let Some(start) = open.pop()
            {
                partners.insert(at, start);
                partners.insert(start, at);
            } else if statement.matches(at + 1, "as (")
                && let Some(name) = statement.identifier(at)
            {
                named.insert(name, at + 2);
            }
        }
        Self { statement, partners, named }
    }

    /// Judges the OVER at a token, behind a closing parenthesis.
    fn judge(&self, over: usize) -> Result<(), SqlError> {
        let statement = self.statement;
        let Some(mut call) = self.partners.get(&(over - 1)).copied() else { return Ok(()) };
        if 3 <= call && statement.matches(call - 2, "within group") {
            let Some(open) = self.partners.get(&(call - 3)) else { return Ok(()) };
            call = *open;
        }
        let Some(name) = call.checked_sub(1) else { return Ok(()) };
        let is = |names: &[&str]| names.iter().any(|wanted| statement.is_word(name, wanted));
        if is(&["percentile_cont", "percentile_disc"]) {
            return Err(not_emulated(PERCENTILE).at(statement, over));
        }
        let window = if statement.is_symbol(over + 1, b'(') {
            Some(over + 1)
        } else {
            statement.identifier(over + 1).and_then(|name| self.named.get(&name).copied())
        };
        let Some(window) = window else { return Ok(()) };
        let end = self.partners.get(&window).copied().unwrap_or(statement.tokens.len());
        self.frame(window + 1, end, is(FRAMED))
    }

    /// Judges what is between the parentheses of a window.
    fn frame(&self, start: usize, end: usize, needs_frame: bool) -> Result<(), SqlError> {
        let statement = self.statement;
        let mut order = None;
        let mut has_frame = false;
        let mut at = start;
        while at < end {
            let framed = statement.is_word(at, "rows")
                || statement.is_word(at, "range")
                || statement.is_word(at, "groups");
            if statement.matches(at, "order by") {
                order = Some(at);
            } else if framed && self.begins_frame(at + 1) {
                has_frame = true;
                if !statement.is_word(at, "rows") {
                    let word = statement.text(at).to_uppercase();
                    let message = format!("{word} clause of window functions not yet implemented");
                    return Err(unsupported(RANGE, message).at(statement, at));
                }
            } else if has_frame && statement.is_word(at, "exclude") {
                let message = format!("Redshift does not support {EXCLUSION}");
                return Err(unsupported(EXCLUSION, message).at(statement, at));
            }
            at = match self.partners.get(&at) {
                Some(close) if at < *close => close + 1,
                _ => at + 1,
            };
        }
        match order {
            Some(at) if needs_frame && !has_frame => {
                let message = "Aggregate window functions with an ORDER BY clause require a frame \
                               clause"
                    .to_owned();
                Err(unsupported(NO_FRAME, message).at(statement, at))
            }
            _ => Ok(()),
        }
    }

    fn begins_frame(&self, at: usize) -> bool {
        const WORDS: &[&str] = &["between", "unbounded", "current", "interval"];
        let kind = self.statement.tokens.get(at).map(|token| token.kind);
        WORDS.iter().any(|word| self.statement.is_word(at, word))
            || matches!(kind, Some(Kind::Number | Kind::Parameter))
    }
}

fn unsupported(feature: &str, message: String) -> SqlError {
    SqlError::new("0A000", message).with_hint(instead(UNSUPPORTED, feature))
}

fn not_emulated(feature: &str) -> SqlError {
    let message = format!("{feature}: not emulated yet by this Redshift stand-in");
    SqlError::new("0A000", message).with_hint(instead(NOT_EMULATED, feature))
}

fn instead(rows: &[(&str, &'static str)], feature: &str) -> &'static str {
    rows.iter().find(|(row, _)| *row == feature).map_or("", |(_, instead)| instead)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDS_FRAME: &str =
        "Aggregate window functions with an ORDER BY clause require a frame clause";

    fn message(sql: &str) -> Option<String> {
        judge(&Statement::new(sql)).err().map(|error| error.message)
    }

    #[test]
    fn windows_are_those_of_redshift() {
        for (sql, expected) in [
            ("select sum(a) over (partition by b order by c) from t", NEEDS_FRAME),
            ("select count(*) over (order by max(c) desc nulls last) from t", NEEDS_FRAME),
            ("select last_value(a) over w from t window w as (order by b)", NEEDS_FRAME),
            ("select 1, avg(sum(a)) over (order by range) from t", NEEDS_FRAME),
            (
                "select sum(a) over (order by b range between current row and 1 following) from t",
                "RANGE clause of window functions not yet implemented",
            ),
            (
                "select sum(a) over (order by b groups 1 preceding) from t",
                "GROUPS clause of window functions not yet implemented",
            ),
            (
                "select sum(a) over (order by b rows unbounded preceding exclude ties) from t",
                "Redshift does not support EXCLUDE in window frames",
            ),
        ] {
            assert_eq!(message(sql).as_deref(), Some(expected), "{sql}");
        }
    }

    #[test]
    fn what_is_not_emulated_is_refused_by_name() {
        for (sql, feature) in [
            (
                "select percentile_cont(0.5) within group (order by a) over (partition by b) from t",
                PERCENTILE,
            ),
            ("select * exclude (a) from t", WITHOUT),
            ("select b, t.* exclude a from t", WITHOUT),
            ("select 1 from t, u where t.a = u.a(+)", OUTER_JOIN),
        ] {
            let message = message(sql).expect(sql);
            assert_eq!(message, format!("{feature}: not emulated yet by this Redshift stand-in"));
        }
    }

    #[test]
    fn what_redshift_takes_passes() {
        for sql in [
            "select row_number() over (partition by a order by b), lag(a) over (order by b) from t",
            "select sum(a) over (order by b rows unbounded preceding) from t",
            "select sum(a) over (partition by b), count(*) over () from t",
            "select sum(a) over w, rank() over v from t window w as (partition by b), \
             v as (order by b)",
            "select over, a * exclude, sum(a) over (partition by range, rows) from t order by a",
            "select sum(a) over (partition by (select max(b) from u order by 1)) from t",
            "select percentile_cont(0.5) within group (order by a) from t order by b",
            "select a operator(+) b, (+1), f(+ 1) from t",
            "over",
            "select ) over (",
            "select f() over",
            "select f() over w",
        ] {
            assert_eq!(message(sql), None, "{sql}");
        }
    }
}
