//! AWS clients. Endpoints come from the SDK's own `AWS_ENDPOINT_URL*`, so moving between laptop,
//! CI and AWS changes no code path.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::{Credentials, ProvideCredentials};
use aws_types::service_config::ServiceConfigKey;

use crate::settings::AwsSettings;

/// How long AWS may take to answer one attempt of a call, its body included; then the SDK tries
/// again. Longer than the longest poll of SQS (20 s). Whoever copies gigabytes sets another one.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// What to look at when AWS does not answer, on a laptop as in production.
pub const UNREACHABLE_HINT: &str = "is the endpoint right, and is it up? look at region, network \
     and AWS_ENDPOINT_URL, which is unset for AWS itself; a local stack starts with: blueshift up";

/// Why no call to AWS can be made.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Neither settings nor the SDK's chain name a region, which every signature has in it.
    #[error("no AWS region is set")]
    NoRegion,
    /// There is nobody to be towards AWS.
    #[error("find AWS credentials")]
    NoCredentials(#[source] aws_sdk_sqs::error::BoxError),
}

impl AccountError {
    /// What the user can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoRegion => "set region in [aws] of the settings, AWS_REGION, or --region",
            Self::NoCredentials(_) => {
                "set aws_access_key_id and aws_secret_access_key in settings.ini or the \
                 environment, or run `aws configure`"
            }
        }
    }
}

/// Looks for region and credentials now, so that a call does not fail for want of them in the SDK's
/// words.
///
/// # Errors
/// If one of them is missing.
pub async fn check_account(config: &SdkConfig) -> Result<(), AccountError> {
    if config.region().is_none() {
        return Err(AccountError::NoRegion);
    }
    let Some(provider) = config.credentials_provider() else { return Ok(()) };
    match provider.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(error) => Err(AccountError::NoCredentials(error.into())),
    }
}

/// Resolves region and credentials: those of the settings, else the SDK's default chain. No attempt
/// takes longer than [`ATTEMPT_TIMEOUT`]: the SDK itself would wait for ever for a service that
/// accepts a call and does not answer.
pub async fn load(settings: &AwsSettings) -> SdkConfig {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts);
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some((id, secret)) = &settings.credentials {
        loader = loader.credentials_provider(Credentials::new(
            id.clone(),
            secret.reveal(),
            None,
            None,
            "settings.ini",
        ));
    }
    loader.load().await
}

/// A client for SQS.
pub fn sqs(config: &SdkConfig) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(config)
}

/// Where a service listens, such as `S3`, if not at AWS's own address: its own `AWS_ENDPOINT_URL_S3`,
/// or that of all services, from the environment or the profile.
pub fn endpoint_url(config: &SdkConfig, service_id: &str) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id(service_id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .expect("all three are given");
    let own = config.service_config().and_then(|services| services.load_config(key));
    own.or_else(|| config.endpoint_url().map(str::to_owned))
}

/// A client for S3. With an endpoint of its own it addresses buckets by path, because host names
/// such as `bucket.127.0.0.1` do not exist.
pub fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    let by_path = endpoint_url(config, "S3").is_some();
    let config = aws_sdk_s3::config::Builder::from(config).force_path_style(by_path).build();
    aws_sdk_s3::Client::from_conf(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_account_without_a_region_is_named_with_the_cure() {
        let builder = || SdkConfig::builder().behavior_version(BehaviorVersion::latest());
        let error = check_account(&builder().build()).await.expect_err("no region");
        assert_eq!(error.to_string(), "no AWS region is set");
        assert!(error.hint().contains("AWS_REGION"), "{}", error.hint());
        let complete = builder().region(Region::new("eu-central-1")).build();
        check_account(&complete).await.expect("nobody asks for credentials");
    }
}
