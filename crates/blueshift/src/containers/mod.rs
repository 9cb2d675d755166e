//! The same stack in containers: LocalStack serves SQS and S3, and our Redshift stands, inside this
//! process, in front of a Postgres in a container. Its COPY reads LocalStack's S3.
//!
//! Requests pass a proxy, so that plans of faults work here too. All ports are on the loopback. What
//! a container holds is gone with it, and it goes with the stack: at its end, on failure, in a panic,
//! at SIGINT and SIGTERM; what a SIGKILL leaves is removed at the next start.

mod cleaner;
mod docker;
mod error;
mod owner;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use emulator_core::clock::Clock;
use emulator_core::faults::Faults;
use emulator_core::faults::tcp::TcpProxy;
use emulator_core::serve::serve;
use emulator_redshift::copy::load::S3Access;
use emulator_redshift::{Isolation, RedshiftConfig, Upstream, UpstreamAddress};
use testcontainers_modules::localstack::LocalStack;
use testcontainers_modules::postgres::Postgres;
use testcontainers_modules::testcontainers::bollard::Docker;
use testcontainers_modules::testcontainers::bollard::models::{HostConfig, PortBinding};
use testcontainers_modules::testcontainers::core::{Mount, WaitFor};
use testcontainers_modules::testcontainers::runners::AsyncRunner;
use testcontainers_modules::testcontainers::{ContainerRequest, Image, ImageExt};
use tokio_postgres::NoTls;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::cleaner::Cleaner;
pub use self::error::ContainersError;
use crate::certificates;
use crate::endpoints::Endpoints;
use crate::error::StackError;
use crate::gate::Gate;
use crate::in_process::{REGION, address, catalog, listen, s3_client};
use crate::lease::Lessor;
use crate::postgres::{self, SUPERUSER};
use crate::provision::Resources;
use crate::stack::{Running, Stack};

/// The last LocalStack that starts without an account.
const LOCALSTACK: &str = "localstack/localstack:4.14.0";
/// The newest Postgres that the relay knows.
const POSTGRES: &str = "postgres:17-alpine";

/// How long an image may take to be pulled.
const PULLED_WITHIN: Duration = Duration::from_secs(600);
/// How long a container may take to be ready, once its image is here.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long connections may take to end once the stack is told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(3);
/// How long a connection to the Postgres may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long a script of the catalog may take there.
const INSTALLED_WITHIN: Duration = Duration::from_secs(60);

/// Queue URLs name the host they were asked at, nothing is downloaded, and no name is looked up:
/// without the last, a start without a network waits for 20 s.
const LOCALSTACK_ENVIRONMENT: [(&str, &str); 5] = [
    ("SERVICES", "sqs,s3"),
    ("SQS_ENDPOINT_STRATEGY", "dynamic"),
    ("SKIP_SSL_CERT_DOWNLOAD", "1"),
    ("DISABLE_EVENTS", "1"),
    ("DNS_ADDRESS", "0"),
];

/// What a stack in containers can be told; awaiting it starts the stack.
#[derive(Debug, Clone)]
pub struct Containers {
    /// The image of LocalStack, with its tag.
    pub image_localstack: String,
    /// The image of Postgres, with its tag.
    pub image_postgres: String,
    /// AWS region of all resources; `None` is that of the settings, else us-east-1.
    pub region: Option<String>,
    /// A settings file whose queue, dead-letter queue, bucket and table are made.
    pub settings: Option<PathBuf>,
    /// Whether SIGINT, SIGTERM and SIGQUIT remove the containers before they end this process. Say
    /// no if the program handles signals itself, and drops the stack then.
    pub heeds_signals: bool,
}

impl Default for Containers {
    fn default() -> Self {
        Self {
            image_localstack: LOCALSTACK.to_owned(),
            image_postgres: POSTGRES.to_owned(),
            region: None,
            settings: None,
            heeds_signals: true,
        }
    }
}

impl Containers {
    /// Starts LocalStack from this image.
    pub fn image_localstack(self, image: impl Into<String>) -> Self {
        Self { image_localstack: image.into(), ..self }
    }

    /// Starts Postgres from this image.
    pub fn image_postgres(self, image: impl Into<String>) -> Self {
        Self { image_postgres: image.into(), ..self }
    }

    /// All resources are in this AWS region.
    pub fn region(self, region: impl Into<String>) -> Self {
        Self { region: Some(region.into()), ..self }
    }

    /// Makes the queue, dead-letter queue, bucket and table that this `settings.ini` names.
    pub fn settings(self, file: impl AsRef<Path>) -> Self {
        Self { settings: Some(file.as_ref().to_owned()), ..self }
    }

    /// Leaves signals to the program, which drops the stack when one comes.
    pub fn without_signals(self) -> Self {
        Self { heeds_signals: false, ..self }
    }

    /// Whether Docker answers here; starts nothing.
    ///
    /// # Errors
    /// Why it does not, as [`Containers::start`] says it.
    pub async fn check(&self) -> Result<(), StackError> {
        docker::connect().await?;
        Ok(())
    }

    /// Starts both containers at once and returns when all services answer.
    ///
    /// # Errors
    /// If there is no Docker, an image cannot be had, a container does not come up, or what the
    /// settings name cannot be made. Nothing is left behind.
    pub async fn start(self) -> Result<Stack, StackError> {
        let resources = self.settings.as_deref().map(Resources::from_settings).transpose()?;
        let of_settings = resources.as_ref().and_then(|resources| resources.region.clone());
        let region = self.region.clone().or(of_settings).unwrap_or_else(|| REGION.to_owned());
        let docker = docker::connect().await?;
        docker::sweep(&docker).await;
        let cleaner = Cleaner::new(self.heeds_signals);
        // Both to their end: what is given up half-way could appear after it was cleaned up.
        let (localstack, postgres) = tokio::join!(
            localstack(&docker, &self.image_localstack, &cleaner),
            start_postgres(&docker, &self.image_postgres, &cleaner)
        );
        cleaner.all_started();
        let (servers, endpoints) = serve_all(localstack?, postgres?, cleaner, region).await?;
        let running = Running::Containers(Box::new(servers));
        let mut stack =
            Stack { endpoints, provisioned: None, running, lessor: Lessor::of_own_stack() };
        if let Some(resources) = resources {
            stack.provisioned = Some(resources.provision(&stack.endpoints).await?);
        }
        Ok(stack)
    }
}

impl IntoFuture for Containers {
    type Output = Result<Stack, StackError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}

/// The servers of ours in front of the containers, and the containers.
pub(crate) struct Servers {
    pub(crate) faults: Faults,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    _proxies: [TcpProxy; 2],
    // Last, so that the servers in front of the containers are told to stop before these go.
    cleaner: Cleaner,
}

impl Servers {
    /// Ends sessions and servers, then removes the containers.
    pub(crate) async fn stop(mut self) {
        self.faults.clear();
        self.shutdown.cancel();
        if tokio::time::timeout(STOP_WITHIN, self.tasks.wait()).await.is_err() {
            tracing::warn!(waited = ?STOP_WITHIN, "connections did not end in time");
        }
        self.cleaner.clean().await;
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

async fn serve_all(
    localstack: SocketAddr,
    postgres: SocketAddr,
    cleaner: Cleaner,
    region: String,
) -> Result<(Servers, Endpoints), StackError> {
    let faults = Faults::default();
    let proxy = async |name, upstream| {
        TcpProxy::start(name, upstream, faults.clone()).await.map_err(|source| StackError::Listen {
            host: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            service: name,
            source,
        })
    };
    let proxies = [proxy("localstack", localstack).await?, proxy("postgres", postgres).await?];
    let host = Ipv4Addr::LOCALHOST.into();
    let http = listen(host, 0, "SQS and S3", "--port").await?;
    let redshift = listen(host, 0, "Redshift", "--redshift-port").await?;
    let folder = postgres::cache_folder().join("certificates");
    let certificates = certificates::ensure(&folder, host, time::OffsetDateTime::now_utc())?;
    let mut endpoints = Endpoints::local(address(&http), address(&redshift), None, region);
    endpoints.redshift.ca_bundle = Some(certificates.bundle);
    let shutdown = CancellationToken::new();
    let tasks = TaskTracker::new();
    let [of_localstack, of_postgres] = &proxies;
    let relay = emulator_redshift::start(RedshiftConfig {
        listener: redshift,
        upstream: Upstream {
            address: UpstreamAddress::Tcp {
                host: of_postgres.address().ip().to_string(),
                port: of_postgres.address().port(),
            },
            role: None,
            password: None,
        },
        s3: S3Access { client: s3_client(&endpoints) },
        clock: Clock::default(),
        faults: faults.clone(),
        isolation: Isolation::default(),
        tls: Some(certificates.server),
        password: None,
        shutdown: shutdown.clone(),
    })
    .expect("a bound listener has an address");
    let gate = Arc::new(Gate::new(of_localstack.address(), &faults));
    tasks.spawn(serve(http, gate, shutdown.clone()));
    tasks.spawn(relay.stopped());
    tasks.close();
    Ok((Servers { faults, shutdown, tasks, _proxies: proxies, cleaner }, endpoints))
}

async fn localstack(
    docker: &Docker,
    image: &str,
    cleaner: &Cleaner,
) -> Result<SocketAddr, ContainersError> {
    let ready = vec![WaitFor::message_on_stdout("Ready.")];
    let request = LocalStack::default().with_ready_conditions(ready);
    let request = LOCALSTACK_ENVIRONMENT
        .iter()
        .fold(request, |request, (name, value)| request.with_env_var(*name, *value));
    launch(docker, request, image, 4566, cleaner).await
}

async fn start_postgres(
    docker: &Docker,
    image: &str,
    cleaner: &Cleaner,
) -> Result<SocketAddr, ContainersError> {
    // Nobody but this machine reaches it, as with the private Postgres of the in-process stack.
    let request = Postgres::default()
        .with_user(SUPERUSER)
        .with_db_name("postgres")
        .with_host_auth()
        .with_env_var("POSTGRES_INITDB_ARGS", "--locale=C --encoding=UTF8")
        .with_mount(Mount::tmpfs_mount("/var/lib/postgresql/data"))
        .with_cmd(postgres::server_options().flat_map(|option| ["-c".to_owned(), option]));
    let address = launch(docker, request, image, 5432, cleaner).await?;
    for (database, script) in catalog().scripts {
        let failed = |reason| ContainersError::Postgres { image: image.to_owned(), reason };
        let late = |_| failed(format!("no answer within {} s", INSTALLED_WITHIN.as_secs()));
        let installed =
            tokio::time::timeout(INSTALLED_WITHIN, install(address, &database, &script));
        installed.await.map_err(late)?.map_err(|error| {
            failed(error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string))
        })?;
    }
    Ok(address)
}

async fn install(
    address: SocketAddr,
    database: &str,
    script: &str,
) -> Result<(), tokio_postgres::Error> {
    let mut config = tokio_postgres::Config::new();
    config
        .host(address.ip().to_string())
        .port(address.port())
        .user(SUPERUSER)
        .dbname(database)
        .connect_timeout(CONNECT_WITHIN);
    let (client, connection) = config.connect(NoTls).await?;
    let driver = tokio::spawn(connection);
    let installed = client.batch_execute(script).await;
    drop(client);
    // The script's own outcome counts.
    let _ = driver.await;
    installed
}

/// Starts a container of ours and returns where its port is published.
async fn launch<I: Image>(
    docker: &Docker,
    request: ContainerRequest<I>,
    image: &str,
    port: u16,
    cleaner: &Cleaner,
) -> Result<SocketAddr, ContainersError> {
    let (name, tag) = name_and_tag(image);
    let request = request
        .with_name(name)
        .with_tag(tag)
        .with_labels(cleaner.labels())
        .with_startup_timeout(READY_WITHIN)
        .with_host_config_modifier(move |host| publish_on_loopback(host, port));
    let failed = |error| ContainersError::not_started(image, &error);
    let request = if docker::has_image(docker, image).await {
        request
    } else {
        tracing::warn!(image, within = ?PULLED_WITHIN, "the image is not here: it is pulled");
        let pulled = tokio::time::timeout(PULLED_WITHIN, request.pull_image()).await;
        let late = || format!("not pulled within {} s", PULLED_WITHIN.as_secs());
        pulled
            .map_err(|_| ContainersError::NoImage { image: image.to_owned(), reason: late() })?
            .map_err(failed)?
    };
    if !Cleaner::may_start() {
        return Err(ContainersError::Interrupted { image: image.to_owned() });
    }
    let container = request.start().await.map_err(failed)?;
    let published = container.get_host_port_ipv4(port).await.map_err(failed)?;
    // The cleaner removes it: from a drop it can do that without a runtime, and both at once.
    std::mem::forget(container);
    Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, published)))
}

fn publish_on_loopback(host: &mut HostConfig, port: u16) {
    let binding = PortBinding { host_ip: Some(Ipv4Addr::LOCALHOST.to_string()), host_port: None };
    host.publish_all_ports = Some(false);
    host.port_bindings = Some(HashMap::from([(format!("{port}/tcp"), Some(vec![binding]))]));
}

/// `registry:5000/name:tag`: a colon before a slash belongs to the registry.
fn name_and_tag(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_may_name_a_registry_with_a_port_and_a_digest() {
        for (image, name, tag) in [
            ("postgres:17-alpine", "postgres", "17-alpine"),
            ("postgres", "postgres", "latest"),
            ("registry:5000/postgres", "registry:5000/postgres", "latest"),
            ("registry:5000/postgres:17", "registry:5000/postgres", "17"),
            ("postgres@sha256:abc", "postgres@sha256", "abc"),
        ] {
            assert_eq!(name_and_tag(image), (name, tag), "{image}");
        }
    }
}
