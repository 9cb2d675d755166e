//! LOCK: outside a transaction Postgres refuses it, and Redshift releases the locks at once.
//!
//! There it is executed in a block of PL/pgSQL, which is no business of the client's. Inside a
//! transaction it stays as it is: a block would take the snapshot before the lock.

use pgwire::messages::response::CommandComplete;

use super::Session;
use crate::error::SessionError;
use crate::relay::pipeline::{Audience, Expected, Sent};
use crate::wire::Frame;

impl Session {
    /// Executes a portal with a LOCK outside a transaction.
    pub(super) async fn execute_lock(
        &mut self,
        frame: &Frame,
        block: &str,
    ) -> Result<(), SessionError> {
        let portal = frame.fields().text().unwrap_or_default();
        // Postgres knows whether the portal still exists.
        let describe = Expected::new(Sent::Describe, Audience::Errors);
        self.relay.send_raw(b'D', &[b"P", portal, b"\0"], describe);
        self.relay.drain().await?;
        if !self.relay.is_skipping() {
            self.lock(block).await?;
        }
        Ok(())
    }

    /// Executes the block; false if that failed, of which the client has been told.
    pub(super) async fn lock(&mut self, block: &str) -> Result<bool, SessionError> {
        let locked = self.relay.query_own(block, Vec::new()).await?.is_some();
        if locked {
            self.relay.tell_client(&CommandComplete::new("LOCK TABLE".to_owned()));
        }
        Ok(locked)
    }
}
