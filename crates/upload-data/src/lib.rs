//! Loads the objects that `consume-events` stored into Redshift, each event exactly once.
//!
//! Invariants:
//! - An object is archived or deleted only when the ledger, a table in Redshift beside the target,
//!   says that it was loaded; and the ledger says so in the same transaction that adds its rows.
//! - An object that COPY cannot read moves to `rejected/` with the reasons, and nothing of it is in
//!   the table. One with bad rows is loaded without them; what was left out lies under `rejected/`
//!   before the ledger says that the object was loaded.
//! - The table gets one row per id, however often an event was stored, as far as [`window`] looks.
//! - Nothing is remembered between runs but in Redshift and S3: a run may be killed anywhere, and
//!   the next one completes it. Runs may overlap; the lock on the ledger orders them.
//!
//! Deliberately unknown here: SQS, what an event means, and how the objects came to S3.

pub mod archive;
mod bounded;
pub mod config;
pub mod copy_sql;
pub mod error;
mod figures;
mod ledger;
mod load;
pub mod manifest;
mod patience;
mod pending;
mod plan;
mod refusal;
pub mod rehearsal;
mod reject;
mod staging;
mod store;
mod summary;
mod sweep;
mod tally;
mod warehouse;
pub mod window;

#[cfg(test)]
mod fakes;

use std::time::Instant;

use anyhow::Context;
use runtime::failure::WithHint;
use runtime::periodic::Done;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub use config::{Args, Config};
pub use figures::Figures;
pub use pending::{LoadLimits, events_prefix};
pub use plan::Plan;
pub use store::StoredObject;
pub use summary::{Stopped, Summary};

use archive::{AfterLoad, PutAway, Unmoved};
use bounded::{Bound, Bounded};
use error::{LoadError, StoreError};
use load::Loader;
use pending::Pending;
use reject::Rejects;
use store::{Bucket, ObjectStore};
use tally::Tally;
use warehouse::{Redshift, Warehouse};

/// Loads everything that waits, then ends. `shutdown` is heeded between two loads, while Redshift
/// is logged in to, and while another run holds the ledger. After it, Redshift has `stop_grace` to
/// finish the load in hand, and S3 a few seconds for each answer; then nothing is begun any more.
///
/// # Errors
/// Whatever stands in [`error`], with a hint where we know the cure. What was committed before the
/// error stays loaded; the next run goes on from there.
pub async fn run(config: &Config, shutdown: &CancellationToken) -> anyhow::Result<Summary> {
    upload(config, shutdown, &Tally::default()).await
}

/// Everything that could be loaded is, but something was rejected or cannot be moved: a human should
/// look. 2 is clap's, for wrong flags.
const LOOK: u8 = 4;

/// [`run`] as a periodic job: counted in `figures`, with the program's exit code.
///
/// # Errors
/// As [`run`].
pub async fn run_counted(
    config: &Config,
    shutdown: &CancellationToken,
    figures: &Figures,
) -> anyhow::Result<Done<Summary>> {
    let tally = Tally::default();
    let outcome = upload(config, shutdown, &tally).await;
    figures.add_counts(&tally.counts());
    let summary = outcome?;
    figures.add(&summary);
    let exit_code = if summary.rejected + summary.stuck == 0 { 0 } else { LOOK };
    Ok(Done { summary, exit_code })
}

/// What the next load would do. Reads the bucket and the ledger, changes nothing.
///
/// # Errors
/// If the bucket or the ledger cannot be read.
pub async fn dry_run(config: &Config) -> anyhow::Result<Plan> {
    let bucket = bucket(config, &CancellationToken::new()).await?;
    plan::plan(config, &Redshift(&config.redshift), &bucket).await
}

async fn bucket(config: &Config, shutdown: &CancellationToken) -> anyhow::Result<Bucket> {
    let sdk = runtime::aws::load(&config.aws).await;
    let found = runtime::aws::check_account(&sdk).await;
    hinted(found, |error| Some(error.hint()))?;
    let (client, name) = (runtime::aws::s3(&sdk), config.bucket.bucket.clone());
    Ok(Bucket::new(client, name, shutdown.clone(), config.stop_grace))
}

async fn upload(
    config: &Config,
    shutdown: &CancellationToken,
    tally: &Tally,
) -> anyhow::Result<Summary> {
    let (warehouse, store) = (Redshift(&config.redshift), bucket(config, shutdown).await?);
    upload_between(config, &warehouse, &store, shutdown, tally).await
}

async fn upload_between(
    config: &Config,
    warehouse: &impl Warehouse,
    store: &impl ObjectStore,
    shutdown: &CancellationToken,
    tally: &Tally,
) -> anyhow::Result<Summary> {
    let (started, started_at) = (Instant::now(), OffsetDateTime::now_utc());
    let prefix = config.bucket.prefix.as_str();
    let statements = &config.statements;
    let lock_wait = config.lock_wait;
    let bound = Bound::after_stop(shutdown, config.stop_grace);
    let warehouse = &Bounded { warehouse, bound: &bound };
    let loader = Loader { warehouse, store, statements, prefix, lock_wait, shutdown, tally };
    let mut pending = Pending::new(store, prefix);
    let mut summary = Summary::default();
    let mut rejects = Rejects::new(config.rejects_max);
    let mut unmoved = Unmoved::default();
    loop {
        if shutdown.is_cancelled() {
            let is_left = !pending.is_at_end();
            summary.stopped = is_left.then_some(Stopped::BetweenLoads).or(summary.stopped);
            break;
        }
        let listing = shutdown.run_until_cancelled(Box::pin(pending.next(config.limits)));
        let Some(listed) = listing.await else { continue };
        let mut candidates = hinted(listed, StoreError::hint)?;
        if candidates.is_empty() {
            break;
        }
        // Objects that stay where they are say nothing about how far the table is behind.
        let oldest_at = pending.oldest_at().filter(|_| config.after_load != AfterLoad::Keep);
        let oldest_age = oldest_at.map(|at| (started_at - at).try_into().unwrap_or_default());
        tally.listed(pending.listed_count(), oldest_age);
        let candidate_count = candidates.len();
        // From here to the end of the loop only the way to the ledger may be cancelled.
        let outcome = Box::pin(rejects.load_good(&loader, &mut candidates, &mut summary)).await;
        // What is loaded is put away whatever became of the rest.
        let put_away = put_away(config, store, &candidates, &mut summary).await;
        let is_stopped = matches!(outcome, Err(LoadError::Stopped));
        if !is_stopped {
            hinted(outcome, LoadError::hint)?;
        }
        unmoved.add(put_away?);
        if is_stopped {
            summary.stopped = Some(Stopped::WaitingForTheLedger);
            break;
        }
        tally.settled(candidate_count);
    }
    if summary.stopped.is_none() {
        hinted(rejects.settle(&loader, &mut summary).await, LoadError::hint)?;
    }
    unmoved.add(rejects.take_unmoved());
    // After a stop nobody knows what S3 would have said of the others.
    let unmoved = if summary.stopped.is_none() { unmoved } else { Unmoved::default() };
    hinted(unmoved.check(summary.archived + summary.deleted), StoreError::hint)
        .context("move objects out of events/, none of which S3 lets go")?;
    if 0 < pending.ignored_count() {
        let prefix = events_prefix(prefix);
        let object_count = pending.ignored_count();
        warn!(
            object_count,
            prefix, "objects ignored that are neither .json, .json.gz nor .json.zst"
        );
    }
    summary.manifests_swept =
        sweep::sweep(store, prefix, OffsetDateTime::now_utc(), shutdown).await;
    summary.count(tally.counts(), started.elapsed());
    Ok(summary)
}

/// Moves what the ledger knows out of `events/`, as the settings say.
async fn put_away(
    config: &Config,
    store: &impl ObjectStore,
    loaded: &[StoredObject],
    summary: &mut Summary,
) -> anyhow::Result<Unmoved> {
    let PutAway { moved, unmoved, left } =
        archive::put_away(store, &config.bucket.prefix, loaded, config.after_load)
            .await
            .context("put loaded objects away")
            .hint("the rows are safe in the table; the next run puts these objects away")?;
    match config.after_load {
        AfterLoad::Archive => summary.archived += moved,
        AfterLoad::Delete => summary.deleted += moved,
        AfterLoad::Keep => {}
    }
    summary.stuck += unmoved.count;
    if 0 < left {
        info!(object_count = left, "loaded objects left for the next run to put away");
        summary.stopped = Some(Stopped::PuttingAway);
    }
    if 0 < moved {
        info!(object_count = moved, after_load = ?config.after_load, "objects put away");
    }
    Ok(unmoved)
}

/// Adds the hint that the error itself knows.
fn hinted<T, E>(outcome: Result<T, E>, hint: fn(&E) -> Option<&'static str>) -> anyhow::Result<T>
where
    E: std::error::Error + Send + Sync + 'static,
{
    match outcome {
        Ok(value) => Ok(value),
        Err(error) => match hint(&error) {
            Some(hint) => Err(error).hint(hint),
            None => Err(error.into()),
        },
    }
}
