//! Names of one's own on a stack that others use too, and the removal of what was made under them.
//!
//! Every name carries the run's, which nobody else has. Where what was made outlives this process,
//! a [`journal`] says what it is before it is made, so that a later run can remove what a killed one
//! left. Knows no journal's place but the one it is given.

pub(crate) mod journal;
mod remove;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use time::macros::format_description;

use self::journal::{Journal, JournalError, Made};
pub(crate) use self::remove::remove;
use crate::endpoints::Endpoints;
use crate::provision::{ProvisionError, Provisioned, Resources};
use crate::stack::Stack;

/// Something that a lease makes, by the name that is its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Thing {
    /// A queue.
    Queue(String),
    /// A bucket with all that is in it.
    Bucket(String),
    /// All objects below a prefix.
    Objects {
        /// Their bucket, which is not ours.
        bucket: String,
        /// Ends with a slash.
        prefix: String,
    },
    /// A schema with all that is in it.
    Schema(String),
}

impl std::fmt::Display for Thing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Queue(name) => write!(formatter, "queue {name}"),
            Self::Bucket(name) => write!(formatter, "bucket {name}"),
            Self::Objects { bucket, prefix } => write!(formatter, "objects s3://{bucket}/{prefix}"),
            Self::Schema(name) => write!(formatter, "schema {name}"),
        }
    }
}

/// Why something could not be made or removed.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// It could not be written down, so it was not made.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// It could not be made.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// It could not be removed; the journal keeps it for the next attempt.
    #[error("not removed: {}", left.join("; "))]
    Left {
        /// Each thing, and why.
        left: Vec<String>,
    },
}

/// Hands out leases of one run.
#[derive(Debug)]
pub(crate) struct Lessor {
    run: String,
    count: AtomicUsize,
    /// A bucket that is not ours; without one every lease makes its own.
    bucket: Option<String>,
    journal: Option<Arc<Journal>>,
}

impl Lessor {
    /// For a stack that takes all that was made with it when it ends.
    pub(crate) fn of_own_stack() -> Self {
        Self { run: new_run(), count: AtomicUsize::new(0), bucket: None, journal: None }
    }

    /// For a stack that outlives us.
    pub(crate) fn journaled(run: String, bucket: Option<String>, journal: Journal) -> Self {
        Self { run, count: AtomicUsize::new(0), bucket, journal: Some(Arc::new(journal)) }
    }

    pub(crate) fn run(&self) -> &str {
        &self.run
    }

    /// Removes what was leased and is still there, if the stack goes on without us.
    pub(crate) async fn remove_all(&self, endpoints: &Endpoints) {
        let Some(journal) = &self.journal else { return };
        let given_back = match journal.left() {
            Ok(left) => give_back(&left, endpoints, Some(journal)).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = given_back {
            let error = anyhow::Error::from(error);
            tracing::error!(error = format!("{error:#}"), "the next run or a sweep will try again");
        }
    }

    fn resources(&self, purpose: &str, create_table: &Path) -> Resources {
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let queue = format!("{}-{number}-{purpose}", self.run);
        let schema = format!("{}_{number}", self.run.replace('-', "_"));
        let s3_prefix = match &self.bucket {
            Some(_) => format!("{}/{number}-{purpose}/", self.run),
            None => String::new(),
        };
        Resources {
            dead_letter_queue: format!("{queue}-dead-letter"),
            queue,
            bucket: self.bucket.clone().unwrap_or_else(|| format!("{}-{number}", self.run)),
            is_bucket_made: self.bucket.is_none(),
            s3_prefix,
            schema: Some(schema),
            create_table: create_table.to_owned(),
            region: None,
        }
    }
}

/// The name of a run: when it was, and what tells it from all others. Fits into names of queues,
/// buckets and, with underscores, schemas.
pub(crate) fn new_run() -> String {
    let format = format_description!("[year][month][day]-[hour][minute][second]");
    let now = time::OffsetDateTime::now_utc().format(format).expect("a date can be written");
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("blueshift-{now}-{}", &random[..8])
}

/// Queue, dead-letter queue, a place in S3 and a table that nobody else uses.
#[derive(Debug)]
pub struct Lease {
    /// What was made, and under which names.
    pub provisioned: Provisioned,
    things: Vec<Made>,
    endpoints: Endpoints,
    journal: Option<Arc<Journal>>,
}

impl Stack {
    /// Makes queue, dead-letter queue, bucket or prefix, and table for one purpose, a short word with
    /// dashes, under names of their own.
    ///
    /// # Errors
    /// If something cannot be made; what was made by then is removed.
    pub async fn lease(&self, purpose: &str, create_table: &Path) -> Result<Lease, LeaseError> {
        let resources = self.lessor.resources(purpose, create_table);
        let things = resources.things();
        let journal = self.lessor.journal.clone();
        let at = match &journal {
            Some(journal) => journal.making(&things)?,
            None => SystemTime::now(),
        };
        let things: Vec<_> = things.into_iter().map(|thing| Made { thing, at }).collect();
        let made = resources.provision(&self.endpoints).await;
        let endpoints = self.endpoints.clone();
        match made {
            Ok(provisioned) => Ok(Lease { provisioned, things, endpoints, journal }),
            Err(error) => {
                give_back(&things, &endpoints, journal.as_deref()).await?;
                Err(error.into())
            }
        }
    }
}

impl Lease {
    /// Removes what was made, unless the stack takes it all with it.
    ///
    /// # Errors
    /// If something could not be removed; the journal keeps it.
    pub async fn release(self) -> Result<(), LeaseError> {
        give_back(&self.things, &self.endpoints, self.journal.as_deref()).await
    }
}

async fn give_back(
    things: &[Made],
    endpoints: &Endpoints,
    journal: Option<&Journal>,
) -> Result<(), LeaseError> {
    let Some(journal) = journal else { return Ok(()) };
    let mut left = Vec::new();
    for made in things {
        match remove(made, endpoints).await {
            Ok(()) => journal.removed(&made.thing)?,
            Err(reason) => left.push(format!("{}: {reason}", made.thing)),
        }
    }
    if left.is_empty() { Ok(()) } else { Err(LeaseError::Left { left }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_carries_the_runs_and_fits_where_it_is_used() {
        for bucket in [None, Some("lake".to_owned())] {
            let mut lessor = Lessor::of_own_stack();
            lessor.bucket = bucket.clone();
            let resources = lessor.resources("kill-consumer-steps", Path::new("t.sql"));
            assert!(resources.dead_letter_queue.len() <= 80, "{}", resources.dead_letter_queue);
            assert!(resources.bucket.len() <= 63, "{}", resources.bucket);
            let run = lessor.run.clone();
            for thing in resources.things() {
                let text = thing.to_string().replace('_', "-");
                assert!(text.contains(&run), "{text}");
            }
            let objects = resources.things().into_iter().find(
                |thing| matches!(thing, Thing::Objects { prefix, .. } if prefix.starts_with(&run)),
            );
            assert_eq!(objects.is_some(), bucket.is_some());
            let again = lessor.resources("kill-consumer-steps", Path::new("t.sql"));
            assert_ne!(again.queue, resources.queue);
            assert_ne!(again.schema, resources.schema);
        }
    }
}
