//! A small HTTP client: GET, with redirects, over the one TLS stack that is in the tree anyway.

use std::time::Duration;

use bytes::Bytes;
use http::header::{LOCATION, USER_AGENT};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};

/// GitHub redirects a download once; a loop shall end.
const REDIRECTS_MAX: usize = 5;

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// What was given, or the server's redirect, is no URL.
    #[error("{url} is no URL of http or https")]
    NotAUrl {
        /// It.
        url: String,
    },
    /// Nobody answered.
    #[error("{url} does not answer: {reason}")]
    Unreachable {
        /// The URL.
        url: String,
        /// Why not.
        reason: String,
    },
    /// An answer that says no.
    #[error("{url} answers {status}")]
    Refused {
        /// The URL.
        url: String,
        /// The answer's status.
        status: StatusCode,
    },
    /// A redirect out of TLS.
    #[error("{url} redirects to {to}, which anybody on the way could change")]
    Downgrade {
        /// The URL.
        url: String,
        /// Its redirect.
        to: String,
    },
    /// More redirects than anybody needs.
    #[error("{url} redirects more than {REDIRECTS_MAX} times")]
    Redirects {
        /// The first URL.
        url: String,
    },
}

/// Fetches over http and https.
#[derive(Debug, Clone)]
pub(crate) struct Fetcher {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    wait: Duration,
}

impl Fetcher {
    /// One that waits `wait` for the head of each answer.
    pub(crate) fn new(wait: Duration) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider knows the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        let client = Client::builder(TokioExecutor::new()).build(connector.build());
        Self { client, wait }
    }

    /// The answer at `url`, or where it redirects to, whatever its status.
    pub(crate) async fn get(&self, url: &str) -> Result<Response<Incoming>, FetchError> {
        let mut at = url.to_owned();
        for _ in 0..=REDIRECTS_MAX {
            let uri: Uri = at.parse().map_err(|_| FetchError::NotAUrl { url: at.clone() })?;
            if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
                return Err(FetchError::NotAUrl { url: at });
            }
            let request = Request::get(uri)
                .header(USER_AGENT, concat!("blueshift/", env!("CARGO_PKG_VERSION")))
                .body(Empty::new())
                .map_err(|_| FetchError::NotAUrl { url: at.clone() })?;
            let answered = tokio::time::timeout(self.wait, self.client.request(request)).await;
            let unreachable = |reason: String| FetchError::Unreachable { url: at.clone(), reason };
            let answer = match answered {
                Ok(Ok(answer)) => answer,
                Ok(Err(error)) => return Err(unreachable(innermost(&error))),
                Err(_) => return Err(unreachable(format!("no answer within {:?}", self.wait))),
            };
            let location = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            match location {
                Some(to) if answer.status().is_redirection() => at = redirected(&at, to)?,
                _ => return Ok(answer),
            }
        }
        Err(FetchError::Redirects { url: url.to_owned() })
    }
}

/// A redirect's target, which may be a path of the same server.
fn redirected(from: &str, to: &str) -> Result<String, FetchError> {
    if from.starts_with("https://") && to.starts_with("http://") {
        return Err(FetchError::Downgrade { url: from.to_owned(), to: to.to_owned() });
    }
    if !to.starts_with('/') {
        return Ok(to.to_owned());
    }
    let uri: Uri = from.parse().unwrap_or_default();
    let (scheme, authority) = (uri.scheme_str().unwrap_or_default(), uri.authority());
    Ok(format!("{scheme}://{}{to}", authority.map_or("", |authority| authority.as_str())))
}

/// The last cause: `Connection refused` and the like. What wraps it says "client error (Connect)".
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
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
    fn a_redirect_stays_on_the_server_or_within_tls() {
        for (from, to, expected) in [
            ("http://h:1/a", "/b?c", Some("http://h:1/b?c")),
            ("https://h/a", "https://other/x", Some("https://other/x")),
            ("http://h/a", "https://other/x", Some("https://other/x")),
            ("https://h/a", "http://other/x", None),
        ] {
            assert_eq!(redirected(from, to).ok().as_deref(), expected, "{from} {to}");
        }
    }
}
