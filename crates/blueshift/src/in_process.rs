//! The default stack: SQS, S3 and Redshift in this process, no Docker.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
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

use crate::caller_identity;
use crate::certificates;
use crate::endpoints::Endpoints;
use crate::error::StackError;
use crate::front_door::FrontDoor;
use crate::init::Scripts;
use crate::lease::Lessor;
use crate::localstack_pages::Used;
use crate::postgres::{self, Catalog, Cluster, Download};
use crate::preparation::Preparation;
use crate::provision::Resources;
use crate::readiness::Readiness;
use crate::reset::Reset;
use crate::stack::{Running, Stack};

/// How long connections may take to end once the stack is told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(3);

/// How long an init script may take unless told otherwise.
const INIT_WITHIN: Duration = Duration::from_secs(300);

/// Enough of the catalog's fingerprint to tell a handful of templates apart.
const FINGERPRINT_DIGITS: usize = 16;

/// Signs what COPY reads, so that a plan of faults can tell it from what others read.
const COPY_ACCESS_KEY_ID: &str = "redshift-copy";

/// AWS's own default region.
pub(crate) const REGION: &str = "us-east-1";

/// What an in-process stack can be told; awaiting it starts the stack.
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
    /// AWS region of all resources; `None` is that of the settings, else us-east-1.
    pub region: Option<String>,
    /// Folder of `initdb` and `postgres`; `None` searches the usual places.
    pub postgres_binaries: Option<PathBuf>,
    /// Where to download Postgres from if there is none; the default is GitHub.
    pub postgres_download: Download,
    /// A settings file whose queue, dead-letter queue, bucket and table are made.
    pub settings: Option<PathBuf>,
    /// A folder whose `.sql` and `.sh` files run before the stack is ready.
    pub init: Option<PathBuf>,
    /// How long each of them may take.
    pub init_within: Duration,
}

impl Default for InProcess {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            redshift_port: 0,
            redshift_password: None,
            redshift_isolation: Isolation::default(),
            region: None,
            postgres_binaries: None,
            postgres_download: Download::default(),
            settings: None,
            init: None,
            init_within: INIT_WITHIN,
        }
    }
}

impl InProcess {
    /// SQS and S3 listen on this port.
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// Redshift listens on this port.
    pub fn redshift_port(self, redshift_port: u16) -> Self {
        Self { redshift_port, ..self }
    }

    /// Redshift's clients must give this password.
    pub fn redshift_password(self, password: impl Into<String>) -> Self {
        Self { redshift_password: Some(password.into()), ..self }
    }

    /// Redshift's databases have this isolation level.
    pub fn redshift_isolation(self, redshift_isolation: Isolation) -> Self {
        Self { redshift_isolation, ..self }
    }

    /// All resources are in this AWS region.
    pub fn region(self, region: impl Into<String>) -> Self {
        Self { region: Some(region.into()), ..self }
    }

    /// Makes the queue, dead-letter queue, bucket and table that this `settings.ini` names.
    pub fn settings(self, file: impl AsRef<Path>) -> Self {
        Self { settings: Some(file.as_ref().to_owned()), ..self }
    }

    /// Runs the `.sql` and `.sh` files of a folder, in the order of their names: SQL through
    /// Redshift, shell scripts with the environment block.
    pub fn init(self, folder: impl AsRef<Path>) -> Self {
        Self { init: Some(folder.as_ref().to_owned()), ..self }
    }

    /// Starts all services and returns once they answer.
    ///
    /// # Errors
    /// If a port is taken, Postgres cannot be started, what the settings name cannot be made, or an
    /// init script fails.
    pub async fn start(self) -> Result<Stack, StackError> {
        let resources = self.settings.as_deref().map(Resources::from_settings).transpose()?;
        let of_settings = resources.as_ref().and_then(|resources| resources.region.clone());
        let region = self.region.clone().or(of_settings).unwrap_or_else(|| REGION.to_owned());
        let scripts = self.init.as_deref().map(|it| Scripts::in_folder(it, self.init_within));
        let scripts = scripts.transpose()?;
        let (servers, endpoints) = self.serve(region, resources, scripts).await?;
        // The stack first: if the preparation fails, dropping it ends the servers.
        let lessor = Lessor::of_own_stack();
        let running = Running::InProcess(Box::new(servers));
        let mut stack = Stack { endpoints, provisioned: None, running, lessor };
        let Running::InProcess(servers) = &stack.running else {
            unreachable!("it was just made so");
        };
        stack.provisioned = servers.reset.prepare().await?;
        Ok(stack)
    }

    async fn serve(
        self,
        region: String,
        resources: Option<Resources>,
        scripts: Option<Scripts>,
    ) -> Result<(Servers, Endpoints), StackError> {
        // The ports first: a taken one is known at once, before Postgres is started.
        let http = listen(self.host, self.port, "SQS and S3", "--port").await?;
        let redshift = listen(self.host, self.redshift_port, "Redshift", "--redshift-port").await?;
        let binaries = self.postgres_binaries.as_deref();
        let postgres = postgres::start(&catalog(), binaries, &self.postgres_download).await?;
        let folder = postgres::cache_folder().join("certificates");
        let certificates =
            certificates::ensure(&folder, self.host, time::OffsetDateTime::now_utc())?;
        let password = self.redshift_password;
        let mut endpoints =
            Endpoints::local(address(&http), address(&redshift), password.clone(), region);
        endpoints.redshift.ca_bundle = Some(certificates.bundle);
        let clock = Clock::default();
        let sqs = Sqs::new(SqsConfig {
            account_id: caller_identity::ACCOUNT_ID.to_owned(),
            region: endpoints.region.clone(),
            clock: clock.clone(),
        });
        let store = S3Store::new(clock.clone());
        let s3: Arc<dyn Service> = Arc::new(emulator_s3::service(store.clone()));
        let shutdown = CancellationToken::new();
        let tasks = TaskTracker::new();
        let faults = Faults::default();
        let redshift = emulator_redshift::start(RedshiftConfig {
            listener: redshift,
            upstream: upstream(&postgres),
            s3: S3Access { client: s3_client(&endpoints) },
            clock: clock.clone(),
            faults: faults.clone(),
            tls: Some(certificates.server),
            password,
            isolation: self.redshift_isolation,
            shutdown: shutdown.clone(),
        })
        .expect("a bound listener has an address");
        let copies = redshift.system_tables().clone();
        let readiness = Readiness::default();
        let reset = Reset {
            sqs: sqs.clone(),
            s3: store,
            system_tables: copies.clone(),
            faults: faults.clone(),
            postgres: postgres.cleaner(),
            preparation: Preparation {
                resources,
                scripts,
                endpoints: endpoints.clone(),
                readiness: readiness.clone(),
            },
            turn: Arc::default(),
            shutdown: shutdown.clone(),
            tasks: tasks.clone(),
        };
        let faulty = |inner, dialect| Arc::new(Faulty::new(inner, dialect, faults.clone()));
        let front_door = Arc::new(FrontDoor {
            sqs: faulty(Arc::new(sqs.clone()), Dialect::Sqs),
            s3: faulty(s3, Dialect::S3),
            copies,
            faults: faults.clone(),
            readiness,
            reset: reset.clone(),
            used: Used::default(),
        });
        tasks.spawn(serve(http, front_door, shutdown.clone()));
        tasks.spawn(redshift.stopped());
        tasks.close();
        Ok((Servers { sqs, clock, faults, reset, shutdown, tasks, postgres }, endpoints))
    }
}

impl IntoFuture for InProcess {
    type Output = Result<Stack, StackError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}

/// The services of a running stack. Dropping them ends them without waiting for connections.
pub(crate) struct Servers {
    pub(crate) sqs: Sqs,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) reset: Reset,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    // Last, so that the servers in front of it are told to stop before it goes.
    postgres: Cluster,
}

impl Servers {
    /// Ends long polls, sessions and servers, then Postgres.
    pub(crate) async fn stop(self) {
        self.faults.clear();
        self.sqs.shutdown();
        self.shutdown.cancel();
        if tokio::time::timeout(STOP_WITHIN, self.tasks.wait()).await.is_err() {
            tracing::warn!(waited = ?STOP_WITHIN, "connections did not end in time");
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.sqs.shutdown();
        self.shutdown.cancel();
        tracing::debug!(postgres = ?self.postgres, "stack ends");
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

/// The private Postgres as the relay reaches it.
pub(crate) fn upstream(postgres: &Cluster) -> Upstream {
    let directory = postgres.socket_folder().to_owned();
    let address = UpstreamAddress::Unix { directory, port: postgres::SOCKET_PORT };
    Upstream { address, role: None, password: None }
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

/// COPY reads from the stack's own S3, over the wire as from any other.
pub(crate) fn s3_client(endpoints: &Endpoints) -> aws_sdk_s3::Client {
    let credentials =
        Credentials::new(COPY_ACCESS_KEY_ID, Endpoints::SECRET_ACCESS_KEY, None, None, "blueshift");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(endpoints.region.clone()))
        .credentials_provider(credentials)
        .force_path_style(true);
    let config = match endpoints.s3_url() {
        Some(url) => config.endpoint_url(url),
        None => config,
    };
    aws_sdk_s3::Client::from_conf(config.build())
}
