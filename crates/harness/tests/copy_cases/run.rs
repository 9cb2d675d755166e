//! Runs a case in a schema and a bucket of its own, and says what is otherwise than expected.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use aws_sdk_s3::primitives::ByteStream;
use blueshift::Endpoints;
use blueshift::provision::sdk_config;
use tokio_postgres::{AsyncMessage, Client, NoTls, SimpleQueryMessage};

use crate::case::{Action, Case, Expectation, Step};

/// What stands in a case for its bucket.
const BUCKET: &str = "$BUCKET";

/// How a COPY is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Simple,
    Extended,
}

/// Runs cases on one stack.
pub(crate) struct Runner {
    s3: aws_sdk_s3::Client,
    url: String,
}

/// A session of a case.
struct Session {
    client: Client,
    notices: Arc<Mutex<Vec<String>>>,
    protocol: Protocol,
    bucket: String,
}

impl Runner {
    pub(crate) async fn new(endpoints: &Endpoints) -> Runner {
        let config = sdk_config(endpoints).await;
        let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
        Runner { s3: aws_sdk_s3::Client::from_conf(config), url: endpoints.redshift_url() }
    }

    /// Every difference, each with the place in the case.
    pub(crate) async fn run(&self, case: &Case, protocol: Protocol) -> Vec<String> {
        let session = self.session(case, protocol).await;
        let mut differences = Vec::new();
        for step in &case.steps {
            if let Err(difference) = self.step(&session, step).await {
                let place = format!("fixtures/copy/{}:{}", case.name, step.line);
                differences.push(format!("{place} ({protocol:?}): {difference}"));
                // What follows would only repeat it.
                break;
            }
        }
        differences
    }

    async fn session(&self, case: &Case, protocol: Protocol) -> Session {
        let name = case.name.trim_end_matches(".case").replace(['/', '_'], "-");
        let bucket = format!("{name}-{protocol:?}").to_lowercase();
        self.s3.create_bucket().bucket(&bucket).send().await.expect("a bucket of its own");
        let (client, mut connection) =
            tokio_postgres::connect(&self.url, NoTls).await.expect("it connects");
        let notices = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&notices);
        tokio::spawn(async move {
            while let Some(Ok(message)) =
                std::future::poll_fn(|context| connection.poll_message(context)).await
            {
                if let AsyncMessage::Notice(notice) = message {
                    let text = format!("{}: {}", notice.severity(), notice.message());
                    heard.lock().expect("nobody panics with it").push(text);
                }
            }
        });
        let schema = bucket.replace('-', "_");
        let setup = format!("CREATE SCHEMA {schema}; SET search_path TO {schema}");
        client.batch_execute(&setup).await.expect("a schema of its own");
        Session { client, notices, protocol, bucket }
    }

    async fn step(&self, session: &Session, step: &Step) -> Result<(), String> {
        match &step.action {
            Action::Object { key, content } => {
                let content = replace_in_text(content, &session.bucket);
                let put = self.s3.put_object().bucket(&session.bucket).key(key);
                let put = put.body(ByteStream::from(content)).send().await;
                put.map(drop).map_err(|error| format!("object {key} was not stored: {error:?}"))
            }
            Action::Setup(sql) => {
                let outcome = session.client.batch_execute(&session.named(sql)).await;
                session.check_outcome(sql, outcome, &step.expected)
            }
            Action::Copy(sql) => session.copy(sql, &step.expected).await,
            Action::Query(sql) => session.query(sql, &step.expected).await,
        }
    }
}

impl Session {
    fn named(&self, text: &str) -> String {
        text.replace(BUCKET, &self.bucket)
    }

    async fn copy(&self, sql: &str, expected: &[Expectation]) -> Result<(), String> {
        self.notices.lock().expect("nobody panics with it").clear();
        let outcome = match self.protocol {
            Protocol::Simple => self.client.batch_execute(&self.named(sql)).await,
            Protocol::Extended => self.client.execute(&self.named(sql), &[]).await.map(drop),
        };
        let heard = std::mem::take(&mut *self.notices.lock().expect("nobody panics with it"));
        self.check_outcome(sql, outcome, expected)?;
        for expectation in expected {
            match expectation {
                Expectation::Notices(lines) => compare("notices", &self.all(lines), &heard)?,
                Expectation::LoadErrors { columns, rows } => {
                    let query = format!(
                        "SELECT {columns} FROM stl_load_errors WHERE query = pg_last_copy_id() \
                         ORDER BY filename, line_number, colname"
                    );
                    let found = self.rows(&query).await?;
                    compare("stl_load_errors", &self.all(rows), &found)?;
                }
                Expectation::Error(_) => {}
                Expectation::Rows(_) => return Err("a COPY has no rows".to_owned()),
            }
        }
        Ok(())
    }

    async fn query(&self, sql: &str, expected: &[Expectation]) -> Result<(), String> {
        for expectation in expected {
            match expectation {
                Expectation::Rows(rows) => {
                    let found = self.rows(&self.named(sql)).await?;
                    compare("rows", &self.all(rows), &found)?;
                }
                _ => return Err("a query has rows, nothing else".to_owned()),
            }
        }
        Ok(())
    }

    fn all(&self, lines: &[String]) -> Vec<String> {
        lines.iter().map(|line| self.named(line)).collect()
    }

    fn check_outcome(
        &self,
        sql: &str,
        outcome: Result<(), tokio_postgres::Error>,
        expected: &[Expectation],
    ) -> Result<(), String> {
        let wanted = expected.iter().find_map(|expectation| match expectation {
            Expectation::Error(lines) => Some(self.all(lines)),
            _ => None,
        });
        match (outcome, wanted) {
            (Ok(()), None) => Ok(()),
            (Ok(()), Some(lines)) => Err(format!("it succeeded instead of: {}", lines.join(" "))),
            (Err(error), None) => Err(format!("{}\nin: {sql}", said(&error))),
            (Err(error), Some(lines)) => check_error(&error, &lines),
        }
    }

    /// The rows as the cases write them: `|` between fields, `\N` for NULL, no blanks at the end
    /// of a field (CHAR pads), `\n`, `\t`, `\\` and `\|` for what would not show.
    async fn rows(&self, sql: &str) -> Result<Vec<String>, String> {
        let answer = self.client.simple_query(sql).await;
        let answer = answer.map_err(|error| format!("{}\nin: {sql}", said(&error)))?;
        let mut rows = Vec::new();
        for message in &answer {
            let SimpleQueryMessage::Row(row) = message else { continue };
            let fields = (0..row.len()).map(|index| row.get(index).map_or("\\N".into(), shown));
            rows.push(fields.collect::<Vec<String>>().join("|"));
        }
        Ok(rows)
    }
}

fn shown(field: &str) -> String {
    let mut text = String::new();
    for character in field.trim_end_matches(' ').chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '|' => text.push_str("\\|"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            other => text.push(other),
        }
    }
    text
}

fn check_error(error: &tokio_postgres::Error, lines: &[String]) -> Result<(), String> {
    let found = said(error);
    let [first, detail @ ..] = lines else { return Ok(()) };
    let fits = match first.strip_suffix('…') {
        Some(beginning) => found.starts_with(beginning),
        None => found == *first,
    };
    if !fits {
        return Err(format!("another error\n  expected: {first}\n  found:    {found}"));
    }
    let text = error.as_db_error().and_then(|error| error.detail()).unwrap_or_default();
    match detail.iter().find(|part| !text.contains(part.as_str())) {
        Some(missing) => Err(format!("DETAIL lacks {missing:?}: {text}")),
        None => Ok(()),
    }
}

/// SQLSTATE and message.
fn said(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(
        || format!("the connection: {error}"),
        |error| format!("{} {}", error.code().code(), error.message()),
    )
}

fn compare(what: &str, expected: &[String], found: &[String]) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    let mut text = format!("other {what}");
    for line in expected.iter().filter(|line| !found.contains(line)) {
        write!(text, "\n  missing:    {line}").expect("a string takes everything");
    }
    for line in found.iter().filter(|line| !expected.contains(line)) {
        write!(text, "\n  unexpected: {line}").expect("a string takes everything");
    }
    if text.lines().count() == 1 {
        write!(text, " in order or number; found:\n  {}", found.join("\n  "))
            .expect("a string takes everything");
    }
    Err(text)
}

/// A manifest names the bucket; what is no text has nothing to replace.
fn replace_in_text(content: &[u8], bucket: &str) -> Vec<u8> {
    match std::str::from_utf8(content) {
        Ok(text) => text.replace(BUCKET, bucket).into_bytes(),
        Err(_) => content.to_vec(),
    }
}
