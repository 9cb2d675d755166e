//! VACUUM and ANALYZE ("VACUUM", "ANALYZE"): what only Redshift's storage needs goes.

use super::edits::Edits;
use crate::sql::statement::Statement;

/// Rewrites VACUUM and ANALYZE.
pub(super) fn rewrite(statement: &Statement<'_>, edits: &mut Edits) {
    let blank = |from: usize, to: usize, edits: &mut Edits| {
        let tokens = &statement.tokens[from..to];
        if let (Some(first), Some(last)) = (tokens.first(), tokens.last()) {
            edits.blank(statement.sql, first.start()..last.end());
        }
    };
    let end = statement.tokens.len();
    if statement.leads("vacuum") {
        let kinds = ["full", "sort only", "delete only", "reindex", "recluster"];
        let kind = kinds.iter().find(|kind| statement.matches(1, kind));
        let table = 1 + kind.map_or(0, |kind| kind.split(' ').count());
        blank(1, table, edits);
        // TO n PERCENT, BOOST
        if table < end {
            let boost = statement.is_word(end - 1, "boost") && table < end - 1;
            let percent = end - usize::from(boost);
            let threshold = table + 3 <= percent && statement.is_word(percent - 1, "percent");
            blank(percent - if threshold { 3 } else { 0 }, end, edits);
        }
    } else if statement.leads("analyze") {
        let columns = (1..end).find(|at| {
            statement.matches(*at, "predicate columns") || statement.matches(*at, "all columns")
        });
        if let Some(columns) = columns {
            blank(columns, columns + 2, edits);
        }
    }
}
