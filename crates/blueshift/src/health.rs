//! Whether a stack answers, asked from outside over the wire.

use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use tokio_postgres::NoTls;

use crate::fetch::{FetchError, Fetcher};

/// Far more than the page has.
const PAGE_BYTES_MAX: usize = 1024 * 1024;

/// Why a stack is not taken for healthy.
#[derive(Debug, thiserror::Error)]
pub enum Unhealthy {
    /// Nobody answers, or what answers is something else.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It answers, and says that it is not ready.
    #[error("{url} is not ready: {said}")]
    NotReady {
        /// Whom was asked.
        url: String,
        /// What it said.
        said: String,
    },
    /// Redshift does not answer.
    #[error("redshift does not answer: {reason}")]
    Redshift {
        /// Why not.
        reason: String,
    },
}

/// Asks a stack at `http://host:port`, or Redshift alone at `postgresql://…`, whether it is ready.
///
/// # Errors
/// If it is not, or does not say so within `wait`.
pub async fn ask(url: &str, wait: Duration) -> Result<(), Unhealthy> {
    if url.starts_with("postgresql://") || url.starts_with("postgres://") {
        return ask_redshift(url, wait).await;
    }
    let page = format!("{}/_blueshift/health", url.trim_end_matches('/'));
    let answer = Fetcher::new(wait).get(&page).await?;
    let status = answer.status();
    let body = tokio::time::timeout(wait, Limited::new(answer, PAGE_BYTES_MAX).collect()).await;
    let body = body.ok().and_then(Result::ok).map(|body| body.to_bytes()).unwrap_or_default();
    let page_status = serde_json::from_slice::<serde_json::Value>(&body).ok().and_then(|body| {
        let said = body.get("status")?.as_str()?;
        Some(said.to_owned())
    });
    match page_status {
        Some(said) if said == "running" && status.is_success() => Ok(()),
        Some(said) => Err(Unhealthy::NotReady { url: url.to_owned(), said }),
        None => Err(FetchError::Refused { url: page, status }.into()),
    }
}

async fn ask_redshift(url: &str, wait: Duration) -> Result<(), Unhealthy> {
    let asked = async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        let driver = tokio::spawn(connection);
        let answer = client.simple_query("SELECT 1").await;
        drop(client);
        // The answer counts; how the connection ended does not.
        let _ = driver.await;
        answer.map(|_| ())
    };
    match tokio::time::timeout(wait, asked).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            Err(Unhealthy::Redshift { reason: format!("{error}{}", cause.unwrap_or_default()) })
        }
        Err(_) => Err(Unhealthy::Redshift { reason: format!("no answer within {wait:?}") }),
    }
}
