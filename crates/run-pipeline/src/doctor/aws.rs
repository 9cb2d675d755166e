//! Credentials, queues, bucket and clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::{ByteStream, DateTime, DateTimeFormat};
use aws_sdk_sqs::config::ProvideCredentials;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use runtime::aws::AccountError;
use runtime::settings::{BucketSettings, QueueSettings, SettingsFile, without_user};
use uuid::Uuid;

use super::report::Report;
use crate::flags::SharedArgs;
use crate::resources::queues::{Queue, RECEIVES_MAX};
use crate::resources::{Refusal, bucket, chain};

/// How long one call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Below this a redrive policy dead-letters good events after an outage or a few restarts.
const RECEIVES_MIN: u64 = 10;

/// How far apart clocks may be before it is said, and before AWS refuses signatures (Signature
/// Version 4: five minutes).
const SKEW_WARN: Duration = Duration::from_secs(60);
const SKEW_MAX: Duration = Duration::from_secs(300);

const PROVISION: &str = "make it: run-pipeline provision";

/// An object that was written to see whether it can be.
pub(super) struct Probe {
    pub(super) s3: aws_sdk_s3::Client,
    pub(super) bucket: String,
    pub(super) key: String,
}

impl Probe {
    /// Deletes it.
    pub(super) async fn remove(self, report: &mut Report) {
        let Self { s3, bucket, key } = self;
        match s3.delete_object().bucket(&bucket).key(&key).send().await {
            Ok(_) => report.ok("bucket", "objects can be deleted"),
            Err(error) => {
                let refusal = Refusal::of(error);
                let hint = refusal.hint("s3:DeleteObject");
                report.fail("bucket", format!("delete s3://{bucket}/{key}: {refusal}"), hint);
            }
        }
    }
}

/// Looks at everything that is AWS's; answers with an empty object for COPY to look at, if one
/// could be written.
pub(super) async fn examine(
    report: &mut Report,
    shared: &SharedArgs,
    file: &SettingsFile,
) -> Option<Probe> {
    let settings = shared.aws.resolve(file);
    let sdk = runtime::aws::load(&settings).await;
    let timeouts = TimeoutConfig::builder().operation_timeout(CALL_TIMEOUT).build();
    let once = RetryConfig::disabled();
    let sdk = sdk.into_builder().timeout_config(timeouts).retry_config(once).build();
    credentials(report, &sdk).await?;
    let missing = |error: &runtime::settings::SettingsError| chain(error);
    let name_it = |_: &runtime::settings::SettingsError| "set it in settings.ini".to_owned();
    let queue = report.accept("settings", shared.queue.resolve(file), missing, name_it);
    if let Some(queue) = queue {
        queues(report, &runtime::aws::sqs(&sdk), &queue).await;
    }
    let bucket = report.accept("settings", shared.bucket.resolve(file), missing, name_it)?;
    examine_bucket(report, &sdk, &bucket).await
}

async fn credentials(report: &mut Report, sdk: &SdkConfig) -> Option<()> {
    match sdk.region() {
        Some(region) => {
            report.ok("aws", format!("region {region}, {}", places(sdk)));
        }
        None => {
            let missing = AccountError::NoRegion;
            report.fail("aws", missing.to_string(), missing.hint());
            return None;
        }
    }
    let found = match sdk.credentials_provider() {
        Some(provider) => {
            let asking = provider.provide_credentials();
            match tokio::time::timeout(CALL_TIMEOUT, asking).await {
                Ok(found) => found.map_err(|error| chain(&error)),
                Err(_) => Err(format!("no answer within {CALL_TIMEOUT:?}")),
            }
        }
        None => Err("there is nobody to ask".to_owned()),
    };
    match found {
        Ok(credentials) => {
            // The first characters tell kinds of keys apart and are no secret.
            let start: String = credentials.access_key_id().chars().take(4).collect();
            report.ok("credentials", format!("access key {start}…"));
            Some(())
        }
        Err(why) => {
            let hint = "set aws_access_key_id and aws_secret_access_key in settings.ini or the \
                        environment, or run `aws configure`";
            report.fail("credentials", why, hint);
            None
        }
    }
}

/// Where the services are asked: each may have an endpoint of its own.
fn places(sdk: &SdkConfig) -> String {
    let [sqs, s3] = ["SQS", "S3"].map(|service| {
        let endpoint = runtime::aws::endpoint_url(sdk, service);
        endpoint.map_or_else(|| "AWS itself".to_owned(), |url| without_user(&url))
    });
    if sqs == s3 { format!("at {sqs}") } else { format!("SQS at {sqs}, S3 at {s3}") }
}

async fn queues(report: &mut Report, sqs: &aws_sdk_sqs::Client, settings: &QueueSettings) {
    let (name, dead_name) = (&settings.name, &settings.dead_letter_name);
    let queue = find(report, sqs, "queue", name).await;
    if let Some(Some(queue)) = &queue {
        let count = |name| queue.number(name).unwrap_or_default();
        let waiting = count(Name::ApproximateNumberOfMessages);
        let in_flight = count(Name::ApproximateNumberOfMessagesNotVisible);
        report.ok("queue", format!("{name}: {waiting} messages wait, {in_flight} are in flight"));
        permissions(report, sqs, &queue.url).await;
    } else if queue.is_some() {
        report.fail("queue", format!("there is no queue {name}"), PROVISION);
    } else {
        return;
    }
    let Some(dead_letters) = find(report, sqs, "dead-letter queue", dead_name).await else {
        return;
    };
    let Some(dead_letters) = dead_letters else {
        let text = format!("there is no queue {dead_name}: malformed events go to the bucket");
        report.warn("dead-letter queue", text, PROVISION);
        let differences = queue.flatten().map(|queue| queue.differences(None)).unwrap_or_default();
        if !differences.is_empty() {
            let hint = "make the dead-letter queue, then: run-pipeline provision --update";
            report.warn("queue", format!("{name}: {}", differences.join("; ")), hint);
        }
        return;
    };
    let waiting = dead_letters.number(Name::ApproximateNumberOfMessages).unwrap_or_default();
    if waiting == 0 {
        report.ok("dead-letter queue", format!("{dead_name} is empty"));
    } else {
        let text = format!("{dead_name}: {waiting} messages wait to be looked at");
        report.warn("dead-letter queue", text, "see them: consume-events dead-letters list");
    }
    // Refused for being empty, if it is allowed.
    let send = sqs.send_message_batch().queue_url(&dead_letters.url).set_entries(Some(Vec::new()));
    permission(report, "dead-letter queue", "sqs:SendMessage", send.send().await);
    if let Some(Some(queue)) = queue {
        redrive(report, name, &queue, &dead_letters);
    }
}

async fn find(
    report: &mut Report,
    sqs: &aws_sdk_sqs::Client,
    check: &'static str,
    name: &str,
) -> Option<Option<Queue>> {
    let found = Queue::find(sqs, name).await;
    report.accept(
        check,
        found,
        |refusal| format!("{name}: {refusal}"),
        |refusal| refusal.hint("sqs:GetQueueUrl and sqs:GetQueueAttributes"),
    )
}

/// Calls that are refused for their arguments once they are allowed; none touches a message.
async fn permissions(report: &mut Report, sqs: &aws_sdk_sqs::Client, url: &str) {
    let receive = sqs.receive_message().queue_url(url).max_number_of_messages(0).send().await;
    permission(report, "queue", "sqs:ReceiveMessage", receive);
    let none = Some(Vec::new());
    let delete = sqs.delete_message_batch().queue_url(url).set_entries(none).send().await;
    permission(report, "queue", "sqs:DeleteMessage", delete);
    let hide = sqs.change_message_visibility_batch().queue_url(url);
    let hide = hide.set_entries(Some(Vec::new())).send().await;
    permission(report, "queue", "sqs:ChangeMessageVisibility", hide);
    let send = sqs.send_message_batch().queue_url(url).set_entries(Some(Vec::new())).send().await;
    permission(report, "queue", "sqs:SendMessage", send);
}

fn permission<T, E>(
    report: &mut Report,
    check: &'static str,
    action: &'static str,
    outcome: Result<T, SdkError<E>>,
) where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match outcome.map_err(Refusal::of) {
        Ok(_) | Err(Refusal::Refused(_)) => report.ok(check, format!("{action} is allowed")),
        Err(refusal) => {
            let hint = refusal.hint(action);
            report.fail(check, format!("{action}: {refusal}"), hint);
        }
    }
}

fn redrive(report: &mut Report, name: &str, queue: &Queue, dead_letters: &Queue) {
    let update = "run-pipeline provision --update changes it";
    let differences = queue.differences(Some(dead_letters));
    let too_few = queue.redrive().is_some_and(|redrive| redrive.receives_max < RECEIVES_MIN);
    if differences.is_empty() {
        let text = format!("{name} gives up a message after {RECEIVES_MAX} receives");
        report.ok("redrive policy", text);
    } else if too_few {
        let text = format!("{}; a few restarts dead-letter good events", differences.join("; "));
        report.warn("redrive policy", text, update);
    } else {
        report.warn("redrive policy", format!("{name}: {}", differences.join("; ")), update);
    }
    let kept = |queue: &Queue| queue.number(Name::MessageRetentionPeriod).unwrap_or_default();
    if kept(dead_letters) < kept(queue) {
        // SQS counts a moved message's age from its first send.
        let text = format!(
            "dead letters are kept {} s, messages {} s: some end before anybody looks",
            kept(dead_letters),
            kept(queue)
        );
        let hint = "raise the dead-letter queue's MessageRetentionPeriod to 1209600";
        report.warn("dead-letter queue", text, hint);
    }
}

async fn examine_bucket(
    report: &mut Report,
    sdk: &SdkConfig,
    settings: &BucketSettings,
) -> Option<Probe> {
    let date = ServerDate::default();
    let config = runtime::aws::s3(sdk).config().to_builder();
    let s3 = aws_sdk_s3::Client::from_conf(config.interceptor(date.clone()).build());
    let name = &settings.bucket;
    let found = bucket::find(&s3, name).await;
    clock(report, &date);
    let found = report.accept(
        "bucket",
        found,
        |refusal| format!("{name}: {refusal}"),
        |refusal| refusal.hint("s3:ListBucket"),
    )?;
    match found {
        bucket::Found::Here => report.ok("bucket", format!("{name} is there")),
        bucket::Found::Missing => {
            report.fail("bucket", format!("there is no bucket {name}"), PROVISION);
            return None;
        }
        bucket::Found::Elsewhere(region) => {
            let asked = sdk.region().map_or("none", |region| region.as_ref());
            let text = format!("{name} is in region {region}, and the settings say {asked}");
            report.fail("bucket", text, format!("set region = {region} in [aws]"));
            return None;
        }
    }
    let listing = s3.list_objects_v2().bucket(name).prefix(&settings.prefix).max_keys(1);
    if let Err(error) = listing.send().await {
        let refusal = Refusal::of(error);
        report.fail("bucket", format!("list {name}: {refusal}"), refusal.hint("s3:ListBucket"));
    } else {
        report.ok("bucket", "objects can be listed");
    }
    let key = format!("{}runs/doctor/{}.json", settings.prefix, Uuid::new_v4());
    let put = s3.put_object().bucket(name).key(&key).body(ByteStream::from_static(b""));
    if let Err(error) = put.send().await {
        let refusal = Refusal::of(error);
        let hint = refusal.hint("s3:PutObject");
        report.fail("bucket", format!("write s3://{name}/{key}: {refusal}"), hint);
        return None;
    }
    report.ok("bucket", "objects can be written");
    if let Err(error) = s3.get_object().bucket(name).key(&key).send().await {
        let refusal = Refusal::of(error);
        let hint = refusal.hint("s3:GetObject");
        report.fail("bucket", format!("read s3://{name}/{key}: {refusal}"), hint);
    } else {
        report.ok("bucket", "objects can be read");
    }
    Some(Probe { s3, bucket: name.clone(), key })
}

/// The header `Date` of the last answer, which is the service's clock.
#[derive(Debug, Clone, Default)]
struct ServerDate(Arc<Mutex<Option<String>>>);

impl Intercept for ServerDate {
    fn name(&self) -> &'static str {
        "ServerDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date").map(str::to_owned);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date;
        Ok(())
    }
}

fn clock(report: &mut Report, date: &ServerDate) {
    let date = date.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Some(date) = date else { return };
    let Ok(there) = DateTime::from_str(&date, DateTimeFormat::HttpDate) else { return };
    let Ok(there) = SystemTime::try_from(there) else { return };
    judge_clock(report, SystemTime::now(), there);
}

fn judge_clock(report: &mut Report, here: SystemTime, there: SystemTime) {
    let (skew, word) = match here.duration_since(there) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    let text = format!("this machine is {} s {word} AWS", skew.as_secs());
    let hint = "set the clock: AWS refuses signatures that are five minutes off (timedatectl)";
    if SKEW_MAX < skew {
        report.fail("clock", text, hint);
    } else if SKEW_WARN < skew {
        report.warn("clock", text, hint);
    } else {
        report.ok("clock", "this machine and AWS agree");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn a_clock_that_aws_would_refuse_fails() {
        let there = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (here, expected) in [
            (there + Duration::from_secs(30), Status::Ok),
            (there - Duration::from_secs(30), Status::Ok),
            (there + Duration::from_secs(90), Status::Warn),
            (there - Duration::from_secs(400), Status::Fail),
        ] {
            let mut report = Report::default();
            judge_clock(&mut report, here, there);
            assert_eq!(report.checks[0].status, expected, "{report}");
        }
    }
}
