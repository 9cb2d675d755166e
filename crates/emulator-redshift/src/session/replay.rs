//! A simple Query with a statement that the relay executes, replayed as one pipeline.
//!
//! The whole script is one implicit transaction, as in Postgres, because only its end is a Sync.
//! The client sees the answers of the simple protocol.

use pgwire::messages::extendedquery::{Bind, Describe, Execute, Parse, Sync};
use pgwire::messages::response::CommandComplete;

use super::reading::is_script;
use super::{Session, block, in_transaction};
use crate::classify::{Action, Reading};
use crate::error::SessionError;
use crate::relay::pipeline::{Audience, Expected, Sent};

impl Session {
    /// Executes the statements in order up to the first error.
    pub(super) async fn replay(&mut self, script: Vec<Reading<'_>>) -> Result<(), SessionError> {
        // Answers to earlier messages come first; if one failed, the Query is ignored too.
        self.relay.drain().await?;
        if self.relay.is_skipping() {
            return Ok(());
        }
        let mut case_sensitive = self.case_sensitive;
        self.note(&script);
        let mut begun = self.begun.unwrap_or(self.relay.in_transaction);
        let shared = self.relay.in_transaction || is_script(&script);
        for mut reading in script {
            if !reading.questions.is_empty() {
                let Some(again) = self.read_again(reading, case_sensitive).await? else { break };
                reading = again;
            }
            case_sensitive = reading.case_sensitive.unwrap_or(case_sensitive);
            begun = block(reading.sql).unwrap_or(begun);
            match &reading.action {
                Action::PassAlone(name) if shared => {
                    self.relay.drain().await?;
                    if !self.relay.is_skipping() {
                        self.relay.fail(in_transaction(name)).await?;
                    }
                    break;
                }
                Action::Empty => {}
                Action::Lock(block) if !begun => {
                    self.relay.drain().await?;
                    if self.relay.is_skipping() || !self.lock(block).await? {
                        break;
                    }
                }
                Action::Pass | Action::Lock(_) | Action::PassThen(_) | Action::PassAlone(_) => {
                    self.replay_statement(&reading);
                }
                Action::Copy(statement) => {
                    self.relay.drain().await?;
                    if self.relay.is_skipping() {
                        break;
                    }
                    if !self.copy(statement, reading.sql).await? {
                        break;
                    }
                    self.relay.tell_client(&CommandComplete::new("COPY".to_owned()));
                }
            }
        }
        let expected = Expected::new(Sent::Sync, Audience::Client);
        self.relay.send(&Sync::new(), Some(expected));
        Ok(())
    }

    /// Uses the unnamed statement and portal, which a simple Query destroys anyway.
    fn replay_statement(&mut self, reading: &Reading<'_>) {
        if !reading.reads.is_nothing() {
            self.refresh(reading.reads, Audience::Errors);
        }
        let expected = |sent| Some(Expected::new(sent, Audience::SimpleClient));
        let parse = Parse::new(None, reading.text().to_owned(), Vec::new());
        self.relay.send(&parse, expected(Sent::Parse));
        let bind = Bind::new(None, None, Vec::new(), Vec::new(), Vec::new());
        self.relay.send(&bind, expected(Sent::Bind));
        self.relay.send(&Describe::new(b'P', None), expected(Sent::Describe));
        let mut execute = Expected::new(Sent::Execute, Audience::SimpleClient);
        let text = reading.is_query.then_some(reading.sql);
        execute.queries.push_back(self.begin_query(text));
        self.relay.send(&Execute::new(None, 0), Some(execute));
        if let Action::PassThen(statement) = &reading.action {
            self.execute_own(statement);
        }
    }
}
