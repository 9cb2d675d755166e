//! One record per run of a periodic job: printed at its end and kept where the data is, under
//! `<s3_prefix>runs/<program>/YYYYMMDD/HHMMSS-<run_id>.json`.
//!
//! Does not know what a summary says: it is any JSON object of the program.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::failure;
use crate::settings::{
    AwsArgs, AwsSettings, BucketArgs, BucketSettings, SettingsError, SettingsFile,
};

/// How long storing may take, credentials and retries included: the run itself is over.
const STORE_TIMEOUT: Duration = Duration::from_secs(10);

/// The flag of programs that keep records of their runs.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct RunRecordFlags {
    /// Where the record of each run is kept: in the bucket under runs/, or nowhere [default:
    /// bucket, if there is one].
    #[arg(long, value_name = "WHERE", env = "RUN_RECORDS")]
    pub run_records: Option<Keep>,
}

impl RunRecordFlags {
    /// Where records are kept, if anywhere.
    ///
    /// # Errors
    /// If they are to be kept in a bucket and none is named.
    pub fn resolve(
        &self,
        aws: &AwsArgs,
        bucket: &BucketArgs,
        file: &SettingsFile,
    ) -> Result<Option<Place>, SettingsError> {
        let bucket = match (self.run_records, bucket.resolve(file)) {
            (Some(Keep::Off), _) => return Ok(None),
            (None, Err(SettingsError::Missing { .. })) => return Ok(None),
            (_, bucket) => bucket?,
        };
        Ok(Some(Place { aws: aws.resolve(file), bucket }))
    }
}

/// Where records are kept.
#[derive(Debug, Clone)]
pub struct Place {
    /// Where in AWS, and as whom.
    pub aws: AwsSettings,
    /// Which bucket.
    pub bucket: BucketSettings,
}

/// Where records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Keep {
    /// In the bucket under `runs/`.
    Bucket,
    /// Nowhere.
    Off,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// With exit code 0.
    Succeeded,
    /// It did its work, but a human should look (an exit code of the program's own).
    Incomplete,
    /// With an error.
    Failed,
}

/// A run that has begun.
#[derive(Debug, Clone)]
pub struct Run {
    id: Uuid,
    program: &'static str,
    started_at: Timestamp,
}

/// What is known of a run at its end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunRecord {
    /// Tells the run apart from all others; its logs carry it too.
    #[serde(serialize_with = "as_text")]
    pub run_id: Uuid,
    /// The program's name.
    pub program: &'static str,
    /// In UTC, as RFC 3339 writes it.
    #[serde(serialize_with = "as_text")]
    pub started_at: Timestamp,
    /// In UTC, as RFC 3339 writes it.
    #[serde(serialize_with = "as_text")]
    pub finished_at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// As the process would end with if this were its only run.
    pub exit_code: u8,
    /// What went wrong, with its causes; never holds a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What can be done about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The program's own words, an object; `null` if it failed.
    pub summary: Value,
}

fn as_text<S: serde::Serializer>(
    shown: &impl std::fmt::Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(shown)
}

impl Run {
    /// A run begins.
    pub fn begin(program: &'static str) -> Self {
        Self { id: Uuid::new_v4(), program, started_at: Timestamp::now() }
    }

    /// What tells it apart.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// It did its work; `exit_code` other than 0 says that a human should look.
    pub fn finish(&self, exit_code: u8, summary: &impl Serialize) -> RunRecord {
        let outcome = if exit_code == 0 { Outcome::Succeeded } else { Outcome::Incomplete };
        let summary = serde_json::to_value(summary).expect("summaries are plain objects");
        RunRecord { summary, ..self.record(outcome, exit_code) }
    }

    /// It failed.
    pub fn fail(&self, error: &anyhow::Error) -> RunRecord {
        RunRecord {
            error: Some(format!("{error:#}")),
            hint: failure::hint(error).map(str::to_owned),
            ..self.record(Outcome::Failed, 1)
        }
    }

    fn record(&self, outcome: Outcome, exit_code: u8) -> RunRecord {
        RunRecord {
            run_id: self.id,
            program: self.program,
            started_at: self.started_at,
            finished_at: Timestamp::now(),
            outcome,
            exit_code,
            error: None,
            hint: None,
            summary: Value::Null,
        }
    }
}

impl RunRecord {
    /// The result line as JSON: the summary's own keys, and `run_id`.
    pub fn result_line(&self) -> String {
        let mut line = Map::new();
        line.insert("run_id".to_owned(), self.run_id.to_string().into());
        if let Value::Object(summary) = &self.summary {
            line.extend(summary.clone());
        }
        Value::Object(line).to_string()
    }

    /// Where it is kept.
    pub fn key(&self, prefix: &str) -> String {
        let started_at = self.started_at.to_zoned(TimeZone::UTC);
        let time = started_at.strftime("%Y%m%d/%H%M%S");
        format!("{prefix}runs/{}/{time}-{}.json", self.program, self.run_id)
    }

    /// Keeps it in the bucket. Not being able to is a warning, never the run's failure.
    pub async fn store(&self, Place { aws, bucket }: &Place) {
        let key = self.key(&bucket.prefix);
        let put = async {
            let sdk: SdkConfig = crate::aws::load(aws).await;
            let body = serde_json::to_vec(self).expect("records are plain objects");
            let put = crate::aws::s3(&sdk).put_object().bucket(&bucket.bucket).key(&key);
            put.content_type("application/json").body(ByteStream::from(body)).send().await
        };
        let error = match tokio::time::timeout(STORE_TIMEOUT, put).await {
            Ok(Ok(_)) => {
                tracing::debug!(object_key = key, "run record stored");
                return;
            }
            Ok(Err(error)) => match error.code() {
                Some(code) => format!("{code}: {}", error.message().unwrap_or("no message")),
                // The SDK's own rendering adds the `Debug` forms of all causes.
                None => format!("{:#}", anyhow::Error::from(error)),
            },
            Err(_) => format!("no answer within {STORE_TIMEOUT:?}"),
        };
        let bucket = &bucket.bucket;
        tracing::warn!(bucket, object_key = key, error, "the record of this run is not stored");
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;
    use crate::failure::WithHint;

    #[test]
    fn records_need_no_bucket_unless_asked_for() {
        let file = SettingsFile::default();
        let named = BucketArgs { s3_bucket: Some("lake".to_owned()), ..BucketArgs::default() };
        for (keep, bucket, expected) in [
            (None, BucketArgs::default(), Ok(false)),
            (None, named.clone(), Ok(true)),
            (Some(Keep::Off), named.clone(), Ok(false)),
            (Some(Keep::Bucket), named, Ok(true)),
            (Some(Keep::Bucket), BucketArgs::default(), Err(())),
        ] {
            let flags = RunRecordFlags { run_records: keep };
            let place = flags.resolve(&AwsArgs::default(), &bucket, &file);
            assert_eq!(place.map(|it| it.is_some()).map_err(|_| ()), expected, "{keep:?}");
        }
    }

    fn run() -> Run {
        let started_at = "2026-11-22T08:05:09.25Z".parse().expect("a time");
        Run { id: Uuid::nil(), program: "upload-data", started_at }
    }

    #[derive(Serialize)]
    struct Summary {
        rows_loaded: u64,
    }

    #[test]
    fn a_record_says_what_ran_when_and_how_it_ended() {
        let mut record = run().finish(4, &Summary { rows_loaded: 7 });
        record.finished_at = record.started_at;
        let json = serde_json::to_string(&record).expect("JSON");
        insta::assert_snapshot!(json, @r#"{"run_id":"00000000-0000-0000-0000-000000000000","program":"upload-data","started_at":"2026-11-22T08:05:09.25Z","finished_at":"2026-11-22T08:05:09.25Z","outcome":"incomplete","exit_code":4,"summary":{"rows_loaded":7}}"#);
        let id = "00000000-0000-0000-0000-000000000000";
        let key = format!("p/runs/upload-data/20261122/080509-{id}.json");
        assert_eq!(record.key("p/"), key);
    }

    #[test]
    fn the_result_line_is_the_summary_and_the_run_id() {
        let record = run().finish(0, &Summary { rows_loaded: 7 });
        assert_eq!(record.outcome, Outcome::Succeeded);
        insta::assert_snapshot!(record.result_line(), @r#"{"rows_loaded":7,"run_id":"00000000-0000-0000-0000-000000000000"}"#);
    }

    #[test]
    fn a_failure_is_kept_with_its_causes_and_the_cure() {
        let refused: Result<(), _> = Err(std::io::Error::other("connection refused"));
        let error = refused.context("connect").hint("is it up?").expect_err("an error");
        let record = run().fail(&error);
        assert_eq!((record.outcome, record.exit_code), (Outcome::Failed, 1));
        assert_eq!(record.error.as_deref(), Some("connect: connection refused"));
        assert_eq!(record.hint.as_deref(), Some("is it up?"));
    }
}
