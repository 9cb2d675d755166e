//! Brings a running cluster back to the state of its template.

use std::path::PathBuf;

use tokio_postgres::{Client, SimpleQueryMessage};

use super::cluster::connect;
use super::error::PostgresError;
use super::{Catalog, SUPERUSER};

/// The database of the superuser, in which nobody else makes anything.
const OWN_DATABASE: &str = "postgres";

/// Drops what clients of one cluster have made.
#[derive(Debug, Clone)]
pub(crate) struct Cleaner {
    socket_folder: PathBuf,
}

impl Cleaner {
    pub(crate) fn new(socket_folder: PathBuf) -> Self {
        Self { socket_folder }
    }

    /// Ends all sessions, drops all databases and roles, and runs those scripts of the catalog again
    /// that made databases and roles. Who connects meanwhile may be told that there is no such role
    /// or database.
    pub(crate) async fn clean(&self, catalog: &Catalog) -> Result<(), PostgresError> {
        let cleaned = self.drop_all(catalog).await;
        cleaned.map_err(|error| PostgresError::NotCleaned {
            reason: error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string),
            source: Box::new(error),
        })
    }

    async fn drop_all(&self, catalog: &Catalog) -> Result<(), tokio_postgres::Error> {
        let client = connect(&self.socket_folder, OWN_DATABASE).await?;
        client
            .batch_execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
                 WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
            )
            .await?;
        let databases = format!(
            "SELECT quote_ident(datname) FROM pg_database \
             WHERE NOT datistemplate AND datname <> '{OWN_DATABASE}'"
        );
        for database in names(&client, &databases).await? {
            // Whoever came in the meantime has to go too.
            client.batch_execute(&format!("DROP DATABASE {database} WITH (FORCE)")).await?;
        }
        let roles = format!(
            "SELECT quote_ident(rolname) FROM pg_roles \
             WHERE rolname !~ '^pg_' AND rolname <> '{SUPERUSER}'"
        );
        for role in names(&client, &roles).await? {
            client.batch_execute(&format!("DROP OWNED BY {role} CASCADE")).await?;
            client.batch_execute(&format!("DROP ROLE {role}")).await?;
        }
        let scripts = catalog.scripts.iter().filter(|(database, _)| database == OWN_DATABASE);
        for (_, script) in scripts {
            client.batch_execute(script).await?;
        }
        Ok(())
    }
}

async fn names(client: &Client, question: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let rows = client.simple_query(question).await?.into_iter();
    let name = |message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    Ok(rows.filter_map(name).collect())
}
