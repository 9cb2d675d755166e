//! What a call to AWS can end in, other than well.
//!
//! Retry is asked of the type. The SDK's errors stop here: the rest of the crate, and its tests,
//! know only these outcomes.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

/// A call that did not succeed: which one, on what, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedCall {
    /// The operation as AWS names it, e.g. `ReceiveMessage`.
    pub operation: &'static str,
    /// What it was called on, e.g. `queue events`.
    pub resource: String,
    /// The service's or the system's own words.
    pub reason: String,
}

impl fmt::Display for FailedCall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} on {}: {}", self.operation, self.resource, self.reason)
    }
}

/// Why a call to SQS or S3 did not succeed; one variant per thing that can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No answer. It may have taken effect. Try again.
    #[error("no answer to {0}")]
    Unreachable(FailedCall),
    /// An answer that says the service is ill. It may have taken effect. Try again.
    #[error("no useful answer to {0}")]
    Unavailable(FailedCall),
    /// The service asks for patience. Try again, later.
    #[error("throttled: {0}")]
    Throttled(FailedCall),
    /// So many messages are in flight that the queue hands out no more. Try again, later.
    #[error("too many messages in flight: {0}")]
    OverLimit(FailedCall),
    /// The credentials do not allow it.
    #[error("access denied: {0}")]
    Denied(FailedCall),
    /// The queue or bucket does not exist.
    #[error("not found: {0}")]
    Missing(FailedCall),
    /// The multipart upload does not exist any more.
    #[error("gone: {0}")]
    Gone(FailedCall),
    /// The request as such is refused and always will be.
    #[error("refused: {0}")]
    Refused(FailedCall),
    /// The program stops, and its time is over. It may have taken effect. The next run tries again.
    #[error("given up at the stop: {0}")]
    GivenUp(&'static str),
}

impl CallError {
    /// Reads the SDK's error for `operation` on `resource`.
    pub fn from_sdk<E>(
        operation: &'static str,
        resource: &str,
        error: &SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let call = |reason| FailedCall { operation, resource: resource.to_owned(), reason };
        match error {
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status().as_u16();
                let code = answer.err().code().unwrap_or_default();
                let message = answer.err().message().unwrap_or("no message");
                let call = call(format!("{status} {code}: {message}"));
                match judge_answer(status, code) {
                    Blame::Service => Self::Unavailable(call),
                    Blame::Pace => Self::Throttled(call),
                    Blame::InFlight => Self::OverLimit(call),
                    Blame::Permission => Self::Denied(call),
                    Blame::Name => Self::Missing(call),
                    Blame::Upload => Self::Gone(call),
                    Blame::Request => Self::Refused(call),
                }
            }
            // Their source is away, or they have expired and it gives no others.
            _ if is_about_credentials(error) => Self::Denied(call(root_cause(error))),
            SdkError::ConstructionFailure(_) => Self::Refused(call(root_cause(error))),
            SdkError::DispatchFailure(failure) if failure.is_user() => {
                Self::Refused(call(root_cause(error)))
            }
            SdkError::ResponseError(_) => Self::Unavailable(call(root_cause(error))),
            // Timeouts, broken connections, and what is yet to come.
            _ => Self::Unreachable(call(root_cause(error))),
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_)
                | Self::Unavailable(_)
                | Self::Throttled(_)
                | Self::OverLimit(_)
                | Self::GivenUp(_)
        )
    }

    /// Whether it is refused, but might be allowed by a change of settings of AWS.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Denied(_) | Self::Missing(_))
    }

    /// What it is, for logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Unavailable(_) => "unavailable",
            Self::Throttled(_) => "throttled",
            Self::OverLimit(_) => "over-limit",
            Self::Denied(_) => "denied",
            Self::Missing(_) => "missing",
            Self::Gone(_) => "gone",
            Self::Refused(_) => "refused",
            Self::GivenUp(_) => "given-up",
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Unreachable(_) | Self::Unavailable(_) => {
                runtime::aws::UNREACHABLE_HINT.to_owned()
            }
            Self::Throttled(_) => {
                "AWS asks for fewer calls: fewer --pollers, or a higher quota".into()
            }
            Self::OverLimit(_) => "are there consumers that were killed, or that are stuck? what \
                 they hold returns when its visibility timeout ends"
                .to_owned(),
            Self::Denied(call) => {
                format!("do these credentials allow {} on {}?", action(call), call.resource)
            }
            Self::Missing(call) => {
                format!(
                    "make {} with: run-pipeline provision, or name another one (--help shows how)",
                    call.resource
                )
            }
            Self::Gone(_) => "is a lifecycle rule too quick to abort uploads?".to_owned(),
            Self::Refused(call) if is_elsewhere(&call.reason) => format!(
                "is {} in another region? name its region: --region REGION, or region in the \
                 settings",
                call.resource
            ),
            Self::Refused(_) => "the answer above says what AWS dislikes".to_owned(),
            Self::GivenUp(_) => "more time for the end: --stop-timeout SECONDS".to_owned(),
        }
    }
}

impl CallError {
    /// Whether S3 says that the bucket is in another region.
    pub fn is_elsewhere(&self) -> bool {
        matches!(self, Self::Refused(call) if is_elsewhere(&call.reason))
    }
}

/// Whether S3 says that the bucket is not where it was asked for (API Reference, "Error responses").
fn is_elsewhere(reason: &str) -> bool {
    let codes = ["PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocation"];
    reason.starts_with("301 ") || codes.iter().any(|code| reason.contains(code))
}

/// The IAM action behind an operation: batch forms have none of their own.
fn action(call: &FailedCall) -> String {
    match call.operation {
        // The three of them are one permission (User Guide, "Multipart upload and permissions").
        "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" => {
            "s3:PutObject".to_owned()
        }
        "HeadObject" => "s3:GetObject".to_owned(),
        operation if operation.ends_with("Object") || operation.ends_with("Upload") => {
            format!("s3:{operation}")
        }
        operation => format!("sqs:{}", operation.trim_end_matches("Batch")),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blame {
    Service,
    Pace,
    InFlight,
    Permission,
    Name,
    Upload,
    Request,
}

/// Whose fault an answer is, by HTTP status and error code (SQS API Reference, "Common errors";
/// S3 API Reference, "Error responses").
fn judge_answer(status: u16, code: &str) -> Blame {
    // SQS answers its JSON protocol with the codes of its older one, which carry this prefix.
    match code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code) {
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded"
        | "SlowDown"
        | "PriorRequestNotComplete"
        | "KmsThrottled" => Blame::Pace,
        "RequestTimeout"
        | "RequestTimeoutException"
        | "OperationAborted"
        | "ConditionalRequestConflict"
        | "InternalError"
        | "InternalFailure"
        | "ServiceUnavailable" => Blame::Service,
        "QueueDoesNotExist" | "NonExistentQueue" | "NoSuchBucket" => Blame::Name,
        "OverLimit" => Blame::InFlight,
        "NoSuchUpload" => Blame::Upload,
        "KmsAccessDenied" | "AccessDenied" | "AccessDeniedException" => Blame::Permission,
        // Temporary credentials that ran out; S3 and SQS answer some of these with 400.
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidToken"
        | "TokenRefreshRequired"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException" => Blame::Permission,
        // A key that is disabled or gone: not the request's fault, and somebody may undo it.
        code if code.starts_with("Kms") || code.starts_with("KMS.") => Blame::Permission,
        _ => match status {
            429 => Blame::Pace,
            401 | 403 => Blame::Permission,
            404 => Blame::Name,
            // A success that turned out none: `CompleteMultipartUpload` answers before it is done.
            200..300 | 500.. => Blame::Service,
            _ => Blame::Request,
        },
    }
}

/// Whether there were no credentials to sign the request with.
fn is_about_credentials(error: &dyn Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<CredentialsError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The last error of the chain: `Connection refused` rather than `dispatch failure`.
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_refusal_and_absence_are_told_apart() {
        for (status, code, blame) in [
            (400, "AWS.SimpleQueueService.NonExistentQueue", Blame::Name),
            (400, "QueueDoesNotExist", Blame::Name),
            (404, "NoSuchBucket", Blame::Name),
            (404, "NoSuchUpload", Blame::Upload),
            (200, "SomethingWentWrong", Blame::Service),
            (403, "OverLimit", Blame::InFlight),
            (400, "KMS.DisabledException", Blame::Permission),
            (400, "KmsDisabled", Blame::Permission),
            (400, "KmsThrottled", Blame::Pace),
            (400, "ExpiredToken", Blame::Permission),
            (400, "RequestThrottled", Blame::Pace),
            (503, "SlowDown", Blame::Pace),
            (429, "", Blame::Pace),
            (503, "ServiceUnavailable", Blame::Service),
            (502, "", Blame::Service),
            (400, "RequestTimeout", Blame::Service),
            (409, "OperationAborted", Blame::Service),
            (403, "AccessDenied", Blame::Permission),
            (400, "KmsAccessDenied", Blame::Permission),
            (403, "InvalidAccessKeyId", Blame::Permission),
            (400, "InvalidParameterValue", Blame::Request),
            (301, "PermanentRedirect", Blame::Request),
        ] {
            assert_eq!(judge_answer(status, code), blame, "{status} {code}");
        }
    }

    #[test]
    fn credentials_that_cannot_be_had_are_no_fault_of_the_request() {
        use aws_sdk_sqs::operation::receive_message::ReceiveMessageError;
        let missing = CredentialsError::provider_error("the instance's role is away");
        let error = SdkError::<ReceiveMessageError, HttpResponse>::construction_failure(missing);
        let error = CallError::from_sdk("ReceiveMessage", "queue q", &error);
        assert!(error.is_refusal(), "{error:?}");
    }

    #[test]
    fn a_denial_names_the_action_that_is_missing() {
        for (operation, expected) in [
            ("DeleteMessageBatch", "sqs:DeleteMessage"),
            ("ReceiveMessage", "sqs:ReceiveMessage"),
            ("PutObject", "s3:PutObject"),
            ("UploadPart", "s3:PutObject"),
            ("AbortMultipartUpload", "s3:AbortMultipartUpload"),
        ] {
            let call = FailedCall {
                operation,
                resource: "queue events".to_owned(),
                reason: String::new(),
            };
            let hint = CallError::Denied(call).hint();
            assert!(hint.contains(expected), "{hint}");
        }
    }
}
