//! Errors: what a client is told, and why a session ends.
//!
//! [`SqlError`] travels to the client as an ErrorResponse; [`SessionError`] never does by itself,
//! it ends the session's task.

use pgwire::messages::response::{ErrorResponse, NoticeResponse};

use crate::sql::statement::Statement;

/// An error of ours in the shape of Postgres' ErrorResponse ("PostgreSQL, Error and Notice Message
/// Fields"); Redshift's own load errors carry a multi-line `detail`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({sqlstate})")]
pub struct SqlError {
    /// Five characters; `XX000` for what Redshift calls an internal error, COPY failures included.
    pub sqlstate: &'static str,
    /// The primary message, as a client prints it after `ERROR:`.
    pub message: String,
    /// Redshift's block `error: … code: … context: … query: … location: … process: …`, or prose.
    pub detail: Option<String>,
    /// What to do instead.
    pub hint: Option<String>,
    /// 1-based character in the statement.
    pub position: Option<usize>,
}

impl SqlError {
    /// An error with a code and a message only.
    pub fn new(sqlstate: &'static str, message: impl Into<String>) -> Self {
        Self { sqlstate, message: message.into(), detail: None, hint: None, position: None }
    }

    /// Adds what to do instead.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Points at a token of the statement.
    pub(crate) fn at(self, statement: &Statement<'_>, index: usize) -> Self {
        Self { position: Some(statement.position(index)), ..self }
    }

    /// The wire message with severity `ERROR`.
    pub(crate) fn response(&self) -> ErrorResponse {
        self.with_severity("ERROR")
    }

    /// The wire message with severity `FATAL`: the connection ends after it.
    pub(crate) fn fatal_response(&self) -> ErrorResponse {
        self.with_severity("FATAL")
    }

    fn with_severity(&self, severity: &str) -> ErrorResponse {
        let mut fields = fields(severity, self.sqlstate, &self.message);
        if let Some(detail) = &self.detail {
            fields.push((b'D', without_nul(detail)));
        }
        if let Some(hint) = &self.hint {
            fields.push((b'H', without_nul(hint)));
        }
        if let Some(position) = self.position {
            fields.push((b'P', position.to_string()));
        }
        ErrorResponse::new(fields)
    }
}

/// A notice of severity `INFO`, as COPY sends them on success.
pub(crate) fn info_notice(message: &str) -> NoticeResponse {
    NoticeResponse::new(fields("INFO", "00000", message))
}

fn fields(severity: &str, sqlstate: &str, message: &str) -> Vec<(u8, String)> {
    vec![
        (b'S', severity.to_owned()),
        (b'V', severity.to_owned()),
        (b'C', sqlstate.to_owned()),
        (b'M', without_nul(message)),
    ]
}

/// A field ends at its first NUL; one inside the text would garble the message.
fn without_nul(text: &str) -> String {
    text.replace('\0', " ")
}

/// Why a session ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// The client hung up, in the middle of something or not.
    #[error("the client is gone")]
    ClientGone(#[source] std::io::Error),
    /// The Postgres behind the relay hung up or sent nonsense.
    #[error("the Postgres behind the relay is gone")]
    UpstreamGone(#[source] std::io::Error),
    /// The client sent bytes that are no message.
    #[error("the client broke the protocol: {0}")]
    ClientProtocol(String),
    /// A fault of the plan.
    #[error("the connection was cut on purpose")]
    Cut,
}

impl SessionError {
    /// What the client is told before the connection closes; nothing if there is nobody to tell.
    pub(crate) fn farewell(&self) -> Option<SqlError> {
        match self {
            Self::ClientGone(_) | Self::Cut => None,
            Self::UpstreamGone(error) => Some(SqlError::new(
                "57P01",
                format!("the Postgres behind this Redshift closed the connection: {error}"),
            )),
            Self::ClientProtocol(what) => Some(SqlError::new("08P01", what.clone())),
        }
    }
}
