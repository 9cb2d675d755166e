//! Whether a load would be let do what it does: its own statements, with nothing to load, in
//! transactions that are rolled back.
//!
//! COPY is not among them: that is between the cluster and S3. What a load asks after a COPY is.

use std::time::Duration;

use runtime::redshift::ConnectError;
use runtime::settings::RedshiftSettings;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::bounded::{Bound, BoundedSession};
use crate::copy_sql::{BEGIN, LAST_COPY, ROLLBACK, SESSION_ID, Statements};
use crate::error::{LoadError, QUERY_CANCELED, UNDEFINED_SCHEMA, UNDEFINED_TABLE};
use crate::load::run;
use crate::store::StoredObject;
use crate::warehouse::{Redshift, Session, Warehouse};
use crate::window::Part;

/// How long another load may hold the ledger before nothing can be said.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// How long all of it may take, the wait for the ledger included. The login has a time of its own.
const TIME_MAX: Duration = Duration::from_secs(60);

/// How long every other statement may take: other sessions may hold the table, and a busy cluster
/// lets statements wait their turn.
const STATEMENT_TIME_MAX: Duration = Duration::from_secs(30);

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

/// Tries everything that a load does in Redshift but COPY, and leaves nothing behind. The join is
/// with one day of the table, if a load's is with a part of it.
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
    let session = warehouse.connect().await?;
    let bound = Bound::from_now(TIME_MAX);
    let mut session = BoundedSession::new(session, &bound);
    let ledger = try_ledger(&mut session, statements).await;
    let table = try_table(&mut session, statements).await;
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
    let bound = statements.bound_lock_wait(STATEMENT_TIME_MAX);
    run(session, "bound the wait for the ledger", &bound).await?;
    run(session, "read the ledger", &statements.read_ledger([&object])).await?;
    let record = statements.record([&object], Uuid::nil(), OffsetDateTime::UNIX_EPOCH);
    run(session, "write the ledger", &record).await?;
    Ok(())
}

async fn try_table(session: &mut impl Session, statements: &Statements) -> Result<(), LoadError> {
    // Before the transaction, whose end would bring back the bound before it.
    let bound = statements.bound_lock_wait(STATEMENT_TIME_MAX);
    run(session, "bound the wait for the table", &bound).await?;
    run(session, "begin", BEGIN).await?;
    match session.run(&statements.create_staging()).await {
        Ok(_) => {}
        Err(error) if error.is(UNDEFINED_TABLE) || error.is(UNDEFINED_SCHEMA) => {
            return Err(LoadError::NoTable { table: statements.table() });
        }
        Err(source) => {
            return Err(LoadError::Statement { step: "create the staging table", source });
        }
    }
    run(session, "read the number of the last COPY", LAST_COPY).await?;
    let step = "read stl_load_errors";
    let session_id = run(session, step, SESSION_ID).await?.count(0);
    let session_id = session_id.map_err(|source| LoadError::Statement { step, source })?;
    run(session, step, &statements.load_errors(session_id, None)).await?;
    run(session, "count the staged rows", &statements.count_staged()).await?;
    let part = match statements.window() {
        None => Part::Everything,
        Some(window) => {
            let days = statements.staged_days(window);
            run(session, "read the times of the staged rows", &days).await?;
            let day = |day: OffsetDateTime| Some(day.date().to_string());
            let now = OffsetDateTime::now_utc();
            Part::Days { since: day(now), before: day(now + time::Duration::DAY) }
        }
    };
    run(session, "insert new rows", &statements.insert_new(&[part])).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::fakes::{FakeWarehouse, Fault, World};
    use crate::load::tests::{config, count};
    use crate::window::Window;

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

    /// A warehouse that lets nobody in for as long as a login may take, as one that resumes does.
    struct Resuming<'a>(FakeWarehouse<'a>);

    impl<'a> Warehouse for Resuming<'a> {
        type Session = <FakeWarehouse<'a> as Warehouse>::Session;

        async fn connect(&self) -> Result<Self::Session, ConnectError> {
            tokio::time::sleep(TIME_MAX).await;
            self.0.connect().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_may_take_as_long_as_all_that_follows() {
        let world = RefCell::new(World { ledger: Some(Vec::new()), ..World::default() });
        let warehouse = Resuming(FakeWarehouse::new(&world));
        let tried = rehearse_in(&warehouse, &config().statements).await.expect("a session");
        assert_eq!(tried.ledger.expect("it is there"), Ledger::Ready);
        tried.table.expect("it is there");
    }

    async fn rehearsed(world: World) -> (Rehearsal, Vec<String>) {
        let world = RefCell::new(world);
        let window = Window { column: "at".to_owned(), days: 1 };
        let statements = config().statements.within(Some(window));
        let rehearsal = rehearse_in(&FakeWarehouse::new(&world), &statements).await;
        let journal = world.borrow().journal.clone();
        (rehearsal.expect("a session"), journal)
    }

    #[tokio::test]
    async fn all_that_a_load_asks_but_copy_is_asked_and_only_the_lock_has_little_time() {
        let world = World { ledger: Some(Vec::new()), ..World::default() };
        let (rehearsal, journal) = rehearsed(world).await;
        assert_eq!(rehearsal.ledger.expect("it is there"), Ledger::Ready);
        rehearsal.table.expect("it is there");
        insta::assert_snapshot!(journal.join("\n"), @r"
        connect
        SET statement_timeout
        BEGIN
        LOCK
        SET statement_timeout to 30 s
        read ledger
        insert ledger
        ROLLBACK
        SET statement_timeout to 30 s
        BEGIN
        CREATE TEMP TABLE
        copy id
        session id
        read stl_load_errors
        count
        days
        insert events
        ROLLBACK
        ");
    }

    #[tokio::test]
    async fn a_user_who_may_not_read_why_rows_are_bad_hears_of_it() {
        let lasting_fault = Some(("read stl_load_errors", Fault::Refuse));
        let world = World { ledger: Some(Vec::new()), lasting_fault, ..World::default() };
        let error = rehearsed(world).await.0.table.expect_err("refused");
        assert_eq!(error.to_string(), "read stl_load_errors");
    }
}
