//! Reads a client's statements; asks Postgres first where their meaning depends on its tables.

use std::sync::Arc;

use bytes::Bytes;
use pgwire::messages::extendedquery::Sync;
use serde_json::json;

use super::Session;
use crate::classify::{Action, Answered, Context, Reading, read_script};
use crate::error::{SessionError, SqlError};
use crate::relay::names::Granted;
use crate::relay::pipeline::{Audience, Expected, Sent};
use crate::rewrite::lateral::{Columns, Question};

/// Which of the numbered questions is to be answered with yes: the relation is there, and without
/// such a column.
const ASK: &str = "SELECT asked.number \
    FROM pg_catalog.json_to_recordset($1::pg_catalog.json) AS asked (number pg_catalog.int4, \
        database pg_catalog.text, relation pg_catalog.text, name pg_catalog.text) \
    WHERE (asked.database IS NULL OR asked.database = pg_catalog.current_database()) \
        AND pg_catalog.to_regclass(asked.relation) IS NOT NULL AND NOT EXISTS ( \
        SELECT FROM pg_catalog.pg_attribute AS a \
        WHERE a.attrelid = pg_catalog.to_regclass(asked.relation) AND a.attname = asked.name \
            AND NOT a.attisdropped)";

/// A script as it was read; `None` if Postgres would not be asked, of which the client has been
/// told.
type Read<'a> = Option<Result<Vec<Reading<'a>>, SqlError>>;

impl Session {
    /// Reads a script. Of several statements each is [read again](Session::read_again) if need be,
    /// since those before it may make its tables.
    pub(super) async fn read<'a>(
        &mut self,
        script: &'a str,
        simple: bool,
    ) -> Result<Read<'a>, SessionError> {
        let mut context = self.context();
        let mut read = read_script(script, &context);
        let uses_names = |reading: &Reading<'_>| reading.uses_names;
        let unsure = context.others && read.as_ref().is_ok_and(|read| read.iter().any(uses_names));
        if unsure && self.can_ask().await? {
            if !self.learn().await? {
                return Ok(None);
            }
            if simple {
                self.end_reading(Audience::Nobody);
            }
            context = self.context();
            read = read_script(script, &context);
        }
        let Ok(readings) = &read else { return Ok(Some(read)) };
        let mut asking = readings.iter().filter(|reading| !reading.questions.is_empty());
        let Some(reading) = asking.next().filter(|_| !is_script(readings)) else {
            return Ok(Some(read));
        };
        if self.relay.is_skipping() {
            return Ok(Some(read));
        }
        let questions: Arc<[Question]> = reading.questions.clone().into();
        let Some(columns) = self.ask(&questions).await? else { return Ok(None) };
        let answered = Answered { questions, columns: Arc::clone(&columns) };
        let mut read = read_script(script, &Context { columns, ..context });
        if let Ok(readings) = &mut read {
            readings.iter_mut().for_each(|reading| reading.answered = Some(answered.clone()));
        }
        Ok(Some(read))
    }

    /// Whether Postgres would answer, once it has answered everything before.
    async fn can_ask(&mut self) -> Result<bool, SessionError> {
        self.relay.drain().await?;
        Ok(!(self.relay.is_skipping() || self.relay.in_failed_transaction))
    }

    /// Whether a prepared statement may be bound: what it takes for granted of its tables has to be
    /// true still. The client has been told if not.
    pub(super) async fn holds(&mut self, granted: &Granted) -> Result<bool, SessionError> {
        let Answered { questions, columns } = &granted.answered;
        if self.steps == granted.steps {
            return Ok(true);
        }
        let Some(now) = self.ask(questions).await? else { return Ok(false) };
        let holds = now == *columns;
        if !holds {
            // In Postgres' own words, upon which drivers prepare a statement again.
            let message = "cached plan must not change result type".to_owned();
            let hint = "a table of this statement has got or lost a column that its select list \
                        names: prepare it again";
            self.relay.fail(SqlError::new("0A000", message).with_hint(hint)).await?;
        }
        Ok(holds)
    }

    /// Reads a statement of a script again, whose turn it is now. `None` if that failed, of which
    /// the client has been told.
    pub(super) async fn read_again<'a>(
        &mut self,
        reading: Reading<'a>,
        case_sensitive: bool,
    ) -> Result<Option<Reading<'a>>, SessionError> {
        self.relay.drain().await?;
        if self.relay.is_skipping() {
            return Ok(None);
        }
        let Some(columns) = self.ask(&reading.questions).await? else { return Ok(None) };
        let context = Context { columns, case_sensitive, ..self.context() };
        match read_script(reading.sql, &context) {
            Ok(mut readings) => Ok(Some(readings.pop().unwrap_or(reading))),
            Err(error) => {
                self.relay.fail(error).await?;
                Ok(None)
            }
        }
    }

    /// Asks Postgres; `None` if it would not answer, of which the client has been told.
    async fn ask(&mut self, asked: &[Question]) -> Result<Option<Arc<Columns>>, SessionError> {
        let numbered = asked.iter().enumerate().map(|(number, question)| {
            let relation = &question.relation;
            json!({
                "number": number,
                "database": relation.database,
                "relation": relation.name,
                "name": question.name,
            })
        });
        let numbered: serde_json::Value = numbered.collect();
        let parameters = vec![Some(Bytes::from(numbered.to_string()))];
        let Some(rows) = self.relay.query_own(ASK, parameters).await? else { return Ok(None) };
        let yes = rows.iter().filter_map(|row| {
            let row = row.fields().row()?;
            let number: usize = std::str::from_utf8((*row.first()?)?).ok()?.parse().ok()?;
            asked.get(number).cloned()
        });
        Ok(Some(Arc::new(Some(yes.collect()))))
    }

    /// Ends what [`Session::read`] began in Postgres, before a simple Query: it is a transaction of
    /// its own, or the client's.
    pub(super) fn end_reading(&mut self, audience: Audience) {
        self.relay.send(&Sync::new(), Some(Expected::new(Sent::Sync, audience)));
    }
}

/// Whether there are several statements to execute.
pub(super) fn is_script(readings: &[Reading<'_>]) -> bool {
    let whole = readings.iter().filter(|reading| !matches!(reading.action, Action::Empty));
    1 < whole.count()
}
