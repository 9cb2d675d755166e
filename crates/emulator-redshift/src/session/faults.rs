//! Faults round statements: before one is passed on, or after it took effect upstream and before
//! its answer reaches the client.
//!
//! Seen are a simple Query and an Execute, by the first word of the text. An Execute takes effect
//! with its Sync: what comes after the effect comes then. Statements that were prepared before the
//! plan was set are not known by a word, and pass.

use emulator_core::faults::plan::{Action, Call, Moment, SQLSTATES};
use emulator_core::faults::{Hit, Release};

use super::Session;
use crate::error::{SessionError, SqlError};
use crate::relay::NO_SQL;
use crate::relay::names::Target;
use crate::relay::pipeline::{Audience, Expected, Sent};
use crate::wire::Frame;

/// What is left to do with a message.
pub(super) enum Verdict {
    /// Serve it as always.
    Serve,
    /// Serve it and keep the answers back until its effect is there, then ask [`Session::after`].
    Withhold(Hit),
    /// It has been answered.
    Answered,
}

impl Session {
    /// Does what the plan has for the time before this message is served.
    pub(super) async fn before(&mut self, frame: &Frame) -> Result<Verdict, SessionError> {
        if !self.shared.faults.is_armed() || self.withheld.is_some() || self.relay.is_skipping() {
            return Ok(Verdict::Serve);
        }
        let Some(operation) = self.operation(frame) else { return Ok(Verdict::Serve) };
        let call = Call {
            service: "redshift".to_owned(),
            operation,
            caller: self.identity.user.clone(),
            resource: self.identity.database.clone(),
        };
        let Some(hit) = self.shared.faults.judge(&call) else { return Ok(Verdict::Serve) };
        match &hit.action {
            Action::Cut => return Err(SessionError::Cut),
            Action::Delay { .. } => tokio::time::sleep(hit.action.delay()).await,
            Action::Hold(Moment::Before) => self.held(&hit).await?,
            Action::Lose | Action::Hold(Moment::After) => {
                // Answers to earlier messages are none of the fault's business.
                self.relay.drain().await?;
                self.relay.withhold(true);
                return Ok(Verdict::Withhold(hit));
            }
            Action::Refuse { code, .. } => {
                let error = SqlError::new(sqlstate(code), "refused by a fault of the plan");
                if frame.tag() == b'E' {
                    self.relay.fail(error).await?;
                    return Ok(Verdict::Answered);
                }
                let expected = Expected::new(Sent::Query, Audience::Client);
                let expected = Expected { error: Some(error), ..expected };
                self.relay.send_raw(b'Q', &[NO_SQL.as_bytes(), b"\0"], expected);
                return Ok(Verdict::Answered);
            }
            // No plan hits statements with these: they are for batches and for connections.
            Action::FailEntries { .. } | Action::Slow { .. } | Action::CutAfter { .. } => {}
        }
        Ok(Verdict::Serve)
    }

    /// What a message executes, as a plan names it.
    fn operation(&self, frame: &Frame) -> Option<String> {
        match frame.tag() {
            b'Q' => {
                let text = frame.fields().text().unwrap_or_default();
                Some(first_word(&String::from_utf8_lossy(text)))
            }
            b'E' => {
                let portal = frame.fields().text()?;
                let prepared = self.relay.names.get(Target::Portal, portal)?;
                prepared.operation.as_deref().map(str::to_owned)
            }
            _ => None,
        }
    }

    /// Does what the plan has for the time after the effect. On a cut the answer stays withheld.
    pub(super) async fn after(&mut self, hit: &Hit) -> Result<(), SessionError> {
        self.relay.drain().await?;
        if hit.action == Action::Lose {
            return Err(SessionError::Cut);
        }
        self.held(hit).await?;
        self.relay.withhold(false);
        Ok(())
    }

    async fn held(&mut self, hit: &Hit) -> Result<(), SessionError> {
        match self.shared.faults.hold(hit).await {
            Release::Continue => Ok(()),
            Release::Cut => Err(SessionError::Cut),
        }
    }
}

/// The first word of a statement in capitals, comments skipped.
pub(super) fn first_word(sql: &str) -> String {
    let mut rest = sql.trim_start();
    loop {
        let after = if let Some(comment) = rest.strip_prefix("--") {
            comment.split_once('\n').map(|(_, after)| after)
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/").map(|(_, after)| after)
        } else {
            break;
        };
        rest = after.unwrap_or_default().trim_start();
    }
    let word: String = rest.chars().take_while(char::is_ascii_alphabetic).collect();
    word.to_ascii_uppercase()
}

/// The code as a plan names it; a rule for more than Redshift may have one of another service.
fn sqlstate(code: &str) -> &'static str {
    SQLSTATES.into_iter().find(|known| *known == code).unwrap_or("XX000")
}

#[cfg(test)]
mod tests {
    use super::first_word;

    #[test]
    fn statements_are_told_by_their_first_word() {
        for (sql, word) in [
            ("COMMIT", "COMMIT"),
            ("  copy\n\"t\" FROM 's3://x'", "COPY"),
            ("-- load\n/* now */LOCK \"load_ledger\"", "LOCK"),
            ("/* never ends", ""),
            ("", ""),
            ("(SELECT 1)", ""),
        ] {
            assert_eq!(first_word(sql), word, "{sql}");
        }
    }
}
