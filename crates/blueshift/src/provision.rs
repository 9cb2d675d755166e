//! Makes what a settings file names: queue, dead-letter queue, bucket and table.
//!
//! Over the wire, with the SDK, as a user would; so it works on any stack.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::config::Credentials;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use aws_sdk_sqs::types::QueueAttributeName;
use aws_types::origin::Origin;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use ini::{Ini, ParseOption};

use crate::endpoints::{AwsCredentials, Endpoints};
use crate::lease::Thing;

/// A message goes to the dead-letter queue after this many receives. High, because an outage or
/// a few restarts of a consumer must not dead-letter good events.
const RECEIVES_MAX: u32 = 100;

/// How long a connection, one attempt, and a call with its retries may take: more than the longest
/// poll (20 s), and never for ever, because a clean-up waits for it.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ATTEMPT_WITHIN: Duration = Duration::from_secs(60);
const ANSWER_WITHIN: Duration = Duration::from_secs(120);

/// What the table of a lease is called in its schema, as in `create_table.sql`.
const LEASED_TABLE: &str = "events";

/// What shall be there.
#[derive(Debug, Clone)]
pub struct Resources {
    /// The queue of events.
    pub queue: String,
    /// The queue for events the table cannot take.
    pub dead_letter_queue: String,
    /// The bucket.
    pub bucket: String,
    /// Whether the bucket is made, or there already.
    pub is_bucket_made: bool,
    /// Put before every key; empty, or ends with a slash.
    pub s3_prefix: String,
    /// A schema that is made for the table; `None` leaves it where the session does.
    pub schema: Option<String>,
    /// The file with the CREATE TABLE statement.
    pub create_table: PathBuf,
    /// AWS region, if the settings name one.
    pub region: Option<String>,
}

/// What has been made, as the environment variables that name it.
#[derive(Debug, Clone)]
pub struct Provisioned {
    /// The queue's URL.
    pub queue_url: String,
    /// The dead-letter queue's URL.
    pub dead_letter_queue_url: String,
    /// The names asked for.
    pub resources: Resources,
}

/// Why something could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// A file cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The settings file is not an INI file.
    #[error("settings file {}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        problem: String,
    },
    /// The settings file lacks a name.
    #[error("settings file {}, section [{section}]: no value for {key}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The section.
        section: &'static str,
        /// The key.
        key: &'static str,
    },
    /// AWS refused to make it.
    #[error("{what} {name} cannot be made: {reason}")]
    Refused {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
        /// The service's words.
        reason: String,
    },
}

impl Resources {
    /// Reads the names from a settings file. The programs check the file as a whole; here only
    /// what is to be made counts.
    pub fn from_settings(path: &Path) -> Result<Self, ProvisionError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ProvisionError::Unreadable { path: path.to_owned(), source })?;
        let option =
            ParseOption { enabled_quote: false, enabled_escape: false, ..ParseOption::default() };
        let text = text.trim_start_matches('\u{feff}');
        let ini = Ini::load_from_str_opt(text, option).map_err(|error| {
            ProvisionError::Malformed { path: path.to_owned(), problem: error.to_string() }
        })?;
        let value = |section: &'static str, key: &'static str| {
            let properties = ini.section(Some(section))?;
            let (_, value) = properties.iter().find(|(name, _)| name.eq_ignore_ascii_case(key))?;
            Some(value.trim().replace("%%", "%")).filter(|value| !value.is_empty())
        };
        let require = |section, key| {
            value(section, key).ok_or(ProvisionError::Missing {
                path: path.to_owned(),
                section,
                key,
            })
        };
        let queue = require("aws", "sqs_name")?;
        Ok(Self {
            dead_letter_queue: value("aws", "sqs_dead_letter_name")
                .unwrap_or_else(|| format!("{queue}-dead-letter")),
            queue,
            bucket: require("aws", "s3_bucket")?,
            is_bucket_made: true,
            s3_prefix: String::new(),
            schema: None,
            // One that the file names lies beside the file, as for the programs.
            create_table: match value("redshift", "create_table") {
                Some(named) => path.parent().unwrap_or(Path::new("")).join(named),
                None => PathBuf::from("create_table.sql"),
            },
            region: value("aws", "region"),
        })
    }

    /// What [`Resources::provision`] makes.
    pub(crate) fn things(&self) -> Vec<Thing> {
        let mut things =
            vec![Thing::Queue(self.queue.clone()), Thing::Queue(self.dead_letter_queue.clone())];
        let bucket = self.bucket.clone();
        things.push(if self.is_bucket_made {
            Thing::Bucket(bucket)
        } else {
            Thing::Objects { bucket, prefix: self.s3_prefix.clone() }
        });
        things.extend(self.schema.clone().map(Thing::Schema));
        things
    }

    /// Makes everything on the stack at `endpoints`.
    pub async fn provision(self, endpoints: &Endpoints) -> Result<Provisioned, ProvisionError> {
        let config = sdk_config(endpoints).await;
        let sqs = aws_sdk_sqs::Client::new(&config);
        let dead_letter_queue_url = make_queue(&sqs, &self.dead_letter_queue, None).await?;
        let target = queue_arn(&sqs, &self.dead_letter_queue, &dead_letter_queue_url).await?;
        let queue_url = make_queue(&sqs, &self.queue, Some(&target)).await?;
        if self.is_bucket_made {
            make_bucket(&config, &self.bucket, &endpoints.region).await?;
        }
        make_table(endpoints, &self.create_table, self.schema.as_deref()).await?;
        Ok(Provisioned { queue_url, dead_letter_queue_url, resources: self })
    }
}

impl Provisioned {
    /// The variables the programs read these names from, and the queues' URLs.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let mut block = vec![
            ("AWS_SQS_NAME", self.resources.queue.clone()),
            ("AWS_SQS_URL", self.queue_url.clone()),
            ("AWS_SQS_DEAD_LETTER_NAME", self.resources.dead_letter_queue.clone()),
            ("AWS_SQS_DEAD_LETTER_URL", self.dead_letter_queue_url.clone()),
            ("AWS_S3_BUCKET", self.resources.bucket.clone()),
        ];
        if !self.resources.s3_prefix.is_empty() {
            block.push(("AWS_S3_PREFIX", self.resources.s3_prefix.clone()));
        }
        if let Some(schema) = &self.resources.schema {
            block.push(("REDSHIFT_TABLE", format!("{schema}.{LEASED_TABLE}")));
        }
        block
    }
}

/// An SDK configuration that points at a stack and reads nothing of the user's own.
pub async fn sdk_config(endpoints: &Endpoints) -> SdkConfig {
    let AwsCredentials { id, secret, session_token } = endpoints.credentials.clone();
    let credentials = Credentials::new(id, secret, session_token, None, "blueshift");
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_WITHIN)
        .operation_attempt_timeout(ATTEMPT_WITHIN)
        .operation_timeout(ANSWER_WITHIN)
        .build();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .region(Region::new(endpoints.region.clone()))
        .credentials_provider(credentials)
        .load()
        .await;
    let mut config = config.into_builder();
    config.set_endpoint_url(endpoints.aws.clone());
    config.insert_origin("endpoint_url", Origin::unknown());
    let urls =
        [("SQS", endpoints.sqs_url()), ("S3", endpoints.s3_url()), ("STS", endpoints.sts_url())];
    let urls = urls.map(|(service, url)| (service, url.map(str::to_owned)));
    config.service_config(OwnUrls { urls }).build()
}

/// What clients ask for the endpoint of their service, in place of the environment and the profile.
#[derive(Debug)]
struct OwnUrls {
    urls: [(&'static str, Option<String>); 3],
}

impl LoadServiceConfig for OwnUrls {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let own = self.urls.iter().find(|(service, _)| *service == key.service_id());
        own.filter(|_| key.env() == "AWS_ENDPOINT_URL").and_then(|(_, url)| url.clone())
    }
}

async fn make_queue(
    sqs: &aws_sdk_sqs::Client,
    name: &str,
    dead_letter_target: Option<&str>,
) -> Result<String, ProvisionError> {
    let policy = dead_letter_target.map(|arn| {
        serde_json::json!({ "deadLetterTargetArn": arn, "maxReceiveCount": RECEIVES_MAX })
            .to_string()
    });
    let mut request = sqs.create_queue().queue_name(name);
    if let Some(policy) = policy {
        request = request.attributes(QueueAttributeName::RedrivePolicy, policy);
    }
    let created = request.send().await.map_err(refused("queue", name))?;
    Ok(created.queue_url.unwrap_or_default())
}

async fn queue_arn(
    sqs: &aws_sdk_sqs::Client,
    name: &str,
    url: &str,
) -> Result<String, ProvisionError> {
    let attributes = sqs
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(QueueAttributeName::QueueArn)
        .send()
        .await
        .map_err(refused("queue", name))?
        .attributes
        .unwrap_or_default();
    Ok(attributes.get(&QueueAttributeName::QueueArn).cloned().unwrap_or_default())
}

/// A client of the stack's S3. By path where the endpoint is no name of AWS's.
pub(crate) async fn s3_client(endpoints: &Endpoints) -> aws_sdk_s3::Client {
    let by_path = endpoints.s3_url().is_some();
    let config = sdk_config(endpoints).await;
    let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(by_path).build();
    aws_sdk_s3::Client::from_conf(config)
}

async fn make_bucket(config: &SdkConfig, bucket: &str, region: &str) -> Result<(), ProvisionError> {
    let config = aws_sdk_s3::config::Builder::from(config).force_path_style(true).build();
    let mut request = aws_sdk_s3::Client::from_conf(config).create_bucket().bucket(bucket);
    if region != "us-east-1" {
        request = request.create_bucket_configuration(
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(region))
                .build(),
        );
    }
    request.send().await.map_err(refused("bucket", bucket))?;
    Ok(())
}

/// How long the statements of a table may take.
const MADE_WITHIN: std::time::Duration = std::time::Duration::from_secs(90);

async fn make_table(
    endpoints: &Endpoints,
    file: &Path,
    schema: Option<&str>,
) -> Result<(), ProvisionError> {
    let mut statement = std::fs::read_to_string(file)
        .map_err(|source| ProvisionError::Unreadable { path: file.to_owned(), source })?;
    if let Some(schema) = schema {
        // Our own names are letters, digits and underscores.
        let into = format!("CREATE SCHEMA \"{schema}\"; SET search_path TO \"{schema}\";");
        statement.insert_str(0, &into);
    }
    let refused = |reason: String| ProvisionError::Refused {
        what: "the table of",
        name: file.display().to_string(),
        reason,
    };
    let client = endpoints.redshift.connect().await.map_err(|error| {
        let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
        refused(format!("{error}{}", source.unwrap_or_default()))
    })?;
    let applied = tokio::time::timeout(MADE_WITHIN, client.batch_execute(&statement)).await;
    let late = |_| refused(format!("no answer within {} s", MADE_WITHIN.as_secs()));
    applied.map_err(late)?.map_err(|error| {
        refused(error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string))
    })
}

fn refused<E>(what: &'static str, name: &str) -> impl FnOnce(SdkError<E>) -> ProvisionError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let name = name.to_owned();
    move |error| {
        // The service's own words if it answered, else why it did not.
        let reason = match (error.code(), error.message()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            _ => DisplayErrorContext(error).to_string(),
        };
        ProvisionError::Refused { what, name, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_service_is_reached_where_it_listens() {
        let server = async || {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("bound");
            (listener, address)
        };
        let [(of_all, all), (of_s3, s3)] = [server().await, server().await];
        let mut endpoints = Endpoints::local(all, all, None, "us-east-1".to_owned());
        endpoints.services.s3 = Some(format!("http://{s3}"));
        let config = sdk_config(&endpoints).await;
        let sqs = aws_sdk_sqs::Client::new(&config);
        let s3 = s3_client(&endpoints).await;
        tokio::select! {
            accepted = of_all.accept() => drop(accepted.expect("SQS")),
            _ = sqs.list_queues().send() => panic!("nobody answers"),
        }
        tokio::select! {
            accepted = of_s3.accept() => drop(accepted.expect("S3")),
            _ = s3.list_buckets().send() => panic!("nobody answers"),
        }
    }

    #[test]
    fn the_names_come_from_the_settings_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("settings.ini");
        let text = "\u{feff}[aws]\nSQS_NAME = q\ns3_bucket=b\nregion=\n[redshift]\npassword=a%%b\n";
        std::fs::write(&path, text).expect("written");
        let resources = Resources::from_settings(&path).expect("complete");
        assert_eq!(resources.queue, "q");
        assert_eq!(resources.dead_letter_queue, "q-dead-letter");
        assert_eq!(resources.create_table, Path::new("create_table.sql"));
        assert_eq!(resources.region, None);
        let text = "[aws]\nsqs_name=q\ns3_bucket=b\n[redshift]\ncreate_table=sql/t.sql\n";
        std::fs::write(&path, text).expect("written");
        let resources = Resources::from_settings(&path).expect("complete");
        assert_eq!(resources.create_table, folder.path().join("sql/t.sql"));
        std::fs::write(&path, "[aws]\nsqs_name = q\n").expect("written");
        let error = Resources::from_settings(&path).expect_err("no bucket").to_string();
        assert!(error.ends_with("section [aws]: no value for s3_bucket"), "{error}");
    }
}
