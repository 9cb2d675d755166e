//! Names of one's own on a stack that others use too, and the removal of what was made under them.
//!
//! Every name carries the run's, which nobody else has. Where what was made outlives this process,
//! a [`journal`] says what it is before it is made, so that a later run can remove what a killed one
//! left. Knows no journal's place but the one it is given.

pub(crate) mod journal;
mod programs;
mod remove;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use time::macros::format_description;

use self::journal::{Journal, JournalError, Made};
pub use self::programs::Programs;
use self::programs::{Program, end};
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
    /// Not all could be made, and what was made by then could not be removed; the journal keeps it
    /// for the next attempt.
    #[error("not all is made, and of what is made this is not removed: {}", left.join("; "))]
    Abandoned {
        /// Each thing, and why.
        left: Vec<String>,
        /// Why not all could be made.
        #[source]
        cause: ProvisionError,
    },
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
        let left = match journal.read() {
            Ok(read) => give_back(&read.things, &read.programs, endpoints, Some(journal)).await,
            Err(error) => vec![in_words(error)],
        };
        if !left.is_empty() {
            let error = LeaseError::Left { left };
            tracing::error!(%error, "the next run or a sweep will try again");
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
    programs: Programs,
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
            Ok(provisioned) => {
                let programs = Programs { journal, ..Programs::default() };
                Ok(Lease { provisioned, things, endpoints, programs })
            }
            Err(cause) => {
                let left = give_back(&things, &[], &endpoints, journal.as_deref()).await;
                Err(if left.is_empty() {
                    cause.into()
                } else {
                    LeaseError::Abandoned { left, cause }
                })
            }
        }
    }
}

impl Lease {
    /// Where to write down each program that works on it: it is ended before anything is removed,
    /// here, or by a sweep if this process is killed.
    pub fn programs(&self) -> Programs {
        self.programs.clone()
    }

    /// Ends its programs and removes what was made, unless the stack takes it all with it.
    ///
    /// # Errors
    /// If something could not be removed; the journal keeps it.
    pub async fn release(self) -> Result<(), LeaseError> {
        let Self { things, endpoints, programs, .. } = self;
        let (started, journal) = (programs.all(), programs.journal.as_deref());
        let left = give_back(&things, &started, &endpoints, journal).await;
        if left.is_empty() { Ok(()) } else { Err(LeaseError::Left { left }) }
    }
}

/// Ends the programs and removes the things: what is left, and why.
async fn give_back(
    things: &[Made],
    programs: &[Program],
    endpoints: &Endpoints,
    journal: Option<&Journal>,
) -> Vec<String> {
    let Some(journal) = journal else { return Vec::new() };
    if let Err(left) = end(programs).await {
        // It would write again what is removed.
        return left;
    }
    let mut left = Vec::new();
    for made in things {
        let removed = remove(made, endpoints).await;
        let noted = removed.and_then(|()| journal.removed(&made.thing).map_err(in_words));
        left.extend(noted.err().map(|reason| format!("{}: {reason}", made.thing)));
    }
    left
}

fn in_words(error: JournalError) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::journal::Place;
    use super::*;
    use crate::stack::Running;

    #[tokio::test]
    async fn what_cannot_be_made_nor_removed_is_said_with_both_reasons() {
        let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
        let endpoints = Endpoints::local(nobody, nobody, None, "us-east-1".to_owned());
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::new(&endpoints, None);
        let journal = Journal::begin(folder.path(), "run", &place).expect("begun");
        let lessor = Lessor::journaled("run".to_owned(), Some("lake".to_owned()), journal);
        let stack = Stack { endpoints, provisioned: None, lessor, running: Running::Aws };
        let error = stack.lease("x", Path::new("t.sql")).await.expect_err("nobody answers");
        let said = format!("{:#}", anyhow::Error::from(error));
        for expected in ["not removed: queue run-1-x: ", "; schema run_1: ", "cannot be made: "] {
            assert!(said.contains(expected), "{expected}: {said}");
        }
    }

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
