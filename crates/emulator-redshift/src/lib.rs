//! Redshift: a Postgres-wire relay that executes COPY.
