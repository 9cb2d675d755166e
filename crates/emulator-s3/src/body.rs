//! Request bodies: shared with the door, so that it can read what an error left unread, and freed
//! of `aws-chunked`.

use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use emulator_core::serve::{BoxError, RequestBody};
use http::request::Parts;
use http::{HeaderValue, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, SizeHint};

use crate::aws_chunked::{ChunkedError, Decoder};
use crate::error::Refusal;

/// How much of a refused body is read, and for how long, before the answer is sent.
const DRAIN_BYTES_MAX: u64 = 64 * 1024 * 1024;
const DRAIN_TIME_MAX: Duration = Duration::from_secs(5);

/// A body two can read from; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct SharedBody {
    incoming: Arc<Mutex<RequestBody>>,
}

impl SharedBody {
    pub(crate) fn new(incoming: RequestBody) -> Self {
        Self { incoming: Arc::new(Mutex::new(incoming)) }
    }

    /// Reads and forgets what is left. A server that closes a connection while the client still
    /// writes makes the client see a broken pipe instead of the answer.
    pub(crate) async fn drain(mut self) {
        let read = async {
            let mut bytes = 0;
            while let Some(Ok(frame)) = self.frame().await {
                bytes += frame.data_ref().map_or(0, |piece| piece.len() as u64);
                if DRAIN_BYTES_MAX < bytes {
                    break;
                }
            }
        };
        // Too slow or too long: the client gets the answer, or not, as the network has it.
        let _ = tokio::time::timeout(DRAIN_TIME_MAX, read).await;
    }

    fn with<R>(&self, read: impl FnOnce(Pin<&mut RequestBody>) -> R) -> R {
        let mut incoming = self.incoming.lock().unwrap_or_else(PoisonError::into_inner);
        read(Pin::new(&mut incoming))
    }
}

impl Body for SharedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.with(|incoming| incoming.poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.with(|incoming| incoming.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|incoming| incoming.size_hint())
    }
}

/// The trailers of an `aws-chunked` body, there once it has been read to its end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trailers {
    fields: Arc<OnceLock<Vec<(String, String)>>>,
}

impl Trailers {
    /// The value of the trailer of this lower-case name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let fields = self.fields.get()?;
        fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// Why a body could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("connection ended early")]
    Cut(#[source] hyper::Error),
    #[error("body is not aws-chunked as it claims")]
    Chunked(#[from] ChunkedError),
}

/// The body as the operations see it. Takes `aws-chunked` off the headers, too, as S3 does before
/// it stores them, and leaves [`Trailers`] in the extensions.
pub(crate) fn decoded(parts: &mut Parts, body: SharedBody) -> Result<s3s::Body, Refusal> {
    if !is_chunked(parts) {
        return Ok(s3s::Body::http_body(body));
    }
    let bytes = parts.headers.remove("x-amz-decoded-content-length");
    let bytes = bytes.as_ref().and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let bytes = bytes.ok_or(Refusal::MissingContentLength)?;
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    strip_content_encoding(parts);
    let trailers = Trailers::default();
    parts.extensions.insert(trailers.clone());
    let decoder = Some(Decoder::default());
    let input = Bytes::new();
    let body = DecodedBody { body, decoder, input, bytes_left: bytes, trailers };
    Ok(s3s::Body::http_body(body))
}

fn is_chunked(parts: &Parts) -> bool {
    let hash = parts.headers.get("x-amz-content-sha256");
    let claims_streaming = hash.is_some_and(|value| value.as_bytes().starts_with(b"STREAMING-"));
    claims_streaming || content_encodings(parts).any(|encoding| encoding == "aws-chunked")
}

fn content_encodings(parts: &Parts) -> impl Iterator<Item = &str> {
    let values = parts.headers.get_all(header::CONTENT_ENCODING).into_iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(str::trim)
}

fn strip_content_encoding(parts: &mut Parts) {
    let rest: Vec<&str> = content_encodings(parts)
        .filter(|encoding| !encoding.is_empty() && *encoding != "aws-chunked")
        .collect();
    match HeaderValue::try_from(rest.join(",")) {
        Ok(rest) if !rest.is_empty() => {
            parts.headers.insert(header::CONTENT_ENCODING, rest);
        }
        _ => {
            parts.headers.remove(header::CONTENT_ENCODING);
        }
    }
}

/// A body with `aws-chunked` taken off.
#[derive(Debug)]
struct DecodedBody {
    body: SharedBody,
    /// `None` once the body has ended.
    decoder: Option<Decoder>,
    input: Bytes,
    bytes_left: u64,
    trailers: Trailers,
}

impl Body for DecodedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        loop {
            let Some(decoder) = &mut this.decoder else { return Poll::Ready(None) };
            match decoder.decode(&mut this.input).map_err(BodyError::from) {
                Ok(Some(payload)) => {
                    this.bytes_left = this.bytes_left.saturating_sub(payload.len() as u64);
                    return Poll::Ready(Some(Ok(Frame::data(payload))));
                }
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => this.input = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Poll::Ready(Some(Err(BodyError::Cut(error).into()))),
                None => {
                    let ended = this.decoder.take().map(Decoder::finish).unwrap_or(Ok(Vec::new()));
                    match ended.map_err(BodyError::from) {
                        Ok(fields) => {
                            let first = this.trailers.fields.set(fields).is_ok();
                            debug_assert!(first, "a body ends once");
                        }
                        Err(error) => return Poll::Ready(Some(Err(error.into()))),
                    }
                }
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes_left)
    }

    // The end is reached by reading to it, or the trailers would never be.
    fn is_end_stream(&self) -> bool {
        self.decoder.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_body_is_chunked_if_its_headers_say_so() {
        let check = |headers: &[(&str, &str)], expected| {
            assert_eq!(is_chunked(&parts(headers)), expected, "{headers:?}");
        };
        check(&[], false);
        check(&[("x-amz-content-sha256", "UNSIGNED-PAYLOAD")], false);
        check(&[("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")], true);
        check(&[("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")], true);
        check(&[("content-encoding", "gzip")], false);
        check(&[("content-encoding", "gzip, aws-chunked")], true);
    }

    #[test]
    fn the_stored_content_encoding_is_without_aws_chunked() {
        let check = |before: &[&str], after: Option<&str>| {
            let headers: Vec<_> = before.iter().map(|value| ("content-encoding", *value)).collect();
            let mut parts = parts(&headers);
            strip_content_encoding(&mut parts);
            let left = parts.headers.get(header::CONTENT_ENCODING);
            assert_eq!(left.map(|value| value.to_str().unwrap()), after, "{before:?}");
        };
        check(&["aws-chunked"], None);
        check(&["aws-chunked,gzip"], Some("gzip"));
        check(&["aws-chunked", "gzip"], Some("gzip"));
        check(&["gzip, aws-chunked, br"], Some("gzip,br"));
    }
}
