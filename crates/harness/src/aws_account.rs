//! Real AWS, as the programs would find it: the same settings file, environment and credential
//! chain.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use aws_sdk_sqs::config::ProvideCredentials;
use blueshift::{Aws, AwsCredentials, Endpoints, RedshiftEndpoint, ServiceUrls, Stack, Swept};
use clap::Parser;
use runtime::settings::{
    AwsArgs, BucketArgs, CopyArgs, RedshiftArgs, RedshiftSettings, SettingsArgs, SslMode,
};

use crate::ground::{Ground, said};

/// The groups of settings that say where things are; clap reads their variables.
#[derive(Debug, Parser)]
struct Settings {
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    aws: AwsArgs,
    #[command(flatten)]
    bucket: BucketArgs,
    #[command(flatten)]
    redshift: RedshiftArgs,
    #[command(flatten)]
    copy: CopyArgs,
}

/// An account, a bucket in it and a Redshift.
#[derive(Debug)]
pub struct AwsAccount {
    aws: Aws,
    settings: PathBuf,
    environment: Vec<(String, String)>,
}

/// Finds the account; touches nothing in it. Without a file, that of BLUESHIFT_SETTINGS is read, else
/// `settings.ini` of the working directory.
pub async fn aws(file: Option<&Path>) -> anyhow::Result<AwsAccount> {
    let mut args = Settings::try_parse_from(["e2e"]).context("read the environment")?;
    let named = file.or(args.settings.settings.as_deref());
    let path = named.unwrap_or(Path::new("settings.ini"));
    let settings = path.canonicalize();
    let settings = settings.with_context(|| format!("find the settings {}", path.display()))?;
    args.settings.settings = Some(settings.clone());
    let file = args.settings.load()?;
    let bucket = args.bucket.resolve(&file)?;
    let redshift = args.redshift.resolve(&file)?;
    let config = runtime::aws::load(&args.aws.resolve(&file)).await;
    let region = config.region().context("no AWS region is set")?.to_string();
    let provider = config.credentials_provider().context("no AWS credentials are set")?;
    let found = provider.provide_credentials().await.context("find AWS credentials")?;
    ensure!(!redshift.host.is_empty(), "the settings name no Redshift");
    let own_url = |service: &str| {
        let url = runtime::aws::endpoint_url(&config, service);
        url.filter(|url| Some(url.as_str()) != config.endpoint_url())
    };
    let endpoints = Endpoints {
        aws: config.endpoint_url().map(str::to_owned),
        services: ServiceUrls { sqs: own_url("SQS"), s3: own_url("S3"), sts: own_url("STS") },
        credentials: AwsCredentials {
            id: found.access_key_id().to_owned(),
            secret: found.secret_access_key().to_owned(),
            session_token: found.session_token().map(str::to_owned),
        },
        region,
        redshift: endpoint(&redshift),
    };
    // What the environment said must hold for the programs too, which get a new one.
    let sslmode = match redshift.sslmode {
        SslMode::Disable => "disable",
        SslMode::VerifyFull => "verify-full",
    };
    let environment = [
        ("REDSHIFT_SSLMODE", sslmode.to_owned()),
        ("REDSHIFT_ARN_CREDENTIALS", args.copy.resolve(&file)),
    ];
    let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value));
    let aws = Stack::aws(endpoints, bucket.bucket);
    Ok(AwsAccount { aws, settings, environment: environment.collect() })
}

fn endpoint(settings: &RedshiftSettings) -> RedshiftEndpoint {
    RedshiftEndpoint {
        host: settings.host.clone(),
        port: settings.port,
        user: settings.user.clone(),
        password: settings.password.reveal().to_owned(),
        database: settings.database.clone(),
        ca_bundle: None,
        verified: settings.sslmode == SslMode::VerifyFull,
    }
}

impl AwsAccount {
    /// What a run makes there.
    pub fn announcement(&self) -> String {
        self.aws.announcement()
    }

    /// Removes what killed runs left there.
    pub async fn sweep(&self) -> anyhow::Result<Swept> {
        said(self.aws.sweep().await)
    }

    /// Checks that all is there.
    pub async fn start(self) -> anyhow::Result<Ground> {
        let stack = Box::new(said(self.aws.start().await)?);
        Ok(Ground::Shared { stack, settings: self.settings, environment: self.environment })
    }
}
