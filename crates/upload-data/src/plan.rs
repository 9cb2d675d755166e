//! `--dry-run`: which objects the next load would take, and with what SQL.

use std::fmt;

use anyhow::Context;
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::config::Config;
use crate::copy_sql::{BEGIN, BadRows, COMMIT, Statements, UNBOUND};
use crate::error::{LoadError, StoreError, UNDEFINED_TABLE};
use crate::hinted;
use crate::ledger;
use crate::manifest::{self, Compression, object_url};
use crate::pending::Pending;
use crate::store::{ObjectStore, StoredObject};
use crate::warehouse::{Session, Warehouse};
use crate::window::Part;

/// What the next load would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Always true; tells a plan from a result.
    pub dry_run: bool,
    /// Addresses of the objects that would be loaded.
    pub load: Vec<String>,
    /// Addresses of those that were loaded before and would only be archived.
    pub loaded_before: Vec<String>,
    /// What would be sent to Redshift, in this order.
    pub statements: Vec<String>,
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [("to load", &self.load), ("loaded before", &self.loaded_before)];
        for (title, urls) in lists {
            writeln!(formatter, "-- objects {title}: {}", urls.len())?;
            for url in urls {
                writeln!(formatter, "--   {}", url.escape_debug())?;
            }
        }
        for statement in &self.statements {
            writeln!(formatter, "{statement};")?;
        }
        Ok(())
    }
}

/// Plans the next load; later ones of the same run are not shown.
pub(crate) async fn plan(
    config: &Config,
    warehouse: &impl Warehouse,
    store: &impl ObjectStore,
) -> anyhow::Result<Plan> {
    let mut pending = Pending::new(store, &config.bucket.prefix);
    let candidates = hinted(pending.next(config.limits).await, StoreError::hint)?;
    let (loaded, left) = if candidates.is_empty() {
        (Vec::new(), Vec::new())
    } else {
        sort(config, warehouse, candidates).await?
    };
    let url = |object: &StoredObject| object_url(&config.bucket.bucket, &object.key);
    Ok(Plan {
        dry_run: true,
        load: left.iter().map(url).collect(),
        loaded_before: loaded.iter().map(url).collect(),
        statements: statements(config, &left),
    })
}

/// Parts what was loaded from what is left, without the lock: another run may change it.
async fn sort(
    config: &Config,
    warehouse: &impl Warehouse,
    candidates: Vec<StoredObject>,
) -> anyhow::Result<(Vec<StoredObject>, Vec<StoredObject>)> {
    let connected = warehouse.connect().await.map_err(LoadError::from);
    let mut session = hinted(connected, LoadError::hint)?;
    session.run(&config.statements.bound_lock_wait(config.lock_wait)).await?;
    let known = match ledger::read(&mut session, &config.statements, &candidates).await {
        Err(error) if error.is(UNDEFINED_TABLE) => ledger::Loaded::default(),
        read => read.context("read the ledger")?,
    };
    Ok(candidates.into_iter().partition(|object| known.holds(object)))
}

fn statements(config: &Config, left: &[StoredObject]) -> Vec<String> {
    let sql = &config.statements;
    if left.is_empty() {
        return Vec::new();
    }
    let now = OffsetDateTime::now_utc();
    let load_id = Uuid::new_v4();
    let mut statements = vec![
        sql.bound_lock_wait(config.lock_wait),
        BEGIN.to_owned(),
        sql.lock(),
        UNBOUND.to_owned(),
        sql.read_ledger(left),
        sql.create_staging(),
    ];
    for compression in Compression::ALL {
        if left.iter().any(|object| Compression::of(&object.key) == Some(compression)) {
            let key = manifest::key(&config.bucket.prefix, now, load_id, compression);
            statements.push(sql.copy(&key, compression, BadRows::Fail));
        }
    }
    statements.extend([
        sql.count_staged(),
        sql.insert_new(&[to_be_read(sql)]),
        sql.record(left, load_id, now),
        COMMIT.to_owned(),
    ]);
    statements
}

/// Where the insert will look for ids: that depends on rows which are not staged yet.
fn to_be_read(sql: &Statements) -> Part {
    let Some(window) = sql.window() else { return Part::Everything };
    let days = window.days;
    Part::Days {
        since: Some(format!("<first day of the staged rows, less {days}>")),
        before: Some(format!("<day after the last one, plus {days}>")),
    }
}
