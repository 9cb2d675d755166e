//! Questions to Postgres beside a session, whose own transaction has failed and answers none.

use std::time::Duration;

use pgwire::messages::terminate::Terminate;

use super::{Upstream, ask};
use crate::isolation::Isolation;
use crate::sql::quotes::literal;

/// How long an answer may take; the client waits for it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens further sessions like the one it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Beside {
    pub(crate) upstream: Upstream,
    /// The client's start-up parameters.
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) isolation: Isolation,
}

impl Beside {
    /// The id of a table by its name in quotes; `None` if there is none, or Postgres does not say.
    /// A name without a schema that is not on the user's own search path is found in any schema.
    pub(crate) async fn table_id(&self, table: &str) -> Option<u32> {
        let asking = async {
            let opening = self.upstream.open_at(&self.parameters, self.isolation, self.isolation);
            let mut opened = opening.await.ok()?;
            let name = literal(table);
            let sql = format!(
                "SELECT coalesce(pg_catalog.to_regclass({name})::pg_catalog.oid, \
                 (SELECT max(oid) FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'm', 'v') \
                 AND pg_catalog.quote_ident(relname) IN ({name}, pg_catalog.btrim({name}, '\"'))))"
            );
            let answer = ask(&mut opened.wire, &sql).await.ok()?;
            opened.wire.put_message(&Terminate::new());
            // It is given up, whether it hears that or not.
            let _ = opened.wire.finish().await;
            answer?.parse().ok()
        };
        tokio::time::timeout(ANSWER_TIMEOUT, asking).await.ok()?
    }
}
