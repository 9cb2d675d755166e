//! Calls of functions whose arguments Postgres would not even parse, or whose name means something
//! else there.
//!
//! Most of Redshift's functions are plain ones of `catalog/functions.sql`; here is only the rest.

use std::ops::Range;

use super::edits::Edits;
use crate::error::SqlError;
use crate::sql::statement::Statement;
use crate::sql::tokens::Kind;

/// What is rewritten here, for the list of what is emulated.
pub(crate) const REWRITTEN: &[&str] = &[
    "APPROXIMATE COUNT(DISTINCT …)",
    "CONVERT(type, …)",
    "DATEADD",
    "DATEDIFF",
    "DATE_PART, PGDATE_PART",
    "DECODE",
    "EXTRACT",
    "ISNULL(a, b)",
    "LISTAGG … WITHIN GROUP",
    "MEDIAN",
    "NVL",
    "NVL2",
    "RESPECT NULLS",
    "SELECT TOP",
    "SYSDATE",
];

/// Calls nested deeper are refused if Postgres has none of their meaning.
const DEPTH_MAX: usize = 16;

/// A longer call stays as it is: DECODE repeats its first argument.
const CALL_BYTES_MAX: usize = 64 * 1024;

/// "Date parts for date or timestamp functions": names and abbreviations of what Postgres calls by
/// the first.
const DATE_PARTS: &[(&str, &[&str])] = &[
    ("millennium", &["millennium", "millennia", "mil", "mils"]),
    ("century", &["century", "centuries", "c", "cent", "cents"]),
    ("decade", &["decade", "decades", "dec", "decs"]),
    ("epoch", &["epoch"]),
    ("year", &["year", "years", "y", "yr", "yrs"]),
    ("quarter", &["quarter", "quarters", "qtr", "qtrs"]),
    ("month", &["month", "months", "mon", "mons"]),
    ("week", &["week", "weeks", "w"]),
    ("dow", &["dayofweek", "dow", "dw", "weekday"]),
    ("doy", &["dayofyear", "doy", "dy", "yearday"]),
    ("day", &["day", "days", "d"]),
    ("hour", &["hour", "hours", "h", "hr", "hrs"]),
    ("minute", &["minute", "minutes", "m", "min", "mins"]),
    ("second", &["second", "seconds", "s", "sec", "secs"]),
    (
        "millisecond",
        &[
            "millisecond",
            "milliseconds",
            "ms",
            "msec",
            "msecs",
            "msecond",
            "mseconds",
            "millisec",
            "millisecs",
            "millisecon",
        ],
    ),
    (
        "microsecond",
        &[
            "microsecond",
            "microseconds",
            "microsec",
            "microsecs",
            "usecond",
            "useconds",
            "us",
            "usec",
            "usecs",
        ],
    ),
];

/// Rewrites the calls of a statement.
pub(super) fn rewrite(statement: &Statement<'_>, edits: &mut Edits) -> Result<(), SqlError> {
    rewrite_within(statement, DEPTH_MAX, edits)
}

fn rewrite_within(
    statement: &Statement<'_>,
    depth: usize,
    edits: &mut Edits,
) -> Result<(), SqlError> {
    let mut at = 0;
    while at < statement.tokens.len() {
        if statement.matches(at, "approximate count ( distinct") {
            blank(statement, at..at + 1, edits); // Exact is within the error it may have.
        } else if statement.matches(at, "respect nulls over") {
            blank(statement, at..at + 2, edits); // What Postgres always does.
        }
        at = match Call::at(statement, at) {
            Some(call) => call.rewrite(depth, edits)?,
            None => at + 1,
        };
    }
    Ok(())
}

fn blank(statement: &Statement<'_>, tokens: Range<usize>, edits: &mut Edits) {
    edits.blank(statement.sql, bytes(statement, &tokens));
}

fn bytes(statement: &Statement<'_>, tokens: &Range<usize>) -> Range<usize> {
    statement.tokens[tokens.start].start()..statement.tokens[tokens.end - 1].end()
}

/// Postgres' name of a date part; `None` if it is none.
fn date_part(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let found = DATE_PARTS.iter().find(|(_, names)| names.contains(&name.as_str()));
    found.map(|(part, _)| *part)
}

/// Postgres' name of a part that can be extracted; of a TIMESTAMPTZ also its zone.
fn extracted(name: &str) -> Option<&'static str> {
    const ZONES: &[&str] = &["timezone", "timezone_hour", "timezone_minute"];
    let zone = ZONES.iter().find(|zone| name.eq_ignore_ascii_case(zone));
    zone.copied().or_else(|| date_part(name))
}

/// A call of one of the functions.
struct Call<'a, 'b> {
    statement: &'a Statement<'b>,
    /// The name in lower case.
    name: String,
    name_at: usize,
    /// The tokens of each argument, none of them empty.
    arguments: Vec<Range<usize>>,
    /// Behind the closing parenthesis.
    end: usize,
}

impl<'a, 'b> Call<'a, 'b> {
    fn at(statement: &'a Statement<'b>, name_at: usize) -> Option<Self> {
        const NAMES: &[&str] = &[
            "convert",
            "dateadd",
            "date_add",
            "datediff",
            "date_diff",
            "date_part",
            "date_trunc",
            "decode",
            "extract",
            "isnull",
            "listagg",
            "median",
            "nvl",
            "nvl2",
            "pgdate_part",
        ];
        const DEFINES: &[&str] = &["function", "procedure", "into", "table", "view", "exists"];
        if !NAMES.iter().any(|name| statement.is_word(name_at, name))
            || !statement.is_symbol(name_at + 1, b'(')
        {
            return None;
        }
        if let Some(before) = name_at.checked_sub(1)
            && (statement.is_symbol(before, b'.')
                || DEFINES.iter().any(|word| statement.is_word(before, word)))
        {
            return None;
        }
        let end = statement.after_parenthesis(name_at + 1);
        if !statement.is_symbol(end - 1, b')') || end < name_at + 4 {
            return None; // Never closed, or empty.
        }
        let mut arguments = Vec::new();
        let (mut start, mut at) = (name_at + 2, name_at + 2);
        while at < end - 1 {
            if statement.is_symbol(at, b',') {
                arguments.push(start..at);
                start = at + 1;
            }
            at = if statement.is_symbol(at, b'(') {
                statement.after_parenthesis(at)
            } else {
                at + 1
            };
        }
        arguments.push(start..end - 1);
        if arguments.iter().any(Range::is_empty) {
            return None;
        }
        let name = statement.text(name_at).to_ascii_lowercase();
        Some(Self { statement, name, name_at, arguments, end })
    }

    /// Rewrites it; the value is the token to go on with.
    fn rewrite(&self, depth: usize, edits: &mut Edits) -> Result<usize, SqlError> {
        let inside = self.name_at + 1;
        match (self.name.as_str(), self.arguments.len()) {
            ("nvl", _) | ("isnull", 2) => self.rename("COALESCE", edits),
            ("dateadd" | "date_add", 3) => self.date_part("date_add", edits),
            ("datediff" | "date_diff", 3) => self.date_part("date_diff", edits),
            ("date_part" | "pgdate_part", 2) => self.date_part("pgdate_part", edits),
            ("date_trunc", 2) => self.date_part("date_trunc", edits),
            ("extract", 1) => self.extract(edits),
            ("nvl2", 3) | ("convert", 2) | ("decode", 3..) | ("listagg", 1 | 2) | ("median", 1) => {
                return self.replace(depth, edits);
            }
            _ => {}
        }
        Ok(inside)
    }

    fn rename(&self, name: &str, edits: &mut Edits) {
        edits.replace(bytes(self.statement, &(self.name_at..self.name_at + 1)), name);
    }

    /// Makes a literal of the date part, which may stand bare.
    fn date_part(&self, name: &str, edits: &mut Edits) {
        let first = &self.arguments[0];
        let token = self.statement.tokens[first.start];
        let text = token.text(self.statement.sql);
        let part = match token.kind {
            Kind::Word | Kind::Quoted if first.len() == 1 => date_part(text.trim_matches('"')),
            Kind::Text if first.len() == 1 => date_part(text.trim_matches('\'')),
            _ => None,
        };
        if let Some(part) = part {
            edits.replace(bytes(self.statement, first), format!("'{part}'"));
        }
        self.rename(name, edits);
    }

    /// `EXTRACT(part FROM …)`: an integer, in a column of the name `date_part`. The type of the
    /// first argument tells it from Postgres' own ("EXTRACT function"; `catalog/dates.sql`).
    fn extract(&self, edits: &mut Edits) {
        let part = self.arguments[0].start;
        if !self.statement.is_word(part + 1, "from") || self.arguments[0].end <= part + 2 {
            return;
        }
        let Some(known) = extracted(self.statement.text(part).trim_matches('\'')) else { return };
        let kind = if known == "epoch" { "bpchar" } else { "name" };
        let head = bytes(self.statement, &(self.name_at..part + 2));
        edits.replace(head, format!("pg_catalog.date_part('{known}'::pg_catalog.{kind},"));
    }

    fn replace(&self, depth: usize, edits: &mut Edits) -> Result<usize, SqlError> {
        let whole = bytes(self.statement, &(self.name_at..self.end));
        if depth == 0 || CALL_BYTES_MAX < whole.len() {
            return Err(self.too_much());
        }
        let arguments: Vec<String> = self
            .arguments
            .iter()
            .map(|argument| self.inner(argument, depth))
            .collect::<Result<_, _>>()?;
        let (text, end) = match (self.name.as_str(), arguments.as_slice()) {
            ("nvl2", [tested, not_null, null]) => (
                format!("CASE WHEN ({tested}) IS NOT NULL THEN {not_null} ELSE {null} END"),
                self.end,
            ),
            ("convert", [kind, value]) => {
                let kind = match kind.to_ascii_lowercase().as_str() {
                    "datetime" => "timestamp".to_owned(),
                    name if name.starts_with("nvarchar") => kind[1..].to_owned(),
                    _ => kind.clone(),
                };
                (format!("CAST(({value}) AS {kind})"), self.end)
            }
            ("decode", [tested, rest @ ..]) => (decode(tested, rest), self.end),
            ("median", [value]) => {
                self.no_window(self.end)?;
                let group = format!("percentile_cont(0.5) WITHIN GROUP (ORDER BY {value})");
                (format!("pg_catalog.median({group})"), self.end)
            }
            _ => self.listagg(&arguments, depth)?,
        };
        if CALL_BYTES_MAX < text.len() {
            return Err(self.too_much());
        }
        edits.replace(bytes(self.statement, &(self.name_at..end)), text);
        Ok(end)
    }

    /// `LISTAGG([DISTINCT] value [, separator]) [WITHIN GROUP (ORDER BY …)]`.
    fn listagg(&self, arguments: &[String], depth: usize) -> Result<(String, usize), SqlError> {
        let separator = arguments.get(1).map_or("''", String::as_str);
        let value = &self.arguments[0];
        let distinct = self.statement.is_word(value.start, "distinct");
        let value = value.start + usize::from(distinct)..value.end;
        if value.is_empty() {
            return Ok((String::new(), self.end));
        }
        let value = self.inner(&value, depth)?;
        let mut order = String::new();
        let mut end = self.end;
        if self.statement.matches(end, "within group ( order by") {
            let close = self.statement.after_parenthesis(end + 2);
            if end + 5 < close - 1 {
                order = format!(" ORDER BY {}", self.inner(&(end + 5..close - 1), depth)?);
            }
            end = close;
        }
        self.no_window(end)?;
        let distinct = if distinct { "DISTINCT " } else { "" };
        let values =
            format!("array_agg({distinct}{value}{order}) FILTER (WHERE ({value}) IS NOT NULL)");
        Ok((format!("pg_catalog.listagg({values}, {separator})"), end))
    }

    fn too_much(&self) -> SqlError {
        let name = self.name.to_uppercase();
        let message = format!(
            "{name} nested too deep, or too long: this Redshift stand-in takes {DEPTH_MAX} levels, \
             and {CALL_BYTES_MAX} bytes of what it stands for"
        );
        let hint = "name the inner expression in a subquery";
        SqlError::new("54001", message).with_hint(hint).at(self.statement, self.name_at)
    }

    fn no_window(&self, end: usize) -> Result<(), SqlError> {
        if !self.statement.is_word(end, "over") {
            return Ok(());
        }
        let name = self.name.to_uppercase();
        let message =
            format!("{name} as a window function: not emulated yet by this Redshift stand-in");
        let hint = "join with the same aggregate in a subquery with GROUP BY";
        Err(SqlError::new("0A000", message).with_hint(hint).at(self.statement, end))
    }

    /// The text of an argument with its own calls rewritten.
    fn inner(&self, tokens: &Range<usize>, depth: usize) -> Result<String, SqlError> {
        let text = &self.statement.sql[bytes(self.statement, tokens)];
        let mut inner = Statement::new(text);
        inner.case_sensitive = self.statement.case_sensitive;
        let mut edits = Edits::default();
        super::words::rewrite(&inner, &mut edits);
        super::queries::rewrite(&inner, &mut edits);
        rewrite_within(&inner, depth - 1, &mut edits)?;
        Ok(edits.apply(text).unwrap_or_else(|| text.to_owned()))
    }
}

/// `DECODE(tested, search, result, …, default)`, for which NULL equals NULL ("DECODE expression").
fn decode(tested: &str, rest: &[String]) -> String {
    let mut text = "CASE".to_owned();
    let mut pairs = rest.chunks_exact(2);
    for pair in &mut pairs {
        text += &format!(" WHEN ({tested}) IS NOT DISTINCT FROM ({}) THEN {}", pair[0], pair[1]);
    }
    if let [default] = pairs.remainder() {
        text += &format!(" ELSE {default}");
    }
    text + " END"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(sql: &str) -> Result<String, String> {
        let mut edits = Edits::default();
        rewrite(&Statement::new(sql), &mut edits).map_err(|error| error.message)?;
        Ok(edits.apply(sql).unwrap_or_else(|| sql.to_owned()))
    }

    fn check(sql: &str, expected: &str) {
        assert_eq!(rewritten(sql).as_deref(), Ok(expected));
    }

    #[test]
    fn date_parts_may_stand_bare() {
        check("select dateadd(month, 1, d)", "select date_add('month', 1, d)");
        check(
            "select DATEDIFF(qtr, a, dateadd(m, 1, b))",
            "select date_diff('quarter', a, date_add('minute', 1, b))",
        );
        check(
            "select date_part(dw, d), date_trunc('mon', d)",
            "select pgdate_part('dow', d), date_trunc('month', d)",
        );
        check(
            "select extract(weekday from d), extract('epoch' from extract(timezone from d))",
            "select pg_catalog.date_part('dow'::pg_catalog.name, d), \
             pg_catalog.date_part('epoch'::pg_catalog.bpchar, \
             pg_catalog.date_part('timezone'::pg_catalog.name, d))",
        );
        check("select extract(julian from d)", "select extract(julian from d)");
        check("select datediff(part, a, b)", "select date_diff(part, a, b)");
    }

    #[test]
    fn conditions_become_expressions() {
        check(
            "select nvl(a, nvl2(b, 1, 2)), isnull(a, 2) from t where (a isnull)",
            "select COALESCE(a, CASE WHEN (b) IS NOT NULL THEN 1 ELSE 2 END), COALESCE(a, 2) \
             from t where (a isnull)",
        );
        check(
            "select decode(a, 1, 'x', null, nvl(b, 'y'), 'z')",
            "select CASE WHEN (a) IS NOT DISTINCT FROM (1) THEN 'x' WHEN (a) IS NOT DISTINCT FROM \
             (null) THEN COALESCE(b, 'y') ELSE 'z' END",
        );
        check("select decode('6869', 'hex')", "select decode('6869', 'hex')");
        check("select convert(varchar(3), a + 1)", "select CAST((a + 1) AS varchar(3))");
    }

    #[test]
    fn aggregates_become_those_of_postgres() {
        check(
            "select listagg(a, ', ') within group (order by b desc) from t",
            "select pg_catalog.listagg(array_agg(a ORDER BY b desc) FILTER (WHERE (a) IS NOT NULL), \
             ', ') from t",
        );
        check(
            "select listagg(distinct a) from t",
            "select pg_catalog.listagg(array_agg(DISTINCT a) FILTER (WHERE (a) IS NOT NULL), '') \
             from t",
        );
        check(
            "select median(a) from t",
            "select pg_catalog.median(percentile_cont(0.5) WITHIN GROUP (ORDER BY a)) from t",
        );
        check(
            "select approximate count(distinct a) from t",
            "select             count(distinct a) from t",
        );
        assert!(rewritten("select median(a) over (partition by b) from t").is_err());
        assert!(rewritten("select listagg(a) within group (order by a) over () from t").is_err());
    }

    #[test]
    fn names_of_tables_and_columns_stay() {
        for sql in [
            "insert into median (a) values (1)",
            "create table decode (a int, b int, c int)",
            "select nvl, t.nvl(1, 2), 'nvl(1)' from t",
            "select nvl(",
            "select median()",
        ] {
            check(sql, sql);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(
            words in proptest::collection::vec(
                proptest::sample::select(vec![
                    "listagg", "(", ")", ",", "a", "distinct", "within", "group", "order", "by",
                    "decode", "nvl2", "median", "dateadd", "month", "'x'", "over", "extract",
                    "from", "convert", "approximate", "count", "select",
                ]),
                0..32,
            ),
        ) {
            let _ = rewritten(&words.join(" "));
        }
    }
}
