//! What the pipeline stands on, looked at over the wire: queues, bucket, table, ledger.
//!
//! Only looks; what to make of it is the business of [`crate::provision`] and [`crate::doctor`].

pub mod bucket;
pub mod queues;
pub mod table;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

/// Why a service did not do what it was asked for, told apart by what the user can do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody answered.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// We are not who may do that.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// Anything else; the service's words.
    #[error("{0}")]
    Refused(String),
}

/// An error and its causes in one line; the SDK's own rendering adds their `Debug` forms.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |cause| cause.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl Refusal {
    /// What the SDK met.
    pub fn of<E>(error: SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let words = match (error.code(), error.message()) {
            (Some(code), Some(message)) => Some(format!("{code}: {message}")),
            (Some(code), None) => Some(code.to_owned()),
            _ => None,
        };
        match (error.raw_response().map(|response| response.status().as_u16()), words) {
            (Some(401 | 403), words) => {
                Self::Forbidden(words.unwrap_or_else(|| "access denied".to_owned()))
            }
            (_, Some(words)) => Self::Refused(words),
            (Some(status), None) => Self::Refused(format!("HTTP status {status}")),
            (None, None) => Self::Unreachable(chain(&error)),
        }
    }

    /// What the user can do, if `action` (as IAM spells it) is what was asked for.
    pub fn hint(&self, action: &str) -> String {
        match self {
            Self::Unreachable(_) => runtime::aws::UNREACHABLE_HINT.to_owned(),
            Self::Forbidden(_) => format!("allow {action} to these credentials"),
            Self::Refused(_) => "see what the service says".to_owned(),
        }
    }
}
