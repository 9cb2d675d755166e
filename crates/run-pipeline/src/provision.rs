//! Makes what the pipeline stands on, as far as it is not there yet; on any stack, by the wire.
//!
//! What is there and differs is named and left alone, unless the user wants it updated. Every step
//! is tried, whatever became of the one before.

use std::fmt;
use std::time::Duration;

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use aws_sdk_sqs::types::QueueAttributeName as Name;
use events::Table;
use runtime::failure;
use runtime::redshift::{Session, quote_identifier};
use runtime::settings::{AwsSettings, BucketSettings, QueueSettings, SettingsError};
use serde::Serialize;

use crate::resources::queues::{self, Queue, RETENTION_MIN, VISIBILITY_TIMEOUT_MIN};
use crate::resources::table::{self, StatementError};
use crate::resources::{Refusal, bucket, chain};

/// How long dead letters are kept: the longest that SQS allows (API Reference, "CreateQueue").
const DEAD_LETTERS_KEPT_SECONDS: u64 = 1_209_600;

/// How long messages are kept in a queue that kept them too shortly: SQS's own default.
const KEPT_SECONDS: u64 = 345_600;

/// What a finding is about of which nobody knows the name.
const NO_NAME: &str = "(not known)";

const CORRECT: &str = "correct flag or setting";

/// How often, and after which pause, a queue is looked for that was just made.
const LOOKS_MAX: u32 = 20;
const LOOK_PAUSE: Duration = Duration::from_millis(500);

/// What shall be there, and where; or why nobody knows, which keeps nobody from making the rest.
#[derive(Debug)]
pub struct Wanted {
    /// Where in AWS, and as whom.
    pub aws: AwsSettings,
    /// The queues.
    pub queue: Result<QueueSettings, SettingsError>,
    /// The bucket.
    pub bucket: Result<BucketSettings, SettingsError>,
    /// Table and ledger.
    pub tables: anyhow::Result<Tables>,
}

/// The table and the ledger beside it.
#[derive(Debug)]
pub struct Tables {
    /// Where they are to be.
    pub upload: upload_data::Config,
    /// The text of the CREATE TABLE file.
    pub create_table: String,
}

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Only look.
    Check,
    /// Make what is missing.
    Make,
    /// And change what differs.
    Update,
}

/// What became of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It was there.
    Ok,
    /// It was made.
    Made,
    /// It was changed.
    Updated,
    /// It is not there, and was to be looked at only.
    Missing,
    /// It is there, and different.
    Differs,
    /// It could not be looked at or made.
    Failed,
}

/// One thing and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of thing.
    pub resource: &'static str,
    /// Its name.
    pub name: String,
    /// What became of it.
    pub state: State,
    /// Why, or how it differs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// What the user can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Ok => "ok",
            State::Made => "made",
            State::Updated => "updated",
            State::Missing => "missing",
            State::Differs => "differs",
            State::Failed => "failed",
        };
        write!(formatter, "{state:<8} {} {}", self.resource, self.name)?;
        if !self.details.is_empty() {
            write!(formatter, ": {}", self.details.join("; "))?;
        }
        match &self.hint {
            Some(hint) => write!(formatter, "\n         hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl Finding {
    fn new(resource: &'static str, name: &str, state: State) -> Self {
        Self { resource, name: name.to_owned(), state, details: Vec::new(), hint: None }
    }

    fn failed(resource: &'static str, name: &str, why: impl fmt::Display, hint: &str) -> Self {
        let details = vec![why.to_string()];
        let hint = Some(hint.to_owned());
        Self { details, hint, ..Self::new(resource, name, State::Failed) }
    }
}

/// 0 if all is as wanted, 1 if something is missing or failed, else 4: something differs.
pub fn exit_code(findings: &[Finding]) -> u8 {
    let any = |state| findings.iter().any(|finding| finding.state == state);
    match (any(State::Failed) || any(State::Missing), any(State::Differs)) {
        (true, _) => 1,
        (false, true) => 4,
        (false, false) => 0,
    }
}

/// Looks at everything, and makes or updates what `mode` allows.
pub async fn provision(wanted: &Wanted, mode: Mode) -> Vec<Finding> {
    let mut findings = make_in_aws(wanted, mode).await;
    match &wanted.tables {
        Ok(tables) => findings.extend(make_tables(tables, mode).await),
        Err(error) => {
            let hint = failure::hint(error).unwrap_or(CORRECT);
            let failed = |resource| Finding::failed(resource, NO_NAME, format!("{error:#}"), hint);
            findings.extend(["table", "ledger"].map(failed));
        }
    }
    findings
}

async fn make_in_aws(wanted: &Wanted, mode: Mode) -> Vec<Finding> {
    let sdk = runtime::aws::load(&wanted.aws).await;
    if let Err(error) = runtime::aws::check_account(&sdk).await {
        let failed = |resource| Finding::failed(resource, NO_NAME, chain(&error), error.hint());
        return ["dead-letter queue", "queue", "bucket"].map(failed).to_vec();
    }
    let unset = |resource, error: &SettingsError| {
        Finding::failed(resource, NO_NAME, chain(error), error.hint().unwrap_or(CORRECT))
    };
    let mut findings = Vec::new();
    match &wanted.queue {
        Ok(queue) => {
            let sqs = runtime::aws::sqs(&sdk);
            let (name, dead_name) = (&queue.name, &queue.dead_letter_name);
            let (first, dead) = make_queue(&sqs, "dead-letter queue", dead_name, None, mode).await;
            let (second, _) = make_queue(&sqs, "queue", name, dead.as_ref(), mode).await;
            findings.extend([first, second]);
        }
        Err(error) => findings.extend(["dead-letter queue", "queue"].map(|it| unset(it, error))),
    }
    findings.push(match &wanted.bucket {
        Ok(bucket) => make_bucket(&runtime::aws::s3(&sdk), &bucket.bucket, mode).await,
        Err(error) => unset("bucket", error),
    });
    findings
}

async fn make_queue(
    sqs: &aws_sdk_sqs::Client,
    resource: &'static str,
    name: &str,
    dead_letters: Option<&Queue>,
    mode: Mode,
) -> (Finding, Option<Queue>) {
    let failed = |refusal: Refusal, action: &str| {
        let hint = refusal.hint(action);
        (Finding::failed(resource, name, refusal, &hint), None)
    };
    let is_dead_letter_queue = resource != "queue";
    match Queue::find(sqs, name).await {
        Err(refusal) => failed(refusal, "sqs:GetQueueUrl and sqs:GetQueueAttributes"),
        Ok(None) if mode == Mode::Check => (Finding::new(resource, name, State::Missing), None),
        Ok(None) => {
            let mut create = sqs.create_queue().queue_name(name);
            if is_dead_letter_queue {
                let kept = DEAD_LETTERS_KEPT_SECONDS.to_string();
                create = create.attributes(Name::MessageRetentionPeriod, kept);
            }
            if let Some(dead_letters) = dead_letters {
                create = create.attributes(Name::RedrivePolicy, queues::policy(dead_letters.arn()));
            }
            if let Err(error) = create.send().await {
                return failed(Refusal::of(error), "sqs:CreateQueue");
            }
            let made = once_there(|| Queue::find(sqs, name)).await;
            let finding = Finding::new(resource, name, State::Made);
            match made {
                Err(refusal) => failed(refusal, "sqs:GetQueueUrl and sqs:GetQueueAttributes"),
                Ok(made) if is_dead_letter_queue || dead_letters.is_some() => (finding, Some(made)),
                Ok(made) => {
                    let details = vec!["it has no redrive policy yet".to_owned()];
                    let hint = "cure the dead-letter queue, then run this again";
                    (Finding { details, hint: Some(hint.to_owned()), ..finding }, Some(made))
                }
            }
        }
        Ok(Some(queue)) => {
            match settle_queue(sqs, &queue, is_dead_letter_queue, dead_letters, mode).await {
                Ok((state, details)) => {
                    let is_own = is_dead_letter_queue && queue.has_redrive_policy();
                    let hint = match state {
                        State::Differs if is_own => "remove its redrive policy by hand",
                        State::Differs if !is_dead_letter_queue && dead_letters.is_none() => {
                            "make the dead-letter queue (run-pipeline provision), then --update"
                        }
                        _ => "run-pipeline provision --update changes it",
                    };
                    let hint = (state == State::Differs).then(|| hint.to_owned());
                    let finding = Finding::new(resource, name, state);
                    (Finding { details, hint, ..finding }, Some(queue))
                }
                Err(refusal) => failed(refusal, "sqs:SetQueueAttributes"),
            }
        }
    }
}

/// What becomes of a queue that is there.
async fn settle_queue(
    sqs: &aws_sdk_sqs::Client,
    queue: &Queue,
    is_dead_letter_queue: bool,
    dead_letters: Option<&Queue>,
    mode: Mode,
) -> Result<(State, Vec<String>), Refusal> {
    let mut details = queue.differences(dead_letters);
    if details.is_empty() {
        return Ok((State::Ok, details));
    }
    // What an earlier run could not give it, because there was no dead-letter queue yet, is missing
    // rather than different.
    let lacks_policy = dead_letters.is_some() && !queue.has_redrive_policy();
    let mut set = sqs.set_queue_attributes().queue_url(&queue.url);
    if let Some(dead_letters) = dead_letters
        && (mode == Mode::Update || mode == Mode::Make && lacks_policy)
    {
        set = set.attributes(Name::RedrivePolicy, queues::policy(dead_letters.arn()));
    }
    match mode {
        Mode::Make if lacks_policy => {
            set.send().await.map_err(Refusal::of)?;
            details.retain(|difference| difference != queues::NO_REDRIVE_POLICY);
            if details.is_empty() {
                return Ok((State::Updated, vec!["it had no redrive policy".to_owned()]));
            }
            Ok((State::Differs, details))
        }
        Mode::Check | Mode::Make => Ok((State::Differs, details)),
        Mode::Update => {
            let is_below = |name, least| queue.number(name).is_some_and(|value| value < least);
            if is_below(Name::VisibilityTimeout, VISIBILITY_TIMEOUT_MIN) {
                set = set.attributes(Name::VisibilityTimeout, VISIBILITY_TIMEOUT_MIN.to_string());
            }
            if is_below(Name::MessageRetentionPeriod, RETENTION_MIN) {
                let kept =
                    if is_dead_letter_queue { DEAD_LETTERS_KEPT_SECONDS } else { KEPT_SECONDS };
                set = set.attributes(Name::MessageRetentionPeriod, kept.to_string());
            }
            if set.get_attributes().is_none() {
                return Ok((State::Differs, details));
            }
            set.send().await.map_err(Refusal::of)?;
            Ok((State::Updated, details))
        }
    }
}

/// A queue that was just made, as soon as SQS knows it: that may take a second (API Reference,
/// "CreateQueue").
async fn once_there<F>(find: impl Fn() -> F) -> Result<Queue, Refusal>
where
    F: Future<Output = Result<Option<Queue>, Refusal>>,
{
    for _ in 0..LOOKS_MAX {
        if let Some(queue) = find().await? {
            return Ok(queue);
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    Err(Refusal::Refused("SQS made it, and does not find it yet; run this again".to_owned()))
}

async fn make_bucket(s3: &aws_sdk_s3::Client, name: &str, mode: Mode) -> Finding {
    let failed = |refusal: Refusal, action: &str| {
        let hint = refusal.hint(action);
        Finding::failed("bucket", name, refusal, &hint)
    };
    match bucket::find(s3, name).await {
        Err(refusal @ Refusal::Forbidden(_)) => {
            let hint = "allow s3:ListBucket; if the bucket is somebody else's, name another one: \
                        --s3-bucket NAME";
            Finding::failed("bucket", name, refusal, hint)
        }
        Err(refusal) => failed(refusal, "s3:ListBucket"),
        Ok(bucket::Found::Here) => Finding::new("bucket", name, State::Ok),
        Ok(bucket::Found::Elsewhere(region)) => Finding {
            details: vec![format!("it is in region {region}")],
            hint: Some(format!("ask there: --region {region}, or name another bucket")),
            ..Finding::new("bucket", name, State::Differs)
        },
        Ok(bucket::Found::Missing) if mode == Mode::Check => {
            Finding::new("bucket", name, State::Missing)
        }
        Ok(bucket::Found::Missing) => {
            let mut create = s3.create_bucket().bucket(name);
            // S3 API Reference, "CreateBucket": us-east-1 is the one region not named.
            let region = s3.config().region().map(|region| region.as_ref());
            if let Some(region) = region.filter(|region| *region != "us-east-1") {
                let location = BucketLocationConstraint::from(region);
                let inside = CreateBucketConfiguration::builder().location_constraint(location);
                create = create.create_bucket_configuration(inside.build());
            }
            match create.send().await {
                Ok(_) => Finding::new("bucket", name, State::Made),
                Err(error) => failed(Refusal::of(error), "s3:CreateBucket"),
            }
        }
    }
}

async fn make_tables(wanted: &Tables, mode: Mode) -> [Finding; 2] {
    let statements = &wanted.upload.statements;
    let (table, ledger) = (statements.table(), statements.ledger());
    let session = match runtime::redshift::connect(&wanted.upload.redshift).await {
        Ok(session) => session,
        Err(error) => {
            let failed = |resource, name| {
                let text = chain(&error);
                Finding::failed(resource, name, text, error.hint())
            };
            return [failed("table", &table), failed("ledger", &ledger)];
        }
    };
    let refused = |resource, name: &str| {
        let name = name.to_owned();
        move |error: StatementError| {
            let hint = "look at what Redshift says; does this user own the schema?";
            Finding::failed(resource, &name, error, hint)
        }
    };
    let first = make_table(&session, wanted, mode).await;
    let second = make_ledger(&session, wanted, mode).await;
    [
        first.unwrap_or_else(refused("table", &table)),
        second.unwrap_or_else(refused("ledger", &ledger)),
    ]
}

async fn make_table(
    session: &Session,
    wanted: &Tables,
    mode: Mode,
) -> Result<Finding, StatementError> {
    let statements = &wanted.upload.statements;
    let (target, name) = (statements.target(), statements.table());
    let declared = Table::parse(&wanted.create_table).expect("the upload has read it too");
    let present = table::columns(session, target.schema.as_deref(), &target.table).await?;
    if present.is_empty() {
        if mode == Mode::Check {
            return Ok(Finding::new("table", &name, State::Missing));
        }
        if (&declared.schema, &declared.name) != (&target.schema, &target.table) {
            let why = format!("the CREATE TABLE file declares {}", declared.name);
            let hint = "create the table by hand, or let file and settings name the same one";
            return Ok(Finding::failed("table", &name, why, hint));
        }
        execute(session, "create the table", &wanted.create_table).await?;
        return Ok(Finding::new("table", &name, State::Made));
    }
    let mut differences = table::compare(&declared, &present);
    if differences.named.is_empty() {
        return Ok(Finding::new("table", &name, State::Ok));
    }
    if mode == Mode::Update && differences.addable.len() == differences.named.len() {
        for column in &differences.addable {
            let (added, column_type) = (quote_identifier(&column.name), column.column_type);
            let sql = format!("ALTER TABLE {name} ADD COLUMN {added} {column_type}");
            execute(session, "add a column", &sql).await?;
        }
        let details = std::mem::take(&mut differences.named);
        return Ok(Finding { details, ..Finding::new("table", &name, State::Updated) });
    }
    let hint = if differences.addable.len() == differences.named.len() {
        "run-pipeline provision --update adds the columns"
    } else {
        "change the table by hand (ALTER TABLE), or the CREATE TABLE file: no rows are risked here"
    };
    Ok(Finding {
        details: differences.named,
        hint: Some(hint.to_owned()),
        ..Finding::new("table", &name, State::Differs)
    })
}

async fn make_ledger(
    session: &Session,
    wanted: &Tables,
    mode: Mode,
) -> Result<Finding, StatementError> {
    let statements = &wanted.upload.statements;
    let name = statements.ledger();
    let schema = statements.target().schema.as_deref();
    let present = table::columns(session, schema, upload_data::copy_sql::LEDGER).await?;
    if !present.is_empty() {
        return Ok(Finding::new("ledger", &name, State::Ok));
    }
    if mode == Mode::Check {
        return Ok(Finding::new("ledger", &name, State::Missing));
    }
    execute(session, "create the ledger", &statements.create_ledger()).await?;
    Ok(Finding::new("ledger", &name, State::Made))
}

async fn execute(session: &Session, doing: &'static str, sql: &str) -> Result<(), StatementError> {
    let done = session.client.batch_execute(sql).await;
    done.map_err(|error| StatementError::new(doing, &error))
}

#[cfg(test)]
mod tests;
