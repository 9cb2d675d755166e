//! Stacks that run already: a compose project on this machine, or AWS itself.
//!
//! Both outlive this process and may be shared, so whatever is made there is leased: under names of
//! its own, written down before it is made, removed afterwards, by the next run if this one is
//! killed. What a lease did not make is never changed.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata};
use emulator_core::faults::Faults;
use emulator_core::serve::serve;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::endpoints::Endpoints;
use crate::error::StackError;
use crate::gate::Gate;
use crate::in_process::{REGION, address, listen};
use crate::lease::Lessor;
use crate::lease::journal::{Journal, JournalError, Place, Swept, sweep};
use crate::lease::new_run;
use crate::provision::{s3_client, sdk_config};
use crate::redshift_client::SessionError;
use crate::stack::{Running, Stack};

/// How long a port of this machine may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Why a stack that should run already cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// Nobody listens there.
    #[error("the compose project is not up: nobody answers for {service} at {address}")]
    NotUp {
        /// What was looked for.
        service: &'static str,
        /// Where.
        address: SocketAddr,
    },
    /// AWS does not say whose account this is.
    #[error("the AWS account cannot be told: {reason}")]
    Account {
        /// The service's words, or the SDK's.
        reason: String,
    },
    /// The bucket cannot be used.
    #[error("bucket {bucket} cannot be used: {reason}")]
    Bucket {
        /// The bucket.
        bucket: String,
        /// The service's words, or ours.
        reason: String,
    },
    /// Redshift cannot be used.
    #[error(transparent)]
    Redshift(#[from] SessionError),
    /// What is to be made cannot be written down.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl AttachError {
    /// What the user can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotUp { .. } => {
                "docker compose -p blueshift -f compose/compose.yaml --profile kit up -d"
            }
            Self::Account { .. } => {
                "look at the credentials: aws sts get-caller-identity needs no permission"
            }
            Self::Bucket { .. } => {
                "s3_bucket of the settings names a bucket of yours, without versioning, that the \
                 role of arn_credentials may read"
            }
            Self::Redshift(_) => "look at [redshift] in the settings",
            Self::Journal(_) => "the journal lies in the user's state folder (XDG_STATE_HOME)",
        }
    }
}

/// A compose project on this machine.
#[derive(Debug, Clone)]
pub struct Compose {
    /// Where SQS and S3 listen.
    pub aws: SocketAddr,
    /// Where Redshift listens.
    pub redshift: SocketAddr,
    /// AWS region of all resources.
    pub region: String,
    /// Where journals are kept.
    pub journals: PathBuf,
}

impl Default for Compose {
    fn default() -> Self {
        Self {
            aws: SocketAddr::from((Ipv4Addr::LOCALHOST, 4566)),
            redshift: SocketAddr::from((Ipv4Addr::LOCALHOST, 5439)),
            region: REGION.to_owned(),
            journals: journals(),
        }
    }
}

impl Compose {
    /// Attaches to it. Requests pass a proxy of ours, so that plans of faults work.
    ///
    /// # Errors
    /// If it is not up.
    pub async fn start(self) -> Result<Stack, StackError> {
        self.check().await?;
        // What is behind the proxy is the same place from one run to the next.
        let place = Endpoints::local(self.aws, self.redshift, None, self.region.clone());
        place.redshift.connect().await.map_err(AttachError::from)?;
        // An account tells nothing on this machine: every kit and every LocalStack has the same one.
        let here = Place::new(&place, None);
        tell(&sweep(&self.journals, &place, &here).await);
        let run = new_run();
        let journal = Journal::begin(&self.journals, &run, &here).map_err(AttachError::from)?;
        let http = listen(Ipv4Addr::LOCALHOST.into(), 0, "SQS and S3", "--port").await?;
        let endpoints = Endpoints::local(address(&http), self.redshift, None, self.region);
        let proxy = Proxy { faults: Faults::default(), shutdown: CancellationToken::new() };
        let gate = Arc::new(Gate::new(self.aws, &proxy.faults));
        tokio::spawn(serve(http, gate, proxy.shutdown.clone()));
        Ok(Stack {
            endpoints,
            provisioned: None,
            running: Running::Compose(proxy),
            lessor: Lessor::journaled(run, None, journal),
        })
    }

    /// Whether it is up: somebody listens on both ports.
    ///
    /// # Errors
    /// If nobody does.
    pub async fn check(&self) -> Result<(), StackError> {
        for (service, address) in [("SQS and S3", self.aws), ("Redshift", self.redshift)] {
            let answer = tokio::time::timeout(ANSWER_WITHIN, TcpStream::connect(address)).await;
            if !matches!(answer, Ok(Ok(_))) {
                return Err(AttachError::NotUp { service, address }.into());
            }
        }
        Ok(())
    }
}

/// The proxy in front of a compose project's SQS and S3. Dropping it ends it.
pub(crate) struct Proxy {
    pub(crate) faults: Faults,
    shutdown: CancellationToken,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.faults.clear();
        self.shutdown.cancel();
    }
}

/// AWS itself, or what stands in for it at the SDK's endpoint override.
#[derive(Debug, Clone)]
pub struct Aws {
    /// Region, credentials and Redshift.
    pub endpoints: Endpoints,
    /// A bucket that is there. Whatever is put into it lies below the run's prefix.
    pub bucket: String,
    /// Where journals are kept.
    pub journals: PathBuf,
}

impl Aws {
    /// With the journals in the user's state folder.
    pub fn new(endpoints: Endpoints, bucket: String) -> Self {
        Self { endpoints, bucket, journals: journals() }
    }

    /// What a run makes, and where, for the one who pays.
    pub fn announcement(&self) -> String {
        let Endpoints { region, redshift, credentials, .. } = &self.endpoints;
        let at = match self.endpoints.aws_in_words().as_str() {
            "AWS" => "real AWS".to_owned(),
            others => format!("{others}, which is not AWS alone"),
        };
        let lasting = match credentials.session_token {
            Some(_) => ", which is temporary and has to last until all is removed",
            None => "",
        };
        format!(
            "at {at}: for each scenario, and removed after it: two queues blueshift-<run>-… in {region}, \
             objects below s3://{}/blueshift-<run>-…/, one schema blueshift_<run>_… in Redshift \
             {redshift:?}; access key {}{lasting}; journal in {}",
            self.bucket,
            credentials.id,
            self.journals.display()
        )
    }

    /// Removes what killed runs left in this account, and nothing else.
    ///
    /// # Errors
    /// If AWS does not say whose account this is.
    pub async fn sweep(&self) -> Result<Swept, StackError> {
        let place = self.place().await?;
        Ok(sweep(&self.journals, &self.endpoints, &place).await)
    }

    /// What is found under a name depends on the account too, which only AWS knows. What stands in for
    /// it need not: its URL tells it from all others.
    async fn place(&self) -> Result<Place, AttachError> {
        match self.account().await {
            Ok(account) => Ok(Place::new(&self.endpoints, Some(&account))),
            Err(reason) if self.endpoints.is_stand_in() => {
                tracing::info!(reason, "the stand-in names no account");
                Ok(Place::new(&self.endpoints, None))
            }
            Err(reason) => Err(AttachError::Account { reason }),
        }
    }

    /// The account's number; else why it is not known.
    async fn account(&self) -> Result<String, String> {
        let sts = aws_sdk_sts::Client::new(&sdk_config(&self.endpoints).await);
        let answer = sts.get_caller_identity().send().await;
        let answer = answer.map_err(|error| match (error.code(), error.message()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            _ => DisplayErrorContext(error).to_string(),
        })?;
        answer.account().map(str::to_owned).ok_or_else(|| "it names none".to_owned())
    }

    /// Checks that all is there, and removes what killed runs left.
    ///
    /// # Errors
    /// If the bucket or Redshift cannot be used, or the journal cannot be written.
    pub async fn start(self) -> Result<Stack, StackError> {
        self.check_bucket().await?;
        self.endpoints.redshift.connect().await.map_err(AttachError::from)?;
        let here = self.place().await?;
        tell(&sweep(&self.journals, &self.endpoints, &here).await);
        let run = new_run();
        let journal = Journal::begin(&self.journals, &run, &here).map_err(AttachError::from)?;
        Ok(Stack {
            endpoints: self.endpoints,
            provisioned: None,
            running: Running::Aws,
            lessor: Lessor::journaled(run, Some(self.bucket), journal),
        })
    }

    async fn check_bucket(&self) -> Result<(), AttachError> {
        let s3 = s3_client(&self.endpoints).await;
        let unusable = |reason: String| AttachError::Bucket { bucket: self.bucket.clone(), reason };
        s3.head_bucket().bucket(&self.bucket).send().await.map_err(|error| {
            let is_missing = error.as_service_error().is_some_and(|error| error.is_not_found());
            unusable(if is_missing {
                "there is none of that name".to_owned()
            } else {
                DisplayErrorContext(error).to_string()
            })
        })?;
        match s3.get_bucket_versioning().bucket(&self.bucket).send().await {
            // One that keeps none any more (Suspended) still has those of before.
            Ok(answer) if answer.status().is_some() => {
                Err(unusable("it keeps versions, so what is deleted would stay".to_owned()))
            }
            Ok(_) => Ok(()),
            // A stand-in that does not know versions keeps none.
            Err(error) if error.code() == Some("NotImplemented") => Ok(()),
            Err(error) => Err(unusable(DisplayErrorContext(error).to_string())),
        }
    }
}

fn tell(swept: &Swept) {
    for thing in &swept.removed {
        tracing::warn!(thing, "a killed run had left this; it is removed");
    }
    for thing in &swept.left {
        tracing::warn!(thing, "a killed run had left this; it is still there");
    }
}

/// Per user, and not a cache: what is written there is needed.
#[expect(clippy::disallowed_methods, reason = "where state goes, not a setting of ours")]
fn journals() -> PathBuf {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    named("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| named("HOME").map(|home| PathBuf::from(home).join(".local/state")))
        .unwrap_or_else(std::env::temp_dir)
        .join("blueshift/journals")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_stand_in_may_leave_the_account_unnamed() {
        // Nobody answers there, for STS as for all else.
        let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
        let mut endpoints = Endpoints::local(nobody, nobody, None, REGION.to_owned());
        endpoints.services.sts = Some(format!("http://{nobody}"));
        let mut aws = Aws::new(endpoints, "lake".to_owned());
        assert_eq!(aws.place().await.expect("a stand-in"), Place::new(&aws.endpoints, None));
        aws.endpoints.aws = None;
        let error = aws.place().await.expect_err("AWS itself has accounts").to_string();
        assert!(error.starts_with("the AWS account cannot be told: "), "{error}");
    }
}
