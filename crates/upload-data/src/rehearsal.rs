//! Whether a load would be let do what it does: its own statements, with nothing to load, in
//! transactions that are rolled back.
//!
//! COPY is not among them: that is between the cluster and S3.

use std::time::Duration;

use runtime::redshift::ConnectError;
use runtime::settings::RedshiftSettings;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::bounded::{Bound, Bounded};
use crate::copy_sql::{BEGIN, ROLLBACK, Statements};
use crate::error::{LoadError, QUERY_CANCELED, UNDEFINED_SCHEMA, UNDEFINED_TABLE};
use crate::load::run;
use crate::store::StoredObject;
use crate::warehouse::{Redshift, Session, Warehouse};
use crate::window::Part;

/// How long another load may hold the ledger before nothing can be said.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// How long all of it may take, the wait for the ledger included.
const TIME_MAX: Duration = Duration::from_secs(60);

/// The longest key in S3, in bytes (S3 User Guide, "Naming Amazon S3 objects").
const KEY_BYTES_MAX: usize = 1024;

/// What a load would meet.
#[derive(Debug)]
pub struct Rehearsal {
    /// With the ledger.
    pub ledger: Result<Ledger, LoadError>,
    /// With the table.
    pub table: Result<(), LoadError>,
}

/// A ledger that a load can work with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ledger {
    /// It is there, and can be locked, read and written.
    Ready,
    /// It is not there, and can be made.
    ToBeMade,
}

/// Tries everything that a load does in Redshift but COPY, and leaves nothing behind.
///
/// # Errors
/// If there is no connection. What Redshift refuses, or does not answer within a minute, stands in
/// the answer.
pub async fn rehearse(
    redshift: &RedshiftSettings,
    statements: &Statements,
) -> Result<Rehearsal, ConnectError> {
    rehearse_in(&Redshift(redshift), statements).await
}

async fn rehearse_in(
    warehouse: &impl Warehouse,
    statements: &Statements,
) -> Result<Rehearsal, ConnectError> {
    let bound = Bound::from_now(TIME_MAX);
    let mut session = Bounded { warehouse, bound: &bound }.connect().await?;
    let ledger = try_ledger(&mut session, statements).await;
    let table = match run(&mut session, "begin", BEGIN).await {
        Ok(_) => try_table(&mut session, statements).await,
        Err(error) => Err(error),
    };
    // The end of the session does as much.
    let _ = session.run(ROLLBACK).await;
    Ok(Rehearsal { ledger, table })
}

async fn try_ledger(
    session: &mut impl Session,
    statements: &Statements,
) -> Result<Ledger, LoadError> {
    let bound = statements.bound_lock_wait(LOCK_WAIT);
    run(session, "bound the wait for the ledger", &bound).await?;
    run(session, "begin", BEGIN).await?;
    let found = match session.run(&statements.lock()).await {
        Ok(_) => Ok(Ledger::Ready),
        Err(error) if error.is(UNDEFINED_TABLE) || error.is(UNDEFINED_SCHEMA) => {
            let _ = session.run(ROLLBACK).await;
            run(session, "begin", BEGIN).await?;
            let made = session.run(&statements.create_ledger()).await;
            let ledger = statements.ledger();
            made.map(|_| Ledger::ToBeMade).map_err(|source| LoadError::NoLedger { ledger, source })
        }
        Err(error) if error.is(QUERY_CANCELED) => {
            Err(LoadError::Locked { ledger: statements.ledger(), waited: LOCK_WAIT })
        }
        Err(source) => Err(LoadError::Statement { step: "lock the ledger", source }),
    };
    let tried = match found {
        Ok(found) => write_ledger(session, statements).await.map(|()| found),
        Err(error) => Err(error),
    };
    let _ = session.run(ROLLBACK).await;
    tried
}

/// With values of the greatest length, so that a table of another shape does not pass.
async fn write_ledger(
    session: &mut impl Session,
    statements: &Statements,
) -> Result<(), LoadError> {
    let object = StoredObject {
        key: "k".repeat(KEY_BYTES_MAX),
        etag: "e".repeat(64),
        bytes: u64::try_from(i64::MAX).expect("it is positive"),
        stored_at: None,
    };
    run(session, "read the ledger", &statements.read_ledger([&object])).await?;
    let record = statements.record([&object], Uuid::nil(), OffsetDateTime::UNIX_EPOCH);
    run(session, "write the ledger", &record).await?;
    Ok(())
}

async fn try_table(session: &mut impl Session, statements: &Statements) -> Result<(), LoadError> {
    match session.run(&statements.create_staging()).await {
        Ok(_) => {}
        Err(error) if error.is(UNDEFINED_TABLE) || error.is(UNDEFINED_SCHEMA) => {
            return Err(LoadError::NoTable { table: statements.table() });
        }
        Err(source) => {
            return Err(LoadError::Statement { step: "create the staging table", source });
        }
    }
    run(session, "insert new rows", &statements.insert_new(&[Part::Everything])).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::fakes::{FakeWarehouse, Fault, World};
    use crate::load::tests::{config, count};

    #[tokio::test(start_paused = true)]
    async fn a_redshift_that_never_answers_is_not_waited_for_for_ever() {
        for call in ["SET statement_timeout", "LOCK", "insert ledger", "CREATE TEMP TABLE"] {
            let lasting_fault = Some((call, Fault::Mute));
            let ledger = Some(Vec::new());
            let world = RefCell::new(World { lasting_fault, ledger, ..World::default() });
            let started = tokio::time::Instant::now();
            let warehouse = FakeWarehouse::new(&world);
            let tried = rehearse_in(&warehouse, &config().statements).await.expect("a session");
            assert_eq!(started.elapsed(), TIME_MAX, "{call}");
            let error = tried.table.expect_err("unanswered").to_string();
            assert_eq!(tried.ledger.is_ok(), call == "CREATE TEMP TABLE", "{call}: {error}");
            assert_eq!(count(&world.borrow(), "cancel"), 1, "{call}");
        }
    }
}
