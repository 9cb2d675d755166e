//! Looks into a stack after a run: table, queues and bucket, over the wire as anybody would.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use aws_sdk_sqs::types::QueueAttributeName;
use blueshift::provision::{Provisioned, sdk_config};
use blueshift::{Endpoints, RedshiftEndpoint};
use flate2::read::MultiGzDecoder;
use serde_json::Value;
use tokio_postgres::SimpleQueryMessage;

use crate::content::Row;
use crate::ledger::{Arrived, DeadLetter};

/// How long a condition may take to come true.
const CONDITION_WITHIN: Duration = Duration::from_secs(60);
/// How often a condition is asked.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// Clients for one stack and the names of what was made on it.
#[derive(Debug)]
pub struct Probe {
    sqs: aws_sdk_sqs::Client,
    s3: aws_sdk_s3::Client,
    redshift: RedshiftEndpoint,
    provisioned: Provisioned,
}

/// What the queue says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueDepth {
    /// Messages a receive would find.
    pub visible: u64,
    /// Messages somebody has received and not deleted.
    pub in_flight: u64,
}

impl Probe {
    /// Clients for the stack at `endpoints`.
    pub async fn new(endpoints: &Endpoints, provisioned: Provisioned) -> Self {
        let config = sdk_config(endpoints).await;
        let by_path = endpoints.s3_url().is_some();
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(by_path).build();
        Self {
            sqs: aws_sdk_sqs::Client::new(&config),
            s3: aws_sdk_s3::Client::from_conf(s3),
            redshift: endpoints.redshift.clone(),
            provisioned,
        }
    }

    /// Everything that is anywhere. Receives (and so hides) the dead letters: call it last.
    pub async fn collect(&self) -> anyhow::Result<Arrived> {
        let depth = self.queue_depth().await?;
        Ok(Arrived {
            rows: self.rows_per_id().await?,
            dead_letters: self.dead_letters().await?,
            messages_left: depth.visible + depth.in_flight,
            objects_left: self.objects("events/").await?,
        })
    }

    /// Waits until `condition` holds; asks every 20 ms, gives up after a minute.
    pub async fn wait_until<F>(&self, what: &str, mut condition: F) -> anyhow::Result<()>
    where
        F: AsyncFnMut(&Self) -> anyhow::Result<bool>,
    {
        let deadline = Instant::now() + CONDITION_WITHIN;
        while !condition(self).await? {
            if deadline <= Instant::now() {
                bail!("waited {CONDITION_WITHIN:?} in vain until {what}");
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        Ok(())
    }

    /// The name of the queue of events.
    pub fn queue_name(&self) -> &str {
        &self.provisioned.resources.queue
    }

    /// How many messages the queue of events holds.
    pub async fn queue_depth(&self) -> anyhow::Result<QueueDepth> {
        let attributes = self
            .sqs
            .get_queue_attributes()
            .queue_url(&self.provisioned.queue_url)
            .attribute_names(QueueAttributeName::All)
            .send()
            .await
            .context("ask for the queue's attributes")?
            .attributes
            .unwrap_or_default();
        let number = |name: QueueAttributeName| {
            attributes
                .get(&name)
                .and_then(|value| value.parse().ok())
                .with_context(|| format!("the queue does not tell {name}"))
        };
        Ok(QueueDepth {
            visible: number(QueueAttributeName::ApproximateNumberOfMessages)?,
            in_flight: number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)?,
        })
    }

    /// Keys below `prefix`, with what stands before every key of this scenario.
    pub async fn objects(&self, prefix: &str) -> anyhow::Result<Vec<String>> {
        let mut pages = self
            .s3
            .list_objects_v2()
            .bucket(&self.provisioned.resources.bucket)
            .prefix(format!("{}{prefix}", self.provisioned.resources.s3_prefix))
            .into_paginator()
            .send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.context("list the bucket")?;
            keys.extend(page.contents().iter().filter_map(|object| object.key.clone()));
        }
        Ok(keys)
    }

    /// How many uploads in parts below `prefix` were begun, and neither completed nor aborted.
    pub async fn unfinished_uploads(&self, prefix: &str) -> anyhow::Result<usize> {
        let Provisioned { resources, .. } = &self.provisioned;
        let list = self.s3.list_multipart_uploads().bucket(&resources.bucket);
        let listed = list.prefix(format!("{}{prefix}", resources.s3_prefix)).send().await;
        Ok(listed.context("list the uploads in parts")?.uploads().len())
    }

    /// Puts an object into the bucket.
    pub async fn put_object(&self, key: &str, bytes: Vec<u8>) -> anyhow::Result<()> {
        let bucket = &self.provisioned.resources.bucket;
        let put = self.s3.put_object().bucket(bucket).key(key).body(bytes.into());
        put.send().await.with_context(|| format!("put {key}"))?;
        Ok(())
    }

    /// The bytes of an object.
    pub async fn get_object(&self, key: &str) -> anyhow::Result<Vec<u8>> {
        let bucket = &self.provisioned.resources.bucket;
        let object = self.s3.get_object().bucket(bucket).key(key).send().await;
        let object = object.with_context(|| format!("get {key}"))?;
        let bytes = object.body.collect().await.with_context(|| format!("read {key}"))?;
        Ok(bytes.into_bytes().into())
    }

    /// Where Redshift listens.
    pub async fn redshift_address(&self) -> anyhow::Result<SocketAddr> {
        let RedshiftEndpoint { host, port, .. } = &self.redshift;
        let mut found = tokio::net::lookup_host((host.as_str(), *port)).await?;
        found.next().with_context(|| format!("find the address of {host}"))
    }

    /// The rows of a query, every value as text.
    pub async fn query(&self, sql: &str) -> anyhow::Result<Vec<Vec<Option<String>>>> {
        let client = self.redshift.connect().await?;
        let answer = client.simple_query(sql).await.with_context(|| format!("run {sql}"));
        let rows = answer?.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|index| row.get(index).map(str::to_owned)).collect())
            }
            _ => None,
        });
        Ok(rows.collect())
    }

    /// How many rows the table has.
    pub async fn row_count(&self) -> anyhow::Result<u64> {
        let rows = self.query(&format!("SELECT COUNT(*) FROM {}", self.table())).await?;
        let count = rows.first().and_then(|row| row.first()?.as_deref()?.parse().ok());
        count.with_context(|| format!("{rows:?} is no count"))
    }

    /// Every row of the table, with its id.
    pub async fn rows(&self) -> anyhow::Result<Vec<(String, Row)>> {
        let columns = self
            .query(&format!(
                "SELECT column_name FROM information_schema.columns \
                 WHERE table_name = 'events' AND table_schema = {} ORDER BY ordinal_position",
                match &self.provisioned.resources.schema {
                    Some(schema) => format!("'{schema}'"),
                    None => "current_schema()".to_owned(),
                }
            ))
            .await?;
        let names: Vec<String> = columns.into_iter().flatten().flatten().collect();
        let rows = self.query(&format!("SELECT * FROM {}", self.table())).await?;
        let named = rows.into_iter().map(|row| {
            let row: Row = names.iter().cloned().zip(row).collect();
            let id = row.get("id").cloned().flatten().context("a row has no id")?;
            Ok((id, row))
        });
        named.collect()
    }

    /// Every event in the gzip NDJSON objects below `prefix`, in the order of keys and lines.
    pub async fn stored_events(&self, prefix: &str) -> anyhow::Result<Vec<Value>> {
        let mut events = Vec::new();
        for key in self.objects(prefix).await? {
            let bytes = self.get_object(&key).await?;
            let mut text = String::new();
            MultiGzDecoder::new(bytes.as_slice())
                .read_to_string(&mut text)
                .with_context(|| format!("inflate {key}"))?;
            for line in text.lines() {
                events.push(serde_json::from_str(line).with_context(|| format!("{key}: {line}"))?);
            }
        }
        Ok(events)
    }

    /// The table's name in SQL, with its schema if that is the scenario's own.
    pub fn table(&self) -> String {
        match &self.provisioned.resources.schema {
            Some(schema) => format!("\"{schema}\".events"),
            None => "events".to_owned(),
        }
    }

    async fn rows_per_id(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        let count = format!("SELECT id, COUNT(*) FROM {} GROUP BY id", self.table());
        let rows = self.query(&count).await?;
        rows.into_iter()
            .map(|row| match row.as_slice() {
                [Some(id), Some(count)] => Ok((id.clone(), count.parse().context("a count")?)),
                other => bail!("the table has a row without an id: {other:?}"),
            })
            .collect()
    }

    async fn dead_letters(&self) -> anyhow::Result<Vec<DeadLetter>> {
        let mut letters = Vec::new();
        loop {
            let received = self
                .sqs
                .receive_message()
                .queue_url(&self.provisioned.dead_letter_queue_url)
                .max_number_of_messages(10)
                .visibility_timeout(300)
                .message_attribute_names("All")
                .send()
                .await
                .context("receive dead letters")?
                .messages
                .unwrap_or_default();
            if received.is_empty() {
                break;
            }
            for message in received {
                let attributes = message.message_attributes.unwrap_or_default();
                let text = |name: &str| {
                    let value = attributes.get(name).and_then(|value| value.string_value.clone());
                    value.unwrap_or_default()
                };
                letters.push(DeadLetter {
                    original_message_id: text("OriginalMessageId"),
                    code: text("ErrorCode"),
                    reason: text("ErrorMessage"),
                });
            }
        }
        // What no dead-letter queue took.
        for rejected in self.stored_events("rejected/messages/").await? {
            let text = |name: &str| rejected[name].as_str().unwrap_or_default().to_owned();
            letters.push(DeadLetter {
                original_message_id: text("original_message_id"),
                code: text("error_code"),
                reason: text("error_message"),
            });
        }
        Ok(letters)
    }
}
