//! The default stack: SQS, S3 and Redshift in this process, no Docker.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use emulator_core::clock::Clock;
use emulator_core::faults::Faults;
use emulator_core::faults::http::{Dialect, Faulty};
use emulator_core::serve::{Service, serve};
use emulator_redshift::copy::load::S3Access;
use emulator_redshift::{Isolation, RedshiftConfig, Upstream, UpstreamAddress};
use emulator_s3::S3Store;
use emulator_sqs::{Sqs, SqsConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::certificates;
use crate::endpoints::Endpoints;
use crate::error::StackError;
use crate::front_door::FrontDoor;
use crate::postgres::{self, Catalog, Cluster};

/// How long connections may take to end once the stack is told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(3);

/// Enough of the catalog's fingerprint to tell a handful of templates apart.
const FINGERPRINT_DIGITS: usize = 16;

/// Signs what COPY reads, so that a plan of faults can tell it from what others read.
const COPY_ACCESS_KEY_ID: &str = "redshift-copy";

/// What an in-process stack can be told; the default takes free ports on the loopback.
#[derive(Debug, Clone)]
pub struct InProcess {
    /// The address all three listen on.
    pub host: IpAddr,
    /// Port of SQS and S3; 0 takes a free one.
    pub port: u16,
    /// Port of Redshift; 0 takes a free one.
    pub redshift_port: u16,
    /// The password of every user of Redshift; `None` takes any.
    pub redshift_password: Option<String>,
    /// The isolation level of Redshift's databases.
    pub redshift_isolation: Isolation,
    /// AWS region of all resources.
    pub region: String,
    /// Folder of `initdb` and `postgres`; `None` searches the usual places.
    pub postgres_binaries: Option<PathBuf>,
}

impl Default for InProcess {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            redshift_port: 0,
            redshift_password: None,
            redshift_isolation: Isolation::default(),
            region: "us-east-1".to_owned(),
            postgres_binaries: None,
        }
    }
}

/// A running stack.
///
/// [`Stack::stop`] ends it in order; dropping it ends it too, without waiting for connections.
pub struct Stack {
    endpoints: Endpoints,
    sqs: Sqs,
    clock: Clock,
    faults: Faults,
    shutdown: CancellationToken,
    servers: TaskTracker,
    // Last, so that the servers in front of it are told to stop before it goes.
    postgres: Cluster,
}

impl Stack {
    /// Starts all services and returns once they answer.
    pub async fn in_process(options: InProcess) -> Result<Self, StackError> {
        // The ports first: a taken one is known at once, before Postgres is started.
        let http = listen(options.host, options.port, "SQS and S3", "--port").await?;
        let redshift =
            listen(options.host, options.redshift_port, "Redshift", "--redshift-port").await?;
        let postgres = postgres::start(&catalog(), options.postgres_binaries.as_deref()).await?;
        let folder = postgres::cache_folder().join("certificates");
        let certificates =
            certificates::ensure(&folder, options.host, time::OffsetDateTime::now_utc())?;
        let password = options.redshift_password;
        let endpoints = Endpoints {
            aws: address(&http),
            redshift: address(&redshift),
            redshift_password: password
                .clone()
                .unwrap_or_else(|| Endpoints::REDSHIFT_PASSWORD.to_owned()),
            ca_bundle: certificates.bundle,
            region: options.region,
        };
        let clock = Clock::default();
        let sqs = Sqs::new(SqsConfig {
            account_id: "000000000000".to_owned(),
            region: endpoints.region.clone(),
            clock: clock.clone(),
        });
        let s3: Arc<dyn Service> = Arc::new(emulator_s3::service(S3Store::new(clock.clone())));
        let shutdown = CancellationToken::new();
        let servers = TaskTracker::new();
        let faults = Faults::default();
        let redshift = emulator_redshift::start(RedshiftConfig {
            listener: redshift,
            upstream: Upstream {
                address: UpstreamAddress::Unix {
                    directory: postgres.socket_folder().to_owned(),
                    port: postgres::SOCKET_PORT,
                },
                role: None,
                password: None,
            },
            s3: S3Access { client: s3_client(&endpoints) },
            clock: clock.clone(),
            faults: faults.clone(),
            tls: Some(certificates.server),
            password,
            isolation: options.redshift_isolation,
            shutdown: shutdown.clone(),
        })
        .expect("a bound listener has an address");
        let copies = redshift.system_tables().clone();
        let faulty = |inner, dialect| Arc::new(Faulty::new(inner, dialect, faults.clone()));
        let front_door = Arc::new(FrontDoor {
            sqs: faulty(Arc::new(sqs.clone()), Dialect::Sqs),
            s3: faulty(s3, Dialect::S3),
            copies,
            faults: faults.clone(),
        });
        servers.spawn(serve(http, front_door, shutdown.clone()));
        servers.spawn(redshift.stopped());
        servers.close();
        Ok(Self { endpoints, sqs, clock, faults, shutdown, servers, postgres })
    }

    /// Where it listens.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// The clock of all services; moving it ends visibility timeouts and delays at once.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The faults in front of all services; none until a plan is set.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Ends long polls, sessions and servers, then Postgres; leaves no process and no file.
    pub async fn stop(self) {
        self.faults.clear();
        self.sqs.shutdown();
        self.shutdown.cancel();
        if tokio::time::timeout(STOP_WITHIN, self.servers.wait()).await.is_err() {
            tracing::warn!(waited = ?STOP_WITHIN, "connections did not end in time");
        }
        drop(self.postgres);
    }
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Stack")
            .field("endpoints", &self.endpoints)
            .field("postgres", &self.postgres)
            .finish_non_exhaustive()
    }
}

/// The catalog of the local Redshift: what every database has, then the first role and database.
pub(crate) fn catalog() -> Catalog {
    let scripts = [("template1", emulator_redshift::catalog::template_sql())]
        .into_iter()
        .chain(
            emulator_redshift::catalog::cluster_statements().iter().map(|sql| ("postgres", *sql)),
        )
        .map(|(database, sql)| (database.to_owned(), sql.to_owned()))
        .collect();
    let mut fingerprint = emulator_redshift::catalog::fingerprint();
    fingerprint.truncate(FINGERPRINT_DIGITS);
    Catalog { fingerprint, scripts }
}

pub(crate) async fn listen(
    host: IpAddr,
    port: u16,
    service: &'static str,
    flag: &'static str,
) -> Result<TcpListener, StackError> {
    TcpListener::bind(SocketAddr::new(host, port)).await.map_err(|source| {
        if source.kind() == std::io::ErrorKind::AddrInUse {
            StackError::PortTaken { host, port, service, flag }
        } else {
            StackError::Listen { host, port, service, source }
        }
    })
}

/// Where clients on this machine find the listener: one that listens everywhere is told as the
/// loopback, because `0.0.0.0` is no address to connect to.
pub(crate) fn address(listener: &TcpListener) -> SocketAddr {
    let mut address = listener.local_addr().expect("a bound listener has an address");
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// COPY reads from the kit's own S3, over the wire as from any other.
fn s3_client(endpoints: &Endpoints) -> aws_sdk_s3::Client {
    let credentials =
        Credentials::new(COPY_ACCESS_KEY_ID, Endpoints::SECRET_ACCESS_KEY, None, None, "blueshift");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoints.aws_url())
        .region(Region::new(endpoints.region.clone()))
        .credentials_provider(credentials)
        .force_path_style(true)
        .build();
    aws_sdk_s3::Client::from_conf(config)
}
