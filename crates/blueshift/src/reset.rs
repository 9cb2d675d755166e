//! Back to how the stack was when it got ready, between two tests.
//!
//! Everything is dropped, then what the settings and init scripts ask for is made again. Sessions
//! of Redshift end: their temporary tables, settings and open transactions are part of what a test
//! leaves behind, and no database can be dropped under them.

use std::sync::Arc;

use emulator_core::faults::Faults;
use emulator_redshift::SystemTables;
use emulator_s3::S3Store;
use emulator_sqs::Sqs;
use tokio::sync::Mutex;

use crate::error::StackError;
use crate::in_process::catalog;
use crate::postgres::Cleaner;
use crate::preparation::Preparation;

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
}

impl Reset {
    /// Queues, objects, faults, databases, users and journals; then the preparation once more.
    ///
    /// # Errors
    /// If Postgres refuses, or what had been made cannot be made again. What was dropped by then
    /// stays dropped.
    pub(crate) async fn run(&self) -> Result<(), StackError> {
        let _turn = self.turn.lock().await;
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
