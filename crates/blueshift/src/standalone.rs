//! Redshift alone: the relay in front of a Postgres that may be anybody's, its COPY reading from
//! whatever S3 it is pointed at.
//!
//! A Postgres that is not ours gets our catalog, once, if its role may change it; without it COPY
//! works, and what Redshift has and Postgres lacks is missing.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use aws_config::meta::region::RegionProviderChain;
use aws_config::{BehaviorVersion, Region};
use emulator_core::clock::Clock;
use emulator_core::faults::Faults;
use emulator_redshift::copy::load::S3Access;
use emulator_redshift::{Isolation, Redshift, RedshiftConfig, Upstream, UpstreamAddress, catalog};
use tokio_postgres::NoTls;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_util::sync::CancellationToken;

use crate::endpoints::{Endpoints, RedshiftEndpoint};
use crate::error::StackError;
use crate::in_process::{address, listen};
use crate::postgres::{self, Cluster, Download};
use crate::{certificates, in_process};

/// How long sessions may take to end once the server is told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(3);

/// What a stand-alone Redshift can be told.
#[derive(Clone, Default)]
pub struct Standalone {
    /// The address it listens on; `None` is the loopback.
    pub host: Option<IpAddr>,
    /// Its port; 0 takes a free one.
    pub port: u16,
    /// The password of every user; `None` takes any.
    pub password: Option<String>,
    /// The isolation level of its databases.
    pub isolation: Isolation,
    /// The Postgres behind it; `None` starts a private one.
    pub postgres_url: Option<String>,
    /// Folder of `initdb` and `postgres` for a private one; `None` searches the usual places.
    pub postgres_binaries: Option<PathBuf>,
    /// Where to download Postgres from if there is none; the default is GitHub.
    pub postgres_download: Download,
    /// Where COPY reads; `None` leaves that to the SDK: real S3, or its AWS_ENDPOINT_URL.
    pub s3_endpoint: Option<String>,
    /// The S3's region; `None` leaves it to the SDK, and is us-east-1 if that knows none.
    pub region: Option<String>,
}

/// A running stand-alone Redshift; dropping it ends it.
#[derive(Debug)]
pub struct Server {
    endpoint: RedshiftEndpoint,
    redshift: Redshift,
    shutdown: CancellationToken,
    // Last, so that the relay is told to stop before it goes.
    postgres: Option<Cluster>,
}

/// A Postgres for the relay, and how its clients name themselves.
struct Behind {
    upstream: Upstream,
    user: String,
    database: String,
    postgres: Option<Cluster>,
}

impl Server {
    /// Starts it and returns once it answers.
    ///
    /// # Errors
    /// If the port is taken, or Postgres cannot be started or used.
    pub async fn start(options: Standalone) -> Result<Self, StackError> {
        let host = options.host.unwrap_or(IpAddr::from([127, 0, 0, 1]));
        let listener = listen(host, options.port, "Redshift", "--port").await?;
        let behind = match &options.postgres_url {
            Some(url) => named_postgres(url).await?,
            None => private_postgres(&options).await?,
        };
        let folder = postgres::cache_folder().join("certificates");
        let certificates = certificates::ensure(&folder, host, time::OffsetDateTime::now_utc())?;
        let endpoint = RedshiftEndpoint {
            user: behind.user,
            database: behind.database,
            ca_bundle: Some(certificates.bundle),
            ..RedshiftEndpoint::at(address(&listener), options.password.clone())
        };
        let shutdown = CancellationToken::new();
        let redshift = emulator_redshift::start(RedshiftConfig {
            listener,
            upstream: behind.upstream,
            s3: S3Access { client: s3_client(options.s3_endpoint, options.region).await },
            clock: Clock::default(),
            faults: Faults::default(),
            tls: Some(certificates.server),
            password: options.password,
            isolation: options.isolation,
            shutdown: shutdown.clone(),
        })
        .expect("a bound listener has an address");
        Ok(Self { endpoint, redshift, shutdown, postgres: behind.postgres })
    }

    /// The variables that point a client here.
    pub fn environment(&self) -> Vec<(String, String)> {
        let block = self.endpoint.environment().into_iter();
        block.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Ends the sessions, then the private Postgres, if there is one.
    pub async fn stop(self) {
        self.shutdown.cancel();
        if tokio::time::timeout(STOP_WITHIN, self.redshift.stopped()).await.is_err() {
            tracing::warn!(waited = ?STOP_WITHIN, "sessions did not end in time");
        }
        drop(self.postgres);
    }
}

async fn private_postgres(options: &Standalone) -> Result<Behind, StackError> {
    let binaries = options.postgres_binaries.as_deref();
    let postgres =
        postgres::start(&in_process::catalog(), binaries, &options.postgres_download).await?;
    Ok(Behind {
        upstream: in_process::upstream(&postgres),
        user: Endpoints::REDSHIFT_USER.to_owned(),
        database: Endpoints::REDSHIFT_DATABASE.to_owned(),
        postgres: Some(postgres),
    })
}

async fn named_postgres(url: &str) -> Result<Behind, StackError> {
    let config: tokio_postgres::Config =
        url.parse().map_err(|error| unusable(format!("it is no Postgres URL: {error}")))?;
    if config.get_ssl_mode() == SslMode::Require {
        return Err(unusable("the relay speaks no TLS to Postgres: leave sslmode=require out"));
    }
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let address = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => UpstreamAddress::Tcp { host: host.clone(), port },
        Some(Host::Unix(directory)) => UpstreamAddress::Unix { directory: directory.clone(), port },
        None => return Err(unusable("its URL names no host")),
    };
    let user = config.get_user().ok_or_else(|| unusable("its URL names no user"))?.to_owned();
    let password = config.get_password().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let database = config.get_dbname().unwrap_or(&user).to_owned();
    install_catalog(&config).await?;
    let upstream = Upstream { address, role: Some(user.clone()), password };
    Ok(Behind { upstream, user, database, postgres: None })
}

/// Installs the catalog in the database that `config` names, unless it is there already.
async fn install_catalog(config: &tokio_postgres::Config) -> Result<(), StackError> {
    let (client, connection) =
        config.connect(NoTls).await.map_err(|error| unusable(said(&error)))?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection to the named postgres ended");
        }
    });
    let fingerprint = catalog::fingerprint();
    let question = "SELECT obj_description(to_regprocedure(\
        'pg_catalog.blueshift_cut(text,int4,bool,text)')::oid, 'pg_proc'), \
        to_regprocedure('pg_catalog.blueshift_cut(text,int4,bool,text)') IS NOT NULL";
    let row = client.query_one(question, &[]).await.map_err(|error| unusable(said(&error)))?;
    let (installed, present): (Option<String>, bool) = (row.get(0), row.get(1));
    if installed.as_deref() == Some(fingerprint.as_str()) {
        return Ok(());
    }
    if present {
        tracing::warn!(
            "this database has the catalog of another version; a new database gets ours"
        );
        return Ok(());
    }
    // A comment may hold a literal only; the fingerprint is hexadecimal.
    let script = format!(
        "BEGIN; {}; COMMENT ON FUNCTION pg_catalog.blueshift_cut(text, int4, bool, text) \
         IS '{fingerprint}'; COMMIT",
        catalog::template_sql()
    );
    match client.batch_execute(&script).await {
        Ok(()) => Ok(()),
        Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            let reason = said(&error);
            tracing::warn!(
                reason,
                "catalog not installed: version(), system tables and byte lengths are Postgres' own"
            );
            Ok(())
        }
        Err(error) => Err(unusable(format!("the catalog cannot be installed: {}", said(&error)))),
    }
}

/// The server's words, or else the system's.
fn said(error: &tokio_postgres::Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

fn unusable(reason: impl Into<String>) -> StackError {
    StackError::Upstream { reason: reason.into() }
}

/// Credentials, and what is not given here, come from the SDK's default chain.
async fn s3_client(endpoint: Option<String>, region: Option<String>) -> aws_sdk_s3::Client {
    let region = RegionProviderChain::first_try(region.map(Region::new))
        .or_default_provider()
        .or_else("us-east-1");
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(region);
    let is_other = endpoint.is_some();
    if let Some(endpoint) = endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    let config = loader.load().await;
    // LocalStack, MinIO and the like are reached by their own name only.
    let path_style = is_other || config.endpoint_url().is_some();
    let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(path_style).build();
    aws_sdk_s3::Client::from_conf(config)
}
