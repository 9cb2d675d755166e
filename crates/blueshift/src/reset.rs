//! Back to how the stack was when it got ready, between two tests.
//!
//! Everything is dropped, then what the settings and init scripts ask for is made again. Sessions
//! of Redshift end: their temporary tables, settings and open transactions are part of what a test
//! leaves behind, and no database can be dropped under them.
//!
//! What has begun goes on to its end, whether the one who asked still waits or not: a stack that is
//! half dropped is of use to nobody. Only the stack's own end stops it.

use std::sync::Arc;

use emulator_core::faults::Faults;
use emulator_redshift::SystemTables;
use emulator_s3::S3Store;
use emulator_sqs::Sqs;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::StackError;
use crate::in_process::catalog;
use crate::postgres::Cleaner;
use crate::preparation::Preparation;
use crate::provision::Provisioned;
use crate::readiness::Phase;

/// Drops everything in a stack. Clones reset the same one.
#[derive(Clone)]
pub(crate) struct Reset {
    pub(crate) sqs: Sqs,
    pub(crate) s3: S3Store,
    pub(crate) system_tables: SystemTables,
    pub(crate) faults: Faults,
    pub(crate) postgres: Cleaner,
    pub(crate) preparation: Preparation,
    /// Two at once would drop what the other has just made.
    pub(crate) turn: Arc<Mutex<()>>,
    /// The stack ends.
    pub(crate) shutdown: CancellationToken,
    /// What the stack's end waits for.
    pub(crate) tasks: TaskTracker,
}

impl Reset {
    /// The first preparation of a fresh stack; it is ready afterwards. Resets wait for its end.
    ///
    /// # Errors
    /// The first thing that cannot be made, or script that fails.
    pub(crate) async fn prepare(&self) -> Result<Option<Provisioned>, StackError> {
        let _turn = self.turn.lock().await;
        let provisioned = self.preparation.run().await?;
        self.preparation.readiness.enter(Phase::Running);
        Ok(provisioned)
    }

    /// Queues, objects, faults, databases, users and journals; then the preparation once more.
    /// The stack is not ready before it has worked. Dropping the future stops nothing that has
    /// begun.
    ///
    /// # Errors
    /// If an init script runs or the stack ends; if Postgres refuses, or what had been made cannot
    /// be made again: what was dropped by then stays dropped.
    pub(crate) async fn run(&self) -> Result<(), StackError> {
        if let Some(script) = self.preparation.readiness.running_script() {
            return Err(StackError::ScriptRuns { script });
        }
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let reset = self.clone();
        let run = self.tasks.spawn(async move {
            let _turn = turn;
            let readiness = &reset.preparation.readiness;
            readiness.enter(Phase::Resetting);
            let outcome = reset.shutdown.run_until_cancelled(reset.drop_and_prepare()).await;
            let outcome = outcome.unwrap_or(Err(StackError::Stopping));
            readiness.enter(if outcome.is_ok() { Phase::Running } else { Phase::Failed });
            if let Err(error) = &outcome {
                // Whoever asked may be gone.
                tracing::warn!(%error, "stack not reset");
            }
            outcome
        });
        match run.await {
            Ok(outcome) => outcome,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // Its runtime ends.
            Err(_) => Err(StackError::Stopping),
        }
    }

    async fn drop_and_prepare(&self) -> Result<(), StackError> {
        // First, so that no fault meets what is done here.
        self.faults.clear();
        self.sqs.reset();
        self.s3.reset();
        self.postgres.clean(&catalog()).await?;
        // After it, because the sessions that have just ended wrote into them.
        self.system_tables.reset();
        self.preparation.run().await.map(|_| ())
    }
}
