//! Reads a client's statements; asks Postgres first where their meaning depends on its tables.

use bytes::Bytes;
use pgwire::messages::extendedquery::Sync;
use serde_json::json;

use super::Session;
use crate::classify::{Action, Reading, read_script};
use crate::error::{SessionError, SqlError};
use crate::relay::pipeline::{Audience, Expected, Sent};
use crate::rewrite::lateral::Question;

/// Which of the numbered questions is to be answered with yes.
const ASK: &str = "SELECT asked.number \
    FROM pg_catalog.json_to_recordset($1::pg_catalog.json) \
        AS asked (number pg_catalog.int4, relation pg_catalog.text, name pg_catalog.text) \
    WHERE pg_catalog.to_regclass(asked.relation) IS NULL OR EXISTS ( \
        SELECT FROM pg_catalog.pg_attribute AS a \
        WHERE a.attrelid = pg_catalog.to_regclass(asked.relation) AND a.attname = asked.name \
            AND NOT a.attisdropped)";

/// A script as it was read; `None` if Postgres would not be asked, of which the client has been
/// told.
type Read<'a> = Option<Result<Vec<Reading<'a>>, SqlError>>;

impl Session {
    /// Reads a script.
    pub(super) async fn read<'a>(&mut self, script: &'a str) -> Result<Read<'a>, SessionError> {
        let mut context = self.context();
        let read = read_script(script, &context);
        let Ok(readings) = &read else { return Ok(Some(read)) };
        let asked: Vec<Question> =
            readings.iter().flat_map(|reading| reading.questions.iter().cloned()).collect();
        // A script is one text to Postgres: what is asked before it begins would fix its snapshot
        // and see tables as they were. Names of its select lists stay as they are.
        let whole = readings.iter().filter(|reading| !matches!(reading.action, Action::Empty));
        if asked.is_empty() || 1 < whole.count() || self.relay.is_skipping() {
            return Ok(Some(read));
        }
        let numbered = asked.iter().enumerate().map(|(number, question)| {
            json!({"number": number, "relation": question.relation, "name": question.name})
        });
        let numbered: serde_json::Value = numbered.collect();
        let parameters = vec![Some(Bytes::from(numbered.to_string()))];
        let Some(rows) = self.relay.query_own(ASK, parameters).await? else { return Ok(None) };
        let yes = rows.iter().filter_map(|row| {
            let row = row.fields().row()?;
            let number: usize = std::str::from_utf8((*row.first()?)?).ok()?.parse().ok()?;
            asked.get(number).cloned()
        });
        context.columns = std::sync::Arc::new(Some(yes.collect()));
        Ok(Some(read_script(script, &context)))
    }

    /// Ends what [`Session::read`] began in Postgres, before a simple Query: it is a transaction of
    /// its own, or the client's.
    pub(super) fn end_reading(&mut self, audience: Audience) {
        self.relay.send(&Sync::new(), Some(Expected::new(Sent::Sync, audience)));
    }
}
