//! From an HTTP request to an answer: which protocol it speaks, and whether it is ours at all.

use std::error::Error;

use emulator_core::serve::{Request, Response};
use http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::error::SqsError;
use crate::operations::Call;
use crate::{Emulator, limits};

mod json;
mod query;

const TARGET: &str = "x-amz-target";
const TARGET_PREFIX: &str = "AmazonSQS.";

/// See [`crate::Sqs::handles`].
pub(crate) fn is_for_sqs(parts: &Parts) -> bool {
    if parts.headers.contains_key(TARGET) {
        return operation_of(parts).is_some();
    }
    let signed = parts.headers.get(http::header::AUTHORIZATION);
    let signed = signed.and_then(|value| value.to_str().ok());
    let presigned = parts.uri.query().unwrap_or_default();
    signed.is_some_and(|value| value.contains("/sqs/aws4_request"))
        || presigned.contains("%2Fsqs%2Faws4_request")
}

/// Answers one request; errors are answers too.
pub(crate) async fn answer(emulator: &Emulator, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let request_id = emulator.ids.uuid();
    let Some(operation) = operation_of(&parts) else {
        return query::refuse(request_id);
    };
    let body = match Limited::new(body, limits::REQUEST_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return json::failed(&unreadable(&*error), request_id),
    };
    let call = Call { emulator, host: host_of(&parts) };
    match json::dispatch(&call, operation, &body).await {
        Ok(answer) => json::succeeded(answer, request_id),
        Err(error) => json::failed(&error, request_id),
    }
}

fn operation_of(parts: &Parts) -> Option<&str> {
    parts.headers.get(TARGET)?.to_str().ok()?.strip_prefix(TARGET_PREFIX)
}

/// The host by which the client reached us: queue URLs name the same, so that they work from there.
fn host_of(parts: &Parts) -> &str {
    let header = parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    header.or(parts.uri.authority().map(http::uri::Authority::as_str)).unwrap_or("localhost")
}

fn unreadable(error: &(dyn Error + Send + Sync + 'static)) -> SqsError {
    if error.is::<LengthLimitError>() {
        return SqsError::RequestTooLong;
    }
    SqsError::Serialization { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&str, &str)], uri: &str, expected: bool) {
        let mut request = http::Request::post(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(expected, is_for_sqs(&parts), "{headers:?} {uri}");
    }

    #[test]
    fn a_request_is_ours_by_target_or_by_signature() {
        let scope = |service: &str| {
            format!("AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/{service}/aws4_request")
        };
        let (sqs, s3) = (scope("sqs"), scope("s3"));
        check(&[("x-amz-target", "AmazonSQS.SendMessage")], "/", true);
        check(&[("x-amz-target", "DynamoDB_20120810.GetItem")], "/", false);
        check(
            &[("x-amz-target", "DynamoDB_20120810.GetItem"), ("authorization", &sqs)],
            "/",
            false,
        );
        check(&[("authorization", &sqs)], "/", true);
        check(&[("authorization", &s3)], "/bucket/sqs", false);
        check(&[], "/?X-Amz-Credential=test%2F20260101%2Feu%2Fsqs%2Faws4_request", true);
        check(&[], "/", false);
    }
}
