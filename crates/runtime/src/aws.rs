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

/// There is nobody to be towards AWS.
#[derive(Debug, thiserror::Error)]
#[error("find AWS credentials")]
pub struct NoCredentials(#[source] aws_sdk_sqs::error::BoxError);

impl NoCredentials {
    /// What the user can do.
    pub fn hint(&self) -> &'static str {
        "set aws_access_key_id and aws_secret_access_key in settings.ini or the environment, or \
         run `aws configure`"
    }
}

/// Finds credentials now, so that a call does not fail for want of them in the SDK's words.
pub async fn find_credentials(config: &SdkConfig) -> Result<(), NoCredentials> {
    let Some(provider) = config.credentials_provider() else { return Ok(()) };
    match provider.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(error) => Err(NoCredentials(error.into())),
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
