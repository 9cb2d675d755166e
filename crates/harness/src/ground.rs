//! Where scenarios run: each on a stack of its own, or all on one that they share, each under names
//! of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use blueshift::provision::{Provisioned, Resources};
use blueshift::{Compose, Isolation, Lease, Need, Programs, Stack, StackError};
use clap::Parser;

pub use crate::aws_account::{AwsAccount, aws};
use crate::binaries::workspace_root;

/// The region of `settings.ini`.
const REGION: &str = "eu-central-1";

/// Where the scenarios of a run find their services.
#[derive(Debug)]
pub enum Ground {
    /// Every scenario starts an in-process stack.
    OwnStacks,
    /// All run on this one.
    Shared {
        /// The stack.
        stack: Box<Stack>,
        /// The settings file of the programs.
        settings: PathBuf,
        /// More variables of the programs, which win over those of the stack.
        environment: Vec<(String, String)>,
    },
}

/// Where one scenario runs.
#[derive(Debug)]
pub(crate) enum Place<'a> {
    /// On a stack that ends with it.
    Own { stack: Box<Stack>, provisioned: Box<Provisioned> },
    /// On a stack that goes on.
    Leased { stack: &'a Stack, ground: &'a Ground, lease: Box<Lease> },
}

impl Ground {
    /// A stack that all share, with the settings of this project.
    pub fn shared(stack: Stack) -> Self {
        Self::Shared { stack: Box::new(stack), settings: our_settings(), environment: Vec::new() }
    }

    /// Why it cannot serve this need; `None`: it can.
    pub fn lacks(&self, need: Need) -> Option<&'static str> {
        match self {
            Self::OwnStacks => None,
            Self::Shared { stack, .. } => stack.lacks(need),
        }
    }

    /// Ends a stack that all share, and removes what was made on it.
    pub async fn leave(self) {
        if let Self::Shared { stack, .. } = self {
            stack.shutdown().await;
        }
    }

    pub(crate) async fn place(&self, scenario: &str, needs: &[Need]) -> anyhow::Result<Place<'_>> {
        match self {
            Self::OwnStacks => {
                let mut resources = Resources::from_settings(&our_settings())?;
                resources.create_table = create_table();
                let isolation = if needs.contains(&Need::Serializable) {
                    Isolation::Serializable
                } else {
                    Isolation::default()
                };
                let stack = Stack::in_process().redshift_isolation(isolation).start().await;
                let stack = Box::new(stack.context("start the stack")?);
                let provisioned = resources.provision(stack.endpoints()).await;
                let provisioned = Box::new(provisioned.context("provision")?);
                Ok(Place::Own { stack, provisioned })
            }
            Self::Shared { stack, .. } => {
                let lease = stack.lease(scenario, &create_table()).await.context("lease")?;
                Ok(Place::Leased { stack, ground: self, lease: Box::new(lease) })
            }
        }
    }
}

impl Place<'_> {
    pub(crate) fn stack(&self) -> &Stack {
        match self {
            Self::Own { stack, .. } => stack,
            Self::Leased { stack, .. } => stack,
        }
    }

    pub(crate) fn provisioned(&self) -> &Provisioned {
        match self {
            Self::Own { provisioned, .. } => provisioned,
            Self::Leased { lease, .. } => &lease.provisioned,
        }
    }

    /// Where programs are written down.
    pub(crate) fn programs(&self) -> Programs {
        match self {
            Self::Own { .. } => Programs::default(),
            Self::Leased { lease, .. } => lease.programs(),
        }
    }

    /// What the programs get.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let mut block = self.stack().environment();
        let mut set = |name: &str, value: String| block.push((name.to_owned(), value));
        let mut settings = our_settings();
        if let Self::Leased { ground, lease, .. } = self {
            for (name, value) in lease.provisioned.environment() {
                set(name, value);
            }
            if let Ground::Shared { settings: theirs, environment, .. } = ground {
                settings.clone_from(theirs);
                for (name, value) in environment {
                    set(name, value.clone());
                }
            }
        }
        set("BLUESHIFT_SETTINGS", settings.display().to_string());
        set("REDSHIFT_CREATE_TABLE", create_table().display().to_string());
        block
    }

    /// Ends the stack, or removes what was made on it for this scenario.
    pub(crate) async fn leave(self) -> anyhow::Result<()> {
        match self {
            Self::Own { stack, .. } => {
                stack.shutdown().await;
                Ok(())
            }
            Self::Leased { lease, .. } => lease.release().await.context("clean up"),
        }
    }
}

fn our_settings() -> PathBuf {
    workspace_root().join("settings.ini")
}

fn create_table() -> PathBuf {
    Path::new(workspace_root()).join("create_table.sql")
}

/// Whether containers can be started here at all, before anybody waits for a build.
pub async fn check_containers() -> anyhow::Result<()> {
    said(Stack::containers().check().await)
}

/// LocalStack and Postgres in containers; `None` is the image that the kit knows. Signals are the
/// caller's: it has to call [`Ground::leave`] when one comes.
pub async fn containers(images: (Option<&str>, Option<&str>)) -> anyhow::Result<Ground> {
    let mut containers = Stack::containers().region(REGION).without_signals();
    if let Some(image) = images.0 {
        containers = containers.image_localstack(image);
    }
    if let Some(image) = images.1 {
        containers = containers.image_postgres(image);
    }
    Ok(Ground::shared(said(containers.await)?))
}

/// The variables of `compose/compose.yaml` that say where it listens.
#[derive(Debug, clap::Parser)]
struct ComposePorts {
    #[arg(long, env = "BLUESHIFT_HTTP_PORT", default_value_t = 4566)]
    port: u16,
    #[arg(long, env = "BLUESHIFT_REDSHIFT_PORT", default_value_t = 5439)]
    redshift_port: u16,
}

/// A compose project that runs; `None` is where its variables say.
pub async fn compose(port: Option<u16>, redshift_port: Option<u16>) -> anyhow::Result<Ground> {
    let compose = compose_project(port, redshift_port)?;
    Ok(Ground::shared(said(compose.start().await)?))
}

/// Whether such a project is up, before anybody waits for a build.
pub async fn check_compose(port: Option<u16>, redshift_port: Option<u16>) -> anyhow::Result<()> {
    said(compose_project(port, redshift_port)?.check().await)
}

fn compose_project(port: Option<u16>, redshift_port: Option<u16>) -> anyhow::Result<Compose> {
    let ports = ComposePorts::try_parse_from(["e2e"]).context("read the environment")?;
    let on_loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Ok(Compose {
        aws: on_loopback(port.unwrap_or(ports.port)),
        redshift: on_loopback(redshift_port.unwrap_or(ports.redshift_port)),
        region: REGION.to_owned(),
        ..Stack::compose()
    })
}

/// The outcome, or why not with the way out.
pub(crate) fn said<T>(outcome: Result<T, StackError>) -> anyhow::Result<T> {
    outcome.map_err(|error| {
        let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        anyhow!("{:#}{hint}", anyhow!(error))
    })
}
