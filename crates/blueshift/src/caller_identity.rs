//! STS, as far as to say whose account this is: `GetCallerIdentity`, which tools call to find out where
//! they are.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>. Everybody is the
//! root user of the kit's one account; no other operation is there.

use emulator_core::serve::{Request, Response, full};
use http::request::Parts;
use http::{StatusCode, header};
use http_body_util::{BodyExt, Limited};

/// The kit's one account, as LocalStack numbers it.
pub(crate) const ACCOUNT_ID: &str = "000000000000";
/// A user's access key id, as the page's example has it.
const USER_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// Whether a request is signed for STS.
pub(crate) fn handles(parts: &Parts) -> bool {
    let signed = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    signed.is_some_and(|value| value.contains("/sts/aws4_request"))
}

pub(crate) async fn answer(request: Request) -> Response {
    let from_query = request.uri().query().unwrap_or_default().to_owned();
    let body = Limited::new(request.into_body(), REQUEST_BYTES_MAX).collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    let mut pairs = text.split('&').chain(from_query.split('&'));
    let action = pairs.find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default();
    let request_id = uuid::Uuid::new_v4();
    let namespace = "https://sts.amazonaws.com/doc/2011-06-15/";
    let (status, body) = if action == "GetCallerIdentity" {
        let body = format!(
            "<GetCallerIdentityResponse xmlns=\"{namespace}\"><GetCallerIdentityResult>\
             <Arn>arn:aws:iam::{ACCOUNT_ID}:root</Arn><UserId>{USER_ID}</UserId>\
             <Account>{ACCOUNT_ID}</Account></GetCallerIdentityResult>\
             <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>\
             </GetCallerIdentityResponse>"
        );
        (StatusCode::OK, body)
    } else {
        // Names of operations are letters; whatever else it is need not be said again.
        let named: String = action.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
        let body = format!(
            "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>Sender</Type>\
             <Code>InvalidAction</Code><Message>{named} is not emulated: of STS there is \
             GetCallerIdentity</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        );
        (StatusCode::BAD_REQUEST, body)
    };
    http::Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "text/xml")
        .header("x-amzn-requestid", request_id.to_string())
        .body(full(body))
        .expect("a status and known headers make a response")
}
