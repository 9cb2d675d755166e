//! The Query protocol: recognised and refused, in its own XML, so that old SDKs show the reason.

use emulator_core::serve::{Response, full};
use http::{StatusCode, header};
use uuid::Uuid;

use crate::error::SqsError;

/// The answer to every request without an `X-Amz-Target` of SQS.
pub(crate) fn refuse(request_id: Uuid) -> Response {
    let error = SqsError::UnsupportedOperation {
        what: "The SQS Query protocol is not spoken here (use an SDK from 2024 on, which sends \
               X-Amz-Target: AmazonSQS.<operation>): it is",
    };
    let body = format!(
        "<?xml version=\"1.0\"?><ErrorResponse \
         xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error><Type>Sender</Type>\
         <Code>{}</Code><Message>{}</Message><Detail/></Error><RequestId>{request_id}</RequestId>\
         </ErrorResponse>",
        error.code().query,
        error.to_string().replace('<', "&lt;").replace('>', "&gt;"),
    );
    let mut response = Response::new(full(body));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let content_type = header::HeaderValue::from_static("text/xml");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
