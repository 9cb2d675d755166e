//! Every error a client can see, with AWS's code and text.
//!
//! The texts are AWS's, capitals and full stops included: clients and people compare them.

use crate::limits;

/// An error of the emulated SQS; one variant per AWS error, or per text where AWS has several texts
/// under one code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SqsError {
    #[error("The specified queue does not exist.")]
    QueueDoesNotExist,
    #[error(
        "A queue already exists with the same name and a different value for attribute {attribute}"
    )]
    QueueNameExists { attribute: String },
    #[error("Only one PurgeQueue operation on {queue} is allowed every 60 seconds.")]
    PurgeQueueInProgress { queue: String },
    #[error("The address {address} is not valid for this endpoint.")]
    InvalidAddress { address: String },
    #[error("Unknown Attribute {attribute}.")]
    InvalidAttributeName { attribute: String },
    #[error("Invalid value for the parameter {attribute}.")]
    InvalidAttributeValue { attribute: String },
    #[error(
        "Invalid binary character '#x{:X}' was found in the message body, the set of allowed \
         characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF].",
        u32::from(*character)
    )]
    InvalidMessageContents { character: char },
    #[error(
        "Too many messages in flight: at most {} messages of this queue can be received and not \
         yet deleted.",
        limits::IN_FLIGHT_MAX
    )]
    OverLimit,
    /// The text is no handle at all.
    #[error("The input receipt handle \"{handle}\" is not a valid receipt handle.")]
    ReceiptHandleIsInvalid { handle: String },
    /// The handle is one of another queue.
    #[error("The receipt handle \"{handle}\" is not valid for this queue.")]
    ReceiptHandleOfOtherQueue { handle: String },
    #[error("The specified message isn't in flight.")]
    MessageNotInflight,

    #[error("There should be at least one {entry} in the request.")]
    EmptyBatchRequest { entry: &'static str },
    #[error(
        "Maximum number of entries per request are {}. You have sent {sent}.",
        limits::BATCH_ENTRIES_MAX
    )]
    TooManyEntriesInBatchRequest { sent: usize },
    #[error("Id {id} repeated.")]
    BatchEntryIdsNotDistinct { id: String },
    #[error(
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It \
         can be at most {} letters long.",
        limits::BATCH_ENTRY_ID_CHARS_MAX
    )]
    InvalidBatchEntryId,
    #[error(
        "Batch requests cannot be longer than {} bytes. You have sent {bytes} bytes.",
        limits::BATCH_BYTES_MAX
    )]
    BatchRequestTooLong { bytes: usize },

    #[error("The request must contain the parameter {parameter}.")]
    MissingParameter { parameter: &'static str },
    #[error("Value {value} for parameter {parameter} is invalid. Reason: {reason}")]
    InvalidParameterValue { value: String, parameter: &'static str, reason: String },
    #[error(
        "One or more parameters are invalid. Reason: Message must be shorter than {bytes_max} \
         bytes."
    )]
    MessageTooLong { bytes_max: u32 },
    #[error("{0}")]
    InvalidMessageAttribute(#[from] MessageAttributeError),

    /// AWS has it, this emulator does not: said by name.
    #[error("{what} not emulated by Blueshift.")]
    UnsupportedOperation { what: &'static str },
    #[error("The action {operation} is not valid for this endpoint.")]
    UnknownOperation { operation: String },
    #[error("The request cannot be read: {reason}")]
    Serialization { reason: String },
    #[error("The request is longer than {} bytes.", limits::REQUEST_BYTES_MAX)]
    RequestTooLong,
}

/// Why a message attribute is refused; AWS's code is `InvalidParameterValue` for all of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MessageAttributeError {
    #[error(
        "Number of message attributes [{sent}] exceeds the allowed maximum [{}].",
        limits::MESSAGE_ATTRIBUTES_MAX
    )]
    TooMany { sent: usize },
    #[error("The request must contain non-empty message attribute name.")]
    EmptyName,
    #[error(
        "Message (user) attribute name '{name}' is invalid. It can have up to {} characters out of \
         A-Z, a-z, 0-9, underscore, hyphen and period, must not begin or end with a period, have \
         two in a row, or begin with AWS. or Amazon.",
        limits::ATTRIBUTE_NAME_CHARS_MAX
    )]
    InvalidName { name: String },
    #[error("The message attribute '{name}' must contain non-empty message attribute type.")]
    EmptyType { name: String },
    #[error(
        "The type of message (user) attribute '{name}' is invalid. You must use only the following \
         supported type prefixes: Binary, Number, String."
    )]
    InvalidType { name: String },
    #[error("Message (user) attribute '{name}' must contain a non-empty value of type '{value}'.")]
    EmptyValue { name: String, value: &'static str },
    #[error("Can't cast the value of message (user) attribute '{name}' to a number.")]
    NotANumber { name: String },
    #[error(
        "Message (system) attribute '{name}' is invalid: only AWSTraceHeader of type String can be \
         sent."
    )]
    InvalidSystemAttribute { name: String },
}

/// How an error is named on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ErrorCode {
    /// The `__type` of AWS JSON: namespace and shape.
    pub(crate) shape: &'static str,
    /// The code of the older Query protocol, which SDKs still show (`x-amzn-query-error`).
    pub(crate) query: &'static str,
    /// HTTP status.
    pub(crate) status: u16,
}

impl SqsError {
    /// The error's names on the wire (SQS API Reference, "Common errors" and each operation's own).
    pub(crate) fn code(&self) -> ErrorCode {
        let (shape, query) = match self {
            Self::QueueDoesNotExist => {
                ("com.amazonaws.sqs#QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")
            }
            Self::QueueNameExists { .. } => {
                ("com.amazonaws.sqs#QueueNameExists", "QueueAlreadyExists")
            }
            Self::PurgeQueueInProgress { .. } => (
                "com.amazonaws.sqs#PurgeQueueInProgress",
                "AWS.SimpleQueueService.PurgeQueueInProgress",
            ),
            Self::InvalidAddress { .. } => ("com.amazonaws.sqs#InvalidAddress", "InvalidAddress"),
            Self::InvalidAttributeName { .. } => {
                ("com.amazonaws.sqs#InvalidAttributeName", "InvalidAttributeName")
            }
            Self::InvalidAttributeValue { .. } => {
                ("com.amazonaws.sqs#InvalidAttributeValue", "InvalidAttributeValue")
            }
            Self::InvalidMessageContents { .. } => {
                ("com.amazonaws.sqs#InvalidMessageContents", "InvalidMessageContents")
            }
            Self::OverLimit => ("com.amazonaws.sqs#OverLimit", "OverLimit"),
            Self::ReceiptHandleIsInvalid { .. } | Self::ReceiptHandleOfOtherQueue { .. } => {
                ("com.amazonaws.sqs#ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid")
            }
            Self::MessageNotInflight => (
                "com.amazonaws.sqs#MessageNotInflight",
                "AWS.SimpleQueueService.MessageNotInflight",
            ),
            Self::UnsupportedOperation { .. } => (
                "com.amazonaws.sqs#UnsupportedOperation",
                "AWS.SimpleQueueService.UnsupportedOperation",
            ),
            other => other.batch_or_service_code(),
        };
        let status = if matches!(self, Self::RequestTooLong) { 413 } else { 400 };
        ErrorCode { shape, query, status }
    }

    fn batch_or_service_code(&self) -> (&'static str, &'static str) {
        match self {
            Self::EmptyBatchRequest { .. } => {
                ("com.amazonaws.sqs#EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest")
            }
            Self::TooManyEntriesInBatchRequest { .. } => (
                "com.amazonaws.sqs#TooManyEntriesInBatchRequest",
                "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            ),
            Self::BatchEntryIdsNotDistinct { .. } => (
                "com.amazonaws.sqs#BatchEntryIdsNotDistinct",
                "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            ),
            Self::InvalidBatchEntryId => (
                "com.amazonaws.sqs#InvalidBatchEntryId",
                "AWS.SimpleQueueService.InvalidBatchEntryId",
            ),
            Self::BatchRequestTooLong { .. } => (
                "com.amazonaws.sqs#BatchRequestTooLong",
                "AWS.SimpleQueueService.BatchRequestTooLong",
            ),
            Self::MissingParameter { .. } => {
                ("com.amazon.coral.service#MissingRequiredParameterException", "MissingParameter")
            }
            Self::UnknownOperation { .. } => {
                ("com.amazon.coral.service#UnknownOperationException", "InvalidAction")
            }
            Self::Serialization { .. } => {
                ("com.amazon.coral.service#SerializationException", "MalformedInput")
            }
            Self::RequestTooLong => {
                ("com.amazon.coral.service#RequestEntityTooLargeException", "RequestTooLong")
            }
            // The rest is named in `code` or is AWS's one code for bad values.
            _ => {
                ("com.amazon.coral.service#InvalidParameterValueException", "InvalidParameterValue")
            }
        }
    }

    /// `Value … for parameter … is invalid. Reason: …`
    pub(crate) fn invalid_parameter(
        parameter: &'static str,
        value: impl ToString,
        reason: impl Into<String>,
    ) -> Self {
        Self::InvalidParameterValue { value: value.to_string(), parameter, reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: SqsError, query: &str, text: &str) {
        assert_eq!(query, error.code().query);
        assert_eq!(text, error.to_string());
    }

    #[test]
    fn errors_carry_the_codes_and_texts_of_aws() {
        check(
            SqsError::QueueDoesNotExist,
            "AWS.SimpleQueueService.NonExistentQueue",
            "The specified queue does not exist.",
        );
        check(
            SqsError::InvalidMessageContents { character: '\u{7}' },
            "InvalidMessageContents",
            "Invalid binary character '#x7' was found in the message body, the set of allowed \
             characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF].",
        );
        check(
            SqsError::invalid_parameter("MaxNumberOfMessages", 1_000, "Must be between 1 and 10."),
            "InvalidParameterValue",
            "Value 1000 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 \
             and 10.",
        );
        check(
            SqsError::BatchRequestTooLong { bytes: 1_048_577 },
            "AWS.SimpleQueueService.BatchRequestTooLong",
            "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.",
        );
    }
}
